# syntax=docker/dockerfile:1
# Two stages: the first has the tools to build, the second only what runs.

FROM python:3.11-slim-bookworm AS build
WORKDIR /srv/ltot
RUN python -m venv /opt/ltot
COPY requirements/runtime.txt requirements/runtime.txt
RUN /opt/ltot/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY requirements/build.txt requirements/build.txt
RUN /opt/ltot/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY smart_launch smart_launch
COPY fhir_mappings fhir_mappings
COPY valuesets valuesets
COPY alembic alembic
# Build tools leave again.
RUN /opt/ltot/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/ltot/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/ltot ltot
COPY --from=build /opt/ltot /opt/ltot
WORKDIR /srv/ltot
ENV PATH=/opt/ltot/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072
USER ltot
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/live', timeout=2)"]
CMD ["ltot", "serve", "--host", "0.0.0.0", "--port", "8080", "--workers", "2"]

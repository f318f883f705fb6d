#!/bin/sh
# Writes the hash-pinned requirements from pyproject.toml, without recording where packages come from.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/pip install --quiet uv
compile() {
  .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal \
    --python-version 3.11 pyproject.toml "$@"
}
compile --extra population --extra telemetry -o requirements/runtime.txt
compile --extra population --extra telemetry --extra dev -c requirements/runtime.txt -o requirements/dev.txt
compile --extra population --extra spark -c requirements/runtime.txt -o requirements/spark.txt
echo 'setuptools' | .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal \
  --python-version 3.11 -c requirements/dev.txt - -o requirements/build.txt

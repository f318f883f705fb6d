# One verb per need; `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SPARK := $(VENV)/.spark
PYTEST_WORKERS ?= 2
LAUNCHES ?= 10000
EXAMPLES ?= 100000
KILLS ?= 200

.PHONY: help demo test check fix bench load kills engines nightly docs lock system

help:  ## list the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(INSTALLED): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV) || { tools/ensure-system-packages.sh python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(INSTALLED)  ## start the sandbox EHR and the service; CHECK=1 launches every patient once and exits
	$(BIN)/ltot demo $(if $(CHECK),--check)

$(SPARK): requirements/spark.txt $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/spark.txt
	touch $@

system:  ## a browser, PostgreSQL and Java from the system's packages, when they are missing
	tools/ensure-system-packages.sh chromium postgresql openjdk-17-jre-headless

test: $(INSTALLED) $(SPARK) system  ## install what the tests need, then run all of them
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadfile

check: $(INSTALLED)  ## lint, types, import contracts, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/docs

fix: $(INSTALLED)  ## let the linter and formatter mend what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED)  ## the benchmarks, printing ratios
	$(BIN)/python -m benchmarks

load: $(INSTALLED)  ## launches through two services while the EHRs fail; LAUNCHES=500 for a short run
	tools/ensure-system-packages.sh postgresql
	$(BIN)/python -m benchmarks.launches --launches $(LAUNCHES)

kills: $(INSTALLED)  ## exports and evaluations killed at random instants and gone on with; KILLS=20 for a short run
	$(BIN)/python -m benchmarks.kills --kills $(KILLS)

engines: $(INSTALLED) $(SPARK)  ## both engines over public and 100,000 generated people, every table compared
	$(BIN)/python -m benchmarks.engines

nightly: $(INSTALLED)  ## the property tests with EXAMPLES=100000 each, new ones every time
	LTOT_NIGHTLY=$(EXAMPLES) $(BIN)/python -m pytest -n $(PYTEST_WORKERS) tests/property tests/mapping/test_properties.py

docs: $(INSTALLED)  ## write the generated pages again
	$(BIN)/python -m tests.docs.render
	$(BIN)/python -m tests.render_rules
	$(BIN)/python -m tests.docs.coverage

lock: $(INSTALLED)  ## resolve the requirements again, with hashes
	tools/lock.sh

# What people do with this project. `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# three on two cores: one waits for commands most of the time. A file's tests share a process
PYTEST := $(BIN)/pytest --dist loadscope --no-loadscope-reorder
# lines of prose end at 120 characters; tests/docs formats what it writes in the same way
MDFORMAT := $(BIN)/mdformat --wrap 120 --compact-tables
PROSE := README.md CHANGELOG.md CONTRIBUTING.md docs
export DAGSTER_HOME := $(CURDIR)

.PHONY: help install run dev test types quick-tests slow-tests test-all docs bench bench-peers lint lint-files format wheel lock clean

help:  ## list the targets
	@awk -F ':.*## +' '/^[a-z-]+:.*##/ {printf "%-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

install: $(VENV)/.installed  ## create the environment from the lock file

run: install  ## make the embedded world if there is none, and materialize everything
	$(BIN)/lakehouse run --world

dev: install  ## Dagster's UI and daemon on 127.0.0.1:3000
	$(BIN)/lakehouse dev

test: install lint-files  ## format, lint, types and the quick tests
	$(MAKE) --no-print-directory --jobs 2 types quick-tests

types: install
	$(BIN)/mypy

quick-tests: install
	$(PYTEST) -n 3 -m "not slow" --durations 5

slow-tests: install  ## the tests of more than three seconds: whole graphs, servers, a browser, simulations
	$(PYTEST) -n 2 -m slow

test-all: test slow-tests  ## all tests

docs: install  ## write the parts of the documentation that are made from the code
	$(BIN)/python -m tests.docs

bench: install  ## speed and memory, as ratios in one run; writes data/benchmarks.json
	$(BIN)/python -m tests.benchmarks

HANDBOOK ?= data/handbook
bench-peers: install  ## this project against Polars, pandas, Spark, Feast, MLflow, ...: HANDBOOK=DIR
	$(BIN)/python -m tests.benchmarks.peers --handbook $(HANDBOOK) --keep data/peers/keep

lint: lint-files types  ## format, lint, who imports whom, and types

lint-files: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(MDFORMAT) --check $(PROSE)

format: install  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(MDFORMAT) $(PROSE)

wheel: install  ## the engine as a wheel, in dist/
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

lock: install  ## resolve the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --no-header --no-strip-extras --upgrade --output-file requirements.lock

clean:  ## remove what a run made (data/), but not the environment
	find data -mindepth 1 ! -name README.md -delete

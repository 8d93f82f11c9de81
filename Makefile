# One environment per interpreter; everything a target needs is installed into it.
PYTHON ?= python3
VENV ?= .venv
# Two for each core: half of what the tests take is waiting for processes that they started.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(2 * os.cpu_count())')
RETRIES ?= 0
BIN = $(VENV)/bin
READY = $(VENV)/.ready

define NEW_VENV
@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("tidytest needs Python 3.11 or later: make PYTHON=python3.12")'
$(PYTHON) -m venv --clear $(VENV)
endef

.DEFAULT_GOAL := help
.PHONY: help demo test test-newer lint types check docs screenshots site dist zoo parity hosts hosts-matrix cluster torture bench bench-quick clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): setup.cfg pyproject.toml $(wildcard setup.py tempfiles/events/recorder.c)
	$(NEW_VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

$(BIN)/tidytest:
	$(NEW_VENV)
	$(BIN)/python -m pip install --quiet --editable .

demo: $(BIN)/tidytest  ## run a small suite that leaks in several ways
	cd examples/leaky && ../../$(BIN)/python -m runner discover -v; rm -f debug.log

test: $(READY)  ## run this project's tests with its own runner; a leak fails
	$(BIN)/python -m runner discover -s tests -t . --leaks fail -j $(JOBS) --retries $(RETRIES)

test-newer: $(READY)  ## run the tests on 3.14 and 3.15 from Debian unstable, in a chroot; needs root
	$(BIN)/python -m tests.campaigns.newer

lint: $(READY)  ## run ruff
	$(BIN)/ruff check .

types: $(READY)  ## run mypy --strict, tests included
	$(BIN)/mypy .

check: lint types test  ## run lint, types and test

docs: $(READY)  ## build the documentation into docs/_build; a warning is an error
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build

site: $(READY)  ## build the documentation of every version into docs/_build/site
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python docs/versions.py

dist: export TIDYTEST_NATIVE = 0
dist: $(READY)  ## build the wheel and the source archive into dist/, and check both
	$(BIN)/python -m pip install --quiet --editable '.[dist]'
	rm -rf build dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*

# In the campaigns every run is a process of its own, not a fork of a preloaded interpreter.
zoo parity torture: export FRESH_PROCESSES = 1

screenshots: $(READY)  ## take the pictures in docs/images again; needs Chromium
	$(BIN)/python docs/screenshots.py

zoo: $(READY)  ## try every way to leak, each in its own run
	$(BIN)/python -m tests.campaigns.zoo

parity: $(READY)  ## compare with unittest, then -j 2, -j 4 and merged shards with the serial run
	$(BIN)/python -m tests.campaigns.parity
	$(BIN)/python -m tests.campaigns.parity --parallel
	$(BIN)/python -m tests.campaigns.parity --shards 3

hosts: $(READY)  ## run real suites under pytest with and without the plugin; downloads them
	$(BIN)/python -m tests.campaigns.hosts

hosts-matrix: $(READY)  ## run the tests of the plugins with older versions of their hosts
	$(BIN)/python -m tests.campaigns.hosts_matrix

cluster: $(READY)  ## lose machines, schedulers and links of a dask cluster; takes minutes
	$(BIN)/python -m tests.campaigns.cluster

torture: $(READY)  ## kill runs, race reapers and swap directories; takes minutes
	$(BIN)/python -m tests.campaigns.torture_removal --full
	$(BIN)/python -m tests.campaigns.torture_reaping --full
	$(BIN)/python -m tests.campaigns.torture_kills --full
	$(BIN)/python -m tests.campaigns.torture_neighbours --full
	$(BIN)/python -m tests.campaigns.torture_start --full
	$(BIN)/python -m tests.campaigns.torture_parallel --full

bench: $(READY)  ## run every benchmark against its rival; writes benchmarks/results.md
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python -m benchmarks

bench-quick: $(READY)  ## run a part of the benchmarks in under a minute; prints only
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python -m benchmarks --quick

clean:  ## remove the environment and all caches
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	rm -rf tempfiles/events/recorder.so.1 docs/_build benchmarks/_build examples/*/.tidytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

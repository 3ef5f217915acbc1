# Everything runs in .venv, which is created on first use and updated when pyproject.toml changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
# The tests in one process per processor; a process that is done takes tests from the others.
PARALLEL := --numprocesses auto --dist worksteal

.PHONY: help train draw install test browser test-app coverage lint types torch minimal bench clean

help:                       ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

train: $(VENV)/.runs        ## train a digit classifier on the included data set
	$(BIN)/handspun train

draw: $(VENV)/.app          ## draw digits in the browser and see the network think
	$(BIN)/handspun draw

install: $(VENV)/.made      ## put the command handspun on your PATH (with pipx; open a new terminal afterwards)
	$(PIP) pipx
	$(BIN)/pipx install --force ".[app]"
	$(BIN)/pipx ensurepath

test: $(VENV)/.tests        ## run the tests, on all processors
	$(BIN)/python -m pytest $(PARALLEL)

browser: $(VENV)/.browser   ## install a browser for the tests of the drawing app (they are skipped without it)

test-app: $(VENV)/.browser  ## run the tests of the drawing app, in a browser
	$(BIN)/python -m pytest tests/app tests/cli/test_cli_serving.py

coverage: $(VENV)/.tests    ## run the tests and show the lines that none of them reached
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term-missing

lint: $(VENV)/.tests        ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.tests       ## check types
	$(BIN)/pyright

torch: $(VENV)/.torch       ## install PyTorch for the tests that compare with it (they are skipped without it)

minimal:                    ## run the core tests with only NumPy and pytest, on the oldest NumPy 2 and the newest
	PYTHON=$(PYTHON) scripts/check_minimal.sh

bench: $(VENV)/.bench       ## compare with PyTorch, scikit-learn, JAX and a textbook loop; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("handspun needs Python 3.11 or newer: make PYTHON=python3.12 train")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=25.1"
	touch $@

$(VENV)/.runs: $(VENV)/.made pyproject.toml
	$(PIP) --editable ".[cli]"
	touch $@

$(VENV)/.app: $(VENV)/.runs
	$(PIP) --editable ".[app]"
	touch $@

$(VENV)/.tests: $(VENV)/.runs
	$(PIP) --editable ".[all]" --group lint --group test
	touch $@

$(VENV)/.browser: $(VENV)/.tests
	$(PIP) --group browser
	PYTHON=$(BIN)/python scripts/bring_browser.sh
	touch $@

$(VENV)/.torch: $(VENV)/.tests
	$(PIP) --group parity
	touch $@

$(VENV)/.bench: $(VENV)/.torch
	$(PIP) --group bench
	touch $@

clean:                      ## remove the environment and all build files
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis

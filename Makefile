# Everything runs in .venv, which is made on first use and brought up to date when pyproject.toml changes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet

.PHONY: train draw test browser test-app coverage lint types torch minimal bench clean

train: $(VENV)/.runs        ## train a digit classifier on the data set that comes with handspun
	$(BIN)/handspun train

draw: $(VENV)/.app          ## draw in the browser and see the network think
	$(BIN)/handspun draw

test: $(VENV)/.tests        ## run the tests
	$(BIN)/python -m pytest

browser: $(VENV)/.browser   ## a browser for the tests of the drawing app (they skip without it)

test-app: $(VENV)/.browser  ## bring a browser, and run the tests of the drawing app in it
	$(BIN)/python -m pytest tests/app tests/cli/test_cli_serving.py

coverage: $(VENV)/.tests    ## run the tests and show the lines that none of them reached
	$(BIN)/python -m pytest --cov --cov-report=term-missing

lint: $(VENV)/.tests        ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.tests       ## check types
	$(BIN)/pyright

torch: $(VENV)/.torch       ## install PyTorch, so that the tests compare with it (they skip that without it)

minimal:                    ## the core suite with only NumPy and pytest, on the oldest NumPy 2 and the newest
	PYTHON=$(PYTHON) scripts/check_minimal.sh

bench: $(VENV)/.bench       ## measure beside PyTorch, scikit-learn, JAX and a textbook loop; writes docs/benchmarks.md
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

clean:                      ## remove the environment and what was built
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis

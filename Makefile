# The project's recipes. `make demo` and `make test` are the two commands of the README.
# Needs: make, Python 3.11 or newer with pip. Nothing else is installed outside .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: setup demo test check format docs bench concepts clean

setup: $(VENV)/.demo

# pip fills the environment from outside when the distribution keeps ensurepip in a package of its own (Debian does)
$(BIN)/python:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || \
	  { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP_INSTALL) --editable '.[demo]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP_INSTALL) --editable '.[test]'
	touch $@

$(VENV)/.docs: $(VENV)/.demo
	$(PIP_INSTALL) --editable '.[docs]'
	touch $@

demo: $(VENV)/.demo
	$(BIN)/vidsense demo

test: $(VENV)/.test
	$(BIN)/python -m pytest

check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# the docs as a site in build/site; a link that leads nowhere is an error
docs: $(VENV)/.docs
	$(BIN)/zensical build --strict --clean

# every benchmark, shortly; the long commands that the docs' figures come from stand in each file
bench: $(VENV)/.test
	$(BIN)/python benchmarks/_all.py

# docs/concepts.md, from footage whose licence allows figures of it:
# make concepts CLIP=car-detection.mp4 CREDIT="car-detection.mp4 of Intel's sample-videos, CC-BY 4.0"
concepts: $(VENV)/.test
	$(BIN)/python -m vidsense_daemon.explain.concepts $(CLIP) docs --query "a car" --query "a person" --credit "$(CREDIT)"

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

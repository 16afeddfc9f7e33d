# Everything runs in a private virtual environment; nothing needs to be installed first but python3 (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2 --dist loadgroup

.PHONY: help setup demo test lint types docs bench clean

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cli]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/.dev ## Make the development environment

demo: $(VENV)/.demo ## Continue a conversation that a Mastra TypeScript app began
	@$(BIN)/python examples/demo.py

test: $(VENV)/.dev ## Run every test, docs and examples included; starts and stops its own servers
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types, strictly
	@$(BIN)/mypy

docs: $(VENV)/.dev ## Build the documentation into docs/_build
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

bench: $(VENV)/.dev ## Measure against raw drivers, plain Tortoise and the npm packages
	@$(BIN)/python -m benchmarks

clean: ## Remove what the targets made
	rm -rf $(VENV) docs/_build demo-output .pytest_cache .mypy_cache .ruff_cache tests/interop/node_modules

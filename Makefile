.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup test help
setup: .venv/.ready ## Prepare .venv with the locked dependencies

.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet requirements.lock --require-hashes || $(BIN)/pip install --quiet --require-hashes -r requirements.lock
	touch $@

test: setup ## Run the tests
	$(BIN)/python -m pytest

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

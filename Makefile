# Each target sets up .venv by itself, once; `make help` lists them.

PYTHON ?= python3
DOCUMENTS ?=

BIN := .venv/bin
VENV := .venv/.created
RUNTIME := .venv/.installed
TOOLS := .venv/.installed-dev
INPUTS := pyproject.toml requirements.lock
INSTALL := $(BIN)/python -m pip install --quiet --constraint requirements.lock --editable
RECENT := import sys; sys.exit(sys.version_info < (3, 11))
USABLE := import pip, sys; sys.exit(sys.version_info < (3, 11))

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test fuzz check audit evals clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 8
	@echo "PYTHON=python3.12 chooses the interpreter of a new .venv (3.11 or later)"

run: $(RUNTIME) ## ingest DOCUMENTS (default: as last time, at first seeds) and serve the chat
	$(BIN)/python -m ingest $(DOCUMENTS) --first seeds || test $$? -eq 1  # 1: some files refused, the rest are in
	$(BIN)/python app.py

test: $(TOOLS) ## run the tests, a process a core
	$(BIN)/pytest -n auto --dist worksteal

fuzz: $(TOOLS) ## read some 10,900 damaged files, others with FUZZ_SEED=2
	FUZZ_EXAMPLES=12000 $(BIN)/pytest tests/ingest/test_fuzz.py -n auto -rP

check: $(TOOLS) ## check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: $(TOOLS) ## ask what is known against the pinned packages (3: could not be asked)
	$(BIN)/python .ci/audit

# Measured on an index of its own, so that the one in use keeps its documents.
evals: $(RUNTIME) ## measure the answers over the regression set
	$(BIN)/python -m ingest seeds --index evals/runs/index
	$(BIN)/python -m evals run --index evals/runs/index

clean: ## remove .venv and caches; the index stays
	rm -rf .venv .coverage .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf ./*.egg-info

# A stamp is written after its step has succeeded: what was interrupted is done again.
$(VENV):
	@$(BIN)/python -c '$(USABLE)' 2>/dev/null || { \
	  command -v $(PYTHON) >/dev/null || { echo "there is no '$(PYTHON)'; install Python 3.11 or later, or run make PYTHON=/path/to/python3" >&2; exit 1; }; \
	  $(PYTHON) -c '$(RECENT)' || { echo "'$(PYTHON)' is $$($(PYTHON) -V 2>&1), older than 3.11; run make PYTHON=python3.11" >&2; exit 1; }; \
	  $(PYTHON) -m venv --clear .venv; }
	@touch $@

$(RUNTIME): $(INPUTS) | $(VENV)
	@echo "installing what is needed to run into .venv; this takes minutes once"
	$(INSTALL) .
	@touch $@

$(TOOLS): $(INPUTS) | $(VENV)
	@echo "installing everything into .venv; this takes minutes once"
	$(INSTALL) '.[dev]'
	@touch $(RUNTIME) $@

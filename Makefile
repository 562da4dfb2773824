# Needs only make and Python 3.11 or newer; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_REQUIRE_VIRTUALENV := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check format bench soak lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the environment in .venv, exactly as locked

demo: setup ## Start Backstory on 127.0.0.1:8000, filled with a simulated history
	.venv/bin/backstory demo --serve

serve: setup ## Start Backstory on 127.0.0.1:8000 with its own Postgres
	$(BIN)/backstory serve

test: setup ## Run every test, several at once (ARGS="-n 0": one after the other)
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## Check format, lint, types, imports and documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_docs.py tests/test_repository.py tests/test_architecture.py

format: setup ## Rewrite the code in the house format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: setup ## Measure every published figure and print the table
	$(BIN)/python -m benchmarks

soak: setup ## Run the long fault and load tests (tens of minutes)
	$(BIN)/pytest -m "slow or soak" --timeout=3600 $(ARGS)

lock: setup ## Resolve the dependencies anew into the lock files (UPGRADE=1 to raise versions)
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev -o requirements-dev.lock pyproject.toml
	$(COMPILE) --constraint requirements-dev.lock -o requirements.lock pyproject.toml
	echo hatchling | $(COMPILE) --constraint requirements-dev.lock -o requirements-build.lock -

clean: ## Remove the environment and every cache (data folders stay)
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .schemathesis build dist
	rm -rf .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Backstory needs Python 3.11 or newer as "$(PYTHON)".' \
			'Install it, or name another: make PYTHON=python3.12 setup' >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'This Python cannot make virtual environments (venv or ensurepip is missing).' \
			'On Debian or Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

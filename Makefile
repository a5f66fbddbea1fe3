# The two commands of the README are `make run` and `make test`; each sets up what it needs.
.PHONY: run test check format lint types imports conformance bench clean

PYTHON ?= $(shell command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)
BIN := .venv/bin

run: .venv/.runs
	@$(BIN)/python run.py

test: .venv/.checks
	@$(BIN)/python -m pytest -q

check: lint types imports test

lint: .venv/.checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.checks
	$(BIN)/mypy

imports: .venv/.checks
	$(BIN)/lint-imports

format: .venv/.checks
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.checks
	$(BIN)/python -m bench.chunk_cost
	$(BIN)/python -m bench.session_cost
	$(BIN)/python -m bench.leaks

conformance: .venv/.checks
	$(BIN)/python -m pytest -q tests/calls/test_conformance.py

clean:
	rm -rf .venv

.venv/.runs: requirements.txt
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer; none was found."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Parley needs Python 3.11 or newer; $(PYTHON) is older."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what Parley needs into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.checks: requirements.txt requirements-dev.txt .venv/.runs
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

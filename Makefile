# Everything a newcomer runs. Needs python3 (3.11 to 3.13, with venv), make and git; all else is fetched
# once, at pinned versions, into .venv, .local and infra/node_modules.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.8

# The interpreter of the first setup stays, until another is named: PYTHON=python3.12 make setup
PYTHON ?= $(or $(wildcard $(shell cat .local/python 2>/dev/null)),python3)
PYTHON_IN_USE := $(shell "$(PYTHON)" -c 'import sys; print(sys._base_executable)' 2>/dev/null)

UV := $(CURDIR)/.local/uv/bin/uv
RUN := .venv/bin/python
CDK := infra/node_modules/.bin/cdk
PYTEST := $(RUN) -m pytest -q

export UV
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# The machine's own certificates, as git uses them: they know a company's proxy.
export UV_SYSTEM_CERTS ?= true
export NODE_USE_SYSTEM_CA ?= 1
unexport VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME
WITH_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH" CDK_DISABLE_CLI_TELEMETRY=true

# A stamp lies in the folder that was made, and its name has the checksum of what that was made from: it
# disappears with its folder, and a changed lock or Python needs another.
sum = $(shell { echo "$(UV_VERSION) $(PYTHON_IN_USE)"; cat $(1) 2>/dev/null; } | cksum | cut -d ' ' -f 1)
UV_STAMP := .local/uv/.made-$(call sum)
VENV_STAMP := .venv/.made-$(call sum,pyproject.toml uv.lock)
MINISTACK_STAMP := .local/ministack/.made-$(call sum,localstack/ministack.lock)
HOST_STAMP := .local/localstack-host/.made-$(call sum,localstack/host.lock localstack/engines/host_setup.py localstack/engines/archive.py \
  localstack/executor/pyproject.toml $(wildcard localstack/executor/tidewheel_executor/*.py))
CLIENTS := tests/clients
CLIENTS_STAMP := .local/clients/.made-$(call sum,$(addprefix $(CLIENTS)/,python.lock typescript/package.json typescript/package-lock.json))
CDK_STAMP := infra/node_modules/.made-$(call sum,infra/package.json infra/package-lock.json)

# All end-to-end tests on MiniStack; on LocalStack those in which an engine could differ: tests/e2e/engines.py
TEST_ENGINES := ministack,localstack-host:part

FAST := tests/unit tests/properties tests/architecture tests/functions

.PHONY: help setup demo up watch down status test test-e2e check fuzz sim bench synth deploy clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Start the local cloud, schedule jobs and watch them fire
	@$(RUN) -m localstack demo

up: setup ## Start the local cloud and deploy to it; run again, deploy what has changed
	@$(RUN) -m localstack up

watch: setup ## Run saved code on the local cloud at once, and show what the functions log
	@$(RUN) -m localstack watch

down: ## Stop the local cloud and delete its state
	@if [ -x $(RUN) ]; then $(RUN) -m localstack down; else echo "The local cloud is not running."; fi

status: ## Show what runs
	@if [ -x $(RUN) ]; then $(RUN) -m localstack status; else echo "Not installed yet: run make setup"; fi

check: $(VENV_STAMP) ## Check format, lint, types, layers and dependencies, and run the fast tests: about two minutes
	@echo "== format, lint, types, layers"
	@.venv/bin/ruff format --check --quiet . || { echo "Not formatted: run .venv/bin/ruff format ."; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy
	@cd localstack/executor && ../../.venv/bin/mypy --config-file mypy.ini
	@.venv/bin/lint-imports --no-logo
	@echo "== known vulnerabilities of dependencies"
	@$(RUN) -m tests.support.dependency_audit
	@echo "== secrets in the tree"
	@$(RUN) -m tests.support.secret_scan
	@echo "== unit, properties, architecture, functions, contract in memory"
	@$(PYTEST) -n 2 -m "not ministack" $(FAST) tests/contract

test: check setup $(HOST_STAMP) $(CLIENTS_STAMP) ## Run everything: check, stacks, simulation, contract, fuzzed API, generated clients and end-to-end tests on the local cloud
	@echo "== contract on the local cloud"
	@$(PYTEST) -n 2 -m ministack $(FAST) tests/contract
	@echo "== stacks, simulation and what else there is"
	@$(PYTEST) -n 2 tests $(addprefix --ignore=,$(FAST) tests/contract tests/e2e)
	@$(MAKE) test-e2e ENGINE=$(or $(ENGINE),$(TEST_ENGINES))

test-e2e: setup ## Run the end-to-end tests alone: make test-e2e ENGINE=ministack,localstack-host
	@echo "== end to end on $(or $(ENGINE),ministack)"
	@$(PYTEST) -rs -n auto tests/e2e

bench: setup ## Measure lateness, bursts, busy processors, an outage, CPU, billed units, memory and cold starts on the local cloud
	@$(RUN) -m localstack bench
	@$(RUN) -m tests.bench
	@$(RUN) -m tests.bench.deployed

fuzz: $(VENV_STAMP) ## Drive the API by its own document for some minutes: make fuzz; a deployment's: make fuzz URL=... TOKEN=...
	@$(RUN) -m tests.fuzz $(if $(URL),--url $(URL) --token $(TOKEN)) $(if $(N),--examples $(N)) $(if $(SEED),--seed $(SEED))

sim: N ?= 1000
sim: FIRST ?= 0
sim: $(VENV_STAMP) ## Play N random histories on virtual time: make sim N=10000; one again: make sim SEED=123
	@$(RUN) -m tests.simulation $(if $(SEED),--seed $(SEED),--histories $(N) --first $(FIRST))
	@echo "== workers that are processes"
	@$(RUN) -m tests.simulation --kind workers $(if $(SEED),--seed $(SEED),--histories $(N) --first $(FIRST))
	@echo "== workers whose tenant has a limit"
	@$(RUN) -m tests.simulation --kind permits $(if $(SEED),--seed $(SEED),--histories $(N) --first $(FIRST))
	@echo "== permits and lines"
	@$(RUN) -m tests.simulation --kind lines $(if $(SEED),--seed $(SEED),--histories $(N) --first $(FIRST))

synth: setup ## Synthesize the stacks for both targets; needs no AWS account
	@echo "== cdk synth, target local"
	@$(WITH_VENV) $(CDK) synth -q --no-notices -o cdk.out/local -c target=local
	@echo "== cdk synth, target aws"
	@$(WITH_VENV) $(CDK) synth -q --no-notices -o cdk.out/aws -c target=aws

deploy: setup ## Look at your AWS account and deploy to it: make deploy
	@$(WITH_VENV) $(RUN) -m infra.deploy -c target=aws $(CDK_FLAGS)

setup: $(VENV_STAMP) $(MINISTACK_STAMP) $(CDK_STAMP) $(if $(findstring localstack-host,$(ENGINE)),$(HOST_STAMP)) ## Install everything; run again, only what has changed

clean: down ## Stop the local cloud, and remove what was installed and built
	rm -rf .venv .local cdk.out infra/node_modules .mypy_cache .ruff_cache

# --- what setup is made of ---

NAME_ANOTHER := name another: PYTHON=python3.12 make setup
define CHECK_PYTHON
version=$$("$(PYTHON)" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || { \
  echo "$(PYTHON) does not run here: install Python 3.11 to 3.13, or $(NAME_ANOTHER)" >&2; exit 1; }; \
case "$$version" in 3.11 | 3.12 | 3.13) ;; *) \
  echo "$(PYTHON) is Python $$version, but 3.11 to 3.13 is needed: $(NAME_ANOTHER)" >&2; exit 1;; esac; \
"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
  echo "$(PYTHON) lacks venv: install it (Debian: apt install python3-venv), or $(NAME_ANOTHER)" >&2; exit 1; }
endef

$(UV_STAMP):
	@$(CHECK_PYTHON)
	@echo "setup 1/4: uv $(UV_VERSION), the installer, for $(PYTHON_IN_USE)"
	@rm -rf .local/uv && mkdir -p .local
	@"$(PYTHON_IN_USE)" -m venv .local/uv
	@.local/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)" \
	  || { echo "uv did not install: is PyPI reachable? Then run make setup again" >&2; exit 1; }
	@touch $@

# The CDK app builds Lambda assets with the uv that it finds beside its Python.
$(VENV_STAMP): $(UV_STAMP)
	@echo "setup 2/4: Python packages into .venv, with Node and npm"
	@rm -f .venv/.made-*
	@$(UV) sync --frozen --quiet --python "$(PYTHON_IN_USE)" \
	  || { echo "The packages of uv.lock did not install: see above, then run make setup again" >&2; exit 1; }
	@ln -sf "$(UV)" .venv/bin/uv
	@echo "$(PYTHON_IN_USE)" > .local/python
	@touch $@

$(MINISTACK_STAMP): $(UV_STAMP)
	@echo "setup 3/4: MiniStack, the local AWS, into .local/ministack"
	@rm -rf .local/ministack
	@$(UV) venv --quiet --no-project --python "$(PYTHON_IN_USE)" .local/ministack
	@$(UV) pip sync --quiet --require-hashes --python .local/ministack/bin/python localstack/ministack.lock \
	  || { echo "MiniStack did not install: see above, then run make setup again" >&2; exit 1; }
	@touch $@

# LocalStack without Docker: asked for by ENGINE=localstack-host. The executor is built from a copy, so that building it
# leaves nothing in the checkout.
$(HOST_STAMP): $(VENV_STAMP)
	@echo "setup: LocalStack's community engine and DynamoDB Local into .local (for ENGINE=localstack-host, and the tests of its executor)"
	@rm -rf .local/localstack-host .local/executor
	@$(UV) venv --quiet --no-project --python "$(PYTHON_IN_USE)" .local/localstack-host
	@$(UV) pip sync --quiet --require-hashes --python .local/localstack-host/bin/python localstack/host.lock \
	  || { echo "LocalStack did not install: see above, then run make again" >&2; exit 1; }
	@cp -r localstack/executor .local/executor
	@$(UV) pip install --quiet --no-deps --python .local/localstack-host/bin/python .local/executor
	@$(RUN) -m localstack.engines.host_setup
	@touch $@

# Generators of clients: they contradict what is ours, so that each has a folder of its own.
$(CLIENTS_STAMP): $(VENV_STAMP)
	@echo "setup: generators of clients into .local/clients (for the tests of the API's document)"
	@rm -rf .local/clients && mkdir -p .local/clients/typescript
	@$(UV) venv --quiet --no-project --python "$(PYTHON_IN_USE)" .local/clients/python
	@$(UV) pip sync --quiet --require-hashes --python .local/clients/python/bin/python $(CLIENTS)/python.lock \
	  || { echo "openapi-python-client did not install: see above, then run make again" >&2; exit 1; }
	@cp $(CLIENTS)/typescript/package.json $(CLIENTS)/typescript/package-lock.json .local/clients/typescript
	@$(WITH_VENV) npm ci --prefix .local/clients/typescript --no-audit --no-fund --no-progress --loglevel=error >.local/npm.log 2>&1 \
	  || { cat .local/npm.log >&2; echo "npm ci failed: see above, then run make again" >&2; exit 1; }
	@touch $@

$(CDK_STAMP): $(VENV_STAMP)
	@echo "setup 4/4: the CDK command line into infra/node_modules"
	@$(WITH_VENV) npm ci --prefix infra --no-audit --no-fund --no-progress --loglevel=error >.local/npm.log 2>&1 \
	  || { cat .local/npm.log >&2; echo "npm ci failed: see above, then run make setup again" >&2; exit 1; }
	@touch $@

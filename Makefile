# Two commands do all the set-up: `make demo` runs the whole plant, `make test` passes its tests.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DEBIAN_TEST_PACKAGES := chromium fonts-noto-cjk nats-server nodejs npm

.PHONY: help install demo test faults lint format bench test-tools clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## Make .venv with server, edge agent, inspection and simulator

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Install Python 3.11 or newer (Debian, Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "C2M needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1 | cut -d' ' -f2). Install a newer one and name it: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. Install the missing part (Debian, Ubuntu: apt install python3-venv) and try again."; exit 1; }
	@echo "Making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml
	@echo "Installing C2M into $(VENV) (a few minutes on a cold package cache) …"
	@$(PIP) install --quiet --editable '.[server,edge,vision,sim]' || { echo "The installation failed (see above). It needs the Python package registry; point pip at your mirror when this machine has none, and try again."; exit 1; }
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	@echo "Installing what the tests need (torch among it: some GB, a few minutes) …"
	@$(PIP) install --quiet --editable '.[server,edge,vision,sim,train,dev]' || { echo "The installation of the test packages failed (see above)."; exit 1; }
	@touch $@

test-tools: $(VENV)/.test-installed tests/interop/node_modules/.package-lock.json
	@missing=(); \
	command -v chromium >/dev/null || missing+=(chromium); \
	[ -n "$$(fc-list ':lang=zh' 2>/dev/null | head -1)" ] || missing+=(fonts-noto-cjk); \
	PATH="$$PATH:/usr/sbin" command -v nats-server >/dev/null || missing+=(nats-server); \
	if [ $${#missing[@]} -gt 0 ]; then $(MAKE) --no-print-directory debian-packages PACKAGES="$${missing[*]}"; fi

tests/interop/node_modules/.package-lock.json: tests/interop/package.json tests/interop/package-lock.json
	@command -v npm >/dev/null || $(MAKE) --no-print-directory debian-packages PACKAGES="nodejs npm"
	@echo "Installing the independent OPC UA peer (node-opcua) …"
	@cd tests/interop && npm ci --no-audit --no-fund --silent
	@touch $@

.PHONY: debian-packages
debian-packages:
	@echo "Installing Debian packages: $(PACKAGES) …"
	@command -v apt-get >/dev/null || { echo "The tests need: $(PACKAGES). Install them with this system's package manager and try again."; exit 1; }
	@$(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) fontconfig >/dev/null

demo: install ## Run the whole plant: database, server, worker, four shops, seven edge agents
	@$(BIN)/c2m demo $(ARGS)

lint: $(VENV)/.test-installed ## Check style, types and who may import whom
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.test-installed ## Put the code into the house style
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

# A test that fails is run once more and told as a rerun: processes are killed and hung in many of them, on whatever
# machine this is.
test: test-tools lint ## Install what the tests need and pass them
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q -n 2 --dist loadfile --reruns 1 -m "not e2e and not bench and not faults" $(ARGS)
	@$(BIN)/coverage combine --quiet && $(BIN)/python tests/coverage_gate.py
	@echo "Now the whole plant as separate processes, in a browser and under kill -9 …"
	@$(BIN)/python -m pytest -q --reruns 1 -m "e2e or faults" $(ARGS)

faults: test-tools ## Kill each process of a running plant in turn and look for what is lost or doubled (10 min)
	@C2M_KILL=all $(BIN)/python -m pytest -q -m faults $(ARGS)

bench: $(VENV)/.test-installed ## Measure planning, inspection and edge against their goals
	@$(BIN)/python -m aps bench --subset
	@$(BIN)/python -m qc_vision bench --subset
	@$(BIN)/python -m pytest -m bench tests/bench -s

clean: ## Remove the virtual environment and caches (not the plant's data)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/interop/node_modules

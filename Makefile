# Everything a checkout needs, with Python 3.11 or newer and make; `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

# How many times `make crash` kills the daemon.
N ?= 200
# `make lock UPGRADE=--upgrade` takes newer versions; without it only what pyproject.toml asks for changes.
UPGRADE ?=
# Where `make run` listens; the links in its messages lead to 8765, as examples/stageauto.yaml says.
PORT ?= 8765
# What goes on to pytest or to the benchmarks: `make test ARGS="-k chain"`.
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test needs lint ruff format types layers bench crash docs lock wheel clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(STAMP) ## the virtual environment in .venv, with the exact versions of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "stageauto needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@# Where Python may not write bytecode (PYTHONDONTWRITEBYTECODE, in many images), every command would compile it anew.
	$(BIN)/python -m compileall -q stageauto
	@touch $@

run: setup ## the daemon on the example workspace, with a few items; Ctrl-C ends it
	@test -e examples/.stageauto/state.db || STAGEAUTO="$(CURDIR)/$(BIN)/stageauto" sh examples/seed.sh
	@echo "messages land in examples/.stageauto/outbox; in a second terminal: $(BIN)/stageauto -C examples board"
	@if $(BIN)/python -c 'import socket, sys; socket.create_server(("127.0.0.1", int(sys.argv[1])))' $(PORT) 2>/dev/null; \
	then echo "forms and chat: http://127.0.0.1:$(PORT)/forms/website and http://127.0.0.1:$(PORT)/chat"; \
	  exec $(BIN)/stageauto -C examples run --listen 127.0.0.1:$(PORT); \
	else echo "port $(PORT) of this machine is taken: running without forms and pages; or: make run PORT=8766"; \
	  exec $(BIN)/stageauto -C examples run; fi

test: setup lint needs ## what CI runs: all of lint, then all tests
	PYTHONHASHSEED=0 $(BIN)/pytest --numprocesses=2 --dist=loadfile $(ARGS)

# What the tests need beyond PyPI: openssl makes their throwaway certificates, Dovecot is their mail server, Chromium looks
# at the pages. Only root can install them; where they are missing, those tests are skipped and say why.
needs:
	@lacking=""; \
	command -v openssl >/dev/null || lacking="$$lacking openssl"; \
	test -x "$$(command -v dovecot || echo /usr/sbin/dovecot)" || lacking="$$lacking dovecot-imapd"; \
	command -v chromium >/dev/null || lacking="$$lacking chromium"; \
	test -z "$$lacking" || test "$$(id -u)" != 0 \
	  || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$lacking; }

lint: ruff types layers ## style, types and the direction of imports

ruff: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports --no-logo

format: setup ## put the sources into shape
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

bench: setup ## stageauto beside the bare floor, in one run
	$(BIN)/python -m bench $(ARGS)

crash: setup ## kill the daemon N times at random moments (N=200)
	$(BIN)/pytest -m crash --crash-rounds=$(N) $(ARGS)

docs: setup ## the handbook, into site/
	$(BIN)/python tools/reference.py
	$(BIN)/zensical build --clean --strict

lock: setup ## requirements.lock again, from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --quiet --all-extras --group dev --group docs --group package --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command "make lock" $(UPGRADE) --output-file requirements.lock
	touch $(STAMP)
	$(BIN)/pytest --quiet tests/test_tidy.py

wheel: setup ## what people install, into dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## take away everything that was made
	rm -rf $(VENV) .demo dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# The two commands of the README, and what they are made of. `make` alone explains.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PY := .venv/bin/python

.PHONY: help setup demo test lint unit integration e2e fuzz bench docs clean

help: ## what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian packages (sudo when not root) and .venv
	@scripts/setup

demo: setup ## start the lab, run every suite in it, stop the lab, say where log.html is
	@scripts/demo

test: setup ## everything that must hold: lint, types, floors, unit, integration and e2e tests
	@scripts/test

lint: setup ## ruff, mypy --strict, import-linter, robocop
	@scripts/test lint

unit: setup ## unit tests only (seconds)
	@scripts/test unit

integration: setup ## tests against local libvirt daemons, sockets and servers
	@scripts/test integration

e2e: setup ## tests that boot VMs
	@scripts/test e2e

fuzz: setup ## made-up bytes and messages for the guest agent, its service and session: minutes
	@$(PY) -m pytest -m deep guest_agent/tests tests/integration/verifier

bench: setup ## measure speed beside a peer in the same run: a table, and results/bench.json
	@$(PY) -m tests.bench

docs: setup ## the documentation of every keyword as HTML: docs/keywords/index.html
	@$(PY) scripts/docs.py

clean: ## stop the lab and remove what runs have written (not the cached guest image)
	@if [ -x .venv/bin/atp ]; then .venv/bin/atp lab down; fi
	@find results -mindepth 1 ! -name README.md -delete
	@rm -rf docs/keywords
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .coverage dist

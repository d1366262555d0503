# Everything a person or a pipeline runs here. Needs make and Python 3.11 or newer, nothing else:
# each target sets .venv up by itself. PYTHON=... names the Python to use.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

bin := .venv/bin
pytest_args ?=
args ?=

.PHONY: help demo test soak check site format bench lock clean setup tools

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: setup tools ## tell the whole story in a scratch folder (args=--step pauses)
	@sh scripts/engine.sh
	@$(bin)/reconciler demo $(args)

test: setup tools ## run the tests, except those that take minutes
	@# In CI the engines are also compared with a genuine OPA, where it can be had.
	@if [ -n "$(CI)" ]; then sh scripts/install-oracle.sh --if-possible; fi
	@$(bin)/python -m pytest -n 2 $(pytest_args) tests

soak: setup tools ## run the tests that take minutes
	@$(bin)/python -m pytest -m soak $(pytest_args) tests

# $(call step,<what it is>,<command>): a heading, the command, and on failure which one it was.
define step
@printf '\n== %s\n' '$(1)'
@$(2) || { printf '\nmake check: failed at "%s"\n' '$(1)' >&2; exit 1; }
endef

check: setup tools ## lint, types, import contracts, own policies, generated docs, the site
	$(call step,lint,$(bin)/ruff check .)
	$(call step,format,$(bin)/ruff format --check .)
	$(call step,types,$(bin)/python -m mypy)
	$(call step,import contracts,$(bin)/lint-imports)
	$(call step,own documents,$(bin)/reconciler validate)
	$(call step,own policies and their tests,$(bin)/reconciler policy test)
	$(call step,no secrets in this project,$(bin)/reconciler scan)
	@# As at a day on which the samples' waivers hold: an old commit stays as good as it was.
	$(call step,own environments,$(bin)/reconciler check --all --now 2026-12-01T09:00:00Z)
	$(call step,generated docs are current,$(bin)/reconciler schema --check docs/schemas)
	$(call step,the site and its links,$(mkdocs))
	@printf '\nmake check: all good\n'

# Nothing is fetched; a page that leads nowhere is an error (mkdocs.yml).
mkdocs := NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build --strict --quiet

site: setup ## build the pages of docs/ into build/site
	@$(mkdocs)
	@printf 'open %s in a browser; it needs no server\n' build/site/index.html

format: setup ## format the code and mend what lint can mend
	@$(bin)/ruff format .
	@$(bin)/ruff check --fix .

bench: setup tools ## measure against the benchmarks
	@$(bin)/python -m benchmarks $(args)

lock: ## renew the lock files: ours from pyproject.toml, the engine's, and Checkov's
	@sh scripts/lock.sh

clean: ## remove .venv, caches and build results
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist reports
	find reconciler tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

tools: setup ## install Checkov in an environment of its own
	@sh scripts/tools.sh

setup: ## install everything into .venv, once
	@PYTHON='$(PYTHON)' sh scripts/setup.sh

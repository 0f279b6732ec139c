# make run: the demo, end to end.  make test: the same set-up, then every check.
# make ui: sandbox, board and Dagster UI.  make bench: speed against plain SQL and plain requests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: run ui test check bench install clean

run: install
	@$(BIN)/python scripts/demo run

ui: install
	@$(BIN)/python scripts/demo ui

test: install check

bench: install
	@$(BIN)/python scripts/bench

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; name one: make PYTHON=python3.11"; exit 1; }
	@echo "install: about 170 packages into $(VENV), one to three minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# One worker more than there are cores: some tests wait for processes that they start.
WORKERS = $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

# In this order, and all of it: what is cheap and says most comes first.
check: install
	@echo "check: format"        && $(BIN)/ruff format --check --quiet .
	@echo "check: lint"          && $(BIN)/ruff check --quiet .
	@echo "check: types"         && $(BIN)/mypy
	@echo "check: layers"        && $(BIN)/lint-imports --no-cache
	@echo "check: dbt"           && $(BIN)/python scripts/demo dbt
	@echo "check: contracts"     && $(BIN)/python scripts/demo validate
	@echo "check: tests"         && $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

clean:
	rm -rf .activation .env dagster_home/storage dagster_home/history dagster_home/schedules dagster_home/logs

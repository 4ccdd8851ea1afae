# Every habit is a target. `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-all lint types rooms format bench growth docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

KERNELS := $(wildcard src/deepdream/native/native.[ch])

$(READY): pyproject.toml constraints.txt $(KERNELS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $(READY)

demo: $(READY)  ## environment, install, dream a shipped picture into outputs/
	$(BIN)/deepdream run images/pagoda.jpg --overwrite

test: $(READY)  ## the suite without the slow tests
	$(BIN)/python -m pytest -n 2 -m "not slow and not browser" --cov --cov-report=term:skip-covered

test-all: $(READY)  ## everything, also the slow tests and those in a browser
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium) || true
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered

lint: $(READY)  ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

rooms: $(READY)  ## the order of the rooms (ARCHITECTURE.md)
	$(BIN)/lint-imports

bench: $(READY)  ## speed against peers and the machine's limit, as ratios
	$(BIN)/python benchmarks/all.py

growth: $(READY)  ## how time and memory grow with the picture; tiles against the whole
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/tiles.py
	$(BIN)/python benchmarks/memory.py

docs: $(READY)  ## remake the pictures and tables in docs/ (but for the curves of make growth)
	$(BIN)/python docs/make_pictures.py

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build

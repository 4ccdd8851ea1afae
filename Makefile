# Everything that is done often is a target. `make demo` and `make test` work on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-all lint types layers contracts format bench growth docs clean

help:  ## list the targets
	@grep -E '^[a-z -]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

KERNELS := $(wildcard src/deepdream/native/native.[ch])

$(READY): pyproject.toml constraints.txt $(KERNELS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]" -c constraints.txt
	@touch $(READY)

demo: $(READY)  ## create the environment, install, dream a photograph into outputs/
	$(BIN)/deepdream run images/pagoda.jpg --overwrite

test: $(READY)  ## the suite without the slow tests
	$(BIN)/python -m pytest -n 2 -m "not slow and not browser" --cov --cov-report=term:skip-covered

test-all: $(READY)  ## all tests, also the slow ones and those in a browser
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium) || true
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered

lint: $(READY)  ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)  ## let ruff correct what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

layers contracts: $(READY)  ## which package may import which (ARCHITECTURE.md)
	$(BIN)/lint-imports

bench: $(READY)  ## speed compared with other libraries and the limit of the machine, as ratios
	$(BIN)/python benchmarks/all.py

growth: $(READY)  ## time and memory by size of the picture; tiles compared with the whole picture
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/tiles.py
	$(BIN)/python benchmarks/memory.py

docs: $(READY)  ## make the pictures and tables in docs/ again (except the curves of make growth)
	$(BIN)/python docs/make_pictures.py

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build

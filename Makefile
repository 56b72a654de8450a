# Two words run everything: `make demo` and `make test`. Each does all its own set-up in .venv.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test check samples bench fuzz clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo     set up, inspect the sample suspect clip, say where the report is"
	@echo "make test     set up and run the whole suite"
	@echo "make check    format, lint, types and import layers"
	@echo "make samples  make the sample clips anew (needs flite)"
	@echo "make fuzz     2,000 mutated files through the inspection"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/.ready: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/.ready-dev: .venv/.ready
	$(PIP) install --quiet --constraint constraints.txt --editable '.[train,dev]'
	@touch $@

demo: .venv/.ready
	@$(BIN)/vidforensics models install --quiet || echo "The models of faces and voices are not installed; the demo goes on without them."
	@rm -rf demo-case
	@$(BIN)/vidforensics inspect samples/suspect.mp4 --out demo-case

test: .venv/.ready-dev
	# one thread per worker: those of their libraries would fight for the processors
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

check: .venv/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

samples: .venv/.ready-dev
	$(BIN)/python -m samples.make_samples

fuzz: .venv/.ready-dev
	$(BIN)/python -m pytest -m slow tests/hostile

clean:
	rm -rf .venv demo-case build dist *.egg-info

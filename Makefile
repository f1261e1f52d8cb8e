# `make run` and `make test` do all of their own set-up, once.
PYTHON ?= python3.11
SHELL := /bin/bash
BIN := .venv/bin

.PHONY: run test check benchmark lock clean

run: .venv/ready
	$(BIN)/snakemake --cores all
	@echo "The report: results/studies/demo/report.html"

test: .venv/ready check
	$(BIN)/python -m pytest

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

.venv/ready: envs/requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement envs/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

lock:
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-find-links \
		--no-header --output-file envs/requirements.lock envs/requirements.in
	# A build's name, such as +cpu, is known to one index only.
	sed -i -E 's/\+[a-z0-9]+$$//' envs/requirements.lock

clean:
	rm -rf .venv results logs data/demo .snakemake

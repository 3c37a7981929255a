# Each verb is one line in `make help`. Everything runs from .venv, which `make setup` makes and keeps up to date.

MAKEFLAGS += --no-print-directory --no-builtin-rules
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# Where it is set, every program of the tests would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
GENERATORS := $(filter-out scripts/bootstrap scripts/record-%,$(wildcard scripts/*))

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit sipp chaos lint types fmt docs up bench clean

help: ## show this
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## install everything: .venv, a real Asterisk, SIPp, the embedded voice (quick when done)
	@scripts/bootstrap

demo: setup ## one warm transfer on a real Asterisk, told and proven; leaves build/demo/
	@$(BIN)/python -m ari_app.testing.demo

test: lint types ## all checks: ruff, mypy, pytest (unit, contracts, sipp); the last line is pytest's
	@$(PYTEST) -n 3 --dist worksteal || { \
	  echo 'test: what failed beside other stories is tried once more, alone' >&2; \
	  $(PYTEST) --last-failed --last-failed-no-failures none || { echo 'test: pytest failed (see above)' >&2; exit 1; }; }

unit: setup ## tests without Asterisk, in seconds
	@$(PYTEST) -q -n 2 --dist worksteal tests/unit

sipp: setup ## the stories on a real Asterisk with SIPp and RTP
	@$(PYTEST) tests/sipp

chaos: setup ## random walks on a real Asterisk: CHAOS=1-100 says which
	@CHAOS=$${CHAOS:-1-100} $(PYTEST) -n 3 tests/chaos

lint: setup ## ruff, check and format
	@$(BIN)/ruff check --quiet . || { echo 'lint: ruff check failed (see above); "make fmt" mends most of it' >&2; exit 1; }
	@$(BIN)/ruff format --quiet --check . || { echo 'lint: formatting differs (see above); "make fmt" mends it' >&2; exit 1; }

types: setup ## mypy --strict
	@$(BIN)/mypy --no-error-summary || { echo 'types: mypy failed (see above)' >&2; exit 1; }

fmt: setup ## format, and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

docs: setup ## write the generated reference pages anew
	@for generator in $(GENERATORS); do echo $$generator; $(BIN)/python $$generator || exit 1; done

up: ## Asterisk and the app in containers
	@docker compose up --build

bench: setup ## measure one transfer on a real Asterisk; bench/ has more
	@$(BIN)/python -m bench.latency

clean: ## remove what was made, but not .venv and .cache
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.cache/*' -prune -exec rm -rf {} +

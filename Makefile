# Everything a person does with this repository, one word each. `make` lists the words.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo test screenshots evidence check format words lock clean

# PYTHON=python3.12 chooses the interpreter of .venv; without it bin/setup looks for one that is new enough.
PYTHON ?=
# ARGS="..." is handed on: to `checkout demo`, to pytest, to the evidence, to `bin/lock.py`.
ARGS ?=
# How long `make evidence` runs, and how many proofs at a time.
HOURS ?= 1
JOBS ?= 2
BIN := .venv/bin

help: ## List what can be made
	@echo "What can be made:"
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1|/' \
		| awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

setup: ## Make .venv with everything the lock file names (PYTHON=python3.12 chooses the interpreter)
	@PYTHON="$(PYTHON)" sh bin/setup

demo: setup ## Set up, then start the service and its sandbox (ARGS="--port 8001 --json")
	@echo "==> Starting the demo: the service, the sandbox and a brand's site (Ctrl-C ends all of it)"
	@$(BIN)/checkout demo $(ARGS)

test: setup ## Set up, then run every test (ARGS="-k placing" runs a part)
	@sh bin/test $(ARGS)

screenshots: setup ## Take the README's pictures anew (ARGS=--review: every page and state, into .screenshots)
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

evidence: setup ## Run the proofs for HOURS=1, two at a time (JOBS=2), and add to docs/evidence.md (ARGS="--only power")
	@$(BIN)/python -m tests.proof.evidence --hours $(HOURS) --jobs $(JOBS) $(ARGS)

check: setup ## Formatter, linters, types and import contracts; changes nothing
	@echo "==> Is the code formatted?"
	@$(BIN)/ruff format --check .
	@echo "==> Does the linter agree?"
	@$(BIN)/ruff check .
	@echo "==> Do the types hold?"
	@$(BIN)/mypy
	@echo "==> Does every module import from lower floors only?"
	@$(BIN)/lint-imports

format: setup ## Format the code and mend what the linter can mend
	@echo "==> Formatting, and mending what can be mended"
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

words: setup ## Bring checkout/translations up to date with the words in code and templates; then translate what is empty
	@echo "==> Collecting the words of the pages"
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F pyproject.toml -k mark -k say -k say_many:1,2 --add-location=file -o build/words.pot .
	@for code in fr es; do $(BIN)/pybabel -q update -i build/words.pot -o checkout/translations/$$code.po -l $$code \
		-w 120 --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date || exit 1; done

lock: setup ## Write requirements.lock anew from pyproject.toml (ARGS="--upgrade" takes newer versions)
	@$(BIN)/python bin/lock.py $(ARGS)

clean: ## Remove .venv, caches and what was built; databases and .env stay
	@echo "==> Removing .venv, node_modules, caches and built files"
	@rm -rf .venv tests/clients/node_modules build dist \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -type d \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +

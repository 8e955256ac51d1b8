# Each target sets up what it needs; nothing has to be installed before but make and Python 3.11 or newer.
.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8000
PRACTICE_PORT ?= 8001
SEED ?= $(shell date +%s)
ROUNDS ?= 3
ENTRIES ?= 100000
REAL ?= ../shared/real
BIN := .venv/bin
LOCK = uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet

.PHONY: demo test slow explore setup lint format bench torture real contract docs pictures lock clean help

demo: setup ## Start the console with a practice platform on http://127.0.0.1:8000 (PORT=8010 for another port)
	@exec $(BIN)/python manage.py demo --port $(PORT) --practice-port $(PRACTICE_PORT)

test: setup ## Run the everyday tests (ARGS="-k plans" for some of them)
	@$(BIN)/python -m tests.side_by_side $(ARGS)

slow: setup ## Run the tests that take long: whole processes killed, long pages, memory (ARGS="-k demo" for some)
	@$(BIN)/python -m tests.side_by_side --slow $(ARGS)

explore: setup ## Look for inputs that break a property: ten times the examples, others with each SEED (SEED=7 for those of 7, which are the same each time)
	@$(BIN)/python -m tests.side_by_side --explore $(SEED)

setup: .venv/.ready ## Prepare .venv with the locked dependencies

lint: setup ## Check style, types, templates, who imports whom, and the lock file
	@failed=; \
	check() { "$$@" || { failed="$$failed $$(basename $$1 | sed s/python/lock/)"; }; }; \
	check $(BIN)/ruff check --quiet .; \
	check $(BIN)/ruff format --quiet --check .; \
	check $(BIN)/mypy .; \
	check $(BIN)/djlint --quiet --lint templates; \
	check $(BIN)/lint-imports --no-logo; \
	check $(BIN)/python -m tests.lock; \
	[ -z "$$failed" ] || { echo "Not clean:$$failed" >&2; exit 1; }

format: setup ## Bring the code into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: setup ## Measure what a person waits for, the difference, the history, the archive and the trail (ROUNDS=10 for steadier figures, ENTRIES=1000000)
	@$(BIN)/python -m tests.bench --rounds $(ROUNDS)
	@echo; $(BIN)/python -m tests.bench.differences
	@echo; $(BIN)/python -m tests.bench.real_histories $(REAL)
	@echo; $(BIN)/python -m tests.bench.history
	@echo; $(BIN)/python -m tests.bench.archives
	@echo; $(BIN)/python -m tests.bench.trail --entries $(ENTRIES)

torture: setup ## Do the worst to the console's promises (PROOF=simulation for one, SCALE=release for hours, ARGS="--history 77")
	@$(if $(PROOF),,$(BIN)/python -m pytest -q tests/torture)
	@$(BIN)/python -m tests.torture $(PROOF) $(if $(SCALE),--scale $(SCALE)) $(ARGS)

real: setup ## Take real configurations through the whole protocol (REAL=folder of histories, ARGS=--json)
	@$(BIN)/python -m tests.real $(REAL) $(ARGS)

contract: setup ## Hold the practice platform against the vendor's own Python SDK (ARGS="-k publish" for some)
	@$(BIN)/python -m tests.contract $(ARGS)

docs: setup ## Write the pages of docs/ that are made from the catalogue and from real runs
	@$(BIN)/python -m tests.docs

pictures: setup ## Take the README's pictures of today's pages
	@$(BIN)/python -m tests.pictures

lock: setup ## Bring requirements.lock up to pyproject.toml (UPGRADE=--upgrade for the newest versions)
	@$(BIN)/$(LOCK) $(UPGRADE) -o requirements.lock
	@$(BIN)/$(subst pyproject.toml --group dev,tests/contract/requirements.in,$(LOCK)) $(UPGRADE) -o tests/contract/requirements.txt
	@$(BIN)/$(subst pyproject.toml --group dev,tests/bench/peers/requirements.in,$(LOCK)) $(UPGRADE) -o tests/bench/peers/requirements.txt
	@! command -v npm >/dev/null || npm install --prefix tests/bench/peers --package-lock-only \
		--omit-lockfile-registry-resolved --silent

clean: ## Remove what was made here, except the data in var/
	@rm -rf .venv .venv-contract .venv-peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis test-results

help: ## List the targets
	@echo "Config Vault: find out what changed, go back to what worked."; echo
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'
	@echo; echo "make demo and make test are all that a newcomer needs."

# uv where it is on PATH, else into the environment: it installs in seconds what takes pip half a minute.
# It brings its own certificates; behind a company's proxy only the machine's do, so those are tried next, and then pip.
.venv/.ready: requirements.lock
	@set -e; \
	for python in "$(PYTHON)" python3.13 python3.12 python3.11 python3 python; do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | tail -1)." \
			"Nothing was installed. Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 2; \
	fi; \
	echo "Setting up .venv with the locked dependencies ..." >&2; \
	[ -f $@ ] && $(BIN)/python -c '' 2>/dev/null || rm -rf .venv; \
	if command -v uv >/dev/null; then \
		[ -d .venv ] || uv venv --quiet --python "$$python" .venv; uv=uv; \
	else \
		[ -d .venv ] || "$$python" -m venv .venv || { \
			echo "That Python cannot make environments: install its venv package (Debian: apt install python3-venv)." >&2; \
			rm -rf .venv; exit 2; }; \
		$(BIN)/uv --version >/dev/null 2>&1 || \
			$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true; \
		uv=$(BIN)/uv; \
	fi; \
	export VIRTUAL_ENV="$$PWD/.venv"; said=.venv/setup.log; : > $$said; \
	$$uv pip sync --quiet --require-hashes requirements.lock 2>>$$said || \
		UV_NATIVE_TLS=1 UV_SYSTEM_CERTS=1 $$uv pip sync --quiet --require-hashes requirements.lock 2>>$$said || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock 2>>$$said || { \
		cat $$said >&2; \
		echo "The dependencies could not be installed; the lines above say why. make setup tries again." >&2; exit 1; }; \
	touch $@

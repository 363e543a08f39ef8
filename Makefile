# One virtual environment in .venv serves every target; it is made again only when what it is made from changes.
.POSIX:
.PHONY: help demo test servers lint format bench soak pins clean

PYTHON = python3
ARGS =
# What the tests talk to and look with, beside what pip installs.
SERVERS = sshd tars shells sudo chromium
# One more than there are processors: many tests wait for a server now and then.
WORKERS = $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1 ))

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

demo: .venv/demo ## see fleetctl work on ten servers of its own, without a server of yours
	@.venv/bin/fleetctl demo

servers:
	@sh .ci/need $(SERVERS)

test: servers .venv/dev ## run every test (make test ARGS="-k targets" for some); the real ones need an OpenSSH sshd
	@.venv/bin/python -m pytest -q -n $(WORKERS) --maxprocesses=8 --dist worksteal $(ARGS)

lint: .venv/dev ## ruff, mypy --strict and the floors that import-linter holds
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: .venv/dev ## let ruff put the code in order
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

bench: .venv/dev ## measure start-up, large inventories, commands, jobs and files against what else does them, memory
	@sh .ci/need sshd rsync ansible
	@.venv/bin/python -m tests.benchmarks.startup
	@.venv/bin/python -m tests.benchmarks.inventory
	@.venv/bin/python -m tests.benchmarks.run_df
	@.venv/bin/python -m tests.benchmarks.bastion
	@.venv/bin/python -m tests.benchmarks.jobs
	@.venv/bin/python -m tests.benchmarks.history
	@.venv/bin/python -m tests.benchmarks.memory
	@.venv/bin/python -m tests.benchmarks.files

soak: .venv/dev ## 20,000 commands on hosts that fail at random, and 50 runs that are killed and gone on with
	@sh .ci/need sshd
	@.venv/bin/python -m tests.soak.soak
	@.venv/bin/python -m tests.soak.kills

pins: .venv/dev ## write the versions that are installed now to constraints.txt
	@.venv/bin/python -m pip freeze --exclude fleetctl | grep '^[A-Za-z0-9_.-]*==' > constraints.txt

clean: ## remove what the other targets made
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing fleetctl and the lab into .venv …"
	@.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[lab]'
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing fleetctl and what its tests need into .venv …"
	@.venv/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ .venv/demo

.venv/bin/python:
	@PYTHON='$(PYTHON)' sh .ci/need python venv
	@$(PYTHON) -m venv .venv

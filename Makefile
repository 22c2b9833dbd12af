# `make help` lists what there is. Nothing here needs more than make, sh and a Python of 3.11 or newer.

PORT ?= 8000
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)

VENV_PYTHON = .venv/bin/python
SERVERS = $(VENV_PYTHON) -m galaxy.embedded run
NO_PYTHON = Galaxy needs Python 3.11 or newer: install it, or name one, as in make run PYTHON=/path/to/python3.
BOOTSTRAP = python='$(PYTHON)'; test -n "$$python" || { echo "$(NO_PYTHON)" >&2; exit 1; }; exec "$$python" bootstrap.py \
	$(if $(filter file,$(origin PYTHON)),,--this-python)

# Tests have their own servers and data, which may be lost and so need not be written safely. They start Python dozens of
# times, so what it compiles is kept, whatever the shell says.
TEST_ENV = env -u PYTHONDONTWRITEBYTECODE GALAXY_DATA_DIR=.galaxy/test GALAXY_EMBEDDED_FAST=1

.PHONY: help setup run demo test lint lock guest escape examples docs matrix oracles bench growth fuzz audit sbom asvs chaos load apifuzz rabbitmq hosts

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## (.*)/make \1|\2/' | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'

setup: ## make .venv with the locked packages (done by the others as needed)
	@$(BOOTSTRAP)

run: setup ## run Galaxy on http://localhost:8000 (another port: make run PORT=9000)
	@exec $(SERVERS) --free-port $(PORT) $(VENV_PYTHON) manage.py run_all --port $(PORT)

demo: setup ## do the main job in the terminal, step by step
	@exec $(SERVERS) sh -c '$(VENV_PYTHON) manage.py prepare && $(VENV_PYTHON) manage.py demo'

test: ## run every test, those in the browser included (some: make test ARGS=tests/embedded)
	@$(BOOTSTRAP) --browser
	@exec $(TEST_ENV) $(SERVERS) $(VENV_PYTHON) -m pytest -n auto --maxprocesses 6 --dist worksteal $(ARGS)

guest: setup ## build the Python sandbox (done by the others as needed; quick when it is built)
	@$(VENV_PYTHON) -m sandbox.pool.build

escape: setup ## try to get out of the Python sandbox, with each wall taken away in turn
	@$(VENV_PYTHON) -m tests.escape

lint: setup ## check style, types and templates
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@find templates -name '*.html' -exec .venv/bin/djade --check --target-version 5.2 {} +
	@exec $(SERVERS) $(VENV_PYTHON) -m mypy galaxy bootstrap.py sandbox/pool sandbox/sandboxd sandbox/runners \
		sandbox/local_runs.py registry/updates $(wildcard */services.py */services)

examples: setup ## record the examples of the API's document anew, from real answers
	@exec $(TEST_ENV) GALAXY_WRITE_EXAMPLES=1 $(SERVERS) $(VENV_PYTHON) -m pytest -q tests/api/test_document.py

docs: setup ## write the pages of docs/reference anew, from the code
	@exec $(TEST_ENV) $(SERVERS) $(VENV_PYTHON) -m tests.docs

matrix: setup ## print who gets what from every route, as a table
	@$(VENV_PYTHON) -m tests.matrix.show

oracles: setup ## compare the connectors with their vendors' own clients and documents, as a table
	@exec $(TEST_ENV) $(SERVERS) $(VENV_PYTHON) -m tests.oracles

rabbitmq: ## try RabbitMQ as broker: killed workers, a killed broker (installs Debian's where it may)
	@$(BOOTSTRAP) --rabbitmq
	@exec $(TEST_ENV) GALAXY_TRY_RABBITMQ=1 $(SERVERS) $(VENV_PYTHON) -m pytest -q tests/deploy/test_rabbitmq.py

apifuzz: setup ## ask the API with made-up requests as each role, 50 of each kind (more: make apifuzz EXAMPLES=500)
	@exec $(TEST_ENV) GALAXY_API_EXAMPLES=$(or $(EXAMPLES),50) $(SERVERS) $(VENV_PYTHON) -m pytest -q \
		tests/api/test_schemathesis.py $(ARGS)

asvs: setup ## run the tests behind docs/asvs.csv, the table of ASVS 5.0.0, and write it (of a run before: make asvs FROM=report.xml)
	@$(BOOTSTRAP) --browser
	@exec $(TEST_ENV) $(SERVERS) $(VENV_PYTHON) -m tests.asvs $(if $(FROM),--from $(FROM),-n auto --maxprocesses 6 --dist worksteal $(ARGS))

hosts: setup ## run Galaxy on two hosts, and cut one off forty times (needs root, for a network namespace)
	@exec $(TEST_ENV) GALAXY_TRY_HOSTS=1 GALAXY_CUTS=40 $(SERVERS) $(VENV_PYTHON) -m pytest -q -rs tests/hosts

bench: setup ## measure, beside what bounds it, into bench.json (one alone: make bench ONLY=policy)
	@exec env GALAXY_DATA_DIR=.galaxy/bench GALAXY_TEST_DB=bench $(SERVERS) $(VENV_PYTHON) -m bench $(ONLY)

growth: setup ## measure paths at 1, 10 and 100 times the data, and draw the curves of docs/growth.md
	@exec env GALAXY_DATA_DIR=.galaxy/bench GALAXY_TEST_DB=bench $(SERVERS) sh -c \
		'$(VENV_PYTHON) -m bench growth && $(VENV_PYTHON) -m bench.curves docs/growth.md'

load: setup ## 500 people, 20 approvers and 100 calls a second at once, or as much as holds (ARGS='--people 50 --minutes 1')
	@exec env -u PYTHONDONTWRITEBYTECODE $(VENV_PYTHON) -m proof.load $(ARGS)

chaos: setup ## kill everything at random under traffic, then look what still holds (shorter: make chaos ARGS='--kills 100')
	@exec env -u PYTHONDONTWRITEBYTECODE $(VENV_PYTHON) -m proof.chaos $(ARGS)

fuzz: setup ## put odd texts into every reader of strangers' texts, for minutes (longer: make fuzz SECONDS=600)
	@exec $(TEST_ENV) GALAXY_FUZZ=20 $(SERVERS) $(VENV_PYTHON) -m pytest -q tests/fuzz
	@.venv/bin/uv pip install --quiet --target .galaxy/fuzz --require-hashes --no-deps -r requirements/fuzz.txt
	@exec $(TEST_ENV) PYTHONPATH=.galaxy/fuzz $(SERVERS) $(VENV_PYTHON) -m tests.fuzz.guided $(SECONDS)

audit: setup ## check licences of the packages, and ask who knows of vulnerabilities in them (fails where nobody answers)
	@$(VENV_PYTHON) -m proof.supply audit $(ARGS)

sbom: setup ## write the bill of materials of what the server comes with, as CycloneDX (elsewhere: make sbom ARGS='--output FILE')
	@$(VENV_PYTHON) -m proof.supply sbom $(ARGS)

lock: setup ## resolve requirements/*.in into hash-locked *.txt (newer ones: make lock ARGS='--upgrade-package django')
	@for name in bootstrap server base dev fuzz; do \
		.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-annotate --no-header --quiet $(ARGS) \
			requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done

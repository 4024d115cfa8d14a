# Every target works on a fresh machine with Rust, Python 3.10+, make and a C compiler.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
MINISTACK := $(VENV)/bin/ministack
STACK ?= local
PROVISIONER := target/release/provisioner
# One build for both, so that they share every dependency: cargo unifies features within one build.
BOTH_PROGRAMS := --release --locked --package provisioner --package handler

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Run the whole pipeline on the local emulator with real files, and show the records
	@tools/step 1 4 "install the emulator"
	@$(MAKE) --no-print-directory emulator
	@if test -x $(PROVISIONER); then tools/step 2 4 "build what changed"; \
		else tools/step 2 4 "build both programs (the first build takes 5 to 10 minutes on two cores)"; fi
	@cargo build $(BOTH_PROGRAMS)
	@tools/demo $(PROVISIONER)

.PHONY: web
web: ## Open the web page of the local stack: drop files, watch their records (after `make demo`)
	@test -x $(PROVISIONER) || { echo "Run \`make demo\` first: it builds the programs and deploys the local stack." >&2; exit 1; }
	@$(PROVISIONER) web -s $(STACK) --open

.PHONY: demo-stop
demo-stop: ## Delete the demo stack and stop the emulator
	@$(PROVISIONER) down -s local --yes
	@$(PROVISIONER) local stop -s local

.PHONY: test
test: emulator ## Pass every check and every test, end-to-end included
	@tools/test

.PHONY: build
build: ## Build the provisioner and the handler for the emulator (for AWS `provisioner up` builds its own)
	@cargo build $(BOTH_PROGRAMS)

.PHONY: emulator
emulator: $(MINISTACK) ## Install the pinned Python tools (emulator, cfn-lint) into .venv

$(MINISTACK): tools/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=/path/to/python3")'
	@echo "installing the emulator into $(VENV)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	@touch $@

.PHONY: dist
dist: ## Build the release archive (target/dist), which deploys without Rust. ARCHITECTURES="x86_64 arm64"
	@cargo build --profile optimized --locked --package provisioner
	@PYTHON=$(PYTHON) tools/dist target/optimized/provisioner $(ARCHITECTURES)

.PHONY: synth
synth: ## Regenerate the generated files (templates, schema, tables of the documentation)
	@cargo run --locked --quiet --package provisioner -- synth --write

.PHONY: bench
bench: emulator build ## Measure handler and deployment in comparison with bare ones, Python, SAM and CDK
	@PYTHON="$(PYTHON)" tools/bench
	@PYTHON="$(PYTHON)" tools/bench --emulator
	@cargo build --release --locked --package provisioner --example empty_bucket
	@$(VENV)/bin/python tools/bench-deploy/deploy.py $(PROVISIONER) target/lambda/bootstrap --json target/bench-deploy.json \
		--empty-bucket target/release/examples/empty_bucket
	@cargo build --release --locked --package provisioner --example bare_reads
	@$(PYTHON) tools/bench-operate $(PROVISIONER) target/lambda/bootstrap target/release/examples/bare_reads

.PHONY: bench-reconcile
bench-reconcile: emulator build ## Measure reconcile: memory with 1,000,000 objects on the fake, time beside listing and scanning alone
	@cargo build --release --locked --package provisioner --example reconcile
	@target/release/examples/reconcile fake $(PROVISIONER) 1000000
	@$(PROVISIONER) local start --stack local
	@target/release/examples/reconcile emulator http://127.0.0.1:4566 20000 3; status=$$?; $(PROVISIONER) local stop --stack local; exit $$status

.PHONY: accuracy
accuracy: build ## Compare the extractor with poppler, libmagic, python-docx, Pillow and mutagen (docs/accuracy.md)
	@test -x target/accuracy/bin/python || $(PYTHON) -m venv target/accuracy
	@target/accuracy/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement tools/accuracy/requirements.txt
	@target/accuracy/bin/python tools/accuracy/accuracy.py $(PROVISIONER)

.PHONY: second-opinion
second-opinion: ## Run up, plan, status and down against moto, another implementation of AWS than the emulator
	@cargo build $(BOTH_PROGRAMS)
	@cmp -s tools/second-opinion/requirements.txt target/second-opinion/installed.txt || { \
		rm -rf target/second-opinion; $(PYTHON) -m venv target/second-opinion; \
		target/second-opinion/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
			--requirement tools/second-opinion/requirements.txt; \
		cp tools/second-opinion/requirements.txt target/second-opinion/installed.txt; }
	@target/second-opinion/bin/python tools/second-opinion/run.py $(PROVISIONER) target/release/bootstrap

.PHONY: acceptance
acceptance: emulator ## Try everything in a real account and report on it: ACCOUNT=123456789012 REGION=us-east-1 PROFILE=name
	@cargo build --release --locked --package provisioner
	@cargo build --locked --profile lambda --package handler --bin bootstrap
	@$(VENV)/bin/python tools/acceptance/run.py --account "$(ACCOUNT)" $(if $(REGION),--region "$(REGION)") \
		$(if $(PROFILE),--profile "$(PROFILE)") --provisioner $(PROVISIONER) --handler target/lambda/bootstrap \
		--report target/acceptance.md

.PHONY: fuzz
fuzz: ## Fuzz every parser for TIME seconds in total (TIME=600), or some: TARGETS="pdf media"
	@$(PYTHON) tools/fuzz --time $(or $(TIME),600) $(TARGETS)

.PHONY: hostile
hostile: ## Write the hostile files and their expected outcomes to target/hostile
	@$(PYTHON) handler/extract/tests/hostile/make.py target/hostile

.PHONY: hostile-check
hostile-check: ## Send each hostile file to the handler as built for deployment, with its deployed limits
	@cargo build --locked --quiet --profile lambda --package handler --bin bootstrap
	@HANDLER_AS_DEPLOYED=$(CURDIR)/target/lambda/bootstrap cargo test --locked --quiet --package handler-extract --test it -- \
		--exact attacks::every_attack_has_its_outcome_and_the_next_file_is_read

.PHONY: audit
audit: ## Check licences, banned crates and sources of every dependency
	@command -v cargo-deny >/dev/null || cargo install --locked --version 0.20.2 cargo-deny
	@cargo deny --locked check licenses bans sources

.PHONY: clean
clean: ## Delete build output and installed tools (the emulator's data: provisioner local reset)
	@cargo clean --quiet
	@rm -rf $(VENV)

# What can be done here? `make demo` shows it, `make test` runs every test; `.ci/run` is `make lint` and `make test`.

CARGO ?= cargo
PORT ?= 8080
export OF SEED SAMPLE SKIP MINUTES FILES LEAST TARGET

.PHONY: help demo dist lambda bench-lambda test test-rust test-terraform test-other-ways-in test-e2e test-provider test-provider-quick test-second-opinion test-web web web-serve web-picture bench-web check-deep sim mutants bench bench-cost bench-scaling screenshots lint lint-aws wasm-target advisories fuzz bench-peers profile bench-run chaos soak

help: ## Say what can be made
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: ## Run the shared-table example on an embedded store (ARGS="--kill 3" and others; ARGS=--help lists them)
	@test -x $(or $(CARGO_TARGET_DIR),target)/debug/leasehold || \
		echo "The first build takes about five minutes on two cores: the command, the AWS SDK, and an engine that stands for DynamoDB."
	$(CARGO) run --locked --bin leasehold -- demo $(ARGS)

lambda: ## Build the lease manager's package for Lambda (ARGS="--target arm64" for the other processor)
	scripts/lambda $(ARGS)

dist: ## Build what a release has into target/dist: archives, packages, checksums, an SBOM (ARGS="--target x86_64", --check; ARGS=--help)
	scripts/dist $(ARGS)

bench-lambda: ## Measure that package: its size, memory and start, each against its limit
	scripts/bench-lambda $(ARGS)

test: test-rust test-web test-terraform test-second-opinion test-other-ways-in test-e2e test-provider-quick ## Run every test; with `make lint` this is all that `.ci/run` checks

# The core must build where there is no operating system; the real engines must be there for the differential test,
# a terminal to type on for the dashboard's, and wrong clocks.
test-rust: wasm-target ## The protocol, the store, the lease manager and the commands
	scripts/ministack
	scripts/dynamodb-local
	scripts/tmux
	scripts/shells
	scripts/faketime
	$(CARGO) build --locked --package leasehold-core --target wasm32-unknown-unknown
	$(CARGO) test --locked --workspace

test-web: web ## The page in a real browser (needs Node 20 and Chromium)
	scripts/web-test

web: ## Build the browser page into target/web
	scripts/web

bench-web: web ## Measure the page: script time a frame, simulated over real time, first paint, sizes, each against its limit
	scripts/bench-web

web-picture: web ## Take the picture of the page that README.md shows (docs/page.png)
	scripts/web-picture

web-serve: web ## Serve the page on this machine (PORT=8080), with the headers that a host should send
	scripts/web-serve $(PORT)

test-terraform: ## The modules and examples: formatting, README tables, validate, test, other people's linters (needs Terraform 1.7)
	scripts/terraform-test
	scripts/lint-aws
	scripts/render-states --check
	python3 scripts/tests/terraform_readme_reads_what_terraform_reads.py
	python3 terraform/states/tests/retries_outlast_throttling.py
	python3 scripts/tests/lambda_package_says_what_it_is.py
	python3 scripts/tests/modules_know_every_metric.py
	python3 scripts/tests/modules_fit_older_providers.py
	python3 scripts/tests/modules_fit_terraform_1_6.py
	python3 terraform/states/tests/interpreter_agrees.py

test-second-opinion: ## The rendered machines on a second interpreter of Step Functions (ARGS="-k cancelled" for some of it)
	scripts/second-opinion $(ARGS)

test-other-ways-in: ## The examples for SAM and the CDK: AWS's linter, transform and synthesis, and a local AWS (needs Node 20)
	scripts/other-ways-in

test-e2e: ## The example, deployed onto a local AWS and run, also with trouble (ARGS="-k kills" for some of it)
	scripts/e2e $(ARGS)

test-provider: ## Modules and examples with HashiCorp's own AWS provider, where Terraform or a mirror has it (about five minutes)
	scripts/test-provider

test-provider-quick: ## The same, without what the stand-in shows as well (two to three minutes)
	scripts/test-provider --quick

check-deep: ## Explore much larger worlds than a test run can (LEASEHOLD_STATES, 100 million each by default: 10 GB)
	$(CARGO) test --locked --workspace --test deep -- --ignored --nocapture --test-threads 1

sim: ## Play large random worlds: SEEDS=1000 of them, new ones each time (ARGS="--seed N --story" tells one; ARGS=--help)
	$(CARGO) run --locked --quiet --release --package leasehold-sim --example worlds -- $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

chaos: ## Real programs on a real engine, killed, stopped, on a bad network (JOBS=10000, ENGINE=embedded|dynamodb-local|local-aws, SEED=)
	scripts/faketime
	$(CARGO) build --locked --quiet --workspace --bins
	target/debug/leasehold-chaos world --jobs $(or $(JOBS),10000) --engine $(or $(ENGINE),embedded) $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: ## Run the demo's pools on and on, as fast as it goes: does memory, a row, a job's time or cost grow? (MINUTES=10)
	$(CARGO) build --locked --quiet --workspace --bins
	target/debug/leasehold-chaos soak --minutes $(or $(MINUTES),10)

mutants: ## Change the code in a hundred small ways: does a test see it? (OF="core store lambda", SEED=1, SAMPLE=100 or 0 for all, SKIP=, MINUTES=, FILES=, LEAST=90)
	scripts/mutants

fuzz: ## Give every reader what a fuzzer finds (MINUTES=10 in all, TARGET=trace for one; scripts/fuzz --inputs counts)
	scripts/fuzz

bench: ## How long the dashboard takes to draw and to take news in, at 10,000 pools
	$(CARGO) bench --locked --workspace --profile dev --bench dashboard

bench-cost: ## What a job costs in requests and DynamoDB's units, at each limit and queue (ARGS=--update puts it into docs/cost.md)
	$(CARGO) run --locked --quiet --package leasehold-sim --example cost -- $(ARGS)

bench-peers: ## leasehold beside what people use, on one engine: target/bench (ARGS="--size full --update" for docs/benchmarks.md; ARGS=--help)
	scripts/bench-peers $(ARGS)

profile: ## Where instructions go: the core's operations one by one (ARGS=release-hands-over), or all of a crowd (ARGS=crowd)
	scripts/profile $(ARGS)

bench-scaling: ## How a pool on several partitions would do: use, waits, fairness (ARGS=--update puts it into docs/scaling.md)
	$(CARGO) run --locked --quiet --package leasehold-sim --example scaling -- $(ARGS)

bench-run: ## What many that wait at one pool cost a minute, and how soon a freed slot is taken (five minutes; ARGS="--waiters 1000 --seconds 30")
	$(CARGO) run --locked --quiet --package leasehold --features embedded --example crowd -- $(ARGS)

screenshots: ## Draw README's pictures of the dashboard and the demo in docs/ anew (scripts/record-demo records the demo)
	$(CARGO) run --locked --quiet --example screenshots

lint: ## Formatting, lints with warnings denied, the structure of each crate, the documents' links, what is depended on
	scripts/structure
	scripts/cargo-deny
	python3 scripts/tests/documents_hold_together.py
	python3 scripts/tests/documents_are_read_once.py
	scripts/contract-page --check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings

advisories: ## Known weaknesses of what is depended on: fetches RustSec's database (from GitHub), then checks
	scripts/cargo-deny --fetch

lint-aws: ## Other people's linters alone: asl-validator, cfn-lint, parliament, tflint where it is, on all that the modules render
	scripts/terraform-test
	scripts/lint-aws

wasm-target:
	@scripts/wasm-target

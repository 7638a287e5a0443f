# What can be done here? `make demo` shows it, `make test` checks everything that CI checks.

CARGO ?= cargo

.PHONY: help demo test check-deep lint wasm-target

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: ## Run the shared-table example on an embedded store (ARGS="--kill 3" and others; ARGS=--help lists them)
	$(CARGO) run --locked --quiet --bin leasehold -- demo $(ARGS)

# The core must build where there is no operating system; the real engines must be there for the differential test.
test: wasm-target ## Check everything: formatting and lints apart, all that CI checks
	scripts/ministack
	$(CARGO) build --locked --package leasehold-core --target wasm32-unknown-unknown
	$(CARGO) test --locked --workspace

check-deep: ## Explore much larger worlds than a test run can (LEASEHOLD_STATES, 10 million each by default)
	$(CARGO) test --locked --workspace --test deep -- --ignored --nocapture --test-threads 1

lint: ## Formatting and lints, warnings denied
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings

wasm-target:
	@scripts/wasm-target

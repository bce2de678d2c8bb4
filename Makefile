# What people and CI run. docs/development.md says what each one does and how long it takes.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/sealwatch/target

# OpenSSL is built from source (four minutes more) only where the system's cannot be linked.
FEATURES := $(shell pkg-config --exists openssl 2>/dev/null || echo --features vendored-openssl)

# `quality` is a report over DATA, not a measurement of speed.
BENCHES := $(filter-out quality,$(basename $(notdir $(wildcard benches/*.rs))))

.PHONY: help demo test lint parts bench quality nightly clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show Sealwatch at work; ARGS='…' goes to `sealwatch demo`
	@cargo build $(if $(wildcard $(CARGO_TARGET_DIR)/debug/sealwatch),--quiet) --bin sealwatch $(FEATURES)
	@cargo run --quiet --bin sealwatch $(FEATURES) -- demo $(ARGS)

test: lint parts ## Lint, documentation and every test; what CI runs
	cargo test --workspace $(FEATURES)
	@echo "make $(or $(TIER),test): format, lints, documentation and all tests passed"

lint: ## Format, Clippy and documentation, each without a warning
	cargo fmt --all --check
	cargo clippy --workspace --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --document-private-items $(FEATURES)

parts: ## Install the real parts that tests run against (Kafka, Python packages)
	@tests/parts/install.sh

bench: ## Measure speed, built for release
	cargo bench $(addprefix --bench ,$(BENCHES)) $(FEATURES)

quality: ## Precision, recall and calibration over recorded data; DATA=folder
	cargo bench --bench quality $(FEATURES) -- $(DATA)

nightly: ## `make test` with the full number of rounds
	@SEALWATCH_FULL=1 $(MAKE) --no-print-directory test TIER=nightly

clean: ## Remove the build output
	cargo clean

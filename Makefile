# Two commands do everything on a fresh machine: `make run` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Outside the clone where the home allows, so that a second clone does not build everything again.
export CARGO_TARGET_DIR ?= $(shell scripts/target-dir)
MUSTER := $(CARGO_TARGET_DIR)/release/muster
WEB := clients/web

.PHONY: help run test build web demo crowd-bench fmt lint doctor

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1|/' | column -t -s '|'
	@echo
	@echo "  Flags for the binary go into ARGS: make run ARGS='--data-dir /tmp/other --http 127.0.0.1:9080'"

run: build ## Install what is missing, build, and start everything on http://localhost:8080
	@exec $(MUSTER) up $(ARGS)

build: web ## Build the pages and the release binary
	@scripts/ensure-postgres
	@cargo build --release --locked -p muster

web: ## Build the web pages into clients/web/dist
	@scripts/build-web

test: ## Run every test of every part
	@scripts/test

demo: ## Let a small crowd ask for help at the running instance, so that the console shows life
	@$(MUSTER) crowd --url "$${MUSTER_URL:-http://localhost:8080}" $(or $(ARGS),--code FEST-42 --participants 12 --operators 0)

crowd-bench: build ## Run the published loads through the whole path and print the table of docs/benchmarks.md
	@MUSTER_BIN=$(MUSTER) scripts/crowd-bench

fmt: ## Format everything
	@cargo fmt --all

lint: web ## clippy with warnings refused
	@cargo clippy --workspace --all-targets --locked -- -D warnings

doctor: build ## Check configuration, ports, database and keys
	@$(MUSTER) doctor $(ARGS)

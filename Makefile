SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help

GO ?= go
GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := .tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
# The race detector needs a C compiler, which not every machine has. Where CI is true its absence is an error.
RACE := $(if $(or $(filter true,$(CI)),$(shell command -v cc gcc clang)),-race)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "ENVOY=/path/to/envoy takes that Envoy instead of the version in .envoy-version."

.PHONY: build
build: ## build bin/passive-health
	$(GO) build -o bin/passive-health ./cmd/passive-health

.PHONY: demo
demo: build envoy ## watch two real Envoys leave a failing host alone, and take it back (about 40 seconds)
	bin/passive-health demo

# -count=1, because Go's cache of results does not see the compose file change: it lies outside the module that checks it.
.PHONY: test
test: envoy ## run every test: the rules, the fuzz corpora, the whole program in-process and real Envoys
	@$(if $(RACE),,echo "no C compiler: the tests run without the race detector")
	@mkdir -p artifacts
	@{ $(GO) test $(RACE) -v -timeout 20m ./... && $(GO) -C envoy/compose/check test -count=1 -v ./...; } 2>&1 | tee artifacts/test.log | grep -Ev '^(=== |[[:space:]]*--- PASS|PASS$$)'
	@! grep -E '^[[:space:]]*--- SKIP' artifacts/test.log

.PHONY: bench-fleet
bench-fleet: envoy ## measure a bad host's cost to clients beside Envoy's own detection, 1 to 8 Envoys (6 minutes)
	@$(GO) test -tags bench -run TestFleet -count=1 -timeout 30m ./envoy/bench

# The newest release of each minor version that is supported. retries.yaml needs 1.38.
ENVOY_VERSIONS := 1.37.0 1.38.3 1.39.3 1.40.0

.PHONY: test-envoy-versions
test-envoy-versions: ## run the default and the retry scenario, and what was recorded, on every supported Envoy
	@for version in $(ENVOY_VERSIONS); do \
	  binary=$$(env -u ENVOY ENVOY_VERSION=$$version envoy/fetch.sh); \
	  echo "Envoy $$version"; \
	  tests='FiveErrorsThroughOneEnvoy|FailuresAreRescued|RecordedMessages'; \
	  [[ $$version == 1.37.* ]] || tests+='|ByTheClustersFilter'; \
	  ENVOY=$$binary $(GO) test -count=1 -run "$$tests" ./envoy/loop ./envoy/blame ./processor; \
	done

.PHONY: record
record: ## record what every supported Envoy sends in each situation, for the tests of the decoders
	@mkdir -p processor/testdata/golden
	@for version in $(ENVOY_VERSIONS); do \
	  binary=$$(env -u ENVOY ENVOY_VERSION=$$version envoy/fetch.sh); \
	  ENVOY=$$binary $(GO) test -tags record -count=1 -run 'TestRecord$$' ./envoy/blame -record $(CURDIR)/processor/testdata/golden \
	    -without "$$([[ $$version == 1.37.* ]] && echo retries.yaml)"; \
	done

.PHONY: bench-cost
bench-cost: envoy ## measure what each sample costs Envoy beside no filter, and write the table into envoy/README.md (about a minute)
	@$(GO) test -run '^$$' -bench Cost -benchtime 1x ./envoy/blame -update
	@sed -n '/^<!-- cost/,/^<!-- .cost/p' envoy/README.md

.PHONY: bench-scale
bench-scale: ## load, publish and show 100,000 hosts in 1,000 clusters, and print the times and the memory
	@$(GO) test -run '^$$' -bench HundredThousandHosts -benchtime 1x ./envoy/loop

.PHONY: blame
blame: envoy ## send every failure through every sample, and write who is charged for it into envoy/README.md
	@$(GO) test ./envoy/blame -count=1 -run 'TestBlame$$' -update

.PHONY: test-rules
test-rules: ## test the Prometheus alerts with promtool, which Debian has in its package prometheus
	@command -v promtool >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq prometheus; } \
		|| { echo "promtool is missing: install the package prometheus" >&2; exit 1; }
	cd envoy/monitoring && promtool check config prometheus.yaml && promtool test rules rules_test.yaml

.PHONY: soak
soak: ## try the rules on 20,000 random sequences of events for each property (10 minutes)
	$(GO) test ./health -rapid.checks=20000 -count=1 -timeout 30m

.PHONY: lint
lint: $(GOLANGCI_LINT) ## run go vet and golangci-lint
	$(GO) vet ./...
	$(GOLANGCI_LINT) run

.PHONY: envoy
envoy: ## fetch the Envoy that .envoy-version names, unless there is one
	@envoy/fetch.sh

.PHONY: clean
clean: ## delete what these targets have made, the fetched tools too
	rm -rf bin artifacts .tools

$(GOLANGCI_LINT):
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

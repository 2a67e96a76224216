# Two commands do everything: `make demo` (the main job) and `make test` (all tests).
GO ?= go

.PHONY: demo test build chaos fuzz screenshot

demo:
	@.ci/setup postgres
	@$(GO) build -o bin/illmail ./cmd/illmail
	@trap : INT; bin/illmail demo $(DEMO)

build:
	$(GO) build -o bin/illmail ./cmd/illmail

test:
	@.ci/setup postgres dovecot gcc chromium npm
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "run gofmt -w on: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -race -shuffle=on -timeout 20m ./...
	$(GO) test -count=1 -v -run 'TestEmbeddedModelIsTheRebuiltOne|TestFigures' ./classifier
	.ci/fuzz

# The long form of what make test does for a minute: FUZZ is as for go test -fuzztime.
FUZZ ?= 2m
fuzz:
	.ci/fuzz $(FUZZ)

# The long form of TestChaos: 2,000 messages in and out, twice, for some minutes.
CHAOS_MESSAGES ?= 2000
chaos:
	@.ci/setup postgres dovecot
	CHAOS_MESSAGES=$(CHAOS_MESSAGES) $(GO) test ./cmd/illmail -run '^TestChaos$$' -count=1 -timeout 60m -v

# The README's picture, taken anew from the demo.
screenshot:
	@.ci/setup postgres chromium
	$(GO) test ./cmd/illmail -run '^TestNewcomer$$' -count=1 -screenshot $(CURDIR)/docs/list.png

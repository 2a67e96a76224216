# Two commands do everything: `make demo` (the main job) and `make test` (all tests).
GO ?= go

.PHONY: demo test build

demo:
	@.ci/setup postgres
	@$(GO) run ./cmd/illmail demo $(DEMO)

build:
	$(GO) build -o bin/illmail ./cmd/illmail

test:
	@.ci/setup postgres dovecot gcc chromium
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "run gofmt -w on: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -race -shuffle=on -timeout 20m ./...

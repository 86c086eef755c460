# Two doors: `make check` and `make test`. .ci/run goes through both and through nothing else.

export CGO_ENABLED := 0
export GOFLAGS := -mod=readonly -buildvcs=false
export GOWORK := off

BIN      := $(CURDIR)/bin
COMMIT   := $(shell git describe --always --abbrev=12 --dirty 2>/dev/null)
LDFLAGS  := -s -w -X main.commit=$(COMMIT)
PREFIX   ?= /usr/local
TARGETS  := linux/amd64 linux/arm64 darwin/arm64
FUZZTIME ?= 5000x
CRASHES  ?= 1000
IMPORTS  ?= 200
SEED     ?= 1

.PHONY: build install check test test-forge fuzz race crash demo bench tools object-store clean

build: ## the program, in bin/rehome
	go build -ldflags '$(LDFLAGS)' -o $(BIN)/rehome ./cmd/rehome

install: build ## the program, manual pages and completions, below PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install $(BIN)/rehome $(DESTDIR)$(PREFIX)/bin/rehome
	$(BIN)/rehome man $(DESTDIR)$(PREFIX)/share/man/man1
	$(BIN)/rehome completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/rehome
	$(BIN)/rehome completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_rehome
	$(BIN)/rehome completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rehome.fish

check: tools ## format, vet, lint, arrows, cross-builds
	@unformatted=$$($(BIN)/gofumpt -l .); if [ -n "$$unformatted" ]; then echo "not formatted (gofumpt -w):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(BIN)/staticcheck ./...
	go test -count=1 .
	@for t in $(TARGETS); do \
		echo "build $$t"; \
		GOOS=$${t%/*} GOARCH=$${t#*/} go build -ldflags '$(LDFLAGS)' -o $(BIN)/$$t/rehome ./cmd/rehome || exit 1; \
	done

test: object-store ## every test, then some thousand inputs of every fuzz target; installs what they need
	.ci/install chromium curl git git-filter-repo git-lfs jq nodejs npm openssh-server postgresql python3-github ruby-octokit
	go test -count=1 -timeout 15m ./...
	.ci/fuzz $(FUZZTIME)

test-forge: ## the tests against a real forge, which the first time takes ten minutes to build
	.ci/install git git-lfs gcc
	.ci/forge
	REHOME_TEST_FORGE=1 go test -run Forge -count=1 -timeout 15m ./e2e/ ./internal/forge/

fuzz: ## FUZZTIME=1m make fuzz: longer
	.ci/fuzz $(FUZZTIME)

race: object-store ## every test under the race detector; wants a C compiler
	CGO_ENABLED=1 go test -race -count=1 -timeout 30m ./...

crash: object-store ## break servers CRASHES times over IMPORTS imports, drawn from SEED, which takes an hour; writes docs/security-report.md
	.ci/install git postgresql
	go test -count=1 -timeout 6h -v ./e2e/crash -args -seed $(SEED) -crashes $(CRASHES) -imports $(IMPORTS) -report $(CURDIR)/docs/security-report.md

demo: ## a repository comes home through the API; the server stays
	.ci/install git curl
	$(MAKE) --no-print-directory build
	demo/run $(BIN)/rehome

bench: build object-store ## side by side with git, git filter-repo and git-lfs; REPOS="a.git name=b.git" for real ones, BENCHFLAGS=-check compares only, =-large measures only with large files, =-load only the API under load, =-forge only moves to a forge, =-workers only several worker processes, =-hostile only beside hostile imports, =-pairs=1 takes less time. Writes docs/benchmarks.md
	.ci/install git git-filter-repo git-lfs postgresql
	go run ./internal/bench -rehome $(BIN)/rehome $(BENCHFLAGS) $(REPOS)

tools:
	cd internal/tools && go build -o $(BIN)/ honnef.co/go/tools/cmd/staticcheck mvdan.cc/gofumpt

object-store: ## versitygw, in bin/versitygw: the real object store of the tests, two minutes to build the first time
	cd internal/tools && go build -o $(BIN)/ github.com/versity/versitygw/cmd/versitygw

clean:
	rm -rf $(BIN)

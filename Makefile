# make demo   set up, then audit the example project
# make test   set up, then the tests that need nothing but Go
# make check  formatting, vet and the linters
# make race   the tests of what has goroutines, under the race detector
# make hostile the largest of the files that try to exhaust us
# make fuzz   every fuzz target for FUZZTIME
# make oracle differential tests against CPython and real torch, and the corpora
# make torchrun  convert --to, with real torch of several versions
# make code   what code scan --fix makes, run with real torch
# make sandbox  attacks on the sandbox, as root and as another user, and real checkpoints, with real torch
# make kernels  the sandbox on three kernels, emulated (nightly, not in CI)
# make enforce  attacks on what andiron exec and andiron enforce hold, as root and as another user, with real torch
# make demo-sandbox  loads a checkpoint that runs code, and shows what it tried
# make fault  files stay whole when any system call fails or is the last one
# make keyless  the tests of the builds that verify Sigstore bundles
# make interop  signatures, against the reference implementation in Python
# make gateway  the gateway in front of MLServer, KServe, Triton, TorchServe and LitServe
# make optest operators are built in every way and called with all that may break them: the planted bugs, with real torch
# make gpu    the planted bugs in kernels, on a GPU under compute-sanitizer (for who has one; not in CI)
# make sdk    the Python package: its wheel, types, and tests with and without torch
# make deps   locks by real uv, pip-tools and poetry, against an index on this machine
# make demo-serve  the example's classifier behind the gateway, and what becomes of bad requests
# make bench  speed, beside picklescan, cp, torch and osv-scanner, and of verified loads (6 GiB of disk, 7 GiB of memory)
# make corpus-real  several hundred files by real frameworks (gigabytes of packages; not in CI)
# make clean  remove what was built
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
.PHONY: gpu gpu-test optest code enforce sandbox kernels demo-sandbox demo-serve gateway verifier deps corpus-real keyless interop sdk torchrun fault build demo test check race hostile fuzz oracle bench clean setup

ifneq ($(MAKECMDGOALS),clean)
GO := $(shell tools/env/go.sh)
endif
export PATH := $(dir $(GO)):$(PATH)
# A Go that is older than go.mod asks for fetches the newer one.
export GOTOOLCHAIN := auto
export ANDIRON_CACHE ?= $(HOME)/.cache/andiron
FUZZTIME ?= 10s
ORACLE_SECONDS ?= 60
BIN := bin/andiron
# What is installed verifies Sigstore bundles, with a program that it has inside;
# "make build TAGS=" leaves that out (docs/adr/0006-keyless-build-tag.md).
TAGS ?= keylessinside
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-s -w"

# go.sh has said why, if there is no Go.
setup:
	@test -n "$(GO)"

build: $(if $(TAGS),verifier,setup)
	@$(GOBUILD) -tags "$(TAGS)" -o $(BIN) ./cmd/andiron

# The tags leave the trace pages of gRPC out, which are templates.
verifier: setup
	@$(GOBUILD) -tags keyless,grpcnotrace -o internal/keyless/verifier.bin ./cmd/andiron-keyless

demo: build
	@code=0; $(BIN) audit examples/vision-service || code=$$?; \
	echo; echo "andiron audit ended with exit code $$code (1: findings at or above the level)"; \
	test $$code -eq 1

test: setup
	go test -timeout 5m ./...

check: setup
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w"; exit 1; }
	go vet ./...
	cd internal/kernel/asm && go vet . && go test .
	tools/lint.sh

# Only these have goroutines or are called from several; readers and rooms may
# not start any, and the whole tree takes too long under the detector.
RACE := ./internal/engine ./internal/guard ./internal/cli ./internal/artifact ./internal/trust ./internal/digest ./internal/imagechild ./internal/pyrun ./internal/fetch ./internal/record ./internal/advisory ./scan
# Of the real program, where several things go on at once: the detector makes each
# start of it slow.
RACED := TestInterrupt|TestParallelAdds|TestScripts/(jobs|audit|stdin|incomplete|trust|sign)$$

race: setup
	tools/env/gcc.sh
	CGO_ENABLED=1 go test -race -timeout 5m $(RACE)
	CGO_ENABLED=1 go test -race -timeout 5m ./cmd/andiron -run '$(RACED)'

# The others of these files are in make test.
hostile: setup
	go test -timeout 15m -tags hostile ./cmd/andiron -run 'Hostile(Sizes|Guard)'

fuzz: setup
	tools/fuzz.sh $(FUZZTIME)

oracle: build
	tools/env/torch.sh --trixie
	tools/env/python.sh
	tools/oracle.sh $(ORACLE_SECONDS)

# TORCHRUN may add interpreters with other versions of torch, ":" before each.
TORCHRUN ?=
torchrun: setup
	tools/env/torch.sh --trixie
	ANDIRON_TORCH="/usr/bin/python3:$(CURDIR)/tools/env/torch26.sh$(TORCHRUN)" \
		go test -tags torch -timeout 20m ./cmd/andiron -run Torch -count 1

# Programs that code scan --fix rewrote are run, with both versions of torch.
code: setup
	tools/env/torch.sh --trixie
	tools/env/python.sh --code
	ANDIRON_HUB="$(ANDIRON_CACHE)/code/bin/python" ANDIRON_TORCH="/usr/bin/python3:$(CURDIR)/tools/env/torch26.sh$(TORCHRUN)" \
		go test -tags torch -timeout 20m ./cmd/andiron -run FixedCode -count 1

# With MORE=1 it is more than CI has the time for: an hour and more on two cores.
sandbox: setup
	tools/env/torch.sh --trixie
	tools/sandbox.sh $(if $(MORE),--more)

# Linux 6.1, 6.12 and the newest of Debian, emulated: minutes for each, so it is not in CI.
kernels: setup
	tools/kernels/kernels.sh

enforce: build
	tools/env/torch.sh
	dir=$$(mktemp -d --tmpdir=/tmp) && chmod 755 "$$dir" && trap 'rm -rf "$$dir"' EXIT && \
	go test -tags enforce -c -o "$$dir/enforce.test" ./internal/enforce && cp bin/andiron "$$dir" && cd internal/enforce && \
	export ANDIRON_TORCH_PYTHONS=/usr/bin/python3 ANDIRON="$$dir/andiron" && \
	"$$dir/enforce.test" -test.timeout 10m -test.run 'Exec|Watch' && \
	mkdir -m 1777 "$$dir/tmp" && cd / && \
	HOME="$$dir/tmp" TMPDIR="$$dir/tmp" setpriv --reuid=1001 --regid=1001 --clear-groups "$$dir/enforce.test" -test.timeout 10m -test.run Exec

demo-sandbox: build
	tools/env/torch.sh
	tools/demo_sandbox.sh

fault: setup
	go test -tags fault -timeout 30m ./cmd/andiron -run TestFault -count 1 -v

sdk: setup
	tools/env/torch.sh --trixie --forky
	tools/env/python.sh
	tools/sdk.sh

# OPTEST=Real leaves out the planted bugs, each set of which takes five minutes with each torch.
OPTEST ?= Real|Optest
optest: build
	tools/env/torch.sh --trixie --compilers
	ANDIRON_OPTEST_PYTHON=/usr/bin/python3 ANDIRON_OPTEST_NEWER="$(CURDIR)/tools/env/inside.sh trixie $(CURDIR)/$(BIN)" \
		go test -tags optest -timeout 60m -count 1 ./internal/cpptool ./internal/opbuild ./internal/optest ./cmd/andiron -run '$(OPTEST)'

gpu: gpu-test
	tools/gpu_optest.sh

# A machine with a GPU may have no Go: the test is one static file.
gpu-test: setup
	CGO_ENABLED=0 go test -c -tags optest -trimpath -ldflags "-s -w" -o bin/gpu.test ./cmd/andiron

deps: setup
	tools/deps.sh

gateway: build
	tools/gateway.sh

demo-serve: build
	tools/demo_serve.sh

# make test is of the small build; this is of that with sigstore-go linked, and of that
# with the verifier inside.
keyless: verifier
	@for tag in keyless keylessinside; do set -x; \
	go vet -tags $$tag ./internal/keyless ./internal/cli ./cmd/andiron && \
	go test -timeout 5m -tags $$tag ./internal/keyless ./internal/cli && \
	go test -timeout 5m -tags $$tag ./cmd/andiron -run Scripts || exit 1; { set +x; } 2>/dev/null; done

interop: setup
	tools/env/python.sh --interop
	ANDIRON_MODEL_SIGNING="$(ANDIRON_CACHE)/interop/bin/python" go test -timeout 20m -tags interop ./cmd/andiron -run Interop -count 1

# Says the verdicts; what is suspicious, dangerous or unreadable is a bug of ours.
corpus-real: build
	tools/corpus/real/make.sh
	-$(BIN) scan --no-progress $(ANDIRON_CACHE)/corpus-real

bench: build
	tools/env/torch.sh
	tools/env/python.sh --peers
	CGO_ENABLED=0 go build -trimpath -o .bench/andiron ./cmd/andiron
	python3 tools/bench.py
	python3 tools/bench_deps.py
	python3 tools/bench_sandbox.py
	$(ANDIRON_CACHE)/venv-torch/bin/python tools/bench_sdk.py
	$(ANDIRON_CACHE)/venv-torch/bin/python tools/bench_guard.py

clean:
	rm -rf bin .bench internal/keyless/verifier.bin

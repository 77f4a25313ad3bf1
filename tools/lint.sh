#!/usr/bin/env bash
# Builds the pinned linter once, then runs it over the tree, and ruff over the Python
# that the binary carries inside. That of the SDK is checked by tools/sdk.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
bin="$cache/bin"
stamp="$bin/golangci-lint.$(sha256sum tools/go.sum | cut -c1-12)"
if [ ! -x "$stamp" ]; then
	mkdir -p "$bin"
	(cd tools && go build -o "$stamp" github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
fi
"$stamp" run ./...
# What only the tags link.
"$stamp" run --build-tags keyless ./internal/keyless/...
make -s verifier
"$stamp" run --build-tags keylessinside ./internal/keyless/...

# It runs with a project's own Python, which may be 3.8, and prints what Go reads. Tables
# are as wide as in Go.
tools/env/python.sh --lint
lint() {
	"$cache/lint/bin/ruff" check --no-cache --config python/pyproject.toml --config 'lint.pycodestyle.max-line-length=150' \
		--target-version py38 "$@"
}
python=(internal/optest/runner internal/optest/testdata internal/opbuild)
lint --config 'src=["internal/optest/runner"]' --extend-ignore T201 "${python[@]}"
# Behind the filter nothing is imported: contextlib neither. What it raises is no error of its own.
worker=internal/sandbox/worker.py
lint --extend-ignore SIM105,N818 "$worker"
"$cache/lint/bin/ruff" format --no-cache --check --config python/pyproject.toml "${python[@]}" "$worker"

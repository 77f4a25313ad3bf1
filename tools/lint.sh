#!/usr/bin/env bash
# Builds the pinned linter once, then runs it over the tree.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${ANDIRON_CACHE:-$HOME/.cache/andiron}/bin"
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

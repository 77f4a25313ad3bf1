#!/usr/bin/env bash
# Installs the pinned uv, pip-tools and poetry, and runs the tests that drive them
# against an index on this machine. What cannot be installed is an error, not a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
tools/env/python.sh --deps
ANDIRON_DEPS_BIN="$cache/deps/bin" go test -tags deps -timeout 10m ./internal/relock -run Real -count 1
ANDIRON_DEPS_BIN="$cache/deps/bin" go vet -tags deps ./internal/relock

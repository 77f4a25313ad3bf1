#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
count=0
while read -r file; do
	pkg=./$(dirname "$file")
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $pkg $target"
		go test "$pkg" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x
		count=$((count + 1))
	done
done < <(git ls-files '*_test.go' | sort)
echo "$count fuzz targets ran for $time each"
test "$count" -gt 0

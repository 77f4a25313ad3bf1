#!/usr/bin/env bash
# Runs every fuzz target of the module for the time, or the number of inputs
# (2000x), given. A run that ends by time sometimes fails with nothing but
# "context deadline exceeded": the fuzzer was stopped in the
# middle of an input. That is no finding, so such a run is made again by number.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10s}
count=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

run() {
	if go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 10x 2>&1 | tee "$log"; then
		return
	fi
	if grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log"; then
		go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime 1000x -fuzzminimizetime 10x
		return
	fi
	return 1
}

while read -r file; do
	pkg=./$(dirname "$file")
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file"); do
		echo "== $pkg $target"
		run "$pkg" "$target" "$time"
		count=$((count + 1))
	done
done < <(git ls-files '*_test.go' | sort)
echo "$count fuzz targets ran for $time each"
test "$count" -gt 0

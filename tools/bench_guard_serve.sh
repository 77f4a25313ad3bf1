#!/usr/bin/env bash
# Speed of the gateway beside a proxy without validation, httputil.ReverseProxy
# (tuned) and no proxy, in the same run, each a process of its own.
#
#   tools/bench_guard_serve.sh                   throughput, CPU, latency
#   tools/bench_guard_serve.sh -aborts 100000    count connections that break
#   tools/bench_guard_serve.sh -soak 30m         good, malformed and slow clients
#   tools/bench_guard_serve.sh -proxies 0,1 -others 2-15
#                                                proxies have two processors alone
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .bench
go test -tags bench -c -o .bench/guard ./internal/guard
exec .bench/guard -test.run 'TestServe$' -test.timeout 0 "$@"

#!/usr/bin/env bash
# Holds internal/oip against the codecs of tritonclient, KServe and MLServer, both
# ways: what they send is read as what they meant, and what we write is read by them
# as the same. Run by hand, with two Pythons, as KServe and MLServer do not live in
# one environment:
#
#   tools/oip/clients.sh PYTHON PYTHON
#
#   the first has tritonclient[http,grpc] and kserve (2.73.0 and 0.21.0 wrote the
#   vectors), the second mlserver (1.7.1)
#
# testdata/vectors/wire/clients.jsonl is written anew, and should not change.
set -euo pipefail
cd "$(dirname "$0")/../.."
kserve=$1 mlserver=$2
vectors=testdata/vectors/wire
new=$(mktemp)
trap 'rm -f "$new"' EXIT

{
	"$kserve" -W ignore tools/oip/clients.py write tritonclient
	"$kserve" -W ignore tools/oip/clients.py write kserve
	"$mlserver" -W ignore tools/oip/clients.py write mlserver
} >"$new"
cp "$new" "$vectors/clients.jsonl"
go test ./internal/oip -run TestClientFile -update -count 1
go test ./internal/oip -run 'TestVectors|TestClientFile' -count 1
git diff --stat -- "$vectors/clients.jsonl"

"$kserve" -W ignore tools/oip/clients.py read tritonclient "$vectors"/*.jsonl
"$kserve" -W ignore tools/oip/clients.py read kserve "$vectors"/*.jsonl
"$mlserver" -W ignore tools/oip/clients.py read mlserver "$vectors"/*.jsonl

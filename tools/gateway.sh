#!/usr/bin/env bash
# Installs MLServer, KServe's SDK and tritonclient (pinned), and asks them through
# the real andiron guard serve. What cannot be installed is an error, not a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
tools/env/torch.sh
tools/env/python.sh --gateway
"$cache/gateway-mlserver/bin/python" tools/gateway/check.py "$PWD/bin/andiron" "$cache/gateway-mlserver/bin/python" "$cache/gateway-kserve/bin/python"

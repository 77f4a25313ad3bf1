#!/usr/bin/env bash
# Installs MLServer, KServe's SDK, Triton, TorchServe, LitServe and tritonclient
# (pinned), and asks them through the real andiron guard serve. What cannot be
# installed or does not come up is an error, not a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
tools/env/torch.sh
tools/env/java.sh
tools/env/python.sh --gateway
python() { echo "$cache/gateway-$1/bin/python"; }
"$(python mlserver)" tools/gateway/check.py "$PWD/bin/andiron" "$(python mlserver)" "$(python kserve)"
"$(python triton)" tools/gateway/check_triton.py "$PWD/bin/andiron" "$(python triton)"
"$(python torchserve)" tools/gateway/check_rest.py "$PWD/bin/andiron" "$(python torchserve)" "$(python litserve)"

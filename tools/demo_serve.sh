#!/usr/bin/env bash
# Serves the classifier of examples/vision-service by KServe's SDK, with models that
# andiron.lock names and no others, behind andiron guard serve; and shows what becomes
# of good and bad requests.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
tools/env/torch.sh
tools/env/python.sh --gateway
python=$cache/gateway-kserve/bin/python
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall ./python
"$python" tools/gateway/demo.py "$PWD/bin/andiron"

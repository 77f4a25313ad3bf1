#!/usr/bin/env bash
# Runs python3 with the newest torch, inside the chroot that torch.sh --forky made,
# like torch26.sh.
set -euo pipefail
export ANDIRON_CHROOT=${ANDIRON_CACHE:-$HOME/.cache/andiron}/forky
exec "$(dirname "$0")/torch26.sh" "$@"

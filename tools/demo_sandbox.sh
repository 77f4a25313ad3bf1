#!/usr/bin/env bash
# Loads a checkpoint that tries to run a shell, read a file and connect when it is
# loaded. What it would leave is one file in a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

/usr/bin/python3 - "$dir" <<'END'
import sys
import torch

CODE = """
import os, socket
for attempt in (
    lambda: os.system("touch %s/marker"),
    lambda: open("/etc/passwd").read(),
    lambda: socket.socket().connect(("127.0.0.1", 9)),
):
    try:
        attempt()
    except OSError:
        pass
"""


class Run:
    def __reduce__(self):
        return exec, (CODE % sys.argv[1], {})


torch.save({"weight": torch.zeros(3)}, sys.argv[1] + "/good.pt")
torch.save({"weight": torch.zeros(3), "run": Run()}, sys.argv[1] + "/bad.pt")
END

load() {
	local code=0
	echo "\$ andiron sandbox load $1.pt -o $1.safetensors"
	(cd "$dir" && "$OLDPWD/bin/andiron" sandbox load "$1.pt" -o "$1.safetensors" --python /usr/bin/python3) || code=$?
	echo "exit code $code"
	echo
	[ "$code" = "$2" ] || exit 1
}
load good 0
load bad 1
if [ -e "$dir/marker" ] || [ -e "$dir/bad.safetensors" ] || [ ! -s "$dir/good.safetensors" ]; then
	echo "something came out that should not have, or nothing where it should" >&2
	exit 1
fi
echo "no file was made by bad.pt, and nothing of it was handed out"

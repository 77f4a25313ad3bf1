#!/usr/bin/env bash
# Makes ${ANDIRON_CACHE:-~/.cache/andiron}/corpus-real: files by real frameworks, for
# the search for false positives. Run as root after tools/env/torch.sh --trixie.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
out=$cache/corpus-real
export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
pip=(-m pip install --quiet --disable-pip-version-check)

apt-get install -y -qq --no-install-recommends python3-torchvision >>"$cache/apt.log" 2>&1
if [ ! -x "$cache/venv-real/bin/python" ]; then
	/usr/bin/python3 -m venv --system-site-packages "$cache/venv-real"
	"$cache/venv-real/bin/python" "${pip[@]}" -r "$here/requirements-torch.txt"
	"$cache/venv-real/bin/python" "${pip[@]}" --no-deps -r "$here/requirements-torch-nodeps.txt"
fi
if [ ! -x "$cache/venv-real-np2/bin/python" ]; then
	/usr/bin/python3 -m venv "$cache/venv-real-np2"
	"$cache/venv-real-np2/bin/python" "${pip[@]}" --no-deps -r "$here/requirements-numpy2.txt"
fi
if [ ! -d "$cache/real-py313" ]; then
	grep -v antlr4 "$here/requirements-torch26.txt" >"$cache/real-py313.txt"
	"$cache/venv-real/bin/python" "${pip[@]}" --target "$cache/real-py313" --no-deps --only-binary=:all: --python-version 3.13 --implementation cp -r "$cache/real-py313.txt"
	"$cache/venv-real/bin/python" "${pip[@]}" --target "$cache/real-py313" --no-deps antlr4-python3-runtime==4.9.3
fi
mkdir -p "$out"
"$cache/venv-real-np2/bin/python" "$here/real.py" "$out" numpy2 boosting
# ultralytics and others write files beside them.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$cache/venv-real/bin/python" "$here/real.py" "$out" torch113 transformers lightning
"$cache/venv-real/bin/python" "$here/real.py" "$out" torch113 vision
cd "$cache"
"$here/../../env/torch26.sh" "$here/real.py" --lib real-py313 corpus-real torch26 transformers lightning

#!/usr/bin/env bash
# Makes both corpora under a folder (default ${ANDIRON_CACHE:-~/.cache/andiron}/corpus):
#
#   tools/corpus/make.sh [--all] [OUT]
#
# gives OUT/benign and OUT/malicious, each with manifest.json. Benign files come
# from every interpreter that tools/env made; one that is missing is said loudly
# and left out, and is an error with --all.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
all=
if [ "${1:-}" = --all ]; then
	all=1
	shift
fi
out=${1:-$cache/corpus}
export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1

missing() {
	if [ -n "$all" ]; then
		echo "make.sh: no $1, run $2" >&2
		exit 1
	fi
	echo "make.sh: WARNING: no $1, run $2" >&2
}

mkdir -p "$out"
out=$(cd "$out" && pwd -P)
rm -rf "$out/benign" "$out/malicious"
python3 "$here/malicious.py" "$out/malicious"
for venv in venv venv-torch; do
	if [ -x "$cache/$venv/bin/python" ]; then
		"$cache/$venv/bin/python" "$here/benign.py" "$out/benign" "$venv"
	else
		missing "$venv" tools/env/python.sh
	fi
done
if [ -x "$cache/trixie/usr/bin/python3" ]; then
	# The chroot sees the folder it is called from.
	(cd "$out" && "$here/../env/torch26.sh" "$here/benign.py" benign torch-2.6)
else
	missing "torch 2.6" "tools/env/torch.sh --trixie"
fi

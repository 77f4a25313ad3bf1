#!/usr/bin/env bash
# Makes both corpora under a folder (default ${ANDIRON_CACHE:-~/.cache/andiron}/corpus):
#
#   tools/corpus/make.sh [OUT]     OUT/benign and OUT/malicious, each with manifest.json
#
# Benign files come from every interpreter that tools/env made; one that is
# missing is said loudly and left out.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
out=${1:-$cache/corpus}
mkdir -p "$out"
out=$(cd "$out" && pwd -P)
export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1

rm -rf "$out/benign" "$out/malicious"
python3 "$here/malicious.py" "$out/malicious"
for venv in venv venv-torch; do
	if [ -x "$cache/$venv/bin/python" ]; then
		"$cache/$venv/bin/python" "$here/benign.py" "$out/benign" "$venv"
	else
		echo "make.sh: WARNING: no $venv, run tools/env/python.sh" >&2
	fi
done
if [ -x "$cache/trixie/usr/bin/python3" ]; then
	# The chroot sees the folder it is called from.
	(cd "$out" && "$here/../env/torch26.sh" "$here/benign.py" benign torch-2.6)
else
	echo "make.sh: WARNING: no torch 2.6, run tools/env/torch.sh --trixie" >&2
fi

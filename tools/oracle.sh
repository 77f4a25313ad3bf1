#!/usr/bin/env bash
# Holds andiron against CPython, real torch and the corpora. The environments
# come from tools/env; what is missing is an error here, not a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
here=$PWD

echo "== pickles against CPython, ${1:-60} s"
ORACLE_SECONDS=${1:-60} go test -tags oracle ./pickle -run Differential -count 1

# Debian's own Python, and the oldest and the newest of pyenv if they are there.
# ANDIRON_PYTHONS names others.
pythons=${ANDIRON_PYTHONS:-$(ls -d /usr/bin/python3 "$HOME"/.pyenv/versions/3.{8,13,14}.*/bin/python3 2>/dev/null || true)}
echo "== Python source against CPython's ast, of $pythons"
ANDIRON_PYTHONS=$pythons go test -tags oracle ./internal/pysrc -run DifferentialAST -count 1 -timeout 30m -v | grep -v '^=== '

echo "== zip look-ups against torch 1.13 and 2.6"
ANDIRON_ZIP_ORACLE="/usr/bin/python3 $here/tools/corpus/zip_oracle.py;$here/tools/env/torch26.sh $here/tools/corpus/zip_oracle.py" \
	go test -tags oracle ./torchfile -run ZipLookups -count 1

echo "== corpora"
tools/corpus/make.sh --all "$cache/corpus"
ANDIRON_CORPUS="$cache/corpus" \
	ANDIRON_WEIGHTS_ORACLE="1.13-2.0=/usr/bin/python3 $here/tools/oracle/weights_only.py;2.6-2.9=$here/tools/env/torch26.sh $here/tools/oracle/weights_only.py" \
	go test -tags oracle ./scan -run 'Corpus|WeightsOnly' -count 1 -v | grep -v '^=== '

echo "== the safetensors writer against the reference"
venv="$cache/venv/bin/python"
ANDIRON_SAFETENSORS_ORACLE="$venv $here/tools/oracle/safetensors_writer.py" go test -tags oracle ./safetensors -run Reference -count 1

echo "== convert against safetensors and torch"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$venv" tools/oracle/convert_oracle.py golden bin/andiron testdata/golden/torch "$out"
"$cache/venv-torch/bin/python" tools/oracle/convert_oracle.py read "$out"
"$cache/venv-torch/bin/python" tools/oracle/convert_oracle.py torch "$here/bin/andiron" testdata/golden/torch
tools/env/torch26.sh tools/oracle/convert_oracle.py torch "$here/bin/andiron" testdata/golden/torch

echo "== versions, specifiers, requirements and markers: what packaging says is what we have"
for pep in pep440 pep508; do
	"$venv" "tools/oracle/${pep}_vectors.py" "$out/$pep.gz"
	cmp <(gunzip -c "$out/$pep.gz") <(gunzip -c "internal/$pep/testdata/vectors.jsonl.gz")
done

#!/usr/bin/env bash
# Runs andiron ops test on the operators of testdata/ops/gpu, on a GPU, and holds what it
# finds against what is planted there: each bug is found, and no correct twin accused.
#
# It needs a GPU, the CUDA toolkit (nvcc, compute-sanitizer), g++, and a python3 with a
# torch for CUDA, pytest, setuptools and ninja, which ANDIRON_GPU_PYTHON may name. Where
# there is no Go, bin/gpu.test is run, which "make gpu-test" builds elsewhere: it is
# static, and has all of andiron inside. What a run leaves behind goes to OUT, if set.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-$(mktemp -d)}
mkdir -p "$out"
export ANDIRON_GPU_OUT=$out ANDIRON_GPU_PYTHON=${ANDIRON_GPU_PYTHON:-$(command -v python3)} XDG_CACHE_HOME=$out/cache
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
"$ANDIRON_GPU_PYTHON" -c 'import sys, torch; print("Python", sys.version.split()[0], "torch", torch.__version__)'
if [ ! -f bin/gpu.test ]; then
	make gpu-test
fi
chmod +x bin/gpu.test
cd cmd/andiron
status=0
../../bin/gpu.test -test.run '^TestGPUCorpus$' -test.v -test.count 1 -test.timeout "${LIMIT:-9m}" >"$out/gpu.txt" 2>&1 || status=$?
tail -n 200 "$out/gpu.txt"
exit "$status"

#!/usr/bin/env bash
# Makes the Python environments that the oracles, the corpora and the bench use,
# under ${ANDIRON_CACHE:-~/.cache/andiron}:
#
#   venv        requirements-oracle.txt: numpy 2, scikit-learn, joblib, ...
#   venv-torch  requirements-torch.txt on top of Debian's torch 1.13, if that is
#               installed (tools/env/torch.sh)
#   peers       with --peers, requirements-peers.txt: what the bench compares with
#   deps        with --deps, and then nothing else: requirements-deps.txt
#   interop     with --interop, and then nothing else: requirements-interop.txt
#   lint        with --lint, and then nothing else: requirements-sdk-lint.txt, ruff
#               and mypy for the Python that is in Go and, with what it needs, the SDK
#   code        with --code, and then nothing else: requirements-code.txt on top of
#               Debian's torch 1.13 (tools/env/torch.sh)
#   gateway-mlserver, -kserve, -triton, -torchserve, -litserve
#               with --gateway, and then nothing else: requirements-gateway-*.txt on
#               top of Debian's torch 1.13 (tools/env/torch.sh)
#
# An environment is left alone while its requirements file is unchanged. One that
# cannot be made is an error; a peer that cannot be had is said loudly and is none:
# the bench then runs without it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}

# apt installs the packages named; what it says goes to a log.
apt() {
	if ! apt-get update -qq >&2 ||
		! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$cache/apt.log" 2>&1; then
		echo "python.sh: apt-get could not install $*, see $cache/apt.log" >&2
		exit 1
	fi
}

# base_python prints a Python that can make virtual environments.
base_python() {
	local python
	for python in /usr/bin/python3 python3; do
		if "$python" -I -c 'import ensurepip, venv' 2>/dev/null; then
			command -v "$python"
			return
		fi
	done
	apt python3 python3-venv
	echo /usr/bin/python3
}

# make_venv PYTHON NAME REQUIREMENTS [VENV OPTION...]
make_venv() {
	local python=$1 dir=$cache/$2 requirements=$here/$3 stamp
	shift 3
	stamp=$dir/.andiron-$(sha256sum "$requirements" | cut -c1-16)
	if [ -e "$stamp" ] && "$dir/bin/python" -c '' 2>/dev/null; then
		return
	fi
	rm -rf "$dir"
	"$python" -m venv "$@" "$dir" &&
		"$dir/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" &&
		touch "$stamp"
}

mkdir -p "$cache"
python=$(base_python)
if [ "${1:-}" = --deps ]; then
	make_venv "$python" deps requirements-deps.txt
	echo "deps: $cache/deps/bin/uv"
	exit 0
fi
if [ "${1:-}" = --interop ]; then
	make_venv "$python" interop requirements-interop.txt
	echo "interop: $cache/interop/bin/python"
	exit 0
fi
if [ "${1:-}" = --lint ]; then
	make_venv "$python" lint requirements-sdk-lint.txt
	echo "lint: $cache/lint/bin/ruff"
	exit 0
fi
if [ "${1:-}" = --code ]; then
	make_venv /usr/bin/python3 code requirements-code.txt --system-site-packages
	echo "code: $cache/code/bin/python"
	exit 0
fi
if [ "${1:-}" = --gateway ]; then
	for server in mlserver kserve triton torchserve litserve; do
		make_venv /usr/bin/python3 gateway-$server requirements-gateway-$server.txt --system-site-packages
		echo "gateway: $cache/gateway-$server/bin/python"
	done
	exit 0
fi
make_venv "$python" venv requirements-oracle.txt
echo "venv: $cache/venv/bin/python"

if /usr/bin/python3 -I -c 'import torch' 2>/dev/null; then
	if ! /usr/bin/python3 -I -c 'import ensurepip' 2>/dev/null; then
		apt python3-venv
	fi
	make_venv /usr/bin/python3 venv-torch requirements-torch.txt --system-site-packages
	echo "venv-torch: $cache/venv-torch/bin/python"
else
	echo "python.sh: no torch for /usr/bin/python3, so no venv-torch; run tools/env/torch.sh first" >&2
fi

if [ "${1:-}" != --peers ]; then
	exit 0
fi
if make_venv "$python" peers requirements-peers.txt; then
	echo "peers: $cache/peers/bin/picklescan"
else
	echo "python.sh: WARNING: picklescan cannot be installed here; the bench runs without it" >&2
fi

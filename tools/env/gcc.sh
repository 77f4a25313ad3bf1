#!/usr/bin/env bash
# Makes sure that there is a C compiler, which the race detector links with.
set -euo pipefail
if command -v "${CC:-gcc}" >/dev/null && echo '#include <stdlib.h>' | "${CC:-gcc}" -E - >/dev/null 2>&1; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "gcc.sh: no C compiler; install gcc and libc6-dev, or run this as root on Debian" >&2
	exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null 2>&1 || {
	echo "gcc.sh: apt-get could not install gcc and libc6-dev" >&2
	exit 1
}

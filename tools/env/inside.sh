#!/usr/bin/env bash
# Runs a command with the system of a chroot that torch.sh made as its root, so that it
# may make namespaces of its own, which a process in a chroot may not.
#
#   tools/env/inside.sh SUITE COMMAND...     SUITE is trixie or forky
#
# This repository and /tmp are visible under their own paths. The mounts live in a
# private namespace and are gone when the command ends.
set -euo pipefail

root=${ANDIRON_CACHE:-$HOME/.cache/andiron}/$1
repo=$(cd "$(dirname "$0")/../.." && pwd -P)
shift

if [ ! -x "$root/usr/bin/python3" ] || [ "$(id -u)" != 0 ]; then
	echo "inside.sh: run as root, and make $root with tools/env/torch.sh --${root##*/}" >&2
	exit 69
fi
for device in "null c 1 3" "zero c 1 5" "urandom c 1 9"; do
	# shellcheck disable=SC2086 # they are four words
	[ -e "$root/dev/${device%% *}" ] || mknod -m 666 "$root/dev/${device%% *}" ${device#* }
done

exec unshare --mount --propagation private bash -c '
	set -eu
	root=$1 repo=$2 here=$3
	shift 3
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	for dir in /tmp "$repo"; do
		mkdir -p "$root$dir"
		mount --bind "$dir" "$root$dir"
	done
	cd "$root"
	pivot_root . mnt
	umount -l /mnt
	cd "$here" 2>/dev/null || cd /
	exec "$@"
' bash "$root" "$repo" "$PWD" "$@"

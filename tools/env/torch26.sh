#!/usr/bin/env bash
# Runs python3 with torch 2.6 inside the chroot that torch.sh --trixie made.
#
#   tools/env/torch26.sh ARGS...     like `python3 ARGS...`
#
# The current folder, this repository, /tmp and $TMPDIR are visible under their
# own paths, so relative and absolute arguments mean the same inside. The mounts
# live in a private namespace and are gone when the command ends.
set -euo pipefail

cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
root=${ANDIRON_CHROOT:-$cache/trixie} # another one for torchnew.sh and runs by hand
repo=$(cd "$(dirname "$0")/../.." && pwd -P)

if [ ! -x "$root/usr/bin/python3" ]; then
	echo "torch26.sh: no chroot at $root; make it with tools/env/torch.sh --${root##*/}" >&2
	exit 69
fi
if [ "$(id -u)" != 0 ]; then
	echo "torch26.sh: run as root: it enters a chroot" >&2
	exit 69
fi
if [ ! -e "$root/dev/null" ]; then
	mknod -m 666 "$root/dev/null" c 1 3
fi

exec unshare --mount --propagation private bash -c '
	set -eu
	root=$1 repo=$2 here=$3 tmp=$4
	shift 4
	mount -t proc proc "$root/proc"
	seen=" "
	for dir in /tmp "$tmp" "$repo" "$here"; do
		case "$dir" in /) continue ;; esac
		case "$seen" in *" $dir "*) continue ;; esac
		seen="$seen$dir "
		mkdir -p "$root$dir"
		mount --bind "$dir" "$root$dir"
	done
	exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin HOME=/root LANG=C.UTF-8 TMPDIR="$tmp" \
		PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 \
		sh -c "cd \"\$1\" && shift && exec python3 \"\$@\"" sh "$here" "$@"
' bash "$root" "$repo" "$(pwd -P)" "${TMPDIR:-/tmp}" "$@"

#!/usr/bin/env bash
# Installs the PyTorch oracles on Debian 12, as root.
#
#   tools/env/torch.sh            torch 1.13 for /usr/bin/python3 (about 1 GB)
#   tools/env/torch.sh --trixie   also torch 2.6 in a chroot under
#                                 ${ANDIRON_CACHE:-~/.cache/andiron}/trixie (1.6 GB)
#
# Running it again does nothing when the oracle already answers. The chroot is
# entered with tools/env/torch26.sh; it holds no mount when nothing runs in it.
set -euo pipefail

cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
root=$cache/trixie
export DEBIAN_FRONTEND=noninteractive

die() {
	echo "torch.sh: $*" >&2
	exit 1
}

# apt_mirror prints the archive that this machine already uses for Debian.
apt_mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' |
		grep -v -e security -e backports | head -n 1
}

# apt installs the packages named; what it says goes to a log.
apt() {
	apt-get update -qq &&
		apt-get install -y -qq --no-install-recommends "$@" >>"$cache/apt.log" 2>&1 ||
		die "apt-get could not install $*, see $cache/apt.log"
}

install_113() {
	if /usr/bin/python3 -I -c 'import torch' 2>/dev/null; then
		return
	fi
	echo "torch.sh: installing torch 1.13" >&2
	apt python3-torch python3-numpy
}

# share_apt_settings gives the chroot the proxy and retry settings of this
# machine, so that it reaches the same archive.
share_apt_settings() {
	cp -f /etc/resolv.conf "$root/etc/resolv.conf"
	cp -f /etc/hosts "$root/etc/hosts"
	for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/99*; do
		if [ -f "$file" ]; then
			cp -f "$file" "$root/etc/apt/apt.conf.d/"
		fi
	done
}

install_26() {
	if "$(dirname "$0")/torch26.sh" -I -c 'import torch, numpy, safetensors' 2>/dev/null; then
		return
	fi
	command -v debootstrap >/dev/null || apt debootstrap
	echo "torch.sh: installing torch 2.6 into $root" >&2
	if [ ! -e "$root/.andiron-base" ]; then
		local mirror
		mirror=$(apt_mirror)
		# A half-made chroot cannot be continued.
		rm -rf "$root"
		mkdir -p "$root"
		debootstrap --variant=minbase trixie "$root" ${mirror:+"$mirror"} >"$cache/trixie.log" 2>&1 ||
			die "debootstrap ended with an error, see $cache/trixie.log"
		touch "$root/.andiron-base"
	fi
	share_apt_settings
	# A private mount namespace: /proc vanishes with the last process in it.
	unshare --mount --propagation private sh -c '
		mount -t proc proc "$1/proc" &&
		chroot "$1" apt-get update -qq &&
		chroot "$1" apt-get install -y -qq --no-install-recommends python3-torch python3-numpy python3-safetensors' \
		sh "$root" >>"$cache/trixie.log" 2>&1 || die "torch 2.6 could not be installed in the chroot, see $cache/trixie.log"
}

[ "$(id -u)" = 0 ] || die "run as root: it installs Debian packages"
mkdir -p "$cache"
install_113
/usr/bin/python3 -I -c 'import torch; print("torch", torch.__version__, "for /usr/bin/python3")'
case ${1:-} in
"") ;;
--trixie)
	install_26
	"$(dirname "$0")/torch26.sh" -I -c 'import torch; print("torch", torch.__version__, "for tools/env/torch26.sh")'
	;;
*) die "unknown option $1" ;;
esac

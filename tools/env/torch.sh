#!/usr/bin/env bash
# Installs the PyTorch oracles on Debian 12, as root.
#
#   tools/env/torch.sh            torch 1.13 for /usr/bin/python3 (about 1 GB)
#   tools/env/torch.sh --trixie   also torch 2.6 in a chroot under
#                                 ${ANDIRON_CACHE:-~/.cache/andiron}/trixie (1.6 GB)
#   tools/env/torch.sh --forky    also the Python and torch of Debian testing, which
#                                 are 3.14 and 2.14 or newer, in .../forky (1.6 GB)
#   tools/env/torch.sh --trixie --compilers
#                                 also what builds and checks extensions, for 1.13 and
#                                 in the chroots named before (0.5 GB each)
#
# Running it again does nothing when the oracle already answers, so forky stands
# still until its folder is removed. A chroot is entered with tools/env/torch26.sh
# or torchnew.sh; it holds no mount when nothing runs in it.
set -euo pipefail

cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}
here=$(cd "$(dirname "$0")" && pwd -P)
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

# share_apt_settings ROOT gives the chroot the proxy and retry settings of this
# machine, so that it reaches the same archive.
share_apt_settings() {
	cp -f /etc/resolv.conf "$1/etc/resolv.conf"
	cp -f /etc/hosts "$1/etc/hosts"
	for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/99*; do
		if [ -f "$file" ]; then
			cp -f "$file" "$1/etc/apt/apt.conf.d/"
		fi
	done
}

# make_chroot SUITE PACKAGE... installs the suite and the packages in $cache/SUITE.
make_chroot() {
	local suite=$1 root=$cache/$1 log=$cache/$1.log mirror
	shift
	command -v debootstrap >/dev/null || apt debootstrap
	echo "torch.sh: installing $1 and others of $suite into $root" >&2
	if [ ! -e "$root/.andiron-base" ]; then
		mirror=$(apt_mirror)
		# A half-made chroot cannot be continued.
		rm -rf "$root"
		mkdir -p "$root"
		# No mirror is that of debootstrap, which knows no suites later than itself:
		# the script of sid is that of all of them.
		debootstrap --variant=minbase "$suite" "$root" "$mirror" sid >"$log" 2>&1 ||
			die "debootstrap ended with an error, see $log"
		touch "$root/.andiron-base"
	fi
	share_apt_settings "$root"
	# A private mount namespace: /proc vanishes with the last process in it.
	unshare --mount --propagation private sh -c '
		root=$1 && shift &&
		mount -t proc proc "$root/proc" &&
		chroot "$root" dpkg --configure -a && # of a run that was ended
		chroot "$root" apt-get update -qq &&
		chroot "$root" apt-get install -y -qq --no-install-recommends "$@" &&
		chroot "$root" apt-get clean' \
		sh "$root" "$@" >>"$log" 2>&1 || die "torch could not be installed in the chroot, see $log"
}

install_26() {
	if "$here/torch26.sh" -I -c 'import torch, numpy, safetensors' 2>/dev/null; then
		return
	fi
	make_chroot trixie python3-torch python3-numpy python3-safetensors
}

install_new() {
	if "$here/torchnew.sh" -I -c 'import torch, numpy, safetensors, pandas' 2>/dev/null; then
		return
	fi
	make_chroot forky python3-torch python3-numpy python3-safetensors python3-pandas
}

# builders are the packages that an extension is built, checked and tested with.
builders="g++ libtorch-dev pybind11-dev python3-dev python3-setuptools python3-pytest ninja-build cmake"

install_compilers() {
	local suite
	# shellcheck disable=SC2086 # they are words
	if ! dpkg -s $builders clang-tidy cppcheck valgrind >/dev/null 2>&1; then
		echo "torch.sh: installing compilers for torch 1.13" >&2
		apt $builders clang-tidy cppcheck valgrind
	fi
	for suite in "$@"; do
		# shellcheck disable=SC2086
		if ! chroot "$cache/$suite" dpkg -s $builders >/dev/null 2>&1; then
			make_chroot "$suite" $builders
		fi
	done
}

[ "$(id -u)" = 0 ] || die "run as root: it installs Debian packages"
mkdir -p "$cache"
install_113
/usr/bin/python3 -I -c 'import torch; print("torch", torch.__version__, "for /usr/bin/python3")'
suites=
for option in "$@"; do
	case $option in
	--trixie)
		install_26
		suites="$suites trixie"
		"$here/torch26.sh" -I -c 'import torch; print("torch", torch.__version__, "for tools/env/torch26.sh")'
		;;
	--forky)
		install_new
		suites="$suites forky"
		"$here/torchnew.sh" -I -c 'import sys, torch; print("torch", torch.__version__, "on Python", sys.version.split()[0], "for tools/env/torchnew.sh")'
		;;
	--compilers)
		# shellcheck disable=SC2086
		install_compilers $suites
		;;
	*) die "unknown option $option" ;;
	esac
done

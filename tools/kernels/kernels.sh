#!/usr/bin/env bash
# Boots the cloud kernels of three releases of Debian in an emulator, without KVM, and
# has each of them run what of the tests of the sandbox needs nothing but Go, as root
# and as another user.
#
#   tools/kernels/kernels.sh            those of bookworm, trixie and sid: 6.1, 6.12, newest
#   tools/kernels/kernels.sh trixie     only that one
#
# As root on Debian: it installs the emulator. Kernels are kept under ANDIRON_CACHE
# until their folder is removed. ANDIRON_KERNEL_TESTS=DIR adds programs of tests: each is run
# on every kernel, with the arguments that a file beside it of the same name and
# .args has.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${ANDIRON_CACHE:-$HOME/.cache/andiron}/kernels
suites=("$@")
[ "$#" != 0 ] || suites=(bookworm trixie sid)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache"

die() {
	echo "kernels.sh: $*" >&2
	exit 1
}

# install gets the emulator and what an image is made with.
install() {
	command -v qemu-system-x86_64 busybox cpio xz mkfs.ext4 >/dev/null && [ "$(command -v busybox qemu-system-x86_64 cpio xz mkfs.ext4 | wc -l)" = 5 ] && return
	[ "$(id -u)" = 0 ] || die "run as root: it installs the emulator"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		qemu-system-x86 busybox-static cpio xz-utils e2fsprogs >"$cache/apt.log" 2>&1 || die "apt-get failed, see $cache/apt.log"
}

# mirror prints the archive that this machine uses for Debian.
mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" |
		grep -v -e security -e backports | head -n 1
}

# settings has apt work in a folder of its own, with the proxy of this machine.
settings() {
	local dir=$1 from
	from=$(mirror)
	[ -n "$from" ] || die "apt names no archive of Debian"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$from" "$2" >"$dir/sources.list"
	cat >"$dir/apt.conf" <<-CONF
		Dir::Etc::SourceList "$dir/sources.list";
		Dir::Etc::SourceParts "-";
		Dir::State::Lists "$dir/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$dir/cache";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		APT::Sandbox::User "root";
	CONF
	export APT_CONFIG=$dir/apt.conf
}

# get leaves in $cache/SUITE the kernel, its name, and the modules that the tests want.
get() {
	local suite=$1 to=$cache/$1 dir=$work/$1 module found
	[ ! -e "$to/name" ] || return 0
	echo "kernels.sh: getting the kernel of $suite" >&2
	(
		settings "$dir" "$suite"
		cd "$dir"
		apt-get update -qq
		apt-cache depends --recurse --no-{recommends,suggests,conflicts,breaks,replaces,enhances} linux-image-cloud-amd64 |
			grep -E '^linux-(image|binary|modules)-.*[0-9].*' | sort -u | xargs apt-get download -qq
		for deb in *.deb; do dpkg-deb -x "$deb" files; done
	)
	rm -rf "$to"
	mkdir -p "$to"
	found=$(find "$dir/files" -name 'vmlinuz*' -type f | head -n 1)
	[ -n "$found" ] || die "the packages of $suite have no kernel"
	cp "$found" "$to/vmlinuz"
	for module in loop overlay; do
		find "$dir/files" -name "$module.ko" -exec cp {} "$to/" \;
		find "$dir/files" -name "$module.ko.xz" -exec sh -c 'xz -dc "$1" >"$2"' sh {} "$to/$module.ko" \;
		[ -s "$to/$module.ko" ] || die "the kernel of $suite has no module $module"
	done
	find "$dir/files" -path '*/modules/*' -name kernel -type d | sed 's,.*/modules/,,; s,/kernel$,,' | head -n 1 >"$to/name"
	rm -rf "$dir"
}

# tests builds the programs that every kernel runs.
tests() {
	mkdir -p "$work/tests"
	for package in sandbox seccomp; do
		CGO_ENABLED=0 go test -c -ldflags "-s -w" -o "$work/tests/$package.test" "./internal/$package"
	done
	# What needs the sources of the project, or many minutes here, is left out.
	echo "-test.timeout 15m -brief -table /dev/console -test.run ^Test(Abuse|Pitfall0[3-9].*|LeaseBroken|Writers|NoFile|SupervisorKilled|GroupHere|VerityHere|Degraded|Yama)$" >"$work/tests/sandbox.args"
	echo "-test.timeout 5m -test.run Kernel" >"$work/tests/seccomp.args"
	if [ -n "${ANDIRON_KERNEL_TESTS:-}" ]; then cp "$ANDIRON_KERNEL_TESTS"/* "$work/tests/"; fi
}

# image makes the first file system of a kernel.
image() {
	local suite=$1 root=$work/root
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,etc,modules,new,proc,tests,usr/bin}
	cp "$(command -v busybox)" "$root/bin/busybox"
	"$root/bin/busybox" --install -s "$root/bin" 2>/dev/null
	for link in "$root"/bin/*; do if [ -L "$link" ]; then ln -sf busybox "$link"; fi; done
	cp "$root/bin/busybox" "$root/usr/bin/sh" # which a worker sees
	cp tools/kernels/init "$root/init"
	cp "$cache/$suite"/*.ko "$root/modules/"
	cp "$work"/tests/* "$root/tests/"
	truncate -s 64M "$root/verity.img"
	mkfs.ext4 -q -O verity -b 4096 "$root/verity.img"
	printf 'root:x:0:0::/:/bin/sh\nuser:x:1001:1001::/tmp:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nuser:x:1001:\n' >"$root/etc/group"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1 >"$work/initramfs")
}

# boot runs a kernel until it switches itself off.
boot() {
	timeout "${ANDIRON_KERNEL_SECONDS:-1500}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3G \
		-nographic -nodefaults -serial stdio -no-reboot -net none \
		-kernel "$cache/$1/vmlinuz" -initrd "$work/initramfs" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off rdinit=/init" </dev/null
}

install
for suite in "${suites[@]}"; do get "$suite"; done
tests
bad=0
summary=()
for suite in "${suites[@]}"; do
	image "$suite"
	start=$SECONDS log=$work/$suite.log
	echo "== Linux $(cat "$cache/$suite/name"), of $suite"
	boot "$suite" | sed -u 's,\r$,,' | tee "$log" || true # what counts is what it said last
	if grep -q '^== all passed' "$log" && ! grep -q '^== failed' "$log"; then said=passed; else said=FAILED bad=1; fi
	summary+=("$(printf '%-32s %s, %d s' "$(cat "$cache/$suite/name")" "$said" $((SECONDS - start)))")
done
echo "== summary"
printf '%s\n' "${summary[@]}"
exit "$bad"

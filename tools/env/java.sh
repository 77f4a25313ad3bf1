#!/usr/bin/env bash
# Makes sure that there is a Java, from 11 on, which TorchServe runs on.
set -euo pipefail
version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1) || true
if [ "${version:-0}" -ge 11 ]; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "java.sh: no Java from 11 on; install openjdk-17-jre-headless, or run this as root on Debian" >&2
	exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null 2>&1 || {
	echo "java.sh: apt-get could not install openjdk-17-jre-headless" >&2
	exit 1
}

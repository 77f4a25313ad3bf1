#!/usr/bin/env bash
# Attacks the sandbox, as root and as another user: with a hostile program that stands in
# for Python, with the pickle of the standard library, and with real torch. The tables say
# what came of each attack.
#
#   tools/sandbox.sh [--more] [PART...]
#
# With --more, which CI does not have the time for: torch 2.6 is attacked as well, every
# attack is made on each layer alone with each Python, pickles attack another user, golden
# files are loaded in each mode, and the rules of the filter are counted. Parts are root,
# trixie, user and trixie-user; without any, it is all of them.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd -P)
more=
if [ "${1-}" = --more ]; then
	more=1
	shift
fi
wanted=${*:-root trixie user trixie-user}

# The binary lies where another user can run it.
dir=$(mktemp -d --tmpdir=/tmp)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
mkdir -m 1777 "$dir/tmp"
cd "$here/internal/sandbox"
CGO_ENABLED=0 go test -tags sandbox -c -o "$dir/sandbox.test" .
runsc=$("$here/tools/env/gvisor.sh")
cp "$runsc" "$dir/runsc"
cp -r testdata "$dir/tmp"
export ANDIRON_TORCH_PYTHONS=/usr/bin/python3 ANDIRON_RUNSC=$dir/runsc ANDIRON_SANDBOX_LAYERS=namespaces,landlock,seccomp
inside=("$here/tools/env/inside.sh" trixie)
user=(env "TMPDIR=$dir/tmp" setpriv --reuid=1001 --regid=1001 --clear-groups)
test=("$dir/sandbox.test" -test.timeout 20m)

failed=

# part runs one, if it is wanted, and says how long it took.
part() {
	local name=$1 begun=$SECONDS
	shift
	case " $wanted " in *" $name "*) ;; *) return ;; esac
	echo "sandbox: $name"
	"$@" || failed="$failed $name"
	echo "sandbox: $name took $((SECONDS - begun)) s"
}

if [ -z "$more" ]; then
	part root "${test[@]}" -alone -table "$dir/root" -test.skip 'NoRuleTooMany|Modes'
	part trixie "${inside[@]}" "${test[@]}" -test.run 'Compute|RealCheckpoints|Jagged'
	cd "$dir/tmp"
	part user "${user[@]}" "${test[@]}" -alone -table "$dir/tmp/user" \
		-test.run 'Abuse$|Pitfall0[3-9]|LeaseBroken|Writers|SupervisorKilled|Degraded'
else
	test=("$dir/sandbox.test" -test.timeout 3h -every)
	part root "${test[@]}" -alone -table "$dir/root"
	part trixie "${inside[@]}" "${test[@]}" -test.run 'Attacks|LayersAlone|Golden|Jagged|Compute|RealCheckpoints'
	cd "$dir/tmp"
	part user "${user[@]}" "${test[@]}" -alone -table "$dir/tmp/user" \
		-test.run 'Pitfall|Replaced|Overlay|Attacks|LayersAlone|Compute|Cancelled|GVisor|Needs|PoorMachines|Abuse$|LeaseBroken|Writers|SupervisorKilled|Degraded'
	part trixie-user "${inside[@]}" "${user[@]}" "${test[@]}" -test.run 'Attacks|LayersAlone|Compute'
fi
for table in "$dir/root" "$dir/tmp/user"; do
	if [ -e "$table" ]; then
		cat "$table"
	fi
done
if [ -n "$failed" ]; then
	echo "sandbox: failed:$failed" >&2
	exit 1
fi

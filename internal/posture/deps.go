package posture

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// The deps room's rules that are evidence of what is in place.
var (
	goodScans   = []string{"DEP090", "DEP091", "DEP092"}
	goodPins    = []string{"PIN090", "PIN091", "PIN092"}
	goodUpdates = []string{"UPD090", "UPD091"}
)

// Why the deps room cannot say anything.
const (
	noDeps  = "there is Python code, and no file that was found says what it depends on"
	noPins  = "packages are installed, and no file that was found asks for them or pins them"
	noTorch = "no file that says what the project depends on says which torch the code runs with"
)

// depsScanning is the deps room's view of dependency scanning: what was held against
// the advisories, what is vulnerable, and what nobody could look at.
func depsScanning(in Input) view {
	v := ofDeps(in, finding.DependencyScanning, goodScans, "DEP")
	return v.or(in, noDeps)
}

// depsPinning is its view of pinning: what is fixed, and what is not.
func depsPinning(in Input) view {
	v := ofDeps(in, finding.DependencyPinning, goodPins, "PIN", "DEP")
	if readDeps(in) {
		v.reason = noPins
		return v
	}
	return v.or(in, noDeps)
}

// depsUpdates is its view of framework updates: whether torch is current.
func depsUpdates(in Input) view {
	v := ofDeps(in, finding.FrameworkUpdates, goodUpdates, "UPD")
	if readDeps(in) {
		v.searched = "none of the files that say what the project depends on names torch"
		return v
	}
	return v.or(in, noTorch)
}

// readDeps reports whether a file was read that says what the project depends on.
func readDeps(in Input) bool {
	return slices.ContainsFunc(in.Findings, func(f finding.Finding) bool { return slices.Contains(goodScans, f.Rule) || f.Rule == "PIN090" })
}

// or adds why there is nothing to say: for code there must be such a file, and without
// code there need be none.
func (v view) or(in Input, reason string) view {
	if in.Python > 0 {
		v.reason = reason
	} else {
		v.searched = "no Python code, and no file that says what a project depends on, in " + in.files()
	}
	return v
}

func ofDeps(in Input, s finding.Strategy, good []string, prefixes ...string) view {
	v := view{implemented: sites(informing(in, good))}
	mine := slices.DeleteFunc(findings(in, s), func(f finding.Finding) bool {
		return !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Rule, p) })
	})
	v.missing = sites(mine)
	return v
}

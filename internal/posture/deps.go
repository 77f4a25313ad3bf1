package posture

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// The deps room's rules that are evidence of what is in place.
var (
	goodScans   = []string{"DEP090", "DEP091"}
	goodPins    = []string{"PIN090", "PIN091", "PIN092"}
	goodUpdates = []string{"UPD090", "UPD091"}
)

const noDeps = "no file that says what the project depends on was found"

// depsScanning is the deps room's view of dependency scanning: what was held against
// the advisories, what is vulnerable, and what nobody could look at.
func depsScanning(in Input) view { return ofDeps(in, finding.DependencyScanning, goodScans, "DEP") }

// depsPinning is its view of pinning: what is fixed, and what is not.
func depsPinning(in Input) view { return ofDeps(in, finding.DependencyPinning, goodPins, "PIN", "DEP") }

// depsUpdates is its view of framework updates: whether torch is current.
func depsUpdates(in Input) view {
	v := ofDeps(in, finding.FrameworkUpdates, goodUpdates, "UPD")
	if slices.ContainsFunc(in.Findings, func(f finding.Finding) bool { return slices.Contains(goodScans, f.Rule) || f.Rule == "PIN090" }) {
		v.reason = "no file that was read names torch"
	}
	return v
}

func ofDeps(in Input, s finding.Strategy, good []string, prefixes ...string) view {
	v := view{implemented: sites(informing(in, good)), reason: noDeps}
	mine := slices.DeleteFunc(findings(in, s), func(f finding.Finding) bool {
		return !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Rule, p) })
	})
	v.missing = sites(mine)
	return v
}

package posture

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// goodOps are the ops room's rules that are evidence of what is in place.
var goodOps = []string{"OPS090", "OPS091", "OPS092", "OPS093", "OPS094", "OPS096", "OPS097", "OPS098", "OPS099"}

func ofOps(f finding.Finding) bool { return strings.HasPrefix(f.Rule, "OPS") }

// customOps is the ops room's view: which operators check their arguments, and are
// owned, tested and watched; and what each lacks. What the model room came across,
// such as a configuration that names a library, is missing as well.
func customOps(in Input) view {
	all := findings(in, finding.CustomOps)
	v := view{
		implemented: sites(informing(in, goodOps)),
		missing: slices.Concat(
			sites(slices.DeleteFunc(slices.Clone(all), func(f finding.Finding) bool { return !ofOps(f) })),
			byRule(slices.DeleteFunc(slices.Clone(all), ofOps)),
		),
		searched: "no C++ or CUDA source of a custom operator, and nothing that builds one, in the " +
			count(in.Sources, "file that was", "files that were") + " read for them",
	}
	for _, f := range informing(in, []string{noHistory}) {
		v.open = append(v.open, f.Message)
	}
	return v
}

// noHistory is the ops room's rule on a history that is not there.
const noHistory = "OPS067"

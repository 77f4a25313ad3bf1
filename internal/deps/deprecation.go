package deps

import (
	"slices"
	"strconv"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// Deprecation is a change of torch that needs work.
type Deprecation struct {
	Since string `json:"since"` // the release that has it
	Text  string `json:"text"`
	// Ahead says that the version in use does not have it yet.
	Ahead bool `json:"ahead"`
}

// deprecations are the changes that break programs, by release. Sources: the release
// notes of 2.6 and 2.10, and what 2.14.1 says when it is used.
var deprecations = []Deprecation{
	{Since: "1.13", Text: "torch.load has weights_only, without which a checkpoint runs code"},
	{Since: "2.0", Text: "functorch is part of torch (torch.func), and the package of that name ends"},
	{Since: "2.6", Text: "torch.load has weights_only=True by default: checkpoints that hold other objects than tensors are refused"},
	{Since: "2.6", Text: "PyTorch is no longer published on the Anaconda channel pytorch"},
	{Since: "2.10", Text: "TorchScript (torch.jit.script, trace, save, load) is deprecated; torch.export is its successor"},
	{Since: "2.14", Text: "TorchScript warns at each use, and says that it is not supported with Python 3.14 and later"},
}

// deprecationsFor are those that a version has and those that lie ahead of it, up to
// the newest release.
func deprecationsFor(v, latest pep440.Version) []Deprecation {
	out := []Deprecation{}
	for _, d := range deprecations {
		since, err := pep440.Parse(d.Since)
		if err != nil {
			panic("deps: internal error: since " + strconv.Quote(d.Since))
		}
		d.Ahead = pep440.Compare(since, v.Public()) > 0
		if (d.Ahead || since.Major() == v.Major() && d.lasting()) && pep440.Compare(since, latest) <= 0 {
			out = append(out, d)
		}
	}
	return out
}

// lasting reports whether a change still needs work once it is there: what is
// deprecated will go.
func (d Deprecation) lasting() bool {
	return slices.Contains([]string{"2.10", "2.14"}, d.Since)
}

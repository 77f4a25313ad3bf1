package cli

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/allowance"
	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// names are those that loading a checkpoint asks Python for.
type names []pickle.Global

// mostNames bounds what is said of a checkpoint that asks for more.
const mostNames = 1000

// namesIn are those of a checkpoint that is to be loaded.
func namesIn(in *sandbox.Input) (names, error) {
	f, err := os.Open(in.Path())
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return namesOf(f, in.Size), nil
}

// namesOf reads them, without running anything. What is computed has no name before it
// runs, and what the C++ reader of TorchScript resolves is not asked of Python.
func namesOf(r io.ReaderAt, size int64) (all names) {
	f, err := torchfile.Open(r, size, torchfile.Options{})
	if err != nil {
		return nil // the scan has said so
	}
	seen := map[string]bool{}
	f.All(func(_ string, f *torchfile.File) bool {
		for _, p := range f.Pickles {
			if !slices.ContainsFunc(p.Loaders, func(l torchfile.Loader) bool { return l.Python }) {
				continue
			}
			for _, v := range p.Trace.Imports() {
				g, ok := v.Global()
				if ok && plain(g) && !seen[g.String()] && len(all) < mostNames {
					seen[g.String()] = true
					all = append(all, g)
				}
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b pickle.Global) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// plain reports whether a name is one that a policy could allow.
func plain(g pickle.Global) bool {
	return !g.Computed && allowance.CheckGlobal(g.String()) == nil && len(g.String()) < 256
}

// modules are those of the names that a function allows, or of all, once each.
func (all names) modules(allows func(module, name string) bool) []string {
	list := []string{}
	for _, g := range all {
		if (allows == nil || allows(g.Module, g.Name)) && !slices.Contains(list, g.Module) {
			list = append(list, g.Module)
		}
	}
	return list
}

// in are the names of some modules.
func (all names) in(modules []string) (some names) {
	for _, g := range all {
		if slices.Contains(modules, g.Module) {
			some = append(some, g)
		}
	}
	return some
}

func (all names) String() string {
	list := make([]string, 0, len(all))
	for _, g := range all {
		list = append(list, g.String())
	}
	return strings.Join(list, ", ")
}

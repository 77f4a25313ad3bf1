package code

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// buffers are what a program writes to and reads back, and nobody else.
var buffers = []string{
	"io.BytesIO", "tempfile.TemporaryFile", "tempfile.SpooledTemporaryFile", "tempfile.NamedTemporaryFile",
}

// writers put what they are given into a buffer: the value first, then the buffer.
var writers = []string{
	"torch.save", "torch.serialization.save", "torch.jit.save", "torch.export.save", "numpy.save", "numpy.savez",
	"pickle.dump", "_pickle.dump", "dill.dump", "cloudpickle.dump", "joblib.dump",
}

// copies reports whether a load is of a buffer that the same function made, empty, and
// saved to before: a copy, as of pickle.loads(pickle.dumps(x)).
func (v *view) copies(load *pysrc.Invocation) bool {
	args := load.Positional()
	if len(args) == 0 {
		return false
	}
	n, ok := args[0].Expr.(*pysrc.Name)
	if !ok {
		return false
	}
	owner := args[0].Scope.Owner(n.ID)
	if owner == nil || owner.Function() != load.Scope.Function() || len(owner.Bindings(n.ID)) == 0 {
		return false
	}
	for _, b := range owner.Bindings(n.ID) {
		c, ok := b.Value.(*pysrc.Call)
		if !ok || b.Kind != pysrc.Assigned && b.Kind != pysrc.Entered || len(c.Args) > 0 ||
			!slices.ContainsFunc(v.m.Names(c.Func, b.Scope), func(n string) bool { return slices.Contains(buffers, n) }) {
			return false
		}
	}
	saved := false
	for _, c := range v.searched(load.Scope.Function()) {
		a, method := c.Node.Func.(*pysrc.Attribute)
		if of, ok := attributeOf(a, method); ok && of == n.ID && (a.Attr == "write" || a.Attr == "writelines") {
			return false
		}
		if c.Node.Start >= load.Node.Start {
			continue
		}
		given := func(a pysrc.Arg) bool { m, ok := a.Expr.(*pysrc.Name); return ok && m.ID == n.ID }
		if !slices.ContainsFunc(c.Every(), given) {
			continue
		}
		switch {
		case c.Is(writers...):
			saved = true
		case c.Is(torchLoad...) || v.loadsBy(c):
		default:
			return false // it may be filled by anything
		}
	}
	return saved
}

// copied reports whether a value is saved to a buffer from which the same function loads
// a copy of it, and that nothing else reads.
func (v *view) copied(save *pysrc.Invocation) bool {
	args := save.Positional()
	if len(args) < 2 {
		return false
	}
	n, ok := args[1].Expr.(*pysrc.Name)
	if !ok {
		return false
	}
	loads := false
	for _, c := range v.searched(save.Scope.Function()) {
		a, method := c.Node.Func.(*pysrc.Attribute)
		of, is := attributeOf(a, method)
		switch {
		case is && of == n.ID:
			if slices.Contains([]string{"getvalue", "getbuffer", "read"}, a.Attr) {
				return false
			}
		case len(c.Positional()) == 0:
		case c.Is(torchLoad...) || v.loadsBy(c):
			of, is := c.Positional()[0].Expr.(*pysrc.Name)
			loads = loads || is && of.ID == n.ID && v.copies(c)
		}
	}
	return loads
}

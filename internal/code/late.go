package code

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// weakHashes give digests that verify nothing against somebody who tries; a check by one
// after the load is too late all the same.
var weakHashes = []string{"hashlib.md5", "hashlib.sha1", "hashlib.new"}

// lateDigests reports loads of a file whose digest is computed and compared after them.
func (v *view) lateDigests() {
	if len(v.hashers.calls) == 0 && v.l.opt.Again == nil {
		return
	}
	for _, c := range v.m.Calls {
		if c.Partial || !c.Is(torchLoad...) && !v.loadsBy(c) || v.checked(c) {
			continue
		}
		fn := c.Scope.Function()
		if at := v.verifiedBy(loaded(c), pysrc.Span{Start: c.Node.End, End: int32(len(v.f.Text))}); at != nil {
			v.found(lateDigest, c.Node, "the file is loaded here, and its digest is computed and compared afterwards, in line "+itoa(v.line(at))+", when it has run")
			continue
		}
		for _, h := range v.hashers.calls[fn] {
			if v.sought >= mostSought {
				break
			}
			if h.Node.Start < c.Node.End {
				continue
			}
			v.sought++
			if v.digestOf(loaded(c), h) != isSame {
				continue
			}
			body, end := v.f.Body, int32(len(v.f.Text))
			if fn != nil {
				body, end = fn.Func.Body, fn.Func.End
			}
			if at := v.refusal(body, pysrc.Span{Start: h.Node.Start, End: end}); at != nil {
				v.found(lateDigest, c.Node, "the file is loaded here, and its digest is computed in line "+itoa(v.line(h.Node))+" and compared in line "+itoa(v.line(at))+", after it has run")
				break
			}
		}
	}
}

// loadsBy reports whether a call is one of the loaders of files.
func (v *view) loadsBy(c *pysrc.Invocation) bool {
	_, name := v.loaderOf(c)
	return name != ""
}

// namesIn lists the names in expressions, without those of functions that are called
// and of modules.
func namesIn(args []pysrc.Arg) (out []string) {
	for _, a := range args {
		pysrc.Walk(a.Expr, func(e pysrc.Expr) bool {
			if n, ok := e.(*pysrc.Name); ok && len(out) < mostNames {
				if owner := a.Scope.Owner(n.ID); owner != nil && !slices.ContainsFunc(owner.Bindings(n.ID), func(b pysrc.Binding) bool { return b.Kind == pysrc.Imported || b.Kind == pysrc.Defined }) {
					out = append(out, n.ID)
				}
			}
			return true
		})
	}
	return out
}

// mostNames is how many names of expressions are compared.
const mostNames = 40

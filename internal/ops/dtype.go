package ops

import (
	"slices"
	"strings"
)

// typed reports whether the dtype of a tensor is known at a token, so that data_ptr<T>()
// does not throw: it was made with one, or checked against one. Where all that is known is
// that it is the dtype of another tensor, that one's has to be known.
func (a *fn) typed(name string, at int, seen map[string]bool) bool {
	if seen[name] || !a.spend(len(a.checks)+len(a.calls)+1) {
		return false
	}
	seen[name] = true
	v, root := a.lookup(name, at), a.root(name, at).name
	others := func(list []string) bool {
		return slices.ContainsFunc(list, func(n string) bool { return a.typed(n, at, seen) })
	}
	if v != nil && v.param < 0 {
		if a.namesType(v.init) {
			return true
		}
		if of := a.typesIn(v.init); len(of) > 0 || factories[root] { // at::empty({n}) has the default one
			return len(of) == 0 || others(of)
		}
	}
	for _, c := range a.checks {
		if c.at < at && (c.tensors[name]|c.tensors[root])&hasType != 0 && a.fixesType(c, name, root, others) {
			return true
		}
	}
	return slices.ContainsFunc(a.calls, func(c *call) bool { return c.at < at && c.inside(at, name, root)&hasType != 0 }) ||
		v != nil && v.param >= 0 && a.fromCallers(v)&hasType != 0 || root != name && others([]string{root})
}

// fixesType reports whether a condition that says something of the dtype of a tensor leaves
// only one. A macro that is looked at by what it says elsewhere does.
func (a *fn) fixesType(c *check, name, root string, others func([]string) bool) bool {
	if !slices.ContainsFunc(a.wordsOf(c.cond), func(w string) bool { return aspectOf[w]&hasType != 0 }) && len(a.typesIn(c.cond)) == 0 {
		return true
	}
	if c.sign != "" && c.sign != "==" {
		return false
	}
	and, or := "&&", "||"
	if c.leaves {
		and, or = or, and
	}
	return slices.ContainsFunc(a.parts(a.inner(c.cond), and), func(s span) bool {
		of := a.typesIn(s)
		rest := slices.DeleteFunc(slices.Clone(of), func(n string) bool { return n == name || n == root })
		return len(a.parts(s, or)) == 1 && a.equates(s, c) && len(rest) < len(of) && (len(rest) == 0 || others(rest))
	})
}

// equates reports whether a part of a condition holds a dtype against one that it is where
// the function goes on, and does not ask for a kind of them: at::isFloatingType(x.scalar_type()).
func (a *fn) equates(s span, c *check) bool {
	equal, signs := !c.leaves, 0
	for i := s.First; i < s.Last; i++ {
		switch a.f.Word(i) {
		case "==":
			signs++
		case "!=":
			signs++
			equal = !equal
		case "!":
			equal = !equal
		}
	}
	if signs > 0 || c.sign != "" {
		return equal
	}
	for i := s.First; i < s.Last; i++ {
		if _, called := a.argsAt(i); called && !a.member(i) && !a.f.Is(i, "typeMetaToScalarType") {
			return false
		}
	}
	return true
}

// typesIn are the tensors whose dtype an expression takes: x.scalar_type(), x.options(),
// at::empty_like(x), x.new_empty({n}), and t of auto t = x.scalar_type().
func (a *fn) typesIn(s span) (list []string) {
	for i := s.First; i < s.Last && a.spend(1); i++ {
		w := a.f.Word(i)
		switch open, called := a.argsAt(i); {
		case !called && a.f.IsIdent(i) && !a.member(i):
			if v := a.lookup(w, i); v != nil && v.param < 0 && v.at < i && a.f.Is(v.init.Last-1, ")") && (a.f.Is(v.init.Last-3, "scalar_type") || a.f.Is(v.init.Last-3, "dtype")) {
				list = append(list, a.typesIn(v.init)...)
			}
		case !called:
		case a.member(i) && (w == "scalar_type" || w == "dtype" || w == "type" || w == "options" || strings.HasPrefix(w, "new_")):
			if c, ok := a.chainBefore(i - 1); ok && !c.call {
				list = append(list, c.base)
			}
		case strings.HasSuffix(w, "_like") && a.firstName(open) != "":
			list = append(list, a.firstName(open))
		}
	}
	return list
}

// namesType reports whether an expression names a dtype: at::kFloat, torch::dtype<float>(),
// x.options().dtype(t).
func (a *fn) namesType(s span) bool {
	for i := s.First; i < s.Last; i++ {
		w := a.f.Word(i)
		if dtypes[w] || strings.HasPrefix(w, "kFloat8") || strings.Contains(w, "ScalarType") || w == "dtype" && !a.f.Is(i+2, ")") {
			return true
		}
	}
	return false
}

var dtypes = words("kByte kChar kShort kInt kLong kHalf kFloat kDouble kBool kBFloat16 kComplexHalf kComplexFloat kComplexDouble kUInt8 kInt8 kInt16 kInt32 kInt64 kUInt16 kUInt32 kUInt64 kFloat16 kFloat32 kFloat64 kQInt8 kQUInt8 kQInt32")

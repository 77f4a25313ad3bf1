package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// item is the variable of what stands in a container under a key that is written out. Of
// the container itself is what stands under no key, or under one that is not known.
func (v variable) item(key string) variable { return variable{v.scope, v.name + "[" + key} }

const (
	mostItems = 64     // of one container that are told apart
	anyItem   = ""     // the key of those that are not
	noItem    = "\x00" // the key of what stands under none
)

// keyOf is a key as it is written out, or anyItem.
func keyOf(e pysrc.Expr) string {
	if text, ok := e.(*pysrc.Str); ok {
		return text.Value
	}
	return anyItem
}

// place is the variable that an expression is: a name, or an attribute of self.
func (t *tracer) place(e pysrc.Expr, s *pysrc.Scope) (variable, bool) {
	switch e := e.(type) {
	case *pysrc.Name:
		if owner := s.Owner(e.ID); owner != nil && s.Self(e.ID) == nil {
			return variable{owner, e.ID}, true
		}
	case *pysrc.Attribute:
		if n, ok := e.Value.(*pysrc.Name); ok {
			if class := s.Self(n.ID); class != nil {
				return variable{class, "." + e.Attr}, true
			}
		}
	}
	return variable{}, false
}

// held is what a variable is made of at a place of a function, or an item of it, of what is
// bound from another place on; anyItem stands for all.
func (t *tracer) held(v variable, key string, fn *pysrc.Scope, from, at int32) []label {
	out := t.until(v, fn, from, at)
	for _, i := range t.items[v] {
		if key == anyItem || i == v.item(key) {
			out = t.join(out, t.until(i, fn, from, at))
		}
	}
	return out
}

// itemOf is what an item of an expression is made of; anyItem stands for all.
func (t *tracer) itemOf(e pysrc.Expr, key string, s *pysrc.Scope, depth int) []label {
	switch e := e.(type) {
	case *pysrc.Name:
		return t.named(e, key, s, depth)
	case *pysrc.Attribute:
		return t.attribute(e, key, s, depth)
	}
	return t.taint(e, s, depth)
}

// looked is what a method gives that looks a key up.
func (t *tracer) looked(a *pysrc.Attribute, e *pysrc.Call, s *pysrc.Scope, depth int) []label {
	if v, ok := t.place(a.Value, s); ok && len(t.items[v]) > 0 {
		return t.itemOf(a.Value, keyOf(e.Args[0]), s, depth)
	}
	return t.taint(a, s, depth)
}

// contents calls f with what a container is made of, by key where it is written out.
func (t *tracer) contents(e pysrc.Expr, s *pysrc.Scope, depth int, f func(key string, labels []label)) {
	if depth++; depth > mostDepth {
		return
	}
	switch x := e.(type) {
	case *pysrc.Dict:
		for i, k := range x.Keys {
			if k == nil { // **
				t.contents(x.Values[i], s, depth, f)
			} else {
				f(keyOf(k), t.taint(x.Values[i], s, depth))
			}
		}
		return
	case *pysrc.Call:
		if n, ok := x.Func.(*pysrc.Name); ok && n.ID == "dict" && s.Owner(n.ID) == nil {
			t.poured(x, s, depth, f)
			return
		}
		if a, ok := x.Func.(*pysrc.Attribute); ok && a.Attr == "copy" && len(x.Args) == 0 {
			t.contents(a.Value, s, depth, f)
			return
		}
	case *pysrc.Name, *pysrc.Attribute:
		v, ok := t.place(e, s)
		if items := t.items[v]; ok && len(items) > 0 {
			fn, at := s.Function(), e.Where().Start
			f(anyItem, t.itemOf(e, noItem, s, depth))
			for _, i := range items {
				f(i.name[len(v.name)+1:], t.until(i, fn, 0, at))
			}
			return
		}
	}
	f(anyItem, t.taint(e, s, depth))
}

// poured calls f with what the arguments of a call bring into the container that it makes
// or fills.
func (t *tracer) poured(c *pysrc.Call, s *pysrc.Scope, depth int, f func(key string, labels []label)) {
	for _, a := range c.Args {
		t.contents(a, s, depth, f)
	}
	for i := range c.Keywords {
		if k := &c.Keywords[i]; k.Name == "" {
			t.contents(k.Value, s, depth, f)
		} else {
			f(k.Name, t.taint(k.Value, s, depth))
		}
	}
}

// put adds what a container is made of.
func (t *tracer) put(v variable, key string, labels []label) {
	if len(labels) == 0 {
		return
	}
	if i := v.item(key); key != anyItem && (slices.Contains(t.items[v], i) || len(t.items[v]) < mostItems) {
		if !slices.Contains(t.items[v], i) {
			t.items[v] = append(t.items[v], i)
		}
		v = i
	}
	t.mark(v, labels...)
}

// into puts something into what an expression is, or into the container that it is an
// item of.
func (t *tracer) into(e pysrc.Expr, key string, s *pysrc.Scope, labels []label) {
	for {
		i, ok := e.(*pysrc.Subscript)
		if !ok {
			break
		}
		key, e = keyOf(i.Index), i.Value
	}
	if v, ok := t.place(e, s); ok {
		t.put(v, key, labels)
	}
}

// adders are methods that put what they are given into a container.
var adders = []string{"append", "appendleft", "extend", "extendleft", "add", "insert", "update", "setdefault"}

// stores marks the containers that a function puts something into.
func (t *tracer) stores(fn *pysrc.Scope) {
	for _, p := range t.puts[fn] {
		t.at = p.To.Start
		t.into(p.To, anyItem, p.Scope, t.taint(p.Value, p.Scope, 0))
	}
	for _, c := range t.calls[fn] {
		if t.lambdas {
			t.fillLambdas(c)
		}
		if a, ok := c.Node.Func.(*pysrc.Attribute); ok && !c.Deferred && slices.Contains(adders, a.Attr) && !t.defined(a.Value, c.Scope) {
			t.at = c.Node.Start
			t.added(a, c)
		}
	}
}

// lambdasOf are the lambdas that an expression may be.
func (t *tracer) lambdasOf(e pysrc.Expr, s *pysrc.Scope) (out []*pysrc.Lambda) {
	if !t.lambdas {
		return nil
	}
	switch e := e.(type) {
	case *pysrc.Lambda:
		return []*pysrc.Lambda{e}
	case *pysrc.Name:
		if owner := s.Owner(e.ID); owner != nil {
			for _, b := range owner.Bindings(e.ID) {
				if l, ok := b.Value.(*pysrc.Lambda); ok && b.Kind == pysrc.Assigned {
					out = append(out, l)
				}
			}
		}
	}
	return out
}

// bodies is what lambdas give.
func (t *tracer) bodies(list []*pysrc.Lambda, depth int) (out []label) {
	for _, l := range list {
		out = t.join(out, t.taint(l.Body, t.inner[l], depth))
	}
	return out
}

// mapped is what map gives, by a function whose result holds what it is given.
func (t *tracer) mapped(e *pysrc.Call, s *pysrc.Scope, depth int) []label {
	names, _ := t.callees(e.Args[0], s)
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(passes, n) || strings.HasPrefix(n, "str.") }) {
		return t.any(s, depth, e.Args[1:]...)
	}
	return t.bodies(t.lambdasOf(e.Args[0], s), depth)
}

// fillLambdas marks the parameters of the lambdas that a call is of, or that map calls with
// each of what follows.
func (t *tracer) fillLambdas(c *pysrc.Invocation) {
	f, ahead := c.Node.Func, 0
	if c.Is("map") && len(c.Node.Args) > 0 {
		f, ahead = c.Node.Args[0], 1
	}
	for _, l := range t.lambdasOf(f, c.Scope) {
		places := len(l.Params.PosOnly) + len(l.Params.Plain)
		all := l.Params.All()
		c.Each(func(position int, name string, a pysrc.Arg) {
			for i, p := range all {
				if i < places && i == position-ahead || p.Name == name {
					t.mark(variable{t.inner[l], p.Name}, t.taint(a.Expr, a.Scope, 0)...)
				}
			}
		})
	}
}

// defined reports whether an expression is a name that is imported or defined, whose
// functions put nothing into it: numpy.append(a, b).
func (t *tracer) defined(e pysrc.Expr, s *pysrc.Scope) bool {
	n, ok := e.(*pysrc.Name)
	if !ok {
		return false
	}
	owner := s.Owner(n.ID)
	return owner == nil || slices.ContainsFunc(owner.Bindings(n.ID), func(b pysrc.Binding) bool { return b.Kind == pysrc.Imported || b.Kind == pysrc.Defined })
}

func (t *tracer) added(a *pysrc.Attribute, c *pysrc.Invocation) {
	put := func(key string, labels []label) { t.into(a.Value, key, c.Scope, labels) }
	if args := c.Node.Args; a.Attr == "setdefault" {
		if len(args) == 2 {
			put(keyOf(args[0]), t.taint(args[1], c.Scope, 0))
		}
		return
	}
	t.poured(c.Node, c.Scope, 0, put)
}

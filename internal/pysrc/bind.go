package pysrc

import (
	"cmp"
	"slices"
	"strings"
)

// binder goes through a file once and notes what binds names and what is called.
type binder struct {
	m     *Module
	calls []site
}

// site is a call and where it stands.
type site struct {
	node  *Call
	scope *Scope
}

func (b *binder) block(list []Stmt, s *Scope) {
	for _, stmt := range list {
		b.stmt(stmt, s)
	}
}

func (b *binder) stmt(stmt Stmt, s *Scope) { // one case per statement
	switch stmt := stmt.(type) {
	case *FunctionDef:
		b.function(stmt, s)
		return
	case *ClassDef:
		b.class(stmt, s)
		return
	case *Assign:
		for _, t := range stmt.Targets {
			b.target(t, Binding{Kind: Assigned, Value: stmt.Value, Scope: s}, s)
		}
	case *AnnAssign:
		if stmt.Value != nil {
			b.target(stmt.Target, Binding{Kind: Assigned, Value: stmt.Value, Scope: s}, s)
		}
	case *AugAssign:
		b.target(stmt.Target, Binding{Kind: Other, Value: stmt.Value, Scope: s}, s)
	case *For:
		b.target(stmt.Target, Binding{Kind: Looped, Value: stmt.Iter, Scope: s}, s)
	case *With:
		for _, item := range stmt.Items {
			b.target(item.Target, Binding{Kind: Entered, Value: item.Context, Scope: s}, s)
		}
	case *Try:
		for _, h := range stmt.Handlers {
			if h.Name != "" {
				s.bind(h.Name, Binding{Kind: Other, At: h.Start})
			}
		}
	case *Import:
		b.imports(stmt, s)
	case *ImportFrom:
		b.importFrom(stmt, s)
	case *Scoping:
		b.scoping(stmt, s)
	case *Match:
		for _, c := range stmt.Cases {
			b.pattern(c.Pattern, stmt.Subject, s)
		}
	case *TypeAlias:
		s.bind(stmt.Name.ID, Binding{Kind: Other, At: stmt.Start})
	}
	Exprs(stmt, func(e Expr) { b.expr(e, s) })
	Blocks(stmt, func(list []Stmt) { b.block(list, s) })
}

// target binds what a target names.
func (b *binder) target(t Expr, how Binding, s *Scope) {
	switch t := t.(type) {
	case *Name:
		how.At = t.Start
		s.bind(t.ID, how)
	case *Starred:
		how.Kind = Unpacked
		b.target(t.Value, how, s)
	case *Sequence:
		b.unpack(t, how, s)
	case *Attribute:
		if name, ok := t.Value.(*Name); ok {
			if class := s.self(name.ID); class != nil {
				how.At = t.Start
				class.attr(t.Attr, how)
			}
		}
	case *Subscript:
		b.m.Puts = append(b.m.Puts, Put{t, how.Value, s})
		name, ok := t.Value.(*Name)
		key, text := t.Index.(*Str)
		switch {
		case ok && text && how.Kind == Assigned:
			s.item(name.ID, keyed{key.Value, Arg{how.Value, how.Scope}})
		case ok && !text:
			s.item(name.ID, keyed{key: anyKey})
		}
	}
}

func (s *Scope) attr(name string, how Binding) {
	if s.attrs == nil {
		s.attrs = map[string]*variable{}
	}
	if s.attrs[name] == nil {
		s.attrs[name] = &variable{}
	}
	s.attrs[name].bindings = append(s.attrs[name].bindings, how)
}

// item notes name["key"] = value where the name lives, as far as is known yet.
func (s *Scope) item(name string, k keyed) {
	if _, at := s.find(name); at != nil {
		s = at
	}
	if s.items == nil {
		s.items = map[string][]keyed{}
	}
	s.items[name] = append(s.items[name], k)
}

// unpack binds the parts of a sequence: to those of a value that is written out
// with as many, or to parts of a value.
func (b *binder) unpack(t *Sequence, how Binding, s *Scope) {
	value, ok := how.Value.(*Sequence)
	starred := func(e Expr) bool { _, is := e.(*Starred); return is }
	pairs := ok && how.Kind == Assigned && len(value.Elems) == len(t.Elems) &&
		!slices.ContainsFunc(t.Elems, starred) && !slices.ContainsFunc(value.Elems, starred)
	counts := how.Kind == Assigned && !slices.ContainsFunc(t.Elems, starred) && len(t.Elems) < 256
	for i, part := range t.Elems {
		if pairs {
			how.Value = value.Elems[i]
		} else {
			how.Kind, how.Part = Unpacked, 0
			if counts {
				how.Part = uint8(i + 1)
			}
		}
		b.target(part, how, s)
	}
}

// pattern binds the names of a pattern to what it is held against, or to parts of that.
func (b *binder) pattern(p *Pattern, of Expr, s *Scope) {
	if p == nil {
		return
	}
	how := Binding{Kind: Unpacked, At: p.Start, Value: of, Scope: s}
	if p.written() {
		how = Binding{Kind: Other, At: p.Start}
	}
	for _, name := range p.Names {
		s.bind(name, how)
	}
	for i, part := range p.Parts {
		if len(p.Keys) == len(p.Parts) {
			b.pattern(part, &Subscript{isExpr{part.Span}, of, p.Keys[i]}, s)
		} else {
			b.pattern(part, of, s)
		}
	}
}

// written reports whether a pattern only holds for values that are written out in it.
func (p *Pattern) written() bool {
	if len(p.Parts) == 0 {
		_, class := p.Value.(*Name) // str()
		return p.Value != nil && !class
	}
	return p.Value == nil && len(p.Keys) == 0 && !slices.ContainsFunc(p.Parts, func(part *Pattern) bool { return !part.written() })
}

func (b *binder) imports(stmt *Import, s *Scope) {
	for _, a := range stmt.Names {
		if a.As != "" {
			s.bind(a.As, Binding{Kind: Imported, At: a.Start, Ref: a.Name})
			continue
		}
		top, _, _ := strings.Cut(a.Name, ".")
		s.bind(top, Binding{Kind: Imported, At: a.Start, Ref: top})
	}
}

func (b *binder) importFrom(stmt *ImportFrom, s *Scope) {
	from := strings.Repeat(".", stmt.Level) + stmt.Module
	sep := "."
	if stmt.Module == "" {
		sep = ""
	}
	for _, a := range stmt.Names {
		name := a.As
		if name == "" {
			name = a.Name
		}
		if name == "*" {
			b.m.Top.stars = append(b.m.Top.stars, from)
			continue
		}
		s.bind(name, Binding{Kind: Imported, At: a.Start, Ref: from + sep + a.Name})
	}
}

func (b *binder) scoping(stmt *Scoping, s *Scope) {
	to := b.m.Top
	if !stmt.Global {
		if to = s.Parent.Function(); to == nil {
			return
		}
	}
	if to == s {
		return
	}
	if s.redirect == nil {
		s.redirect = map[string]*Scope{}
	}
	for _, name := range stmt.Names {
		s.redirect[name] = to
	}
}

func (b *binder) function(stmt *FunctionDef, s *Scope) {
	inner := newScope(FunctionScope, s)
	inner.Func = stmt
	s.bind(stmt.Name, Binding{Kind: Defined, At: stmt.Start, Def: inner})
	Exprs(stmt, func(e Expr) { b.expr(e, s) })
	b.params(stmt.Params, inner, s)
	b.block(stmt.Body, inner)
}

func (b *binder) params(ps *Params, inner, outer *Scope) {
	inner.Params = ps
	for _, p := range ps.All() {
		inner.bind(p.Name, Binding{Kind: Parameter, At: p.Start, Value: p.Default, Scope: outer})
	}
}

func (b *binder) class(stmt *ClassDef, s *Scope) {
	inner := newScope(ClassScope, s)
	inner.Class = stmt
	s.bind(stmt.Name, Binding{Kind: Defined, At: stmt.Start, Def: inner})
	Exprs(stmt, func(e Expr) { b.expr(e, s) })
	b.block(stmt.Body, inner)
}

// expr notes what is called and bound within an expression.
func (b *binder) expr(e Expr, s *Scope) {
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Call:
			b.calls = append(b.calls, site{e, s})
			b.changes(e, s)
		case *Walrus:
			to := s
			for to.Kind == ComprehensionScope {
				to = to.Parent // PEP 572
			}
			to.bind(e.Target.ID, Binding{Kind: Assigned, At: e.Start, Value: e.Value, Scope: s})
		case *Lambda:
			b.lambda(e, s)
			return false
		case *Comprehension:
			b.comprehension(e, s)
			return false
		}
		return true
	})
}

// anyKey stands for items of a dictionary that are not seen.
const anyKey = "**"

// changes notes what a method of a dictionary puts into it.
func (b *binder) changes(c *Call, s *Scope) {
	f, ok := c.Func.(*Attribute)
	if !ok || f.Attr != "update" && f.Attr != "setdefault" {
		return
	}
	name, ok := f.Value.(*Name)
	if !ok {
		return
	}
	if f.Attr == "setdefault" {
		if key, text := first(c.Args).(*Str); text && len(c.Args) == 2 {
			s.item(name.ID, keyed{key.Value, Arg{c.Args[1], s}})
		} else {
			s.item(name.ID, keyed{key: anyKey})
		}
		return
	}
	for i := range c.Keywords {
		k := keyed{c.Keywords[i].Name, Arg{c.Keywords[i].Value, s}}
		if k.key == "" {
			k = keyed{key: anyKey}
		}
		s.item(name.ID, k)
	}
	if len(c.Args) == 0 {
		return
	}
	d, ok := c.Args[0].(*Dict)
	if !ok {
		s.item(name.ID, keyed{key: anyKey})
		return
	}
	for i, k := range d.Keys {
		if key, text := k.(*Str); text {
			s.item(name.ID, keyed{key.Value, Arg{d.Values[i], s}})
		} else {
			s.item(name.ID, keyed{key: anyKey})
		}
	}
}

func first(list []Expr) Expr {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func (b *binder) lambda(e *Lambda, s *Scope) {
	e.Params.children(func(d Expr) { b.expr(d, s) })
	inner := newScope(LambdaScope, s)
	inner.Of = e
	b.params(e.Params, inner, s)
	b.expr(e.Body, inner)
}

func (b *binder) comprehension(e *Comprehension, s *Scope) {
	inner := newScope(ComprehensionScope, s)
	inner.Of = e
	for i, cl := range e.Clauses {
		at := inner
		if i == 0 {
			at = s // the first is evaluated outside
		}
		b.expr(cl.Iter, at)
		b.target(cl.Target, Binding{Kind: Looped, Value: cl.Iter, Scope: at}, inner)
		b.expr(cl.Target, inner)
		for _, test := range cl.Ifs {
			b.expr(test, inner)
		}
	}
	for _, part := range []Expr{e.Key, e.Elem} {
		if part != nil {
			b.expr(part, inner)
		}
	}
}

// finish makes the calls, now that all names are bound.
func (b *binder) finish() {
	slices.SortStableFunc(b.calls, func(x, y site) int {
		return cmp.Or(cmp.Compare(x.node.Start, y.node.Start), cmp.Compare(y.node.End, x.node.End))
	})
	for _, c := range b.calls {
		b.m.invocations(c)
	}
}

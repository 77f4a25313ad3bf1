package pysrc

import (
	"maps"
	"slices"
	"strings"
)

// Module is what the names of a file stand for.
type Module struct {
	File  *File
	Top   *Scope
	Calls []*Invocation // by place
	Uses  []Use         // names that are handed on without being called, by place
	Puts  []Put         // what is assigned to items

	// Exhausted says that looking names up took more than it may, and that some
	// are Unknown for no other reason.
	Exhausted bool

	stands func(string) []string

	work   int  // left for all names
	steps  int  // left for the name that is looked up
	cyclic bool // the look-up met itself
}

// ScopeKind says what makes a scope.
type ScopeKind byte

// The kinds of scope.
const (
	ModuleScope ScopeKind = iota
	ClassScope
	FunctionScope
	LambdaScope
	ComprehensionScope
)

// Scope is where names are bound.
type Scope struct {
	Kind   ScopeKind
	Parent *Scope
	Func   *FunctionDef // of a FunctionScope
	Class  *ClassDef    // of a ClassScope
	Params *Params      // of a function and a lambda
	Of     Expr         // of a LambdaScope and a ComprehensionScope: the expression

	inner    []*Scope
	depth    int
	names    map[string]*variable
	attrs    map[string]*variable // of a class: what methods assign to self
	redirect map[string]*Scope    // global and nonlocal
	stars    []string             // modules of star imports
	items    map[string][]keyed   // name -> name["key"] = value
}

// variable is a name in a scope.
type variable struct {
	bindings []Binding
	values   []Value
	known    bool
	busy     bool
}

// keyed is an assignment to an item of a dictionary.
type keyed struct {
	key string
	arg Arg
}

// Put is what is assigned to an item: Of[Index] = Value.
type Put struct {
	To    *Subscript
	Value Expr
	Scope *Scope
}

// BindingKind says how a name is bound.
type BindingKind byte

// The kinds of binding.
const (
	Imported BindingKind = iota
	Assigned
	Parameter
	Defined  // by def or class
	Looped   // by for
	Entered  // by with
	Unpacked // a part of a value
	Other    // anything else
)

// Binding is one way in which a name gets a value.
type Binding struct {
	Kind  BindingKind
	Part  uint8 // of a, b = value: which one, from 1; 0 is not known
	At    int32
	Value Expr   // what is assigned, looped over, entered; the default of a parameter; may be nil
	Scope *Scope // where Value stands
	Ref   string // what is imported, dotted; relative names begin with a dot
	Def   *Scope // what is defined
}

// Arg is an expression and where it stands.
type Arg struct {
	Expr  Expr
	Scope *Scope
}

// Resolve finds what the names of a file stand for.
func Resolve(f *File) *Module { return ResolveBy(f, nil) }

// ResolveBy is Resolve where other files say what some dotted names stand for: a name
// that another module binds, such as compat.load for torch.load. Names of which they
// give none stand for themselves; nil gives none at all.
func ResolveBy(f *File, stands func(name string) []string) *Module {
	m := &Module{File: f, work: maxWork, stands: stands}
	b := &binder{m: m}
	m.Top = newScope(ModuleScope, nil)
	b.block(f.Body, m.Top)
	b.finish()
	return m
}

func newScope(kind ScopeKind, parent *Scope) *Scope {
	s := &Scope{Kind: kind, Parent: parent, names: map[string]*variable{}}
	if parent != nil {
		parent.inner = append(parent.inner, s)
		s.depth = parent.depth + 1
	}
	return s
}

// Function is the innermost function that a scope belongs to, or nil.
func (s *Scope) Function() *Scope {
	for ; s != nil; s = s.Parent {
		if s.Kind == FunctionScope {
			return s
		}
	}
	return nil
}

// Bindings lists how a name is bound in the scope itself.
func (s *Scope) Bindings(name string) []Binding {
	if v := s.names[name]; v != nil {
		return v.bindings
	}
	return nil
}

// find gives the variable that a name means within s, and where it lives.
func (s *Scope) find(name string) (*variable, *Scope) {
	for at := s; at != nil; at = at.Parent {
		if at.Kind == ClassScope && at != s {
			continue // methods do not see the names of their class
		}
		if to := at.redirect[name]; to != nil && to != at {
			return to.find(name)
		}
		if v := at.names[name]; v != nil {
			return v, at
		}
	}
	return nil, nil
}

func (s *Scope) bind(name string, b Binding) {
	if to := s.redirect[name]; to != nil {
		s = to
	}
	v := s.names[name]
	if v == nil {
		v = &variable{}
		s.names[name] = v
	}
	v.bindings = append(v.bindings, b)
}

// self is the class whose method has a parameter of this name in the place of self.
func (s *Scope) self(name string) *Scope {
	f := s.Function()
	for f != nil && f.names[name] == nil {
		f = f.Parent.Function()
	}
	if f == nil || f.Parent == nil || f.Parent.Kind != ClassScope {
		return nil
	}
	first := f.first()
	if first == "" || first != name || f.static() {
		return nil
	}
	return f.Parent
}

func (s *Scope) first() string {
	for _, list := range [][]Param{s.Params.PosOnly, s.Params.Plain} {
		if len(list) > 0 {
			return list[0].Name
		}
	}
	return ""
}

func (s *Scope) static() bool {
	return slices.ContainsFunc(s.Func.Decorators, func(e Expr) bool {
		name, ok := e.(*Name)
		return ok && name.ID == "staticmethod"
	})
}

// Title is the dotted name of a function or class within its file.
func (s *Scope) Title() string {
	var parts []string
	for ; s != nil; s = s.Parent {
		switch {
		case s.Func != nil:
			parts = append(parts, s.Func.Name)
		case s.Class != nil:
			parts = append(parts, s.Class.Name)
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// Each calls f with s and every scope within it, in the order of the source.
func (s *Scope) Each(f func(*Scope)) {
	f(s)
	for _, c := range s.inner {
		c.Each(f)
	}
}

// BoundNames lists the names that the scope itself binds, sorted.
func (s *Scope) BoundNames() []string { return slices.Sorted(maps.Keys(s.names)) }

// AttributeNames lists the attributes that methods of a class assign to self, sorted.
func (s *Scope) AttributeNames() []string { return slices.Sorted(maps.Keys(s.attrs)) }

// Attributes lists how methods of a class bind an attribute of self.
func (s *Scope) Attributes(name string) []Binding {
	if v := s.attrs[name]; v != nil {
		return v.bindings
	}
	return nil
}

// Self is the class of which a name within s is the instance, self, or nil.
func (s *Scope) Self(name string) *Scope {
	class, owner := s.self(name), s.Owner(name)
	if class == nil || owner.Func == nil || owner.Parent != class {
		return nil
	}
	return class
}

// Imports lists what the scope itself imports, in no order.
func (s *Scope) Imports() (refs []string) {
	for _, v := range s.names {
		for _, b := range v.bindings {
			if b.Kind == Imported {
				refs = append(refs, b.Ref)
			}
		}
	}
	return refs
}

// Stars lists the modules of which all names are imported.
func (m *Module) Stars() []string { return m.Top.stars }

// Owner is the scope that binds what a name within s means, or nil.
func (s *Scope) Owner(name string) *Scope {
	_, at := s.find(name)
	return at
}

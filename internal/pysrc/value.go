package pysrc

import (
	"slices"
	"strings"
)

// ValueKind says what is known of a value.
type ValueKind byte

// The kinds of value.
const (
	Unknown  ValueKind = iota // anything
	Ref                       // what a dotted name stands for: torch.load, or a builtin
	Result                    // what a call of that gives
	Text                      // a string
	Word                      // None, True, False, ...
	Digits                    // a number
	Mapping                   // a dictionary that is written out
	Listing                   // a tuple, list or set that is written out
	Bound                     // a functools.partial
	Function                  // a function of the file
	Class                     // a class of the file
	Instance                  // an object of it
)

// Value is what an expression may stand for.
type Value struct {
	Kind ValueKind
	Name string // of Ref and Result, dotted; the text or the word
	Def  *Scope // of Function, Class and Instance
	Arg  Arg    // of Mapping, Listing and Bound
}

const (
	maxValues = 64      // that one expression may stand for
	maxSteps  = 2000    // to find them
	maxEval   = 40      // expressions within expressions
	maxWork   = 1 << 26 // for all names of a file; 16 MiB of plain code take a tenth
)

// Eval says what an expression that stands in a scope may stand for. Values that
// are not seen are one Unknown among them; there is always at least one.
func (m *Module) Eval(e Expr, s *Scope) []Value {
	m.steps, m.cyclic = maxSteps, false
	return atLeast(m.eval(e, s, 0))
}

func atLeast(list []Value) []Value {
	if len(list) == 0 {
		return []Value{{}}
	}
	return list
}

// Names lists the dotted names that an expression may stand for.
func (m *Module) Names(e Expr, s *Scope) []string { return refs(m.Eval(e, s)) }

func refs(values []Value) (names []string) {
	for _, v := range values {
		if v.Kind == Ref {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func one(v Value) []Value { return []Value{v} }

// merge adds values that are not there yet.
func merge(list []Value, more ...Value) []Value {
	for _, v := range more {
		if len(list) >= maxValues {
			if !slices.Contains(list, Value{}) {
				list = append(list, Value{})
			}
			return list
		}
		if !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

func (m *Module) eval(e Expr, s *Scope, depth int) []Value { // one case per expression
	m.steps--
	m.work--
	if m.steps < 0 || depth > maxEval {
		return one(Value{})
	}
	depth++
	switch e := e.(type) {
	case *Name:
		return m.name(e.ID, s, depth)
	case *Const:
		return one(Value{Kind: Word, Name: e.Word})
	case *Number:
		return one(Value{Kind: Digits, Name: e.Text})
	case *Str:
		if !e.Inexact && !e.Bytes {
			return one(Value{Kind: Text, Name: e.Value})
		}
	case *Joined, *Binary:
		if text, ok := m.text(e, s, depth); ok {
			return one(Value{Kind: Text, Name: text})
		}
	case *Attribute:
		return m.attribute(m.eval(e.Value, s, depth), e.Attr, depth)
	case *Subscript:
		return m.subscript(e, s, depth)
	case *Call:
		return m.result(e, s, depth)
	case *IfExpr:
		return merge(m.eval(e.Body, s, depth), m.eval(e.Else, s, depth)...)
	case *Bool:
		return m.any(e.Values, s, depth)
	case *Walrus:
		return m.eval(e.Value, s, depth)
	case *Dict:
		return one(Value{Kind: Mapping, Arg: Arg{e, s}})
	case *Sequence:
		return one(Value{Kind: Listing, Arg: Arg{e, s}})
	}
	return one(Value{})
}

func (m *Module) any(list []Expr, s *Scope, depth int) (out []Value) {
	for _, e := range list {
		if e == nil {
			continue
		}
		if _, is := e.(*Starred); is {
			out = merge(out, Value{})
			continue
		}
		out = merge(out, m.eval(e, s, depth)...)
	}
	return out
}

// text joins strings that are put together of constants.
func (m *Module) text(e Expr, s *Scope, depth int) (string, bool) {
	var parts []Expr
	switch e := e.(type) {
	case *Joined:
		parts = e.Parts
	case *Field:
		parts = []Expr{e.Value}
	case *Binary:
		if e.Op != "+" {
			return "", false
		}
		parts = []Expr{e.Left, e.Right}
	}
	var b strings.Builder
	for _, part := range parts {
		if f, is := part.(*Field); is {
			part = f.Value
		}
		v := m.eval(part, s, depth)
		if len(v) != 1 || v[0].Kind != Text || b.Len()+len(v[0].Name) > maxText {
			return "", false
		}
		b.WriteString(v[0].Name)
	}
	return b.String(), true
}

// maxText bounds a string that is put together.
const maxText = 4096

// name says what a name within a scope may stand for.
func (m *Module) name(id string, s *Scope, depth int) []Value {
	if m.work -= s.depth + 1; m.work < 0 {
		m.Exhausted = true
		return one(Value{})
	}
	v, at := s.find(id)
	if v == nil {
		out := one(Value{Kind: Ref, Name: id}) // a builtin
		for _, from := range m.Top.stars {
			out = merge(out, m.ref(strings.TrimSuffix(from, ".")+"."+id)...)
		}
		return out
	}
	if class := s.self(id); class != nil && at.Func != nil && at.Parent == class {
		return one(Value{Kind: Instance, Def: class})
	}
	return m.variable(v, depth)
}

func (m *Module) variable(v *variable, depth int) []Value {
	if v.known {
		return v.values
	}
	if v.busy {
		m.cyclic = true
		return nil
	}
	v.busy = true
	outer := m.cyclic
	m.cyclic = false
	var out []Value
	for _, b := range v.bindings {
		out = merge(out, m.binding(b, depth)...)
	}
	v.busy = false
	if !m.cyclic && m.steps >= 0 && depth < maxEval/2 {
		v.values, v.known = out, true
	}
	m.cyclic = m.cyclic || outer
	return out
}

func (m *Module) binding(b Binding, depth int) []Value {
	switch b.Kind {
	case Imported:
		return m.ref(b.Ref)
	case Defined:
		if b.Def.Kind == ClassScope {
			return one(Value{Kind: Class, Def: b.Def})
		}
		return one(Value{Kind: Function, Def: b.Def})
	case Assigned, Entered:
		return m.eval(b.Value, b.Scope, depth)
	case Parameter:
		if b.Value != nil {
			return merge(m.eval(b.Value, b.Scope, depth), Value{})
		}
	case Looped:
		if seq, ok := b.Value.(*Sequence); ok {
			return m.any(seq.Elems, b.Scope, depth)
		}
	case Unpacked, Other:
	}
	return one(Value{})
}

// ref is a dotted name, or what it stands for.
func (m *Module) ref(name string) (out []Value) {
	if m.stands != nil {
		for _, n := range m.stands(name) {
			out = merge(out, Value{Kind: Ref, Name: n})
		}
	}
	if out == nil {
		return one(Value{Kind: Ref, Name: name})
	}
	return out
}

// attribute says what an attribute of values may stand for.
func (m *Module) attribute(of []Value, attr string, depth int) (out []Value) {
	for _, v := range of {
		switch v.Kind {
		case Ref:
			out = merge(out, m.ref(v.Name+"."+attr)...)
		case Result:
			out = merge(out, Value{Kind: Ref, Name: v.Name + "()." + attr})
		case Class, Instance:
			out = merge(out, m.member(v.Def, attr, depth)...)
		default:
			out = merge(out, Value{})
		}
	}
	return out
}

// member looks an attribute up in a class of the file, or else in those of the file that
// it derives from, the first first.
func (m *Module) member(class *Scope, attr string, depth int) (out []Value) {
	if v := class.names[attr]; v != nil {
		out = merge(out, m.variable(v, depth)...)
	}
	if v := class.attrs[attr]; v != nil {
		out = merge(out, m.variable(v, depth)...)
	}
	for _, base := range class.Class.Bases {
		if out != nil || depth > maxEval {
			break
		}
		for _, b := range m.eval(base, class.Parent, depth+1) {
			if b.Kind != Class {
				continue
			}
			if list := m.member(b.Def, attr, depth+1); !slices.Equal(list, one(Value{})) {
				out = merge(out, list...)
			}
		}
	}
	return atLeast(out)
}

func (m *Module) subscript(e *Subscript, s *Scope, depth int) (out []Value) {
	index := m.eval(e.Index, s, depth)
	for _, v := range m.eval(e.Value, s, depth) {
		switch v.Kind {
		case Mapping:
			out = merge(out, m.lookup(v.Arg, index, depth)...)
		case Listing:
			if seq, ok := v.Arg.Expr.(*Sequence); ok {
				out = merge(out, m.any(seq.Elems, v.Arg.Scope, depth)...)
			}
		case Ref, Result:
			out = merge(out, namespace(v, index)...)
		default:
			out = merge(out, Value{})
		}
	}
	return out
}

// lookup is an item of a dictionary that is written out, or any if the key is not known.
func (m *Module) lookup(of Arg, index []Value, depth int) []Value {
	d, ok := of.Expr.(*Dict)
	if !ok {
		return one(Value{})
	}
	if len(index) == 1 && index[0].Kind == Text {
		if value := d.item(index[0].Name); value != nil {
			return m.eval(value, of.Scope, depth)
		}
	}
	return m.any(d.Values, of.Scope, depth)
}

// item is what stands under a key that is written out, or nil.
func (d *Dict) item(name string) Expr {
	for i, k := range d.Keys {
		if key, is := k.(*Str); is && key.Value == name {
			return d.Values[i]
		}
	}
	return nil
}

// got is what the method get gives of dictionaries that are written out. One that does not
// have the key, as far as is seen, gives the default.
func (m *Module) got(of []Value, e *Call, s *Scope, depth int) (out []Value) {
	for _, v := range of {
		d, ok := v.Arg.Expr.(*Dict)
		if v.Kind != Mapping || !ok {
			continue
		}
		index := m.eval(e.Args[0], s, depth)
		if len(index) != 1 || index[0].Kind != Text || d.item(index[0].Name) != nil {
			out = merge(out, m.lookup(v.Arg, index, depth)...)
		}
		if len(e.Args) > 1 {
			out = merge(out, m.eval(e.Args[1], s, depth)...)
		}
	}
	return out
}

// namespace reads a module's dictionary: sys.modules["torch"], vars(torch)["load"].
func namespace(v Value, index []Value) (out []Value) {
	of := ""
	if module, ok := strings.CutSuffix(v.Name, ".__dict__"); ok {
		of = module + "."
	} else if v.Name != "sys.modules" {
		return one(Value{})
	}
	for _, i := range index {
		if i.Kind == Text {
			out = merge(out, Value{Kind: Ref, Name: of + i.Name})
		} else {
			out = merge(out, Value{})
		}
	}
	return out
}

package torchscript

import (
	"slices"
	"strings"
)

// valueKind says what is known of a value. Only what can lead to an operator,
// a function of the archive or a constant string is followed.
type valueKind uint8

const (
	vUnknown   valueKind = iota
	vLeaf                // a tensor, number or container: no methods of the archive
	vConst               // s is a number, "True", or "[" and the product of a list of sizes
	vModule              // torch, or ops.<s>: s is the namespace
	vOps                 // ops
	vOp                  // s is the operator
	vBuiltin             // s is the global name
	vNamespace           // s is "__torch__…": a namespace, class or function
	vInst                // an instance of class s, or of the attribute path of it
	vString              // s is the text
	vTuple               // elems
	vUnion               // one of elems, which are no unions
)

// value is an abstract value.
type value struct {
	kind  valueKind
	via   via   // how an operator or module was named
	size  int32 // values in it, so that sharing cannot make it huge
	s     string
	path  string // vInst: attribute names, each preceded by a NUL
	elems []value
}

// via says how the name of an operator was found.
type via uint8

const (
	viaNone via = iota
	viaTorch
	viaOps
	viaAlias
	viaGetattr
	viaMethod
	viaBuiltin
	viaReference
	viaBroken
)

var viaText = [...]string{"", "torch", "ops", "alias", "getattr", "method", "builtin", "reference", "broken syntax"}

const (
	maxUnion  = 16
	maxElems  = 64
	maxPath   = 8
	maxString = 4096
	maxSize   = int32(64)
	maxName   = 512  // bytes of an identifier
	maxQual   = 1024 // bytes of a qualified name or of a path of attributes
)

// tuple returns a tuple of elems, or where that would be too large a union of
// what is in them.
func tuple(elems []value) value {
	for i := range elems {
		if elems[i].kind == vConst { // not worth telling tuples apart
			elems[i] = value{}
		}
	}
	t := value{kind: vTuple, elems: elems}
	useful := false
	for _, e := range elems {
		t.size += 1 + e.size
		useful = useful || e.kind >= vModule
	}
	switch {
	case !useful:
		return value{}
	case t.size > maxSize:
		return anyPart(nil, t)
	}
	return t
}

// anyPart is one of the parts of the values.
func anyPart(vs []value, w value) value {
	var parts []value
	for i := range vs {
		if vs[i].kind > vLeaf {
			vs[i].parts(&parts)
		}
	}
	w.parts(&parts)
	var out value
	for i, p := range parts {
		if i == 0 {
			out = p
			continue
		}
		out, _ = union(out, p)
	}
	return out
}

func (v value) equal(w value) bool {
	if v.kind != w.kind || v.s != w.s || v.path != w.path || len(v.elems) != len(w.elems) {
		return false
	}
	if len(v.elems) > 0 && &v.elems[0] == &w.elems[0] {
		return true
	}
	for i := range v.elems {
		if !v.elems[i].equal(w.elems[i]) {
			return false
		}
	}
	return true
}

// each calls f for every alternative of v.
func (v value) each(f func(value)) {
	if v.kind != vUnion {
		f(v)
		return
	}
	for _, e := range v.elems {
		f(e)
	}
}

// union returns a value that is v or w. It reports whether all alternatives
// fit.
func union(v, w value) (value, bool) {
	if v.equal(w) {
		return v, true
	}
	if v.kind == vConst {
		v = value{}
	}
	if w.kind == vConst {
		w = value{}
	}
	out := value{kind: vUnion}
	fits := true
	add := func(e value) {
		for _, o := range out.elems {
			if o.equal(e) {
				return
			}
		}
		if len(out.elems) == maxUnion {
			fits = false
			return
		}
		out.elems = append(out.elems, e)
		out.size += 1 + e.size
	}
	v.each(add)
	w.each(add)
	switch {
	case len(out.elems) == 1:
		return out.elems[0], true
	case out.size > maxSize:
		return parted(out), fits
	}
	return out, fits
}

// parted is a union, too large to keep, reduced to the parts of its values.
func parted(v value) value {
	var parts []value
	v.parts(&parts)
	out := value{kind: vUnion}
	for _, p := range parts {
		if len(out.elems) < maxUnion && !slices.ContainsFunc(out.elems, p.equal) {
			out.elems = append(out.elems, p)
			out.size++
		}
	}
	if len(out.elems) == 0 {
		return value{}
	}
	return out
}

// module reports whether an operator can be chosen from v by attribute.
func (v value) module() bool {
	found := false
	v.each(func(e value) { found = found || e.kind == vModule || e.kind == vOps })
	return found
}

// parts collects what of v, at any depth, can lead to code: it is what the
// result of an unknown operation on v could be.
func (v value) parts(out *[]value) {
	switch v.kind {
	case vTuple, vUnion:
		for _, e := range v.elems {
			e.parts(out)
		}
	case vModule, vOps, vOp, vNamespace, vInst:
		if len(*out) < maxElems {
			*out = append(*out, v)
		}
	}
}

// attr extends an instance's path.
func (v value) attr(name string) value {
	if strings.Count(v.path, "\x00") >= maxPath || len(v.path)+len(name) > maxQual {
		return value{}
	}
	v.path += "\x00" + name
	return v
}

// typeNames are the qualified names in a type annotation.
func typeNames(e *expr, out *[]string) {
	if e == nil || len(*out) >= maxUnion {
		return
	}
	if e.kind == eAttr {
		if q, ok := qualified(e); ok {
			*out = append(*out, q)
		}
		return
	}
	typeNames(e.x, out)
	typeNames(e.y, out)
	for _, x := range e.list {
		typeNames(x, out)
	}
}

// qualified is the dotted name that e spells.
func qualified(e *expr) (string, bool) {
	var parts []string
	n := 0
	for ; e != nil && e.kind == eAttr; e = e.x {
		parts = append(parts, e.name)
		n += len(e.name) + 1
	}
	if e == nil || e.kind != eName {
		return "", false
	}
	var b strings.Builder
	b.Grow(n + len(e.name))
	b.WriteString(e.name)
	for _, part := range slices.Backward(parts) {
		b.WriteByte('.')
		b.WriteString(part)
	}
	return b.String(), true
}

package model

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/internal/torchscript"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// torch.jit.load gives an object the attributes that data.pkl says without
// looking at their declared types (import.cpp, readArchiveAndTensors), and the
// compiled code reads an attribute by its place: code made for a class of forty
// attributes reads beyond an object that has one. So the two are compared here.

// jitTypes compares the pickled objects of an archive with its classes.
func (l *looker) jitTypes(v view, f *torchfile.File, prog *torchscript.Program) {
	c := typeCheck{classes: map[string]*torchscript.Class{}, twice: map[string]bool{}, seen: map[uint32]bool{}, left: mostTyped}
	for i := range prog.Classes {
		k := &prog.Classes[i]
		c.twice[k.Name] = c.classes[k.Name] != nil
		c.classes[k.Name] = k
	}
	for i := range f.Pickles {
		p := &f.Pickles[i]
		if (p.Role != "object" && p.Role != "constants") || p.Trace.Result.IsZero() {
			continue
		}
		clear(c.seen)
		c.wrong = c.wrong[:0]
		c.walk(p.Trace.Result)
		for _, w := range c.wrong {
			l.report(jitMemory.Finding(v.where.In(p.Record).At(w.value.Offset()),
				fmt.Sprintf("%s is declared as %s, but the file gives it %s: compiled code reads it as what it is not", w.attr, clip(w.want), w.got)))
		}
		if c.left <= 0 {
			l.report(jitSyntax.Undetermined(v.where.In(p.Record), "too many values to compare with the types of the code"))
		}
	}
}

const (
	mostTyped = 1 << 20 // values compared
	mostWrong = 20      // differences kept of one pickle
	mostDeep  = 100     // nesting of types and values
)

// mistyped is an attribute whose value is not of its type.
type mistyped struct {
	attr, want, got string
	value           pickle.Value
}

type typeCheck struct {
	classes map[string]*torchscript.Class
	twice   map[string]bool // names of several classes: loaders differ in which they mean
	seen    map[uint32]bool
	left    int
	wrong   []mistyped
}

// walk looks at every object that v holds, without recursion.
func (c *typeCheck) walk(v pickle.Value) {
	todo := []pickle.Value{v}
	for len(todo) > 0 {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch v.Kind() {
		case pickle.KindTuple, pickle.KindList, pickle.KindDict, pickle.KindObject:
		default:
			continue
		}
		if c.left--; c.left <= 0 {
			return
		}
		if c.seen[v.Key()] {
			continue
		}
		c.seen[v.Key()] = true
		c.object(v)
		todo = appendParts(todo, v)
	}
}

// appendParts appends what v is made of.
func appendParts(to []pickle.Value, v pickle.Value) []pickle.Value {
	switch v.Kind() {
	case pickle.KindDict:
		for k, x := range v.Pairs() {
			to = append(to, k, x)
		}
	case pickle.KindObject:
		to = append(to, v.Args())
		for s := range v.States() {
			to = append(to, s)
		}
	default:
		for x := range v.Items() {
			to = append(to, x)
		}
	}
	return to
}

// className is the class that an object is of.
func className(v pickle.Value) string {
	if v.Kind() != pickle.KindObject {
		return ""
	}
	g, _ := v.Func().Global()
	return g.RawModule + "." + g.RawName
}

// object compares the attributes of one object, where the class does not set
// them by code: that is compiled for the type of its argument.
func (c *typeCheck) object(v pickle.Value) {
	name := className(v)
	class := c.classes[name]
	if class == nil || class.HasSetState || c.twice[name] {
		return
	}
	types := make(map[string]string, len(class.Attrs))
	for _, a := range class.Attrs {
		types[a.Name] = a.Type
	}
	for state := range v.States() {
		for k, x := range state.Pairs() {
			attr, _ := k.Text()
			if want, ok := types[attr]; ok && len(c.wrong) < mostWrong && !c.fits(x, want, 0) {
				c.wrong = append(c.wrong, mistyped{attr: name + "." + attr, want: want, got: kindOf(x), value: v})
			}
		}
	}
}

func kindOf(v pickle.Value) string {
	if n := className(v); n != "" {
		return "an object of " + clip(n)
	}
	if v.Kind() == pickle.KindTuple {
		return fmt.Sprintf("a tuple of %d", v.Len())
	}
	return "a " + v.Kind().String()
}

// fits reports whether code compiled for the type want may read v. What torch
// checks when it is used, such as a number in the place of a string, is left to it.
func (c *typeCheck) fits(v pickle.Value, want string, deep int) bool {
	if c.left--; c.left <= 0 || deep > mostDeep {
		return true // said by left, or by the limits of the reader of code
	}
	base, args := splitType(want)
	switch base {
	case "Optional", "Final":
		return v.Kind() == pickle.KindNone || len(args) != 1 || c.fits(v, args[0], deep+1)
	case "Tuple":
		if v.Kind() != pickle.KindTuple || len(args) == 1 && strings.TrimSpace(args[0]) == "()" {
			return v.Kind() != pickle.KindObject
		}
		if v.Len() != len(args) {
			return false
		}
		i := 0
		for x := range v.Items() {
			if !c.fits(x, args[i], deep+1) {
				return false
			}
			i++
		}
		return true
	case "List":
		return len(args) != 1 || c.all(v, args[0], deep)
	case "Dict":
		return len(args) != 2 || c.values(v, args, deep)
	}
	class := c.classes[base]
	if class == nil || c.twice[base] || strings.HasSuffix(class.Kind, "Interface") || class.Kind == "Enum" {
		return true
	}
	got := className(v)
	return got == base || c.classes[got] == nil && v.Kind() != pickle.KindTuple
}

func (c *typeCheck) all(v pickle.Value, want string, deep int) bool {
	if v.Kind() != pickle.KindList {
		return true
	}
	for x := range v.Items() {
		if !c.fits(x, want, deep+1) {
			return false
		}
	}
	return true
}

func (c *typeCheck) values(v pickle.Value, want []string, deep int) bool {
	if v.Kind() != pickle.KindDict {
		return true
	}
	for _, x := range v.Pairs() {
		if !c.fits(x, want[1], deep+1) {
			return false
		}
	}
	return true
}

// splitType takes "Dict[str, List[int]]" apart.
func splitType(s string) (base string, args []string) {
	s = strings.TrimSpace(s)
	base, rest, ok := strings.Cut(s, "[")
	if !ok || !strings.HasSuffix(rest, "]") {
		return s, nil
	}
	rest = rest[:len(rest)-1]
	depth, from := 0, 0
	for i := range len(rest) {
		switch rest[i] {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case ',':
			if depth == 0 {
				args = append(args, rest[from:i])
				from = i + 1
			}
		}
	}
	if last := rest[from:]; strings.TrimSpace(last) != "" {
		args = append(args, last)
	}
	return strings.TrimSpace(base), args
}

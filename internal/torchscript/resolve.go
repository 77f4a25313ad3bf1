package torchscript

import "strings"

// Unresolved is a name that stands for nothing the compiler knows: no variable,
// no function or class of the archive, no operator, no word of the language.
// torch refuses such code, or a host resolves it in a way this package cannot.
type Unresolved struct {
	Name string // "prim.IgnoredPythonOp", or "x.name" of a method
	Unit string
	Line int
	Col  int
	Func string
	When When
	Path []string
}

// unresolved is an Unresolved before linking.
type unresolved struct {
	name   string // qualified
	method string // of a value, where name is only its text
	here   string // the name seen from its unit
	fn     int
	line   int32
	col    int32
}

// words are the names that mean something where a value may stand: types,
// exceptions, and constants (import_source.cpp, script_type_parser.cpp).
var words = map[string]bool{
	"inf": true, "nan": true, "infj": true, "nanj": true, "CONSTANTS": true,
	"Tensor": true, "List": true, "Dict": true, "Tuple": true, "Optional": true, "Union": true,
	"Any": true, "number": true, "NoneType": true, "Future": true, "RRef": true, "Await": true,
	"Device": true, "Generator": true, "Stream": true, "Storage": true, "Layout": true,
	"ScalarType": true, "MemoryFormat": true, "QScheme": true, "Capsule": true, "PyObject": true,
	"Final": true, "Set": true, "BroadcastingList": true, "Module": true, "InferredType": true,
	"AnyListType": true, "AnyTupleType": true, "AnyEnumType": true, "AnyClassType": true,
	"Exception": true, "AssertionError": true, "RuntimeError": true, "ValueError": true,
	"TypeError": true, "IndexError": true, "KeyError": true, "NotImplementedError": true,
	"AttributeError": true, "StopIteration": true, "OverflowError": true, "ZeroDivisionError": true,
}

// specialMethods are methods of values that the compiler knows itself
// (sugared_value.cpp, ir_emitter.cpp).
var specialMethods = map[string]bool{
	"tolist": true, "forward": true, "__call__": true, "__init__": true, "copy_": true,
	"unpack": true, "__getstate__": true, "__setstate__": true,
}

// bareModules are operator namespaces that may be spelt without ops before
// them; torch does not resolve them, but the operator is what is meant.
func bareModule(name string) bool { return name == "prim" || name == "aten" }

// unresolvedName keeps a name for the linker to look up.
func (a *analyzer) unresolvedName(q string, e *expr) {
	if words[q] || q == "__torch__" || strings.HasPrefix(q, customPrefix) {
		return
	}
	a.addUnresolved(unresolved{name: a.intern(q), here: a.intern(a.qual + "." + q)}, e)
}

// unresolvedMethod keeps a method of a value that is no operator.
func (a *analyzer) unresolvedMethod(name string, e *expr) {
	if specialMethods[name] {
		return
	}
	a.addUnresolved(unresolved{name: a.intern(strings.Clone(a.text(e.x, 80))), method: a.intern(name)}, e)
}

func (a *analyzer) addUnresolved(u unresolved, e *expr) {
	if len(a.unresolved) >= a.lim.MaxUses {
		a.over("names to look up")
		return
	}
	u.fn, u.line, u.col = a.function().index, e.line, e.col
	a.unresolved = append(a.unresolved, u)
}

// defined reports whether a name, or what it is an attribute of, is a class or
// a function of the archive.
func (l *linker) defined(q string) bool {
	const attributes = 3 // Enum.MEMBER.value
	for range attributes {
		k := key(q)
		if len(l.byKey[k]) > 0 || len(l.funcs[k]) > 0 {
			return true
		}
		at := strings.LastIndexByte(q, '.')
		if at < 0 {
			return false
		}
		q = q[:at]
	}
	return false
}

// namespaces are the modules of the units and the folders above them.
func (l *linker) namespaces() map[string]bool {
	out := map[string]bool{}
	for _, m := range l.a.modules {
		if len(m) > maxQual {
			continue
		}
		for m = strings.ToLower(m); m != "" && !out[m]; m = m[:max(strings.LastIndexByte(m, '.'), 0)] {
			out[m] = true
		}
	}
	return out
}

// lookUp keeps of the names those that nothing defines.
func (l *linker) lookUp() {
	known, spaces := map[string]bool{}, l.namespaces()
	defined := func(q string) bool {
		ok, seen := known[q]
		if !seen {
			ok = l.defined(q) || spaces[strings.ToLower(q)]
			known[q] = ok
		}
		return ok
	}
	for _, u := range l.a.unresolved {
		if u.method != "" {
			if _, ok := l.named[u.method]; ok {
				continue
			}
		} else if defined(u.name) || defined(u.here) {
			continue
		}
		f := &l.a.prog.Functions[u.fn]
		l.a.prog.Unresolved = append(l.a.prog.Unresolved, Unresolved{
			Name: u.name, Unit: f.Unit, Line: int(u.line), Col: int(u.col), Func: f.Name,
			When: f.When, Path: l.path(u.fn),
		})
	}
}

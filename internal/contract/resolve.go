package contract

import (
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// target is what a value stands for when it is called: the callable behind
// getattr chains, imported modules, partials and method callers.
type target struct {
	path     string // "os.system"; "" when it cannot be told
	sink     *sink
	name     *name          // when the value is a global itself
	bound    []pickle.Value // arguments that come before those of the call
	method   string         // of methodcaller: what it calls on its argument
	attr     string         // of attrgetter: what it fetches from its argument
	instance bool           // what calling path returned, not path itself
}

// maxResolved is how many objects of one stream are followed; those beyond are
// called without anyone knowing what they are, which is reported as such.
const maxResolved = 1 << 13

// maxChain is how many steps of a reflection chain are followed.
const maxChain = 24

// resolve says what a value stands for.
func (j *judge) resolve(v pickle.Value) target { return j.resolveAt(v, maxChain) }

func (j *judge) resolveAt(v pickle.Value, depth int) target {
	switch v.Kind() {
	case pickle.KindGlobal:
		n := j.name(v, v.Offset())
		if n == nil || n.computed {
			return target{name: n}
		}
		return target{path: n.full, sink: n.sink, name: n}
	case pickle.KindStr:
		return target{path: "builtins.str", instance: true}
	case pickle.KindBytes:
		return target{path: "builtins.bytes", instance: true}
	case pickle.KindByteArray:
		return target{path: "builtins.bytearray", instance: true}
	case pickle.KindDict, pickle.KindList, pickle.KindTuple, pickle.KindSet:
		return target{path: "builtins." + v.Kind().String(), instance: true}
	case pickle.KindObject:
		if depth == 0 {
			return target{}
		}
		if t, ok := j.callee[v.Key()]; ok {
			return t
		}
		if len(j.callee) >= maxResolved {
			return target{}
		}
		j.callee[v.Key()] = target{} // a chain that needs itself leads nowhere
		t := j.resolveObject(v, depth-1)
		j.callee[v.Key()] = t
		return t
	}
	return target{}
}

// resolveObject follows the call that made an object.
func (j *judge) resolveObject(v pickle.Value, depth int) target {
	f := j.resolveAt(v.Func(), depth)
	args := v.Args()
	switch {
	case f.attr != "" && args.Len() == 1:
		return j.member(args.Index(0), f.attr, depth)
	case f.method != "":
		return target{} // the result of a method
	case f.path == "":
		return target{}
	}
	if t, ok := j.reflect(f, args, depth); ok {
		return t
	}
	return target{path: f.path, sink: f.sink, instance: true}
}

// reflect says what the known reflection functions return.
func (j *judge) reflect(f target, args pickle.Value, depth int) (target, bool) {
	p := f.path
	if f.sink != nil {
		p = f.sink.full
	}
	switch p {
	case "builtins.getattr", "inspect.getattr_static", "operator.getitem", "operator.__getitem__", "builtins.object.__getattribute__", "builtins.type.__getattribute__":
		attr, ok := j.textOf(args.Index(1))
		if !ok {
			return target{}, true
		}
		return j.member(args.Index(0), attr, depth), true
	case "operator.attrgetter", "operator.itemgetter":
		attr, _ := j.textOf(args.Index(0))
		return target{attr: attr}, true
	case "operator.methodcaller":
		method, _ := j.textOf(args.Index(0))
		return target{method: method, bound: tail(args, 1)}, true
	case "functools.partial", "functools.partialmethod", "types.MethodType", "weakref.proxy", "weakref.WeakMethod", "functools.wraps", "builtins.staticmethod", "builtins.classmethod":
		t := j.resolveAt(args.Index(0), depth)
		t.bound, t.instance, t.name = append(t.bound, tail(args, 1)...), false, nil
		return t, true
	case "importlib.import_module", "builtins.__import__", "importlib.__import__", "importlib._bootstrap._gcd_import", "pydoc.locate", "pydoc.safeimport", "pkgutil.resolve_name",
		"django.utils.module_loading.import_string", "werkzeug.utils.import_string", "sys.modules.get", "sys.modules.__getitem__":
		module, ok := j.textOf(args.Index(0))
		if !ok {
			return target{}, true
		}
		return at(strings.ReplaceAll(module, ":", ".")), true
	case "builtins.vars":
		return j.resolveAt(args.Index(0), depth), true
	case "functools.reduce":
		return j.reduceGetattr(args, depth)
	}
	for _, suffix := range []string{".__getattribute__", ".__getitem__", ".get", ".__getattr__"} {
		if base, ok := strings.CutSuffix(f.path, suffix); ok {
			attr, ok := j.textOf(args.Index(args.Len() - 1))
			if !ok {
				return target{}, true
			}
			return at(base + "." + attr), true
		}
	}
	return target{}, false
}

// reduceGetattr follows reduce(getattr, [object, "a", "b"]).
func (j *judge) reduceGetattr(args pickle.Value, depth int) (target, bool) {
	f := j.resolveAt(args.Index(0), depth)
	if f.path != "builtins.getattr" || args.Len() < 2 {
		return target{}, false
	}
	items := tail(args, 2)
	n := 0
	for v := range args.Index(1).Items() {
		if n++; n > maxChain {
			return target{}, true
		}
		items = append(items, v)
	}
	if len(items) == 0 {
		return target{}, true
	}
	path := j.resolveAt(items[0], depth).path
	for _, v := range items[1:] {
		attr, ok := j.textOf(v)
		if !ok || path == "" {
			return target{}, true
		}
		path += "." + attr
	}
	return at(path), true
}

// member is an attribute or item of a value.
func (j *judge) member(of pickle.Value, attr string, depth int) target {
	base := j.resolveAt(of, depth)
	if base.path == "" {
		return target{}
	}
	if base.path == "sys.modules" {
		return at(attr)
	}
	return at(base.path + "." + attr)
}

// maxPath is the longest dotted path that is followed.
const maxPath = 1 << 10

// at is the target with a path.
func at(path string) target {
	if len(path) > maxPath {
		return target{}
	}
	t := target{path: path, sink: findPath(path)}
	if t.sink != nil {
		return t
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		t.sink = reExport(key{path[:i], path[i+1:]})
	}
	return t
}

// tail returns the items of a tuple from i on.
func tail(args pickle.Value, i int) []pickle.Value {
	var out []pickle.Value
	for ; i < args.Len() && len(out) < maxChain; i++ {
		out = append(out, args.Index(i))
	}
	return out
}

package contract

import "github.com/andiron-dev/andiron/pickle"

// dillTypes are the built-in classes that plain data needs. Once dill is imported
// (ultralytics saves with it), it writes dill._dill._load_type("set") in place of
// builtins.set; the same function also gives out functions and code types.
//
// dill 0.3.8 and 0.4.0 dill/_dill.py: _load_type, _reverse_typemap.
var dillTypes = map[string]bool{
	"bool": true, "bytearray": true, "bytes": true, "complex": true, "dict": true, "float": true, "frozenset": true,
	"int": true, "list": true, "object": true, "set": true, "slice": true, "str": true, "tuple": true,
}

var loadType = key{"dill._dill", "_load_type"}

// checkLoadType permits the name of a class that plain data needs.
func checkLoadType(_ *judge, args pickle.Value) string {
	if name, ok := args.Index(0).Text(); args.Len() != 1 || !ok || !dillTypes[name] {
		return "it is not the name of a class that holds data"
	}
	return ""
}

// dillType returns the built-in class that dill._dill._load_type gives for a
// constant, under the name that other pickles import it by; nil for any other
// value.
func (j *judge) dillType(v pickle.Value) *name {
	if v.Kind() != pickle.KindObject {
		return nil
	}
	if g, ok := v.Func().Global(); !ok || (key{g.Module, g.Name}) != loadType || checkLoadType(j, v.Args()) != "" {
		return nil
	}
	class, _ := v.Args().Index(0).Text()
	k := key{"builtins", class}
	n := j.names[k]
	if n == nil {
		n = j.newName(pickle.Global{Module: k.module, Name: k.name, RawModule: k.module, RawName: k.name}, k, v.Offset())
		j.names[k] = n
		j.order = append(j.order, n)
	}
	return n
}

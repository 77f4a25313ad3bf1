package code

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// pickling are functions that write pickles to files.
var pickling = []string{
	"pickle.dump", "_pickle.dump", "cPickle.dump", "pickle5.dump", "six.moves.cPickle.dump", "dill.dump", "cloudpickle.dump", "joblib.dump", "compress_pickle.dump",
	"pandas.to_pickle", "pandas.DataFrame().to_pickle", "pickle.Pickler().dump", "dill.Pickler().dump", "cloudpickle.Pickler().dump",
	"mlflow.pytorch.log_model", "mlflow.pytorch.save_model", "mlflow.sklearn.log_model", "mlflow.sklearn.save_model", "mlflow.pyfunc.log_model",
}

// dumps give a pickle as bytes.
var dumps = []string{"pickle.dumps", "_pickle.dumps", "cPickle.dumps", "pickle5.dumps", "dill.dumps", "cloudpickle.dumps"}

// sends are methods by which bytes leave the program.
var sends = []string{"write", "write_bytes", "send", "sendall", "sendto", "set", "setex", "hset", "put", "put_object", "publish", "lpush", "rpush", "xadd", "upload_from_string", "writestr"}

// pickles reports pickles that are written.
func (v *view) pickles() {
	if v.l.test {
		return
	}
	for _, c := range v.m.Calls {
		if message := v.pickled(c); message != "" && !c.Partial {
			v.found(pickleWritten, c.Node, message)
		}
	}
}

// pickled says which pickle a call writes, or nothing.
func (v *view) pickled(c *pysrc.Invocation) string {
	name := nameOf(c, pickling...)
	if name == "" && c.Method() == "to_pickle" {
		name = "to_pickle"
	}
	switch {
	case name != "":
		if v.memory(c) {
			return ""
		}
		return name + " writes a file that only unpickling reads"
	case slices.Contains(sends, c.Method()):
		for _, a := range c.Every() {
			for _, r := range resultsOf(v.m.Eval(a.Expr, a.Scope)) {
				if slices.Contains(dumps, r) {
					return "what " + r + " gives leaves the program by " + c.Method() + ", and only unpickling reads it"
				}
			}
		}
	case c.Is(torchSave...):
		if given(c, 2, "pickle_module") {
			return "torch.save with a pickle_module writes a file that only that module reads, and torch.load with weights_only=True refuses"
		}
	case c.Is(numpySaves...):
		if what := v.objectsSaved(c); what != "" {
			return nameOf(c, numpySaves...) + " of " + what + " writes a pickle, which only allow_pickle=True reads"
		}
	case c.Method() == "save_pretrained" || c.Method() == "save_state" || c.Method() == "save_model":
		if slices.Equal(v.words(c, -1, "safe_serialization"), []string{"False"}) {
			return c.Method() + "(safe_serialization=False) writes a pickle instead of safetensors"
		}
	}
	return ""
}

// torchSave and numpySaves write what they are given to a file: a pickle where it is no
// tensor and no plain array.
var (
	torchSave  = []string{"torch.save", "torch.serialization.save"}
	numpySaves = []string{"numpy.save", "numpy.savez", "numpy.savez_compressed"}
)

// objectsSaved says which objects NumPy saves, or nothing.
func (v *view) objectsSaved(c *pysrc.Invocation) string {
	if !c.Is(numpySaves...) || slices.Equal(v.words(c, 2, "allow_pickle"), []string{"False"}) {
		return ""
	}
	for _, a := range c.Every()[min(1, len(c.Every())):] {
		if v.isMapping(a) {
			return "a dictionary"
		}
		calls, _ := v.givenBy(a, map[variable]bool{})
		if slices.ContainsFunc(calls, v.ofObjects) {
			return "an array of objects"
		}
	}
	return ""
}

func (v *view) isMapping(a pysrc.Arg) bool {
	return slices.ContainsFunc(v.m.Eval(a.Expr, a.Scope), func(x pysrc.Value) bool { return x.Kind == pysrc.Mapping })
}

// ofObjects reports whether a call makes an array of objects: it says so, or it is given
// a dictionary in a list.
func (v *view) ofObjects(a pysrc.Arg) bool {
	c := a.Expr.(*pysrc.Call)
	isObject := func(e pysrc.Expr) bool {
		return slices.ContainsFunc(v.m.Eval(e, a.Scope), func(x pysrc.Value) bool {
			return x.Kind == pysrc.Ref && slices.Contains([]string{"object", "numpy.object_", "numpy.object"}, x.Name) ||
				x.Kind == pysrc.Text && (x.Name == "object" || x.Name == "O")
		})
	}
	says := slices.Clone(c.Args)
	if k := keywordOf(c, "dtype"); k != nil {
		says = append(says, k.Value)
	}
	names := v.m.Names(c.Func, a.Scope)
	if m, ok := c.Func.(*pysrc.Attribute); ok && m.Attr == "astype" {
		return slices.ContainsFunc(says, isObject)
	}
	if !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(arrays, n) }) || len(c.Args) == 0 {
		return false
	}
	if slices.ContainsFunc(says[1:], isObject) {
		return true
	}
	list, ok := c.Args[0].(*pysrc.Sequence)
	return ok && slices.ContainsFunc(list.Elems, func(e pysrc.Expr) bool { return v.isMapping(pysrc.Arg{Expr: e, Scope: a.Scope}) })
}

// arrays are functions that make one, the first argument of which says no type.
var arrays = []string{"numpy.array", "numpy.asarray", "numpy.asanyarray", "numpy.ascontiguousarray", "numpy.empty", "numpy.zeros", "numpy.ones", "numpy.full", "numpy.ndarray"}

// memory reports whether what is written goes to memory.
func (v *view) memory(c *pysrc.Invocation) bool {
	args, _ := c.Arg(1, "file")
	return len(args) == 1 && slices.Contains(resultsOf(v.m.Eval(args[0].Expr, args[0].Scope)), "io.BytesIO")
}

func resultsOf(values []pysrc.Value) (out []string) {
	for _, x := range values {
		if x.Kind == pysrc.Result {
			out = append(out, x.Name)
		}
	}
	return out
}

// isTest reports whether a file is a test, as pytest names them, or a script by which
// andiron ops test shows what it found; the name is beneath the project.
func isTest(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "conftest.py" {
		return true
	}
	return strings.HasPrefix(name, ".andiron/ops-test/") ||
		slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(s string) bool { return s == "tests" || s == "test" })
}

// everyText calls f with each text of a block, those of what stands in it too.
func (v *view) everyText(list []pysrc.Stmt, f func(*pysrc.Str)) {
	v.everyExpr(list, func(e pysrc.Expr) {
		if t, ok := e.(*pysrc.Str); ok && !t.Bytes {
			f(t)
		}
	})
}

// everyExpr calls f with each expression of a block, those of what stands in it too.
func (v *view) everyExpr(list []pysrc.Stmt, f func(pysrc.Expr)) {
	for _, s := range list {
		pysrc.Exprs(s, func(e pysrc.Expr) {
			pysrc.Walk(e, func(e pysrc.Expr) bool {
				f(e)
				return true
			})
		})
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { v.everyExpr(inner, f) })
	}
}

// textsIn calls f with each text within an expression.
func (v *view) textsIn(e pysrc.Expr, f func(*pysrc.Str)) {
	pysrc.Walk(e, func(e pysrc.Expr) bool {
		if t, ok := e.(*pysrc.Str); ok {
			f(t)
		}
		return true
	})
}

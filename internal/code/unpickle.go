package code

import (
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

func itoa(n int) string { return strconv.Itoa(n) }

// loader is a function that runs what a file says, and where it takes the file.
type loader struct {
	names    []string
	position int
	keyword  string
	rule     *rule.Rule
	message  string
	// only says that it counts where this argument may be True.
	only string
	// reads says that it runs a program with limits, or none.
	reads bool
}

// fix is how such a load is put right where somebody else names the file. What is a pickle
// can only be known by its digest.
func (l loader) fix() string {
	switch l.rule {
	case nil:
		return ""
	case unpickle, joblibLoad, pandasPickle:
		return "compare the file's SHA-256 with one that the code has, before it is loaded; or " + l.rule.Fix
	case numpyPickle:
		return "pass allow_pickle=False; " + l.rule.Fix
	}
	return l.rule.Fix
}

var numpyLoads = []string{"numpy.load", "numpy.lib.npyio.load", "numpy.lib._npyio_impl.load"}

// loaders are what runs a file, torch.load apart; the worst first.
var loaders = []loader{
	{
		[]string{"torch.package.PackageImporter", "torch.package.package_importer.PackageImporter"},
		0, "file_or_buffer", packageImporter,
		"torch.package imports Python modules from an archive, and runs them", "", false,
	},
	{
		[]string{
			"pickle.load", "pickle.Unpickler", "_pickle.load", "_pickle.Unpickler", "cPickle.load", "pickle5.load",
			"six.moves.cPickle.load", "dill.load", "dill.Unpickler", "cloudpickle.load", "compress_pickle.load", "jsonpickle.decode", "shelve.open",
		},
		0, "file", unpickle, "", "", false,
	},
	{
		[]string{
			"pickle.loads", "_pickle.loads", "cPickle.loads", "pickle5.loads", "six.moves.cPickle.loads",
			"dill.loads", "cloudpickle.loads",
		},
		0, "data", unpickle, "", "", false,
	},
	{
		[]string{"joblib.load", "joblib.numpy_pickle.load", "sklearn.externals.joblib.load"},
		0, "filename", joblibLoad,
		"joblib.load runs whatever the file says", "", false,
	},
	{
		numpyLoads,
		0, "file", numpyPickle,
		"numpy.load with allow_pickle=True runs whatever an array of objects says", "allow_pickle", false,
	},
	{
		[]string{"pandas.read_pickle", "pandas.io.pickle.read_pickle"},
		0, "filepath_or_buffer", pandasPickle,
		"pandas.read_pickle runs whatever the file says", "", false,
	},
	{
		[]string{"torch.jit.load", "torch.jit._serialization.load"},
		0, "f", jitLoad,
		"torch.jit.load reads a program that nothing verified before", "", true,
	},
	{
		[]string{"torch.export.load", "torch._export.load", "torch._export.serde.serialize.load"},
		0, "f", exportLoad,
		"torch.export.load reads a program that nothing verified before", "", true,
	},
}

// loadersOf finds the loaders that a call may be, the worst first, and their names.
func (v *view) loadersOf(c *pysrc.Invocation) (list []loader, names []string) {
	for _, l := range loaders {
		name := nameOf(c, l.names...)
		if name == "" {
			continue
		}
		if l.only != "" && !slices.Contains(v.words(c, -1, l.only), "True") && !slices.Contains(v.words(c, 2, l.only), "True") {
			continue
		}
		list, names = append(list, l), append(names, name)
	}
	return list, names
}

// loaderOf finds the worst loader that a call may be.
func (v *view) loaderOf(c *pysrc.Invocation) (loader, string) {
	list, names := v.loadersOf(c)
	if len(list) == 0 {
		return loader{}, ""
	}
	return list[0], names[0]
}

// unpickles reports loads, other than torch.load, that run what a file says.
func (v *view) unpickles() {
	for _, c := range v.m.Calls {
		list, names := v.loadersOf(c)
		if len(list) == 0 || c.Partial || v.ownBytes(c) || v.copies(c) {
			continue
		}
		for i, l := range list {
			if l.rule != packageImporter && v.checked(c) {
				continue
			}
			if l.message == "" {
				l.message = names[i] + " runs whatever its input says"
			}
			v.found(l.rule, c.Node, l.message)
		}
	}
}

// ownBytes reports whether what is unpickled was pickled in the same expression:
// pickle.loads(pickle.dumps(x)) is a copy.
func (v *view) ownBytes(c *pysrc.Invocation) bool {
	args, open := c.Arg(0, "data")
	if len(args) != 1 || open {
		return false
	}
	values := v.m.Eval(args[0].Expr, args[0].Scope)
	return len(values) == 1 && values[0].Kind == pysrc.Result &&
		slices.Contains([]string{"pickle.dumps", "cloudpickle.dumps", "dill.dumps", "_pickle.dumps", "cPickle.dumps"}, values[0].Name)
}

// saves reports objects that are saved whole.
func (v *view) saves() {
	for _, c := range v.m.Calls {
		list := v.wholes(c)
		if len(list) == 0 || v.copied(c) {
			continue
		}
		for _, what := range list {
			v.found(saveWhole, c.Node, "torch.save writes "+what+", so that only unpickling its class gets it back")
		}
	}
}

// wholes says which whole objects torch.save writes.
func (v *view) wholes(c *pysrc.Invocation) (out []string) {
	args, _ := c.Arg(0, "obj")
	if !c.Is(torchSave...) || len(args) != 1 {
		return nil
	}
	if v.whole(args[0]) || v.isObject(args[0]) {
		return []string{"the whole object " + v.shown(args[0].Expr)}
	}
	for _, x := range v.elements(args[0], c.Node.Start) {
		if v.whole(x.Arg) || v.isObject(x.Arg) {
			out = append(out, x.of+" with the whole object "+v.shown(x.Expr))
		}
	}
	return out
}

// returnSelf are methods of a module that return it. Those of a tensor give a tensor.
var returnSelf = []string{"half", "float", "double", "bfloat16", "to", "cpu", "cuda", "eval", "train", "requires_grad_"}

// unwrapped is what copies and conversions of a module are of: deepcopy(model).half().
func (v *view) unwrapped(e pysrc.Expr, s *pysrc.Scope) pysrc.Expr {
	for range mostTurns {
		c, ok := e.(*pysrc.Call)
		if !ok {
			break
		}
		f, method := c.Func.(*pysrc.Attribute)
		switch {
		case len(c.Args) == 1 && slices.ContainsFunc(v.m.Names(c.Func, s), func(n string) bool { return n == "copy.deepcopy" || strings.HasSuffix(n, ".de_parallel") }):
			e = c.Args[0]
		case method && slices.Contains(returnSelf, f.Attr):
			e = f.Value
		default:
			return e
		}
	}
	return e
}

// moduleNames are what people call a whole module.
var moduleNames = []string{"model", "net", "network", "module", "generator", "discriminator", "classifier", "detector", "encoder", "decoder", "self", "backbone"}

// whole reports whether an expression is a module and not its tensors.
func (v *view) whole(a pysrc.Arg) bool {
	a.Expr = v.unwrapped(a.Expr, a.Scope)
	for _, value := range v.m.Eval(a.Expr, a.Scope) {
		switch value.Kind {
		case pysrc.Instance:
			return v.isModule(value.Def, 0)
		case pysrc.Result:
			if outsideKind(value.Name) == isModule && !strings.Contains(value.Name, "(") { // and not what one gives
				return true
			}
		case pysrc.Unknown, pysrc.Ref:
		default:
			return false
		}
	}
	switch e := a.Expr.(type) {
	case *pysrc.Name:
		return slices.Contains(moduleNames, e.ID)
	case *pysrc.Attribute:
		return slices.Contains(moduleNames, e.Attr)
	}
	return false
}

// moduleBases are classes of modules.
var moduleBases = []string{
	"torch.nn.Module", "torch.nn.modules.module.Module", "torch.nn.Sequential",
	"pytorch_lightning.LightningModule", "lightning.LightningModule", "lightning.pytorch.LightningModule",
}

// isModule reports whether a class of the file derives from torch.nn.Module.
func (v *view) isModule(class *pysrc.Scope, depth int) bool {
	return v.derives(class, func(name string) bool { return slices.Contains(moduleBases, name) }, depth)
}

// derives reports whether a class of the file derives from one of which a dotted name says so.
func (v *view) derives(class *pysrc.Scope, is func(name string) bool, depth int) bool {
	if class.Class == nil || depth > 8 {
		return false
	}
	for _, base := range class.Class.Bases {
		for _, value := range v.m.Eval(base, class.Parent) {
			switch value.Kind {
			case pysrc.Ref:
				if is(value.Name) {
					return true
				}
			case pysrc.Class:
				if v.derives(value.Def, is, depth+1) {
					return true
				}
			default:
			}
		}
	}
	return false
}

// good are calls that are evidence of what is in place.
var good = []struct {
	names   []string
	rule    *rule.Rule
	message string
}{
	{[]string{"andiron.load", "andiron.jit_load", "andiron.load_safetensors"}, verified, " verifies the file before it is loaded"},
	{[]string{"andiron.guard", "andiron.validate"}, validated, " holds what reaches the model against its schema"},
	{[]string{"andiron.checked_dataset", "andiron.checked_collate"}, checkedData, " holds training data against its schema"},
	{[]string{"andiron.adversarial.AdversarialBatches"}, hardened, " trains the model against adversarial examples"},
	{[]string{"andiron.install_guard"}, guarded, " makes the loaders of other packages obey the policy"},
	{
		[]string{
			"safetensors.torch.load_file", "safetensors.torch.load", "safetensors.safe_open", "safetensors.numpy.load_file",
			"safetensors.torch.load_model", "safetensors.flax.load_file", "safetensors.deserialize",
		},
		plainLoad, " reads tensors and runs nothing",
	},
	{
		[]string{
			"safetensors.torch.save_file", "safetensors.torch.save_model", "safetensors.torch.save", "safetensors.numpy.save_file",
			"torch.jit.save", "torch.export.save", "torch.onnx.export",
		},
		plainSave, " writes a format that is loaded without Python's pickle",
	},
}

// evidence reports what is in place, and what is loosened on purpose.
func (v *view) evidence() {
	for _, c := range v.m.Calls {
		if name := nameOf(c, "andiron.load_unsafe"); name != "" {
			v.loosened(c)
			continue
		}
		if _, name := v.sandboxArg(c); name != "" && !c.Partial {
			v.found(sandboxLoad, c.Node, name+inSandbox)
		}
		for _, g := range good {
			if name := nameOf(c, g.names...); name != "" && !c.Partial {
				v.found(g.rule, c.Node, name+g.message)
			}
		}
		if c.Method() == "save" && slices.ContainsFunc(c.Names, func(n string) bool {
			return n == "torch.jit.script().save" || n == "torch.jit.trace().save"
		}) {
			v.found(plainSave, c.Node, "the module is saved as TorchScript, which is loaded without Python's pickle")
		}
	}
}

func (v *view) loosened(c *pysrc.Invocation) {
	reason, ok := v.text(c, -1, "reason")
	message := "andiron.load_unsafe loads a file past its checks"
	switch {
	case ok:
		v.found(loadLoosened, c.Node, message+", for the reason "+strconv.Quote(reason))
	case given(c, -1, "reason"):
		v.found(loadLoosened, c.Node, message+", for a reason that is not written out")
	default:
		v.foundAs(loadLoosened, finding.Medium, c.Node, message+", and gives no reason")
	}
}

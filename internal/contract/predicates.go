package contract

import (
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// predicates are the words behind "@" in the argument language.
var predicates = map[string]predicate{
	"fromtype":      checkFromType,
	"reconstructor": checkReconstructor,
	"newobj":        checkNewObj,
	"getattr":       checkGetattr,
	"partial":       checkPartial,
	"npscalar":      checkScalar,
	"loadtype":      checkLoadType,
}

// checkFromType: _rebuild_from_type_v2(func, type, args, state) calls func(*args).
//
// PyTorch v2.6.0 torch/_tensor.py: _rebuild_from_type_v2.
func checkFromType(j *judge, args pickle.Value) string {
	if n := args.Len(); n != 4 {
		return "it does not have four arguments"
	}
	f := j.name(args.Index(0), args.Offset())
	switch {
	case f == nil:
		return "argument 1, which is called, is not a global"
	case f.entry == nil && f.sink == nil:
		f.ops |= opCall // reported by name
		return ""
	case f.entry == nil || f.entry.ops&opCall == 0:
		return "argument 1, " + f.full + ", is called, which no contract permits"
	case f.key.module == "torch._tensor":
		return "argument 1 is the function itself"
	case f.entry.tier != TierSafe && f.key.name != "_rebuild_njt":
		return "argument 1, " + f.full + ", rebuilds no tensor"
	}
	f.ops |= opCall
	if why := f.entry.args.check(j, args.Index(2), pickle.Value{}); why != "" {
		return "it calls " + f.full + ", where " + why
	}
	if !isType(j, args.Index(1)) {
		return "argument 2 is not a class"
	}
	return j.plants(args.Index(3), "")
}

// checkReconstructor: _reconstructor(cls, base, state) makes base.__new__(cls, state).
//
// CPython v3.13.0 Lib/copyreg.py: _reconstructor.
func checkReconstructor(j *judge, args pickle.Value) string {
	if args.Len() != 3 {
		return "it does not have three arguments"
	}
	base := j.dillType(args.Index(1))
	if base == nil {
		base = j.name(args.Index(1), args.Offset())
	}
	if base == nil || base.entry == nil || base.module != "builtins" {
		return "argument 2 is not a built-in class"
	}
	return j.makes(args.Index(0))
}

func checkNewObj(j *judge, args pickle.Value) string {
	if args.Len() == 0 {
		return "the class is missing"
	}
	return j.makes(args.Index(0))
}

// makes checks that a class may be instantiated with __new__.
func (j *judge) makes(class pickle.Value) string {
	n := j.name(class, class.Offset())
	switch {
	case n == nil:
		return "argument 1 is not a class that the stream names"
	case n.entry == nil && n.sink == nil, n.entry != nil && n.entry.ops&opNew != 0:
		n.ops |= opNew
		return ""
	}
	return "argument 1, " + n.full + ", may not be instantiated"
}

// checkGetattr permits a member of an enum (as CPython 3.11 writes it), and methods
// that models and schedulers keep as attributes: forward (old YOLO checkpoints),
// prepare_inputs_for_generation (peft), keptMethods.
func checkGetattr(j *judge, args pickle.Value) string {
	attr, ok := args.Index(1).Text()
	if args.Len() != 2 || !ok {
		return "the attribute is not a constant"
	}
	from := args.Index(0)
	if n := j.classOf(from); n != nil && keptMethods[[3]string{n.module, n.key.name, attr}] {
		return ""
	}
	if g, ok := from.Global(); ok && keptMethods[[3]string{g.Module, g.Name, attr}] {
		return ""
	}
	if strings.HasPrefix(attr, "_") || strings.Contains(attr, ".") {
		return "the attribute is " + quote(attr)
	}
	if j.enumOfNobody(from, attr) {
		return ""
	}
	if n := j.name(from, from.Offset()); n != nil && n.entry != nil && n.entry.ops&opEnum != 0 {
		return ""
	}
	if n := j.classOf(from); n != nil && n.entry != nil && n.entry.ops&opNew != 0 && n.entry.ops&opBuild != 0 && (attr == "forward" || attr == "prepare_inputs_for_generation") {
		return ""
	}
	return "it is not a member of a listed enum"
}

// keptMethods are functions of classes that schedulers keep in their state:
// arithmetic on numbers.
//
// PyTorch v1.13.0 torch/optim/lr_scheduler.py: OneCycleLR; torch/optim/swa_utils.py: SWALR.
var keptMethods = map[[3]string]bool{
	{"torch.optim.lr_scheduler", "OneCycleLR", "_annealing_cos"}:    true,
	{"torch.optim.lr_scheduler", "OneCycleLR", "_annealing_linear"}: true,
	{"torch.optim.swa_utils", "SWALR", "_cosine_anneal"}:            true,
	{"torch.optim.swa_utils", "SWALR", "_linear_anneal"}:            true,
}

// enumOfNobody reports whether getattr fetches what looks like a member of an
// enum that nobody reviewed, as CPython 3.11 writes them. The import of the class
// is an issue already; the member is one more only where it is a way to a sink.
//
// CPython v3.11.0 Lib/enum.py: Enum.__reduce_ex__.
func (j *judge) enumOfNobody(from pickle.Value, attr string) bool {
	n := j.name(from, from.Offset())
	if n == nil || n.entry != nil || n.sink != nil || n.computed || j.member(from, attr, maxChain).sink != nil {
		return false
	}
	for i, r := range attr {
		if (r < 'A' || r > 'Z') && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return attr != ""
}

// checkPartial: partial(f, ...) keeps f and calls nothing.
func checkPartial(j *judge, args pickle.Value) string {
	f := args.Index(0)
	if n := j.name(f, f.Offset()); n != nil && n.sink == nil && (n.entry == nil || n.entry.ops&opNever == 0) {
		return ""
	}
	return "argument 1 is not a listed function"
}

// checkScalar: scalar(dtype, bytes). An object dtype returns its argument as it
// is, which numpy never writes.
//
// numpy v2.2.0 numpy/_core/src/multiarray/multiarraymodule.c: array_scalar.
func checkScalar(_ *judge, args pickle.Value) string {
	n := args.Len()
	if n < 1 || n > 2 {
		return "it does not have one or two arguments"
	}
	dtype := args.Index(0)
	switch dtype.Kind() {
	case pickle.KindObject, pickle.KindGlobal:
	default:
		return "argument 1 is not a dtype"
	}
	if code, _ := text(dtype.Args().Index(0)); strings.HasPrefix(code, "O") || strings.HasPrefix(code, "|O") {
		return "the dtype is object"
	}
	return ""
}

// classOf returns the class of an object, as far as the stream says it.
func (j *judge) classOf(v pickle.Value) *name {
	if v.Kind() != pickle.KindObject {
		return nil
	}
	n := j.funcName(v)
	if n == nil {
		return nil
	}
	switch n.key {
	case key{"copyreg", "_reconstructor"}, key{"copyreg", "__newobj__"}, key{"copyreg", "__newobj_ex__"},
		key{"numpy.core.multiarray", "_reconstruct"}, key{"numpy._core.multiarray", "_reconstruct"},
		key{"numpy.ma.core", "_mareconstruct"}, key{"numpy.ma.mrecords", "_mrreconstruct"},
		key{"pandas.core.indexes.base", "_new_Index"}:
		class := v.Args().Index(0)
		if c := j.name(class, class.Offset()); c != nil {
			return c
		}
	}
	return n
}

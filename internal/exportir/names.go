package exportir

import (
	"regexp"
	"sync"
)

// set makes a set of names.
func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// exprFuncs are what a symbolic expression may call: the constructors that
// sympy's srepr prints for the expressions of torch's ShapeEnv, their short
// forms, and the functions of torch/utils/_sympy/functions.py. None has an
// effect or takes a string, but for numbers as in Float('1.5').
var exprFuncs = set(
	"Symbol", "Dummy", "Integer", "Float", "Rational",
	"Add", "Mul", "Pow", "Abs", "Max", "Min", "Mod", "floor", "ceiling", "sign",
	"sqrt", "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
	"Piecewise", "ExprCondPair", "And", "Or", "Not", "Xor", "ITE",
	"Eq", "Ne", "Lt", "Le", "Gt", "Ge",
	"Equality", "Unequality", "StrictLessThan", "LessThan", "StrictGreaterThan", "GreaterThan",

	"FloorDiv", "ModularIndexing", "Where", "PythonMod", "CleanDiv", "CeilDiv",
	"CeilToInt", "FloorToInt", "LShift", "RShift", "PowByNatural", "FloatPow",
	"TrueDiv", "FloatTrueDiv", "IntTrueDiv", "IsNonOverlappingAndDenseIndicator",
	"TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity",
	"BitwiseFn_bitwise_and", "BitwiseFn_bitwise_or", "BitwiseFn_bitwise_xor",
	"OpaqueUnaryFn_sqrt", "OpaqueUnaryFn_cos", "OpaqueUnaryFn_cosh", "OpaqueUnaryFn_sin",
	"OpaqueUnaryFn_sinh", "OpaqueUnaryFn_tan", "OpaqueUnaryFn_tanh", "OpaqueUnaryFn_asin",
	"OpaqueUnaryFn_acos", "OpaqueUnaryFn_atan", "OpaqueUnaryFn_exp", "OpaqueUnaryFn_log",
	"OpaqueUnaryFn_asinh", "OpaqueUnaryFn_log2",
)

// numberFuncs may be given a number as a string.
var numberFuncs = set("Integer", "Float", "Rational")

// powerFuncs grow without bound on constants alone.
var powerFuncs = set("Pow", "PowByNatural", "FloatPow", "LShift", "exp", "OpaqueUnaryFn_exp")

// exprConsts are the names that stand for a value.
var exprConsts = set("True", "False", "true", "false", "oo", "zoo", "int_oo", "nan", "pi", "E")

// assumptions are the keywords of Symbol: sympy's assumptions about a symbol.
var assumptions = set(
	"positive", "negative", "nonnegative", "nonpositive", "zero", "nonzero", "integer",
	"noninteger", "real", "rational", "irrational", "complex", "imaginary", "finite",
	"infinite", "even", "odd", "commutative", "hermitian", "algebraic", "transcendental",
	"extended_real", "extended_positive", "extended_negative", "extended_nonnegative",
	"extended_nonpositive", "extended_nonzero",
)

// keywords are other keywords and the functions that take them; an empty list
// is every function.
var keywords = map[string]map[string]bool{
	"evaluate":    {},
	"precision":   set("Float"),
	"dps":         set("Float"),
	"dummy_index": set("Dummy"),
}

// The patterns are compiled when the first expression is read: the last one alone
// takes a millisecond, which no other run of the program should pay.

// symbolName is a symbol as ShapeEnv names them where it stands bare: a
// prefix and a number. A name without a number could be one of sympy's.
var symbolName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^_{0,2}[a-z]{1,12}(_[a-z]{1,12})?[0-9]{1,9}$`)
})

// quotedName is a symbol's name inside Symbol('…').
var quotedName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)
})

var quotedNumber = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,5})?(/[0-9]{1,400})?$|^[+-]?(inf|nan)$`)
})

// guardFuncs are what a guard may call besides exprFuncs.
var guardFuncs = set(
	"max", "min", "abs", "int", "float", "bool", "round", "len",
	"math.floor", "math.ceil", "math.trunc", "math.sqrt", "math.pow", "math.isnan", "math.isinf",
	"torch.sym_float", "torch.sym_int", "torch.sym_max", "torch.sym_min", "torch.sym_not",
	"torch.sym_ite", "torch.sym_sqrt", "torch._sym_sqrt", "cast_symbool_to_symint_guardless",
)

// guardMethods are what a guard may read of an input.
var guardMethods = set("size", "stride", "storage_offset", "dim", "numel", "item")

var guardAttrs = set("shape", "ndim", "requires_grad")

// functions are the targets that are no operators: _SYM_OPS of serialize.py
// and other functions of one or two numbers beside them.
var functions = set(
	"_operator.add", "_operator.sub", "_operator.mul", "_operator.truediv", "_operator.floordiv",
	"_operator.mod", "_operator.pow", "_operator.neg", "_operator.pos", "_operator.abs",
	"_operator.eq", "_operator.ne", "_operator.lt", "_operator.le", "_operator.gt", "_operator.ge",
	"_operator.and_", "_operator.or_", "_operator.xor", "_operator.not_", "_operator.lshift",
	"_operator.rshift", "_operator.getitem", "_operator.is_", "_operator.is_not",
	"math.trunc", "math.floor", "math.ceil", "math.sqrt",
	"torch.sym_not", "torch.sym_int", "torch.sym_float", "torch.sym_ite", "torch.sym_max",
	"torch.sym_min", "torch.sym_sqrt", "torch._sym_sqrt", "torch.sym_sum", "torch.sym_fresh_size",
)

// higherOrder are the operators of torch.ops.higher_order that only run the
// graphs and kernels of the program itself.
var higherOrder = set(
	"cond", "while_loop", "map", "map_impl", "scan", "associative_scan", "flex_attention",
	"flex_attention_backward", "wrap_with_set_grad_enabled", "wrap_with_autocast",
	"auto_functionalized", "auto_functionalized_v2", "with_effects", "invoke_subgraph",
	"strict_mode", "run_const_graph", "out_dtype", "wrap", "tag_activation_checkpoint",
	"dynamo_bypassing_wrapper", "hints_wrapper", "executorch_call_delegate",
)

// treeTypes are the containers of torch.utils._pytree whose specification
// names nothing to import.
var treeTypes = set(
	"builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict",
	"collections.deque", "torch.Size", "torch.return_types",
	"immutable_collections.immutable_list", "torch.fx.immutable_collections.immutable_list",
	"torch.fx.immutable_collections.immutable_dict",
)

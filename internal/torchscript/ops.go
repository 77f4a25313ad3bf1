package torchscript

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed ops.txt
var opsText string

// opVersions are the versions of the letters in ops.txt.
var opVersions = [...]string{"1.13", "2.6", "2.14"}

// opTable is ops.txt: name to a bit for each version.
var opTable = sync.OnceValue(func() map[string]uint8 {
	t := make(map[string]uint8, 2500)
	for line := range strings.Lines(opsText) {
		name, versions, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		for _, v := range versions {
			t[name] |= 1 << (v - 'a')
		}
	}
	for _, name := range compilerOps {
		t[name] = 1<<len(opVersions) - 1
	}
	return t
})

// compilerOps have no schema: the compiler of every version makes them from
// the names in its environment, or defines them in TorchScript itself
// (builtin_functions.cpp).
var compilerOps = []string{
	"prim::fork", "prim::awaitable", "prim::isinstance", "prim::annotate",
	"prim::GetAttr", "prim::HasAttr", "prim::TupleConstruct", "prim::range",
	"prim::zip", "prim::enumerate", "prim::list", "prim::dict",
	"prim::shape", "prim::unpack", "prim::ndim", "prim::T", "prim::H", "prim::mT",
	"prim::mH", "prim::BroadcastingList", "prim::reversed", "prim::CreateObject",
	"aten::_single", "aten::_pair", "aten::_triple", "aten::_quadruple",
}

// opNamespaces are the namespaces of the operators in the table.
var opNamespaces = sync.OnceValue(func() map[string]bool {
	t := map[string]bool{}
	for name := range opTable() {
		ns, _, _ := strings.Cut(name, "::")
		t[ns] = true
	}
	return t
})

// Category says what an operator can do besides arithmetic.
type Category string

const (
	// None is an operator of stock PyTorch that only computes.
	None Category = ""
	// Unknown is an operator that no version of the table has.
	Unknown Category = "unknown"
	// FileWrite writes a file at a path the model chooses.
	FileWrite Category = "file_write"
	// FileMap reads a file, or writes it back through a shared mapping.
	FileMap Category = "file_read_or_mmap_write"
	// RawMemory makes tensors over memory without, or with bypassed, checks.
	RawMemory Category = "raw_memory_view"
	// AddressLeak tells addresses of objects.
	AddressLeak Category = "address_leak"
	// PythonEscape calls back into Python.
	PythonEscape Category = "python_escape"
	// Network talks to other processes where the host initialised that.
	Network Category = "network_rpc"
	// NativeBackend hands a payload to native code outside the operator set.
	NativeBackend Category = "native_backend_payload"
	// SparseView gives the indices of a sparse tensor, which later operators use
	// unchecked and code can change in place.
	SparseView Category = "sparse_index_view"
	// TypeCast takes a value for one of a class or tuple type, unchecked.
	TypeCast Category = "unchecked_type_cast"
	// Stdout prints.
	Stdout Category = "stdout"
	// Concurrency starts or joins threads.
	Concurrency Category = "concurrency"
	// DebugFile reads files for debugging.
	DebugFile Category = "debug_file"
)

// riskyOps are the operators of the table with a category. The list is kept by
// hand: an operator that is missing here passes as arithmetic.
var riskyOps = map[string]Category{
	"aten::save":      FileWrite,
	"aten::from_file": FileMap,

	"prim::Print":  Stdout,
	"aten::_print": Stdout,
	"aten::warn":   Stdout,

	"aten::as_strided":                          RawMemory,
	"aten::as_strided_":                         RawMemory,
	"aten::as_strided_copy":                     RawMemory,
	"aten::as_strided_scatter":                  RawMemory,
	"prims::as_strided":                         RawMemory,
	"prims::as_strided_scatter":                 RawMemory,
	"inductor::_reinterpret_tensor":             RawMemory,
	"inductor::_alloc_from_pool":                RawMemory,
	"inductor::resize_storage_bytes_":           RawMemory,
	"aten::set_":                                RawMemory,
	"aten::set":                                 RawMemory,
	"aten::resize_":                             RawMemory,
	"aten::resize":                              RawMemory,
	"aten::resize_as_":                          RawMemory,
	"aten::_resize_output_":                     RawMemory,
	"aten::_resize_output":                      RawMemory,
	"prims::resize":                             RawMemory,
	"aten::_unsafe_index":                       RawMemory,
	"aten::_unsafe_index_put":                   RawMemory,
	"aten::_unsafe_masked_index":                RawMemory,
	"aten::_unsafe_masked_index_put_accumulate": RawMemory,
	"aten::_sparse_coo_tensor_unsafe":           RawMemory,
	"aten::_sparse_compressed_tensor_unsafe":    RawMemory,
	"aten::_sparse_csr_tensor_unsafe":           RawMemory,
	"aten::_sparse_csc_tensor_unsafe":           RawMemory,
	"aten::_sparse_bsr_tensor_unsafe":           RawMemory,
	"aten::_sparse_bsc_tensor_unsafe":           RawMemory,
	"aten::_nested_view_from_buffer":            RawMemory,
	"aten::_nested_view_from_buffer_copy":       RawMemory,

	"aten::_indices":     SparseView,
	"aten::indices":      SparseView,
	"aten::crow_indices": SparseView,
	"aten::col_indices":  SparseView,
	"aten::ccol_indices": SparseView,
	"aten::row_indices":  SparseView,

	castOp: TypeCast,

	"mkldnn::data_ptr": AddressLeak,
	"prim::id":         AddressLeak,

	"prim::PythonOp":        PythonEscape,
	"prim::IgnoredPythonOp": PythonEscape,

	"prim::rpc_sync":   Network,
	"prim::rpc_async":  Network,
	"prim::rpc_remote": Network,

	"prim::fork":              Concurrency,
	"prim::awaitable":         Concurrency,
	"prim::awaitable_wait":    Concurrency,
	"prim::awaitable_nowait":  Concurrency,
	"aten::wait":              Concurrency,
	"debugprims::load_tensor": DebugFile,
}

// castOp stands for unchecked_cast to a type whose values are read by place. The
// compiler gives it to a name that has been compared with None or by isinstance,
// and does not check that in code it loads.
const castOp = "prim::unchecked_cast"

// riskyNamespaces have every operator in one category.
var riskyNamespaces = map[string]Category{
	"c10d":                      Network,
	"_c10d_functional":          Network,
	"_c10d_functional_autograd": Network,
	"symm_mem":                  Network,
	"_dtensor":                  Network,
}

// Risk returns what op, as in "aten::save", can do besides arithmetic.
func Risk(op string) Category {
	if c, ok := riskyOps[op]; ok {
		return c
	}
	ns, _, _ := strings.Cut(op, "::")
	if c, ok := riskyNamespaces[ns]; ok {
		return c
	}
	if opTable()[op] == 0 {
		return Unknown
	}
	return None
}

// Versions returns the torch versions of the table that have op, oldest first.
func Versions(op string) []string {
	var out []string
	bits := opTable()[op]
	for i, v := range opVersions {
		if bits&(1<<i) != 0 {
			out = append(out, v)
		}
	}
	return out
}

// OpKnown reports whether stock torch of any version of the table has the
// operator. The table holds no overloads: an overload only has to be a name.
func OpKnown(name, overload string) bool {
	for i := range len(overload) {
		if c := overload[i]; !isAlpha(c) && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return opTable()[name] != 0
}

// NamespaceKnown reports whether stock torch registers operators in ns.
func NamespaceKnown(ns string) bool { return opNamespaces()[ns] }

// notMethods are risky operators whose schema has no argument named self, so
// that x.name(…) on a value does not reach them (BuiltinFunction::tryCreate).
var notMethods = map[string]bool{
	"aten::save": true, "aten::from_file": true, "aten::warn": true, "aten::_print": true,
	"aten::_sparse_coo_tensor_unsafe": true, "aten::_sparse_compressed_tensor_unsafe": true,
	"aten::_sparse_csr_tensor_unsafe": true, "aten::_sparse_csc_tensor_unsafe": true,
	"aten::_sparse_bsr_tensor_unsafe": true, "aten::_sparse_bsc_tensor_unsafe": true,
}

// riskyNames are the last parts of the risky operators' names, for searching
// source that does not parse.
var riskyNames = sync.OnceValue(func() map[string]string {
	t := map[string]string{}
	for op, c := range riskyOps {
		_, name, _ := strings.Cut(op, "::")
		if old, ok := t[name]; c != None && (!ok || op < old) {
			t[name] = op
		}
	}
	return t
})

// builtins are the global names of the language that stand for operators, and
// the method they call on an instance of a class (ir_emitter.cpp,
// Environment::getSugaredVar).
var builtins = map[string]struct{ op, magic string }{
	"print": {"prim::Print", ""}, "len": {"aten::len", "__len__"},
	"float": {"aten::Float", "__float__"}, "int": {"aten::Int", "__int__"},
	"bool": {"aten::Bool", "__bool__"}, "str": {"aten::str", "__str__"},
	"hex": {"aten::hex", "__hex__"}, "oct": {"aten::oct", "__oct__"},
	"round": {"aten::round", "__round__"}, "hash": {"aten::hash", ""},
	"id": {"prim::id", ""}, "min": {"prim::min", ""}, "max": {"prim::max", ""},
	"abs": {"prim::abs", ""}, "all": {"aten::all", ""}, "any": {"aten::any", ""},
	"divmod": {"aten::divmod", ""}, "sum": {"aten::sum", ""}, "ord": {"aten::ord", ""},
	"chr": {"aten::chr", ""}, "bin": {"aten::bin", ""}, "pow": {"aten::pow", ""},
	"complex": {"aten::complex", ""}, "sorted": {"aten::sorted", ""},
	"rangelist": {"prim::rangelist", ""}, "_to_tensor": {"prim::NumToTensor", ""},
	"fork": {"prim::fork", ""}, "awaitable": {"prim::awaitable", ""},
	"getattr": {}, "hasattr": {}, "isinstance": {}, "annotate": {},
	"unchecked_cast": {}, "uninitialized": {}, "tuple": {}, "list": {}, "dict": {},
	"range": {}, "zip": {}, "enumerate": {}, "reversed": {}, "iter": {}, "next": {},
}

// stockClasses are the custom classes of stock torch that only hold packed
// parameters of operators.
var stockClasses = map[string]bool{
	"quantized.LinearPackedParamsBase": true, "quantized.Conv2dPackedParamsBase": true,
	"quantized.Conv3dPackedParamsBase": true, "quantized.EmbeddingPackedParamsBase": true,
	"LinearPackedParamsBase": true, "rnn.CellParamsBase": true,
	"sparse.LinearPackedParamsBase": true, "xnnpack.LinearOpContext": true,
	"xnnpack.Conv2dOpContext": true, "xnnpack.TransposeConv2dOpContext": true,
	"mkldnn.ConvOpContext": true,
}

// ClassRisk returns the category of a custom class, named without
// "__torch__.torch.classes.", as in "quantized.LinearPackedParamsBase". Those
// of other names run native code that the table does not describe.
func ClassRisk(name string) Category {
	switch {
	case stockClasses[name]:
		return None
	case strings.HasPrefix(name, "_nnapi."), strings.HasPrefix(name, "__backends__."), strings.HasPrefix(name, "tensorrt."):
		return NativeBackend
	case strings.HasPrefix(name, "c10d."), strings.HasPrefix(name, "dist_"):
		return Network
	}
	return Unknown
}

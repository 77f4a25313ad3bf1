package ops

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var argumentRules = []*rule.Rule{nothingChecked, untypedPointer, deviceOpen, sizesOpen, layoutOpen, indexOpen, scalarOpen, optionalOpen, firstOpen}

var nothingChecked = &rule.Rule{
	ID: "OPS001", Title: "An operator that checks nothing", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-20", "PyTorch tutorial, Custom C++ and CUDA Operators"},
	Text: "Python can call this function with any tensor, it takes raw pointers of its arguments, and neither it nor a function that it calls holds anything about them against a condition: not their sizes, not their device, not how they lie in memory. " +
		"What such an operator does with a tensor of another shape is undefined.",
	Fix: "begin with TORCH_CHECK for device, dtype, number of dimensions, sizes and is_contiguous() of each tensor",
}

var untypedPointer = &rule.Rule{
	ID: "OPS002", Title: "An untyped pointer of a tensor of any dtype", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-843", "ATen/core/TensorBase.h data_ptr"},
	Text: "data_ptr() without a type gives the memory of a tensor of any dtype, and nothing before it checks which. A tensor of smaller elements is then read and written beyond its end. " +
		"data_ptr<T>() throws where the dtype is another one.",
	Fix: "take x.data_ptr<T>() within AT_DISPATCH_..., or check first: TORCH_CHECK(x.scalar_type() == at::kFloat, ...)",
}

var deviceOpen = &rule.Rule{
	ID: "OPS003", Title: "A pointer of a tensor on any device", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-20", "torch/library.h TORCH_LIBRARY_IMPL"},
	Text: "The function is registered for every device, by pybind11 or without a dispatch key, and nothing checks where its tensors lie before their memory is used. The processor then reads addresses of a GPU, or a kernel those of the processor. " +
		"Of functions that are registered with TORCH_LIBRARY_IMPL for one backend the dispatcher makes sure.",
	Fix: "register the implementation with TORCH_LIBRARY_IMPL(ns, CPU, m), or check first: TORCH_CHECK(x.is_cpu(), ...)",
}

var sizesOpen = &rule.Rule{
	ID: "OPS004", Title: "Sizes that are never compared", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-125", "CWE-787"},
	Text: "An element of one tensor is taken by an index that goes as far as another tensor or an argument says, and the sizes of the two are never held against each other. A smaller tensor is read or written beyond its end. So it is where memcpy or std::copy take as many bytes as another tensor has.",
	Fix:  "check first that they fit: TORCH_CHECK(a.sizes() == b.sizes(), ...)",
}

var layoutOpen = &rule.Rule{
	ID: "OPS005", Title: "A tensor that is taken for contiguous", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-125", "ATen/core/TensorBase.h is_contiguous"},
	Text: "Elements are taken one after the other from a raw pointer, which is right only for a contiguous tensor, and nothing makes sure that it is one. Of a transposed or sliced tensor other elements are read; of an expanded one there are fewer in memory than its sizes say.",
	Fix:  "use auto x = input.contiguous() and keep x as long as the pointer, or check is_contiguous(), or use an accessor, which knows of strides",
}

var indexOpen = &rule.Rule{
	ID: "OPS006", Title: "An index out of a tensor that is never checked", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-129", "CWE-125", "CWE-787"},
	Text: "A number that is an element of a tensor is used as an index, and is not held against both 0 and the size of what it points into. Whoever makes the tensor reads or writes any memory. " +
		"In a kernel the severity is medium, because its caller may have looked at the values in a way that is not seen.",
	Fix: "check each value: TORCH_CHECK_INDEX(i >= 0 && i < n, ...)",
}

var scalarOpen = &rule.Rule{
	ID: "OPS007", Title: "A number from the caller that is used as an index or a size", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-129", "CWE-787"},
	Text: "An argument of the operator that is a number is used as an index, or moves a pointer into a tensor, and is held against nothing before.",
	Fix:  "check it, or use at::maybe_wrap_dim(dim, x.dim()) for the number of a dimension",
}

var optionalOpen = &rule.Rule{
	ID: "OPS008", Title: "An optional argument that is used without asking", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-476"},
	Text: "* and -> of an optional that has no value are undefined: the operator crashes when Python passes None. value() throws.",
	Fix:  "ask has_value() first, or use value()",
}

var firstOpen = &rule.Rule{
	ID: "OPS009", Title: "An element of a tensor that may be empty", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-125", "CWE-476"},
	Text: "The first or the last element is used without asking whether there is one. The pointer of an empty tensor is null.",
	Fix:  "check first: TORCH_CHECK(x.numel() > 0, ...), or return early",
}

package ops

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var (
	interfaceRules = []*rule.Rule{hiddenMutation, noSchema, pybindOnly, noAutograd, gradientCount, sharedWrite, oldInterface, hasBuiltIn}
	readRules      = []*rule.Rule{notRead, entryFound}
)

var hiddenMutation = &rule.Rule{
	ID: "OPS040", Title: "An argument that is written and not declared to be", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"aten/src/ATen/native/README.md, Annotations", "torch.library.opcheck"},
	Text: "The schema says that the operator only reads a tensor, and the function writes to it, or to what contiguous(), view() or detach() give of it, which is the same memory for a contiguous tensor. " +
		"Autograd then computes gradients of values that are gone, and torch.compile may leave the call out or move it.",
	Fix: "declare it, Tensor(a!) x, or work on x.clone()",
}

var noSchema = &rule.Rule{
	ID: "OPS041", Title: "An operator without a schema", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"torch/library.h Library::def"},
	Text: "The schema is made from the C++ types, which say neither what the arguments are called nor which of them are written to.",
	Fix:  `m.def("f(Tensor x, int n) -> Tensor"), with the names and, where an argument is written to, its alias`,
}

var pybindOnly = &rule.Rule{
	ID: "OPS042", Title: "Operators that only pybind11 knows of", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"PyTorch tutorial, Custom C++ and CUDA Operators", "torch/library.h TORCH_LIBRARY"},
	Text: "Functions of a PYBIND11_MODULE, or an NB_MODULE of nanobind, bypass the dispatcher of torch: nothing chooses by device, there is no schema, autograd, torch.compile and torch.export do not see them, and torch.library.opcheck cannot test them.",
	Fix:  "register them with TORCH_LIBRARY and TORCH_LIBRARY_IMPL",
}

var noAutograd = &rule.Rule{
	ID: "OPS043", Title: "An operator without a registration for autograd", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"torch/csrc/autograd/autograd_not_implemented_fallback.h", "torch.library.register_autograd"},
	Text: "The operator works on the memory of tensors, and nothing registers a backward for it, nor that there is none. What it gives then silently requires no gradient, and training goes on without a part of it.",
	Fix:  "torch.library.register_autograd, or m.impl(name, torch::autograd::autogradNotImplementedFallback()) under the key Autograd",
}

var gradientCount = &rule.Rule{
	ID: "OPS044", Title: "A backward() with another number of gradients", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"torch/csrc/autograd/custom_function.h Function"},
	Text: "backward() of a torch::autograd::Function has to give as many gradients as forward() takes arguments, an undefined Variable for those that have none, in their order. Here it gives another number, so that each goes to the wrong argument or training stops.",
	Fix:  "return one gradient, or torch::autograd::Variable(), for each argument of forward() behind the context",
}

var sharedWrite = &rule.Rule{
	ID: "OPS045", Title: "A race in parallel_for", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-362", "ATen/Parallel.h"},
	Text: "Each thread of at::parallel_for has a range of its own, and here they write to the same variable, or to elements that data choose, without anything that keeps them apart. Of the loops of OpenMP those are reported that add to a variable around them, without a reduction. Results then differ between runs, and containers break.",
	Fix:  "use at::parallel_reduce, or reduction(+: x) of OpenMP, or a variable of each thread that is added up afterwards",
}

var oldInterface = &rule.Rule{
	ID: "OPS046", Title: "A deprecated or unsafe function", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"ATen/core/TensorBase.h data", "CWE-477", "CWE-676"},
	Text: "data<T>(), type(), AT_CHECK, AT_ASSERT, RegisterOperators and THC are deprecated or gone in new versions of torch. strcpy, strcat, sprintf, gets and alloca write without knowing how much room there is, and are reported with medium severity.",
	Fix:  "use data_ptr<T>(), scalar_type(), TORCH_CHECK and TORCH_LIBRARY; snprintf and std::string",
}

var hasBuiltIn = &rule.Rule{
	ID: "OPS047", Title: "A custom operator that torch has", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"PyTorch documentation, torch and torch.nn.functional", "Torchvision documentation, Operators"},
	Text: "By its name the operator does what one of torch or torchvision does, which is tested on every platform. The least risk is in the code that is not there. Whether it is the same the name does not say.",
	Fix:  "compare the two, and remove the custom one where it brings nothing",
}

var notRead = &rule.Rule{
	ID: "OPS080", Title: "C++ or CUDA that could not be read", Strategy: finding.CustomOps,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: []string{"ISO C++20 [lex]"},
	Text: "A bracket or a string does not end, statements are nested too deep, or the file is over a limit. Or what an extension is built of is not there to be read: load_inline is given text or functions that are put together as the program runs, or a source that is named is not in the project, or in another language. Or a module has something in it, and no operator of it was recognised, as where a macro registers them. What stands around it was looked at; what the part itself does is not known.",
	Fix:  "mend the file, or move what is no source of an operator out of the project; write the text of load_inline out, or keep it in a source file",
}

var entryFound = &rule.Rule{
	ID: "OPS090", Title: "An operator that checks its arguments", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"PyTorch tutorial, Custom C++ and CUDA Operators"},
	Text: "Python can call this function, and it, or a function that it calls, holds its tensors against conditions before their memory is used, or leaves that to operators of torch. Which are checked the message says.",
	Fix:  "nothing needs to be done",
}

package ops

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var (
	numberRules = []*rule.Rule{narrowedSize, narrowProduct, narrowAccessor, zeroDivisor, narrowKernelIndex}
	cudaRules   = []*rule.Rule{launchOpen, defaultStream, noGuard, kernelOpen}
)

var narrowedSize = &rule.Rule{
	ID: "OPS020", Title: "A size in 32 bits", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-190", "CWE-681"},
	Text: "Sizes, strides and numbers of elements are int64_t in torch, and are kept in an int here. A tensor of more than 2,147,483,647 elements gives a wrong or negative number, and then an index or an allocation that is wrong. " +
		"The size of one dimension is reported with low severity, a number of elements with medium.",
	Fix: "keep them in int64_t",
}

var narrowProduct = &rule.Rule{
	ID: "OPS021", Title: "A product of sizes in 32 bits", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-190"},
	Text: "Two numbers of type int are multiplied, and the product says how much memory is taken or how far an index goes. It overflows before it is widened, which is undefined, and in practice gives a small or negative number. " +
		"Where it only becomes a number with a name, or one of the two is the variable of a loop, as in q[i * cols + j], the severity is medium. A number that is held against a constant before is small enough.",
	Fix: "multiply in int64_t: static_cast<int64_t>(a) * b",
}

var narrowAccessor = &rule.Rule{
	ID: "OPS022", Title: "packed_accessor32 without a bound", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-190", "ATen/native/CanUse32BitIndexMath.h"},
	Text: "packed_accessor32 computes places in 32 bits, and nothing makes sure that the tensor is small enough. Elements beyond 2,147,483,647 are read and written at wrong addresses.",
	Fix:  "use packed_accessor64, or check first: TORCH_CHECK(at::native::canUse32BitIndexMath(x), ...)",
}

var zeroDivisor = &rule.Rule{
	ID: "OPS023", Title: "Division by a number that may be 0", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-369"},
	Text: "A size or an argument is the divisor of a division of whole numbers, or of %, and nothing asks whether it is 0. The processor then stops the process, which no Python code can catch.",
	Fix:  "check first: TORCH_CHECK(n > 0, ...), or return early for empty tensors",
}

var narrowKernelIndex = &rule.Rule{
	ID: "OPS024", Title: "The index of a kernel in 32 bits", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-190"},
	Text: "blockIdx.x * blockDim.x + threadIdx.x is computed in 32 bits, and the tensors that the kernel indexes may have more elements than that, which nothing excludes.",
	Fix:  "count in 64 bits, const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, or check numel() < INT_MAX before the launch",
}

var launchOpen = &rule.Rule{
	ID: "OPS030", Title: "A launch whose error nobody reads", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"CWE-252", "c10/cuda/CUDAException.h C10_CUDA_KERNEL_LAUNCH_CHECK"},
	Text: "A kernel that does not start, because the grid is empty or the block too large, says so only when it is asked. Without that the output stays as it was, and the error appears at another operator.",
	Fix:  "add C10_CUDA_KERNEL_LAUNCH_CHECK(); after the launch",
}

var defaultStream = &rule.Rule{
	ID: "OPS031", Title: "A launch on the default stream", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-362", "PyTorch documentation, CUDA streams"},
	Text: "torch works on its current stream, and a kernel on another one may run before its inputs are there, or after their memory has been given to somebody else.",
	Fix:  "launch on at::cuda::getCurrentCUDAStream()",
}

var noGuard = &rule.Rule{
	ID: "OPS032", Title: "A launch without a device guard", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-20", "c10/cuda/CUDAGuard.h"},
	Text: "A kernel runs on the current device, which need not be the one that its tensors lie on. It then reads addresses of another GPU.",
	Fix:  "begin with const at::cuda::OptionalCUDAGuard guard(at::device_of(x));",
}

var kernelOpen = &rule.Rule{
	ID: "OPS033", Title: "A kernel that does not look where it ends", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-787", "CWE-125"},
	Text: "There are as many threads as whole blocks have, and the last block usually reaches beyond the data. The kernel computes an index from its block and thread and uses it without comparing it with anything.",
	Fix:  "begin with if (i >= n) return;",
}

package ops

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var memoryRules = []*rule.Rule{temporaryPointer, manualMemory, lostMemory, fixedArray, partlyWritten, pastEnd}

var temporaryPointer = &rule.Rule{
	ID: "OPS010", Title: "A pointer of a temporary tensor", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-416", "ISO C++20 [class.temporary]"},
	Text: "The pointer or accessor is kept, but the tensor that it points into is a temporary, which ends with the statement. contiguous(), to() and their like may give a tensor of its own, whose memory is then free. " +
		"The same is said of a pointer that is used after resize_() or an assignment gave its tensor other memory. " +
		"Where the pointer is an argument of a call in the same statement the temporary lives long enough, and nothing is reported.",
	Fix: "give the tensor a name that lives as long as the pointer: auto xc = x.contiguous(); auto p = xc.data_ptr<float>();",
}

var manualMemory = &rule.Rule{
	ID: "OPS011", Title: "Memory that is not a tensor", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"CWE-401", "C++ Core Guidelines R.10, R.11"},
	Text: "malloc, new[] and cudaMalloc bypass the allocator of torch: nobody frees the memory when an exception passes, its size is not checked for overflow, and on a GPU it waits for all work.",
	Fix:  "use at::empty({n}, x.options()) or std::vector<T>",
}

var lostMemory = &rule.Rule{
	ID: "OPS012", Title: "Memory that is not freed on every path", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-401", "CWE-772"},
	Text: "Memory that malloc, new[] or cudaMalloc gave is never freed in the function, nor by others of the project where a member or a global holds it, or not where a check throws or a return comes before the free. Each such call then costs memory until none is left.",
	Fix:  "use at::empty({n}, x.options()) or std::vector<T>, which free themselves",
}

var fixedArray = &rule.Rule{
	ID: "OPS013", Title: "An array of fixed size, indexed by what a tensor says", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-121"},
	Text: "The array lies on the stack and has a fixed number of elements, and the index goes as far as the number of dimensions or the size of a tensor, which nothing holds against that number.",
	Fix:  "check first, TORCH_CHECK(x.dim() <= N, ...), or use c10::SmallVector",
}

var partlyWritten = &rule.Rule{
	ID: "OPS014", Title: "A tensor of at::empty that is not written in full", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-908"},
	Text: "at::empty gives memory as it was left, with whatever was in it. Here there are elements that no path through the function writes, or paths that do not write some, so old memory comes back to the caller.",
	Fix:  "use at::zeros, or write every element on every path",
}

var pastEnd = &rule.Rule{
	ID: "OPS015", Title: "An index one beyond the end", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-193", "CWE-125", "CWE-787"},
	Text: "A loop runs up to and with the size of what it indexes, or takes the element behind the current one also in its last round, or the one before it in its first.",
	Fix:  "let the loop end at i < n, or at i + 1 < n where the next element is used",
}

package ops

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/rule"
)

// testedRules are about what was found by running operators, which only a verb that says
// so does.
var testedRules = []*rule.Rule{
	testCrash, testHang, testPoison, testLayout, testDType, testMutation, testThreads, testLeak, testDevice,
	testGradient, testNoGradient, testOpcheck, testReference, testUnclear, testUnsteady, testHarmless, testLeftBehind, testAgreement, testBarrier,
	testNot, testPass, recordOld, recordGood,
}

// tested says of which rule a kind of finding is.
var testKinds = map[string]*rule.Rule{
	"crash": testCrash, "hang": testHang, "poison": testPoison, "layout": testLayout, "dtype": testDType, "mutation": testMutation,
	"threads": testThreads, "race": testThreads, "leak": testLeak, "device": testDevice, "gradcheck": testGradient, "gradgradcheck": testGradient,
	"no-gradient": testNoGradient, "opcheck": testOpcheck, "reference": testReference, "reference-raised": testReference,
	"unclear": testUnclear, "determinism": testUnsteady, "cuda-error": testLeftBehind, "agreement": testAgreement, "barrier": testBarrier,
}

const crashRefs = "CWE-119"

var testCrash = &rule.Rule{
	ID: "OPS100", Title: "An operator that ends the process", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{crashRefs, "CWE-125", "CWE-787", "CWE-416"},
	Text: "A call of the operator ended the process, or a sanitizer stopped it: it read or wrote memory that is not its own, divided by zero, or did something else that C++ does not define. On a GPU the process goes on and can ask nothing more of the GPU. What Python gave it should have been refused with an exception. " +
		"Where memory is written that is not the operator's own, or was freed before, the severity is critical: whoever chooses the arguments may choose what the process does next.",
	Fix: "check the arguments with TORCH_CHECK before memory is touched; the script in the corpus shows the call",
}

var testHang = &rule.Rule{
	ID: "OPS101", Title: "An operator that does not come back", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-835"},
	Text: "A call with small tensors and small numbers did not end within the time of a case. Whoever can send such arguments holds the process.",
	Fix:  "check what bounds the loops of the operator",
}

var testPoison = &rule.Rule{
	ID: "OPS102", Title: "A result that depends on memory nobody wrote", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-457", "CWE-125"},
	Text: "The same call gives different results when fresh memory holds other bytes. The operator reads beyond its tensors, or hands on elements of an output that it never wrote: they may hold what another request left there. Or valgrind saw it decide, or go to an address, by such memory.",
	Fix:  "write every element of the output, or begin with at::zeros, and hold every index against the size of what it indexes",
}

var testLayout = &rule.Rule{
	ID: "OPS103", Title: "A result that depends on how a tensor lies in memory", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-125"},
	Text: "A tensor that is transposed, sliced, shifted or expanded gives another result than its contiguous copy, which holds the same elements. The operator takes the tensor for contiguous and reads what lies between and behind its elements.",
	Fix:  "begin with x.contiguous(), kept in a variable, or TORCH_CHECK(x.is_contiguous(), ...), which is what an argument that is written to needs: a copy would be written instead",
}

var testDType = &rule.Rule{
	ID: "OPS104", Title: "A result that depends on the dtype", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-704"},
	Text: "The same numbers as float32 and as float64, or in 32 and in 64 bits, give results that have nothing in common. The operator accepts a dtype and reads its memory as another.",
	Fix:  "take data_ptr<T>() under AT_DISPATCH, or TORCH_CHECK the scalar type",
}

var testMutation = &rule.Rule{
	ID: "OPS105", Title: "An argument that is written to without the schema saying so", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"torch.library.opcheck test_schema"},
	Text: "After the call a tensor that was given holds other elements, and the schema does not mark it as written to: Tensor(a!). Autograd, torch.compile and every caller rely on that.",
	Fix:  "work on a copy, or declare Tensor(a!) in the schema",
}

var testThreads = &rule.Rule{
	ID: "OPS106", Title: "A result that depends on the number of threads", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-362"},
	Text: "One thread and four give different results, or ThreadSanitizer saw two threads touch the same memory without an order between them; or, in a kernel, compute-sanitizer racecheck saw threads of a block do that. Updates are lost, and memory may be corrupted.",
	Fix:  "let each thread write where no other does, or use at::parallel_reduce",
}

var testLeak = &rule.Rule{
	ID: "OPS107", Title: "An operator that keeps memory", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-401"},
	Text: "What the process has allocated, of its own memory or the GPU's, grows with each call, and is never given back. On a way out by an exception, whoever sends bad requests takes the memory.",
	Fix:  "let a tensor, a std::vector or a std::unique_ptr own the memory",
}

var testDevice = &rule.Rule{
	ID: "OPS108", Title: "An operator that touches the memory of another device", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-20", "CWE-824"},
	Text: "The operator was given a tensor whose memory the processor cannot touch, as that of a GPU, and touched it. It was registered for every device, or is bound by pybind11, and does not look where its tensors are.",
	Fix:  "register the kernel with TORCH_LIBRARY_IMPL for its device, or TORCH_CHECK(x.device().is_cpu(), ...)",
}

var testGradient = &rule.Rule{
	ID: "OPS109", Title: "A gradient that is wrong", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"torch.autograd.gradcheck"},
	Text: "The derivative that the operator gives is not the one that numbers show: gradcheck or gradgradcheck fails in float64, at two points. Training goes on, towards somewhere else.",
	Fix:  "correct backward, and add torch.autograd.gradcheck to the tests",
}

var testNoGradient = &rule.Rule{
	ID: "OPS110", Title: "A gradient that is lost in silence", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"torch/csrc/autograd/autograd_not_implemented_fallback.h"},
	Text: "The result changes smoothly with an argument that requires a gradient, and requires none itself; nothing says so. Training leaves out what stands before the operator.\n\n" +
		"Of a function that pybind11 binds it is information: there is nothing that it could be registered with, and Python mostly calls it from an autograd.Function.",
	Fix: "torch.library.register_autograd, or m.impl(name, torch::autograd::autogradNotImplementedFallback()) under the key Autograd",
}

var testOpcheck = &rule.Rule{
	ID: "OPS111", Title: "An operator that opcheck refuses", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"torch.library.opcheck"},
	Text: "torch.library.opcheck tests whether the schema is true and autograd is registered as torch expects. Where only a kernel for fake tensors is missing, which torch.compile needs, the severity is info.",
	Fix:  "as the message of opcheck says",
}

var testReference = &rule.Rule{
	ID: "OPS112", Title: "A result that is not that of the reference", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-682"},
	Text: "ops-test.yaml names a Python function that computes the same, and it gives another result, or refuses what the operator takes. The latter has low severity.",
	Fix:  "correct the operator, or the reference",
}

var testUnclear = &rule.Rule{
	ID: "OPS113", Title: "An error that says nothing about the arguments", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"CWE-755"},
	Text: "Bad arguments raise an exception of the C++ library or of an assertion within torch, which does not say which argument is wrong. It was caught far from the mistake, and by luck.",
	Fix:  "check the arguments first, with TORCH_CHECK and a message",
}

var testUnsteady = &rule.Rule{
	ID: "OPS114", Title: "A call that once returns and once raises", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-758"},
	Text: "The same arguments, with the same random seed, were taken once and refused once. What decides is memory or time.",
	Fix:  "look for what the condition reads",
}

var testHarmless = &rule.Rule{
	ID: "OPS115", Title: "Undefined behaviour on an empty tensor", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"CWE-476"},
	Text: "A function that must not have a null pointer, such as memcpy, has one, and copies no bytes. Nothing happens today; a compiler may rely on it that this does not happen.",
	Fix:  "return before the copy where numel() is 0",
}

var testLeftBehind = &rule.Rule{
	ID: "OPS116", Title: "An error of CUDA that the operator leaves behind", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Refs: []string{"CWE-252", "CUDA C++ Programming Guide, Error Checking"},
	Text: "A call of CUDA failed in the operator, mostly the launch of a kernel on an empty tensor, and the operator came back as if nothing was wrong. Its result was never computed, and the error is raised later, by another operator that did nothing wrong.",
	Fix:  "C10_CUDA_KERNEL_LAUNCH_CHECK() behind each launch, C10_CUDA_CHECK around each call, and a return where numel() is 0",
}

var testAgreement = &rule.Rule{
	ID: "OPS117", Title: "A result on the GPU that is not that of the CPU", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-682"},
	Text: "The operator has a kernel for the CPU and one for the GPU, and the same small numbers give results that have little in common. One of the two is wrong. Nothing is asked where a result depends on the random seed, or where numbers are not finite.",
	Fix:  "compare both with a reference; ops-test.yaml can name one",
}

var testBarrier = &rule.Rule{
	ID: "OPS118", Title: "A barrier that not all threads reach", Strategy: finding.CustomOps,
	Severity: finding.High, Since: since, Refs: []string{"CWE-662", "CUDA C++ Programming Guide, Synchronization Functions"},
	Text: "Some threads of a block wait at __syncthreads(), or another barrier, and others never come to it, as compute-sanitizer synccheck saw. The kernel may hang, or go on with shared memory that is half written.",
	Fix:  "move the barrier out of the condition; threads without work have to pass it as well",
}

var testNot = &rule.Rule{
	ID: "OPS120", Title: "An operator that was not tested", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Verdict: finding.Unreadable, Refs: []string{"docs/spec/optest-v1.md"},
	Text: "No call of the operator came back with a result, or its time was up before the questions were asked and the edges of its arguments tried, so that little or nothing is known of it. That is not a pass.",
	Fix:  "give it a test that calls it, or an example in ops-test.yaml; or more time, with --budget",
}

var testPass = &rule.Rule{
	ID: "OPS121", Title: "A part of the test that could not run", Strategy: finding.CustomOps,
	Severity: finding.Medium, Since: since, Verdict: finding.Unreadable, Refs: []string{"docs/spec/optest-v1.md"},
	Text: "A build with a sanitizer failed, compute-sanitizer gave no answer, or the program that makes the calls ended, so what it would have found is not known.",
	Fix:  "see what the message says; --build plain leaves the builds with sanitizers out",
}

// Tested reports what testing the operators of a folder found.
func Tested(dir string, r *opreport.Result, report func(finding.Finding)) {
	testedAt(dir, r, func(f finding.Finding, _ bool) { report(f) })
}

// testedAt says as well whether a finding stands where a sanitizer saw it.
func testedAt(dir string, r *opreport.Result, report func(f finding.Finding, seen bool)) {
	at := func(file string, line, column int) finding.Where {
		if file == "" {
			return finding.Where{Path: dir}
		}
		return finding.Where{Path: path.Join(dir, file)}.Line1(line, column)
	}
	for _, o := range r.Operators {
		home := at(o.File, o.Line, 0)
		for i := range o.Found {
			f := &o.Found[i]
			where := home
			if f.Where.File != "" {
				where = at(f.Where.File, f.Where.Line, f.Where.Column)
			}
			report(found(o, f, where), f.Where.File != "")
		}
		if why := notTested(o); why != "" {
			report(testNot.Undetermined(home, o.Full()+why), false)
		}
	}
	for _, text := range r.Incomplete {
		report(testPass.Undetermined(finding.Where{Path: dir}, text), false)
	}
}

// notTested says why nothing is known of an operator.
func notTested(o *opreport.Operator) string {
	switch {
	case o.Skip != "":
		return "" // the project answers for it
	case o.Cut != "" && o.Stage == "edges":
		return " was tested in part only: " + o.Cut + " before the edges of its arguments were"
	case o.Cut != "" && o.Stage != "mutations" && o.Stage != "all":
		return " was not tested: " + o.Cut
	case o.Counts.Valid == 0 && o.GPU.Valid == 0 && len(o.Found) == 0:
		return " was not tested: 0 valid calls in " + strconv.Itoa(o.Counts.Raised+o.Counts.Limit+o.GPU.Raised+o.GPU.Limit)
	}
	return ""
}

// found makes a finding of what one operator did.
func found(o *opreport.Operator, f *opreport.Found, where finding.Where) finding.Finding {
	r := cmp.Or(testKinds[f.Kind], testCrash)
	if f.Kind == "crash" && harmless(f) {
		r = testHarmless
	}
	out := r.Finding(where, o.Full()+": "+f.Detail)
	out.Severity = testSeverity(o, f, r)
	out.Evidence = testEvidence(o, f)
	return out
}

// harmless is what the compiler may one day make use of, and does nothing today.
func harmless(f *opreport.Found) bool {
	return strings.Contains(f.Detail, "null pointer passed as argument")
}

func testSeverity(o *opreport.Operator, f *opreport.Found, r *rule.Rule) finding.Severity {
	switch {
	case r == testNoGradient && o.Kind == "pybind":
		return finding.Info
	case r == testCrash && corrupts(f):
		return finding.Critical
	case f.Kind == "opcheck" && (f.Key == "test_faketensor" || strings.HasPrefix(f.Key, "test_aot_dispatch")):
		return finding.Info
	case f.Kind == "reference-raised":
		return finding.Low
	case strings.Contains(f.Key, "device-side assert"):
		return finding.Medium // the kernel saw what was wrong, though nobody can catch it
	case f.Kind == "crash" && f.Unsteady:
		return finding.High
	}
	return r.Severity
}

// corrupts is true of a crash that came of memory that was written and is not the operator's.
func corrupts(f *opreport.Found) bool {
	return strings.HasPrefix(opreport.Access(f.Output), "WRITE") || slices.ContainsFunc(
		[]string{"heap-use-after-free", "double-free", "attempting free", "Invalid free()", "stack smashing", "corrupted", "free(): ", "malloc(): "},
		func(s string) bool { return strings.Contains(f.Detail, s) || strings.Contains(f.Key, s) })
}

func testEvidence(o *opreport.Operator, f *opreport.Found) (list []string) {
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if a := opreport.Access(f.Output); a != "" {
		add("%s in %s", a, cmp.Or(f.Where.Function, "the extension"))
	}
	if f.Values != "" {
		add("seen: %s", f.Values)
	}
	build := map[string]string{
		"asan": "with AddressSanitizer and UndefinedBehaviorSanitizer", "tsan": "with ThreadSanitizer", "valgrind": "plain, under valgrind",
		"gpu": "as it is, on the GPU",
	}
	for _, tool := range []string{"memcheck", "initcheck", "racecheck", "synccheck"} {
		build[tool] = "as it is, on the GPU under compute-sanitizer " + tool
	}
	calls := "1 call"
	if f.Calls > 1 {
		calls = fmt.Sprintf("%d calls", f.Calls)
	}
	add("%s of the build %s; %d of its cases end so", calls, cmp.Or(build[f.Build], "as it is"), max(f.Times, 1))
	if f.Also != "" {
		add("%s", f.Also)
	}
	if f.Unsteady {
		add("it did not come again when the call was made alone")
	}
	if f.Raised {
		add("on the way out by an exception")
	}
	if o.Schema != "" {
		add("schema: %s", o.Schema)
	}
	if f.Script != "" {
		add("reproduce: %s", f.Script)
	}
	return list
}

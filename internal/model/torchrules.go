package model

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var inlineContainer = []string{"PyTorch v2.6.0 torch/serialization.py", "PyTorch v2.6.0 caffe2/serialize/inline_container.cc"}

var torchNumel = &rule.Rule{
	ID: "TRC001", Title: "A storage whose declared size is not its record's size", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Dangerous, Since: since,
	Refs: []string{"CVE-2026-24747", "PyTorch v2.6.0 torch/_weights_only_unpickler.py"},
	Text: "The checkpoint declares another number of elements for a storage than its record holds. " +
		"torch before 2.10 takes the declared number, so the tensor reaches into memory that is not its own; " +
		"writing to it corrupts the heap, also under weights_only=True. torch 2.10 and later refuse the file.",
	Fix: "reject the file; upgrade torch to 2.10 or later",
}

var torchView = &rule.Rule{
	ID: "TRC002", Title: "A tensor that reaches outside of its storage", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: inlineContainer,
	Text: "A tensor's offset, shape and strides, taken together, go beyond its storage, are negative, or overflow. " +
		"torch checks this for most tensors and not for all kinds of them; no honest writer produces it.",
	Fix: "reject the file",
}

var torchTrailing = &rule.Rule{
	ID: "TRC003", Title: "Bytes after the end of the pickle record", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: inlineContainer,
	Text: "The pickle record goes on after its STOP. torch ignores the rest; a tool that reads every stream in the record does not. " +
		"torch.save writes nothing there.",
	Fix: "reject the file, or load it with weights_only=True and save it again",
}

var torchPolyglot = &rule.Rule{
	ID: "TRC004", Title: "Two containers in one file", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: inlineContainer,
	Text: "The file is a model in one format for torch and in another for tools that look from its end. " +
		"What a zip tool shows is not what torch loads.",
	Fix: "reject the file",
}

var torchRecord = &rule.Rule{
	ID: "TRC005", Title: "A record that nothing refers to", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Unknown, Since: since, Refs: inlineContainer,
	Text: "The archive holds a record that the checkpoint's pickle does not use and that torch does not write. " +
		"It is not loaded; it is unaccounted for, so the file is not proved safe.",
	Fix: "save the checkpoint again and compare the records",
}

var torchMissing = &rule.Rule{
	ID: "TRC006", Title: "A record that torch needs is missing or unusable", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: inlineContainer,
	Text: "The container lacks a record that its loader needs, or the record cannot be read: " +
		"the version, the pickle, a storage. torch refuses the file or a part of it, and andiron cannot judge what is not there.",
	Fix: "fetch the file again; if it stays broken, reject it",
}

var torchOutside = &rule.Rule{
	ID: "TRC007", Title: "Records outside of the archive's root folder", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since, Refs: inlineContainer,
	Text: "torch writes every record beneath one folder and refuses archives with others. " +
		"A tool that extracts or searches the archive may take the record that torch never would.",
	Fix: "reject the file",
}

var torchDispute = &rule.Rule{
	ID: "TRC008", Title: "Loaders would read different records", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: inlineContainer,
	Text: "For one record that torch asks for, versions of torch or other readers open different members. " +
		"andiron judges every one; a file that means different things to different loaders is not to be trusted.",
	Fix: "reject the file",
}

var torchPackage = &rule.Rule{
	ID: "TRC009", Title: "Python source inside of a torch.package archive", Strategy: finding.SafeSerialization,
	Severity: finding.High, Verdict: finding.Unknown, Since: since,
	Refs: []string{"PyTorch v2.6.0 torch/package/package_importer.py"},
	Text: "A torch.package archive carries Python source, and torch.package runs it when a module or a pickle of the archive is imported. " +
		"Nobody has reviewed that source.",
	Fix: "review the source that andiron inspect lists, or ask for the weights as safetensors",
}

var torchOdd = &rule.Rule{
	ID: "TRC010", Title: "Metadata that torch does not write", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: inlineContainer,
	Text: "A version, byte order, alignment or header of the container has a value that no release of torch writes. " +
		"The tensors read alike all the same.",
	Fix: "save the checkpoint again with a released torch",
}

var torchRules = []*rule.Rule{
	torchNumel, torchView, torchTrailing, torchPolyglot, torchRecord,
	torchMissing, torchOutside, torchDispute, torchPackage, torchOdd,
}

var jitRefs = []string{"PyTorch v2.6.0 torch/csrc/jit/serialization/import.cpp", "PyTorch SECURITY.md"}

var jitLoad = &rule.Rule{
	ID: "TS001", Title: "A dangerous operator that runs when TorchScript is loaded", Strategy: finding.SecureLoading,
	Severity: finding.Critical, Verdict: finding.Dangerous, Since: since,
	Refs: append([]string{"CVE-2025-32434"}, jitRefs...),
	Text: "torch.jit.load runs __setstate__ of the archive's classes. Here that code reaches an operator that writes or maps files, " +
		"touches raw memory or leaves TorchScript.\n\n" +
		"Below torch 2.6 torch.load(weights_only=True) passes such a file to torch.jit.load as well (CVE-2025-32434).",
	Fix: "reject the file",
}

var jitFile = &rule.Rule{
	ID: "TS002", Title: "TorchScript that reads or writes files when called", Strategy: finding.SecureLoading,
	Severity: finding.Critical, Verdict: finding.Dangerous, Since: since, Refs: jitRefs,
	Text: "The model's code uses aten::save, which writes a file to any path, or aten::from_file, which maps any file " +
		"and can write it back. No model needs them. They run when the method is called.",
	Fix: "reject the file",
}

var jitMemory = &rule.Rule{
	ID: "TS003", Title: "TorchScript that uses unchecked memory operators", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: jitRefs,
	Text: "The model's code uses operators whose arguments set a tensor's place or size in memory, such as aten::as_strided, aten::set_ or " +
		"inductor::_reinterpret_tensor. Some releases of torch do not check them fully, and public exploits build on them.\n\n" +
		"The same is reported where an object of the file is not of the type that the code declares for it: " +
		"compiled code then reads beyond it.",
	Fix: "ask for a version of the model without these operators, and run it only in a sandbox until then",
}

var jitEscape = &rule.Rule{
	ID: "TS004", Title: "TorchScript that leaves TorchScript", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: jitRefs,
	Text: "The model's code calls into Python, another process or the network: prim::PythonOp, prim::rpc_*, c10d::* or a loader of tensors from files. " +
		"What it does depends on the host.",
	Fix: "ask for a version of the model without these operators",
}

var jitUnknown = &rule.Rule{
	ID: "TS005", Title: "An operator, class or name that stock torch does not have", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Unknown, Since: since, Refs: jitRefs,
	Text: "The model's code names an operator, namespace, native class or other name that neither the archive nor a release of torch defines. " +
		"A custom library must be loaded for it, and nobody has reviewed what it does.",
	Fix: "find out which library defines it, and review that library",
}

var jitDynamic = &rule.Rule{
	ID: "TS006", Title: "An operator chosen at run time", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: jitRefs,
	Text: "The model's code picks an operator by a computed name, so that it cannot be told which one runs. " +
		"torch.jit.save does not write such code.",
	Fix: "reject the file",
}

var jitSyntax = &rule.Rule{
	ID: "TS007", Title: "TorchScript code that does not parse", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: jitRefs,
	Text: "A code record is not the language that torch writes, so the calls in it could not all be resolved.",
	Fix:  "reject the file, or save the model again",
}

var jitSetState = &rule.Rule{
	ID: "TS008", Title: "Code that runs when TorchScript is loaded", Strategy: finding.SafeSerialization,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: jitRefs,
	Text: "A class of the archive has __setstate__, which torch.jit.load runs. All that it reaches are known operators without side effects.",
	Fix:  "prefer torch.export, or weights as safetensors",
}

var jitOutput = &rule.Rule{
	ID: "TS009", Title: "TorchScript that prints or warns", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: jitRefs,
	Text: "The model's code writes to the output of the process that runs it. That is no attack by itself; " +
		"what it prints may mislead those who read the log.",
	Fix: "remove the calls before the model is exported",
}

var jitHeavy = &rule.Rule{
	ID: "TS010", Title: "TorchScript that never ends or takes all memory", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since, Refs: jitRefs,
	Text: "The model's code has a loop that nothing leaves, a loop of at least 2^40 rounds, or makes at least 2^34 elements at once, " +
		"whatever its input is. Running it ties up or ends the process. In __setstate__ that happens while the file is loaded, " +
		"which is high.",
	Fix: "reject the file",
}

var jitAddress = &rule.Rule{
	ID: "TS011", Title: "TorchScript that reads addresses", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since, Refs: jitRefs,
	Text: "The model's code asks where an object or the bytes of a tensor lie in the process's memory. No model needs that; " +
		"an exploit does, to get past address randomisation.",
	Fix: "ask for a version of the model without these operators",
}

var torchScriptRules = []*rule.Rule{
	jitLoad, jitFile, jitMemory, jitEscape, jitUnknown, jitDynamic, jitSyntax, jitSetState, jitOutput,
	jitHeavy, jitAddress,
}

var exportRefs = []string{"CVE-2026-4538", "PyTorch v2.6.0 torch/_export/serde/serialize.py", "PyTorch v2.6.0 torch/export/pt2_archive"}

var exportExpr = &rule.Rule{
	ID: "PT2001", Title: "An expression that torch.export.load would evaluate as Python", Strategy: finding.SecureLoading,
	Severity: finding.Critical, Verdict: finding.Dangerous, Since: since, Refs: exportRefs,
	Text: "torch.export.load gives the program's symbolic expressions to sympy, which evaluates them as Python. " +
		"This one is not symbolic arithmetic, so loading the file runs what it says.",
	Fix: "reject the file",
}

var exportNative = &rule.Rule{
	ID: "PT2002", Title: "Native code in a .pt2 archive", Strategy: finding.SafeSerialization,
	Severity: finding.Critical, Verdict: finding.Unknown, Since: since, Refs: exportRefs,
	Text: "The archive carries a shared library, or C++ source that torch compiles, for AOTInductor. Loading it runs that code in the process. " +
		"Nobody has reviewed it, and no scan of a library proves it harmless.",
	Fix: "load it only if it comes from your own build and is signed; else ask for the exported program without AOTInductor",
}

var exportCompile = &rule.Rule{
	ID: "PT2003", Title: "A compiler command inside of a .pt2 archive", Strategy: finding.SecureLoading,
	Severity: finding.Critical, Verdict: finding.Dangerous, Since: since, Refs: exportRefs,
	Text: "The archive's compile flags name the program or options of a command line that torch hands to the shell when no library is present. " +
		"These hold what a compiler call does not need.",
	Fix: "reject the file",
}

var exportPickle = &rule.Rule{
	ID: "PT2004", Title: "A .pt2 member that is loaded as a full pickle", Strategy: finding.SafeSerialization,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: exportRefs,
	Text: "torch.export.load reads this member with weights_only=False, or falls back to it when the safe reading fails. " +
		"The pickle is judged like any other; its findings stand beside this one.",
	Fix: "export again with weights kept as raw tensors and without sample inputs",
}

var exportTarget = &rule.Rule{
	ID: "PT2005", Title: "A graph node whose target is not a known operator", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Unknown, Since: since, Refs: exportRefs,
	Text: "torch.export.load resolves a node's target by walking attributes from torch, math and operator. " +
		"This target is no operator of any release of torch and no function that exported programs use.",
	Fix: "find out which library defines it; reject the file if none does",
}

var exportGuard = &rule.Rule{
	ID: "PT2006", Title: "A guard that is not symbolic arithmetic", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: exportRefs,
	Text: "The program's guards are Python expressions over its inputs. This one uses more than comparisons of sizes and values.",
	Fix:  "reject the file, or export the program again",
}

var exportBroken = &rule.Rule{
	ID: "PT2007", Title: "A .pt2 member that could not be read", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: exportRefs,
	Text: "The program's JSON or a weights table is broken, over a limit, or of a shape that andiron does not know, " +
		"so a part of the program was not looked at.",
	Fix: "export the program again with a released torch",
}

var exportPath = &rule.Rule{
	ID: "PT2008", Title: "A .pt2 table that names a file elsewhere", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: exportRefs,
	Text: "A weights or constants table names a record by a path that is not a plain name, so that a loader could be led out of the archive.",
	Fix:  "reject the file",
}

var exportRules = []*rule.Rule{
	exportExpr, exportNative, exportCompile, exportPickle, exportTarget, exportGuard, exportBroken, exportPath,
}

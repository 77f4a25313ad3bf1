package model

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var npyObject = &rule.Rule{
	ID: "NPY001", Title: "A numpy array of Python objects", Strategy: finding.SafeSerialization,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"NEP 1", "numpy v2.3 numpy/lib/_format_impl.py read_array"},
	Text: "The array holds objects, so its data is a pickle and numpy reads it only with allow_pickle=True. " +
		"The pickle is judged like any other; its findings stand beside this one.",
	Fix: "save the array with a numeric or fixed-width text dtype",
}

var npyHeader = &rule.Rule{
	ID: "NPY002", Title: "A numpy header that is broken or exotic", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: []string{"NEP 1"},
	Text: "The header is not the dictionary that numpy writes, or the data is shorter than it says. " +
		"numpy evaluates the header as a Python literal; what else is in it could not be judged.",
	Fix: "save the array again with numpy.save",
}

var safetensorsInvalid = &rule.Rule{
	ID: "ST001", Title: "A safetensors file that breaks the format", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: []string{"safetensors format specification"},
	Text: "The header or the layout breaks a rule of the format: sizes, overlaps, holes, unknown dtypes, a wrong end. " +
		"Readers that are lenient disagree on what the tensors are, or read outside of them.",
	Fix: "fetch the file again; if it stays broken, reject it",
}

var safetensorsDuplicate = &rule.Rule{
	ID: "ST002", Title: "A safetensors header with a key twice", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: []string{"safetensors format specification"},
	Text: "The header names a tensor or a field twice. The format forbids it, and readers differ in which one they take.",
	Fix:  "reject the file",
}

var ggufBroken = &rule.Rule{
	ID: "GGUF001", Title: "A GGUF header that is broken or over a limit", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: []string{"GGUF specification v3", "CVE-2024-23496"},
	Text: "Counts, lengths or offsets of the header lead outside of the file or overflow. Loaders in C and C++ have turned such values into heap overflows.",
	Fix:  "reject the file",
}

var onnxExternal = &rule.Rule{
	ID: "ONNX001", Title: "ONNX data that lies outside of the model's folder", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: []string{"CVE-2024-5187", "ONNX ExternalData"},
	Text: "A tensor's external data names an absolute path, a path that climbs out of the folder, or a URL. " +
		"A loader that follows it reads another file of the host into the model.",
	Fix: "reject the file, or save the model with its data inside",
}

var onnxCustom = &rule.Rule{
	ID: "ONNX002", Title: "ONNX operators of a custom domain", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unknown, Since: since, Refs: []string{"ONNX IR specification"},
	Text: "The graph uses operators of a domain that is neither ONNX's nor a known runtime's. " +
		"A native library must be loaded for them, and nobody has reviewed it.",
	Fix: "find out which library defines the operators, and review that library",
}

var onnxBroken = &rule.Rule{
	ID: "ONNX003", Title: "An ONNX file that is broken or over a limit", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: []string{"ONNX IR specification"},
	Text: "The protocol buffer breaks off or is nested or counted beyond the limits, so that a part of the graph was not looked at.",
	Fix:  "export the model again",
}

var onnxPython = &rule.Rule{
	ID: "ONNX004", Title: "An ONNX operator that runs Python or scripts", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: []string{"onnxruntime-extensions PyOp", "ONNX IR specification"},
	Text: "The graph uses an operator that hands control to Python or another interpreter of the host.",
	Fix:  "reject the file, or export the model without it",
}

var jinjaTemplate = &rule.Rule{
	ID: "HF001", Title: "A chat template that is more than a template", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: []string{"CVE-2024-34359", "Jinja sandbox"},
	Text: "A chat template is a Jinja program that tokenisers run. This one reaches for Python's internals, other files or computed attributes, " +
		"which a plain template never needs and which has run commands in loaders without a sandbox.",
	Fix: "replace the template by the model family's own",
}

var hfRemoteCode = &rule.Rule{
	ID: "HF002", Title: "A configuration that makes a loader import Python files", Strategy: finding.TrustedSources,
	Severity: finding.High, Verdict: finding.Unknown, Since: since, Refs: []string{"transformers dynamic_module_utils.get_class_from_dynamic_module"},
	Text: "auto_map or custom_pipelines name classes in Python files beside the model or in another repository. " +
		"With trust_remote_code=True the loader imports and runs them.",
	Fix: "do not set trust_remote_code; if you must, review the files and pin the commit by revision=",
}

var hfPath = &rule.Rule{
	ID: "HF003", Title: "A shard index that leads outside of the folder", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: []string{"transformers modeling_utils"},
	Text: "The index of a sharded checkpoint names an absolute path, a path that climbs out of the folder, or a URL. " +
		"A loader that follows it opens a file nobody looked at.",
	Fix: "reject the folder, or write the index again",
}

var hfCode = &rule.Rule{
	ID: "HF004", Title: "A Python file that a loader of this folder imports", Strategy: finding.TrustedSources,
	Severity: finding.Medium, Verdict: finding.Unknown, Since: since, Refs: []string{"transformers dynamic_module_utils"},
	Text: "The folder's configuration names this Python file, so loading the model with trust_remote_code=True runs it. It has not been reviewed.",
	Fix:  "read the file before anybody loads the model with trust_remote_code=True",
}

var hfMissing = &rule.Rule{
	ID: "HF005", Title: "A shard that the index names is missing", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Unreadable, Since: since, Refs: []string{"transformers modeling_utils"},
	Text: "The index of a sharded checkpoint names a file that is not in the folder, so a part of the model was not looked at.",
	Fix:  "fetch the whole model",
}

var hfBroken = &rule.Rule{
	ID: "HF006", Title: "A model configuration that could not be read", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Unreadable, Since: since,
	Text: "The JSON is broken, over a limit, or names a key twice, so that what a loader makes of it is not known.",
	Fix:  "fetch the file again",
}

var tarEscape = &rule.Rule{
	ID: "TAR001", Title: "A tar member that leads outside", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: []string{"CVE-2007-4559", "PEP 706"},
	Text: "A member's name is absolute or climbs with .., or it is a link or a device. Extracting the archive could write outside of the chosen folder.",
	Fix:  "do not extract it; reject the file",
}

var tarDuplicate = &rule.Rule{
	ID: "TAR002", Title: "Two tar members with one name", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since,
	Text: "The archive lists one name twice, so a scanner and a loader can look at different bytes. Every copy is judged.",
	Fix:  "reject the file, or pack it again",
}

var tarBroken = &rule.Rule{
	ID: "TAR003", Title: "A tar archive that is broken or over a limit", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since,
	Text: "The archive breaks off or has more members than the limit, so a part of it was not looked at.",
	Fix:  "fetch the file again",
}

var otherRules = []*rule.Rule{
	npyObject, npyHeader, safetensorsInvalid, safetensorsDuplicate, ggufBroken,
	onnxExternal, onnxCustom, onnxBroken, onnxPython,
	jinjaTemplate, hfRemoteCode, hfPath, hfCode, hfMissing, hfBroken,
	tarEscape, tarDuplicate, tarBroken,
}

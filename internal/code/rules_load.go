package code

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

const since = "0.1.0"

var loadRules = []*rule.Rule{
	loadDefault, loadUnsafe, loadRetry, loadModule, loadOpen, loadUnverified, loadForced, loadLoosened, jitLoad, exportLoad, packageImporter,
}

const useAndiron = "replace it by andiron.load(path), which verifies the file's digest and loads it with weights_only=True"

var loadDefault = &rule.Rule{
	ID: "PY001", Title: "torch.load without weights_only where torch may be old", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/serialization.py load", "CWE-502"},
	Text: "torch.load unpickles, and a pickle runs what its maker wrote into it. From 2.6 on torch.load takes weights_only=True where nothing is said; " +
		"before that it takes False. The project's requirements allow an older torch.\n\n" +
		"Where no requirement states a version at all, the severity is medium.",
	Fix: useAndiron + "; or pass weights_only=True and require torch>=2.6",
}

var loadUnsafe = &rule.Rule{
	ID: "PY002", Title: "torch.load with weights_only=False", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/serialization.py load", "CWE-502"},
	Text: "weights_only=False hands the file to Python's unpickler: whoever can write the file runs code in this process. " +
		"The argument may be the constant, a name that may stand for it, or a part of a dictionary behind **. " +
		"A copy by way of a buffer that the same function made and saved to is not reported.",
	Fix: useAndiron + "; where the file holds a whole object, save its state_dict() instead",
}

var loadRetry = &rule.Rule{
	ID: "PY003", Title: "A safe load that is tried again unsafely", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-636", "CWE-502"},
	Text: "When torch.load refuses a file, or a function that hands weights_only on to it does, the handler, what follows or the next turn of a loop loads it with weights_only=False, by itself or by a function of the project. The refusal is the protection, and whoever made the file chooses whether there is one: " +
		"one forbidden name in it turns the safe load into the unsafe one.",
	Fix: "remove the second load; " + useAndiron,
}

var loadModule = &rule.Rule{
	ID: "PY004", Title: "torch.load with a pickle_module", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/serialization.py load", "CWE-502"},
	Text: "A pickle_module replaces the unpickler, and with it every restriction that torch has. dill and cloudpickle run more than pickle does.",
	Fix:  "remove the argument; " + useAndiron,
}

var loadOpen = &rule.Rule{
	ID: "PY005", Title: "torch.load whose weights_only is decided elsewhere", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502"},
	Text: "The argument is a parameter, the result of a call, or behind **, or torch.load itself is handed on as a value. Any caller can make the load run code, now or later.",
	Fix:  "write weights_only=True at the call, or " + useAndiron,
}

var loadUnverified = &rule.Rule{
	ID: "PY006", Title: "torch.load of a file that nothing verified", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-345", "CVE-2025-32434", "CVE-2026-24747"},
	Text: "weights_only=True keeps a file from running code, as far as torch knows how to. It does not say that the file is the one that was reviewed, " +
		"and it was itself a way to run code before torch 2.6 and to corrupt memory before 2.10.\n\n" +
		"Where the requirements allow a torch before 2.6 the severity is high, before 2.10 medium. A function that computes a digest, compares it and refuses before the load is not reported. " +
		"Neither is the load of what another function verifies so in all that it returns, of a download from the Hub at a commit, or of one whose hash is known (known_hash of pooch, hash_prefix of torch.hub).",
	Fix: useAndiron,
}

var loadForced = &rule.Rule{
	ID: "PY007", Title: "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/serialization.py load", "CWE-1188"},
	Text: "The variable makes torch.load behave as with weights_only=False wherever the argument is not given, in every package of the process. " +
		"It is looked for in Python, in container files, shell scripts and settings.",
	Fix: "remove the variable, and load the files that need it with andiron.load_unsafe(path, reason=...) until they are converted",
}

var loadLoosened = &rule.Rule{
	ID: "PY008", Title: "andiron.load_unsafe", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502"},
	Text: "The call loads a file with Python's unpickler on purpose and says why. It is listed so that the exceptions of a project are known and get fewer.",
	Fix:  "convert the file with andiron convert, and load it with andiron.load_safetensors",
}

var jitLoad = &rule.Rule{
	ID: "PY010", Title: "torch.jit.load of a file that nothing verified", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"PyTorch SECURITY.md", "CWE-345"},
	Text: "TorchScript is a program. Loading it runs its __setstate__ methods and the model's code runs with every operator that torch has, some of which read and write files.",
	Fix:  "replace it by andiron.jit_load(path), which verifies the digest and refuses an archive whose code does harm",
}

var exportLoad = &rule.Rule{
	ID: "PY011", Title: "torch.export.load of a file that nothing verified", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CVE-2026-4538", "CWE-345"},
	Text: "A .pt2 archive holds a graph, and its loader evaluates parts of it and unpickles others. No release of torch closes that.",
	Fix:  "check the file with andiron trust check before it is loaded",
}

var packageImporter = &rule.Rule{
	ID: "PY012", Title: "torch.package imports code from an archive", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/package/package_importer.py", "CWE-502"},
	Text: "PackageImporter runs Python modules that are in the archive. It is not made for files that are not trusted.",
	Fix:  "install the code as a package, and ship the weights as safetensors",
}

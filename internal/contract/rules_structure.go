package contract

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var structureRules = []*rule.Rule{
	pkl020, pkl021, pkl022, pkl023, pkl024, pkl025, pkl026, pkl027, pkl030, pkl031, pkl032, pkl033, pkl034, pkl035, pkl036, pkl037,
}

var pkl020 = &rule.Rule{
	ID: "PKL020", Title: "pickle reaches objects by reflection", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle walks from one object to another with getattr, attrgetter, special attributes or a module that another module imported. From any Python object this leads to every function of the process, past allowlists of names.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl021 = &rule.Rule{
	ID: "PKL021", Title: "pickle imports by a dotted name", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "The name of an imported global holds dots: protocols 4 and 5 walk attributes, so that a harmless module leads to another one that it imported. Only nested classes need this, and no listed class is among them here.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl022 = &rule.Rule{
	ID: "PKL022", Title: "pickle calls functions through another function", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle uses map, filter, reduce, a decorator or the like, which call what they are given. Picklers write direct calls; an indirect one hides what is called.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl023 = &rule.Rule{
	ID: "PKL023", Title: "pickle schedules a call", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle registers something to be called later: by a thread, an executor, a timer, a finaliser, an exit handler or an event loop. The call then happens outside of the load and of whatever watches it.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl024 = &rule.Rule{
	ID: "PKL024", Title: "pickle makes a class", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle makes a new class from data. With the right special methods, using an instance in any way, such as comparing, indexing or deleting it, calls what the file chose.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl025 = &rule.Rule{
	ID: "PKL025", Title: "pickle puts a hidden string together", Strategy: finding.SafeSerialization, Severity: finding.Medium, Verdict: finding.Suspicious,
	Text:  "Loading this pickle joins, formats, decodes or decompresses text. Picklers write strings as they are; making them while loading hides them from whoever reads the file.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl026 = &rule.Rule{
	ID: "PKL026", Title: "pickle imports a computed name", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "The module or name of an imported global is not a constant: the stream computes it while loading. No pickler does that, and nobody can tell beforehand what is imported.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl027 = &rule.Rule{
	ID: "PKL027", Title: "pickle calls the result of a call", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle calls, or instantiates, something that an earlier call returned. Picklers call importable functions and classes; what is called here cannot be known without running the file.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl030 = &rule.Rule{
	ID: "PKL030", Title: "pickle uses an extension code", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "EXT1, EXT2 and EXT4 stand for a global by a number that the loading process has registered with copyreg.add_extension. Hardly any program registers one, and a stream can register its own first, so the name never stands at the import.",
	Fix:   fixConvert,
	Since: since, Refs: []string{"https://peps.python.org/pep-0307/#the-extension-registry"},
}

var pkl031 = &rule.Rule{
	ID: "PKL031", Title: "pickle sets the state of a class, function or module", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "BUILD is meant for an instance that the stream made. Here it works on an imported class, function or module, or on something found by reflection, so it replaces attributes for the whole process.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl032 = &rule.Rule{
	ID: "PKL032", Title: "pickle plants a special method", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "The state of an instance holds a callable under a special name such as __setstate__. The next BUILD, or a later use of the instance, calls it.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl033 = &rule.Rule{
	ID: "PKL033", Title: "pickle appends to what is no list", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "APPEND, APPENDS, ADDITEMS or BUILD works on something that is no list, set or instance of a listed class. The unpickler then calls its append, extend, add or __setstate__ method with data of the file.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl034 = &rule.Rule{
	ID: "PKL034", Title: "pickle assigns items of what is no dictionary", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "SETITEM or SETITEMS works on something that is no dictionary. The unpickler then calls its __setitem__ method with data of the file.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl035 = &rule.Rule{
	ID: "PKL035", Title: "pickle writes into a tensor's memory", Strategy: finding.FrameworkUpdates, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "SETITEM on a tensor writes its memory while the file is unpickled, also under weights_only=True before torch 2.10. Together with a tensor that claims more elements than its storage holds, this corrupts the heap (CVE-2026-24747). No pickler writes it.",
	Fix:   "do not load the file, and update torch to 2.10 or newer",
	Since: since, Refs: []string{"https://nvd.nist.gov/vuln/detail/CVE-2026-24747"},
}

var pkl036 = &rule.Rule{
	ID: "PKL036", Title: "pickle replaces entries of a process-wide table", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle assigns items of a table that belongs to the process, such as sys.modules or a module's dictionary. A later import of a trusted name, in this stream or in the program, then gets what the file put there.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl037 = &rule.Rule{
	ID: "PKL037", Title: "pickle uses a listed name outside its contract", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Unknown,
	Text:  "The name is listed, but only for some operations or arguments: those that were reviewed and that picklers write. This stream uses it in another way, for which nobody vouches.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refTorch},
}

package contract

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// categoryRules says which rule reports a category of sink.
var categoryRules = map[category]*rule.Rule{
	catCommand: pkl001, catCode: pkl002, catNative: pkl003, catNested: pkl004, catWrite: pkl005, catDelete: pkl006, catNetwork: pkl007,
	catRead: pkl008, catImport: pkl009, catProcess: pkl010, catEnvironment: pkl011, catTamper: pkl012,
	catReflection: pkl020, catIteration: pkl022, catCallback: pkl023, catSynthesis: pkl024, catString: pkl025,
}

var sinkRules = []*rule.Rule{pkl001, pkl002, pkl003, pkl004, pkl005, pkl006, pkl007, pkl008, pkl009, pkl010, pkl011, pkl012, pkl013}

var pkl001 = &rule.Rule{
	ID: "PKL001", Title: "pickle runs a command", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle starts another program. A pickle may call any function that can be imported, and this one calls a function that runs commands. Nothing in a model needs that.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl002 = &rule.Rule{
	ID: "PKL002", Title: "pickle runs Python code", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle compiles or runs Python code that the file brings: source text, a code object, an expression or a function made from parts. That code can do whatever the loading process can.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl003 = &rule.Rule{
	ID: "PKL003", Title: "pickle loads native code", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle loads a shared library, compiles C++ or CUDA, or works on raw memory. Native code runs outside of every check that Python has.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl004 = &rule.Rule{
	ID: "PKL004", Title: "pickle deserialises again with an unsafe loader", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle hands bytes, or the name of a file, to another loader that runs code. A restricted unpickler around the outer pickle does not reach the inner one, so this is a usual way to hide a payload. Bytes that lie in the file are judged on their own as well.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl005 = &rule.Rule{
	ID: "PKL005", Title: "pickle writes a file", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle opens, creates or extracts a file for writing. Writing to a start-up file, to a folder on sys.path or over another model is as good as running code.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl006 = &rule.Rule{
	ID: "PKL006", Title: "pickle deletes or changes files", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle deletes, renames, links or changes the permissions of files or folders.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl007 = &rule.Rule{
	ID: "PKL007", Title: "pickle uses the network", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle opens a connection or fetches an address. That tells an outsider where the model is loaded, can send data away, and can bring the next stage of an attack.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl008 = &rule.Rule{
	ID: "PKL008", Title: "pickle reads files or machine facts", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle reads a file, a folder or facts about the user and the machine. A model brings its own data; reading the machine's is the first half of stealing it.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl009 = &rule.Rule{
	ID: "PKL009", Title: "pickle imports a module by a computed name", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle calls an import function. Importing runs the module's code, and doing it by call instead of by the import opcode hides the name from allowlists.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle, refCWE502},
}

var pkl010 = &rule.Rule{
	ID: "PKL010", Title: "pickle stops or signals processes", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Dangerous,
	Text:  "Loading this pickle ends, signals or changes the rights of the loading process or of others.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl011 = &rule.Rule{
	ID: "PKL011", Title: "pickle changes the process environment", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Loading this pickle touches environment variables, the module search path, codec or copyreg registries, or other settings of the whole process. What is loaded afterwards may behave differently because of it.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl012 = &rule.Rule{
	ID: "PKL012", Title: "pickle replaces attributes of other objects", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous,
	Text:  "Loading this pickle calls a function that sets attributes or items of objects that are not its own, or that changes what later loads accept. Replacing one function of a trusted module makes every later use of it run the attacker's.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl013 = &rule.Rule{
	ID: "PKL013", Title: "pickle refers to a function that does harm", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "The pickle imports a function that runs commands, code or the like, and does not call it while loading. Importing its module runs that module, and whoever uses the loaded object may call the function.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

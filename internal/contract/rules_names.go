package contract

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var nameRules = []*rule.Rule{pkl040, pkl041, pkl042, pkl043, pkl044, pkl045}

var pkl040 = &rule.Rule{
	ID: "PKL040", Title: "pickle imports an unreviewed global", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Unknown,
	Text:  "Loading this pickle imports a module that nobody has reviewed. Importing a module runs its code, and what the imported object does when it is used is not known.",
	Fix:   fixReview,
	Since: since, Refs: []string{refPickle, refTorch},
}

var pkl041 = &rule.Rule{
	ID: "PKL041", Title: "pickle runs unreviewed code", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Unknown,
	Text:  "Loading this pickle calls, instantiates or sets the state of something that nobody has reviewed. It may be an honest class of a library; it may be a function that does harm with the arguments of the file.",
	Fix:   fixReview,
	Since: since, Refs: []string{refPickle, refTorch},
}

var pkl042 = &rule.Rule{
	ID: "PKL042", Title: "pickle needs a class of the saver's own script", Strategy: finding.SafeSerialization, Severity: finding.Medium, Verdict: finding.Unknown,
	Text:  "The pickle names a class of __main__, the script that saved it. It loads only where the same name is defined in the running script, and runs whatever that is.",
	Fix:   "save a state_dict instead of the whole object, and load it into a model that your own code makes",
	Since: since, Refs: []string{refTorch},
}

var pkl043 = &rule.Rule{
	ID: "PKL043", Title: "pickle hands suspicious data to unreviewed code", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "Something that nobody has reviewed is called with arguments that look like a command, code, an address, a start-up file or a program. Data in plain containers does not count; only what a call receives does.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl044 = &rule.Rule{
	ID: "PKL044", Title: "pickle calls an unreviewed function whose name says what it does", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "The function is in no list, but it is called system, popen, exec, load_library or the like: most modules that have such a name got it from the one that everybody knows.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl045 = &rule.Rule{
	ID: "PKL045", Title: "persistent id that names no storage", Strategy: finding.SafeSerialization, Severity: finding.Medium, Verdict: finding.Unknown,
	Text:  "A persistent id asks the loader for an outside object. torch resolves ids of storages only; any other is handed to whatever the loading program has defined.",
	Fix:   fixConvert,
	Since: since, Refs: []string{"https://docs.python.org/3/library/pickle.html#persistence-of-external-objects"},
}

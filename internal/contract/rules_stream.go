package contract

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var streamRules = []*rule.Rule{pkl050, pkl051, pkl052, pkl053, pkl054, pkl055, pkl056, pkl057}

var pkl050 = &rule.Rule{
	ID: "PKL050", Title: "pickle breaks after it has run code", Strategy: finding.SafeSerialization, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "The stream is broken, but not before it has called something that no contract covers. A loader runs each opcode as it comes: the calls have happened when the error is raised. Breaking a stream on purpose makes scanners report an error instead of the payload.",
	Fix:   fixDrop,
	Since: since, Refs: []string{refPickle},
}

var pkl051 = &rule.Rule{
	ID: "PKL051", Title: "pickle is broken", Strategy: finding.SafeSerialization, Severity: finding.Medium, Verdict: finding.Unreadable,
	Text:  "The stream ends early or holds something that no unpickler reads, so it could not be judged to its end.",
	Fix:   "get the file again; if it is whole, report it",
	Since: since, Refs: []string{refPickle},
}

var pkl052 = &rule.Rule{
	ID: "PKL052", Title: "pickle exceeds a limit", Strategy: finding.InputValidation, Severity: finding.Medium, Verdict: finding.Unreadable,
	Text:  "The stream needs more opcodes, values or memory than the limit, so it could not be judged to its end. Small files that expand enormously are made to exhaust whoever loads them.",
	Fix:   "raise the limit if you trust the origin; otherwise do not load the file",
	Since: since, Refs: []string{"https://cwe.mitre.org/data/definitions/400.html"},
}

var pkl053 = &rule.Rule{
	ID: "PKL053", Title: "unpicklers read the pickle differently", Strategy: finding.SafeSerialization, Severity: finding.Medium, Verdict: finding.Suspicious,
	Text:  "CPython's C and Python unpicklers, or other tools, read this stream in different ways: one refuses or skips what the other runs. Every reading was judged. No pickler writes such a stream.",
	Fix:   fixConvert,
	Since: since, Refs: []string{refPickle},
}

var pkl054 = &rule.Rule{
	ID: "PKL054", Title: "pickle's frames do not fit its content", Strategy: finding.SafeSerialization, Severity: finding.Medium, Verdict: finding.Suspicious,
	Text:  "A frame's length disagrees with the opcodes in it. Unpicklers that trust the length stop or skip where others run on. Every reading was judged.",
	Fix:   fixConvert,
	Since: since, Refs: []string{"https://peps.python.org/pep-3154/#framing"},
}

var pkl055 = &rule.Rule{
	ID: "PKL055", Title: "pickle was edited", Strategy: finding.SafeSerialization, Severity: finding.Low, Verdict: finding.Safe,
	Text:  "Memo entries are missing, mixed or written twice. Picklers number them without holes, so something was cut from the stream or spliced into it after it was written; some tools that rewrite pickles do so too.",
	Fix:   "compare the file's SHA-256 with the one its author publishes",
	Since: since, Refs: []string{refPickle},
}

var pkl056 = &rule.Rule{
	ID: "PKL056", Title: "pickle leaves values behind", Strategy: finding.SafeSerialization, Severity: finding.Low, Verdict: finding.Safe,
	Text:  "The stream makes values that are not part of its result, or declares its protocol twice. Picklers do not; payloads that were put in front of an honest stream do.",
	Fix:   "compare the file's SHA-256 with the one its author publishes",
	Since: since, Refs: []string{refPickle},
}

var pkl057 = &rule.Rule{
	ID: "PKL057", Title: "pickle exhausts whoever loads it", Strategy: finding.InputValidation, Severity: finding.High, Verdict: finding.Suspicious,
	Text:  "A few bytes of this stream make a loader, or whoever uses the result, spend far more than it can: a memo index of billions for which a table is allocated, containers that hold each other so often that walking them never ends, nesting deeper than any recursion, or an integer whose conversion takes hours.",
	Fix:   "do not load the file",
	Since: since, Refs: []string{"https://cwe.mitre.org/data/definitions/409.html"},
}

var reportRules = []*rule.Rule{pkl090, pkl095}

var pkl090 = &rule.Rule{
	ID: "PKL090", Title: "pickle runs the code of reviewed packages", Strategy: finding.SafeSerialization, Severity: finding.Info, Verdict: finding.Framework,
	Text:  "Loading this pickle runs the code of the named packages, as their authors wrote it. The classes and functions, and how they are used here, were reviewed: they do not run what the file chooses. The packages must be installed and trusted.",
	Fix:   "save a state_dict of tensors as safetensors where only the weights are needed",
	Since: since, Refs: []string{refTorch},
}

var pkl095 = &rule.Rule{
	ID: "PKL095", Title: "what torch.load(weights_only=True) makes of it", Strategy: finding.SecureLoading, Severity: finding.Info, Verdict: finding.Safe,
	Text:  "Which torch releases load the pickle with weights_only=True, why the others do not, and which names torch.serialization.add_safe_globals would have to be given. Give it only names whose code you have read.",
	Fix:   "load with torch.load(path, weights_only=True) on torch 2.10 or newer, or, where no torch does, take the tensors out with andiron convert",
	Since: since, Refs: []string{refTorch, refSecurity},
}

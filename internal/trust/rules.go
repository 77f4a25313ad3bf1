package trust

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// Rules are those of the room, and those on waivers.
var Rules = []*rule.Rule{
	unlisted, changed, missing, noSource, writable, linkOut, badFormat, tooLarge, tooYoung, pastReview,
	unsigned, waiverExpired, waiverUnused, unchecked, noTrust, isLocked, hasSources, isSigned,
}

var unlisted = &rule.Rule{
	ID:       "TRU001",
	Title:    "model that the lock does not list",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `andiron.lock does not list this model, and no rule of andiron.yaml trusts the place where it lies without.

Nobody has vouched for it. A model that somebody dropped into a folder is loaded like any other unless what loads it asks the lock.`,
	Fix:   "look at where the model is from, then run: andiron trust add PATH; or remove the file",
	Since: "0.2.0",
}

var changed = &rule.Rule{
	ID:       "TRU002",
	Title:    "model that is not what the lock lists",
	Strategy: finding.SecureLoading,
	Severity: finding.Critical,
	Text: `The lock lists this path with another SHA-256 digest. The file was changed, replaced, exchanged with another model, or only updated without anyone saying so.

That it still looks harmless proves nothing: weights alone can carry a backdoor.`,
	Fix:   "bring the file back that the lock lists; or, if the change was meant, run: andiron trust add PATH",
	Since: "0.2.0",
}

var missing = &rule.Rule{
	ID:       "TRU003",
	Title:    "locked model that is not there",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `The lock lists a model that was not found: the path does not exist, or nothing that matches the pattern has the digest.

A service that expects it fails, or falls back to another source.`,
	Fix:   "bring the file back, or run: andiron trust remove PATH",
	Since: "0.2.0",
}

var noSource = &rule.Rule{
	ID:       "TRU004",
	Title:    "model from no trusted source",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `No rule under sources in andiron.yaml allows this model, a rule denies it, or it lies elsewhere than where the lock lists it. What no rule allows is denied.

The order of the rules counts: the first that matches decides. A rule by address counts only for an address that names a commit of 40 digits, because a branch can be moved.`,
	Fix:   "move the model to a trusted place, or add a rule for its source to andiron.yaml",
	Since: "0.2.0",
}

var writable = &rule.Rule{
	ID:       "TRU005",
	Title:    "place that others can write to",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `The file, a folder on the way to it, the lock or the policy can be written to by the group or by everyone, or belongs to a user who is neither root, nor the one who runs andiron, nor the owner of the project's folder.

Who can write there can exchange the model, or the file that says which models are trusted. A sticky bit, as on /tmp, does not help: it keeps others from removing a file, not from putting one there first.`,
	Fix:   "let only its owner write to it (chmod go-w PATH), and let it belong to whoever deploys the project",
	Since: "0.2.0",
	Refs:  []string{"https://cwe.mitre.org/data/definitions/732.html"},
}

var linkOut = &rule.Rule{
	ID:       "TRU006",
	Title:    "link that leads out of the project",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `The path leads through a symbolic link to a place outside of the folder that the lock and the policy are about, through an absolute link, or in a circle.

What lies there is under nobody's rules: it can be exchanged without a change in the project.`,
	Fix:   "put the file itself, or a relative link to a file of the project, where the link is",
	Since: "0.2.0",
	Refs:  []string{"https://cwe.mitre.org/data/definitions/59.html"},
}

var badFormat = &rule.Rule{
	ID:       "TRU007",
	Title:    "format that the source may not have",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `The rule of andiron.yaml that covers this model lists the formats that it allows, and the file's content is of another one. The name does not count.

A source that is trusted for safetensors has no business bringing pickles.`,
	Fix:   "convert the model to an allowed format, or add its format to the rule",
	Since: "0.2.0",
}

var tooLarge = &rule.Rule{
	ID:       "TRU008",
	Title:    "model larger than the source may have",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `The file is larger than max_size of the rule in andiron.yaml that covers it.

A limit keeps one file from filling memory or disk, and a surprise in size is often the first sign of a wrong file.`,
	Fix:   "look at what the file is; raise max_size of the rule if it is right",
	Since: "0.2.0",
}

var tooYoung = &rule.Rule{
	ID:       "TRU009",
	Title:    "model younger than the source demands",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text: `The rule in andiron.yaml that covers this model has min_age, and that time has not passed: since the model was added to the lock, or, with trust: scan, since the file was last modified.

Poisoned releases are mostly found within hours or days. Waiting lets others find them.`,
	Fix:   "wait, or lower min_age of the rule",
	Since: "0.2.0",
}

var pastReview = &rule.Rule{
	ID:       "TRU010",
	Title:    "source rule past its review day",
	Strategy: finding.TrustedSources,
	Severity: finding.Medium,
	Text: `A rule under sources in andiron.yaml has a review_by day that has passed. The rule no longer counts, so what only it covers is denied.

Trust that nobody renews outlives its reasons.`,
	Fix:   "review the source, then set a new review_by day or remove the rule",
	Since: "0.2.0",
}

var unsigned = &rule.Rule{
	ID:       "TRU011",
	Title:    "model without a valid signature",
	Strategy: finding.TrustedSources,
	Severity: finding.High,
	Text:     `andiron.yaml asks for a signature on this model, by require_signature or by the signers of a rule, and there is none, or it is not of these bytes, or it is of nobody who may sign.`,
	Fix:      "have the model signed: andiron sign PATH; or add the signer to andiron.yaml",
	Since:    "0.2.0",
	Refs:     []string{"https://github.com/ossf/model-signing-spec"},
}

var waiverExpired = &rule.Rule{
	ID:       waiver.ExpiredRule,
	Title:    "waiver whose day has passed",
	Strategy: finding.TrustedSources,
	Severity: finding.Medium,
	Text:     `A waiver in andiron.yaml has an expires day that has passed. It covers nothing any more; what it covered counts again.`,
	Fix:      "mend what was waived and remove the waiver, or decide again and set a new day",
	Since:    "0.2.0",
}

var waiverUnused = &rule.Rule{
	ID:       waiver.UnusedRule,
	Title:    "waiver that covers nothing",
	Strategy: finding.TrustedSources,
	Severity: finding.Low,
	Text: `A waiver in andiron.yaml covered no finding, although the whole project was looked at. What it was for is gone, or the rule, the path or the digest has a mistake.

A waiver that is left behind covers the next such finding, which nobody has looked at.`,
	Fix:   "remove the waiver",
	Since: "0.2.0",
}

var unchecked = &rule.Rule{
	ID:       "TRU014",
	Title:    "model that could not be held against lock and policy",
	Strategy: finding.TrustedSources,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `Something kept andiron from checking whether this model is trusted: its place could not be looked at, its digest not be computed, or a signature is asked for and could not be verified by this andiron.

What could not be checked is not trusted.`,
	Fix:   "mend what the finding names and run again",
	Since: "0.2.0",
}

var noTrust = &rule.Rule{
	ID:       "TRU015",
	Title:    "nothing says which models are trusted",
	Strategy: finding.TrustedSources,
	Severity: finding.Medium,
	Text: `The project holds models and has neither an andiron.lock nor sources in andiron.yaml.

Whatever lies in the right place under the right name is loaded, whoever put it there.`,
	Fix:   "vouch for each model that you trust with andiron trust add PATH, and load them with andiron.load",
	Since: "0.2.0",
}

var isLocked = &rule.Rule{
	ID:       "TRU090",
	Title:    "model that is locked and unchanged",
	Strategy: finding.TrustedSources,
	Severity: finding.Info,
	Text:     `The lock lists this model, and the file has the digest that it lists.`,
	Fix:      "nothing",
	Since:    "0.2.0",
}

var hasSources = &rule.Rule{
	ID:       "TRU091",
	Title:    "policy of trusted sources",
	Strategy: finding.TrustedSources,
	Severity: finding.Info,
	Text:     `andiron.yaml says which sources are trusted, and what no rule allows is denied.`,
	Fix:      "nothing",
	Since:    "0.2.0",
}

var isSigned = &rule.Rule{
	ID:       "TRU092",
	Title:    "model with a valid signature",
	Strategy: finding.TrustedSources,
	Severity: finding.Info,
	Text:     `A signature on this model was verified, and its signer is one of those that andiron.yaml names.`,
	Fix:      "nothing",
	Since:    "0.2.0",
}

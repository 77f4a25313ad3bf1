// Package deps judges the dependencies of a project: facts of readers become findings.
//
// # Security
//
// Versions, names and texts are from files and feeds that others wrote; they are
// compared and quoted, and nothing else. What cannot be judged is reported as
// undetermined, never passed over.
package deps

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// UpdateRules are the rules on keeping PyTorch current.
var UpdateRules = []*rule.Rule{
	torchVulnerable, torchEnded, torchPatch, torchOpen, torchPre, torchDeprecated, torchDistribution, torchUnknown, torchNoFix, torchIsLatest, torchProposed,
}

var torchVulnerable = &rule.Rule{
	ID:       "UPD001",
	Title:    "torch with vulnerabilities that a newer release closes",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.High,
	Text: `The version of torch in use has known vulnerabilities, and a release is out that does not have them.

PyTorch repairs only its newest release: there is no other way to be rid of them. The finding is as severe as the worst of the vulnerabilities that the release closes; those that a crafted model file reaches weigh more than those that need wrong arguments in one's own code.`,
	Fix:   "run: andiron deps update" + andFamily,
	Since: "0.3.0",
	Refs:  []string{"https://github.com/pytorch/pytorch/security/advisories"},
}

const andFamily = "; torchvision, torchaudio and triton have to move with torch"

var torchEnded = &rule.Rule{
	ID:       "UPD002",
	Title:    "torch of a release train that gets no repairs",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Medium,
	Text: `Only the newest release train of torch gets patch releases, and no other gets security repairs: there is no line with long-term support.

The next vulnerability will be repaired in a train that this project does not use, and the longer the way there, the longer it takes.`,
	Fix:   "plan the move to the newest train: andiron torch status shows what lies between",
	Since: "0.3.0",
	Refs:  []string{"https://github.com/pytorch/pytorch/blob/main/RELEASE.md"},
}

var torchPatch = &rule.Rule{
	ID:       "UPD003",
	Title:    "torch without the latest patch of its train",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Low,
	Text:     `The release train in use has a newer patch release. Patch releases of torch repair regressions and change nothing else.`,
	Fix:      "set torch to the patch where it is asked for, and then: andiron deps lock",
	Since:    "0.3.0",
}

var torchOpen = &rule.Rule{
	ID:       "UPD004",
	Title:    "version of torch that cannot be told",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Medium,
	Text:     `torch is asked for without one exact version and nothing says which one is installed, or its version cannot be read. So it cannot be said whether it is current, nor which vulnerabilities it has.`,
	Fix:      "pin torch exactly, or commit a lock: andiron deps lock",
	Since:    "0.3.0",
}

var torchPre = &rule.Rule{
	ID:       "UPD005",
	Title:    "pre-release of torch",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Medium,
	Text:     `A nightly, a release candidate or another pre-release of torch is in use. Advisories name no pre-releases, so it cannot be said which repairs it has; nightlies have no digests on the index of PyTorch and vanish from it after some weeks. In December 2022 it was the nightlies that pulled in a malicious torchtriton.`,
	Fix:      "use a final release",
	Since:    "0.3.0",
}

var torchDeprecated = &rule.Rule{
	ID:       "UPD006",
	Title:    "change in newer releases of torch that needs work",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Info,
	Text:     `Something that this version of torch has is deprecated, gone or different in it or in a newer one. It is better found before the day on which a vulnerability forces the update.`,
	Fix:      "look for its use before updating: andiron code scan finds calls of TorchScript and torch.load",
	Since:    "0.3.0",
}

var torchDistribution = &rule.Rule{
	ID:       "UPD007",
	Title:    "torch from a distribution",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Medium,
	Text:     `torch was installed by the package manager of the operating system. Distributions repair some vulnerabilities in the version that they have and leave its number as it is: Debian's 2.6.0+dfsg is not upstream's 2.6.0. What this version has been repaired of cannot be told by its number. Where the distribution's changelog is installed, the vulnerabilities that it names are listed.`,
	Fix:      "ask the security tracker of the distribution, or use the wheels of PyTorch",
	Since:    "0.3.0",
}

var torchUnknown = &rule.Rule{
	ID:       "UPD008",
	Title:    "releases of torch that are not known",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Medium,
	Text:     `The list of releases that the version was held against is too old to say what is current. PyTorch has a release about every two months; the list in andiron ends at the day that it names.`,
	Fix:      "run: andiron torch status --online, or use a newer andiron",
	Since:    "0.3.0",
}

var torchNoFix = &rule.Rule{
	ID:       "UPD009",
	Title:    "torch with vulnerabilities that no release closes",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Info,
	Text:     `The version of torch in use has known vulnerabilities that the newest release has as well, or of which nobody says what repairs them. No update helps; what they need to be reached decides.`,
	Fix:      "keep untrusted models out of torch (andiron scan, andiron trust), and wait for a release",
	Since:    "0.3.0",
}

var torchIsLatest = &rule.Rule{
	ID:       "UPD090",
	Title:    "torch that is the latest release",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Info,
	Text:     `torch is the latest stable release that is known. This is what the strategy asks for; the finding is kept as evidence.`,
	Fix:      "nothing is to be done",
	Since:    "0.3.0",
}

var torchProposed = &rule.Rule{
	ID:       "UPD091",
	Title:    "updates of torch that are proposed",
	Strategy: finding.FrameworkUpdates,
	Severity: finding.Info,
	Text:     `Dependabot or Renovate is set up to propose new versions of the project's Python packages, and torch is not left out. Nothing is said of a set-up for other ecosystems alone, for security updates alone, or with torch among what is ignored.`,
	Fix:      "nothing is to be done",
	Since:    "0.3.0",
}

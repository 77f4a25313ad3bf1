package deps

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var pinRules = []*rule.Rule{
	notPinned, noHashes, noLock, staleLock, confusion, rehosted, bestMatch, notFixed, insecureIndex, otherIndex,
	trains, accelerators, young, yanked, quarantined, notReviewed, pinned, hashed, oneIndex,
}

var notPinned = &rule.Rule{
	ID:       "PIN001",
	Title:    "version that is not pinned",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `The project asks for a range of versions, and neither this line nor a lock beside it says which one. Two machines that are set up on two days run different code, and a release that is taken over is installed on the day it appears.`,
	Fix:      "andiron deps lock writes the exact versions, with hashes",
	Since:    "0.1.0",
}

var noHashes = &rule.Rule{
	ID:       "PIN002",
	Title:    "pinned version without a hash",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `A version names what its maker published; only a hash names the bytes. Without one, an index, a mirror or whoever gets between can hand out other bytes under the same version. The wheels of PyTorch need it most: the same version string is another file on each index.`,
	Fix:      "andiron deps lock adds the hashes, also of files for which the index has none",
	Since:    "0.1.0",
}

var noLock = &rule.Rule{
	ID:       "PIN003",
	Title:    "project without a lock",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `The project names what it needs and has no lock that says what is installed to the last package. What its dependencies need in turn is chosen anew on every machine.`,
	Fix:      "andiron deps lock",
	Since:    "0.1.0",
}

var staleLock = &rule.Rule{
	ID:       "PIN004",
	Title:    "lock that does not fit the project",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `The project asks for a package that its lock does not have, or for versions that do not include the one that is locked. Whoever installs from the lock gets something else than what the project asks for.`,
	Fix:      "andiron deps lock, and commit the result",
	Since:    "0.1.0",
}

var confusion = &rule.Rule{
	ID:       "PIN010",
	Title:    "package that any of several indexes may deliver",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `More than one index or page of links is searched for this package, and neither a hash nor an index of its own binds it. pip merges all of them and takes the highest version, so whoever registers the name on the public index with a high version decides what is installed. This is how torchtriton was taken over in December 2022, for everyone who installed the PyTorch nightlies with --extra-index-url.`,
	Fix:      "bind the package to its index (explicit = true and tool.uv.sources), or lock it with hashes and install with --require-hashes",
	Since:    "0.1.0",
	Refs:     []string{"https://pytorch.org/blog/compromised-nightly-dependency/"},
}

var rehosted = &rule.Rule{
	ID:       "PIN011",
	Title:    "index of PyTorch for every package",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `The only index that is searched is one for builds of PyTorch. It also hosts copies of some three hundred other packages, such as numpy, Pillow, requests and urllib3, in versions that are often old and have vulnerabilities that are long mended elsewhere; they are installed from there without a word.`,
	Fix:      "bind torch and its family to that index by name (explicit = true and tool.uv.sources), and take everything else from your usual index",
	Since:    "0.1.0",
}

var bestMatch = &rule.Rule{
	ID:       "PIN012",
	Title:    "indexes that are merged",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `The strategy unsafe-best-match lets the highest version of all indexes win, as pip does. It brings back what uv's own order of indexes prevents: a public package that shadows a private one, and a build for the processor where one for the accelerator was meant.`,
	Fix:      "leave the strategy out, and bind the packages that come from another index to it",
	Since:    "0.1.0",
}

var notFixed = &rule.Rule{
	ID:       "PIN013",
	Title:    "address or repository that does not fix the content",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `A branch or a tag of a repository can be moved, and a file at an address can be replaced. Only a commit of 40 digits, or a hash, says which code is installed.`,
	Fix:      "name the commit, or add the hash: pip install 'name @ https://…#sha256=…'",
	Since:    "0.1.0",
}

var insecureIndex = &rule.Rule{
	ID:       "PIN014",
	Title:    "index that anyone on the way can answer for",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `Packages are fetched over plain HTTP, from a host whose certificate is not checked, or from an address that has a password in it and stands in a file of the project.`,
	Fix:      "use https and a host with a valid certificate, and keep credentials in the keyring, in .netrc or in the environment",
	Since:    "0.1.0",
}

var otherIndex = &rule.Rule{
	ID:       "PIN015",
	Title:    "index that the policy does not name",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `andiron.yaml lists where packages may come from, and this is another place.`,
	Fix:      "take the package from an index that dependencies.indexes lists, or add the index after a review",
	Since:    "0.1.0",
}

var trains = &rule.Rule{
	ID:       "PIN020",
	Title:    "torch and its family from different releases",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `torchvision, torchaudio, triton, xformers and their like are built against one release of torch and work with no other: operators are missing, or memory is read in another layout. They have to move together.`,
	Fix:      "set them to releases of one train, and then: andiron deps lock; where torch has vulnerabilities, andiron deps update moves the whole family",
	Since:    "0.1.0",
}

var accelerators = &rule.Rule{
	ID:       "PIN021",
	Title:    "torch and its family for different accelerators",
	Strategy: finding.DependencyPinning,
	Severity: finding.High,
	Text:     `One package of the family is built for one accelerator, such as cu121, and another for a different one or for the processor alone. They load different runtime libraries into one process, or none that fits.`,
	Fix:      "take the whole family from one index of builds, with one accelerator tag",
	Since:    "0.1.0",
}

var young = &rule.Rule{
	ID:       "PIN030",
	Title:    "release that is younger than its cooldown",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `Releases that were taken over are usually found out within hours or days: lightning 2.6.2 and 2.6.3 stood for 42 minutes in April 2026. Who waits a week installs none of them. A release that closes a vulnerability may be worth the risk; that is a decision and deserves a second look.`,
	Fix:      "stay on the version before until the cooldown is over, or waive this finding with a reason",
	Since:    "0.1.0",
}

var yanked = &rule.Rule{
	ID:       "PIN031",
	Title:    "release that was withdrawn",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text: `The index has yanked the release that the project is bound to, or does not have it any more. Its maker does not want it to be used, for a fault that may be one of security; an index that keeps yanked files still hands them out to whoever pins them, until they are removed.

Asked only with andiron deps check --online.`,
	Fix:   "set it to a release that stands, and then: andiron deps lock",
	Since: "0.1.0",
	Refs:  []string{"https://peps.python.org/pep-0592/"},
}

var quarantined = &rule.Rule{
	ID:       "PIN032",
	Title:    "project in quarantine",
	Strategy: finding.DependencyPinning,
	Severity: finding.Critical,
	Text: `The index has put the project into quarantine: its administrators take it for dangerous until it has been looked at, and nobody can install it from there. What was installed before may have been made to do harm.

Asked only with andiron deps check --online.`,
	Fix:   "take the package out, and find out what it did on the machines that have it",
	Since: "0.1.0",
	Refs:  []string{"https://peps.python.org/pep-0792/"},
}

var notReviewed = &rule.Rule{
	ID:       "PIN040",
	Title:    "pins that nobody went through for a quarter",
	Strategy: finding.DependencyPinning,
	Severity: finding.Low,
	Text:     `Pins keep what was tested, and they keep what is out of date. Once a quarter somebody should go through them, update what is due and write the day down.`,
	Fix:      "go through the pins, run andiron deps update, and set dependencies.reviewed in andiron.yaml to the day",
	Since:    "0.1.0",
}

var pinned = &rule.Rule{
	ID:       "PIN090",
	Title:    "versions that are pinned",
	Strategy: finding.DependencyPinning,
	Severity: finding.Info,
	Text:     `Says which file fixes the exact versions.`,
	Fix:      "nothing is to be done",
	Since:    "0.1.0",
}

var hashed = &rule.Rule{
	ID:       "PIN091",
	Title:    "versions with hashes",
	Strategy: finding.DependencyPinning,
	Severity: finding.Info,
	Text:     `Says which file names a hash of every package.`,
	Fix:      "nothing is to be done",
	Since:    "0.1.0",
}

var oneIndex = &rule.Rule{
	ID:       "PIN092",
	Title:    "packages bound to their index",
	Strategy: finding.DependencyPinning,
	Severity: finding.Info,
	Text:     `Says which file binds packages to the index that they come from.`,
	Fix:      "nothing is to be done",
	Since:    "0.1.0",
}

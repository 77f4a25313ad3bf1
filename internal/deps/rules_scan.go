package deps

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var scanRules = []*rule.Rule{vulnerable, mayResolve, unauditable, malicious, advisories, notRead, noFiles, bundled, notScanned, scanned, recorded, automatic}

var vulnerable = &rule.Rule{
	ID:       "DEP001",
	Title:    "package with a known vulnerability",
	Strategy: finding.DependencyScanning,
	Severity: finding.High,
	Text: `The version that the project is bound to is one that a published advisory names. The local part of a version, such as +cu118, names a build of the same source and changes nothing: torch 2.1.0+cu118 has the vulnerabilities of 2.1.0.

The severity is that of the advisory; one without a rating counts as high, or as medium where it is known that only the program's own code reaches it. Advisories that are known under several names (CVE, GHSA, PYSEC) are one finding. For torch it is said whether a crafted file reaches the hole, or only code that calls the interface in question.`,
	Fix:   "update to the version that the finding names, or run andiron deps update",
	Since: "0.1.0",
	Refs:  []string{"https://ossf.github.io/osv-schema/"},
}

var mayResolve = &rule.Rule{
	ID:       "DEP002",
	Title:    "range that may resolve to a vulnerable version",
	Strategy: finding.DependencyScanning,
	Severity: finding.Medium,
	Text: `The project asks for a range of versions, no lock says which one is installed, and a published advisory names at least one version that the range allows. Which one a machine has depends on the day on which it was set up.

This is not said of a version that is fixed: that one either has the vulnerability or has not.`,
	Fix:   "raise the lower bound above the vulnerable versions, and lock the versions with andiron deps lock",
	Since: "0.1.0",
}

var unauditable = &rule.Rule{
	ID:       "DEP003",
	Title:    "package that no advisories cover",
	Strategy: finding.DependencyScanning,
	Severity: finding.Low,
	Text: `Nobody publishes advisories that a scanner could hold this package against, so that finding none means nothing: it comes from an address, a repository, a folder or a conda channel instead of a package index, its version is not one, or it is one of those whose maker has advisories of another kind, as NVIDIA has for its CUDA wheels.

Such a package is not clean. Where somebody reads the maker's bulletins, a vouch in andiron.yaml says who.`,
	Fix:   "take the package from an index where there is one, or name who answers for it under dependencies.vouch in andiron.yaml",
	Since: "0.1.0",
}

var malicious = &rule.Rule{
	ID:       "DEP004",
	Title:    "malicious release",
	Strategy: finding.DependencyScanning,
	Severity: finding.Critical,
	Text: `The release was published to do harm: its account was taken over, or its name was made to be mistaken for another. Code of it runs when it is installed or imported, with everything that the machine can reach.

A machine that had it installed counts as taken over, and its credentials as stolen, whatever is installed now.`,
	Fix:   "remove the package, set up every machine that had it anew, and replace the credentials that were on it",
	Since: "0.1.0",
}

var advisories = &rule.Rule{
	ID:       "DEP005",
	Title:    "advisories that are missing or too old",
	Strategy: finding.DependencyScanning,
	Severity: finding.Medium,
	Text:     `The packages were held against an advisory database that is older than the project allows, or against nothing but the facts about PyTorch that are built into andiron, or one in which records are missing because they could not be read. Vulnerabilities that are not in it are not found.`,
	Fix:      "andiron db update, or andiron db import on a machine without a network",
	Since:    "0.1.0",
}

var notRead = &rule.Rule{
	ID:       "DEP006",
	Title:    "dependencies that could not be read",
	Strategy: finding.DependencyScanning,
	Severity: finding.Medium,
	Text:     `A file that says what the project depends on could not be read, or a line in it could not: it is damaged, has more than one reading, names a file that is missing or lies outside of the project, or its content is computed when it is used. What it asks for is not known, and was held against nothing.`,
	Fix:      "mend the line, or write the dependencies where they can be read without running anything, such as pyproject.toml or a lock",
	Since:    "0.1.0",
}

var noFiles = &rule.Rule{
	ID:       "DEP007",
	Title:    "no file that says what the project depends on",
	Strategy: finding.DependencyPinning,
	Severity: finding.Medium,
	Text:     `Among the files that were looked at none is a requirements file, a pyproject.toml, a lock, a conda environment, or an installed package. Python code without one runs with whatever the machine happens to have.`,
	Fix:      "write the dependencies to pyproject.toml or requirements.txt, and lock them with andiron deps lock",
	Since:    "0.1.0",
}

var bundled = &rule.Rule{
	ID:       "DEP008",
	Title:    "libraries bundled into a package",
	Strategy: finding.DependencyScanning,
	Severity: finding.Low,
	Text:     `An installed package brings shared libraries of other projects with it, such as OpenBLAS, libwebp or the CUDA runtime, in versions that no index names. Their vulnerabilities are not those of the package, and a scanner of packages finds none of them. A package may say what it bundles in documents of its own (PEP 770); where it does, they are listed. What a package brought that has no list of its files (RECORD) is not known.`,
	Fix:      "keep the package current, and name who reads its bulletins under dependencies.vouch in andiron.yaml",
	Since:    "0.1.0",
	Refs:     []string{"https://peps.python.org/pep-0770/"},
}

var notScanned = &rule.Rule{
	ID:       "DEP009",
	Title:    "no recent scan of the dependencies on record",
	Strategy: finding.DependencyScanning,
	Severity: finding.Low,
	Text:     `The project's record has no scan of its dependencies, or none that is recent. A workflow that scans them may be there all the same (DEP092); what it found, and what was done about it, is then not kept with the project. A package that had no known vulnerability when it was chosen has one some day, and only who looks again and again learns of it in time.`,
	Fix:      "run andiron deps scan on every commit and on a schedule, and keep .andiron/records.jsonl",
	Since:    "0.1.0",
}

var recorded = &rule.Rule{
	ID:       "DEP091",
	Title:    "scans that are on record",
	Strategy: finding.DependencyScanning,
	Severity: finding.Info,
	Text:     `Says when the dependencies were last scanned, as the project's record has it.`,
	Fix:      "nothing is to be done",
	Since:    "0.1.0",
}

var automatic = &rule.Rule{
	ID:       "DEP092",
	Title:    "a workflow that scans the dependencies",
	Strategy: finding.DependencyScanning,
	Severity: finding.Info,
	Text: `A file by which a forge runs jobs, or the hooks of pre-commit, names a scanner: pip-audit, osv-scanner, safety, snyk, trivy, grype, GitHub's dependency review, or andiron itself. Files are looked for where forges look for them, at the root of the project.

Whether the job succeeds, and whether anybody reads what it says, is seen only by the forge.`,
	Fix:   "nothing is to be done",
	Since: "0.1.0",
}

var scanned = &rule.Rule{
	ID:       "DEP090",
	Title:    "dependencies held against advisories",
	Strategy: finding.DependencyScanning,
	Severity: finding.Info,
	Text:     `Says which packages were held against which advisories, and that a record of it is kept.`,
	Fix:      "nothing is to be done",
	Since:    "0.1.0",
}

package engine

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Rules are those of the engine itself: all say that something was not looked at.
var Rules = []*rule.Rule{notModel, unreadable, internalError, changed, notListed, skipped, folderLink}

var notModel = &rule.Rule{
	ID:       "FMT901",
	Title:    "named file that is no model",
	Strategy: finding.SafeSerialization,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `A file named on the command line is of no format that andiron knows as a model.

In a folder such files are only counted. A file that was named was meant to be judged, and "not a model" is not a judgement that it is safe: something else may still load it.`,
	Fix:   "name a model file or a folder, or report the format if it is one that PyTorch loads",
	Since: "0.1.0",
}

var unreadable = &rule.Rule{
	ID:       "FMT902",
	Title:    "file that could not be read",
	Strategy: finding.SafeSerialization,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `The file could not be opened or read to its end: it is missing, its permissions forbid it, it is a pipe or a device, a link leads nowhere, or the disk failed.

Nothing is known about what loading it would do.`,
	Fix:   "make the file readable for the user that runs andiron and run again",
	Since: "0.1.0",
}

var internalError = &rule.Rule{
	ID:       "FMT903",
	Title:    "internal error of andiron",
	Strategy: finding.SafeSerialization,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `andiron made a mistake of its own on this file and gave up on it; the other files were looked at.

A file that breaks a scanner may have been made to. Treat it as unsafe until it has been looked at.`,
	Fix:   "report the file or its digest as SECURITY.md says, and do not load it",
	Since: "0.1.0",
}

var changed = &rule.Rule{
	ID:       "FMT904",
	Title:    "file that changed while it was read",
	Strategy: finding.TrustedSources,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `The file was written to, replaced or removed between opening it and the end of looking at it.

What was judged may not be what lies there now. A download that is still running does this; so does somebody who swaps a file after the check.`,
	Fix:   "wait until the file is complete, keep others from writing to it, and run again",
	Since: "0.1.0",
}

var notListed = &rule.Rule{
	ID:       "FMT905",
	Title:    "place that could not be walked",
	Strategy: finding.SafeSerialization,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `A folder could not be listed, or a link leads nowhere or in a circle, so what lies there was not looked at.

In a Hugging Face cache a link that leads nowhere is a blob that was not downloaded.`,
	Fix:   "make the folder readable or mend the link, and run again",
	Since: "0.1.0",
}

var skipped = &rule.Rule{
	ID:       "FMT906",
	Title:    "folders of tools that were not looked at",
	Strategy: finding.TrustedSources,
	Severity: finding.Info,
	Verdict:  finding.Safe,
	Text: `Folders that version control, caches, package managers and virtual environments keep are not looked at in a walk: .git, .hg, .svn, __pycache__, node_modules, and any folder that holds a pyvenv.cfg. Named pipes, sockets and devices are not looked at either.

Code may still load a model from there. --everything looks into the folders too; naming one does as well.`,
	Fix:   "run with --everything if models are loaded from these places",
	Since: "0.1.0",
}

var folderLink = &rule.Rule{
	ID:       "FMT907",
	Title:    "link to a folder that was not followed",
	Strategy: finding.TrustedSources,
	Severity: finding.Info,
	Verdict:  finding.Safe,
	Text: `A symbolic link leads to a folder. A walk does not follow it, so that it ends and stays where it was sent; links to files are followed.

What lies behind the link is looked at only if it is also reached in another way.`,
	Fix:   "name the folder that the link leads to as well",
	Since: "0.1.0",
}

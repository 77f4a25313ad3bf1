package model

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var fmtMismatch = &rule.Rule{
	ID: "FMT001", Title: "Name and content say different formats", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since,
	Refs: []string{"CVE-2025-10155", "PyTorch v2.6.0 torch/serialization.py load"},
	Text: "The file's name promises a format that cannot run code, or another one than its content has. " +
		"Tools that choose a reader by the name skip it or look at it wrongly; torch.load decides by the first bytes.",
	Fix: "rename it to what it is, and ask its source why it was named otherwise",
}

var fmtUnrecognised = &rule.Rule{
	ID: "FMT002", Title: "A model file in no format that andiron reads", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since,
	Text: "The file is named like a model, or was named on the command line, and its content is of no format that andiron can judge. " +
		"It was not looked at, so nothing is said about it.",
	Fix: "convert it to safetensors with the tool that made it, or keep it out of the folder",
}

var fmtLimit = &rule.Rule{
	ID: "FMT003", Title: "Broken, or over a limit", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since,
	Text: "The content breaks off, contradicts itself, or goes over a limit on size, depth or work, " +
		"so that a part of it could not be looked at. What was seen before is reported.",
	Fix: "fetch the file again; if the file is known to be this large, raise the limit that the message names",
}

var fmtDepth = &rule.Rule{
	ID: "FMT004", Title: "Archives nested too deeply", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since,
	Text: "Archives lie inside of archives deeper than the limit. What lies below was not looked at.",
	Fix:  "unpack the file and scan what it holds, or raise --max-depth",
}

var fmtNative = &rule.Rule{
	ID: "FMT005", Title: "Native code inside a model file", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since,
	Text: "A member of the archive is a program or a shared library. A checkpoint needs none; " +
		"something that extracts the archive could load or start it.",
	Fix: "reject the file unless its publisher explains the library and signs it",
}

var fmtTrailing = &rule.Rule{
	ID: "FMT006", Title: "Bytes after the end that no loader reads", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Unknown, Since: since,
	Text: "After the end of its content the file goes on with bytes that its loader does not read and that are not padding. " +
		"They may be harmless; they are unaccounted for, so the file is not proved safe.",
	Fix: "save the object again and compare the sizes",
}

var fmtStreams = &rule.Rule{
	ID: "FMT007", Title: "More than one pickle in the file", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since,
	Text: "The file holds several pickles one after the other, as repeated pickle.dump calls write them. " +
		"A loader that reads once runs only the first; andiron judges all of them.",
	Fix: "check that the reader expects several objects",
}

var fmtJunk = &rule.Rule{
	ID: "FMT008", Title: "A pickle hidden behind other bytes", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since,
	Text: "A pickle starts after bytes that belong to no pickle. Scanners that stop at the first error do not see it; " +
		"a program that seeks to it loads it.",
	Fix: "reject the file unless its format is known to hold pickles there",
}

var fmtMember = &rule.Rule{
	ID: "FMT009", Title: "A model or pickle inside of another file", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since,
	Text: "A member of the archive is itself a pickle or a model although nothing says that the archive's loader reads it. " +
		"andiron follows it and judges it like the rest.",
	Fix: "find out which program reads the member, and keep models out of containers that hide them",
}

var fmtFramework = &rule.Rule{
	ID: "FMT010", Title: "A format that can carry code, not read in full", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since,
	Text: "The format is known, and its loader can run code from it, but andiron reads only its header " +
		"(HDF5 and Keras, ExecuTorch programs, 7z, RAR, the preview format of PyTorch before 1.0).",
	Fix: "convert the weights to safetensors with the framework that wrote the file",
}

var fmtOther = &rule.Rule{
	ID: "FMT011", Title: "A name for another format than the content", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since,
	Text: "The file's extension is one of another format. Loaders that decide by content read it all the same; " +
		"tools that decide by name read it wrongly or leave it out.",
	Fix: "rename it to what it is",
}

var formatRules = []*rule.Rule{
	fmtMismatch, fmtUnrecognised, fmtLimit, fmtDepth, fmtNative,
	fmtTrailing, fmtStreams, fmtJunk, fmtMember, fmtFramework, fmtOther,
}

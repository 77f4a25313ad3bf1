package model

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/strictzip"
)

const since = "0.1.0"

var appnote = []string{"PKWARE APPNOTE 6.3.10", "PyTorch v2.6.0 caffe2/serialize/inline_container.cc"}

var zipDuplicate = &rule.Rule{
	ID: "ZIP001", Title: "Two members with one name", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "The archive's directory lists one name twice. torch finds one of the copies by a binary search, so that the number and " +
		"the order of all records decide which; Python's zipfile takes the last, other readers the first. " +
		"A scanner and the loader can look at different bytes.\n\n" +
		"No version of torch writes such a file. andiron judges every copy.",
	Fix: "do not load it; ask for the file to be saved again by torch.save",
}

var zipCollision = &rule.Rule{
	ID: "ZIP002", Title: "Names that are equal for some loader", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "Two names differ only in letter case or after a NUL byte, or a record that torch needs is spelt in another case. " +
		"torch looks records up without regard to case and cuts names at NUL, other readers do neither, " +
		"so they open different members.\n\nNo version of torch writes such names.",
	Fix: "do not load it; ask for the file to be saved again by torch.save",
}

var zipHeaders = &rule.Rule{
	ID: "ZIP003", Title: "Local and central headers disagree", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "A member's own header and the archive's directory name it differently, or give it another size or method. " +
		"torch trusts the directory; a reader that streams the file trusts the local header. " +
		"What one tool checked is not what another loads.",
	Fix: "do not load it; ask for the file to be saved again by torch.save",
}

var zipFlags = &rule.Rule{
	ID: "ZIP004", Title: "Flags that readers treat differently", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "Flags say that a member is encrypted or patched, or the two headers carry different flags. " +
		"torch ignores the local flags, Python's zipfile refuses to read the member, " +
		"so a scanner built on zipfile sees nothing while torch loads it.",
	Fix: "do not load it; ask for the file to be saved again by torch.save",
}

var zipChecksum = &rule.Rule{
	ID: "ZIP005", Title: "The recorded CRC does not match", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "The bytes of a member do not have the CRC-32 that the archive records. torch does not check it and loads the member; " +
		"other readers stop. Someone changed the bytes after they were written, or the file is damaged.\n\n" +
		"A recorded CRC of zero is what torch writes with CRCs turned off, and is not reported.",
	Fix: "compare the file's SHA-256 with the publisher's, and fetch it again",
}

var zipOutside = &rule.Rule{
	ID: "ZIP006", Title: "Bytes that belong to no member", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "The file holds bytes before, between or after the archive's structures, or alignment padding that is no padding. " +
		"torch skips them; another loader may read them as a file of another format.",
	Fix: "do not load it; ask for the file to be saved again by torch.save",
}

var zipHidden = &rule.Rule{
	ID: "ZIP007", Title: "A second directory or hidden members", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "The archive can be read in two ways: it has more than one directory, members that the directory does not list, " +
		"members that share bytes, or another number of members than it announces. " +
		"Different loaders see different members.",
	Fix: "do not load it; ask for the file to be saved again by torch.save",
}

var zipEscape = &rule.Rule{
	ID: "ZIP008", Title: "A member name that leads outside", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Suspicious, Since: since, Refs: appnote,
	Text: "A member's name is absolute, climbs with .., uses backslashes, or is a symbolic link. " +
		"Extracting the archive could write outside of the chosen folder. torch refuses such names, extraction tools may not.",
	Fix: "do not extract it; remove the member or reject the file",
}

var zipOdd = &rule.Rule{
	ID: "ZIP009", Title: "Unusual names or comments", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: appnote,
	Text: "The archive carries comments, or names with control characters, names that are not UTF-8 or longer than torch lists. " +
		"Loaders read it alike; people and logs may be misled.",
	Fix: "ask why the file was not written by torch.save",
}

var zipBroken = &rule.Rule{
	ID: "ZIP010", Title: "The archive's structure is broken", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: appnote,
	Text: "Headers or offsets of the archive lead nowhere, so that parts of it could not be read. " +
		"A loader that is more lenient might still read them; andiron does not guess.",
	Fix: "fetch the file again; if it stays broken, reject it",
}

var zipMethod = &rule.Rule{
	ID: "ZIP011", Title: "A member that cannot be decompressed", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: appnote,
	Text: "A member is encrypted or compressed with a method that torch does not read (torch reads stored and deflated). " +
		"What it holds could not be looked at.",
	Fix: "ask for the file to be saved again by torch.save",
}

var zipBomb = &rule.Rule{
	ID: "ZIP012", Title: "A member expands beyond the limit", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: appnote,
	Text: "Decompressing a member goes over the limits on size or on expansion, as a decompression bomb would. " +
		"torch writes members stored, so honest checkpoints do not expand at all.",
	Fix: "reject the file, or raise --max-inflated if its size is expected",
}

var zipRules = []*rule.Rule{
	zipDuplicate, zipCollision, zipHeaders, zipFlags, zipChecksum, zipOutside,
	zipHidden, zipEscape, zipOdd, zipBroken, zipMethod, zipBomb,
}

// zipKinds maps what the reader saw to the rule that explains it.
var zipKinds = map[strictzip.Kind]*rule.Rule{
	strictzip.DuplicateName: zipDuplicate,

	strictzip.NameCollision: zipCollision,
	strictzip.NulName:       zipCollision,

	strictzip.NameMismatch:     zipHeaders,
	strictzip.MethodMismatch:   zipHeaders,
	strictzip.DescriptorBroken: zipHeaders,
	strictzip.SizeMismatch:     zipHeaders,
	strictzip.StoredSizes:      zipHeaders,

	strictzip.FlagsMismatch: zipFlags,
	strictzip.Encrypted:     zipFlags,
	strictzip.VersionNeeded: zipFlags,

	strictzip.CRCMismatch: zipChecksum,

	strictzip.PrefixData:     zipOutside,
	strictzip.TrailingData:   zipOutside,
	strictzip.GapData:        zipOutside,
	strictzip.DirectoryGap:   zipOutside,
	strictzip.PaddingContent: zipOutside,
	strictzip.ShiftedOffsets: zipOutside,
	strictzip.CommentOverrun: zipOutside,
	strictzip.NotAtStart:     zipOutside,

	strictzip.HiddenEntry:      zipHidden,
	strictzip.Overlap:          zipHidden,
	strictzip.SeveralEnds:      zipHidden,
	strictzip.DirectoryDispute: zipHidden,
	strictzip.CountMismatch:    zipHidden,

	strictzip.BackslashName: zipEscape,
	strictzip.AbsoluteName:  zipEscape,
	strictzip.DotDotName:    zipEscape,
	strictzip.Symlink:       zipEscape,

	strictzip.ControlName:    zipOdd,
	strictzip.NotUTF8Name:    zipOdd,
	strictzip.UnmarkedName:   zipOdd,
	strictzip.LongName:       zipOdd,
	strictzip.EmptyName:      zipOdd,
	strictzip.DirectoryData:  zipOdd,
	strictzip.ArchiveComment: zipOdd,
	strictzip.EntryComment:   zipOdd,

	strictzip.DirectoryBroken: zipBroken,
	strictzip.Zip64Broken:     zipBroken,
	strictzip.ExtraBroken:     zipBroken,
	strictzip.LocalMissing:    zipBroken,
	strictzip.DataOutside:     zipBroken,
	strictzip.MultiDisk:       zipBroken,

	strictzip.UnsupportedMethod: zipMethod,
	strictzip.RatioHigh:         zipBomb,
}

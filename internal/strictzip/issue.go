package strictzip

import "fmt"

// Kind names one sort of oddity.
type Kind string

// The kinds of issues.
const (
	// The end of the archive and its directory.
	SeveralEnds       Kind = "several-ends"       // more than one plausible end-of-central-directory record
	DirectoryDispute  Kind = "directory-dispute"  // readers would use different central directories
	DirectoryBroken   Kind = "directory-broken"   // the central directory ends early or holds other bytes
	CountMismatch     Kind = "count-mismatch"     // the directory holds another number of entries than announced
	MultiDisk         Kind = "multi-disk"         // parts on other disks
	ArchiveComment    Kind = "archive-comment"    // a comment after the end record
	CommentOverrun    Kind = "comment-overrun"    // the comment is longer than the file
	Zip64Broken       Kind = "zip64-broken"       // a zip64 locator or field that leads nowhere
	DirectoryGap      Kind = "directory-gap"      // bytes between the directory and the end record
	PrefixData        Kind = "prefix-data"        // bytes before the first local header
	TrailingData      Kind = "trailing-data"      // bytes after the end record and its comment
	GapData           Kind = "gap-data"           // bytes between entries that belong to none
	HiddenEntry       Kind = "hidden-entry"       // a local header that the central directory does not list
	Overlap           Kind = "overlap"            // two entries share bytes
	ShiftedOffsets    Kind = "shifted-offsets"    // offsets are right only after a prefix is added
	NotAtStart        Kind = "not-at-start"       // the file does not begin with a local header
	LocalMissing      Kind = "local-missing"      // no local header where the directory points
	DataOutside       Kind = "data-outside"       // data runs past the end of the file
	NameMismatch      Kind = "name-mismatch"      // local and central names differ
	MethodMismatch    Kind = "method-mismatch"    // local and central methods differ
	FlagsMismatch     Kind = "flags-mismatch"     // local and central flags differ
	SizeMismatch      Kind = "size-mismatch"      // local and central sizes differ
	CRCMismatch       Kind = "crc-mismatch"       // local and central CRCs differ
	DescriptorBroken  Kind = "descriptor-broken"  // the data descriptor is absent or says something else
	StoredSizes       Kind = "stored-sizes"       // a stored entry whose two sizes differ
	ExtraBroken       Kind = "extra-broken"       // extra fields that do not parse
	PaddingContent    Kind = "padding-content"    // alignment padding that holds other bytes than padding
	Encrypted         Kind = "encrypted"          // flags that say the entry is encrypted or patched
	UnsupportedMethod Kind = "unsupported-method" // neither stored nor deflated
	VersionNeeded     Kind = "version-needed"     // asks for a reader newer than zip64
	RatioHigh         Kind = "ratio-high"         // expands more than the limit
	DuplicateName     Kind = "duplicate-name"     // the same name twice
	NameCollision     Kind = "name-collision"     // names that are equal for some loader: letter case, NUL
	BackslashName     Kind = "backslash-name"
	AbsoluteName      Kind = "absolute-name"
	DotDotName        Kind = "dot-dot-name"
	NulName           Kind = "nul-name"
	ControlName       Kind = "control-name"
	NotUTF8Name       Kind = "not-utf8-name"
	UnmarkedName      Kind = "unmarked-name" // not ASCII, and not marked as UTF-8
	LongName          Kind = "long-name"     // more than 511 bytes: PyTorch lists it cut
	EmptyName         Kind = "empty-name"
	DirectoryData     Kind = "directory-data" // a directory that has bytes
	Symlink           Kind = "symlink"
	EntryComment      Kind = "entry-comment"
)

// Issue is one oddity: what, where, and whether PyTorch's reader stops at it.
type Issue struct {
	Kind    Kind
	Entry   int   // index in Archive.Entries, -1 for the archive
	Offset  int64 // in the file
	Refuses bool  // PyTorch's reader refuses the entry or the archive for it
	Text    string
}

// keptPerKind bounds the memory that issues take; Archive.More counts the rest.
const keptPerKind = 100

func (a *Archive) issue(kind Kind, entry int, offset int64, format string, args ...any) {
	a.add(Issue{Kind: kind, Entry: entry, Offset: offset}, format, args...)
}

func (a *Archive) refuse(kind Kind, entry int, offset int64, format string, args ...any) {
	a.add(Issue{Kind: kind, Entry: entry, Offset: offset, Refuses: true}, format, args...)
}

func (a *Archive) add(is Issue, format string, args ...any) {
	a.kinds[is.Kind]++
	if a.kinds[is.Kind] > keptPerKind {
		a.More[is.Kind]++
		return
	}
	is.Text = fmt.Sprintf(format, args...)
	a.Issues = append(a.Issues, is)
}

// Has reports whether the archive has an issue of kind.
func (a *Archive) Has(kind Kind) bool { return a.kinds[kind] > 0 }

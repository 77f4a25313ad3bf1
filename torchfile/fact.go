package torchfile

import "fmt"

// FactKind names one sort of fact.
type FactKind string

// The kinds of facts.
const (
	SizeDisagrees   FactKind = "size-disagrees"    // a record holds another number of bytes than the pickle says
	MissingStorage  FactKind = "missing-storage"   // a pickle refers to a storage that is not there
	UnusedStorage   FactKind = "unused-storage"    // a storage that no pickle refers to
	StorageDispute  FactKind = "storage-dispute"   // one key with two types or sizes
	OutOfRange      FactKind = "out-of-range"      // a tensor reaches outside of its storage
	BadGeometry     FactKind = "bad-geometry"      // negative or mismatched sizes, strides or offsets
	OddArguments    FactKind = "odd-arguments"     // a rebuild function called with what no torch writes
	UnknownDType    FactKind = "unknown-dtype"     // a storage or dtype that no known torch has
	TrailingBytes   FactKind = "trailing-bytes"    // bytes after the STOP of a pickle
	BrokenPickle    FactKind = "broken-pickle"     // a pickle that ends in an error
	Unaccounted     FactKind = "unaccounted-bytes" // bytes that belong to nothing
	AppendedZip     FactKind = "appended-zip"      // a zip after a legacy file: other tools read that
	PrefixedZip     FactKind = "prefixed-zip"      // a zip that does not begin the file
	OutsideRoot     FactKind = "outside-root"      // an entry outside of the root folder: torch refuses the file
	NoRoot          FactKind = "no-root"           // the first entry has no folder: torch refuses the file
	NoVersion       FactKind = "no-version"        // no version record: torch refuses the file
	BadVersion      FactKind = "bad-version"       // a version that torch does not read
	BadByteOrder    FactKind = "bad-byteorder"     // neither little nor big
	NameVariant     FactKind = "name-variant"      // torch finds a record under another spelling
	LookupDispute   FactKind = "lookup-dispute"    // loaders find different records under one name
	SeveralFormats  FactKind = "several-formats"   // the marks of more than one format
	Unaligned       FactKind = "unaligned"         // a storage that does not lie on 64 bytes
	Compressed      FactKind = "compressed"        // a compressed storage or pickle, which torch never writes
	Unreadable      FactKind = "unreadable"        // a record that could not be read
	Limit           FactKind = "limit"             // a limit was reached
	NoMagic         FactKind = "no-magic"          // a legacy file whose first pickle is not the magic number
	BadSysInfo      FactKind = "bad-sysinfo"       // a legacy file that says odd things of its machine
	TextPersistent  FactKind = "text-persistent"   // a persistent id of protocol 0, which torch cannot load
	BadConfig       FactKind = "bad-config"        // a JSON configuration that does not parse
	OldScript       FactKind = "old-script"        // TorchScript of before 1.2, which is not read
	UsePickle       FactKind = "use-pickle"        // a .pt2 entry that is loaded as a full pickle
	PathEscape      FactKind = "path-escape"       // a path that leaves its folder
	UnreadShard     FactKind = "unread-shard"      // a shard of a checkpoint that could not be opened
	BrokenContainer FactKind = "broken-container"  // a nested container that could not be read
)

// Fact is something that is so about a file, and where.
type Fact struct {
	Kind   FactKind
	Record string
	Offset int64 // in the record; -1 for the whole
	Text   string
}

const keptPerKind = 200

func (f *File) fact(kind FactKind, record string, offset int64, format string, args ...any) {
	if f.silent {
		return
	}
	f.factSeen[kind]++
	if f.factSeen[kind] > keptPerKind {
		return
	}
	f.Facts = append(f.Facts, Fact{kind, record, offset, fmt.Sprintf(format, args...)})
}

// Count returns how many facts of kind there were; Facts keeps the first 200.
func (f *File) Count(kind FactKind) int { return f.factSeen[kind] }

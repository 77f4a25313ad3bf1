package strictzip

import (
	"bytes"
	"errors"
	"io"

	"github.com/andiron-dev/andiron/internal/scratch"
)

// ErrFormat says that the input has no readable central directory.
var ErrFormat = errors.New("zip: no central directory")

// Limits bounds what Open reads. Zero fields mean the defaults.
type Limits struct {
	MaxEntries   int64 // default 100,000, with Scratch 2,000,000
	MaxDirectory int64 // bytes of central directory; default 32 MiB, with Scratch 512 MiB
	MaxRatio     int64 // expansion above which RatioHigh is reported; default 200
	MaxGaps      int64 // bytes of gaps that are searched for hidden entries; default 4 MiB, below 0 none
	// Scratch, when set, is where entries lie that are not in use, so that an entry
	// takes 8 bytes of memory. Its Err is to be asked in the end.
	Scratch *scratch.Space
}

// mostOdd is how many entries an archive may have whose names collide, or that do
// not lie in the order of the directory: they are sorted in memory.
const mostOdd = 100_000

func (l Limits) withDefaults() Limits {
	entries, directory := int64(mostOdd), int64(32<<20)
	if l.Scratch != nil {
		entries, directory = 2_000_000, 512<<20
	}
	if l.MaxEntries <= 0 {
		l.MaxEntries = entries
	}
	if l.MaxDirectory <= 0 {
		l.MaxDirectory = directory
	}
	if l.MaxRatio <= 0 {
		l.MaxRatio = 200
	}
	if l.MaxGaps == 0 {
		l.MaxGaps = 4 << 20
	}
	return l
}

// The methods that PyTorch reads.
const (
	Stored   uint16 = 0
	Deflated uint16 = 8
)

// Entry is one record of the central directory, with what its local header says.
type Entry struct {
	Name      string // as PyTorch lists it: cut at NUL and after 511 bytes
	RawName   string // the bytes of the central directory
	LocalName string // the bytes of the local header
	Fields
}

// Fields are the numbers of an Entry.
type Fields struct {
	Method, LocalMethod  uint16
	Flags, LocalFlags    uint16
	CRC, LocalCRC        uint32
	Size, CompressedSize int64 // central directory, zip64 applied
	LocalSize            int64 // as the local header says; 0 with a data descriptor
	VersionMade          uint16
	VersionNeeded        uint16
	ExternalAttrs        uint32
	CentralOffset        int64 // of the central record
	HeaderOffset         int64 // of the local header
	DataOffset           int64 // of the data; -1 when there is no local header
	DescriptorSize       int64 // bytes of data descriptor after the data
	Padding              int64 // bytes of alignment padding in the local header
	Beyond               bool  // after the announced number of entries: miniz does not see it, Python does
	zip64                bool
	named                bool // there is a local header, and it has another name
	nameLen, localLen    uint16
}

// IsDir reports whether the name ends in a slash.
func (e *Entry) IsDir() bool {
	return len(e.RawName) > 0 && e.RawName[len(e.RawName)-1] == '/'
}

// End is the offset after the entry's data and data descriptor.
func (f *Fields) End() int64 { return f.DataOffset + f.CompressedSize + f.DescriptorSize }

// Gap is a run of bytes that no structure of the archive claims.
type Gap struct {
	Offset, Size int64
	Kind         Kind // PrefixData, GapData, DirectoryGap or TrailingData
}

// Archive is a read central directory and everything odd about the file.
type Archive struct {
	Issues []Issue
	More   map[Kind]int // issues that were counted but not kept
	Gaps   []Gap

	DirectoryOffset int64
	DirectorySize   int64
	EndOffset       int64 // of the end-of-central-directory record
	Announced       int64 // entries that the end record announces
	Comment         string
	Base            int64 // what had to be added to the offsets; 0 in honest files

	// Others are the archives that readers see which use another end record
	// or another directory than PyTorch does. Honest files have none.
	Others []*Archive

	r       io.ReaderAt
	size    int64
	lim     Limits
	kinds   map[Kind]int
	entries *scratch.Array[Fields] // in the order of the central directory
	names   window                 // on the central directory
	order   []int32                // of the local headers, where it is another; see local.go
	index   []uint64               // by folded name; see lookup.go
	first   map[int32]int32        // of entries whose names collide, the first of the name
	sorted  []int32                // miniz's order, where names collide
}

// large reports whether the archive has more entries than what is odd may have.
func (a *Archive) large() bool { return a.lim.Scratch != nil && a.Len() > mostOdd }

// Len returns how many entries there are.
func (a *Archive) Len() int { return a.entries.Len() }

// Entry returns entry i, in the order of the central directory.
func (a *Archive) Entry(i int) *Entry {
	e := &Entry{Fields: a.entries.At(i)}
	e.RawName = string(a.rawName(e.Fields))
	e.Name = listed(e.RawName)
	switch {
	case e.DataOffset < 0:
	case e.named:
		b := make([]byte, e.localLen)
		a.lim.Scratch.Fail(readFull(a.r, b, e.HeaderOffset+localLen))
		e.LocalName = string(b)
	default:
		e.LocalName = e.RawName
	}
	return e
}

// Numbers returns the numbers of entry i.
func (a *Archive) Numbers(i int) Fields { return a.entries.At(i) }

// Called reports whether PyTorch lists entry i under just this name.
func (a *Archive) Called(i int, name string) bool {
	raw := a.rawName(a.entries.At(i))
	if len(raw) > maxListedName {
		raw = raw[:maxListedName]
	}
	raw, _, _ = bytes.Cut(raw, []byte{0})
	return string(raw) == name
}

// rawName is the name of an entry in the directory, valid until the next is asked for.
func (a *Archive) rawName(e Fields) []byte {
	b, err := a.names.at(e.CentralOffset+centralLen, int64(e.nameLen))
	if err == nil && len(b) < int(e.nameLen) {
		err = io.ErrUnexpectedEOF
	}
	a.lim.Scratch.Fail(err)
	return b
}

// Open reads the central directory and the local headers, no entry data.
// The entries are what PyTorch's reader would see where that can be told.
func Open(r io.ReaderAt, size int64, lim Limits) (*Archive, error) {
	lim = lim.withDefaults()
	found, err := findDirectories(r, size)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrFormat
	}
	a, err := read(r, size, lim, found[0])
	if err != nil {
		return nil, err
	}
	for _, d := range found[1:] {
		if a.owns(d.end) && d.end != found[0].end {
			continue // an archive stored inside of an entry
		}
		b, err := read(r, size, lim, d)
		if err != nil {
			return nil, err
		}
		a.dispute(found[0], d)
		a.Others = append(a.Others, b)
	}
	return a, nil
}

func (a *Archive) dispute(mine, other directory) {
	if other.end != mine.end {
		a.issue(SeveralEnds, -1, other.end, "a second end-of-central-directory record at %#x, besides the one at %#x", other.end, mine.end)
		return
	}
	a.issue(DirectoryDispute, -1, other.end, "%s read a directory of %d entries at %#x, %s one of %d at %#x",
		mine.by, mine.count, mine.start(), other.by, other.count, other.start())
}

// owns reports whether off lies in the data of an entry.
func (a *Archive) owns(off int64) bool {
	for i := range a.Len() {
		e := a.entries.At(i)
		if e.DataOffset >= 0 && off >= e.DataOffset && off-e.DataOffset < e.CompressedSize {
			return true
		}
	}
	return false
}

func read(r io.ReaderAt, size int64, lim Limits, d directory) (*Archive, error) {
	a := &Archive{
		r: r, size: size, lim: lim,
		More: map[Kind]int{}, kinds: map[Kind]int{},
		entries:         scratch.NewArray(lim.Scratch, fieldsCodec),
		DirectoryOffset: d.start(), DirectorySize: d.size, EndOffset: d.end,
		Announced: d.count, Base: d.base, Comment: d.comment,
	}
	a.endIssues(d)
	if err := a.readCentral(d); err != nil {
		return nil, err
	}
	if err := a.readLocals(); err != nil {
		return nil, err
	}
	if err := a.layout(d); err != nil {
		return nil, err
	}
	return a, a.checkNames()
}

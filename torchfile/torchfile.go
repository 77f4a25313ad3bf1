package torchfile

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/pickle"
)

// ErrFormat says that the input is no PyTorch container.
var ErrFormat = errors.New("torchfile: not a PyTorch container")

// Format names a container.
type Format string

// The formats.
const (
	TorchZip         Format = "torch-zip"         // torch.save since 1.6
	TorchLegacy      Format = "torch-legacy"      // torch.save before: five pickles, then storages
	TorchTar         Format = "torch-tar"         // torch.save of 0.1
	TorchScript      Format = "torchscript"       // torch.jit.save
	TorchScriptLite  Format = "torchscript-lite"  // with bytecode.pkl for mobile
	TorchPackage     Format = "torch-package"     // torch.package
	PT2              Format = "pt2"               // torch.export.save
	PT2Old           Format = "pt2-old"           // torch.export.save before 2.8
	DCPShard         Format = "dcp-shard"         // a .distcp file: zips, one after another
	DCP              Format = "dcp"               // a checkpoint directory, by OpenDCP
	MobileFlatbuffer Format = "mobile-flatbuffer" // PTMF
	ExecuTorch       Format = "executorch"        // .pte or .ptd
	Zip              Format = "zip"               // a zip that is none of these
)

// Role says what a record is for.
type Role string

// The roles.
const (
	RolePickle    Role = "pickle"
	RoleStorage   Role = "storage"
	RoleCode      Role = "code"
	RoleDebug     Role = "debug"
	RoleVersion   Role = "version"
	RoleByteOrder Role = "byteorder"
	RoleMeta      Role = "meta"
	RoleExtra     Role = "extra"
	RoleNative    Role = "native"
	RoleJSON      Role = "json"
	RoleNested    Role = "nested"
	RoleDirectory Role = "directory"
	RoleUnknown   Role = "unknown"
)

// Options bounds and directs reading. The zero value is fine.
type Options struct {
	Zip        strictzip.Limits
	Pickle     pickle.Limits
	MaxInflate int64 // bytes of compressed records, together; default 64 MiB
	MaxTensors int64 // default 1,000,000, and 4,000,000 if they are neither listed nor in memory
	MaxNested  int   // containers in containers; default 4
	Unlisted   bool  // check the tensors of pickles as ever, and leave File.Tensors without them: TensorOf builds them
	// Scratch, when set, is where values, storages and entries lie that are not in use.
	// The file is for one goroutine then, and the Err of Scratch is to be asked in the end.
	Scratch *scratch.Space
	depth   int
	inflate *bounded.Budget // shared by a container and those in it
}

func (o Options) withDefaults() Options {
	if o.MaxInflate <= 0 {
		o.MaxInflate = 64 << 20
	}
	if o.MaxTensors <= 0 {
		o.MaxTensors = 1_000_000
		if o.Unlisted && o.Scratch != nil {
			o.MaxTensors = 4_000_000
		}
	}
	o.Zip.Scratch = o.Scratch
	if o.MaxNested <= 0 {
		o.MaxNested = 4
	}
	if o.inflate == nil {
		o.inflate = bounded.NewBudget("inflated bytes", o.MaxInflate)
	}
	return o
}

// Record is a named run of bytes: an entry of an archive, or a part of a file.
type Record struct {
	Name   string // as it is in the archive
	Path   string // below the root folder
	Entry  int    // of the Archive; -1 without archive
	Offset int64  // of the data in the file; -1 when there is none
	Size   int64
	Method uint16
	Role   Role
}

// Loader is a way that a pickle is read.
type Loader struct {
	Name        string // "torch.load", "torch.jit.load", …
	Python      bool   // by Python's unpickler: any global is imported and called
	WeightsOnly bool   // by torch's restricted unpickler where weights_only is True
	Native      bool   // by the C++ unpickler of TorchScript, which knows few globals
}

// Pickle is one traced stream.
type Pickle struct {
	Record  string // the record's name; empty when the file itself is the stream
	Entry   int    // of the Archive; -1 without archive
	Index   int    // the place among the streams of its record or file
	Role    string // object, constants, bytecode, magic, protocol, sysinfo, keys, trailing, …
	Base    int64  // add it to the trace's offsets for offsets in the file; -1 when compressed
	Trace   *pickle.Trace
	Loaders []Loader // who reads it; none for what comes after STOP
	Source  io.ReaderAt
	Size    int64 // of Source
}

// Storage is a run of elements that tensors are views of.
type Storage struct {
	Key        string
	DType      string // "uint8" when untyped
	Untyped    bool
	NumEl      int64  // as the pickle says
	NBytes     int64  // NumEl times the size of an element; -1 when it does not fit
	Record     string // where the bytes are
	RecordSize int64  // how many there are; -1 when there is no record
	Offset     int64  // of the bytes in the file; -1 when compressed or missing
	Device     string
	View       bool // of another storage, in a legacy file

	entry  int
	file   *File
	folder string
}

// Tensor is a tensor as a loader would rebuild it.
type Tensor struct {
	Path          []any // dict keys (string, int64, …) and list indices from the object's root
	Name          string
	DType         string
	Shape         []int64
	Stride        []int64
	StorageOffset int64  // in elements
	Storage       int    // see File.Storage; -1 when it has none
	Layout        string // strided, sparse_coo, …, nested, jagged
	Device        string
	RequiresGrad  bool
	Parameter     bool
	Conj, Neg     bool
	Class         string // of a subclass; "" for torch.Tensor and Parameter
	Quantizer     *Quantizer
	Components    []Tensor // of sparse, nested and jagged tensors and of wrappers
	Pickle        int      // in File.Pickles; -1 when a JSON configuration describes it
	Offset        int64    // of the call that builds it, in its pickle
	Problem       string   // why it has no data, if it should have

	file *File
}

// Quantizer is how a quantized tensor maps to numbers.
type Quantizer struct {
	Scheme     string // per_tensor_affine, per_channel_affine, …
	Scale      float64
	ZeroPoint  int64
	Axis       int64
	Scales     *Tensor
	ZeroPoints *Tensor
}

// Nested is a container in a container.
type Nested struct {
	Record  string
	Name    string // of the item, in a distributed checkpoint
	Entry   int
	Offset  int64 // in the file; -1 when compressed
	Size    int64
	File    *File
	Loaders []Loader
}

// File is a container that was read.
type File struct {
	Format  Format
	Formats []Format // every format whose marks the file bears
	Root    string   // the folder in a zip that torch takes the records from
	Version string
	Big     bool // storages are big-endian
	Size    int64
	Archive *strictzip.Archive // nil when it is no zip
	Pickles []Pickle
	Tensors []Tensor
	Nested  []Nested
	Items   []Item // of a distributed checkpoint
	Facts   []Fact
	Object  int // in Pickles: the one that PyTorch loads as the object; -1 if none

	r        io.ReaderAt
	opt      Options
	records  []Record       // of what is no archive
	nested   map[int]bool   // entries that torch.export says are pickles
	shelf    *shelf         // storages
	byKey    map[string]int // folder and key of storages that are not found by an entry
	factSeen map[FactKind]int
	silent   bool  // facts have been reported before
	tensors  int64 // that were found, also those that are not in Tensors
	steps    int64
	memory   int64 // left for pickles that are kept in memory
	traced   map[extent64]*pickle.Trace
	views    map[string]string       // texts of places
	inPlace  *bounded.Budget         // bytes of pickles and containers that are read in place
	walkers  map[int]*walker         // by pickle
	spare    *atomic.Pointer[[]byte] // a slab of a gather that has ended
}

// extent64 is a run of bytes in the file.
type extent64 struct{ off, size int64 }

// Open reads a container of size bytes. It is an error that wraps ErrFormat if
// the input is none.
func Open(r io.ReaderAt, size int64, opt Options) (*File, error) {
	f := newFile(r, size, opt)
	head := make([]byte, min(size, 512))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return f, f.open(head)
}

func newFile(r io.ReaderAt, size int64, opt Options) *File {
	f := &File{
		Size: size, r: r, opt: opt.withDefaults(),
		byKey: map[string]int{}, factSeen: map[FactKind]int{}, Object: -1, traced: map[extent64]*pickle.Trace{}, walkers: map[int]*walker{}, views: map[string]string{},
		spare: new(atomic.Pointer[[]byte]),
		// Records that do not overlap are never more than the file.
		memory:  allInMemory,
		inPlace: bounded.NewBudget("bytes of overlapping records", size),
		nested:  map[int]bool{},
	}
	if opt.Scratch != nil {
		f.memory = fewInMemory
	}
	f.shelf = newShelf(opt.Scratch)
	return f
}

// pickleOptions are those of a stream that begins at start.
func (f *File) pickleOptions(start int64) pickle.Options {
	return pickle.Options{Limits: f.opt.Pickle, Start: start, Scratch: f.opt.Scratch}
}

// open does what torch.load does: zip by the first four bytes, then tar, then
// the five pickles; and before them the flatbuffers that other loaders take.
func (f *File) open(head []byte) error {
	at4 := func(s string) bool { return len(head) >= 8 && string(head[4:8]) == s }
	switch {
	case len(head) >= 4 && string(head[:4]) == "PK\x03\x04":
		return f.openZip()
	case len(head) >= 8 && string(head[:8]) == "PYTORCH1":
		return fmt.Errorf("%w: the archive format of a preview release", ErrFormat)
	case at4("PTMF"):
		f.only(MobileFlatbuffer)
		return nil
	case at4("ET12"), at4("FT01"):
		f.only(ExecuTorch)
		return nil
	case len(head) >= 262 && string(head[257:262]) == "ustar", tarHeader(head):
		return f.openTar()
	}
	err := f.openLegacy()
	if errors.Is(err, ErrFormat) && f.prefixedZip() {
		return nil
	}
	return err
}

// prefixedZip reads a zip that has something before it. torch.load looks at the
// first four bytes and does not, but torch.jit.load and torch.package do.
func (f *File) prefixedZip() bool {
	a, err := strictzip.Open(f.r, f.Size, f.opt.Zip)
	if err != nil {
		return false
	}
	g := newFile(f.r, f.Size, f.opt)
	g.Archive = a
	g.findRoot()
	if g.findFormats(); g.Format == Zip {
		return false
	}
	*f = *newFile(f.r, f.Size, f.opt)
	if f.openZip() != nil {
		return false
	}
	// torch.load unpickles what the file begins with before it finds that this
	// is not the magic number.
	t := pickle.Run(f.r, f.Size, f.pickleOptions(0))
	if t.Err == nil || t.Len() > 0 {
		f.Pickles = append(f.Pickles, Pickle{Entry: -1, Role: "magic", Trace: t, Loaders: torchLoaders, Source: f.r, Size: f.Size})
	}
	f.fact(PrefixedZip, "", 0, "a zip that does not begin the file: torch.load does not take it for one, torch.jit.load does")
	return true
}

func (f *File) only(format Format) {
	f.Format, f.Formats = format, []Format{format}
	f.records = []Record{{Name: string(format), Entry: -1, Size: f.Size, Role: RoleUnknown}}
}

// All calls yield for f and every container in it, with the records that lead
// to it joined by "!".
func (f *File) All(yield func(where string, f *File) bool) {
	f.all("", yield)
}

func (f *File) all(where string, yield func(string, *File) bool) bool {
	if !yield(where, f) {
		return false
	}
	for i := range f.Nested {
		w := f.Nested[i].Record
		if where != "" {
			w = where + "!" + w
		}
		if !f.Nested[i].File.all(w, yield) {
			return false
		}
	}
	return true
}

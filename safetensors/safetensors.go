package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// MaxHeader is the format's own limit on the length of a header.
const MaxHeader = 100_000_000

const maxProblems = 100

// Limits bounds what Open reads. Zero fields have defaults.
type Limits struct {
	HeaderBytes int64 // 32 MiB; more than MaxHeader is never read
	Tensors     int   // 200,000
	Dims        int   // 64
}

func (l Limits) withDefaults() Limits {
	l.HeaderBytes = min(cmp.Or(l.HeaderBytes, 32<<20), MaxHeader)
	l.Tensors = cmp.Or(l.Tensors, 200_000)
	l.Dims = cmp.Or(l.Dims, 64)
	return l
}

// Tensor is one entry of a header.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Begin int64 // first byte, as an offset into the file
	End   int64 // one past the last byte
}

// File is a header that has been read.
type File struct {
	HeaderLen int64             // what the first eight bytes say
	DataStart int64             // offset of the first tensor byte
	Tensors   []Tensor          // by offset, then end, then name
	Metadata  map[string]string // nil if there is no __metadata__
	// Problems has every violation found, up to 100. Open returns the first.
	Problems []*FormatError
}

// FormatError says where a file breaks the format.
type FormatError struct {
	Offset int64  // in the file
	Field  string // what was being read: "header", a tensor's name, …
	Err    error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("safetensors: at offset %#x: in %s: %v", e.Offset, quote(e.Field), e.Err)
}

// Unwrap returns what is wrong without the position.
func (e *FormatError) Unwrap() error { return e.Err }

var errSize = errors.New("the file is too small")

// Open reads the header of a file of size bytes. A violation of the format is a
// *FormatError; what could be read comes with it, except when there is no
// header at all.
func Open(r io.ReaderAt, size int64, lim Limits) (*File, error) {
	lim = lim.withDefaults()
	n, err := headerLen(r, size, lim)
	if err != nil {
		return nil, err
	}
	b, err := bounded.ReadRange(r, size, 8, n, lim.HeaderBytes)
	if err != nil {
		return nil, &FormatError{8, "header", err}
	}
	p := &parser{
		syntax: syntax{b: b, base: 8}, lim: lim,
		file: &File{HeaderLen: n, DataStart: 8 + n},
		seen: make(map[string]int64),
	}
	p.header()
	p.layout(size)
	if len(p.file.Problems) > 0 {
		return p.file, p.file.Problems[0]
	}
	return p.file, nil
}

// headerLen reads how long the JSON is.
func headerLen(r io.ReaderAt, size int64, lim Limits) (int64, error) {
	head, err := bounded.ReadRange(r, size, 0, 8, 8)
	if err != nil {
		return 0, &FormatError{0, "header length", errSize}
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > MaxHeader:
		return 0, &FormatError{0, "header length", fmt.Errorf("%d is more than %d", n, MaxHeader)}
	case int64(n) > size-8:
		return 0, &FormatError{0, "header length", fmt.Errorf("%d bytes, but %d follow: %w", n, size-8, errSize)}
	case int64(n) > lim.HeaderBytes:
		return 0, &FormatError{0, "header length", bounded.Exceeded("safetensors header bytes", lim.HeaderBytes)}
	}
	return int64(n), nil
}

// parser gives JSON its meaning.
type parser struct {
	syntax
	lim   Limits
	file  *File
	seen  map[string]int64 // name -> offset of its first key
	hits  []int64          // offset of each tensor's key, beside file.Tensors
	count int              // of the tensors that Each gave away
	cut   bool             // the header was not read to its end
}

func (p *parser) problem(err error) {
	var fe *FormatError
	if !errors.As(err, &fe) {
		fe = &FormatError{p.offset(), "header", err}
	}
	if len(p.file.Problems) < maxProblems {
		p.file.Problems = append(p.file.Problems, fe)
	}
}

func (p *parser) problemAt(at int64, field, format string, args ...any) {
	p.problem(&FormatError{at, field, fmt.Errorf(format, args...)})
}

func (p *parser) header() {
	if !utf8.Valid(p.b) {
		p.problemAt(8, "header", "not UTF-8")
	}
	if len(p.b) == 0 || p.b[0] != '{' {
		p.problemAt(8, "header", "the first byte is not %q", '{')
		p.cut = true
		return
	}
	if err := p.object("header", p.entry); err != nil {
		p.problem(err)
		p.cut = true
		return
	}
	for ; p.pos < len(p.b); p.pos++ {
		if p.b[p.pos] != ' ' {
			p.problemAt(p.offset(), "padding", "byte %#x after the header's object, where only spaces may stand", p.b[p.pos])
			return
		}
	}
}

func (p *parser) entry(name string, at int64) error {
	if first, ok := p.seen[name]; ok {
		p.problemAt(at, name, "the key was given before, at offset %#x", first)
	}
	p.seen[name] = at
	if name == "__metadata__" {
		return p.metadata()
	}
	if len(p.file.Tensors) >= p.lim.Tensors {
		return bounded.Exceeded("safetensors tensors", int64(p.lim.Tensors))
	}
	t, err := p.tensor(name, at)
	if err != nil {
		return err
	}
	p.file.Tensors = append(p.file.Tensors, t)
	p.hits = append(p.hits, at)
	return nil
}

func (p *parser) metadata() error {
	if p.file.Metadata == nil {
		p.file.Metadata = make(map[string]string)
	}
	seen := make(map[string]bool)
	return p.object("__metadata__", func(key string, at int64) error {
		value, err := p.str("__metadata__")
		if err != nil {
			return err
		}
		if seen[key] {
			p.problemAt(at, "__metadata__", "the key %s was given before", quote(key))
		}
		seen[key] = true
		p.file.Metadata[key] = value
		return nil
	})
}

var fields = []string{"dtype", "shape", "data_offsets"}

func (p *parser) tensor(name string, at int64) (Tensor, error) {
	t := Tensor{Name: name}
	field := name
	var got [3]bool
	err := p.object(field, func(key string, kat int64) (err error) {
		i := slices.Index(fields, key)
		if i < 0 {
			return &FormatError{kat, field, fmt.Errorf("a field %s that the format does not define", quote(key))}
		}
		if got[i] {
			return &FormatError{kat, field, fmt.Errorf("the field %s was given before", quote(key))}
		}
		got[i] = true
		switch i {
		case 0:
			var s string
			s, err = p.str(field)
			t.DType = DType(s)
		case 1:
			t.Shape, err = p.sizes(field, p.lim.Dims)
		case 2:
			err = p.offsets(field, &t)
		}
		return err
	})
	if err == nil && got != [3]bool{true, true, true} {
		p.problemAt(at, field, "dtype, shape and data_offsets are not all given")
	}
	return t, err
}

func (p *parser) offsets(field string, t *Tensor) error {
	at := p.offset()
	pair, err := p.sizes(field, 2)
	if err != nil {
		return err
	}
	if len(pair) != 2 {
		return &FormatError{at, field, errors.New("data_offsets is not a pair")}
	}
	var ok1, ok2 bool
	t.Begin, ok1 = bounded.Add(p.file.DataStart, pair[0])
	t.End, ok2 = bounded.Add(p.file.DataStart, pair[1])
	if !ok1 || !ok2 {
		return &FormatError{at, field, errors.New("data_offsets overflow")}
	}
	return nil
}

func (p *parser) sizes(field string, most int) ([]int64, error) {
	out := []int64{}
	err := p.list('[', ']', field, func() error {
		if len(out) >= most {
			return p.errorf(field, "more than %d numbers", most)
		}
		n, err := p.size(field)
		out = append(out, n)
		return err
	})
	return out, err
}

// layout proves that the tensors cover the file.
func (p *parser) layout(size int64) {
	f := p.file
	order := make([]int, len(f.Tensors))
	for i := range order {
		order[i] = i
	}
	byPlace := func(i, j int) int {
		a, b := &f.Tensors[i], &f.Tensors[j]
		return cmp.Or(cmp.Compare(a.Begin, b.Begin), cmp.Compare(a.End, b.End), cmp.Compare(a.Name, b.Name))
	}
	sorted := f.Tensors
	if !slices.IsSortedFunc(order, byPlace) { // writers that sort leave nothing to do
		slices.SortStableFunc(order, byPlace)
		sorted = make([]Tensor, len(order))
		for to, from := range order {
			sorted[to] = f.Tensors[from]
		}
	}
	at := f.DataStart
	for to, from := range order {
		p.place(sorted[to], p.hits[from], at)
		at = max(at, sorted[to].End)
	}
	f.Tensors = sorted
	if !p.cut && at != size {
		p.problemAt(min(at, size), "data", "the tensors end at %d, the file at %d", at, size)
	}
}

func (p *parser) place(t Tensor, key, at int64) {
	field := t.Name
	switch {
	case t.End < t.Begin:
		p.problemAt(key, field, "data_offsets end before they begin")
		return
	case t.Begin > at:
		p.problemAt(key, field, "%d bytes before the tensor belong to none", t.Begin-at)
	case t.Begin < at:
		p.problemAt(key, field, "the tensor overlaps the one before it")
	}
	n, why := byteSize(t.DType, t.Shape)
	if why != "" {
		p.problemAt(key, field, "dtype %q, shape %v: %s", t.DType, t.Shape, why)
	} else if n != t.End-t.Begin {
		p.problemAt(key, field, "dtype %q and shape %v make %d bytes, data_offsets %d", t.DType, t.Shape, n, t.End-t.Begin)
	}
}

// quote keeps a name that a file made up short enough for a message.
func quote(name string) string {
	if len(name) > 80 {
		name = name[:80] + "…"
	}
	return fmt.Sprintf("%q", name)
}

package convert

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"io"
	"iter"
	"math"
	"slices"

	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// table keeps candidates, of which there may be more than memory holds.
type table struct {
	space *scratch.Space
	rows  *scratch.Array[row]
	text  *scratch.Bytes
	*shared
}

// shared is what the rows of one plan have in common.
type shared struct {
	names   []string // of dtypes and reasons
	known   map[string]uint32
	readers []io.ReaderAt
	reader  map[io.ReaderAt]uint32
	files   []*torchfile.File
	file    map[*torchfile.File]uint32
	kept    []origin                   // what is no extent and not rebuilt
	holders map[*torchfile.File]uint64 // of places; nil when all rows are there
}

// row is a candidate in a table.
type row struct {
	at                int64     // of its texts: name, shape, path
	name, shape, path uint32    // how long they are
	dtype, reason     uint32    // in names; reason 0 is none
	place             [2]uint64 // a fingerprint; zero is none
	kind              byte      // of the origin
	src               uint32    // reader, file, or place in kept
	off, n            int64     // of an extent; of a tensor that is rebuilt, pickle and value
}

// The kinds of origins.
const (
	keptOrigin byte = iota
	extentOrigin
	rebuiltOrigin
)

var le = binary.LittleEndian

var rowCodec = scratch.Codec[row]{
	Size: 72,
	Put: func(b []byte, r *row) {
		for i, v := range []uint64{uint64(r.at), r.place[0], r.place[1], uint64(r.off), uint64(r.n)} {
			le.PutUint64(b[8*i:], v)
		}
		for i, v := range []uint32{r.name, r.shape, r.path, r.dtype, r.reason, r.src, uint32(r.kind)} {
			le.PutUint32(b[40+4*i:], v)
		}
	},
	Get: func(b []byte, r *row) {
		r.at, r.place = int64(le.Uint64(b)), [2]uint64{le.Uint64(b[8:]), le.Uint64(b[16:])}
		r.off, r.n = int64(le.Uint64(b[24:])), int64(le.Uint64(b[32:]))
		for i, v := range []*uint32{&r.name, &r.shape, &r.path, &r.dtype, &r.reason, &r.src} {
			*v = le.Uint32(b[40+4*i:])
		}
		r.kind = byte(le.Uint32(b[64:]))
	},
}

func newTable(space *scratch.Space) *table {
	return &table{
		space: space, rows: scratch.NewArray(space, rowCodec), text: scratch.NewBytes(space),
		shared: &shared{
			names: []string{""}, known: map[string]uint32{"": 0},
			reader: map[io.ReaderAt]uint32{}, file: map[*torchfile.File]uint32{}, holders: map[*torchfile.File]uint64{},
		},
	}
}

// like is an empty table for rows of t.
func (t *table) like() *table {
	return &table{space: t.space, rows: scratch.NewArray(t.space, rowCodec), text: scratch.NewBytes(t.space), shared: t.shared}
}

func (t *table) len() int { return t.rows.Len() }

// intern returns the place of v in a list, where it is put if it is not there.
func intern[T comparable](list *[]T, known map[T]uint32, v T) uint32 {
	i, ok := known[v]
	if !ok {
		i = uint32(len(*list))
		*list = append(*list, v)
		known[v] = i
	}
	return i
}

// add adds a candidate.
func (t *table) add(x *candidate) {
	shape := appendShape(nil, x.shape)
	path := appendPath(nil, x.path)
	r := row{
		name: uint32(len(x.name)), shape: uint32(len(shape)), path: uint32(len(path)),
		dtype: intern(&t.names, t.known, string(x.dtype)), reason: intern(&t.names, t.known, x.reason),
		place: t.fingerprint(x.place),
	}
	switch from := x.from.(type) {
	case extent:
		r.kind, r.src, r.off, r.n = extentOrigin, intern(&t.readers, t.reader, from.r), from.off, from.n
	case rebuilt:
		r.kind, r.src, r.off, r.n = rebuiltOrigin, intern(&t.files, t.file, from.file), int64(from.pickle), int64(from.key)
	default:
		r.src = uint32(len(t.kept))
		t.kept = append(t.kept, from)
	}
	t.append(r, slices.Concat([]byte(x.name), shape, path))
}

// append adds a row with its texts.
func (t *table) append(r row, texts []byte) {
	r.at = int64(t.text.Append(texts))
	t.rows.Append(r)
}

// texts are the texts of a row.
func (t *table) texts(r *row) []byte { return t.text.Read(int(r.at), int(r.name+r.shape+r.path)) }

// name is the name of row i.
func (t *table) name(i int) string {
	r := t.rows.At(i)
	return string(t.text.Read(int(r.at), int(r.name)))
}

// reason says why row i cannot be represented.
func (t *table) reason(i int) string { return t.names[t.rows.At(i).reason] }

// tensor is row i for a header.
func (t *table) tensor(i int) safetensors.Tensor {
	r := t.rows.At(i)
	b := t.texts(&r)
	return safetensors.Tensor{
		Name: string(b[:r.name]), DType: safetensors.DType(t.names[r.dtype]), Shape: shapeIn(b[r.name : r.name+r.shape]),
	}
}

// tensors yields all rows.
func (t *table) tensors() iter.Seq[safetensors.Tensor] {
	return func(yield func(safetensors.Tensor) bool) {
		for i := range t.len() {
			if !yield(t.tensor(i)) {
				return
			}
		}
	}
}

// display is the path of row i for people.
func (t *table) display(i int) string {
	r := t.rows.At(i)
	b := t.texts(&r)
	if r.path == 0 {
		return display(split(string(b[:r.name])))
	}
	return display(pathIn(b[r.name+r.shape:]))
}

// origin gives the bytes of row i.
func (t *table) origin(i int) origin {
	switch r := t.rows.At(i); r.kind {
	case extentOrigin:
		return extent{t.readers[r.src], r.off, r.n}
	case rebuiltOrigin:
		return rebuilt{t.files[r.src], int(r.off), uint32(r.n)}
	default:
		return t.kept[r.src]
	}
}

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// fingerprint stands for a place: two have the same one only if they are equal. The
// seeds are others in each run, so that nobody can make two that share it.
func (t *table) fingerprint(p torchfile.Place) (sum [2]uint64) {
	if p == (torchfile.Place{}) {
		return sum
	}
	holder, ok := t.holders[p.File()]
	if !ok {
		holder = uint64(len(t.holders))
		t.holders[p.File()] = holder
	}
	b := p.Append(binary.AppendUvarint(nil, holder))
	for i, seed := range seeds {
		sum[i] = maphash.Bytes(seed, b)
	}
	sum[0] |= 1 // never zero
	return sum
}

// An empty path has no bytes, and one of no keys has one.
func appendPath(b []byte, path []key) []byte {
	if path == nil {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(path)))
	for _, k := range path {
		b = append(b, byte(k.kind))
		b = binary.AppendUvarint(b, uint64(len(k.text)))
		b = append(b, k.text...)
	}
	return b
}

func pathIn(b []byte) []key {
	n, used := binary.Uvarint(b)
	b = b[used:]
	path := []key{}
	for range n {
		if len(b) == 0 {
			break // the scratch space has lost it, and says so
		}
		size, used := binary.Uvarint(b[1:])
		end := 1 + used + int(size)
		if used <= 0 || end > len(b) {
			break
		}
		path = append(path, key{string(b[1+used : end]), keyKind(b[0])})
		b = b[end:]
	}
	return path
}

func appendShape(b []byte, shape []int64) []byte {
	for _, n := range shape {
		b = binary.AppendVarint(b, n)
	}
	return b
}

func shapeIn(b []byte) []int64 {
	shape := make([]int64, 0, len(b))
	for len(b) > 0 {
		n, used := binary.Varint(b)
		if used <= 0 {
			break // the scratch space has lost it, and says so
		}
		shape, b = append(shape, n), b[used:]
	}
	return shape
}

// twins calls found for every row that is the same as one before it, the first of
// which comes with it. Rows are compared where tag gives them the same number.
func twins(n int, tag func(i int) (uint64, bool), same func(i, j int) bool, found func(first, other int)) {
	index := make([]uint64, 0, n)
	for i := range n {
		if sum, ok := tag(i); ok {
			index = append(index, sum>>32<<32|uint64(i))
		}
	}
	slices.Sort(index)
	var firsts []int // of those with one number, the first of each sort
	for k, x := range index {
		if k == 0 || index[k-1]>>32 != x>>32 {
			firsts = firsts[:0]
		}
		i := int(x & math.MaxUint32)
		if at := slices.IndexFunc(firsts, func(j int) bool { return same(j, i) }); at >= 0 {
			found(firsts[at], i)
		} else {
			firsts = append(firsts, i)
		}
	}
}

const (
	runRows  = 1 << 13 // that are sorted at once
	runBytes = 2 << 20 // of texts
)

// entry is a row while it is sorted.
type entry struct {
	row
	texts []byte
	key   safetensors.Tensor
}

func (t *table) entry(i int) entry {
	r := t.rows.At(i)
	e := entry{row: r, texts: t.texts(&r)}
	e.key = safetensors.Tensor{Name: string(e.texts[:r.name]), DType: safetensors.DType(t.names[r.dtype])}
	return e
}

// sorted returns the rows that can be represented, in the order in which they are
// written: runs that are sorted in memory, put together.
func (t *table) sorted() *table {
	runs, starts := t.like(), []int{}
	var run []entry
	size := 0
	flush := func() {
		starts = append(starts, runs.len())
		slices.SortFunc(run, func(a, b entry) int { return safetensors.Compare(a.key, b.key) })
		for i := range run {
			runs.append(run[i].row, run[i].texts)
		}
		run, size = run[:0], 0
	}
	for i := range t.len() {
		if t.rows.At(i).reason != 0 {
			continue
		}
		e := t.entry(i)
		run, size = append(run, e), size+len(e.texts)
		if len(run) == runRows || size > runBytes {
			flush()
		}
	}
	flush()
	if len(starts) == 1 {
		return runs
	}
	return runs.merged(starts)
}

// cursor is the next row of a run.
type cursor struct {
	entry
	at, end int
}

// merged puts runs together.
func (t *table) merged(starts []int) *table {
	var heap []*cursor
	for i, at := range starts {
		c := &cursor{at: at, end: t.len()}
		if i+1 < len(starts) {
			c.end = starts[i+1]
		}
		if c.at < c.end {
			c.entry = t.entry(c.at)
			heap = append(heap, c)
		}
	}
	slices.SortFunc(heap, compareCursors) // what is sorted is a heap
	out := t.like()
	for len(heap) > 0 {
		c := heap[0]
		out.append(c.row, c.texts)
		if c.at++; c.at < c.end {
			c.entry = t.entry(c.at)
		} else {
			heap[0] = heap[len(heap)-1]
			heap = heap[:len(heap)-1]
		}
		sink(heap)
	}
	return out
}

func compareCursors(a, b *cursor) int {
	return cmp.Or(safetensors.Compare(a.key, b.key), cmp.Compare(a.at, b.at))
}

// sink puts the first cursor of a heap where it belongs.
func sink(heap []*cursor) {
	for i := 0; ; {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(heap) && compareCursors(heap[child], heap[least]) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}

// without leaves out rows that are marked.
func (t *table) without(marked map[int]bool) {
	if len(marked) == 0 {
		return
	}
	n := 0
	for i := range t.len() {
		if !marked[i] {
			r := t.rows.At(i)
			t.rows.Set(n, r)
			n++
		}
	}
	t.rows.Truncate(n)
}

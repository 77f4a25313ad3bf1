package survey

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/maphash"
	"iter"
	"math"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Look is what was seen of some rows.
type Look struct {
	rows       *dataset.Rows
	label      *tensor.Tensor // the column with the labels, or nil
	labelCells cells          // of it, where it has texts
	columns    []part         // the others
	samples    []Sample       // without their labels
	texts      []text         // of the samples that have some
}

// part is what was seen of a column.
type part struct {
	tensor *tensor.Tensor
	cells  cells
	tally  tally
}

// cells are where the samples of a column lie.
type cells struct {
	data []byte
	each int   // bytes of a sample
	ends []int // of the samples, where they have not all the same size
}

func cellsOf(t *tensor.Tensor, n int) cells {
	c := cells{data: t.Data, each: len(t.Data) / max(1, n)}
	if t.DType != tensor.Bytes {
		return c
	}
	elements := 1 // of a sample
	for _, d := range t.Shape[1:] {
		elements *= int(d)
	}
	c.ends = make([]int, n)
	at := 0
	for i := range n {
		for range elements { // framed by dataset, as they should be
			at += 4 + int(binary.LittleEndian.Uint32(t.Data[at:]))
		}
		c.ends[i] = at
	}
	return c
}

func (c *cells) row(i int) []byte {
	switch {
	case c.ends == nil:
		return c.data[i*c.each : (i+1)*c.each]
	case i == 0:
		return c.data[:c.ends[0]]
	}
	return c.data[c.ends[i-1]:c.ends[i]]
}

// text is the row of a column of texts, without its length.
func (c *cells) text(i int) []byte {
	b := c.row(i)
	return b[min(4, len(b)):]
}

// Look looks at rows. It changes nothing, and may be called from several goroutines at a
// time, but not beside Against.
func (s *Survey) Look(rows *dataset.Rows) *Look {
	l := &Look{rows: rows, label: s.labelColumn(rows)}
	if l.label != nil && l.label.DType == tensor.Bytes {
		l.labelCells = cellsOf(l.label, rows.N)
	}
	for i := range rows.Columns {
		if t := &rows.Columns[i]; t != l.label {
			l.columns = append(l.columns, part{t, cellsOf(t, rows.N), tallyOf(t, s.bases[t.Name])})
		}
	}
	l.number()
	if s.opt.Passing {
		l.digests(&passing{seeds: s.seeds})
	} else {
		l.digests(&lasting{h: sha256.New()})
	}
	l.measure()
	l.sketches()
	return l
}

// Labelled is the column that was named as the one with the labels, or empty.
func (s *Survey) Labelled() string { return s.opt.Label }

// labelColumn is the column with the labels, or nil.
func (s *Survey) labelColumn(rows *dataset.Rows) *tensor.Tensor {
	return rows.Column(rows.LabelColumn(s.opt.Label))
}

// smallCell is how many bytes are copied rather than hashed by themselves.
const smallCell = 1 << 10

// number starts the samples, with their numbers.
func (l *Look) number() {
	l.samples = make([]Sample, l.rows.N)
	for i := range l.samples {
		l.samples[i].Number = l.rows.Number(i)
	}
}

// digester makes the digest of a sample, whose bytes come in one piece or in several.
type digester interface {
	whole(b []byte) Digest
	begin()
	write(b []byte)
	end() Digest
}

// digests gives the samples theirs.
func (l *Look) digests(h digester) {
	heads := make([][]byte, len(l.columns)) // what comes before the values: type and shape
	for c := range l.columns {
		t := l.columns[c].tensor
		heads[c] = append(heads[c], t.DType.String()...)
		heads[c] = binary.LittleEndian.AppendUint64(heads[c], 1)
		for _, d := range t.Shape[1:] {
			heads[c] = binary.LittleEndian.AppendUint64(heads[c], uint64(d))
		}
	}
	if b, at := l.framed(heads); b != nil {
		for i := range l.samples {
			for c := range l.columns {
				copy(b[at[c]:], l.columns[c].cells.row(i))
			}
			l.samples[i].Digest = h.whole(b)
		}
		return
	}
	var b []byte
	for i := range l.samples {
		b = b[:0]
		pieces := false
		for c := range l.columns { // the cells of a table are small, and a call for each is dear
			row := l.columns[c].cells.row(i)
			if b = append(b, heads[c]...); len(row) < smallCell {
				b = append(b, row...)
				continue
			}
			if !pieces {
				h.begin()
				pieces = true
			}
			h.write(b)
			h.write(row)
			b = b[:0]
		}
		if !pieces {
			l.samples[i].Digest = h.whole(b)
			continue
		}
		h.write(b)
		l.samples[i].Digest = h.end()
	}
}

// framed is what samples are made digests of where all of them are as long and none of
// their cells is long, and where in it the cells belong; nil else.
func (l *Look) framed(heads [][]byte) (b []byte, at []int) {
	for c := range l.columns {
		x := &l.columns[c].cells
		if x.ends != nil || x.each >= smallCell {
			return nil, nil
		}
		b = append(b, heads[c]...)
		at = append(at, len(b))
		b = append(b, make([]byte, x.each)...)
	}
	return b, at
}

// lasting digests are those of baselines.
type lasting struct {
	h   hash.Hash
	sum []byte
}

func (d *lasting) whole(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Digest(sum[:16])
}

func (d *lasting) begin()         { d.h.Reset() }
func (d *lasting) write(b []byte) { _, _ = d.h.Write(b) } // a hash does not fail

func (d *lasting) end() Digest {
	d.sum = d.h.Sum(d.sum[:0])
	return Digest(d.sum[:16])
}

// passing digests are quicker, and others in each run.
type passing struct {
	seeds [2]maphash.Seed
	a, b  maphash.Hash
}

func (d *passing) whole(b []byte) Digest {
	return both(maphash.Bytes(d.seeds[0], b), maphash.Bytes(d.seeds[1], b))
}

func (d *passing) begin() {
	d.a.SetSeed(d.seeds[0])
	d.b.SetSeed(d.seeds[1])
}

func (d *passing) write(b []byte) {
	_, _ = d.a.Write(b)
	_, _ = d.b.Write(b)
}

func (d *passing) end() Digest { return both(d.a.Sum64(), d.b.Sum64()) }

func both(a, b uint64) (d Digest) {
	binary.LittleEndian.PutUint64(d[:8], a)
	binary.LittleEndian.PutUint64(d[8:], b)
	return d
}

// measure takes the measures of the first column of numbers, and the hashes of the first
// one of images.
func (l *Look) measure() {
	if l.rows.N == 0 {
		return
	}
	numbers, images := false, false
	for c := range l.columns {
		p := &l.columns[c]
		if p.tensor.DType == tensor.Bytes {
			continue
		}
		if !numbers {
			numbers = true
			for i := range l.samples {
				x := &l.samples[i]
				x.comparable = true
				x.Mean, x.Std = moments(p.tensor.DType, p.cells.row(i))
			}
		}
		if hash := hasher(p.tensor.DType, p.tensor.Shape); hash != nil && !images {
			images = true
			for i := range l.samples {
				l.samples[i].Near = hash(p.cells.row(i))
			}
		}
	}
}

// moments are the mean and the standard deviation of the finite values.
func moments(d tensor.DType, data []byte) (mean, std float32) {
	var n, sum, squares float64
	if len(data) == d.Size() { // of a table
		if x := tensor.Value(d, tensor.Key(d, data, 0)); x-x == 0 {
			return float32(x), 0
		}
		return 0, 0
	}
	if d == tensor.Uint8 {
		a, b := squaresOf(data)
		n, sum, squares = float64(len(data)), float64(a), float64(b)
	} else {
		each(d, data, func(x float64) {
			n++
			sum += x
			squares += x * x
		})
	}
	if n == 0 {
		return 0, 0
	}
	m := sum / n
	return float32(m), float32(math.Sqrt(max(0, squares/n-m*m)))
}

// squaresOf adds up bytes and their squares, in pairs that need not wait for each other.
func squaresOf(data []byte) (sum, squares uint64) {
	var a, b, c, d uint64
	for len(data) >= 4 {
		v := binary.LittleEndian.Uint32(data)
		w, x, y, z := uint64(v&255), uint64(v>>8&255), uint64(v>>16&255), uint64(v>>24)
		a += w + x
		b += y + z
		c += w*w + x*x
		d += y*y + z*z
		data = data[4:]
	}
	for _, v := range data {
		a += uint64(v)
		c += uint64(v) * uint64(v)
	}
	return a + b, c + d
}

// each calls f with the finite values.
func each(d tensor.DType, data []byte, f func(x float64)) {
	for values := range decoded(d, data) {
		for _, x := range values {
			if x-x == 0 {
				f(x)
			}
		}
	}
}

// decoded are the values, some at a time, in memory that the next ones take.
func decoded(d tensor.DType, data []byte) iter.Seq[[]float64] {
	return func(yield func([]float64) bool) {
		var buf [64]float64
		size := d.Size()
		for len(data) >= size {
			n := min(len(buf), len(data)/size)
			decode(buf[:n], d, data)
			if !yield(buf[:n]) {
				return
			}
			data = data[n*size:]
		}
	}
}

func decode(to []float64, d tensor.DType, data []byte) {
	switch d {
	case tensor.Uint8:
		for i := range to {
			to[i] = float64(data[i])
		}
	case tensor.Float32:
		for i := range to {
			to[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case tensor.Float64:
		for i := range to {
			to[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
	case tensor.Int64:
		for i := range to {
			to[i] = float64(int64(binary.LittleEndian.Uint64(data[8*i:])))
		}
	default:
		for i := range to {
			to[i] = tensor.Value(d, tensor.Key(d, data, i))
		}
	}
}

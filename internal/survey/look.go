package survey

import (
	"crypto/sha256"
	"encoding/binary"
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
	l.digests()
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

// digests starts the samples, with their numbers and digests.
func (l *Look) digests() {
	l.samples = make([]Sample, l.rows.N)
	heads := make([][]byte, len(l.columns)) // what comes before the values: type and shape
	for c := range l.columns {
		t := l.columns[c].tensor
		heads[c] = append(heads[c], t.DType.String()...)
		heads[c] = binary.LittleEndian.AppendUint64(heads[c], 1)
		for _, d := range t.Shape[1:] {
			heads[c] = binary.LittleEndian.AppendUint64(heads[c], uint64(d))
		}
	}
	h := sha256.New()
	var b, sum []byte
	for i := range l.samples {
		h.Reset()
		b = b[:0]
		for c := range l.columns { // the cells of a table are small, and a call for each is dear
			row := l.columns[c].cells.row(i)
			if b = append(b, heads[c]...); len(row) < smallCell {
				b = append(b, row...)
				continue
			}
			_, _ = h.Write(b) // a hash does not fail
			_, _ = h.Write(row)
			b = b[:0]
		}
		_, _ = h.Write(b)
		sum = h.Sum(sum[:0])
		x := &l.samples[i]
		x.Number, x.Digest = l.rows.Number(i), Digest(sum[:16])
	}
}

// measure takes the measures of the first column of numbers.
func (l *Look) measure() {
	if l.rows.N == 0 {
		return
	}
	for c := range l.columns {
		p := &l.columns[c]
		if p.tensor.DType == tensor.Bytes {
			continue
		}
		hash := hasher(p.tensor.DType, p.tensor.Shape)
		for i := range l.samples {
			x, data := &l.samples[i], p.cells.row(i)
			x.comparable = true
			x.Mean, x.Std = moments(p.tensor.DType, data)
			if hash != nil {
				x.Near = hash(data)
			}
		}
		return
	}
}

// moments are the mean and the standard deviation of the finite values.
func moments(d tensor.DType, data []byte) (mean, std float32) {
	var n, sum, squares float64
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
	switch d {
	case tensor.Uint8:
		for _, v := range data {
			f(float64(v))
		}
	case tensor.Float32:
		for i := 0; i+4 <= len(data); i += 4 {
			if x := math.Float32frombits(binary.LittleEndian.Uint32(data[i:])); x-x == 0 {
				f(float64(x))
			}
		}
	default:
		for i := range len(data) / d.Size() {
			if x := tensor.Value(d, tensor.Key(d, data, i)); x-x == 0 {
				f(x)
			}
		}
	}
}

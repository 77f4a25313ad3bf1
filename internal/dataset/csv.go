package dataset

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// BadCell is a cell that is no value of the type of its column.
type BadCell struct {
	Place

	Sample int64
	Name   string // of the column
	DType  tensor.DType
	Empty  bool
	Text   string // how it begins, if that can be told
}

// table is a CSV file.
type table struct {
	file    string
	r       *csv.Reader
	feed    *feed
	lim     Limits
	size    int64
	names   []string
	types   []tensor.DType
	next    int64
	pending error
}

// Sized is a file that is read from its beginning.
type Sized interface {
	io.Reader
	Size() int64
}

// feed bounds how much is read for one record.
type feed struct {
	r    io.Reader
	left int64
	most int64
	read int64
}

func (f *feed) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, fmt.Errorf("a record: %w", bounded.Exceeded("bytes", f.most))
	}
	n, err := f.r.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	f.read += int64(n)
	return n, err
}

// CSV reads a file whose first line names its columns, separated by commas or by what
// that line has in their place. typeOf says which type a column
// has; 0 is float64, if the first sample is a number there, and text otherwise. The
// number of the first sample is first.
func CSV(name string, r Sized, typeOf func(column string) tensor.DType, first int64, lim Limits) (Set, error) {
	lim = lim.orDefaults()
	f := &feed{r: r, left: lim.Sample + headSize, most: lim.Sample}
	b := bufio.NewReaderSize(f, headSize)
	mark, _ := b.Peek(3) // an error comes again
	switch {
	case string(mark) == "\ufeff": // also before a quote
		_, _ = b.Discard(3)
	case len(mark) > 1 && (mark[0] == 0xff && mark[1] == 0xfe || mark[0] == 0xfe && mark[1] == 0xff):
		return nil, fmt.Errorf("%q: it is in UTF-16: write the file anew in UTF-8", name)
	}
	t := &table{file: name, r: csv.NewReader(b), feed: f, lim: lim, size: r.Size(), next: first}
	t.r.ReuseRecord = true
	t.r.Comma = separator(b)
	head, err := t.r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%q: it is empty, without a line that names the columns", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	for i, column := range head {
		column = strings.TrimSpace(strings.Clone(column))
		if column == "" || slices.Contains(t.names, column) {
			return nil, fmt.Errorf("%q:1: column %d is called %.80q, which is empty or not the first with that name", name, i+1, column)
		}
		t.names = append(t.names, column)
		t.types = append(t.types, typeOf(column))
	}
	if len(t.names) == 1 && strings.ContainsAny(t.names[0], otherSeparators) {
		return nil, fmt.Errorf("%q:1: the one column is called %.80q, and columns are separated by commas, or by one of %q: write the file anew with these", name, t.names[0], otherSeparators)
	}
	return t, nil
}

// headSize bounds what is looked at for the separator.
const headSize = 64 << 10

const otherSeparators = ";\t|"

// separator is what stands between the columns: a comma, or, if the first line has
// none outside of quotes, the one of the other separators that it has.
func separator(b *bufio.Reader) rune {
	head, _ := b.Peek(headSize) // an error comes again when the first record is read
	found, quoted := ',', false
	for _, c := range string(head) {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return found
		case c == ',' || found != ',' && found != c && strings.ContainsRune(otherSeparators, c):
			return ','
		case strings.ContainsRune(otherSeparators, c):
			found = c
		}
	}
	return found
}

func (t *table) Next() (*Rows, error) {
	if t.pending != nil {
		return nil, t.pending
	}
	rows := &Rows{First: t.next, Columns: make([]tensor.Tensor, len(t.names)), numbers: []int64{}}
	var places []int32 // line and column of each cell
	for rows.size() < t.lim.Block && len(rows.Bad) < 1024 {
		t.feed.left = t.lim.Sample
		record, err := t.r.Read()
		if err != nil {
			t.pending = t.wrapped(err)
			break
		}
		t.guess(record)
		places = t.row(rows, record, places)
		t.next++
	}
	if rows.N == 0 && len(rows.Bad) == 0 {
		return nil, t.pending
	}
	t.finish(rows, places)
	return rows, nil
}

// row adds a sample, unless one of its cells is bad.
func (t *table) row(rows *Rows, record []string, places []int32) []int32 {
	had, whole := len(places), len(rows.Bad)
	for i, cell := range record {
		line, at := t.r.FieldPos(i)
		places = append(places, int32(min(line, math.MaxInt32)), int32(min(at, math.MaxInt32)))
		b, ok := appendCell(rows.Columns[i].Data, t.types[i], cell)
		if !ok {
			text := strings.TrimSpace(cell)
			rows.Bad = append(rows.Bad, &BadCell{Place{File: t.file, Line: line, Column: at}, t.next, t.names[i], t.types[i], text == "", strings.Clone(text[:min(len(text), 80)])})
			continue
		}
		rows.Columns[i].Data = b
	}
	if len(rows.Bad) == whole {
		rows.N++
		rows.numbers = append(rows.numbers, t.next)
		return places
	}
	for i := range rows.Columns {
		t.cut(rows, i)
	}
	return places[:had]
}

// cut takes off what a column has behind the last whole sample.
func (t *table) cut(rows *Rows, i int) {
	c := &rows.Columns[i]
	if t.types[i] == tensor.Bytes {
		c.Data = c.Data[:len(c.Data)-len(skip(c.Data, rows.N))]
	} else {
		c.Data = c.Data[:rows.N*t.types[i].Size()]
	}
}

func (t *table) wrapped(err error) error {
	if errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("%q: %w", t.file, err)
}

// guess gives the columns without a type one.
func (t *table) guess(record []string) {
	for i, cell := range record {
		if t.types[i] != 0 {
			continue
		}
		t.types[i] = tensor.Bytes
		if _, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil {
			t.types[i] = tensor.Float64
		}
	}
}

func (t *table) finish(rows *Rows, places []int32) {
	for i := range rows.Columns {
		c := &rows.Columns[i]
		c.Name, c.DType, c.Shape = t.names[i], t.types[i], []int64{int64(rows.N)}
	}
	rows.seal()
	rows.Read, rows.Whole = t.feed.read, t.size
	names, file := t.names, t.file
	rows.place = func(row int, column string) Place {
		i := max(0, slices.Index(names, column))
		at := 2 * (row*len(names) + i)
		return Place{File: file, Line: int(places[at]), Column: int(places[at+1])}
	}
}

// appendCell appends a cell as an element, exactly: a number that the type does not
// have is none, but for the rounding of decimal fractions.
func appendCell(b []byte, d tensor.DType, cell string) ([]byte, bool) {
	if d == tensor.Bytes {
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(cell))), cell...), true
	}
	cell = strings.TrimSpace(cell)
	switch d {
	case tensor.Float64, tensor.Float32:
		f, err := strconv.ParseFloat(cell, d.Size()*8)
		if err != nil {
			return b, false
		}
		if d == tensor.Float32 {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f))), true
		}
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(f)), true
	case tensor.Bool:
		switch strings.ToLower(cell) {
		case "true", "1":
			return append(b, 1), true
		case "false", "0":
			return append(b, 0), true
		}
		return b, false
	case tensor.Uint64, tensor.Uint32, tensor.Uint16, tensor.Uint8:
		n, err := strconv.ParseUint(cell, 10, d.Size()*8)
		return appendInteger(b, n, d.Size()), err == nil
	case tensor.Int64, tensor.Int32, tensor.Int16, tensor.Int8:
		n, err := strconv.ParseInt(cell, 10, d.Size()*8)
		return appendInteger(b, uint64(n), d.Size()), err == nil
	default: // the small floating-point types are not written in tables
		return b, false
	}
}

func appendInteger(b []byte, n uint64, size int) []byte {
	for range size {
		b = append(b, byte(n))
		n >>= 8
	}
	return b
}

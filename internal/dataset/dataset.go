// Package dataset reads training data as rows: samples with the tensors and labels
// that belong together.
//
// Array files (.npy, .npz, safetensors, what torch.save writes) have a sample for each
// index of the first dimension. CSV has one in each line, and Parquet one in each row. In a folder of images each
// file is one, and the folder that it lies in is its label. A WebDataset shard is a
// tar archive in which the files of a sample follow each other.
//
// # Security
//
// This package is made for hostile input: it never panics, unpickles nothing, and
// allocates nothing for what a header claims. An image is decoded only if its header
// says that it is small enough. What cannot be read as a sample is an error that says
// where, never a sample that is left out. One that is about an image alone (SampleError)
// does not end the set.
//
// # Limits
//
// Limits bounds the bytes of a sample, the pixels of an image and the names of labels.
// All tensors that come at a time have at most Limits.Block bytes, but at least one
// sample.
//
// # Specification
//
// internal/tensorfile for arrays; RFC 4180 as encoding/csv reads it; PNG and JPEG as
// image/png and image/jpeg do; internal/parquet, with the columns of Hugging Face's
// datasets (Image is struct<bytes: binary, path: string>, and the key huggingface names
// labels); the WebDataset format, which is that of its
// documentation: the name up to the first dot of the last part is the key of a sample,
// the rest is the field.
package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/parquet"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
)

// Limits bound what is held at a time. The zero value is the defaults.
type Limits struct {
	Block  int64 // bytes of the rows that come at a time, 4 MiB
	Sample int64 // bytes of one sample, 256 MiB
	Pixels int64 // of an image, 64 Mi
	Labels int   // names of labels, 100,000

	Parquet parquet.Limits // of a file of that
}

func (l Limits) orDefaults() Limits {
	if l.Block == 0 {
		l.Block = 4 << 20
	}
	if l.Sample == 0 {
		l.Sample = 256 << 20
	}
	if l.Pixels == 0 {
		l.Pixels = 64 << 20
	}
	if l.Labels == 0 {
		l.Labels = 100_000
	}
	return l
}

// SampleError is about one sample of a set that goes on behind it.
type SampleError struct {
	Sample int64 // its number, from 0
	Err    error
}

func (e *SampleError) Error() string { return e.Err.Error() }

func (e *SampleError) Unwrap() error { return e.Err }

// Place is where a value of a sample is.
type Place struct {
	File   string
	Member string // of an archive
	Line   int    // from 1; 0 where there are none
	Row    int64  // of a table that has no lines, from 1; 0 where there are none
	Column int    // from 1; 0 where there are none
}

// Rows are samples that follow each other.
type Rows struct {
	First   int64 // number of the first, from 0
	N       int
	Columns []tensor.Tensor // the first size of each shape is N
	// Label is the name of the column whose tensors are labels, if the format has one,
	// and Names are what its numbers stand for.
	Label string
	Names []string
	// Unread are columns that no tensor can hold and that the schema does not have.
	Unread []string
	// Bad are cells that are no values of their columns' types. Their samples are not
	// among the columns.
	Bad []*BadCell
	// Read is how much of the set has been read with them, and Whole how much that is in
	// the end: samples, files, bytes, whatever is known before.
	Read, Whole int64

	place   func(row int, column string) Place
	numbers []int64 // of the samples, where some were left out
	starts  [][]int // by column: where each sample begins in Data, for columns of Bytes
}

// Number is that of a sample in the set, from 0.
func (r *Rows) Number(row int) int64 {
	if r.numbers != nil {
		return r.numbers[row]
	}
	return r.First + int64(row)
}

// Next is the number of the sample behind them.
func (r *Rows) Next() int64 {
	next := r.First
	if r.N > 0 {
		next = r.Number(r.N-1) + 1
	}
	if len(r.Bad) > 0 {
		next = max(next, r.Bad[len(r.Bad)-1].Sample+1)
	}
	return next
}

// Place says where a sample has the value of a column, if that is known and there is such
// a sample: of some rows all are among the bad ones.
func (r *Rows) Place(row int, column string) Place {
	if r.place == nil || row >= r.N {
		return Place{}
	}
	return r.place(row, column)
}

// Column returns a column, or nil.
func (r *Rows) Column(name string) *tensor.Tensor {
	i := slices.IndexFunc(r.Columns, func(t tensor.Tensor) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &r.Columns[i]
}

// LabelColumn returns the name of the column with the labels: the one that is named, or
// that of the format, or one that is called as they usually are and has one value for
// each sample; or nothing.
func (r *Rows) LabelColumn(named string) string {
	if named != "" {
		return named
	}
	for _, name := range []string{r.Label, "label", "labels", "y", "target"} {
		if t := r.Column(name); name != "" && t != nil && len(t.Shape) == 1 {
			return name
		}
	}
	return ""
}

// Row returns the tensors of one sample, whose first size is 1.
func (r *Rows) Row(i int) []tensor.Tensor { return r.Part(i, 1) }

// Part returns n samples from the one with the number i.
func (r *Rows) Part(i, n int) []tensor.Tensor {
	part := make([]tensor.Tensor, len(r.Columns))
	for c := range r.Columns {
		t := &r.Columns[c]
		part[c] = tensor.Tensor{Name: t.Name, DType: t.DType, Shape: slices.Clone(t.Shape), Data: r.bytes(c, i, n)}
		part[c].Shape[0] = int64(n)
	}
	return part
}

// bytes are those of n samples of a column.
func (r *Rows) bytes(c, i, n int) []byte {
	t := &r.Columns[c]
	if t.DType != tensor.Bytes {
		each := len(t.Data) / r.N
		return t.Data[i*each : (i+n)*each]
	}
	if r.starts != nil {
		return t.Data[r.starts[c][i]:r.starts[c][i+n]]
	}
	each := perSample(t)
	from := skip(t.Data, i*each)
	return from[:len(from)-len(skip(from, n*each))]
}

// Text is what a sample has in a column of Bytes, if that is one element.
func (r *Rows) Text(column string, i int) []byte {
	c := slices.IndexFunc(r.Columns, func(t tensor.Tensor) bool { return t.Name == column })
	b := r.bytes(c, i, 1)
	return b[min(4, len(b)):]
}

// seal finds where the samples of columns of Bytes begin, once they are all there.
func (r *Rows) seal() {
	if r.N < 2 {
		return
	}
	for c := range r.Columns {
		t := &r.Columns[c]
		if t.DType != tensor.Bytes {
			continue
		}
		if r.starts == nil {
			r.starts = make([][]int, len(r.Columns))
		}
		list := make([]int, 0, r.N+1)
		rest := t.Data
		for range r.N {
			list = append(list, len(t.Data)-len(rest))
			rest = skip(rest, perSample(t))
		}
		r.starts[c] = append(list, len(t.Data)-len(rest))
	}
}

// perSample is how many elements a sample has.
func perSample(t *tensor.Tensor) int {
	each := 1
	for _, d := range t.Shape[1:] {
		each *= int(d)
	}
	return each
}

// skip leaves out n elements of a tensor of bytes, which are framed as they should be
// because they were framed here.
func skip(data []byte, n int) []byte {
	for range n {
		size := int(uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24)
		data = data[4+size:]
	}
	return data
}

// Set is a data set. Next returns io.EOF behind the last rows.
type Set interface{ Next() (*Rows, error) }

// Part is a file of arrays, and what its only array is called, if anything.
type Part struct {
	Name string // of the file
	As   string
	File *tensorfile.File
}

// arrays is a set of tensors with one sample for each index of the first dimension.
type arrays struct {
	columns []column
	first   int64 // number of the first sample
	rows    int64
	next    int64
	step    int64
	place   func(int, string) Place
}

type column struct {
	tensorfile.Tensor

	file string
	each int64 // bytes of a sample
	r    io.Reader
}

// Arrays makes one set of the tensors of files, which must have as many samples each.
// The number of its first sample is first.
func Arrays(parts []Part, first int64, lim Limits) (Set, error) {
	lim = lim.orDefaults()
	a := &arrays{first: first, rows: -1}
	files := map[string]string{}
	for _, p := range parts {
		if err := a.add(p); err != nil {
			return nil, fmt.Errorf("%q: %w", p.Name, err)
		}
	}
	if len(a.columns) == 0 {
		return nil, errors.New("there are no tensors")
	}
	var each int64
	for i := range a.columns {
		c := &a.columns[i]
		if _, twice := files[c.Name]; twice {
			return nil, fmt.Errorf("tensor %.80q is there twice", c.Name)
		}
		files[c.Name] = c.file
		if a.rows > 0 {
			c.each = c.Bytes / a.rows
		}
		each += c.each
	}
	if each > lim.Sample {
		return nil, fmt.Errorf("a sample: %w", bounded.Exceeded("bytes", lim.Sample))
	}
	a.step = max(1, lim.Block/max(1, each))
	a.place = func(_ int, column string) Place { return Place{File: files[column]} }
	return a, nil
}

func (a *arrays) add(p Part) error {
	var list []tensorfile.Tensor
	for _, t := range p.File.Tensors {
		if t.Role == tensorfile.Object {
			list = append(list, t)
		}
	}
	if p.As != "" && len(list) != 1 {
		return fmt.Errorf("it has %d tensors, and NAME=FILE means one", len(list))
	}
	for _, t := range list {
		if p.As != "" {
			t.Name = p.As
		}
		switch {
		case t.Problem == "" && t.DType == tensor.Bytes:
			return fmt.Errorf("tensor %.80q holds texts, which are read from tables and shards only", t.Name)
		case t.Problem == "" && t.Open == nil:
			return fmt.Errorf("tensor %.80q is of %.40s, which no schema has", t.Name, t.Spelled)
		case t.Problem != "":
			return fmt.Errorf("tensor %.80q of %.40s cannot be read: %s", t.Name, t.Spelled, t.Problem)
		}
		if len(t.Shape) == 0 {
			return fmt.Errorf("tensor %.80q has no rows", t.Name)
		}
		if a.rows >= 0 && t.Shape[0] != a.rows {
			return fmt.Errorf("tensor %.80q has %d rows, and another has %d", t.Name, t.Shape[0], a.rows)
		}
		a.rows = t.Shape[0]
		a.columns = append(a.columns, column{Tensor: t, file: p.Name})
	}
	return nil
}

func (a *arrays) Next() (*Rows, error) {
	n := min(a.step, a.rows-a.next)
	if n <= 0 {
		return nil, io.EOF
	}
	rows := &Rows{First: a.first + a.next, N: int(n), Read: a.next + n, Whole: a.rows, place: a.place}
	for i := range a.columns {
		c := &a.columns[i]
		if c.r == nil {
			var err error
			if c.r, err = c.Open(); err != nil {
				return nil, fmt.Errorf("%q: tensor %.80q: %w", c.file, c.Name, err)
			}
		}
		data := make([]byte, n*c.each)
		if _, err := io.ReadFull(c.r, data); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("%q: tensor %.80q: sample %d: %w", c.file, c.Name, a.next, err)
		}
		shape := slices.Clone(c.Shape)
		shape[0] = n
		rows.Columns = append(rows.Columns, tensor.Tensor{Name: c.Name, DType: c.DType, Shape: shape, Data: data})
	}
	a.next += n
	return rows, nil
}

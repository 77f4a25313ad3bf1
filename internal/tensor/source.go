package tensor

import (
	"errors"
	"io"
	"math"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Source is a tensor whose data are read when a check has come to them.
type Source struct {
	Name  string
	DType DType
	Shape []int64
	Bytes int64                     // how long the data are
	Open  func() (io.Reader, error) // the data from their start
}

// CheckSources is Check for tensors that are read while they are checked, and only
// where everything else about them is right. What is asked in one pass over the
// elements is answered in blocks; a tensor of which more is asked, such as values
// or statistics, is in memory as long as it is looked at, alone. The error is one
// of reading.
func (s *Schema) CheckSources(g Group, sources []Source, dims map[string]int64, scan Scanner) (Result, error) {
	c := s.checker(g, dims, scan)
	c.sources = make(map[*Tensor]*Source, len(sources))
	tensors := make([]Tensor, len(sources))
	for i := range sources {
		src := &sources[i]
		tensors[i] = Tensor{Name: src.Name, DType: src.DType, Shape: src.Shape}
		c.sources[&tensors[i]] = src
	}
	return c.check(tensors)
}

// whole reads all data. Memory grows with what comes, not with what was claimed.
func (src *Source) whole() ([]byte, error) {
	r, err := src.Open()
	if err != nil {
		return nil, err
	}
	data, err := bounded.ReadAll(io.LimitReader(r, src.Bytes), src.Bytes)
	if err == nil && int64(len(data)) < src.Bytes {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// seen is what a scan found, with the keys of the first offenders.
type seen struct {
	Scan

	inf, tiny, out int64
}

// readBlock is read and looked at at once. It fits the second cache.
const readBlock = 256 << 10

// look scans the elements of a tensor that is in memory, or as they are read.
func (c *checker) look(in *Tensor, src *Source, w Want) (seen, error) {
	all := seen{Scan: Scan{Min: math.MaxInt64, Max: math.MinInt64}}
	for _, t := range []*Tally{&all.NaN, &all.Inf, &all.Tiny, &all.Out} {
		t.First = -1
	}
	if src == nil || in.Data != nil {
		all.add(c.scan(in.Data, w), in.DType, in.Data, 0)
		return all, nil
	}
	r, err := src.Open()
	if err != nil {
		return all, err
	}
	w.Extremes = true // if a later block is out of range, what this one has matters to the hint
	if c.buffer == nil {
		c.buffer = make([]byte, readBlock)
	}
	for at := int64(0); at < src.Bytes; {
		b := c.buffer[:min(readBlock, src.Bytes-at)]
		if _, err := io.ReadFull(r, b); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return all, err
		}
		all.add(c.scan(b, w), in.DType, b, at/int64(in.DType.Size()))
		at += int64(len(b))
	}
	return all, nil
}

// add adds what a scan found in the elements that begin with the number first.
func (s *seen) add(x Scan, d DType, data []byte, first int64) {
	add := func(to *Tally, t Tally, key *int64) {
		if t.Count > 0 && to.Count == 0 {
			to.First = first + t.First
			*key = Key(d, data, int(t.First))
		}
		to.Count += t.Count
	}
	var nan int64
	add(&s.NaN, x.NaN, &nan)
	add(&s.Inf, x.Inf, &s.inf)
	add(&s.Tiny, x.Tiny, &s.tiny)
	add(&s.Out, x.Out, &s.out)
	s.Min, s.Max = min(s.Min, x.Min), max(s.Max, x.Max)
}

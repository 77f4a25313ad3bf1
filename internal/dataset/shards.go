package dataset

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tarball"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
)

// shard is a tar archive in the WebDataset format.
type shard struct {
	name    string
	r       io.ReaderAt
	members []tarball.Member
	form    func(column string) Form
	lim     Limits
	first   int64 // number of its first sample
	next    int
}

// Shard reads a tar archive. The number of its first sample is first; form is that of the
// images of a column.
func Shard(name string, r io.ReaderAt, size, first int64, form func(column string) Form, lim Limits) (Set, error) {
	a, err := tarball.List(r, size, tarball.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	s := &shard{name: name, r: r, form: form, lim: lim.orDefaults(), first: first}
	var end int64
	for _, m := range a.Members {
		end = max(end, (m.Offset+m.Size+511)&^511)
		switch {
		case m.Type == tarball.Dir:
		case m.Type != tarball.File || m.Duplicate || m.Sparse || m.Cut || len(m.Flaws) > 0:
			return nil, fmt.Errorf("%q: member %.80q is no plain file that is there once and whole", name, m.Name)
		default:
			s.members = append(s.members, m)
		}
	}
	// POSIX.1-2017 pax, "ustar Interchange Format": two blocks of zeros end it. Readers
	// do without, and then do not notice that samples are missing.
	zeros, err := bounded.ReadRange(r, size, end, 1024, 1024)
	if err != nil || slices.ContainsFunc(zeros, func(b byte) bool { return b != 0 }) {
		return nil, fmt.Errorf("%q: it ends without two blocks of zeros: it may have been cut off", name)
	}
	return &ahead{read: s.read, most: s.lim.Block}, nil
}

// keyOf takes the name of a member apart.
func keyOf(name string) (sample, field string) {
	dir, base := path.Split(name)
	before, after, _ := strings.Cut(base, ".")
	return dir + before, strings.ToLower(after)
}

// read starts on the next sample. What is wrong with it is said when its turn comes,
// behind what is wrong with an image before it.
func (s *shard) read() (*sample, error) {
	if s.next == len(s.members) {
		return nil, io.EOF
	}
	of := &sample{rows: &Rows{First: s.first, N: 1}}
	first := s.members[s.next].Name
	k, _ := keyOf(first)
	for ; s.next < len(s.members); s.next++ {
		m := s.members[s.next]
		if sample, _ := keyOf(m.Name); sample != k {
			break
		}
		wrapped := func(err error) error { return fmt.Errorf("%q: member %.80q: %w", s.name, m.Name, err) }
		b, err := bounded.ReadRange(s.r, m.Offset+m.Size, m.Offset, m.Size, s.lim.Sample-of.size)
		if err == nil {
			of.size += m.Size
			err = s.add(of, m.Name, b, wrapped)
		}
		if err != nil {
			of.waits = append(of.waits, func() error { return wrapped(err) })
			s.skip(k)
			break
		}
	}
	s.first++
	of.rows.Read, of.rows.Whole = int64(s.next), int64(len(s.members))
	name := s.name
	of.rows.place = func(int, string) Place { return Place{File: name, Member: first} }
	return of, nil
}

// skip goes on behind the members of a sample.
func (s *shard) skip(key string) {
	for s.next < len(s.members) {
		if k, _ := keyOf(s.members[s.next].Name); k != key {
			return
		}
		s.next++
	}
}

// add makes a column of a file of a sample.
func (s *shard) add(of *sample, member string, b []byte, wrapped func(error) error) (err error) {
	key, field := keyOf(member)
	rows, t := of.rows, tensor.Tensor{Name: columnOf(field)}
	if rows.Column(t.Name) != nil {
		return fmt.Errorf("sample %.80q has two columns %.80q", key, t.Name)
	}
	switch {
	case IsImage("x." + field):
		of.await(len(rows.Columns), s.form(t.Name).start(b, s.lim), wrapped)
	case field == "cls":
		var n int64
		n, err = parseLabel(b)
		t, rows.Label = label(n), LabelColumn
	case path.Ext("x."+field) == ".npy":
		name := t.Name
		t, err = arrayOf(b)
		t.Name = name
	default: // a text or anything else: its bytes
		t.DType, t.Shape = tensor.Bytes, []int64{1}
		t.Data = append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
	}
	if err == nil {
		rows.Columns = append(rows.Columns, t)
	}
	return err
}

// columnOf is what the column of a file is called: an image or an array as what stands
// before that, if anything does (seg.png), and anything else as its field.
func columnOf(field string) string {
	ext := path.Ext("x." + field)
	before := strings.TrimSuffix(strings.TrimSuffix(field, ext[1:]), ".")
	switch {
	case IsImage(ext):
		return cmp.Or(before, ImageColumn)
	case ext == ".npy":
		return cmp.Or(before, "npy")
	case field == "cls":
		return LabelColumn
	}
	return field
}

// arrayOf reads an array as one sample.
func arrayOf(b []byte) (tensor.Tensor, error) {
	f, err := tensorfile.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return tensor.Tensor{}, err
	}
	if len(f.Tensors) != 1 || f.Tensors[0].Open == nil {
		return tensor.Tensor{}, errors.New("it is not one array of numbers")
	}
	src := f.Tensors[0]
	r, err := src.Open()
	if err != nil {
		return tensor.Tensor{}, err
	}
	data, err := bounded.ReadAll(r, src.Bytes)
	if err == nil && int64(len(data)) < src.Bytes {
		err = io.ErrUnexpectedEOF
	}
	return tensor.Tensor{DType: src.DType, Shape: append([]int64{1}, src.Shape...), Data: data}, err
}

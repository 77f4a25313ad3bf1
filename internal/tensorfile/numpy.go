package tensorfile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/npy"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// arrayTypes are numpy's names without the order of their bytes.
var arrayTypes = map[string]tensor.DType{
	"f8": tensor.Float64, "f4": tensor.Float32, "f2": tensor.Float16,
	"i8": tensor.Int64, "i4": tensor.Int32, "i2": tensor.Int16, "i1": tensor.Int8,
	"u8": tensor.Uint64, "u4": tensor.Uint32, "u2": tensor.Uint16, "u1": tensor.Uint8, "b1": tensor.Bool,
}

// array reads the header of a .npy file. at gives n of its bytes from an offset.
func array(r io.ReaderAt, size int64, at func(off, n int64) (io.Reader, error)) (Tensor, error) {
	h, err := npy.Open(r, size, npy.Limits{HeaderBytes: headerBytes})
	if err != nil {
		return Tensor{}, err
	}
	t := Tensor{Spelled: h.DType.Name, Problem: problem(h, size), Source: tensor.Source{Shape: h.Shape, Bytes: max(h.DataSize, 0)}}
	if t.Problem == "" && isText(h) {
		return t.textual(h, at), nil
	}
	t.DType = arrayTypes[strings.TrimLeft(h.DType.Name, "<>|")]
	if d, err := tensor.ParseDType(h.DType.Name); err == nil {
		t.DType = d // spelled in full, by hand
	}
	item := max(t.DType.Size(), 1)
	t.Open = func() (io.Reader, error) {
		r, err := at(h.DataOffset, h.DataSize)
		if err == nil && strings.HasPrefix(h.DType.Name, ">") && item > 1 {
			r = &swapped{r: r, item: item}
		}
		if err == nil && h.Fortran && len(h.Shape) > 1 {
			return rowMajor(r, h.Shape, item, h.DataSize)
		}
		return r, err
	}
	return t.sound(), nil
}

// problem is why an array cannot be read, or empty.
func problem(h *npy.Header, size int64) string {
	for _, n := range h.Shape {
		if n < 0 {
			return "a dimension is below 0"
		}
	}
	switch {
	case h.PickleOffset >= 0:
		return fmt.Sprintf("an array of %.40q is a pickle, which is not loaded", h.DType.Name)
	case h.DataSize < 0:
		return "nobody can tell how long its data are"
	case h.DataSize > size-h.DataOffset:
		return fmt.Sprintf("the header says %d bytes, and %d follow it", h.DataSize, size-h.DataOffset)
	case h.Trailing > 0:
		return fmt.Sprintf("%d bytes follow the array", h.Trailing)
	case len(h.Exotic) > 0:
		return "the header is not as numpy writes it: " + h.Exotic[0]
	}
	return ""
}

// headerBytes is more than the header of any array of numbers takes.
const headerBytes = 64 << 10

// swapped turns the bytes of each element around.
type swapped struct {
	r    io.Reader
	item int
	buf  [4096]byte
	have []byte
}

func (s *swapped) Read(p []byte) (int, error) {
	if len(s.have) == 0 {
		n, err := io.ReadFull(s.r, s.buf[:])
		if n == 0 {
			return 0, err
		}
		if n%s.item != 0 {
			return 0, io.ErrUnexpectedEOF
		}
		s.have = s.buf[:n]
		for i := 0; i < n; i += s.item {
			e := s.have[i : i+s.item]
			for a, b := 0, len(e)-1; a < b; a, b = a+1, b-1 {
				e[a], e[b] = e[b], e[a]
			}
		}
	}
	n := copy(p, s.have)
	s.have = s.have[n:]
	return n, nil
}

// rowMajor reads an array whose first index runs fastest, and gives one whose last
// index does.
func rowMajor(r io.Reader, shape []int64, item int, size int64) (io.Reader, error) {
	from, err := bounded.ReadAll(r, size)
	if err != nil {
		return nil, err
	}
	if int64(len(from)) < size {
		return nil, io.ErrUnexpectedEOF
	}
	if size == 0 {
		return bytes.NewReader(nil), nil
	}
	strides := make([]int, len(shape)) // of from, in bytes
	next := item
	for i, n := range shape {
		strides[i] = next
		next *= int(n)
	}
	to := make([]byte, 0, size)
	index, at := make([]int64, len(shape)), 0
	for len(to) < len(from) {
		to = append(to, from[at:at+item]...)
		for i := len(shape) - 1; i >= 0; i-- {
			index[i]++
			at += strides[i]
			if index[i] < shape[i] {
				break
			}
			at -= strides[i] * int(shape[i])
			index[i] = 0
		}
	}
	return bytes.NewReader(to), nil
}

// openNPZ reads the headers of an archive of arrays.
func openNPZ(a *strictzip.Archive) (*File, error) {
	for _, i := range a.Issues {
		if i.Kind != strictzip.RatioHigh { // arrays of zeros
			return nil, fmt.Errorf("the archive is not as numpy writes it: %s", i.Text)
		}
	}
	f := &File{Format: "npz"}
	for i := range a.Len() {
		t, err := member(a, i)
		if err != nil {
			return nil, fmt.Errorf("in %.80q: %w", a.Entry(i).Name, err)
		}
		t.Name = strings.TrimSuffix(a.Entry(i).Name, ".npy")
		f.Tensors = append(f.Tensors, t)
	}
	return f, nil
}

func member(a *strictzip.Archive, i int) (Tensor, error) {
	r, err := a.Open(i)
	if err != nil {
		return Tensor{}, err
	}
	size := a.Entry(i).Size
	head := make([]byte, min(size, headerBytes+12))
	if _, err := io.ReadFull(r, head); err != nil {
		return Tensor{}, err
	}
	return array(bytes.NewReader(head), size, func(off, n int64) (io.Reader, error) {
		r, err := a.Open(i)
		if err != nil {
			return nil, err
		}
		s := &summed{r: r, left: off + n, want: a.Entry(i).CRC}
		if _, err := io.CopyN(io.Discard, s, off); err != nil {
			return nil, err
		}
		return s, nil
	})
}

// errCRC is wrong bytes, or a wrong checksum.
var errCRC = errors.New("the bytes do not have the CRC that the archive says")

// summed verifies the CRC when the last byte has been read.
type summed struct {
	r    io.Reader
	left int64
	sum  uint32
	want uint32
}

func (s *summed) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.sum = crc32.Update(s.sum, crc32.IEEETable, p[:n])
	s.left -= int64(n)
	switch {
	case s.left == 0 && s.sum != s.want:
		return 0, errCRC
	case errors.Is(err, io.EOF) && s.left > 0:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

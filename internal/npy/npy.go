// Package npy reads the headers of NumPy's .npy files, and says where joblib
// puts array bytes inside a pickle stream.
//
// # Security
//
// This package is made for hostile input: it never panics, and it allocates
// nothing for a length that the file does not hold. Whether an array holds
// Python objects decides whether loading it unpickles, so a dtype that this
// package does not know counts as one that may hold them.
//
// # Limits
//
// Limits bounds the header and the nesting of its literal. Exceeding one is an
// error that wraps bounded.ErrLimit. Array bytes are not read.
//
// # Specification
//
// NumPy v2.2 numpy/lib/format.py, versions 1.0, 2.0 and 3.0, and numpy.dtype's
// strings for what writers produce. The header is a Python literal for
// ast.literal_eval; literals that no writer produces (sets, arithmetic,
// concatenated strings) are refused, and Exotic has what is accepted but odd.
// joblib 1.4 and 1.5 numpy_pickle.py, NumpyArrayWrapper.read_array.
package npy

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds what Open reads. Zero fields have defaults.
type Limits struct {
	HeaderBytes int64 // 1 MiB; NumPy itself wants 10,000 unless pickles are allowed
	Depth       int   // of the literal: 32
}

func (l Limits) withDefaults() Limits {
	l.HeaderBytes = cmp.Or(l.HeaderBytes, 1<<20)
	l.Depth = cmp.Or(l.Depth, 32)
	return l
}

// Header is what a .npy file says about its array.
type Header struct {
	Major, Minor byte
	DType        DType
	Fortran      bool
	Shape        []int64
	DataOffset   int64
	DataSize     int64 // count × item size; -1 where it cannot be said
	// PickleOffset is where a pickle begins that numpy.load(allow_pickle=True)
	// runs, or -1. It is also set when the dtype is not known well enough to
	// exclude one.
	PickleOffset int64
	Trailing     int64    // bytes behind the array; 0 for object arrays
	Exotic       []string // what NumPy accepts and its writers never write
}

// FormatError says where a header breaks the format.
type FormatError struct {
	Offset int64
	Err    error
}

func (e *FormatError) Error() string { return fmt.Sprintf("npy: at offset %#x: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong without the position.
func (e *FormatError) Unwrap() error { return e.Err }

// Open reads the header of a file, or archive member, of size bytes. With an
// error comes what was read before it, or nil.
func Open(r io.ReaderAt, size int64, lim Limits) (*Header, error) {
	lim = lim.withDefaults()
	head, err := bounded.ReadRange(r, size, 0, min(size, 12), 12)
	if err != nil || len(head) < 10 || string(head[:6]) != "\x93NUMPY" {
		return nil, &FormatError{0, errors.New("no NumPy magic")}
	}
	h := &Header{Major: head[6], Minor: head[7], PickleOffset: -1, DataSize: -1}
	off, n := int64(10), int64(binary.LittleEndian.Uint16(head[8:]))
	if h.Major < 1 || h.Major > 3 || h.Minor != 0 {
		return h, &FormatError{6, fmt.Errorf("version %d.%d", h.Major, h.Minor)}
	}
	if h.Major > 1 {
		if len(head) < 12 {
			return h, &FormatError{8, io.ErrUnexpectedEOF}
		}
		off, n = 12, int64(binary.LittleEndian.Uint32(head[8:]))
	}
	text, err := bounded.ReadRange(r, size, off, n, lim.HeaderBytes)
	if err != nil {
		return h, &FormatError{off, err}
	}
	h.DataOffset = off + n
	if n > 10_000 {
		h.Exotic = append(h.Exotic, "a header of more than 10,000 bytes")
	}
	if err := h.parse(text, off, lim); err != nil {
		return h, err
	}
	h.measure(size)
	return h, nil
}

// parse gives the literal its meaning.
func (h *Header) parse(text []byte, off int64, lim Limits) error {
	v, err := parseLiteral(text, off, lim.Depth, h.Major < 3)
	if err != nil {
		return err
	}
	d, ok := v.(dict)
	if !ok {
		return &FormatError{off, errors.New("the header is not a dictionary")}
	}
	seen := make(map[string]bool)
	for _, e := range d {
		key, _ := e.key.(string)
		if seen[key] { // Python takes the last; an object dtype in any counts
			h.Exotic = append(h.Exotic, fmt.Sprintf("the key %.20q twice", key))
		}
		seen[key] = true
		if err := h.set(key, e.value); err != nil {
			return &FormatError{e.at, err}
		}
	}
	if len(seen) != 3 || !seen["descr"] || !seen["fortran_order"] || !seen["shape"] {
		return &FormatError{off, errors.New("the keys are not descr, fortran_order and shape")}
	}
	return nil
}

func (h *Header) set(key string, value any) error {
	switch key {
	case "descr":
		object := h.DType.Object
		h.DType = dtypeOf(value, 0)
		h.DType.Object = h.DType.Object || object
	case "fortran_order":
		b, ok := value.(bool)
		if !ok {
			return errors.New("fortran_order is not a bool")
		}
		h.Fortran = b
	case "shape":
		shape, exotic, err := shapeOf(value)
		h.Shape = shape
		h.Exotic = append(h.Exotic, exotic...)
		return err
	}
	return nil
}

func shapeOf(value any) (shape []int64, exotic []string, err error) {
	t, ok := value.(tuple)
	if !ok {
		return nil, nil, errors.New("shape is not a tuple")
	}
	for _, v := range t {
		switch v := v.(type) {
		case int64:
			if v < 0 {
				exotic = append(exotic, "a negative dimension")
			}
			shape = append(shape, v)
		case bool: // isinstance(True, int)
			exotic = append(exotic, "a bool as a dimension")
			shape = append(shape, map[bool]int64{true: 1}[v])
		default:
			return shape, exotic, errors.New("shape holds something other than integers")
		}
	}
	return shape, exotic, nil
}

// measure works out where the array or the pickle lies.
func (h *Header) measure(size int64) {
	if h.DType.Object || !h.DType.Known {
		h.PickleOffset = h.DataOffset
	}
	if !h.DType.Known {
		h.Exotic = append(h.Exotic, fmt.Sprintf("the dtype %.80q", h.DType.Name))
	}
	if h.DType.Object || h.DType.Size < 0 {
		return
	}
	n := h.DType.Size
	for _, dim := range h.Shape {
		var ok bool
		if n, ok = bounded.Mul(n, dim); !ok {
			h.Exotic = append(h.Exotic, "a shape whose product does not fit") // NumPy's wraps
			return
		}
	}
	h.DataSize = n
	h.Trailing = max(size-h.DataOffset-n, 0)
}

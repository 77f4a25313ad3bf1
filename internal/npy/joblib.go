package npy

import (
	"errors"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Wrapper is the state of a pickled joblib.numpy_pickle.NumpyArrayWrapper. The
// bytes of its array stand in the pickle stream right behind the BUILD that
// sets the state, and joblib's unpickler reads them there before the next
// opcode; a plain unpickler runs into them.
//
// Two older classes read a file instead: NDArrayWrapper calls
// numpy.load(allow_pickle=True) on state["filename"] joined to the folder of
// the pickle, and ZNDArrayWrapper decompresses it; they take no bytes.
type Wrapper struct {
	Shape    []int64
	ItemSize int64
	Object   bool // the dtype holds objects
	// Aligned is false when numpy_array_alignment_bytes is None or missing, as
	// in files of joblib 1.1 and before. The number itself does not matter to
	// readers, nor does allow_mmap: a mapped array takes the same bytes. Order
	// changes only how the bytes are arranged.
	Aligned bool
}

// WrapperClasses are the names under which NumpyArrayWrapper is found.
var WrapperClasses = []string{
	"joblib.numpy_pickle.NumpyArrayWrapper",
	"sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper",
}

// Payload is what follows the BUILD of a Wrapper.
type Payload struct {
	// Pickle: a whole pickle follows, with a stack and memo of its own. Where
	// it stops, the outer stream goes on. Skip is 0 then.
	Pickle bool
	Skip   int64 // bytes that are data
}

// Payload says how the stream goes on after the BUILD. next holds the following
// bytes of the stream; at most one is looked at: how many bytes of padding
// stand before the array. joblib believes any value, also ones that the
// alignment does not call for.
func (w Wrapper) Payload(next []byte) (Payload, error) {
	if w.Object {
		return Payload{Pickle: true}, nil
	}
	n := w.ItemSize
	if n < 0 {
		return Payload{}, errors.New("npy: joblib array: the item size is not known")
	}
	for _, dim := range w.Shape {
		var ok bool
		if n, ok = bounded.Mul(n, dim); !ok {
			return Payload{}, errors.New("npy: joblib array: the product of the dimensions does not fit")
		}
	}
	if !w.Aligned {
		return Payload{Skip: n}, nil
	}
	if len(next) == 0 {
		return Payload{}, io.ErrUnexpectedEOF
	}
	n, ok := bounded.Add(n, 1+int64(next[0]))
	if !ok {
		return Payload{}, errors.New("npy: joblib array: the size does not fit")
	}
	return Payload{Skip: n}, nil
}

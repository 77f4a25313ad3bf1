package tensorfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/npy"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// textBytes bounds an array of texts, which is converted in memory.
const textBytes = 64 << 20

// isText reports whether a dtype of numpy is one of texts: S of bytes, U of code
// points, both filled up with zeros.
func isText(h *npy.Header) bool {
	name := h.DType.Name
	return h.DType.Size > 0 && len(name) > 1 && (name[0] == '|' && name[1] == 'S' || (name[0] == '<' || name[0] == '>') && name[1] == 'U')
}

// texts turns an array of texts into elements of a length and bytes.
func texts(h *npy.Header, r io.Reader) ([]byte, error) {
	if h.Fortran && len(h.Shape) > 1 {
		return nil, errors.New("texts in Fortran order are not read")
	}
	if h.DataSize > textBytes {
		return nil, bounded.Exceeded("bytes of an array of texts", textBytes)
	}
	b, err := bounded.ReadAll(r, h.DataSize)
	if err != nil {
		return nil, err
	}
	var out []byte
	for n := int(h.DType.Size); len(b) >= n; b = b[n:] {
		element := bytes.TrimRight(b[:n], "\x00")
		if h.DType.Name[1] == 'U' {
			if element, err = utf8Of(b[:n], h.DType.Name[0] == '>'); err != nil {
				return nil, err
			}
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(len(element)))
		out = append(out, element...)
	}
	return out, nil
}

func utf8Of(b []byte, big bool) ([]byte, error) {
	var out []byte
	for ; len(b) >= 4; b = b[4:] {
		r := binary.LittleEndian.Uint32(b)
		if big {
			r = binary.BigEndian.Uint32(b)
		}
		if r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return nil, fmt.Errorf("a text holds %#x, which is no character", r)
		}
		out = utf8.AppendRune(out, rune(r))
	}
	return bytes.TrimRight(out, "\x00"), nil
}

// textual gives an array of texts its elements.
func (t Tensor) textual(h *npy.Header, at func(off, n int64) (io.Reader, error)) Tensor {
	r, err := at(h.DataOffset, h.DataSize)
	var data []byte
	if err == nil {
		data, err = texts(h, r)
	}
	if err != nil {
		t.Problem = err.Error()
		return t.sound()
	}
	t.DType, t.Bytes = tensor.Bytes, int64(len(data))
	t.Open = func() (io.Reader, error) { return bytes.NewReader(data), nil }
	return t
}

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// decoder gives out the values of a page. It appends at most n, and no more once dst has
// most bytes, but at least one. Numbers are little-endian; a text has its length in four
// bytes before it, as PLAIN has it.
type decoder interface {
	append(dst []byte, n, most int) ([]byte, int, error)
}

// The encodings, as parquet.thrift numbers them.
const (
	plain           = 0
	plainDictionary = 2
	rle             = 3
	deltaPacked     = 5
	deltaLength     = 6
	deltaBytes      = 7
	rleDictionary   = 8
	streamSplit     = 9
)

// width is how many bytes a value of a kind takes, 0 if that differs.
func (c *Column) width() int {
	switch c.Kind {
	case Int32, Float:
		return 4
	case Int64, Double:
		return 8
	case Int96:
		return 12
	case FixedLenByteArray:
		return c.Length
	default:
		return 0
	}
}

// decoder makes one for what a page has of values.
func (c *Chunk) decoder(encoding int32, src []byte) (decoder, error) {
	col := c.col
	switch {
	case encoding == plainDictionary || encoding == rleDictionary:
		return c.indices(src)
	case encoding == plain && col.Kind == Boolean:
		return &bools{src: src}, nil
	case encoding == plain && col.Kind == ByteArray:
		return &texts{src}, nil
	case encoding == plain:
		return &fixed{src, col.width(), col.Number}, nil
	case encoding == rle && col.Kind == Boolean:
		src, _, err := prefixed(src)
		if err != nil {
			return nil, err
		}
		h, err := newHybrid(src, 1)
		return repeatedBools{h}, err
	case encoding == deltaPacked && (col.Kind == Int32 || col.Kind == Int64):
		d, err := newDelta(src)
		return deltaNumbers{d, col.width()}, err
	case encoding == deltaLength && col.Kind == ByteArray:
		return newDeltaTexts(src, false, col, c.f.lim.Page)
	case encoding == deltaBytes && (col.Kind == ByteArray || col.Kind == FixedLenByteArray):
		return newDeltaTexts(src, true, col, c.f.lim.Page)
	case encoding == streamSplit && col.width() > 0 && col.Kind != Int96:
		if len(src)%col.width() != 0 {
			return nil, fmt.Errorf("%d bytes of values of %d bytes", len(src), col.width())
		}
		return &split{src: src, size: col.width(), bare: col.Number}, nil
	}
	return nil, fmt.Errorf("encoding %d for values of type %d is not supported", encoding, col.Kind)
}

// prefixed takes off bytes whose length stands before them in four bytes.
func prefixed(src []byte) (inside, rest []byte, err error) {
	if len(src) < 4 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n := binary.LittleEndian.Uint32(src)
	if uint64(n) > uint64(len(src)-4) {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return src[4 : 4+n], src[4+n:], nil
}

// room is how many values of a size may be appended.
func room(dst []byte, n, most, size int) int {
	return max(1, min(n, (most-len(dst))/max(1, size)))
}

// fixed are values of one size, as they are.
type fixed struct {
	src  []byte
	size int
	bare bool
}

func (v *fixed) append(dst []byte, n, most int) ([]byte, int, error) {
	n = room(dst, n, most, v.size)
	if n > len(v.src)/v.size {
		return dst, 0, io.ErrUnexpectedEOF
	}
	part := v.src[:n*v.size]
	v.src = v.src[n*v.size:]
	if v.bare {
		return append(dst, part...), n, nil
	}
	for ; len(part) > 0; part = part[v.size:] {
		dst = append(binary.LittleEndian.AppendUint32(dst, uint32(v.size)), part[:v.size]...)
	}
	return dst, n, nil
}

// texts have their lengths before them.
type texts struct{ src []byte }

func (v *texts) append(dst []byte, n, most int) ([]byte, int, error) {
	at, i := 0, 0
	for i < n && (i == 0 || len(dst)+at < most) {
		_, rest, err := prefixed(v.src[at:])
		if err != nil {
			return dst, i, err
		}
		at = len(v.src) - len(rest)
		i++
	}
	dst = append(dst, v.src[:at]...)
	v.src = v.src[at:]
	return dst, i, nil
}

// bools are packed, the lowest bit first.
type bools struct {
	src []byte
	at  int
}

func (v *bools) append(dst []byte, n, most int) ([]byte, int, error) {
	n = room(dst, n, most, 1)
	if n > 8*len(v.src)-v.at {
		return dst, 0, io.ErrUnexpectedEOF
	}
	for range n {
		dst = append(dst, v.src[v.at>>3]>>(v.at&7)&1)
		v.at++
	}
	return dst, n, nil
}

type repeatedBools struct{ *hybrid }

func (v repeatedBools) append(dst []byte, n, most int) ([]byte, int, error) {
	n = room(dst, n, most, 1)
	had := len(dst)
	dst = append(dst, make([]byte, n)...)
	err := v.levels(dst[had:])
	return dst, n, err
}

// split is BYTE_STREAM_SPLIT: the first bytes of all values, then the second ones, and
// so on.
type split struct {
	src  []byte
	size int
	at   int
	bare bool
}

func (v *split) append(dst []byte, n, most int) ([]byte, int, error) {
	n = room(dst, n, most, v.size)
	count := len(v.src) / v.size
	if n > count-v.at {
		return dst, 0, io.ErrUnexpectedEOF
	}
	for range n {
		if !v.bare {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v.size))
		}
		for k := range v.size {
			dst = append(dst, v.src[k*count+v.at])
		}
		v.at++
	}
	return dst, n, nil
}

// dictionary has the values that indices stand for, as a decoder gives them out.
type dictionary struct {
	data  []byte
	count uint32
	size  int      // of each; 0 if that differs
	ends  []uint32 // where that differs
}

// newDictionary reads the dictionary of a chunk, which is PLAIN.
func (c *Chunk) newDictionary(src []byte, n int32) (*dictionary, error) {
	v, err := c.decoder(plain, src)
	if err != nil {
		return nil, err
	}
	d := &dictionary{count: uint32(n)}
	switch {
	case c.col.Kind == Boolean:
		return nil, errors.New("a dictionary of bools")
	case c.col.Number:
		d.size = c.col.width()
		if int64(n) > int64(len(src)/d.size) {
			return nil, io.ErrUnexpectedEOF
		}
		d.data = src
		return d, nil
	case int64(n) > int64(len(src)): // each takes a byte or more
		return nil, io.ErrUnexpectedEOF
	}
	for range n {
		if d.data, _, err = v.append(d.data, 1, len(d.data)+1); err != nil {
			return nil, err
		}
		if int64(len(d.data)) > c.f.lim.Page {
			return nil, bounded.Exceeded("bytes of a dictionary", c.f.lim.Page)
		}
		d.ends = append(d.ends, uint32(len(d.data)))
	}
	return d, nil
}

// indices are values by their number in the dictionary.
type indices struct {
	*hybrid
	*dictionary

	ahead []uint32
	buf   [1024]uint32
}

func (c *Chunk) indices(src []byte) (decoder, error) {
	if c.dict == nil {
		return nil, errors.New("values by their number, and no dictionary")
	}
	if len(src) == 0 { // a page of nulls
		return &texts{}, nil
	}
	h, err := newHybrid(src[1:], int(src[0]))
	return &indices{hybrid: h, dictionary: c.dict}, err
}

func (v *indices) append(dst []byte, n, most int) ([]byte, int, error) {
	if len(v.ahead) == 0 {
		v.ahead = v.buf[:min(n, len(v.buf))]
		if err := v.values(v.ahead); err != nil {
			return dst, 0, err
		}
	}
	part := v.ahead[:min(n, len(v.ahead))]
	if v.size > 0 {
		part = part[:room(dst, len(part), most, v.size)]
	}
	i := 0
	for ; i < len(part); i++ {
		if part[i] >= v.count {
			return dst, i, fmt.Errorf("value %d of a dictionary of %d", part[i], v.count)
		}
		at := int(part[i])
		switch {
		case v.size == 4:
			dst = append(dst, v.data[4*at], v.data[4*at+1], v.data[4*at+2], v.data[4*at+3])
		case v.size == 8:
			dst = binary.LittleEndian.AppendUint64(dst, binary.LittleEndian.Uint64(v.data[8*at:]))
		case v.size > 0:
			dst = append(dst, v.data[at*v.size:(at+1)*v.size]...)
		default:
			if i > 0 && len(dst) >= most {
				v.ahead = v.ahead[i:]
				return dst, i, nil
			}
			from := uint32(0)
			if at > 0 {
				from = v.ends[at-1]
			}
			dst = append(dst, v.data[from:v.ends[at]]...)
		}
	}
	v.ahead = v.ahead[i:]
	return dst, i, nil
}

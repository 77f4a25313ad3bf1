package gguf

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// The value types of metadata.
const (
	typeString = 8
	typeArray  = 9
)

var typeNames = []string{"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"}

// widths has the size of scalars.
var widths = map[uint32]int64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

func typeName(t uint32) string {
	if int64(t) < int64(len(typeNames)) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", t)
}

// blocks has, for each tensor type, how many elements make how many bytes.
var blocks = map[uint32][2]uint64{
	0: {1, 4}, 1: {1, 2}, 2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34}, 9: {32, 36},
	10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210}, 15: {256, 292},
	16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, 21: {256, 110}, 22: {256, 82}, 23: {256, 136},
	24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, 29: {256, 56}, 30: {1, 2},
	34: {256, 54}, 35: {256, 66}, 39: {32, 17},
}

// tensorSize returns how many bytes a tensor takes, or -1. Rows are whole
// blocks.
func tensorSize(t *Tensor) int64 {
	b, ok := blocks[t.Type]
	if !ok {
		return -1
	}
	n := int64(1)
	for i, dim := range t.Dims {
		if dim>>62 != 0 || i == 0 && dim%b[0] != 0 {
			return -1
		}
		if n, ok = bounded.Mul(n, int64(dim)); !ok {
			return -1
		}
	}
	if n, ok = bounded.Mul(n/int64(b[0]), int64(b[1])); !ok {
		return -1
	}
	return n
}

// cursor reads forwards through a window.
type cursor struct {
	r      io.ReaderAt
	size   int64
	pos    int64
	order  binary.ByteOrder
	narrow bool // lengths have 32 bits
	buf    []byte
	at     int64 // file offset of buf[0]
}

const windowSize = 16 << 10

// take returns the next n bytes, at most windowSize.
func (c *cursor) take(n int) ([]byte, error) {
	if int64(n) > c.size-c.pos {
		return nil, io.ErrUnexpectedEOF
	}
	if c.pos < c.at || c.pos+int64(n) > c.at+int64(len(c.buf)) {
		if c.buf == nil {
			c.buf = make([]byte, 0, windowSize)
		}
		k, _ := c.r.ReadAt(c.buf[:min(windowSize, c.size-c.pos)], c.pos)
		c.buf, c.at = c.buf[:k], c.pos
		if k < n {
			return nil, io.ErrUnexpectedEOF
		}
	}
	i := c.pos - c.at
	c.pos += int64(n)
	return c.buf[i : i+int64(n)], nil
}

func (c *cursor) skip(n int64) error {
	if n < 0 || n > c.size-c.pos {
		return io.ErrUnexpectedEOF
	}
	c.pos += n
	return nil
}

func (c *cursor) u32() (uint32, error) {
	b, err := c.take(4)
	if err != nil {
		return 0, err
	}
	return c.order.Uint32(b), nil
}

func (c *cursor) u64() (uint64, error) {
	b, err := c.take(8)
	if err != nil {
		return 0, err
	}
	return c.order.Uint64(b), nil
}

// length reads what is 32 bits in version 1 and 64 bits since.
func (c *cursor) length() (uint64, error) {
	if c.narrow {
		n, err := c.u32()
		return uint64(n), err
	}
	return c.u64()
}

func (p *parser) str() (string, error) {
	n, err := p.length()
	if err != nil {
		return "", err
	}
	if n > uint64(p.size-p.pos) {
		return "", io.ErrUnexpectedEOF
	}
	if n <= windowSize {
		b, err := p.take(int(n))
		return string(b), err
	}
	b, err := bounded.ReadRange(p.r, p.size, p.pos, int64(n), p.lim.StrSize)
	p.pos += int64(len(b))
	return string(b), err
}

// scalar reads a number or a bool. Floats stay bits.
func (p *parser) scalar(typ uint32) (any, error) {
	n, ok := widths[typ]
	if !ok {
		return nil, fmt.Errorf("value type %d", typ)
	}
	b, err := p.take(int(n))
	if err != nil {
		return nil, err
	}
	var v uint64
	switch n {
	case 1:
		v = uint64(b[0])
	case 2:
		v = uint64(p.order.Uint16(b))
	case 4:
		v = uint64(p.order.Uint32(b))
	default:
		v = p.order.Uint64(b)
	}
	switch typ {
	case 1, 3, 5, 11:
		shift := 64 - 8*n
		return int64(v<<shift) >> shift, nil
	case 7:
		if v > 1 {
			p.problem("a bool of %d", v)
		}
		return v != 0, nil
	}
	return v, nil
}

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

const maxThriftDepth = 16

// compact reads Thrift's compact protocol. The first error stays, and all that is read
// after it is zero.
type compact struct {
	b     []byte
	at    int
	depth int
	err   error
}

func (t *compact) fail(err error) {
	if t.err == nil {
		t.err = fmt.Errorf("at byte %d: %w", t.at, err)
		t.at = len(t.b)
	}
}

func (t *compact) byte() byte {
	if t.at >= len(t.b) {
		t.fail(io.ErrUnexpectedEOF)
		return 0
	}
	t.at++
	return t.b[t.at-1]
}

func (t *compact) uvarint() uint64 {
	x, n := binary.Uvarint(t.b[t.at:])
	switch {
	case n > 0:
		t.at += n
	case n == 0:
		t.fail(io.ErrUnexpectedEOF)
	default:
		t.fail(errors.New("a number of more than 64 bits"))
	}
	return x
}

func (t *compact) zigzag() int64 {
	x := t.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

// integer reads a field of a whole number.
func (t *compact) integer(typ byte) int64 {
	switch typ {
	case thriftByte:
		return int64(int8(t.byte()))
	case thriftI16, thriftI32, thriftI64:
		return t.zigzag()
	}
	t.fail(fmt.Errorf("type %d where a whole number should be", typ))
	return 0
}

// i32 reads a field of a whole number of 32 bits.
func (t *compact) i32(typ byte) int32 {
	x := t.integer(typ)
	if int64(int32(x)) != x {
		t.fail(errors.New("a number of more than 32 bits"))
		return 0
	}
	return int32(x)
}

func (t *compact) boolean(typ byte) bool {
	if typ != thriftTrue && typ != thriftFalse {
		t.fail(fmt.Errorf("type %d where a bool should be", typ))
	}
	return typ == thriftTrue
}

// bytes reads a field of bytes, which are those of the input.
func (t *compact) bytes(typ byte) []byte {
	if typ != thriftBinary {
		t.fail(fmt.Errorf("type %d where a text should be", typ))
		return nil
	}
	n := t.uvarint()
	if n > uint64(len(t.b)-t.at) {
		t.fail(io.ErrUnexpectedEOF)
		return nil
	}
	t.at += int(n)
	return t.b[t.at-int(n) : t.at]
}

// list calls a function for each element of a list of structs.
func (t *compact) list(typ byte, each func()) {
	if typ != thriftList {
		t.fail(fmt.Errorf("type %d where a list should be", typ))
		return
	}
	elem, n := t.listHead()
	if elem != thriftStruct && n > 0 {
		t.fail(fmt.Errorf("type %d where a list should have structs", elem))
	}
	for range n {
		if t.err != nil {
			return
		}
		each()
	}
}

func (t *compact) listHead() (elem byte, n int) {
	h := t.byte()
	size := uint64(h >> 4)
	if size == 15 {
		size = t.uvarint()
	}
	if size > uint64(len(t.b)-t.at) { // each takes a byte or more
		t.fail(io.ErrUnexpectedEOF)
		return 0, 0
	}
	return h & 15, int(size)
}

// fields calls a function for each field of a struct; it returns false for one that it
// does not want, which is then passed over.
func (t *compact) fields(want func(id int, typ byte) bool) {
	if t.depth == maxThriftDepth {
		t.fail(bounded.Exceeded("levels of structs", maxThriftDepth))
		return
	}
	t.depth++
	defer func() { t.depth-- }()
	id := int64(0)
	for {
		h := t.byte()
		if t.err != nil || h == 0 {
			return
		}
		if step := h >> 4; step != 0 {
			id += int64(step)
		} else {
			id = t.zigzag()
		}
		if id < math.MinInt16 || id > math.MaxInt16 {
			t.fail(errors.New("a field with a number of more than 16 bits"))
			return
		}
		if !want(int(id), h&15) {
			t.skip(h&15, false)
		}
	}
}

// skip passes over a value. A bool is in the head of its field, but takes a byte in a
// list.
func (t *compact) skip(typ byte, inside bool) {
	switch typ {
	case thriftTrue, thriftFalse:
		if inside {
			t.byte()
		}
	case thriftByte:
		t.byte()
	case thriftI16, thriftI32, thriftI64:
		t.uvarint()
	case thriftDouble:
		if len(t.b)-t.at < 8 {
			t.fail(io.ErrUnexpectedEOF)
			return
		}
		t.at += 8
	case thriftBinary:
		t.bytes(typ)
	case thriftList, thriftSet:
		elem, n := t.listHead()
		t.skipAll(n, elem)
	case thriftMap:
		t.skipMap()
	case thriftStruct:
		t.fields(func(int, byte) bool { return false })
	default:
		t.fail(fmt.Errorf("type %d, which there is not", typ))
	}
}

func (t *compact) skipAll(n int, types ...byte) {
	if t.depth == maxThriftDepth {
		t.fail(bounded.Exceeded("levels of structs", maxThriftDepth))
		return
	}
	t.depth++
	defer func() { t.depth-- }()
	for range n {
		for _, typ := range types {
			if t.err != nil {
				return
			}
			t.skip(typ, true)
		}
	}
}

func (t *compact) skipMap() {
	n := t.uvarint()
	if n == 0 || t.err != nil {
		return
	}
	types := t.byte()
	if n > uint64(len(t.b)-t.at) {
		t.fail(io.ErrUnexpectedEOF)
		return
	}
	t.skipAll(int(n), types>>4, types&15)
}

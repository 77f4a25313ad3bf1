package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// delta reads DELTA_BINARY_PACKED: Encodings.md, "Delta Encoding". It keeps no more than
// its place, whatever sizes the head claims.
type delta struct {
	src        []byte
	perMini    uint64 // values of a miniblock
	minis      uint64 // miniblocks of a block
	left       uint64 // values to come
	value      int64  // the next one
	first      bool   // it is that of the head
	least      int64  // delta of the block
	widths     []byte // of the miniblocks to come
	width, bit int    // of the miniblock, and in packed
	packed     []byte
	inMini     uint64 // values left in it
}

func newDelta(src []byte) (*delta, error) {
	d := &delta{src: src, first: true}
	size := d.uvarint()
	d.minis = d.uvarint()
	d.left = d.uvarint()
	d.value = d.zigzag()
	if d.src == nil {
		return nil, io.ErrUnexpectedEOF
	}
	if size == 0 || size%128 != 0 || size > math.MaxInt32 || d.minis == 0 || d.minis > size/32 || size%d.minis != 0 || size/d.minis%32 != 0 {
		return nil, fmt.Errorf("blocks of %d values in %d parts", size, d.minis)
	}
	if d.left > math.MaxInt32 {
		return nil, fmt.Errorf("%d values", d.left)
	}
	d.perMini = size / d.minis
	return d, nil
}

// uvarint reads a number; without one src becomes nil.
func (d *delta) uvarint() uint64 {
	x, n := binary.Uvarint(d.src)
	if n <= 0 {
		d.src = nil
		return 0
	}
	d.src = d.src[n:]
	return x
}

func (d *delta) zigzag() int64 {
	x := d.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

// next is the next value.
func (d *delta) next() (int64, error) {
	if d.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	d.left--
	if d.first {
		d.first = false
		return d.value, nil
	}
	if d.inMini == 0 {
		if err := d.mini(); err != nil {
			return 0, err
		}
	}
	d.inMini--
	if d.width > 0 {
		if d.bit+d.width > 8*len(d.packed) {
			return 0, io.ErrUnexpectedEOF
		}
		d.value += int64(unpack64(d.packed, d.bit, d.width))
		d.bit += d.width
	}
	d.value += d.least // wraps, as the specification wants
	return d.value, nil
}

// mini begins the next miniblock. The last one may be cut off behind its last value,
// and then has no miniblocks behind it.
func (d *delta) mini() error {
	if len(d.widths) == 0 {
		d.least = d.zigzag()
		if d.src == nil || uint64(len(d.src)) < d.minis {
			return io.ErrUnexpectedEOF
		}
		d.widths, d.src = d.src[:d.minis], d.src[d.minis:]
	}
	d.width, d.bit = int(d.widths[0]), 0
	d.widths = d.widths[1:]
	if d.width > 64 {
		return fmt.Errorf("deltas of %d bits", d.width)
	}
	size := min(d.perMini/8*uint64(d.width), uint64(len(d.src)))
	d.packed, d.src = d.src[:size], d.src[size:]
	d.inMini = d.perMini
	return nil
}

// end passes over all values, and returns what is behind them.
func (d *delta) end() ([]byte, error) {
	if d.left > 0 && d.first {
		d.first = false
		d.left--
	}
	for d.left > 0 {
		if d.inMini == 0 {
			if err := d.mini(); err != nil {
				return nil, err
			}
		}
		n := min(d.inMini, d.left)
		d.inMini -= n
		d.left -= n
	}
	return d.src, nil
}

// lengths are delta-encoded lengths, and what follows them.
func lengths(src []byte) (*delta, []byte, error) {
	d, err := newDelta(src)
	if err != nil {
		return nil, nil, err
	}
	ahead := *d
	rest, err := ahead.end()
	return d, rest, err
}

// deltaNumbers are integers of 4 or 8 bytes.
type deltaNumbers struct {
	*delta

	size int
}

func (v deltaNumbers) append(dst []byte, n, most int) ([]byte, int, error) {
	for i := range n {
		if i > 0 && len(dst) >= most {
			return dst, i, nil
		}
		x, err := v.next()
		if err != nil {
			return dst, i, err
		}
		if v.size == 4 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(x))
		} else {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
		}
	}
	return dst, n, nil
}

// deltaTexts are DELTA_LENGTH_BYTE_ARRAY, and with prefixes DELTA_BYTE_ARRAY.
type deltaTexts struct {
	prefixes *delta
	lengths  *delta
	data     []byte
	last     []byte
	fixed    int // length of all; 0 for any
	bare     bool
	limit    int64
}

func newDeltaTexts(src []byte, prefixed bool, col *Column, limit int64) (*deltaTexts, error) {
	v := &deltaTexts{limit: limit, bare: col.Number}
	if col.Kind == FixedLenByteArray {
		v.fixed = col.Length
	}
	var err error
	if prefixed {
		if v.prefixes, src, err = lengths(src); err != nil {
			return nil, err
		}
	}
	v.lengths, v.data, err = lengths(src)
	return v, err
}

func (v *deltaTexts) append(dst []byte, n, most int) ([]byte, int, error) {
	for i := range n {
		if i > 0 && len(dst) >= most {
			return dst, i, nil
		}
		text, err := v.next()
		if err != nil {
			return dst, i, err
		}
		if !v.bare {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
		}
		dst = append(dst, text...)
	}
	return dst, n, nil
}

func (v *deltaTexts) next() ([]byte, error) {
	size, err := v.lengths.next()
	if err != nil {
		return nil, err
	}
	if size < 0 || size > int64(len(v.data)) {
		return nil, io.ErrUnexpectedEOF
	}
	text := v.data[:size]
	v.data = v.data[size:]
	if v.prefixes != nil {
		prefix, err := v.prefixes.next()
		if err != nil {
			return nil, err
		}
		if prefix < 0 || prefix > int64(len(v.last)) || prefix+size > v.limit {
			return nil, errors.New("a prefix is longer than the value before")
		}
		v.last = append(v.last[:prefix], text...)
		text = v.last
	}
	if v.fixed > 0 && len(text) != v.fixed {
		return nil, fmt.Errorf("a value of %d bytes where all have %d", len(text), v.fixed)
	}
	return text, nil
}

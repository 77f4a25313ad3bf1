package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// hybrid reads the RLE and bit-packing hybrid: Encodings.md, "Run Length Encoding /
// Bit-Packing Hybrid (RLE = 3)".
type hybrid struct {
	src   []byte
	width int

	left   uint64 // values of the run
	repeat bool   // the run repeats value; else it is packed
	value  uint32
	packed []byte
	bit    int // in packed
}

func newHybrid(src []byte, width int) (*hybrid, error) {
	if width > 32 {
		return nil, fmt.Errorf("values of %d bits", width)
	}
	return &hybrid{src: src, width: width}, nil
}

// run goes on to the next run that has values.
func (h *hybrid) run() error {
	for h.left == 0 {
		head, n := binary.Uvarint(h.src)
		if n <= 0 || head>>1 > 1<<31 {
			return fmt.Errorf("the head of a run: %w", io.ErrUnexpectedEOF)
		}
		h.src = h.src[n:]
		if head&1 == 0 {
			if err := h.repeated(head >> 1); err != nil {
				return err
			}
			continue
		}
		// A packed run may be cut at the end of the page: its count is that of
		// whole groups of eight.
		groups := head >> 1
		size := min(groups*uint64(h.width), uint64(len(h.src)))
		h.packed, h.src, h.bit, h.repeat = h.src[:size], h.src[size:], 0, false
		if h.left = groups * 8; h.width > 0 {
			h.left = min(h.left, size*8/uint64(h.width))
		}
		if h.left == 0 && groups > 0 {
			return fmt.Errorf("a packed run: %w", io.ErrUnexpectedEOF)
		}
	}
	return nil
}

func (h *hybrid) repeated(n uint64) error {
	size := (h.width + 7) / 8
	if size > len(h.src) {
		return fmt.Errorf("a run: %w", io.ErrUnexpectedEOF)
	}
	h.value, h.repeat, h.left = 0, true, n
	for i := range size {
		h.value |= uint32(h.src[i]) << (8 * i)
	}
	h.src = h.src[size:]
	if h.width < 32 && h.value>>h.width != 0 {
		return errors.New("a run repeats a value that has more bits than it may")
	}
	return nil
}

// levels fills dst. The width is that of levels, which fit into a byte.
func (h *hybrid) levels(dst []byte) error {
	for len(dst) > 0 {
		if err := h.run(); err != nil {
			return err
		}
		n := int(min(h.left, uint64(len(dst))))
		switch {
		case h.repeat:
			fill(dst[:n], byte(h.value))
		case h.width == 1 && h.bit%8 == 0:
			n = h.bits(dst[:n])
		default:
			for i := range n {
				dst[i] = byte(unpack(h.packed, h.bit, h.width))
				h.bit += h.width
			}
		}
		h.left -= uint64(n)
		dst = dst[n:]
	}
	return nil
}

func fill(dst []byte, v byte) {
	if len(dst) == 0 {
		return
	}
	dst[0] = v
	for n := 1; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

// bits unpacks bits, eight at a time, and returns how many.
func (h *hybrid) bits(dst []byte) int {
	from := h.bit / 8
	whole := len(dst) / 8
	for i := range whole {
		binary.LittleEndian.PutUint64(dst[8*i:], spread[h.packed[from+i]])
	}
	for i := 8 * whole; i < len(dst); i++ {
		dst[i] = h.packed[from+i/8] >> (i % 8) & 1
	}
	h.bit += len(dst)
	return len(dst)
}

// spread has for each byte its bits in eight bytes.
var spread = func() (t [256]uint64) {
	for b := range t {
		for i := range 8 {
			t[b] |= uint64(b>>i&1) << (8 * i)
		}
	}
	return t
}()

// values fills dst.
func (h *hybrid) values(dst []uint32) error {
	for len(dst) > 0 {
		if err := h.run(); err != nil {
			return err
		}
		n := int(min(h.left, uint64(len(dst))))
		for i := range n {
			if h.repeat {
				dst[i] = h.value
				continue
			}
			dst[i] = unpack(h.packed, h.bit, h.width)
			h.bit += h.width
		}
		h.left -= uint64(n)
		dst = dst[n:]
	}
	return nil
}

// unpack is the value of a width of at most 32 bits that begins at a bit of b.
func unpack(b []byte, bit, width int) uint32 {
	return uint32(unpack64(b, bit, width))
}

// unpack64 is the same for a width of at most 64 bits. It must lie within b.
func unpack64(b []byte, bit, width int) uint64 {
	if width == 0 {
		return 0
	}
	at, shift := bit>>3, uint(bit&7)
	mask := ^uint64(0) >> (64 - uint(width))
	if at+9 <= len(b) {
		x := binary.LittleEndian.Uint64(b[at:]) >> shift
		if int(shift)+width > 64 {
			x |= uint64(b[at+8]) << (64 - shift)
		}
		return x & mask
	}
	var x uint64
	for i := 0; 8*i < int(shift)+width; i++ {
		v := uint64(b[at+i])
		if i == 0 {
			x = v >> shift
		} else {
			x |= v << (8*uint(i) - shift)
		}
	}
	return x & mask
}

package oip

import (
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// inferContents are the fields of InferTensorContents.
var inferContents = message{
	1: {"bool_contents", varint, true}, 2: {"int_contents", varint, true}, 3: {"int64_contents", varint, true},
	4: {"uint_contents", varint, true}, 5: {"uint64_contents", varint, true},
	6: {"fp32_contents", protowire.Fixed32Type, true}, 7: {"fp64_contents", protowire.Fixed64Type, true},
	8: {"bytes_contents", chunks, true},
}

// contentsOf is the field in which the elements of a type are. 16-bit floats have
// none.
func contentsOf(d tensor.DType) protowire.Number {
	switch d {
	case tensor.Bool:
		return 1
	case tensor.Int8, tensor.Int16, tensor.Int32:
		return 2
	case tensor.Int64:
		return 3
	case tensor.Uint8, tensor.Uint16, tensor.Uint32:
		return 4
	case tensor.Uint64:
		return 5
	case tensor.Float32:
		return 6
	case tensor.Float64:
		return 7
	case tensor.Bytes:
		return 8
	default:
		return 0
	}
}

// readTyped reads n elements out of typed contents. Packed floats are little-endian
// as tensors are: where they are in one piece, the data point to it.
func readTyped(t *tensor.Tensor, in field, n int64) error {
	want := contentsOf(t.DType)
	if want == 0 && n > 0 {
		return faultAt(in.at, CodeDType, "%s has no typed contents: send it raw", t.DType.V2())
	}
	c := &contents{t: t, want: n, most: min(n, int64(len(in.b))), whole: wholeOf(t.DType)}
	err := fields(in.b, in.at, inferContents, func(f field) error {
		if f.num != want {
			return within(faultAt(f.at, CodeSource, "these are not the contents of %s", t.DType.V2()), inferContents[f.num].name)
		}
		return within(c.field(f), inferContents[f.num].name)
	})
	if err == nil && c.got != n {
		err = faultAt(in.at, CodeCount, "%d elements, and the shape has %d", c.got, n)
	}
	return err
}

// contents are those of one tensor as they are read.
type contents struct {
	t         *tensor.Tensor
	whole     whole
	got, want int64
	most      int64 // elements that there can be: each has a byte at least
}

func (c *contents) field(f field) error {
	size := int64(c.t.DType.Size())
	switch {
	case f.num == 8:
		return c.text(f)
	case f.typ == chunks && (f.num == 6 || f.num == 7):
		if int64(len(f.b))%size != 0 {
			return faultAt(f.at, CodeSyntax, "the numbers of field %d end in the middle", f.num)
		}
		if c.got += int64(len(f.b)) / size; c.got > c.want {
			return c.tooMany(f.at)
		}
		if c.t.Data == nil {
			c.t.Data = slices.Clip(f.b)
		} else {
			c.t.Data = append(c.t.Data, f.b...)
		}
		return nil
	}
	return numbers(f, inferContents[f.num].typ, func(n uint64, at int) error {
		if c.got++; c.got > c.want {
			return c.tooMany(at)
		}
		return c.number(n, at)
	})
}

func (c *contents) tooMany(at int) error {
	return faultAt(at, CodeCount, "more than the %d elements that the shape has", c.want)
}

func (c *contents) text(f field) error {
	if c.got++; c.got > c.want {
		return c.tooMany(f.at)
	}
	c.t.Data = binary.LittleEndian.AppendUint32(c.t.Data, uint32(len(f.b)))
	c.t.Data = append(c.t.Data, f.b...)
	return nil
}

// number appends one element that is no text, if its type has it.
func (c *contents) number(n uint64, at int) error {
	t, size := c.t, c.t.DType.Size()
	v := int64(n)
	switch t.DType {
	case tensor.Float32:
		t.Data = binary.LittleEndian.AppendUint32(t.Data, uint32(n))
		return nil
	case tensor.Float64, tensor.Uint64:
		t.Data = binary.LittleEndian.AppendUint64(t.Data, n)
		return nil
	case tensor.Bool:
		if n > 1 {
			return faultAt(at, CodeNumber, "%d is no bool", n)
		}
	default:
		if v < c.whole.lo || v > c.whole.hi {
			return faultAt(at, CodeNumber, "%d is no %s", v, t.DType)
		}
	}
	if cap(t.Data) == 0 {
		t.Data = make([]byte, 0, c.most*int64(size))
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	t.Data = append(t.Data, b[:size]...)
	return nil
}

package oip

import (
	"encoding/binary"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// parts writes a message of which some parts are slices of others: what is ours
// lies behind each other in buf, and cuts says where theirs come between.
type parts struct {
	buf  []byte
	from int // where the message begins
	cuts []cut
}

type cut struct {
	at   int
	data []byte
}

// mark is how far a message is.
type mark struct{ at, cuts int }

func (p *parts) mark() mark { return mark{len(p.buf), len(p.cuts)} }

// wrap puts the tag of a field and its length in front of what was written since a
// mark. Headers are short, so they are moved.
func (p *parts) wrap(m mark, num protowire.Number) {
	size := len(p.buf) - m.at
	for _, c := range p.cuts[m.cuts:] {
		size += len(c.data)
	}
	var b [16]byte
	head := protowire.AppendVarint(protowire.AppendTag(b[:0], num, chunks), uint64(size))
	p.buf = append(p.buf, head...)
	copy(p.buf[m.at+len(head):], p.buf[m.at:len(p.buf)-len(head)])
	copy(p.buf[m.at:], head)
	for i := range p.cuts[m.cuts:] {
		p.cuts[m.cuts+i].at += len(head)
	}
}

// slices are the parts in order.
func (p *parts) slices() [][]byte {
	msg := make([][]byte, 0, 2*len(p.cuts)+1)
	at := p.from
	for _, c := range p.cuts {
		if c.at > at {
			msg = append(msg, p.buf[at:c.at:c.at])
		}
		msg = append(msg, c.data)
		at = c.at
	}
	if at < len(p.buf) {
		msg = append(msg, p.buf[at:])
	}
	return msg
}

// text writes a text that is not empty.
func (p *parts) text(num protowire.Number, s string) {
	if s != "" {
		p.buf = protowire.AppendString(protowire.AppendTag(p.buf, num, chunks), s)
	}
}

func (p *parts) varint(num protowire.Number, n uint64) {
	p.buf = protowire.AppendVarint(protowire.AppendTag(p.buf, num, varint), n)
}

// put writes a field whose bytes are not ours.
func (p *parts) put(num protowire.Number, data []byte) {
	p.buf = protowire.AppendVarint(protowire.AppendTag(p.buf, num, chunks), uint64(len(data)))
	if len(data) > 0 {
		p.cuts = append(p.cuts, cut{len(p.buf), data})
	}
}

func (p *parts) parameters(num protowire.Number, ps []Parameter) error {
	for _, param := range ps {
		entry := p.mark()
		p.text(1, param.Name)
		value := p.mark()
		if err := p.value(param); err != nil {
			return err
		}
		p.wrap(value, 2)
		p.wrap(entry, num)
	}
	return nil
}

func (p *parts) value(param Parameter) error {
	switch v := param.Value; v.Kind {
	case KindBool:
		p.varint(1, protowire.EncodeBool(v.Bool))
	case KindInt:
		p.varint(2, uint64(v.Int))
	case KindText:
		p.buf = protowire.AppendString(protowire.AppendTag(p.buf, 3, chunks), v.Text)
	case KindFloat:
		p.buf = protowire.AppendFixed64(protowire.AppendTag(p.buf, 4, protowire.Fixed64Type), math.Float64bits(v.Float))
	case KindUint:
		p.varint(5, v.Uint)
	default:
		return unwritable(param.Name, "gRPC has no list of texts as a parameter")
	}
	return nil
}

// AppendGRPC writes a ModelInferRequest as slices that follow each other: data of
// raw contents are the inputs' own, all else lies behind dst. The second result is
// dst with it, to be used again when the slices are no more needed. Contents are
// typed only where the form is FormGRPCTyped and every type has them.
func (r *Request) AppendGRPC(dst []byte) (msg [][]byte, buf []byte, err error) {
	p := &parts{buf: dst, from: len(dst)}
	p.text(1, r.Model)
	p.text(2, r.Version)
	p.text(3, r.ID)
	if err := p.parameters(4, r.Parameters); err != nil {
		return nil, p.buf, err
	}
	raw := !typable(r.Form, r.Inputs)
	if err := p.tensors(5, r.Inputs, r.InputParameters, r.Unseen, raw); err != nil {
		return nil, p.buf, err
	}
	for _, o := range r.Outputs {
		out := p.mark()
		p.text(1, o.Name)
		ps := o.Parameters
		if o.Memory != nil {
			ps = append(slices.Clip(ps), o.Memory.parameters()...)
		}
		if err := p.parameters(2, ps); err != nil {
			return nil, p.buf, err
		}
		p.wrap(out, 6)
	}
	if raw {
		p.raw(7, r.Inputs)
	}
	return p.slices(), p.buf, nil
}

// AppendGRPC writes a ModelInferResponse.
func (r *Response) AppendGRPC(dst []byte) (msg [][]byte, buf []byte, err error) {
	p := &parts{buf: dst, from: len(dst)}
	if err := r.parts(p); err != nil {
		return nil, p.buf, err
	}
	return p.slices(), p.buf, nil
}

// AppendStream writes a ModelStreamInferResponse around it.
func (r *Response) AppendStream(dst []byte) (msg [][]byte, buf []byte, err error) {
	return AppendStreamFault(dst, r, "")
}

// AppendStreamFault writes a ModelStreamInferResponse with the text of an error. r
// may be nil.
func AppendStreamFault(dst []byte, r *Response, fault string) (msg [][]byte, buf []byte, err error) {
	p := &parts{buf: dst, from: len(dst)}
	p.text(1, fault)
	if r != nil {
		inside := p.mark()
		if err := r.parts(p); err != nil {
			return nil, p.buf, err
		}
		p.wrap(inside, 2)
	}
	return p.slices(), p.buf, nil
}

func (r *Response) parts(p *parts) error {
	p.text(1, r.Model)
	p.text(2, r.Version)
	p.text(3, r.ID)
	if err := p.parameters(4, r.Parameters); err != nil {
		return err
	}
	raw := !typable(r.Form, r.Outputs)
	if err := p.tensors(5, r.Outputs, r.OutputParameters, r.Unseen, raw); err != nil {
		return err
	}
	if raw {
		p.raw(6, r.Outputs)
	}
	return nil
}

// typable reports whether tensors are written with typed contents.
func typable(f Form, ts []tensor.Tensor) bool {
	if f != FormGRPCTyped {
		return false
	}
	for _, t := range ts {
		if contentsOf(t.DType) == 0 {
			return false
		}
	}
	return true
}

func (p *parts) raw(num protowire.Number, ts []tensor.Tensor) {
	for _, t := range ts {
		p.put(num, t.Data)
	}
}

func (p *parts) tensors(num protowire.Number, ts []tensor.Tensor, parameters [][]Parameter, unseen []Unseen, raw bool) error {
	for i := range ts {
		t := &ts[i]
		if t.DType.V2() == "" {
			return unwritable(t.Name, "the V2 protocol has no %s", t.DType)
		}
		if err := fits(t, 0); err != nil {
			return unwritable(t.Name, "%w", err)
		}
		m := p.mark()
		var ps []Parameter
		if i < len(parameters) {
			ps = parameters[i]
		}
		if err := p.head(t.Name, t.DType, t.Shape, ps); err != nil {
			return err
		}
		if !raw {
			p.contents(t)
		}
		p.wrap(m, num)
	}
	for _, u := range unseen {
		m := p.mark()
		if err := p.head(u.Name, u.DType, u.Shape, append(slices.Clip(u.Parameters), u.Memory.parameters()...)); err != nil {
			return err
		}
		p.wrap(m, num)
	}
	return nil
}

// head writes all of a tensor but its contents.
func (p *parts) head(name string, d tensor.DType, shape []int64, ps []Parameter) error {
	p.text(1, name)
	p.text(2, d.V2())
	if len(shape) > 0 {
		m := p.mark()
		for _, n := range shape {
			p.buf = protowire.AppendVarint(p.buf, uint64(n))
		}
		p.wrap(m, 3)
	}
	return p.parameters(4, ps)
}

// contents writes the elements of a tensor into the field of its type.
func (p *parts) contents(t *tensor.Tensor) {
	if len(t.Data) == 0 {
		return
	}
	outer, num := p.mark(), contentsOf(t.DType)
	switch num {
	case 6, 7:
		p.put(num, t.Data)
	case 8:
		for rest := t.Data; len(rest) > 0; {
			n := binary.LittleEndian.Uint32(rest)
			p.buf = protowire.AppendBytes(protowire.AppendTag(p.buf, num, chunks), rest[4:4+n])
			rest = rest[4+n:]
		}
	default:
		inner, size := p.mark(), t.DType.Size()
		for i := 0; i < len(t.Data); i += size {
			p.buf = protowire.AppendVarint(p.buf, uint64(integerOf(t.Data[i:], t.DType)))
		}
		p.wrap(inner, num)
	}
	p.wrap(outer, 5)
}

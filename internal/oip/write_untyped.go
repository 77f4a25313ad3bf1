package oip

import (
	"encoding/binary"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// AppendV1 writes a request of one of the forms from FormInstances on.
func (r *Request) AppendV1(dst []byte) ([]byte, error) {
	return appendUntyped(dst, r.Form, untypedBody{r.Inputs, r.Parameters, r.Member, r.Base64})
}

// AppendV1 writes an answer of one of the forms from FormInstances on.
func (r *Response) AppendV1(dst []byte) ([]byte, error) {
	return appendUntyped(dst, r.Form, untypedBody{r.Outputs, r.Parameters, r.Member, r.Base64})
}

const maxLists = 1 << 25

// listsOf is how many lists are nested in each other at most: a shape may have large
// sizes in front of a 0.
func listsOf(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		if d > maxLists {
			return d
		}
		if n *= max(d, 1); n > maxLists {
			return n
		}
	}
	return n
}

type untypedBody struct {
	ts         []tensor.Tensor
	parameters []Parameter
	member     string
	base64     bool
}

func (b untypedBody) name(i int) string {
	if b.member != "" {
		return b.member
	}
	return b.ts[i].Name
}

func appendUntyped(dst []byte, f Form, b untypedBody) ([]byte, error) {
	for i := range b.ts {
		if err := fits(&b.ts[i], 0); err != nil {
			return dst, unwritable(b.ts[i].Name, "%w", err)
		}
		if lists := listsOf(b.ts[i].Shape); lists > maxLists {
			return dst, unwritable(b.ts[i].Name, "the shape %s needs more than %d lists", spell(b.ts[i].Shape), maxLists)
		}
	}
	if f == FormNamed {
		return b.named(dst)
	}
	if f == FormValue {
		return b.alone(dst)
	}
	at := len(dst)
	dst = append(dst, '{')
	var err error
	switch f {
	case FormInstances, FormInstancesNamed:
		dst, err = b.rows(appendKey(dst, "instances"), f == FormInstancesNamed)
	case FormPredictions, FormPredictionsNamed:
		dst, err = b.rows(appendKey(dst, "predictions"), f == FormPredictionsNamed)
	case FormInputs:
		dst, err = b.alone(appendKey(dst, "inputs"))
	case FormOutputs:
		dst, err = b.alone(appendKey(dst, "outputs"))
	case FormInputsNamed:
		dst, err = b.named(appendKey(dst, "inputs"))
	case FormOutputsNamed:
		dst, err = b.named(appendKey(dst, "outputs"))
	default:
		return dst[:at], unwritable("", "the message is not of a form of V1")
	}
	for _, p := range b.parameters {
		dst = p.Value.appendJSON(appendKey(dst, p.Name))
	}
	return append(dst, '}'), err
}

// alone writes the only tensor.
func (b untypedBody) alone(dst []byte) ([]byte, error) {
	if len(b.ts) != 1 {
		return dst, unwritable("", "the form has one tensor, and there are %d", len(b.ts))
	}
	return newNested(&b.ts[0], b.base64).append(dst, 0)
}

func (b untypedBody) named(dst []byte) (_ []byte, err error) {
	dst = append(dst, '{')
	for i := range b.ts {
		if dst, err = newNested(&b.ts[i], b.base64).append(appendKey(dst, b.name(i)), 0); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// rows writes one row of each tensor after the other.
func (b untypedBody) rows(dst []byte, named bool) (_ []byte, err error) {
	ns := make([]*nested, len(b.ts))
	for i := range b.ts {
		if t := &b.ts[i]; len(t.Shape) == 0 || t.Shape[0] != b.ts[0].Shape[0] {
			return dst, unwritable(t.Name, "the form has rows, and the tensors have not as many")
		}
		ns[i] = newNested(&b.ts[i], b.base64)
	}
	if len(ns) == 0 || !named && len(ns) > 1 {
		return dst, unwritable("", "the form has one tensor, and there are %d", len(ns))
	}
	dst = append(dst, '[')
	for row := range b.ts[0].Shape[0] {
		if row > 0 {
			dst = append(dst, ',')
		}
		if named {
			dst = append(dst, '{')
		}
		for i, n := range ns {
			if named {
				dst = appendKey(dst, b.name(i))
			}
			if dst, err = n.append(dst, 1); err != nil {
				return dst, err
			}
		}
		if named {
			dst = append(dst, '}')
		}
	}
	return append(dst, ']'), nil
}

// nested writes a tensor as lists, and knows how far it is.
type nested struct {
	tensor.Tensor
	base64 bool
}

func newNested(t *tensor.Tensor, base64 bool) *nested { return &nested{*t, base64} }

// append writes the next list of a level, and takes its elements from the data.
func (n *nested) append(dst []byte, level int) (_ []byte, err error) {
	if level == len(n.Shape) {
		return n.element(dst)
	}
	dst = append(dst, '[')
	for i := range n.Shape[level] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = n.append(dst, level+1); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (n *nested) element(dst []byte) ([]byte, error) {
	one := n.Tensor
	size := n.DType.Size()
	if n.DType == tensor.Bytes {
		size = 4 + int(binary.LittleEndian.Uint32(n.Data))
	}
	one.Data, n.Data = n.Data[:size], n.Data[size:]
	return appendElements(dst, &one, 0, 1, n.base64)
}

// AppendJSON writes a prompt.
func (p *Prompt) AppendJSON(dst []byte) (_ []byte, err error) {
	dst = appendString(appendKey(append(dst, '{'), "model"), p.Model)
	dst = appendKey(dst, p.Member)
	if !p.Bare {
		dst = append(dst, '[')
	}
	for i, t := range p.Prompts {
		if err := fits(&t, 0); err != nil {
			return dst, unwritable(t.Name, "%w", err)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		list := t.DType != tensor.Bytes
		if list {
			dst = append(dst, '[')
		}
		if dst, err = appendElements(dst, &t, 0, elementsOf(t.Shape), false); err != nil {
			return dst, err
		}
		if list {
			dst = append(dst, ']')
		}
	}
	if !p.Bare {
		dst = append(dst, ']')
	}
	for _, q := range p.Parameters {
		dst = q.Value.appendJSON(appendKey(dst, q.Name))
	}
	return append(dst, '}'), nil
}

package oip

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// unwritable is the error for what a form cannot have.
func unwritable(name, format string, args ...any) error {
	e := &Error{Code: CodeForm, Err: fmt.Errorf(format, args...)}
	if name != "" {
		e.Path = strconv.Quote(clip(name))
	}
	return e
}

const hexes = "0123456789abcdef"

// appendString writes a string of JSON, in ASCII where it is.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexes[c>>4], hexes[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// appendKey writes the name of a member, behind a comma if it is not the first.
func appendKey(dst []byte, name string) []byte {
	if c := dst[len(dst)-1]; c != '{' {
		dst = append(dst, ',')
	}
	return append(appendString(dst, name), ':')
}

func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(appendKey(dst, name), value)
}

func appendFloat(dst []byte, f float64, size int) []byte {
	from := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, size)
	for _, c := range dst[from:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, '.', '0') // a reader may ask which type a number has
}

func (v Value) appendJSON(dst []byte) []byte {
	switch v.Kind {
	case KindBool:
		return strconv.AppendBool(dst, v.Bool)
	case KindInt:
		return strconv.AppendInt(dst, v.Int, 10)
	case KindUint:
		return strconv.AppendUint(dst, v.Uint, 10)
	case KindFloat:
		return appendFloat(dst, v.Float, 64)
	case KindText:
		return appendString(dst, v.Text)
	default:
	}
	dst = append(dst, '[')
	for i, s := range v.Texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendParameters writes parameters, and those of the framing behind them.
func appendParameters(dst []byte, ps []Parameter, framing ...Parameter) []byte {
	if len(ps)+len(framing) == 0 {
		return dst
	}
	dst = append(appendKey(dst, "parameters"), '{')
	for _, list := range [][]Parameter{ps, framing} {
		for _, p := range list {
			dst = p.Value.appendJSON(appendKey(dst, p.Name))
		}
	}
	return append(dst, '}')
}

func (m Memory) parameters() []Parameter {
	ps := []Parameter{{memoryRegion, Value{Kind: KindText, Text: m.Region}}, {memorySize, Value{Kind: KindInt, Int: int64(m.Size)}}}
	if m.Offset > 0 {
		ps = append(ps, Parameter{memoryOffset, Value{Kind: KindInt, Int: int64(m.Offset)}})
	}
	return ps
}

// appendHead writes name, shape and datatype of a tensor.
func appendHead(dst []byte, name string, d tensor.DType, shape []int64) []byte {
	dst = appendString(appendKey(append(dst, '{'), "name"), name)
	dst = append(appendKey(dst, "shape"), '[')
	for i, n := range shape {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, n, 10)
	}
	return appendString(appendKey(append(dst, ']'), "datatype"), d.V2())
}

// writer writes the tensors of one message.
type writer struct {
	dst  []byte
	data [][]byte // behind the header
	in   func(name string) bool
}

// tensors writes a list of tensors. Those that w.in names follow the header.
func (w *writer) tensors(ts []tensor.Tensor, parameters [][]Parameter, unseen []Unseen) (err error) {
	w.dst = append(w.dst, '[')
	for i := range ts {
		w.comma(i)
		var ps []Parameter
		if i < len(parameters) {
			ps = parameters[i]
		}
		if err := w.tensor(&ts[i], ps); err != nil {
			return err
		}
	}
	for i, u := range unseen {
		w.comma(i + len(ts))
		w.dst = appendHead(w.dst, u.Name, u.DType, u.Shape)
		w.dst = append(appendParameters(w.dst, u.Parameters, u.Memory.parameters()...), '}')
	}
	w.dst = append(w.dst, ']')
	return nil
}

func (w *writer) comma(i int) {
	if i > 0 {
		w.dst = append(w.dst, ',')
	}
}

func (w *writer) tensor(t *tensor.Tensor, ps []Parameter) (err error) {
	if t.DType.V2() == "" {
		return unwritable(t.Name, "the V2 protocol has no %s", t.DType)
	}
	if err := fits(t, 0); err != nil {
		return unwritable(t.Name, "%w", err)
	}
	w.dst = appendHead(w.dst, t.Name, t.DType, t.Shape)
	if w.in != nil && w.in(t.Name) {
		size := Parameter{"binary_data_size", Value{Kind: KindInt, Int: int64(len(t.Data))}}
		w.dst = append(appendParameters(w.dst, ps, size), '}')
		if len(t.Data) > 0 {
			w.data = append(w.data, t.Data)
		}
		return nil
	}
	w.dst = append(appendKey(appendParameters(w.dst, ps), "data"), '[')
	if w.dst, err = appendElements(w.dst, t, 0, elementsOf(t.Shape), false); err != nil {
		return err
	}
	w.dst = append(w.dst, ']', '}')
	return nil
}

// appendElements writes elements from, to of a tensor, with commas between them.
// The offset of a text is found by walking, so texts are written once and in order.
func appendElements(dst []byte, t *tensor.Tensor, from, to int64, base64 bool) ([]byte, error) {
	if !inJSON(t.DType) {
		return dst, unwritable(t.Name, "JSON cannot have %s", t.DType)
	}
	if t.DType == tensor.Bytes {
		return appendTexts(dst, t, from, to, base64)
	}
	size := int64(t.DType.Size())
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendNumber(dst, t.Data[i*size:], t.DType); err != nil {
			return dst, unwritable(t.Name, "element %d: %w", i, err)
		}
	}
	return dst, nil
}

var errNotFinite = errors.New("JSON has neither NaN nor infinities")

// appendNumber writes the element that stands first in b.
func appendNumber(dst, b []byte, d tensor.DType) ([]byte, error) {
	le := binary.LittleEndian
	switch d {
	case tensor.Float64, tensor.Float32:
		var f float64
		if d == tensor.Float64 {
			f = math.Float64frombits(le.Uint64(b))
		} else {
			f = float64(math.Float32frombits(le.Uint32(b)))
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return dst, errNotFinite
		}
		return appendFloat(dst, f, 8*d.Size()), nil
	case tensor.Bool:
		return strconv.AppendBool(dst, b[0] != 0), nil
	case tensor.Uint64:
		return strconv.AppendUint(dst, le.Uint64(b), 10), nil
	default:
		return strconv.AppendInt(dst, integerOf(b, d), 10), nil
	}
}

// integerOf is the element that stands first in b, of a type that int64 holds.
func integerOf(b []byte, d tensor.DType) int64 {
	le := binary.LittleEndian
	switch d {
	case tensor.Int8:
		return int64(int8(b[0]))
	case tensor.Int16:
		return int64(int16(le.Uint16(b)))
	case tensor.Int32:
		return int64(int32(le.Uint32(b)))
	case tensor.Uint16:
		return int64(le.Uint16(b))
	case tensor.Uint32:
		return int64(le.Uint32(b))
	case tensor.Int64, tensor.Uint64:
		return int64(le.Uint64(b))
	default:
		return int64(b[0])
	}
}

// appendTexts writes texts, which must be UTF-8 if they are not in base64.
func appendTexts(dst []byte, t *tensor.Tensor, from, to int64, encoded bool) ([]byte, error) {
	rest := t.Data
	for i := range to {
		n := binary.LittleEndian.Uint32(rest)
		text := rest[4 : 4+n]
		rest = rest[4+n:]
		if i < from {
			continue
		}
		if i > from {
			dst = append(dst, ',')
		}
		switch {
		case encoded:
			dst = append(appendKey(append(dst, '{'), "b64"), '"')
			dst = append(base64.StdEncoding.AppendEncode(dst, text), '"', '}')
		case !utf8.Valid(text):
			return dst, unwritable(t.Name, "element %d is no UTF-8", i)
		default:
			dst = appendString(dst, string(text))
		}
	}
	return dst, nil
}

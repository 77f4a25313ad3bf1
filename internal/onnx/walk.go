package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tarball"
)

// walker gives fields their meaning, message by message. Every message type is
// a method; depth counts the graphs around it.
type walker struct {
	source
	lim    Limits
	model  *Model
	fields *bounded.Budget
	ops    map[Op]*Op
	main   bool // in the model's own graph
}

// each calls f for every field of a message.
func (w *walker) each(m span, f func(field) error) error {
	for m.off < m.end {
		if err := w.fields.Spend(1); err != nil {
			return &SyntaxError{m.off, err}
		}
		x, err := w.next(&m)
		if err != nil {
			return err
		}
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

// is says whether a field is number n of bytes type: a known number with a
// foreign wire type is an unknown field to protobuf.
func is(f field, n protowire.Number) bool { return f.num == n && f.typ == protowire.BytesType }

func (w *walker) str(f field, into *string) (err error) {
	*into, err = w.text(f.data, w.lim.StrSize)
	return err
}

func (w *walker) room(n int, what string, at int64) error {
	if n >= w.lim.Items {
		return &SyntaxError{at, bounded.Exceeded("ONNX "+what, int64(w.lim.Items))}
	}
	return nil
}

func (w *walker) readModel(m span) error {
	seen := make(map[protowire.Number]bool)
	return w.each(m, func(f field) error {
		if f.num <= 7 {
			if seen[f.num] {
				w.model.Duplicates = append(w.model.Duplicates[:min(len(w.model.Duplicates), 99)], fmt.Sprintf("field %d", f.num))
			}
			seen[f.num] = true
		}
		switch {
		case f.num == 1 && f.typ == protowire.VarintType:
			w.model.IRVersion = int64(f.val)
		case is(f, 2):
			return w.str(f, &w.model.Producer)
		case is(f, 3):
			return w.str(f, &w.model.ProducerVersion)
		case is(f, 4):
			return w.str(f, &w.model.Domain)
		case is(f, 7):
			w.main = true
			err := w.graph(f.data, 0)
			w.main = false
			return err
		case is(f, 8):
			return w.opset(f)
		case is(f, 14):
			return w.property(f)
		case is(f, 20):
			w.model.Training = true
			return w.training(f.data)
		case is(f, 25):
			return w.function(f)
		}
		return nil
	})
}

func (w *walker) training(m span) error {
	return w.each(m, func(f field) error {
		if is(f, 1) || is(f, 2) {
			return w.graph(f.data, 0)
		}
		return nil
	})
}

func (w *walker) opset(f field) error {
	if err := w.room(len(w.model.Opsets), "operator sets", f.off); err != nil {
		return err
	}
	var o Opset
	err := w.each(f.data, func(f field) error {
		if is(f, 1) {
			return w.str(f, &o.Domain)
		}
		if f.num == 2 && f.typ == protowire.VarintType {
			o.Version = int64(f.val)
		}
		return nil
	})
	w.model.Opsets = append(w.model.Opsets, o)
	return err
}

func (w *walker) pair(f field) (key, value string, err error) {
	err = w.each(f.data, func(f field) error {
		switch {
		case is(f, 1):
			return w.str(f, &key)
		case is(f, 2):
			return w.str(f, &value)
		}
		return nil
	})
	return key, value, err
}

func (w *walker) property(f field) error {
	if err := w.room(len(w.model.Properties), "properties", f.off); err != nil {
		return err
	}
	k, v, err := w.pair(f)
	w.model.Properties = append(w.model.Properties, Property{k, v, f.off})
	return err
}

func (w *walker) function(f field) error {
	if err := w.room(len(w.model.Functions), "functions", f.off); err != nil {
		return err
	}
	fn := Function{Offset: f.off}
	w.model.Graphs++
	err := w.each(f.data, func(f field) error {
		switch {
		case is(f, 1):
			return w.str(f, &fn.Name)
		case is(f, 7):
			return w.node(f, 0)
		case is(f, 9):
			return w.opset(f)
		case is(f, 10):
			return w.str(f, &fn.Domain)
		case is(f, 11):
			return w.attribute(f.data, 0)
		}
		return nil
	})
	w.model.Functions = append(w.model.Functions, fn)
	return err
}

func (w *walker) graph(m span, depth int) error {
	if depth > w.lim.Depth {
		return &SyntaxError{m.off, bounded.Exceeded("nested ONNX graphs", int64(w.lim.Depth))}
	}
	w.model.Graphs++
	return w.each(m, func(f field) error {
		switch {
		case is(f, 1):
			return w.node(f, depth)
		case is(f, 5):
			return w.tensor(f)
		case is(f, 11) && depth == 0 && w.main:
			return w.value(f, &w.model.Inputs)
		case is(f, 12) && depth == 0 && w.main:
			return w.value(f, &w.model.Outputs)
		case is(f, 15):
			return w.sparse(f.data)
		}
		return nil
	})
}

// value reads a ValueInfoProto.
func (w *walker) value(f field, to *[]Value) error {
	if err := w.room(len(*to), "inputs and outputs", f.off); err != nil {
		return err
	}
	v := Value{Other: true}
	err := w.each(f.data, func(f field) error {
		switch {
		case is(f, 1):
			return w.str(f, &v.Name)
		case is(f, 2):
			return w.each(f.data, func(f field) error {
				if !is(f, 1) {
					return nil // no tensor
				}
				v.Other = false
				return w.tensorType(f.data, &v)
			})
		}
		return nil
	})
	*to = append(*to, v)
	return err
}

func (w *walker) tensorType(m span, v *Value) error {
	return w.each(m, func(f field) error {
		switch {
		case f.num == 1 && f.typ == protowire.VarintType:
			v.DType = int64(f.val)
		case is(f, 2):
			v.Shaped = true
			return w.each(f.data, func(f field) error {
				if !is(f, 1) {
					return nil
				}
				if len(v.Dims) >= 256 {
					return &SyntaxError{f.off, bounded.Exceeded("dimensions of an ONNX tensor", 256)}
				}
				d := Dim{Value: -1}
				err := w.each(f.data, func(f field) error {
					switch {
					case f.num == 1 && f.typ == protowire.VarintType:
						d.Value = int64(f.val)
					case is(f, 2):
						return w.str(f, &d.Param)
					}
					return nil
				})
				v.Dims = append(v.Dims, d)
				return err
			})
		}
		return nil
	})
}

func (w *walker) node(f field, depth int) error {
	var op Op
	var inputs []string
	err := w.each(f.data, func(f field) error {
		switch {
		case is(f, 1) && depth == 0 && w.main && len(inputs) < 3:
			var s string
			err := w.str(f, &s)
			inputs = append(inputs, s)
			return err
		case is(f, 4):
			return w.str(f, &op.Type)
		case is(f, 5):
			return w.attribute(f.data, depth)
		case is(f, 7):
			return w.str(f, &op.Domain)
		}
		return nil
	})
	if op.Type == "Gather" && op.Domain == "" && len(inputs) == 2 && len(w.model.Lookups) < w.lim.Items {
		w.model.Lookups = append(w.model.Lookups, Lookup{inputs[0], inputs[1]})
	}
	if o, ok := w.ops[op]; ok {
		o.Count++
		return err
	}
	if e := w.room(len(w.ops), "operators", f.off); e != nil {
		return e
	}
	w.ops[op] = &Op{Domain: op.Domain, Type: op.Type, Offset: f.off, Count: 1}
	return err
}

func (w *walker) attribute(m span, depth int) error {
	return w.each(m, func(f field) error {
		switch {
		case is(f, 5), is(f, 10):
			return w.tensor(f)
		case is(f, 6), is(f, 11):
			return w.graph(f.data, depth+1)
		case is(f, 22), is(f, 23):
			return w.sparse(f.data)
		}
		return nil
	})
}

func (w *walker) sparse(m span) error {
	return w.each(m, func(f field) error {
		if is(f, 1) || is(f, 2) {
			return w.tensor(f)
		}
		return nil
	})
}

func (w *walker) tensor(f field) error {
	if err := w.room(len(w.model.Tensors), "tensors", f.off); err != nil {
		return err
	}
	t := Tensor{Offset: f.off}
	var ext External
	located := false
	err := w.each(f.data, func(f field) error {
		switch {
		case f.num == 1:
			return w.dims(f, &t)
		case f.num == 2 && f.typ == protowire.VarintType:
			t.DType = int64(f.val)
		case is(f, 8):
			return w.str(f, &t.Name)
		case is(f, 13):
			located = true
			return w.external(f, &ext)
		case f.num == 14 && f.typ == protowire.VarintType:
			located = located || f.val == 1
		}
		return nil
	})
	if located { // either sign is enough: loaders differ on which one counts
		ext.Flaws = tarball.Flaws(ext.Location)
		t.External = &ext
	}
	w.model.Tensors = append(w.model.Tensors, t)
	return err
}

// dims reads repeated int64, packed or not.
func (w *walker) dims(f field, t *Tensor) error {
	add := func(v uint64) error {
		if len(t.Dims) >= 256 {
			return &SyntaxError{f.off, bounded.Exceeded("dimensions of an ONNX tensor", 256)}
		}
		t.Dims = append(t.Dims, int64(v))
		return nil
	}
	if f.typ == protowire.VarintType {
		return add(f.val)
	}
	for m := f.data; m.off < m.end; {
		v, err := w.varint(&m)
		if err == nil {
			err = add(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) external(f field, ext *External) error {
	k, v, err := w.pair(f)
	switch k {
	case "location":
		if ext.Location != "" { // given twice: keep both readings
			ext.Extra = append(ext.Extra, "location "+ext.Location)
		}
		ext.Location = v
	case "offset":
		ext.Start = v
	case "length":
		ext.Length = v
	case "checksum":
	default:
		if len(ext.Extra) < 100 {
			ext.Extra = append(ext.Extra, k)
		}
	}
	return err
}

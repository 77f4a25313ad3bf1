package mobile

import (
	"encoding/binary"
	"strconv"
)

// Tensor is a tensor of the module's state.
type Tensor struct {
	Name          string // attributes joined by dots, as in a state_dict
	DType         string // torch's name; "scalar type N" for one that is not known
	Shape         []int64
	Stride        []int64 // elements
	StorageOffset int64   // elements
	Storage       int     // index in Module.Storages, which may be outside of it
}

// Slots of the tables that hold values, in the order of mobile_bytecode.fbs.
const (
	moduleState                          = 3
	objectType, objectState, objectAttrs = 0, 1, 2
	typeAttrs, listItems                 = 2, 0
	metaStorage, metaScalar, metaOffset  = 0, 1, 2
	metaSizes, metaStrides               = 3, 4
	unionTensor, unionList, unionTuple   = 5, 7, 8
	unionObject                          = 10
	deepestValue                         = 64
)

// scalarTypes are c10::ScalarType by number.
//
// PyTorch v2.6.0 c10/core/ScalarType.h, AT_FORALL_SCALAR_TYPES_WITH_COMPLEX_AND_QINTS.
var scalarTypes = []string{
	"uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32", "complex64", "complex128",
	"bool", "qint8", "quint8", "qint32", "bfloat16",
}

// value is an ivalue that is to be walked.
type value struct {
	index int64
	name  string
	depth int
}

// state walks the module's state and collects its tensors.
func (b *buffer) state(root int64, m *Module) error {
	first, err := b.slotU32(root, moduleState)
	if err != nil {
		return err
	}
	start, n, err := b.vector(root, moduleIValues, 4)
	if err != nil || n == 0 {
		return err
	}
	seen := map[int64]bool{}
	for todo := []value{{index: int64(first)}}; len(todo) > 0; {
		v := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if v.index >= n || seen[v.index] || v.depth > deepestValue {
			continue
		}
		seen[v.index] = true
		at, err := b.follow(start + 4*v.index)
		if err != nil {
			return err
		}
		children, err := b.children(root, at, v, m)
		if err != nil {
			return err
		}
		todo = append(todo, children...)
	}
	return nil
}

// children returns what an ivalue holds, last first, so that it is walked in order.
func (b *buffer) children(root, at int64, v value, m *Module) ([]value, error) {
	kind, err := b.slotU8(at, ivalueKind)
	if err != nil {
		return nil, err
	}
	pos, err := b.slot(at, ivalueValue)
	if err != nil || pos == 0 {
		return nil, err
	}
	switch kind {
	case unionTensor, unionList, unionTuple, unionObject:
	default:
		return nil, nil
	}
	table, err := b.follow(pos)
	if err != nil {
		return nil, err
	}
	switch kind {
	case unionTensor:
		return nil, b.tensor(table, v.name, m)
	case unionObject:
		return b.attributes(root, table, v)
	}
	return b.items(table, listItems, v, func(i int64) string { return strconv.FormatInt(i, 10) })
}

// attributes returns an object's attributes under the names of its type, and the
// state that its __setstate__ is given.
func (b *buffer) attributes(root, table int64, v value) ([]value, error) {
	index, err := b.slotU32(table, objectType)
	if err != nil {
		return nil, err
	}
	var names []string
	start, n, err := b.vector(root, moduleTypes, 4)
	if err != nil {
		return nil, err
	}
	if int64(index) < n {
		typ, err := b.follow(start + 4*int64(index))
		if err != nil {
			return nil, err
		}
		if names, err = b.strings(typ, typeAttrs); err != nil {
			return nil, err
		}
	}
	children, err := b.items(table, objectAttrs, v, func(i int64) string {
		if i < int64(len(names)) {
			return names[i]
		}
		return strconv.FormatInt(i, 10)
	})
	if err != nil {
		return nil, err
	}
	state, err := b.slotU32(table, objectState)
	if state != 0 {
		children = append(children, value{index: int64(state), name: v.name, depth: v.depth + 1})
	}
	return children, err
}

// items reads a vector of indices of ivalues.
func (b *buffer) items(table int64, slot int, v value, name func(int64) string) ([]value, error) {
	start, n, err := b.vector(table, slot, 4)
	if err != nil {
		return nil, err
	}
	if err := b.budget.Spend(n); err != nil {
		return nil, &FormatError{start, "items", err}
	}
	children := make([]value, n)
	for i := range n {
		index, err := b.u32(start + 4*i)
		if err != nil {
			return nil, err
		}
		full := name(i)
		if v.name != "" {
			full = v.name + "." + full
		}
		children[n-1-i] = value{index: int64(index), name: full, depth: v.depth + 1}
	}
	return children, nil
}

func (b *buffer) tensor(table int64, name string, m *Module) error {
	storage, err := b.slotU32(table, metaStorage)
	if err != nil {
		return err
	}
	scalar, err := b.slotU8(table, metaScalar)
	if err != nil {
		return err
	}
	offset, err := b.slotU32(table, metaOffset)
	if err != nil {
		return err
	}
	t := Tensor{Name: name, DType: "scalar type " + strconv.Itoa(int(scalar)), StorageOffset: int64(int32(offset)), Storage: int(storage)}
	if int(scalar) < len(scalarTypes) {
		t.DType = scalarTypes[scalar]
	}
	if t.Shape, err = b.ints(table, metaSizes); err != nil {
		return err
	}
	t.Stride, err = b.ints(table, metaStrides)
	m.Tensors = append(m.Tensors, t)
	return err
}

// ints reads a vector of 32-bit integers.
func (b *buffer) ints(table int64, slot int) ([]int64, error) {
	start, n, err := b.vector(table, slot, 4)
	if err != nil {
		return nil, err
	}
	if err := b.budget.Spend(n); err != nil {
		return nil, &FormatError{start, "integers", err}
	}
	out := make([]int64, n)
	for i := range n {
		p, err := b.bytes(start+4*i, 4)
		if err != nil {
			return nil, err
		}
		out[i] = int64(int32(binary.LittleEndian.Uint32(p)))
	}
	return out, nil
}

// strings reads a vector of strings.
func (b *buffer) strings(table int64, slot int) ([]string, error) {
	start, n, err := b.vector(table, slot, 4)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range n {
		at, err := b.follow(start + 4*i)
		if err != nil {
			return nil, err
		}
		s, err := b.text(at)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

package pickle

import (
	"iter"
	"math"
	"math/big"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Kind is the type of a symbolic value.
type Kind uint8

// The kinds of values.
const (
	KindUnknown Kind = iota
	KindNone
	KindBool
	KindInt
	KindFloat
	KindBytes
	KindByteArray
	KindStr // also Python 2's STRING, BINSTRING and SHORT_BINSTRING; Via says which
	KindTuple
	KindList
	KindDict
	KindSet
	KindFrozenSet
	KindGlobal
	KindObject // the result of REDUCE, NEWOBJ, NEWOBJ_EX, INST or OBJ
	KindPersistent
	KindExt
	KindBuffer
)

var kindNames = [...]string{"unknown", "None", "bool", "int", "float", "bytes", "bytearray", "str", "tuple", "list", "dict", "set", "frozenset", "global", "object", "persistent", "extension", "buffer"}

// String returns the kind's Python name where it has one.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// plain reports whether values of this kind are built by the stream alone:
// constants and containers.
func (k Kind) plain() bool { return k >= KindNone && k <= KindFrozenSet }

// Value is a handle on a symbolic value of a Trace. The zero Value is no value.
type Value struct {
	t   *Trace
	ref uint32
}

func (v Value) node() node {
	if v.t == nil || int(v.ref) >= v.t.st.nodes.Len() {
		return node{}
	}
	return v.t.st.nodes.At(int(v.ref))
}

func (v Value) to(ref uint32) Value {
	if ref == 0 {
		return Value{}
	}
	return Value{v.t, ref}
}

// IsZero reports whether v is no value.
func (v Value) IsZero() bool { return v.ref == 0 }

// Kind returns the type of v.
func (v Value) Kind() Kind { return v.node().kind }

// Offset returns where the opcode that made v stands. None, True, False, the
// empty tuple and the ints of BININT1 are made once for a stream, as in CPython.
func (v Value) Offset() int64 { return v.node().off }

// Via returns the opcode that made v.
func (v Value) Via() Code { return v.node().op }

// Same reports whether v and w are the same object.
func (v Value) Same(w Value) bool { return v == w }

// Key identifies v among the values of its trace.
func (v Value) Key() uint32 { return v.ref }

// Bool returns the value of a bool.
func (v Value) Bool() (b, ok bool) {
	n := v.node()
	return n.a == 1 && n.kind == KindBool, n.kind == KindBool
}

// Int returns the value of an int that fits 64 bits.
func (v Value) Int() (int64, bool) {
	n := v.node()
	if n.kind != KindInt {
		return 0, false
	}
	if n.flag&inlineInt != 0 {
		return n.num(), true
	}
	if n.op == LONG1 || n.op == LONG4 { // longer than 8 bytes, perhaps for nothing
		if b, ok := v.BigInt(); ok && b.IsInt64() {
			return b.Int64(), true
		}
	}
	return 0, false
}

// maxDigits is the longest text that BigInt converts: conversion costs the
// square of the length.
const maxDigits = 64 << 10

// BigInt returns the value of an int of up to MaxText bytes, or 65,536 digits of
// text.
func (v Value) BigInt() (*big.Int, bool) {
	n := v.node()
	if n.kind != KindInt {
		return nil, false
	}
	if n.flag&inlineInt != 0 {
		return big.NewInt(n.num()), true
	}
	text := n.op == INT || n.op == LONG
	if text && n.num() > maxDigits {
		return nil, false
	}
	b, ok := v.raw()
	if !ok {
		return nil, false
	}
	if text {
		num, ok := parseNumber(longDigits(n.op, b), 0)
		if !ok {
			return nil, false
		}
		return num.big()
	}
	return longInt(b), true
}

// longInt reads a little-endian two's complement number. b is consumed.
//
// Lib/pickle.py: decode_long.
func longInt(b []byte) *big.Int {
	negative := len(b) > 0 && b[len(b)-1] >= 0x80
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	v := new(big.Int).SetBytes(b)
	if negative {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v
}

// Float returns the value of a float.
func (v Value) Float() (float64, bool) {
	n := v.node()
	if n.kind != KindFloat {
		return 0, false
	}
	return math.Float64frombits(uint64(n.num())), true
}

// payload returns where the argument of a text or bytes opcode lies.
func (n node) payload() (off, size int64) {
	return n.off + 1 + int64(headLen[codes[n.op].arg]), n.num()
}

// raw reads the payload of a string or a long integer.
func (v Value) raw() ([]byte, bool) {
	if v.t == nil {
		return nil, false
	}
	off, size := v.node().payload()
	s := &v.t.st
	b, err := bounded.ReadRange(s.r, s.size, off, size, s.maxText)
	return b, err == nil
}

// decodeText turns the payload of a string opcode into text.
func decodeText(op Code, b []byte) (string, bool) {
	switch op {
	case STRING:
		text, ok := unescapeString(b)
		if !ok {
			return "", false
		}
		b = text
	case UNICODE:
		text, ok := rawUnicode(b)
		return string(text), ok
	case BINSTRING, SHORT_BINSTRING:
	default:
		return string(b), true
	}
	if !utf8.Valid(b) {
		return latin1(b), true
	}
	return string(b), true
}

// Text returns a str, decoded; false if it is longer than MaxText. A Python 2
// string is read as UTF-8, or as Latin-1 where it is not UTF-8. Lone surrogates
// are three bytes, as Python's surrogatepass writes them.
func (v Value) Text() (string, bool) {
	n := v.node()
	if n.kind != KindStr {
		return "", false
	}
	b, ok := v.raw()
	if !ok {
		return "", false
	}
	return decodeText(n.op, b)
}

// Bytes returns the content of bytes, a bytearray or a Python 2 string; false if
// it is longer than MaxText.
func (v Value) Bytes() ([]byte, bool) {
	n := v.node()
	switch {
	case n.kind == KindBytes, n.kind == KindByteArray, n.op == BINSTRING, n.op == SHORT_BINSTRING:
		return v.raw()
	case n.kind == KindStr && n.op == STRING:
		b, ok := v.raw()
		if !ok {
			return nil, false
		}
		return unescapeString(b)
	}
	return nil, false
}

// Section returns where the bytes of a string lie in the input; false for text
// with escapes.
func (v Value) Section() (off, n int64, ok bool) {
	x := v.node()
	if x.kind != KindStr && x.kind != KindBytes && x.kind != KindByteArray || x.op == STRING || x.op == UNICODE {
		return 0, 0, false
	}
	off, n = x.payload()
	return off, n, true
}

// Len returns the number of items of a container, of pairs of a dict, or of
// bytes of a string as it stands in the input.
func (v Value) Len() int {
	n := v.node()
	switch n.kind {
	case KindStr, KindBytes, KindByteArray:
		return int(n.num())
	case KindTuple, KindList, KindSet, KindFrozenSet:
		return int(n.c)
	case KindDict:
		return int(n.c / 2)
	}
	return 0
}

// Items yields the items of a tuple, list, set or frozenset, and what was
// appended or added to an Object.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		n := v.node()
		switch n.kind {
		case KindTuple:
			for i := range n.c {
				if !yield(v.to(v.t.st.items.At(int(n.a + i)))) {
					return
				}
			}
		case KindList, KindSet, KindFrozenSet:
			v.each(n.run(), yield)
		case KindObject:
			if n.c != 0 {
				v.each(v.t.st.extras.At(int(n.c-1)).items, yield)
			}
		}
	}
}

func (v Value) each(r run, yield func(Value) bool) {
	v.t.st.each(r, func(ref uint32) bool { return yield(v.to(ref)) })
}

// Pairs yields the keys and values of a dict in the order they were set, also
// those set again, and what was set as items on an Object.
func (v Value) Pairs() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		n := v.node()
		var r run
		switch {
		case n.kind == KindDict:
			r = n.run()
		case n.kind == KindObject && n.c != 0:
			r = v.t.st.extras.At(int(n.c - 1)).pairs
		default:
			return
		}
		var key uint32
		v.t.st.each(r, func(ref uint32) bool {
			if key == 0 {
				key = ref
				return true
			}
			k := key
			key = 0
			return yield(v.to(k), v.to(ref))
		})
	}
}

// Index returns item i of a tuple, or the zero Value.
func (v Value) Index(i int) Value {
	n := v.node()
	if n.kind != KindTuple || i < 0 || i >= int(n.c) {
		return Value{}
	}
	return v.to(v.t.st.items.At(int(n.a) + i))
}

// Global returns the name that was imported.
func (v Value) Global() (Global, bool) {
	n := v.node()
	if n.kind != KindGlobal {
		return Global{}, false
	}
	return v.t.st.globals[n.a], true
}

// Func returns what was called to make an Object.
func (v Value) Func() Value {
	n := v.node()
	if n.kind != KindObject {
		return Value{}
	}
	return v.to(n.a)
}

// Args returns what an Object's callee was called with: a tuple, or an unknown
// value.
func (v Value) Args() Value {
	n := v.node()
	if n.kind != KindObject {
		return Value{}
	}
	return v.to(n.b)
}

// KwArgs returns the keyword arguments of NEWOBJ_EX.
func (v Value) KwArgs() Value {
	n := v.node()
	if n.kind != KindObject || n.c == 0 {
		return Value{}
	}
	return v.to(v.t.st.extras.At(int(n.c - 1)).kwargs)
}

// States yields what BUILD set on an Object, in order.
func (v Value) States() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if n := v.node(); n.kind == KindObject && n.c != 0 {
			v.each(v.t.st.extras.At(int(n.c-1)).states, yield)
		}
	}
}

// PersistentID returns what was handed to persistent_load.
func (v Value) PersistentID() Value {
	n := v.node()
	if n.kind != KindPersistent {
		return Value{}
	}
	return v.to(n.a)
}

// ExtCode returns the extension code of an Ext.
func (v Value) ExtCode() (int64, bool) {
	n := v.node()
	return n.num(), n.kind == KindExt
}

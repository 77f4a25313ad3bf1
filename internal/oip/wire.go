package oip

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a protobuf message. What it holds depends on its type.
type field struct {
	num protowire.Number
	typ protowire.Type
	at  int    // where its value begins in the message as a whole
	n   uint64 // of varint and fixed types
	b   []byte // of bytes, which point into the message
}

// walk reads the fields of a message. base is where it begins in the message as a
// whole.
func walk(b []byte, base int, read func(f field) error) error {
	for p := 0; p < len(b); {
		num, typ, n := protowire.ConsumeTag(b[p:])
		if n < 0 {
			return faultAt(base+p, CodeSyntax, "no tag of a field")
		}
		f := field{num: num, typ: typ}
		p += n
		f.at = base + p
		switch typ {
		case protowire.VarintType:
			f.n, n = protowire.ConsumeVarint(b[p:])
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b[p:])
			f.n = uint64(v)
		case protowire.Fixed64Type:
			f.n, n = protowire.ConsumeFixed64(b[p:])
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(b[p:])
			f.at += max(n, 0) - len(f.b)
		default:
			return faultAt(f.at, CodeSyntax, "field %d is of a type that the protocol does not have", num)
		}
		if n < 0 {
			return faultAt(f.at, CodeSyntax, "field %d ends behind its message", num)
		}
		p += n
		if err := read(f); err != nil {
			return err
		}
	}
	return nil
}

// message says which fields a message has, and how each is written.
type message []struct {
	name     string
	typ      protowire.Type
	repeated bool
}

// fields reads a message whose fields are known. One that is not repeated may not
// stand twice, although protobuf lets the last one win.
func fields(b []byte, base int, known message, read func(f field) error) error {
	seen := uint64(0)
	return walk(b, base, func(f field) error {
		if f.num >= protowire.Number(len(known)) || known[f.num].name == "" {
			return faultAt(f.at, CodeMember, "field %d is not known", f.num)
		}
		k := known[f.num]
		switch {
		case f.typ != k.typ && (!k.repeated || f.typ != protowire.BytesType):
			return within(faultAt(f.at, CodeType, "the field has another type"), k.name)
		case seen>>f.num&1 == 1 && !k.repeated:
			return within(faultAt(f.at, CodeDuplicate, "field %d stands twice", f.num), k.name)
		}
		seen |= 1 << f.num
		return read(f)
	})
}

// numbers reads a field of repeated numbers, packed or not, of a type that known
// gives it.
func numbers(f field, typ protowire.Type, read func(n uint64, at int) error) error {
	if f.typ != protowire.BytesType {
		return read(f.n, f.at)
	}
	for p := 0; p < len(f.b); {
		var v uint64
		var n int
		switch typ {
		case protowire.Fixed32Type:
			var w uint32
			w, n = protowire.ConsumeFixed32(f.b[p:])
			v = uint64(w)
		case protowire.Fixed64Type:
			v, n = protowire.ConsumeFixed64(f.b[p:])
		default:
			v, n = protowire.ConsumeVarint(f.b[p:])
		}
		if n < 0 {
			return faultAt(f.at+p, CodeSyntax, "the numbers of field %d end in the middle", f.num)
		}
		if err := read(v, f.at+p); err != nil {
			return err
		}
		p += n
	}
	return nil
}

// str is a text of at most so many bytes.
func (f field) str(most int) (string, error) {
	switch {
	case len(f.b) > most:
		return "", faultAt(f.at, CodeLimit, "a text of more than %d bytes", most)
	case !utf8.Valid(f.b):
		return "", faultAt(f.at, CodeUTF8, "the text is no UTF-8")
	}
	return string(f.b), nil
}

func (f field) bool() (bool, error) {
	if f.n > 1 {
		return false, faultAt(f.at, CodeNumber, "%d is no bool", f.n)
	}
	return f.n == 1, nil
}

package pickle

import "fmt"

// Code is an opcode byte.
type Code byte

// The opcodes of protocols 0 to 5.
const (
	MARK             Code = '('
	EMPTY_TUPLE      Code = ')'
	STOP             Code = '.'
	POP              Code = '0'
	POP_MARK         Code = '1'
	DUP              Code = '2'
	BINBYTES         Code = 'B'
	SHORT_BINBYTES   Code = 'C'
	FLOAT            Code = 'F'
	BINFLOAT         Code = 'G'
	INT              Code = 'I'
	BININT           Code = 'J'
	BININT1          Code = 'K'
	LONG             Code = 'L'
	BININT2          Code = 'M'
	NONE             Code = 'N'
	PERSID           Code = 'P'
	BINPERSID        Code = 'Q'
	REDUCE           Code = 'R'
	STRING           Code = 'S'
	BINSTRING        Code = 'T'
	SHORT_BINSTRING  Code = 'U'
	UNICODE          Code = 'V'
	BINUNICODE       Code = 'X'
	EMPTY_LIST       Code = ']'
	APPEND           Code = 'a'
	BUILD            Code = 'b'
	GLOBAL           Code = 'c'
	DICT             Code = 'd'
	APPENDS          Code = 'e'
	GET              Code = 'g'
	BINGET           Code = 'h'
	INST             Code = 'i'
	LONG_BINGET      Code = 'j'
	LIST             Code = 'l'
	OBJ              Code = 'o'
	PUT              Code = 'p'
	BINPUT           Code = 'q'
	LONG_BINPUT      Code = 'r'
	SETITEM          Code = 's'
	TUPLE            Code = 't'
	SETITEMS         Code = 'u'
	EMPTY_DICT       Code = '}'
	PROTO            Code = 0x80
	NEWOBJ           Code = 0x81
	EXT1             Code = 0x82
	EXT2             Code = 0x83
	EXT4             Code = 0x84
	TUPLE1           Code = 0x85
	TUPLE2           Code = 0x86
	TUPLE3           Code = 0x87
	NEWTRUE          Code = 0x88
	NEWFALSE         Code = 0x89
	LONG1            Code = 0x8a
	LONG4            Code = 0x8b
	SHORT_BINUNICODE Code = 0x8c
	BINUNICODE8      Code = 0x8d
	BINBYTES8        Code = 0x8e
	EMPTY_SET        Code = 0x8f
	ADDITEMS         Code = 0x90
	FROZENSET        Code = 0x91
	NEWOBJ_EX        Code = 0x92
	STACK_GLOBAL     Code = 0x93
	MEMOIZE          Code = 0x94
	FRAME            Code = 0x95
	BYTEARRAY8       Code = 0x96
	NEXT_BUFFER      Code = 0x97
	READONLY_BUFFER  Code = 0x98
)

// Info describes an opcode.
type Info struct {
	Name  string
	Proto int    // the protocol that brought it
	Stack string // what it does to the stack: "any any -- any"
}

// argKind is how an opcode's argument is written.
type argKind uint8

const (
	argNone  argKind = iota
	argU1            // one byte
	argU2            // two bytes, little-endian
	argI4            // four bytes, signed
	argU4            // four bytes, unsigned
	argU8            // eight bytes
	argF8            // an IEEE 754 double, big-endian
	argLine          // text up to a newline
	argLine2         // two lines
	argN1            // one byte of length, then that many bytes
	argNS4           // a signed length of four bytes
	argN4            // an unsigned length of four bytes
	argN8            // a length of eight bytes
)

type codeInfo struct {
	name  string
	arg   argKind
	proto uint8
	stack string
}

// codes is indexed by opcode byte; an empty name is no opcode.
//
// Lib/pickletools.py: opcodes.
var codes = [256]codeInfo{
	MARK:             {"MARK", argNone, 0, "-- mark"},
	EMPTY_TUPLE:      {"EMPTY_TUPLE", argNone, 1, "-- tuple"},
	STOP:             {"STOP", argNone, 0, "any --"},
	POP:              {"POP", argNone, 0, "any --"},
	POP_MARK:         {"POP_MARK", argNone, 1, "mark stackslice --"},
	DUP:              {"DUP", argNone, 0, "any -- any any"},
	BINBYTES:         {"BINBYTES", argN4, 3, "-- bytes"},
	SHORT_BINBYTES:   {"SHORT_BINBYTES", argN1, 3, "-- bytes"},
	FLOAT:            {"FLOAT", argLine, 0, "-- float"},
	BINFLOAT:         {"BINFLOAT", argF8, 1, "-- float"},
	INT:              {"INT", argLine, 0, "-- int_or_bool"},
	BININT:           {"BININT", argI4, 1, "-- int"},
	BININT1:          {"BININT1", argU1, 1, "-- int"},
	LONG:             {"LONG", argLine, 0, "-- int"},
	BININT2:          {"BININT2", argU2, 1, "-- int"},
	NONE:             {"NONE", argNone, 0, "-- None"},
	PERSID:           {"PERSID", argLine, 0, "-- any"},
	BINPERSID:        {"BINPERSID", argNone, 1, "any -- any"},
	REDUCE:           {"REDUCE", argNone, 0, "any any -- any"},
	STRING:           {"STRING", argLine, 0, "-- bytes_or_str"},
	BINSTRING:        {"BINSTRING", argNS4, 1, "-- bytes_or_str"},
	SHORT_BINSTRING:  {"SHORT_BINSTRING", argN1, 1, "-- bytes_or_str"},
	UNICODE:          {"UNICODE", argLine, 0, "-- str"},
	BINUNICODE:       {"BINUNICODE", argN4, 1, "-- str"},
	EMPTY_LIST:       {"EMPTY_LIST", argNone, 1, "-- list"},
	APPEND:           {"APPEND", argNone, 0, "list any -- list"},
	BUILD:            {"BUILD", argNone, 0, "any any -- any"},
	GLOBAL:           {"GLOBAL", argLine2, 0, "-- any"},
	DICT:             {"DICT", argNone, 0, "mark stackslice -- dict"},
	APPENDS:          {"APPENDS", argNone, 1, "list mark stackslice -- list"},
	GET:              {"GET", argLine, 0, "-- any"},
	BINGET:           {"BINGET", argU1, 1, "-- any"},
	INST:             {"INST", argLine2, 0, "mark stackslice -- any"},
	LONG_BINGET:      {"LONG_BINGET", argU4, 1, "-- any"},
	LIST:             {"LIST", argNone, 0, "mark stackslice -- list"},
	OBJ:              {"OBJ", argNone, 1, "mark any stackslice -- any"},
	PUT:              {"PUT", argLine, 0, "-- "},
	BINPUT:           {"BINPUT", argU1, 1, "-- "},
	LONG_BINPUT:      {"LONG_BINPUT", argU4, 1, "-- "},
	SETITEM:          {"SETITEM", argNone, 0, "dict any any -- dict"},
	TUPLE:            {"TUPLE", argNone, 0, "mark stackslice -- tuple"},
	SETITEMS:         {"SETITEMS", argNone, 1, "dict mark stackslice -- dict"},
	EMPTY_DICT:       {"EMPTY_DICT", argNone, 1, "-- dict"},
	PROTO:            {"PROTO", argU1, 2, "-- "},
	NEWOBJ:           {"NEWOBJ", argNone, 2, "any any -- any"},
	EXT1:             {"EXT1", argU1, 2, "-- any"},
	EXT2:             {"EXT2", argU2, 2, "-- any"},
	EXT4:             {"EXT4", argI4, 2, "-- any"},
	TUPLE1:           {"TUPLE1", argNone, 2, "any -- tuple"},
	TUPLE2:           {"TUPLE2", argNone, 2, "any any -- tuple"},
	TUPLE3:           {"TUPLE3", argNone, 2, "any any any -- tuple"},
	NEWTRUE:          {"NEWTRUE", argNone, 2, "-- bool"},
	NEWFALSE:         {"NEWFALSE", argNone, 2, "-- bool"},
	LONG1:            {"LONG1", argN1, 2, "-- int"},
	LONG4:            {"LONG4", argNS4, 2, "-- int"},
	SHORT_BINUNICODE: {"SHORT_BINUNICODE", argN1, 4, "-- str"},
	BINUNICODE8:      {"BINUNICODE8", argN8, 4, "-- str"},
	BINBYTES8:        {"BINBYTES8", argN8, 4, "-- bytes"},
	EMPTY_SET:        {"EMPTY_SET", argNone, 4, "-- set"},
	ADDITEMS:         {"ADDITEMS", argNone, 4, "set mark stackslice -- set"},
	FROZENSET:        {"FROZENSET", argNone, 4, "mark stackslice -- frozenset"},
	NEWOBJ_EX:        {"NEWOBJ_EX", argNone, 4, "any any any -- any"},
	STACK_GLOBAL:     {"STACK_GLOBAL", argNone, 4, "str str -- any"},
	MEMOIZE:          {"MEMOIZE", argNone, 4, "any -- any"},
	FRAME:            {"FRAME", argU8, 4, "-- "},
	BYTEARRAY8:       {"BYTEARRAY8", argN8, 5, "-- bytearray"},
	NEXT_BUFFER:      {"NEXT_BUFFER", argNone, 5, "-- buffer"},
	READONLY_BUFFER:  {"READONLY_BUFFER", argNone, 5, "buffer -- buffer"},
}

// Info returns what is known about c, and whether it is an opcode.
func (c Code) Info() (Info, bool) {
	i := &codes[c]
	return Info{Name: i.name, Proto: int(i.proto), Stack: i.stack}, i.name != ""
}

// String returns the opcode's name, as in pickletools.
func (c Code) String() string {
	if name := codes[c].name; name != "" {
		return name
	}
	return fmt.Sprintf("opcode %#02x", byte(c))
}

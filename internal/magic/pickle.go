package magic

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// torchMagic is 0x1950a86a20f9469cfc6c, the first pickle of a legacy file.
const (
	torchMagic    = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
	torchMagicDec = "119547037146038801333356"
)

// IsTorchLegacy says whether a stream begins with the pickled magic number of
// legacy files, in any protocol. Only the first five bytes are fixed in
// protocol 2; protocol 4 puts a frame before the number, protocols 0 and 1
// write it as text.
func IsTorchLegacy(head []byte) bool {
	b := head
	if len(b) >= 2 && b[0] == 0x80 {
		b = b[2:]
	}
	if len(b) >= 9 && b[0] == 0x95 { // FRAME
		b = b[9:]
	}
	for _, p := range []string{"\x8a\x0a" + torchMagic, "\x8b\x0a\x00\x00\x00" + torchMagic, "L" + torchMagicDec, "I" + torchMagicDec} {
		if bytes.HasPrefix(b, []byte(p)) {
			return true
		}
	}
	return false
}

// argument lengths of opcodes; negative ones are special.
const (
	line  = -1 // up to a newline
	lines = -2 // two lines: GLOBAL, INST
	len1  = -3 // one byte of length, then so much
	len4  = -4
	len8  = -5
)

// args has every opcode of protocols 0 to 5 and how its argument is stored.
var args = func() (t [256]int8) {
	for i := range t {
		t[i] = -128
	}
	for _, g := range []struct {
		ops string
		n   int8
	}{
		{".()]}012NQRabdelosut\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98", 0},
		{"FILSVPgp", line},
		{"ci", lines},
		{"Kqh\x80\x82", 1},
		{"M\x83", 2},
		{"Jjr\x84", 4},
		{"G\x95", 8},
		{"\x8a\x8cCU", len1},
		{"TBX\x8b", len4},
		{"\x8d\x8e\x96", len8},
	} {
		for _, c := range []byte(g.ops) {
			t[c] = g.n
		}
	}
	return t
}()

// starters are the opcodes that need nothing on the stack. Nothing else can
// come first in a stream that does anything.
const starters = "()]}NFILSVPcKMJGUTBCX\x80\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96\x97"

// MaybePickle says whether a file of size bytes that begins with head could be
// a pickle that does something: it begins with an opcode that needs no stack,
// and its opcodes go on to the end of head, or to STOP, or to an import. It
// answers yes too often for short texts; the interpreter has the proof.
//
// A stream that breaks before any import has run nothing, so it is none.
func MaybePickle(head []byte, size int64) bool {
	if len(head) == 0 || strings.IndexByte(starters, head[0]) < 0 {
		return false
	}
	if head[0] == 0x80 {
		return len(head) >= 2 && head[1] <= 5
	}
	for at := 0; at < len(head); {
		rest := head[at:]
		n := width(rest)
		switch {
		case rest[0] == '.':
			return true
		case n < 0 || int64(n) > size-int64(at):
			return false
		case n > len(rest):
			return true
		case strings.IndexByte("i\x82\x83\x84\x93", rest[0]) >= 0:
			return true
		case rest[0] == 'c':
			return importable(rest[1:n])
		}
		at += n
	}
	return size > int64(len(head))
}

// importable says whether "module\nname\n" could be found: no module or
// attribute that code defines has spaces or brackets in its name.
func importable(two []byte) bool {
	return len(two) > 2 && !bytes.ContainsAny(two, " \t()[]{}=,;:'\"<>!?#@/\\")
}

// width returns how long the opcode at the start of b is with its argument,
// possibly more than there is, or -1 if there is no such opcode or its text
// argument cannot be one.
func width(b []byte) int {
	switch n := args[b[0]]; n {
	case line:
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return textWidth(b)
		}
		return literalWidth(b[:i+1])
	case lines:
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return textWidth(b)
		}
		if j := bytes.IndexByte(b[i+1:], '\n'); j >= 0 {
			return i + j + 2
		}
		return textWidth(b)
	case len1, len4, len8:
		return counted(b, map[int8]int{len1: 1, len4: 4, len8: 8}[n])
	case -128:
		return -1
	default:
		return 1 + int(n)
	}
}

// textWidth is for a line that goes on past the head: honest ones are short, but
// a string may be long, and so may a number or a name that means to hide what
// follows.
func textWidth(b []byte) int {
	long := len(b) > 512
	switch b[0] {
	case 'S', 'V':
	case 'F', 'I', 'L', 'g', 'p':
		if long && !number(b) {
			return -1
		}
	case 'c', 'i':
		if long && !importable(b[1:]) {
			return -1
		}
	default:
		if long {
			return -1
		}
	}
	return len(b) + 1
}

// literalWidth refuses INT, LONG, FLOAT, GET and PUT whose line is no number,
// and STRING without quotes.
func literalWidth(l []byte) int {
	if strings.IndexByte("FILSgp", l[0]) < 0 {
		return len(l)
	}
	if l[0] == 'S' { // STRING is a Python literal
		t := bytes.TrimSpace(l[1:])
		if len(t) < 2 || t[0] != t[len(t)-1] || t[0] != '\'' && t[0] != '"' {
			return -1
		}
		return len(l)
	}
	if !number(l) {
		return -1
	}
	return len(l)
}

// number reports whether the line of a numeric opcode may be a number, in any
// base. C's strtol, which INT uses, stops at a NUL.
//
// CPython v3.13.0 Modules/_pickle.c: load_int, load_long.
func number(l []byte) bool {
	allowed := "0123456789abcdefxol_+-l \t\v\f\r\n"
	if l[0] == 'F' {
		allowed = "0123456789.e_+-infatyn \t\v\f\r\n"
	}
	text, _, _ := bytes.Cut(l[1:], []byte{0})
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if strings.IndexByte(allowed, c) < 0 {
			return false
		}
	}
	return true
}

func counted(b []byte, k int) int {
	if len(b) < 1+k {
		return 1 + k
	}
	var w [8]byte
	copy(w[:], b[1:1+k])
	n := binary.LittleEndian.Uint64(w[:])
	if n > 1<<40 {
		return -1 // no file holds it; C and Python both stop here
	}
	return 1 + k + int(n)
}

// Package testkit makes inputs for tests: pickles from a line per opcode, and
// zip archives with every field under control. It also reads what torch said about
// the golden files. Nothing but tests imports it.
//
// # Security
//
// What it makes is inert: no helper here runs, loads or imports anything.
package testkit

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// Pickle assembles a pickle, one opcode a line:
//
//	testkit.Pickle("PROTO 2", "GLOBAL os system", "BINUNICODE echo hi", "TUPLE1", "REDUCE", "STOP")
//
// Text arguments are the rest of the line as it stands, or a Go string literal in
// double quotes. Lengths are filled in. GLOBAL and INST take two words or two
// literals; LONG1 and LONG4 take a decimal number of any size, or "hex:" and
// bytes. RAW takes hex bytes that are copied; "#" starts a comment line. A line may hold
// several lines of text. It panics on what it cannot assemble: that is a fault in
// a test.
func Pickle(lines ...string) []byte {
	var b []byte
	for _, text := range lines {
		for line := range strings.Lines(text) {
			b = appendLine(b, strings.TrimSuffix(line, "\n"))
		}
	}
	return b
}

// codeOf maps opcode names to bytes.
var codeOf = func() map[string]byte {
	m := map[string]byte{}
	for c := range 256 {
		if info, ok := pickle.Code(c).Info(); ok {
			m[info.Name] = byte(c)
		}
	}
	return m
}()

func appendLine(b []byte, line string) []byte {
	name, arg, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	switch {
	case name == "" || name[0] == '#':
		return b
	case name == "RAW":
		return append(b, mustHex(line, arg)...)
	}
	c, ok := codeOf[name]
	if !ok {
		panic(fmt.Sprintf("testkit: line %q: no such opcode", line))
	}
	return appendArg(append(b, c), line, pickle.Code(c), arg)
}

func appendArg(b []byte, line string, c pickle.Code, arg string) []byte {
	switch c {
	case pickle.PROTO, pickle.BININT1, pickle.BINPUT, pickle.BINGET, pickle.EXT1:
		return append(b, byte(number(line, arg, 0, math.MaxUint8)))
	case pickle.BININT2, pickle.EXT2:
		return binary.LittleEndian.AppendUint16(b, uint16(number(line, arg, 0, math.MaxUint16)))
	case pickle.BININT, pickle.EXT4:
		return binary.LittleEndian.AppendUint32(b, uint32(number(line, arg, math.MinInt32, math.MaxInt32)))
	case pickle.LONG_BINPUT, pickle.LONG_BINGET:
		return binary.LittleEndian.AppendUint32(b, uint32(number(line, arg, 0, math.MaxUint32)))
	case pickle.FRAME:
		return binary.LittleEndian.AppendUint64(b, uint64(number(line, arg, 0, math.MaxInt64)))
	case pickle.BINFLOAT:
		f, err := strconv.ParseFloat(arg, 64)
		if err != nil {
			panic(fmt.Sprintf("testkit: line %q: %v", line, err))
		}
		return binary.BigEndian.AppendUint64(b, math.Float64bits(f))
	case pickle.GLOBAL, pickle.INST:
		module, name := twoTexts(line, arg)
		return append(append(append(append(b, module...), '\n'), name...), '\n')
	case pickle.STRING, pickle.UNICODE, pickle.INT, pickle.LONG, pickle.FLOAT, pickle.PUT, pickle.GET, pickle.PERSID:
		return append(append(b, oneText(line, arg)...), '\n')
	case pickle.LONG1, pickle.LONG4:
		return appendCounted(b, c, longBytes(line, arg))
	}
	if counted[c] > 0 {
		return appendCounted(b, c, []byte(oneText(line, arg)))
	}
	if arg != "" {
		panic(fmt.Sprintf("testkit: line %q: the opcode takes no argument", line))
	}
	return b
}

// counted is how many bytes of length an opcode writes.
var counted = map[pickle.Code]int{
	pickle.SHORT_BINSTRING: 1, pickle.SHORT_BINBYTES: 1, pickle.SHORT_BINUNICODE: 1, pickle.LONG1: 1,
	pickle.BINSTRING: 4, pickle.BINBYTES: 4, pickle.BINUNICODE: 4, pickle.LONG4: 4,
	pickle.BINUNICODE8: 8, pickle.BINBYTES8: 8, pickle.BYTEARRAY8: 8,
}

func appendCounted(b []byte, c pickle.Code, data []byte) []byte {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(data)))
	size := counted[c]
	if size < 8 && len(data)>>(8*size) != 0 {
		panic(fmt.Sprintf("testkit: %v: %d bytes are too many", c, len(data)))
	}
	return append(append(b, n[:size]...), data...)
}

func number(line, arg string, low, high int64) int64 {
	v, err := strconv.ParseInt(arg, 0, 64)
	if err != nil || v < low || v > high {
		panic(fmt.Sprintf("testkit: line %q: the argument must be a number from %d to %d", line, low, high))
	}
	return v
}

func mustHex(line, arg string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(arg, " ", ""))
	if err != nil {
		panic(fmt.Sprintf("testkit: line %q: %v", line, err))
	}
	return b
}

func oneText(line, arg string) string {
	if !strings.HasPrefix(arg, `"`) {
		return arg
	}
	s, err := strconv.Unquote(arg)
	if err != nil {
		panic(fmt.Sprintf("testkit: line %q: %v", line, err))
	}
	return s
}

func twoTexts(line, arg string) (string, string) {
	first, err := strconv.QuotedPrefix(arg)
	if err != nil {
		module, name, ok := strings.Cut(arg, " ")
		if !ok {
			panic(fmt.Sprintf("testkit: line %q: two names are needed", line))
		}
		return module, name
	}
	return oneText(line, first), oneText(line, strings.TrimPrefix(arg[len(first):], " "))
}

// longBytes is the shortest little-endian two's complement of a decimal number.
func longBytes(line, arg string) []byte {
	if raw, ok := strings.CutPrefix(arg, "hex:"); ok {
		return mustHex(line, raw)
	}
	v, ok := new(big.Int).SetString(arg, 10)
	if !ok {
		panic(fmt.Sprintf("testkit: line %q: not a decimal number", line))
	}
	if v.Sign() == 0 {
		return nil
	}
	n := v.BitLen()/8 + 1
	if v.Sign() < 0 {
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
	}
	b := v.FillBytes(make([]byte, n))
	slices.Reverse(b)
	return b
}

// Frame puts a PROTO 4 and a FRAME of n bytes before body; a negative n means the
// length of the body.
func Frame(n int64, body []byte) []byte {
	if n < 0 {
		n = int64(len(body))
	}
	return append(Pickle("PROTO 4", fmt.Sprintf("FRAME %d", n)), body...)
}

package pickle

import (
	"bytes"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// number is the text of an integer, cleaned.
type number struct {
	digits string // with a sign when negative, without leading zeros
	base   int
	odd    bool // no pickler writes it so, or only one implementation reads it
}

func (n number) int64() (int64, bool) {
	v, err := strconv.ParseInt(n.digits, n.base, 64)
	return v, err == nil
}

func (n number) big() (*big.Int, bool) { return new(big.Int).SetString(n.digits, n.base) }

// cString cuts b where C sees its end.
func cString(b []byte) ([]byte, bool) {
	if before, _, ok := bytes.Cut(b, []byte{0}); ok {
		return before, true
	}
	return b, false
}

const pySpace = " \t\n\r\v\f"

// parseNumber reads an integer as int(text, base) and C's reader do together;
// base is 10, or 0 for a base by prefix.
//
// Objects/longobject.c: PyLong_FromString. Modules/_pickle.c: load_int tries
// strtol first, which takes a leading 0 for octal; load_int and load_put hand on
// a C string, which ends at a NUL.
func parseNumber(text []byte, base int) (number, bool) {
	s, odd := cString(text)
	trimmed := bytes.Trim(s, pySpace)
	n := number{base: 10, odd: odd || len(trimmed) != len(s)}
	neg := false
	if len(trimmed) > 0 && (trimmed[0] == '-' || trimmed[0] == '+') {
		neg = trimmed[0] == '-'
		n.odd = n.odd || !neg
		trimmed = trimmed[1:]
	}
	plain := len(trimmed)
	if base == 0 {
		trimmed, n.base = numberBase(trimmed)
	}
	digits, ok := cleanDigits(trimmed, n.base)
	if !ok {
		return n, false
	}
	digits = bytes.TrimLeft(digits, "0")
	n.odd = n.odd || len(digits) != plain && !(len(digits) == 0 && plain == 1)
	if len(digits) == 0 {
		digits = []byte{'0'}
	}
	n.digits = string(digits)
	if neg {
		n.digits = "-" + n.digits
	}
	return n, true
}

// numberBase takes a base prefix off. A leading zero before other octal digits
// is octal to strtol and refused by Python.
func numberBase(b []byte) ([]byte, int) {
	if len(b) < 2 || b[0] != '0' {
		return b, 10
	}
	base := 8
	switch b[1] | 0x20 {
	case 'x':
		base = 16
	case 'o':
	case 'b':
		base = 2
	default:
		if len(bytes.Trim(b, "0_")) == 0 {
			return b, 10
		}
		return b[1:], 8
	}
	b = b[2:]
	if len(b) > 1 && b[0] == '_' {
		b = b[1:]
	}
	return b, base
}

// cleanDigits takes out underscores between digits and checks the digits.
func cleanDigits(b []byte, base int) ([]byte, bool) {
	if len(b) == 0 || b[0] == '_' || b[len(b)-1] == '_' {
		return nil, false
	}
	out := make([]byte, 0, len(b))
	for i, c := range b {
		if c == '_' {
			if b[i-1] == '_' {
				return nil, false
			}
			continue
		}
		if d, ok := hexDigit(c); !ok || int(d) >= base {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

func hexDigit(c byte) (uint32, bool) {
	switch {
	case c >= '0' && c <= '9':
		return uint32(c - '0'), true
	case c >= 'a' && c <= 'f':
		return uint32(c-'a') + 10, true
	case c >= 'A' && c <= 'F':
		return uint32(c-'A') + 10, true
	}
	return 0, false
}

// parseFloat reads a float as float(text) and PyOS_string_to_double do together.
func parseFloat(text []byte) (v float64, odd, ok bool) {
	s, odd := cString(text)
	trimmed := bytes.Trim(s, pySpace)
	odd = odd || len(trimmed) != len(s) || bytes.IndexByte(trimmed, '_') >= 0
	lower := strings.ToLower(strings.TrimLeft(string(trimmed), "+-"))
	if lower != "inf" && lower != "infinity" && lower != "nan" {
		for i, c := range trimmed {
			switch {
			case c >= '0' && c <= '9', c == '.', c == '+', c == '-', c|0x20 == 'e':
			case c == '_' && i > 0 && i+1 < len(trimmed) && isDigit(trimmed[i-1]) && isDigit(trimmed[i+1]):
			default:
				return 0, odd, false
			}
		}
		trimmed = bytes.ReplaceAll(trimmed, []byte{'_'}, nil)
	}
	v, err := strconv.ParseFloat(string(trimmed), 64)
	if errors.Is(err, strconv.ErrRange) {
		return v, true, true // C: OverflowError; Python: inf
	}
	return v, odd, err == nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// unescapeString decodes the quoted argument of STRING.
//
// Objects/bytesobject.c: _PyBytes_DecodeEscape.
func unescapeString(text []byte) ([]byte, bool) {
	n := len(text)
	if n < 2 || text[0] != text[n-1] || text[0] != '\'' && text[0] != '"' {
		return nil, false
	}
	text = text[1 : n-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return text, true
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c := text[i]
		i++
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if i == len(text) {
			return nil, false
		}
		var ok bool
		if out, i, ok = unescapeOne(out, text, i); !ok {
			return nil, false
		}
	}
	return out, true
}

// escapes are the one-letter escapes.
var escapes = map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'b': '\b', 'f': '\f', 't': '\t', 'n': '\n', 'r': '\r', 'v': '\v', 'a': '\a'}

// unescapeOne decodes what follows a backslash at text[i-1].
func unescapeOne(out, text []byte, i int) ([]byte, int, bool) {
	c := text[i]
	i++
	if e, ok := escapes[c]; ok {
		return append(out, e), i, true
	}
	switch {
	case c == '\n':
		return out, i, true
	case c >= '0' && c <= '7':
		v := uint32(c - '0')
		for k := 0; k < 2 && i < len(text) && text[i] >= '0' && text[i] <= '7'; k++ {
			v = v<<3 | uint32(text[i]-'0')
			i++
		}
		return append(out, byte(v)), i, true
	case c == 'x':
		v, ok := hexNumber(text[i:], 2)
		return append(out, byte(v)), i + 2, ok
	}
	return append(out, '\\', c), i, true
}

// hexNumber reads n hexadecimal digits.
func hexNumber(b []byte, n int) (uint32, bool) {
	if len(b) < n {
		return 0, false
	}
	v := uint32(0)
	for _, c := range b[:n] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		v = v<<4 | d
	}
	return v, true
}

// rawUnicode decodes the argument of UNICODE: Latin-1 with \u and \U escapes.
// A lone surrogate is kept as three bytes, as Python's surrogatepass writes it.
//
// Objects/unicodeobject.c: _PyUnicode_DecodeRawUnicodeEscapeStateful.
func rawUnicode(text []byte) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c := text[i]
		i++
		if c != '\\' || i == len(text) {
			out = appendCodePoint(out, uint32(c))
			continue
		}
		c = text[i]
		i++
		n := map[byte]int{'u': 4, 'U': 8}[c]
		if n == 0 {
			out = append(out, '\\')
			out = appendCodePoint(out, uint32(c))
			continue
		}
		v, ok := hexNumber(text[i:], n)
		if !ok || v > utf8.MaxRune {
			return nil, false
		}
		out = appendCodePoint(out, v)
		i += n
	}
	return out, true
}

func appendCodePoint(out []byte, v uint32) []byte {
	if v >= 0xd800 && v < 0xe000 {
		return append(out, 0xe0|byte(v>>12), 0x80|byte(v>>6&0x3f), 0x80|byte(v&0x3f))
	}
	return utf8.AppendRune(out, rune(v))
}

// validText reports whether b is UTF-8 with surrogates let through.
func validText(b []byte) bool {
	for !utf8.Valid(b) {
		i := 0
		for i < len(b) {
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n <= 1 {
				break
			}
			i += n
		}
		b = b[i:]
		if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2]&0xc0 != 0x80 {
			return false
		}
		b = b[3:]
	}
	return true
}

// isASCII reports whether b has no byte above 0x7f.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c > 0x7f {
			return false
		}
	}
	return true
}

// latin1 turns every byte into the code point of the same number.
func latin1(b []byte) string {
	out := make([]byte, 0, len(b)+len(b)/4)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return string(out)
}

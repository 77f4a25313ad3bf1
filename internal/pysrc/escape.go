package pysrc

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape gives the value of the content of a literal, and whether that is not
// exact.
func unescape(s string, f flag) (string, bool) {
	if strings.IndexByte(s, '\r') >= 0 { // Python reads every line end as \n
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	if f&flagRaw != 0 || strings.IndexByte(s, '\\') < 0 {
		return s, false
	}
	u := unescaper{bytes: f&flagBytes != 0, out: make([]byte, 0, len(s))}
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return string(append(u.out, s...)), u.inexact
		}
		u.out = append(u.out, s[:i]...)
		s = s[i+1+u.one(s[i+1:]):]
	}
}

type unescaper struct {
	bytes   bool
	inexact bool
	out     []byte
}

// one reads the escape that s begins with, behind its backslash, and gives its
// length.
func (u *unescaper) one(s string) int {
	if c, ok := simpleEscape(s[0]); ok {
		u.out = append(u.out, c)
		return 1
	}
	switch c := s[0]; {
	case c == '\n':
		return 1
	case c >= '0' && c <= '7':
		n := 1
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(s[:n], 8, 32) // at most three digits
		u.char(rune(v))
		return n
	case c == 'x':
		return u.hex(s, 2)
	case c == 'u' && !u.bytes:
		return u.hex(s, 4)
	case c == 'U' && !u.bytes:
		return u.hex(s, 8)
	case c == 'N' && !u.bytes:
		u.inexact = true // there is no table of names here
	}
	u.out = append(u.out, '\\')
	return 0
}

func simpleEscape(c byte) (byte, bool) {
	const from, to = `\'"abfnrtv`, "\\'\"\a\b\f\n\r\t\v"
	if i := strings.IndexByte(from, c); i >= 0 {
		return to[i], true
	}
	return 0, false
}

// hex reads an escape of n digits.
func (u *unescaper) hex(s string, n int) int {
	if len(s) <= n {
		u.inexact = true
		return len(s)
	}
	v, err := strconv.ParseUint(s[1:1+n], 16, 32)
	if err != nil {
		u.inexact = true // Python refuses the file
		return 1
	}
	u.char(rune(v))
	return 1 + n
}

func (u *unescaper) char(r rune) {
	switch {
	case u.bytes:
		u.out = append(u.out, byte(r))
	case !utf8.ValidRune(r):
		u.inexact = true
		u.out = utf8.AppendRune(u.out, utf8.RuneError)
	default:
		u.out = utf8.AppendRune(u.out, r)
	}
}

// braces undoes the doubling of braces in the text of an f-string.
func braces(s string) string {
	if strings.IndexByte(s, '{') < 0 && strings.IndexByte(s, '}') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "{{", "{"), "}}", "}")
}

// Package safetext makes text from a file safe to show: a name or a string can
// then neither move the cursor, nor reorder or hide what stands around it.
package safetext

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Valid spells the bytes that are no UTF-8 as \xff. JSON cannot carry them, and
// replacing them by U+FFFD would give two files one name.
func Valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// Plain spells out everything that is not a visible character or a space, so
// that a text can neither move the cursor, nor reorder or hide what is around it.
func Plain(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case Shown(r):
			b.WriteString(s[:n])
		default:
			q := strconv.QuoteRuneToASCII(r) // '\n', '\x1b', '\u202e', '\U000e0001'
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// HTML is a plain text that may stand between tags and in quotes.
func HTML(s string) string { return html.EscapeString(Plain(s)) }

// Word writes a path as one word of a POSIX shell that no program takes for a flag.
func Word(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_./-+:@%,", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Shown is true for characters that leave a mark of their own. Format characters
// (bidirectional overrides, zero-width joiners, tags) are none to strconv.IsPrint;
// the fillers and the blank are letters and symbols that nobody can see.
func Shown(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return false
	}
	return strconv.IsPrint(r)
}

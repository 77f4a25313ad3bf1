package oip

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer reads JSON as RFC 8259 has it, and nothing beside.
type lexer struct {
	b    []byte
	p    int
	lim  Limits
	data int64 // bytes that were data of tensors, which Limits.Header is not about
}

// faultAt makes an error with an offset.
func faultAt(at int, code Code, format string, args ...any) error {
	return &Error{Code: code, Offset: int64(at), Err: fmt.Errorf(format, args...)}
}

// within puts a step in front of the path of an error.
func within(err error, step string) error {
	e, ok := err.(*Error) //nolint:errorlint // these are ours, and never wrapped
	if !ok {
		return err
	}
	if e.Path != "" && e.Path[0] != '[' {
		step += "."
	}
	e.Path = step + e.Path
	return e
}

func withinIndex(err error, name string, i int) error {
	if err == nil {
		return nil
	}
	return within(err, name+"["+strconv.Itoa(i)+"]")
}

func (l *lexer) fault(code Code, format string, args ...any) error {
	return faultAt(l.p, code, format, args...)
}

func space(b []byte, p int) int {
	for p < len(b) && (b[p] == ' ' || b[p] == '\n' || b[p] == '\r' || b[p] == '\t') {
		p++
	}
	return p
}

// next skips spaces and returns the byte there, which is 0 at the end.
func (l *lexer) next() byte {
	l.p = space(l.b, l.p)
	if l.p == len(l.b) {
		return 0
	}
	return l.b[l.p]
}

// take reads one byte that must be there.
func (l *lexer) take(c byte) error {
	if got := l.next(); got != c || l.p == len(l.b) {
		return l.wrong(fmt.Sprintf("%q", c))
	}
	l.p++
	return nil
}

// wrong is the error for a byte that does not belong there.
func (l *lexer) wrong(want string) error {
	if l.p >= len(l.b) {
		return l.fault(CodeSyntax, "the text ends where %s is wanted", want)
	}
	return l.fault(CodeSyntax, "got %q, want %s", l.b[l.p:l.p+1], want)
}

// finish makes sure that nothing follows.
func (l *lexer) finish() error {
	if l.next(); l.p < len(l.b) {
		return l.fault(CodeSyntax, "%d bytes stand behind the value", len(l.b)-l.p)
	}
	return l.spent()
}

// spent checks how much of the text was not data.
func (l *lexer) spent() error {
	if int64(l.p)-l.data > l.lim.Header {
		return l.fault(CodeLimit, "more than %d bytes of JSON beside data", l.lim.Header)
	}
	return nil
}

// list reads an array, and calls read at each element.
func (l *lexer) list(most int, read func(i int) error) error {
	if err := l.take('['); err != nil {
		return l.asType(err, "a list")
	}
	if l.next() == ']' {
		l.p++
		return nil
	}
	for i := 0; ; i++ {
		if i == most {
			return l.fault(CodeLimit, "more than %d in a list", most)
		}
		if l.next(); l.p == len(l.b) {
			return l.wrong("a value")
		}
		if err := read(i); err != nil {
			return err
		}
		if err := l.spent(); err != nil {
			return err
		}
		if l.next() != ',' {
			break
		}
		l.p++
	}
	if l.next() != ']' {
		return l.wrong(`"," or "]"`)
	}
	l.p++
	return nil
}

// asType turns an error at the start of a value into one about its type, where
// there is a value of another one.
func (l *lexer) asType(err error, want string) error {
	if got := l.kind(); got != "" {
		return l.fault(CodeType, "got %s, want %s", got, want)
	}
	return err
}

// kind names the value that begins here.
func (l *lexer) kind() string {
	rest := l.b[l.p:]
	switch c := l.next(); {
	case c == '"':
		return "a text"
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == '-' || c-'0' < 10:
		return "a number"
	default:
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(string(rest[:min(len(rest), 5)]), word) {
			return word
		}
	}
	return ""
}

// object reads an object whose members are known, and calls read with the number
// of each at its value. Case counts, and no member may stand twice.
func (l *lexer) object(known []string, read func(i int) error) (seen uint64, err error) {
	err = l.rawMembers(func(name []byte, at int) error {
		i := slices.IndexFunc(known, func(k string) bool { return k == string(name) })
		if i < 0 {
			return unknownMember(at, string(name), known)
		}
		if seen>>i&1 == 1 {
			return faultAt(at, CodeDuplicate, "member %q stands twice", name)
		}
		seen |= 1 << i
		return read(i)
	})
	return seen, err
}

func unknownMember(at int, name string, known []string) error {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return faultAt(at, CodeMember, "member %q is not known: did you mean %q?", clip(name), k)
		}
	}
	return faultAt(at, CodeMember, "member %q is not known", clip(name))
}

// members reads an object, and calls read at each value.
func (l *lexer) members(read func(name string, at int) error) error {
	return l.rawMembers(func(name []byte, at int) error { return read(string(name), at) })
}

// rawMembers is members for a caller that does not keep the names.
func (l *lexer) rawMembers(read func(name []byte, at int) error) error {
	if err := l.take('{'); err != nil {
		return l.asType(err, "an object")
	}
	if l.next() == '}' {
		l.p++
		return nil
	}
	for {
		l.next()
		at := l.p
		name, err := l.rawText(l.lim.Name)
		if err != nil {
			return err
		}
		if err := l.take(':'); err != nil {
			return err
		}
		if l.next(); l.p == len(l.b) {
			return l.wrong("a value")
		}
		if err := read(name, at); err != nil {
			return err
		}
		if err := l.spent(); err != nil {
			return err
		}
		if l.next() != ',' {
			break
		}
		l.p++
	}
	if l.next() != '}' {
		return l.wrong(`"," or "}"`)
	}
	l.p++
	return nil
}

// text reads a string of at most so many bytes.
func (l *lexer) text(most int) (string, error) {
	b, err := l.rawText(most)
	return string(b), err
}

// rawText is text for a caller that does not keep it: where nothing is escaped it is a
// part of what is read.
func (l *lexer) rawText(most int) (b []byte, err error) {
	start := l.p
	if from := l.p + 1; l.next() == '"' && l.p == start {
		if end := plain(l.b, from); end < len(l.b) && l.b[end] == '"' && end-from <= most && utf8.Valid(l.b[from:end]) {
			l.p = end + 1
			return l.b[from:end:end], nil
		}
	}
	if b, err = l.appendText(nil, most); err != nil {
		return nil, err
	}
	if len(b) > most {
		return nil, faultAt(start, CodeLimit, "a text of more than %d bytes", most)
	}
	return b, nil
}

// appendText reads a string and appends its bytes to dst. Half of a surrogate pair
// is no character, although other readers make one of it. It may stop early where
// there are more than most.
func (l *lexer) appendText(dst []byte, most int) ([]byte, error) {
	if err := l.take('"'); err != nil {
		return nil, l.asType(err, "a text")
	}
	from := len(dst)
	for len(dst)-from <= most {
		start := l.p
		l.p = plain(l.b, l.p)
		if !utf8.Valid(l.b[start:l.p]) {
			return nil, faultAt(start, CodeUTF8, "the text is no UTF-8")
		}
		dst = append(dst, l.b[start:l.p]...)
		if l.p == len(l.b) {
			return nil, l.wrong("the end of a text")
		}
		switch l.b[l.p] {
		case '"':
			l.p++
			return dst, nil
		case '\\':
			r, err := l.escape()
			if err != nil {
				return nil, err
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return nil, l.fault(CodeSyntax, "the control character %#02x is in a text", l.b[l.p])
		}
	}
	return dst, nil
}

// plain finds the first byte that ends a text, begins an escape or is a control
// character.
func plain(b []byte, p int) int {
	for p+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[p:])
		quote, back := w^(ones*'"'), w^(ones*'\\')
		// Exact up to the first hit, which is all that counts.
		if ((w-ones*0x20)&^w|(quote-ones)&^quote|(back-ones)&^back)&tops != 0 {
			break
		}
		p += 8
	}
	for p < len(b) && b[p] >= 0x20 && b[p] != '"' && b[p] != '\\' {
		p++
	}
	return p
}

var escapes = [256]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads a backslash and what it stands for.
func (l *lexer) escape() (rune, error) {
	at := l.p
	l.p += 2
	if l.p > len(l.b) {
		l.p = len(l.b)
		return 0, l.wrong("an escape")
	}
	c := l.b[l.p-1]
	if c != 'u' {
		if escapes[c] == 0 {
			return 0, faultAt(at, CodeSyntax, "escape %q is not known", "\\"+string(rune(c)))
		}
		return escapes[c], nil
	}
	r, err := l.hex(at)
	if err != nil || r < 0xd800 || r > 0xdfff {
		return r, err
	}
	if r < 0xdc00 && l.p+1 < len(l.b) && l.b[l.p] == '\\' && l.b[l.p+1] == 'u' {
		l.p += 2
		low, err := l.hex(l.p - 2)
		if err != nil {
			return 0, err
		}
		if low >= 0xdc00 && low <= 0xdfff {
			return 0x10000 + (r-0xd800)<<10 + low - 0xdc00, nil
		}
	}
	return 0, faultAt(at, CodeUTF8, "half of a surrogate pair stands alone")
}

// hex reads four hexadecimal digits.
func (l *lexer) hex(at int) (r rune, err error) {
	if l.p+4 > len(l.b) {
		return 0, faultAt(at, CodeSyntax, "the text ends in an escape")
	}
	for _, c := range l.b[l.p : l.p+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, faultAt(at, CodeSyntax, "an escape needs four hexadecimal digits")
		}
		r = r<<4 | rune(c)
	}
	l.p += 4
	return r, nil
}

// word reads one of true, false and null where it stands.
func (l *lexer) word(w string) bool {
	if l.p+len(w) > len(l.b) || string(l.b[l.p:l.p+len(w)]) != w {
		return false
	}
	l.p += len(w)
	return true
}

func (l *lexer) bool() (bool, error) {
	switch l.next(); {
	case l.word("true"):
		return true, nil
	case l.word("false"):
		return false, nil
	}
	return false, l.asType(l.wrong("true or false"), "true or false")
}

const maxNumber = 1100 // bytes of a number: float64 needs fewer than 800 digits

// number reads a number as text.
func (l *lexer) number() (text []byte, integer bool, err error) {
	l.next()
	from := l.p
	end, integer, ok := scanNumber(l.b, from)
	switch {
	case ok && end-from > maxNumber:
		return nil, false, l.fault(CodeLimit, "a number of more than %d bytes", maxNumber)
	case ok:
		l.p = end
		return l.b[from:end], integer, nil
	}
	for _, w := range []string{"NaN", "Infinity", "-Infinity", "-NaN", "inf", "-inf", "nan"} {
		if l.word(w) {
			return nil, false, faultAt(from, CodeNumber, "JSON has no number %q", w)
		}
	}
	if k := l.kind(); k != "" && k != "a number" {
		return nil, false, l.asType(nil, "a number")
	}
	l.p = end
	return nil, false, l.wrong("a number")
}

// integer reads an integer of 64 bits.
func (l *lexer) integer() (int64, error) {
	text, integer, err := l.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || !integer || string(text) == "-0" {
		return 0, faultAt(l.p-len(text), CodeType, "%s is no integer of 64 bits", clip(string(text)))
	}
	return n, nil
}

// skip reads any value.
func (l *lexer) skip(depth int) error {
	if depth == 0 {
		return l.fault(CodeLimit, "values are nested too deep")
	}
	switch c := l.next(); c {
	case '{':
		return l.members(func(string, int) error { return l.skip(depth - 1) })
	case '[':
		return l.list(len(l.b), func(int) error { return l.skip(depth - 1) })
	case '"':
		_, err := l.text(len(l.b))
		return err
	case 't', 'f':
		_, err := l.bool()
		return err
	case 'n':
		if l.word("null") {
			return nil
		}
	default:
	}
	_, _, err := l.number()
	return err
}

// clip shortens what a message shows.
func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return strings.ToValidUTF8(s[:64], "") + "…"
}

// isName reports whether s can name something: letters, digits, marks, signs and
// spaces of any script, but nothing that cannot be seen.
func isName(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

package osv

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// SyntaxError says where a record is no JSON, or not that of a record.
type SyntaxError struct {
	Offset int
	Err    error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("osv: at offset %d: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong there.
func (e *SyntaxError) Unwrap() error { return e.Err }

var errEnd = errors.New("it ends in the middle of a value")

// scanner walks over JSON text once. What is not asked for is checked and skipped
// without a copy.
type scanner struct {
	b     []byte
	i     int
	depth int // how much deeper values may nest
	most  int
}

func (s *scanner) fail(format string, args ...any) error {
	return &SyntaxError{s.i, fmt.Errorf(format, args...)}
}

func (s *scanner) end() error { return &SyntaxError{len(s.b), errEnd} }

// peek returns the next byte that is not white space, or 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expect(c byte) error {
	got := s.peek()
	if s.i >= len(s.b) {
		return s.end()
	}
	if got != c {
		return s.fail("%q stands where %q is wanted", got, c)
	}
	s.i++
	return nil
}

// null skips a null, which stands for a value that is not given.
func (s *scanner) null() bool {
	if s.peek() == 'n' && bytes.HasPrefix(s.b[s.i:], []byte("null")) {
		s.i += 4
		return true
	}
	return false
}

// list calls each at each element of what opens and closes with these.
func (s *scanner) list(begin, finish byte, each func() error) error {
	if err := s.expect(begin); err != nil {
		return err
	}
	if s.depth--; s.depth < 0 {
		return &SyntaxError{s.i, bounded.Exceeded("nested values", int64(s.most))}
	}
	defer func() { s.depth++ }()
	if s.peek() == finish {
		s.i++
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.i++
		case finish:
			s.i++
			return nil
		default:
			return s.expect(finish)
		}
	}
}

// array calls each before every element.
func (s *scanner) array(each func() error) error {
	if s.null() {
		return nil
	}
	return s.list('[', ']', each)
}

// object calls each before every value. No key is given twice.
func (s *scanner) object(each func(key []byte) error) error {
	if s.null() {
		return nil
	}
	var few [16][]byte
	keys := few[:0]
	return s.list('{', '}', func() error {
		at := s.i
		key, err := s.key()
		if err != nil {
			return err
		}
		if len(keys) == maxKeys {
			return &SyntaxError{at, bounded.Exceeded("keys of an object", maxKeys)}
		}
		for _, k := range keys {
			if bytes.Equal(k, key) {
				return &SyntaxError{at, fmt.Errorf("the key %.40q is given twice", key)}
			}
		}
		keys = append(keys, key)
		return each(key)
	})
}

// maxKeys is how many keys an object that is interpreted may have: the format has
// about twenty.
const maxKeys = 64

func (s *scanner) key() ([]byte, error) {
	key, err := s.raw()
	if err != nil {
		return nil, err
	}
	return key, s.expect(':')
}

// text reads a string, or a null as an empty one.
func (s *scanner) text() (string, error) {
	if s.null() {
		return "", nil
	}
	b, err := s.raw()
	return string(b), err
}

// raw reads a string. Without escapes it is a part of the text, not a copy.
func (s *scanner) raw() ([]byte, error) {
	if err := s.expect('"'); err != nil {
		return nil, err
	}
	start := s.i
	plain, err := s.quoted()
	if err != nil {
		return nil, err
	}
	b := s.b[start : s.i-1]
	if plain {
		return b, nil
	}
	return unescape(b), nil
}

// quoted goes behind the closing quote, and reports whether there was no escape.
func (s *scanner) quoted() (plain bool, err error) {
	plain = true
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return plain, nil
		case c == '\\':
			plain = false
			n := escapeLength(s.b[s.i:])
			if n == 0 {
				return false, s.fail("an escape that JSON does not have")
			}
			s.i += n
		case c < ' ':
			return false, s.fail("a control character in a string")
		default:
			s.i++
		}
	}
	return false, s.end()
}

func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[1]) < 0 {
			return 0
		}
		return 2
	}
	if len(b) < 6 {
		return 0
	}
	for _, c := range b[2:6] {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0
		}
	}
	return 6
}

// unescape takes the escapes out of a string in which quoted found them good. Half
// of a surrogate pair becomes U+FFFD.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		if b[0] != '\\' {
			n := bytes.IndexByte(b, '\\')
			if n < 0 {
				n = len(b)
			}
			out, b = append(out, b[:n]...), b[n:]
			continue
		}
		if b[1] != 'u' {
			out, b = append(out, escaped(b[1])), b[2:]
			continue
		}
		r := hexRune(b)
		b = b[6:]
		if utf16.IsSurrogate(r) {
			pair := rune(utf8.RuneError)
			if len(b) >= 6 && b[0] == '\\' && b[1] == 'u' {
				pair = utf16.DecodeRune(r, hexRune(b))
			}
			if r = pair; r != utf8.RuneError {
				b = b[6:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func hexRune(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[2:6]), 16, 16) // escapeLength saw four digits
	return rune(n)
}

func escaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// skip goes behind a value of any kind.
func (s *scanner) skip() error {
	switch c := s.peek(); {
	case c == '"':
		s.i++
		_, err := s.quoted()
		return err
	case c == '{':
		return s.list('{', '}', s.skipMember)
	case c == '[':
		return s.list('[', ']', s.skip)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(s.b[s.i:], []byte(word)) {
			s.i += len(word)
			return nil
		}
	}
	if s.i >= len(s.b) {
		return s.end()
	}
	return s.fail("%q begins no value", s.b[s.i])
}

func (s *scanner) skipMember() error {
	if err := s.expect('"'); err != nil {
		return err
	}
	if _, err := s.quoted(); err != nil {
		return err
	}
	if err := s.expect(':'); err != nil {
		return err
	}
	return s.skip()
}

func (s *scanner) number() error {
	if s.b[s.i] == '-' {
		s.i++
	}
	first := s.i
	if s.digits() == 0 || s.b[first] == '0' && s.i > first+1 {
		return s.fail("a number that JSON does not have")
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return s.fail("a number that JSON does not have")
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if s.digits() == 0 {
			return s.fail("a number that JSON does not have")
		}
	}
	return nil
}

func (s *scanner) digits() (n int) {
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
		n++
	}
	return n
}

// done wants nothing after the value.
func (s *scanner) done() error {
	if s.peek(); s.i < len(s.b) {
		return s.fail("something stands after the value")
	}
	return nil
}

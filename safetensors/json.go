package safetensors

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// syntax reads RFC 8259 JSON from a header, strictly: no comments, no trailing
// commas, no lone surrogates, integers only where the format has integers. It
// keeps positions, which encoding/json does not for what it skips.
type syntax struct {
	b    []byte
	pos  int
	base int64 // file offset of b[0]
}

func (s *syntax) offset() int64 { return s.base + int64(s.pos) }

func (s *syntax) errorf(field, format string, args ...any) error {
	return &FormatError{Offset: s.offset(), Field: field, Err: fmt.Errorf(format, args...)}
}

func (s *syntax) space() {
	for s.pos < len(s.b) && strings.IndexByte(" \t\r\n", s.b[s.pos]) >= 0 {
		s.pos++
	}
}

// peek returns the next byte that is not space, or 0 at the end. A NUL in the
// header is not JSON, so 0 is never a token.
func (s *syntax) peek() byte {
	s.space()
	if s.pos >= len(s.b) {
		return 0
	}
	return s.b[s.pos]
}

func (s *syntax) expect(c byte, field string) error {
	if got := s.peek(); got != c {
		if s.pos >= len(s.b) {
			return s.errorf(field, "the header ends where %q must stand", c)
		}
		return s.errorf(field, "%q where %q must stand", s.b[s.pos], c)
	}
	s.pos++
	return nil
}

// object calls f once for each key, with the cursor on the value.
func (s *syntax) object(field string, f func(key string, at int64) error) error {
	return s.list('{', '}', field, func() error {
		s.space()
		at := s.offset()
		key, err := s.str(field)
		if err != nil {
			return err
		}
		if err := s.expect(':', field); err != nil {
			return err
		}
		return f(key, at)
	})
}

func (s *syntax) list(open, end byte, field string, item func() error) error {
	if err := s.expect(open, field); err != nil {
		return err
	}
	if s.peek() == end {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.peek() == end {
			s.pos++
			return nil
		}
		if err := s.expect(',', field); err != nil {
			return err
		}
	}
}

// size reads a number that must be a plain decimal integer of at most 63 bits.
func (s *syntax) size(field string) (int64, error) {
	s.space()
	start := s.pos
	for s.pos < len(s.b) && s.b[s.pos] >= '0' && s.b[s.pos] <= '9' {
		s.pos++
	}
	text := string(s.b[start:min(s.pos, start+21)])
	bad := text == "" || len(text) > 1 && text[0] == '0' ||
		s.pos < len(s.b) && strings.IndexByte(".eE+-", s.b[s.pos]) >= 0
	n, err := strconv.ParseInt(text, 10, 64)
	if bad || err != nil {
		s.pos = start
		return 0, s.errorf(field, "not an integer from 0 to 2^63-1")
	}
	return n, nil
}

// str reads a string.
func (s *syntax) str(field string) (string, error) {
	if err := s.expect('"', field); err != nil {
		return "", err
	}
	rest := s.b[s.pos:]
	end := bytes.IndexAny(rest, "\"\\")
	if end >= 0 && rest[end] == '"' && !hasControl(rest[:end]) {
		s.pos += end + 1
		return string(rest[:end]), nil
	}
	return s.escaped(field)
}

func hasControl(b []byte) bool {
	for _, c := range b {
		if c < 0x20 {
			return true
		}
	}
	return false
}

func (s *syntax) escaped(field string) (string, error) {
	var out []byte
	for s.pos < len(s.b) {
		c := s.b[s.pos]
		switch {
		case c == '"':
			s.pos++
			return string(out), nil
		case c < 0x20:
			return "", s.errorf(field, "control character %#x inside a string", c)
		case c != '\\':
			out = append(out, c)
			s.pos++
		default:
			var err error
			if out, err = s.escape(out, field); err != nil {
				return "", err
			}
		}
	}
	return "", s.errorf(field, "the header ends inside a string")
}

func (s *syntax) escape(out []byte, field string) ([]byte, error) {
	if s.pos+1 >= len(s.b) {
		return nil, s.errorf(field, "the header ends inside a string")
	}
	c := s.b[s.pos+1]
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		s.pos += 2
		return append(out, "\"\\/\b\f\n\r\t"[i]), nil
	}
	r, ok := s.unit(s.pos)
	if !ok {
		return nil, s.errorf(field, "unknown escape in a string")
	}
	n := 6
	if utf16.IsSurrogate(r) {
		low, _ := s.unit(s.pos + 6)
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return nil, s.errorf(field, "half of a surrogate pair in a string")
		}
		n = 12
	}
	s.pos += n
	return utf8.AppendRune(out, r), nil
}

// unit reads the four hexadecimal digits of the escape at p.
func (s *syntax) unit(p int) (rune, bool) {
	if p+6 > len(s.b) || s.b[p] != '\\' || s.b[p+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.b[p+2:p+6]), 16, 32)
	return rune(n), err == nil
}

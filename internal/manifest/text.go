package manifest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// decode gives a text as pip reads it: a byte order mark, else a declared encoding
// in one of the first two lines, else UTF-8. Bytes that are none of it are read as
// Latin-1, of which the second result tells.
func decode(src []byte) (s, note string, err error) {
	switch {
	case bytes.HasPrefix(src, []byte("\xef\xbb\xbf")):
		src = src[3:]
	case bytes.HasPrefix(src, []byte("\xff\xfe\x00\x00")):
		return wide32(src[4:], binary.LittleEndian)
	case bytes.HasPrefix(src, []byte("\x00\x00\xfe\xff")):
		return wide32(src[4:], binary.BigEndian)
	case bytes.HasPrefix(src, []byte("\xff\xfe")):
		return wide16(src[2:], binary.LittleEndian)
	case bytes.HasPrefix(src, []byte("\xfe\xff")):
		return wide16(src[2:], binary.BigEndian)
	default:
		if name := declared263(src); name != "" {
			return decodeAs(src, name)
		}
	}
	if utf8.Valid(src) {
		return string(src), "", nil
	}
	return latin1(src), "the text is neither UTF-8 nor says what it is; it is read as Latin-1", nil
}

func wide16(src []byte, order binary.ByteOrder) (s, note string, err error) {
	if len(src)%2 != 0 {
		note = "the last character of the UTF-16 text is cut in half"
	}
	units := make([]uint16, len(src)/2)
	for i := range units {
		units[i] = order.Uint16(src[2*i:])
	}
	return string(utf16.Decode(units)), note, nil
}

func wide32(src []byte, order binary.ByteOrder) (s, note string, err error) {
	var b strings.Builder
	for ; len(src) >= 4; src = src[4:] {
		b.WriteRune(rune(order.Uint32(src)))
	}
	if len(src) > 0 {
		note = "the last character of the UTF-32 text is cut"
	}
	return b.String(), note, nil
}

func latin1(src []byte) string {
	var b strings.Builder
	b.Grow(len(src) + 64)
	for _, c := range src {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// codingRE is what pip looks for in comments (PEP 263).
var codingRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`coding[:=]\s*([-\w.]+)`) })

// declared263 is the encoding that a comment in the first two lines declares.
func declared263(src []byte) string {
	for range 2 {
		line, rest, _ := bytes.Cut(src, []byte{'\n'})
		if len(line) > 0 && line[0] == '#' && bytes.Contains(line[:min(len(line), 200)], []byte("coding")) {
			if m := codingRE().FindSubmatch(line[:min(len(line), 200)]); m != nil {
				return string(m[1])
			}
		}
		src = rest
	}
	return ""
}

func decodeAs(src []byte, name string) (s, note string, err error) {
	switch strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name)) {
	case "utf8", "utf8sig", "u8", "ascii", "usascii":
		if !utf8.Valid(src) {
			return "", "", fmt.Errorf("the text declares %q, and is not", name)
		}
		return string(src), "", nil
	case "latin1", "iso88591", "l1", "8859":
		return latin1(src), "", nil
	case "iso885915", "latin9":
		return single(src, charmap.ISO8859_15)
	case "cp1252", "windows1252":
		return single(src, charmap.Windows1252)
	case "cp1251", "windows1251":
		return single(src, charmap.Windows1251)
	case "koi8r":
		return single(src, charmap.KOI8R)
	}
	return "", "", fmt.Errorf("the declared encoding %q is not one that is read", clip(name))
}

func single(src []byte, m *charmap.Charmap) (s, note string, err error) {
	b, err := m.NewDecoder().Bytes(src)
	return string(b), "", err
}

// lines lists the physical lines of a text without their ends, from 1. Lines end
// at \n, \r\n and \r, as editors show them.
func lines(s string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for n := 1; s != ""; n++ {
			end := strings.IndexByte(s, '\n')
			if end < 0 {
				end = len(s)
			}
			if cr := strings.IndexByte(s[:end], '\r'); cr >= 0 && cr < end-1 {
				end = cr // a lone one
			}
			line, next := s[:end], min(end+1, len(s))
			if !yield(n, strings.TrimSuffix(line, "\r")) {
				return
			}
			s = s[next:]
		}
	}
}

// oddBreaks are the characters besides those at which Python ends a line.
const oddBreaks = "\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// hasOddBreaks reports one of them. It may be wrong about text beyond ASCII, which
// is looked at again.
func hasOddBreaks(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && (c == '\v' || c == '\f' || c >= 0x1c && c <= 0x1e) || c == 0xc2 || c == 0xe2 {
			return true
		}
	}
	return false
}

// checkLine refuses a line that is longer than it may be.
func (r *reader) checkLine(line, n int) bool {
	if n > r.lim.Line && r.err == nil {
		r.err = &lineError{line, bounded.Exceeded("bytes of a line", int64(r.lim.Line))}
	}
	return r.err == nil
}

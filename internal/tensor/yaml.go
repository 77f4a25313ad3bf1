package tensor

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the text of a schema by lines and characters, as the places of nodes
// count them. YAML has more ways to write a text than two libraries read alike, so
// what stands in a source is held against the page: a text stands on one line.
type source [][]rune

// newSource cuts a text into lines. A byte order mark at its beginning and carriage
// returns before newlines mean nothing.
func newSource(b []byte) (source, string, error) {
	text := strings.ReplaceAll(strings.TrimPrefix(string(b), "\ufeff"), "\r\n", "\n")
	s := source{nil}
	for i, r := range text {
		last := len(s) - 1
		switch {
		case r == '\n':
			s = append(s, nil)
			continue
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			return nil, "", fmt.Errorf("line %d: not UTF-8", last+1)
		case r == '\t':
			return nil, "", fmt.Errorf("line %d: a tab is not accepted", last+1)
		case strange(r):
			return nil, "", fmt.Errorf("line %d: the character %U is not accepted", last+1, r)
		}
		s[last] = append(s[last], r)
	}
	return s, text, s.oneDocument()
}

// strange tells of characters that some readers take for line breaks or marks, and
// others do not.
func strange(r rune) bool {
	return r < ' ' || r > '~' && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0xfeff && r < 0xff00 || r == 0xfffe || r == 0xffff
}

// oneDocument refuses what only marks documents, but for a line of dashes before
// the first.
func (s source) oneDocument() error {
	begun := false
	for i, line := range s {
		rest, mark := afterMark(line)
		if mark != "" && (begun || mark == "..." || !blank(rest)) {
			return fmt.Errorf("line %d: more than one document, or a document that is not plain", i+1)
		}
		begun = begun || mark != "" || !blank(line)
	}
	return nil
}

// afterMark cuts a line behind the mark it begins with.
func afterMark(line []rune) (rest []rune, mark string) {
	for _, m := range []string{"---", "..."} {
		if len(line) >= 3 && string(line[:3]) == m && (len(line) == 3 || line[3] == ' ') {
			return line[3:], m
		}
	}
	return line, ""
}

// blank tells whether there is nothing in a line but spaces and a comment.
func blank(line []rune) bool {
	for _, r := range line {
		if r != ' ' {
			return r == '#'
		}
	}
	return true
}

// cut cuts the line of a node where it begins, which for a value that is not there
// may be behind the end.
func (s source) cut(n *yaml.Node) (before, from []rune) {
	if n.Line < 1 || n.Line > len(s) {
		return nil, nil
	}
	line := s[n.Line-1]
	at := max(0, min(n.Column-1, len(line)))
	return line[:at], line[at:]
}

// scalar refuses a text that does not stand on one line, and crosses out one that does.
func (s source) scalar(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return nil
	}
	_, rest := s.cut(n)
	var length int
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return fault(n, "block texts are not accepted: a text stands on one line")
	case n.Style&yaml.DoubleQuotedStyle != 0:
		length = closes(rest, '"', '\\')
	case n.Style&yaml.SingleQuotedStyle != 0:
		length = closes(rest, '\'', '\'')
	default:
		value := []rune(n.Value)
		if length = len(value); length > len(rest) || !slices.Equal(rest[:length], value) {
			length = -1
		}
	}
	if length < 0 {
		return fault(n, "a text stands on one line")
	}
	for i := range length {
		rest[i] = 'x'
	}
	return nil
}

// closes returns the length of a quotation that ends in its line, or -1. What follows
// the escape belongs to it; a quote that is its own escape does so only twice.
func closes(rest []rune, quote, escape rune) int {
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == escape && (escape != quote || i+1 < len(rest) && rest[i+1] == quote):
			i++
		case rest[i] == quote:
			return i + 1
		}
	}
	return -1
}

// comments refuses what begins no comment in YAML, but does in some libraries: a #
// without a space before it. All texts are crossed out.
func (s source) comments() error {
	for i, line := range s {
		if at := slices.Index(line, '#'); at > 0 && line[at-1] != ' ' {
			return fmt.Errorf("line %d: a comment without a space before it", i+1)
		}
	}
	return nil
}

// key refuses a key that a question mark announces.
func (s source) key(n *yaml.Node) error {
	before, _ := s.cut(n)
	for line := n.Line - 1; line > 0 && blank(before); {
		line--
		before = s[min(line, len(s)-1)]
		if at := slices.Index(before, '#'); at >= 0 && !blank(before) {
			before = before[:at]
		}
	}
	before = trimRight(before)
	if len(before) == 0 || before[len(before)-1] != '?' {
		return nil
	}
	if front := trimRight(before[:len(before)-1]); len(front) == 0 || strings.ContainsRune("-?{[,", front[len(front)-1]) {
		return fault(n, "a key is not a text")
	}
	return nil
}

func trimRight(line []rune) []rune {
	for len(line) > 0 && line[len(line)-1] == ' ' {
		line = line[:len(line)-1]
	}
	return line
}

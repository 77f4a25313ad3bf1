package pep440

import (
	"strings"
	"unicode"
)

// scanner takes a version apart in any spelling, and knows whether it is the
// normal one.
type scanner struct {
	s     string
	i     int
	plain bool    // what was read so far is in normal form
	at    Version // where the parts are in s

	epoch   string
	release string // as written
	pre     string // "a", "b", "rc"
	preN    string
	post    string
	dev     string
	local   string // as written
}

// The spellings of words, each before what it begins with.
var (
	preWords  = [...]struct{ word, normal string }{{"alpha", "a"}, {"a", "a"}, {"beta", "b"}, {"b", "b"}, {"preview", "rc"}, {"pre", "rc"}, {"c", "rc"}, {"rc", "rc"}}
	postWords = [...]string{"post", "rev", "r"}
	devWords  = [...]string{"dev"}
)

// scan reads the whole text.
func (c *scanner) scan() bool {
	if c.i < len(c.s) && c.s[c.i]|0x20 == 'v' {
		c.i++
		c.plain = false
	}
	if !c.scanRelease() {
		return false
	}
	c.at.pre = uint16(c.i)
	if c.i < len(c.s) {
		c.scanPre()
	}
	c.at.post = uint16(c.i)
	if c.i < len(c.s) {
		c.scanPost()
	}
	c.at.dev = uint16(c.i)
	if c.i < len(c.s) {
		c.dev = c.labelled(devWords[:], ".dev")
	}
	c.at.local = uint16(c.i)
	return c.i == len(c.s) || c.scanLocal() && c.i == len(c.s)
}

// problem says what is wrong where the scan has ended.
func (c *scanner) problem() string {
	switch {
	case c.s == "":
		return "it is empty"
	case c.release == "":
		return "expected a number"
	case c.i == len(c.s):
		return "it ends too early"
	default:
		return "this cannot follow"
	}
}

func (c *scanner) scanRelease() bool {
	start := c.i
	n := c.number()
	if n == "" {
		return false
	}
	if c.i < len(c.s) && c.s[c.i] == '!' {
		c.epoch = n
		c.plain = c.plain && n != "0"
		c.i++
		if start = c.i; c.number() == "" {
			return false
		}
	}
	for c.i+1 < len(c.s) && c.s[c.i] == '.' && isDigit(c.s[c.i+1]) {
		c.i++
		c.number()
	}
	c.at.release = uint16(start)
	c.release = c.s[start:c.i]
	return true
}

// number reads digits and returns them without leading zeros.
func (c *scanner) number() string {
	start := c.i
	for c.i < len(c.s) && isDigit(c.s[c.i]) {
		c.i++
	}
	if c.i-start > 1 && c.s[start] == '0' {
		c.plain = false
		return trimZeros(c.s[start:c.i])
	}
	return c.s[start:c.i]
}

func (c *scanner) scanPre() {
	i := c.separator(c.i)
	for _, w := range preWords {
		if !foldPrefix(c.s[i:], w.word) {
			continue
		}
		c.plain = c.plain && i == c.i && c.s[i:i+len(w.word)] == w.normal
		c.pre = w.normal
		c.i = i + len(w.word)
		c.preN = c.numberAfter()
		return
	}
}

func (c *scanner) scanPost() {
	if c.i+1 < len(c.s) && c.s[c.i] == '-' && isDigit(c.s[c.i+1]) {
		c.plain = false
		c.i++
		c.post = c.number()
		return
	}
	c.post = c.labelled(postWords[:], ".post")
}

// labelled reads one of the words and its number, which is empty if there is none
// of them.
func (c *scanner) labelled(words []string, normal string) (number string) {
	i := c.separator(c.i)
	for _, w := range words {
		if foldPrefix(c.s[i:], w) {
			end := i + len(w)
			c.plain = c.plain && c.s[c.i:end] == normal
			c.i = end
			return c.numberAfter()
		}
	}
	return ""
}

// numberAfter reads the number of a word; none is 0.
func (c *scanner) numberAfter() string {
	i := c.separator(c.i)
	c.plain = c.plain && i == c.i && i < len(c.s) && isDigit(c.s[i])
	c.i = i
	if n := c.number(); n != "" {
		return n
	}
	return "0"
}

func (c *scanner) separator(i int) int {
	if i < len(c.s) && (c.s[i] == '.' || c.s[i] == '-' || c.s[i] == '_') {
		return i + 1
	}
	return i
}

func (c *scanner) scanLocal() bool {
	if c.s[c.i] != '+' {
		return false
	}
	c.i++
	start := c.i
	for {
		first := c.i
		word := false
		for c.i < len(c.s) && isAlnum(c.s[c.i]) {
			word = word || !isDigit(c.s[c.i])
			c.plain = c.plain && (c.s[c.i] < 'A' || c.s[c.i] > 'Z')
			c.i++
		}
		if c.i == first {
			return false
		}
		if !word && c.i-first > 1 && c.s[first] == '0' {
			c.plain = false
		}
		next := c.separator(c.i)
		if next == c.i {
			c.local = c.s[start:c.i]
			return true
		}
		c.plain = c.plain && c.s[c.i] == '.'
		c.i = next
	}
}

// normal builds the normal form.
func (c *scanner) normal() Version {
	var v Version
	var space [64]byte
	b := space[:0]
	if c.epoch != "" && c.epoch != "0" {
		b = append(append(b, c.epoch...), '!')
	}
	v.release = uint16(len(b))
	for rest := c.release; rest != ""; {
		var n string
		n, rest = component(rest)
		b = append(b, trimZeros(n)...)
		if rest != "" {
			b = append(b, '.')
		}
	}
	v.pre = uint16(len(b))
	if c.pre != "" {
		b = append(append(b, c.pre...), c.preN...)
	}
	v.post = uint16(len(b))
	if c.post != "" {
		b = append(append(b, ".post"...), c.post...)
	}
	v.dev = uint16(len(b))
	if c.dev != "" {
		b = append(append(b, ".dev"...), c.dev...)
	}
	v.local = uint16(len(b))
	if c.local != "" {
		b = appendLocal(append(b, '+'), c.local)
	}
	v.text = string(b)
	return v
}

func appendLocal(b []byte, s string) []byte {
	s = strings.NewReplacer("-", ".", "_", ".").Replace(strings.ToLower(s))
	for s != "" {
		var part string
		part, s = segment(s)
		if isNumber(part) {
			part = trimZeros(part)
		}
		b = append(b, part...)
		if s != "" {
			b = append(b, '.')
			s = s[1:]
		}
	}
	return b
}

func trimZeros(s string) string {
	for len(s) > 1 && s[0] == '0' {
		s = s[1:]
	}
	return s
}

// foldPrefix reports whether s begins with a word of lowercase letters, in any case.
func foldPrefix(s, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for i := range len(word) {
		if s[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isAlnum(b byte) bool { return isDigit(b) || 'a' <= b|0x20 && b|0x20 <= 'z' }

// trim cuts off what Python calls whitespace.
func trim(s string) string {
	if s == "" || s[0] > ' ' && s[0] < 0x80 && s[len(s)-1] > ' ' && s[len(s)-1] < 0x80 {
		return s
	}
	return strings.TrimFunc(s, isSpace)
}

// isSpace is str.isspace, of which re's \s is the same. Go does not count the
// four separators of ASCII.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

// clip shortens a text for an error.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

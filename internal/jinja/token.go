package jinja

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
)

type tokenKind byte

const (
	eof tokenKind = iota
	word
	number
	str
	op
	bad
)

type token struct {
	kind    tokenKind
	text    string // of a string: decoded
	at      int
	escaped bool // a string that spells a plain character as an escape
}

// split finds the blocks of a template. Comments and raw parts are text.
func (j *judge) split() []block {
	var out []block
	for pos := 0; ; {
		i := strings.IndexByte(j.text[pos:], '{')
		if i < 0 || pos+i+1 >= len(j.text) {
			return out
		}
		pos += i
		switch j.text[pos+1] {
		case '#':
			end := strings.Index(j.text[pos+2:], "#}")
			if end < 0 {
				j.add(Syntax, "a comment without end", pos)
				return out
			}
			pos += end + 4
		case '{', '%':
			b, end := j.tokens(pos)
			if b.tag && len(b.tokens) == 1 && b.tokens[0].text == "raw" {
				end = j.raw(end)
			} else {
				out = append(out, b)
			}
			pos = end
		default:
			pos++
		}
	}
}

var endRaw = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{%[-+]?\s*endraw\s*[-+]?%\}`) })

func (j *judge) raw(pos int) int {
	loc := endRaw().FindStringIndex(j.text[pos:])
	if loc == nil {
		j.add(Syntax, "raw without endraw", pos)
		return len(j.text)
	}
	return pos + loc[1]
}

// ops are the operators, longest first.
var ops = []string{"//", "**", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|"}

var (
	wordRE   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_]*`) })
	numberRE = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(\.[0-9]+)?([eE][-+]?[0-9]+)?)`)
	})
)

// tokens reads a block from its opening delimiter and returns where it ends.
func (j *judge) tokens(start int) (block, int) {
	b := block{tag: j.text[start+1] == '%', at: start}
	closing := map[bool]string{true: "%}", false: "}}"}[b.tag]
	pos := start + 2
	if pos < len(j.text) && (j.text[pos] == '-' || j.text[pos] == '+') {
		pos++
	}
	depth := 0 // of brackets: }} may close two dictionaries
	for pos < len(j.text) {
		rest := j.text[pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			pos++
			continue
		case depth == 0 && strings.HasPrefix(rest, closing):
			return b, pos + len(closing)
		case depth == 0 && (rest[0] == '-' || rest[0] == '+') && strings.HasPrefix(rest[1:], closing):
			return b, pos + 1 + len(closing)
		}
		t := lex(rest, pos)
		if t.kind == bad {
			j.add(Syntax, t.text, pos)
			end := strings.Index(rest, closing)
			if end < 0 {
				return b, len(j.text)
			}
			b.tokens = append(b.tokens, token{kind: bad, at: pos})
			return b, pos + end + 2
		}
		if t.kind == op {
			depth += map[string]int{"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}[t.text]
			depth = max(depth, 0)
		}
		pos += t.width(rest)
		b.tokens = append(b.tokens, t)
	}
	j.add(Syntax, "a block without end", start)
	return b, len(j.text)
}

func lex(rest string, pos int) token {
	t := token{at: pos}
	if rest[0] == '\'' || rest[0] == '"' {
		n := quoted(rest)
		if n == 0 {
			return token{bad, "a string without end", pos, false}
		}
		t.kind = str
		t.text, t.escaped = decode(rest[1 : n-1])
		return t
	}
	if t.text = numberRE().FindString(rest); t.text != "" {
		t.kind = number
		return t
	}
	if t.text = wordRE().FindString(rest); t.text != "" {
		t.kind = word
		return t
	}
	for _, o := range ops {
		if strings.HasPrefix(rest, o) {
			t.kind, t.text = op, o
			return t
		}
	}
	return token{bad, strconv.Quote(rest[:1]), pos, false}
}

// width returns how much of rest the token took; strings were decoded.
func (t token) width(rest string) int {
	if t.kind == str {
		return quoted(rest)
	}
	return len(t.text)
}

// quoted returns the length of the string that rest begins with, or 0.
func quoted(rest string) int {
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case rest[0]:
			return i + 1
		}
	}
	return 0
}

// decode undoes escapes. Jinja knows Python's; an escape that spells a letter,
// a digit or an underscore hides it.
func decode(s string) (text string, hides bool) {
	if !strings.Contains(s, `\`) {
		return s, false
	}
	var out strings.Builder
	for s != "" {
		if s[0] != '\\' || len(s) == 1 {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		if s[1] == '\n' || s[1] == '\r' { // a line that goes on: nothing
			s, hides = s[2:], true
			continue
		}
		r, _, tail, err := strconv.UnquoteChar(s, s[1])
		if strings.HasPrefix(s, `\N`) {
			hides = true
		}
		if err != nil {
			out.WriteString(s[:1])
			s = s[1:]
			continue
		}
		named := strings.IndexByte("abfnrtv\\'\"", s[1]) >= 0
		hides = hides || !named && (r == '_' || r < 0x80 && strings.ContainsRune("0123456789abcdefghijklmnopqrstuvwxyz", r|0x20))
		out.WriteRune(r)
		s = tail
	}
	return out.String(), hides
}

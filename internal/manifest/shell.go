package manifest

import (
	"sort"
	"strings"
)

// script is shell text with the line of each of its parts.
type script struct {
	text   string
	starts []int // offsets at which parts begin
	lines  []int // their lines

	pieces   []string // of which text is made
	docs     []string // lines of the texts that << brings
	docLines []int
}

func (s *script) line(off int) int {
	i := sort.SearchInts(s.starts, off+1) - 1
	if i < 0 {
		return 0
	}
	return s.lines[i]
}

// word is a word of a command after quotes and variables are gone.
type word struct {
	text    string
	line    int
	unknown string // the first thing in it that is not known: "$VERSION", "$(…)"
	bare    bool   // nothing in it was quoted
}

// variables are what a shell knows: a value, or that there is one.
type variables struct {
	own   map[string]variable
	outer *variables
	lost  bool // there were more than are kept, so that none is known
}

func (vars *variables) all() map[string]variable {
	if vars.own == nil {
		vars.own = make(map[string]variable)
	}
	return vars.own
}

func (vars *variables) get(name string) (variable, bool) {
	for ; vars != nil; vars = vars.outer {
		if vars.lost {
			return variable{}, true
		}
		if v, ok := vars.own[name]; ok {
			return v, true
		}
	}
	return variable{}, false
}

func (vars *variables) set(name string, v variable) {
	if vars.all()[name] = v; len(vars.own) > maxVariables {
		vars.lost = true
		delete(vars.own, name)
	}
}

type variable struct {
	value string
	known bool
}

// command is a simple command.
type command struct {
	words []word
	into  string // what looks like a version and is a file: ">=2.1"
	after string // that other word
}

const (
	maxVariables = 10_000
	maxExpanded  = 64 << 10 // of a word with its variables put in
	maxExpansion = 16 << 20 // of all words of a file
)

// shell splits a script into commands, far enough to see which programs are called
// with which words. What it cannot follow is in the words as unknown.
type shell struct {
	script *script
	pos    int
	vars   *variables
	room   *int // for what variables stand for
	emit   func(command)
	cmd    command
	beside bool // the last word ends where the next character is
}

// run hands every command to emit, in order. What commands assign is known to
// those after them.
func (sh *shell) run() {
	for sh.pos < len(sh.script.text) {
		sh.next()
	}
	sh.end()
}

func (sh *shell) end() {
	if len(sh.cmd.words) > 0 {
		sh.emit(sh.cmd)
	}
	sh.cmd, sh.beside = command{}, false
}

func (sh *shell) next() {
	s := sh.script.text
	switch c := s[sh.pos]; c {
	case ' ', '\t', '\r':
		sh.pos++
		sh.beside = false
	case '\n', ';', '|', '(', ')':
		sh.pos++
		sh.end()
	case '&':
		if strings.HasPrefix(s[sh.pos:], "&>") {
			sh.pos++
			sh.redirect()
			return
		}
		sh.pos++
		sh.end()
	case '#':
		if sh.beside {
			sh.word()
			return
		}
		n := strings.IndexByte(s[sh.pos:], '\n')
		if n < 0 {
			n = len(s) - sh.pos
		}
		sh.pos += n
	case '<', '>':
		sh.redirect()
	case '\\':
		if strings.HasPrefix(s[sh.pos:], "\\\n") {
			sh.pos += 2
			return
		}
		sh.word()
	default:
		sh.word()
	}
}

// redirect reads over > file. A version that is not quoted looks like one:
// torch>=2.1 writes to a file "=2.1".
func (sh *shell) redirect() {
	s := sh.script.text
	beside, from := sh.beside, sh.pos
	for sh.pos < len(s) && strings.IndexByte("<>&|", s[sh.pos]) >= 0 {
		sh.pos++
	}
	op := s[from:sh.pos]
	direct := sh.pos < len(s) && (s[sh.pos] == '=' || s[sh.pos]-'0' <= 9)
	for sh.pos < len(s) && (s[sh.pos] == ' ' || s[sh.pos] == '\t') {
		sh.pos++
	}
	kept := len(sh.cmd.words)
	sh.word()
	if len(sh.cmd.words) == kept {
		return
	}
	target := sh.cmd.words[kept]
	sh.cmd.words = sh.cmd.words[:kept]
	switch before := kept - 1; {
	case before < 0 || !beside:
	case strings.Trim(sh.cmd.words[before].text, "0123456789") == "":
		sh.cmd.words = sh.cmd.words[:before] // 2> file
	case direct && sh.cmd.into == "":
		sh.cmd.into, sh.cmd.after = op+target.text, sh.cmd.words[before].text
	}
	sh.beside = false
}

// word reads one word.
func (sh *shell) word() {
	s := sh.script.text
	w := word{line: sh.script.line(sh.pos), bare: true}
	var b strings.Builder
	from := sh.pos
loop:
	for sh.pos < len(s) && b.Len() < maxExpanded {
		switch c := s[sh.pos]; c {
		case ' ', '\t', '\r', '\n', ';', '|', '&', '(', ')', '<', '>':
			break loop
		case '\'':
			w.bare = false
			sh.single(&b)
		case '"':
			w.bare = false
			sh.double(&b, &w)
		case '\\':
			sh.escape(&b)
		case '$', '`':
			sh.expand(&b, &w)
		default:
			b.WriteByte(c)
			sh.pos++
		}
	}
	if sh.pos == from {
		return
	}
	w.text = b.String()
	sh.cmd.words = append(sh.cmd.words, w)
	sh.beside = true
}

func (sh *shell) single(b *strings.Builder) {
	s := sh.script.text
	end := strings.IndexByte(s[sh.pos+1:], '\'')
	if end < 0 {
		end = len(s) - sh.pos - 1
	}
	b.WriteString(s[sh.pos+1 : sh.pos+1+end])
	sh.pos = min(sh.pos+end+2, len(s))
}

func (sh *shell) double(b *strings.Builder, w *word) {
	s := sh.script.text
	for sh.pos++; sh.pos < len(s); {
		switch c := s[sh.pos]; {
		case c == '"':
			sh.pos++
			return
		case c == '\\' && sh.pos+1 < len(s) && strings.IndexByte("\"\\$`\n", s[sh.pos+1]) >= 0:
			sh.escape(b)
		case c == '$' || c == '`':
			sh.expand(b, w)
		default:
			b.WriteByte(c)
			sh.pos++
		}
	}
}

func (sh *shell) escape(b *strings.Builder) {
	s := sh.script.text
	if sh.pos++; sh.pos < len(s) {
		if s[sh.pos] != '\n' {
			b.WriteByte(s[sh.pos])
		}
		sh.pos++
	}
}

// expand puts a variable in. What is not known stays as it is written.
func (sh *shell) expand(b *strings.Builder, w *word) {
	s := sh.script.text[sh.pos:]
	n, name, rest := variableAt(s)
	if n == 0 { // a dollar sign alone
		b.WriteByte('$')
		sh.pos++
		return
	}
	sh.pos += n
	v, ok := sh.vars.expand(name, rest)
	if *sh.room -= len(v); !ok || b.Len()+len(v) > maxExpanded || *sh.room < 0 {
		if w.unknown == "" {
			w.unknown = s[:n]
		}
		b.WriteString(s[:min(n, maxExpanded)])
		return
	}
	b.WriteString(v)
}

// expand gives ${name}, ${name:-default}, ${name-default} and ${name:+other}.
func (vars *variables) expand(name, rest string) (string, bool) {
	v, set := vars.get(name)
	switch {
	case name == "":
		return "", false
	case set && !v.known:
		return "", false
	case rest == "":
		return v.value, set
	}
	word := strings.TrimLeft(rest, ":-+")
	if strings.ContainsAny(word, "$`") {
		return "", false
	}
	switch {
	case strings.HasPrefix(rest, ":-"), strings.HasPrefix(rest, "-"):
		if set && v.value != "" {
			return v.value, true
		}
		return word, true
	case strings.HasPrefix(rest, ":+"), strings.HasPrefix(rest, "+"):
		if set && v.value != "" {
			return word, true
		}
		return "", true
	}
	return "", false
}

// variableAt measures what begins with $ or `: how long it is, and the name and
// the rest of ${name…} and $name. A command that is put in has no name.
func variableAt(s string) (n int, name, rest string) {
	if s[0] == '`' {
		end := strings.IndexByte(s[1:], '`')
		if end < 0 {
			return len(s), "", ""
		}
		return end + 2, "", ""
	}
	if len(s) < 2 {
		return 0, "", ""
	}
	switch s[1] {
	case '(':
		return closing(s, '(', ')'), "", ""
	case '{':
		n = closing(s, '{', '}')
		inner := strings.TrimSuffix(s[2:n], "}")
		end := nameEnd(inner)
		return n, inner[:end], inner[end:]
	}
	if end := nameEnd(s[1:]); end > 0 {
		return end + 1, s[1 : end+1], ""
	}
	if strings.IndexByte("@*#?$!0123456789", s[1]) >= 0 {
		return 2, "", ""
	}
	return 0, "", ""
}

func nameEnd(s string) int {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// closing is the length of s up to the bracket that closes the one at 1.
func closing(s string, open, shut byte) int {
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case open:
			depth++
		case shut:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

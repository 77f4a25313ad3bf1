package pysrc

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// As in CPython: MAXLEVEL, MAXINDENT and MAXFSTRINGLEVEL of Parser/lexer/state.h.
const (
	maxBrackets = 200
	maxIndents  = 100
	maxFStrings = 150
	tabWidth    = 8
)

// lexer turns text into tokens. An error is a token too, and lexing goes on
// behind it.
type lexer struct {
	src     string
	pos     int
	tokens  []token
	errs    *errorList
	indents []int
	stack   []bracket // open brackets and fields of f-strings
	strings []fstring // open f-strings
	noEnd   [2]bool   // triple quotes, ' and ", that have no end from here on
}

// bracket is an open bracket, or the brace of a field of an f-string.
type bracket struct {
	open  sym
	field bool
	spec  bool // behind the colon of a field
	at    int32
}

// fstring is an f-string that is being read.
type fstring struct {
	quote byte
	flag  flag
	depth int // of the stack where it began
}

// lex makes tokens, in space if that is enough.
func lex(src string, space []token, errs *errorList) []token {
	l := &lexer{src: src, errs: errs, indents: []int{0}, tokens: space[:0]}
	if cap(space) < len(src)/5 {
		l.tokens = make([]token, 0, len(src)/4+16)
	}
	l.line()
	for l.pos < len(l.src) {
		if n := len(l.strings); n > 0 && l.inText() {
			l.middle(&l.strings[n-1])
			continue
		}
		l.next()
	}
	l.finish()
	return l.tokens
}

// finish closes what is open at the end.
func (l *lexer) finish() {
	end := len(l.src)
	if len(l.stack) > 0 {
		l.fail(int(l.stack[len(l.stack)-1].at), "a bracket is never closed")
	}
	if n := len(l.tokens); n > 0 && l.tokens[n-1].sym != symNewline && l.tokens[n-1].sym != symDedent {
		l.add(symNewline, end, end)
	}
	for range l.indents[1:] {
		l.add(symDedent, end, end)
	}
	l.add(symEOF, end, end)
}

func (l *lexer) add(s sym, start, end int) {
	l.tokens = append(l.tokens, token{sym: s, start: int32(start), end: int32(end)})
}

// fail keeps an error and leaves a token that no rule of the grammar takes.
func (l *lexer) fail(at int, what string) {
	l.errs.add(at, what)
	l.add(symError, at, at)
}

// inText reports whether what comes is the text of an f-string.
func (l *lexer) inText() bool {
	f := l.strings[len(l.strings)-1]
	if len(l.stack) == f.depth {
		return true
	}
	top := l.stack[len(l.stack)-1]
	return top.field && top.spec
}

// line reads the indentation at the start of a logical line.
func (l *lexer) line() {
	start := l.pos
	col := l.indentation()
	if l.pos >= len(l.src) {
		return
	}
	switch l.src[l.pos] {
	case '#', '\n', '\r':
		return // a line without code has no indentation
	}
	top := l.indents[len(l.indents)-1]
	switch {
	case col > top && len(l.indents) > maxIndents:
		l.fail(start, "blocks are nested too deep")
	case col > top:
		l.indents = append(l.indents, col)
		l.add(symIndent, start, l.pos)
	case col < top:
		l.dedent(col)
	}
}

func (l *lexer) dedent(col int) {
	for len(l.indents) > 1 && l.indents[len(l.indents)-1] > col {
		l.indents = l.indents[:len(l.indents)-1]
		l.add(symDedent, l.pos, l.pos)
	}
	if l.indents[len(l.indents)-1] != col {
		l.fail(l.pos, "the indentation is that of no block")
	}
}

func (l *lexer) indentation() int {
	col, kept := 0, -1
	for ; l.pos < len(l.src); l.pos++ {
		switch l.src[l.pos] {
		case ' ':
			col++
		case '\t':
			col = (col/tabWidth + 1) * tabWidth
		case '\f':
			col = 0
		case '\\': // a joined line has the indentation of its first part
			n := newline(l.src[l.pos+1:])
			if n == 0 {
				return pick(kept, col)
			}
			kept = pick(kept, col)
			l.pos += n
		default:
			return pick(kept, col)
		}
	}
	return pick(kept, col)
}

func pick(kept, col int) int {
	if kept >= 0 {
		return kept
	}
	return col
}

// newline is the length of the line end at the start of s, or 0.
func newline(s string) int {
	switch {
	case strings.HasPrefix(s, "\r\n"):
		return 2
	case strings.HasPrefix(s, "\n"), strings.HasPrefix(s, "\r"):
		return 1
	}
	return 0
}

// next reads one token outside of the text of f-strings.
func (l *lexer) next() {
	c := l.src[l.pos]
	switch {
	case c == ' ' || c == '\t' || c == '\f':
		l.pos++
	case c == '\n' || c == '\r':
		l.endLine()
	case c == '#':
		l.comment()
	case c == '\\':
		l.join()
	case letter(c):
		l.word()
	case c >= '0' && c <= '9' || c == '.' && l.pos+1 < len(l.src) && digit(l.src[l.pos+1]):
		l.number()
	case c == '"' || c == '\'':
		l.text(l.pos, 0)
	default:
		l.operator()
	}
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) comment() {
	line := l.src[l.pos:]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if i := strings.IndexByte(line, '\r'); i >= 0 {
		line = line[:i]
	}
	l.pos += len(line)
}

// join passes over a backslash at the end of a line.
func (l *lexer) join() {
	n := newline(l.src[l.pos+1:])
	if n == 0 {
		l.fail(l.pos, "a backslash that ends no line")
	}
	l.pos += 1 + n
}

func (l *lexer) endLine() {
	at := l.pos
	l.pos += newline(l.src[at:])
	if len(l.stack) == 0 {
		if n := len(l.tokens); n > 0 {
			switch l.tokens[n-1].sym {
			case symNewline, symIndent, symDedent: // an empty line
			default:
				l.add(symNewline, at, l.pos)
			}
		}
		l.line()
		return
	}
	l.unclosed()
}

// unclosed looks at the start of a line within brackets: a keyword that no
// expression holds says that they were never closed, and ends them.
func (l *lexer) unclosed() {
	i := l.pos
	for i < len(l.src) && (l.src[i] == ' ' || l.src[i] == '\t') {
		i++
	}
	j := i
	for j < len(l.src) && l.src[j] >= 'a' && l.src[j] <= 'z' {
		j++
	}
	if j < len(l.src) && (letter(l.src[j]) || digit(l.src[j])) || !keyword(l.src[i:j]).begins() {
		return
	}
	l.fail(int(l.stack[len(l.stack)-1].at), "a bracket is never closed")
	l.stack, l.strings = l.stack[:0], l.strings[:0]
	l.add(symNewline, l.pos, l.pos)
	l.line()
}

func (l *lexer) word() {
	start := l.pos
	ascii := true
	for l.pos < len(l.src) && (letter(l.src[l.pos]) || digit(l.src[l.pos])) {
		ascii = ascii && l.src[l.pos] < utf8.RuneSelf
		l.pos++
	}
	if !ascii {
		l.unicodeWord(start)
		return
	}
	s := l.src[start:l.pos]
	if l.pos < len(l.src) && (l.src[l.pos] == '"' || l.src[l.pos] == '\'') && len(s) <= 2 {
		if f, ok := prefix(s); ok {
			l.text(start, f)
			return
		}
	}
	l.add(keyword(s), start, l.pos)
}

// unicodeWord ends a word at the first rune that is in no identifier (PEP 3131).
func (l *lexer) unicodeWord(start int) {
	end := start
	for i, r := range l.src[start:l.pos] {
		if !identifier(r) {
			break
		}
		end = start + i + utf8.RuneLen(r)
	}
	if l.pos = end; end > start {
		l.add(symName, start, end)
		return
	}
	l.fail(start, "a character that is in no identifier")
	_, n := utf8.DecodeRuneInString(l.src[start:])
	l.pos = start + n
}

func identifier(r rune) bool {
	return r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc,
		unicode.Other_ID_Start, unicode.Other_ID_Continue)
}

// number reads as the tokenizer of CPython does, which ends a number where the
// next character cannot belong to it: 1if x else y.
func (l *lexer) number() {
	start := l.pos
	if l.src[l.pos] == '0' && l.pos+1 < len(l.src) {
		if set := radix(l.src[l.pos+1]); set != "" {
			l.pos += 2
			l.run(set)
			l.add(symNumber, start, l.pos)
			return
		}
	}
	l.run(decimals)
	if l.pos < len(l.src) && l.src[l.pos] == '.' {
		l.pos++
		l.run(decimals)
	}
	l.exponent()
	if l.pos < len(l.src) && (l.src[l.pos] == 'j' || l.src[l.pos] == 'J') {
		l.pos++
	}
	l.add(symNumber, start, l.pos)
}

const decimals = "0123456789_"

func radix(c byte) string {
	switch c {
	case 'x', 'X':
		return "0123456789abcdefABCDEF_"
	case 'o', 'O':
		return "01234567_"
	case 'b', 'B':
		return "01_"
	}
	return ""
}

func (l *lexer) run(set string) {
	for l.pos < len(l.src) && strings.IndexByte(set, l.src[l.pos]) >= 0 {
		l.pos++
	}
}

func (l *lexer) exponent() {
	i := l.pos
	if i >= len(l.src) || l.src[i] != 'e' && l.src[i] != 'E' {
		return
	}
	if i++; i < len(l.src) && (l.src[i] == '+' || l.src[i] == '-') {
		i++
	}
	if i < len(l.src) && digit(l.src[i]) {
		l.pos = i
		l.run(decimals)
	}
}

func (l *lexer) operator() {
	start := l.pos
	s, n := operator(l.src[start:])
	field := l.atField()
	switch {
	case field && s == symWalrus: // a colon ends the expression of a field
		s, n = symColon, 1
	case field && s == symError && l.src[start] == '!':
		s = symBang
	case s == symError:
		l.pos += n
		l.fail(start, "a character that begins no token")
		return
	}
	l.pos += n
	switch s {
	case symLParen, symLBracket, symLBrace:
		l.open(s, start)
	case symRParen, symRBracket, symRBrace:
		if !l.close(s, start) {
			return
		}
	case symColon:
		if field {
			l.stack[len(l.stack)-1].spec = true
		}
	default:
	}
	l.add(s, start, l.pos)
}

// atField reports whether the innermost bracket is the brace of a field.
func (l *lexer) atField() bool {
	n := len(l.stack)
	return n > 0 && l.stack[n-1].field && !l.stack[n-1].spec
}

func (l *lexer) open(s sym, at int) {
	if len(l.stack) >= maxBrackets {
		l.fail(at, "brackets are nested too deep")
		l.stack = l.stack[:0]
		l.strings = l.strings[:0]
	}
	l.stack = append(l.stack, bracket{open: s, at: int32(at)})
}

func (l *lexer) close(s sym, at int) bool {
	n := len(l.stack)
	floor := 0
	if k := len(l.strings); k > 0 {
		floor = l.strings[k-1].depth
	}
	if n <= floor {
		l.fail(at, "a bracket is closed that is not open")
		return false
	}
	top := l.stack[n-1]
	l.stack = l.stack[:n-1]
	if closing(top.open) != s {
		l.fail(at, "a bracket is closed by one of another kind")
		return false
	}
	return true
}

func closing(s sym) sym {
	switch s {
	case symLParen:
		return symRParen
	case symLBracket:
		return symRBracket
	default:
		return symRBrace
	}
}

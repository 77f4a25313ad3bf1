package torchscript

// kind is a token kind. Single characters are themselves.
type kind uint8

const (
	tEOF kind = iota
	tIdent
	tNumber
	tString
	tNewline
	tIndent
	tDedent
	tBad
	tTypeComment
	tDots
	tArrow
	tEq
	tNe
	tLe
	tGe
	tEquivalent
	tFloorDiv
	tPow
	tShl
	tShr
	tAugAssign // every augmented assignment
	tIsNot
	tNotIn
	tKwFirst
)

const (
	tDef kind = tKwFirst + iota
	tClass
	tIf
	tElse
	tElif
	tWhile
	tFor
	tIn
	tReturn
	tIs
	tTrue
	tFalse
	tNone
	tAnd
	tOr
	tNot
	tGlobal
	tRaise
	tAssert
	tBreak
	tContinue
	tDel
	tPass
	tImport
	tWith
	tAs
	tEllipsis
	tNoneType
)

func keyword(s string) kind {
	switch s {
	case "def":
		return tDef
	case "class":
		return tClass
	case "if":
		return tIf
	case "else":
		return tElse
	case "elif":
		return tElif
	case "while":
		return tWhile
	case "for":
		return tFor
	case "in":
		return tIn
	case "return":
		return tReturn
	case "is":
		return tIs
	case "True":
		return tTrue
	case "False":
		return tFalse
	case "None":
		return tNone
	case "and":
		return tAnd
	case "or":
		return tOr
	case "not":
		return tNot
	case "global":
		return tGlobal
	case "raise":
		return tRaise
	case "assert":
		return tAssert
	case "break":
		return tBreak
	case "continue":
		return tContinue
	case "del":
		return tDel
	case "pass":
		return tPass
	case "import":
		return tImport
	case "with":
		return tWith
	case "as":
		return tAs
	case "Ellipsis":
		return tEllipsis
	case "NoneType":
		return tNoneType
	}
	return tIdent
}

// token is a lexeme: src[pos:end] at line and col, both counted from 1.
type token struct {
	kind kind
	pos  int32
	end  int32
	line int32
	col  int32
}

// lexer yields the tokens that torch's lexer yields for the same source, with
// the same rules for indentation, continuation lines and comments.
type lexer struct {
	src       string // shorter than maxUnit
	cur       token  // the current token
	pos       int
	line      int32 // of pos, from 1
	lineStart int
	nesting   int
	indents   []int
	queue     []token // tokens after cur that are already made
	atLine    bool    // the next token is the indentation of a line
	maxIndent int
}

func newLexer(src string, maxIndent int) *lexer {
	l := &lexer{src: src, line: 1, maxIndent: maxIndent}
	l.skip(true)
	// The first line's indentation is the base level.
	l.indents = append(l.indents, l.pos-l.lineStart)
	l.cur = l.make()
	return l
}

// next takes the current token.
func (l *lexer) next() token {
	t := l.cur
	if len(l.queue) == 0 {
		l.cur = l.make()
		return t
	}
	l.cur = l.queue[0]
	l.queue = append(l.queue[:0], l.queue[1:]...) // a line ends few blocks
	return t
}

// ahead is the kind of the token after the current one.
func (l *lexer) ahead() kind {
	if len(l.queue) == 0 {
		l.queue = append(l.queue, l.make())
	}
	return l.queue[0].kind
}

// resync drops what is ahead and continues on the line after the one that
// holds t, outside any bracket. It returns where that line begins.
func (l *lexer) resync(t token) int {
	l.queue, l.nesting = l.queue[:0], 0
	l.pos, l.line, l.lineStart = int(t.pos), t.line, int(t.pos-(t.col-1))
	for l.pos < len(l.src) && l.src[l.pos] != '\n' {
		l.pos++
	}
	if l.pos < len(l.src) {
		l.newline()
	}
	at := l.pos
	l.atLine = true
	l.cur = l.make()
	return at
}

func (l *lexer) newline() {
	l.pos++
	l.line++
	l.lineStart = l.pos
}

// skip passes blanks and comments, and with newlines also line ends. Without,
// it stops before a line end outside brackets and reports that it did.
func (l *lexer) skip(newlines bool) bool {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == '\n':
			if !newlines && l.nesting == 0 {
				return true
			}
			l.newline()
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			l.pos++
		case c == '#' && !isTypeComment(l.src[l.pos:]):
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		case c == '\\' && !newlines && l.pos+1 < len(l.src) && l.src[l.pos+1] == '\n':
			l.pos++
			l.newline()
		default:
			return false
		}
	}
	return false
}

const typeComment = "# type:"

func isTypeComment(s string) bool {
	return len(s) >= len(typeComment) && s[:len(typeComment)] == typeComment
}

// make makes the next token, and queues more where a line ends blocks.
func (l *lexer) make() token {
	if l.atLine {
		l.atLine = false
		l.skip(true)
		return l.indentation()
	}
	if l.skip(false) { // stopped before a line end that counts
		l.newline()
		l.skip(true)
		return l.indentation()
	}
	return l.lex()
}

// here is an empty token at pos.
func (l *lexer) here(k kind) token {
	return token{kind: k, pos: int32(l.pos), end: int32(l.pos), line: l.line, col: int32(l.pos-l.lineStart) + 1}
}

// indentation turns the blanks before a line's first character into NEWLINE,
// INDENT or DEDENT. The indentation before the end is the base level.
func (l *lexer) indentation() token {
	depth := l.pos - l.lineStart
	if l.pos >= len(l.src) {
		depth = l.indents[0]
	}
	top := l.indents[len(l.indents)-1]
	switch {
	case depth > top && len(l.indents) < l.maxIndent:
		l.indents = append(l.indents, depth)
		return l.here(tIndent)
	case depth >= top:
		return l.here(tNewline)
	}
	for len(l.indents) > 1 && l.indents[len(l.indents)-1] > depth {
		l.indents = l.indents[:len(l.indents)-1]
		l.queue = append(l.queue, l.here(tDedent))
	}
	if l.indents[len(l.indents)-1] != depth {
		// torch refuses a level that was never opened.
		l.queue = append(l.queue, l.here(tBad))
	}
	return l.here(tNewline)
}

// lex makes the token at pos, which is not blank.
func (l *lexer) lex() token {
	t := l.here(tEOF)
	if l.pos >= len(l.src) {
		return t
	}
	c := l.src[l.pos]
	switch {
	case isDigit(c) || c == '.' && l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1]):
		t.kind = tNumber
		l.pos += numberLen(l.src[l.pos:])
	case c == '"' || c == '\'':
		l.lexString(&t, c)
	case isAlpha(c):
		l.lexWord(&t)
	default:
		l.lexOperator(&t, c)
	}
	t.end = int32(l.pos)
	return t
}

func (l *lexer) lexWord(t *token) {
	end := l.pos + 1
	for end < len(l.src) && (isAlpha(l.src[end]) || isDigit(l.src[end])) {
		end++
	}
	if end-l.pos > maxName {
		t.kind = tBad
		l.pos = end
		return
	}
	t.kind = keyword(l.src[l.pos:end])
	rest := l.src[end:]
	// "is not" and "not in" are single tokens that end where they match, even
	// inside a word: torch reads "x is nottorch.save" as "is not", "torch".
	switch {
	case t.kind == tIs && len(rest) >= 4 && rest[:4] == " not":
		t.kind, end = tIsNot, end+4
	case t.kind == tNot && len(rest) >= 3 && rest[:3] == " in":
		t.kind, end = tNotIn, end+3
	}
	l.pos = end
}

// operatorTail are the second characters of operators.
var operatorTail = [256]bool{'.': true, '*': true, '<': true, '>': true, '/': true, '=': true}

func (l *lexer) lexString(t *token, quote byte) {
	s := l.src[l.pos:]
	q := 1
	if len(s) >= 3 && s[1] == quote && s[2] == quote {
		q = 3
	}
	for i := q; i < len(s); i++ {
		switch {
		case s[i] == '\n' && q == 1:
			t.kind = tBad
			l.pos++
			return
		case s[i] == '\\':
			if i+1 < len(s) && s[i+1] == '\n' {
				l.line++
				l.lineStart = l.pos + i + 2
			}
			i++
		case s[i] == '\n':
			l.line++
			l.lineStart = l.pos + i + 1
		case s[i] == quote && (q == 1 || i+2 < len(s) && s[i+1] == quote && s[i+2] == quote):
			t.kind = tString
			l.pos += i + q
			return
		}
	}
	t.kind = tBad
	l.pos++
	l.line, l.lineStart = t.line, int(t.pos-(t.col-1))
}

// operators of more than one character, longest first for each first one.
var operators = [...]struct {
	text string
	kind kind
}{
	{"...", tDots},
	{"**=", tAugAssign},
	{"<<=", tAugAssign},
	{">>=", tAugAssign},
	{"<=>", tEquivalent},
	{"**", tPow},
	{"<<", tShl},
	{">>", tShr},
	{"//", tFloorDiv},
	{"==", tEq},
	{"!=", tNe},
	{"<=", tLe},
	{">=", tGe},
	{"->", tArrow},
	{"+=", tAugAssign},
	{"-=", tAugAssign},
	{"*=", tAugAssign},
	{"/=", tAugAssign},
	{"%=", tAugAssign},
	{"|=", tAugAssign},
	{"&=", tAugAssign},
	{"^=", tAugAssign},
}

func (l *lexer) lexOperator(t *token, c byte) {
	s := l.src[l.pos:]
	switch c {
	case '(', '[', '{':
		l.nesting++
	case ')', ']', '}':
		if l.nesting > 0 {
			l.nesting--
		}
	case ',', ':', '@', '~', '?':
	case '#':
		// Only a type comment is left by skip.
		t.kind = tTypeComment
		l.pos += len(typeComment)
		return
	case '+', '-', '*', '/', '%', '=', '<', '>', '.', '!', '&', '^', '|':
		if len(s) < 2 || !operatorTail[s[1]] {
			break
		}
		for _, o := range operators {
			if o.text[0] == c && len(s) >= len(o.text) && s[:len(o.text)] == o.text {
				t.kind = o.kind
				l.pos += len(o.text)
				return
			}
		}
	default:
		t.kind = tBad
		l.pos++
		return
	}
	t.kind = charKind(c)
	l.pos++
}

// charKind is the kind of a single-character token; those above every named
// kind are the character with its top bit set.
func charKind(c byte) kind { return kind(c | 0x80) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlpha(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// numberLen is the length of the number that s begins with, imaginary suffix
// included.
func numberLen(s string) int {
	i := 0
	digits := func() {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && isHex(s[2]) {
		i = 2
		for i < len(s) && isHex(s[i]) {
			i++
		}
		return i
	}
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			i = j
			digits()
		}
	}
	if i < len(s) && s[i] == 'j' {
		i++
	}
	return i
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

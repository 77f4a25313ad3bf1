package cppsrc

import "strings"

// Kind says what a token is.
type Kind byte

// The kinds of token.
const (
	Ident Kind = iota // also keywords
	Number
	Text // a string or a character
	Punct
)

// Token is a word of the source.
type Token struct {
	Kind       Kind
	Start, End int32
	Mate       int32 // where the other bracket is, as an index; -1 for none
}

// lexer makes tokens and finds the mates of brackets.
type lexer struct {
	f     *File
	src   string
	at    int
	lim   Limits
	open  []int32 // brackets that are not closed yet, as indices of tokens
	conds []cond
	line  bool // nothing but space since the line began
}

// cond is an #if that is not ended yet.
type cond struct {
	depth int  // of brackets where it began
	dead  bool // the branch is left out
	outer bool // so is what is around it
}

func (l *lexer) dead() bool { return len(l.conds) > 0 && l.conds[len(l.conds)-1].dead }

func (l *lexer) run() {
	l.line = true
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case c == '\n':
			l.line = true
			l.at++
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			l.at++
		case c == '\\' && l.splice(l.at) > 0:
			l.at += l.splice(l.at)
		case c == '/' && l.next() == '/':
			l.at = l.lineEnd(l.at)
		case c == '/' && l.next() == '*':
			l.comment()
		case c == '#' && l.line:
			l.directive()
		default:
			l.line = false
			l.token(c)
		}
	}
	for _, i := range l.open {
		l.f.fail(l.f.Tokens[i].Start, "a bracket is not closed")
	}
}

func (l *lexer) next() byte {
	if l.at+1 < len(l.src) {
		return l.src[l.at+1]
	}
	return 0
}

// splice is the length of a backslash that joins two lines, or 0.
func (l *lexer) splice(at int) int {
	rest := l.src[at+1:]
	switch {
	case strings.HasPrefix(rest, "\n"):
		return 2
	case strings.HasPrefix(rest, "\r\n"):
		return 3
	}
	return 0
}

// lineEnd is where the line ends that a position is in, joined lines included.
func (l *lexer) lineEnd(at int) int {
	for at < len(l.src) {
		n := strings.IndexByte(l.src[at:], '\n')
		if n < 0 {
			return len(l.src)
		}
		end := at + n
		if !strings.HasSuffix(strings.TrimSuffix(l.src[at:end], "\r"), `\`) {
			return end
		}
		at = end + 1
	}
	return len(l.src)
}

func (l *lexer) comment() {
	n := strings.Index(l.src[l.at+2:], "*/")
	if n < 0 {
		l.f.fail(int32(l.at), "a comment does not end")
		l.at = len(l.src)
		return
	}
	l.at += n + 4
}

func (l *lexer) token(c byte) {
	start := l.at
	switch {
	case letter(c):
		for l.at < len(l.src) && (letter(l.src[l.at]) || digit(l.src[l.at])) {
			l.at++
		}
		if l.at < len(l.src) && l.src[l.at] == '"' && prefix(l.src[start:l.at]) {
			l.str(strings.HasSuffix(l.src[start:l.at], "R"))
			l.add(Text, start)
			return
		}
		l.add(Ident, start)
	case digit(c) || c == '.' && digit(l.next()):
		l.number()
		l.add(Number, start)
	case c == '"':
		l.str(false)
		l.add(Text, start)
	case c == '\'':
		l.quoted('\'')
		l.add(Text, start)
	default:
		l.punct()
	}
}

func letter(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 || c == '$'
}
func digit(c byte) bool { return c >= '0' && c <= '9' }

func prefix(s string) bool {
	switch s {
	case "R", "L", "u", "U", "u8", "LR", "uR", "UR", "u8R":
		return true
	}
	return false
}

// number goes over a pp-number, digits' separators included.
func (l *lexer) number() {
	for l.at < len(l.src) {
		c := l.src[l.at]
		switch {
		case letter(c) || digit(c) || c == '.':
		case (c == '+' || c == '-') && strings.IndexByte("eEpP", l.src[l.at-1]) >= 0:
		case c == '\'' && (digit(l.next()) || letter(l.next())):
		default:
			return
		}
		l.at++
	}
}

// str goes over a string whose opening quote is at hand.
func (l *lexer) str(raw bool) {
	if !raw {
		l.quoted('"')
		return
	}
	rest := l.src[l.at+1:]
	n := strings.IndexByte(rest[:min(len(rest), 17)], '(')
	if n < 0 {
		l.quoted('"')
		return
	}
	closing := ")" + rest[:n] + `"`
	end := strings.Index(rest[n:], closing)
	if end < 0 {
		l.f.fail(int32(l.at), "a string does not end")
		l.at = len(l.src)
		return
	}
	l.at += 1 + n + end + len(closing)
}

func (l *lexer) quoted(q byte) {
	start := l.at
	for l.at++; l.at < len(l.src); l.at++ {
		switch l.src[l.at] {
		case '\\':
			l.at++
			if l.at < len(l.src) && l.src[l.at] == '\r' && l.next() == '\n' {
				l.at++
			}
		case q:
			l.at++
			return
		case '\n':
			l.f.fail(int32(start), "a string does not end")
			return
		}
	}
	l.at = min(l.at, len(l.src))
	l.f.fail(int32(start), "a string does not end")
}

// operators of more than one character, longest first. ">>" is a token of its own;
// who closes templates with it counts it twice.
var operators = []string{
	"<<<", ">>>", "<<=", ">>=", "->*", "...", "<=>",
	"::", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
	"+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
}

func (l *lexer) punct() {
	start := l.at
	l.at++
	rest := l.src[start:]
	if len(rest) > 1 && strings.IndexByte("<>-.:+&|=!*/%^", rest[0]) >= 0 {
		for _, op := range operators {
			if rest[0] != op[0] || !strings.HasPrefix(rest, op) || op == ">>>" && !l.launching() {
				continue
			}
			l.at = start + len(op)
			break
		}
	}
	l.add(Punct, start)
	l.bracket(l.src[start:l.at])
}

// launching reports whether a kernel's <<< waits for its >>>.
func (l *lexer) launching() bool { return l.top() == "<<<" }

func (l *lexer) top() string {
	if len(l.open) == 0 {
		return ""
	}
	return l.f.Word(int(l.open[len(l.open)-1]))
}

func (l *lexer) add(k Kind, start int) {
	if l.dead() {
		return
	}
	l.f.Tokens = append(l.f.Tokens, Token{Kind: k, Start: int32(start), End: int32(l.at), Mate: -1})
}

// closers are the brackets by what closes them.
var closers = map[string]string{")": "(", "]": "[", "}": "{", ">>>": "<<<"}

func (l *lexer) bracket(s string) {
	if l.dead() {
		return
	}
	switch s {
	case "(", "[", "{", "<<<":
		l.open = append(l.open, int32(len(l.f.Tokens)-1))
	case ")", "]", "}", ">>>":
		l.close(closers[s])
	case ";":
		if l.launching() { // it was no launch
			l.open = l.open[:len(l.open)-1]
		}
	}
}

// mostUnclosed is how many brackets of another kind a closing one may pass over.
const mostUnclosed = 8

func (l *lexer) close(opening string) {
	at := int32(len(l.f.Tokens) - 1)
	for n := range min(len(l.open), mostUnclosed) {
		i := l.open[len(l.open)-1-n]
		if l.f.Word(int(i)) != opening {
			if opening != "{" && l.f.Word(int(i)) == "{" {
				break // only a brace ends what is open within braces
			}
			continue
		}
		for _, left := range l.open[len(l.open)-n:] {
			if l.f.Word(int(left)) != "<<<" {
				l.f.fail(l.f.Tokens[left].Start, "a bracket is not closed")
			}
		}
		l.open = l.open[:len(l.open)-1-n]
		l.f.Tokens[at].Mate, l.f.Tokens[i].Mate = i, at
		return
	}
	l.f.fail(l.f.Tokens[at].Start, "a bracket is closed that is not open")
}

package cppsrc

import "strings"

// Macro is a #define.
type Macro struct {
	Name   string
	Params []string // nil where it takes none
	Body   *File    // the tokens that it stands for
	Offset int32
}

// Pragma is a #pragma, and the token that comes after it.
type Pragma struct {
	Text   string
	Before int
	Offset int32
}

// Include is an #include.
type Include struct {
	Path   string
	Offset int32
}

// directive reads a line that begins with #.
func (l *lexer) directive() {
	start := l.at
	end := l.lineEnd(start)
	l.at = end
	text := l.src[start+1 : end]
	if strings.Contains(text, "/*") { // a comment may go on after the line
		text = l.uncommented(start+1, end)
	}
	word, rest, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(text, "\t", " ")), " ")
	if cut := strings.IndexAny(word, "(<\""); cut > 0 { // #if(x), #include<x>
		word, rest = word[:cut], word[cut:]+" "+rest
	}
	switch word {
	case "if", "ifdef", "ifndef":
		outer := l.dead()
		never := word == "if" && strings.TrimSpace(rest) == "0"
		l.conds = append(l.conds, cond{depth: len(l.open), dead: outer || never, outer: outer})
	case "else", "elif", "elifdef", "elifndef":
		l.branch(word == "elif" && strings.TrimSpace(rest) == "0")
	case "endif":
		if n := len(l.conds); n > 0 {
			l.conds = l.conds[:n-1]
		}
	case "define":
		if !l.dead() {
			l.define(strings.TrimSpace(rest), start)
		}
	case "include":
		l.f.Includes = append(l.f.Includes, Include{Path: strings.Trim(strings.TrimSpace(rest), `<>"`), Offset: int32(start)})
	case "pragma":
		if !l.dead() {
			l.f.Pragmas = append(l.f.Pragmas, Pragma{Text: strings.TrimSpace(rest), Before: len(l.f.Tokens), Offset: int32(start)})
		}
	}
}

// uncommented is a line without a comment that may end behind it.
func (l *lexer) uncommented(start, end int) string {
	var b strings.Builder
	for start < end {
		n := strings.Index(l.src[start:end], "/*")
		if n < 0 {
			b.WriteString(l.src[start:end])
			break
		}
		b.WriteString(l.src[start:start+n] + " ")
		ends := strings.Index(l.src[start+n+2:], "*/")
		if ends < 0 {
			l.f.fail(int32(start+n), "a comment does not end")
			l.at = len(l.src)
			break
		}
		start += n + ends + 4
		if start > end {
			l.at = start
		}
	}
	return b.String()
}

// branch is another branch of an #if: it is read if the one before it was whole.
func (l *lexer) branch(never bool) {
	if len(l.conds) == 0 {
		return
	}
	c := &l.conds[len(l.conds)-1]
	c.dead = c.outer || never || len(l.open) != c.depth
}

// mostMacros bounds the macros that are kept of a file, and their text.
const (
	mostMacros    = 5000
	mostMacroText = 16 << 10
)

func (l *lexer) define(text string, start int) {
	n := 0
	for n < len(text) && (letter(text[n]) || digit(text[n])) {
		n++
	}
	m := Macro{Name: text[:n], Offset: int32(start)}
	body := text[n:]
	if strings.HasPrefix(body, "(") {
		params, rest, ok := strings.Cut(body[1:], ")")
		if !ok {
			return
		}
		for p := range strings.SplitSeq(params, ",") {
			m.Params = append(m.Params, strings.TrimSpace(p))
		}
		body = rest
	}
	if n == 0 || len(body) > mostMacroText || len(l.f.Macros) >= mostMacros || l.lim.inner {
		return
	}
	body = strings.NewReplacer("\\\r\n", "  \n", "\\\n", " \n", "#", " ").Replace(body)
	m.Body = &File{Text: body, inMacro: true}
	inner := lexer{f: m.Body, src: body, lim: Limits{inner: true}}
	inner.run()
	l.f.Macros = append(l.f.Macros, m)
}

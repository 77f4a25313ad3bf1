package pysrc

import "strings"

// prefix reads the letters before a quote.
func prefix(s string) (flag, bool) {
	switch strings.ToLower(s) {
	case "":
		return 0, true
	case "u":
		return 0, true
	case "r":
		return flagRaw, true
	case "b":
		return flagBytes, true
	case "br", "rb":
		return flagBytes | flagRaw, true
	case "f":
		return flagFormat, true
	case "fr", "rf":
		return flagFormat | flagRaw, true
	case "t":
		return flagFormat | flagTemplate, true
	case "tr", "rt":
		return flagFormat | flagTemplate | flagRaw, true
	}
	return 0, false
}

// text reads a string whose prefix begins at start and whose quote is at pos.
func (l *lexer) text(start int, f flag) {
	quote := l.src[l.pos]
	n := 1
	if rest := l.src[l.pos:]; len(rest) >= 3 && rest[1] == quote && rest[2] == quote {
		f |= flagTriple
		n = 3
	}
	l.pos += n
	if f&flagFormat != 0 {
		l.openString(start, quote, f)
		return
	}
	end := l.endOf(l.pos, quote, f)
	if end < 0 {
		l.unended(start, quote, f)
		return
	}
	l.pos = end + n
	l.tokens = append(l.tokens, token{sym: symString, flag: f, start: int32(start), end: int32(l.pos)})
}

// endOf finds the closing quotes of a string whose content begins at i.
func (l *lexer) endOf(i int, quote byte, f flag) int {
	if f&flagTriple != 0 {
		return l.endOfTriple(i, quote)
	}
	for ; i < len(l.src); i++ {
		switch l.src[i] {
		case quote:
			return i
		case '\n', '\r':
			return -1
		case '\\':
			if strings.HasPrefix(l.src[i+1:], "\r\n") {
				i++
			}
			i++
		}
	}
	return -1
}

func (l *lexer) endOfTriple(i int, quote byte) int {
	if l.noEnd[quote&1] {
		return -1
	}
	for ; i < len(l.src); i++ {
		switch {
		case l.src[i] == '\\':
			i++
		case l.src[i] == quote && i+2 < len(l.src) && l.src[i+1] == quote && l.src[i+2] == quote:
			return i
		}
	}
	l.noEnd[quote&1] = true // ' is odd and " is even
	return -1
}

// unended goes on behind the line in which a string begins that has no end.
func (l *lexer) unended(start int, quote byte, f flag) {
	if f&flagTriple != 0 {
		l.noEnd[quote&1] = true
	}
	l.fail(start, "a string has no end")
	l.comment()
}

// openString begins an f-string.
func (l *lexer) openString(start int, quote byte, f flag) {
	if len(l.strings) >= maxFStrings {
		l.fail(start, "f-strings are nested too deep")
		return
	}
	l.tokens = append(l.tokens, token{sym: symFStart, flag: f, start: int32(start), end: int32(l.pos)})
	l.strings = append(l.strings, fstring{quote: quote, flag: f, depth: len(l.stack)})
}

// middle reads text of an f-string up to its end or a field.
func (l *lexer) middle(f *fstring) {
	start := l.pos
	spec := len(l.stack) > f.depth
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == f.quote && l.closes(f):
			l.middleEnds(start, f, spec)
			l.endString(f)
			return
		case c == '{' && !spec && strings.HasPrefix(l.src[l.pos:], "{{"),
			c == '}' && !spec && strings.HasPrefix(l.src[l.pos:], "}}"):
			l.pos += 2
		case c == '{':
			l.middleEnds(start, f, spec)
			l.field()
			return
		case c == '}':
			l.middleEnds(start, f, spec)
			l.endField(spec)
			return
		case c == '\\':
			l.escape(f)
		case (c == '\n' || c == '\r') && f.flag&flagTriple == 0:
			l.middleEnds(start, f, spec)
			l.lostString(l.pos)
			return
		default:
			l.pos++
		}
	}
	l.middleEnds(start, f, spec)
	l.fail(start, "an f-string has no end")
	l.strings = l.strings[:0]
	l.stack = l.stack[:0]
}

func (l *lexer) closes(f *fstring) bool {
	if f.flag&flagTriple == 0 {
		return true
	}
	q := l.src[l.pos:]
	return len(q) >= 3 && q[1] == f.quote && q[2] == f.quote
}

func (l *lexer) middleEnds(start int, f *fstring, spec bool) {
	if start == l.pos {
		return
	}
	fl := f.flag
	if spec {
		fl |= flagSpec
	}
	l.tokens = append(l.tokens, token{sym: symFMiddle, flag: fl, start: int32(start), end: int32(l.pos)})
}

// escape passes over a backslash and what it escapes. A brace is never escaped,
// but that of a named character is no field.
func (l *lexer) escape(f *fstring) {
	l.pos++
	if l.pos >= len(l.src) {
		return
	}
	switch c := l.src[l.pos]; {
	case c == '{' || c == '}':
	case c == 'N' && f.flag&flagRaw == 0 && strings.HasPrefix(l.src[l.pos+1:], "{"):
		if i := strings.IndexAny(l.src[l.pos:], "}\n\"'"); i >= 0 && l.src[l.pos+i] == '}' {
			l.pos += i
		}
		l.pos++
	case newline(l.src[l.pos:]) == 2:
		l.pos += 2
	default:
		l.pos++
	}
}

func (l *lexer) field() {
	at := l.pos
	l.pos++
	l.open(symLBrace, at)
	l.stack[len(l.stack)-1].field = true
	l.add(symLBrace, at, l.pos)
}

// endField closes a field whose format specification was read.
func (l *lexer) endField(spec bool) {
	at := l.pos
	l.pos++
	if !spec {
		l.fail(at, "a single brace in an f-string")
		return
	}
	l.stack = l.stack[:len(l.stack)-1]
	l.add(symRBrace, at, l.pos)
}

func (l *lexer) endString(f *fstring) {
	at := l.pos
	l.pos++
	if f.flag&flagTriple != 0 {
		l.pos += 2
	}
	if len(l.stack) > f.depth {
		l.fail(at, "an f-string ends within a field")
		l.stack = l.stack[:f.depth]
	}
	l.strings = l.strings[:len(l.strings)-1]
	l.add(symFEnd, at, l.pos)
}

// lostString gives up on the f-strings of a line that ended before they did.
func (l *lexer) lostString(at int) {
	l.fail(at, "an f-string has no end")
	l.strings = l.strings[:0]
	l.stack = l.stack[:0]
}

package pysrc

// sym is what a token is: its kind, or which operator or keyword.
type sym uint8

const (
	symEOF sym = iota
	symError
	symNewline
	symIndent
	symDedent
	symName
	symNumber
	symString
	symFStart  // f" and t"
	symFMiddle // text between the fields
	symFEnd

	symLParen
	symRParen
	symLBracket
	symRBracket
	symLBrace
	symRBrace
	symComma
	symColon
	symSemi
	symDot
	symEllipsis
	symAt
	symAssign
	symAugAssign // += and all of its kind
	symWalrus
	symArrow
	symBang // only within an f-string

	symPlus
	symMinus
	symStar
	symDoubleStar
	symSlash
	symDoubleSlash
	symPercent
	symAmp
	symPipe
	symCaret
	symTilde
	symShiftLeft
	symShiftRight
	symLess
	symGreater
	symEqual
	symNotEqual
	symLessEqual
	symGreaterEqual

	symFalse
	symNone
	symTrue
	symAnd
	symAs
	symAssert
	symAsync
	symAwait
	symBreak
	symClass
	symContinue
	symDef
	symDel
	symElif
	symElse
	symExcept
	symFinally
	symFor
	symFrom
	symGlobal
	symIf
	symImport
	symIn
	symIs
	symLambda
	symNonlocal
	symNot
	symOr
	symPass
	symRaise
	symReturn
	symTry
	symWhile
	symWith
	symYield
)

// token is a run of source.
type token struct {
	sym        sym
	flag       flag // of strings
	start, end int32
}

// flag says which prefix a string has.
type flag uint8

const (
	flagRaw flag = 1 << iota
	flagBytes
	flagFormat
	flagTemplate
	flagTriple
	flagSpec // a middle in a format specification
)

// keyword returns the keyword that s is, or symName.
func keyword(s string) sym { // a table
	switch s {
	case "False":
		return symFalse
	case "None":
		return symNone
	case "True":
		return symTrue
	case "and":
		return symAnd
	case "as":
		return symAs
	case "assert":
		return symAssert
	case "async":
		return symAsync
	case "await":
		return symAwait
	case "break":
		return symBreak
	case "class":
		return symClass
	case "continue":
		return symContinue
	case "def":
		return symDef
	case "del":
		return symDel
	case "elif":
		return symElif
	case "else":
		return symElse
	case "except":
		return symExcept
	case "finally":
		return symFinally
	case "for":
		return symFor
	case "from":
		return symFrom
	case "global":
		return symGlobal
	case "if":
		return symIf
	case "import":
		return symImport
	case "in":
		return symIn
	case "is":
		return symIs
	case "lambda":
		return symLambda
	case "nonlocal":
		return symNonlocal
	case "not":
		return symNot
	case "or":
		return symOr
	case "pass":
		return symPass
	case "raise":
		return symRaise
	case "return":
		return symReturn
	case "try":
		return symTry
	case "while":
		return symWhile
	case "with":
		return symWith
	case "yield":
		return symYield
	}
	return symName
}

// begins reports whether a keyword begins a statement and can stand in no
// expression. At the start of a line within brackets it says that a bracket was
// never closed.
func (s sym) begins() bool {
	switch s {
	case symAssert, symBreak, symClass, symContinue, symDef, symDel, symExcept, symFinally, symGlobal,
		symImport, symNonlocal, symPass, symRaise, symReturn, symTry, symWhile, symWith:
		return true
	default:
		return false
	}
}

// operator reads the longest operator at the start of s.
func operator(s string) (sym, int) {
	if len(s) >= 3 {
		switch s[:3] {
		case "...":
			return symEllipsis, 3
		case "**=", "//=", "<<=", ">>=":
			return symAugAssign, 3
		}
	}
	if len(s) >= 2 {
		if two := pair(s[:2]); two != symError {
			return two, 2
		}
	}
	if len(s) == 0 {
		return symError, 0
	}
	return single(s[0]), 1
}

func pair(s string) sym {
	switch s {
	case "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=":
		return symAugAssign
	case ":=":
		return symWalrus
	case "->":
		return symArrow
	case "**":
		return symDoubleStar
	case "//":
		return symDoubleSlash
	case "<<":
		return symShiftLeft
	case ">>":
		return symShiftRight
	case "==":
		return symEqual
	case "!=":
		return symNotEqual
	case "<=":
		return symLessEqual
	case ">=":
		return symGreaterEqual
	}
	return symError
}

func single(c byte) sym { // a table
	switch c {
	case '(':
		return symLParen
	case ')':
		return symRParen
	case '[':
		return symLBracket
	case ']':
		return symRBracket
	case '{':
		return symLBrace
	case '}':
		return symRBrace
	case ',':
		return symComma
	case ':':
		return symColon
	case ';':
		return symSemi
	case '.':
		return symDot
	case '@':
		return symAt
	case '=':
		return symAssign
	case '+':
		return symPlus
	case '-':
		return symMinus
	case '*':
		return symStar
	case '/':
		return symSlash
	case '%':
		return symPercent
	case '&':
		return symAmp
	case '|':
		return symPipe
	case '^':
		return symCaret
	case '~':
		return symTilde
	case '<':
		return symLess
	case '>':
		return symGreater
	}
	return symError
}

package exportir

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Expr is what an expression in the grammar is made of.
type Expr struct {
	Symbols   []string // names of symbols, sorted
	Functions []string // names called, sorted
	Inputs    []string // guards: names of the inputs read as L['name'], sorted
}

// ExprError says why an expression is not one that torch writes.
type ExprError struct {
	Offset int // in bytes
	Msg    string
	Err    error // bounded.ErrLimit where a limit is the reason
}

func (e *ExprError) Error() string { return fmt.Sprintf("at offset %d: %s", e.Offset, e.Msg) }

func (e *ExprError) Unwrap() error { return e.Err }

// Limits of one expression. torch writes some hundred bytes.
const (
	maxExprLen   = 64 << 10
	maxExprDepth = 100
)

// ParseExpr checks that s is a symbolic expression as torch.export writes it
// into expr_str. The error is an *ExprError.
func ParseExpr(s string) (Expr, error) { return parseExpr(s, false) }

// ParseGuard checks that s is a guard as torch.export writes it into
// guards_code. The error is an *ExprError.
func ParseGuard(s string) (Expr, error) { return parseExpr(s, true) }

func parseExpr(s string, guard bool) (Expr, error) {
	p := exprParser{s: s, guard: guard}
	if len(s) > maxExprLen {
		return Expr{}, &ExprError{
			Offset: maxExprLen, Msg: "expression is too long",
			Err: bounded.Exceeded("bytes of an expression", maxExprLen),
		}
	}
	p.next()
	p.or()
	if p.tok != tokEOF {
		p.fail("unexpected %q", p.text)
	}
	if p.err != nil {
		return Expr{}, p.err
	}
	return Expr{Symbols: uniq(p.symbols), Functions: uniq(p.funcs), Inputs: uniq(p.inputs)}, nil
}

func uniq(names []string) []string {
	slices.Sort(names)
	return slices.Clip(slices.Compact(names))
}

type tok uint8

const (
	tokEOF tok = iota
	tokName
	tokNumber
	tokString
	tokOp
)

// exprParser is a recursive-descent parser. After the first error every token
// is the end, so that it returns at once.
type exprParser struct {
	s     string
	guard bool
	pos   int // after the token
	at    int // of the token
	tok   tok
	text  string
	depth int
	err   *ExprError

	symbols, funcs, inputs []string
}

func (p *exprParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &ExprError{Offset: p.at, Msg: fmt.Sprintf(format, args...)}
	}
	p.tok, p.text = tokEOF, ""
}

// twoByte are the operators of two characters.
var twoByte = set("**", "//", "<=", ">=", "==", "!=", "<<", ">>")

const oneByte = "+-*/%<>()[],.=&|~^:"

func (p *exprParser) next() {
	if p.err != nil {
		return
	}
	for p.pos < len(p.s) && p.s[p.pos] == ' ' {
		p.pos++
	}
	p.at = p.pos
	if p.pos == len(p.s) {
		p.tok, p.text = tokEOF, ""
		return
	}
	rest := p.s[p.pos:]
	switch c := rest[0]; {
	case isLetter(c):
		p.token(tokName, nameLen(rest))
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		p.token(tokNumber, numberLen(rest))
	case c == '\'' || c == '"':
		end := strings.IndexByte(rest[1:], c)
		if end < 0 {
			p.fail("string without end")
			return
		}
		p.token(tokString, end+2)
		p.text = p.text[1 : len(p.text)-1]
		if strings.ContainsFunc(p.text, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) {
			p.fail("string %q has an escape or a character outside ASCII", p.text)
		}
	case len(rest) > 1 && twoByte[rest[:2]]:
		p.token(tokOp, 2)
	case strings.IndexByte(oneByte, c) >= 0:
		p.token(tokOp, 1)
	default:
		p.fail("character %q", rest[:1])
	}
}

func (p *exprParser) token(t tok, n int) {
	p.tok, p.text = t, p.s[p.pos:p.pos+n]
	p.pos += n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func nameLen(s string) int {
	n := 0
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	return n
}

func numberLen(s string) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '.') {
		n++
	}
	if n+1 < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if s[m] == '+' || s[m] == '-' {
			m++
		}
		if m < len(s) && isDigit(s[m]) {
			n = m
			for n < len(s) && isDigit(s[n]) {
				n++
			}
		}
	}
	return n
}

func (p *exprParser) op(text string) bool {
	if p.tok == tokOp && p.text == text {
		p.next()
		return true
	}
	return false
}

func (p *exprParser) word(text string) bool {
	if p.tok == tokName && p.text == text {
		p.next()
		return true
	}
	return false
}

func (p *exprParser) expect(text string) {
	if !p.op(text) {
		p.fail("expected %q, found %q", text, p.text)
	}
}

// enter counts nesting; leave ends it.
func (p *exprParser) enter() bool {
	if p.depth++; p.depth > maxExprDepth {
		p.fail("expression is nested too deeply")
		p.err.Err = bounded.Exceeded("nested expressions", maxExprDepth)
	}
	return p.err == nil
}

func (p *exprParser) leave() { p.depth-- }

// or is and, or, not over comparisons. Of what each level returns only
// whether it is made of constants alone matters; see power.
func (p *exprParser) or() bool {
	if !p.enter() {
		return false
	}
	defer p.leave()
	constant := p.and()
	for p.word("or") {
		constant = p.and() && constant
	}
	return constant
}

func (p *exprParser) and() bool {
	constant := p.not()
	for p.word("and") {
		constant = p.not() && constant
	}
	return constant
}

func (p *exprParser) not() bool {
	for p.word("not") {
	}
	return p.comparison()
}

var comparisons = set("<", "<=", ">", ">=", "==", "!=")

func (p *exprParser) comparison() bool {
	constant := p.binary(0)
	for {
		switch {
		case p.tok == tokOp && comparisons[p.text]:
			p.next()
		case p.guard && p.word("is"):
			p.word("not")
		default:
			return constant
		}
		constant = p.binary(0) && constant
	}
}

// levels are the binary operators from loose to tight.
var levels = []map[string]bool{
	set("|"), set("^"), set("&"), set("<<", ">>"), set("+", "-"), set("*", "/", "//", "%"),
}

func (p *exprParser) binary(level int) bool {
	if level == len(levels) {
		return p.unary()
	}
	start := p.at
	constant := p.binary(level + 1)
	for p.tok == tokOp && levels[level][p.text] {
		op := p.text
		p.next()
		right := p.binary(level + 1)
		constant = constant && right
		if op == "<<" && constant {
			p.checkPower(start)
		}
	}
	return constant
}

func (p *exprParser) unary() bool {
	for p.tok == tokOp && (p.text == "-" || p.text == "+" || p.text == "~") {
		p.next()
	}
	return p.power()
}

// power is base ** exponent. A power of constants alone is computed when the
// expression is read, whatever its size.
func (p *exprParser) power() bool {
	start := p.at
	constant := p.atom()
	if p.op("**") {
		if !p.enter() {
			return false
		}
		defer p.leave()
		if !p.unary() {
			return false
		}
		if constant {
			p.checkPower(start)
		}
	}
	return constant
}

// checkPower refuses what starts at start unless it is one power of small
// numbers: torch folds the others before it writes them.
func (p *exprParser) checkPower(start int) {
	const maxLen, maxDigits = 80, 4
	if p.err != nil {
		return
	}
	s := p.s[start:p.at]
	powers := strings.Count(s, "**") + strings.Count(s, "<<") + strings.Count(s, "Pow") +
		strings.Count(s, "LShift") + strings.Count(s, "exp")
	digits, most := 0, 0
	for i := range len(s) {
		if digits++; !isDigit(s[i]) {
			digits = 0
		}
		most = max(most, digits)
	}
	if len(s) > maxLen || powers != 1 || most > maxDigits {
		p.at = start
		p.fail("power of constants")
	}
}

// atom reports whether it is a constant.
func (p *exprParser) atom() bool {
	switch {
	case p.tok == tokNumber:
		if strings.Count(p.text, ".") > 1 || len(p.text) > 400 {
			p.fail("number %q", p.text)
		}
		p.next()
		if p.tok == tokName {
			p.fail("name %q right after a number", p.text)
		}
		return true
	case p.tok == tokName:
		return p.name()
	case p.tok == tokString && p.guard:
		p.next()
		return true
	case p.op("("):
		constant := p.or()
		p.expect(")")
		return constant
	case p.tok == tokString:
		p.fail("string %q", p.text)
	case p.tok == tokEOF:
		p.fail("unexpected end")
	default:
		p.fail("unexpected %q", p.text)
	}
	return false
}

// name is a constant, a symbol, a call or, in guards, an input.
func (p *exprParser) name() bool {
	name, at := p.text, p.at
	p.next()
	if p.guard && name == "L" {
		p.input()
		return false
	}
	for p.guard && (name == "math" || name == "torch") && p.op(".") {
		name += "." + p.text
		p.next()
	}
	switch {
	case p.tok == tokOp && p.text == "(":
		return p.call(name, at)
	case exprConsts[name] || p.guard && name == "None":
		return true
	case p.tok == tokOp && p.text == ".":
		p.fail("attribute of %q", name)
	case p.tok == tokOp && p.text == "[":
		p.fail("subscript of %q", name)
	case symbolName().MatchString(name):
		p.symbols = append(p.symbols, name)
	default:
		p.at = at
		p.fail("name %q", name)
	}
	return false
}

func (p *exprParser) call(name string, at int) bool {
	if !exprFuncs[name] && !(p.guard && guardFuncs[name]) {
		p.at = at
		p.fail("call of %q", name)
		return false
	}
	if !p.enter() {
		return false
	}
	defer p.leave()
	p.funcs = append(p.funcs, name)
	p.expect("(")
	constant, n := true, 0
	for p.err == nil && !(p.tok == tokOp && p.text == ")") {
		if !p.argument(name, n) {
			constant = false
		}
		if n++; !p.op(",") {
			break
		}
	}
	p.expect(")")
	switch {
	case (name == "Symbol" || name == "Dummy") && n == 0:
		p.fail("%s without a name", name)
	case powerFuncs[name] && constant:
		p.checkPower(at)
	case p.tok == tokOp && (p.text == "." || p.text == "[" || p.text == "("):
		p.fail("%q after a call of %q", p.text, name)
	}
	return constant && name != "Symbol" && name != "Dummy"
}

// argument is an expression, name=value, and for some functions a string or a
// tuple.
func (p *exprParser) argument(fn string, n int) bool {
	switch {
	case fn == "Symbol" || fn == "Dummy":
		if n > 0 {
			break
		}
		if p.tok != tokString || !quotedName().MatchString(p.text) || strings.HasPrefix(p.text, "__") {
			p.fail("name %q of a symbol", p.text)
		}
		p.symbols = append(p.symbols, p.text)
		p.next()
		return true
	case p.tok == tokString && numberFuncs[fn]:
		if !quotedNumber().MatchString(p.text) {
			p.fail("string %q", p.text)
		}
		p.next()
		return true
	case fn == "Piecewise" && p.op("("):
		// (value, condition), or a bracketed value.
		constant := p.or()
		if p.op(",") {
			p.or()
		}
		p.expect(")")
		return constant
	}
	if p.tok == tokName && p.isKeyword() {
		p.keyword(fn)
		return true
	}
	if fn == "Symbol" || fn == "Dummy" {
		p.fail("argument %q of %s", p.text, fn)
	}
	return p.or()
}

// isKeyword looks for name= but not name==.
func (p *exprParser) isKeyword() bool {
	rest := strings.TrimLeft(p.s[p.pos:], " ")
	return strings.HasPrefix(rest, "=") && !strings.HasPrefix(rest, "==")
}

func (p *exprParser) keyword(fn string) {
	name := p.text
	fns, ok := keywords[name]
	switch {
	case (fn == "Symbol" || fn == "Dummy") && assumptions[name]:
	case ok && (len(fns) == 0 || fns[fn]):
	default:
		p.fail("keyword %q of %s", name, fn)
		return
	}
	p.next()
	p.expect("=")
	if p.tok != tokNumber && !(p.tok == tokName && (p.text == "True" || p.text == "False")) {
		p.fail("value %q of keyword %q", p.text, name)
	}
	p.next()
}

// input is what follows L: ['name'], then indices, attributes and methods that
// only read shapes.
func (p *exprParser) input() {
	p.expect("[")
	if p.tok != tokString {
		p.fail("expected an input's name, found %q", p.text)
	}
	p.inputs = append(p.inputs, p.text)
	p.next()
	p.expect("]")
	for p.err == nil {
		switch {
		case p.op("["):
			if p.tok != tokString && p.tok != tokNumber {
				p.fail("index %q of an input", p.text)
			}
			p.next()
			p.expect("]")
		case p.op("."):
			p.member()
		default:
			return
		}
	}
}

func (p *exprParser) member() {
	name := p.text
	if p.tok != tokName || !guardMethods[name] && !guardAttrs[name] {
		p.fail("attribute %q of an input", name)
	}
	p.next()
	if guardMethods[name] {
		p.expect("(")
		p.expect(")")
	}
}

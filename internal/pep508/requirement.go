// Package pep508 reads what a Python project asks for: a name, extras, versions
// or an address, and the environments that this is for.
//
// # Security
//
// This package is made for hostile input. It never panics, and takes time and
// memory in proportion to the text. What does not parse is a *SyntaxError with
// its place. A marker that cannot be decided in an environment is taken to hold,
// so that what it guards is looked at; Evaluate says why it cannot.
//
// # Limits
//
// A requirement or marker of more than MaxText bytes is an error that wraps
// bounded.ErrLimit. Parentheses nest 200 deep at most, as in packaging.
//
// # Specification
//
// PEP 508 as pypa/packaging 26.4 has it: packaging/_parser.py, _tokenizer.py and
// markers.py. Names are normalised by PEP 503. Two strings that packaging reads
// are refused: one with the escape \N{…}, and one with half of a surrogate pair.
package pep508

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// MaxText is the length in bytes of the longest requirement or marker that is read.
const MaxText = 64 << 10

// Requirement is one requirement.
type Requirement struct {
	Name          string   // normalised
	Spelled       string   // as written
	Extras        []string // normalised, sorted, each once
	Specifiers    pep440.Specifiers
	SpecifierText string // as written, without parentheses around it
	URL           string // of "name @ url", as written
	Marker        *Marker
}

// SyntaxError says where a requirement or marker does not parse.
type SyntaxError struct {
	Offset int // in bytes
	Text   string
	Err    error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%q: at byte %d: %v", clip(e.Text), e.Offset, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads one requirement.
func Parse(s string) (Requirement, error) {
	if err := checkText(s); err != nil {
		return Requirement{}, err
	}
	p := parser{s: s}
	r, err := p.requirement()
	if err != nil {
		return Requirement{}, err
	}
	return r, nil
}

// Normalize is the normal form of a name, in which names are compared.
func Normalize(name string) string {
	if isNormal(name) {
		return name
	}
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		if r == '-' || r == '_' || r == '.' {
			if !dash {
				b.WriteByte('-')
			}
			dash = true
			continue
		}
		dash = false
		b.WriteRune(r)
	}
	return b.String()
}

func isNormal(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case c == '-' && (i == 0 || name[i-1] != '-'):
		default:
			return false
		}
	}
	return true
}

// ValidName reports whether a name is one that a package may have: letters,
// digits, and ".", "-", "_" between them.
func ValidName(name string) bool {
	for i := range len(name) {
		if !isAlnum(name[i]) && (!isJoint(name[i]) || i == 0 || i == len(name)-1) {
			return false
		}
	}
	return name != ""
}

func checkText(s string) error {
	if len(s) > MaxText {
		return fmt.Errorf("%q: %w", clip(s), bounded.Exceeded("bytes of a requirement", MaxText))
	}
	if i := invalidUTF8(s); i >= 0 {
		return &SyntaxError{i, s, fmt.Errorf("byte 0x%02x is not UTF-8", s[i])}
	}
	return nil
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i := 0; ; {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
}

func (p *parser) requirement() (Requirement, error) {
	var r Requirement
	p.space()
	name, ok := p.identifier()
	if !ok {
		return r, p.fail("expected the name of a package")
	}
	r.Spelled, r.Name = name, Normalize(name)
	p.space()
	var err error
	if r.Extras, err = p.extras(); err != nil {
		return r, err
	}
	if p.take("@") {
		err = p.address(&r)
	} else {
		err = p.versions(&r)
	}
	if err != nil || p.done() {
		return r, err
	}
	if !p.take(";") {
		return r, p.fail("expected a semicolon or the end")
	}
	if r.Marker, err = p.marker(); err != nil {
		return r, err
	}
	if !p.done() {
		return r, p.fail(`expected "and", "or" or the end`)
	}
	return r, nil
}

// extras reads "[a, b]", if it is there.
func (p *parser) extras() ([]string, error) {
	if !p.take("[") {
		return nil, nil
	}
	var names []string
	p.space()
	for name, ok := p.identifier(); ok; name, ok = p.identifier() {
		names = append(names, Normalize(name))
		p.space()
		if !p.take(",") {
			break
		}
		p.space()
		if !isAlnum(p.peek()) {
			return nil, p.fail("expected the name of an extra after the comma")
		}
	}
	p.space()
	if !p.take("]") {
		return nil, p.fail(`expected a comma or "]" in the extras`)
	}
	p.space()
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (p *parser) address(r *Requirement) error {
	p.space()
	start := p.i
	for p.i < len(p.s) {
		c, n := utf8.DecodeRuneInString(p.s[p.i:])
		if isSpace(c) {
			break
		}
		p.i += n
	}
	if p.i == start {
		return p.fail(`expected an address after "@"`)
	}
	r.URL = p.s[start:p.i]
	if p.done() {
		return nil
	}
	if !p.space() {
		return p.fail("expected a space after the address")
	}
	return nil
}

// versions reads specifiers, with or without parentheses.
func (p *parser) versions(r *Requirement) error {
	paren := p.take("(")
	if paren {
		p.space()
	}
	start := p.i
	var err error
	if r.Specifiers, err = p.specifiers(); err != nil {
		return err
	}
	r.SpecifierText = strings.TrimFunc(p.s[start:p.i], isSpace)
	p.space()
	if paren && !p.take(")") {
		return p.fail(`expected a comma or ")" in the specifiers`)
	}
	p.space()
	return nil
}

// specifiers reads what may stand before a semicolon, a closing parenthesis or the
// end. Where that is all plain characters it is one set, in which === ends at the
// next comma. Otherwise packaging reads token by token, and === takes what follows
// up to a space.
func (p *parser) specifiers() (pep440.Specifiers, error) {
	end := p.i
	for end < len(p.s) && isListed(p.s[end]) {
		end++
	}
	if text := p.s[p.i:end]; end == len(p.s) || p.s[end] == ';' || p.s[end] == ')' {
		list, err := pep440.ParseSpecifiers(text)
		commas := strings.Count(text, ",")
		trailing := strings.HasSuffix(strings.TrimRight(text, " \t"), ",")
		if err == nil && len(list) > 0 && (len(list) == commas+1 || len(list) == commas && trailing) {
			p.i = end
			return list, nil
		}
	}
	return p.specifierTokens()
}

// isListed reports whether a character of plain text can be part of specifiers.
func isListed(c byte) bool { return (c == '\t' || ' ' <= c && c <= '~') && c != ';' && c != ')' }

func (p *parser) specifierTokens() (pep440.Specifiers, error) {
	start := p.i
	var tokens strings.Builder
	for {
		token := p.specifierToken()
		if token == "" {
			break
		}
		if _, err := pep440.ParseSpecifier(token); err != nil {
			return nil, &SyntaxError{p.i, p.s, err}
		}
		p.i += len(token)
		tokens.WriteString(token)
		p.space()
		if !p.take(",") {
			break
		}
		tokens.WriteByte(',')
		p.space()
	}
	list, err := pep440.ParseSpecifiers(tokens.String())
	if err != nil {
		return nil, &SyntaxError{start, p.s, err}
	}
	return list, nil
}

// specifierToken is the text of the specifier that begins here, empty if there is
// none.
func (p *parser) specifierToken() string {
	rest := p.s[p.i:]
	ends := ",;)"
	var n int // the length of the operator
	switch {
	case strings.HasPrefix(rest, "==="):
		n, ends = 3, ";)"
	case len(rest) >= 2 && rest[1] == '=' && strings.IndexByte("~=!<>", rest[0]) >= 0:
		n = 2
	case strings.HasPrefix(rest, "<"), strings.HasPrefix(rest, ">"):
		n = 1
	default:
		return ""
	}
	after := strings.TrimLeftFunc(rest[n:], isSpace)
	i := strings.IndexFunc(after, func(r rune) bool { return isSpace(r) || strings.ContainsRune(ends, r) })
	if i < 0 {
		return rest
	}
	return rest[:len(rest)-len(after)+i]
}

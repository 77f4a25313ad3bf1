package pep508

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNesting is how deep parentheses of markers nest in packaging.
const maxNesting = 200

// parser is at a place of a text that is UTF-8.
type parser struct {
	s     string
	i     int
	depth int
}

func (p *parser) fail(what string) error { return &SyntaxError{p.i, p.s, errors.New(what)} }

func (p *parser) done() bool { return p.i == len(p.s) }

// peek is the next byte, 0 at the end.
func (p *parser) peek() byte {
	if p.done() {
		return 0
	}
	return p.s[p.i]
}

func (p *parser) take(token string) bool {
	if !strings.HasPrefix(p.s[p.i:], token) {
		return false
	}
	p.i += len(token)
	return true
}

// word takes a word that ends here.
func (p *parser) word(w string) bool {
	rest, ok := strings.CutPrefix(p.s[p.i:], w)
	if !ok || rest != "" && (isAlnum(rest[0]) || rest[0] == '_') {
		return false
	}
	p.i += len(w)
	return true
}

// space skips blanks and tabs, and reports whether there were any.
func (p *parser) space() bool {
	start := p.i
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t') {
		p.i++
	}
	return p.i > start
}

// identifier reads the name of a package or an extra. It cannot end with "." or
// "-", which nothing else begins with; packaging lets it end with "_".
func (p *parser) identifier() (string, bool) {
	if !isAlnum(p.peek()) {
		return "", false
	}
	start := p.i
	for p.i < len(p.s) && (isAlnum(p.s[p.i]) || isJoint(p.s[p.i])) {
		p.i++
	}
	name := strings.TrimRight(p.s[start:p.i], ".-")
	p.i = start + len(name)
	return name, true
}

// marker reads comparisons with "and" and "or" between.
func (p *parser) marker() (*Marker, error) {
	m := &Marker{}
	for {
		one, err := p.atom()
		if err != nil {
			return nil, err
		}
		m.atoms = append(m.atoms, one)
		switch {
		case p.word("or"):
			m.ors = append(m.ors, len(m.atoms))
		case !p.word("and"):
			return m, nil
		}
	}
}

func (p *parser) atom() (atom, error) {
	p.space()
	if p.peek() != '(' {
		one, err := p.comparison()
		p.space()
		return atom{comparison: one}, err
	}
	if p.depth == maxNesting {
		return atom{}, p.fail(fmt.Sprintf("parentheses nest more than %d deep", maxNesting))
	}
	p.i++
	p.depth++
	group, err := p.marker()
	if err != nil {
		return atom{}, err
	}
	p.depth--
	if !p.take(")") {
		return atom{}, p.fail(`expected "and", "or" or ")"`)
	}
	p.space()
	return atom{group: group}, nil
}

func (p *parser) comparison() (comparison, error) {
	var c comparison
	var err error
	if c.left, err = p.operand(); err != nil {
		return c, err
	}
	p.space()
	if c.op, err = p.operator(); err != nil {
		return c, err
	}
	p.space()
	if c.right, err = p.operand(); err != nil {
		return c, err
	}
	c.normalize()
	return c, nil
}

func (p *parser) operator() (string, error) {
	if p.word("in") {
		return "in", nil
	}
	if p.word("not") {
		if !p.space() || !p.word("in") {
			return "", p.fail(`expected "in" after "not"`)
		}
		return "not in", nil
	}
	for _, op := range [...]string{"===", "==", "~=", "!=", "<=", ">=", "<", ">"} {
		if p.take(op) {
			return op, nil
		}
	}
	return "", p.fail("expected one of <=, <, !=, ==, >=, >, ~=, ===, in, not in")
}

// spellings of variables, other than their own names. Older metadata has them.
var spellings = []struct{ spelled, variable string }{
	{"os.name", "os_name"},
	{"sys.platform", "sys_platform"},
	{"platform.version", "platform_version"},
	{"platform.machine", "platform_machine"},
	{"platform.python_implementation", "platform_python_implementation"},
	{"python_implementation", "platform_python_implementation"},
}

// Variables are the names that a marker can compare.
var variables = []string{
	"python_version", "python_full_version", "os_name", "sys_platform", "platform_release", "platform_system",
	"platform_version", "platform_machine", "platform_python_implementation", "implementation_name",
	"implementation_version", "extra", "extras", "dependency_groups",
}

func (p *parser) operand() (operand, error) {
	if i := slices.IndexFunc(variables, p.word); i >= 0 {
		return operand{text: variables[i], variable: true}, nil
	}
	for _, s := range spellings {
		if p.word(s.spelled) {
			return operand{text: s.variable, variable: true}, nil
		}
	}
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return operand{}, p.fail("expected a variable or a quoted string")
	}
	end := strings.IndexByte(p.s[p.i+1:], quote)
	if end < 0 {
		return operand{}, p.fail("the string has no end")
	}
	text, err := unescape(p.s[p.i+1 : p.i+1+end])
	if err != nil {
		return operand{}, &SyntaxError{p.i, p.s, err}
	}
	p.i += end + 2
	return operand{text: text}, nil
}

// unescape is what Python takes a string for. Its quotes are cut off, and not
// within it.
func unescape(s string) (string, error) {
	if !strings.ContainsAny(s, "\\\n\r\x00") {
		return s, nil
	}
	// Python reads source with newlines of one kind.
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
	var b strings.Builder
	for s != "" {
		switch s[0] {
		case '\n':
			return "", errors.New("the string has a line break")
		case 0:
			return "", errors.New("the string has a zero byte")
		case '\\':
			n, err := unescapeOne(&b, s[1:])
			if err != nil {
				return "", err
			}
			s = s[1+n:]
		default:
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
	return b.String(), nil
}

const simple = `\'"abfnrtv`

// unescapeOne writes what an escape stands for, of which s is what follows the
// backslash, and returns its length.
func unescapeOne(b *strings.Builder, s string) (int, error) {
	if s == "" {
		return 0, errors.New("the string ends with a backslash")
	}
	if i := strings.IndexByte(simple, s[0]); i >= 0 {
		b.WriteByte("\\'\"\a\b\f\n\r\t\v"[i])
		return 1, nil
	}
	switch c := s[0]; c {
	case '\n': // the line goes on
		return 1, nil
	case 'x':
		return unescapeHex(b, s, 2)
	case 'u':
		return unescapeHex(b, s, 4)
	case 'U':
		return unescapeHex(b, s, 8)
	case 'N':
		return 0, errors.New(`the escape \N is not supported`)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n, r := 0, rune(0)
		for ; n < len(s) && n < 3 && '0' <= s[n] && s[n] <= '7'; n++ {
			r = r*8 + rune(s[n]-'0')
		}
		b.WriteRune(r)
		return n, nil
	default: // Python keeps the backslash, with a warning
		b.WriteByte('\\')
		return 0, nil
	}
}

func unescapeHex(b *strings.Builder, s string, digits int) (int, error) {
	text := s[1:min(len(s), 1+digits)]
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil || len(text) < digits {
		return 0, fmt.Errorf(`the escape \%c needs %d hexadecimal digits`, s[0], digits)
	}
	if n > unicode.MaxRune || !utf8.ValidRune(rune(n)) {
		return 0, fmt.Errorf(`the escape \%s is no character`, s[:1+digits])
	}
	b.WriteRune(rune(n))
	return 1 + digits, nil
}

func isAlnum(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isJoint(c byte) bool { return c == '.' || c == '-' || c == '_' }

// isSpace is str.isspace. Go does not count the four separators of ASCII.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

// clip shortens a text for an error.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

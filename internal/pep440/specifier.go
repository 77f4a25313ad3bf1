package pep440

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// MaxSpecifiers is the length in bytes of the longest set of specifiers that is read.
const MaxSpecifiers = 64 << 10

// Specifier is one condition on a version. Its zero value allows none.
type Specifier struct {
	op      string
	text    string  // as written
	version Version // of what follows ===, the zero value if that is none
	wild    bool    // ended with ".*"
}

// Op is "==", "!=", "<=", ">=", "<", ">", "~=" or "===".
func (s Specifier) Op() string { return s.op }

// Text is what follows the operator, as written: "2.1.*".
func (s Specifier) Text() string { return s.text }

// Specifiers is a set of conditions, all of which hold. The empty set allows
// every version.
type Specifiers []Specifier

var operators = [...]string{"===", "~=", "==", "!=", "<=", ">=", "<", ">"}

// ParseSpecifiers reads conditions with commas between: ">=2.1,<3,!=2.2.*".
func ParseSpecifiers(s string) (Specifiers, error) {
	if len(s) > MaxSpecifiers {
		return nil, fmt.Errorf("specifiers %q: %w", clip(s), bounded.Exceeded("bytes of specifiers", MaxSpecifiers))
	}
	var list Specifiers
	for part := range strings.SplitSeq(s, ",") {
		if part = trim(part); part == "" {
			continue // packaging skips them, so ">=1," is one condition
		}
		spec, err := ParseSpecifier(part)
		if err != nil {
			return nil, err
		}
		list = append(list, spec)
	}
	return list, nil
}

// ParseSpecifier reads one condition. In what follows === a comma is a character
// like others.
func ParseSpecifier(s string) (Specifier, error) {
	if len(s) > MaxSpecifiers {
		return Specifier{}, fmt.Errorf("specifier %q: %w", clip(s), bounded.Exceeded("bytes of specifiers", MaxSpecifiers))
	}
	t := trim(s)
	for _, op := range operators {
		rest, ok := strings.CutPrefix(t, op)
		if !ok {
			continue
		}
		spec := Specifier{op: op, text: trim(rest)}
		if err := spec.read(); err != nil {
			return Specifier{}, fmt.Errorf("specifier %q: %w", clip(t), err)
		}
		return spec, nil
	}
	return Specifier{}, fmt.Errorf("specifier %q: it begins with none of ==, !=, <=, >=, <, >, ~=, ===", clip(t))
}

// read understands the text after the operator.
func (s *Specifier) read() error {
	if s.op == "===" {
		if s.text == "" || strings.ContainsFunc(s.text, endsArbitrary) {
			return errors.New("=== needs one word without a semicolon or a closing parenthesis")
		}
		if v, err := Parse(s.text); err == nil {
			s.version = v
		}
		return nil
	}
	text, wild := strings.CutSuffix(s.text, ".*")
	v, err := Parse(text)
	if err != nil {
		return err
	}
	equality := s.op == "==" || s.op == "!="
	switch {
	case wild && !equality:
		return fmt.Errorf(`".*" can follow == and != only, not %s`, s.op)
	case wild && (int(v.pre) != len(v.text) || text != trim(text)):
		return errors.New(`".*" can follow release numbers only`)
	case !equality && v.Local() != "":
		return fmt.Errorf("a local part can follow == and != only, not %s", s.op)
	case s.op == "~=" && !strings.Contains(v.releaseText(), "."):
		return errors.New("~= needs two release numbers at least")
	}
	s.version, s.wild = v, wild
	return nil
}

func endsArbitrary(r rune) bool { return r == ';' || r == ')' || isSpace(r) }

// Contains reports whether the conditions allow a version. Unless pre is set they
// allow no pre-release.
func (s Specifiers) Contains(v Version, pre bool) bool {
	if !pre && v.Pre() {
		return false
	}
	for i := range s {
		if !s[i].contains(v) {
			return false
		}
	}
	return true
}

// Allows reports whether the conditions allow a version by the default rule of
// packaging: pre-releases count where there is nothing else to choose from, and
// one version alone is such a case. Who chooses among several takes pre-releases
// only if Prereleases holds or no final release remains.
func (s Specifiers) Allows(v Version) bool { return s.Contains(v, true) }

// Prereleases reports whether a condition names a pre-release, which asks for
// pre-releases of all versions.
func (s Specifiers) Prereleases() bool {
	return slices.ContainsFunc(s, func(one Specifier) bool {
		return one.op != "!=" && one.version.Pre()
	})
}

// Exact returns the one version that the conditions allow, if one of them is ==
// without ".*", or === with a version. Its local part is that which is written:
// ==2.1.0 allows 2.1.0+cu118 as well.
func (s Specifiers) Exact() (Version, bool) {
	pin := -1
	for i := range s {
		exact := s[i].op == "==" && !s[i].wild || s[i].op == "===" && s[i].version.text != ""
		if exact && (pin < 0 || s[pin].version.Local() == "" && s[i].version.Local() != "") {
			pin = i
		}
	}
	if pin < 0 {
		return Version{}, false
	}
	v := s[pin].version
	for i := range s {
		if i != pin && !s[i].contains(v) {
			return Version{}, false
		}
	}
	return v, true
}

// String is the conditions as written, sorted, without those that say the same as
// an earlier one.
func (s Specifiers) String() string {
	texts := make([]string, len(s))
	order := make([]int, len(s))
	for i := range s {
		texts[i], order[i] = s[i].String(), i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(texts[i], texts[j]) })
	seen := make(map[string]bool, len(s))
	out := make([]string, 0, len(s))
	for _, i := range order {
		if key := s[i].key(); !seen[key] {
			seen[key] = true
			out = append(out, texts[i])
		}
	}
	return strings.Join(out, ",")
}

// String is the condition as written, without the spaces.
func (s Specifier) String() string { return s.op + s.text }

// key is the same of conditions that say the same.
func (s Specifier) key() string {
	if s.op == "===" || s.wild {
		return s.op + s.text
	}
	if s.op == "~=" {
		return s.op + s.version.text
	}
	v := s.version
	release := v.releaseText()
	for strings.HasSuffix(release, ".0") {
		release = release[:len(release)-2]
	}
	return s.op + v.text[:v.release] + release + v.text[v.pre:]
}

// lower is str.lower, which takes one letter into two.
func lower(s string) string { return strings.ToLower(strings.ReplaceAll(s, "\u0130", "i\u0307")) }

// Matches reports whether the condition allows what a text says, a pre-release
// too. For === the texts must be the same but for case; for others a text that is
// no version is not allowed.
func (s Specifier) Matches(text string) bool {
	if s.op == "===" {
		return lower(text) == lower(s.text)
	}
	v, err := Parse(text)
	return err == nil && s.contains(v)
}

func (s *Specifier) contains(v Version) bool {
	switch s.op {
	case ">=":
		return Compare(v, s.version) >= 0
	case "<=":
		return Compare(v.Public(), s.version) <= 0
	case ">":
		return s.after(v)
	case "<":
		return s.before(v)
	case "==":
		return s.equal(v)
	case "!=":
		return !s.equal(v)
	case "~=": // ~=2.2.1 is >=2.2.1,==2.2.*
		return Compare(v, s.version) >= 0 && hasPrefix(v, s.version, parent(s.version.releaseText()))
	case "===":
		return v.text == lower(s.text)
	}
	return false
}

func (s *Specifier) equal(v Version) bool {
	switch {
	case s.wild:
		return hasPrefix(v, s.version, s.version.releaseText())
	case s.version.Local() == "":
		return Compare(v.Public(), s.version) == 0
	default:
		return Compare(v, s.version) == 0
	}
}

// after is >, which leaves out the post-releases of what is none itself: >1.0
// does not allow 1.0.post1, nor >1.0a1 1.0a1.post1.
func (s *Specifier) after(v Version) bool {
	if Compare(v.Public(), s.version) <= 0 {
		return false
	}
	if s.version.Post() || s.version.dev != s.version.local {
		return true
	}
	return !sameRelease(v, s.version) || v.preText() != s.version.preText()
}

// before is <, which leaves out the pre-releases of what is none itself: <1.0
// does not allow 1.0rc1, nor <1.0.post1 1.0.post1.dev1.
func (s *Specifier) before(v Version) bool {
	if Compare(v, s.version) >= 0 {
		return false
	}
	if s.version.Pre() || !sameRelease(v, s.version) {
		return true
	}
	return s.version.Post() && (v.preText() != "" || v.postText() != s.version.postText())
}

func sameRelease(a, b Version) bool {
	return a.epochText() == b.epochText() && compareReleases(a.releaseText(), b.releaseText()) == 0
}

// hasPrefix reports whether a version has the epoch of another, and a release
// that begins with prefix.
func hasPrefix(v, other Version, prefix string) bool {
	if v.epochText() != other.epochText() {
		return false
	}
	for rest := v.releaseText(); prefix != ""; {
		var x, y string
		x, rest = component(rest)
		y, prefix = component(prefix)
		if x != y {
			return false
		}
	}
	return true
}

// parent is a release without its last number.
func parent(release string) string { return release[:strings.LastIndexByte(release, '.')] }

// Package pep440 reads the versions and version specifiers of Python packages,
// orders the former and decides which of them the latter allow.
//
// # Security
//
// This package is made for hostile input. It never panics, and takes time and
// memory in proportion to the text. A number may have any number of digits, and
// compares exactly. What is not a version is an error, never a guess.
//
// A Version keeps the text that it was parsed from alive.
//
// # Limits
//
// A version of more than MaxVersion bytes and a set of specifiers of more than
// MaxSpecifiers bytes are errors that wrap bounded.ErrLimit.
//
// # Specification
//
// PEP 440 as pypa/packaging 26.4 has it: packaging/version.py, specifiers.py and
// _ranges.py. Where that release differs from the text of the PEP, we do what it
// does; testdata/vectors.jsonl.gz holds its answers.
package pep440

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// MaxVersion is the length in bytes of the longest version that is read.
const MaxVersion = 4096

// Version is one version. It is its normal form and where the parts of that are,
// so == is meaningful no more than of strings: 1.0 and 1 are equal, and differ.
// The zero value is no version; it compares as 0 does.
type Version struct {
	text string // 1!2.1.0rc1.post2.dev3+cu118

	release uint16 // where it begins, after "1!"
	pre     uint16 // where the release ends and "rc1" begins
	post    uint16 // where ".post2" begins
	dev     uint16 // where ".dev3" begins
	local   uint16 // where "+cu118" begins
}

// Parse reads a version in any of its spellings.
func Parse(s string) (Version, error) {
	t := trim(s)
	if len(t) > MaxVersion {
		return Version{}, fmt.Errorf("version %q: %w", clip(t), bounded.Exceeded("bytes of a version", MaxVersion))
	}
	c := scanner{s: t, plain: true}
	if !c.scan() {
		return Version{}, fmt.Errorf("%q is not a version: at byte %d: %s", clip(t), c.i, c.problem())
	}
	if c.plain {
		c.at.text = t
		return c.at, nil
	}
	return c.normal(), nil
}

// String is the normal form.
func (v Version) String() string { return v.text }

// Public is the version without its local part.
func (v Version) Public() Version {
	v.text = v.text[:v.local]
	return v
}

// Local is the local part, "cu118", or empty.
func (v Version) Local() string {
	if int(v.local) == len(v.text) {
		return ""
	}
	return v.text[v.local+1:]
}

// Pre reports whether this is a pre-release or a development release.
func (v Version) Pre() bool { return v.pre != v.post || v.dev != v.local }

// Post reports whether this is a post-release.
func (v Version) Post() bool { return v.post != v.dev }

// Epoch is the epoch, or math.MaxInt64 if it is larger than that.
func (v Version) Epoch() int64 { return saturate(v.epochText()) }

// Release is the release numbers, each math.MaxInt64 if it is larger than that.
func (v Version) Release() []int64 {
	rest := v.releaseText()
	list := make([]int64, 0, 4)
	for rest != "" {
		var n string
		n, rest = component(rest)
		list = append(list, saturate(n))
	}
	return list
}

// Major is the first release number, as Release has it.
func (v Version) Major() int64 {
	n, _ := component(v.releaseText())
	return saturate(n)
}

// Minor is the second release number, as Release has it, or 0.
func (v Version) Minor() int64 {
	_, rest := component(v.releaseText())
	n, _ := component(rest)
	return saturate(n)
}

func (v Version) epochText() string {
	if v.release == 0 {
		return ""
	}
	return v.text[:v.release-1]
}

func (v Version) releaseText() string { return v.text[v.release:v.pre] }
func (v Version) preText() string     { return v.text[v.pre:v.post] }
func (v Version) postText() string    { return v.text[v.post:v.dev] }
func (v Version) devText() string     { return v.text[v.dev:v.local] }

// Compare returns -1, 0 or +1 as a is before, the same as, or after b. A local
// part counts: 2.1.0+cu118 is after 2.1.0.
func Compare(a, b Version) int {
	if a.text == b.text {
		return 0
	}
	if c := compareNumbers(a.epochText(), b.epochText()); c != 0 {
		return c
	}
	if c := compareReleases(a.releaseText(), b.releaseText()); c != 0 {
		return c
	}
	if a.text[a.pre:a.local] != b.text[b.pre:b.local] {
		if c := compareSuffixes(a, b); c != 0 {
			return c
		}
	}
	return compareLocals(a.text[a.local:], b.text[b.local:])
}

func compareSuffixes(a, b Version) int {
	if c := cmp.Compare(a.preRank(), b.preRank()); c != 0 {
		return c
	}
	if c := compareNumbers(digits(a.preText()), digits(b.preText())); c != 0 {
		return c
	}
	// No number is before every number: 1.0 < 1.0.post0.
	if c := compareNumbers(digits(a.postText()), digits(b.postText())); c != 0 {
		return c
	}
	switch x, y := digits(a.devText()), digits(b.devText()); {
	case x == y:
		return 0
	case x == "": // 1.0.dev0 < 1.0
		return 1
	case y == "":
		return -1
	default:
		return compareNumbers(x, y)
	}
}

// preRank orders what may follow a release: 1.0.dev1 < 1.0a1 < 1.0b1 < 1.0rc1 < 1.0.
func (v Version) preRank() int {
	switch {
	case v.pre != v.post:
		return int(v.text[v.pre]) // 'a' < 'b' < 'r'
	case v.post == v.dev && v.dev != v.local:
		return 0
	default:
		return math.MaxInt
	}
}

// compareLocals takes what begins with "+", or is empty. A word is before a
// number, and an end before both.
func compareLocals(a, b string) int {
	for a != "" && b != "" {
		var x, y string
		x, a = segment(a[1:])
		y, b = segment(b[1:])
		var c int
		switch p, q := isNumber(x), isNumber(y); {
		case p && q:
			c = compareNumbers(x, y)
		case p != q && p:
			c = 1
		case p != q:
			c = -1
		default:
			c = strings.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(min(1, len(a)), min(1, len(b)))
}

// segment cuts off what stands before the next point, which it leaves in rest.
func segment(s string) (first, rest string) {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// compareReleases compares number by number; one that is not there is 0.
func compareReleases(a, b string) int {
	for a != b {
		var x, y string
		x, a = component(a)
		y, b = component(b)
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// component cuts the first number off a release. That of none is 0.
func component(s string) (first, rest string) {
	for i := range len(s) {
		if s[i] == '.' {
			return s[:i], s[i+1:]
		}
	}
	if s == "" {
		return "0", ""
	}
	return s, ""
}

// compareNumbers compares numbers without leading zeros; "" is before them all.
func compareNumbers(a, b string) int {
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// digits is the number at the end of "rc1", ".post1" or ".dev1".
func digits(s string) string {
	i := len(s)
	for i > 0 && isDigit(s[i-1]) {
		i--
	}
	return s[i:]
}

func saturate(s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64 // there is nothing but digits, so it is out of range
	}
	return n
}

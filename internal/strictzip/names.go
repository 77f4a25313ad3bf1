package strictzip

import (
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// fold is the widest equality that some loader applies to names: ASCII letter
// case (miniz) and what follows a NUL (everything that hands names on as C
// strings, and Python's zipfile).
func fold(raw string) string {
	name, _, _ := strings.Cut(raw, "\x00")
	return lower(name)
}

// lower changes ASCII letters only, as MZ_TOLOWER does.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if c := b[j]; 'A' <= c && c <= 'Z' {
					b[j] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// checkNames checks each name, and finds the entries whose names are equal for
// some loader.
func (a *Archive) checkNames() error {
	a.makeIndex()
	a.collide()
	if len(a.first) > 0 && a.large() {
		return bounded.Exceeded("zip entries, some of which have the same name", mostOdd)
	}
	for i := range a.Len() {
		e := a.Entry(i)
		a.checkName(i, e)
		j, collides := a.first[int32(i)]
		if !collides {
			continue
		}
		if other := a.Entry(int(j)); other.RawName == e.RawName {
			a.issue(DuplicateName, i, e.CentralOffset, "%q is there more than once: entries %d and %d", e.Name, j, i)
		} else {
			a.issue(NameCollision, i, e.CentralOffset, "%q and %q are the same name for some loaders", other.RawName, e.RawName)
		}
	}
	if len(a.first) > 0 {
		a.sorted = a.heapSorted()
	}
	return nil
}

func (a *Archive) checkName(i int, e *Entry) {
	s, at := e.RawName, e.CentralOffset
	if s == "" {
		a.issue(EmptyName, i, at, "entry %d has no name", i)
	}
	if strings.IndexByte(s, 0) >= 0 {
		a.issue(NulName, i, at, "%q has a NUL: some loaders see %q", s, e.Name)
	} else if strings.ContainsFunc(s, isControl) {
		a.issue(ControlName, i, at, "%q has control characters", s)
	}
	if strings.Contains(s, `\`) {
		a.issue(BackslashName, i, at, "%q has a backslash, a separator on some systems", s)
	}
	p := strings.ReplaceAll(s, `\`, "/")
	if strings.HasPrefix(p, "/") || len(p) > 1 && p[1] == ':' {
		a.issue(AbsoluteName, i, at, "%q is an absolute path", s)
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			a.issue(DotDotName, i, at, "%q leaves its folder", s)
			break
		}
	}
	if !utf8.ValidString(s) {
		a.issue(NotUTF8Name, i, at, "%q is not UTF-8", s)
	}
	if len(s) > maxListedName {
		a.issue(LongName, i, at, "a name of %d bytes; PyTorch lists its first %d", len(s), maxListedName)
	}
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

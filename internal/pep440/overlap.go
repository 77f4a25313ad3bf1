package pep440

import (
	"slices"
	"strings"
)

// cut is a place between public versions: just before v, after every post-release
// of v, or after all versions.
type cut struct {
	v     Version
	posts bool
	end   bool
}

// span is the versions between two cuts.
type span struct{ from, to cut }

// Overlaps reports whether the conditions allow some version v with introduced <=
// v < fixed, and v <= last. A bound that is nil is none. Local parts do not count,
// on either side, and pre-releases do. The version need not have been released;
// what follows === and is no version may be any.
func (s Specifiers) Overlaps(introduced, fixed, last *Version) bool {
	all := span{cut{v: makeVersion("0.dev0")}, cut{end: true}}
	if introduced != nil {
		all.narrow(span{cut{v: bound(introduced)}, all.to})
	}
	if fixed != nil {
		all.narrow(span{all.from, cut{v: bound(fixed)}})
	}
	if last != nil {
		all.narrow(span{all.from, cut{v: next(bound(last))}})
	}
	var holes []span
	for i := range s {
		if s[i].op != "!=" {
			all.narrow(s[i].span(all))
		} else if s[i].version.Local() == "" {
			one := Specifier{op: "==", version: s[i].version, wild: s[i].wild}
			holes = append(holes, one.span(all))
		}
	}
	slices.SortFunc(holes, func(a, b span) int { return compareCuts(a.from, b.from) })
	for _, hole := range holes {
		if compareCuts(all.from, hole.from) < 0 {
			break
		}
		if compareCuts(hole.to, all.from) > 0 {
			all.from = hole.to
		}
	}
	return compareCuts(all.from, all.to) < 0
}

// bound is the public part of a version, and 0 if it is the zero value.
func bound(v *Version) Version {
	if v.text == "" {
		return makeVersion("0")
	}
	return v.Public()
}

func (s *span) narrow(other span) {
	if compareCuts(other.from, s.from) > 0 {
		s.from = other.from
	}
	if compareCuts(other.to, s.to) < 0 {
		s.to = other.to
	}
}

// span is the public versions that a condition allows, other than !=. Where it
// sets no bound it has that of whole.
func (s *Specifier) span(whole span) span {
	v := s.version.Public()
	switch s.op {
	case ">=":
		whole.from = cut{v: v}
	case ">":
		whole.from = afterPosts(v)
	case "<=":
		whole.to = cut{v: next(v)}
	case "<":
		if !v.Pre() {
			v = makeVersion(v.text + ".dev0")
		}
		whole.to = cut{v: v}
	case "~=":
		return span{cut{v: v}, cut{v: sibling(v, parent(v.releaseText()))}}
	case "==", "===":
		if s.wild {
			return span{cut{v: makeVersion(v.text + ".dev0")}, cut{v: sibling(v, v.releaseText())}}
		}
		if v.text != "" {
			return span{cut{v: v}, cut{v: next(v)}}
		}
	}
	return whole
}

// next is the first public version after a public version.
func next(v Version) Version {
	switch {
	case v.dev != v.local:
		return makeVersion(v.text[:v.dev] + ".dev" + increment(digits(v.devText())))
	case v.Post():
		return makeVersion(v.text[:v.post] + ".post" + increment(digits(v.postText())) + ".dev0")
	default:
		return makeVersion(v.text + ".post0.dev0")
	}
}

// afterPosts is where the versions begin that > allows. Of a final release there
// is no first one: 1.0.0.1 is after 1.0, and 1.0.0.0.1 before that.
func afterPosts(v Version) cut {
	switch {
	case v.Post() || v.dev != v.local:
		return cut{v: next(v)}
	case v.preText() != "":
		number := digits(v.preText())
		return cut{v: makeVersion(v.text[:int(v.post)-len(number)] + increment(number) + ".dev0")}
	default:
		return cut{v: v, posts: true}
	}
}

// sibling is the first version of the prefix after a prefix: 1.3.dev0 after 1.2.
func sibling(v Version, prefix string) Version {
	i := strings.LastIndexByte(prefix, '.') + 1
	return makeVersion(v.text[:v.release] + prefix[:i] + increment(prefix[i:]) + ".dev0")
}

// compareCuts compares two places. Between two that differ there is a version,
// since only the lower may be one after post-releases.
func compareCuts(a, b cut) int {
	switch {
	case a.end && b.end:
		return 0
	case a.end:
		return 1
	case b.end:
		return -1
	case a.posts != b.posts && sameRelease(a.v, b.v):
		if a.posts {
			return 1
		}
		return -1
	default:
		return Compare(a.v, b.v)
	}
}

// increment adds one to a number of any length.
func increment(n string) string {
	b := []byte(n)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// makeVersion reads what this package has put together.
func makeVersion(text string) Version {
	c := scanner{s: text, plain: true}
	if !c.scan() || !c.plain {
		panic("pep440: internal error: " + clip(text) + " is not normal")
	}
	c.at.text = text
	return c.at
}

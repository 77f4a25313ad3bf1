package manifest

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// poetryUnion writes alternatives, "^1.26 || ^2.0", as the range from the lowest to the
// highest of them: PEP 440 has no form for the gaps between, so that it allows more
// than Poetry does and never less.
func poetryUnion(s string) (spec, problem string) {
	var low, high []*pep440.Specifier
	for one := range strings.SplitSeq(strings.ReplaceAll(s, "||", "|"), "|") {
		text, problem := poetrySpecifier(strings.TrimSpace(one))
		if problem != "" {
			return "", problem
		}
		list, err := pep440.ParseSpecifiers(text)
		if err != nil {
			return "", err.Error()
		}
		from, to := ends(list)
		low, high = append(low, from), append(high, to)
	}
	var parts []string
	if from := outermost(low, -1); from != nil {
		parts = append(parts, ">="+publicPart(from))
	}
	switch to := outermost(high, 1); {
	case to == nil:
	case inclusive(high, to):
		parts = append(parts, "<="+publicPart(to))
	default:
		parts = append(parts, "<"+publicPart(to))
	}
	return strings.Join(parts, ","), ""
}

// publicPart is the version of a bound; none may have a local part.
func publicPart(s *pep440.Specifier) string {
	v, _, _ := strings.Cut(s.Text(), "+")
	return v
}

// ends are the conditions that bound a range, nil where nothing simple does.
func ends(list pep440.Specifiers) (from, to *pep440.Specifier) {
	for i := range list {
		if strings.HasSuffix(list[i].Text(), ".*") {
			continue
		}
		switch list[i].Op() {
		case ">=", ">":
			from = &list[i]
		case "<", "<=":
			to = &list[i]
		case "==":
			from, to = &list[i], &list[i]
		}
	}
	return from, to
}

// outermost is the lowest or the highest of bounds, nil if one of them is none.
func outermost(list []*pep440.Specifier, sign int) (best *pep440.Specifier) {
	for _, s := range list {
		if s == nil {
			return nil
		}
		if best == nil || sign*compareBounds(s, best) > 0 {
			best = s
		}
	}
	return best
}

func compareBounds(a, b *pep440.Specifier) int {
	v, err := pep440.Parse(a.Text())
	w, bad := pep440.Parse(b.Text())
	if err != nil || bad != nil {
		return 0
	}
	return pep440.Compare(v.Public(), w.Public())
}

// inclusive reports whether a bound belongs to the range by one of those that are equal.
func inclusive(list []*pep440.Specifier, to *pep440.Specifier) bool {
	for _, s := range list {
		if s.Op() != "<" && compareBounds(s, to) == 0 {
			return true
		}
	}
	return false
}

package code

import (
	"regexp/syntax"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// byPattern is what is known where the whole of a name matches a pattern that no path through
// folders does: re.fullmatch(r"v\d+", name).
func (x *lister) byPattern(c *pysrc.Call) []listed {
	a, ok := c.Func.(*pysrc.Attribute)
	if !ok || a.Attr != "fullmatch" && a.Attr != "match" || len(c.Keywords) > 0 || len(c.Args) == 0 {
		return nil
	}
	pattern, of := c.Args[0], c.Args[len(c.Args)-1]
	switch names := x.m.Names(a, x.scope()); {
	case len(names) != 1:
		return nil
	case names[0] == "re."+a.Attr && len(c.Args) == 2:
	case names[0] == "re.compile()."+a.Attr && len(c.Args) == 1:
		made, ok := x.made(a.Value).(*pysrc.Call)
		if !ok || len(made.Args) != 1 || len(made.Keywords) > 0 {
			return nil
		}
		pattern = made.Args[0]
	default:
		return nil
	}
	v := x.m.Eval(pattern, x.scope())
	if len(v) != 1 || v[0].Kind != pysrc.Text || chain(of) == "" || !plainPattern(v[0].Name, a.Attr == "fullmatch") {
		return nil
	}
	return []listed{{of: chain(of), lists: []pysrc.Expr{&pysrc.Str{}}, from: c.Start}}
}

// made is the one thing that a name of the function, or of the module, is bound to, or the
// expression itself.
func (x *lister) made(e pysrc.Expr) pysrc.Expr {
	n, ok := e.(*pysrc.Name)
	if !ok {
		return e
	}
	if owner := x.scope().Owner(n.ID); owner != nil {
		if list := owner.Bindings(n.ID); len(list) == 1 && list[0].Kind == pysrc.Assigned {
			return list[0].Value
		}
	}
	return nil
}

// plainPattern reports whether all that a pattern matches is letters, digits, "-" and "_", and
// at most one dot. The two languages differ in what they count as letters, not in that.
func plainPattern(pattern string, whole bool) bool {
	if rest, ok := strings.CutSuffix(pattern, `\Z`); ok {
		pattern = rest + `\z`
	}
	r, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	if !whole && !(r.Op == syntax.OpConcat && r.Sub[len(r.Sub)-1].Op == syntax.OpEndText) {
		return false
	}
	dots := 0
	return plainRegexp(r, false, &dots) && dots <= 1
}

func plainRegexp(r *syntax.Regexp, repeated bool, dots *int) bool {
	switch r.Op {
	case syntax.OpLiteral:
		for _, c := range r.Rune {
			if c == '.' && !repeated {
				*dots++
			} else if !plainRune(c) {
				return false
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(r.Rune); i += 2 {
			for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
				if !plainRune(c) {
					return false
				}
			}
		}
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpCapture, syntax.OpConcat, syntax.OpAlternate, syntax.OpQuest:
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		repeated = true
	default:
		return false
	}
	for _, s := range r.Sub {
		if !plainRegexp(s, repeated, dots) {
			return false
		}
	}
	return true
}

func plainRune(c rune) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '\u017f' || c == '\u212a' // which (?i) takes for s and k
}

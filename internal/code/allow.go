package code

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Allow is a comment by which somebody answers for the findings of one rule in one line.
type Allow struct {
	Where  finding.Where // of the line that it is about
	Said   finding.Where // of the comment
	Rule   string
	Owner  string
	Reason string
	Until  day.Day
}

var allowLost = &rule.Rule{
	ID: "PY089", Title: "An exception in the code that does not count", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"docs/spec/policy-v1.md, Code"},
	Text: "The comment is not of the form # andiron: allow PY123 until=2027-01-01 reason=\"...\", so that it excuses nothing; or it is, and there is nothing left that it could excuse.",
	Fix:  "write it in that form, or remove it",
}

// Unused is the finding on a comment that covered nothing.
func Unused(a Allow) finding.Finding {
	return allowLost.Finding(a.Said, fmt.Sprintf("nothing of %s is found where the comment is about", a.Rule))
}

const allowMark = "andiron:"

var (
	allowRE = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^#\s*andiron:\s*allow\s+(PY\d{3}(?:\s*,\s*PY\d{3})*)((?:\s+\w+=(?:"[^"]*"|[^\s"]+))*)\s*$`)
	})
	allowPartRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s"]+))`) })
)

// mostAllows is how many comments of a file are read.
const mostAllows = 1000

// allows reads the comments by which somebody answers for what is found.
func (v *view) allows() {
	if !strings.Contains(v.f.Text, allowMark) {
		return
	}
	texts := v.textSpans()
	offset := 0
	for line := range strings.Lines(v.f.Text) {
		at := strings.Index(line, allowMark)
		hash := -1
		if at > 0 {
			hash = strings.LastIndexByte(line[:at], '#')
		}
		start := int32(offset + hash)
		if hash >= 0 && strings.TrimSpace(line[hash+1:at]) == "" && !slices.ContainsFunc(texts, func(s pysrc.Span) bool { return s.Start <= start && start < s.End }) && len(v.l.allows) < mostAllows {
			v.allow(strings.TrimSpace(line[hash:]), start, strings.TrimSpace(line[:hash]) == "")
		}
		offset += len(line)
	}
}

// textSpans are the places of texts, in which nothing is a comment.
func (v *view) textSpans() (out []pysrc.Span) {
	v.everyExpr(v.f.Body, func(e pysrc.Expr) {
		switch e.(type) {
		case *pysrc.Str, *pysrc.Joined:
			out = append(out, e.Where())
		}
	})
	return out
}

// allow reads one comment. One that stands alone is about the line of code below it.
func (v *view) allow(text string, start int32, alone bool) {
	said := v.where.Line1(v.f.Place(start))
	m := allowRE().FindStringSubmatch(text)
	a := Allow{Said: v.l.place(said)}
	a.Owner = "the comment in line " + itoa(a.Said.Line)
	wrong := ""
	if m == nil {
		wrong = "it is not of the form"
	} else {
		for _, part := range allowPartRE().FindAllStringSubmatch(m[2], -1) {
			value := part[2] + part[3]
			switch part[1] {
			case "until":
				var err error
				if a.Until, err = day.Parse(value); err != nil {
					wrong = "until=" + err.Error()
				}
			case "reason":
				a.Reason = strings.TrimSpace(value)
			case "owner":
				a.Owner = value
			default:
				wrong = fmt.Sprintf("%q is not known", part[1])
			}
		}
		switch {
		case wrong != "":
		case a.Until.IsZero():
			wrong = "it says no day until which it counts"
		case a.Reason == "":
			wrong = "it says no reason"
		}
	}
	if wrong != "" {
		v.l.report(allowLost.Finding(said, "this exception does not count: "+wrong))
		return
	}
	line := said.Line
	if alone {
		line = v.nextCode(line)
	}
	if a.Where = v.l.place(v.where.Line1(line, 1)); a.Where.Member != a.Said.Member {
		a.Where = a.Said // below it another cell of the notebook begins
	}
	for r := range strings.SplitSeq(m[1], ",") {
		a.Rule = strings.TrimSpace(r)
		v.l.allows = append(v.l.allows, a)
	}
}

// nextCode is the line of code below a line of comments, or that line where there is none.
func (v *view) nextCode(line int) int {
	n := 0
	for s := range strings.Lines(v.f.Text) {
		if n++; n <= line {
			continue
		}
		switch t := strings.TrimSpace(s); {
		case t == "":
			return line
		case !strings.HasPrefix(t, "#"):
			return n
		}
	}
	return line
}

package data

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/survey"
)

// psiDrift is what a population stability index has to exceed to be called a drift, by
// convention.
const psiDrift = 0.2

// Survey looks at a data set as a whole, and holds it against a baseline.
type Survey struct {
	Survey   *survey.Survey
	Baseline *survey.Baseline // nil for none
	Where    finding.Where
	// Standing is what the baseline is called, and who signed it.
	Standing string
}

// NewSurvey starts a survey.
func NewSurvey(opt survey.Options, base *survey.Baseline, where finding.Where) *Survey {
	s := &Survey{Survey: survey.New(opt), Baseline: base, Where: where}
	if base != nil {
		for _, c := range base.Columns {
			s.Survey.Against(c.Name, c.Histogram)
		}
	}
	return s
}

// Add looks at rows that follow those before.
func (s *Survey) Add(rows *dataset.Rows) { s.Survey.Add(rows) }

// Finish reports what was found.
func (s *Survey) Finish(report func(finding.Finding)) {
	s.Survey.Settle()
	s.duplicates(report)
	s.outliers(report)
	s.patches(report)
	if s.Baseline != nil {
		if s.Standing != "" {
			report(tenStanding.Finding(s.Where, "the baseline is "+s.Standing))
		}
		s.differences(report)
		s.drift(report)
	}
	if n := int64(len(s.Survey.Samples)); n < s.Survey.Count {
		report(tenPartly.Undetermined(s.Where, fmt.Sprintf("of %d samples the first %d were compared with each other", s.Survey.Count, n)))
	}
}

// duplicates reports samples that are there twice, apart for those whose labels
// contradict each other.
func (s *Survey) duplicates(report func(finding.Finding)) {
	var same, torn, near group
	for _, g := range s.Survey.Duplicates() {
		if len(g.Labels) > 1 {
			torn.add(g)
		} else {
			same.add(g)
		}
	}
	for _, g := range s.Survey.Near() {
		if len(g.Labels) > 1 {
			near.add(g)
		}
	}
	if torn.n > 0 {
		f := tenTorn.Finding(s.Where, are(torn.n)+" there more than once with different labels")
		f.Evidence = torn.shown
		report(f)
	}
	if near.n > 0 {
		f := tenNear.Finding(s.Where, pairs(near.n)+" of images are nearly the same and have different labels")
		f.Evidence = near.shown
		report(f)
	}
	if same.n > 0 {
		f := tenTwice.Finding(s.Where, are(same.n)+" there more than once")
		f.Evidence = same.shown
		report(f)
	}
}

type group struct {
	n     int64
	shown []string
}

func (g *group) add(x survey.Group) {
	if g.n++; len(g.shown) >= shownRows {
		return
	}
	line := "samples " + numbers(x.Samples)
	if x.Count > len(x.Samples) {
		line += fmt.Sprintf(" and %d more", x.Count-len(x.Samples))
	}
	if len(x.Labels) > 0 {
		line += ", label " + strings.Join(quoted(x.Labels), " and ")
	}
	g.shown = append(g.shown, line)
}

func are(n int64) string {
	if n == 1 {
		return "1 sample is"
	}
	return fmt.Sprintf("%d samples are", n)
}

func pairs(n int64) string {
	if n == 1 {
		return "1 pair"
	}
	return fmt.Sprintf("%d pairs", n)
}

func quoted(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, fmt.Sprintf("%.40q", s))
	}
	return out
}

func numbers(list []int64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]")
}

func (s *Survey) outliers(report func(finding.Finding)) {
	list := s.Survey.Outliers()
	if len(list) == 0 {
		return
	}
	f := tenOutlier.Finding(s.Where, plural(int64(len(list)))+" of mean or deviation far from the others'")
	for _, o := range list[:min(shownRows, len(list))] {
		f.Evidence = append(f.Evidence, fmt.Sprintf("sample %d: its %s is %.1f robust deviations from the median", o.Sample, o.What, o.Score))
	}
	report(f)
}

func (s *Survey) patches(report func(finding.Finding)) {
	found := s.Survey.Patches()
	switch {
	case found.Refused != "" && s.Survey.HasImages():
		report(tenUnsearched.Finding(s.Where, "no patches were looked for: "+found.Refused))
	case found.Refused == "" && !found.Whole:
		report(tenUnsearched.Finding(s.Where, fmt.Sprintf("patches were looked for on the first %d of %d samples", found.Looked, s.Survey.Count)))
	}
	for _, p := range found.Patches {
		where := fmt.Sprintf("at row %d, column %d", p.Y, p.X)
		if p.Moving {
			where = "at different places"
		}
		f := tenPatch.Finding(s.Where, fmt.Sprintf("%d of %d samples with the same %d by %d pixels %s have the label %.40q", p.Of, p.Count, p.Size, p.Size, where, p.Label))
		f.Evidence = []string{"samples " + numbers(p.Samples[:min(shownRows, len(p.Samples))])}
		report(f)
	}
}

// differences reports samples that are not as they were.
func (s *Survey) differences(report func(finding.Finding)) {
	d := s.Survey.Diff(s.Baseline)
	for _, c := range []struct {
		rule *rule.Rule
		what string
		survey.Changes
	}{
		{tenRelabelled, "have another label than in the baseline", d.Relabelled},
		{tenChanged, "have changed since the baseline", d.Changed},
		{tenChanged, "of the baseline are gone", d.Removed},
		{tenAdded, "are not in the baseline", d.Added},
	} {
		if c.Count == 0 {
			continue
		}
		f := c.rule.Finding(s.Where, fmt.Sprintf("%d of %d samples %s", c.Count, s.Survey.Count, c.what))
		if c.what == "of the baseline are gone" {
			f.Message = fmt.Sprintf("%d of %d samples %s", c.Count, s.Baseline.Samples, c.what)
		}
		for i, n := range c.Samples {
			line := fmt.Sprintf("sample %d", n)
			if i < len(c.Labels) {
				line += fmt.Sprintf(": %.40q became %.40q", c.Labels[i][0], c.Labels[i][1])
			}
			f.Evidence = append(f.Evidence, line)
		}
		report(f)
	}
}

// drift reports distributions that are not as they were, by more than convention and
// chance allow.
func (s *Survey) drift(report func(finding.Finding)) {
	say := func(what string, d survey.Drift) {
		if d.PSI <= psiDrift || d.PSI <= d.Chance {
			return
		}
		f := tenDrift.Finding(s.Where, fmt.Sprintf("%s distributed unlike the baseline: PSI %.3g, KS distance %.3g", what, d.PSI, d.KS))
		f.Severity = finding.Medium
		f.Evidence = []string{fmt.Sprintf("a PSI above %g is a drift by convention; chance alone exceeds %.3g once in a thousand", psiDrift, d.Chance)}
		report(f)
	}
	if d, ok := s.Survey.LabelDrift(s.Baseline); ok {
		say("labels are", d)
	}
	for _, c := range s.Survey.Columns {
		if d, ok := c.Drift(); ok {
			say(fmt.Sprintf("values of %.80q are", c.Name), d)
		}
	}
}

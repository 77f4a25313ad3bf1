package data

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/survey"
)

// What a population stability index and a distance of Kolmogorov and Smirnov have to
// exceed to be called a drift, by convention.
const (
	psiDrift = 0.2
	ksDrift  = 0.1
)

// Survey looks at a data set as a whole, and holds it against a baseline.
type Survey struct {
	Survey   *survey.Survey
	Baseline *survey.Baseline // nil for none
	Where    finding.Where
	// Standing is what the baseline is called, and who signed it.
	Standing string

	sources []source
}

// source is a file of the set, or a folder with one sample in each file.
type source struct {
	first int64 // the number of its first sample
	name  string
	files []string
}

// From takes down which file or folder rows are of.
func (s *Survey) From(name string, rows *dataset.Rows) {
	if n := len(s.sources); n == 0 || s.sources[n-1].name != name {
		s.sources = append(s.sources, source{first: rows.First, name: name})
	}
	x := &s.sources[len(s.sources)-1]
	if p := rows.Place(0, ""); p.File != "" && p.File != name && p.Row == 0 && p.Member == "" {
		for x.first+int64(len(x.files)) < rows.First { // those that could not be read
			x.files = append(x.files, "")
		}
		x.files = append(x.files, p.File)
	}
}

// Place says where a sample is, if its number alone does not.
func (s *Survey) Place(sample int64) string {
	for i := len(s.sources) - 1; i >= 0; i-- {
		x := &s.sources[i]
		at := sample - x.first
		switch {
		case at < 0:
		case at < int64(len(x.files)):
			return x.files[at]
		case len(s.sources) > 1:
			return fmt.Sprintf("%d of %s", at, x.name)
		}
	}
	return ""
}

// named is the number of a sample, and where it is.
func (s *Survey) named(sample int64) string {
	if place := s.Place(sample); place != "" {
		return fmt.Sprintf("%d (%s)", sample, place)
	}
	return strconv.FormatInt(sample, 10)
}

func (s *Survey) namedAll(samples []int64) string {
	list := make([]string, 0, len(samples))
	for _, n := range samples {
		list = append(list, s.named(n))
	}
	return strings.Join(list, ", ")
}

// NewSurvey starts a survey.
func NewSurvey(opt survey.Options, base *survey.Baseline, where finding.Where) *Survey {
	s := &Survey{Survey: survey.New(opt), Baseline: base, Where: where}
	if base != nil {
		for i := range base.Columns {
			s.Survey.Against(&base.Columns[i])
		}
	}
	return s
}

// Finish reports what was found.
func (s *Survey) Finish(report func(finding.Finding)) {
	s.Survey.Settle()
	s.labels(report)
	s.duplicates(report)
	s.texts(report)
	s.outliers(report)
	s.patches(report)
	if s.Baseline != nil {
		if s.Standing != "" {
			report(tenStanding.Finding(s.Where, "the baseline is "+s.Standing))
		}
		s.differences(report)
		s.drift(report)
	}
	if n := s.Survey.Unkept.Labels; n > 0 {
		report(tenPartly.Undetermined(s.Where, fmt.Sprintf("%d samples have labels beyond the first 100,000, or of more than 1024 bytes, and count as if they had none", n)))
	}
	if s.Survey.Unkept.Columns > 0 {
		report(tenPartly.Undetermined(s.Where, fmt.Sprintf("of the columns only the first %d were looked at", len(s.Survey.Columns))))
	}
	if n := int64(len(s.Survey.Samples)); n < s.Survey.Count {
		report(tenPartly.Undetermined(s.Where, fmt.Sprintf("of %d samples the first %d were compared with each other", s.Survey.Count, n)))
	}
}

// Nonfinite reports columns with NaN or infinities, where no schema judges them.
func (s *Survey) Nonfinite(report func(finding.Finding)) {
	for _, c := range s.Survey.Columns {
		if c.NaN+c.Inf > 0 {
			f := tenNoNumbers.Finding(s.Where, fmt.Sprintf("column %.80q has %s NaN and %s infinite, of %d", c.Name, counted(c.NaN, "value that is", "values that are"), counted(c.Inf, "that is", "that are"), c.Values+c.NaN+c.Inf))
			f.Input = c.Name
			report(f)
		}
	}
}

// labels says that there are none: what looks at them finds nothing then.
func (s *Survey) labels(report func(finding.Finding)) {
	switch name := s.Survey.Labelled(); {
	case len(s.Survey.Labels) > 0:
	case name != "":
		f := tenPartly.Undetermined(s.Where, fmt.Sprintf("no column is called %.80q, and no labels were compared", name))
		f.Fix = "name the column that has the labels"
		report(f)
	default:
		report(tenUnsearched.Finding(s.Where, "no column is known to have the labels: contradicting labels and patches that tell the label were not looked for"))
	}
}

// duplicates reports samples that are there twice, apart for those whose labels
// contradict each other.
func (s *Survey) duplicates(report func(finding.Finding)) {
	same, torn, near := group{of: s}, group{of: s}, group{of: s}
	for _, g := range s.Survey.Duplicates() {
		if len(g.Labels) > 1 {
			torn.add(g)
		} else {
			same.add(g)
		}
	}
	pictures := s.Survey.Near()
	for _, g := range pictures {
		near.add(g)
	}
	if torn.n > 0 {
		f := tenTorn.Finding(s.Where, counted(torn.n, "sample is", "samples are")+" there more than once with different labels")
		f.Evidence = torn.shown
		report(f)
	}
	if near.n > 0 {
		count := counted(near.n, "pair", "pairs")
		if len(pictures) == survey.MostGroups {
			count = "at least " + count
		}
		f := tenNear.Finding(s.Where, count+" of images are nearly the same and have different labels")
		f.Evidence = near.shown
		report(f)
	}
	if same.n > 0 {
		f := tenTwice.Finding(s.Where, counted(same.n, "sample is", "samples are")+" there more than once")
		f.Evidence = same.shown
		report(f)
	}
}

// texts reports texts that are nearly the same, apart for those whose labels contradict
// each other.
func (s *Survey) texts(report func(finding.Finding)) {
	same, torn := group{of: s}, group{of: s}
	for _, g := range s.Survey.NearTexts() {
		if len(g.Labels) > 1 {
			torn.add(g)
		} else {
			same.add(g)
		}
	}
	if torn.n > 0 {
		f := tenNear.Finding(s.Where, counted(torn.n, "group", "groups")+" of texts are nearly the same and have different labels")
		f.Evidence = torn.shown
		report(f)
	}
	if same.n > 0 {
		f := tenNearText.Finding(s.Where, counted(same.n, "group", "groups")+" of texts are nearly the same")
		f.Evidence = same.shown
		report(f)
	}
}

type group struct {
	of    *Survey
	n     int64
	shown []string
}

func (g *group) add(x survey.Group) {
	if g.n++; len(g.shown) >= shownRows {
		return
	}
	line := "samples " + g.of.namedAll(x.Samples)
	if x.Count > len(x.Samples) {
		line += fmt.Sprintf(" and %d more", x.Count-len(x.Samples))
	}
	if len(x.Labels) > 0 {
		line += ", label " + strings.Join(quoted(x.Labels), " and ")
	}
	g.shown = append(g.shown, line)
}

func quoted(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, fmt.Sprintf("%.40q", s))
	}
	return out
}

func (s *Survey) outliers(report func(finding.Finding)) {
	list := s.Survey.Outliers()
	if len(list) == 0 {
		return
	}
	f := tenOutlier.Finding(s.Where, counted(int64(len(list)), "sample", "samples")+" of mean or deviation far from the others'")
	for _, o := range list[:min(shownRows, len(list))] {
		of := ""
		if !o.OfSet {
			of = fmt.Sprintf(" of the label %.40q", o.Label)
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("sample %s: its %s is %.1f robust deviations from the median%s", s.named(o.Sample), o.What, o.Score, of))
	}
	report(f)
}

func (s *Survey) patches(report func(finding.Finding)) {
	for _, found := range s.Survey.Patches() {
		s.patchesOf(found, report)
	}
	var passed []string
	for _, c := range s.Survey.Columns {
		if c.Unsearched != "" {
			passed = append(passed, fmt.Sprintf("column %.80q: %s", c.Name, c.Unsearched))
		}
	}
	if len(passed) > 0 {
		f := tenUnsearched.Finding(s.Where, "no patches were looked for in "+passed[0]+andMore(len(passed)-1, "column", "columns"))
		f.Evidence = passed[:min(shownRows, len(passed))]
		report(f)
	}
}

// patchesOf reports what was found in a column.
func (s *Survey) patchesOf(found survey.PatchSearch, report func(finding.Finding)) {
	in := found.In()
	switch {
	case found.Refused != "":
		report(tenUnsearched.Finding(s.Where, "no patches were looked for"+in+": "+found.Refused))
	case !found.Whole:
		report(tenUnsearched.Finding(s.Where, fmt.Sprintf("patches were looked for%s on %d of %d samples, drawn by chance from all of them: one is found if it is on %d of those", in, found.Looked, s.Survey.Count, max(found.Least.Standing, found.Least.Moving))))
	}
	if reach := found.Reach(); reach != "" {
		f := tenReach.Finding(s.Where, reach)
		for _, x := range survey.Unseen {
			f.Evidence = append(f.Evidence, "not found: "+x)
		}
		report(f)
	}
	if found.Cut {
		report(tenUnsearched.Finding(s.Where, "more parts of pictures"+in+" tell a label than are kept in memory; those that tell most were"))
	}
	if len(found.Crowded) > 0 {
		f := tenUnsearched.Finding(s.Where, "patches were not looked for"+in+" on the samples of "+counted(int64(len(found.Crowded)), "label", "labels")+": they have so many parts in common that none stands out")
		f.Evidence = []string{"label " + strings.Join(quoted(found.Crowded[:min(shownRows, len(found.Crowded))]), ", ")}
		report(f)
	}
	for _, p := range found.Patches {
		where := fmt.Sprintf("at row %d, column %d", p.Y, p.X)
		if p.Moving {
			where = "at different places"
		}
		f := tenPatch.Finding(s.Where, fmt.Sprintf("%d of %d samples with the same %d by %d pixels%s %s have the label %.40q", p.Of, p.Count, p.Size, p.Size, in, where, p.Label))
		f.Evidence = []string{"samples " + s.namedAll(p.Samples[:min(shownRows, len(p.Samples))])}
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
		name := s.named
		if c.what == "of the baseline are gone" {
			name = func(n int64) string { return strconv.FormatInt(n, 10) } // it is nowhere
			f.Message = fmt.Sprintf("%d of %d samples %s", c.Count, s.Baseline.Samples, c.what)
			if s.Survey.Missing > 0 {
				f.Message += ", or are among what could not be read"
			}
		}
		for i, n := range c.Samples {
			line := "sample " + name(n)
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
		if (d.PSI <= psiDrift || d.PSI <= d.Chance) && (d.KS <= ksDrift || d.KS <= d.ChanceKS) {
			return
		}
		f := tenDrift.Finding(s.Where, fmt.Sprintf("%s distributed unlike the baseline: PSI %.3g", what, d.PSI))
		f.Severity = finding.Medium
		f.Evidence = []string{fmt.Sprintf("a PSI above %g is a drift by convention; chance alone exceeds %.3g once in a thousand", psiDrift, d.Chance)}
		if d.HasKS {
			f.Message += fmt.Sprintf(", KS distance %.3g", d.KS)
			f.Evidence = append(f.Evidence, fmt.Sprintf("so is a KS distance above %g, and chance exceeds %.3g; it was measured at the hundredths of the baseline, and may be up to %g more between them", ksDrift, d.ChanceKS, survey.KSError))
		}
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

package deps

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// Malicious reports the releases that the advisories know as made to do harm, and
// advisories that do not know enough for that.
func Malicious(p *Project, opt Options) ([]finding.Finding, error) {
	res, err := Scan(p, opt)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(res.Findings, func(f finding.Finding) bool { return f.Rule != malicious.ID })
	if len(res.Dependencies) == 0 {
		return out, nil
	}
	if opt.Source.Builtin {
		f := advisories.Finding(finding.Where{}, "malicious releases were looked up in nothing but the facts about PyTorch that are built into andiron")
		f.Severity = finding.Low
		out = append(out, f)
	}
	return append(out, Dated(opt)...), nil
}

// published asks the index of each pinned package whether its release still stands.
func (c *checker) published(list []*statement) {
	if c.opt.Page == nil {
		return
	}
	for _, st := range list {
		if !st.exact || !st.indexed() || st.Source.Type == manifest.Conda || st.file.Kind == manifest.Installed || st.file.Kind == manifest.CondaInstalled {
			continue
		}
		index := cmp.Or(indexOf(st), c.opt.Index)
		if index == "" {
			f := yanked.Undetermined(st.where(), fmt.Sprintf("whether %s was withdrawn cannot be told: no file names the index that it comes from", st.shown()))
			f.Fix = "--index-url names the one that your installer uses"
			c.about(&f, st)
			continue
		}
		page, err := c.opt.Page(index, st.Name)
		switch {
		case err != nil:
			f := yanked.Undetermined(st.where(), fmt.Sprintf("whether %s was withdrawn cannot be told: %v", st.shown(), err))
			c.about(&f, st)
		case page == nil:
			f := yanked.Finding(st.where(), fmt.Sprintf("%s is not on %q any more", st.shown(), index))
			c.about(&f, st)
		default:
			c.release(st, index, page)
		}
	}
}

// release holds a pinned version against the page of its project.
func (c *checker) release(st *statement, index string, page *pyindex.Page) {
	if page.Status == "quarantined" {
		f := quarantined.Finding(st.where(), fmt.Sprintf("%q holds %s in quarantine", index, st.Name), said(page.Reason)...)
		c.about(&f, st)
	}
	var files, gone int
	var reason, first string
	for _, file := range page.Files {
		name, err := pyindex.ParseName(file.Name, st.Name)
		if err != nil {
			continue
		}
		v, err := pep440.Parse(name.Version)
		if err != nil || pep440.Compare(v, st.version) != 0 && !(st.version.Local() == "" && pep440.Compare(v.Public(), st.version) == 0) {
			continue
		}
		if files++; file.Yanked {
			gone++
			reason = cmp.Or(reason, file.YankedReason)
		}
		if file.Upload != "" && (first == "" || file.Upload < first) {
			first = file.Upload
		}
	}
	switch {
	case files == 0:
		f := yanked.Finding(st.where(), fmt.Sprintf("%s is not on %q any more", st.shown(), index))
		c.about(&f, st)
	case gone == files:
		f := yanked.Finding(st.where(), fmt.Sprintf("%s was yanked from %q", st.shown(), index), said(reason)...)
		c.about(&f, st)
	}
	if t, err := time.Parse(time.RFC3339, first); err == nil && len(st.Wheels) == 0 {
		c.cooling(st, t)
	}
}

func said(reason string) []string {
	if reason == "" {
		return nil
	}
	return []string{"the index says: " + reason}
}

package deps

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// Malicious reports the releases that the advisories know as made to do harm, and
// advisories that do not know enough for that.
func Malicious(p *Project, opt Options) ([]finding.Finding, error) {
	s := &scanner{project: p, opt: opt}
	seen := false
	for _, set := range p.Sets {
		for _, st := range p.statements(set) {
			seen = true
			hits, err := s.hits(st)
			if err != nil {
				return nil, err
			}
			s.malware(st, hits)
		}
	}
	out := once(s.out.Findings)
	if !seen {
		return out, nil
	}
	if opt.Source.Builtin {
		f := advisories.Finding(finding.Where{}, "malicious releases were looked up in nothing but the facts about PyTorch that are built into andiron")
		f.Severity = finding.Low
		out = append(out, f)
	}
	return append(out, Dated(opt)...), nil
}

// malware reports which of a package's advisories are about malicious releases.
func (s *scanner) malware(st *statement, hits []advisory.Hit) {
	hits = slices.DeleteFunc(hits, func(h advisory.Hit) bool { return !h.Malicious })
	sure, unclear := st.divide(hits)
	for _, h := range unclear {
		s.unclear(st, s.identity(st), h)
	}
	for _, h := range sure {
		if st.exact || always(h) {
			s.vulnerable(st, s.identity(st), h, "")
		}
	}
}

// published asks the indexes of each pinned package whether its release still stands.
func (c *checker) published(list []*statement) {
	if c.opt.Page == nil {
		return
	}
	untold := map[string]*unanswered{}
	for _, st := range list {
		if !st.exact || !st.indexed() || st.Source.Type == manifest.Conda || st.file.Kind == manifest.Installed || st.file.Kind == manifest.CondaInstalled {
			continue
		}
		if why, fix := c.ask(st); why != "" {
			key := st.file.Path + "\x00" + fix
			if untold[key] == nil {
				untold[key] = &unanswered{first: st, why: why, fix: fix}
			}
			untold[key].names = append(untold[key].names, st.shown())
		}
	}
	for _, u := range untold {
		what := u.first.shown() + " was"
		if n := len(u.names); n > 1 {
			what = fmt.Sprintf("%s and %d more were", u.first.shown(), n-1)
		}
		f := yanked.Undetermined(u.first.where(), fmt.Sprintf("whether %s withdrawn cannot be told: %s", what, u.why), named(u.names)...)
		f.Fix = u.fix
		c.report(f)
	}
}

// unanswered is what no index said anything of, for one reason.
type unanswered struct {
	first    *statement
	why, fix string
	names    []string
}

// ask holds a pinned version against the pages of its project, and returns why it
// cannot be told whether it stands.
func (c *checker) ask(st *statement) (why, fix string) {
	places, more := c.places(st)
	if len(places) == 0 {
		return "no file names the index that it comes from", nameIt
	}
	var r release
	var failed error
	for _, index := range places {
		page, err := c.opt.Page(index, st.Name)
		if err != nil {
			failed = cmp.Or(failed, err)
			fix = cmp.Or(fix, "look again when "+hostOf(index)+" answers; where it is in a private network, --private-host "+hostOf(index)+" lets it be asked")
		} else if page != nil {
			c.quarantine(st, index, page)
			r.add(st.version, page, st.Name)
		}
	}
	where := quoted(places)
	switch {
	case r.files == 0 && failed != nil:
		return failed.Error(), fix
	case r.files == 0 && more != "":
		return fmt.Sprintf("it is not on %s, and %s", where, more), nameIt
	case r.files == 0:
		c.concern(yanked.Finding(st.where(), fmt.Sprintf("%s is not, or not any more, on %s", st.shown(), where)), st)
	case r.gone == r.files:
		c.concern(yanked.Finding(st.where(), fmt.Sprintf("%s was yanked from %s", st.shown(), where), said(r.reason)...), st)
	}
	if t, err := time.Parse(time.RFC3339, r.first); err == nil && len(st.Wheels) == 0 {
		c.cooling(st, t)
	}
	return "", ""
}

// places are the indexes that a package may come from: its own, or all that its
// installer searches. more says why it may come from elsewhere.
func (c *checker) places(st *statement) (list []string, more string) {
	if st.Source.Type == manifest.OneIndex {
		if index := cmp.Or(st.Source.URL, c.opt.Index); index != "" {
			list = append(list, index)
		}
		return list, ""
	}
	if first := cmp.Or(primary(st.set), c.opt.Index); first != "" {
		list = append(list, first)
	} else {
		more = "no file names the index that is searched first"
	}
	for _, f := range st.set.files() {
		for _, x := range f.Indexes {
			switch {
			case x.Explicit || x.URL == "":
			case x.Role == manifest.FindLinks:
				more = cmp.Or(more, "pages of links are not asked")
			case (x.Role == manifest.Extra || x.Role == manifest.Primary) && !slices.Contains(list, x.URL):
				list = append(list, x.URL)
			}
		}
	}
	return list, more
}

const nameIt = "--index-url names the one that your installer uses"

func (c *checker) quarantine(st *statement, index string, page *pyindex.Page) {
	if page.Status == "quarantined" {
		c.concern(quarantined.Finding(st.where(), fmt.Sprintf("%q holds %s in quarantine", index, st.Name), said(page.Reason)...), st)
	}
}

// release is what the indexes say of one version.
type release struct {
	files, gone   int
	reason, first string // why it was yanked, when its first file was uploaded
}

func (r *release) add(version pep440.Version, page *pyindex.Page, project string) {
	for _, file := range page.Files {
		name, err := pyindex.ParseName(file.Name, project)
		if err != nil {
			continue
		}
		v, err := pep440.Parse(name.Version)
		if err != nil || pep440.Compare(v, version) != 0 && !(version.Local() == "" && pep440.Compare(v.Public(), version) == 0) {
			continue
		}
		if r.files++; file.Yanked {
			r.gone++
			r.reason = cmp.Or(r.reason, file.YankedReason)
		}
		if file.Upload != "" && (r.first == "" || file.Upload < r.first) {
			r.first = file.Upload
		}
	}
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return strings.Join(out, " or ")
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return quote(address)
}

func said(reason string) []string {
	if reason == "" {
		return nil
	}
	return []string{"the index says: " + reason}
}

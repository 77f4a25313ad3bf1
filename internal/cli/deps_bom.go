package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bom"
	"github.com/andiron-dev/andiron/internal/openvex"
)

// depsBOM is a handler that writes a bill of materials with vulnerabilities.
type depsBOM struct {
	memory

	run *depsRun
	w   io.Writer
}

func (b *depsBOM) Summary(s finding.Summary) error {
	doc := bom.Project{Name: filepath.Base(absolute(b.run.root)), Database: s.Database, Tool: version(), Time: b.run.now}
	ids := map[string]string{} // by name, version and place
	byName := map[string][]string{}
	for _, m := range b.list {
		if d := m.Dependency; d != nil {
			id := placeOf(d.Package, d.Where)
			if ids[id] != "" {
				continue
			}
			ids[id] = id
			byName[d.Where.Path+"\x00"+d.Name] = append(byName[d.Where.Path+"\x00"+d.Name], id)
			doc.Components = append(doc.Components, bom.Component{
				ID: id, Package: d.Package, Status: d.Status, Reason: d.Reason, Range: d.Requested, Where: d.Where,
			})
		}
	}
	for i := range doc.Components {
		b.facts(&doc.Components[i], byName)
	}
	doc.Vulnerabilities = b.vulnerabilities(ids)
	return bom.WriteProject(b.w, doc)
}

func absolute(p string) string {
	if abs, err := filepath.Abs(p); err == nil {
		return abs
	}
	return p
}

func placeOf(p finding.Package, w finding.Where) string {
	return strings.Join([]string{p.PURL, w.String()}, " ")
}

// facts adds what the files say of a package besides.
func (b *depsBOM) facts(c *bom.Component, byName map[string][]string) {
	for _, s := range b.run.found.Sets {
		for i := range s.Packages {
			p := &s.Packages[i]
			if p.Name != c.Name || s.Path != c.Where.Path || p.Line != c.Where.Line {
				continue
			}
			c.Index, c.Groups, c.Direct = cmp.Or(p.Source.URL, p.Source.Index), p.Groups, p.Direct
			for _, h := range p.Hashes {
				c.Hashes = append(c.Hashes, h.Algorithm+":"+h.Digest)
			}
			for _, w := range p.Wheels {
				if w.Hash.Digest != "" {
					c.Hashes = append(c.Hashes, w.Hash.Algorithm+":"+w.Hash.Digest)
				}
			}
			slices.Sort(c.Hashes)
			c.Hashes = slices.Compact(c.Hashes)
			if s.Kind.Locked() {
				c.Requires = []string{}
			}
			for _, r := range p.Requires {
				c.Requires = append(c.Requires, byName[s.Path+"\x00"+r]...)
			}
			return
		}
	}
}

// vulnerabilities are the findings with an advisory, those of one together.
func (b *depsBOM) vulnerabilities(ids map[string]string) (list []bom.Vulnerability) {
	at := map[string]int{}
	for _, m := range b.list {
		f := m.Finding
		if f == nil || f.Advisory == nil || f.Package == nil {
			continue
		}
		id := ids[placeOf(*f.Package, f.Where)]
		if id == "" {
			continue
		}
		key := f.Advisory.ID
		if f.Waived != nil {
			key += "\x00" + f.Waived.Owner + "\x00" + f.Waived.Reason
		}
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, bom.Vulnerability{
				ID: f.Advisory.ID, Aliases: f.Advisory.Aliases, Summary: f.Message, Class: f.Advisory.Class, Severity: f.Severity,
				Fixed: f.Advisory.Fixed, Waived: f.Waived,
			})
		}
		if !slices.Contains(list[i].Affects, id) {
			list[i].Affects = append(list[i].Affects, id)
		}
	}
	return list
}

// depsVEX is a handler that writes statements about the advisories.
type depsVEX struct {
	memory

	run *depsRun
	w   io.Writer
}

func (v *depsVEX) Summary(finding.Summary) error {
	at := map[string]int{}
	var list []openvex.Advisory
	for _, m := range v.list {
		f := m.Finding
		if f == nil || f.Advisory == nil || f.Package == nil {
			continue
		}
		key := f.Advisory.ID + "\x00" + f.Package.Name
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, openvex.Advisory{
				ID: f.Advisory.ID, Aliases: f.Advisory.Aliases, Summary: f.Message, Fixed: f.Advisory.Fixed, Action: f.Fix, Waived: f.Waived,
			})
			if f.Outcome == finding.Undetermined {
				list[i].State, list[i].Action = openvex.UnderInvestigation, ""
			}
		}
		if !slices.Contains(list[i].Products, f.Package.PURL) {
			list[i].Products = append(list[i].Products, f.Package.PURL)
		}
	}
	return openvex.WriteAdvisories(v.w, list, v.run.now.UTC().Format(time.RFC3339), version())
}

// baseline is a handler that leaves out what an earlier report has. What could not be
// looked at is said again each time.
type baseline struct {
	finding.Handler

	run   *depsRun
	known map[string]finding.Severity
	left  map[finding.Severity]int
}

// openBaseline reads an earlier report.
func (r *depsRun) openBaseline(h finding.Handler) (finding.Handler, error) {
	name := r.flags.baseline
	b, err := readSmall(name, mostBaseline)
	if err != nil {
		return nil, usage(fmt.Sprintf("baseline %v", err), "andiron deps scan --format json --output "+name+" writes one")
	}
	var doc struct {
		Schema   string            `json:"schema"`
		Findings []finding.Finding `json:"findings"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || !strings.HasPrefix(doc.Schema, "andiron/report/") {
		return nil, usage(fmt.Sprintf("baseline %q is no report of andiron", name), "andiron deps scan --format json --output "+name+" writes one")
	}
	out := &baseline{Handler: h, run: r, known: map[string]finding.Severity{}, left: map[finding.Severity]int{}}
	for _, f := range doc.Findings {
		if f.Outcome == finding.Undetermined || f.Waived != nil {
			continue // what it is known to be, or counts for, came later
		}
		for _, k := range f.Names() {
			out.known[k] = max(out.known[k], f.Severity)
		}
	}
	return out, nil
}

const mostBaseline = 64 << 20

func (b *baseline) Finding(f finding.Finding) error {
	known := slices.ContainsFunc(f.Names(), func(k string) bool {
		was, ok := b.known[k]
		return ok && was >= f.Severity
	})
	if !known || f.Outcome == finding.Undetermined || f.Severity == finding.Info {
		return b.Handler.Finding(f)
	}
	if f.Waived == nil {
		b.left[f.Severity]++
	}
	return nil
}

func (b *baseline) Summary(s finding.Summary) error {
	n, severities := 0, map[finding.Severity]int{}
	for sev, k := range s.Severities {
		severities[sev] = k - b.left[sev]
		n += b.left[sev]
	}
	s.Severities = severities
	if n > 0 {
		b.run.warn(fmt.Sprintf("%s in the baseline %q and not reported again", countOf(n, "finding is", "findings are"), b.run.flags.baseline))
	}
	return b.Handler.Summary(s)
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

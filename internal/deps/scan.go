package deps

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// Result is what a project's packages were found to be.
type Result struct {
	Dependencies []finding.Dependency // by name, version and place
	Findings     []finding.Finding
}

// Scan holds every package of a project against the advisories.
func Scan(p *Project, opt Options) (*Result, error) {
	s := &scanner{project: p, opt: opt, reasons: map[string]*group{}}
	for _, set := range p.Sets {
		for _, st := range p.statements(set) {
			if err := s.one(st); err != nil {
				return nil, err
			}
			if len(s.out.Findings) > maxFindings {
				return nil, fmt.Errorf("at %s: %w", st.where(), bounded.Exceeded("findings", maxFindings))
			}
		}
		for _, st := range p.unasked(set) {
			if err := s.limited(st); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(s.out.Dependencies, compareDependencies)
	s.out.Dependencies = slices.CompactFunc(s.out.Dependencies, func(a, b finding.Dependency) bool { return reflect.DeepEqual(a, b) })
	s.groups()
	s.unlistedPackages()
	s.database()
	s.summary()
	s.regularly()
	s.out.Findings = once(s.out.Findings)
	return &s.out, nil
}

// maxFindings is how many findings a scan has: a file of a megabyte can name packages
// that have ten thousand times as many vulnerabilities as it has lines.
const maxFindings = 100_000

type scanner struct {
	project  *Project
	opt      Options
	out      Result
	reasons  map[string]*group // by file and reason
	unlisted []*statement      // installed packages without a list of their files
}

// group is the packages of one file that are unauditable for one reason.
type group struct {
	where  finding.Where
	reason string
	names  []string
}

func compareDependencies(a, b finding.Dependency) int {
	return cmp.Or(
		strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version), strings.Compare(a.Requested, b.Requested),
		strings.Compare(a.Where.Path, b.Where.Path), cmp.Compare(a.Where.Line, b.Where.Line),
	)
}

// one looks at one package. What a lock fixes is looked at there.
func (s *scanner) one(st *statement) error {
	if st.locked != nil {
		return nil
	}
	d := finding.Dependency{Package: s.identity(st), Where: st.where(), Advisories: []string{}}
	hits, err := s.hits(st)
	if err != nil {
		return err
	}
	if s.opt.Advisories != nil && !st.exact && st.problem == "" && st.indexed() {
		d.Requested = st.Specifier
	}
	for _, h := range hits {
		d.Advisories = append(d.Advisories, h.ID)
	}
	hits, unclear := st.divide(hits)
	for _, h := range unclear {
		s.unclear(st, d.Package, h)
	}
	switch reason := s.reason(st, st.published(), hits); {
	case len(hits) > 0 && st.exact:
		d.Status = finding.Vulnerable
		fix := fixOf(st.Name, hits)
		for _, h := range hits {
			s.vulnerable(st, d.Package, h, fix)
		}
	case slices.ContainsFunc(hits, always):
		d.Status = finding.Vulnerable
		for _, h := range hits {
			if always(h) {
				s.vulnerable(st, d.Package, h, "")
			}
		}
	case len(hits) > 0:
		d.Status = finding.MayResolve
		s.mayResolve(st, d.Package, hits)
	case len(unclear) > 0:
		d.Status, d.Reason = finding.Unauditable, unclear[0].Unclear
	case reason != "":
		s.unauditable(st, &d, reason)
	default:
		d.Status = finding.Clean
	}
	s.out.Dependencies = append(s.out.Dependencies, d)
	return s.bundles(st)
}

// indexed reports whether a package comes from an index, so that its name and version
// say what it is.
func (st *statement) indexed() bool {
	switch st.Source.Type {
	case manifest.AnyIndex, manifest.OneIndex, manifest.Conda:
		return true
	case manifest.AtURL, manifest.VCS, manifest.Path, manifest.Editable, manifest.Virtual:
	}
	return false
}

const (
	ofNVIDIA = "NVIDIA's wheels have no advisories of their own; its bulletins name products and not packages"
	ofURL    = "nobody publishes advisories of what is at an address"
	ofVCS    = "a commit of a repository has no advisories"
	ofPath   = "a file that is named by its path has no advisories"
	byConda  = "conda packages have no advisories; none of the package of that name on the index applies"
	ofNobody = "the built-in facts are about PyTorch alone, and there is no advisory database"
)

// reason says why finding nothing proves nothing; "" where it does.
func (s *scanner) reason(st *statement, name string, hits []advisory.Hit) string {
	switch {
	case len(hits) > 0:
		return ""
	case st.Source.Type == manifest.Conda:
		return byConda
	case st.problem != "":
		return st.problem
	case st.Source.Type == manifest.AtURL:
		return ofURL
	case st.Source.Type == manifest.VCS:
		return ofVCS
	case st.Source.Type == manifest.Path:
		return ofPath
	case strings.HasPrefix(st.Name, "nvidia-"):
		return ofNVIDIA
	case s.opt.Advisories == nil || s.opt.Source.Builtin && !s.known(name):
		return ofNobody
	}
	return ""
}

// known reports whether the built-in facts are about a package.
func (s *scanner) known(name string) bool {
	list, err := s.opt.Advisories.Package(name)
	return err == nil && len(list) > 0
}

func (s *scanner) unauditable(st *statement, d *finding.Dependency, reason string) {
	if v := s.opt.Policy.Vouched(st.Name, s.opt.Now); v != nil {
		d.Status = finding.Clean
		d.Reason = fmt.Sprintf("vouched for by %s until %s: %s", v.Owner, v.Expires, v.Reason)
		return
	}
	d.Status, d.Reason = finding.Unauditable, reason
	if reason == ofNobody {
		return // said once, of all of them
	}
	key := st.place() + "\x00" + reason
	g := s.reasons[key]
	if g == nil {
		g = &group{where: st.where(), reason: reason}
		s.reasons[key] = g
	}
	g.names = append(g.names, st.shown())
}

// mostNamed is how many packages a finding names.
const mostNamed = 50

// groups reports the packages that are unauditable, those of one file and one reason
// together.
func (s *scanner) groups() {
	for _, g := range s.reasons {
		slices.Sort(g.names)
		g.names = slices.Compact(g.names)
		what := g.names[0] + " is"
		if n := len(g.names); n > 1 {
			what = fmt.Sprintf("%s and %d more are", g.names[0], n-1)
		}
		s.report(unauditable.Undetermined(g.where, fmt.Sprintf("%s covered by no advisories: %s", what, g.reason), named(g.names)...))
	}
}

func named(names []string) []string {
	if n := len(names) - mostNamed; n > 0 {
		return append(slices.Clone(names[:mostNamed]), fmt.Sprintf("and %d more", n))
	}
	return names
}

// passed names the environments and links that were not looked into.
func passed(p *Project) (out []string) {
	for _, e := range p.Passed {
		out = append(out, fmt.Sprintf("%s was not looked at; andiron deps scan %[1]s does", e))
	}
	return named(out)
}

func (s *scanner) report(f finding.Finding) { s.out.Findings = append(s.out.Findings, f) }

func (s *scanner) identity(st *statement) finding.Package {
	version := st.Version
	if st.by != nil {
		version = st.by.Version
	}
	kind := "pypi"
	if st.Source.Type == manifest.Conda {
		kind = "conda"
	}
	return finding.Package{Name: st.called(), Version: version, PURL: purl(kind, st.Name, version)}
}

// purl is the package URL; its specification has names of PyPI in lower case with
// dashes, as they are when normalised.
func purl(kind, name, version string) string {
	if name == "" {
		return ""
	}
	s := "pkg:" + kind + "/" + url.PathEscape(name)
	if version != "" {
		s += "@" + url.QueryEscape(version)
	}
	return s
}

// vulnerable reports that a version has a vulnerability, or was made to do harm.
func (s *scanner) vulnerable(st *statement, id finding.Package, h advisory.Hit, fix string) {
	r := vulnerable
	message := fmt.Sprintf("%s has %s", st.shown(), h.ID)
	if h.Malicious {
		r, message = malicious, fmt.Sprintf("%s is a malicious release (%s)", st.shown(), h.ID)
	}
	if h.Summary != "" {
		message += ": " + strings.TrimSuffix(h.Summary, ".")
	}
	f := r.Finding(st.where(), message, s.evidence(st, h)...)
	if !h.Malicious {
		f.Severity = severityOf(h)
		f.Fix = fix
		if h.Fixed == "" {
			f.Fix = noFix(st.Name)
		}
	}
	f.Package = &id
	f.Advisory = &finding.Advisory{ID: h.ID, Aliases: append([]string{}, h.Aliases...), Fixed: h.Fixed, Class: h.Fact.Class, Reach: h.Fact.Reach}
	s.report(f)
}

// fixOf says which version closes how many of a package's vulnerabilities.
func fixOf(name string, hits []advisory.Hit) string {
	var to pep440.Version
	closed := 0
	for _, h := range hits {
		v, err := pep440.Parse(h.Fixed)
		if h.Malicious || h.Fixed == "" || err != nil {
			continue
		}
		if closed++; closed == 1 || pep440.Compare(v, to) > 0 {
			to = v
		}
	}
	switch {
	case closed > 0 && to.Pre():
		return fmt.Sprintf("update %s to a final release later than %s, which closes %d of %d", name, to, closed, len(hits))
	case closed == 0:
		return noFix(name)
	case closed < len(hits):
		return fmt.Sprintf("update %s to %s or later, which closes %d of %d; no fixed version is published for the rest", name, to, closed, len(hits))
	}
	return fmt.Sprintf("update %s to %s or later, or run andiron deps update", name, to)
}

// noFix is for a vulnerability that no version is known to be without.
func noFix(name string) string {
	return fmt.Sprintf("no fixed version of %s is published for this yet; avoid what the advisory is about, or waive it with a reason", name)
}

// severityOf takes a vulnerability without a rating for a high one, unless it is known
// that only the program's own code reaches it.
func severityOf(h advisory.Hit) finding.Severity {
	switch h.Severity.Level {
	case "critical":
		return finding.Critical
	case "high":
		return finding.High
	case "medium":
		return finding.Medium
	case "low", "none":
		return finding.Low
	}
	if h.Fact.Reach == "code" {
		return finding.Medium
	}
	return finding.High
}

func (s *scanner) evidence(st *statement, h advisory.Hit) []string {
	var out []string
	switch {
	case h.Malicious:
	case h.Severity.Level == "":
		out = append(out, "no severity is published, so that it counts as "+severityOf(h).String())
	case h.Severity.Score > 0:
		out = append(out, "CVSS "+strconv.FormatFloat(h.Severity.Score, 'f', 1, 64))
	}
	if h.Fact.Note != "" {
		out = append(out, h.Fact.Note)
	}
	return append(out, st.circumstances()...)
}

// circumstances say where a package counts, and who needs it.
func (st *statement) circumstances() []string {
	var out []string
	if st.Marker != "" {
		out = append(out, "where "+st.Marker)
	}
	if len(st.Groups) > 0 {
		out = append(out, "in "+strings.Join(st.Groups, ", "))
	}
	switch {
	case st.by != nil:
		out = append(out, "fixed by a constraint")
	case st.Constraint:
		out = append(out, "a constraint, which counts where something that is asked for needs the package")
	}
	if st.instead != nil {
		out = append(out, "in place of "+cmp.Or(st.instead.Specifier, "any version")+", which is overridden")
	}
	if needed := st.set.neededBy(st.Name); len(needed) > 0 {
		out = append(out, "needed by "+strings.Join(needed, ", "))
	}
	return out
}

// mayResolve reports that a range allows vulnerable versions.
func (s *scanner) mayResolve(st *statement, id finding.Package, hits []advisory.Hit) {
	worst := slices.MaxFunc(hits, func(a, b advisory.Hit) int { return int(severityOf(a)) - int(severityOf(b)) })
	what := worst.ID
	if n := len(hits) - 1; n > 0 {
		what += fmt.Sprintf(" and %d more", n)
	}
	var evidence []string
	for _, h := range hits {
		line := h.ID + ", " + severityOf(h).String()
		if h.Fixed != "" {
			line += ", fixed in " + h.Fixed
		}
		evidence = append(evidence, line)
	}
	f := mayResolve.Finding(st.where(), fmt.Sprintf("%s may resolve to a version that has %s", st.shown(), what), append(named(evidence), st.circumstances()...)...)
	f.Severity = min(f.Severity, severityOf(worst))
	if slices.Contains(st.Groups, "build-system") {
		f.Severity = finding.Low
	}
	f.Package = &id
	s.report(f)
}

// bundles reports the libraries that an installed package brings along.
func (s *scanner) bundles(st *statement) error {
	if st.file.Kind == manifest.Installed && st.Record == nil && !strings.Contains("/"+st.file.Path, "/dist-packages/") {
		s.unlisted = append(s.unlisted, st)
	}
	foreign := st.foreign()
	if len(foreign) == 0 || strings.HasPrefix(st.Name, "nvidia-") || s.opt.Policy.Vouched(st.Name, s.opt.Now) != nil {
		return nil
	}
	evidence := named(foreign)
	if len(st.Bundled) > 0 {
		evidence = append(evidence, "its own documents say what they are: "+strings.Join(st.Bundled, ", "))
	}
	s.report(bundled.Undetermined(st.where(), fmt.Sprintf("%s brings %s of other projects, which its advisories do not cover",
		st.shown(), count(len(foreign), "library", "libraries")), evidence...))
	return nil
}

// unlistedPackages reports the installed packages of which nothing lists the files.
// Those of a distribution have their libraries from it as well.
func (s *scanner) unlistedPackages() {
	by := map[string][]string{}
	first := map[string]*statement{}
	for _, st := range s.unlisted {
		dir := path.Dir(st.file.Path)
		by[dir] = append(by[dir], st.shown())
		if first[dir] == nil {
			first[dir] = st
		}
	}
	for dir, names := range by {
		slices.Sort(names)
		s.report(bundled.Undetermined(first[dir].where(), fmt.Sprintf("what %s brought along is not known: there is no RECORD of it",
			count(len(names), "installed package", "installed packages")), named(names)...))
	}
}

// foreign are the libraries in a package that are not its own by their names.
func (st *statement) foreign() (out []string) {
	if st.Record == nil {
		return nil
	}
	for _, name := range st.Record.Libraries {
		base := strings.TrimPrefix(path.Base(name), "lib")
		if !slices.ContainsFunc(append(ownLibraries[st.Name], strings.ReplaceAll(st.Name, "-", "_")), func(p string) bool { return strings.HasPrefix(base, p) }) {
			out = append(out, name)
		}
	}
	return out
}

// ownLibraries are the names that the libraries of a package's own begin with, where
// they are not called after it.
var ownLibraries = map[string][]string{"torch": {"torch", "c10", "caffe2", "shm", "aoti"}}

// Files reports what could not be read, and that there is nothing.
func Files(p *Project) []finding.Finding {
	var out []finding.Finding
	for _, u := range p.Unread {
		out = append(out, notRead.Undetermined(finding.Where{Path: u.Path}.Line1(u.Line, 0), strings.TrimPrefix(u.Text, "undetermined: ")))
	}
	out = once(out)
	if p.Empty() {
		out = append(out, noFiles.Undetermined(finding.Where{Path: filepath.ToSlash(p.Root)}, "no file says what the project depends on", passed(p)...))
	}
	return out
}

// Empty reports whether no file was found that says anything.
func (p *Project) Empty() bool {
	return len(p.Unread) == 0 && !slices.ContainsFunc(p.Sets, func(s *Set) bool { return s.Kind != manifest.UVConfig })
}

// installedIn is the folder that a package is installed in, or the file itself.
func installedIn(file string) string {
	dir := path.Dir(file)
	switch {
	case strings.HasSuffix(dir, ".dist-info"):
		return path.Dir(dir)
	case path.Base(dir) == "conda-meta":
		return dir
	}
	return file
}

// summary says what was held against what.
func (s *scanner) summary() {
	files := map[string]int{}
	vouched := map[string][]string{}
	for _, d := range s.out.Dependencies {
		if d.Status != finding.Unauditable {
			files[installedIn(d.Where.Path)]++
		}
		if d.Status == finding.Clean && d.Reason != "" {
			at := installedIn(d.Where.Path)
			vouched[at] = append(vouched[at], strings.TrimSpace(d.Name+" "+d.Version)+" is "+d.Reason)
		}
	}
	also := passed(s.project)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := fmt.Sprintf("%s held against %s", count(files[name], "package is", "packages are"), s.opt.Source.Name)
		by := slices.Compact(slices.Sorted(slices.Values(vouched[name])))
		if len(by) > 0 {
			text += fmt.Sprintf("; %s clean because somebody vouches", count(len(by), "is", "are"))
		}
		switch n := len(s.project.Passed); {
		case len(also) == 0:
		case n == 1:
			text += fmt.Sprintf("; %s is not looked at", s.project.Passed[0])
		default:
			text += fmt.Sprintf("; %d environments and links are not looked at, %s among them", n, s.project.Passed[0])
		}
		s.report(scanned.Finding(finding.Where{Path: name}, text, append(named(by), also...)...))
		also = nil // once is enough
	}
}

// regularly says when the project was last scanned, and what scans it without anybody
// asking.
func (s *scanner) regularly() {
	rec := s.opt.Record
	if rec == nil || len(s.project.Sets) == 0 {
		return
	}
	scheduled := false
	for _, c := range s.project.cares {
		if c.Kind != manifest.Scans {
			continue
		}
		when := "when something changes"
		if c.Scheduled {
			when, scheduled = "on a schedule", true
		}
		s.report(automatic.Finding(finding.Where{Path: c.path}.Line1(c.Line, 1), fmt.Sprintf("%s holds the dependencies against advisories %s", c.What, when)))
	}
	where := finding.Where{Path: rec.File}
	age := s.opt.Now.Sub(rec.Last)
	switch {
	case scheduled && (rec.Last.IsZero() || age > s.opt.Policy.Fresh()):
		s.report(notScanned.Finding(where, "a workflow scans the dependencies on a schedule, and no recent result is on record"))
	case rec.Last.IsZero():
		s.report(notScanned.Finding(where, "no scan of the dependencies is on record"))
	case age > s.opt.Policy.Fresh():
		s.report(notScanned.Finding(where, fmt.Sprintf("the last scan of the dependencies that is on record was %s ago", days(age))))
	default:
		s.report(recorded.Finding(where, fmt.Sprintf("%s on record, the last one of %s, with %s open", count(int(rec.Scans), "scan is", "scans are"),
			rec.Last.UTC().Format("2006-01-02"), count(rec.Open, "finding", "findings"))))
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func quote(s string) string { return strconv.Quote(s) }

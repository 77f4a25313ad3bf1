package relock

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// Advisory is one that a version has.
type Advisory struct {
	ID       string `json:"id"`
	Summary  string `json:"summary,omitempty"`
	Severity string `json:"severity"` // "critical", "high", "medium", "low"; others count as high
}

// burden is how many advisories there are of each severity, the worst first. Of two,
// the one that sorts first is the lighter.
type burden [4]int

func burdenOf(list []Advisory) (b burden) {
	for _, a := range list {
		switch a.Severity {
		case "critical":
			b[0]++
		case "medium":
			b[2]++
		case "low", "none":
			b[3]++
		default:
			b[1]++
		}
	}
	return b
}

func (b burden) plus(o burden) burden {
	for i := range b {
		b[i] += o[i]
	}
	return b
}

func (b burden) less(o burden) bool { return slices.Compare(b[:], o[:]) < 0 }

func (b burden) none() bool { return b == burden{} }

// UpdateOptions are how an update is found.
type UpdateOptions struct {
	Options

	// Names are the packages to update; none is torch and its family.
	Names []string
	// Affected says which advisories a version of a package has. An error is one that
	// ends the run: what cannot be looked up is not free of advisories.
	Affected func(name, version string) ([]Advisory, error)
	// Cooldown is how long a release must have been there.
	Cooldown time.Duration
	// WithoutAgeUnsafe takes releases whose age cannot be found out.
	WithoutAgeUnsafe bool
	// WithoutLock leaves the lock as it is.
	WithoutLock bool
	// Index is where packages come from that no file of the project says it of, and no
	// lock either.
	Index string
	// Test is a command of the project's own, which runs on a copy with the update.
	Test string
}

// Step is one package that changes.
type Step struct {
	Name    string     `json:"package"`
	From    string     `json:"from"`
	To      string     `json:"to"`
	Index   string     `json:"index"`
	Upload  string     `json:"upload"` // RFC 3339, "" where it is not known
	Age     string     `json:"age"`    // how the time of upload is known
	Reason  string     `json:"reason"`
	Closes  []Advisory `json:"closes"`
	Remains []Advisory `json:"remains"`
	Places  []string   `json:"places"` // requirements.txt:3
}

// Rejected is a release that was not taken.
type Rejected struct {
	Name    string `json:"package"`
	Version string `json:"version"`
	Reason  string `json:"reason"`
}

// Edit is a file that changes.
type Edit struct{ Before, After []byte }

// Plan is an update.
type Plan struct {
	Steps    []Step          `json:"steps"`
	Open     []Step          `json:"open"` // what has advisories and no better release
	Rejected []Rejected      `json:"rejected"`
	Problems []Problem       `json:"problems"`
	Edits    map[string]Edit `json:"-"`
	Lock     *Result         `json:"lock,omitempty"`
	Trial    *Trial          `json:"test,omitempty"`
}

// pin is one statement that binds a package to a version.
type pin struct {
	file    *manifest.File // nil if only the lock has it
	pkg     *manifest.Package
	version pep440.Version
	indexes []string
}

func (b *pin) place() string {
	if b.file == nil {
		return "the lock"
	}
	if b.pkg.Line == 0 {
		return b.file.Path
	}
	return fmt.Sprintf("%s:%d", b.file.Path, b.pkg.Line)
}

// updater looks for an update.
type updater struct {
	opt     UpdateOptions
	p       *Project
	plan    *Plan
	pages   *Pages
	named   indexes
	pins    map[string][]pin
	python  pep440.Version // the lowest that the project allows
	pythons bool           // it says one
	asked   map[string][]Advisory
	seen    map[string]*choices
}

// Update finds the smallest step to releases that have no advisories, or else fewer or
// less severe ones: those of the
// same accelerator, stable, not yanked, old enough, and with a torch that they go
// with. It makes the lock anew and runs the project's tests, if that is wanted.
// Nothing in the project changes.
func Update(ctx context.Context, p *Project, opt UpdateOptions) (*Plan, error) {
	opt.Options = opt.withDefaults()
	u := &updater{
		opt: opt, p: p, pages: NewPages(p.Files, opt.Fetch, opt.Getenv), named: indexesOf(p.Files),
		plan:  &Plan{Steps: []Step{}, Open: []Step{}, Rejected: []Rejected{}, Problems: []Problem{}, Edits: make(map[string]Edit)},
		asked: make(map[string][]Advisory), seen: make(map[string]*choices),
	}
	if err := u.gather(); err != nil {
		return nil, err
	}
	if err := u.find(ctx); err != nil {
		return nil, err
	}
	if len(u.plan.Steps) == 0 {
		return u.plan, nil
	}
	u.edit()
	if len(u.plan.Problems) > 0 {
		return u.plan, nil
	}
	next, err := p.with(u.plan.Edits)
	if err != nil {
		return nil, err
	}
	if p.before != nil && !opt.WithoutLock {
		if err := u.relock(ctx, next); err != nil {
			return nil, err
		}
	}
	if opt.Test != "" {
		u.plan.Trial, err = try(ctx, next, u.plan.Lock, opt)
	}
	return u.plan, err
}

// gather finds what binds each package to a version.
func (u *updater) gather() error {
	u.pins = make(map[string][]pin)
	for _, f := range u.p.Files {
		u.lowest(f.Python)
		for i := range f.Packages {
			u.pin(f, &f.Packages[i])
		}
	}
	u.lowest(u.opt.Python)
	if u.p.before == nil {
		u.ranges()
		return nil
	}
	lock, err := manifest.Read(u.p.Form, u.p.Lock, u.p.before, manifest.Limits{})
	if err != nil {
		return err
	}
	if u.p.Form == manifest.Requirements {
		annotated(lock, string(u.p.before))
	}
	for i := range lock.Packages {
		p := &lock.Packages[i]
		if _, ok := u.pins[p.Name]; !ok {
			u.pin(nil, p)
		}
		u.learn(p)
	}
	u.ranges()
	return nil
}

// ranges says which of the packages that are to be updated no file binds to a version:
// which one is in use is not known, and so not what it has.
func (u *updater) ranges() {
	names := u.opt.Names
	if len(names) == 0 {
		names = []string{"torch"}
	}
	said := make(map[string]bool)
	for _, f := range u.p.Files {
		for i := range f.Packages {
			p := &f.Packages[i]
			indexed := p.Source.Type == manifest.AnyIndex || p.Source.Type == manifest.OneIndex
			if !slices.Contains(names, p.Name) || said[p.Name] || len(u.pins[p.Name]) > 0 || p.Constraint || !indexed || slices.Contains(p.Groups, "build-system") {
				continue
			}
			said[p.Name] = true
			u.plan.Problems = append(u.plan.Problems, Problem{
				Package: p.Name, Incomplete: true,
				Text: fmt.Sprintf("%s:%d asks for a range, and no lock says which version is in use; andiron deps lock makes one", f.Path, p.Line),
			})
		}
	}
}

// lowest takes the lowest Python that requires-python allows.
func (u *updater) lowest(spec string) {
	if spec == "" {
		return
	}
	if v, err := pep440.Parse(spec); err == nil {
		u.python, u.pythons = v, true // --python 3.11
		return
	}
	list, err := pep440.ParseSpecifiers(spec)
	if err != nil {
		return
	}
	for _, s := range list {
		switch s.Op() {
		case ">=", "~=", "==":
			v, err := pep440.Parse(strings.TrimSuffix(s.Text(), ".*"))
			if err == nil && (!u.pythons || pep440.Compare(v, u.python) > 0) {
				u.python, u.pythons = v, true
			}
		}
	}
}

func (u *updater) wanted(name string) bool {
	if len(u.opt.Names) > 0 {
		return slices.Contains(u.opt.Names, name) || slices.Contains(u.opt.Names, "torch") && family.Member(name)
	}
	return family.Member(name)
}

func (u *updater) pin(f *manifest.File, p *manifest.Package) {
	if p.Version == "" || !u.wanted(p.Name) {
		return
	}
	switch p.Source.Type {
	case manifest.AnyIndex, manifest.OneIndex:
	case manifest.AtURL, manifest.VCS, manifest.Path, manifest.Editable, manifest.Virtual, manifest.Conda:
		return
	}
	v, err := pep440.Parse(p.Version)
	if err != nil {
		u.plan.Problems = append(u.plan.Problems, Problem{Package: p.Name, Version: p.Version, Text: "its version is none that PEP 440 knows"})
		return
	}
	b := pin{file: f, pkg: p, version: v, indexes: u.named.of(p.Name)}
	if p.Source.Type == manifest.OneIndex && p.Source.URL != "" {
		b.indexes = []string{place(p.Source.URL)}
	}
	u.pins[p.Name] = append(u.pins[p.Name], b)
}

// learn takes from a lock the index of a package that no file of the project binds.
func (u *updater) learn(p *manifest.Package) {
	if p.Source.Type != manifest.OneIndex || p.Source.URL == "" {
		return
	}
	for i := range u.pins[p.Name] {
		if b := &u.pins[p.Name][i]; len(b.indexes) == 0 {
			b.indexes = []string{place(p.Source.URL)}
		}
	}
}

// advisories are those of a version, each asked for once.
func (u *updater) advisories(name string, v pep440.Version) ([]Advisory, error) {
	key := name + " " + v.Public().String()
	if list, ok := u.asked[key]; ok {
		return list, nil
	}
	list, err := u.opt.Affected(name, v.Public().String())
	if err != nil {
		return nil, fmt.Errorf("advisories of %s %s: %w", name, v.Public(), err)
	}
	slices.SortFunc(list, func(a, b Advisory) int { return cmp.Compare(a.ID, b.ID) })
	u.asked[key] = list
	return list, nil
}

// without are the advisories of one list that the other does not have.
func without(list, other []Advisory) []Advisory {
	out := []Advisory{}
	for _, a := range list {
		if !slices.ContainsFunc(other, func(b Advisory) bool { return b.ID == a.ID }) {
			out = append(out, a)
		}
	}
	return out
}

// find decides on the steps: torch first, with what has to go with it, then every
// other package by itself.
func (u *updater) find(ctx context.Context) error {
	names := make([]string, 0, len(u.pins))
	for name := range u.pins {
		names = append(names, name)
	}
	slices.Sort(names)
	done := make(map[string]bool)
	if _, ok := u.pins["torch"]; ok {
		if err := u.train(ctx, names); err != nil {
			return err
		}
		for _, name := range names {
			done[name] = family.Member(name)
		}
	}
	for _, name := range names {
		if done[name] {
			continue
		}
		if err := u.alone(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// alone updates one package that goes with nothing.
func (u *updater) alone(ctx context.Context, name string) error {
	now := u.current(name)
	before, err := u.advisories(name, now)
	if err != nil || len(before) == 0 {
		return err
	}
	c, err := u.choices(ctx, name)
	if err != nil {
		return err
	}
	best, left := (*release)(nil), burdenOf(before)
	for i := range c.list {
		r := &c.list[i]
		if pep440.Compare(r.version, now) <= 0 {
			continue
		}
		after, err := u.advisories(name, r.version)
		if err != nil {
			return err
		}
		if !burdenOf(after).less(left) {
			continue
		}
		ok, err := u.acceptable(ctx, name, r)
		if err != nil {
			return err
		}
		if ok {
			best, left = r, burdenOf(after)
		}
		if left.none() {
			break
		}
	}
	if best == nil {
		u.open(name, before)
		return nil
	}
	return u.step(name, best, "")
}

// current is the lowest version that a package is bound to, without its local part.
func (u *updater) current(name string) pep440.Version {
	low := u.pins[name][0].version.Public()
	for _, b := range u.pins[name] {
		if v := b.version.Public(); pep440.Compare(v, low) < 0 {
			low = v
		}
	}
	return low
}

func (u *updater) open(name string, list []Advisory) {
	u.plan.Open = append(u.plan.Open, Step{
		Name: name, From: u.current(name).String(), Remains: list, Closes: []Advisory{}, Places: u.places(name),
		Reason: "no release that may be taken is better",
	})
}

func (u *updater) places(name string) (list []string) {
	for i := range u.pins[name] {
		list = append(list, u.pins[name][i].place())
	}
	return list
}

// step adds a package that changes.
func (u *updater) step(name string, r *release, reason string) error {
	before, err := u.advisories(name, u.current(name))
	if err != nil {
		return err
	}
	after, err := u.advisories(name, r.version)
	if err != nil {
		return err
	}
	s := Step{
		Name: name, From: u.current(name).String(), To: r.version.String(), Index: r.index, Upload: r.upload, Age: r.age,
		Closes: without(before, after), Remains: slices.Concat([]Advisory{}, after), Reason: reason, Places: u.places(name),
	}
	if reason == "" {
		s.Reason = fmt.Sprintf("it closes %d of %d advisories", len(s.Closes), len(before))
	}
	if was, now := family.Plain(s.From), family.Plain(s.To); name == "torch" && u.plain(name) && was != now && now != "" {
		s.Reason += fmt.Sprintf("; for Linux it is built for %s there, and %s was for %s", now, s.From, cmp.Or(was, "another"))
	}
	u.plan.Steps = append(u.plan.Steps, s)
	return nil
}

// plain reports a package that is bound without an accelerator, by its versions and by
// where it comes from: then that of its build changes with the release.
func (u *updater) plain(name string) bool {
	return !slices.ContainsFunc(u.pins[name], func(b pin) bool {
		return b.version.Local() != "" || slices.ContainsFunc(b.indexes, func(at string) bool { return family.Accelerator(at) != "" })
	})
}

// relock makes the lock of the changed project, and looks at what it became.
func (u *updater) relock(ctx context.Context, next *Project) error {
	opt := u.opt.Options
	for _, s := range u.plan.Steps {
		opt.Packages = append(opt.Packages, s.Name+"=="+s.To)
	}
	var err error
	if u.plan.Lock, err = Lock(ctx, next, opt); err != nil {
		return err
	}
	u.plan.Problems = append(u.plan.Problems, u.plan.Lock.Problems...)
	for _, s := range u.plan.Steps {
		for _, p := range u.plan.Lock.File.Packages {
			if v, err := pep440.Parse(p.Version); p.Name == s.Name && (err != nil || v.Public().String() != s.To) {
				u.plan.Problems = append(u.plan.Problems, Problem{Package: s.Name, Version: p.Version, Text: "the lock has not gone to " + s.To})
			}
		}
	}
	if string(u.plan.Lock.After) != string(u.p.before) {
		u.plan.Edits[u.p.Lock] = Edit{u.p.before, u.plan.Lock.After}
	}
	return nil
}

// with is the project with files changed.
func (p *Project) with(edits map[string]Edit) (*Project, error) {
	next := *p
	next.content = maps.Clone(p.content)
	next.Files = slices.Clone(p.Files)
	for name, e := range edits {
		next.content[name] = e.After
		for i, f := range next.Files {
			if f.Path != name {
				continue
			}
			changed, err := manifest.Read(f.Kind, name, e.After, manifest.Limits{})
			if err != nil {
				return nil, fmt.Errorf("relock: internal error: after the update: %w", err)
			}
			next.Files[i] = changed
		}
	}
	return &next, nil
}

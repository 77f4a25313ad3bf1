// Package trust is the room that holds models against what a project says of
// trust: the digests in andiron.lock and the sources in andiron.yaml. Where does a
// model lie, who can write there, is it what somebody vouched for, may it be of
// this format, size and age, who signed it?
//
// # Security
//
// The way to a file is walked part by part beneath the project's folder and through
// links, without ever leaving it. What could not be checked is an undetermined
// finding, so that nothing counts as trusted because it could not be looked at.
// With neither a lock nor sources nothing is trusted.
//
// # Limits
//
// A way goes through 40 links at most. The lock and the policy have their own limits.
//
// # Specification
//
// docs/spec/lock-v1.md and docs/spec/policy-v1.md.
package trust

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/source"
)

// Options say what a project trusts.
type Options struct {
	Root string         // the folder that lock and policy are about
	Name string         // what findings call it
	Lock *lockfile.File // nil: there is none
	// LockName and PolicyName are what findings call the files, and how to open
	// them; empty where there is none.
	LockName, PolicyName string

	Sources source.Policy
	Now     time.Time
	Verify  VerifyFunc // nil: signatures cannot be verified
	// Check reports every model that nothing says to be trusted, also where there is
	// neither lock nor sources.
	Check bool
}

// Room holds models against lock and policy. Any number of goroutines may.
type Room struct {
	opt    Options
	lock   *lockfile.Index
	root   *os.Root
	owners []uint32

	mu     sync.Mutex
	models int
	weak   map[string]string        // folders that others can write to, and why
	seen   map[*lockfile.Model]bool // locked models that were met
}

// New returns a room. Close ends it.
func New(opt Options) (*Room, error) {
	root, err := os.OpenRoot(opt.Root)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", opt.Root, osfile.Cause(err))
	}
	return &Room{
		opt: opt, lock: lockfile.NewIndex(opt.Lock), root: root, owners: ownersOf(root),
		weak: map[string]string{}, seen: map[*lockfile.Model]bool{},
	}, nil
}

// Close lets the folder go.
func (r *Room) Close() error { return r.root.Close() }

// Asked reports whether lock or policy say which models are trusted, or have to.
func (r *Room) Asked() bool { return r.opt.Lock != nil || r.opt.Sources.Named || r.opt.Check }

// Paths are the locked models that exist, so that a walk which would pass them over
// looks at them as well. They are beneath the root as it was named.
func (r *Room) Paths() (list []string) {
	if r.opt.Lock == nil {
		return nil
	}
	for _, m := range r.opt.Lock.Models {
		if !pattern.Literal(m.Path) {
			continue
		}
		if info, err := r.root.Stat(m.Path); err == nil && info.Mode().IsRegular() {
			list = append(list, filepath.Join(r.opt.Root, filepath.FromSlash(m.Path)))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Model is one model file that was looked at.
type Model struct {
	Name     string // what findings call it
	Path     string // on disk
	Size     int64
	Modified time.Time
	SHA256   string // empty where it could not be computed
	Format   string
	// Data says that it is no model and nothing that runs, so that nobody has to vouch for
	// it. Where the lock lists it, it is held against that all the same.
	Data bool
}

// Check holds one model against lock and policy and reports what it finds.
func (r *Room) Check(ctx context.Context, m Model, report func(finding.Finding)) {
	where := finding.Where{Path: m.Name}
	rel := Relative(r.opt.Root, m.Path)
	s := subject{path: rel, abs: absolute(m.Path), size: m.Size, digest: m.SHA256, format: m.Format, modified: m.Modified}
	if m.Data && !r.listed(s) {
		return
	}
	r.count()
	if !r.Asked() {
		return
	}
	if m.SHA256 == "" {
		report(unchecked.Undetermined(where, "its digest could not be computed"))
		return
	}
	way := walkPlace(r.root, rel, r.owners)
	s.real = way.real
	o := r.assess(ctx, s)
	o.problems = append(r.way(rel, way), o.problems...)
	for _, p := range o.problems {
		report(p.finding(where))
	}
	r.meet(s)
	if o.entry != nil && len(o.problems) == 0 {
		report(isLocked.Finding(where, "the lock lists this model, and it is unchanged",
			fmt.Sprintf("%s, added by %s at %s", o.entry.SHA256, o.entry.AddedBy, o.entry.AddedAt)))
	}
	if o.signer != "" {
		report(isSigned.Finding(where, fmt.Sprintf("the signature of %s on this model is valid", o.signer)))
	}
}

func (p problem) finding(where finding.Where) finding.Finding {
	f := p.rule.Finding(where, p.message, p.evidence...)
	if p.undetermined {
		f.Outcome = finding.Undetermined
	}
	return f
}

func absolute(p string) string {
	abs, err := filepath.Abs(p)
	if err != nil {
		return p
	}
	return abs
}

func (r *Room) count() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.models++
}

// listed reports whether the lock says something of the place of a file.
func (r *Room) listed(s subject) bool {
	literal, matched := r.lock.For(r.lockPath(s))
	return len(literal)+len(matched) > 0
}

// meet remembers which locked models were met.
func (r *Room) meet(s subject) {
	literal, matched := r.lock.For(r.lockPath(s))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range literal {
		r.seen[m] = true // another digest has been reported
	}
	for _, m := range matched {
		if m.SHA256 == s.digest {
			r.seen[m] = true
		}
	}
}

// way looks at the place of a file. Folders that others can write to are kept and
// reported once, whatever lies in them.
func (r *Room) way(rel string, p place) (list []problem) {
	switch {
	case rel == "":
		return []problem{{rule: linkOut, message: "it lies outside of the folder that lock and policy are about"}}
	case p.outside != nil:
		list = append(list, problem{rule: linkOut, message: "the way to it leads out of the project: " + p.outside.Error()})
	case p.err != nil:
		list = append(list, problem{rule: unchecked, message: "the way to it could not be looked at: " + p.err.Error(), undetermined: true})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range p.weak {
		if w.path == p.real && p.info != nil && !p.info.IsDir() && p.outside == nil && p.err == nil {
			list = append(list, problem{rule: writable, message: "others can exchange what is in it: " + w.why, evidence: through(rel, p.real)})
		} else {
			r.weak[w.path] = w.why
		}
	}
	return list
}

// through says where a link leads.
func through(rel, place string) []string {
	if rel == place {
		return nil
	}
	return []string{fmt.Sprintf("it is a link to %q", place)}
}

// Finish reports what only the whole project shows. whole says that all of it was
// looked at.
func (r *Room) Finish(whole bool, report func(finding.Finding)) {
	if !r.opt.Sources.Named && r.opt.Lock == nil {
		if r.models > 0 {
			report(noTrust.Finding(finding.Where{Path: r.opt.Name}, "there are models, and neither "+lockfile.FileName+" nor sources in andiron.yaml say which of them are trusted"))
		}
		return
	}
	r.own(report)
	for _, name := range sortedKeys(r.weak) {
		report(writable.Finding(finding.Where{Path: r.display(name)}, "others can exchange models here: "+r.weak[name]))
	}
	r.rules(report)
	if whole {
		r.missing(report)
	}
}

// own looks at the lock and the policy themselves.
func (r *Room) own(report func(finding.Finding)) {
	for _, w := range r.weakOwn() {
		report(writable.Finding(finding.Where{Path: w.path}, "others can change what is trusted: "+w.why))
	}
}

func (r *Room) weakOwn() (list []weakness) {
	for _, name := range []string{r.opt.LockName, r.opt.PolicyName} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			continue // it was read a moment ago; nothing is trusted because it is gone
		}
		if why := weak(info, r.owners); why != "" {
			list = append(list, weakness{filepath.ToSlash(filepath.Clean(name)), why})
		}
	}
	return list
}

func (r *Room) rules(report func(finding.Finding)) {
	if !r.opt.Sources.Named {
		return
	}
	where := finding.Where{Path: filepath.ToSlash(r.opt.PolicyName)}
	n := 0
	for _, s := range r.opt.Sources.Rules {
		if s.ReviewBy.Over(r.opt.Now) {
			report(pastReview.Finding(where.Line1(s.Line, 0), fmt.Sprintf("the rule %q was to be reviewed by %s and no longer counts", &s, s.ReviewBy), owner(s.Owner)...))
			continue
		}
		n++
	}
	report(hasSources.Finding(where, fmt.Sprintf("%d of %d rules under sources count, and what none allows is denied", n, len(r.opt.Sources.Rules))))
}

func owner(name string) []string {
	if name == "" {
		return nil
	}
	return []string{"owner: " + name}
}

// missing reports the locked models that were not met. One under an address lies in
// a cache elsewhere.
func (r *Room) missing(report func(finding.Finding)) {
	if r.opt.Lock == nil {
		return
	}
	for i := range r.opt.Lock.Models {
		m := &r.opt.Lock.Models[i]
		if r.seen[m] || m.Source != "" && "https://"+m.Path == m.Source {
			continue
		}
		where := finding.Where{Path: filepath.ToSlash(r.opt.LockName)}.Line1(m.Line, 0)
		if !pattern.Literal(m.Path) {
			report(missing.Finding(where, fmt.Sprintf("nothing that matches %q has the digest %s", m.Path, m.SHA256)))
		} else if _, err := r.root.Stat(m.Path); err == nil {
			report(unchecked.Undetermined(finding.Where{Path: r.display(m.Path)}, "the lock lists it, and it was not looked at"))
		} else {
			report(missing.Finding(where, fmt.Sprintf("%q is locked and cannot be found: %v", m.Path, osfile.Cause(err))))
		}
	}
}

// display is what findings call a path beneath the root.
func (r *Room) display(rel string) string { return path.Join(filepath.ToSlash(r.opt.Name), rel) }

func sortedKeys(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}

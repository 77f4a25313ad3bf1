package relock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// release is a version that may be taken, without its local part.
type release struct {
	version pep440.Version
	index   string
	files   []pyindex.File
	upload  string
	age     string
	pin     *pin
	twins   []release // the same version, for the other pins of the package

	judged, good bool
}

// choices are the releases of a package that may be taken, the lowest first.
type choices struct{ list []release }

// maxChoices is how many releases are looked at closely.
const maxChoices = 200

// choices asks the indexes for the releases that suit every pin of a package.
func (u *updater) choices(ctx context.Context, name string) (*choices, error) {
	if c, ok := u.seen[name]; ok {
		return c, nil
	}
	c := new(choices)
	for i := range u.pins[name] {
		list, err := u.suits(ctx, name, &u.pins[name][i])
		if err != nil {
			return nil, err
		}
		if i == 0 {
			c.list = list
			continue
		}
		c.list = slices.DeleteFunc(c.list, func(r release) bool { return releaseOf(list, r.version) == nil })
		for j := range c.list {
			c.list[j].twins = append(c.list[j].twins, *releaseOf(list, c.list[j].version))
		}
	}
	if len(c.list) > maxChoices {
		c.list = c.list[:maxChoices]
	}
	u.seen[name] = c
	return c, nil
}

func releaseOf(list []release, v pep440.Version) *release {
	i := slices.IndexFunc(list, func(r release) bool { return pep440.Compare(r.version, v) == 0 })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func (u *updater) reject(name string, v pep440.Version, format string, args ...any) {
	r := Rejected{name, v.String(), fmt.Sprintf(format, args...)}
	if !slices.Contains(u.plan.Rejected, r) {
		u.plan.Rejected = append(u.plan.Rejected, r)
	}
}

// ErrNoIndex says that nothing tells where a package comes from.
var ErrNoIndex = errors.New("no file of the project names an index")

// suits are the releases from the version of a pin on that may take its place.
func (u *updater) suits(ctx context.Context, name string, b *pin) ([]release, error) {
	if len(b.indexes) == 0 && u.opt.Index != "" {
		b.indexes = []string{place(u.opt.Index)}
	}
	if len(b.indexes) == 0 {
		return nil, fmt.Errorf("%s: %w that %s comes from", b.place(), ErrNoIndex, name)
	}
	found := make(map[string]*release)
	for _, index := range b.indexes {
		page, err := u.pages.Of(ctx, index, name)
		if err != nil {
			return nil, err
		}
		if page == nil {
			continue
		}
		if page.Status == "quarantined" {
			u.reject(name, b.version.Public(), "the index %q has the project in quarantine: %s", index, page.Reason)
			return nil, nil
		}
		u.group(name, b, index, page, found)
	}
	var list []release
	for _, r := range found {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(x, y release) int { return pep440.Compare(x.version, y.version) })
	return list, nil
}

// group collects the files of each release on one index.
func (u *updater) group(name string, b *pin, index string, page *pyindex.Page, found map[string]*release) {
	for _, f := range page.Files {
		n, err := pyindex.ParseName(f.Name, name)
		if err != nil {
			continue // not something that an installer takes
		}
		v, err := pep440.Parse(n.Version)
		if err != nil || pep440.Compare(v.Public(), b.version.Public()) < 0 || !sameBuild(b, v, index) {
			continue
		}
		key := v.Public().String()
		r := found[key]
		if r == nil {
			r = &release{version: v.Public(), index: index, pin: b}
			found[key] = r
		}
		if r.index == index { // the first index that has it, as uv goes
			r.files = append(r.files, f)
		}
	}
}

// sameBuild reports whether a version is built for the accelerator of a pin: that
// which its local part names, or else that of its index.
func sameBuild(b *pin, v pep440.Version, index string) bool {
	if local := b.version.Local(); local != "" {
		return v.Local() == local
	}
	return v.Local() == "" || family.Accelerator(v.Local()) == family.Accelerator(index)
}

// acceptable judges a release, once, for every pin of its package.
func (u *updater) acceptable(ctx context.Context, name string, r *release) (bool, error) {
	if r.judged {
		return r.good, nil
	}
	r.judged = true
	ok, err := u.judge(ctx, name, r)
	for i := range r.twins {
		if ok && err == nil {
			ok, err = u.judge(ctx, name, &r.twins[i])
		}
	}
	r.good = ok && err == nil
	return r.good, err
}

// judge judges a release for one pin. The one in use is not judged.
func (u *updater) judge(ctx context.Context, name string, r *release) (bool, error) {
	if pep440.Compare(r.version, r.pin.version.Public()) == 0 {
		return true, nil
	}
	if r.version.Pre() {
		return false, nil // said of no release that one would take
	}
	if i := slices.IndexFunc(r.files, func(f pyindex.File) bool { return f.Yanked }); i >= 0 {
		u.reject(name, r.version, "it is yanked: %.120q", r.files[i].YankedReason)
		return false, nil
	}
	if !u.forPython(name, r) {
		u.reject(name, r.version, "it has no file for Python %s", u.python)
		return false, nil
	}
	return u.cooled(ctx, name, r)
}

// forPython reports whether a release has a file that the lowest Python of the project
// can take.
func (u *updater) forPython(name string, r *release) bool {
	if !u.pythons {
		return true
	}
	return slices.ContainsFunc(r.files, func(f pyindex.File) bool {
		if f.RequiresPython != "" {
			s, err := pep440.ParseSpecifiers(f.RequiresPython)
			if err != nil || !s.Contains(u.python, true) {
				return false
			}
		}
		n, err := pyindex.ParseName(f.Name, name)
		return err == nil && (!n.Wheel || u.takes(&n))
	})
}

// takes reports whether a wheel is for the Python of the project, by its tags: its own
// one, an older one with the stable interface, or any.
func (u *updater) takes(n *pyindex.Name) bool {
	minor := u.python.Minor()
	for _, tag := range n.Python {
		rest, ok := strings.CutPrefix(tag, "cp3")
		if !ok {
			if rest, ok = strings.CutPrefix(tag, "py3"); ok && (rest == "" || atMost(rest, minor)) {
				return true
			}
			continue
		}
		if strconv.FormatInt(minor, 10) == rest || slices.Contains(n.ABI, "abi3") && atMost(rest, minor) {
			return true
		}
	}
	return false
}

func atMost(digits string, minor int64) bool {
	n, err := strconv.ParseInt(digits, 10, 32)
	return err == nil && n <= minor
}

// cooled wants a release to have been there for a while.
func (u *updater) cooled(ctx context.Context, name string, r *release) (bool, error) {
	at, how, err := u.uploaded(ctx, name, r)
	if err != nil {
		return false, err
	}
	if at.IsZero() {
		if u.opt.WithoutAgeUnsafe || u.opt.Cooldown == 0 {
			r.age = "not known"
			return true, nil
		}
		u.reject(name, r.version, "its index does not say when it was uploaded")
		return false, nil
	}
	r.upload, r.age = at.UTC().Format(time.RFC3339), how
	if left := at.Add(u.opt.Cooldown).Sub(u.opt.Now); left > 0 {
		u.reject(name, r.version, "it was uploaded on %s and cools until %s", at.UTC().Format(time.DateOnly), at.Add(u.opt.Cooldown).UTC().Format(time.DateOnly))
		return false, nil
	}
	return true, nil
}

// uploaded is when the last file of a release came: as its index says, or as another
// index of the project says of the same release, or not later than the server says
// that the file changed last.
func (u *updater) uploaded(ctx context.Context, name string, r *release) (at time.Time, how string, err error) {
	if at := latest(r.files); !at.IsZero() {
		return at, "the index says so", nil
	}
	for _, index := range u.named.open {
		page, err := u.pages.Of(ctx, index, name)
		if err != nil || page == nil {
			continue // another index is only a help
		}
		var files []pyindex.File
		for _, f := range page.Files {
			if n, err := pyindex.ParseName(f.Name, name); err == nil && sameVersion(n.Version, r.version.String()) {
				files = append(files, f)
			}
		}
		if at := latest(files); !at.IsZero() {
			return at, fmt.Sprintf("%q says so of the same release", index), nil
		}
	}
	res, err := u.opt.Fetch.Head(ctx, fetch.Request{URL: r.files[0].URL, Base: u.pages.base(r.index)})
	if ctx.Err() != nil {
		return time.Time{}, "", ctx.Err()
	}
	if err != nil || res.Modified().IsZero() {
		return time.Time{}, "", nil //nolint:nilerr // then the time is not known
	}
	return res.Modified(), "its file has not changed since", nil
}

// latest is the time of the last upload, or zero if one of the files has none.
func latest(files []pyindex.File) (at time.Time) {
	for _, f := range files {
		t, err := time.Parse(time.RFC3339, f.Upload)
		if err != nil {
			return time.Time{}
		}
		if t.After(at) {
			at = t
		}
	}
	return at
}

// requires are the requirements of a release, from the METADATA beside one of its
// files; known is false where there is none.
func (u *updater) requires(ctx context.Context, r *release) (list []pep508.Requirement, known bool, err error) {
	at := slices.IndexFunc(r.files, func(f pyindex.File) bool { return f.Metadata })
	if at < 0 {
		return nil, false, nil
	}
	f := &r.files[at]
	b, res, err := u.opt.Fetch.Get(ctx, fetch.Request{URL: f.URL + ".metadata", Base: u.pages.base(r.index), MaxBytes: maxMetadata})
	if fetch.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if want := f.MetadataSHA256(); want != "" && want != res.SHA256 {
		return nil, false, fmt.Errorf("%q: it has the digest %s and its index advertises %s", res.URL, res.SHA256, want)
	}
	for _, text := range headers(b, "Requires-Dist") {
		q, err := pep508.Parse(text)
		if err != nil {
			return nil, false, fmt.Errorf("%q: %w", res.URL, err)
		}
		list = append(list, q)
	}
	return list, true, nil
}

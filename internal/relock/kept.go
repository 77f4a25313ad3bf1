package relock

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// kept holds the files that a tool took over from the lock as it was against their
// index: the tool asks no index about them, so that whoever changed an address or a
// digest in the lock would be believed.
func (v *verifier) kept(ctx context.Context, f *manifest.File) error {
	if v.p.before == nil || v.p.Form == manifest.Requirements {
		return nil // requirements are held against their index in any case
	}
	old, err := manifest.Read(v.p.Form, v.p.Lock, v.p.before, manifest.Limits{})
	if err != nil {
		return nil //nolint:nilerr // the tool has made it anew
	}
	was := make(map[string]bool)
	for i := range old.Packages {
		for _, a := range old.Packages[i].Wheels {
			was[keptKey(&old.Packages[i], a)] = true
		}
	}
	mute := make(map[string]bool) // indexes that do not answer
	for i := range f.Packages {
		p := &f.Packages[i]
		index := place(p.Source.URL)
		same := func(a manifest.Artifact) bool { return was[keptKey(p, a)] }
		if p.Source.Type != manifest.OneIndex || index == "" || mute[index] || !slices.ContainsFunc(p.Wheels, same) {
			continue
		}
		page, err := v.pages.Of(ctx, index, p.Name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			mute[index] = true
			v.unseen(p, "", "it and what else is as it was in the lock cannot be held against the index: %s", reached(err))
		case page == nil:
			v.problem(p, "", "the index %q does not have it", index)
		default:
			for _, a := range p.Wheels {
				if same(a) {
					v.listed(p, a, page)
				}
			}
		}
	}
	return nil
}

func keptKey(p *manifest.Package, a manifest.Artifact) string {
	return p.Name + "\x00" + p.Version + "\x00" + a.File + "\x00" + a.URL + "\x00" + a.Hash.Digest
}

// listed holds a file of a lock against what the index says of it.
func (v *verifier) listed(p *manifest.Package, a manifest.Artifact, page *pyindex.Page) {
	f := fileOn(page, a.File)
	switch {
	case f == nil:
		v.problem(p, a.File, "the index does not list it")
	case a.URL != "" && plainly(a.URL) != plainly(f.URL):
		v.problem(p, a.File, "the lock has it at %q and the index at %q", a.URL, f.URL)
	case a.Hash.Digest != "" && f.SHA256() != "" && a.Hash.Algorithm == "sha256" && a.Hash.Digest != f.SHA256():
		v.problem(p, a.File, "the lock has the digest %s and the index gives %s", a.Hash.Digest, f.SHA256())
	}
}

// plainly is an address without credentials and in one form of escapes.
func plainly(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	return u.Scheme + "://" + u.Host + cmp.Or(u.Path, "/")
}

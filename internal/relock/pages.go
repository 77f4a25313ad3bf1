package relock

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep508"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// Pages are those of the indexes that files name, each got once.
type Pages struct {
	client *fetch.Client
	users  map[string]*url.Userinfo // of an index, by its address
	got    map[string]*pyindex.Page // nil where the index does not have the project
}

// NewPages asks with the credentials that the environment has for the indexes of files.
func NewPages(files []*manifest.File, client *fetch.Client, getenv func(string) string) *Pages {
	g := &Pages{client: client, users: make(map[string]*url.Userinfo), got: make(map[string]*pyindex.Page)}
	for _, f := range files {
		for _, i := range f.Indexes {
			if user, password, ok := credentialNames(i); ok && getenv(user) != "" {
				g.users[place(i.URL)] = url.UserPassword(getenv(user), getenv(password))
			}
		}
	}
	return g
}

// reached says why an index could not be, and what lets it be asked.
func reached(err error) string {
	if fetch.IsPrivate(err) {
		return err.Error() + "; --private-host lets it be asked"
	}
	return err.Error()
}

// place is the address of an index in one form.
func place(index string) string { return strings.TrimRight(index, "/") }

// base is the address of an index with the credentials for it.
func (g *Pages) base(index string) string {
	u, err := url.Parse(place(index) + "/")
	if err != nil {
		return index
	}
	u.User = g.users[place(index)]
	return u.String()
}

// Of returns the page that an index has of a project, or nil if it has none.
func (g *Pages) Of(ctx context.Context, index, name string) (*pyindex.Page, error) {
	at := place(index) + "/" + pep508.Normalize(name) + "/"
	if page, ok := g.got[at]; ok {
		return page, nil
	}
	b, res, err := g.client.Get(ctx, fetch.Request{URL: at, Base: g.base(index), Accept: pyindex.Accept, MaxBytes: 64 << 20})
	if fetch.IsNotFound(err) {
		g.got[at] = nil
		return nil, nil //nolint:nilnil // said above
	}
	if err != nil {
		return nil, err
	}
	page, err := pyindex.Read(res.ContentType, b, res.URL, pyindex.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", at, err)
	}
	g.got[at] = page
	return page, nil
}

// indexes are those that a project's files name. A package that is bound to one comes
// from there alone.
type indexes struct {
	open  []string            // any package may come from these
	bound map[string][]string // by the name of a package
	// primary says that one of them takes the place of the tool's own.
	primary bool
}

func indexesOf(files []*manifest.File) indexes {
	x := indexes{bound: make(map[string][]string)}
	for _, f := range files {
		for _, i := range f.Indexes {
			switch i.Role {
			case manifest.Primary, manifest.Extra:
				x.primary = x.primary || i.Role == manifest.Primary
				if !i.Explicit && i.URL != "" {
					x.open = addOnce(x.open, place(i.URL))
				}
			case manifest.NoIndex:
				x.primary = true
			case manifest.FindLinks, manifest.Channel, manifest.BestMatch, manifest.Trusted:
			}
		}
		for _, p := range f.Packages {
			if p.Source.Type == manifest.OneIndex && p.Source.URL != "" {
				x.bound[p.Name] = addOnce(x.bound[p.Name], place(p.Source.URL))
			}
		}
	}
	return x
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// of are the indexes that a package may come from; none if no file names one.
func (x indexes) of(name string) []string {
	if list, ok := x.bound[name]; ok {
		return list
	}
	return x.open
}

package relock

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// verifier holds a lock against the project's files and the indexes they name.
type verifier struct {
	opt   Options
	p     *Project
	r     *Result
	pages *Pages
	dir   string // scratch, for files whose digest is computed
	left  int64  // bytes that may still be downloaded

	named    indexes
	fallback string           // the index that no file names: the tool's own
	known    map[string]Vouch // what an earlier record has, by address
	fills    []fill           // digests that the lock lacks
}

func (v *verifier) problem(p *manifest.Package, file, format string, args ...any) {
	v.r.Problems = append(v.r.Problems, Problem{Package: p.Name, Version: p.Version, File: file, Text: fmt.Sprintf(format, args...)})
}

// unseen is a problem of what could not be looked at.
func (v *verifier) unseen(p *manifest.Package, file, format string, args ...any) {
	v.problem(p, file, format, args...)
	v.r.Problems[len(v.r.Problems)-1].Incomplete = true
}

func (v *verifier) verify(ctx context.Context) error {
	f, err := v.read()
	if err != nil {
		return err
	}
	v.named = indexesOf(v.p.Files)
	v.known = v.p.earlier()
	for i := range f.Packages {
		p := &f.Packages[i]
		if p.Constraint {
			continue
		}
		v.r.Packages++
		v.source(p)
		v.pinned(p)
	}
	v.some(f)
	v.coherent(f)
	for i := range f.Packages {
		if err := v.digests(ctx, &f.Packages[i]); err != nil {
			return err
		}
	}
	if err := v.kept(ctx, f); err != nil {
		return err
	}
	if len(v.fills) == 0 || !v.r.Good() {
		return nil
	}
	return v.fillIn()
}

// some wants a lock of something where the project asks for something: a tool that
// does not know the tables of another one makes an empty one of them.
func (v *verifier) some(f *manifest.File) {
	published := func(p manifest.Package) bool {
		return !p.Constraint && p.Source.Type != manifest.Virtual && p.Source.Type != manifest.Editable && p.Source.Type != manifest.Path
	}
	always := func(p manifest.Package) bool {
		return published(p) && p.Marker == "" && len(p.Groups) == 0 && p.Name != ""
	}
	if slices.ContainsFunc(f.Packages, published) {
		return
	}
	for _, asked := range v.p.Files {
		if i := slices.IndexFunc(asked.Packages, always); i >= 0 {
			p := &asked.Packages[i]
			v.problem(p, "", "%q asks for it, and %s made a lock without any package", asked.Path, v.r.Tool)
			return
		}
	}
}

// read reads the lock as it is.
func (v *verifier) read() (*manifest.File, error) {
	f, err := manifest.Read(v.p.Form, v.p.Lock, v.r.After, manifest.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the lock that %s wrote: %w", v.r.Tool, err)
	}
	v.r.File = f
	for _, p := range f.Problems {
		v.r.Problems = append(v.r.Problems, Problem{File: v.p.Lock, Text: fmt.Sprintf("line %d: %s", p.Line, p.Text), Incomplete: true})
	}
	if v.p.Form == manifest.Requirements {
		annotated(f, string(v.r.After))
	}
	return f, nil
}

// annotated takes the index of each package from the comment that uv leaves below it.
func annotated(f *manifest.File, text string) {
	at := make(map[int]string)
	last := 0
	n := 0
	for line := range strings.Lines(text) {
		n++
		trimmed := strings.TrimSpace(line)
		if from, ok := strings.CutPrefix(trimmed, "# from "); ok && last > 0 {
			at[last] = strings.TrimSpace(from)
		} else if trimmed != "" && line[0] != ' ' && line[0] != '\t' && line[0] != '#' && line[0] != '-' {
			last = n
		}
	}
	for i := range f.Packages {
		p := &f.Packages[i]
		if from := at[p.Line]; from != "" && p.Source.Type == manifest.AnyIndex {
			p.Source = manifest.Source{Type: manifest.OneIndex, URL: from}
		}
	}
}

// source holds where a package comes from against where it may come from.
func (v *verifier) source(p *manifest.Package) {
	switch p.Source.Type {
	case manifest.OneIndex:
		v.index(p)
	case manifest.AtURL, manifest.VCS:
		if !v.asked(p) {
			v.problem(p, "", "it comes from %q, which no file of the project names", p.Source.URL)
		}
		if p.Source.Type == manifest.VCS && p.Source.Commit == "" {
			v.problem(p, "", "%q is not bound to a commit", p.Source.URL)
		}
	case manifest.Conda:
		v.unseen(p, "", "packages of conda are not verified")
	case manifest.AnyIndex, manifest.Path, manifest.Editable, manifest.Virtual:
		// An index that the lock does not say is found by its page; files of the project
		// are its own.
	}
}

func (v *verifier) index(p *manifest.Package) {
	from := place(p.Source.URL)
	may := v.named.of(p.Name)
	switch _, bound := v.named.bound[p.Name]; {
	case slices.Contains(may, from):
	case bound:
		v.problem(p, "", "it is bound to %q and comes from %q", may[0], from)
	case v.named.primary || v.fallback != "" && v.fallback != from:
		v.problem(p, "", "it comes from %q, which no file of the project names", from)
	default:
		v.fallback = from
	}
}

// asked reports whether a file of the project names an address or a repository.
func (v *verifier) asked(p *manifest.Package) bool {
	for _, f := range v.p.Files {
		for _, q := range f.Packages {
			if q.Source.Type == p.Source.Type && bare(q.Source.URL) == bare(p.Source.URL) {
				return true
			}
		}
	}
	return false
}

// bare is an address without what comes and goes between a manifest and a lock.
func bare(s string) string {
	s, _, _ = strings.Cut(s, "#")
	return strings.TrimSuffix(strings.TrimPrefix(s, "git+"), "/")
}

// pinned wants one version of everything that is not the project itself.
func (v *verifier) pinned(p *manifest.Package) {
	switch p.Source.Type {
	case manifest.OneIndex, manifest.AnyIndex:
		if p.Version == "" {
			v.problem(p, "", "the lock does not say one version of it")
		}
	case manifest.AtURL, manifest.VCS, manifest.Path, manifest.Editable, manifest.Virtual, manifest.Conda:
	}
}

// coherent wants one release train and one accelerator of torch's family.
func (v *verifier) coherent(f *manifest.File) {
	var list []family.Package
	for _, p := range f.Packages {
		list = append(list, family.Package{
			Name: p.Name, Version: p.Version, Index: p.Source.URL, Path: v.p.Lock, Line: p.Line,
			Plain: p.Source.Type == manifest.OneIndex && family.Accelerator(p.Source.URL) == "",
			When:  p.Marker + " " + strings.Join(p.Groups, " "),
		})
	}
	for _, problem := range family.Coherent(list) {
		if problem.Kind == family.Unknown {
			v.r.Notes = append(v.r.Notes, problem.Text)
			continue
		}
		one := Problem{Text: problem.Text}
		if len(problem.Packages) > 0 {
			one.Package, one.Version = problem.Packages[0].Name, problem.Packages[0].Version
		}
		v.r.Problems = append(v.r.Problems, one)
	}
}

// digests wants a digest of each file of a package.
func (v *verifier) digests(ctx context.Context, p *manifest.Package) error {
	switch p.Source.Type {
	case manifest.OneIndex, manifest.AnyIndex, manifest.AtURL:
	case manifest.VCS, manifest.Path, manifest.Editable, manifest.Virtual, manifest.Conda:
		return nil // a commit is a digest, and the project is not pinned by itself
	}
	if p.Constraint || p.Version == "" && p.Source.Type != manifest.AtURL {
		return nil
	}
	if v.p.Form == manifest.Requirements {
		return v.byPage(ctx, p)
	}
	if len(p.Wheels) == 0 && len(p.Hashes) == 0 {
		v.problem(p, "", "the lock lists no file of it")
	}
	if v.p.Form == manifest.PyLock && p.Source.Type == manifest.AnyIndex {
		if err := v.locate(ctx, p); err != nil {
			return err
		}
	}
	for _, a := range p.Wheels {
		if err := v.artifact(ctx, p, a); err != nil {
			return err
		}
	}
	return nil
}

// locate finds the index that the files of a package come from, where the lock does
// not say it: the one that lists the first of them at its address.
func (v *verifier) locate(ctx context.Context, p *manifest.Package) error {
	may := v.named.of(p.Name)
	if len(may) == 0 || len(p.Wheels) == 0 {
		if v.named.primary || len(v.named.open) > 0 {
			v.problem(p, "", "no index that it may come from is named")
			return nil
		}
		v.r.Notes = append(v.r.Notes, fmt.Sprintf("%s %s: no file of the project names an index, so it is not known whether it comes from the right one", p.Name, p.Version))
		return nil
	}
	pages, ok, err := v.askAll(ctx, p, may)
	if err != nil || !ok {
		return err
	}
	for i, page := range pages {
		if f := fileOn(page, p.Wheels[0].File); f != nil && f.URL == p.Wheels[0].URL {
			p.Source = manifest.Source{Type: manifest.OneIndex, URL: may[i]}
			return nil
		}
	}
	v.problem(p, p.Wheels[0].File, "none of %q lists this file", may)
	return nil
}

// askAll gets the page that each index has of a package, an empty one where it has
// none. Not ok is that one could not be asked, which is a problem by then.
func (v *verifier) askAll(ctx context.Context, p *manifest.Package, may []string) (pages []*pyindex.Page, ok bool, err error) {
	for _, index := range may {
		page, err := v.pages.Of(ctx, index, p.Name)
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if err != nil {
			v.unseen(p, "", "the index cannot be asked: %s", reached(err))
			return nil, false, nil
		}
		if page == nil {
			page = &pyindex.Page{}
		}
		pages = append(pages, page)
	}
	return pages, true, nil
}

// artifact wants a digest of a file that the lock lists.
func (v *verifier) artifact(ctx context.Context, p *manifest.Package, a manifest.Artifact) error {
	have := a.Hash.Digest
	if have != "" && a.Hash.Algorithm != "sha256" {
		v.problem(p, a.File, "its only digest is of %s", a.Hash.Algorithm)
		return nil
	}
	if have != "" && !v.again(a.File) {
		v.keep(a.URL, have)
		return nil
	}
	var listed *pyindex.File
	if p.Source.Type == manifest.OneIndex && p.Source.URL != "" {
		page, err := v.page(ctx, p, place(p.Source.URL))
		if err != nil || page == nil {
			return err
		}
		if listed = fileOn(page, a.File); listed != nil && a.URL == "" {
			a.URL = listed.URL // poetry.lock has names alone
		}
	}
	if !strings.HasPrefix(a.URL, "https://") && !strings.HasPrefix(a.URL, "http://") {
		v.problem(p, a.File, "it has no address to compute a digest from")
		return nil
	}
	w, err := v.compute(ctx, p, a.File, a.URL, listed)
	if err != nil || w.SHA256 == "" {
		return err
	}
	if have != "" && have != w.SHA256 {
		v.problem(p, a.File, "the lock has the digest %s and the file at %q has %s", have, w.URL, w.SHA256)
		return nil
	}
	if have == "" {
		v.fills = append(v.fills, fill{line: p.Line, url: a.URL, sum: w.SHA256})
	}
	return nil
}

// page gets a page; that it cannot be had is a problem of the package.
func (v *verifier) page(ctx context.Context, p *manifest.Package, index string) (*pyindex.Page, error) {
	page, err := v.pages.Of(ctx, index, p.Name)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		v.unseen(p, "", "the index cannot be asked: %s", reached(err))
		return nil, nil //nolint:nilnil // a problem stands for it
	case page == nil:
		v.problem(p, "", "the index %q does not have it", index)
	}
	return page, nil
}

func fileOn(page *pyindex.Page, name string) *pyindex.File {
	for i := range page.Files {
		if page.Files[i].Name == name {
			return &page.Files[i]
		}
	}
	return nil
}

// byPage is for locks that have digests and no files: the files are those that the
// index lists of the version.
func (v *verifier) byPage(ctx context.Context, p *manifest.Package) error {
	may := v.named.of(p.Name)
	if p.Source.Type == manifest.OneIndex {
		may = []string{place(p.Source.URL)}
	}
	if len(may) == 0 || p.Source.Type == manifest.AtURL {
		if !hasSHA256(p) {
			v.problem(p, "", "it has no digest, and no file of the project names an index to look for one")
		}
		v.r.ByTool += len(p.Hashes)
		return nil
	}
	pages, ok, err := v.askAll(ctx, p, may)
	if err != nil || !ok {
		return err
	}
	sums := make(map[string]bool)
	found := false
	for _, page := range pages {
		files := filesOf(page, p)
		if len(files) == 0 || found && !v.mixes(p, files) {
			continue
		}
		found = true
		if err := v.sums(ctx, p, files, sums); err != nil {
			return err
		}
	}
	if !found {
		v.problem(p, "", "none of %q lists this version", may)
		return nil
	}
	v.compareSums(p, sums)
	return nil
}

// mixes reports whether files of a further index explain a digest of the lock: then it
// is from both.
func (v *verifier) mixes(p *manifest.Package, files []pyindex.File) bool {
	return slices.ContainsFunc(files, func(f pyindex.File) bool {
		return slices.ContainsFunc(p.Hashes, func(h manifest.Hash) bool { return h.Digest == f.SHA256() })
	})
}

func hasSHA256(p *manifest.Package) bool {
	return slices.ContainsFunc(p.Hashes, func(h manifest.Hash) bool { return h.Algorithm == "sha256" })
}

// filesOf are the files of the version that a lock has.
func filesOf(page *pyindex.Page, p *manifest.Package) (list []pyindex.File) {
	for _, f := range page.Files {
		if n, err := pyindex.ParseName(f.Name, p.Name); err == nil && sameVersion(n.Version, p.Version) {
			list = append(list, f)
		}
	}
	return list
}

// sums collects the digests of files: those that the index has, and where it has none
// those that are computed.
func (v *verifier) sums(ctx context.Context, p *manifest.Package, files []pyindex.File, sums map[string]bool) error {
	for i := range files {
		f := &files[i]
		if sum := f.SHA256(); sum != "" && !v.again(f.Name) {
			sums[sum] = true
			continue
		}
		w, err := v.compute(ctx, p, f.Name, f.URL, f)
		if err != nil {
			return err
		}
		if w.SHA256 != "" {
			sums[w.SHA256] = true
		}
	}
	return nil
}

// compareSums holds the digests of a lock against those of the files, and notes those
// that it lacks although the index has none of them.
func (v *verifier) compareSums(p *manifest.Package, sums map[string]bool) {
	for _, h := range p.Hashes {
		if h.Algorithm == "sha256" && !sums[h.Digest] {
			v.problem(p, "", "the lock has the digest %s, which no file of this version has", h.Digest)
		}
		if !v.computed(h.Digest) {
			v.r.ByTool++
		}
	}
	var lack []string
	for sum := range sums {
		if !slices.ContainsFunc(p.Hashes, func(h manifest.Hash) bool { return h.Digest == sum }) && v.computed(sum) {
			lack = append(lack, sum)
		}
	}
	slices.Sort(lack)
	for _, sum := range lack {
		v.fills = append(v.fills, fill{line: p.Line, sum: sum})
	}
	if len(lack) == 0 && !hasSHA256(p) {
		v.problem(p, "", "it has no digest")
	}
}

func (v *verifier) computed(sum string) bool {
	return slices.ContainsFunc(v.r.Vouched, func(w Vouch) bool { return w.SHA256 == sum })
}

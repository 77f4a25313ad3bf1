package deps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/osfile"
)

// Project is what the files of a project say, before anything is judged.
type Project struct {
	Root   string   // as the user named it
	Sets   []*Set   // by path of their first file
	Inputs []Input  // every file that was read, by path
	Unread []Unread // what could not be read, by path and line
	Passed []string // environments and links to folders that the walk passed by

	seen  []Seen
	cares []care
}

// care is a place that has the dependencies looked after.
type care struct {
	path string
	manifest.Automation
}

// Set is what is installed together: a file, and the files that it names.
type Set struct {
	*manifest.File

	Named []*manifest.File // by -r and -c, also indirectly

	stage int                 // of a container file; 0 of others
	needs map[string][]string // who needs a package, by its name; made when it is first asked for
	made  *manifest.File      // what it is the lock of, or itself; looked for when it is first asked for
}

// neededBy are the packages of a lock that need another one directly.
func (s *Set) neededBy(name string) []string {
	if s.needs == nil {
		s.needs = map[string][]string{}
		for _, f := range s.files() {
			for i := range f.Packages {
				for _, r := range f.Packages[i].Requires {
					if r != f.Packages[i].Name {
						s.needs[r] = append(s.needs[r], f.Packages[i].Name)
					}
				}
			}
		}
		for r, list := range s.needs {
			slices.Sort(list)
			list = slices.Compact(list)
			if n := len(list) - 8; n > 0 {
				list = append(list[:8:8], fmt.Sprintf("and %d more", n))
			}
			s.needs[r] = list
		}
	}
	return s.needs[name]
}

// Input is a file that was read.
type Input struct{ Path, SHA256 string }

// Unread is something that could not be read.
type Unread struct {
	Path string
	Line int
	Text string
}

const (
	mostFiles  = 10_000
	mostBytes  = 64 << 20
	mostCare   = 1 << 20
	mostLevels = 32
	headLen    = 4 << 10
)

// Collect reads what the paths hold: files, folders that are walked, and
// environments with installed packages. What a file names is read beneath root.
func Collect(ctx context.Context, root string, paths []string) (*Project, error) {
	c := &collector{
		ctx: ctx, root: root, files: map[string]*manifest.File{}, named: map[string]bool{}, links: map[string][]link{},
		project: &Project{Root: root},
	}
	for _, p := range paths {
		if err := c.path(p); err != nil {
			return nil, err
		}
	}
	return c.finish()
}

type collector struct {
	ctx     context.Context //nolint:containedctx // it lives as long as one collection
	root    string
	files   map[string]*manifest.File // by path; nil is one that could not be read
	named   map[string]bool           // files that another one names; true is not only as a limit
	links   map[string][]link         // by the file that names them
	project *Project
	was     map[string]*Seen // nil unless files are only held against what they were
}

// link is a file that another one names.
type link struct {
	to         string
	constraint bool
	command    int // of a container file
}

func (c *collector) unread(p string, line int, format string, args ...any) {
	c.project.Unread = append(c.project.Unread, Unread{p, line, fmt.Sprintf(format, args...)})
}

func (c *collector) path(p string) error {
	info, err := os.Stat(p)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return c.file(p, filepath.ToSlash(p), true)
	}
	if c.environment(p) {
		return c.ctx.Err()
	}
	for e, err := range artifact.Walk(c.ctx, p, artifact.WalkOptions{}) {
		switch {
		case err != nil:
			c.unread(e.Path, 0, "%s", unnamed(err, e.Path))
		case e.Note == artifact.FolderLink:
			c.project.Passed = append(c.project.Passed, e.Path)
		case e.Note == artifact.Special:
			if _, ok := manifest.Identify(e.Path, nil); ok {
				c.unread(e.Path, 0, "it is not a regular file")
			}
		case e.Note == artifact.Skipped:
			if _, err := os.Stat(filepath.Join(e.Abs, "pyvenv.cfg")); err == nil {
				c.project.Passed = append(c.project.Passed, e.Path)
			}
		case e.Dir && strings.HasSuffix(e.Path, ".dist-info"):
			c.installed(e.Abs, e.Path)
		case e.Note == "" && strings.HasSuffix(e.Path, ".egg-info") && packages(path.Dir(e.Path)):
			c.egg(e.Abs, e.Path, e.Dir)
		case !e.Dir && e.Note == "" && !written(path.Dir(e.Path)):
			if err := c.file(e.Abs, e.Path, false); err != nil {
				return err
			}
		}
	}
	return c.ctx.Err()
}

// packages reports a folder of installed packages. Elsewhere an *.egg-info is what a
// build tool wrote of the project itself.
func packages(dir string) bool {
	return path.Base(dir) == "site-packages" || path.Base(dir) == "dist-packages"
}

// written reports a folder that installers and build tools write: what is in it says
// what the project's own files say.
func written(dir string) bool {
	return strings.HasSuffix(dir, ".dist-info") || strings.HasSuffix(dir, ".egg-info")
}

// file reads a file if it is one that says something; one that was named on the
// command line has to.
func (c *collector) file(abs, shown string, asked bool) error {
	if _, done := c.files[shown]; done {
		return nil
	}
	kind, ok := manifest.Identify(shown, nil)
	if !ok && !asked && !candidate(shown) && !manifest.Automates(c.project.fromRoot(shown)) {
		return nil
	}
	if !asked && c.leadsOut(abs) {
		if ok {
			c.unread(shown, 0, "it is a link that leads out of the project, and was not read")
		}
		return nil
	}
	if c.was != nil {
		if ok || asked || candidate(shown) {
			c.compare(abs, shown)
		}
		return nil
	}
	a, err := artifact.Open(abs, shown)
	if err != nil {
		c.unread(shown, 0, "%s", unnamed(err, shown))
		return nil
	}
	defer func() { _ = a.Close() }() // it was only read
	head, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), headLen), headLen)
	if err == nil {
		kind, ok = manifest.Identify(shown, head)
	}
	if !ok && asked && plainText(shown) {
		kind, ok = manifest.Requirements, true // whoever names it says that it is one
	}
	switch {
	case err != nil:
		c.unread(shown, 0, "%v", osfile.Cause(err))
	case !ok && asked:
		return &UnknownError{Path: shown}
	case ok && len(c.files) >= mostFiles:
		return bounded.Exceeded("files of dependencies", mostFiles)
	case ok:
		return c.read(a, kind, nil)
	default:
		c.care(a)
		if candidate(shown) {
			c.project.seen = append(c.project.seen, Seen{Path: shown, SHA256: sum(head), Head: true})
		}
	}
	return nil
}

// fromRoot is a path as it is from the root, or empty for one that is not beneath it.
func (p *Project) fromRoot(shown string) string {
	rel, err := filepath.Rel(p.Root, filepath.FromSlash(shown))
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
}

// care notes what a file by which a forge works has done about dependencies. One that
// cannot be read says nothing.
func (c *collector) care(a *artifact.Artifact) {
	name := c.project.fromRoot(a.Name())
	if !manifest.Automates(name) || a.Size() > mostCare {
		return
	}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), mostCare)
	if err != nil {
		return
	}
	list, _ := manifest.ReadAutomation(name, b, manifest.Limits{}) // of what is broken there is nothing
	for _, x := range list {
		c.project.cares = append(c.project.cares, care{a.Name(), x})
	}
}

// candidate reports whether the content of a file may say what its name does not.
func candidate(shown string) bool {
	return plainText(shown) || slices.Contains([]string{".yml", ".yaml"}, path.Ext(strings.ToLower(shown)))
}

// plainText reports a name that files of requirements have.
func plainText(shown string) bool {
	return slices.Contains([]string{".txt", ".in", ".pip", ".lock"}, path.Ext(strings.ToLower(shown)))
}

// UnknownError says that a file that was named is none that is read.
type UnknownError struct{ Path string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%q is no file of dependencies that andiron knows", e.Path)
}

// read reads a file once; chain is how it was come to.
func (c *collector) read(a *artifact.Artifact, kind manifest.Kind, chain []string) error {
	shown := a.Name()
	c.files[shown] = nil
	if a.Size() > mostBytes {
		c.unread(shown, 0, "the file has more than %d bytes", mostBytes)
		return nil
	}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), mostBytes)
	if err != nil {
		c.unread(shown, 0, "%v", osfile.Cause(err))
		return nil
	}
	digest := c.input(shown, b)
	c.project.seen = append(c.project.seen, Seen{Path: shown, SHA256: digest, Named: len(chain) > 0})
	f, err := manifest.Read(kind, shown, b, manifest.Limits{})
	if bad, ok := errors.AsType[*manifest.SyntaxError](err); ok {
		c.unread(shown, bad.Line, "%v", bad.Err)
		return nil
	}
	if err != nil {
		c.unread(shown, 0, "%v", err)
		return nil
	}
	c.files[shown] = f
	c.follow(f, append(slices.Clone(chain), shown))
	return c.ctx.Err()
}

func (c *collector) input(shown string, b []byte) (digest string) {
	digest = sum(b)
	c.project.Inputs = append(c.project.Inputs, Input{shown, digest})
	return digest
}

// follow reads what a file names. A file is read once, whoever names it, so that files
// that name each other in many ways take no longer than there are lines.
func (c *collector) follow(f *manifest.File, chain []string) {
	for _, in := range f.Includes {
		shown, why := c.find(f, in)
		switch {
		case why != "":
		case slices.Contains(chain, shown):
			why = "names itself, through " + strings.Join(chain, ", ")
		case len(chain) > mostLevels:
			why = fmt.Sprintf("is more than %d levels deep, and was not read", mostLevels)
		default:
			why = c.include(f, shown, chain)
		}
		if why != "" {
			c.unread(f.Path, in.Line, "%q %s", in.Path, why)
			continue
		}
		c.named[shown] = c.named[shown] || !in.Constraint
		c.links[f.Path] = append(c.links[f.Path], link{shown, in.Constraint, in.Command})
	}
}

// find says which file is meant, or why it is not read.
func (c *collector) find(f *manifest.File, in manifest.Include) (shown, why string) {
	if strings.Contains(in.Path, "://") {
		return "", "is an address, which is not fetched"
	}
	shown = path.Join(path.Dir(f.Path), in.Path)
	if path.IsAbs(in.Path) || filepath.IsAbs(in.Path) {
		shown = in.Path
	}
	if f.Kind == manifest.Dockerfile || f.Kind == manifest.Notebook {
		shown = c.beside(f, in.Path, shown)
	}
	if _, done := c.files[shown]; done {
		return shown, ""
	}
	inside, err := c.beneath(shown)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "does not exist"
	case err != nil:
		return "", "could not be opened: " + osfile.Cause(err).Error()
	case !inside:
		return "", "lies outside of the project, and was not read"
	}
	return shown, ""
}

// beside looks for what a container file calls by its name in the image, and a notebook
// by that from the folder that it is in by then: the path, or the end of it, beneath the
// folder of that file or of the project.
func (c *collector) beside(f *manifest.File, name, otherwise string) string {
	parts := strings.Split(strings.TrimPrefix(path.Clean("/"+name), "/"), "/")
	for i := range parts {
		for _, dir := range []string{path.Dir(f.Path), filepath.ToSlash(c.root)} {
			if p := path.Join(dir, path.Join(parts[i:]...)); exists(p) {
				return p
			}
		}
	}
	return otherwise
}

// include reads a file that another one names, unless it was.
func (c *collector) include(f *manifest.File, shown string, chain []string) (why string) {
	if _, done := c.files[shown]; done {
		return ""
	}
	a, err := artifact.Open(filepath.FromSlash(shown), shown)
	if err != nil {
		return "could not be opened: " + unnamed(err, shown)
	}
	defer func() { _ = a.Close() }() // it was only read
	head, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), headLen), headLen)
	if err != nil {
		return "could not be read: " + osfile.Cause(err).Error()
	}
	kind, ok := manifest.Identify(shown, head)
	if !ok || f.Kind == manifest.Requirements {
		kind = manifest.Requirements // whoever reads it does not ask for its name
	}
	if err := c.read(a, kind, chain); err != nil {
		return err.Error()
	}
	return ""
}

func exists(p string) bool {
	_, err := os.Stat(filepath.FromSlash(p))
	return err == nil
}

// leadsOut reports a link to a file that lies outside of the project.
func (c *collector) leadsOut(abs string) bool {
	info, err := os.Lstat(abs)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return false
	}
	inside, err := c.beneath(abs)
	return err == nil && !inside
}

// beneath reports whether a file, whatever links lead to it, lies in the project.
func (c *collector) beneath(p string) (bool, error) {
	file, err := filepath.EvalSymlinks(filepath.FromSlash(p))
	if err != nil {
		return false, err
	}
	root, err := filepath.EvalSymlinks(c.root)
	if err != nil {
		return false, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return false, err
	}
	if root, err = filepath.Abs(root); err != nil {
		return false, err
	}
	rel, err := filepath.Rel(root, file)
	return err == nil && filepath.IsLocal(rel), nil
}

// finish puts together what is installed together.
func (c *collector) finish() (*Project, error) {
	p := c.project
	places := map[string]*Set{} // folders of what is installed
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		f := c.files[name]
		if f == nil {
			continue
		}
		for _, problem := range f.Problems {
			c.unread(name, problem.Line, "%s", problem.Text)
		}
		if !c.onItsOwn(name, f) || f.Kind == manifest.Notebook && len(f.Packages)+len(f.Includes) == 0 {
			continue // most notebooks install nothing
		}
		if at := path.Dir(name); f.Kind == manifest.Installed || f.Kind == manifest.CondaInstalled {
			if s := places[at]; s != nil {
				s.Named = append(s.Named, f)
				continue
			}
			places[at] = &Set{File: f}
			p.Sets = append(p.Sets, places[at])
			continue
		}
		p.Sets = append(p.Sets, c.sets(f)...)
	}
	slices.SortStableFunc(p.Sets, func(a, b *Set) int { return strings.Compare(a.Path, b.Path) })
	p.configure()
	slices.SortFunc(p.Inputs, func(a, b Input) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Unread, compareUnread)
	slices.Sort(p.Passed)
	return p, c.ctx.Err()
}

// configure gives each project the uv.toml that counts for it: the one beside it, or
// else the next one above.
func (p *Project) configure() {
	configs := map[string]*manifest.File{}
	for _, s := range p.Sets {
		if s.Kind == manifest.UVConfig {
			configs[path.Dir(s.Path)] = s.File
		}
	}
	if len(configs) == 0 {
		return
	}
	for _, s := range p.Sets {
		if s.Kind != manifest.PyProject {
			continue
		}
		for dir := path.Dir(s.Path); ; dir = path.Dir(dir) {
			if f := configs[dir]; f != nil {
				s.Named = append(s.Named, f)
				break
			}
			if dir == "." || dir == "/" || dir == path.Dir(dir) {
				break
			}
		}
	}
}

// onItsOwn is false for a file that is only ever a part of the one that names it. A
// file that limits others (-c) may be a list of what is installed all the same, as the
// compiled one is that a second is compiled with.
func (c *collector) onItsOwn(name string, f *manifest.File) bool {
	part, named := c.named[name]
	if !named || f.Kind != manifest.Requirements {
		return true
	}
	return !part && (f.Tool != "" || strings.Contains(strings.ToLower(path.Base(name)), "requirements"))
}

// sets are what a file has installed together: the commands of a container file have
// each their own indexes.
func (c *collector) sets(f *manifest.File) (out []*Set) {
	for _, part := range commands(f) {
		s := &Set{File: part.file, stage: part.stage}
		c.gather(s, f.Path, part.command, false, map[string]bool{f.Path: true})
		out = append(out, s)
	}
	return out
}

type part struct {
	file    *manifest.File
	command int
	stage   int
}

// commands takes a container file apart. What its environment sets counts for every
// command.
func commands(f *manifest.File) []part {
	numbers := map[int]int{} // their stages, by number
	for i := range f.Packages {
		numbers[f.Packages[i].Command] = f.Packages[i].Stage
	}
	for _, in := range f.Includes {
		numbers[in.Command] = in.Stage
	}
	if len(numbers) < 2 {
		return []part{{f, 0, 0}}
	}
	var out []part
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		if n == 0 {
			continue
		}
		g := *f
		g.Packages = slices.DeleteFunc(slices.Clone(f.Packages), func(p manifest.Package) bool { return p.Command != n && p.Command != 0 })
		g.Indexes = slices.DeleteFunc(slices.Clone(f.Indexes), func(x manifest.Index) bool { return x.Command != n && x.Command != 0 })
		out = append(out, part{&g, n, numbers[n]})
	}
	return out
}

// gather adds what a file names, for one command or for all.
func (c *collector) gather(s *Set, of string, command int, constraint bool, seen map[string]bool) {
	for _, l := range c.links[of] {
		g := c.files[l.to]
		if g == nil || seen[l.to] || command != 0 && l.command != 0 && l.command != command {
			continue
		}
		seen[l.to] = true
		if constraint || l.constraint {
			g = limiting(g)
		}
		s.Named = append(s.Named, g)
		c.gather(s, l.to, 0, constraint || l.constraint, seen)
	}
}

// limiting is a file whose packages only limit versions.
func limiting(f *manifest.File) *manifest.File {
	g := *f
	g.Packages = slices.Clone(f.Packages)
	for i := range g.Packages {
		g.Packages[i].Constraint = true
	}
	return &g
}

func compareUnread(a, b Unread) int {
	if c := strings.Compare(a.Path, b.Path); c != 0 {
		return c
	}
	if a.Line != b.Line {
		return a.Line - b.Line
	}
	return strings.Compare(a.Text, b.Text)
}

// unnamed is an error without the name of the file that it begins with.
func unnamed(err error, name string) string {
	return strings.TrimPrefix(osfile.Cause(err).Error(), quote(name)+": ")
}

package deps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
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
	Passed []string // environments that the walk passed by
}

// Set is what is installed together: a file, and the files that it names.
type Set struct {
	*manifest.File

	Named []*manifest.File // by -r and -c, also indirectly
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
	ctx     context.Context
	root    string
	files   map[string]*manifest.File // by path; nil is one that could not be read
	named   map[string]bool           // files that another one names
	links   map[string][]link         // by the file that names them
	project *Project
}

// link is a file that another one names.
type link struct {
	to         string
	constraint bool
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
			c.unread(e.Path, 0, "%v", err)
		case e.Note == artifact.Skipped:
			if _, err := os.Stat(filepath.Join(e.Abs, "pyvenv.cfg")); err == nil {
				c.project.Passed = append(c.project.Passed, e.Path)
			}
		case e.Dir && strings.HasSuffix(e.Path, ".dist-info"):
			c.installed(e.Abs, e.Path)
		case !e.Dir && e.Note == "" && !strings.HasSuffix(path.Dir(e.Path), ".dist-info"):
			if err := c.file(e.Abs, e.Path, false); err != nil {
				return err
			}
		}
	}
	return c.ctx.Err()
}

// file reads a file if it is one that says something; one that was named on the
// command line has to.
func (c *collector) file(abs, shown string, asked bool) error {
	if _, done := c.files[shown]; done {
		return nil
	}
	kind, ok := manifest.Identify(shown, nil)
	if !ok && !asked && !candidate(shown) {
		return nil
	}
	a, err := artifact.Open(abs, shown)
	if err != nil {
		c.unread(shown, 0, "%v", osfile.Cause(err))
		return nil
	}
	defer func() { _ = a.Close() }() // it was only read
	head, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), headLen), headLen)
	if err == nil {
		kind, ok = manifest.Identify(shown, head)
	}
	switch {
	case err != nil:
		c.unread(shown, 0, "%v", osfile.Cause(err))
	case !ok && asked:
		return &UnknownError{Path: shown}
	case ok && len(c.files) >= mostFiles:
		return bounded.Exceeded("files of dependencies", mostFiles)
	case ok:
		return c.read(a, kind)
	}
	return nil
}

// candidate reports whether the content of a file may say what its name does not.
func candidate(shown string) bool {
	switch path.Ext(strings.ToLower(shown)) {
	case ".txt", ".in", ".pip", ".yml", ".yaml":
		return true
	}
	return false
}

// UnknownError says that a file that was named is none that is read.
type UnknownError struct{ Path string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%q is no file of dependencies that andiron knows", e.Path)
}

func (c *collector) read(a *artifact.Artifact, kind manifest.Kind) error {
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
	c.input(shown, b)
	f, err := manifest.Read(kind, shown, b, manifest.Limits{})
	if err != nil {
		c.unread(shown, 0, "%v", err)
		return nil
	}
	c.files[shown] = f
	c.follow(f, []string{shown})
	return c.ctx.Err()
}

func (c *collector) input(shown string, b []byte) {
	sum := sha256.Sum256(b)
	c.project.Inputs = append(c.project.Inputs, Input{shown, hex.EncodeToString(sum[:])})
}

// follow reads what a file names.
func (c *collector) follow(f *manifest.File, chain []string) {
	for _, in := range f.Includes {
		shown := path.Join(path.Dir(f.Path), in.Path)
		switch {
		case strings.Contains(in.Path, "://"):
			c.unread(f.Path, in.Line, "%q is an address, which is not fetched", in.Path)
			continue
		case slices.Contains(chain, shown):
			c.unread(f.Path, in.Line, "%q names itself, through %s", in.Path, strings.Join(chain, ", "))
			continue
		case len(chain) > mostLevels:
			c.unread(f.Path, in.Line, "files name files more than %d levels deep", mostLevels)
			continue
		}
		g, why := c.include(f, in, &shown)
		if why != "" {
			c.unread(f.Path, in.Line, "%q %s", in.Path, why)
			continue
		}
		c.named[shown] = true
		c.links[f.Path] = append(c.links[f.Path], link{shown, in.Constraint})
		if g != nil {
			c.follow(g, append(slices.Clone(chain), shown))
		}
	}
}

// include reads one file that another one names. A container file names files as
// they are called in the image; the one of that name beside it is meant.
func (c *collector) include(f *manifest.File, in manifest.Include, shown *string) (g *manifest.File, why string) {
	if path.IsAbs(in.Path) || filepath.IsAbs(in.Path) {
		*shown = in.Path
	}
	if f.Kind == manifest.Dockerfile {
		if beside := path.Join(path.Dir(f.Path), path.Base(in.Path)); !exists(*shown) && exists(beside) {
			*shown = beside
		}
	}
	if g, done := c.files[*shown]; done {
		return g, ""
	}
	inside, err := c.beneath(*shown)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "does not exist"
	case err != nil:
		return nil, "could not be opened: " + osfile.Cause(err).Error()
	case !inside:
		return nil, "lies outside of the project, and was not read"
	}
	a, err := artifact.Open(filepath.FromSlash(*shown), *shown)
	if err != nil {
		return nil, "could not be opened: " + osfile.Cause(err).Error()
	}
	defer func() { _ = a.Close() }() // it was only read
	kind, ok := manifest.Identify(*shown, nil)
	if !ok || f.Kind == manifest.Requirements || f.Kind == manifest.Dockerfile {
		kind = manifest.Requirements // whoever reads it does not ask for its name
	}
	if err := c.read(a, kind); err != nil {
		return nil, err.Error()
	}
	return c.files[*shown], ""
}

func exists(p string) bool {
	_, err := os.Stat(filepath.FromSlash(p))
	return err == nil
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
	for name, f := range c.files {
		if f == nil {
			continue
		}
		for _, problem := range f.Problems {
			c.unread(name, problem.Line, "%s", problem.Text)
		}
		if c.named[name] && !onItsOwn(f) {
			continue
		}
		s := &Set{File: f}
		c.gather(s, name, false, map[string]bool{name: true})
		p.Sets = append(p.Sets, s)
	}
	slices.SortFunc(p.Sets, func(a, b *Set) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Inputs, func(a, b Input) int { return strings.Compare(a.Path, b.Path) })
	slices.SortFunc(p.Unread, compareUnread)
	slices.Sort(p.Passed)
	return p, c.ctx.Err()
}

// onItsOwn is false for a file that is only ever a part of the one that names it.
func onItsOwn(f *manifest.File) bool { return f.Kind != manifest.Requirements }

func (c *collector) gather(s *Set, of string, constraint bool, seen map[string]bool) {
	for _, l := range c.links[of] {
		g := c.files[l.to]
		if g == nil || seen[l.to] {
			continue
		}
		seen[l.to] = true
		if constraint || l.constraint {
			g = limiting(g)
		}
		s.Named = append(s.Named, g)
		c.gather(s, l.to, constraint || l.constraint, seen)
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

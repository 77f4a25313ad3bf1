package relock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// Selection is what the user says of a project; empty fields are found out.
type Selection struct {
	Tool   string        // "uv", "pip-tools", "poetry"
	Form   manifest.Kind // of the lock: UVLock, Requirements, PyLock, PoetryLock
	Input  string        // requirements.in, pyproject.toml
	Output string        // of the lock
}

// Project is a project whose lock can be made. Paths are relative to its root, with
// slashes.
type Project struct {
	Root  string
	Tool  string // of the project; which one runs depends on what is installed
	Form  manifest.Kind
	Input string
	Lock  string
	Files []*manifest.File // that it was made from, the input first

	content map[string][]byte // of all that the tool needs
	before  []byte            // the lock as it is, nil if there is none
}

// The limits of what is copied.
const (
	maxFile    = 16 << 20
	maxCopied  = 64 << 20
	maxMembers = 2000
	maxDepth   = 8
)

// ErrNoProject says that there is nothing to make a lock of.
var ErrNoProject = errors.New("no pyproject.toml, requirements.in or requirements.txt")

// Open reads the files of a project that bear on its lock.
func Open(root string, sel Selection) (*Project, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }() // it was only read
	o := &opener{dir: dir, p: &Project{Root: root, content: make(map[string][]byte)}}
	if err := o.choose(sel); err != nil {
		return nil, err
	}
	if err := o.collect(); err != nil {
		return nil, err
	}
	o.settings()
	before, err := o.read(o.p.Lock)
	switch {
	case err == nil:
		o.p.before = before
		o.p.content[o.p.Lock] = before
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return o.p, nil
}

type opener struct {
	dir   *os.Root
	p     *Project
	total int64
}

func (o *opener) has(name string) bool {
	info, err := o.dir.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// read reads a file of the project; a link must not lead out of it.
func (o *opener) read(name string) ([]byte, error) {
	info, err := o.dir.Stat(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, unpathed(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	f, err := o.dir.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, unpathed(err))
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	if o.total += int64(len(b)); o.total > maxCopied {
		return nil, fmt.Errorf("%q: %w", name, bounded.Exceeded("bytes of a project's files", maxCopied))
	}
	return b, nil
}

// choose decides on input, form, lock and tool.
func (o *opener) choose(sel Selection) error {
	p := o.p
	p.Tool, p.Form, p.Input, p.Lock = sel.Tool, sel.Form, clean(sel.Input), clean(sel.Output)
	if p.Input == "" {
		for _, name := range o.inputs() {
			if o.has(name) {
				p.Input = name
				break
			}
		}
	}
	if p.Input == "" {
		return ErrNoProject
	}
	project := path.Base(p.Input) == "pyproject.toml"
	if p.Form == "" {
		whose := o.whose()
		switch {
		case project && whose == "pdm":
			return &ToolError{Text: "the project's lock is made by PDM, which is not driven", Hint: "--tool uv makes a uv.lock of the same pyproject.toml"}
		case project && whose == "poetry":
			p.Form = manifest.PoetryLock
		case project && p.Tool != "pip-tools":
			p.Form = manifest.UVLock
		default:
			p.Form = manifest.Requirements
		}
	}
	if p.Lock == "" {
		p.Lock = lockName(p.Form, p.Input)
	}
	if (p.Form == manifest.UVLock || p.Form == manifest.PoetryLock) && !project {
		return fmt.Errorf("%s is made from pyproject.toml, not from %q", p.Form, p.Input)
	}
	if p.Lock == p.Input {
		return fmt.Errorf("%q cannot be both what is asked for and the lock of it", p.Lock)
	}
	return nil
}

// whose is the tool of a project: the user's word, then the locks beside it, then what
// its pyproject.toml says of itself. uv has no other's dependencies.
func (o *opener) whose() string {
	dir := path.Dir(o.p.Input)
	switch {
	case o.p.Tool != "":
		return o.p.Tool
	case o.has(path.Join(dir, "poetry.lock")):
		return "poetry"
	case o.has(path.Join(dir, "uv.lock")):
		return "uv"
	case o.has(path.Join(dir, "pdm.lock")):
		return "pdm"
	}
	b, err := o.read(o.p.Input)
	if err != nil {
		return "" // which is said when it is read for its packages
	}
	f, err := manifest.Read(manifest.PyProject, o.p.Input, b, manifest.Limits{})
	if err != nil || f.Tool == "pdm" {
		return "" // without a lock of it, the project may be uv's as well
	}
	return f.Tool
}

func clean(name string) string {
	if name == "" {
		return ""
	}
	return path.Clean(filepath.ToSlash(name))
}

// inputs are the files to begin with, the first that is there.
func (o *opener) inputs() []string {
	files := []string{"requirements.in", "requirements.txt"}
	if o.p.Form == manifest.Requirements || o.p.Form == manifest.PyLock || o.p.Tool == "pip-tools" {
		return append(files, "pyproject.toml")
	}
	if o.has("pyproject.toml") && (o.has("uv.lock") || o.has("poetry.lock")) {
		return []string{"pyproject.toml"}
	}
	if o.has("requirements.in") {
		return files
	}
	return []string{"pyproject.toml", "requirements.txt"}
}

func lockName(form manifest.Kind, input string) string {
	dir, _ := path.Split(input)
	switch form {
	case manifest.UVLock:
		return dir + "uv.lock"
	case manifest.PoetryLock:
		return dir + "poetry.lock"
	case manifest.PyLock:
		return dir + "pylock.toml"
	default:
		return manifest.LockName(input)
	}
}

// collect reads the input, and what it leads to.
func (o *opener) collect() error {
	if path.Base(o.p.Input) != "pyproject.toml" {
		return o.requirements(o.p.Input, make(map[string]bool))
	}
	if err := o.manifest(manifest.PyProject, o.p.Input); err != nil {
		return err
	}
	dir := path.Dir(o.p.Input)
	if name := path.Join(dir, "uv.toml"); o.has(name) {
		if err := o.manifest(manifest.UVConfig, name); err != nil {
			return err
		}
	}
	for _, name := range []string{"poetry.toml", ".python-version"} {
		if name = path.Join(dir, name); o.has(name) {
			b, err := o.read(name)
			if err != nil {
				return err
			}
			o.p.content[name] = b
		}
	}
	return o.members(dir)
}

// manifest reads one file that asks for packages.
func (o *opener) manifest(kind manifest.Kind, name string) error {
	b, err := o.read(name)
	if err != nil {
		return err
	}
	f, err := manifest.Read(kind, name, b, manifest.Limits{})
	if err != nil {
		return err
	}
	o.p.content[name] = b
	o.p.Files = append(o.p.Files, f)
	return o.local(f)
}

// inside reports that a path stays below the root.
func inside(name string) bool {
	return !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../")
}

// local copies the files that a manifest names by path. A folder is a project, whose
// pyproject.toml is copied with those of the members.
func (o *opener) local(f *manifest.File) error {
	for _, pkg := range f.Packages {
		if pkg.Source.Type != manifest.Path && pkg.Source.Type != manifest.Editable {
			continue
		}
		name := path.Join(path.Dir(f.Path), filepath.ToSlash(strings.TrimPrefix(pkg.Source.URL, "file://")))
		if !inside(name) {
			return fmt.Errorf("%q: line %d: %q lies outside of the project, and only the project is copied", f.Path, pkg.Line, pkg.Source.URL)
		}
		if !o.has(name) {
			continue
		}
		b, err := o.read(name)
		if err != nil {
			return err
		}
		o.p.content[name] = b
	}
	return nil
}

// requirements reads a requirements file and those that it includes.
func (o *opener) requirements(name string, seen map[string]bool) error {
	if seen[name] {
		return nil // pip reads it again, which adds nothing
	}
	if len(seen) >= maxMembers {
		return bounded.Exceeded("files that include one another", maxMembers)
	}
	seen[name] = true
	if err := o.manifest(manifest.Requirements, name); err != nil {
		return err
	}
	f := o.p.Files[len(o.p.Files)-1]
	for _, inc := range f.Includes {
		next := path.Join(path.Dir(name), filepath.ToSlash(inc.Path))
		if path.IsAbs(inc.Path) || strings.Contains(inc.Path, "://") || !inside(next) {
			return fmt.Errorf("%q: line %d: %q lies outside of the project, and only the project is copied", name, inc.Line, inc.Path)
		}
		if err := o.requirements(next, seen); err != nil {
			return fmt.Errorf("%q: line %d: %w", name, inc.Line, err)
		}
	}
	return nil
}

// members reads the pyproject.toml of every folder below.
func (o *opener) members(dir string) error {
	count := 0
	return fs.WalkDir(o.dir.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%q: %w", name, unpathed(err))
		}
		if d.IsDir() {
			if name != dir && (skipped(d.Name()) || strings.Count(name, "/") >= maxDepth) {
				return fs.SkipDir
			}
			return nil
		}
		if d.Name() != "pyproject.toml" || name == o.p.Input {
			return nil
		}
		if count++; count > maxMembers {
			return bounded.Exceeded("members of a project", maxMembers)
		}
		return o.manifest(manifest.PyProject, name)
	})
}

func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "__pycache__", "venv", "env", "site-packages", "testdata"}, name)
}

// settings finds out whose project it is.
func (o *opener) settings() {
	if o.p.Tool != "" {
		return
	}
	switch {
	case o.p.Form == manifest.PoetryLock:
		o.p.Tool = "poetry"
		return
	case o.p.Form == manifest.Requirements && o.has(o.p.Lock):
		if b, err := o.read(o.p.Lock); err == nil {
			if f, err := manifest.Read(manifest.Requirements, o.p.Lock, b, manifest.Limits{}); err == nil {
				o.p.Tool = f.Tool
			}
		}
	}
	if o.p.Tool != "pip-tools" {
		o.p.Tool = "uv"
	}
}

// copyTo writes what the tool needs into a folder.
func (p *Project) copyTo(dir string) error {
	for name, b := range p.content {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// digests are those of the files that a lock is made from.
func (p *Project) digests() map[string]string {
	list := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(p.content)) {
		if name != p.Lock {
			list[name] = digest(p.content[name])
		}
	}
	return list
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func unpathed(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

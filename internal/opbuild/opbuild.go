// Package opbuild builds the C++ extensions of a PyTorch project in throw-away copies,
// through the project's own build: as they are, with AddressSanitizer and
// UndefinedBehaviorSanitizer, and with ThreadSanitizer. It says what was built, what
// was not, and in which environment Python has to run for each.
//
// # Security
//
// A build runs the project's code, and so does the interpreter: this package starts
// other programs, and only a verb that says so may call it. It writes to the folder
// that it is given and, for the tripwire device, to the user's cache. The project's own
// folder is only read. A program has no standard input and a process group of its
// own, which is killed when the context ends.
//
// # Limits
//
// A copy holds at most 100,000 files and 2 GiB. A build takes at most 30 minutes. The
// log is kept on disk; 1,000 warnings are read from it, each once.
//
// # Specification
//
// torch.utils.cpp_extension and TorchConfig.cmake of torch 1.13 to 2.14; setuptools 65
// or newer; CMake 3.18 or newer. The sanitizers are those of GCC 12 to 15, whose
// options are in gcc.gnu.org/onlinedocs, "Instrumentation Options", and in
// compiler-rt's sanitizer_flags.inc.
package opbuild

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Variant is a way to build.
type Variant string

// The variants.
const (
	Plain Variant = "plain" // as the project does, with the checks of the standard library and warnings
	ASan  Variant = "asan"  // with AddressSanitizer and UndefinedBehaviorSanitizer
	TSan  Variant = "tsan"  // with ThreadSanitizer, and threads that it understands
)

// Kinds of builds.
const (
	Setuptools = "setuptools"
	CMake      = "cmake"
)

// Project is a project that builds an extension.
type Project struct {
	Dir     string
	Kind    string
	Sources []string // relative, C++ and CUDA, that lie in the project
	File    string   // setup.py, pyproject.toml or CMakeLists.txt
}

// Options say how to build.
type Options struct {
	Python string    // the interpreter that has torch
	Work   string    // a throw-away folder
	Log    io.Writer // gets what the build prints; may be nil
	Jobs   int       // compilers at a time; 0 leaves it to the build
}

// Built is what a build made.
type Built struct {
	Variant    Variant
	Libraries  []string // absolute paths
	Modules    []string // names under which Python imports those that are modules of it
	PythonPath []string // folders in which it finds them
	Dir        string   // the copy that was built, with the project's Python files and tests
	Launch     []string // words to put before the interpreter; mostly none
	Env        []string // NAME=value to run Python with
	Warnings   []Warning
	Unbuilt    []string // sources that the build left out
	NoCUDA     bool     // some of them are CUDA, and there is no nvcc
	CUDA       []string // sources in CUDA that were built
	Log        string   // the file with all that the build printed
	Took       time.Duration
}

// Warning is one of the compiler in a source of the project.
type Warning struct {
	File         string // relative
	Line, Column int
	Flag, Text   string
}

// Error is a program that did not do what it was started for, as a build that came to
// nothing.
type Error struct {
	Text, Hint string
	Output     []string // the lines that say why
	Log        string   // the file with all of them; may be empty
}

func (e *Error) Error() string { return e.Text }

// ErrNoBuild says that a project builds no extension.
var ErrNoBuild = errors.New("no build of an extension was found: no setup.py with CppExtension or CUDAExtension, no CMakeLists.txt with find_package(Torch)")

// Find finds what builds the extension of a project: in its folder, or else in the one
// folder beneath it that has such a build.
func Find(dir string) (Project, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs) // a walk does not follow a link, not even the first
	}
	if err != nil {
		return Project{}, err
	}
	var found []Project
	err = walk(abs, func(rel string, d fs.DirEntry) error {
		if d.IsDir() || strings.Count(rel, string(filepath.Separator)) > mostDepth {
			return nil
		}
		p, ok, err := buildIn(filepath.Join(abs, rel))
		if ok {
			found = addBuild(found, p)
		}
		return err
	})
	if err != nil {
		return Project{}, err
	}
	if i := slices.IndexFunc(found, func(p Project) bool { return p.Dir == abs }); i >= 0 {
		found = found[i : i+1]
	}
	switch len(found) {
	case 0:
		return Project{}, ErrNoBuild
	case 1:
		found[0].Sources, err = sourcesIn(found[0].Dir)
		return found[0], err
	}
	var names []string
	for _, p := range found {
		rel, _ := filepath.Rel(abs, p.Dir) // both are absolute
		names = append(names, fmt.Sprintf("%q", filepath.ToSlash(rel)))
	}
	return Project{}, &Error{Text: "the project has several builds of extensions: " + strings.Join(names, ", "), Hint: "name one of these folders"}
}

// mostDepth is how many folders beneath the project a build may lie.
const mostDepth = 3

// addBuild keeps one build of each folder: setup.py, which may start CMake itself,
// before the others.
func addBuild(found []Project, p Project) []Project {
	for i, other := range found {
		if other.Dir == p.Dir {
			if rank(p.File) < rank(other.File) {
				found[i] = p
			}
			return found
		}
	}
	return append(found, p)
}

func rank(file string) int {
	return slices.Index([]string{"setup.py", "pyproject.toml", "CMakeLists.txt"}, file)
}

// mostBuildFile is how much of such a file is read.
const mostBuildFile = 1 << 20

// buildIn reports whether a file builds an extension of torch.
func buildIn(name string) (Project, bool, error) {
	p := Project{Dir: filepath.Dir(name), File: filepath.Base(name), Kind: Setuptools}
	var words []string
	switch p.File {
	case "setup.py":
		words = []string{"cpp_extension", "CppExtension", "CUDAExtension", "ext_modules"}
	case "CMakeLists.txt":
		p.Kind, words = CMake, []string{"find_package(Torch", "find_package( Torch", "find_package (Torch"}
	case "pyproject.toml":
		words = []string{"[[tool.setuptools.ext-modules]]", "ext-modules ="}
	default:
		return p, false, nil
	}
	f, err := os.Open(name) //nolint:gosec // a file of the project that was named
	if err != nil {
		return p, false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, mostBuildFile)
	if err != nil {
		return p, false, fmt.Errorf("%q: %w", name, err)
	}
	text := uncommented(string(b))
	return p, slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }), nil
}

// uncommented is a text without what stands behind "#", which begins a comment in
// Python and in CMake. In a string it may be none; then less is seen.
func uncommented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		before, _, _ := strings.Cut(line, "#")
		b.WriteString(before)
		b.WriteByte('\n')
	}
	return b.String()
}

// sourcesIn are the C++ and CUDA sources of a project, without its headers.
func sourcesIn(dir string) (list []string, err error) {
	err = walk(dir, func(rel string, d fs.DirEntry) error {
		if !d.IsDir() && isSource(rel) {
			list = append(list, filepath.ToSlash(rel))
		}
		return nil
	})
	slices.Sort(list)
	return list, err
}

func isSource(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".cpp", ".cc", ".cxx", ".c++":
		return true
	}
	return isCUDA(name)
}

func isCUDA(name string) bool { return strings.EqualFold(filepath.Ext(name), ".cu") }

// passed are folders that no build needs: what it made before, and what is of others.
var passed = []string{".git", ".hg", ".svn", ".andiron", "build", "dist", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".eggs"}

// walk goes through what a build may need of a folder.
func walk(dir string, visit func(rel string, d fs.DirEntry) error) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		if d.IsDir() && (slices.Contains(passed, d.Name()) || strings.HasSuffix(d.Name(), ".egg-info") || isVenv(name)) {
			return filepath.SkipDir
		}
		return visit(rel, d)
	})
}

func isVenv(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
}

package opbuild

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func listing(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		list = append(list, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// output is what an error shows of the build.
func output(err error) []string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Output
	}
	return nil
}

const (
	torchSetup = "from torch.utils.cpp_extension import CppExtension\n"
	torchCMake = "find_package(Torch REQUIRED)\n"
)

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  Project // Dir is relative
		err   string
	}{
		"setup.py": {
			map[string]string{"setup.py": torchSetup, "csrc/b.cpp": "", "csrc/a.cu": "", "csrc/a.h": "", "build/x.cpp": "", "env/pyvenv.cfg": "", "env/lib/y.cpp": ""},
			Project{"", Setuptools, []string{"csrc/a.cu", "csrc/b.cpp"}, "setup.py"},
			"",
		},
		"cmake":            {map[string]string{"CMakeLists.txt": torchCMake, "x.cc": ""}, Project{"", CMake, []string{"x.cc"}, "CMakeLists.txt"}, ""},
		"both":             {map[string]string{"CMakeLists.txt": torchCMake, "setup.py": torchSetup}, Project{"", Setuptools, nil, "setup.py"}, ""},
		"pyproject":        {map[string]string{"pyproject.toml": "[[tool.setuptools.ext-modules]]\nname = \"x\"\n", "x.cpp": ""}, Project{"", Setuptools, []string{"x.cpp"}, "pyproject.toml"}, ""},
		"beneath":          {map[string]string{"a/b/setup.py": torchSetup, "a/b/x.cpp": "", "setup.py": "print()\n"}, Project{"a/b", Setuptools, []string{"x.cpp"}, "setup.py"}, ""},
		"above":            {map[string]string{"setup.py": torchSetup, "a/setup.py": torchSetup}, Project{"", Setuptools, nil, "setup.py"}, ""},
		"several":          {map[string]string{"a/setup.py": torchSetup, "b/CMakeLists.txt": torchCMake}, Project{}, `several builds of extensions: "a", "b"`},
		"only a comment":   {map[string]string{"setup.py": "# no CppExtension here\n", "CMakeLists.txt": "# find_package(Torch)\n"}, Project{}, ErrNoBuild.Error()},
		"nothing":          {map[string]string{"x.py": ""}, Project{}, ErrNoBuild.Error()},
		"too far beneath":  {map[string]string{"a/b/c/d/e/setup.py": torchSetup}, Project{}, ErrNoBuild.Error()},
		"of a virtual one": {map[string]string{"env/pyvenv.cfg": "", "env/setup.py": torchSetup}, Project{}, ErrNoBuild.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.files)
			got, err := Find(dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
				return
			}
			c.want.Dir = filepath.Join(dir, filepath.FromSlash(c.want.Dir))
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
}

func TestFindBehindLink(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	write(t, dir, map[string]string{"setup.py": torchSetup, "x.cpp": ""})
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	p, err := Find(link)
	if want, _ := filepath.EvalSymlinks(dir); err != nil || p.Dir != want || !slices.Equal(p.Sources, []string{"x.cpp"}) {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestFindNoFolder(t *testing.T) {
	if _, err := Find(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestCopy(t *testing.T) {
	from, outside := t.TempDir(), t.TempDir()
	write(t, outside, map[string]string{"secret": "of others", "folder/file": ""})
	write(t, from, map[string]string{"a/x.cpp": "text", ".git/config": "", "build/old.o": "", "pkg.egg-info/PKG-INFO": "", "run.sh": "#!/bin/sh\n"})
	if err := os.Chmod(filepath.Join(from, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"inside": "a/x.cpp", "a/up": "../run.sh", "away": filepath.Join(outside, "secret"), "folder": filepath.Join(outside, "folder"), "nowhere": "missing",
	} {
		if err := os.Symlink(target, filepath.Join(from, link)); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := copyProject(from, to); err != nil {
		t.Fatal(err)
	}
	if got, want := listing(t, to), []string{"a/up", "a/x.cpp", "away", "inside", "nowhere", "run.sh"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if b, err := os.ReadFile(filepath.Join(to, "a/x.cpp")); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	for name, link := range map[string]bool{"inside": true, "away": false} {
		if info, err := os.Lstat(filepath.Join(to, name)); err != nil || (info.Mode()&fs.ModeSymlink != 0) != link {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if info, err := os.Stat(filepath.Join(to, "run.sh")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestCopyIsBounded(t *testing.T) {
	from := t.TempDir()
	f, err := os.Create(filepath.Join(from, "large"))
	if err == nil {
		err = errors.Join(f.Truncate(mostBytes+1), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := copyProject(from, filepath.Join(t.TempDir(), "copy")); err == nil || !strings.Contains(err.Error(), "larger than what is copied") {
		t.Error(err)
	}
}

func TestWarnings(t *testing.T) {
	const log = `[1/2] c++ -MMD /home/me/copy/csrc/x.cpp
/home/me/copy/csrc/x.cpp: In function 'int f(long int)':
/home/me/copy/csrc/x.cpp:3:12: warning: conversion from 'long int' to 'int' may change value [-Wconversion]
    3 |   int n = m;
/home/me/copy/csrc/x.cpp:3:12: warning: conversion from 'long int' to 'int' may change value [-Wconversion]
csrc/y.cpp:7:1: warning: no flag
/usr/include/torch/z.h:1:2: warning: of others [-Wall]
../outside.cpp:1:2: warning: not here [-Wall]
/home/me/copy/x.cpp:99999999999999999999:1: warning: no line [-Wx]
csrc/y.cpp:8:1: error: no warning
`
	got, err := warnings(strings.NewReader(log), "/home/me/copy")
	want := []Warning{
		{"csrc/x.cpp", 3, 12, "-Wconversion", "conversion from 'long int' to 'int' may change value"},
		{"csrc/y.cpp", 7, 1, "", "no flag"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func FuzzWarnings(f *testing.F) {
	f.Add("a.cpp:3:12: warning: text [-Wflag]\n")
	f.Add("/c/a.cpp:3:12: warning: text [-Wflag]")
	f.Fuzz(func(t *testing.T, log string) {
		list, err := warnings(strings.NewReader(log), "/c")
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > mostWarnings {
			t.Errorf("%d warnings", len(list))
		}
		for _, w := range list {
			if !filepath.IsLocal(w.File) {
				t.Errorf("%q is not in the project", w.File)
			}
		}
	})
}

// A log that is one endless line is read within bounds.
func TestWarningsLongLine(t *testing.T) {
	long := strings.Repeat("x", 3*mostLine) + "\na.cpp:1:2: warning: t [-Wx]\n"
	if got, err := warnings(strings.NewReader(long), "/c"); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestErrorLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	text := "building\nx.cpp:1:2: error: nothing\n  1 | x\ncollect2: undefined reference to `f()'\n" + strings.Repeat("y.cpp:1:1: error: more\n", 100)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := errorLines(name)
	if len(got) != mostShown || got[0] != "x.cpp:1:2: error: nothing" || got[1] != "collect2: undefined reference to `f()'" {
		t.Errorf("%q", got)
	}
}

func TestFlags(t *testing.T) {
	f := facts{Torch: "1.13.1", Include: []string{"/torch/include"}}
	for v, want := range map[Variant][]string{
		Plain: {"-D_GLIBCXX_ASSERTIONS", "-Wconversion"},
		ASan:  {"-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-U_FORTIFY_SOURCE"},
		TSan:  {"-fsanitize=thread", "-I/standin"},
	} {
		got := flagsOf(v, f, "/copy", "/project", "/standin")
		for _, w := range append(want, "-g1", "-ffile-prefix-map=/copy=/project", "-isystem", "/torch/include") {
			if !slices.Contains(got.compile, w) {
				t.Errorf("%s has no %s: %q", v, w, got.compile)
			}
		}
		if (v == Plain) != (len(got.link) == 0) {
			t.Errorf("%s is linked with %q", v, got.link)
		}
	}
	t.Setenv("CFLAGS", "-O2")
	if got, want := joined("CFLAGS", []string{"-I/a b", "-g"}), "CFLAGS=-O2 '-I/a b' -g"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStandard(t *testing.T) {
	for version, want := range map[string]string{"1.13.0a0": "-std=c++17", "2.6.0+debian": "-std=c++17", "2.14.0": "-std=c++20", "3.0": "-std=c++20", "": "-std=c++17"} {
		if got := (facts{Torch: version}).standard(); got != want {
			t.Errorf("torch %q: got %s, want %s", version, got, want)
		}
	}
}

// An interpreter without torch, and one that is none, are errors that say so.
func TestNoPython(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "python")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho 'No module named torch' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{script: "No module named torch", filepath.Join(dir, "missing"): ""} {
		_, err := Build(t.Context(), Project{Dir: dir}, Plain, Options{Python: name, Work: t.TempDir()})
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(e.Text, "does not say where its torch is") || e.Hint == "" || strings.Join(e.Output, "") != want {
			t.Errorf("%s: %v %q", name, err, output(err))
		}
	}
	if _, err := Build(t.Context(), Project{Dir: dir}, "other", Options{}); err == nil || !strings.Contains(err.Error(), `no such variant: "other"`) {
		t.Error(err)
	}
}

// The presets are JSON with a preset of each kind for each name, and build as Build
// does: what one has the other has.
func TestPresets(t *testing.T) {
	list, err := Presets()
	if err != nil || len(list) != 2 || list[1].Name != "andiron-tsan/ATen/ParallelOpenMP.h" || len(list[1].Text) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	type preset struct {
		Name           string            `json:"name"`
		CacheVariables map[string]string `json:"cacheVariables"`
		Environment    map[string]string `json:"environment"`
	}
	var file struct {
		Configure []preset `json:"configurePresets"`
		Build     []preset `json:"buildPresets"`
		Test      []preset `json:"testPresets"`
	}
	if err := json.Unmarshal(list[0].Text, &file); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"plain", "asan", "tsan", "valgrind"} {
		if file.Configure[i].Name != name || file.Build[i].Name != name || file.Test[i].Name != name {
			t.Errorf("no presets called %s", name)
		}
	}
	for i, v := range []Variant{Plain, ASan, TSan} {
		has := strings.Fields(file.Configure[i].CacheVariables["CMAKE_CXX_FLAGS"])
		for _, f := range flagsOf(v, facts{}, "/c", "/p", "${sourceDir}/andiron-tsan").compile {
			if strings.HasPrefix(f, "-O") || strings.HasPrefix(f, "-g") || strings.HasPrefix(f, "-ffile-prefix-map") || strings.HasPrefix(f, "-fsanitize-recover") {
				continue
			}
			if !slices.Contains(has, f) {
				t.Errorf("the preset %s has no %s: %q", v, f, has)
			}
		}
	}
	for _, i := range []int{1, 2, 3} { // what pytest captures of a process that a sanitizer ends is lost
		if got := file.Test[i].Environment["PYTEST_ADDOPTS"]; !strings.HasPrefix(got, "--capture=sys") {
			t.Errorf("%s: PYTEST_ADDOPTS is %q", file.Test[i].Name, got)
		}
	}
	for i, options := range map[int]map[string]string{1: {"ASAN_OPTIONS": asanOptions, "UBSAN_OPTIONS": ubsanOptions}, 2: {"TSAN_OPTIONS": tsanOptions}} {
		for name, want := range options {
			if got := file.Test[i].Environment[name]; got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	}
}

// Libraries of a build by CMake are where the project puts them; those of an earlier
// build, which were copied, are none.
func TestLibraries(t *testing.T) {
	src := t.TempDir()
	write(t, src, map[string]string{"pkg/__init__.py": "", "pkg/old.so": "", "pkg/sub/__init__.py": "", "lib/rebuilt.so": ""})
	b := &build{src: src}
	before, err := sharedIn(src)
	if err != nil {
		t.Fatal(err)
	}
	write(t, src, map[string]string{"pkg/sub/_C.cpython-311.so": "", "build/libops.so": "", "build/CMakeFiles/x.so": "", "lib/rebuilt.so": "new"})
	if err := os.Chtimes(filepath.Join(src, "lib", "rebuilt.so"), time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var made Built
	if err := b.libraries(before, &made); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range made.Libraries {
		rel, err := filepath.Rel(src, name)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.ToSlash(rel))
	}
	if want := []string{"build/libops.so", "lib/rebuilt.so", "pkg/sub/_C.cpython-311.so"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for file, want := range map[string][2]string{"pkg/sub/_C.cpython-311.so": {"pkg.sub._C", "."}, "build/libops.so": {"libops", "build"}, "x.so": {"x", "."}} {
		name, dir := b.importName(filepath.Join(src, filepath.FromSlash(file)))
		rel, err := filepath.Rel(src, dir)
		if err != nil || name != want[0] || rel != want[1] {
			t.Errorf("%s: %q in %q, %v", file, name, rel, err)
		}
	}
}

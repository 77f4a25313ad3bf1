package opbuild

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/child"
)

var (
	//go:embed driver.py
	driver []byte
	//go:embed standin/ATen/ParallelOpenMP.h
	standIn embed.FS
)

// mostTime is how long a build may take.
const mostTime = 30 * time.Minute

// build is a build that goes on.
type build struct {
	p     Project
	v     Variant
	o     Options
	f     facts
	t     toolchain
	dir   string // of all that belongs to the variant
	src   string // the copy
	flags flags
	log   string
}

// Build makes a variant of a project's extension in a copy.
func Build(ctx context.Context, p Project, v Variant, o Options) (Built, error) {
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	start := time.Now()
	b, err := prepare(ctx, p, v, o)
	if err != nil {
		return Built{}, err
	}
	var made *Built
	if p.Kind == CMake {
		made, err = b.cmake(ctx)
	} else {
		made, err = b.setuptools(ctx)
	}
	if err == nil {
		err = b.complete(ctx, made)
	}
	if err != nil {
		return Built{}, err
	}
	made.Took = time.Since(start)
	return *made, nil
}

// prepare asks what has to be known, and makes the copy.
func prepare(ctx context.Context, p Project, v Variant, o Options) (*build, error) {
	b := &build{p: p, v: v, o: o, dir: filepath.Join(o.Work, string(v))}
	b.src, b.log = filepath.Join(b.dir, "project"), filepath.Join(b.dir, "build.log")
	var err error
	if !slices.Contains([]Variant{Plain, ASan, TSan}, v) {
		return nil, fmt.Errorf("no such variant: %q", v)
	}
	if b.f, err = ask(ctx, o.Python); err != nil {
		return nil, err
	}
	if b.t, err = findCompiler(ctx); err != nil {
		return nil, err
	}
	if err = os.RemoveAll(b.dir); err == nil { // of an earlier run
		err = copyProject(p.Dir, b.src)
	}
	if err != nil {
		return nil, err
	}
	include := filepath.Join(b.dir, "standin")
	if err := writeStandIn(include); err != nil {
		return nil, err
	}
	b.flags = flagsOf(v, b.f, b.src, p.Dir, include)
	return b, nil
}

// writeStandIn writes the header that stands in for OpenMP beneath a folder.
func writeStandIn(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "ATen"), 0o700); err != nil {
		return err
	}
	text, err := standIn.ReadFile("standin/ATen/ParallelOpenMP.h")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ATen", "ParallelOpenMP.h"), text, 0o600)
}

// extension is what the driver says of one that setup.py built.
type extension struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Sources []string `json:"sources"`
}

func (b *build) setuptools(ctx context.Context) (*Built, error) {
	program, answer := filepath.Join(b.dir, "driver.py"), filepath.Join(b.dir, "answer.json")
	if err := os.WriteFile(program, driver, 0o600); err != nil {
		return nil, err
	}
	if b.p.File == "pyproject.toml" {
		if err := os.WriteFile(filepath.Join(b.src, "setup.py"), []byte("from setuptools import setup\n\nsetup()\n"), 0o600); err != nil {
			return nil, err
		}
	}
	env := []string{
		joined("CFLAGS", b.flags.compile), joined("CXXFLAGS", b.flags.compile), joined("LDFLAGS", b.flags.link),
		"CC=" + b.t.cc, "CXX=" + b.t.cxx,
	}
	if err := b.run(ctx, env, b.o.Python, program, answer); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(answer) //nolint:gosec // in our own folder
	var list []extension
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, b.failed(fmt.Sprintf("%s does not say what it built: %v", b.p.File, err), "")
	}
	if len(list) == 0 {
		return nil, b.failed(b.p.File+" builds no extension here", "some build only where there is CUDA: see what it asks before it adds ext_modules")
	}
	made := &Built{PythonPath: []string{b.src}}
	var compiled []string
	for _, e := range list {
		made.Libraries = append(made.Libraries, e.File)
		compiled = append(compiled, e.Sources...)
		root := e.File
		for range strings.Count(e.Name, ".") + 1 {
			root = filepath.Dir(root)
		}
		if !slices.Contains(made.PythonPath, root) {
			made.PythonPath = append(made.PythonPath, root)
		}
		made.Modules = appendModule(made.Modules, e.File, e.Name)
	}
	b.unbuilt(made, compiled)
	return made, nil
}

func (b *build) cmake(ctx context.Context) (*Built, error) {
	path, err := exec.LookPath("cmake")
	if err != nil {
		return nil, &Error{Text: "the project is built with CMake, and there is no cmake on PATH", Hint: `install it: "pip install cmake ninja", or with the system's packages`}
	}
	out := filepath.Join(b.src, "build")
	c, link := strings.Join(quoted(b.flags.compile), " "), strings.Join(b.flags.link, " ")
	args := []string{
		"-S", b.src, "-B", out, "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
		"-DCMAKE_C_COMPILER=" + b.t.cc, "-DCMAKE_CXX_COMPILER=" + b.t.cxx,
		"-DCMAKE_C_FLAGS=" + c, "-DCMAKE_CXX_FLAGS=" + c,
		"-DCMAKE_SHARED_LINKER_FLAGS=" + link, "-DCMAKE_MODULE_LINKER_FLAGS=" + link, "-DCMAKE_EXE_LINKER_FLAGS=" + link,
		"-DCMAKE_PREFIX_PATH=" + b.f.CMake,
		"-DPython_EXECUTABLE=" + b.o.Python, "-DPython3_EXECUTABLE=" + b.o.Python, "-DPYTHON_EXECUTABLE=" + b.o.Python,
	}
	if b.v != Plain { // the build type's own optimisation comes behind the flags
		args = append(args, "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1", "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -g1")
	}
	if _, err := exec.LookPath("ninja"); err == nil {
		args = append(args, "-G", "Ninja")
	}
	before, err := sharedIn(b.src)
	if err != nil {
		return nil, err
	}
	if err := b.run(ctx, nil, path, args...); err != nil {
		return nil, err
	}
	more := []string{"--build", out, "--parallel"}
	if b.o.Jobs > 0 {
		more = append(more, strconv.Itoa(b.o.Jobs))
	}
	if err := b.run(ctx, nil, path, more...); err != nil {
		return nil, err
	}
	made := &Built{PythonPath: []string{b.src}}
	if err := b.libraries(before, made); err != nil {
		return nil, err
	}
	if len(made.Libraries) == 0 {
		return nil, b.failed("the build made no shared library", "add_library(NAME SHARED …) or MODULE is what torch.ops.load_library and Python load")
	}
	b.unbuilt(made, compileCommands(filepath.Join(out, "compile_commands.json")))
	return made, nil
}

// sharedIn are the shared libraries beneath a folder, and when each was written.
func sharedIn(dir string) (map[string]time.Time, error) {
	list := map[string]time.Time{}
	return list, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "CMakeFiles":
			return filepath.SkipDir
		case !d.Type().IsRegular() || !strings.HasSuffix(name, ".so") && !strings.Contains(d.Name(), ".so."):
			return nil
		}
		info, err := d.Info()
		if err == nil {
			list[name] = info.ModTime()
		}
		return err
	})
}

// libraries collects the shared libraries that CMake made, in its own folder or where
// the project has it put them: those that were not there before, or were written since.
func (b *build) libraries(before map[string]time.Time, made *Built) error {
	now, err := sharedIn(b.src)
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, ok := before[name]; ok && was.Equal(now[name]) {
			continue
		}
		made.Libraries = append(made.Libraries, name)
		module, dir := b.importName(name)
		count := len(made.Modules)
		made.Modules = appendModule(made.Modules, name, module)
		if len(made.Modules) > count && !slices.Contains(made.PythonPath, dir) {
			made.PythonPath = append(made.PythonPath, dir)
		}
	}
	return err
}

// importName is the name under which Python imports a library that lies where it does,
// with the packages that it lies in, and the folder in which Python then looks.
func (b *build) importName(file string) (name, dir string) {
	name, _, _ = strings.Cut(filepath.Base(file), ".")
	for dir = filepath.Dir(file); dir != b.src; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "__init__.py")); err != nil {
			break
		}
		name = filepath.Base(dir) + "." + name
	}
	return name, dir
}

// compileCommands are the sources that CMake compiles.
func compileCommands(name string) (list []string) {
	b, err := os.ReadFile(name) //nolint:gosec // in our own folder
	var commands []struct {
		File string `json:"file"`
	}
	if err != nil || json.Unmarshal(b, &commands) != nil {
		return nil // not every generator writes it; then nothing is said of what was left out
	}
	for _, c := range commands {
		list = append(list, c.File)
	}
	return list
}

// unbuilt says which sources of the project the build left out.
func (b *build) unbuilt(made *Built, compiled []string) {
	if len(compiled) == 0 {
		return
	}
	done := map[string]bool{}
	for _, name := range compiled {
		if rel, err := filepath.Rel(b.src, name); err == nil {
			done[filepath.ToSlash(rel)] = true
		}
	}
	nvcc := b.f.nvcc()
	for _, s := range b.p.Sources {
		switch {
		case !done[s]:
			made.Unbuilt = append(made.Unbuilt, s)
			made.NoCUDA = made.NoCUDA || isCUDA(s) && !nvcc
		case isCUDA(s):
			made.CUDA = append(made.CUDA, s)
		}
	}
}

// complete checks what was built, and adds how to run it and what the compiler said.
func (b *build) complete(ctx context.Context, made *Built) error {
	made.Variant, made.Dir, made.Log = b.v, b.src, b.log
	for _, name := range made.Libraries {
		if _, err := os.Stat(name); err != nil {
			return b.failed(fmt.Sprintf("the build ended well and did not make %q", filepath.Base(name)), "")
		}
	}
	if b.v != Plain && !slices.ContainsFunc(made.Libraries, watchedBy(b.v)) {
		return b.failed(fmt.Sprintf("the build does not take the flags of the %s variant", b.v),
			"setuptools reads CFLAGS and LDFLAGS of the environment, CMake CMAKE_CXX_FLAGS: the project's build must not replace them")
	}
	var err error
	if made.Env, made.Launch, err = b.t.environment(ctx, b.v); err != nil {
		return err
	}
	f, err := os.Open(b.log)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	made.Warnings, err = warnings(f, b.src)
	return err
}

// run runs a part of the build in the copy; all that it prints goes to the log.
func (b *build) run(ctx context.Context, env []string, name string, args ...string) error {
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // what is written is read back
	tail := new(child.Tail)
	to := io.MultiWriter(log, tail)
	if b.o.Log != nil {
		to = io.MultiWriter(log, tail, b.o.Log)
	}
	cmd := command(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.src, to, to
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "GCC_COLORS=", "CLICOLOR=0")
	cmd.Env = append(cmd.Env, env...)
	// nvcc takes no flags from CFLAGS; with these compute-sanitizer knows lines.
	cmd.Env = append(cmd.Env, joined("NVCC_APPEND_FLAGS", []string{"-lineinfo", "-Xcompiler", "-g1"}))
	if b.o.Jobs > 0 {
		cmd.Env = append(cmd.Env, "MAX_JOBS="+strconv.Itoa(b.o.Jobs))
	}
	err = child.RunBuild(cmd)
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if err != nil {
		return b.broken(fmt.Sprintf("the %s build of %s ended with an error: %v", b.v, b.p.File, err), tail)
	}
	return nil
}

// mostShown is how many lines of the compiler stand in an error.
const mostShown = 20

// broken is an error with the lines of the compiler that say why, or else the last.
func (b *build) broken(text string, tail *child.Tail) *Error {
	e := b.failed(text, "")
	if lines := errorLines(b.log); len(lines) > 0 {
		e.Output = lines
	} else if lines := tail.Lines(); len(lines) > 0 {
		e.Output = lines[max(0, len(lines)-mostShown):]
	}
	if !b.f.nvcc() && slices.ContainsFunc(b.p.Sources, isCUDA) {
		e.Hint = "the project has CUDA sources, and there is no nvcc; its build must be able to leave them out"
	}
	return e
}

func (b *build) failed(text, hint string) *Error { return &Error{Text: text, Hint: hint, Log: b.log} }

// errorLines are the first lines of a log that are errors of a compiler or a linker.
func errorLines(name string) (list []string) {
	f, err := os.Open(name) //nolint:gosec // in our own folder
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 0, 64<<10), mostLine)
	for s.Scan() && len(list) < mostShown {
		line := s.Bytes()
		for _, word := range []string{": error: ", "fatal error: ", "undefined reference to", "CMake Error", "No module named"} {
			if bytes.Contains(line, []byte(word)) {
				list = append(list, s.Text())
				break
			}
		}
	}
	return list
}

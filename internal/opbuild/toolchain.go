package opbuild

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/child"
)

// toolchain is the compiler that sanitizers come from.
type toolchain struct {
	cc, cxx string
	version string
}

const compilerHint = `install g++, or name it: CXX=g++-12`

// findCompiler finds GCC: that which CXX names, or g++, or c++. A sanitizer and the
// library that Python preloads for it have to be of one compiler, and Clang's are often
// not installed with it.
func findCompiler(ctx context.Context) (toolchain, error) {
	for _, name := range []string{os.Getenv("CXX"), "g++", "c++"} {
		path, err := exec.LookPath(name)
		if name == "" || err != nil {
			continue
		}
		out, err := said(ctx, path, "--version")
		if ctx.Err() != nil {
			return toolchain{}, interrupted(ctx)
		}
		first, _, _ := strings.Cut(out, "\n")
		if err != nil || strings.Contains(first, "clang") || !strings.Contains(out, "Free Software Foundation") {
			continue
		}
		t := toolchain{cxx: path, cc: path, version: first}
		if cc, err := exec.LookPath(strings.Replace(filepath.Base(path), "++", "cc", 1)); err == nil {
			t.cc = cc
		}
		return t, nil
	}
	return toolchain{}, &Error{Text: "there is no GCC on PATH that compiles C++", Hint: compilerHint}
}

func said(ctx context.Context, path string, args ...string) (string, error) {
	out := child.Head{Most: mostAnswer}
	cmd := command(ctx, path, args...)
	cmd.Stdout = &out
	err := child.Run(cmd)
	return string(out.Bytes()), err
}

// runtime finds libraries of the compiler, whose names it gives back unchanged when it
// does not have them.
func (t toolchain) runtime(ctx context.Context, names ...string) ([]string, error) {
	var list []string
	for _, name := range names {
		out, err := said(ctx, t.cxx, "-print-file-name="+name)
		path := strings.TrimSpace(out)
		if err != nil || !filepath.IsAbs(path) {
			return nil, &Error{Text: fmt.Sprintf("%q has no %s", t.cxx, name), Hint: "install the sanitizers of GCC: libasan and libtsan, on Debian with libgcc-*-dev"}
		}
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target // the name that is linked with may lead through several
		}
		list = append(list, path)
	}
	return list, nil
}

// flags are what a variant adds to a build.
type flags struct {
	compile, link []string
}

// common: line numbers, frames that can be followed, and names of the project's own
// files for those of the copy.
func common(copied, dir string) []string {
	return []string{"-g1", "-fno-omit-frame-pointer", "-ffile-prefix-map=" + copied + "=" + dir}
}

// flagsOf gives the flags of a variant. The headers of torch are made those of the
// system, about which there are no warnings.
func flagsOf(v Variant, f facts, copied, dir, standIn string) flags {
	c := common(copied, dir)
	var link []string
	switch v {
	case ASan:
		link = []string{"-fsanitize=address,undefined"}
		// Python's own flags fortify, which hides from the sanitizer what it would find.
		// A null pointer for zero bytes is said and no more: memcpy of an empty tensor.
		c = append(c, "-O1", "-U_FORTIFY_SOURCE", "-fsanitize=address,undefined", "-fno-sanitize=vptr",
			"-fno-sanitize-recover=undefined", "-fsanitize-recover=nonnull-attribute,returns-nonnull-attribute")
	case TSan:
		link = []string{"-fsanitize=thread"}
		c = append(c, "-O1", "-U_FORTIFY_SOURCE", "-fsanitize=thread", "-I"+standIn)
	default:
		c = append(c, "-D_GLIBCXX_ASSERTIONS", "-Wall", "-Wconversion")
	}
	for _, dir := range f.Include {
		c = append(c, "-isystem", dir)
	}
	return flags{compile: c, link: link}
}

// Quiet options of the sanitizers: what is found, and not that Python never frees.
const (
	// What was freed long ago is given back: each process that is forked has to copy it.
	asanOptions  = "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=2048:detect_odr_violation=0:quarantine_size_mb=64"
	ubsanOptions = "print_stacktrace=1"
	// Only what was built for it is watched: torch's own threads are not. Nor does a
	// process wait a second at its end for races of others.
	tsanOptions = "ignore_noninstrumented_modules=1:die_after_fork=0:report_signal_unsafe=0:history_size=4:atexit_sleep_ms=0"
)

// environment is what Python has to be run with so that a sanitizer works in it.
func (t toolchain) environment(ctx context.Context, v Variant) (env, launch []string, err error) {
	preload := func(name string) (string, error) {
		// Without libstdc++ behind it the first exception that is thrown ends Python:
		// the sanitizer has not found __cxa_throw when it came.
		list, err := t.runtime(ctx, name, "libstdc++.so.6")
		return "LD_PRELOAD=" + strings.Join(list, ":"), err
	}
	switch v {
	case ASan:
		first, err := preload("libasan.so")
		return []string{first, "PYTHONMALLOC=malloc", "ASAN_OPTIONS=" + asanOptions, "UBSAN_OPTIONS=" + ubsanOptions}, nil, err
	case TSan:
		first, err := preload("libtsan.so")
		// On a machine with one core torch would have one thread, and no race.
		return []string{first, "TSAN_OPTIONS=" + tsanOptions, "OMP_NUM_THREADS=4"}, unspread(), err
	case Plain:
	}
	return nil, nil, nil
}

// spreadMost is how many bits of an address the kernel may choose for ThreadSanitizer
// of GCC 12 and 13 to find room.
const spreadMost = 28

// unspread are the words that start a program with its addresses in their usual places,
// where the kernel spreads them too far.
func unspread() []string {
	b, err := os.ReadFile("/proc/sys/vm/mmap_rnd_bits")
	if err != nil {
		return nil // only root may read it in some containers; then it is tried without
	}
	bits, err := strconv.Atoi(strings.TrimSpace(string(b)))
	path, missing := exec.LookPath("setarch")
	if err != nil || bits <= spreadMost || missing != nil {
		return nil
	}
	return []string{path, "-R"}
}

// joined are flags as an environment variable has them, behind what it holds already.
func joined(name string, flags []string) string {
	return name + "=" + strings.TrimSpace(os.Getenv(name)+" "+strings.Join(quoted(flags), " "))
}

// quoted are flags for a command line that a shell takes apart.
func quoted(flags []string) []string {
	list := slices.Clone(flags)
	for i, f := range list {
		if strings.ContainsAny(f, " \t\"'\\") {
			list[i] = "'" + strings.ReplaceAll(f, "'", `'\''`) + "'"
		}
	}
	return list
}

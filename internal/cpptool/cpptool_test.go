package cpptool

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hear has a reader read what a program printed.
func hear(t *testing.T, name, out string) Result {
	t.Helper()
	var r Result
	i := slices.IndexFunc(tools, func(t tool) bool { return t.name == name })
	source := Source{"csrc/op.cpp", "/p/csrc/op.cpp"}
	to := &reader{tool: name, paths: map[string]string{"/p/csrc/op.cpp": "csrc/op.cpp", "/p/csrc/op.h": "csrc/op.h"}, source: source, r: &r, last: -1}
	tools[i].read(out, to)
	return r
}

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		tool, out string
		want      Result
	}{
		"gcc": {"gcc", `/p/csrc/op.cpp: In function 'int f(long int)':
/p/csrc/op.cpp:19:25: warning: conversion from 'int64_t' {aka 'long int'} to 'int' may change value [-Wconversion]
   19 |   const int n = xc.numel();
/p/csrc/op.cpp:19:25: warning: conversion from 'int64_t' {aka 'long int'} to 'int' may change value [-Wconversion]
/p/csrc/op.cpp:20:3: warning: conversion from 'int64_t' {aka 'long int'} to 'float' may change value [-Wconversion]
/p/csrc/op.cpp:21:3: warning: conversion from 'double' to 'float' may change value [-Wfloat-conversion]
/p/csrc/op.cpp:22:3: warning: unused variable 'x' [-Wunused-variable]
/p/csrc/op.h:3:10: warning: reference to local variable 'x' returned [-Wreturn-local-addr]
/usr/include/z.h:3:10: warning: reference to local variable 'x' returned [-Wreturn-local-addr]
`, Result{Warnings: []Warning{
			{"gcc", "csrc/op.cpp", 19, 25, "-Wconversion", Narrowed, "conversion from 'int64_t' {aka 'long int'} to 'int' may change value"},
			{"gcc", "csrc/op.h", 3, 10, "-Wreturn-local-addr", Dangling, "reference to local variable 'x' returned"},
		}}},
		"gcc without headers": {
			"gcc", "/p/csrc/op.cpp:1:10: fatal error: torch/library.h: No such file or directory\ncompilation terminated.\n",
			Result{Unchecked: []Unchecked{{"gcc", "csrc/op.cpp", "torch/library.h: No such file or directory"}}},
		},
		"clang-tidy": {"clang-tidy", `98 warnings generated.
/usr/include/c++/12/bits/predefined_ops.h:45:23: warning: The left operand of '<' is a garbage value [clang-analyzer-core.UndefinedBinaryOperatorResult]
/p/csrc/op.cpp:19:17: warning: narrowing conversion from 'int64_t' (aka 'long') to signed type 'int' is implementation-defined [bugprone-narrowing-conversions]
  const int n = xc.numel();
                ^
/p/csrc/op.cpp:20:17: warning: narrowing conversion from 'double' to 'float' [bugprone-narrowing-conversions]
/p/csrc/op.cpp:157:28: warning: Potential leak of memory pointed to by 'copy' [clang-analyzer-unix.Malloc]
/p/csrc/op.cpp:150:15: note: Assuming the condition is true
/p/csrc/op.cpp:152:36: note: Memory is allocated
/p/csrc/op.cpp:157:28: note: Potential leak of memory pointed to by 'copy'
/p/csrc/op.cpp:170:3: warning: Use of memory after it is freed [clang-analyzer-unix.Malloc]
/p/csrc/op.cpp:171:3: warning: Division by zero [clang-analyzer-core.DivideZero]
/p/csrc/op.cpp:172:3: warning: use nullptr [modernize-use-nullptr]
`, Result{Warnings: []Warning{
			{"clang-tidy", "csrc/op.cpp", 19, 17, "bugprone-narrowing-conversions", Narrowed, "narrowing conversion from 'int64_t' (aka 'long') to signed type 'int' is implementation-defined"},
			{"clang-tidy", "csrc/op.cpp", 152, 36, "clang-analyzer-unix.Malloc", Leak, "Potential leak of memory pointed to by 'copy'"},
			{"clang-tidy", "csrc/op.cpp", 170, 3, "clang-analyzer-unix.Malloc", Dangling, "Use of memory after it is freed"},
			{"clang-tidy", "csrc/op.cpp", 171, 3, "clang-analyzer-core.DivideZero", Division, "Division by zero"},
		}}},
		"clang-tidy without headers": {
			"clang-tidy", "/p/csrc/op.cpp:1:10: error: 'torch/library.h' file not found [clang-diagnostic-error]\n",
			Result{Unchecked: []Unchecked{{"clang-tidy", "csrc/op.cpp", "'torch/library.h' file not found"}}},
		},
		"cppcheck": {"cppcheck", `/p/csrc/op.cpp:215:5: error: Memory leak: best [memleak]
/p/csrc/op.cpp:216:5: error: Shifting 32-bit value by 256 bits is undefined behaviour [shiftTooManyBits]
/p/csrc/op.cpp:217:5: warning: perhaps [nullPointer]
`, Result{Warnings: []Warning{
			{"cppcheck", "csrc/op.cpp", 215, 5, "memleak", Leak, "Memory leak: best"},
			{"cppcheck", "csrc/op.cpp", 216, 5, "shiftTooManyBits", Fault, "Shifting 32-bit value by 256 bits is undefined behaviour"},
		}}},
		"cppcheck gives up": {
			"cppcheck", "/p/csrc/op.cpp:7:1: error: There is an unknown macro here somewhere. [unknownMacro]\n",
			Result{Unchecked: []Unchecked{{"cppcheck", "csrc/op.cpp", "There is an unknown macro here somewhere."}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, hear(t, c.tool, c.out)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add("/p/csrc/op.cpp:19:25: warning: conversion from 'long' to 'int' [-Wconversion]\n/p/csrc/op.cpp:1:1: note: Memory is allocated\n")
	f.Add("/p/csrc/op.cpp:1:1: warning: Potential leak [clang-analyzer-unix.Malloc]\n/p/csrc/op.cpp:2:2: note: Memory is allocated\n")
	f.Add("a:0:0: error: [x]\n")
	f.Fuzz(func(t *testing.T, out string) {
		for _, tool := range tools {
			r := hear(t, tool.name, out)
			if len(r.Warnings) > mostWarnings {
				t.Errorf("%d warnings", len(r.Warnings))
			}
			for _, w := range r.Warnings {
				if w.Path == "" || w.Line < 1 || w.Column < 1 || w.Class == "" {
					t.Errorf("%+v", w)
				}
			}
		}
	})
}

// Of what a build says only folders, macros and nothing that loads code is kept.
func TestCommands(t *testing.T) {
	c, err := ParseCommands([]byte(`[
{"directory": "/p/build", "file": "../csrc/a.cpp", "command": "/evil/c++ -I../inc -I /abs -DA=1 '-DB=\"x y\"' -isystem rel -fplugin=/p/evil.so -B/p -wrapper /p/evil -specs=/p/x -Xclang -load -o a.o -c ../csrc/a.cpp -UQ -I"},
{"directory": "/p", "file": "/p/b.cpp", "arguments": ["c++", "-D", "X", "-include", "evil.h", "@/p/response"]}
]`))
	want := Commands{
		"/p/csrc/a.cpp": {"-I/p/inc", "-I/abs", "-DA=1", `-DB="x y"`, "-isystem", "/p/build/rel", "-UQ"},
		"/p/b.cpp":      {"-DX"},
	}
	if diff := cmp.Diff(want, c); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if _, err := ParseCommands([]byte(`{}`)); err == nil {
		t.Error("an object is no list")
	}
}

func FuzzCommands(f *testing.F) {
	f.Add(`[{"directory": "/p", "file": "a.cpp", "command": "c++ -I x '-D' \"y\\"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCommands([]byte(text))
		if err != nil {
			return
		}
		for _, args := range c {
			for i, a := range args {
				ok := slices.ContainsFunc(flagsKept, func(k string) bool { return strings.HasPrefix(a, k) })
				if !ok && (i == 0 || args[i-1] != "-isystem") {
					t.Errorf("%q is kept", a)
				}
			}
		}
	})
}

func put(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// What is missing, cannot be run or gives up is said; CUDA is not asked about.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "cppcheck"), "#!/bin/sh\nfor last; do :; done\necho \"$last:2:1: error: Memory leak: p [memleak]\" >&2\necho \"${EVIL-unset}\" >&2\n", 0o700)
	put(t, filepath.Join(dir, "clang-tidy"), "#!/bin/sh\nkill -9 $$\n", 0o700)
	getenv := func(name string) string { return map[string]string{"PATH": dir + ":.", "EVIL": "set"}[name] }
	sources := []Source{{"a.cpp", filepath.Join(dir, "a.cpp")}, {"k.cu", filepath.Join(dir, "k.cu")}}
	var started []string
	o := Options{Standard: "-std=c++17", Getenv: getenv, Say: func(s string) { started = append(started, s) }}
	got, err := Run(t.Context(), Names(), sources, nil, o)
	want := Result{
		Warnings: []Warning{{"cppcheck", "a.cpp", 2, 1, "memleak", Leak, "Memory leak: p"}},
		Unchecked: []Unchecked{
			{"clang-tidy", "a.cpp", "it ended with signal: killed"},
			{"gcc", "", "there is no g++ on PATH"},
		},
		CUDA: []string{"k.cu"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if len(started) != 2 || !strings.Contains(started[1], "this runs cppcheck") {
		t.Errorf("said %q", started)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, []string{"cppcheck"}, sources, nil, o); err == nil {
		t.Error("an interruption is not said")
	}
}

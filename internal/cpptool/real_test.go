//go:build optest

package cpptool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Each program that make optest installs finds what it is kept for.
func TestRealTools(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "op.cpp")
	put(t, name, `#include "op.h"
#include <stdlib.h>
int shorten(long n) { return n; }
int lost(int n) {
  int* p = (int*)malloc(n * sizeof(int));
  if (p == nullptr) return 0;
  p[0] = n;
  return p[0];
}
TORCH_LIBRARY(ns, m) { m.def("lost", lost); }
`, 0o600)
	put(t, filepath.Join(dir, "op.h"), "#pragma once\nnamespace torch { struct Library { template <class F> void def(const char*, F); }; }\n#define TORCH_LIBRARY(ns, m) static void ns##_init(torch::Library& m)\n", 0o600)
	put(t, filepath.Join(dir, ".clang-tidy"), "Checks: '-*'\n", 0o600)
	o := Options{Standard: "-std=c++17", Getenv: os.Getenv, Say: func(s string) { t.Log(s) }}
	r, err := Run(t.Context(), Names(), []Source{{"op.cpp", name}}, []Source{{"op.h", filepath.Join(dir, "op.h")}}, o)
	if err != nil || len(r.Unchecked) > 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	for _, want := range []struct {
		tool  string
		class Class
		line  int
	}{{"clang-tidy", Narrowed, 3}, {"clang-tidy", Leak, 5}, {"cppcheck", Leak, 8}, {"gcc", Narrowed, 3}} {
		if !slices.ContainsFunc(r.Warnings, func(w Warning) bool { return w.Tool == want.tool && w.Class == want.class && w.Line == want.line }) {
			t.Errorf("%s does not say %s at line %d: %+v", want.tool, want.class, want.line, r.Warnings)
		}
	}
}

package relock_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
)

// A tool believes the lock that it finds. What somebody changed in it is found by the
// page of the index.
func TestKept(t *testing.T) {
	evil := strings.Repeat("e", 64)
	for _, tt := range []struct {
		name, old, changed string // in the lock as it was
		down               bool
		want               []string
	}{
		{"as it was", "", "", false, nil},
		{"a digest", "NUMPY", evil, false, []string{"numpy 1.26.4 numpy-1.26.4-py3-none-any.whl: the lock has the digest " + evil + " and the index gives NUMPY"}},
		{"an address", "URL/simple/files/numpy", "https://evil.example/files/numpy", false, []string{
			`numpy 1.26.4 numpy-1.26.4-py3-none-any.whl: the lock has it at "https://evil.example/files/numpy-1.26.4-py3-none-any.whl" and the index at "URL/simple/files/numpy-1.26.4-py3-none-any.whl"`,
		}},
		{"a file more", "numpy-1.26.4-py3", "numpy-1.26.4-1-py3", false, []string{"numpy 1.26.4 numpy-1.26.4-1-py3-none-any.whl: the index does not list it"}},
		{"no answer", "", "", true, []string{`numpy 1.26.4: it and what else is as it was in the lock cannot be held against the index: "URL/simple/numpy/": the server answers 401 unauthorized`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := fakeindex.Start()
			t.Cleanup(s.Close)
			simple := s.Index("/simple")
			numpy := simple.Add(fakeindex.Wheel{Name: "numpy", Version: "1.26.4"})
			torch := s.Index("/whl/cpu").Add(fakeindex.Wheel{Name: "torch", Version: "2.5.1+cpu", Tags: "cp311-cp311-linux_x86_64"})
			lock := uvLock("URL/whl/cpu", `, hash = "sha256:`+torch+`"`, `, hash = "sha256:NUMPY"`)
			if tt.old != "" {
				lock = strings.ReplaceAll(lock, tt.old, tt.changed)
			}
			lock = strings.NewReplacer("URL", s.URL, "NUMPY", numpy).Replace(lock)
			if tt.down {
				simple.User, simple.Password = "a", "b"
			}
			path, _ := fakeUV(t, "uv.lock", lock)
			for _, before := range []string{lock, ""} { // without one, the tool has asked the index itself
				files := map[string]string{"pyproject.toml": uvProject, "uv.lock": before}
				want := tt.want
				if before == "" {
					delete(files, "uv.lock")
					want = nil
				}
				r, err := relock.Lock(t.Context(), open(t, project(t, s, files), relock.Selection{}), lockOptions(path))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, p := range r.Problems {
					got = append(got, strings.NewReplacer(s.URL, "URL", numpy, "NUMPY").Replace(p.String()))
				}
				if !slices.Equal(got, want) || r.Good() != (len(want) == 0) || r.Incomplete() != tt.down && len(want) > 0 {
					t.Errorf("with %d bytes before: got %q, want %q", len(before), got, want)
				}
			}
		})
	}
}

// A lock without anything of a project that asks for something is none.
func TestNothingLocked(t *testing.T) {
	s := fakeindex.Start()
	t.Cleanup(s.Close)
	const empty = "version = 1\nrequires-python = \">=3.11\"\n[[package]]\nname = \"demo\"\nversion = \"0.1\"\nsource = { virtual = \".\" }\n"
	path, _ := fakeUV(t, "uv.lock", empty)
	for list, want := range map[string]int{`["torch"]`: 1, `[]`: 0, `["torch; sys_platform == 'win32'"]`: 0} {
		dir := project(t, s, map[string]string{"pyproject.toml": "[project]\nname = \"demo\"\nversion = \"0.1\"\ndependencies = " + list + "\n"})
		r, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{}), lockOptions(path))
		if err != nil || len(r.Problems) != want || want > 0 && !strings.Contains(r.Problems[0].Text, "made a lock without any package") {
			t.Errorf("%s: %v, %v", list, r.Problems, err)
		}
	}
}

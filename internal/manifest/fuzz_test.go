package manifest

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// fuzzKind seeds a target with the vectors of its kind, and holds the reader to
// what it promises of any input.
func fuzzKind(f *testing.F, kind Kind) {
	f.Helper()
	names, err := filepath.Glob(vectorFiles)
	if err != nil || len(names) == 0 {
		f.Fatalf("no vectors: %v", err)
	}
	seeds := 0
	for _, name := range names {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		path, _, _ := strings.Cut(ar.Files[0].Name, " ")
		if k, _ := Identify(path, ar.Files[0].Data); k == kind {
			f.Add(ar.Files[0].Data)
			seeds++
		}
	}
	if seeds == 0 {
		f.Fatalf("no vector is of the kind %s", kind)
	}
	f.Fuzz(func(t *testing.T, b []byte) { holds(t, kind, b) })
}

// holds checks that a reading is one of two results, within its limits, and the
// same each time.
func holds(t *testing.T, kind Kind, b []byte) {
	t.Helper()
	lim := Limits{Bytes: 1 << 20, Packages: 500, Values: 20_000, Problems: 50}
	got, err := Read(kind, "file", b, lim)
	again, err2 := Read(kind, "file", b, lim)
	if diff := cmp.Diff(describe(got, err), describe(again, err2)); diff != "" {
		t.Fatalf("two readings differ: %s", diff)
	}
	if err != nil {
		var syntax *SyntaxError
		if got != nil || !errors.As(err, &syntax) || syntax.Path != "file" {
			t.Fatalf("got %v and %v", got, err)
		}
		return
	}
	if len(got.Packages) > lim.Packages || len(got.Problems) > lim.Problems+1 {
		t.Fatalf("%d packages, %d problems", len(got.Packages), len(got.Problems))
	}
	for _, p := range got.Packages {
		if p.Name == "" && p.Source.Type == AnyIndex {
			t.Fatalf("a package without a name and a source: %+v", p)
		}
		if p.Source.URL != "" && p.Line == 0 && kind != CondaInstalled {
			t.Fatalf("a source without a line: %+v", p)
		}
	}
}

func FuzzRequirements(f *testing.F)   { fuzzKind(f, Requirements) }
func FuzzPyProject(f *testing.F)      { fuzzKind(f, PyProject) }
func FuzzSetupCfg(f *testing.F)       { fuzzKind(f, SetupCfg) }
func FuzzSetupPy(f *testing.F)        { fuzzKind(f, SetupPy) }
func FuzzPoetryLock(f *testing.F)     { fuzzKind(f, PoetryLock) }
func FuzzUVLock(f *testing.F)         { fuzzKind(f, UVLock) }
func FuzzPDMLock(f *testing.F)        { fuzzKind(f, PDMLock) }
func FuzzPipfile(f *testing.F)        { fuzzKind(f, Pipfile) }
func FuzzPipfileLock(f *testing.F)    { fuzzKind(f, PipfileLock) }
func FuzzPyLock(f *testing.F)         { fuzzKind(f, PyLock) }
func FuzzCondaEnv(f *testing.F)       { fuzzKind(f, CondaEnv) }
func FuzzCondaLock(f *testing.F)      { fuzzKind(f, CondaLock) }
func FuzzCondaInstalled(f *testing.F) { fuzzKind(f, CondaInstalled) }
func FuzzCondaExplicit(f *testing.F)  { fuzzKind(f, CondaExplicit) }
func FuzzUVConfig(f *testing.F)       { fuzzKind(f, UVConfig) }
func FuzzDockerfile(f *testing.F)     { fuzzKind(f, Dockerfile) }
func FuzzNotebook(f *testing.F)       { fuzzKind(f, Notebook) }

func FuzzInstalled(f *testing.F) {
	f.Add("Name: a\nVersion: 1\nRequires-Dist: b\n", "a/__init__.py,,\n\"a,b\",,\n", `{"url":"file:///x","dir_info":{}}`)
	f.Fuzz(func(t *testing.T, metadata, record, direct string) {
		files := map[string]string{"METADATA": metadata, "RECORD": record, "direct_url.json": direct}
		got, err := ReadInstalled("a-1.dist-info", func(name string) ([]byte, error) {
			if s, ok := files[name]; ok {
				return []byte(s), nil
			}
			return nil, fs.ErrNotExist
		}, Limits{})
		if (got == nil) == (err == nil) {
			t.Fatalf("got %v and %v", got, err)
		}
	})
}

func FuzzIdentify(f *testing.F) {
	f.Add("requirements/dev.txt", []byte("torch==1\n"))
	f.Add("a/environment-gpu.yml", []byte("dependencies:\n"))
	f.Fuzz(func(t *testing.T, name string, head []byte) {
		if kind, ok := Identify(name, head); ok && kind == "" {
			t.Fatal("a kind without a name")
		}
	})
}

package scan_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/scan"
)

// TestSameOutput: one job or eight, once or again, every format is the same to
// the byte.
func TestSameOutput(t *testing.T) {
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range report.Formats() {
		var want []byte
		for _, jobs := range []int{1, 8, 8} {
			var out bytes.Buffer
			h, err := report.New(format, &out, report.Options{Catalogue: rules})
			if err != nil {
				t.Fatal(err)
			}
			if err := scan.Paths(t.Context(), []string{golden + "/torch-2.6", "../examples"}, scan.Options{Jobs: jobs}, h); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = out.Bytes()
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("%s differs with %d jobs", format, jobs)
			}
		}
		if len(want) < 1000 {
			t.Errorf("%s is %d bytes", format, len(want))
		}
	}
}

// goldenFiles are the files of the golden corpus that pass.
func goldenFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(golden, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(p, ".json") && filepath.Base(filepath.Dir(p)) != "hostile" {
			files = append(files, p)
		}
		return err
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// TestTruncated: what is left of a file that was cut does not pass, unless the
// rest is whole.
func TestTruncated(t *testing.T) {
	files := goldenFiles(t)
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		file := files[n%len(files)]
		b := readFile(t, file)
		if len(b) < 2 {
			continue
		}
		cut := random.IntN(len(b))
		a := lookBytes(t, filepath.Base(file), b[:cut])
		if a.Verdict.Passes() && !wholeWithout(file, b, cut) {
			t.Errorf("%s cut to %d of %d bytes is %s (%s)", file, cut, len(b), a.Verdict, a.Format)
		}
	}
}

// wholeWithout reports whether a loader has all it needs before the cut.
func wholeWithout(file string, b []byte, cut int) bool {
	// The end of a tar is zeros, of which readers need none.
	if strings.HasSuffix(file, ".tar.pt") {
		return len(bytes.Trim(b[cut:], "\x00")) == 0
	}
	return false
}

// TestDamaged: random bytes changed never make looking panic, or take long.
func TestDamaged(t *testing.T) {
	files := goldenFiles(t)
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 400 {
		file := files[random.IntN(len(files))]
		b := slices.Clone(readFile(t, file))
		for range 1 + n%8 {
			if len(b) > 0 {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
		}
		begin := time.Now()
		a := lookBytes(t, filepath.Base(file), b)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s, damage %d: took %v", file, n, took)
		}
		if hasRule(a, "FMT903") {
			t.Errorf("%s, damage %d: panics: %s", file, n, reasonsOf(a))
		}
	}
}

func readFile(t *testing.T, p string) []byte {
	t.Helper()
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lookBytes looks at bytes under a name.
func lookBytes(t *testing.T, name string, b []byte) finding.Artifact {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := scan.File(t.Context(), p, scan.Options{Jobs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if hasRule(a, "FMT903") {
		t.Errorf("%s panics: %s", name, reasonsOf(a))
	}
	return a
}

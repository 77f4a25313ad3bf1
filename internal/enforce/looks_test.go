package enforce

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/magic"
)

func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		if _, err := z.Create(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func squeezed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLooks(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       magic.Kind
		model      bool
	}{
		{"x.dat", "\x80\x02}q\x00.", magic.Pickle, true},
		{"x.txt", "cos\nsystem\n(S'x'\ntR.", magic.Pickle, true},
		{"x.py", "import torch\n", magic.Text, false},
		{"x.py", "class Net(torch.nn.Module):\n    pass\n", magic.Text, false},
		{"config.json", `{"a": 1}`, magic.JSON, false},
		{"empty.pt", "", magic.Empty, false},
		{"x", "\x93NUMPY\x01\x00", magic.NPY, true},
		{"x", "GGUF\x03\x00\x00\x00", magic.GGUF, true},
		{"noise.pt", "\x01\xfe\xfd\xfc", magic.Unknown, true},
		{"noise.dat", "\x01\xfe\xfd\xfc", magic.Unknown, false},
		{"x.dat", zipped(t, "archive/data.pkl"), magic.Zip, true},
		{"x.dat", zipped(t, "a.npy"), magic.Zip, true},
		{"x.whl", zipped(t, "pkg/__init__.py", "pkg/code.py"), magic.Zip, false},
		{"x.pt", zipped(t, "a"), magic.Zip, true},
		{"x.dat", "PK\x03\x04 and no directory", magic.Zip, true},
		{"x.png", "\x89PNG" + zipped(t, "archive/data.pkl"), magic.ZipAppended, true},
		{"x.dat", squeezed(t, "\x80\x04N."), magic.Gzip, true},
		{"x.log.gz", squeezed(t, strings.Repeat("line of a log\n", 1000)), magic.Gzip, false},
		{"x.pkl", squeezed(t, "text"), magic.Gzip, true},
	} {
		kind, model, err := Looks(c.name, strings.NewReader(c.text), int64(len(c.text)))
		if err != nil || kind != c.kind || model != c.model {
			t.Errorf("%s %.20q: %q, %v, %v, want %q, %v", c.name, c.text, kind, model, err, c.kind, c.model)
		}
	}
	if _, model, err := Looks("x", strings.NewReader("x"), 5); err == nil || !model {
		t.Error("a file that became shorter is none that could be looked at")
	}
}

// No source of this project, in Go, Python or prose, is taken for a model.
func TestLooksAtText(t *testing.T) {
	seen := 0
	for _, dir := range []string{"../../docs/spec", "../../docs/adr", "../../python/src/andiron", ".", "../magic", "../../tools"} {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if e.IsDir() {
				continue
			}
			b, err := os.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if kind, model, err := Looks(e.Name(), bytes.NewReader(b), int64(len(b))); model || err != nil {
				t.Errorf("%s/%s: %q, %v, %v", dir, e.Name(), kind, model, err)
			}
		}
	}
	if seen < 50 {
		t.Fatalf("saw %d files", seen)
	}
}

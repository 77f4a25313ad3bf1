package enforce

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
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

func zippedText(t *testing.T, name, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(t *testing.T, text string) string {
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

func zlibbed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// flipped has another bit at a place from the end, such as in a checksum.
func flipped(text string, at int) string {
	b := []byte(text)
	b[len(b)+at] ^= 1
	return string(b)
}

func cut(text string, n int) string { return text[:n] }

// numbered is text that does not compress to nearly nothing.
func numbered(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "line %d of a log: %x\n", i, i*7919)
	}
	return b.String()
}

// xzFiltered is a block with "\x80", and one with the rest of a pickle behind a filter of
// deltas, which CPython's lzma undoes.
const xzFiltered = "\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3" +
	"\x01\x00\x00\x80\x00\x00\x00\x00\x1b\x30\xe0\xb3\xe6\xf6\xc1\xd6\x00\x01\x19\x01\xa5\x2c\x81\xcc" +
	"\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a\xfd\x37\x7a\x58\x5a\x00\x00\x04\xe6\xd6\xb4\x46" +
	"\x02\x01\x03\x01\x00\x21\x01\x16\x79\x20\xc4\xee\x01\x00\x02\x04\x4a\xe0\x00\x00\x82\x2e\x13\xf1" +
	"\x9e\x82\x88\x6c\x00\x01\x1b\x03\x0b\x2f\xb9\x10\x1f\xb6\xf3\x7d\x01\x00\x00\x00\x00\x04\x59\x5a"

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
		{"upper.dat", zipped(t, "x/DATA.PKL", "x/VERSION", "x/DATA/0"), magic.Zip, true}, // miniz takes these
		{"x.jpg", zipped(t, "x/dAta.pKl"), magic.Zip, true},
		{"x.dat", zippedText(t, "a", "\x93NUMPY\x01\x00"), magic.Zip, true}, // as numpy.load tells them
		{"x.jar", zippedText(t, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0"), magic.Zip, false},
		{"x.xlsx", zippedText(t, "xl/Workbook.XML", "<workbook/>"), magic.Zip, false},
		{"x.whl", zipped(t, "pkg/__init__.py", "pkg/code.py"), magic.Zip, false},
		{"x.pt", zipped(t, "a"), magic.Zip, true},
		{"x.dat", "PK\x03\x04 and no directory", magic.Zip, true},
		{"x.png", "\x89PNG" + zipped(t, "archive/data.pkl"), magic.ZipAppended, true},
		{"x.dat", gzipped(t, "\x80\x04N."), magic.Gzip, true},
		{"x.log.gz", gzipped(t, strings.Repeat("line of a log\n", 1000)), magic.Gzip, false},
		{"x.pkl", gzipped(t, "text"), magic.Gzip, true},
		{"x.gz", gzipped(t, zipped(t, "archive/data.pkl")), magic.Gzip, true},
		{"x.gz", gzipped(t, zipped(t, "pkg/code.py")), magic.Gzip, true}, // its directory is not looked for
		{"x.gz", gzipped(t, "\x89PNG"+zipped(t, "archive/data.pkl")), magic.Gzip, true},
		{"x.gz", gzipped(t, gzipped(t, "\x80\x04N.")), magic.Gzip, true},
		{"x.gz", gzipped(t, gzipped(t, "text")), magic.Gzip, false},
		{"x.gz", gzipped(t, zlibbed(t, "\x80\x04N.")), magic.Gzip, true},
		{"x.gz", gzipped(t, zlibbed(t, "text of a log, with some words")), magic.Gzip, false},
		{"x.gz", gzipped(t, zlibbed(t, zlibbed(t, zlibbed(t, zlibbed(t, "text"))))), magic.Gzip, true}, // too deep
		{"x.gz", gzipped(t, "a,b\n1,2\n"), magic.Gzip, false},
		{"x.gz", gzipped(t, `{"a": 1}`), magic.Gzip, false},
		{"x.gz", gzipped(t, ""), magic.Gzip, false},
		{"x.gz", gzipped(t, "x^2,y\n1,2\n"), magic.Gzip, false}, // begins as zlib would
		{"x.txt", "x^2 + y^2 = z^2, and so on for all that follows\n", magic.Zlib, false},
		{"idx.gz", gzipped(t, "\x00\x00\x08\x03\x00\x00\xea\x60\x00\x00\x00\x1c\x00\x00\x00\x1c"+strings.Repeat("\x00", 5000)), magic.Gzip, false},
		{"x.gz", gzipped(t, gzipped(t, strings.Repeat("text", 1<<20))), magic.Gzip, false},
		{"x.gz", gzipped(t, gzipped(t, zipped(t, "archive/data.pkl"))), magic.Gzip, true},
		{"x.gz", gzipped(t, "\x78\x9c"+strings.Repeat("\x00\x00\x00\xff\xff", 1<<18)+"\x01\x04\x00\xfb\xff\x80\x04N."), magic.Gzip, true}, // begins late
		{"x.xz", xzFiltered, magic.XZ, true},
		// Streams that break: what came before is what a loader has read.
		{"x.gz", flipped(gzipped(t, "\x80\x04N."), -6), magic.Gzip, true},
		{"x.z", flipped(zlibbed(t, "\x80\x04N."), -2), magic.Zlib, true},
		{"x.gz", flipped(gzipped(t, zipped(t, "archive/data.pkl")), -6), magic.Gzip, true},
		{"x.log.gz", cut(gzipped(t, numbered(2000)), 400), magic.Gzip, false}, // is still written
		{"x.gz", cut(gzipped(t, numbered(2000)), 10), magic.Gzip, false},
		{"x.gz", "\x1f\x8b\x07\x00\x00\x00\x00\x00\x00\x03 by another method", magic.Gzip, true}, // nobody knows who reads it
		{"x.gz", strings.Repeat(gzipped(t, ""), 200) + gzipped(t, "\x80\x04N."), magic.Gzip, true},
		{"x.gz", gzipped(t, "li") + flipped(gzipped(t, "ne of a log"), -6), magic.Gzip, false},
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

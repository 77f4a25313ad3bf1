package strictzip

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goldenDir = "../../testdata/golden/torch"

// goldenZips calls f for every golden file that begins with a local header.
func goldenZips(t testing.TB, f func(path string, data []byte)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(goldenDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".json") {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(b, localSig) && !strings.HasSuffix(path, ".distcp") {
			n++
			f(path, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 200 {
		t.Fatalf("%d golden zips, want at least 200", n)
	}
}

// TestGolden: what real torch wrote has no issues, and archive/zip agrees.
func TestGolden(t *testing.T) {
	// The hostile samples, and those that another tool has packed again.
	odd := map[string][]Kind{
		"duplicate_data_pkl.pt":   {DuplicateName},
		"bad_crc.pt":              {DescriptorBroken},
		"entry_outside_prefix.pt": {DotDotName},
	}
	goldenZips(t, func(path string, data []byte) {
		a, err := Open(bytes.NewReader(data), int64(len(data)), Limits{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		want := odd[filepath.Base(path)]
		for _, k := range want {
			if !a.Has(k) {
				t.Errorf("%s: no issue %s", path, k)
			}
		}
		if len(want) == 0 {
			for _, is := range a.Issues {
				t.Errorf("%s: %s: %s", path, is.Kind, is.Text)
			}
		}
		compareStd(t, path, a, data)
	})
}

func compareStd(t *testing.T, path string, a *Archive, data []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Errorf("%s: archive/zip: %v", path, err)
		return
	}
	if len(z.File) != a.Len() {
		t.Errorf("%s: %d entries, archive/zip has %d", path, a.Len(), len(z.File))
		return
	}
	for i, f := range z.File {
		e := a.Entry(i)
		off, err := f.DataOffset()
		if err != nil || off != e.DataOffset || f.Name != e.RawName || f.Method != e.Method || f.Flags != e.Flags ||
			f.CRC32 != e.CRC || f.UncompressedSize64 != uint64(e.Size) || f.CompressedSize64 != uint64(e.CompressedSize) {
			t.Errorf("%s: entry %d = %+v, archive/zip has %+v at %d, %v", path, i, e, f.FileHeader, off, err)
		}
		got, err := a.Read(i, 1<<24)
		if err != nil || int64(len(got)) != e.Size {
			t.Errorf("%s: Read(%q) = %d bytes, %v", path, e.Name, len(got), err)
		}
	}
}

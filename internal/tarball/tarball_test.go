package tarball

import (
	"archive/tar"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func build(t testing.TB, hs ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range hs {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func list(b []byte, lim Limits) (*Archive, error) {
	return List(bytes.NewReader(b), int64(len(b)), lim)
}

func sample(t testing.TB) []byte {
	t.Helper()
	return build(t,
		tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755},
		tar.Header{Name: "d/pickle", Typeflag: tar.TypeReg, Size: 3},
		tar.Header{Name: "d/pickle", Typeflag: tar.TypeReg, Size: 600},
		tar.Header{Name: "../up", Typeflag: tar.TypeReg},
		tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "d/pickle"},
		tar.Header{Name: strings.Repeat("long/", 60) + "x", Typeflag: tar.TypeReg, Size: 1, Format: tar.FormatPAX},
	)
}

func TestList(t *testing.T) {
	got, err := list(sample(t), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Member{
		{Name: "d/", Type: Dir, Offset: 512},
		{Name: "d/pickle", Type: File, Offset: 1024, Size: 3},
		{Name: "d/pickle", Type: File, Offset: 2048, Size: 600, Duplicate: true},
		{Name: "../up", Type: File, Offset: 3584, Flaws: []Flaw{FlawParent}},
		{Name: "l", Type: Symlink, Link: "/etc/passwd", Offset: 4096, LinkFlaws: []Flaw{FlawAbsolute}},
		{Name: "h", Type: Hardlink, Link: "d/pickle", Offset: 4608},
		{Name: strings.Repeat("long/", 60) + "x", Type: File, Offset: 6144, Size: 1},
	}
	if d := cmp.Diff(want, got.Members); d != "" {
		t.Error(d)
	}
}

func TestBroken(t *testing.T) {
	b := build(t, tar.Header{Name: "a", Size: 600}, tar.Header{Name: "b", Size: 600})
	for _, tt := range []struct {
		name string
		b    []byte
		n    int
	}{{"cut in data", b[:1024], 1}, {"cut in the last data", b[:2200], 2}, {"cut in header", b[:1700], 1}, {"empty", nil, 0}, {"junk", []byte(strings.Repeat("junk", 300)), 0}} {
		got, err := list(tt.b, Limits{})
		var se *SyntaxError
		if !errors.As(err, &se) || len(got.Members) != tt.n {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
	}
	if got, err := list(append(bytes.Clone(b), "hidden"...), Limits{}); err != nil || got.Trailing != 6 {
		t.Errorf("trailing: got %+v, %v", got, err)
	}
	if got, err := list(b, Limits{Members: 1}); !errors.Is(err, bounded.ErrLimit) || len(got.Members) != 1 {
		t.Errorf("limit: got %+v, %v", got, err)
	}
}

func TestFlaws(t *testing.T) {
	for _, tt := range []struct {
		path string
		want []Flaw
	}{
		{"a/b.bin", nil},
		{"model-00001-of-00002.safetensors", nil},
		{"a..b/c...d", nil},
		{"./a", nil},
		{"", []Flaw{FlawEmpty}},
		{"/etc/passwd", []Flaw{FlawAbsolute}},
		{"a/../../b", []Flaw{FlawParent}},
		{"..", []Flaw{FlawParent}},
		{".. /x", []Flaw{FlawParent}},
		{`..\x`, []Flaw{FlawParent, FlawBackslash}},
		{`\\host\share`, []Flaw{FlawAbsolute, FlawBackslash}},
		{"a:b", []Flaw{FlawDrive}},
		{`C:\x`, []Flaw{FlawBackslash, FlawDrive}},
		{"https://example.com/x", []Flaw{FlawURL}},
		{"file:///x", []Flaw{FlawURL}},
		{"a\x00b", []Flaw{FlawControl}},
		{"~/x", []Flaw{FlawHome}},
		{"$HOME/x", []Flaw{FlawVariable}},
		{"%APPDATA%/x", []Flaw{FlawVariable}},
	} {
		if d := cmp.Diff(tt.want, Flaws(tt.path)); d != "" {
			t.Errorf("%q: %s", tt.path, d)
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add(sample(f))
	f.Add(build(f, tar.Header{Name: "a", Size: 600}))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Members: 100}
		got, err := list(b, lim)
		again, err2 := list(b, lim)
		if d := cmp.Diff(got, again); d != "" || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input", d)
		}
		for _, m := range got.Members {
			if err == nil && !m.Sparse && m.Type == File && (m.Offset < 0 || m.Offset+m.Size > int64(len(b))) {
				t.Errorf("a member outside of the file: %+v", m)
			}
		}
	})
}

package strictzip

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func open(t testing.TB, b []byte) *Archive {
	t.Helper()
	a, err := Open(bytes.NewReader(b), int64(len(b)), Limits{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return a
}

func kinds(a *Archive) []Kind {
	var ks []Kind
	for _, is := range a.Issues {
		if !slices.Contains(ks, is.Kind) {
			ks = append(ks, is.Kind)
		}
	}
	slices.Sort(ks)
	return ks
}

func TestIssues(t *testing.T) {
	one := part{name: "a/data.pkl", data: "N."}
	with := func(f func(*part)) []byte { p := one; f(&p); return build(p) }
	whole := build(one)
	tests := []struct {
		name string
		b    []byte
		want []Kind
	}{
		{"honest", whole, nil},
		{"prefix kept in the offsets", build(part{name: "a/x", data: "1", before: "MZ junk"}), []Kind{NotAtStart, PrefixData}},
		{"prefix put before", append([]byte("junk"), whole...), []Kind{NotAtStart, PrefixData, ShiftedOffsets}},
		{"trailing", append(slices.Clone(whole), "tail"...), []Kind{TrailingData}},
		{"gap", build(one, part{name: "a/x", data: "1", before: "????"}), []Kind{GapData}},
		{"hidden entry", build(part{name: "a/h", data: "x", unlisted: true}, one), []Kind{HiddenEntry, PrefixData}},
		{"hidden in the middle", build(one, part{name: "a/h", data: "x", unlisted: true}, part{name: "a/v", data: "3"}), []Kind{GapData, HiddenEntry}},
		{"duplicate", build(one, one), []Kind{DuplicateName}},
		{"letter case", build(one, part{name: "a/DATA.pkl"}), []Kind{NameCollision}},
		{"NUL", build(one, part{name: "a/data.pkl\x00x"}), []Kind{NameCollision, NulName}},
		{"Unicode path", with(func(p *part) { p.extra = "up\x08\x00\x01????a/x" }), []Kind{NameMismatch}},
		{"Unicode path that says the same", with(func(p *part) { p.extra = "up\x0f\x00\x01????a/data.pkl" }), nil},
		{"local name", with(func(p *part) { p.local = "a/other" }), []Kind{NameMismatch}},
		{"local flags", with(func(p *part) { p.lflags = 1 }), []Kind{FlagsMismatch}},
		{"encrypted", with(func(p *part) { p.flags = 1 }), []Kind{Encrypted}},
		{"method", with(func(p *part) { p.method = 12 }), []Kind{UnsupportedMethod}},
		{"CRC", with(func(p *part) { p.crc = 7 }), []Kind{CRCMismatch}},
		{"sizes", with(func(p *part) { p.size = 9 }), []Kind{SizeMismatch, StoredSizes}},
		{"padding", with(func(p *part) { p.lextra = "FB\x04\x00ZZZZ" }), nil},
		{"padding with content", with(func(p *part) { p.lextra = "FB\x04\x00ZevZ" }), []Kind{PaddingContent}},
		{"broken extra", with(func(p *part) { p.extra = "FB\xff\x00" }), []Kind{ExtraBroken}},
		{"backslash", with(func(p *part) { p.name = `a\..\x` }), []Kind{BackslashName, DotDotName}},
		{"absolute", with(func(p *part) { p.name = "/etc/x" }), []Kind{AbsoluteName}},
		{"not UTF-8", with(func(p *part) { p.name = "a/\xff" }), []Kind{NotUTF8Name}},
		{"unmarked", with(func(p *part) { p.name = "a/é" }), []Kind{UnmarkedName}},
		{"long", with(func(p *part) { p.name = strings.Repeat("n", 600) }), []Kind{LongName}},
		{"empty", with(func(p *part) { p.name = "" }), []Kind{EmptyName}},
		{"symlink", with(func(p *part) { p.attrs = 0o120777 << 16 }), []Kind{Symlink}},
		{"directory with data", with(func(p *part) { p.name = "a/" }), []Kind{DirectoryData}},
		{"version", with(func(p *part) { p.version = 43 }), []Kind{VersionNeeded}},
	}
	for _, tt := range tests {
		if got := kinds(open(t, tt.b)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: issues %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestOverlap: two directory entries over one local header.
func TestOverlap(t *testing.T) {
	b := build(part{name: "a/y", data: "0"}, part{name: "a/x", data: "1"}, part{name: "a/z", data: "2", headerOff: 34})
	a := open(t, b)
	if !a.Has(Overlap) || !a.Has(NameMismatch) {
		t.Errorf("issues %q", kinds(a))
	}
}

// TestEnds: two end records, one in the comment of the other.
func TestEnds(t *testing.T) {
	first := build(part{name: "a/one", data: "1"})
	inner := build(part{name: "a/second", data: "2"})
	b := bytes.Clone(first[:len(first)-2])
	b = append(b, byte(len(inner)), byte(len(inner)>>8))
	b = append(b, inner...)
	a := open(t, b)
	if len(a.Others) == 0 || !a.Has(SeveralEnds) {
		t.Fatalf("others %d, issues %q", len(a.Others), kinds(a))
	}
	var names []string
	for _, x := range append([]*Archive{a}, a.Others...) {
		for i := range x.Len() {
			names = append(names, x.Entry(i).Name)
		}
	}
	if !slices.Contains(names, "a/one") || !slices.Contains(names, "a/second") {
		t.Errorf("names %q, want both archives", names)
	}
}

// TestStoredArchive: an archive inside of an entry is not a second reading.
func TestStoredArchive(t *testing.T) {
	inner := build(part{name: "b/data.pkl", data: "N."})
	a := open(t, build(part{name: "a/inner.zip", data: string(inner)}, part{name: "a/v", data: "3"}))
	if len(a.Issues) != 0 || len(a.Others) != 0 {
		t.Errorf("issues %q, others %d", kinds(a), len(a.Others))
	}
}

// TestBeyond: Python reads the directory by size, miniz by count.
func TestBeyond(t *testing.T) {
	b := build(part{name: "a/one", data: "1"}, part{name: "a/two", data: "2"})
	n := len(b)
	b[n-14], b[n-12] = 1, 1
	a := open(t, b)
	if !a.Has(CountMismatch) || a.Len() != 2 || !a.Entry(1).Beyond {
		t.Fatalf("issues %q, %d entries", kinds(a), a.Len())
	}
	if got := a.Locate("a/two"); got != -1 {
		t.Errorf("Locate = %d, want -1", got)
	}
	if got := a.Lookup("a/two"); len(got) != 1 || got[0].Entry != 1 {
		t.Errorf("Lookup = %v", got)
	}
}

// TestLookupTorch: Locate finds what real torch loads (testdata/vectors/zip).
func TestLookupTorch(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/vectors/zip/lookup.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Names []string
		Found map[string]int
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) < 100 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		var ps []part
		for _, n := range c.Names {
			ps = append(ps, part{name: n, data: "x"})
		}
		a := open(t, build(ps...))
		for name, want := range c.Found {
			if got := a.Locate(name); got != want {
				t.Errorf("%q: Locate(%q) = %d, torch loads %d", c.Names, name, got, want)
			}
		}
	}
}

func TestLookupDisagreement(t *testing.T) {
	a := open(t, build(part{name: "a/data.pkl"}, part{name: "a/v"}, part{name: "a/DATA.PKL"}))
	got := a.Lookup("a/data.pkl")
	if len(got) != 2 {
		t.Errorf("Lookup = %v, want two entries", got)
	}
}

func TestDeflate(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	text := strings.Repeat("andiron ", 100_000)
	f, _ := w.Create("a/data.pkl")
	_, _ = io.WriteString(f, text)
	_ = w.Close()
	a := open(t, buf.Bytes())
	got, err := a.Read(0, 1<<20)
	if err != nil || string(got) != text {
		t.Errorf("Read = %d bytes, %v", len(got), err)
	}
	if ok, err := a.VerifyCRC(0); !ok || err != nil {
		t.Errorf("VerifyCRC = %v, %v", ok, err)
	}
	if _, err := a.Read(0, 1000); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("Read over the limit: %v", err)
	}
	if _, err := a.Section(0); err == nil {
		t.Error("Section of a deflated entry")
	}
	if !a.Has(RatioHigh) && a.Entry(0).Size/a.Entry(0).CompressedSize > 200 && a.Entry(0).Size > 1<<20 {
		t.Error("no RatioHigh")
	}
}

func TestLimits(t *testing.T) {
	var ps []part
	for range 50 {
		ps = append(ps, part{name: "a/x"})
	}
	b := build(ps...)
	if _, err := Open(bytes.NewReader(b), int64(len(b)), Limits{MaxEntries: 10}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("entries over the limit: %v", err)
	}
	if _, err := Open(bytes.NewReader(b), int64(len(b)), Limits{MaxDirectory: 10}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("directory over the limit: %v", err)
	}
	if _, err := Open(strings.NewReader("not a zip"), 9, Limits{}); !errors.Is(err, ErrFormat) {
		t.Errorf("no zip: %v", err)
	}
}

// countingReader counts reads, and lets a test stand for a huge file.
type countingReader struct {
	r     io.ReaderAt
	reads int
	bytes int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.bytes += int64(len(p))
	return c.r.ReadAt(p, off)
}

// TestReadsOnlyHeaders: entry data is not read.
func TestReadsOnlyHeaders(t *testing.T) {
	var ps []part
	for range 50 {
		ps = append(ps, part{name: "a/x", data: strings.Repeat("0", 200_000)})
	}
	b := build(ps...)
	c := &countingReader{r: bytes.NewReader(b)}
	if _, err := Open(c, int64(len(b)), Limits{}); err != nil {
		t.Fatal(err)
	}
	if c.reads > 70 || c.bytes > 300_000 {
		t.Errorf("%d reads of %d bytes for 50 entries", c.reads, c.bytes)
	}
}

// TestManyEntries: the directory at its limit stays quick.
func TestManyEntries(t *testing.T) {
	ps := make([]part, 100_000)
	for i := range ps {
		ps[i] = part{name: "a/" + strings.Repeat("X", i%7), headerOff: 0}
	}
	b := build(ps...)
	tail := b[len(b)-endLen:]
	le.PutUint16(tail[8:], 34464) // 100,000 modulo 65,536, as readers without zip64 write it
	le.PutUint16(tail[10:], 34464)
	a := open(t, b)
	if a.Len() != 100_000 || a.More[DuplicateName] == 0 {
		t.Errorf("%d entries, %d issues more", a.Len(), a.More[DuplicateName])
	}
	if got := a.Lookup("a/xx"); len(got) < 2 {
		t.Errorf("Lookup = %v", got)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(build(part{name: "a/data.pkl", data: "N."}, part{name: "a/v", data: "3", flags: 8}))
	f.Add(build(part{name: "a/h", data: "x", unlisted: true}, part{name: "a/DATA.PKL", lextra: "FB\x04\x00ZZZZ"}))
	goldenZips(f, func(_ string, b []byte) {
		if len(b) < 2500 {
			f.Add(b)
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{MaxEntries: 1000}
		a, err := Open(bytes.NewReader(b), int64(len(b)), lim)
		if err != nil {
			return
		}
		again, err := Open(bytes.NewReader(b), int64(len(b)), lim)
		if err != nil || !slices.Equal(a.Issues, again.Issues) || !slices.Equal(entries(a), entries(again)) {
			t.Fatalf("two runs differ: %v", err)
		}
		for i := range a.Len() {
			_, _ = a.Read(i, 1<<16)
			a.Lookup(a.Entry(i).Name)
			_, _ = a.VerifyCRC(min(i, 3))
		}
	})
}

func entries(a *Archive) (list []Entry) {
	for i := range a.Len() {
		list = append(list, *a.Entry(i))
	}
	return list
}

func BenchmarkOpen300(b *testing.B) {
	var ps []part
	for range 300 {
		ps = append(ps, part{name: "archive/data/12", data: strings.Repeat("0", 100_000)})
	}
	data := build(ps...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(bytes.NewReader(data), int64(len(data)), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

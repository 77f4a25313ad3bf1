package advisory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
)

func load(t testing.TB, file []byte) *DB {
	t.Helper()
	db, err := Open(bytes.NewReader(file), int64(len(file)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func mustParse(t testing.TB, text string) *osv.Record {
	t.Helper()
	r, err := osv.Parse([]byte(text), osv.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

func mustBuild(t testing.TB, b *Builder, info Info) []byte {
	t.Helper()
	file, err := b.Build(info)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// mixed are records of every kind.
func mixed() []string {
	ranges := `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"2.0"}`) + `],"versions":["1.0","3.0+x","2004d"]`
	return []string{
		record("PYSEC-2025-1", `"aliases":["CVE-2025-1","GHSA-1"],"summary":"words","published":"1969-01-01T00:00:00Z","database_specific":{"severity":"HIGH","cwe_ids":["CWE-79","CWE-502"]},`+affected("a", ranges)),
		record("PYSEC-2025-2", `"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:L"}],`+affected("a", `"ranges":[`+events("GIT", `{"introduced":"0"}`)+`]`)),
		record("GHSA-3", `"affected":[{"package":{"ecosystem":"PyPI","name":"b"},`+ranges+`},{"package":{"ecosystem":"PyPI","name":"a"},"versions":["1.0"]},{"package":{"ecosystem":"PyPI","name":"A"},"versions":["9.0"]}]`),
		record("MAL-2025-4", affected("c", `"ranges":[`+events("SEMVER", `{"introduced":"0"}`)+`]`)),
		record("PYSEC-2025-5", `"withdrawn":"2026-01-01T00:00:00Z",`+affected("a", ranges)),
		record("GHSA-6", `"affected":[{"package":{"ecosystem":"npm","name":"b"}}]`),
		record("GHSA-7", affected("-", ranges)),
	}
}

func mixedBuilder(t testing.TB) *Builder {
	t.Helper()
	var b Builder
	for _, text := range mixed() {
		b.Add(mustParse(t, text))
	}
	b.Reject("broken.json", 0, errors.New("osv: not UTF-8"))
	return &b
}

func TestRoundTrip(t *testing.T) {
	info := Info{Source: "https://osv.example", ETag: `"1"`, LastModified: "today", Current: 3, Built: 4}
	file := mustBuild(t, mixedBuilder(t), info)
	db := load(t, file)
	got, err := db.Package("A")
	if err != nil {
		t.Fatal(err)
	}
	const modified = 1767323045
	want := []Advisory{
		{ID: "GHSA-3", Modified: modified, Versions: []string{"1.0", "9.0"}},
		{
			ID: "PYSEC-2025-1", Aliases: []string{"CVE-2025-1", "GHSA-1"}, Summary: "words", Severity: osv.Severity{Level: "high"},
			CWEs: []string{"CWE-79", "CWE-502"}, Published: -31536000, Modified: modified, Intervals: []Interval{{"", "2.0", Fixed}}, Versions: []string{"3.0"},
		},
		{
			ID: "PYSEC-2025-2", Severity: osv.Severity{Level: "medium", Score: 5.3, Vector: "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:L/A:L"},
			Modified: modified, Unclear: "the record names neither versions nor ranges of versions that can be compared",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	problems, err := db.Problems()
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 5 || problems[0].ID != "GHSA-3" || problems[4].ID != "broken.json" {
		t.Errorf("%+v", problems)
	}
	i := db.Info()
	if i.Records != 4 || i.Packages != 3 || i.Malicious != 1 || i.Withdrawn != 1 || i.Foreign != 1 || i.Rejected != 2 || i.Repaired != 3 || i.ETag != `"1"` || i.Newest != modified {
		t.Errorf("%+v", i)
	}

	// A database made from a database is the same, and so is one of the records in
	// another order.
	var again Builder
	if err := again.AddDB(db); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mustBuild(t, &again, info), file) {
		t.Error("made from itself, the database is another one")
	}
	var turned Builder
	turned.Reject("broken.json", 0, errors.New("osv: not UTF-8"))
	for _, text := range slices.Backward(mixed()) {
		turned.Add(mustParse(t, text))
	}
	if !bytes.Equal(mustBuild(t, &turned, info), file) {
		t.Error("made in another order, the database is another one")
	}
	if later := load(t, Stamped(file, 7, 8)); later.Info().Current != 7 || later.Info().Built != 8 || later.Info().Digest != i.Digest || later.Verify() != nil {
		t.Errorf("stamped: %+v", later.Info())
	}
}

// TestDelta: a database that changes are applied to is the one that is made of
// everything.
func TestDelta(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	texts := map[string]string{}
	var old Builder
	for i := range 300 {
		c := makeKnown(r, i)
		texts[c.id] = c.record
		old.Add(mustParse(t, c.record))
	}
	for _, text := range mixed() {
		rec := mustParse(t, text)
		texts[rec.ID] = text
		old.Add(rec)
	}
	db := load(t, mustBuild(t, &old, Info{}))
	var next Builder
	if err := next.AddDB(db); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old.Modified(), next.Modified()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	later := func(text string) string { return strings.Replace(text, "2026-01-02", "2026-02-02", 1) }
	change := func(id, text string) {
		texts[id] = text
		next.Add(mustParse(t, text))
	}
	change("PYSEC-2026-7", later(makeKnown(r, 7).record))
	change("PYSEC-2026-9", later(strings.Replace(texts["PYSEC-2026-9"], `"affected"`, `"withdrawn":"2026-02-02T00:00:00Z","affected"`, 1)))
	change("PYSEC-2025-5", later(strings.Replace(texts["PYSEC-2025-5"], `"withdrawn":"2026-01-01T00:00:00Z",`, "", 1)))
	change("PYSEC-2026-300", makeKnown(r, 300).record)
	next.Drop("PYSEC-2026-11")
	delete(texts, "PYSEC-2026-11")
	// What is older than what is there does not count.
	next.Add(mustParse(t, strings.Replace(record("PYSEC-2026-7", affected("x", `"versions":["1"]`)), "2026-01-02", "2025-01-02", 1)))

	var whole Builder
	for _, text := range texts {
		whole.Add(mustParse(t, text))
	}
	if diff := cmp.Diff(mustBuild(t, &whole, Info{}), mustBuild(t, &next, Info{})); diff != "" {
		t.Error("the changed database is not the one that is made of everything")
	}
}

func TestHostile(t *testing.T) {
	good := mustBuild(t, mixedBuilder(t), Info{Source: "x"})
	change := func(at int, to ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], to)
		seal(b)
		return b
	}
	for _, tt := range []struct {
		name string
		file []byte
		is   error
	}{
		{"empty", nil, ErrFormat},
		{"another file", []byte("PK\x03\x04" + strings.Repeat("x", 200)), ErrFormat},
		{"another version", change(7, 2), ErrFormat},
		{"the magic alone", good[:8], ErrFormat},
		{"truncated", good[:len(good)-1], ErrDamaged},
		{"longer", append(bytes.Clone(good), 0), ErrDamaged},
		{"a section of 2^64-1 bytes", change(sectionsAt+8, 255, 255, 255, 255, 255, 255, 255, 255), ErrDamaged},
		{"2^60 packages", nil, ErrDamaged},
	} {
		if tt.name == "2^60 packages" {
			info := good[sectionsAt]
			at := headerSize + int(info)
			tt.file = change(at, 0xff, 0xff, 0xff, 0xff, 0x0f)
		}
		if _, err := Open(bytes.NewReader(tt.file), int64(len(tt.file)), Limits{}); !errors.Is(err, tt.is) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := Open(bytes.NewReader(good), int64(len(good)), Limits{Bytes: 100}); !errors.Is(err, bounded.ErrLimit) {
		t.Error(err)
	}
	if _, err := Open(bytes.NewReader(good), int64(len(good)), Limits{Section: 10}); !errors.Is(err, bounded.ErrLimit) {
		t.Error(err)
	}
	db, err := Open(bytes.NewReader(good), int64(len(good)), Limits{Block: 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Match("a", version(t, "1.0")); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("a block beyond the limit: %v", err)
	}
}

// Every change of a bit is seen when a database is opened, and but for the times by
// Verify as well.
func TestVerify(t *testing.T) {
	good := mustBuild(t, mixedBuilder(t), Info{Source: "x"})
	for bit := range 8 * len(good) {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := Open(bytes.NewReader(b), int64(len(b)), Limits{}); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrFormat) {
			t.Fatalf("a change of bit %d is not seen: %v", bit, err)
		}
	}
	for at := digestAt; at < len(good); at++ {
		b := bytes.Clone(good)
		b[at] ^= 1
		seal(b)
		if db, err := Open(bytes.NewReader(b), int64(len(b)), Limits{}); err == nil && !errors.Is(db.Verify(), ErrDamaged) {
			t.Fatalf("a change at %d is not seen", at)
		}
	}
}

// A file that shrinks while it is read is an error.
func TestShrinks(t *testing.T) {
	good := mustBuild(t, mixedBuilder(t), Info{})
	file := &shrinking{bytes.NewReader(good), int64(headerSize) + 60}
	if _, err := Open(file, int64(len(good)), Limits{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	file.end = int64(len(good))
	db, err := Open(file, int64(len(good)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	file.end = int64(headerSize) + 60
	if _, err = db.Match("c", version(t, "1")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

type shrinking struct {
	r   io.ReaderAt
	end int64
}

func (s *shrinking) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > s.end {
		return 0, io.EOF
	}
	return s.r.ReadAt(b, at)
}

func TestLongTexts(t *testing.T) {
	long := strings.Repeat("é ", 400)
	var b Builder
	b.Add(mustParse(t, record("A-1", `"summary":"`+long+`",`+affected("p", `"versions":["1.0"]`))))
	b.Reject("A-2", 1, errors.New(long))
	db := load(t, mustBuild(t, &b, Info{}))
	hits := match(t, db, "p", "1.0")
	problems, err := db.Problems()
	if err != nil || len(hits[0].Summary) > maxSummary+3 || len(problems[0].Reason) > maxReason+3 {
		t.Errorf("%d, %d bytes, %v", len(hits[0].Summary), len(problems[0].Reason), err)
	}
	big := make([]string, 30_000)
	for i := range big {
		big[i] = fmt.Sprintf(`"%d.%s"`, i, strings.Repeat("7", 150))
	}
	r, err := osv.Parse([]byte(record("A-3", affected("p", `"versions":[`+strings.Join(big, ",")+`]`))), osv.Limits{Items: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	b.Add(r)
	if _, err := b.Build(Info{}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("what could not be read again is built: %v", err)
	}
}

// TestWideRecords: time and memory are no more than proportional to a record that is
// made to be slow.
func TestWideRecords(t *testing.T) {
	var ranges, versions, aliases []string
	for i := range 4_000 {
		ranges = append(ranges, events("ECOSYSTEM", fmt.Sprintf(`{"introduced":"%d.1"},{"fixed":"%d.2"}`, i, i)))
		versions = append(versions, fmt.Sprintf(`"%d.1.5","%d.3"`, i, i))
		aliases = append(aliases, `"not an id"`)
	}
	text := record("A-1", `"aliases":[`+strings.Join(aliases, ",")+`],`+affected("p", `"ranges":[`+strings.Join(ranges, ",")+`],"versions":[`+strings.Join(versions, ",")+`]`))
	r, err := osv.Parse([]byte(text), osv.Limits{Items: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	var b Builder
	b.Add(r)
	db := open(t, &b)
	for v, want := range map[string]int{"7.1.9+cpu": 1, "7.2": 0, "7.3": 1, "3999.1": 1, "4000.1": 0} {
		if hits := match(t, db, "p", v); len(hits) != want {
			t.Errorf("%s: %d hits, want %d", v, len(hits), want)
		}
	}
	list, err := db.Package("p")
	if err != nil || len(list[0].Versions) != 4_000 || len(list[0].Intervals) != 4_000 {
		t.Errorf("%d versions, %d intervals, %v", len(list[0].Versions), len(list[0].Intervals), err)
	}
	if problems, err := db.Problems(); err != nil || len(problems) != maxProblems+1 || problems[maxProblems].Reason != "and more" {
		t.Errorf("%d problems, %v", len(problems), err)
	}
}

// FuzzOpen: whatever a file holds, opening it, asking it and making it anew end
// without a panic, and what is made anew is the same again.
func FuzzOpen(f *testing.F) {
	good := mustBuild(f, mixedBuilder(f), Info{Source: "x"})
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(mustBuild(f, &Builder{}, Info{}))
	spec, err := pep440.ParseSpecifiers(">=1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if file = bytes.Clone(file); len(file) >= headerSize {
			seal(file)
		}
		db, err := Open(bytes.NewReader(file), int64(len(file)), Limits{})
		if err != nil {
			return
		}
		_ = db.Verify()
		for _, name := range append([]string{"a"}, namesOf(db)...) {
			if _, err := db.Match(name, version(t, "1.0+cpu")); err != nil {
				continue
			}
			_, _ = db.MayMatch(name, spec)
		}
		var b Builder
		if b.AddDB(db) != nil {
			return
		}
		once, err := b.Build(Info{})
		if err != nil {
			return
		}
		var c Builder
		if err := c.AddDB(load(t, once)); err != nil {
			t.Fatal(err)
		}
		if twice := mustBuild(t, &c, Info{}); !bytes.Equal(once, twice) {
			t.Error("made anew twice, the database differs")
		}
	})
}

// FuzzReduce: any record that is read can be kept, and matched.
func FuzzReduce(f *testing.F) {
	for _, text := range mixed() {
		f.Add([]byte(text), "1.0")
	}
	f.Fuzz(func(t *testing.T, text []byte, v string) {
		r, err := osv.Parse(text, osv.Limits{Items: 1000})
		if err != nil {
			return
		}
		var b Builder
		b.Add(r)
		db := load(t, mustBuild(t, &b, Info{}))
		w, err := pep440.Parse(v)
		if err != nil {
			return
		}
		for _, name := range namesOf(db) {
			hits, err := db.Match(name, w)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, a := range r.Affected {
				if a.Ecosystem == Ecosystem && slices.Contains(a.Versions, v) && len(hits) == 0 && strings.EqualFold(a.Name, name) {
					t.Errorf("%s %s is listed, and not matched", name, v)
				}
			}
		}
	})
}

func namesOf(db *DB) (names []string) {
	for name := range db.packages(0) {
		names = append(names, name)
	}
	return names
}

// Whatever the number of packages, each is found, and none that is not there.
func TestIndexFindsAll(t *testing.T) {
	for _, n := range []int{1, markEvery - 1, markEvery, markEvery + 1, 3*markEvery + 5} {
		var b Builder
		for i := range n {
			b.Add(&osv.Record{ID: fmt.Sprintf("X-%d", i), Affected: []osv.Affected{{Ecosystem: Ecosystem, Name: fmt.Sprintf("p%04d", 2*i), Versions: []string{"1.0"}}}})
		}
		db := load(t, mustBuild(t, &b, Info{}))
		for i := range 2*n + 1 {
			list, err := db.Package(fmt.Sprintf("p%04d", i-1))
			want := 0
			if i%2 == 1 {
				want = 1
			}
			if err != nil || len(list) != want || want == 1 && list[0].ID != fmt.Sprintf("X-%d", i/2) {
				t.Fatalf("%d packages: p%04d: %v, %v", n, i-1, list, err)
			}
		}
		for _, name := range []string{"a", "z", ""} {
			if list, err := db.Package(name); err != nil || len(list) > 0 {
				t.Errorf("%d packages: %q: %v, %v", n, name, list, err)
			}
		}
	}
}

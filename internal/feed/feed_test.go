package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/internal/testkit/fakeosv"
)

func day(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }

func options(d int) Options { return Options{Now: day(d)} }

// rec is a record of package NAME that 2.0 fixes.
func rec(id, name string, d int, more string) fakeosv.Record {
	return fakeosv.Record{ID: id, Modified: day(d), JSON: fmt.Sprintf(
		`{"id":%q,"modified":%q,%s"affected":[{"package":{"ecosystem":"PyPI","name":%q},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0"}]}]}]}`,
		id, day(d).Format(time.RFC3339), more, name)}
}

func client() *fetch.Client {
	return fetch.New(fetch.Options{Attempts: 2, Sleep: func(context.Context, time.Duration) error { return nil }})
}

// keep writes a database and opens it again.
func keep(t *testing.T, r *Result) *File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "new", "advisories.db")
	if err := Write(name, r.File); err != nil {
		t.Fatal(err)
	}
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func ids(t *testing.T, file []byte, name string) (list []string) {
	t.Helper()
	db, err := advisory.Open(bytes.NewReader(file), int64(len(file)), advisory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := pep440.Parse("1.0+cu118")
	if err != nil {
		t.Fatal(err)
	}
	hits, err := db.Match(name, v)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		list = append(list, h.ID)
	}
	return list
}

// world is a server with enough records that a few changes are few.
func world(t *testing.T) *fakeosv.Server {
	t.Helper()
	s := fakeosv.Start(rec("PYSEC-A", "a", 1, ""), rec("PYSEC-B", "b", 2, ""), rec("PYSEC-W", "a", 2, `"withdrawn":"2026-03-02T00:00:00Z",`))
	for i := range 100 {
		s.Put(rec(fmt.Sprintf("PYSEC-%d", i), fmt.Sprintf("p%d", i), 1, ""))
	}
	t.Cleanup(s.Close)
	return s
}

func brought(t *testing.T, s *fakeosv.Server, old *File, d int) *Result {
	t.Helper()
	r, err := Update(t.Context(), client(), s.URL+"/PyPI/", old, options(d))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUpdate(t *testing.T) {
	s := world(t)
	r := brought(t, s, nil, 5)
	if r.How != Whole || r.Info.Records != 102 || r.Info.Withdrawn != 1 || r.Info.Source != s.URL+"/PyPI" || r.Info.Current != day(5).Unix() || r.Info.Newest != day(2).Unix() {
		t.Errorf("%+v", r.Info)
	}
	if got := s.Asked(); !slices.Equal(got, []string{"/PyPI/modified_id.csv", "/PyPI/all.zip"}) {
		t.Errorf("asked %q", got)
	}
	first := keep(t, r)

	again := brought(t, s, first, 6)
	if got := s.Asked(); again.How != Unchanged || !slices.Equal(got, []string{"/PyPI/modified_id.csv 304"}) {
		t.Errorf("%v, asked %q", again.How, got)
	}
	if again.Info.Current != day(6).Unix() || again.Info.Digest != r.Info.Digest {
		t.Errorf("%+v", again.Info)
	}

	s.Put(rec("PYSEC-A", "c", 7, ""), rec("PYSEC-B", "b", 7, `"withdrawn":"2026-03-07T00:00:00Z",`), rec("PYSEC-N", "a", 1, ""))
	s.Put(fakeosv.Record{ID: "PYSEC-X", Modified: day(7), JSON: `{"id":`})
	s.Remove("PYSEC-3")
	third := brought(t, s, first, 8)
	if third.How != Changes || third.Changed != 4 || third.Removed != 1 {
		t.Errorf("%+v", third)
	}
	if got, want := s.Asked(), []string{"/PyPI/modified_id.csv", "/PyPI/PYSEC-A.json", "/PyPI/PYSEC-B.json", "/PyPI/PYSEC-N.json", "/PyPI/PYSEC-X.json"}; !slices.Equal(got, want) {
		t.Errorf("asked %q", got)
	}
	if got := fmt.Sprint(ids(t, third.File, "a"), ids(t, third.File, "b"), ids(t, third.File, "c"), ids(t, third.File, "p3")); got != "[PYSEC-N] [] [PYSEC-A] []" {
		t.Error(got)
	}
	// It is what would have been made of everything.
	if all := brought(t, s, nil, 8); !bytes.Equal(all.File, third.File) {
		t.Errorf("the changes give another database than the whole: %+v, %+v", third.Info, all.Info)
	}
	s.Asked()
	// What could not be read is not asked for again.
	if fourth := brought(t, s, keep(t, third), 9); fourth.How != Unchanged {
		t.Errorf("%+v, asked %q", fourth, s.Asked())
	}
}

// An archive that is older than its list of changes is completed, or not taken at all;
// and a record that is older is asked for again, also when the list stays as it is.
func TestUpdateLate(t *testing.T) {
	s := world(t)
	s.FreezeArchive()
	s.Put(rec("PYSEC-N", "n", 7, ""), rec("PYSEC-A", "c", 7, ""))
	old := rec("PYSEC-B", "b", 2, "")
	old.Modified = day(7)
	s.Put(old)
	r := brought(t, s, nil, 8)
	if got := fmt.Sprint(ids(t, r.File, "n"), ids(t, r.File, "a"), ids(t, r.File, "c"), ids(t, r.File, "b")); got != "[PYSEC-N] [] [PYSEC-A] [PYSEC-B]" {
		t.Error(got)
	}
	s.Put(rec("PYSEC-B", "d", 7, "")) // in time for the list that named it
	if r = brought(t, s, keep(t, r), 9); fmt.Sprint(ids(t, r.File, "b"), ids(t, r.File, "d")) != "[] [PYSEC-B]" || r.Changed != 1 {
		t.Errorf("%+v", r)
	}
	if r = brought(t, s, keep(t, r), 9); r.How != Unchanged {
		t.Errorf("%+v", r)
	}
	for i := range maxLag + 1 {
		s.Put(rec(fmt.Sprintf("PYSEC-9%d", i), "late", 8, ""))
	}
	if _, err := Update(t.Context(), client(), s.URL+"/PyPI", nil, options(9)); err == nil || !strings.Contains(err.Error(), "is older than its list of changes: 2004 of the records") {
		t.Error(err)
	}
}

// A record whose newer form cannot be read counts as it was, until that can be read.
func TestUpdateUnreadable(t *testing.T) {
	s := world(t)
	db := keep(t, brought(t, s, nil, 5))
	s.Put(fakeosv.Record{ID: "PYSEC-A", Modified: day(7), JSON: `{"id":`})
	for range 2 {
		r := brought(t, s, db, 8)
		db = keep(t, r)
		problems, err := db.Problems()
		if got := ids(t, r.File, "a"); !slices.Equal(got, []string{"PYSEC-A"}) || r.Changed != 1 || err != nil || len(problems) != 1 || r.Info.Rejected != 0 {
			t.Fatalf("%q, %+v, %v, %v", got, r.Info, problems, err)
		}
	}
	s.Put(rec("PYSEC-A", "c", 7, ""))
	r := brought(t, s, db, 9)
	if got := fmt.Sprint(ids(t, r.File, "a"), ids(t, r.File, "c")); got != "[] [PYSEC-A]" || r.Info.Repaired != 0 {
		t.Errorf("%s, %+v", got, r.Info)
	}
}

// A list from which many records are gone, or in which many are new, leads to the
// whole.
func TestUpdateWhole(t *testing.T) {
	s := world(t)
	old := keep(t, brought(t, s, nil, 5))
	for i := range 30 {
		s.Remove(fmt.Sprintf("PYSEC-%d", i))
	}
	if r := brought(t, s, old, 6); r.How != Whole || r.Info.Records != 72 {
		t.Errorf("%+v", r)
	}
	for i := range maxChanges + 1 {
		s.Put(rec(fmt.Sprintf("PYSEC-%d", i), "q", 6, ""))
	}
	if r := brought(t, s, old, 7); r.How != Whole || r.Info.Records != maxChanges+3 {
		t.Errorf("%+v", r)
	}
	// So does a database of another source.
	other := world(t)
	if r := brought(t, other, old, 7); r.How != Whole {
		t.Errorf("%+v", r)
	}
}

// Whatever fails, there is an error, and no database.
func TestUpdateFails(t *testing.T) {
	s := world(t)
	old := keep(t, brought(t, s, nil, 5))
	for _, tt := range []struct {
		name string
		old  *File
		make func()
		want string
	}{
		{"no list", nil, func() { s.Fail("/PyPI/modified_id.csv", 404, 1) }, "404"},
		{"no archive", nil, func() { s.Fail("/PyPI/all.zip", 503, 9) }, "503 service unavailable, after 2 attempts"},
		{"half an archive", nil, func() { s.Truncate("/PyPI/all.zip", 9) }, "/PyPI/all.zip"},
		{"half a list", nil, func() { s.Truncate("/PyPI/modified_id.csv", 9) }, "/PyPI/modified_id.csv"},
		{"no record", old, func() { s.Put(rec("PYSEC-A", "a", 6, "")); s.Fail("/PyPI/PYSEC-A.json", 500, 9) }, "500"},
		{"half a record", old, func() { s.Truncate("/PyPI/PYSEC-A.json", 9) }, "/PyPI/PYSEC-A.json"},
	} {
		tt.make()
		r, err := Update(t.Context(), client(), s.URL+"/PyPI", tt.old, options(6))
		if err == nil || !strings.Contains(err.Error(), tt.want) || r != nil {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
		for _, path := range []string{"/PyPI/modified_id.csv", "/PyPI/all.zip", "/PyPI/PYSEC-A.json"} {
			s.Fail(path, 0, 0)
		}
	}
	// A bad minute passes: the second attempt has the whole.
	s.Truncate("/PyPI/all.zip", 1)
	if r := brought(t, s, nil, 6); r.Info.Records != 102 {
		t.Errorf("%+v", r.Info)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Update(ctx, client(), s.URL+"/PyPI", nil, options(6)); err == nil {
		t.Error("a run that was interrupted has a database")
	}
	for _, base := range []string{"", "osv", "https://", "https://h/?q", "https://h/#f"} {
		if _, err := Update(t.Context(), client(), base, nil, options(6)); err == nil || !strings.Contains(err.Error(), "the base is no address") {
			t.Errorf("%q: %v", base, err)
		}
	}
	if _, err := Update(t.Context(), client(), "http://osv.example/PyPI", nil, options(6)); err == nil {
		t.Error("plain http to another machine")
	}
}

// A record that the list names and the source does not have is listed.
func TestUpdateMissing(t *testing.T) {
	s := world(t)
	old := keep(t, brought(t, s, nil, 5))
	s.Put(rec("PYSEC-A", "a", 6, ""), fakeosv.Record{ID: "PYSEC-B", Modified: day(6), JSON: rec("PYSEC-C", "b", 6, "").JSON}, rec("PYSEC-N", "n", 6, ""))
	s.Fail("/PyPI/PYSEC-A.json", 404, 1)
	s.Fail("/PyPI/PYSEC-N.json", 404, 1)
	r := brought(t, s, old, 6)
	problems, err := keep(t, r).Problems()
	if err != nil || len(problems) != 3 || r.Info.Rejected != 1 || !problems[2].Whole {
		t.Fatalf("%+v, %v", problems, err)
	}
	for i, want := range []string{"does not have it", `holds the record "PYSEC-C"`, "does not have it"} {
		if !strings.Contains(problems[i].Reason, want) {
			t.Errorf("%q, want %q", problems[i].Reason, want)
		}
	}
	if got := fmt.Sprint(ids(t, r.File, "a"), ids(t, r.File, "b")); got != "[PYSEC-A] [PYSEC-B]" {
		t.Errorf("what was known is lost: %s", got)
	}
}

func zipOf(t *testing.T, method uint16, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	a, b := rec("PYSEC-A", "a", 1, "").JSON, rec("PYSEC-B", "b", 3, "").JSON
	packed := zipOf(t, zip.Deflate, "PYSEC-A.json", a, "../../PYSEC-B.json", b, "BAD-1.json", "{", "README", "hello", "sub/", "")
	archive := put("all.zip", packed)
	stored := put("stored.zip", zipOf(t, zip.Store, "PYSEC-A.json", a, "x.json", a))
	put("folder/PYSEC-A.json", []byte(a))
	put("folder/deep/PYSEC-B.json", []byte(b))
	put("folder/deep/BAD-1.json", []byte("[]"))
	put("folder/.git/PYSEC-C.json", []byte("x"))
	put("folder/LICENSE", []byte("x"))
	if err := os.Symlink("../all.zip", filepath.Join(dir, "folder", "link.json")); err != nil {
		t.Fatal(err)
	}
	one := put("one.json", []byte(a))
	whole, err := Import(t.Context(), archive, nil, options(9))
	if err != nil {
		t.Fatal(err)
	}
	database := put("export.db", whole.File)
	for _, tt := range []struct {
		name, stdin       string
		how               How
		records, rejected int
		current           time.Time
		source            string
	}{
		{archive, "", Whole, 2, 2, day(3), "all.zip"},
		{"-", string(packed), Whole, 2, 2, day(3), "standard input"},
		{"-", a, Whole, 1, 0, day(1), "standard input"},
		{stored, "", Whole, 1, 0, day(1), "stored.zip"},
		{filepath.Join(dir, "folder"), "", Whole, 2, 2, day(3), "folder"},
		{one, "", Whole, 1, 0, day(1), "one.json"},
		{database, "", Copied, 2, 2, day(3), "all.zip"},
		{"-", string(whole.File), Copied, 2, 2, day(3), "all.zip"},
	} {
		r, err := Import(t.Context(), tt.name, strings.NewReader(tt.stdin), options(9))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		i := r.Info
		if r.How != tt.how || i.Records != tt.records || i.Rejected != tt.rejected || i.Current != tt.current.Unix() || i.Source != tt.source || i.Built != day(9).Unix() {
			t.Errorf("%s: %v %+v", tt.name, r.How, i)
		}
		if got := ids(t, r.File, "A"); !slices.Equal(got, []string{"PYSEC-A"}) {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	again, err := Import(t.Context(), archive, nil, options(9))
	if err != nil || !bytes.Equal(again.File, whole.File) {
		t.Errorf("a second import is another database, %v", err)
	}
}

func TestImportFails(t *testing.T) {
	dir := t.TempDir()
	a := rec("PYSEC-A", "a", 1, "").JSON
	good := zipOf(t, zip.Deflate, "PYSEC-A.json", a, "PYSEC-B.json", rec("PYSEC-B", "b", 1, "").JSON)
	db, err := Import(t.Context(), "-", bytes.NewReader(good), options(9))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0xff
		return b
	}
	twice := zipOf(t, zip.Store, "PYSEC-A.json", a, "PYSEC-A.json", a)
	for _, tt := range []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "neither an archive nor a database, and no record"},
		{"a page", []byte("<html>"), "no record: osv: at offset 0: not a JSON object"},
		{"half an archive", good[:len(good)/2], "the archive is not complete"},
		{"an archive without its end", good[:len(good)-10], "the archive is not complete"},
		{"an empty archive", zipOf(t, zip.Store), "no record about a package of PyPI"},
		{"an archive of others", zipOf(t, zip.Store, "x.json", strings.Replace(a, "PyPI", "npm", 1)), "no record about a package of PyPI"},
		{"one name twice", twice, "damaged or ambiguous"},
		{"half a database", db.File[:len(db.File)-1], "damaged"},
		{"a changed database", flip(db.File, len(db.File)-1), "damaged"},
	} {
		if _, err := Import(t.Context(), "-", bytes.NewReader(tt.in), options(9)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := Import(t.Context(), filepath.Join(dir, "none"), nil, options(9)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Import(t.Context(), dir, nil, options(9)); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	if _, err := Import(t.Context(), "/dev/null", nil, options(9)); err == nil {
		t.Error("a device is imported")
	}
}

// What lies about its size, or is too large, is listed; the rest is taken.
func TestBombs(t *testing.T) {
	a := rec("PYSEC-A", "a", 1, "").JSON
	bomb := zipOf(t, zip.Deflate, "BIG.json", strings.Repeat(" ", maxRecord+1), "PYSEC-A.json", a)
	r, err := Import(t.Context(), "-", bytes.NewReader(bomb), options(9))
	if err != nil || r.Info.Records != 1 || r.Info.Rejected != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	problems, err := keep(t, r).Problems()
	if err != nil || !strings.Contains(problems[0].Reason, "more than the limit of 16777216") {
		t.Errorf("%+v, %v", problems, err)
	}
	// A record that was damaged on its way still looks like one.
	damaged := zipOf(t, zip.Store, "LIAR.json", a, "PYSEC-A.json", a)
	damaged[bytes.Index(damaged, []byte(a))+7] ^= 1 // in the id
	r, err = Import(t.Context(), "-", bytes.NewReader(damaged), options(9))
	if err != nil || r.Info.Rejected != 1 || r.Info.Records != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	// Many records that are not too large by themselves.
	u := unpacker{left: bounded.NewBudget("unpacked bytes", 3)}
	if _, err := u.unpack(&strictzip.Entry{Fields: strictzip.Fields{Size: 4}}); !errors.Is(err, bounded.ErrLimit) || u.left.Left() != 0 {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	r, err := Import(t.Context(), "-", strings.NewReader(rec("PYSEC-A", "a", 1, "").JSON), options(9))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "db")
	if err := Write(name, r.File); err != nil {
		t.Fatal(err)
	}
	// A reader of the old file is not disturbed by a new one.
	old, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(name, advisory.Stamped(r.File, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if b, err := old.Bytes(); err != nil || !bytes.Equal(b, r.File) {
		t.Errorf("the old file is another one: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); err == nil || !strings.Contains(err.Error(), "everyone can write to it") {
		t.Error(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := Write(filepath.Join(name, "x"), r.File); err == nil {
		t.Error("a file is a folder")
	}
}

func TestReadList(t *testing.T) {
	list, err := readList([]byte("2026-01-01T00:00:00Z,A-1\r\n\n2026-01-02T00:00:00.5Z,A-2\n2026-01-03T00:00:00Z,A-1"))
	if err != nil || len(list) != 2 || list["A-1"] != 1767398400 || list["A-2"] != 1767312000 {
		t.Errorf("%v, %v", list, err)
	}
	for _, bad := range []string{"", "\n", "A-1", "2026-01-01T00:00:00Z,", "2026-01-01T00:00:00Z,../A", "2026-01-01,A-1", "2026-01-01T00:00:00Z,PyPI/A-1", "<html>"} {
		if list, err := readList([]byte(bad)); err == nil {
			t.Errorf("%q is %v", bad, list)
		}
	}
}

// FuzzImport: whatever is imported, there is a database that verifies, or an error.
func FuzzImport(f *testing.F) {
	a := rec("PYSEC-A", "a", 1, "").JSON
	f.Add([]byte(a))
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if w, err := z.Create("PYSEC-A.json"); err == nil {
		_, _ = io.WriteString(w, a)
	}
	_ = z.Close()
	f.Add(b.Bytes())
	if r, err := Import(context.Background(), "-", strings.NewReader(a), options(9)); err == nil {
		f.Add(r.File)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := newIntake(t.Context(), options(9)).file(bytes.NewReader(in), int64(len(in)), "x")
		if err != nil {
			return
		}
		db, err := advisory.Open(bytes.NewReader(r.File), int64(len(r.File)), advisory.Limits{})
		if err != nil || db.Verify() != nil || r.Info.Records == 0 {
			t.Errorf("%+v, %v", r.Info, err)
		}
	})
}

package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/feed"
	"github.com/andiron-dev/andiron/internal/testkit/fakeosv"
)

// startIn runs the program with its cache in a folder.
func startIn(t *testing.T, cache string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	env := func(name string) string {
		return map[string]string{"XDG_CACHE_HOME": cache, "SOURCE_DATE_EPOCH": "1772582400"}[name]
	}
	code = Main(t.Context(), append([]string{"andiron"}, args...), env, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func osvRecord(id, name string, modified time.Time) fakeosv.Record {
	return fakeosv.Record{ID: id, Modified: modified, JSON: fmt.Sprintf(
		`{"id":%q,"modified":%q,"affected":[{"package":{"ecosystem":"PyPI","name":%q},"versions":["1.0"]}]}`, id, modified.Format(time.RFC3339), name)}
}

// db update over real HTTP: the whole, nothing new, a change, and failures that
// leave the database as it was.
func TestDBUpdate(t *testing.T) {
	cache := t.TempDir()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := fakeosv.Start(osvRecord("PYSEC-1", "a", at), osvRecord("MAL-2", "b", at), osvRecord("PYSEC-3", "c", at))
	defer s.Close()
	base := s.URL + "/PyPI"
	name := filepath.Join(cache, "andiron", databaseFile)
	want := func(step string, code int, stdout string) {
		t.Helper()
		gotCode, got, errs := startIn(t, cache, "db", "update", "--url", base)
		if gotCode != code || !strings.Contains(got, stdout) {
			t.Errorf("%s: exit %d, %q, %q, want %d, %q", step, gotCode, got, errs, code, stdout)
		}
		if code != 0 && !strings.Contains(errs, "hint: the database stays as it was") {
			t.Errorf("%s: %q", step, errs)
		}
	}
	s.Fail("/PyPI/all.zip", 404, 1)
	want("no archive", 3, "")
	if _, err := os.Stat(name); err == nil {
		t.Error("there is a database of no archive")
	}
	want("the first time", 0, name+": made\nrecords 3, of them malware 1; packages 3; the newest record is of 2026-03-01T00:00:00Z\n")
	want("again", 0, ": current\n")
	s.Put(osvRecord("PYSEC-1", "d", at.AddDate(0, 0, 1)))
	s.Remove("PYSEC-3")
	want("a change", 0, ": updated, 1 changed, 1 removed\nrecords 2,")
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Fail("/PyPI/modified_id.csv", 404, 1)
	want("no list", 3, "")
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
		t.Errorf("an update that failed changed the database, %v", err)
	}
	// What is damaged is made anew.
	if err := os.WriteFile(name, before[:len(before)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := startIn(t, cache, "db", "status"); code != 3 || !strings.Contains(errs, "damaged") || out != "" {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	want("damaged", 0, ": made\n")
	before[len(before)-1] ^= 1 // only the checksum tells
	if err := os.WriteFile(name, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := startIn(t, cache, "db", "status"); code != 3 || !strings.Contains(errs, "its checksum is") {
		t.Errorf("exit %d, %q", code, errs)
	}
	want("another checksum", 0, ": made\n")
}

// Without a cache there is no place, which matters only to those who write.
func TestDBWithoutPlace(t *testing.T) {
	if code, out, _ := start(t, "", "db", "status"); code != 0 || !strings.HasPrefix(out, builtinOnly) {
		t.Errorf("exit %d, %q", code, out)
	}
	if code, _, errs := start(t, "", "db", "import", "x.zip"); code != 3 || !strings.Contains(errs, "there is no place for the database") {
		t.Errorf("exit %d, %q", code, errs)
	}
}

func TestFeedProgress(t *testing.T) {
	var w bytes.Buffer
	p := newProgress(&w, false, 0)
	clock := p.last
	p.now = func() time.Time { return clock }
	p.feed(feed.Progress{What: "all.zip", Done: 1, Bytes: true})
	if w.Len() > 0 {
		t.Errorf("a short run shows %q", w.String())
	}
	clock = clock.Add(time.Second)
	p.feed(feed.Progress{What: "all\x1b.zip", Done: 12_345_678, Bytes: true})
	if s := w.String(); !strings.Contains(s, `all\x1b.zip`) || !strings.Contains(s, "12 MB") {
		t.Errorf("%q", s)
	}
	clock = clock.Add(time.Second)
	p.feed(feed.Progress{What: "PYSEC-1", Done: 3, Total: 9})
	if s := w.String(); !strings.Contains(s, "PYSEC-1") || !strings.Contains(s, "3/9") {
		t.Errorf("%q", s)
	}
	w.Reset()
	if _ = p.clear(); w.String() != clearLine {
		t.Errorf("%q", w.String())
	}
}

func TestAge(t *testing.T) {
	for sec, want := range map[int64]string{0: "less than an hour ago", 7200: "2 hours ago", 200_000: "2 days ago", -1: "which is to come: the clock of this machine or that of the other is wrong"} {
		if got := age(sec); got != want {
			t.Errorf("%d: %q, want %q", sec, got, want)
		}
	}
}

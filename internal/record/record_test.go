package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/internal/bounded"
)

var (
	day1 = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	sum  = strings.Repeat("a", 64)
)

func open(t *testing.T) (*Log, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, filepath.Join(dir, ".andiron", "records.jsonl")
}

func add(t *testing.T, l *Log, day int, drafts ...Draft) Summary {
	t.Helper()
	s, err := l.Append(t.Context(), day1.AddDate(0, 0, day-1), drafts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scan(complete bool) Draft {
	return Draft{KindScan, Scan{Tool: "1", Scope: ".", Database: sum, Options: []string{}, Inputs: []Input{{"uv.lock", sum}}, Complete: complete, Result: sum, Key: sum}}
}

func step(version, from, to string) Draft {
	return Draft{KindRelease, Release{Package: "torch", Version: version, From: from, To: to, By: "alice", Evidence: []string{"tests passed"}}}
}

func TestAppendAndRead(t *testing.T) {
	l, name := open(t)
	if s, err := l.Read(t.Context(), nil); err != nil || s.Entries != 0 || s.Head != genesis {
		t.Fatal(s, err)
	}
	all := []Draft{
		scan(true), step("2.14.1", "seen", "cooling"),
		{KindFinding, Finding{Event: Opened, Scope: ".", Rule: "DEP001", Package: "torch", Versions: []string{"2.5.1"}, Advisories: []string{"CVE-1"}, Message: "<&> \u2028"}},
		{KindDecision, Decision{Action: "accept", Owner: "bob", Reason: "not reachable", UntilFixed: true}},
		{KindRemediation, Remediation{Package: "torch", From: "2.5.1", To: "2.6.0", By: "bob", Scan: sum}},
		{KindTest, Test{Command: "pytest", Output: sum}},
		{"of-tomorrow", map[string]any{"x": 1}},
	}
	add(t, l, 1, all[:3]...)
	want := add(t, l, 2, all[3:]...)
	var kinds []Kind
	got, err := l.Read(t.Context(), func(e *Entry) error {
		kinds = append(kinds, e.Kind)
		if (e.Meaning == nil) != (e.Kind == "of-tomorrow") {
			t.Errorf("%s means %v", e.Kind, e.Meaning)
		}
		return nil
	})
	if err != nil || got != want || len(kinds) != len(all) {
		t.Errorf("%+v, want %+v, %v, %v", got, want, kinds, err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Size() != got.Bytes {
		t.Errorf("%d bytes, %v, want %d", info.Size(), err, got.Bytes)
	}
	stop := errors.New("stop")
	if _, err := l.Read(t.Context(), func(*Entry) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func TestAppendRefuses(t *testing.T) {
	l, name := open(t)
	add(t, l, 1, scan(true))
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for want, d := range map[string]Draft{
		"no evidence":            {KindRelease, Release{Package: "torch", Version: "1", To: "seen", By: "x"}},
		"is not a word":          {"Up", 1},
		"not a SHA-256":          {KindScan, Scan{}},
		"more than the limit":    {"big", strings.Repeat("a", maxLine)},
		"are not sorted":         {KindFinding, Finding{Event: Opened, Rule: "A", Advisories: []string{"b", "a"}}},
		"owner":                  {KindDecision, Decision{Action: "accept"}},
		"unsupported type":       {KindTest, func() {}},
		`event "gone" is not`:    {KindFinding, Finding{Event: "gone", Rule: "A"}},
		"ids or versions of one": {KindFinding, Finding{Event: Opened, Rule: "A", Advisories: make([]string, maxIDs+1)}},
	} {
		if _, err := l.Append(t.Context(), day1, step("1", "", "seen"), d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
		t.Error("something was added")
	}
}

// What is wrong is found at its line, and nothing is added to it.
func TestTampering(t *testing.T) {
	l, name := open(t)
	for i := range 4 {
		add(t, l, i+1, step(fmt.Sprint("2.", i), "seen", "cooling"))
	}
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	for want, text := range map[string]string{
		"line 3: the chain is broken":          lines[0] + strings.Replace(lines[1], "alice", "mallory", 1) + lines[2] + lines[3],
		"line 2: seq is 3 where 2 is next":     lines[0] + lines[2] + lines[3],
		"line 1: seq is 2 where 1 is next":     lines[1] + lines[2] + lines[3],
		"line 2: not an entry":                 lines[0] + "\n" + lines[1],
		"line 2: not an entry in":              lines[0] + strings.Replace(lines[1], `"seq":2`, `"seq":1,"seq":2`, 1),
		"line 1: body of kind release: json":   strings.Replace(lines[0], `"by":`, `"buy":`, 1),
		"line 1: body of kind release: not in": strings.Replace(lines[0], `"by":"alice"`, `"by":"bob","by":"alice"`, 1),
		"line 1: time":                         strings.Replace(lines[0], "12:00:00Z", "12:00:00+00:00", 1),
		"line 1: prev":                         strings.Replace(lines[0], genesis, "g"+genesis[1:], 1),
		"line 5: the last line is incomplete":  string(good) + "{",
		"line 1: bytes of a line: more than":   strings.Repeat("x", maxLine+1) + "\n",
		"line 5: not an entry":                 string(good) + "\x00\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := l.Read(t.Context(), func(*Entry) error { return nil })
		var at *LineError
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &at) {
			t.Errorf("error %v, want %s", err, want)
		}
		torn := strings.Contains(want, "incomplete")
		if errors.Is(err, ErrTorn) != torn || errors.Is(err, bounded.ErrLimit) != strings.Contains(want, "more than") {
			t.Errorf("%v: of the wrong kind", err)
		}
		if cut, err := l.Repair(t.Context(), day1); (err == nil) != torn || torn && cut != 1 {
			t.Errorf("%s: repaired %d, %v", want, cut, err)
		}
	}
	if err := os.WriteFile(name, append(good, "{\"seq"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), day1, scan(true)); !errors.Is(err, ErrTorn) {
		t.Error(err)
	}
	if cut, err := l.Repair(t.Context(), day1); err != nil || cut != 5 {
		t.Error(cut, err)
	}
	if s := add(t, l, 9, scan(true)); s.Entries != 6 {
		t.Errorf("%d entries", s.Entries)
	}
	if s, err := l.Read(t.Context(), func(*Entry) error { return nil }); err != nil || s.Entries != 6 {
		t.Error(s, err)
	}
	if err := os.WriteFile(name, []byte(strings.Repeat("x", 2*maxLine)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), day1, scan(true)); !errors.Is(err, bounded.ErrLimit) {
		t.Error(err)
	}
}

// A project cannot have the record written to elsewhere.
func TestLinks(t *testing.T) {
	outside := t.TempDir()
	for _, link := range []string{".andiron", ".andiron/records.jsonl"} {
		l, name := open(t)
		dir := filepath.Dir(filepath.Dir(name))
		if strings.Contains(link, "/") {
			if err := os.Mkdir(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(outside, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), day1, scan(true)); err == nil {
			t.Errorf("%s: written through a link", link)
		}
		if _, err := l.Read(t.Context(), func(*Entry) error { return nil }); link != ".andiron" && err == nil {
			t.Errorf("%s: read through a link", link)
		}
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestParallelAppends(t *testing.T) {
	l, _ := open(t)
	done := make(chan error)
	const n = 8
	for range n {
		go func() {
			_, err := l.Append(context.WithoutCancel(t.Context()), day1, step("1", "a", "b"), step("1", "b", "c"))
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s, err := l.Read(t.Context(), func(*Entry) error { return nil }); err != nil || s.Entries != 2*n {
		t.Error(s, err)
	}
}

func TestUpdate(t *testing.T) {
	l, name := open(t)
	stop := errors.New("stop")
	for want, change := range map[error]func(*Folded) ([]Draft, error){
		stop: func(*Folded) ([]Draft, error) { return []Draft{scan(true)}, stop },
		nil:  func(*Folded) ([]Draft, error) { return nil, nil },
	} {
		if _, err := l.Update(t.Context(), day1, change); !errors.Is(err, want) {
			t.Error(err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Error("something was written")
	}
	for i := range 3 {
		if _, err := l.Update(t.Context(), day1, func(f *Folded) ([]Draft, error) {
			if int(f.Scans) != i {
				t.Errorf("%d scans, want %d", f.Scans, i)
			}
			return []Draft{scan(true)}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFold(t *testing.T) {
	l, _ := open(t)
	seen := Observed{Rule: "DEP001", Package: "torch", Versions: []string{"2.5.1"}, Advisories: []string{"PYSEC-2025-41", "CVE-2025-32434"}, Severity: "critical", Message: "m"}
	twin, waived, pin, newer, same := seen, seen, Observed{Rule: "PIN001", Package: "numpy"}, seen, seen
	twin.Advisories = []string{"CVE-2025-32434", "GHSA-53q9"}
	waived.Waived = true
	newer.Versions = []string{"2.5.2"}
	same.Where = "elsewhere:1"
	torch := func(v string) map[string][]string { return map[string][]string{"torch": {v}} }
	for i, tt := range []struct {
		obs  []Observed
		pkgs map[string][]string
		want []string // events
	}{
		{[]Observed{seen, seen, pin}, torch("2.5.1"), []string{"opened torch", "opened numpy"}},
		{[]Observed{same, pin}, torch("2.5.1"), nil},
		{[]Observed{twin}, torch("2.5.1"), []string{"changed torch", "fixed numpy"}},
		{[]Observed{waived}, torch("2.5.1"), []string{"waived torch"}},
		{[]Observed{waived}, torch("2.5.1"), nil},
		{[]Observed{seen}, torch("2.5.1"), []string{"reopened torch"}},
		{nil, torch("2.5.1"), []string{"disappeared torch"}},
		{nil, torch("2.5.1"), nil},
		{[]Observed{newer}, torch("2.5.2"), []string{"reopened torch"}},
		{nil, torch("2.6.0"), []string{"fixed torch"}},
	} {
		f, err := l.Fold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if lost := f.Events(Observation{Scope: ".", Packages: tt.pkgs}); len(lost) != 0 {
			t.Errorf("scan %d: an incomplete one that saw nothing says %v", i+1, lost)
		}
		if other := f.Events(Observation{Scope: "other", Complete: true}); len(other) != 0 {
			t.Errorf("scan %d: another scope closes %v", i+1, other)
		}
		var got []string
		var drafts []Draft
		for _, e := range f.Events(Observation{Scope: ".", Findings: tt.obs, Packages: tt.pkgs, Complete: true}) {
			got = append(got, string(e.Event)+" "+e.Package)
			drafts = append(drafts, Draft{KindFinding, e})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("scan %d (-want +got):\n%s", i+1, diff)
		}
		add(t, l, i+1, append(drafts, scan(true))...)
	}
	f, err := l.Fold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []*State{
		{
			Status: IsFixed, Scope: ".", Rule: "DEP001", Package: "torch", Versions: []string{"2.5.2"},
			Advisories: []string{"CVE-2025-32434", "GHSA-53q9", "PYSEC-2025-41"}, Severity: "critical", Message: "m",
			FirstSeen: "2026-11-01T12:00:00Z", LastSeen: "2026-11-09T12:00:00Z", Since: "2026-11-10T12:00:00Z",
		},
		{
			Status: IsFixed, Scope: ".", Rule: "PIN001", Package: "numpy", Versions: []string{}, Advisories: []string{},
			FirstSeen: "2026-11-01T12:00:00Z", LastSeen: "2026-11-02T12:00:00Z", Since: "2026-11-03T12:00:00Z",
		},
	}
	if diff := cmp.Diff(want, f.States, cmpopts.IgnoreUnexported(State{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.Scans != 10 || f.LastTime != "2026-11-10T12:00:00Z" || f.Last == nil {
		t.Errorf("%d scans, last %v at %s", f.Scans, f.Last, f.LastTime)
	}
}

// Two findings that turn out to be one become one, and neither is called fixed.
func TestFoldMerges(t *testing.T) {
	l, _ := open(t)
	a := Observed{Rule: "DEP001", Package: "torch", Versions: []string{"2"}, Advisories: []string{"A"}}
	b, both := a, a
	b.Advisories, both.Advisories = []string{"B"}, []string{"A", "B"}
	packages := map[string][]string{"torch": {"2"}}
	for i, list := range [][]Observed{{a, b}, {both}, {both}} {
		f, err := l.Fold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events := f.Events(Observation{Scope: ".", Findings: list, Packages: packages, Complete: true})
		if want := []int{2, 1, 0}[i]; len(events) != want {
			t.Errorf("scan %d: %d events, want %d", i+1, len(events), want)
		}
		for _, e := range events {
			add(t, l, i+1, Draft{KindFinding, e})
		}
		add(t, l, i+1, scan(true))
	}
	f, err := l.Fold(t.Context())
	if err != nil || len(f.States) != 1 || f.States[0].Status != IsOpen || f.States[0].LastSeen != "2026-11-03T12:00:00Z" {
		t.Errorf("%+v, %v", f.States[0], err)
	}
}

func TestAnswer(t *testing.T) {
	l, name := open(t)
	secret, key := NewSecret(), Question{Tool: "1", Inputs: []Input{{"b", sum}, {"a", sum}}}.Key()
	if _, ok := l.Answer(secret, key); ok {
		t.Error("an answer from nowhere")
	}
	digest, err := l.Keep(secret, key, []byte("{}\nx"))
	if err != nil || !isDigest(digest) {
		t.Fatal(digest, err)
	}
	if b, ok := l.Answer(secret, key); !ok || string(b) != "{}\nx" {
		t.Errorf("%q, %v", b, ok)
	}
	if _, ok := l.Answer(NewSecret(), key); ok {
		t.Error("another user's answer")
	}
	path := filepath.Join(filepath.Dir(name), "scans", key+".json")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := Question{Tool: "2"}.Key()
	if err := os.WriteFile(strings.Replace(path, key, other, 1), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Answer(secret, other); ok {
		t.Error("the answer to another question")
	}
	if err := os.WriteFile(path, append(b, ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Answer(secret, key); ok {
		t.Error("a changed answer")
	}
	for i := range 2 * maxResults {
		if _, err := l.Keep(secret, Question{Tool: strconv.Itoa(i)}.Key(), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != maxResults {
		t.Errorf("%d results are kept, %v", len(list), err)
	}
	if _, err := l.Keep(nil, key, nil); err == nil {
		t.Error("kept without a secret")
	}
}

func TestKey(t *testing.T) {
	base := Question{"1", "db", []string{"a", "b"}, []Input{{"x", "1"}, {"y", "2"}}}
	turned := base
	turned.Inputs = []Input{{"y", "2"}, {"x", "1"}}
	if base.Key() != turned.Key() {
		t.Error("the order of inputs counts")
	}
	seen := map[string]bool{base.Key(): true}
	for _, q := range []Question{
		{"2", "db", base.Options, base.Inputs},
		{"1", "dc", base.Options, base.Inputs},
		{"1", "db", []string{"b", "a"}, base.Inputs},
		{"1", "db", []string{"ab"}, base.Inputs},
		{"1", "db", []string{"a"}, []Input{{"b", ""}, {"x", "1"}, {"y", "2"}}},
		{"1", "db", base.Options, base.Inputs[:1]},
		{"1", "db", base.Options, []Input{{"x", "2"}, {"y", "1"}}},
		{"1d", "b", base.Options, base.Inputs},
	} {
		if seen[q.Key()] {
			t.Errorf("%+v has the key of another", q)
		}
		seen[q.Key()] = true
	}
}

// A record that is read says the same when it is written again, and is refused when
// any byte of it but the last line's is another.
func FuzzRead(f *testing.F) {
	b, _, err := encode(Summary{Head: genesis}, day1, []Draft{scan(true), step("2.14.1", "seen", "cooling"), {"x", nil}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		fold := newFolded()
		s, err := Read(bytes.NewReader(b), func(e *Entry) error {
			again = append(append(again, e.line()...), '\n')
			return fold.add(e)
		})
		if !bytes.Equal(again, b[:s.Bytes]) {
			t.Errorf("%q becomes %q", b[:s.Bytes], again)
		}
		if err != nil {
			return
		}
		if got, err := tail(bytes.NewReader(b), int64(len(b))); err != nil || got != s {
			t.Errorf("tail %+v, %v, want %+v", got, err, s)
		}
		if i := bytes.IndexByte(b, '\n') / 2; s.Entries > 1 && i > 0 {
			b[i] ^= 1
			if _, err := Read(bytes.NewReader(b), func(*Entry) error { return nil }); err == nil {
				t.Error("a change is not found")
			}
		}
	})
}

func BenchmarkFold(b *testing.B) {
	var drafts []Draft
	for i := range 500 {
		drafts = append(drafts, Draft{KindFinding, Finding{Event: Opened, Scope: ".", Rule: "DEP001", Package: fmt.Sprint("p", i), Versions: []string{"1.0"}, Advisories: []string{fmt.Sprint("CVE-", i)}}})
	}
	for range 500 {
		drafts = append(drafts, scan(true))
	}
	text, _, err := encode(Summary{Head: genesis}, day1, drafts)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		fold := newFolded()
		if _, err := Read(bytes.NewReader(text), fold.add); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	l, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	secret, key := NewSecret(), Question{}.Key()
	if _, err := l.Keep(secret, key, bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := l.Answer(secret, key); !ok {
			b.Fatal("no answer")
		}
	}
}

// The example of the specification can be read, and is what is written.
func TestSpecification(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/records-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, tables, ok := strings.Cut(rest, "```")
	n := 0
	_, err = Read(strings.NewReader(example), func(e *Entry) error {
		n++
		if e.Meaning == nil {
			t.Errorf("kind %q is not known", e.Kind)
		}
		return nil
	})
	if !ok || err != nil || n == 0 {
		t.Errorf("%d entries, %v", n, err)
	}
	for _, k := range []Kind{KindScan, KindFinding, KindDecision, KindRemediation, KindRelease, KindTest, KindRepair} {
		if !strings.Contains(tables, "| `"+string(k)+"` |") {
			t.Errorf("kind %q is not in the table", k)
		}
	}
	for _, e := range []Event{Opened, Changed, Waived, Reopened, Fixed, Disappeared} {
		if !strings.Contains(tables, "| `"+string(e)+"` |") {
			t.Errorf("event %q is not in the table", e)
		}
	}
}

func TestOpenSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s, err := OpenSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := OpenSecret(dir); err != nil || !bytes.Equal(s, again) {
		t.Errorf("another secret, %v", err)
	}
	name := filepath.Join(dir, "record-secret")
	for _, change := range []func() error{
		func() error { return os.Chmod(name, 0o644) },
		func() error { return errors.Join(os.Chmod(name, 0o600), os.Truncate(name, 3)) },
		func() error { return os.Chmod(dir, 0o755) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if s, err := OpenSecret(dir); err == nil {
			t.Errorf("%x is believed", s)
		}
	}
	if _, err := OpenSecret(""); err == nil {
		t.Error("a secret in no folder")
	}
}

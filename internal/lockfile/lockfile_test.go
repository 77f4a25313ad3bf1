package lockfile

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	sumA = strings.Repeat("a", 64)
	sumB = strings.Repeat("b", 64)
)

func model(path, sum string) Model {
	return Model{
		Path: path, SHA256: sum, Size: 3, Format: "pickle", Verdict: "safe",
		AddedBy: "alice", AddedAt: "2026-11-25T12:00:00Z", Waivers: []string{},
	}
}

// The example of the specification is what Encode writes, byte for byte.
func TestSpecification(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/lock-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, table, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example")
	}
	f, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example, string(got)); diff != "" {
		t.Errorf("(-example +encoded):\n%s", diff)
	}
	for line := range strings.Lines(example) {
		if key, _, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.Contains(table, "`"+strings.Trim(key, `"`)+"`") {
			t.Errorf("%s is not in the table", key)
		}
	}
}

func TestEncodeIsSorted(t *testing.T) {
	one, two := &File{Models: []Model{model("b", sumA), model("a", sumB), model("a", sumA)}}, &File{Models: []Model{model("a", sumA), model("b", sumA), model("a", sumB)}}
	x, err := one.Encode()
	if err != nil {
		t.Fatal(err)
	}
	y, err := two.Encode()
	if err != nil || string(x) != string(y) {
		t.Errorf("two orders, two files: %s and %s, %v", x, y, err)
	}
	empty, err := (&File{}).Encode()
	if err != nil || string(empty) != "{\n  \"version\": 1,\n  \"models\": []\n}\n" {
		t.Errorf("empty: %q, %v", empty, err)
	}
}

func TestParseRefuses(t *testing.T) {
	b, err := (&File{Models: []Model{model("a.pt", sumA)}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	if _, err := Parse(b); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ old, with, want string }{
		{"\"version\": 1", "\"version\": 2", `version "2" is not 1`},
		{"\"version\": 1", "\"version\": \"1\"", "line 2: found a string where a number is expected"},
		{"\"version\": 1,\n", "", `key "version" is missing`},
		{"\"version\": 1,", "\"version\": 1, \"version\": 1,", `line 2: key "version" stands twice`},
		{"\"path\"", "\"Path\"", `line 5: key "models.Path" is not known`},
		{"\"size\": 3,", "", `key "models.size" is missing`},
		{"\"size\": 3", "\"size\": -3", `line 7: size "-3" is not`},
		{"\"size\": 3", "\"size\": 3.5", `line 7: size "3.5" is not`},
		{"\"size\": 3", "\"size\": 1e3", `line 7: size "1e3" is not`},
		{"\"size\": 3", "\"size\": 99999999999999999999", "line 7: size"},
		{"\"size\": 3", "\"size\": null", "line 7: found null where a number"},
		{"a.pt", "../a.pt", `line 5: path "../a.pt"`},
		{"a.pt", "/a.pt", `line 5: path "/a.pt"`},
		{sumA, sumA[1:], "line 6: sha256"},
		{sumA, strings.ToUpper(sumA), "line 6: sha256"},
		{"\"pickle\"", "\"\"", "line 8: format is empty"},
		{"\"safe\"", "\"fine\"", `line 9: verdict "fine" is not one of`},
		{"\"source\": \"\"", "\"source\": \"http://h.example/x\"", "line 10: address"},
		{"\"source\": \"\"", "\"source\": \"https://H.example/x\"", "line 10: source"},
		{"2026-11-25T12:00:00Z", "2026-11-25T12:00:00+01:00", "line 12: added_at"},
		{"2026-11-25T12:00:00Z", "yesterday", "line 12: added_at"},
		{"\"signature\": \"\"", "\"signature\": \"../x.sig\"", "line 13: path"},
		{"\"signature\": \"\"", "\"signature\": \"*.sig\"", "line 13: signature"},
		{"\"waivers\": []", "\"waivers\": [\"A\", \"A\"]", `line 14: waiver "A" stands twice`},
		{"\"waivers\": []", "\"waivers\": {}", `line 14: found "{" where "[" is expected`},
		{"\"reason\": \"\"", "\"reason\": true", "line 15: found true or false where a string"},
		{"]\n}\n", "]\n}\n{}", "line 19: something stands after"},
		{"]\n}\n", "", "line 16: the file ends too early"},
		{"{\n", "[\n", `line 1: found "["`},
		{"\"version\"", "version", "line 2: invalid character"},
		{"alice", "\xff", "the file is not UTF-8"},
	}
	for _, tt := range tests {
		in := strings.Replace(good, tt.old, tt.with, 1)
		if in == good {
			t.Errorf("%q is not in the lock", tt.old)
		}
		f, err := Parse([]byte(in))
		if err == nil || !strings.Contains(err.Error(), tt.want) || f != nil {
			t.Errorf("%q: error %v, want %s", tt.with, err, tt.want)
		}
	}
	twice := strings.Replace(good, "    }\n", "    },\n"+good[strings.Index(good, "    {\n"):strings.Index(good, "    }\n")]+"    }\n", 1)
	if _, err := Parse([]byte(twice)); err == nil || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("one model twice: %v", err)
	}
	if _, err := Parse(make([]byte, MaxBytes+1)); err == nil {
		t.Error("a huge lock is read")
	}
}

func TestPut(t *testing.T) {
	var f File
	if c, _ := f.Put(model("a", sumA)); c != Added {
		t.Error("not added")
	}
	again := model("a", sumA)
	again.AddedBy, again.AddedAt, again.Reason = "bob", "2027-01-01T00:00:00Z", "again"
	if c, old := f.Put(again); c != Same || old.AddedBy != "alice" || f.Models[0].AddedBy != "alice" {
		t.Error("what is listed already is written anew")
	}
	if c, old := f.Put(model("a", sumB)); c != Replaced || old.SHA256 != sumA || len(f.Models) != 1 || f.Models[0].SHA256 != sumB {
		t.Error("another digest does not replace")
	}
	for _, sum := range []string{sumA, sumB} {
		if c, _ := f.Put(model("m/*.pt", sum)); c != Added {
			t.Error("a pattern does not take two digests")
		}
	}
	if len(f.Models) != 3 {
		t.Errorf("%d models", len(f.Models))
	}
}

func TestLookUp(t *testing.T) {
	f := &File{Models: []Model{model("m/a.pt", sumA), model("m/*.pt", sumB), model("n/a.pt", sumA)}}
	x := NewIndex(f)
	literal, matched := x.For("m/a.pt")
	if len(literal) != 1 || literal[0].SHA256 != sumA || len(matched) != 1 || matched[0].SHA256 != sumB {
		t.Errorf("literal %v, matched %v", literal, matched)
	}
	if got := x.Digest(sumA); len(got) != 2 || got[1].Path != "n/a.pt" {
		t.Errorf("digest: %v", got)
	}
	if x.Digest("") != nil || NewIndex(nil).Digest(sumA) != nil || !x.Size(3) || x.Size(4) || NewIndex(nil).Size(0) {
		t.Error("what is not listed is found")
	}
	if gone := f.Remove(sumA[:7]); gone != nil {
		t.Error("too few digits remove")
	}
	if gone := f.Remove("m/*.pt"); len(gone) != 1 || len(f.Models) != 2 {
		t.Errorf("gone: %v", gone)
	}
	if gone := f.Remove(sumA[:8]); len(gone) != 2 || len(f.Models) != 0 {
		t.Errorf("gone: %v", gone)
	}
}

// What parses is written and read again as the same.
func FuzzParse(f *testing.F) {
	b, err := (&File{Models: []Model{model("a.pt", sumA), model("m/**/x?.pt", sumB)}}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"models":[]}`))
	f.Add([]byte(`{"version":1,"models":[{"path":"a"`))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := Parse(b)
		if err != nil {
			return
		}
		x, err := one.Encode()
		if err != nil {
			t.Fatal(err)
		}
		two, err := Parse(x)
		if err != nil {
			t.Fatalf("%v\n%s", err, x)
		}
		y, err := two.Encode()
		if err != nil || string(x) != string(y) {
			t.Errorf("%s\nbecomes\n%s", x, y)
		}
	})
}

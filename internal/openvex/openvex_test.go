package openvex

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openvex/go-vex/pkg/vex"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/waiver"
)

var (
	sumA = strings.Repeat("a", 64)
	sumB = strings.Repeat("b", 64)
)

func until(t *testing.T, s string) day.Day {
	t.Helper()
	d, err := day.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t *testing.T, at string, waivers ...waiver.Waiver) (string, *vex.VEX) {
	t.Helper()
	lock := &lockfile.File{Models: []lockfile.Model{{Path: "m/a.pt", SHA256: sumA}, {Path: "m/b.pt", SHA256: sumB}, {Path: "n.pt", SHA256: sumA}}}
	var b bytes.Buffer
	if err := Write(&b, waivers, lock, at, "v1"); err != nil {
		t.Fatal(err)
	}
	doc, err := vex.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Statements {
		if err := s.Validate(); err != nil {
			t.Errorf("%v in %s", err, b.String())
		}
	}
	return b.String(), doc
}

const at = "2027-01-10T12:00:00Z"

// Each waiver is one valid statement with who, why, until when and about which models.
func TestWrite(t *testing.T) {
	x := waiver.Waiver{Rule: "PKL041", Path: "m/*.pt", Owner: "alice", Reason: "reviewed", Expires: until(t, "2027-01-10")}
	byDigest, expired, nowhere := x, x, x
	byDigest.Path, byDigest.SHA256 = "", sumB
	expired.Expires = until(t, "2027-01-09")
	nowhere.Path = "other/b c%.pt"
	text, doc := write(t, at, x, byDigest, expired, nowhere)
	if len(doc.Statements) != 4 || doc.Timestamp.Format("2006-01-02T15:04:05Z07:00") != at || doc.Tooling != "andiron v1" {
		t.Fatalf("%s", text)
	}
	want := []struct {
		status, impact, notes string
		products              []string
	}{
		{"not_affected", "reviewed", "waived by alice until 2027-01-10", []string{"ni:///sha-256;" + sumA, "ni:///sha-256;" + sumB}},
		{"not_affected", "reviewed", "waived by alice until 2027-01-10", []string{"ni:///sha-256;" + sumB}},
		{"under_investigation", "", "waived by alice until 2027-01-09, which has passed: reviewed", []string{"ni:///sha-256;" + sumA, "ni:///sha-256;" + sumB}},
		{"not_affected", "reviewed", "waived by alice until 2027-01-10", []string{"file:other/b%20c%25.pt"}},
	}
	for i, w := range want {
		s := doc.Statements[i]
		if string(s.Status) != w.status || s.ImpactStatement != w.impact || s.StatusNotes != w.notes || string(s.Vulnerability.Name) != "andiron-PKL041" {
			t.Errorf("statement %d: %+v", i, s)
		}
		if len(s.Products) != len(w.products) {
			t.Errorf("statement %d: %d products", i, len(s.Products))
			continue
		}
		for j, id := range w.products {
			if s.Products[j].ID != id {
				t.Errorf("statement %d: product %s, want %s", i, s.Products[j].ID, id)
			}
		}
	}
	if got := doc.Statements[1].Products[0].Hashes[vex.SHA256]; string(got) != sumB {
		t.Errorf("hash %q", got)
	}
}

// The same waivers at the same time give the same bytes, others another id.
func TestDeterministic(t *testing.T) {
	x := waiver.Waiver{Rule: "PKL041", Path: "m/*.pt", Owner: "alice", Reason: "reviewed", Expires: until(t, "2027-01-10")}
	y := x
	y.Reason = "again"
	one, a := write(t, at, x)
	two, _ := write(t, at, x)
	_, b := write(t, at, y)
	if one != two || a.ID == b.ID {
		t.Errorf("%s\n%s\n%s, %s", one, two, a.ID, b.ID)
	}
	if _, none := write(t, at); len(none.Statements) != 0 {
		t.Error("no waivers make statements")
	}
	if err := Write(&bytes.Buffer{}, nil, &lockfile.File{}, "now", ""); err == nil {
		t.Error("a time that is none is taken")
	}
}

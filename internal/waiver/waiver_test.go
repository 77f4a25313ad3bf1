package waiver

import (
	"errors"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/day"
)

const sum = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func until(t *testing.T, s string) day.Day {
	t.Helper()
	d, err := day.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var now = time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)

// Each field of a waiver decides: with it changed, the finding counts again.
func TestApply(t *testing.T) {
	base := Waiver{Rule: "PKL020", Path: "models/*.pt", Owner: "alice", Reason: "reviewed", Expires: until(t, "2027-01-10")}
	change := func(f func(*Waiver)) Waiver { w := base; f(&w); return w }
	present := finding.Finding{Rule: "PKL020", Outcome: finding.Present}
	tests := []struct {
		name   string
		waiver Waiver
		f      finding.Finding
		path   string
		want   bool
	}{
		{"covered", base, present, "models/a.pt", true},
		{"other rule", change(func(w *Waiver) { w.Rule = "PKL021" }), present, "models/a.pt", false},
		{"other path", base, present, "a.pt", false},
		{"elsewhere", change(func(w *Waiver) { w.Path = "**" }), present, "", false},
		{"expired", change(func(w *Waiver) { w.Expires = until(t, "2027-01-09") }), present, "models/a.pt", false},
		{"digest", change(func(w *Waiver) { w.Path, w.SHA256 = "", sum }), present, "", true},
		{"other digest", change(func(w *Waiver) { w.Path, w.SHA256 = "", sum[1:]+"b" }), present, "models/a.pt", false},
		{"undetermined", base, finding.Finding{Rule: "PKL020", Outcome: finding.Undetermined}, "models/a.pt", false},
		{"a waiver on waivers", change(func(w *Waiver) { w.Rule = ExpiredRule }), finding.Finding{Rule: ExpiredRule, Outcome: finding.Present}, "models/a.pt", false},
	}
	for _, tt := range tests {
		l := NewList([]Waiver{tt.waiver}, now)
		fs := []finding.Finding{tt.f}
		if err := l.Apply(tt.path, func() (string, error) { return sum, nil }, fs); err != nil {
			t.Fatal(err)
		}
		if got := fs[0].Waived != nil; got != tt.want {
			t.Errorf("%s: waived %v", tt.name, got)
		}
		if got := l.Covers(tt.f.Rule, tt.path, sum); tt.want && !got {
			t.Errorf("%s: covers %v", tt.name, got)
		}
		if unused := len(l.Unused(nil)) == 1; tt.want && unused || tt.name == "other path" && !unused {
			t.Errorf("%s: unused %v", tt.name, unused)
		}
	}
	l := NewList([]Waiver{base}, now)
	fs := []finding.Finding{present}
	if err := l.Apply("models/a.pt", nil, fs); err != nil {
		t.Fatal(err)
	}
	if got, want := *fs[0].Waived, (finding.Waiver{Rule: "PKL020", Owner: "alice", Reason: "reviewed", Expires: "2027-01-10"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestExpired(t *testing.T) {
	l := NewList([]Waiver{
		{Rule: "PKL020", Path: "a.pt", Expires: until(t, "2020-01-01")},
		{Rule: "PKL021", Path: "a.pt", Expires: until(t, "2020-01-01")},
	}, now)
	if err := l.Apply("a.pt", nil, []finding.Finding{{Rule: "PKL020", Outcome: finding.Present}}); err != nil {
		t.Fatal(err)
	}
	if all, met := l.Expired(true), l.Expired(false); len(all) != 2 || len(met) != 1 || met[0].Rule != "PKL020" {
		t.Errorf("expired: %v, met: %v", all, met)
	}
	if got := l.Unused(nil); len(got) != 0 {
		t.Errorf("unused: %v", got)
	}
}

// The digest is asked for only where it can matter, and its error is passed on.
func TestDigestIsLazy(t *testing.T) {
	bad := errors.New("unreadable")
	digest := func() (string, error) { return "", bad }
	l := NewList([]Waiver{{Rule: "PKL020", SHA256: sum}, {Rule: "PKL021", SHA256: sum, Expires: until(t, "2020-01-01")}}, now)
	for rule, want := range map[string]error{"PKL020": bad, "PKL021": bad, "PKL022": nil} {
		if err := l.Apply("a", digest, []finding.Finding{{Rule: rule, Outcome: finding.Present}}); !errors.Is(err, want) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

func TestNoList(t *testing.T) {
	var l *List
	fs := []finding.Finding{{Rule: "PKL020", Outcome: finding.Present}}
	if err := l.Apply("a", nil, fs); err != nil || fs[0].Waived != nil || l.Covers("PKL020", "a", "") || l.ByDigest("PKL020") || l.Unused(nil) != nil {
		t.Error("no list covers something")
	}
}

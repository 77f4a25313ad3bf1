package day

import (
	"testing"
	"time"
)

func TestOver(t *testing.T) {
	d, err := Parse("2027-01-31")
	if err != nil || d.String() != "2027-01-31" {
		t.Fatal(d, err)
	}
	for at, want := range map[string]bool{
		"2027-01-30T00:00:00Z":      false,
		"2027-01-31T23:59:59Z":      false,
		"2027-02-01T00:00:00Z":      true,
		"2027-01-31T20:00:00-05:00": true, // which is the first of February in UTC
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Over(now); got != want {
			t.Errorf("over at %s: %v", at, got)
		}
		if (Day{}).Over(now) {
			t.Error("no day is over")
		}
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"", "2027-02-30", "2027-1-1", "tomorrow", "2027-01-01T00:00:00Z", " 2027-01-01"} {
		if d, err := Parse(s); err == nil || !d.IsZero() || d.String() != "" {
			t.Errorf("%q is %v", s, d)
		}
	}
}

package supply

import (
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/day"
)

func TestVouched(t *testing.T) {
	last, err := day.Parse("2027-01-01")
	if err != nil {
		t.Fatal(err)
	}
	p := Policy{Vouches: []Vouch{{Package: "nvidia-*", Owner: "a", Reason: "b", Expires: last}}}
	day := time.Date(2027, 1, 1, 23, 0, 0, 0, time.UTC)
	if v := p.Vouched("nvidia-cublas-cu12", day); v == nil || v.Owner != "a" {
		t.Errorf("on its last day: %+v", v)
	}
	if v := p.Vouched("nvidia-cublas-cu12", day.Add(2*time.Hour)); v != nil {
		t.Errorf("after its last day: %+v", v)
	}
	if v := p.Vouched("torch", day); v != nil {
		t.Errorf("another package: %+v", v)
	}
}

func TestDefaults(t *testing.T) {
	var p Policy
	if p.Fresh() != DefaultMaxAge || p.Cool() != DefaultCooldown {
		t.Errorf("defaults %v, %v", p.Fresh(), p.Cool())
	}
	p = Policy{MaxAge: time.Hour, Cooldown: 2 * time.Hour}
	if p.Fresh() != time.Hour || p.Cool() != 2*time.Hour {
		t.Errorf("set %v, %v", p.Fresh(), p.Cool())
	}
}

package finding

import (
	"errors"
	"slices"
	"testing"
)

type teeProbe struct {
	name string
	log  *[]string
	err  error
}

func (p teeProbe) see(kind string) error {
	*p.log = append(*p.log, p.name+" "+kind)
	return p.err
}
func (p teeProbe) Config(Config) error         { return p.see("config") }
func (p teeProbe) Progress(Progress) error     { return p.see("progress") }
func (p teeProbe) Artifact(Artifact) error     { return p.see("artifact") }
func (p teeProbe) Finding(Finding) error       { return p.see("finding") }
func (p teeProbe) Dependency(Dependency) error { return p.see("dependency") }
func (p teeProbe) Posture(Posture) error       { return p.see("posture") }
func (p teeProbe) Summary(Summary) error       { return p.see("summary") }

func TestTee(t *testing.T) {
	var got []string
	bad := errors.New("no room")
	h := Tee(teeProbe{"a", &got, bad}, teeProbe{"b", &got, nil})
	for _, err := range []error{
		h.Config(Config{}), h.Progress(Progress{}), h.Artifact(Artifact{}),
		h.Finding(Finding{}), h.Dependency(Dependency{}), h.Posture(Posture{}), h.Summary(Summary{}),
	} {
		if !errors.Is(err, bad) {
			t.Errorf("error %v", err)
		}
	}
	want := []string{
		"a config", "b config", "a progress", "b progress", "a artifact", "b artifact",
		"a finding", "b finding", "a dependency", "b dependency", "a posture", "b posture", "a summary", "b summary",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

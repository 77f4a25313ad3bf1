package allowance

import (
	"slices"
	"testing"
	"time"
)

func TestParseNeed(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  []Layer
	}{
		{nil, []Layer{Seccomp}},
		{[]string{"container"}, []Layer{Seccomp, Landlock}},
		{[]string{"default"}, []Layer{Seccomp, Landlock, Namespaces}},
		{[]string{"strict"}, []Layer{Seccomp, Landlock, Namespaces, Cgroup}},
		{[]string{"namespaces", "landlock", "namespaces"}, []Layer{Seccomp, Namespaces, Landlock}},
		{[]string{"gvisor"}, []Layer{Seccomp, GVisor}},
	} {
		if got, err := ParseNeed(c.names...); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %v", c.names, got, err)
		}
	}
	for _, bad := range []string{"", "Landlock", "all", "landlock,seccomp"} {
		if got, err := ParseNeed(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestAllows(t *testing.T) {
	p := Policy{Globals: []string{"models.net.Net", "layers.*"}}
	for name, want := range map[[2]string]bool{
		{"models.net", "Net"}:   true,
		{"models", "net.Net"}:   true,
		{"models.net", "Other"}: false,
		{"models.net", "Net2"}:  false,
		{"layers", "Any"}:       true,
		{"layers.deep", "Any"}:  true,
		{"layers2", "Any"}:      false,
		{"os", "system"}:        false,
	} {
		if got := p.Allows(name[0], name[1]); got != want {
			t.Errorf("%v: %v", name, got)
		}
	}
	if (&Policy{}).Allows("torch", "Tensor") {
		t.Error("the default allows a name")
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"a.b", "a.b.*", "_a.B2", "modèle.Réseau"} {
		if err := CheckGlobal(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "*", "a", "a.", ".a", "a.*.b", "a.b*", "a b.c", "2a.b", "*.*", "a..b"} {
		if CheckGlobal(bad) == nil {
			t.Errorf("%q is taken as a name", bad)
		}
	}
	if err := CheckModule("a.b_2"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a.*", "a-b", "a/b", "a."} {
		if CheckModule(bad) == nil {
			t.Errorf("%q is taken as a module", bad)
		}
	}
}

func TestParseTime(t *testing.T) {
	if d, err := ParseTime("90s"); err != nil || d != 90*time.Second {
		t.Error(d, err)
	}
	for _, bad := range []string{"", "0s", "-1s", "30", "25h", "forever"} {
		if d, err := ParseTime(bad); err == nil {
			t.Errorf("%q is %v", bad, d)
		}
	}
}

// A limit may be made lower, and where the policy has none, anything.
func TestWithin(t *testing.T) {
	l := Limits{Memory: 100, Files: 10, Time: time.Second}
	got, err := l.Within(Limits{Memory: 50, Files: 10, CPU: time.Hour, Events: 7})
	if want := (Limits{Memory: 50, Files: 10, Time: time.Second, CPU: time.Hour, Events: 7}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, ask := range []Limits{{Memory: 101}, {Files: 11}, {Time: 2 * time.Second}} {
		if got, err := l.Within(ask); err == nil {
			t.Errorf("%+v: %+v", ask, got)
		}
	}
}

package sandbox

import (
	"errors"
	"testing"
)

// To look for a module that is not there is no attack; anything beside it is one.
func TestJudgeImports(t *testing.T) {
	looked := func(paths ...string) (all []Event) {
		for _, p := range paths {
			all = append(all, Event{Call: "openat", looked: p})
		}
		return all
	}
	missing := &message{Failed: &failure{"ModuleNotFoundError", "No module named 'x'"}}
	for _, c := range []struct {
		name   string
		m      *message
		lacks  []string
		events []Event
		want   error
	}{
		{"a module it names", &message{}, []string{"models"}, looked("/usr/lib/python3", "/usr"), ErrNeeds},
		{"a module it says", missing, nil, looked("/usr/lib/python3"), ErrNeeds},
		{"nothing is missing", &message{}, nil, looked("/usr/lib/python3"), ErrContained},
		{"another error", &message{Failed: &failure{"OSError", ""}}, nil, looked("/usr/lib/python3"), ErrContained},
		{"elsewhere", missing, []string{"models"}, looked("/usr/lib/python3", "/etc/passwd"), ErrContained},
		{"a folder with the same beginning", missing, nil, looked("/usrlocal"), ErrContained},
		{"upwards", missing, nil, looked("/usr/../etc/passwd"), ErrContained},
		{"another call", missing, []string{"models"}, append(looked("/usr"), Event{Call: "execve"}), ErrContained},
		{"no word at all", &message{}, []string{"models"}, looked("/usr"), ErrNeeds},
	} {
		err := judge(c.m, nil, &Report{Lacks: c.lacks, Events: c.events}, []string{"/usr"})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

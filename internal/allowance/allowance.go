// Package allowance holds what a project asks of the sandbox that loads what nobody
// trusts: what must hold it, what it may take, and which names checkpoints may need.
//
// # Security
//
// The zero value allows no name, and has the least and the limits of the sandbox. A
// name that is allowed is imported where nothing of the checkpoint has run yet, and is
// called where everything has: allowing it trusts the module, and not the checkpoint.
//
// # Specification
//
// docs/spec/policy-v1.md.
package allowance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Layer is one of the things that hold a worker.
type Layer string

// The layers, from what every kernel has to what some have.
const (
	Seccomp    Layer = "seccomp"
	Landlock   Layer = "landlock"
	Namespaces Layer = "namespaces"
	Cgroup     Layer = "cgroup"
	GVisor     Layer = "gvisor"
)

// Layers are all of them.
func Layers() []Layer { return []Layer{Seccomp, Landlock, Namespaces, Cgroup, GVisor} }

// tiers are names for several layers.
var tiers = []struct {
	name   string
	layers []Layer
}{
	{"container", []Layer{Seccomp, Landlock}},
	{"default", []Layer{Seccomp, Landlock, Namespaces}},
	{"strict", []Layer{Seccomp, Landlock, Namespaces, Cgroup}},
}

// ParseNeed reads a layer or a tier, which is several. The filter is always needed.
func ParseNeed(list ...string) ([]Layer, error) {
	need := []Layer{Seccomp}
	for _, s := range list {
		more, ok := needed(s)
		if !ok {
			return nil, fmt.Errorf("there is no layer %q; there are %s", s, names())
		}
		for _, l := range more {
			if !slices.Contains(need, l) {
				need = append(need, l)
			}
		}
	}
	return need, nil
}

// names says what ParseNeed reads.
func names() string {
	var all []string
	for _, t := range tiers {
		all = append(all, t.name)
	}
	for _, l := range Layers() {
		all = append(all, string(l))
	}
	return strings.Join(all, ", ")
}

func needed(s string) ([]Layer, bool) {
	for _, t := range tiers {
		if t.name == s {
			return t.layers, true
		}
	}
	return []Layer{Layer(s)}, slices.Contains(Layers(), Layer(s))
}

// Policy is what a project asks for. The zero value is the default.
type Policy struct {
	Need    []Layer  // refuse to load without them; nil is the least of the sandbox
	Python  string   // the interpreter, which has torch
	Runsc   string   // of gVisor, for its layer
	Path    []string // folders with modules of the project
	Imports []string // modules to import
	Globals []string // names that checkpoints may need: module.name, or all beneath, module.*
	Limits  Limits
}

// Limits bound a load. Zero means the default of the sandbox.
type Limits struct {
	Time      time.Duration // from the first untrusted byte to the last tensor
	CPU       time.Duration
	Memory    int64
	Result    int64
	Files     int
	Processes int
	Events    int // refused calls before the worker is ended
}

// Allows reports whether checkpoints may need a name of a module.
func (p *Policy) Allows(module, name string) bool {
	full := module + "." + name
	return slices.ContainsFunc(p.Globals, func(g string) bool {
		if beneath, all := strings.CutSuffix(g, "*"); all {
			return strings.HasPrefix(full, beneath)
		}
		return full == g
	})
}

// CheckGlobal complains about what is not module.name or module.*: everything cannot
// be allowed.
func CheckGlobal(s string) error {
	parts := strings.Split(s, ".")
	last := len(parts) - 1
	for i, part := range parts {
		if !identifier(part) && (part != "*" || i != last) || last == 0 {
			return fmt.Errorf("%q is neither module.name nor module.*", s)
		}
	}
	return nil
}

// CheckModule complains about what is no name of a module.
func CheckModule(s string) error {
	for part := range strings.SplitSeq(s, ".") {
		if !identifier(part) {
			return fmt.Errorf("%q is not the name of a module", s)
		}
	}
	return nil
}

// identifier reports whether Python could read a word as a name. What is not ASCII is
// left to Python.
func identifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// ParseTime reads a time above 0 of at most a day, such as 30s or 2m.
func ParseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > 24*time.Hour {
		return 0, fmt.Errorf("time %q is not above 0 and at most 24h, such as 30s or 2m", s)
	}
	return d, nil
}

// Within lays limits that somebody asks for over those of a policy, and complains about
// one that is looser.
func (l Limits) Within(ask Limits) (Limits, error) {
	over := cmp.Or(
		lower("time", &l.Time, ask.Time), lower("cpu", &l.CPU, ask.CPU),
		lower("memory", &l.Memory, ask.Memory), lower("result", &l.Result, ask.Result),
		lower("files", &l.Files, ask.Files), lower("processes", &l.Processes, ask.Processes), lower("events", &l.Events, ask.Events),
	)
	if over != "" {
		return l, fmt.Errorf("the policy's sandbox.limits.%s is lower", over)
	}
	return l, nil
}

// lower sets a limit to what is asked for, if anything, and returns its name if that is
// more.
func lower[N int | int64 | time.Duration](name string, limit *N, ask N) string {
	had := *limit
	if ask == 0 {
		return ""
	}
	*limit = ask
	if had != 0 && ask > had {
		return name
	}
	return ""
}

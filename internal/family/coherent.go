package family

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Package is one statement about one package.
type Package struct {
	Name    string // normalised, as on a package index
	Version string // "2.1.0+cu118"; "" if several are allowed
	Index   string // the address that it comes from, where that is known
	// Plain says that it certainly comes from an index that is not of one accelerator,
	// as a lock does. Its build is then the one that its train has there.
	Plain bool
	// When says under what it is installed: its marker and groups, in any form. Two
	// versions of one package under the same one cannot both be.
	When string
	Path string // the file that says it
	Line int    // 0 if it has none
}

func (p Package) where() string {
	switch {
	case p.Path == "":
		return ""
	case p.Line == 0:
		return " (" + p.Path + ")"
	}
	return " (" + p.Path + ":" + strconv.Itoa(p.Line) + ")"
}

func (p Package) String() string { return strings.TrimSpace(p.Name+" "+p.Version) + p.where() }

// Kind is what packages disagree about.
type Kind string

// The kinds.
const (
	Trains       Kind = "train"       // release trains of torch
	Accelerators Kind = "accelerator" //
	Twice        Kind = "twice"       // one package, two versions
	Unknown      Kind = "unknown"     // the table does not have a version, so nothing is known of it
)

// Problem says that packages do not go together, or that this is not known.
type Problem struct {
	Kind     Kind
	Text     string // one sentence, lowercase, no final period
	Packages []Package
}

// maxBuilds is how many different builds of torch each package is held against.
const maxBuilds = 64

// Coherent holds the packages of one file or environment against one another: one
// release train, one accelerator. Where there are several builds of torch, under
// different markers, a package has to go with one of them. Packages that are not of
// the family are left out. The order of problems is that of the packages.
func Coherent(packages []Package) []Problem {
	var torches, rest []member
	for _, p := range packages {
		if p.Name == torch {
			torches = append(torches, memberOf(p))
		} else if Member(p.Name) {
			rest = append(rest, memberOf(p))
		}
	}
	r := &result{at: map[string]int{}}
	r.twice(append(slices.Clone(torches), rest...))
	builds := distinct(torches)
	if len(builds) > maxBuilds {
		r.add(Twice, "builds", fmt.Sprintf("there are %d different builds of torch, of which only %d were looked at", len(builds), maxBuilds), builds[0].Package)
		builds = builds[:maxBuilds]
	}
	for _, m := range rest {
		if !m.known && m.Version != "" && len(table().rows[alias(m.Name)]) > 0 {
			r.add(Unknown, m.Name+" "+m.Version, fmt.Sprintf("the release train of %s is not in the table of %s", m, Date), m.Package)
		}
	}
	if len(builds) > 0 {
		r.against(builds, rest)
	} else {
		r.mutual(rest)
	}
	return r.finish()
}

type member struct {
	Package

	span  Span
	known bool // span is
	tag   string
}

func memberOf(p Package) member {
	m := member{Package: p, tag: OfPackage(p.Name, p.Version)}
	m.span, m.known = Fits(p.Name, p.Version)
	if m.tag == "" {
		m.tag = Accelerator(p.Index)
	}
	if m.tag == "" && p.Plain && m.known && m.span.From == m.span.To && slices.Contains([]string{torch, "torchvision", "torchaudio"}, p.Name) {
		m.tag = Plain(m.span.From)
	}
	return m
}

// trainsMeet reports whether two packages can be of one train; what is not known does
// not contradict.
func trainsMeet(a, b member) bool { return !a.known || !b.known || a.span.meets(b.span) }

func distinct(torches []member) (builds []member) {
	seen := map[[3]string]bool{}
	for _, t := range torches {
		key := [3]string{t.span.From, t.span.To, t.tag}
		if !seen[key] {
			seen[key] = true
			builds = append(builds, t)
		}
	}
	return builds
}

type result struct {
	problems []Problem
	at       map[string]int // what is said -> index into problems
	more     []int          // packages that a problem stands for beside those in its text
}

// add says something once, and lists whom it is true of.
func (r *result) add(kind Kind, key, text string, packages ...Package) {
	key = string(kind) + " " + key
	if i, ok := r.at[key]; ok {
		last := packages[len(packages)-1]
		r.problems[i].Packages = append(r.problems[i].Packages, last)
		r.more[i]++
		return
	}
	r.at[key] = len(r.problems)
	r.problems = append(r.problems, Problem{kind, text, packages})
	r.more = append(r.more, 0)
}

func (r *result) finish() []Problem {
	for i, n := range r.more {
		if n > 0 {
			names := make([]string, 0, 3)
			list := r.problems[i].Packages
			for _, p := range list[len(list)-n:][:min(n, 3)] {
				names = append(names, p.String())
			}
			text := "; the same is true of " + strings.Join(names, ", ")
			if n > len(names) {
				text += fmt.Sprintf(" and %d more", n-len(names))
			}
			r.problems[i].Text += text
		}
	}
	return r.problems
}

// twice looks for two versions of one package that would be installed together.
func (r *result) twice(members []member) {
	first := map[[2]string]Package{}
	for _, m := range members {
		if m.Version == "" {
			continue
		}
		key := [2]string{m.Name, m.When}
		have, ok := first[key]
		if !ok {
			first[key] = m.Package
			continue
		}
		if !strings.EqualFold(have.Version, m.Version) {
			r.add(Twice, m.Name+" "+m.When+" "+m.Version, fmt.Sprintf("%s and %s cannot both be installed", have, m), have, m.Package)
		}
	}
}

// against holds packages against the builds of torch. Of several, the first is named.
func (r *result) against(builds, rest []member) {
	for _, m := range rest {
		train := slices.IndexFunc(builds, func(t member) bool { return trainsMeet(t, m) })
		if train < 0 {
			r.trains(builds[0], m)
			continue
		}
		if !slices.ContainsFunc(builds, func(t member) bool { return trainsMeet(t, m) && agree(t.tag, m.tag) }) {
			r.accelerators(builds[train], m)
		}
	}
}

// mutual holds packages against the first that says something, where torch itself is
// not among them.
func (r *result) mutual(rest []member) {
	known := slices.IndexFunc(rest, func(m member) bool { return m.known })
	tagged := slices.IndexFunc(rest, func(m member) bool { return m.tag != "" })
	for i, m := range rest {
		if known >= 0 && i > known && !trainsMeet(rest[known], m) {
			r.trains(rest[known], m)
		} else if tagged >= 0 && i > tagged && !agree(rest[tagged].tag, m.tag) {
			r.accelerators(rest[tagged], m)
		}
	}
}

func (r *result) trains(a, b member) {
	r.add(Trains, a.String()+" "+b.span.String(), fmt.Sprintf("%s goes with release train %s of torch, and %s with %s", a, a.span, b, b.span), a.Package, b.Package)
}

func (r *result) accelerators(a, b member) {
	r.add(Accelerators, a.String()+" "+b.tag, fmt.Sprintf("%s is built for %s, and %s for %s", a, a.tag, b, cmp.Or(b.tag, "another")), a.Package, b.Package)
}

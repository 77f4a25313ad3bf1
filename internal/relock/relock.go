// Package relock has a project's own tool make its lock, holds the result to rules
// of its own, and completes what is missing; and it finds the smallest step of torch
// and its family to versions without known advisories.
//
// # Security
//
// It starts other programs: uv, pip-compile or poetry, and the project's test
// command if one is given. Options.Say is told of each before it starts. A tool works
// in a scratch folder that has copies of the files that it needs, and nothing of the
// project is changed by it. Its environment is made anew: what sets an index, a
// configuration or a credential for it elsewhere does not reach it, with the
// exception of UV_INDEX_NAME_USERNAME and _PASSWORD of an index that the project
// names. Source distributions are not built, because building runs their code, unless
// Options.AllowBuildUnsafe is set; poetry has no such switch.
//
// A tool resolves, and is not believed: every package must come from an index that
// the project's files name, a package that is bound to one from that one, and every
// file must have a digest. A digest that the index does not give is computed from the
// file, which is streamed and never run, and it is written down who vouches for it.
//
// # Limits
//
// Files of a project are at most 16 MiB, all that are copied 64 MiB. What may be
// downloaded to compute digests is Options.MaxDownload.
//
// # Specification
//
// uv 0.12 (lock, pip compile), pip-tools 7, poetry 2. PEP 751, 658 and 714.
package relock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/whole"
)

// Options are how a lock is made.
type Options struct {
	Fetch  *fetch.Client
	Getenv func(string) string
	Now    time.Time
	Say    func(string) // told of each program, before it starts
	// Upgrade lets the tool choose all versions anew; Packages are requirements, such
	// as torch==2.6.0, that it has to choose anew.
	Upgrade  bool
	Packages []string
	// Python is the version to resolve for, and Universal asks for a lock of every
	// platform; both are of requirements and pylock.toml.
	Python    string
	Universal bool
	// Recompute computes the digest of every file, also of those that have one.
	Recompute bool
	// Wheels limits what is downloaded to the files that the pattern matches, such as
	// *-cp311-*linux_x86_64*; empty is all.
	Wheels      string
	MaxDownload int64         // 16 GiB, together
	Timeout     time.Duration // of each program: 10 minutes
	// Scratch is a folder of the user's own for temporary ones. Tools look for settings
	// in the folders above the one that they work in, so that one which anyone can
	// write to, as the system's often is, lets others have a say.
	Scratch string
	// Rescan holds the new lock against the advisories; nil leaves that out, which the
	// result says.
	Rescan func([]*manifest.File) ([]finding.Finding, error)
	// AllowBuildUnsafe lets the tool build source distributions, which runs their code.
	AllowBuildUnsafe bool
}

func (o Options) withDefaults() Options {
	o.MaxDownload = cmp.Or(o.MaxDownload, 16<<30)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Minute)
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	return o
}

// Problem is something that keeps a lock from being good.
type Problem struct {
	Package string `json:"package,omitempty"`
	Version string `json:"version,omitempty"`
	File    string `json:"file,omitempty"`
	Text    string `json:"text"` // one sentence, lowercase
	// Incomplete says that something could not be looked at, which may be well.
	Incomplete bool `json:"incomplete,omitempty"`
}

func (p Problem) String() string {
	return strings.TrimSpace(strings.Join(strings.Fields(p.Package+" "+p.Version+" "+p.File), " ")) + ": " + p.Text
}

// Result is a lock that was made.
type Result struct {
	Tool        string        `json:"tool"` // "uv"
	ToolVersion string        `json:"tool_version"`
	Form        manifest.Kind `json:"form"`
	Lock        string        `json:"lock"` // its path in the project
	Current     bool          `json:"current"`
	Packages    int           `json:"packages"`
	ByTool      int           `json:"digests_by_tool"`  // as the tool got them
	Vouched     []Vouch       `json:"digests_computed"` // of files, in order of the lock
	Notes       []string      `json:"notes,omitempty"`
	// Scanned says that the lock was held against the advisories, and Findings what
	// that found.
	Scanned  bool              `json:"scanned"`
	Findings []finding.Finding `json:"findings"`
	Problems []Problem         `json:"problems"`
	Before   []byte            `json:"-"`
	After    []byte            `json:"-"`
	File     *manifest.File    `json:"-"`      // what After says
	Inputs   map[string]string `json:"inputs"` // digests of the files that it was made from
}

// Lock makes the lock of a project and verifies it. Nothing in the project changes.
func Lock(ctx context.Context, p *Project, opt Options) (*Result, error) {
	opt = opt.withDefaults()
	if _, err := path.Match(opt.Wheels, ""); err != nil {
		return nil, fmt.Errorf("%q is not a pattern of file names", opt.Wheels)
	}
	dir, err := os.MkdirTemp(opt.Scratch, "andiron-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is a private temporary folder
	work := filepath.Join(dir, "project")
	if err := p.copyTo(work); err != nil {
		return nil, err
	}
	t, err := find(ctx, p, opt, dir)
	if err != nil {
		return nil, err
	}
	after, err := t.lock(ctx, p, opt, work)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Tool: t.name, ToolVersion: t.version, Form: p.Form, Lock: p.Lock, Before: p.before, After: after,
		Problems: []Problem{}, Vouched: []Vouch{}, Findings: []finding.Finding{}, Inputs: p.digests(),
	}
	v := &verifier{opt: opt, p: p, r: r, pages: NewPages(p.Files, opt.Fetch, opt.Getenv), dir: dir, left: opt.MaxDownload}
	if err := v.verify(ctx); err != nil {
		return nil, err
	}
	if opt.Rescan != nil {
		if r.Findings, err = opt.Rescan([]*manifest.File{r.File}); err != nil {
			return nil, fmt.Errorf("the lock cannot be held against the advisories: %w", err)
		}
		r.Scanned = true
	}
	r.Current = p.before != nil && string(r.After) == string(p.before)
	return r, nil
}

// Good reports whether the lock may be written.
func (r *Result) Good() bool { return len(r.Problems) == 0 }

// Incomplete reports whether all that is wrong is what could not be looked at.
func (r *Result) Incomplete() bool {
	for _, p := range r.Problems {
		if !p.Incomplete {
			return false
		}
	}
	return len(r.Problems) > 0
}

// Write gives the lock its place in the project, and its record after it; each
// appears whole or not at all.
func (r *Result) Write(root, andiron string, now time.Time) error {
	if !r.Good() {
		return errors.New("relock: internal error: the lock is not good")
	}
	if !r.Current {
		if err := whole.WriteFile(filepath.Join(root, filepath.FromSlash(r.Lock)), r.After); err != nil {
			return fmt.Errorf("lock %q cannot be written: %w", r.Lock, err)
		}
	}
	return r.writeRecord(root, andiron, now)
}

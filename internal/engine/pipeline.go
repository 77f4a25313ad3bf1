package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/code"
	"github.com/andiron-dev/andiron/internal/data"
)

const (
	openBytes    = 512 << 20 // of artifacts looked at at once
	openBytesOne = 64 << 20  // the most that one counts for
	ahead        = 512       // jobs between the walk and what was handed on
)

// job is one thing to look at and where its result will be.
type job struct {
	entry artifact.Entry
	named bool // by the user
	stdin bool
	done  chan result // holds one
}

// file reports whether a job is to look at one file.
func (j *job) file() bool { return j.entry.Path != "" && !j.entry.Dir }

// result is what came of a job.
type result struct {
	artifact   *finding.Artifact // nil if it is no model
	other      bool              // a file that is no model
	python     bool              // a file of Python code
	lines      int               // in it
	modules    *code.Modules     // what it says about models; nil for nothing
	flow       *code.Flow        // what it hands on; nil for nothing
	abs        string            // where its file is
	allows     []code.Allow      // what somebody answers for in it
	rewritten  *Rewritten        // what it becomes; nil where nothing changes
	left       []code.Left       // what is not rewritten, and why
	validation data.Facts        // what it says about how inputs are validated
	loose      []finding.Finding // what belongs to no artifact
	stopped    bool              // the run was told to stop first
}

// pipeline walks, looks in parallel and hands results to e in the walk's order.
// It returns when every goroutine it started has.
func pipeline(ctx context.Context, paths []string, opt Options, e *emitter) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	order := make(chan *job, ahead)
	work := make(chan *job)
	weight := semaphore.NewWeighted(openBytes)
	var group errgroup.Group
	group.Go(func() error {
		defer close(order)
		defer close(work)
		walkAll(ctx, paths, opt, func(j *job) bool { return queue(ctx, j, order, work) })
		return nil
	})
	for range opt.Jobs {
		group.Go(func() error {
			for j := range work {
				j.done <- weighed(ctx, weight, j, opt)
			}
			return nil
		})
	}
	err := e.drain(order)
	if err != nil {
		cancel()
		for range order { // what is left is of no use, but the walk may wait to queue it
		}
	}
	return cmp.Or(err, group.Wait())
}

// queue gives a job its place in the order and, unless its result is known, to a
// worker. It reports whether to go on.
func queue(ctx context.Context, j *job, order, work chan<- *job) bool {
	known := len(j.done) > 0
	select {
	case order <- j:
	case <-ctx.Done():
		return false
	}
	if known {
		return true
	}
	select {
	case work <- j:
		return true
	case <-ctx.Done():
		j.done <- result{stopped: true}
		return false
	}
}

// weighed looks at a job once the artifacts open at that time leave room for it.
func weighed(ctx context.Context, weight *semaphore.Weighted, j *job, opt Options) result {
	n := min(max(j.entry.Size, 1), openBytesOne)
	if err := weight.Acquire(ctx, n); err != nil {
		return result{stopped: true}
	}
	defer weight.Release(n)
	return look(ctx, j, opt)
}

// walkAll makes the jobs of all paths, sorted, each file once.
func walkAll(ctx context.Context, paths []string, opt Options, add func(*job) bool) {
	roots := rootsOf(paths, opt)
	w := &walk{opt: opt, add: add, named: map[string]bool{}, seen: map[string]bool{}, many: len(roots) > 1}
	for _, r := range roots {
		w.named[r.Path] = true
	}
	for _, r := range roots {
		if !w.root(ctx, r) {
			return
		}
	}
}

// rootsOf turns the user's paths into entries, sorted as a walk sorts.
func rootsOf(paths []string, opt Options) []artifact.Entry {
	var roots []artifact.Entry
	for _, p := range paths {
		r := artifact.Entry{Path: filepath.ToSlash(filepath.Clean(p)), Abs: p}
		if p == "-" && opt.Stdin != nil {
			r.Abs = ""
		} else if info, err := os.Stat(p); err == nil {
			r.Dir, r.Size = info.IsDir(), info.Size()
		}
		roots = append(roots, r)
	}
	key := func(e artifact.Entry) string {
		if e.Dir {
			return e.Path + "/"
		}
		return e.Path
	}
	slices.SortFunc(roots, func(a, b artifact.Entry) int { return strings.Compare(key(a), key(b)) })
	return roots
}

// walk makes jobs of what it meets.
type walk struct {
	opt   Options
	add   func(*job) bool
	named map[string]bool // what the user named
	seen  map[string]bool // filled only where roots may overlap
	many  bool
}

func (w *walk) root(ctx context.Context, r artifact.Entry) bool {
	if !r.Dir {
		if w.again(r) {
			return true
		}
		return w.add(&job{entry: r, named: true, stdin: r.Abs == "", done: make(chan result, 1)})
	}
	var notes noted
	for e, err := range artifact.Walk(ctx, r.Abs, w.opt.Walk) {
		if !w.met(e, err, &notes) {
			return false
		}
	}
	if fs := notes.findings(r.Path); len(fs) > 0 {
		return w.add(done(result{loose: fs}))
	}
	return true
}

// again reports whether an entry was met before, and remembers it.
func (w *walk) again(e artifact.Entry) bool {
	if !w.many {
		return false
	}
	key := e.Path
	if e.Dir {
		key += "/"
	}
	was := w.seen[key]
	w.seen[key] = true
	return was
}

func (w *walk) met(e artifact.Entry, err error, notes *noted) bool {
	if w.again(e) {
		return true
	}
	switch {
	case err != nil:
		f := notListed.Undetermined(finding.Where{Path: e.Path}, err.Error())
		return w.add(done(result{loose: []finding.Finding{f}}))
	case e.Note != "":
		if w.opt.reports(e.Path) {
			notes.add(e)
		}
		return true
	}
	return w.add(&job{entry: e, named: !e.Dir && w.named[e.Path], done: make(chan result, 1)})
}

// done returns a job that nobody has to do.
func done(r result) *job {
	j := &job{done: make(chan result, 1)}
	j.done <- r
	return j
}

// noted gathers what a walk did not look at.
type noted struct {
	skipped, links []string
}

func (n *noted) add(e artifact.Entry) {
	if e.Note == artifact.FolderLink {
		n.links = append(n.links, e.Path)
	} else {
		n.skipped = append(n.skipped, e.Path)
	}
}

// evidenceLimit is how many paths one finding lists.
const evidenceLimit = 20

func (n *noted) findings(root string) (fs []finding.Finding) {
	where := finding.Where{Path: root}
	if k := len(n.skipped); k > 0 {
		fs = append(fs, skipped.Finding(where,
			count(k, "folder of tools or special file was", "folders of tools or special files were")+" not looked at", some(n.skipped)...))
	}
	if k := len(n.links); k > 0 {
		fs = append(fs, folderLink.Finding(where,
			count(k, "link to a folder was", "links to folders were")+" not followed", some(n.links)...))
	}
	return fs
}

func some(paths []string) []string {
	if len(paths) <= evidenceLimit {
		return paths
	}
	rest := fmt.Sprintf("and %d more", len(paths)-evidenceLimit)
	return append(slices.Clone(paths[:evidenceLimit]), rest)
}

func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

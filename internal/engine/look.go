package engine

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/digest"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/trust"
)

// look does a job.
func look(ctx context.Context, j *job, opt Options) result {
	if ctx.Err() != nil {
		return result{stopped: true}
	}
	if passedBy(j.entry, opt) {
		return result{other: j.file()}
	}
	if j.entry.Dir {
		return lookFolder(ctx, j.entry, opt)
	}
	a, err := open(ctx, j, opt)
	if err != nil && ctx.Err() == nil {
		return notOpened(j, err, opt)
	}
	if err != nil {
		return result{stopped: true}
	}
	defer func() { _ = a.Close() }() // it was only read
	a.StopOn(ctx.Done())
	lookAt := lookFile
	if opt.onlyCode {
		lookAt = lookOnlyCode
	}
	r := lookAt(ctx, j, a, opt)
	if ctx.Err() != nil {
		return result{stopped: true} // it may have been cut off in the middle
	}
	return r
}

func open(ctx context.Context, j *job, opt Options) (*artifact.Artifact, error) {
	if !j.stdin {
		return artifact.Open(j.entry.Abs, j.entry.Path)
	}
	type opened struct {
		a   *artifact.Artifact
		err error
	}
	// A read from a terminal or a pipe cannot be called off. When the run is, this
	// goroutine is left to its read; the process is about to end.
	c := make(chan opened, 1)
	go func() {
		a, err := artifact.FromReader(j.entry.Path, opt.Stdin, opt.StdinLimit)
		c <- opened{a, err}
	}()
	select {
	case o := <-c:
		return o.a, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// notOpened is the result of a file that nobody could look at.
func notOpened(j *job, err error, opt Options) result {
	f := unreadable.Undetermined(finding.Where{Path: j.entry.Path}, err.Error())
	if opt.onlyCode {
		return result{loose: []finding.Finding{f}}
	}
	return result{artifact: &finding.Artifact{
		Path: j.entry.Path, Format: Unrecognised, Size: j.entry.Size, Findings: []finding.Finding{f},
	}}
}

// Unrecognised is the format of an artifact that was not identified.
const Unrecognised = "unrecognised"

func lookFile(ctx context.Context, j *job, a *artifact.Artifact, opt Options) result {
	where := finding.Where{Path: a.Name()}
	art := &finding.Artifact{Path: a.Name(), Size: a.Size(), Findings: []finding.Finding{}}
	report := func(f finding.Finding) { art.Findings = append(art.Findings, f) }

	facts, err := lookModel(ctx, a, opt, report)
	if err != nil {
		report(unreadable.Undetermined(where, err.Error()))
	}
	r := lookCode(ctx, j, a, opt)
	lookValidation(a, opt, &r)
	if !facts.Model && !j.named && len(art.Findings) == 0 {
		r.other = true
		return r
	}
	if !facts.Model && len(art.Findings) == 0 {
		report(notModel.Undetermined(where, fmt.Sprintf("%q is of no model format that andiron knows", path.Base(a.Name()))))
	}
	if art.Format = facts.Format; art.Format == "" {
		art.Format = Unrecognised
	}
	// An array that is only that is data, which an audit asks nobody to vouch for.
	data := opt.audit && (art.Format == "npy" || art.Format == "npz") && len(art.Findings) == 0
	if opt.SHA256 || opt.Trust != nil && opt.Trust.Asked() {
		if art.SHA256, err = digestOf(a, opt.Digests); err != nil {
			report(unreadable.Undetermined(where, err.Error()))
		}
	}
	if opt.Trust != nil {
		m := trusted(j, a, art)
		m.Data = data
		opt.Trust.Check(ctx, m, report)
	}
	if a.Changed() {
		report(changed.Undetermined(where, fmt.Sprintf("%q changed while it was read", path.Base(a.Name()))))
	}
	waive(j, a, art, opt, report)
	r.artifact = art
	return r
}

// trusted is what the trust room is told of an artifact.
func trusted(j *job, a *artifact.Artifact, art *finding.Artifact) trust.Model {
	m := trust.Model{Name: a.Name(), Path: j.entry.Abs, Size: a.Size(), SHA256: art.SHA256, Format: art.Format}
	if info := a.Info(); info != nil {
		m.Modified = info.ModTime()
	}
	return m
}

// waive marks the findings that somebody answers for. The digest is computed only
// if a waiver by digest may cover one.
func waive(j *job, a *artifact.Artifact, art *finding.Artifact, opt Options, report func(finding.Finding)) {
	rel := ""
	if !j.stdin && opt.Waivers != nil {
		rel = trust.Relative(opt.Project, j.entry.Abs)
	}
	sum := func() (s string, err error) {
		if art.SHA256 == "" {
			art.SHA256, err = digestOf(a, opt.Digests)
		}
		return art.SHA256, err
	}
	if err := opt.Waivers.Apply(rel, sum, art.Findings); err != nil {
		report(unreadable.Undetermined(finding.Where{Path: a.Name()}, err.Error()))
	}
}

// digestOf gives an artifact's SHA-256, from the cache where the file is in the
// state in which it was hashed.
func digestOf(a *artifact.Artifact, cache *digest.Cache) (string, error) {
	var id osfile.ID
	known := false
	if info := a.Info(); info != nil && cache != nil {
		id, known = osfile.Of(info)
	}
	if sum, ok := cache.Get(id); known && ok {
		return sum, nil
	}
	sum, err := a.SHA256Of(readAhead(a.ReaderAt(), a.Size()))
	if err != nil || !known {
		return sum, err
	}
	if now, err := a.Stat(); err == nil {
		if after, _ := osfile.Of(now); after == id { // else it was written to meanwhile
			cache.Put(id, sum, time.Now())
		}
	}
	return sum, nil
}

// lookModel runs the model room. A panic there is a fault of ours, not the end of
// the run.
func lookModel(ctx context.Context, a *artifact.Artifact, opt Options, report func(finding.Finding)) (facts model.Facts, err error) {
	defer func() {
		if r := recover(); r != nil {
			facts.Model = true
			report(broken(a.Name(), r))
		}
	}()
	return opt.look(ctx, a, opt.Model, report)
}

// lookFolder runs the model room on the files of one folder together.
func lookFolder(ctx context.Context, e artifact.Entry, opt Options) (r result) {
	report := func(f finding.Finding) { r.loose = append(r.loose, f) }
	defer func() {
		if p := recover(); p != nil {
			report(broken(e.Path, p))
		}
	}()
	if len(e.Files) == 0 {
		return result{}
	}
	open := func(f artifact.Entry) (*artifact.Artifact, error) { return artifact.Open(f.Abs, f.Path) }
	err := opt.lookFolder(ctx, e.Files, open, opt.Model, report)
	if ctx.Err() != nil {
		return result{stopped: true}
	}
	if err != nil {
		report(unreadable.Undetermined(finding.Where{Path: e.Path}, err.Error()))
	}
	return r
}

// broken says where a panic came from: the first function of this module on the
// stack, which is the same between runs, unlike the stack's addresses.
func broken(path string, panicked any) finding.Finding {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	evidence := []string{fmt.Sprintf("panic: %v", panicked)}
	for {
		f, more := frames.Next()
		name, ours := strings.CutPrefix(f.Function, "github.com/andiron-dev/andiron/")
		if ours {
			evidence = append(evidence, fmt.Sprintf("in %s (%s:%d)", name, filepath.Base(f.File), f.Line))
			break
		}
		if !more {
			break
		}
	}
	return internalError.Undetermined(finding.Where{Path: path}, "andiron failed on this and gave up", evidence...)
}

package ops

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/rule"
)

var recordOld = &rule.Rule{
	ID: "OPS068", Title: "A result of ops test that is about other sources", Strategy: finding.CustomOps,
	Severity: finding.Low, Since: since, Refs: []string{"docs/spec/optest-v1.md"},
	Text: "andiron ops test left a result in the project, and a source that it built has changed since, is gone, or was added. What it found then says nothing about what there is now, and is not counted.",
	Fix:  "run andiron ops test again",
}

var recordGood = &rule.Rule{
	ID: "OPS099", Title: "An operator that ops test called", Strategy: finding.CustomOps,
	Severity: finding.Info, Since: since, Refs: []string{"docs/spec/optest-v1.md"},
	Text: "andiron ops test called the operator with all that may break it, in the builds that the evidence names, and found nothing. The sources are those that it built.",
	Fix:  "nothing needs to be done",
}

// recorded is the result that ops test left, and where.
type recorded struct {
	path string
	*opreport.Record
}

// readRecord reads the result that ops test left in the project.
func (p *Project) readRecord(root string) {
	name := path.Join(opreport.RecordFolder, opreport.RecordName)
	abs, shown := filepath.Join(root, filepath.FromSlash(name)), path.Join(p.Root, name)
	info, err := os.Lstat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	var r *opreport.Record
	if err == nil {
		r, err = openRecord(abs, shown)
	}
	if err != nil {
		p.unseen(shown, fmt.Sprintf("the result of ops test could not be read: %v", osfile.Cause(err)))
		return
	}
	for _, o := range r.Result.Operators {
		for i := range o.Found {
			if s := &o.Found[i].Script; *s != "" {
				*s = path.Join(p.Root, opreport.RecordFolder, *s)
			}
		}
	}
	p.record, p.sums = &recorded{shown, r}, map[string]string{}
}

func openRecord(abs, shown string) (*opreport.Record, error) {
	a, err := artifact.Open(abs, shown)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Close() }() // it was only read
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), opreport.RecordLimit)
	if err != nil {
		return nil, err
	}
	return opreport.ParseRecord(b)
}

// sum keeps the digest of a source, where there is a result to hold it against.
func (p *Project) sum(name string, b []byte) {
	if p.record != nil {
		sum := sha256.Sum256(b)
		p.sums[beneath(p.Root, name)] = hex.EncodeToString(sum[:])
	}
}

// changed is a source that the recorded result is not about as it is now, or empty.
func (p *Project) changed() string {
	var names []string
	for name, sum := range p.record.Sources {
		if p.sums[name] != sum {
			names = append(names, name)
		}
	}
	for _, s := range p.SourceFiles() {
		name := beneath(p.Root, s.Path)
		if _, known := p.record.Sources[name]; !known && !s.Header && !s.Test {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names[:min(len(names), 1)], "")
}

// recordedTests adds what ops test left to the findings: to one of ours that stands where a
// sanitizer saw it, and otherwise as one of its own.
func (p *Project) recordedTests(all []finding.Finding, w *world) []finding.Finding {
	if p.record == nil {
		return all
	}
	where := finding.Where{Path: p.record.path}
	if name := p.changed(); name != "" {
		return append(all, recordOld.Finding(where, name+" is not as ops test built it, so its result is not counted"))
	}
	testedAt(p.Root, &p.record.Result, func(f finding.Finding, seen bool) {
		f.Outcome = finding.Present // it is known that it was not tested
		i := -1
		if seen {
			i = slices.IndexFunc(all, func(s finding.Finding) bool {
				return s.Where.Path == f.Where.Path && s.Where.Line == f.Where.Line && s.Outcome == finding.Present && s.Rule < noKernelCode
			})
			if i < 0 && f.Rule == testCrash.ID {
				i = w.dispatched(all, f.Where)
			}
		}
		if i < 0 {
			all = append(all, f)
			return
		}
		all[i].Severity = max(all[i].Severity, f.Severity)
		all[i].Evidence = appendNew(all[i].Evidence, "andiron ops test: "+f.Message)
		for _, e := range f.Evidence {
			all[i].Evidence = appendNew(all[i].Evidence, e)
		}
	})
	for _, o := range p.record.Result.Operators {
		if o.Counts.Valid+o.GPU.Valid > 0 && len(o.Found) == 0 && o.Skip == "" && notTested(o) == "" {
			all = append(all, recordGood.Finding(where, fmt.Sprintf("ops test called %s %d times and found nothing", o.Full(), o.Counts.Valid+o.Counts.Raised+o.GPU.Valid+o.GPU.Raised), p.record.builds()...))
		}
	}
	return all
}

// dispatched finds the one index that is out of bounds within the brackets of a dispatch
// macro whose line a sanitizer named, or -1: GCC gives all that AT_DISPATCH_... holds the
// line of the macro. Where there are several, which of them it was is not known.
func (p *world) dispatched(all []finding.Finding, at finding.Where) int {
	one := -1
	for _, src := range p.sources {
		if src.path != at.Path {
			continue
		}
		for i := range src.f.Tokens {
			if !strings.Contains(src.f.Word(i), "DISPATCH") || !src.f.Is(i+1, "(") || src.f.Mate(i+1) < i {
				continue
			}
			first, _ := src.f.Place(i)
			if last, _ := src.f.Place(src.f.Mate(i + 1)); first+src.line == at.Line {
				for k, f := range all {
					if f.Where.Path != at.Path || f.Where.Line <= at.Line || f.Where.Line > last+src.line || f.Outcome != finding.Present || !slices.Contains(same["bounds"], f.Rule) {
						continue
					}
					if one >= 0 {
						return -1
					}
					one = k
				}
			}
		}
	}
	return one
}

// noKernelCode is the first of the rules that are not about what a line does.
const noKernelCode = "OPS040"

// builds are the passes that were made, for evidence.
func (r *recorded) builds() (out []string) {
	for _, x := range r.Result.Passes {
		if x.Run {
			out = append(out, x.Name+": "+x.Note)
		}
	}
	return out
}

// sanitized reports whether ops test ran with a sanitizer, on these sources.
func (p *Project) sanitizedByTest() bool {
	return p.record != nil && p.changed() == "" && slices.ContainsFunc(p.record.Result.Passes, func(x opreport.Pass) bool {
		return x.Run && slices.Contains([]string{"asan", "tsan", "valgrind", "compute-sanitizer"}, x.Name)
	})
}

package ops

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/cppsrc"
	"github.com/andiron-dev/andiron/internal/osfile"
)

// Project is what the files of a project say about operators, before anything is
// judged.
type Project struct {
	Root    string
	Files   int // that were looked at
	sources []*source
	python  pythonFacts
	builds  []place // what builds an extension
	// Calls of Python among them, and the files that such a call reads itself.
	extensions, inlines, awaited []place
	bound                        map[string][]string // functions that load_inline gives to Python, by the source
	checked                      []place             // lines that name a sanitizer
	owners                       *owners
	history                      history
	asked                        []asked  // what branch rules ask for
	exports                      []string // files that hold branch rules
	ran                          []place  // lines of CI that run tests
	unread                       []finding.Finding
	bytes                        int64
	steps                        int // that looking may take
	outside                      Outside
	record                       *recorded
	sums                         map[string]string // SHA-256 of sources, where there is a record to hold them against
}

// place is a line of a file and what it says.
type place struct {
	where finding.Where
	text  string
}

const (
	mostSource = 16 << 20  // bytes of one file
	mostBytes  = 256 << 20 // of all
	mostFiles  = 50_000
	mostText   = 1 << 20 // bytes of a file of settings
)

// Empty reports whether a project has no sources of operators.
func (p *Project) Empty() bool { return len(p.sources) == 0 }

// Collect reads the sources of a project, and what its other files say about how they
// are built, tested and reviewed.
func Collect(ctx context.Context, root string) (*Project, error) {
	p := &Project{Root: filepath.ToSlash(filepath.Clean(root)), python: newPythonFacts(), bound: map[string][]string{}, steps: mostWork}
	p.readRecord(root)
	for e, err := range artifact.Walk(ctx, root, artifact.WalkOptions{}) {
		switch {
		case err != nil && (e.Dir || cpp(e.Path)):
			p.unseen(e.Path, err.Error())
		case err != nil, e.Dir, e.Note != "":
		case reads(e.Path):
			if p.Files++; p.Files > mostFiles || p.bytes > mostBytes {
				p.unseen(p.Root, "the project has more sources than are looked at")
				p.finish().readHistory(root)
				return p, ctx.Err()
			}
			p.file(e)
		}
	}
	if p.finish(); ctx.Err() == nil {
		p.readHistory(root)
	}
	return p, ctx.Err()
}

func reads(name string) bool {
	return cpp(name) || strings.HasSuffix(name, ".py") || setting(name)
}

func cpp(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".cpp", ".cc", ".cxx", ".c++", ".cu", ".cuh", ".h", ".hh", ".hpp", ".hxx", ".inl", ".hip":
		return true
	}
	return false
}

func (p *Project) unseen(path, text string) {
	p.unread = append(p.unread, notRead.Undetermined(finding.Where{Path: path}, text))
}

func (p *Project) file(e artifact.Entry) {
	a, err := artifact.Open(e.Abs, e.Path)
	if err != nil {
		if cpp(e.Path) {
			p.unseen(e.Path, err.Error())
		}
		return
	}
	defer func() { _ = a.Close() }() // it was only read
	most := int64(mostSource)
	if !cpp(e.Path) {
		most = mostText
	}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), most)
	switch {
	case errors.Is(err, bounded.ErrLimit) && !cpp(e.Path):
		return // no such file says anything
	case err != nil:
		p.unseen(e.Path, fmt.Sprintf("the file could not be read: %v", osfile.Cause(err)))
	case cpp(e.Path):
		p.source(e.Path, b, 0)
	case strings.HasSuffix(e.Path, ".py"):
		p.pythonFile(e.Path, b)
	default:
		p.settings(e.Path, string(b))
	}
}

// source reads C++ that begins at a line of a file, from 0.
func (p *Project) source(name string, b []byte, line int) *source {
	p.bytes += int64(len(b))
	if line == 0 {
		p.sum(name, b)
	}
	f, err := cppsrc.Parse(b, cppsrc.Limits{})
	if err != nil {
		p.unseen(name, err.Error())
		return nil
	}
	s := &source{path: name, f: f, line: line, test: isTest(name), torch: speaksTorch(f.Text)}
	p.sources = append(p.sources, s)
	return s
}

// isTest reports whether a file is one of tests.
func isTest(name string) bool {
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		if part == "test" || part == "tests" || part == "testing" {
			return true
		}
	}
	base := path.Base(name)
	return strings.HasPrefix(base, "test_") || strings.Contains(base, "_test.")
}

// speaksTorch reports whether a file says that it is about tensors or kernels.
func speaksTorch(text string) bool {
	for _, w := range []string{"torch/", "ATen/", "c10/", "TORCH_LIBRARY", "PYBIND11_MODULE", "__global__", "at::Tensor", "torch::Tensor"} {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// finish leaves out sources that have nothing to do with torch: those that neither say
// so nor are included by one that does.
func (p *Project) finish() *Project {
	p.missing()
	byName := map[string][]*source{}
	var todo []*source
	for _, s := range p.sources {
		byName[path.Base(s.path)] = append(byName[path.Base(s.path)], s)
		s.bound = slices.Concat(s.bound, p.bound[path.Base(s.path)])
		if s.torch {
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, inc := range s.f.Includes {
			for _, other := range byName[path.Base(inc.Path)] {
				if !other.torch && strings.HasSuffix(other.path, strings.TrimLeft(inc.Path, "./")) {
					other.torch = true
					todo = append(todo, other)
				}
			}
		}
	}
	p.sources = slices.DeleteFunc(p.sources, func(s *source) bool { return !s.torch })
	return p
}

// Look judges a project: what its operators do, and how they are tested and reviewed.
func (p *Project) Look(report func(finding.Finding)) {
	var all []finding.Finding
	l := &looker{out: func(f finding.Finding) { all = append(all, f) }, done: map[string]bool{}, listed: map[string][]int{}}
	for _, s := range p.sources {
		p.broken(s, l)
	}
	if p.Empty() {
		all = append(all, p.bare()...)
	} else {
		all = append(all, p.unread...)
		w := newWorld(p.sources, p.steps)
		w.python = p.python
		l.look(w)
		p.evidence(w, l)
		all = p.recordedTests(p.merge(all, w, l.listed), w)
		if w.work <= 0 {
			all = append(all, notRead.Undetermined(finding.Where{Path: p.Root}, "the sources are made so that looking at them takes too long, and not all was looked at"))
		}
	}
	slices.SortStableFunc(all, finding.Compare)
	kept := map[string]int{}
	for _, f := range all {
		key := f.Rule + " " + f.Where.Path
		kept[key]++
		switch n := kept[key]; {
		case n < mostKept:
			report(f)
		case n == mostKept:
			f.Message += fmt.Sprintf(" (no more findings of %s are listed)", f.Rule)
			report(f)
		}
	}
}

// bare is what is said of a project without sources of operators: that it builds some all
// the same, if it does, and what of them was not read.
func (p *Project) bare() (list []finding.Finding) {
	if len(p.inlines)+len(p.extensions) == 0 {
		return nil
	}
	for _, b := range slices.Concat(p.extensions, p.inlines) {
		list = append(list, built.Finding(b.where, b.text))
	}
	return append(list, p.unread...)
}

// mostErrors is how many places of one file are said not to be readable.
const mostErrors = 10

func (p *Project) broken(s *source, l *looker) {
	for i, e := range s.f.Errors {
		if i == mostErrors {
			break
		}
		line, column := s.f.PlaceOf(e.Offset)
		l.out(notRead.Undetermined(finding.Where{Path: s.path}.Line1(line+s.line, column), e.What+", so what this part does is not known"))
	}
}

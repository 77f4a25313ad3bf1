// Package data is the room that holds tensors against a schema: those of a request
// that somebody has kept, or of a data set.
//
// # Security
//
// Files are read as internal/tensorfile reads them, and nothing in them is run. A
// tensor is read only once its type, shape and size are those of the schema. What
// could not be read is undetermined, never a tensor that passed.
//
// # Limits
//
// Those of the schema: limits.max_bytes bounds what is in memory.
//
// # Specification
//
// docs/spec/tensor-v1.md.
package data

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
)

// Schema is what tensors are held against.
type Schema struct {
	*tensor.Schema

	Group   tensor.Group
	Windows *tensor.Windows // of all requests, for drift; nil compares none
}

// Request is a set of tensors that belong together, in one file or in several.
type Request struct {
	Where finding.Where // of what is about the whole
	Parts []Part
}

// Part is a file of a request.
type Part struct {
	File *artifact.Artifact
	As   string // the name of its only tensor; empty takes the names in the file
}

// located is a tensor and the file that it is in.
type located struct {
	tensorfile.Tensor

	where finding.Where
}

// Check holds a request against a schema, reports what it finds, and counts.
func Check(s Schema, r Request, report func(finding.Finding)) finding.Tensors {
	count := finding.Tensors{Requests: 1}
	var all []located
	for _, p := range r.Parts {
		ts, aside, err := s.open(p)
		for _, f := range aside {
			report(f)
		}
		if err != nil {
			report(Unread(finding.Where{Path: p.File.Name()}, err))
			count.Unread = 1
			continue
		}
		all = append(all, ts...)
	}
	if count.Unread > 0 {
		return count
	}
	sources := make([]tensor.Source, 0, len(all))
	where := map[string]located{}
	for _, t := range all {
		sources, where[t.Name] = append(sources, t.Source), t
		count.Tensors++
		count.Bytes += t.Bytes
	}
	res, err := s.CheckSources(s.Group, sources, nil, nil)
	for _, v := range res.Violations {
		at := r.Where
		if t, ok := where[v.Input]; ok && v.Input != "" {
			at = t.where
		}
		report(s.finding(v, at, where[v.Input].Spelled))
		count.Rejected = 1
	}
	if err == nil && res.OK() && s.Windows != nil {
		var drifted []tensor.Violation
		drifted, err = s.Windows.AddSources(sources)
		for _, v := range drifted {
			report(s.finding(v, where[v.Input].where, ""))
			if !v.Alert {
				count.Rejected = 1
			}
		}
	}
	if err != nil {
		report(Unread(r.Where, err))
		count.Unread = 1
	}
	return count
}

// Finish reports what all requests together show.
func Finish(s Schema, where finding.Where, report func(finding.Finding)) {
	for _, v := range s.Windows.Finish() {
		report(s.finding(v, where, ""))
	}
}

// Unread says that a file could not be read.
func Unread(where finding.Where, err error) finding.Finding {
	return tenUnread.Undetermined(where, fmt.Sprintf("%q: %v", path.Base(where.Path), err))
}

// NotOpened says that a file could not be opened, as the error of artifact.Open does.
func NotOpened(where finding.Where, err error) finding.Finding {
	return tenUnread.Undetermined(where, err.Error())
}

// open reads the headers of a part, gives its tensors their names, and says what it has
// beside them.
func (s Schema) open(p Part) (ts []located, aside []finding.Finding, err error) {
	f, err := tensorfile.Open(p.File.ReaderAt(), p.File.Size())
	if err != nil {
		return nil, nil, err
	}
	ts, err = s.named(p, f)
	return ts, Aside(p.File.Name(), f), err
}

func (s Schema) named(p Part, f *tensorfile.File) (_ []located, err error) {
	var ts []located
	for _, t := range f.Tensors {
		if t.Role == tensorfile.Object {
			ts = append(ts, located{t, finding.Where{Path: p.File.Name()}})
		}
	}
	switch {
	case p.As != "" && len(ts) != 1:
		return nil, fmt.Errorf("it has %d tensors, and %s=FILE means one", len(ts), p.As)
	case p.As != "":
		ts[0].Name = p.As
	case len(ts) == 1 && ts[0].Name == "":
		ts[0].Name, err = s.nameOf(p.File.Name())
	case len(ts) == 0:
		return nil, fmt.Errorf("there are no tensors in this %s file", f.Format)
	}
	for _, t := range ts {
		if t.Problem != "" {
			return nil, fmt.Errorf("%s%s", prefixed(t.Name), t.Problem)
		}
	}
	return ts, err
}

// prefixed is how a message about a tensor of a file begins.
func prefixed(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("tensor %.80q: ", name)
}

// nameOf is what a tensor without a name can only be: the only one of the schema,
// or the one that the file is called after.
func (s Schema) nameOf(file string) (string, error) {
	names := s.Names(s.Group)
	if len(names) == 1 {
		return names[0], nil
	}
	if len(names) == 0 {
		return "", fmt.Errorf("its tensor has no name, and the schema has no %s", s.Group)
	}
	base := path.Base(file)
	if name := strings.TrimSuffix(base, path.Ext(base)); slices.Contains(names, name) {
		return name, nil
	}
	return "", fmt.Errorf("its tensor has no name: write NAME=%s, where NAME is one of %s", base, strings.Join(names, ", "))
}

// finding makes a finding of a violation. In shadow mode nothing is refused, so
// that nothing fails.
func (s Schema) finding(v tensor.Violation, where finding.Where, spelled string) finding.Finding {
	r := ruleOf(v.Code)
	hint := v.Hint
	v.Hint = ""
	f := r.Finding(where, v.String())
	f.Code, f.Input = string(v.Code), v.Input
	if hint != "" {
		f.Fix = hint
	}
	if v.Code == tensor.CodeDType && spelled != "" {
		f.Evidence = []string{"the file says " + spelled}
	}
	if v.Alert {
		f.Severity = min(f.Severity, finding.Medium)
	}
	if s.Shadow {
		f.Severity = min(f.Severity, finding.Low)
		f.Evidence = append(f.Evidence, "the schema is in shadow mode: nothing is refused")
	}
	return f
}

package model

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/andiron-dev/andiron/internal/gguf"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/internal/tarball"
)

// promisesPickle reports whether a name's extension is one that pickles have.
func promisesPickle(name string) bool {
	return slices.Contains(magic.ByName(name), magic.Pickle)
}

// tarMembers looks at the members of a tar archive.
func (l *looker) tarMembers(v view) (string, bool) {
	a, err := tarball.List(v.r, v.size, tarball.Limits{})
	if err != nil && (a == nil || len(a.Members) == 0) {
		return "", false
	}
	if err != nil {
		l.failed(tarBroken, v.where, err)
	}
	for i := range a.Members {
		if l.stop() || !l.enter(v) {
			break
		}
		l.tarMember(v, &a.Members[i])
	}
	if a.Trailing > 0 {
		l.report(fmtTrailing.Finding(v.where, fmt.Sprintf("%d bytes follow the end of the archive", a.Trailing)))
	}
	return "tar", true
}

func (l *looker) tarMember(v view, m *tarball.Member) {
	where := v.where.In(m.Name)
	if len(m.Flaws) > 0 {
		l.report(tarEscape.Finding(where, fmt.Sprintf("the member's name leads outside of the archive: %v", m.Flaws)))
	}
	if len(m.LinkFlaws) > 0 || m.Type == tarball.Device || m.Type == tarball.FIFO {
		l.report(tarEscape.Finding(where, fmt.Sprintf("the member is a %s to %q", m.Type, m.Link)))
	}
	if m.Duplicate {
		l.report(tarDuplicate.Finding(where, fmt.Sprintf("a second member is named %q", m.Name)))
	}
	if m.Sparse || m.Cut {
		l.failed(tarBroken, where, errors.New("the member's data is sparse, or ends early"))
	}
	if m.Type != tarball.File || m.Sparse || m.Offset < 0 || m.Offset > v.size {
		return
	}
	size := min(m.Size, v.size-m.Offset)
	c := v.in(m.Name, io.NewSectionReader(v.r, m.Offset, size), size)
	if format, isModel := l.look(c); isModel && v.fed == "" {
		l.report(fmtMember.Finding(c.where, "a member of the archive is "+format))
	}
}

// gguf looks at a GGUF file: its header, and its chat templates.
func (l *looker) gguf(v view) (string, bool) {
	f, err := gguf.Read(v.r, v.size, gguf.Limits{})
	if err != nil {
		l.failed(ggufBroken, v.where, err)
	}
	if f == nil {
		return "gguf", true
	}
	for _, problem := range f.Problems {
		l.report(ggufBroken.Undetermined(v.where, problem))
	}
	v.tree.gguf(f)
	for _, t := range f.Templates {
		l.template(v.where.At(t.Offset), t.Key, t.Text)
	}
	return "gguf", true
}

func (t *Tree) gguf(f *gguf.File) {
	if t == nil {
		return
	}
	for _, p := range f.Metadata {
		value := fmt.Sprint(p.Value)
		if p.Value == nil {
			value = fmt.Sprintf("%d items of %s", p.Count, p.Type)
		}
		t.entry(p.Key, value)
	}
	for _, x := range f.Tensors {
		shape := make([]int64, len(x.Dims))
		for i, d := range x.Dims {
			shape[i] = int64(min(d, math.MaxInt64))
		}
		t.array(x.Name, fmt.Sprintf("ggml type %d", x.Type), shape, x.Offset)
	}
}

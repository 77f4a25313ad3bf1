package model

import (
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/exportir"
	"github.com/andiron-dev/andiron/internal/torchscript"
	"github.com/andiron-dev/andiron/torchfile"
)

// export judges the program of a .pt2 archive and the code beside it.
func (l *looker) export(v view, f *torchfile.File) {
	var native []string
	for rec := range f.Records() {
		lower := strings.ToLower(rec.Path)
		kind, aoti := exportir.ClassifyMember(rec.Name)
		where := v.where.In(rec.Name)
		switch {
		case aoti && (kind == exportir.CompileFlags || kind == exportir.LinkerFlags):
			l.compileFlags(where, f, rec)
		case aoti && kind != exportir.Metadata && kind != exportir.Constants:
			native = append(native, rec.Name)
		case isProgram(lower):
			l.program(where, f, rec)
		}
	}
	if len(native) > 0 {
		l.report(exportNative.Finding(v.where.In(native[0]),
			fmt.Sprintf("loading runs native code of the archive, or compiles it (%d members)", len(native)), native[:min(len(native), 40)]...))
	}
}

// isProgram reports whether a record holds an exported program.
func isProgram(p string) bool {
	return p == "serialized_exported_program.json" || path.Dir(p) == "models" && strings.HasSuffix(p, ".json")
}

// openRecord opens a record of code or JSON.
func (l *looker) openRecord(where finding.Where, f *torchfile.File, rec *torchfile.Record) (io.Reader, bool) {
	r, err := f.Archive.Open(rec.Entry)
	if err != nil {
		l.failed(exportBroken, where, err)
		return nil, false
	}
	return r, true
}

func (l *looker) program(where finding.Where, f *torchfile.File, rec *torchfile.Record) {
	r, ok := l.openRecord(where, f, rec)
	if !ok {
		return
	}
	p, err := exportir.ReadProgram(r, mostText)
	if err != nil {
		l.failed(exportBroken, where, err)
	}
	for _, e := range p.Exprs {
		if e.Err != nil {
			l.report(exportExpr.Finding(where, fmt.Sprintf("loading evaluates %q as Python: %v", clip(e.Text), e.Err), "at "+e.Path))
		}
	}
	for _, e := range p.Guards {
		if e.Err != nil {
			l.report(exportGuard.Finding(where, fmt.Sprintf("the guard %q is no comparison of sizes and values: %v", clip(e.Text), e.Err), "at "+e.Path))
		}
	}
	for _, s := range p.TreeSpecs {
		if s.Err != nil || len(s.Types) > 0 {
			l.report(exportTarget.Finding(where, fmt.Sprintf("loading imports the container types %q", s.Types), "at "+s.Path, clip(s.Text)))
		}
	}
	for _, c := range p.Customs {
		l.report(exportTarget.Finding(where, fmt.Sprintf("the graph holds a script object of the class %q", clip(c.Class)), "at "+c.Path))
	}
	for _, path := range p.Duplicates {
		l.report(exportPath.Finding(where, fmt.Sprintf("the key %s stands twice in one object, so readers differ in what it is", clip(path))))
	}
	l.targets(where, p)
}

// targets reports each target that is no known operator once.
func (l *looker) targets(where finding.Where, p *exportir.Program) {
	seen := map[string]bool{}
	for _, t := range p.Targets {
		switch t.Kind {
		case exportir.Op:
			if r := jitCallRule(torchscript.Risk(t.Op)); r != nil && !seen[t.Text] {
				l.report(r.Finding(where, fmt.Sprintf("the graph calls %s, which %s", t.Op, jitDoes(torchscript.Risk(t.Op))), "at "+t.Path))
			}
		case exportir.Function, exportir.HigherOrder:
		case exportir.UnknownOp, exportir.UnknownNamespace, exportir.Extension, exportir.Odd:
			if !seen[t.Text] {
				l.report(exportTarget.Finding(where, fmt.Sprintf("a node calls %q, which is no known operator (%s)", clip(t.Text), t.Kind), "at "+t.Path))
			}
		}
		seen[t.Text] = true
	}
}

// compilers are the programs that torch names in compile flags.
var compilers = map[string]bool{"g++": true, "gcc": true, "clang++": true, "clang": true, "c++": true, "nvcc": true, "icpx": true, "cl": true, "": true}

func (l *looker) compileFlags(where finding.Where, f *torchfile.File, rec *torchfile.Record) {
	r, ok := l.openRecord(where, f, rec)
	if !ok {
		return
	}
	flags, err := exportir.ReadFlags(r, mostText)
	if err != nil {
		l.failed(exportBroken, where, err)
	}
	if !compilers[path.Base(flags.Compiler)] {
		l.report(exportCompile.Finding(where, fmt.Sprintf("torch would run %q as the compiler", clip(flags.Compiler))))
	}
	for _, v := range flags.Values {
		if v.Shell || strings.HasPrefix(v.Value, "-fplugin") || strings.Contains(v.Value, "-wrapper") || strings.HasPrefix(v.Value, "@") {
			l.report(exportCompile.Finding(where, fmt.Sprintf("torch would put %q on a shell's command line", clip(v.Value)), "at "+v.Path))
		}
	}
	for _, d := range flags.Duplicates {
		l.report(exportPath.Finding(where, fmt.Sprintf("the key %s stands twice in one object, so readers differ in what it is", clip(d))))
	}
}

package model

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/torchscript"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// jitRule says which rule a use of an operator falls under, or nil.
func jitRule(risk torchscript.Category, when torchscript.When) *rule.Rule {
	if when == torchscript.Load && (risk == torchscript.SparseView || risk == torchscript.TypeCast) {
		return jitMemory // too common in code that is called to be told there
	}
	r := jitCallRule(risk)
	if when == torchscript.Load && r != nil && r != jitOutput && r != jitAddress && r != jitUnknown {
		return jitLoad
	}
	return r
}

func jitCallRule(risk torchscript.Category) *rule.Rule {
	switch risk {
	case torchscript.FileWrite, torchscript.FileMap:
		return jitFile
	case torchscript.RawMemory:
		return jitMemory
	case torchscript.PythonEscape, torchscript.Network, torchscript.DebugFile, torchscript.NativeBackend:
		return jitEscape
	case torchscript.Unknown:
		return jitUnknown
	case torchscript.Stdout:
		return jitOutput
	case torchscript.AddressLeak:
		return jitAddress
	default:
		return nil
	}
}

// torchScript judges the code of a TorchScript archive.
func (l *looker) torchScript(v view, f *torchfile.File, units []torchscript.Unit) {
	prog, err := torchscript.Read(units, torchscript.Limits{})
	if err != nil {
		l.report(jitSyntax.Undetermined(v.where, fmt.Sprintf("the archive's code could not be read to its end: %v", err)))
	}
	for _, e := range prog.Errors {
		l.report(jitSyntax.Undetermined(v.where.In(e.Unit).Line1(e.Line, e.Col), "this is not TorchScript: "+e.Msg))
	}
	for _, names := range prog.Collisions {
		l.report(torchDispute.Finding(v.where, "loaders would choose differently among the code records "+quoted(names)))
	}
	for _, d := range prog.Dynamic {
		l.report(jitDynamic.Finding(v.where.In(d.Unit).Line1(d.Line, d.Col),
			fmt.Sprintf("%s %s an operator by the computed name %s", d.Func, runs(d.When), clip(d.Expr)), reachedBy(d.Path)...))
	}
	v.tree.script(prog)
	l.jitOps(v, prog)
	l.jitNames(v, prog)
	l.jitCost(v, prog)
	l.jitClasses(v, prog)
	l.jitTypes(v, f, prog)
}

// jitOps reports each operator once for each function that uses it.
func (l *looker) jitOps(v view, prog *torchscript.Program) {
	seen := map[string]bool{}
	for _, u := range prog.Ops {
		r := jitRule(u.Risk, u.When)
		key := u.Op + " " + u.Func
		if r == nil || seen[key] {
			continue
		}
		seen[key] = true
		evidence := append([]string{fmt.Sprintf("%s resolves to %s by %s", clip(strings.Join(append([]string{u.Op}, u.Args...), " ")), u.Op, u.Via)}, reachedBy(u.Path)...)
		l.report(r.Finding(v.where.In(u.Unit).Line1(u.Line, u.Col),
			fmt.Sprintf("%s %s %s, which %s", u.Func, runs(u.When), u.Op, jitDoes(u.Risk)), evidence...))
	}
}

// jitNames reports each name that stands for nothing once for each function.
func (l *looker) jitNames(v view, prog *torchscript.Program) {
	seen := map[string]bool{}
	for _, u := range prog.Unresolved {
		key := u.Name + " " + u.Func
		if seen[key] {
			continue
		}
		seen[key] = true
		l.report(jitUnknown.Finding(v.where.In(u.Unit).Line1(u.Line, u.Col),
			fmt.Sprintf("%s %s %q, which neither the archive nor torch defines", u.Func, uses(u.When), clip(u.Name)), reachedBy(u.Path)...))
	}
}

// jitCost reports what never ends or takes all memory.
func (l *looker) jitCost(v view, prog *torchscript.Program) {
	for _, h := range prog.Heavy {
		does := "loops without end"
		switch h.Cost {
		case torchscript.Endless:
		case torchscript.Long:
			does = fmt.Sprintf("loops %d times", h.Count)
		case torchscript.Large:
			does = fmt.Sprintf("makes %d elements with %s", h.Count, h.Op)
		}
		during := "when it is called"
		if h.When == torchscript.Load {
			during = "while the file is loaded"
		}
		f := jitHeavy.Finding(v.where.In(h.Unit).Line1(h.Line, h.Col), fmt.Sprintf("%s %s %s", h.Func, does, during),
			append([]string{"the code says " + clip(h.Expr)}, reachedBy(h.Path)...)...)
		if h.When == torchscript.Load {
			f.Severity = finding.High
		}
		l.report(f)
	}
}

// jitClasses reports native classes and what runs at load without harm.
func (l *looker) jitClasses(v view, prog *torchscript.Program) {
	seen := map[string]bool{}
	for _, c := range prog.CustomClasses {
		r := jitCallRule(c.Risk)
		if r == nil || seen[c.Name] {
			continue
		}
		seen[c.Name] = true
		l.report(r.Finding(v.where.In(c.Unit).Line1(c.Line, 1),
			fmt.Sprintf("the code uses the native class torch.classes.%s, which %s", c.Name, jitDoes(c.Risk))))
	}
	for _, c := range prog.Classes {
		if c.HasSetState {
			l.report(jitSetState.Finding(v.where.In(c.Unit).Line1(c.Line, 1),
				fmt.Sprintf("torch.jit.load runs %s.__setstate__", c.Name)))
		}
	}
}

func runs(w torchscript.When) string {
	if w == torchscript.Load {
		return "runs while the file is loaded and calls"
	}
	return "calls"
}

func uses(w torchscript.When) string {
	if w == torchscript.Load {
		return "runs while the file is loaded and uses"
	}
	return "uses"
}

func jitDoes(c torchscript.Category) string {
	switch c {
	case torchscript.FileWrite:
		return "writes a file to any path"
	case torchscript.FileMap:
		return "maps any file and can write it back"
	case torchscript.RawMemory:
		return "sets where a tensor lies in memory"
	case torchscript.SparseView:
		return "gives the indices of a sparse tensor to change, which torch then trusts"
	case torchscript.TypeCast:
		return "takes a value for one of another type, unchecked"
	case torchscript.PythonEscape:
		return "calls into Python"
	case torchscript.Network:
		return "talks to other processes"
	case torchscript.DebugFile:
		return "reads tensors from files of the host"
	case torchscript.NativeBackend:
		return "hands bytes of the file to native code"
	case torchscript.Stdout:
		return "writes to the process's output"
	case torchscript.AddressLeak:
		return "shows an address of the process"
	default:
		return "no release of torch defines"
	}
}

// reachedBy renders how a function is reached, as one line of evidence.
func reachedBy(names []string) []string {
	if len(names) < 2 {
		return nil
	}
	return []string{"reached by " + strings.Join(names, " -> ")}
}

func quoted(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", n)
	}
	return b.String()
}

// clip keeps text from a file short enough for a message.
func clip(s string) string {
	const most = 160
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// bytecode judges the operators that a mobile archive's bytecode names.
func (l *looker) bytecode(v view, f *torchfile.File) {
	for i := range f.Pickles {
		p := &f.Pickles[i]
		if p.Role != "bytecode" || p.Trace.Result.IsZero() {
			continue
		}
		at := v
		at.where = v.where.In(p.Record)
		for function := range p.Trace.Result.Items() {
			name, ok := function.Index(0).Text()
			if !ok {
				continue // the version number
			}
			when := torchscript.Call
			if strings.HasSuffix(name, ".__setstate__") {
				when = torchscript.Load
			}
			l.operators(at, name, bytecodeOperators(function.Index(1)), when)
		}
	}
}

// bytecodeOperators returns the table in (('instructions', …), ('operators',
// ((name, overload), …)), …).
func bytecodeOperators(body pickle.Value) []string {
	var ops []string
	for part := range body.Items() {
		if key, _ := part.Index(0).Text(); key != "operators" {
			continue
		}
		for op := range part.Index(1).Items() {
			name, _ := op.Index(0).Text()
			ops = append(ops, name)
		}
	}
	return ops
}

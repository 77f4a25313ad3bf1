package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// signs say how a file trains.
type signs struct {
	trains  *spot // the first place where gradients are computed and an optimizer steps
	loader  *spot // the first DataLoader
	normal  bool  // something normalises
	attacks bool  // something attacks the model
	checks  bool  // something holds data against a schema
}

// words of names by which code normalises, attacks and checks.
var (
	normalWords = []string{"normaliz", "normalise", "scaler", "imageprocessor", "featureextractor", "autoprocessor", "tokeniz", "tiktoken"}
	attackWords = []string{"adversarial", "torchattacks", "foolbox", "art.attacks", "cleverhans", "advertorch", "autoattack", "fgsm", "pgd"}
	checkWords  = []string{"andiron.checked_", "pandera.", "great_expectations.", "pydantic.", "jsonschema.", "cerberus."}
)

func (t *tracer) signs() (s signs) {
	steps, back := map[*pysrc.Scope]bool{}, map[*pysrc.Scope]*pysrc.Invocation{}
	for _, c := range t.m.Calls {
		fn := c.Scope.Function()
		switch c.Method() {
		case "backward":
			if back[fn] == nil {
				back[fn] = c
			}
		case "step":
			steps[fn] = true
		}
		if s.loader == nil && c.Is("torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader") {
			s.loader = new(t.spot(c.Node))
		}
		for _, n := range append([]string{c.Method()}, c.Names...) {
			s.see(strings.ToLower(n))
		}
		for _, d := range c.Defs {
			s.see(strings.ToLower(d.Title()))
		}
	}
	for _, c := range t.m.Calls {
		if fn := c.Scope.Function(); steps[fn] && back[fn] == c {
			s.trains = new(t.spot(c.Node))
			break
		}
	}
	return s
}

func (s *signs) see(name string) {
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	s.normal = s.normal || has(normalWords)
	s.attacks = s.attacks || has(attackWords)
	s.checks = s.checks || has(checkWords)
}

// training says what the training of a project lacks.
func (w *follower) training() {
	var all signs
	for _, f := range w.order {
		all.normal = all.normal || f.signs.normal
		all.attacks = all.attacks || f.signs.attacks
		all.checks = all.checks || f.signs.checks
	}
	say := func(f *Flow, r *rule.Rule, at *spot, message string) {
		if at != nil {
			w.report(r.Finding(f.names.at(*at), message))
		}
	}
	for _, f := range w.order {
		if isTest(w.rel(f.names.where.Path)) {
			continue
		}
		if !all.normal {
			say(f, notNormalised, f.signs.trains, "a model is trained here, and nothing in the project normalises what it is given")
			all.normal = all.normal || f.signs.trains != nil // once in a project
		}
		if !all.attacks {
			say(f, notHardened, f.signs.trains, "a model is trained here without adversarial examples")
		}
		if !all.checks {
			say(f, dataUnchecked, f.signs.loader, "the data of this DataLoader are held against no schema")
		}
	}
}

// inputChecks are what code may check of a tensor, in the order in which it is said.
var inputChecks = []struct {
	what  string
	names []string
}{
	{"dtype", []string{"dtype", "is_floating_point", "is_complex"}},
	{"shape", []string{"shape", "size", "dim", "ndim", "ndimension"}},
	{"NaN and infinity", []string{"isfinite", "isnan", "isinf"}},
	{"range", []string{"min", "max", "amin", "amax", "aminmax", "clamp"}},
	{"number of elements", []string{"numel", "nelement"}},
}

// ownChecks are the lines in which a function checks what it is given, by inputChecks; 0
// is nowhere. A check raises, or is an assert.
func (x *collector) ownChecks(fn *pysrc.FunctionDef) (lines []int) {
	lines = make([]int, len(inputChecks))
	see := func(test pysrc.Expr) {
		pysrc.Walk(test, func(e pysrc.Expr) bool {
			name := ""
			switch e := e.(type) {
			case *pysrc.Attribute:
				name = e.Attr
			case *pysrc.Name:
				name = e.ID
			}
			for i, k := range inputChecks {
				if lines[i] == 0 && slices.Contains(k.names, name) {
					lines[i] = x.line(e)
				}
			}
			return true
		})
	}
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, s := range list {
			switch s := s.(type) {
			case *pysrc.If:
				for _, b := range s.Branches {
					if raises(b.Body) {
						see(b.Test)
					}
				}
			case *pysrc.Keyworded:
				if s.Word == "assert" && len(s.Values) > 0 {
					see(s.Values[0])
				}
			case *pysrc.ExprStmt:
				if c, ok := s.Value.(*pysrc.Call); ok && len(c.Args) > 0 {
					if a, ok := c.Func.(*pysrc.Attribute); ok && (a.Attr == "_check" || a.Attr == "_assert") {
						see(c.Args[0])
					}
				}
			}
			pysrc.Blocks(s, look)
		}
	}
	look(fn.Body)
	return lines
}

func raises(body []pysrc.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	k, ok := body[len(body)-1].(*pysrc.Keyworded)
	return ok && k.Word == "raise"
}

// checked says which checks of its inputs a forward() has of its own, and which it lacks.
func (f *forward) checked() (evidence string, all bool) {
	var has, lacks []string
	for i, line := range f.own {
		if line > 0 {
			has = append(has, inputChecks[i].what+" in line "+itoa(line))
		} else {
			lacks = append(lacks, inputChecks[i].what)
		}
	}
	switch {
	case len(has) == 0:
		return "", false
	case len(lacks) == 0:
		return "its own code checks " + strings.Join(has, ", "), true
	}
	return "its own code checks " + strings.Join(has, ", ") + ", and not " + strings.Join(lacks, ", not "), false
}

package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

// signs say how a file trains, and how it answers requests.
type signs struct {
	trains  *spot // the first place where a model is trained
	loader  *spot // the first place where data for that are loaded
	infers  *spot // the first place where a model is run without gradients
	serves  bool  // what requests bring comes in here
	normal  bool  // something normalises
	attacks bool  // something attacks the model
	checks  bool  // something holds data against a schema
	samples []string
}

// words of names by which code normalises, attacks and checks, and of those that only
// look like it.
var (
	normalWords = []string{"normaliz", "normalise", "scaler", "imageprocessor", "featureextractor", "autoprocessor", "tokeniz", "tiktoken", "standardize", "standardise"}
	attackWords = []string{"adversarial", "torchattacks", "foolbox", "art.attacks", "cleverhans", "advertorch", "autoattack", "fgsm", "pgd"}
	checkWords  = []string{"andiron.checked_", "pandera.", "great_expectations.", "pydantic.", "jsonschema.", "cerberus."}
	otherWords  = []string{"gradscaler", "lossscaler", "loss_scaler", "ampscaler", "nativescaler", "adversarial_loss", "adversarialloss", "normalize_path", "normalize_name", "os.path.normal"}
)

// trainers are what trains a model in one call: method names of what they are called on.
var trainers = []struct{ of, method string }{
	{"transformers.Trainer", "train"},
	{"transformers.Seq2SeqTrainer", "train"},
	{"trl.", "train"},
	{"ultralytics.", "train"},
	{"lightning.", "fit"},
	{"pytorch_lightning.", "fit"},
	{"fastai.", "fit_one_cycle"},
	{"fastai.", "fine_tune"},
	{"fastai.", "fit"},
}

// loaders of data, and data sets that come ready-made.
var dataLoaders = []string{
	"torch.utils.data.DataLoader", "torch.utils.data.dataloader.DataLoader", "torch_geometric.loader.DataLoader", "monai.data.DataLoader",
	"datasets.load_dataset", "datasets.load_from_disk", "torchvision.datasets.ImageFolder", "torchvision.datasets.DatasetFolder", "webdataset.WebDataset", "webdataset.WebLoader",
}

func (t *tracer) signs() (s signs) {
	steps, back := map[*pysrc.Scope]bool{}, map[*pysrc.Scope]*pysrc.Invocation{}
	first := func(at **spot, n pysrc.Node) {
		if *at == nil {
			*at = new(t.spot(n))
		}
	}
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
		switch {
		case c.Is(dataLoaders...):
			first(&s.loader, c.Node)
		case c.Is("torch.no_grad", "torch.inference_mode"):
			first(&s.infers, c.Node)
		}
		for _, n := range append([]string{c.Method()}, c.Names...) {
			s.see(strings.ToLower(n))
		}
		for _, d := range c.Defs {
			s.see(strings.ToLower(d.Title()))
		}
	}
	for _, c := range t.m.Calls {
		if fn := c.Scope.Function(); steps[fn] && back[fn] == c || trainsBy(c) {
			first(&s.trains, c.Node)
		}
	}
	s.serves = t.serves || slices.ContainsFunc(t.out.sources, func(s source) bool { return s.kind == fromRequest })
	if (s.trains != nil || s.serves && s.infers != nil) && !s.normal {
		s.normal = t.standardised()
	}
	if s.loader != nil || strings.Contains(t.f.Text, "__getitem__") {
		s.samples = t.sampleChecks()
	}
	return s
}

// trainsBy reports whether a call trains a model in one go.
func trainsBy(c *pysrc.Invocation) bool {
	return slices.ContainsFunc(trainers, func(x struct{ of, method string }) bool {
		return c.Method() == x.method && slices.ContainsFunc(c.Names, func(n string) bool { return strings.HasPrefix(n, x.of) })
	})
}

func (s *signs) see(name string) {
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	if name == "" || has(otherWords) {
		return
	}
	s.normal = s.normal || has(normalWords)
	s.attacks = s.attacks || has(attackWords)
	s.checks = s.checks || has(checkWords)
}

// standardised reports whether the file takes a mean off and divides, or divides by the
// largest value of a byte.
func (t *tracer) standardised() (yes bool) {
	t.everyExpr(t.f.Body, func(e pysrc.Expr) {
		b, ok := e.(*pysrc.Binary)
		if !ok || b.Op != "/" {
			return
		}
		if n, ok := b.Right.(*pysrc.Number); ok && strings.HasPrefix(n.Text, "255") {
			yes = true
		}
		left := b.Left
		if minus, ok := left.(*pysrc.Binary); ok && minus.Op == "-" {
			name := strings.ToLower(t.f.Source(minus.Right))
			yes = yes || strings.Contains(name, "mean") || name == "mu" || strings.Contains(name, "min")
		}
	})
	return yes
}

// sampleChecks are the checks that data sets of the file, and what puts batches together,
// have of their own.
func (t *tracer) sampleChecks() (out []string) {
	t.m.Top.Each(func(s *pysrc.Scope) {
		if s.Kind != pysrc.FunctionScope || s.Func.Name != "__getitem__" && !strings.Contains(s.Func.Name, "collate") || len(out) >= len(inputChecks) {
			return
		}
		for i, line := range t.ownChecks(s) {
			if line > 0 && len(out) < len(inputChecks) {
				out = append(out, s.Func.Name+" checks "+inputChecks[i].what+" in line "+itoa(line))
			}
		}
	})
	return out
}

// training says what the training of a project lacks.
func (w *follower) training() {
	var all signs
	var order []*Flow
	for _, f := range w.order {
		all.normal = all.normal || f.signs.normal
		all.attacks = all.attacks || f.signs.attacks
		all.checks = all.checks || f.signs.checks
		if !isTest(w.rel(f.names.where.Path)) {
			order = append(order, f)
			if f.signs.trains != nil {
				all.trains = f.signs.trains
			}
		}
	}
	say := func(f *Flow, r *rule.Rule, at *spot, message string, evidence ...string) {
		if at != nil {
			w.report(r.Finding(f.names.at(*at), message, evidence...))
		}
	}
	lacks := !all.normal
	for _, f := range order {
		switch {
		case lacks && f.signs.trains != nil:
			say(f, notNormalised, f.signs.trains, "a model is trained here, and nothing in the project normalises what it is given")
			lacks = false // once in a project
		case all.normal && all.trains != nil && f.signs.serves && !w.normalises(f):
			say(f, notNormalised, f.signs.infers, "requests are given to a model here, and nothing normalises them, as the training does")
		}
		if !all.attacks {
			say(f, notHardened, f.signs.trains, "a model is trained here without adversarial examples")
		}
		if !all.checks {
			say(f, dataUnchecked, f.signs.loader, "the data that are loaded here are held against no schema", f.signs.samples...)
		}
	}
}

// normalises reports whether a file, or one of the project that it imports, normalises.
func (w *follower) normalises(f *Flow) bool {
	if f.signs.normal {
		return true
	}
	for _, refs := range f.names.aliases {
		for _, ref := range refs {
			if m := w.imported(f.names, ref); m != nil && w.files[m] != nil && w.files[m].signs.normal {
				return true
			}
		}
	}
	return false
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
// is nowhere. A check raises, or is an assert; functions of the file that are given a
// parameter check it as well, and so do annotations that a decorator enforces.
func (v *view) ownChecks(fn *pysrc.Scope) []int {
	if lines, ok := v.own[fn]; ok {
		return lines
	}
	lines := v.testsIn(fn.Func)
	v.own[fn] = lines // for functions that call themselves
	see := func(more []int) {
		for i, line := range more {
			if lines[i] == 0 {
				lines[i] = line
			}
		}
	}
	see(v.annotated(fn))
	for _, c := range v.calls[fn] {
		for _, d := range c.Defs {
			if d.Func != nil && !c.Deferred && takesOwn(fn.Func, c) {
				see(v.ownChecks(d))
			}
		}
	}
	return lines
}

// takesOwn reports whether a call is given a parameter of a function, other than self.
func takesOwn(fn *pysrc.FunctionDef, c *pysrc.Invocation) bool {
	given := namesIn(c.Every())
	return slices.ContainsFunc(fn.Params.All(), func(p *pysrc.Param) bool {
		return p.Name != "self" && slices.Contains(given, p.Name)
	})
}

// annotated are the lines in which decorators have the annotations of jaxtyping checked.
func (v *view) annotated(fn *pysrc.Scope) (lines []int) {
	lines = make([]int, len(inputChecks))
	at := v.enforced(fn)
	if at == 0 {
		return lines
	}
	for _, p := range fn.Func.Params.All() {
		pysrc.Walk(p.Annotation, func(e pysrc.Expr) bool {
			sub, ok := e.(*pysrc.Subscript)
			if !ok {
				return true
			}
			for _, name := range v.m.Names(sub.Value, fn.Parent) {
				if kind, ok := strings.CutPrefix(name, "jaxtyping."); ok {
					lines[1] = at
					if kind != "Shaped" {
						lines[0] = at
					}
				}
			}
			return true
		})
	}
	return lines
}

// typeCheckers are decorators that hold calls against annotations.
var typeCheckers = []string{"beartype.beartype", "typeguard.typechecked"}

// enforced is the line of a decorator that holds calls against jaxtyping's annotations, or 0.
func (v *view) enforced(fn *pysrc.Scope) (line int) {
	checks := false
	for _, d := range fn.Func.Decorators[:min(len(fn.Func.Decorators), mostChecked)] {
		c, called := d.(*pysrc.Call)
		if called {
			d = c.Func
		}
		for _, name := range v.m.Names(d, fn.Parent) {
			checks = checks || slices.Contains(typeCheckers, name)
			if name != "jaxtyping.jaxtyped" {
				continue
			}
			line = v.line(d)
			if called && !isNone(c, "typechecker") {
				checks = true
			}
		}
	}
	if !checks {
		return 0
	}
	return line
}

// isNone reports whether an argument is not there, or None.
func isNone(c *pysrc.Call, name string) bool {
	k := keywordOf(c, name)
	if k == nil {
		return true
	}
	word, ok := k.Value.(*pysrc.Const)
	return ok && word.Word == "None"
}

// testsIn are the lines in which a function itself checks.
func (v *view) testsIn(fn *pysrc.FunctionDef) (lines []int) {
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
					lines[i] = v.line(e)
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
	case len(has)+len(lacks) == 0:
		return "", false
	case len(has) == 0:
		return "its own code does not check " + strings.Join(lacks, ", "), false
	case len(lacks) == 0:
		return "its own code checks " + strings.Join(has, ", "), true
	}
	return "its own code checks " + strings.Join(has, ", ") + ", and not " + strings.Join(lacks, ", not "), false
}

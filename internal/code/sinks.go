package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// action is what a sink does with what it is given, in words.
type action string

const (
	loads     action = "loads"
	imports   action = "imports"
	evaluates action = "evaluates"
	builds    action = "builds"
)

// listIt is for what is found by a name.
const listIt = "look the name up in a dictionary of those that the code knows"

// others are calls that do what they are told, apart from those that load models.
var others = []struct {
	names    []string
	position int
	keyword  string
	what     action
	fix      string
}{
	{[]string{"torch.hub.load"}, 0, "repo_or_dir", imports, hubUnpinned.Fix},
	{[]string{"torch.ops.load_library", "torch.classes.load_library", "torch.ops.import_module", "ctypes.CDLL", "ctypes.cdll.LoadLibrary"}, 0, "path", imports, nativeLibrary.Fix},
	{[]string{"importlib.import_module", "__import__"}, 0, "name", imports, listIt},
	{[]string{"bentoml.models.import_model", "bentoml.import_model"}, 0, "path", loads, exportLoad.Fix},
	{[]string{"tritonclient.http.InferenceServerClient().load_model", "tritonclient.grpc.InferenceServerClient().load_model"}, 0, "model_name", loads, listIt},
	{[]string{"gradio.load"}, 0, "name", loads, listIt},
	{[]string{"eval", "exec"}, 0, "", evaluates, evaluated.Fix},
	{[]string{"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}, 0, "stream", loads, yamlLoad.Fix},
	{[]string{"torch.utils.cpp_extension.load"}, 1, "sources", builds, builtAtRun.Fix},
	{[]string{"torch.utils.cpp_extension.load_inline"}, 1, "cpp_sources", builds, builtAtRun.Fix},
}

// sinkOf says what a call does with what it is given, or nil.
func (t *tracer) sinkOf(c *pysrc.Invocation) *sink {
	s := &sink{what: loads, unsafe: true}
	position, keyword := 0, "f"
	inside, held := t.sandboxArg(c)
	l, other := t.loaderOf(c)
	switch s.name = nameOf(c, torchLoad...); {
	case s.name != "" && c.Partial && !overrides(c):
		s.flags = nil
	case s.name != "":
		s.unsafe, s.loose = t.runs(c), slices.Contains(t.view.words(c, -1, "weights_only"), "False")
		s.flags, s.refs = t.flagsOf(c)
		s.open = len(t.view.words(c, -1, "weights_only")) > 0 && !given(c, -1, "weights_only")
		if other != "" && !l.reads && !s.unsafe { // of a table of loaders
			s.worse, s.unsafe, s.fix = other, true, l.fix()
		}
	case held != "":
		s.name, s.held = held, true
	default:
		s.name, position, keyword, s.unsafe, s.fix = other, l.position, l.keyword, !l.reads, l.fix()
		if s.name == "" {
			position, keyword, s.name = t.libraryArg(c)
			s.fix = libraryLoad.Fix
			if c.Is(shardedLoads...) {
				s.fix = shardedLoad.Fix
			}
			s.unsafe = !slices.Equal(t.view.words(c, -1, "weights_only"), []string{"True"})
		}
	}
	s.model = s.name != ""
	for _, o := range others {
		if n := nameOf(c, o.names...); n != "" && s.name == "" && (o.what != loads || t.yamlOpen(c)) {
			s.name, position, keyword, s.what, s.fix = n, o.position, o.keyword, o.what, o.fix
		}
	}
	if s.name == "" {
		return nil
	}
	args := inside
	if !s.held {
		args, _ = c.Arg(position, keyword)
	}
	for _, a := range args {
		if s.what == evaluates && t.numeric(c, a) {
			return nil
		}
		s.labels = t.join(s.labels, t.taint(a.Expr, a.Scope, 0))
	}
	if len(s.labels)+len(s.flags)+len(s.refs) == 0 {
		return nil
	}
	s.fn, s.spot, s.shown = t.fns[c.Scope.Function()], t.spot(c.Node), strings.Clone(t.shown(c.Node))
	s.checked = len(s.labels) > 0 && !s.held && s.what == loads && t.checked(c)
	return s
}

// runs reports whether a torch.load runs what a file says, on some torch that the
// project is known to allow.
func (t *tracer) runs(c *pysrc.Invocation) bool {
	if given(c, 2, "pickle_module") && !slices.Equal(t.view.words(c, 2, "pickle_module"), []string{"None"}) {
		return true
	}
	words := t.view.words(c, -1, "weights_only")
	torch := t.l.opt.Torch
	old := torch.Known() && !torch.AtLeast(2, 6)
	return slices.Contains(words, "False") || old
}

// flagsOf are the parameters, and the names of other files, that say how a torch.load
// reads.
func (t *tracer) flagsOf(c *pysrc.Invocation) (out []label, refs []string) {
	c.Each(func(_ int, name string, a pysrc.Arg) {
		if name != "weights_only" && name != "**" {
			return
		}
		if name == "weights_only" {
			for _, n := range t.m.Names(a.Expr, a.Scope) {
				if ref := ofProject(n); ref != "" {
					refs = append(refs, t.word(ref))
				}
			}
		}
		for _, l := range t.taint(a.Expr, a.Scope, 0) {
			if l.kind == ofParam && (name == "**") == (t.out.routines[l.fn].stars == l.at) {
				out = append(out, l)
			}
		}
	})
	return out, refs
}

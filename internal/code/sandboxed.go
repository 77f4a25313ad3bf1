package code

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
)

var untrustedHeld = &rule.Rule{
	ID: "PY084", Title: "What nobody trusts is loaded in the sandbox", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron, docs/spec/sandbox-v1.md"},
	Text: "What a request, the command line, a download or another file brings is given to andiron.load_untrusted, or to andiron sandbox load, and to nothing that runs what it says in this process. The finding shows each step.",
	Fix:  "nothing needs to be done",
}

var untrustedOpen = &rule.Rule{
	ID: "PY085", Title: "What nobody trusts is loaded outside of the sandbox", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron, docs/spec/sandbox-v1.md", "CWE-502"},
	Text: "What a request, the command line, a download, the Hub or another file brings reaches a loader in this process, also one that is meant to run nothing (weights_only=True). " +
		"It is a list of what remains: how bad each is, the other findings at the same place say (PY013, PY031, PY033, PY040, PY041, PY042). " +
		"A load of what a digest was compared for before is not listed; nor are tests.",
	Fix: "andiron.load_untrusted(path), which loads it in the sandbox and gives tensors; what torch.load does not read, do not load",
}

const inSandbox = " loads the file in the sandbox, and gives tensors only"

// sandboxArg is where the sandbox is given a checkpoint, and by what, or an empty name.
func (v *view) sandboxArg(c *pysrc.Invocation) (args []pysrc.Arg, name string) {
	if name = nameOf(c, "andiron.load_untrusted"); name != "" {
		args, _ = c.Arg(0, "path")
		return args, name
	}
	if !c.Is(processes...) {
		return nil, ""
	}
	args, _ = c.Arg(0, "args")
	if len(args) != 1 {
		return nil, ""
	}
	words := []pysrc.Expr{args[0].Expr}
	if list, ok := args[0].Expr.(*pysrc.Sequence); ok {
		words = list.Elems
	} else if c.Is(wordByWord) {
		words = nil
		for _, a := range c.Positional() {
			words = append(words, a.Expr)
		}
	}
	if len(words) < 4 || path.Base(v.wordOf(words[0], args[0].Scope)) != "andiron" ||
		v.wordOf(words[1], args[0].Scope) != "sandbox" || v.wordOf(words[2], args[0].Scope) != "load" {
		return nil, ""
	}
	args = nil
	for _, w := range words[3:] {
		args = append(args, pysrc.Arg{Expr: w, Scope: c.Scope})
	}
	return args, "andiron sandbox load"
}

// processes start a program, the last of them with an argument for each word of it.
var processes = []string{"subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.Popen", wordByWord}

const wordByWord = "asyncio.create_subprocess_exec"

func (v *view) wordOf(e pysrc.Expr, s *pysrc.Scope) string {
	values := v.m.Eval(e, s)
	if len(values) != 1 || values[0].Kind != pysrc.Text {
		return ""
	}
	return values[0].Name
}

// libraryArg is where a function of a library is given what it unpickles, or an empty
// name.
func (v *view) libraryArg(c *pysrc.Invocation) (position int, keyword, name string) {
	if name = nameOf(c, shardedLoads...); name != "" {
		return -1, "checkpoint_id", name
	}
	if nameOf(c, ultralytics...) != "" {
		return 0, "model", v.libraryOf(c)
	}
	if name = nameOf(c, libraryLoads...); name == "" && v.lightning(c) {
		return 0, "checkpoint_path", "load_from_checkpoint"
	}
	if strings.HasPrefix(name, "mm") && strings.HasSuffix(name, ".load_checkpoint") {
		return 1, "filename", name // behind the model
	}
	return 0, "", name
}

// weightless are parts of the names of classes of the Hub that hold no weights.
var weightless = []string{"Token", "Config", "Processor", "FeatureExtractor", "Scheduler"}

// weights reports whether what the Hub gives is loaded by a call, and perhaps as a pickle.
func (v *view) weights(c *pysrc.Invocation) bool {
	name := c.Names[0]
	if c.Is(fetchers...) && !c.Is("transformers.pipeline") || slices.ContainsFunc(weightless, func(w string) bool { return strings.Contains(name, w) }) {
		return false
	}
	return !slices.Equal(v.words(c, -1, "use_safetensors"), []string{"True"})
}

// outside lists a load of what the call itself gets from elsewhere.
func (v *view) outside(c *pysrc.Invocation, what string) {
	if !v.l.test {
		v.found(untrustedOpen, c.Node, c.Names[0]+" loads outside of the sandbox what nobody trusts: "+what)
	}
}

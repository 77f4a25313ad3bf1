package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/andiron-dev/andiron/internal/allowance"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/trust"
)

// holdFlags say what holds a worker. They are laid over the policy, and no looser.
type holdFlags struct {
	policy, python, runsc string
	imports, need         []string
	time, cpu             span
	memory, result        size
	files, threads        atLeast1
	events                atLeast1
}

func (f *holdFlags) add(flags *pflag.FlagSet) {
	f.addPolicy(flags)
	flags.Var(&f.time, "max-time", "end the load after this time (default 1m)")
	flags.Var(&f.cpu, "max-cpu", "end it after so much time of the processor (default 2m)")
	flags.Var(&f.memory, "max-memory", "let it take this much memory (default 1 GiB and twice the size of IN)")
	flags.Var(&f.result, "max-result", "let it write this much (default 64 MiB and eight times the size of IN)")
	flags.Var(&f.files, "max-files", "let it have so many open files (default 64)")
	flags.Var(&f.threads, "max-processes", "let it have so many processes and threads (default 16)")
	flags.Var(&f.events, "max-events", "end it after so many refused system calls (default 40)")
	for _, name := range []string{"max-time", "max-memory", "max-result", "max-files", "max-processes", "max-cpu", "max-events"} {
		flags.Lookup(name).DefValue = "0" // pflag then shows no default
	}
}

// addPolicy adds those that are not limits.
func (f *holdFlags) addPolicy(flags *pflag.FlagSet) {
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.StringVar(&f.python, "python", "", "load with this `PYTHON`, which has torch (default python3)")
	flags.StringVar(&f.runsc, "runsc", "", "let gVisor hold it: this `RUNSC`, which you have installed")
	flags.StringSliceVar(&f.imports, "import", nil, "import these modules, which you trust, before the filter is in force: a `LIST`")
	flags.StringSliceVar(&f.need, "need", nil, "refuse to load without these layers: a `LIST` of namespaces, landlock, cgroup and gvisor, or of the tiers container, default and strict; the filter is always there")
}

// ofPool is a flag that was given and says how a worker is started.
func (f *holdFlags) ofPool() string {
	for _, one := range []struct {
		name  string
		given bool
	}{
		{"--python", f.python != ""},
		{"--runsc", f.runsc != ""},
		{"--import", len(f.imports) > 0},
		{"--max-files", f.files != 0},
		{"--max-processes", f.threads != 0},
		{"--max-events", f.events != 0},
	} {
		if one.given {
			return one.name
		}
	}
	return ""
}

// options are what the policy and the flags ask of the sandbox together.
func (f *holdFlags) options() (o sandbox.Options, pol allowance.Policy, err error) {
	root, err := nearestProject()
	if err != nil {
		return o, pol, err
	}
	p, name, err := projectPolicy(f.policy, root)
	if err != nil {
		return o, pol, err
	}
	pol = p.Sandbox
	if err := f.runs(&pol, name); err != nil {
		return o, pol, err
	}
	o.Python, o.Runsc = cmp.Or(f.python, policyProgram(root, pol.Python), "python3"), cmp.Or(f.runsc, policyProgram(root, pol.Runsc))
	o.Imports = append(append(o.Imports, pol.Imports...), f.imports...)
	for _, dir := range pol.Path {
		abs, err := filepath.Abs(policyPath(root, dir))
		if err != nil {
			return o, pol, err
		}
		o.Path = append(o.Path, abs)
	}
	if o.Need, err = f.needed(pol.Need); err != nil {
		return o, pol, err
	}
	if o.Runsc == "" && slices.Contains(o.Need, sandbox.GVisor) {
		o.Runsc = "runsc"
	}
	for _, m := range f.imports {
		if err := allowance.CheckModule(m); err != nil {
			return o, pol, usage(fmt.Sprintf("flag %q: %v", "--import", err), "such as --import models.net")
		}
	}
	lim, err := pol.Limits.Within(allowance.Limits{
		Time: time.Duration(f.time), CPU: time.Duration(f.cpu), Memory: int64(f.memory), Result: int64(f.result), Files: int(f.files), Processes: int(f.threads), Events: int(f.events),
	})
	if err != nil {
		return o, pol, usage("a limit is too high: "+err.Error(), "a flag may ask for less than the policy allows")
	}
	o.Limits = sandbox.Limits{
		Load: lim.Time, CPU: lim.CPU, Memory: lim.Memory, Result: lim.Result, Files: lim.Files, Threads: lim.Processes, Events: lim.Events,
	}
	return o, pol, nil
}

// nearestProject is the folder of the project, from the current one: that, or the nearest
// upwards that holds a policy or a lock, as for all that loads a model. What a policy asks
// for counts in the folders beneath it as well.
func nearestProject() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the current folder: %w", osfile.Cause(err))
	}
	return filepath.Rel(at, trust.Project("", at, policy.FileName, lockfile.FileName))
}

// policyProgram is a program of a policy: a path is relative to the folder of the
// project, and a name is looked for where programs are.
func policyProgram(root, program string) string {
	if !strings.ContainsRune(filepath.ToSlash(program), '/') {
		return program
	}
	return policyPath(root, program)
}

// policyPath is a path of a policy. One in the current folder keeps the "./" that says
// that it is no name.
func policyPath(root, path string) string {
	if root == "." || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// runs complains about a policy that says what is to be run, and was only found: the
// folder may be one that somebody else made.
func (f *holdFlags) runs(pol *allowance.Policy, name string) error {
	var what string
	switch {
	case f.policy != "":
		return nil
	case pol.Python != "" && f.python == "":
		what = "python: " + pol.Python
	case pol.Runsc != "" && f.runsc == "":
		what = "runsc: " + pol.Runsc
	case len(pol.Path) > 0:
		what = "path: " + strings.Join(pol.Path, ", ")
	default:
		return nil
	}
	return usage(fmt.Sprintf("policy %q has code run that it names (%s), and you have not named it", name, what), "if it is yours: --policy "+name)
}

// needed are the layers of the policy and those of the flag.
func (f *holdFlags) needed(need []sandbox.Layer) ([]sandbox.Layer, error) {
	if len(f.need) == 0 {
		return need, nil
	}
	names := f.need
	for _, l := range need {
		names = append(names, string(l))
	}
	all, err := allowance.ParseNeed(names...)
	if err != nil {
		return nil, usage(fmt.Sprintf("flag %q: %v", "--need", err), "andiron sandbox doctor tries them")
	}
	return all, nil
}

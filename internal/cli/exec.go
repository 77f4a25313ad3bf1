package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/enforce"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/trust"
)

type execFlags struct {
	policy, project, log, confined string
	bestEffort                     bool
	maxCopy                        size
}

func (a *app) execCommand() *cobra.Command {
	f := execFlags{maxCopy: 4 << 30}
	cmd := &cobra.Command{
		Use:   "exec -- CMD...",
		Short: "Run a program so that the kernel lets it open only trusted models",
		Long: `Run a program, such as a Python service, so that the kernel lets it open only
models that the project trusts. What is a model is told by content. Its digest has
to be one that andiron.lock and the policy allow for its place, and the program
reads the very bytes that were judged. Another model is refused with
PermissionError, and a line of JSON says which and why.

Landlock lets the program write only to the folders of "exec" in andiron.yaml, and
read only those, the project, its own code and the system. Signals, the terminal
and the exit code are the program's; 128 and the number of a signal if one ended it.

What a program has in memory or was handed as an open descriptor is not looked at.
Needs Linux 6.2, and no rights.`,
		Example: `  andiron exec -- python serve.py
  andiron exec --project /srv/app --log /var/log/models.jsonl -- gunicorn app:app`,
		Args: wants("CMD", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.confined != "" {
				return a.execConfined(cmd.Context(), f.confined)
			}
			return a.exec(&f, args)
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE`")
	flags.StringVar(&f.project, "project", "", "take the lock and the policy of the folder `DIR` (default the nearest upwards that has one)")
	flags.StringVar(&f.log, "log", "", "append to `FILE`, as lines of JSON, which models were opened and refused (default the standard error)")
	flags.Var(&f.maxCopy, "max-copy", "copy models of at most this size into memory where they cannot be kept as they are in place")
	flags.BoolVar(&f.bestEffort, "best-effort", false, "go on where the kernel lacks a part of Landlock, with a warning for each")
	flags.StringVar(&f.confined, "confined", "", "")
	_ = flags.MarkHidden("confined") // there is such a flag
	flags.SortFlags = false
	return cmd
}

// execPlan is what the second start of this program is told by the first.
type execPlan struct {
	Root    string         `json:"root"`
	Policy  string         `json:"policy"`
	Path    string         `json:"path"`
	Args    []string       `json:"args"`
	Places  enforce.Places `json:"places"`
	Report  bool           `json:"report"`
	MaxCopy int64          `json:"max_copy"`
	Ports   enforce.Ports  `json:"ports"`
}

// exec works out what the program may reach, and starts this program again within that.
func (a *app) exec(f *execFlags, args []string) error {
	if !enforce.Supported() {
		return usage(enforce.ErrUnsupported.Error(), "docs/spec/exec-v1.md says which systems have it")
	}
	path, err := enforce.Find(args[0])
	if err != nil {
		return usage(fmt.Sprintf("program %q: %v", args[0], osfile.Cause(errors.Unwrap(err))), "name a program that is in PATH, or a file that can be run")
	}
	plan, access, err := a.execPlan(f, path)
	if err != nil {
		return err
	}
	plan.Args = args
	log, err := openLog(f.log)
	if err != nil {
		return err
	}
	missing, err := enforce.Confine(access, f.bestEffort)
	if err != nil {
		return &fault{text: err.Error(), hint: "--best-effort goes on with the parts that are there"}
	}
	for _, m := range missing {
		a.warn(m)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	again := func(where string) []string { return []string{a.program, "exec", "--confined", where, "--", args[0]} }
	return enforce.Again(again, text, log)
}

func openLog(name string) (*os.File, error) {
	if name == "" {
		return os.Stderr, nil
	}
	log, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the user names it
	if err != nil {
		return nil, usage(fmt.Sprintf("log %q cannot be opened: %v", name, osfile.Cause(err)), folderFirst)
	}
	return log, nil
}

// execPlan reads the policy, and says what is where.
func (a *app) execPlan(f *execFlags, path string) (plan execPlan, access enforce.Access, err error) {
	dir, err := here()
	if err != nil {
		return plan, access, err
	}
	p, err := execProject(f.project, f.policy, dir)
	if err != nil {
		return plan, access, err
	}
	e := &execPaths{root: p.root, home: a.getenv("HOME")}
	x := p.policy.Exec
	plan = execPlan{Root: p.root, Path: path, Report: x.Report, MaxCopy: int64(f.maxCopy)}
	if f.policy != "" {
		if plan.Policy, err = filepath.Abs(f.policy); err != nil {
			return plan, access, err
		}
	}
	plan.Places = enforce.Places{
		Code:      append(enforce.Roots(path, e.home), e.real("code", x.Code)...),
		Models:    e.real("models", modelFolders(&p)),
		Unchecked: e.real("unchecked", x.Unchecked),
	}
	access = enforce.Access{Connect: x.Connect, Bind: x.Bind}
	plan.Ports = access.Ports()
	access.Write = enforce.Real([]string{os.TempDir()})
	if x.Write != nil {
		access.Write = e.real("write", x.Write)
	}
	access.Read = concat(plan.Places.Code, plan.Places.Models, plan.Places.Unchecked, e.real("read", x.Read), enforce.Kernel, []string{p.root, path})
	if dir != "/" && dir != e.home {
		access.Read = append(access.Read, dir)
	}
	if plan.Policy != "" {
		access.Read = append(access.Read, plan.Policy)
	}
	self, err := os.Executable()
	access.Read = append(access.Read, self)
	return plan, access, errors.Join(err, e.err)
}

// execProject reads the policy and the lock of a folder that was named, or of the nearest
// upwards from dir.
func execProject(named, policyName, dir string) (p project, err error) {
	root, err := filepath.Abs(trust.Project(named, dir, policy.FileName, lockfile.FileName))
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return p, usage(fmt.Sprintf("project %q: %v", named, osfile.Cause(err)), "name the folder that holds "+policy.FileName+" or "+lockfile.FileName)
	}
	if root == "/" {
		return p, usage("the folder of the project is /", "--project names the folder that holds "+policy.FileName+" or "+lockfile.FileName)
	}
	return openProject(root, policyName, "")
}

func concat(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// execPaths makes absolute paths of those in a policy.
type execPaths struct {
	root, home string
	err        error
}

func (e *execPaths) real(key string, paths []string) (list []string) {
	for _, p := range paths {
		full := filepath.FromSlash(p)
		if rest, ok := strings.CutPrefix(full, "~/"); ok {
			full = filepath.Join(e.home, rest)
		} else if !filepath.IsAbs(full) {
			full = filepath.Join(e.root, full)
		}
		path, err := filepath.EvalSymlinks(full)
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("no such file or folder")
		}
		if err != nil && e.err == nil {
			e.err = usage(fmt.Sprintf("policy: exec.%s %q: %v", key, p, osfile.Cause(err)), "make the folder first, or take it out of "+policy.FileName)
		}
		list = append(list, path)
	}
	return list
}

// modelFolders are the folders of the policy, or those that its sources allow, or the
// whole project.
func modelFolders(p *project) (list []string) {
	if p.policy.Exec.Models != nil {
		return p.policy.Exec.Models
	}
	for _, r := range p.policy.Sources.Rules {
		if r.Path == "" || r.Trust == source.Deny {
			continue
		}
		fixed, _, wild := strings.Cut(r.Path, "*")
		if i := strings.IndexByte(fixed, '?'); i >= 0 {
			fixed, wild = fixed[:i], true
		}
		if wild {
			fixed = fixed[:strings.LastIndexByte(fixed, '/')+1]
		}
		if fixed = strings.TrimSuffix(fixed, "/"); fixed == "" {
			return []string{"."}
		}
		if _, err := os.Lstat(filepath.Join(p.root, filepath.FromSlash(fixed))); err == nil { // models that are not there yet come later
			list = append(list, fixed)
		}
	}
	if len(list) == 0 && !p.policy.Sources.Named {
		list = []string{"."}
	}
	return list
}

// execConfined runs the program, in the domain that exec made.
func (a *app) execConfined(ctx context.Context, where string) error {
	text, out, err := enforce.Told(where)
	if err != nil {
		return usage("exec: --confined is not for use by hand: "+err.Error(), "usage: andiron exec -- CMD...")
	}
	var plan execPlan
	if err := json.Unmarshal(text, &plan); err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	d, err := judging(plan.Root, plan.Policy)
	if err != nil {
		return err
	}
	defer closeRoom(d.Room)
	log := slog.New(slog.NewJSONHandler(out, nil))
	code, counts, err := enforce.Exec(&enforce.Program{
		Path: plan.Path, Args: plan.Args, Places: plan.Places, Report: plan.Report, MaxCopy: plan.MaxCopy, Ports: plan.Ports,
		Judge: judgeBy(ctx, d), Told: tell(ctx, log),
	})
	if err != nil {
		return fmt.Errorf("program %q cannot be run: %w", plan.Path, err)
	}
	log.LogAttrs(ctx, slog.LevelInfo, "end", append([]slog.Attr{slog.String("program", plan.Path), slog.Int("code", code)}, counted(counts)...)...)
	a.code = code
	return nil
}

// judging is what answers for the models of a project, which it opens.
func judging(root, policyName string) (*trust.Decider, error) {
	rules, err := engine.Catalogue()
	if err != nil {
		return nil, fmt.Errorf("internal error: %w", err)
	}
	p, err := openProject(root, policyName, "")
	if err == nil {
		err = checkWaivers(p.policy, p.policyName, rules)
	}
	if err != nil {
		return nil, err
	}
	return decider(p, rules)
}

func counted(c enforce.Counts) []slog.Attr {
	return []slog.Attr{
		slog.Int64("opens", c.Opens), slog.Int64("models", c.Models), slog.Int64("denied", c.Denied),
		slog.Int64("failed", c.Failed), slog.Int64("continued", c.Continued),
	}
}

// judgeBy asks the policy as a loader does.
func judgeBy(ctx context.Context, d *trust.Decider) enforce.Judge {
	return func(c enforce.Candidate) (string, bool) {
		r := d.Decide(ctx, trust.Request{
			Version: 1, Operation: "load", Path: c.Path, Stage: trust.StageBytes,
			SHA256: c.SHA256, Size: c.Size, File: c.File, Mode: c.Mode, UID: c.UID,
		})
		return r.Reason(), r.Allowed
	}
}

// tell writes of each model what became of it.
func tell(ctx context.Context, log *slog.Logger) func(enforce.Event) {
	return func(e enforce.Event) {
		known := []slog.Attr{slog.String("path", e.Path)}
		if e.Kind != "" || e.Size > 0 {
			known = append(known, slog.String("kind", string(e.Kind)), slog.Int64("size", e.Size))
		}
		known = append(known, slog.Int("pid", e.PID))
		if e.SHA256 != "" {
			known = append(known, slog.String("sha256", e.SHA256), slog.String("held", e.Held))
		}
		level, what := slog.LevelWarn, "denied"
		switch {
		case e.Why == "":
			level, what = slog.LevelInfo, "opened"
		case e.Changes():
			what = "changes"
		case e.Report:
			what = "would be denied"
		}
		if e.Why != "" {
			known = append(known, slog.String("reason", e.Why))
		}
		log.LogAttrs(ctx, level, what, known...)
	}
}

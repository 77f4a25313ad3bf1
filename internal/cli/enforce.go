package cli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/enforce"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/policy"
)

type enforceFlags struct {
	policy, project, log string
	deadline             time.Duration
	late                 choice
	worker               bool
}

func (a *app) enforceCommand() *cobra.Command {
	var f enforceFlags
	cmd := &cobra.Command{
		Use:   "enforce",
		Short: "Let nobody on this machine open models in the policy's folders that are not trusted",
		Long: `Watch the folders for models of the policy, with fanotify, until it is ended:
whoever opens a file there waits until its content was looked at. What is no model
is let through; a model is if andiron.lock and the policy allow its digest, and
otherwise open fails with EPERM. A line of JSON says which and why.

A folder that is not on the file system of / or of andiron is watched with all of
its file system. Otherwise its files and those of the folders that are in it at
the start are, and links to them from elsewhere are not.

A second process watches the first: while none answers, opens wait, and what one
left unanswered is refused. When both have ended the kernel lets everything through.
Needs Linux and root.`,
		Example: `  andiron enforce --project /srv/app --log /var/log/andiron-enforce.jsonl
  systemctl start andiron-enforce`,
		Args: wants("argument", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.enforce(cmd.Context(), &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE`")
	flags.StringVar(&f.project, "project", "", "take the lock and the policy of the folder `DIR` (default the nearest upwards that has one)")
	flags.StringVar(&f.log, "log", "", "append to `FILE`, as lines of JSON, which models were opened and refused (default the standard error)")
	flags.DurationVar(&f.deadline, "deadline", 30*time.Second, "have each decision made in this time")
	addChoice(cmd, &f.late, "late", "what happens to an open that is not decided in time", "deny", "allow")
	flags.BoolVar(&f.worker, "worker", false, "")
	_ = flags.MarkHidden("worker") // there is such a flag
	flags.SortFlags = false
	return cmd
}

func (a *app) enforce(ctx context.Context, f *enforceFlags) error {
	if !enforce.Supported() {
		return usage(enforce.ErrUnsupported.Error(), "docs/spec/exec-v1.md says which systems have it")
	}
	if f.deadline <= 0 {
		return usage("flag \"--deadline\": a decision takes time", "such as --deadline 30s")
	}
	if f.worker {
		return a.enforceWorker(ctx, f)
	}
	dir, err := here()
	if err != nil {
		return err
	}
	p, err := execProject(f.project, f.policy, dir)
	if err != nil {
		return err
	}
	places, err := a.watched(&p)
	if err != nil {
		return err
	}
	file, err := openLog(f.log)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(file, nil))
	args := []string{a.program, "enforce", "--worker", "--project", p.root, "--deadline", f.deadline.String(), "--late", f.late.value}
	for flag, name := range map[string]string{"--policy": f.policy, "--log": f.log} {
		if name == "" {
			continue
		}
		if name, err = filepath.Abs(name); err != nil {
			return err
		}
		args = append(args, flag, name)
	}
	group, err := enforce.Mark(places.Models)
	if errors.Is(err, fs.ErrPermission) {
		return &fault{text: err.Error(), hint: "run it as root, or as a service: docs/examples/andiron-enforce.service"}
	}
	if err != nil {
		return err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "watching", slog.Any("folders", places.Models))
	return enforce.Guard(ctx, group, places.Models, args, func(text string) { log.LogAttrs(ctx, slog.LevelError, text) })
}

// watched are the places of a policy.
func (a *app) watched(p *project) (enforce.Places, error) {
	e := &execPaths{root: p.root, home: a.getenv("HOME")}
	places := enforce.Places{
		Models: e.real("models", modelFolders(p)), Unchecked: e.real("unchecked", p.policy.Exec.Unchecked),
	}
	if len(places.Models) == 0 && e.err == nil {
		return places, usage("the policy names no folder that models may come from", "exec.models in "+policy.FileName+" lists them")
	}
	return places, e.err
}

// enforceWorker answers opens. Until it has read the policy they wait, but for its own.
func (a *app) enforceWorker(ctx context.Context, f *enforceFlags) error {
	group, beat := enforce.Inherited()
	file, err := openLog(f.log)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(file, nil))
	var opened, denied atomic.Int64
	w := &enforce.Watcher{
		Deadline: f.deadline, Late: f.late.value == "allow",
		Read: func() (*enforce.Rules, error) { return a.enforceRules(ctx, f) },
		Said: func(text string) { log.LogAttrs(ctx, slog.LevelError, text) },
		Told: func(e enforce.Event) {
			switch {
			case e.Why == "":
				opened.Add(1)
			case !e.Changes():
				denied.Add(1)
			}
			tell(ctx, log)(e)
		},
	}
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	go func() {
		for range every.C {
			log.LogAttrs(ctx, slog.LevelInfo, "so far", slog.Int64("models", opened.Load()), slog.Int64("denied", denied.Load()))
		}
	}()
	return enforce.Watch(ctx, group, w, beat)
}

// enforceRules reads the policy and the lock. The folder that it opens for that is let go
// with the rules, when nobody asks by them any more.
func (a *app) enforceRules(ctx context.Context, f *enforceFlags) (*enforce.Rules, error) {
	p, err := openProject(f.project, f.policy, "")
	if err != nil {
		return nil, err
	}
	r := &enforce.Rules{Report: p.policy.Exec.Report}
	if r.Places, err = a.watched(&p); err != nil {
		return nil, err
	}
	d, err := judging(f.project, f.policy)
	if err != nil {
		return nil, err
	}
	index, judge := lockfile.NewIndex(p.lock), judgeBy(ctx, d)
	r.Judge = func(c enforce.Candidate) (string, bool) {
		if enforce.Beneath(c.Path, r.Places.Models) {
			return judge(c)
		}
		// The same file system in another place, or another name of the file: what counts
		// is what the policy says of these bytes where the lock has them.
		for _, m := range index.Digest(c.SHA256) {
			if pattern.Literal(m.Path) {
				c.Path = filepath.Join(p.root, filepath.FromSlash(m.Path))
				return judge(c)
			}
		}
		return "it lies in none of the folders that models may come from", false
	}
	return r, nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/whole"
)

func (a *app) trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust add|check|list|remove",
		Short: "Keep the lock of trusted models, and hold files against it",
		Long: `Write down which models a project trusts, and check that they are what is there.

` + lockfile.FileName + ` lists models by path and SHA-256; ` + policy.FileName + ` says which sources they
may come from. What neither allows is not trusted.`,
		Example: `  andiron trust add models/
  andiron trust check
  andiron trust list
  andiron trust remove models/old.pt`,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron trust add|check|list|remove"
			if len(args) == 0 {
				return usage("trust: no verb given", hint)
			}
			return usage(fmt.Sprintf("trust: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.trustAddCommand(), a.trustCheckCommand(), a.trustListCommand(), a.trustRemoveCommand(), a.trustDecideCommand())
	return cmd
}

func addLock(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "lock", "", "use the lock `FILE`, whose folder is then the project, instead of "+lockfile.FileName)
}

func (a *app) trustCheckCommand() *cobra.Command {
	f := runFlags{trusting: everything}
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Check that every model is one that the project trusts",
		Long: `Look at every model of a project, hold it against ` + lockfile.FileName + ` and the sources in
` + policy.FileName + `, and report what is changed, missing, not listed, in the wrong place,
open to others, of a wrong format, size or age, or not signed, and the rules and
waivers whose day has passed. DIR is the current folder if not given.

Digests of files that did not change are remembered in a private cache; --no-cache
computes all of them.`,
		Example: `  andiron trust check
  andiron trust check --format sarif --output trust.sarif service/`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if f.lock != "" {
				dir = filepath.Dir(f.lock)
			}
			dir, err := folderOf(args, dir)
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), cmd, &f, dir, []string{dir}, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
				opt.Whole = true
				return engine.Scan(ctx, append([]string{dir}, opt.Trust.Paths()...), opt, h)
			})
		},
		ValidArgsFunction: completeFolders,
	}
	f.add(cmd)
	addLock(cmd, &f.lock)
	addNoCache(cmd, &f.noCache)
	return cmd
}

func (a *app) trustRemoveCommand() *cobra.Command {
	var lock string
	cmd := &cobra.Command{
		Use:   "remove PATH|SHA256...",
		Short: "Take models out of the lock",
		Long: `Take models out of ` + lockfile.FileName + `, by the path that it lists or by the digest or its
first 8 digits or more. No model file is touched. If one of the arguments is not in
the lock, nothing is removed.`,
		Example: `  andiron trust remove models/old.pt
  andiron trust remove 0f4a0b5d`,
		Args: wants("PATH or SHA256", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.trustRemove(cmd.Context(), lock, args) },
	}
	addLock(cmd, &lock)
	return cmd
}

func (a *app) trustRemove(ctx context.Context, name string, args []string) error {
	if name == "" {
		name = lockfile.FileName
	}
	var gone []lockfile.Model
	err := editLock(ctx, name, func(f *lockfile.File) (bool, error) {
		for _, arg := range args {
			list := f.Remove(path.Clean(filepath.ToSlash(arg)))
			if len(list) == 0 {
				return false, usage(fmt.Sprintf("the lock %q lists neither a path nor a digest %q", name, arg), `"andiron trust list" shows what it lists; nothing was removed`)
			}
			gone = append(gone, list...)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, m := range gone {
		if _, err := fmt.Fprintf(a.stdout, "removed %s  sha256 %s\n", safetext.Plain(m.Path), m.SHA256); err != nil {
			return err
		}
	}
	return nil
}

// editLock changes the lock while no other andiron does. The file stays as it is
// unless change reports that there is something to write.
func editLock(ctx context.Context, name string, change func(*lockfile.File) (bool, error)) error {
	unlock, err := osfile.LockFolder(ctx, filepath.Dir(name))
	if err != nil {
		return &fault{text: fmt.Sprintf("lock %q cannot be held: %v", name, osfile.Cause(err)), hint: "the folder must exist"}
	}
	defer unlock()
	f, err := readLock(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = &lockfile.File{}, nil
	}
	if err != nil {
		return usage("lock "+err.Error(), lockForm)
	}
	write, err := change(f)
	if err != nil || !write {
		return err
	}
	b, err := f.Encode()
	if err == nil {
		err = whole.WriteFile(name, b)
	}
	if err != nil {
		return &fault{text: fmt.Sprintf("lock %q cannot be written: %v", name, osfile.Cause(err)), hint: "nothing was changed"}
	}
	return nil
}

// here is the folder that a run starts in, as an absolute path.
func here() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("the current folder is not known: %w", osfile.Cause(err))
	}
	return dir, nil
}

package relock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/child"
)

// Trial is what a run of the project's own tests was.
type Trial struct {
	Command  string   `json:"command"`
	ExitCode int      `json:"exit_code"` // -1 if it was ended by a signal, or could not be started
	Seconds  float64  `json:"seconds"`
	SHA256   string   `json:"output_sha256"`
	Bytes    int64    `json:"output_bytes"`
	Tail     []string `json:"output_tail"`
	At       string   `json:"at"`
	Skipped  []string `json:"skipped"` // links and folders that the copy does not have
}

// The limits of the copy of a project that its tests run in.
const (
	maxTrialFiles = 100_000
	maxTrialBytes = 4 << 30
)

// try runs the project's test command on a copy of it with the update.
func try(ctx context.Context, p *Project, lock *Result, opt UpdateOptions) (*Trial, error) {
	dir, err := os.MkdirTemp(opt.Scratch, "andiron-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is a private temporary folder
	t := &Trial{Command: opt.Test, At: opt.Now.UTC().Format(time.RFC3339), Skipped: []string{}}
	if err := t.copy(p.Root, dir); err != nil {
		return nil, fmt.Errorf("the project cannot be copied for its tests: %w", err)
	}
	if err := p.copyTo(dir); err != nil {
		return nil, err
	}
	if lock != nil {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(lock.Lock)), lock.After, 0o600); err != nil {
			return nil, err
		}
	}
	opt.Say(fmt.Sprintf("this runs your own test command, %q, in a copy of the project; it can do whatever you can", opt.Test))
	return t, t.run(ctx, dir, opt)
}

func (t *Trial) run(ctx context.Context, dir string, opt UpdateOptions) error {
	ctx, cancel := context.WithTimeout(ctx, opt.Timeout)
	defer cancel()
	shell, flag := "/bin/sh", "-c"
	if os.PathSeparator == '\\' {
		shell, flag = "cmd", "/c"
	}
	said, sum := new(child.Tail), sha256.New()
	out := &counted{to: io.MultiWriter(said, sum)}
	cmd := exec.CommandContext(ctx, shell, flag, opt.Test) //nolint:gosec // the user's own command
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	start := time.Now()
	err := child.Run(cmd)
	t.Seconds = float64(time.Since(start).Milliseconds()) / 1000
	t.SHA256, t.Bytes, t.Tail = hex.EncodeToString(sum.Sum(nil)), out.n, said.Lines()
	t.ExitCode = -1
	if cmd.ProcessState != nil {
		t.ExitCode = cmd.ProcessState.ExitCode()
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited && ctx.Err() == nil {
		return fmt.Errorf("the test command cannot be run: %w", err)
	}
	if ctx.Err() != nil {
		t.Tail = append(t.Tail, fmt.Sprintf("andiron: it was ended: %v", ctx.Err()))
	}
	return nil
}

// counted counts what is written.
type counted struct {
	to io.Writer
	n  int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

// copy copies the regular files of a project, without what is made anew: version
// control, environments and caches. Links are left out, since they may lead back.
func (t *Trial) copy(from, to string) error {
	root, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it was only read
	files, bytes := bounded.NewBudget("files of a project", maxTrialFiles), bounded.NewBudget("bytes of a project", maxTrialBytes)
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dest := filepath.Join(to, filepath.FromSlash(name))
		switch {
		case d.IsDir() && name != "." && left(d.Name()):
			t.Skipped = append(t.Skipped, name)
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(dest, 0o700)
		case !d.Type().IsRegular():
			t.Skipped = append(t.Skipped, name)
			return nil
		}
		if err := files.Spend(1); err != nil {
			return err
		}
		return copyFile(root, name, dest, bytes)
	})
}

// left are the folders that a copy does not have.
func left(name string) bool {
	return slices.Contains([]string{".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache"}, strings.ToLower(name))
}

func copyFile(root *os.Root, name, dest string, budget *bounded.Budget) error {
	in, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := budget.Spend(info.Size()); err != nil {
		return err
	}
	out, err := os.OpenFile(dest, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600) //nolint:gosec // a file below our folder
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(in, info.Size()))
	return errors.Join(err, out.Close())
}

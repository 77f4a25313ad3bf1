package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// ErrNotStarted says that a program could not be started, so that nothing is known of
// what it would have said.
var ErrNotStarted = errors.New("it cannot be started")

// Image is a program that this one carries inside.
//
// # Security
//
// What runs is what is inside: the copy that is started has no name, or one in a
// folder of its own that only this user can enter, and what has no name cannot be
// written to any more.
type Image struct {
	Name    string // for what ps shows, and what errors say
	Program []byte
}

// Run starts the program with what it reads from standard input, and returns what it
// wrote to standard output, which may be at most so many bytes. Cancelling ctx ends it.
func (m *Image) Run(ctx context.Context, input []byte, most int64) ([]byte, error) {
	var failed error
	for _, place := range []func(*Image) (string, func(), error){unnamed, named} {
		path, done, err := place(m)
		if err == nil {
			var out []byte
			out, err = m.run(ctx, path, input, most)
			done()
			if !errors.Is(err, ErrNotStarted) {
				return out, err
			}
		}
		failed = errors.Join(failed, err)
	}
	return nil, fmt.Errorf("%s: %w: %s", m.Name, ErrNotStarted, strings.ReplaceAll(failed.Error(), "\n", "; "))
}

func (m *Image) run(ctx context.Context, path string, input []byte, most int64) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args[0] = m.Name
	cmd.Stdin = bytes.NewReader(input)
	var said Tail
	cmd.Stderr = &said
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, err)
	}
	out, err := bounded.ReadAll(stdout, most)
	if err != nil {
		_ = cmd.Process.Kill() // nobody reads the rest
	}
	if ended := cmd.Wait(); err == nil {
		err = ended
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(append([]string{m.Name}, said.Lines()...), ": "), err)
	}
	return out, nil
}

// named writes the program to a file in a new folder that is this user's alone.
func named(m *Image) (path string, done func(), err error) {
	dir, err := os.MkdirTemp("", "andiron-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) } // what is left is a copy of what is inside
	path = filepath.Join(dir, m.Name+suffix)
	if err := os.WriteFile(path, m.Program, 0o700); err != nil { //nolint:gosec // it is to be run
		done()
		return "", nil, err
	}
	return path, done, nil
}

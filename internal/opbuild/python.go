package opbuild

import (
	"bytes"
	"context"
	_ "embed" // what Python is asked
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/child"
)

//go:embed facts.py
var factsProgram string

// facts are what a compiler has to know of a Python with torch.
type facts struct {
	Torch         string   `json:"torch"`
	Python        string   `json:"python"`
	Include       []string `json:"include"`
	Library       []string `json:"library"`
	PythonInclude string   `json:"python_include"`
	CMake         string   `json:"cmake"`
	NewABI        bool     `json:"new_abi"`
	CUDAHome      string   `json:"cuda_home"`
}

// patience is how long what a program started may hold its pipes after its end.
const patience = time.Second

// mostAnswer is how much a program may answer.
const mostAnswer = 1 << 20

// ask has the interpreter say what a compiler has to know.
func ask(ctx context.Context, python string) (facts, error) {
	var f facts
	var out, said bytes.Buffer
	cmd := command(ctx, python, "-c", "import sys; sys.path[:] = [p for p in sys.path if p]\n"+factsProgram)
	cmd.Stdout, cmd.Stderr = &limited{w: &out, left: mostAnswer}, &limited{w: &said, left: mostAnswer}
	err := finish(cmd)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &f)
	}
	if ctx.Err() != nil {
		return f, interrupted(ctx)
	}
	if err != nil {
		var t child.Tail
		_, _ = t.Write(said.Bytes())
		return f, &Error{
			Text:   fmt.Sprintf("%q does not say where its torch is: %v", python, err),
			Hint:   "--python names the interpreter of an environment that has torch and setuptools",
			Output: t.Lines(),
		}
	}
	return f, nil
}

// Headers asks an interpreter with torch where its headers are, and in which version of
// C++ they are written.
func Headers(ctx context.Context, python string) (include []string, standard string, err error) {
	f, err := ask(ctx, python)
	return append(f.Include, f.PythonInclude), f.standard(), err
}

// standard is the version of C++ that the headers of torch are written in.
func (f facts) standard() string {
	major, rest, _ := strings.Cut(f.Torch, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err1 == nil && err2 == nil && (a > 2 || a == 2 && b >= 12) {
		return "-std=c++20"
	}
	return "-std=c++17"
}

// nvcc reports whether CUDA can be compiled.
func (f facts) nvcc() bool {
	if _, err := exec.LookPath("nvcc"); err == nil {
		return true
	}
	_, err := os.Stat(filepath.Join(f.CUDAHome, "bin", "nvcc"))
	return f.CUDAHome != "" && err == nil
}

// limited writes no more than so much, and takes the rest.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), l.left)
	l.left -= n
	if _, err := l.w.Write(b[:n]); err != nil {
		return 0, err
	}
	return len(b), nil
}

// command is a program that dies with everything that it started.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the user's own interpreter and compiler
	cmd.WaitDelay = patience
	child.OwnGroup(cmd)
	return cmd
}

func finish(cmd *exec.Cmd) error {
	err := cmd.Run()
	child.EndGroup(cmd)
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the program itself ended well
	}
	return err
}

// interrupted says why a program did not come to its end.
func interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Text: "the build was still running when its time was up", Hint: "a build gets at most 30 minutes"}
	}
	return ctx.Err()
}

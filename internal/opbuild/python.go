package opbuild

import (
	"context"
	_ "embed" // what Python is asked
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

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

// mostAnswer is how much a program may answer.
const mostAnswer = 1 << 20

// ask has the interpreter say what a compiler has to know.
func ask(ctx context.Context, python string) (facts, error) {
	var f facts
	out, said := child.Head{Most: mostAnswer}, new(child.Tail)
	cmd := command(ctx, python, "-c", "import sys; sys.path[:] = [p for p in sys.path if p]\n"+factsProgram)
	cmd.Stdout, cmd.Stderr = &out, said
	err := child.Run(cmd)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &f)
	}
	if ctx.Err() != nil {
		return f, interrupted(ctx)
	}
	if err != nil {
		return f, &Error{
			Text:   fmt.Sprintf("%q does not say where its torch is: %v", python, err),
			Hint:   "--python names the interpreter of an environment that has torch and setuptools",
			Output: said.Lines(),
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

// command is a program with arguments of ours.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, name, args...) //nolint:gosec // the user's own interpreter and compiler
}

// interrupted says why a program did not come to its end.
func interrupted(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &Error{Text: "the build was still running when its time was up", Hint: "a build gets at most 30 minutes"}
	}
	return ctx.Err()
}

// Package pyrun has a user's own Python convert a PyTorch model, and compares
// what the original and the converted model say.
//
// Build starts a child process that imports the user's script, makes the model,
// converts it, writes the file, and runs the original on the samples. Check
// starts a second one that loads the file as a server would and runs it on the
// same samples. Compare reads what the two wrote; no Python judges itself.
//
// # Security
//
// The script and the interpreter are the user's own and do what they like: this
// package starts other programs, and only a verb that says so may call it. No
// pickle is read: weights are safetensors, inputs are .npy files without
// objects, and what the children say is JSON and raw elements, which are held
// against the plan. A child has no standard input and a process group of its
// own, which is killed when the context ends.
//
// # Limits
//
// Inputs: 256 MiB in all. A script: 16 MiB. The JSON of a child: 16 MiB. Of what
// a child prints, the last 40 lines are kept, up to 16 KiB. Outputs are compared as a stream. The
// caller's context bounds the time.
//
// # Specification
//
// torch.jit.script, trace, save and load; torch.export.export, save and load,
// as of torch 1.13 to 2.15. Tolerances by dtype are those of
// torch.testing.assert_close.
package pyrun

import (
	"context"
	"crypto/sha256"
	_ "embed" // the runner
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/safetensors"
)

// Mode is how a model is converted.
type Mode string

// The modes.
const (
	Script Mode = "script" // torch.jit.script
	Trace  Mode = "trace"  // torch.jit.trace
	Export Mode = "export" // torch.export.export
)

// Job says what to convert, and how.
type Job struct {
	Python  string          // the interpreter
	Script  string          // path of the user's file
	Factory string          // what to call in it
	Args    json.RawMessage // its arguments: an object, an array, or nothing
	Weights string          // a safetensors file, or nothing
	Mode    Mode
	// Samples are what both models are run on. The first is the example that
	// tracing and exporting follow.
	Samples []Sample
	Dir     string // a private folder for what the children write
}

// Built is what came out of Build.
type Built struct {
	Model         string // the converted model's file
	ScriptSHA256  string
	WeightsSHA256 string // of what the child loaded
	Python        string // version
	Executable    string
	Torch         string   // version
	Warnings      []string // of the tracer
	Outputs       *Outputs // of the original
}

//go:embed runner.py
var runner []byte

const scriptLimit = 16 << 20

// Build converts the model and runs the original on the samples.
func Build(ctx context.Context, job Job) (*Built, error) {
	digest, err := scriptDigest(job.Script)
	if err != nil {
		return nil, err
	}
	b := &Built{Model: filepath.Join(job.Dir, "model.pt"), ScriptSHA256: digest}
	if job.Mode == Export {
		b.Model += "2" // torch.export.save wants that ending
	}
	if err := os.WriteFile(filepath.Join(job.Dir, "runner.py"), runner, 0o600); err != nil {
		return nil, err
	}
	p, err := newPlan(job, "build", digest)
	if err != nil {
		return nil, err
	}
	r, err := start(ctx, job, p)
	if err != nil {
		return nil, err
	}
	b.WeightsSHA256, b.Python, b.Torch, b.Executable = r.WeightsSHA256, r.Python, r.Torch, r.Executable
	b.Warnings, b.Outputs = r.Warnings, &Outputs{samples: r.Samples, file: p.Outputs}
	return b, nil
}

// Check loads the converted model in a fresh process and runs it on the samples.
func Check(ctx context.Context, job Job) (*Outputs, error) {
	p, err := newPlan(job, "check", "")
	if err != nil {
		return nil, err
	}
	r, err := start(ctx, job, p)
	if err != nil {
		return nil, err
	}
	return &Outputs{samples: r.Samples, file: p.Outputs}, nil
}

// FindPython is the interpreter that was named, or that of the virtual
// environment in that folder, or python3 on PATH.
func FindPython(named, venv string) (string, error) {
	switch {
	case named != "":
	case venv != "":
		named = filepath.Join(venv, "bin", "python")
	default:
		named = "python3"
	}
	path, err := exec.LookPath(named)
	if err != nil {
		return "", fmt.Errorf("interpreter %q: %w", named, unpathed(err))
	}
	return path, nil
}

// CheckWeights complains about a file that is not safetensors.
func CheckWeights(r io.ReaderAt, size int64) error {
	_, err := safetensors.Open(r, size, safetensors.Limits{})
	return err
}

func scriptDigest(name string) (string, error) {
	f, err := os.Open(name) //nolint:gosec // the user's own script
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, scriptLimit)
	if err != nil {
		return "", fmt.Errorf("script %q: %w", name, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

package pyrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/internal/child"
)

// ChildError is what went wrong in a child.
type ChildError struct {
	Text, Hint string
	Output     []string // the last lines that the child printed
}

func (f *ChildError) Error() string { return f.Text }

// stub runs the runner under a name that is the same each time, because a trace
// keeps the names of the files that it came through. The current folder must not
// be searched for modules: it may be anyone's.
const stub = `import sys; sys.path[:] = [sys.argv[1]] + [p for p in sys.path if p]; ` +
	`exec(compile(open(sys.argv[1] + "/runner.py", encoding="utf-8").read(), "andiron.py", "exec"))`

// start runs the runner on a plan.
func start(ctx context.Context, job Job, p *plan) (*result, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(job.Dir, p.Task+".plan")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		return nil, err
	}
	said := new(child.Tail)
	cmd := exec.CommandContext(ctx, job.Python, "-c", stub, job.Dir, p.Task) //nolint:gosec // the user's own interpreter
	cmd.Stdout, cmd.Stderr = said, said
	// torch keeps caches in the temporary folder; they go with ours.
	cmd.Env = append(os.Environ(), "TMPDIR="+job.Dir)
	err = child.Run(cmd)
	if ctx.Err() != nil {
		return nil, &ChildError{Text: stopped(job.Python, ctx.Err()), Hint: "--timeout gives it more time", Output: said.Lines()}
	}
	return judge(job, p, err, said)
}

func stopped(python string, err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("%q was still running when its time was up", python)
	}
	return fmt.Sprintf("%q was interrupted", python)
}

// judge makes one thing of how the child ended and of what it said.
func judge(job Job, p *plan, ended error, said *child.Tail) (*result, error) {
	exit, exited := errors.AsType[*exec.ExitError](ended)
	if ended != nil && !exited {
		return nil, &ChildError{
			Text: fmt.Sprintf("%q cannot be run: %v", job.Python, unpathed(ended)), Hint: pythonHint, Output: said.Lines(),
		}
	}
	r, err := readResult(p)
	switch {
	case err == nil && r.Error != nil:
		f := r.Error.failure(job, r.Torch)
		f.Output = said.Lines()
		return nil, f
	case err == nil && ended == nil:
		return r, nil
	case exited && (err == nil || errors.Is(err, errNoResult)):
		return nil, &ChildError{
			Text: fmt.Sprintf("%q ended with %v before it was done", job.Python, exit), Output: said.Lines(),
			Hint: "its last words are above",
		}
	}
	return nil, &ChildError{
		Text: fmt.Sprintf("%q gave no result that can be used: %v", job.Python, err), Hint: pythonHint, Output: said.Lines(),
	}
}

func unpathed(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	if ee, ok := errors.AsType[*exec.Error](err); ok {
		return ee.Err
	}
	return err
}

const pythonHint = "--python names the interpreter of an environment that has torch"

// stages say what was being done when an exception came.
var stages = map[string]struct{ text, hint string }{
	"torch":     {"torch cannot be imported", pythonHint},
	"import":    {"the script cannot be imported", "it must run by itself: python SCRIPT"},
	"factory":   {"the factory made no model", "--script FILE:NAME names a class or function that returns a torch.nn.Module; --factory-args has its arguments"},
	"weights":   {"the weights do not fit the model", "every parameter and buffer needs its tensor, and nothing else may be there"},
	"no-export": {"this torch cannot export", "--python names an environment with a newer one; --to torchscript needs none"},

	"inputs": {"the inputs cannot be made into tensors", ""},
	"save":   {"the converted model cannot be saved", ""},
	"run":    {"the model cannot be run on the inputs", "--input and --shape must be what its forward() takes; --samples 0 leaves out what andiron makes up"},
	"load":   {"the converted model cannot be loaded", ""},
	"sdk":    {"the Python package andiron cannot be imported", "pip install andiron into the environment that --python names"},
	"attack": {"the model cannot be attacked", "--inputs are floating-point numbers within --bounds, --labels the numbers of their classes, and the model returns scores of classes"},
	"rerun":  {"the converted model cannot be run on the inputs", "an exported model takes the shape of its example only"},
}

var convertHints = map[Mode]string{
	Script: "--trace INPUT.npy follows one run of the model instead of compiling its source",
	Trace:  "the model must take the tensors of --trace, in this order, and return tensors",
	Export: "torch.export needs a model without data-dependent control flow; the lines above say where it stopped",
}

func (e *childErr) failure(job Job, torch string) *ChildError {
	s, ok := stages[e.Stage]
	if e.Stage == "convert" {
		s.text, s.hint, ok = fmt.Sprintf("torch %s cannot %s the model", torch, job.Mode), convertHints[job.Mode], true
	}
	if !ok {
		s.text = fmt.Sprintf("unknown stage %.40q", e.Stage)
	}
	return &ChildError{Text: fmt.Sprintf("%s: %s", s.text, e), Hint: s.hint}
}

func (e *childErr) String() string {
	text := strings.Join(strings.Fields(e.Message), " ")
	if len(text) > 400 {
		text = strings.ToValidUTF8(text[:400], "") + "..."
	}
	return strings.Trim(e.Type+": "+text, ": ")
}

package pyrun

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// plan is what the runner is told.
type plan struct {
	Task         string          `json:"task"`
	Mode         Mode            `json:"mode"`
	Script       string          `json:"script"`
	ScriptSHA256 string          `json:"script_sha256"`
	Factory      string          `json:"factory"`
	Args         json.RawMessage `json:"args"`
	Weights      string          `json:"weights"`
	Inputs       string          `json:"inputs"`
	Samples      [][]input       `json:"samples"`
	Model        string          `json:"model"`
	Outputs      string          `json:"outputs"`
	Result       string          `json:"result"`
	Robust       *Attacks        `json:"robust,omitempty"`
}

// input is where in the file of inputs a tensor lies.
type input struct {
	DType  string  `json:"dtype"`
	Shape  []int64 `json:"shape"`
	Offset int64   `json:"offset"`
	Size   int64   `json:"size"`
}

// newPlan writes the inputs and says where everything is. The paths are
// absolute, because an interpreter may be a wrapper that changes the folder.
func newPlan(job Job, task, digest string) (*plan, error) {
	in := func(name string) string { return filepath.Join(job.Dir, name) }
	p := &plan{
		Task: task, Mode: job.Mode, ScriptSHA256: digest, Factory: job.Factory, Args: job.Args,
		Inputs: in("inputs.bin"), Model: in("model.pt"), Outputs: in(task + ".bin"), Result: in(task + ".json"),
	}
	if job.Mode == Export {
		p.Model += "2"
	}
	if p.Args == nil {
		p.Args = json.RawMessage("null")
	}
	var err error
	if p.Script, err = filepath.Abs(job.Script); err != nil {
		return nil, err
	}
	if job.Weights != "" {
		if p.Weights, err = filepath.Abs(job.Weights); err != nil {
			return nil, err
		}
	}
	p.Samples, err = writeInputs(p.Inputs, job.Samples)
	return p, err
}

func writeInputs(name string, samples []Sample) (where [][]input, err error) {
	var all bytes.Buffer
	for _, s := range samples {
		row := []input{}
		for _, t := range s.Tensors {
			row = append(row, input{t.DType, dims(t.Shape), int64(all.Len()), int64(len(t.Data))})
			all.Write(t.Data)
		}
		where = append(where, row)
	}
	return where, os.WriteFile(name, all.Bytes(), 0o600)
}

// dims makes sure that the shape of a scalar is a list in JSON.
func dims(shape []int64) []int64 { return append([]int64{}, shape...) }

// result is what the runner says.
type result struct {
	V             int       `json:"v"`
	Python        string    `json:"python"`
	Executable    string    `json:"executable"`
	Torch         string    `json:"torch"`
	WeightsSHA256 string    `json:"weights_sha256"`
	Warnings      []string  `json:"warnings"`
	Samples       [][]leaf  `json:"samples"`
	Error         *childErr `json:"error"`

	Report json.RawMessage `json:"report,omitempty"`
}

type childErr struct {
	Stage   string `json:"stage"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

// leaf is a tensor that a model returned, or another plain value.
type leaf struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"` // of what is no tensor: its repr
	DType  string  `json:"dtype"`
	Stored string  `json:"stored"` // dtype of the elements in the file
	Shape  []int64 `json:"shape"`
	Offset int64   `json:"offset"`
	Size   int64   `json:"size"`
}

const (
	resultLimit = 16 << 20
	textLimit   = 8 << 10 // of a name, value or message
)

var errNoResult = errors.New("no result")

// readResult reads what a child said and holds it against the plan.
func readResult(p *plan) (*result, error) {
	f, err := os.Open(p.Result)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNoResult
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := bounded.ReadAll(f, resultLimit)
	if err != nil {
		return nil, err
	}
	r, err := parseResult(b)
	if err != nil || r.Error != nil || p.Robust != nil {
		return r, err
	}
	info, err := os.Stat(p.Outputs)
	if err != nil {
		return nil, err
	}
	return r, r.check(len(p.Samples), info.Size())
}

func parseResult(b []byte) (*result, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var r result
	if err := dec.Decode(&r); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON")
	}
	if r.V != 1 {
		return nil, fmt.Errorf("version %d, not 1", r.V)
	}
	return &r, nil
}

// check makes sure that every tensor lies where it says, one after the other,
// and that they are the whole file of that size.
func (r *result) check(samples int, size int64) error {
	if len(r.Samples) != samples {
		return fmt.Errorf("outputs of %d samples, not of %d", len(r.Samples), samples)
	}
	var at int64
	for _, s := range r.Samples {
		seen := make(map[string]bool, len(s))
		for _, l := range s {
			if err := l.check(at); err != nil {
				return fmt.Errorf("output %.80q: %w", l.Name, err)
			}
			if seen[l.Name] {
				return fmt.Errorf("output %.80q is there twice", l.Name)
			}
			seen[l.Name] = true
			at += l.Size
		}
	}
	if size != at {
		return fmt.Errorf("%d bytes of outputs, not %d", size, at)
	}
	return nil
}

func (l *leaf) check(at int64) error {
	if len(l.Name) > textLimit || l.Value != nil && len(*l.Value) > textLimit {
		return errors.New("too long a text")
	}
	if l.Value != nil {
		if l.DType != "" || l.Stored != "" || l.Shape != nil || l.Size != 0 || l.Offset != 0 {
			return errors.New("both a value and a tensor")
		}
		return nil
	}
	kind, ok := elements[l.Stored]
	if !ok {
		return fmt.Errorf("elements of unknown type %.80q", l.Stored)
	}
	n, ok := count(l.Shape)
	size, fits := bounded.Mul(n, int64(kind.size))
	if !ok || !fits || size != l.Size || l.Offset != at {
		return fmt.Errorf("shape %v in %d bytes at %d, which should begin at %d", l.Shape, l.Size, l.Offset, at)
	}
	return nil
}

// count is the number of elements of a shape.
func count(shape []int64) (n int64, ok bool) {
	n = 1
	for _, dim := range shape {
		if dim < 0 {
			return 0, false
		}
		if n, ok = bounded.Mul(n, dim); !ok {
			return 0, false
		}
	}
	return n, true
}

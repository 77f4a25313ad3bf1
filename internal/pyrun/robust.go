package pyrun

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// Attacks say how a model is attacked, as andiron.adversarial.evaluate takes it.
type Attacks struct {
	Eps       []float64  `json:"eps"`
	Attacks   []string   `json:"attacks"`
	Norm      string     `json:"norm"`
	Steps     int        `json:"steps"`
	Restarts  int        `json:"restarts"`
	Bounds    [2]float64 `json:"bounds"`
	BatchSize int        `json:"batch_size"`
	Seed      int64      `json:"seed"`
	Backend   string     `json:"backend"`
}

// Evaluated is what came out of Evaluate.
type Evaluated struct {
	ScriptSHA256  string
	WeightsSHA256 string // of what the child loaded
	Report        json.RawMessage
}

// Evaluate has the model attacked. The one sample of the job has the inputs and
// their labels.
func Evaluate(ctx context.Context, job Job, how Attacks) (*Evaluated, error) {
	digest, err := scriptDigest(job.Script)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(job.Dir, "runner.py"), runner, 0o600); err != nil {
		return nil, err
	}
	p, err := newPlan(job, "robust", digest)
	if err != nil {
		return nil, err
	}
	p.Robust = &how
	r, err := start(ctx, job, p)
	if err != nil {
		return nil, err
	}
	if r.Report == nil {
		return nil, errors.New("the result has no report")
	}
	return &Evaluated{digest, r.WeightsSHA256, r.Report}, nil
}

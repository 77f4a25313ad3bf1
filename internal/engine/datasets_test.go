package engine_test

import (
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/engine"
)

// steps keeps how far a run said that it was.
type steps struct {
	seen

	done []int
}

func (s *steps) Progress(p finding.Progress) error {
	s.done = append(s.done, 1000*p.Total+p.Done)
	return nil
}

// A bar can only be drawn of a run that says how much there is to do.
func TestDataProgress(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "t.csv", "x\n1\n2\n3\n4\n5\n6\n7\n8\n")
	var got steps
	d := engine.DataOptions{Limits: dataset.Limits{Block: 32}, Files: []engine.TensorFile{{Path: dir + "/t.csv"}}}
	if err := engine.Data(t.Context(), d, engine.Options{}, &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.done); n < 2 || got.done[n-1] != 100_100 {
		t.Errorf("progress %v, want its last to be 100 of 100", got.done)
	}
}

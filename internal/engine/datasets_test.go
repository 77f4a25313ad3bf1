package engine_test

import (
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/survey"
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

// A picture that is cut off, in row 38 of 40, is one row that cannot be read, and the
// others are looked at; three have no picture.
func TestDataPictureCutOff(t *testing.T) {
	var got seen
	d := engine.DataOptions{Files: []engine.TensorFile{{Path: "../dataset/testdata/parquet/images.parquet"}}}
	if err := engine.Data(t.Context(), d, engine.Options{}, &got); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range got.all() {
		if f.Rule == "TEN090" && strings.Contains(f.Message, `images.parquet": row 38, column 1 ("image"): it ends before its data do`) {
			n++
		}
	}
	if c := got.summary.Tensors; n != 1 || c == nil || c.Requests != 39 || c.Unread != 1 {
		t.Errorf("counted %+v, found %+v", c, got.all())
	}
}

// Rows that come at a time and all have a bad cell are no samples, and those before and
// behind them are looked at.
func TestDataAllBad(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "t.csv", "x,y\n1,a\n"+strings.Repeat("NULL,a\n", 3000)+"1,b\n")
	var got seen
	s := data.NewSurvey(survey.Options{}, nil, finding.Where{})
	d := engine.DataOptions{Survey: s, Files: []engine.TensorFile{{Path: dir + "/t.csv"}}}
	if err := engine.Data(t.Context(), d, engine.Options{}, &got); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range got.all() {
		if f.Rule == "TEN014" && len(f.Evidence) == 1 && strings.HasPrefix(f.Evidence[0], "samples 0, 3001,") {
			n++
		}
	}
	if c := got.summary.Tensors; n != 1 || c.Requests != 3002 || c.Unread != 0 {
		t.Errorf("counted %+v, found %+v", c, got.all())
	}
}

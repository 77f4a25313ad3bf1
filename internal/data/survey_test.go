package data_test

import (
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/survey"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// What was not looked at is said of the column that it is, and of none where all was.
func TestUnsearchedColumns(t *testing.T) {
	column := func(name string, shape ...int64) tensor.Tensor {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		return tensor.Tensor{Name: name, DType: tensor.Uint8, Shape: shape, Data: make([]byte, n)}
	}
	const one = `no patches were looked for in column "clip": its samples are of the shape [9 3 8 8], which is no image's, and not compared as images`
	for name, c := range map[string]struct {
		columns []tensor.Tensor
		want    []string
	}{
		"images of two columns": {[]tensor.Tensor{column("a", 2, 8, 8, 4), column("b", 2, 8, 8)}, []string{
			`no patches were looked for in column "a": there is one label`, `no patches were looked for in column "b": there is one label`,
		}},
		"a clip":      {[]tensor.Tensor{column("clip", 2, 9, 3, 8, 8), column("weight", 2)}, []string{one}},
		"two of them": {[]tensor.Tensor{column("clip", 2, 9, 3, 8, 8), column("flat", 2, 64)}, []string{one + " and 1 other column"}},
		"numbers":     {[]tensor.Tensor{column("weight", 2), column("features", 2, 20)}, nil},
	} {
		s := data.NewSurvey(survey.Options{}, nil, finding.Where{})
		s.Survey.Add(&dataset.Rows{N: 2, Columns: append(c.columns, column("label", 2))})
		var got []string
		s.Finish(func(f finding.Finding) {
			if f.Rule == "TEN022" {
				got = append(got, f.Message)
			}
		})
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

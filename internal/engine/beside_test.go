package engine_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/survey"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// mixture is pictures with a patch, with copies, blank ones and some nearly the same, and
// a column of numbers, a few of which are none.
func mixture(t *testing.T) string {
	t.Helper()
	const n = 2000
	p := testkit.Drawn(n, 12, 0, 5)
	random := rand.New(rand.NewPCG(1, 1))
	numbers := make([]byte, 0, 4*n)
	for i := range n {
		x := float32(random.NormFloat64())
		switch {
		case i%400 == 7:
			x = float32(math.NaN())
		case i%500 == 9:
			copy(p.Image(i), p.Image(i-3))
			x = math.Float32frombits(binary.LittleEndian.Uint32(numbers[4*(i-3):]))
		case i%600 == 11:
			clear(p.Image(i))
		case i%700 == 13:
			for j := range p.Image(i) {
				p.Image(i)[j] = max(1, p.Image(i - 5)[j])
			}
		case i%50 == 17:
			p.Labels[i] = 4
			for j := range 3 {
				copy(p.Image(i)[12*j:], "\xff\x00\xff")
			}
		}
		numbers = binary.LittleEndian.AppendUint32(numbers, math.Float32bits(x))
	}
	return arrays(t, stored{"image", "U8", []int64{n, 12, 12}, string(p.Pixels)}, stored{"x", "F32", []int64{n}, string(numbers)}, wholes("label", p.Labels...))
}

// TestSurveyIsTheSame looks at a set with one goroutine and with several: what is found,
// the page and the baseline are the same, to the byte.
func TestSurveyIsTheSame(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.safetensors", mixture(t))
	type outcome struct {
		Found          []finding.Finding
		Page, Baseline string
	}
	look := func(jobs int, opt survey.Options) (o outcome) {
		var got seen
		d := engine.DataOptions{
			Survey: data.NewSurvey(opt, nil, finding.Where{Path: "set"}),
			Limits: dataset.Limits{Block: 20_000}, // some hundred samples
			Files:  []engine.TensorFile{{Path: filepath.Join(dir, "a.safetensors")}},
		}
		if err := engine.Data(t.Context(), d, engine.Options{Jobs: jobs}, &got); err != nil {
			t.Fatal(err)
		}
		var page bytes.Buffer
		if err := d.Survey.Survey.WriteHTML(&page, "set", d.Survey.Place); err != nil {
			t.Fatal(err)
		}
		base, _ := d.Survey.Survey.Baseline()
		b, err := json.Marshal(base)
		if err != nil {
			t.Fatal(err)
		}
		return outcome{got.loose, page.String(), string(b)}
	}
	for _, opt := range []survey.Options{{}, {Pixels: 200_000}, {Samples: 1000}} {
		want := look(1, opt)
		rules := map[string]bool{}
		for _, f := range want.Found {
			rules[f.Rule] = true
		}
		for _, id := range []string{"TEN014", "TEN018"} {
			if !rules[id] && opt.Samples == 0 {
				t.Errorf("%+v: no %s in %v", opt, id, rules)
			}
		}
		for _, jobs := range []int{2, 5} {
			if d := cmp.Diff(want, look(jobs, opt)); d != "" {
				t.Errorf("%+v, %d goroutines: %s", opt, jobs, d)
			}
		}
	}
}

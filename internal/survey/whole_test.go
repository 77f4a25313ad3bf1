package survey

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

func TestDuplicatesAndOutliers(t *testing.T) {
	p := drawn(60, 12, 0, 2)
	copy(p.image(7), p.image(3))
	p.Labels[3], p.Labels[7] = 1, 2
	copy(p.image(9), p.image(8))
	p.Labels[8], p.Labels[9] = 4, 4
	for i := range p.image(20) {
		p.image(20)[i] = 255
	}
	s := p.survey(t)
	s.Settle()
	groups := s.Duplicates()
	if len(groups) < 2 || !slices.Equal(groups[0].Samples, []int64{3, 7}) || len(groups[0].Labels) != 2 {
		t.Fatalf("duplicates %+v", groups)
	}
	if !slices.ContainsFunc(groups, func(g Group) bool { return slices.Equal(g.Samples, []int64{8, 9}) && len(g.Labels) == 1 }) {
		t.Errorf("duplicates %+v", groups)
	}
	if out := s.Outliers(); len(out) == 0 || out[0].Sample != 20 || out[0].What != "mean" {
		t.Errorf("outliers %+v", out)
	}
	var page bytes.Buffer
	if err := s.WriteHTML(&page, "<set>", func(n int64) string { return fmt.Sprintf("<%d>.png", n) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;set&gt;", "data:image/png;base64,", "<figcaption>20: ", "<br>&lt;20&gt;.png</figcaption>", "60 samples, 10 labels, 1 columns"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestSmaller: the longer side is as long as that of the small picture, and white is
// beside the other; channels may come first or last.
func TestSmaller(t *testing.T) {
	const height, width = 64, 96
	first, last := make([]byte, 3*height*width), make([]byte, 3*height*width)
	for i := range height * width {
		for c := range 3 {
			v := byte(i/width + c*50)
			first[c*height*width+i], last[i*3+c] = v, v
		}
	}
	got := smaller(tensor.Uint8, first, height, width, 3, false)
	if !bytes.Equal(got, smaller(tensor.Uint8, last, height, width, 3, true)) {
		t.Error("the order of the channels matters")
	}
	for _, x := range []struct {
		y    int
		want [3]byte
	}{{0, [3]byte{0, 50, 100}}, {7, [3]byte{21, 71, 121}}, {21, [3]byte{63, 113, 163}}, {22, [3]byte{255, 255, 255}}} {
		if v := got[(x.y*smallSide+5)*3:]; [3]byte(v) != x.want {
			t.Errorf("row %d is %v, want %v", x.y, v[:3], x.want)
		}
	}
}

func TestBaselineAndDrift(t *testing.T) {
	p := drawn(200, 12, 0, 3)
	s := p.survey(t)
	s.Settle()
	base, ok := s.Baseline()
	if !ok || base.Samples != 200 || len(base.LabelOf) != 200 || len(base.Columns) != 1 || base.check() != nil {
		t.Fatalf("baseline %+v, %v", base.Samples, base.check())
	}
	for i := range p.Labels { // the labels of the first ten, and one picture
		if i < 10 {
			p.Labels[i] = (p.Labels[i] + 1) % 10
		}
	}
	p.image(50)[0]++
	now := New(Options{})
	now.Against(&base.Columns[0])
	set := p.set(t)
	for rows, err := set.Next(); err == nil; rows, err = set.Next() {
		now.Add(rows)
	}
	now.Settle()
	d := now.Diff(&base)
	if d.Relabelled.Count != 10 || d.Relabelled.Samples[0] != 0 || d.Changed.Count != 1 || d.Changed.Samples[0] != 50 || d.Added.Count != 0 || d.Removed.Count != 0 {
		t.Errorf("differences %+v", d)
	}
	if x, ok := now.Columns[0].Drift(); !ok || x.PSI > 0.001 || !x.HasKS || x.KS > 0.01 {
		t.Errorf("drift of the same values %+v, %v", x, ok)
	}
	if x, ok := now.LabelDrift(&base); !ok || x.PSI > x.Chance {
		t.Errorf("ten labels of 200 are a drift: %+v", x)
	}
}

// TestChance draws from one distribution again and again: the PSI that chance exceeds
// once in a thousand must not be exceeded often, nor be out of reach.
func TestChance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	base := []float64{0.1, 0.2, 0.3, 0.4}
	const n, rounds = 500, 20_000
	over := 0
	for range rounds {
		bins := make([]int64, 4)
		for range n {
			switch x := random.Float64(); {
			case x < 0.1:
				bins[0]++
			case x < 0.3:
				bins[1]++
			case x < 0.6:
				bins[2]++
			default:
				bins[3]++
			}
		}
		d := drift(bins, base, n)
		if d.PSI > d.Chance {
			over++
		}
	}
	if share := float64(over) / rounds; share > 0.003 || share == 0 {
		t.Errorf("%g exceed what one in a thousand does", share)
	}
}

func TestQuantilesOfMany(t *testing.T) {
	c := newColumn("x")
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]byte, 0, 24*keptValues)
	for range 3 * keptValues {
		values = binary.LittleEndian.AppendUint64(values, math.Float64bits(random.Float64()))
	}
	x := tensor.Tensor{Name: "x", DType: tensor.Float64, Shape: []int64{3 * keptValues}, Data: values}
	c.take(&part{tensor: &x, tally: tallyOf(&x, nil)})
	h := c.Histogram()
	for i, e := range h.Edges {
		if want := float64(i+1) / 10; math.Abs(e-want) > 0.01 {
			t.Errorf("tenth %d at %g, not near %g", i+1, e, want)
		}
	}
	if len(c.kept) != keptValues || len(h.Edges) != 9 {
		t.Errorf("%d values kept, %d edges", len(c.kept), len(h.Edges))
	}
}

// TestKS compares the distance at the hundredths with that of all values.
func TestKS(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	normal := func(n int, mean float64) []float64 {
		list := make([]float64, n)
		for i := range list {
			list[i] = random.NormFloat64() + mean
		}
		return list
	}
	steps := func(n int, at ...float64) []float64 {
		list := make([]float64, n)
		for i := range list {
			list[i] = at[random.IntN(len(at))]
		}
		return list
	}
	for name, c := range map[string]struct {
		base, now []float64
		drifts    bool
	}{
		"the same":            {normal(5000, 0), normal(5000, 0), false},
		"moved":               {normal(5000, 0), normal(5000, 0.4), true},
		"between two values":  {steps(5000, 0, 1), steps(5000, 0.5), true},
		"other shares":        {steps(5000, 0, 1), steps(5000, 0, 0, 0, 1), true},
		"below all":           {steps(5000, 0), append(steps(2500, 0), steps(2500, -1)...), true},
		"above all":           {steps(5000, 0), append(steps(2500, 0), steps(2500, 1)...), true},
		"few, moved a little": {normal(40, 0), normal(40, 0.3), false},
	} {
		base, now := New(Options{}), New(Options{})
		base.Add(numbersOf(c.base))
		base.Settle()
		was, _ := base.Baseline()
		if err := was.check(); err != nil {
			t.Fatal(err)
		}
		now.Against(&was.Columns[0])
		now.Add(numbersOf(c.now))
		d, ok := now.Columns[0].Drift()
		want := exactKS(c.base, c.now)
		if !ok || !d.HasKS || d.KS > want+1e-9 || d.KS < want-KSError-1e-9 {
			t.Errorf("%s: a distance of %g, not %g or up to %g less", name, d.KS, want, KSError)
		}
		if got := d.KS > 0.1 && d.KS > d.ChanceKS; got != c.drifts {
			t.Errorf("%s: %g above %g is a drift: %v, not %v", name, d.KS, d.ChanceKS, got, c.drifts)
		}
	}
}

// exactKS goes through all values.
func exactKS(a, b []float64) (d float64) {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	below := func(list []float64, x float64) float64 { // the share up to x
		i, _ := slices.BinarySearch(list, math.Nextafter(x, math.Inf(1)))
		return float64(i) / float64(len(list))
	}
	for _, x := range slices.Concat(a, b) {
		d = max(d, math.Abs(below(a, x)-below(b, x)))
	}
	return d
}

// numbersOf is a column of numbers.
func numbersOf(list []float64) *dataset.Rows {
	var data []byte
	for _, x := range list {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
	}
	return &dataset.Rows{N: len(list), Columns: []tensor.Tensor{{Name: "x", DType: tensor.Float64, Shape: []int64{int64(len(list))}, Data: data}}}
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"schema":"andiron/data-baseline/v1","tool":"andiron","created":"","sources":[],"samples":1,"labels":[{"name":"a","count":1}],` +
		`"columns":[{"name":"x","values":1,"nan":0,"inf":0,"min":1,"max":1,"mean":1,"std":0,"edges":[1,2],"shares":[0.5,0.25,0.25],"fine":{"edges":[1,2,3],"shares":[0.5,0.25,0,0.25]}}],"digests":"AAAAAAAAAAAAAAAAAAAAAA==","label_of":[0]}`))
	p := drawn(20, 8, 0, 1)
	s := p.survey(f)
	s.Settle()
	f.Fuzz(func(_ *testing.T, b []byte) {
		base, err := ParseBaseline(b)
		if err != nil {
			return
		}
		s.Diff(base)
		s.LabelDrift(base)
		for i := range base.Columns {
			s.Against(&base.Columns[i])
		}
		s.Columns = s.Columns[:1]
	})
}

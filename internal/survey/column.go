package survey

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// Column is how the values of a column are distributed.
type Column struct {
	Name         string
	Values       int64 // finite ones
	NaN, Inf     int64
	Min, Max     float64
	sum, squares float64
	Texts        int64
	kept         []float64 // values by chance, for quantiles
	next         int64     // the number of the value that is kept next
	random       *rand.Rand
	base         *Histogram // what is counted exactly, if there is a baseline
	bins         []int64
	weight       float64
	bytes        *[256]int64 // of a column of uint8: how often each value is there
}

// keptValues is how many values of a column are kept for its quantiles.
const keptValues = 1 << 16

func newColumn(name string) *Column {
	// The same set gives the same survey: chance is the same each time.
	return &Column{Name: name, Min: math.Inf(1), Max: math.Inf(-1), random: rand.New(rand.NewPCG(1, 2)), weight: 1}
}

// Against counts values into the bins of a baseline.
func (s *Survey) Against(name string, h Histogram) {
	c := newColumn(name)
	c.base, c.bins = &h, make([]int64, len(h.Edges)+1)
	s.column[name] = c
	s.Columns = append(s.Columns, c)
}

func (c *Column) add(t *tensor.Tensor) {
	if t.DType == tensor.Bytes {
		c.Texts += t.Shape[0]
		return
	}
	if t.DType == tensor.Uint8 {
		c.addBytes(t.Data)
		return
	}
	before := c.Values
	each(t, c.value)
	finite := c.Values - before
	if all := int64(len(t.Data) / t.DType.Size()); finite < all && t.DType.Floating() {
		for i := range int(all) {
			switch x := tensor.Value(t.DType, tensor.Key(t.DType, t.Data, i)); {
			case math.IsNaN(x):
				c.NaN++
			case math.IsInf(x, 0):
				c.Inf++
			}
		}
	}
}

// addBytes counts, and leaves the rest for settle.
func (c *Column) addBytes(data []byte) {
	if c.bytes == nil {
		c.bytes = new([256]int64)
	}
	// Two tables, so that equal neighbours need not wait for each other.
	var a, b [256]uint32
	for len(data) > 0 {
		n := min(len(data), 1<<20)
		for i := 0; i+1 < n; i += 2 {
			a[data[i]]++
			b[data[i+1]]++
		}
		if n%2 == 1 {
			a[data[n-1]]++
		}
		data = data[n:]
		for v := range 256 {
			c.bytes[v] += int64(a[v]) + int64(b[v])
		}
		a, b = [256]uint32{}, [256]uint32{}
	}
}

// settle adds up what was counted of bytes.
func (c *Column) settle() {
	if c.bytes == nil {
		return
	}
	var all int64
	for _, n := range c.bytes {
		all += n
	}
	for v, n := range c.bytes {
		if n == 0 {
			continue
		}
		x := float64(v)
		c.sum += x * float64(n)
		c.squares += x * x * float64(n)
		c.Min, c.Max = min(c.Min, x), max(c.Max, x)
		if c.base != nil {
			c.bins[c.base.bin(x)] += n
		}
		for range max(1, n*keptValues/all) {
			c.kept = append(c.kept, x)
		}
	}
	c.Values += all
	c.bytes = nil
}

func (c *Column) value(x float64) {
	c.sum += x
	c.squares += x * x
	c.Min, c.Max = min(c.Min, x), max(c.Max, x)
	if c.base != nil {
		c.bins[c.base.bin(x)]++
	}
	if c.Values == c.next {
		c.keep(x)
	}
	c.Values++
}

// keep keeps a value, in place of another when there are enough, and draws which is
// kept next: Li's Algorithm L, whose cost does not grow with the values passed over.
func (c *Column) keep(x float64) {
	if len(c.kept) < keptValues {
		c.kept = append(c.kept, x)
		c.next++
		if len(c.kept) == keptValues {
			c.draw()
		}
		return
	}
	c.kept[c.random.IntN(keptValues)] = x
	c.draw()
}

func (c *Column) draw() {
	c.weight *= math.Exp(math.Log(1-c.random.Float64()) / keptValues)
	skip := math.Floor(math.Log(1-c.random.Float64()) / math.Log(1-c.weight))
	c.next += int64(min(skip, 1<<60)) + 1
}

// Mean and Std are those of the finite values.
func (c *Column) Mean() float64 { return c.sum / float64(max(1, c.Values)) }

// Std is the standard deviation, divided by n.
func (c *Column) Std() float64 {
	m := c.Mean()
	return math.Sqrt(max(0, c.squares/float64(max(1, c.Values))-m*m))
}

// Histogram is a distribution: where its bins meet, and how much lies in each.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Shares []float64 `json:"shares"`
}

// bin is the one that a value is in: the one above an edge that it lies on.
func (h *Histogram) bin(x float64) int {
	i, found := slices.BinarySearch(h.Edges, x)
	if found {
		i++
	}
	return i
}

// Histogram has an edge at each tenth of the values. A value that is there often has
// a bin of its own, and there are fewer of them.
func (c *Column) Histogram() Histogram {
	sorted := slices.Sorted(slices.Values(c.kept))
	var h Histogram
	for i := 1; i < 10 && len(sorted) > 0; i++ {
		e := sorted[len(sorted)*i/10]
		if e > sorted[0] && (len(h.Edges) == 0 || e > h.Edges[len(h.Edges)-1]) {
			h.Edges = append(h.Edges, e)
		}
	}
	h.Shares = make([]float64, len(h.Edges)+1)
	for _, x := range sorted {
		h.Shares[h.bin(x)] += 1 / float64(len(sorted))
	}
	return h
}

// Drift is how far a distribution is from that of the baseline.
type Drift struct {
	PSI, KS float64
	// Chance is the PSI that one in a thousand samples of this size from the baseline
	// itself would have.
	Chance float64
}

// Drift compares the values with the baseline that Against gave.
func (c *Column) Drift() (Drift, bool) {
	if c.base == nil || c.Values == 0 {
		return Drift{}, false
	}
	return drift(c.bins, c.base.Shares, c.Values), true
}

// least is what an empty bin counts as, so that no logarithm is infinite.
const least = 1e-4

func drift(bins []int64, base []float64, n int64) (d Drift) {
	var a, b float64
	for i, count := range bins {
		share := float64(count) / float64(n)
		a, b = a+share, b+base[i]
		d.KS = max(d.KS, math.Abs(a-b))
		x, y := max(share, least), max(base[i], least)
		d.PSI += (x - y) * math.Log(x/y)
	}
	d.Chance = chance(len(bins), n)
	return d
}

// chance is the PSI that chance alone exceeds once in a thousand: n times it has the
// chi-squared distribution with one degree of freedom less than there are bins
// (Yurdakul and Naranjo 2020), whose quantile is that of Wilson and Hilferty.
func chance(bins int, n int64) float64 {
	k := float64(max(1, bins-1))
	const z = 3.0902 // of 0.999
	q := 1 - 2/(9*k) + z*math.Sqrt(2/(9*k))
	return k * q * q * q / float64(n)
}

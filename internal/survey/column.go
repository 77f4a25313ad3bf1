package survey

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// tally is what is counted of the values of a column, or of a part of it.
type tally struct {
	Values       int64 // finite ones
	NaN, Inf     int64
	Min, Max     float64
	sum, squares float64
	Texts        int64
	base         *base // what is counted exactly, if there is a baseline
	bins         []int64
	bytes        *[256]int64 // of a column of uint8: how often each value is there
}

// Column is how the values of a column are distributed.
type Column struct {
	tally

	Name string
	kept []float64 // values by chance, for quantiles
	by   reservoir

	images     *images
	Unsearched string // why no patches are looked for in it, though it may have images
}

// keptValues is how many values of a column are kept for its quantiles.
const keptValues = 1 << 16

func newColumn(name string) *Column {
	return &Column{Name: name, tally: newTally(nil), by: newReservoir(keptValues)}
}

func newTally(b *base) tally {
	t := tally{Min: math.Inf(1), Max: math.Inf(-1), base: b}
	if b != nil {
		t.bins = make([]int64, len(b.fine.Edges)+1)
	}
	return t
}

// base is what a column is compared with.
type base struct {
	Histogram

	fine   Histogram // what is counted into; the other one has some of its edges
	hasKS  bool      // fine was made for it
	values int64     // that it was made of
}

// Against counts values into the bins of a baseline.
func (s *Survey) Against(c *BaselineColumn) {
	b := &base{Histogram: c.Histogram, fine: c.Histogram, values: min(c.Values, keptValues)}
	if c.Fine != nil {
		b.fine, b.hasKS = *c.Fine, true
	}
	s.bases[c.Name] = b
	column := newColumn(c.Name)
	column.tally = newTally(b)
	s.column[c.Name] = column
	s.Columns = append(s.Columns, column)
}

// tallyOf counts the values of a tensor.
func tallyOf(t *tensor.Tensor, b *base) tally {
	c := newTally(b)
	switch t.DType {
	case tensor.Bytes:
		c.Texts = t.Shape[0]
		return c
	case tensor.Uint8:
		c.addBytes(t.Data)
		return c
	default:
	}
	for values := range decoded(t.DType, t.Data) {
		c.add(values)
	}
	return c
}

// add counts values.
func (c *tally) add(values []float64) {
	lo, hi, sum, squares, n := c.Min, c.Max, c.sum, c.squares, c.Values
	for _, x := range values {
		if x-x != 0 {
			if math.IsNaN(x) {
				c.NaN++
			} else {
				c.Inf++
			}
			continue
		}
		sum += x
		squares += x * x
		if x < lo {
			lo = x
		}
		if x > hi {
			hi = x
		}
		if c.base != nil {
			c.bins[c.base.fine.bin(x)]++
		}
		n++
	}
	c.Min, c.Max, c.sum, c.squares, c.Values = lo, hi, sum, squares, n
}

// plus adds what was counted of the part behind.
func (c *tally) plus(d *tally) {
	c.Values += d.Values
	c.NaN += d.NaN
	c.Inf += d.Inf
	c.Texts += d.Texts
	c.sum += d.sum
	c.squares += d.squares
	c.Min, c.Max = min(c.Min, d.Min), max(c.Max, d.Max)
	for i := range c.bins {
		c.bins[i] += d.bins[i]
	}
	if d.bytes == nil {
		return
	}
	if c.bytes == nil {
		c.bytes = new([256]int64)
	}
	for v, n := range d.bytes {
		c.bytes[v] += n
	}
}

// take adds a part, and keeps some of its values.
func (c *Column) take(p *part) {
	before, t := c.Values, p.tensor
	c.plus(&p.tally)
	switch {
	case t.DType == tensor.Bytes || t.DType == tensor.Uint8 || c.by.next >= c.Values:
	case p.tally.Values == int64(len(t.Data)/t.DType.Size()):
		for c.by.next < c.Values {
			c.keep(tensor.Value(t.DType, tensor.Key(t.DType, t.Data, int(c.by.next-before))))
		}
	default: // some are not finite
		at := before
		each(t.DType, t.Data, func(x float64) {
			if at == c.by.next {
				c.keep(x)
			}
			at++
		})
	}
}

func (c *Column) keep(x float64) {
	if at := c.by.take(); at < len(c.kept) {
		c.kept[at] = x
	} else {
		c.kept = append(c.kept, x)
	}
}

// reservoir keeps some of a stream, each with the same chance: Li's Algorithm L, whose
// cost does not grow with what is passed over.
type reservoir struct {
	size   int
	next   int64 // the number of what is kept next
	taken  int
	weight float64
	random *rand.Rand
}

func newReservoir(size int) reservoir {
	// The same set gives the same survey: chance is the same each time.
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // nothing is kept secret by it
	return reservoir{size: size, weight: 1, random: random}
}

// take says at which place the next one is kept, and draws the one behind it.
func (r *reservoir) take() (at int) {
	if r.taken < r.size {
		at = r.taken
		r.taken++
		r.next++
		if r.taken == r.size {
			r.draw()
		}
		return at
	}
	at = r.random.IntN(r.size)
	r.draw()
	return at
}

func (r *reservoir) draw() {
	r.weight *= math.Exp(math.Log(1-r.random.Float64()) / float64(r.size))
	skip := math.Floor(math.Log(1-r.random.Float64()) / math.Log(1-r.weight))
	r.next += int64(min(skip, 1<<60)) + 1
}

// addBytes counts, and leaves the rest for settle.
func (c *tally) addBytes(data []byte) {
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
			c.bins[c.base.fine.bin(x)] += n
		}
		for range max(1, n*keptValues/all) {
			c.kept = append(c.kept, x)
		}
	}
	c.Values += all
	c.bytes = nil
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
	h.share(sorted)
	return h
}

// Fine has edges at each hundredth of the values, and right behind it: what lies between
// two hundredths, but not on them, is at most a hundredth of all.
func (c *Column) Fine() *Histogram {
	sorted := slices.Sorted(slices.Values(c.kept))
	var h Histogram
	for i := 0; i < 100 && len(sorted) > 0; i++ {
		for _, e := range []float64{sorted[len(sorted)*i/100], math.Nextafter(sorted[len(sorted)*i/100], math.Inf(1))} {
			if (len(h.Edges) == 0 || e > h.Edges[len(h.Edges)-1]) && !math.IsInf(e, 0) {
				h.Edges = append(h.Edges, e)
			}
		}
	}
	h.share(sorted)
	return &h
}

func (h *Histogram) share(sorted []float64) {
	h.Shares = make([]float64, len(h.Edges)+1)
	for _, x := range sorted {
		h.Shares[h.bin(x)] += 1 / float64(len(sorted))
	}
}

// Drift is how far a distribution is from that of the baseline.
type Drift struct {
	PSI float64
	// Chance is the PSI that one in a thousand samples of this size from the baseline
	// itself would have.
	Chance float64
	// KS is the Kolmogorov-Smirnov distance at the hundredths of the baseline: what it is
	// anywhere is that, or up to KSError more. It is 0 without HasKS.
	KS       float64
	HasKS    bool
	ChanceKS float64 // of KS, as Chance
}

// KSError is what lies between two hundredths at most.
const KSError = 0.01

// Drift compares the values with the baseline that Against gave.
func (c *Column) Drift() (Drift, bool) {
	if c.base == nil || c.Values == 0 {
		return Drift{}, false
	}
	bins := make([]int64, len(c.base.Shares))
	for i, n := range c.bins {
		at := 0
		if i > 0 {
			at = c.base.bin(c.base.fine.Edges[i-1])
		}
		bins[at] += n
	}
	d := drift(bins, c.base.Shares, c.Values)
	if c.base.hasKS {
		d.HasKS, d.KS = true, distance(c.bins, c.base.fine.Shares, c.Values)
		// Smirnov's limit of the distance of two samples, at 1 - 1/1000.
		d.ChanceKS = math.Sqrt(-math.Log(0.001/2) / 2 * (1/float64(c.Values) + 1/float64(max(1, c.base.values))))
	}
	return d, true
}

// distance is the largest difference of two distribution functions where bins meet.
func distance(bins []int64, base []float64, n int64) (d float64) {
	var a, b float64
	for i, count := range bins {
		a, b = a+float64(count)/float64(n), b+base[i]
		d = max(d, math.Abs(a-b))
	}
	return d
}

// least is what an empty bin counts as, so that no logarithm is infinite.
const least = 1e-4

func drift(bins []int64, base []float64, n int64) (d Drift) {
	for i, count := range bins {
		x, y := max(float64(count)/float64(n), least), max(base[i], least)
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

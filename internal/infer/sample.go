package infer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// Request is a sample: tensors that belong together.
type Request struct {
	Source  string
	Tensors []tensor.Source
}

// observed is what the samples of one tensor had.
type observed struct {
	tensors  int
	elements int64
	ranks    []int
	shapes   [][]int64
	lo, hi   []int64 // of each size
	batch    bool    // the first size was that of the other tensors, each time
	types    []tensor.DType

	nan, inf, tiny   int64
	least, greatest  float64
	first, last      string // the same, exactly
	distinct         map[float64]bool
	fraction         bool // a value is not whole
	values           []float64
	stride, skip     int64
	channels         []channel
	means, deviation [2][]float64 // the least and the greatest of each channel
}

// channel sums the values of a slice.
type channel struct{ n, sum, squares float64 }

const (
	keptValues   = 65536
	fewValues    = 4
	mostChannels = 16
)

// Samples learns from requests. A tensor that one of the sources calls by another name has
// that of the draft from then on.
func (d *Draft) Samples(all []Request) error {
	models := len(d.inputs) > 0
	for _, r := range all {
		d.used(r.Source)
		batch := int64(-1)
		for i := range r.Tensors {
			if shape := r.Tensors[i].Shape; len(shape) > 0 && batch < 0 {
				batch = shape[0]
			}
		}
		for i := range r.Tensors {
			t := &r.Tensors[i]
			if e := byName(d.inputs, t.Name); e != nil {
				t.Name = e.name
			} else if models {
				return fmt.Errorf("%s has the tensor %.80q, which is no input of the model: its inputs are %s", r.Source, t.Name, d.names())
			}
			if slices.ContainsFunc(r.Tensors[:i], func(b tensor.Source) bool { return b.Name == t.Name }) {
				return fmt.Errorf("%s has the input %.80q twice", r.Source, t.Name)
			}
			e, err := d.add(&d.inputs, t.Name)
			if err == nil {
				err = e.sample(t, batch)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", r.Source, err)
			}
		}
	}
	source := strconv.Itoa(len(all)) + " samples"
	if len(all) == 1 {
		source = all[0].Source
	}
	for _, e := range d.inputs {
		if e.seen != nil {
			d.fromSamples(e, source)
		}
	}
	return nil
}

func (d *Draft) names() string {
	names := make([]string, 0, len(d.inputs))
	for _, e := range d.inputs {
		names = append(names, e.name)
	}
	return strings.Join(names, ", ")
}

// sample looks at one tensor.
func (e *entry) sample(t *tensor.Source, batch int64) error {
	if e.seen == nil {
		e.seen = &observed{batch: true, least: math.Inf(1), greatest: math.Inf(-1), distinct: map[float64]bool{}, stride: 1}
	}
	o := e.seen
	if t.Open == nil {
		return fmt.Errorf("tensor %.80q is of a type that schemas do not have", t.Name)
	}
	o.tensors++
	if !slices.Contains(o.ranks, len(t.Shape)) {
		o.ranks = append(o.ranks, len(t.Shape))
	}
	if len(o.ranks) > 1 {
		return fmt.Errorf("tensor %.80q has %d dimensions here, and %d elsewhere", t.Name, len(t.Shape), o.ranks[0])
	}
	if !slices.Contains(o.types, t.DType) {
		o.types = append(o.types, t.DType)
	}
	if o.lo == nil {
		o.lo, o.hi = slices.Clone(t.Shape), slices.Clone(t.Shape)
	}
	o.shapes = append(o.shapes, t.Shape)
	for i, n := range t.Shape {
		o.lo[i], o.hi[i] = min(o.lo[i], n), max(o.hi[i], n)
	}
	o.batch = o.batch && len(t.Shape) > 0 && t.Shape[0] == batch
	if t.DType == tensor.Bytes {
		return nil
	}
	return o.read(t, e.axisOf(t.Shape))
}

// axisOf is the axis of channels, or -1. Torch has them second.
func (e *entry) axisOf(shape []int64) int {
	switch {
	case e.axis > 0 && e.axis < len(shape):
		return e.axis
	case len(shape) >= 3 && shape[1] <= mostChannels:
		return 1
	case len(shape) >= 3 && shape[len(shape)-1] <= mostChannels:
		return len(shape) - 1
	}
	return -1
}

// read looks at all elements.
func (o *observed) read(t *tensor.Source, axis int) error {
	r, err := t.Open()
	if err != nil {
		return fmt.Errorf("tensor %.80q: %w", t.Name, err)
	}
	inner, n := int64(1), int64(0)
	if axis >= 0 && t.Shape[axis] <= mostChannels {
		n = t.Shape[axis]
		for _, s := range t.Shape[axis+1:] {
			inner *= s
		}
	}
	sums := make([]channel, n)
	size := int64(t.DType.Size())
	buf := make([]byte, 64<<10)
	loKey, hiKey := int64(math.MaxInt64), int64(math.MinInt64)
	for at := int64(0); at < t.Bytes; {
		b := buf[:min(int64(len(buf)), t.Bytes-at)]
		if _, err := io.ReadFull(r, b); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("tensor %.80q: %w", t.Name, err)
		}
		for i := range int64(len(b)) / size {
			key := tensor.Key(t.DType, b, int(i))
			x, finite := t.DType.Float(key), t.DType.Finite(key)
			switch {
			case !finite && math.IsInf(x, 0):
				o.inf++
				continue
			case !finite:
				o.nan++
				continue
			}
			loKey, hiKey = min(loKey, key), max(hiKey, key)
			o.value(x)
			if n > 0 {
				c := &sums[(at/size+i)/inner%n]
				c.n, c.sum, c.squares = c.n+1, c.sum+x, c.squares+x*x
			}
		}
		at += int64(len(b))
	}
	o.elements += t.Bytes / size
	if loKey <= hiKey {
		o.extremes(t.DType, loKey, hiKey)
	}
	o.channel(sums)
	return nil
}

// extremes keeps the least and the greatest value.
func (o *observed) extremes(d tensor.DType, lo, hi int64) {
	if x := d.Float(lo); x < o.least || o.first == "" {
		o.least, o.first = x, d.Show(lo)
	}
	if x := d.Float(hi); x > o.greatest || o.last == "" {
		o.greatest, o.last = x, d.Show(hi)
	}
}

// value keeps what distinguishes values, and some of them for their quantiles.
func (o *observed) value(x float64) {
	if a := math.Abs(x); a > 0 && a < 0x1p-100 {
		o.tiny++
	}
	o.fraction = o.fraction || x != math.Trunc(x)
	if len(o.distinct) <= fewValues {
		o.distinct[x] = true
	}
	if o.skip--; o.skip >= 0 {
		return
	}
	o.skip = o.stride - 1
	if o.values = append(o.values, x); len(o.values) == keptValues { // keep every other one
		for i := range keptValues / 2 {
			o.values[i] = o.values[2*i]
		}
		o.values, o.stride = o.values[:keptValues/2], o.stride*2
	}
}

// channel keeps the least and the greatest mean and deviation of each channel.
func (o *observed) channel(sums []channel) {
	if o.channels != nil && len(o.channels) != len(sums) {
		o.channels, o.means, o.deviation = []channel{}, [2][]float64{}, [2][]float64{}
		return
	}
	if o.channels == nil {
		o.channels = make([]channel, len(sums))
	}
	for i, c := range sums {
		if c.n == 0 {
			continue
		}
		o.channels[i].n += c.n
		o.channels[i].sum += c.sum
		o.channels[i].squares += c.squares
		mean, std := c.moments()
		band(&o.means, i, mean)
		band(&o.deviation, i, std)
	}
}

func band(b *[2][]float64, i int, x float64) {
	if i < len(b[0]) {
		b[0][i], b[1][i] = min(b[0][i], x), max(b[1][i], x)
	} else {
		b[0], b[1] = append(b[0], x), append(b[1], x)
	}
}

func (c channel) moments() (mean, std float64) {
	mean = c.sum / c.n
	return mean, math.Sqrt(max(c.squares/c.n-mean*mean, 0))
}

// fromSamples makes keys of what was observed.
func (d *Draft) fromSamples(e *entry, source string) {
	o := e.seen
	if len(e.dtypes) == 0 {
		e.dtypes = slices.Clone(o.types)
		slices.SortFunc(e.dtypes, func(a, b tensor.DType) int { return strings.Compare(a.String(), b.String()) })
		e.notes["dtype"] = learned(source)
	}
	if !e.shaped {
		d.sampleShape(e, source)
	}
	d.ownBatch(e, source)
	d.widen(e)
	if e.dtypes[0] == tensor.Bytes {
		return
	}
	d.sampleValues(e, source)
	e.sampleStats(source)
	e.sampleDrift(source)
}

// sampleShape makes a shape of the sizes that were there.
func (d *Draft) sampleShape(e *entry, source string) {
	o := e.seen
	for i := range o.lo {
		name := word(e.name) + "_" + strconv.Itoa(i)
		switch {
		case i == 0 && o.batch:
			s := d.symbol("B", min(o.lo[0], 1), max(guessBatch, o.hi[0]), "")
			s.open, s.note = true, fmt.Sprintf("%s: up to %d; decide: how many may come at once", learned(source), o.hi[0])
			e.shape = append(e.shape, "B")
		case d.sameSize(e, i) != "":
			e.shape = append(e.shape, d.sameSize(e, i))
		case o.lo[i] == o.hi[i] && i > 0:
			e.shape = append(e.shape, strconv.FormatInt(o.lo[i], 10))
		case i == 0:
			d.symbol(name, min(o.lo[i], 1), max(guessBatch, o.hi[i]), fmt.Sprintf("%s: %d to %d; decide: how many may come at once", learned(source), o.lo[i], o.hi[i])).open = true
			e.shape = append(e.shape, name)
		default:
			d.symbol(name, o.lo[i], o.hi[i], fmt.Sprintf("%s: %d to %d; decide: what may come", learned(source), o.lo[i], o.hi[i])).open = true
			e.shape = append(e.shape, name)
		}
	}
	e.shaped, e.notes["shape"] = true, learned(source)+"; decide: which sizes are fixed"
}

// sameSize is the symbol of another input that had the same size there in every
// sample, as a mask has that of the tokens.
func (d *Draft) sameSize(e *entry, axis int) string {
	for _, other := range d.inputs {
		if other == e || other.seen == nil || len(other.shape) <= axis || len(other.seen.shapes) != len(e.seen.shapes) || d.find(other.shape[axis]) == nil {
			continue
		}
		same := true
		for i, shape := range e.seen.shapes {
			theirs := other.seen.shapes[i]
			same = same && len(theirs) > axis && theirs[axis] == shape[axis]
		}
		if same {
			return other.shape[axis]
		}
	}
	return ""
}

// ownBatch gives a tensor a batch of its own, if it was only taken to share that of the
// others and the samples show that it does not.
func (d *Draft) ownBatch(e *entry, source string) {
	if len(e.shape) == 0 || e.seen.batch || len(e.shape) != len(e.seen.lo) {
		return
	}
	if s := d.find(e.shape[0]); s == nil || !s.taken {
		return
	}
	e.shape[0] = word(e.name) + "_0"
	d.symbol(e.shape[0], 1, guessBatch, learned(source)+": not that of the other inputs; decide: how many may come at once").open = true
}

// widen lets guesses through that are too narrow for the samples.
func (d *Draft) widen(e *entry) {
	if len(e.shape) != len(e.seen.lo) {
		return
	}
	for i, text := range e.shape {
		if s := d.find(text); s != nil && s.open {
			s.lo, s.hi = min(s.lo, e.seen.lo[i]), max(s.hi, e.seen.hi[i])
		}
	}
}

// sampleValues says which values may come.
func (d *Draft) sampleValues(e *entry, source string) {
	o := e.seen
	what := learned(source) + ": " + o.first + " to " + o.last
	integers := !slices.ContainsFunc(e.dtypes, func(t tensor.DType) bool { return strings.Contains(t.String(), "float") })
	switch {
	case o.first == "" || e.dtypes[0] == tensor.Bool || e.get("vocabulary")+e.get("range")+e.get("values") != "":
	case integers && len(o.distinct) <= fewValues && o.elements >= 16:
		var all []string
		for _, x := range slices.Sorted(keysOf(o.distinct)) {
			all = append(all, strconv.FormatFloat(x, 'f', -1, 64))
		}
		e.set("values", "["+strings.Join(all, ", ")+"]", learned(source)+"; decide: whether there are others")
	case integers && e.dtypes[0] == tensor.Uint8:
	case integers:
		lo := o.first
		if o.least > 0 {
			lo = "0"
		}
		e.set("range", "["+lo+", "+o.last+"]", what+"; decide: what may come, or vocabulary for token ids")
	default:
		if lo, hi, ok := o.bounds(); ok {
			e.set("range", "["+lo+", "+hi+"]", what+"; decide: what may come")
		}
	}
	switch {
	case o.nan > 0 && o.inf > 0:
		e.set("nonfinite", "allow", fmt.Sprintf("decide: %s has %d NaN and %d infinities", source, o.nan, o.inf))
	case o.nan > 0:
		e.set("nonfinite", "allow_nan", fmt.Sprintf("decide: %s has %d NaN", source, o.nan))
	case o.inf > 0:
		e.set("nonfinite", "allow_inf", fmt.Sprintf("decide: %s has %d infinities", source, o.inf))
	}
	if o.tiny > 0 && !integers && !slices.Equal(e.dtypes, []tensor.DType{tensor.Float16}) {
		e.set("tiny", "allow", fmt.Sprintf("decide: %s has %d values below 2^-100, which make a CPU slow", source, o.tiny))
	}
}

func keysOf(m map[float64]bool) func(yield func(float64) bool) {
	return func(yield func(float64) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// bounds are round numbers around what was seen: those that data usually have where
// they fit, otherwise a fifth more on either side.
func (o *observed) bounds() (lo, hi string, ok bool) {
	for _, usual := range [][2]float64{{0, 1}, {-1, 1}, {0, 255}} {
		if o.least >= usual[0] && o.greatest <= usual[1] && (usual[1] < 255 || !o.fraction) {
			return short(usual[0]), short(usual[1]), true
		}
	}
	room := (o.greatest - o.least) / 5
	if room == 0 {
		room = math.Abs(o.greatest) / 5
	}
	a, b := round(o.least-room, math.Floor), round(o.greatest+room, math.Ceil)
	if math.IsInf(a, 0) || math.IsInf(b, 0) || math.IsNaN(a) || math.IsNaN(b) {
		return "", "", false
	}
	return short(a), short(b), true
}

// round keeps two digits.
func round(x float64, to func(float64) float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-1)
	if y, err := strconv.ParseFloat(strconv.FormatFloat(to(x/unit)*unit, 'g', 4, 64), 64); err == nil && unit > 0 {
		return y
	}
	return x
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// enoughTensors is from how many samples on a band of means is more than a comment.
const enoughTensors = 16

// sampleStats gives bands to the means and deviations of channels.
func (e *entry) sampleStats(source string) {
	o := e.seen
	n := len(o.means[0])
	if n == 0 || n != len(o.channels) || o.nan+o.inf > 0 {
		return
	}
	axis := e.axisOf(o.hi)
	if axis < 0 || o.lo[axis] != o.hi[axis] {
		return
	}
	var mean, std, means, stds []string
	for i, c := range o.channels {
		if c.n == 0 {
			return
		}
		m, s := c.moments()
		mean, std = append(mean, digits(m)), append(std, digits(s))
		room := max(o.means[1][i]-o.means[0][i], s/2, math.Abs(m)/100, 1e-6)
		means = append(means, digits(o.means[0][i]-room)+".."+digits(o.means[1][i]+room))
		stds = append(stds, digits(max(o.deviation[0][i]-room, 0))+".."+digits(o.deviation[1][i]+room))
	}
	note := fmt.Sprintf("%s: mean [%s], std [%s]", learned(source), strings.Join(mean, ", "), strings.Join(std, ", "))
	value := fmt.Sprintf("{axis: %d, mean: [%s], std: [%s]}", axis, strings.Join(means, ", "), strings.Join(stds, ", "))
	if o.tensors < enoughTensors {
		e.set("# stats", value, note+"; decide: too few samples to hold others to")
		return
	}
	e.set("stats", value, note+"; decide: how far others may be off")
}

func digits(x float64) string { return strconv.FormatFloat(x, 'g', 5, 64) }

// enoughElements is from how many values on they have a distribution.
const enoughElements = 1000

// sampleDrift takes the deciles of the values as a baseline.
func (e *entry) sampleDrift(source string) {
	o := e.seen
	if o.elements < enoughElements || len(o.distinct) <= fewValues || e.get("vocabulary")+e.get("values") != "" {
		return
	}
	sorted := slices.Sorted(slices.Values(o.values))
	var edges []float64
	for i := 1; i < 10; i++ {
		edge, err := strconv.ParseFloat(strconv.FormatFloat(sorted[i*len(sorted)/10], 'g', 6, 64), 64)
		if err == nil && (len(edges) == 0 || edge > edges[len(edges)-1]) {
			edges = append(edges, edge)
		}
	}
	bins := make([]int, len(edges)+1)
	for _, x := range sorted {
		bin, found := slices.BinarySearch(edges, x)
		if found {
			bin++
		}
		bins[bin]++
	}
	var at, shares []string
	for i, n := range bins {
		if i < len(edges) {
			at = append(at, short(edges[i]))
		}
		shares = append(shares, strconv.FormatFloat(float64(n)/float64(len(sorted)), 'f', 7, 64))
	}
	e.set("drift", fmt.Sprintf("{edges: [%s], shares: [%s], psi: 0.2}", strings.Join(at, ", "), strings.Join(shares, ", ")),
		learned(source)+"; decide: how far windows of requests may be off")
}

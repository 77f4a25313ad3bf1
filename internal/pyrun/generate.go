package pyrun

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Spec is a tensor that is to be made up: "1x3x224x224", "1x16:int64:0..999",
// "scalar:float64".
type Spec struct {
	DType    string
	Shape    []int64
	Low, Top float64
	Range    bool // Low and Top were given
}

// ParseSpec reads DIMS[:DTYPE[:LOW..HIGH]].
func ParseSpec(s string) (Spec, error) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return Spec{}, fmt.Errorf("%q is not DIMS[:DTYPE[:LOW..HIGH]]", s)
	}
	shape, err := parseShape(parts[0])
	sp := Spec{DType: "float32", Shape: shape}
	if err == nil && len(parts) > 1 {
		sp.DType = parts[1]
	}
	if err == nil && len(parts) > 2 {
		err = sp.parseRange(parts[2])
	}
	if err != nil {
		return sp, err
	}
	kind, ok := elements[sp.DType]
	if !ok || sp.DType == "bfloat16" {
		return sp, fmt.Errorf("dtype %q is none that can be made up", sp.DType)
	}
	n, ok := count(sp.Shape)
	if !ok || n > inputLimit/int64(kind.size) {
		return sp, fmt.Errorf("shape %q: %w", parts[0], bounded.Exceeded("bytes of a tensor", inputLimit))
	}
	return sp, sp.checkRange()
}

func parseShape(s string) (shape []int64, err error) {
	if s == "scalar" {
		return nil, nil
	}
	for dim := range strings.SplitSeq(s, "x") {
		n, err := strconv.ParseInt(dim, 10, 64)
		if err != nil || n < 0 || dim[0] == '+' {
			return nil, fmt.Errorf("%q is not a shape such as 1x3x224x224", s)
		}
		shape = append(shape, n)
	}
	return shape, nil
}

func (sp *Spec) parseRange(s string) error {
	low, top, ok := strings.Cut(s, "..")
	var err, err2 error
	sp.Low, err = strconv.ParseFloat(low, 64)
	sp.Top, err2 = strconv.ParseFloat(top, 64)
	if !ok || err != nil || err2 != nil || !(sp.Low <= sp.Top) || math.IsInf(sp.Top-sp.Low, 0) {
		return fmt.Errorf("%q is not a range such as 0..999", s)
	}
	sp.Range = true
	return nil
}

// limits of the integer dtypes that are made up; others are made of them.
var limits = map[string][2]float64{
	"bool": {0, 1}, "uint8": {0, math.MaxUint8}, "int8": {math.MinInt8, math.MaxInt8},
	"uint16": {0, math.MaxUint16}, "int16": {math.MinInt16, math.MaxInt16},
	"uint32": {0, math.MaxUint32}, "int32": {math.MinInt32, math.MaxInt32},
	"uint64": {0, 1 << 53}, "int64": {-1 << 53, 1 << 53},
}

// checkRange gives a range to integers, and holds one that was given against
// the dtype.
func (sp *Spec) checkRange() error {
	lim, whole := limits[sp.DType]
	if !whole {
		return nil
	}
	if !sp.Range {
		sp.Low, sp.Top = 0, min(9, lim[1])
	}
	if sp.Low < lim[0] || sp.Top > lim[1] || sp.Low != math.Trunc(sp.Low) || sp.Top != math.Trunc(sp.Top) {
		return fmt.Errorf("range %v..%v does not fit dtype %s", sp.Low, sp.Top, sp.DType)
	}
	return nil
}

// Generate makes up one sample. The same seed makes the same sample.
func Generate(specs []Spec, seed uint64) Sample {
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // reproducible on purpose
	s := Sample{Name: "seed " + strconv.FormatUint(seed, 10)}
	for _, sp := range specs {
		s.Tensors = append(s.Tensors, sp.make(rng))
	}
	return s
}

func (sp *Spec) make(rng *rand.Rand) Tensor {
	n, _ := count(sp.Shape) // was checked
	t := Tensor{DType: sp.DType, Shape: sp.Shape, Data: make([]byte, 0, n*int64(elements[sp.DType].size))}
	_, whole := limits[sp.DType]
	for range n * t.parts() {
		f := rng.NormFloat64()
		switch {
		case whole:
			f = sp.Low + math.Floor(rng.Float64()*(sp.Top-sp.Low+1))
		case sp.Range:
			f = sp.Low + rng.Float64()*(sp.Top-sp.Low)
		}
		t.Data = appendNumber(t.Data, sp.DType, f)
	}
	return t
}

func (t *Tensor) parts() int64 {
	if strings.HasPrefix(t.DType, "complex") {
		return 2
	}
	return 1
}

func appendNumber(b []byte, dtype string, f float64) []byte {
	switch dtype {
	case "bool", "uint8":
		return append(b, uint8(f))
	case "int8":
		return append(b, uint8(int8(f)))
	case "int16":
		return binary.LittleEndian.AppendUint16(b, uint16(int16(f)))
	case "uint16":
		return binary.LittleEndian.AppendUint16(b, uint16(f))
	case "int32":
		return binary.LittleEndian.AppendUint32(b, uint32(int32(f)))
	case "uint32":
		return binary.LittleEndian.AppendUint32(b, uint32(f))
	case "int64":
		return binary.LittleEndian.AppendUint64(b, uint64(int64(f)))
	case "uint64":
		return binary.LittleEndian.AppendUint64(b, uint64(f))
	case "float16":
		return binary.LittleEndian.AppendUint16(b, putHalf(f))
	case "float32", "complex64":
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
	}
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}

// Like makes up a sample in the likeness of a given one. Seed 0 turns the signs of
// the numbers, which sends a model down the other branch of many a condition; the
// other seeds are random. Integers are drawn from those that are there, so that
// they stay indices of whatever they are indices of.
func Like(given Sample, seed uint64) Sample {
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // reproducible on purpose
	s := Sample{Name: fmt.Sprintf("%s, seed %d", given.Name, seed)}
	if seed == 0 {
		s.Name = given.Name + ", signs turned"
	}
	for _, t := range given.Tensors {
		s.Tensors = append(s.Tensors, t.like(rng, seed == 0))
	}
	return s
}

func (t Tensor) like(rng *rand.Rand, turned bool) Tensor {
	like := Tensor{DType: t.DType, Shape: t.Shape, Data: slices.Clone(t.Data)}
	size := elements[t.DType].size
	part := size / int(t.parts())
	_, whole := limits[t.DType]
	switch n := len(t.Data) / size; {
	case whole:
		for i := range n {
			j := rng.IntN(n)
			copy(like.Data[i*size:(i+1)*size], t.Data[j*size:])
		}
	case turned:
		for i := part - 1; i < len(like.Data); i += part {
			like.Data[i] ^= 0x80
		}
	default:
		spread := t.spread()
		like.Data = like.Data[:0]
		for range n * int(t.parts()) {
			like.Data = appendNumber(like.Data, t.DType, spread*rng.NormFloat64())
		}
	}
	return like
}

// spread is the root of the mean square of the numbers that are finite.
func (t Tensor) spread() float64 {
	kind := elements[t.DType]
	sum, n := 0.0, 0.0
	for b := t.Data; len(b) > 0; b = b[kind.size:] {
		re, im := kind.read(b)
		if !special(re, im) {
			sum, n = sum+re*re+im*im, n+1
		}
	}
	if sum == 0 || math.IsInf(sum, 0) {
		return 1
	}
	return math.Sqrt(sum / n)
}

package tensor

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// value decodes an element in the plainest way, for comparison.
func value(d DType, b []byte) float64 {
	u := load(b, 0, d.Size())
	switch d {
	case Float64:
		return math.Float64frombits(u)
	case Float32:
		return float64(math.Float32frombits(uint32(u)))
	case BFloat16:
		return float64(math.Float32frombits(uint32(u) << 16))
	case Float16, Float8E4M3FN, Float8E5M2, Float8E4M3FNUZ, Float8E5M2FNUZ:
		return smallFloat(d, u)
	case Int64:
		return float64(int64(u))
	case Int32:
		return float64(int32(u))
	case Int16:
		return float64(int16(u))
	case Int8:
		return float64(int8(u))
	default:
		return float64(u)
	}
}

// smallFloat follows the tables of the formats: sign, exponent, fraction, bias.
func smallFloat(d DType, u uint64) float64 {
	type form struct {
		exp, frac uint
		bias      float64
	}
	f := map[DType]form{Float16: {5, 10, 15}, Float8E4M3FN: {4, 3, 7}, Float8E5M2: {5, 2, 15}, Float8E4M3FNUZ: {4, 3, 8}, Float8E5M2FNUZ: {5, 2, 16}}[d]
	sign := 1 - 2*float64(u>>(f.exp+f.frac)&1)
	e, m := float64(u>>f.frac&(1<<f.exp-1)), float64(u&(1<<f.frac-1))
	all := float64(uint64(1)<<f.exp - 1)
	unit := math.Pow(2, float64(f.frac))
	switch {
	case (d == Float8E4M3FNUZ || d == Float8E5M2FNUZ) && u == 0x80:
		return math.NaN()
	case d == Float8E4M3FN && e == all && m == unit-1:
		return math.NaN()
	case (d == Float16 || d == Float8E5M2) && e == all && m > 0:
		return math.NaN()
	case (d == Float16 || d == Float8E5M2) && e == all:
		return sign * math.Inf(1)
	case e == 0:
		return sign * math.Pow(2, 1-f.bias) * m / unit
	}
	return sign * math.Pow(2, e-f.bias) * (1 + m/unit)
}

// plainScan is a Scanner that compares values as floats.
func plainScan(data []byte, w Want) Scan {
	s := Scan{Min: math.MaxInt64, Max: math.MinInt64}
	s.NaN.First, s.Inf.First, s.Tiny.First, s.Out.First = -1, -1, -1, -1
	for i := range len(data) / w.DType.Size() {
		v, k := value(w.DType, data[i*w.DType.Size():]), Key(w.DType, data, i)
		switch {
		case math.IsNaN(v):
			s.NaN.add(i)
			continue
		case math.IsInf(v, 0):
			s.Inf.add(i)
			continue
		case v != 0 && w.Tiny > 0 && math.Abs(v) < w.DType.float(w.Tiny):
			s.Tiny.add(i)
		}
		if v < w.DType.float(w.Lo) || v > w.DType.float(w.Hi) {
			s.Out.add(i)
		}
		s.Min, s.Max = min(s.Min, k), max(s.Max, k)
	}
	if s.Out.Count == 0 && !w.Extremes {
		s.Min, s.Max = math.MaxInt64, math.MinInt64
	}
	return s
}

// Every pattern of 8 and 16 bits, and random ones of the others, are judged as by
// comparing floats.
func TestScanPure(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range DTypes() {
		if d == Bytes || d == Int64 || d == Uint64 { // floats do not hold those
			continue
		}
		var data []byte
		n := 1 << min(16, 8*d.Size())
		for i := range n {
			bits := uint64(i)
			if d.Size() > 2 {
				bits = rng.Uint64() >> (rng.UintN(4) * 8)
			}
			data = append(data, binary.LittleEndian.AppendUint64(nil, bits)[:d.Size()]...)
		}
		w := Want{DType: d, Lo: math.MinInt64, Hi: math.MaxInt64}
		for _, bounds := range [][2]string{{"0", "1"}, {"-0.3", "0.1"}, {"2", "100"}} {
			lo, _ := d.ceil(mustReal(bounds[0]))
			hi, _ := d.floor(mustReal(bounds[1]))
			w.Lo, w.Hi = lo, hi
			if d.isFloat() {
				w.Tiny, _ = d.ceil(mustReal("2^-8"))
			}
			if diff := cmp.Diff(plainScan(data, w), ScanPure(data, w)); diff != "" {
				t.Errorf("%s in %v (-plain +pure):\n%s", d, bounds, diff)
			}
		}
	}
}

// A scan of one element is right for every element, so that the first pass and the
// second one agree.
func TestScanPureOfOne(t *testing.T) {
	for _, d := range []DType{Float16, BFloat16, Float8E4M3FN, Float8E5M2, Float8E4M3FNUZ, Float8E5M2FNUZ, Int8, Uint8, Int16, Uint16} {
		lo, _ := d.ceil(mustReal("-1"))
		hi, _ := d.floor(mustReal("1"))
		w := Want{DType: d, Lo: lo, Hi: hi}
		if d.isFloat() {
			w.Tiny, _ = d.ceil(mustReal("2^-8"))
		}
		for i := range 1 << (8 * d.Size()) {
			w.Extremes = !w.Extremes
			data := binary.LittleEndian.AppendUint16(nil, uint16(i))[:d.Size()]
			if got, want := ScanPure(data, w), plainScan(data, w); got != want {
				t.Fatalf("%s %x: got %+v, want %+v", d, data, got, want)
			}
		}
	}
}

// floor and ceil are next to each other, and on either side of the number.
func TestRounding(t *testing.T) {
	for _, d := range DTypes() {
		if d == Bytes {
			continue
		}
		for _, s := range []string{"0", "0.1", "-0.1", "1", "1e-45", "-1e-320", "2^-149", "100.5", "-100.5", "16777217", "9007199254740993", "65519.99", "1e38", "18446744073709551615", "1e400", "-1e400"} {
			x := mustReal(s)
			exact := func(k int64) *big.Rat {
				if d.isFloat() {
					return new(big.Rat).SetFloat64(d.float(k))
				}
				return d.exact(k)
			}
			lo, hi := d.extremes()
			down, ok := d.floor(x)
			up, ok2 := d.ceil(x)
			switch {
			case ok && exact(down).Cmp(x.r) > 0, ok2 && exact(up).Cmp(x.r) < 0:
				t.Errorf("%s %s: floor %s, ceil %s", d, s, d.show(down), d.show(up))
			case ok && down < hi && exact(down+1).Cmp(x.r) <= 0, ok2 && up > lo && exact(up-1).Cmp(x.r) >= 0:
				t.Errorf("%s %s: floor %s or ceil %s is not the nearest", d, s, d.show(down), d.show(up))
			case !ok && exact(lo).Cmp(x.r) <= 0, !ok2 && exact(hi).Cmp(x.r) >= 0:
				t.Errorf("%s %s: no floor (%v) or ceil (%v)", d, s, ok, ok2)
			}
		}
	}
}

func BenchmarkScanPure(b *testing.B) {
	for _, d := range []DType{Float64, Float32, Float16, Uint8, Int64} {
		b.Run(d.String(), func(b *testing.B) {
			data := make([]byte, 602112)
			one, _ := d.floor(integer(1))
			w := Want{DType: d, Hi: one}
			w.Lo, _ = d.ceil(integer(0))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if s := ScanPure(data, w); s.Out.Count > 0 {
					b.Fatal(s)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse([]byte("andiron: tensor/v1\n" + every)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	benchmarkCheck(b, "")
}

func BenchmarkCheckStatistics(b *testing.B) {
	benchmarkCheck(b, ", flat: {max_constant_fraction: 0.9, axis: 1}, stats: {axis: 1, mean: [0..1], std: [0..1]}")
}

func benchmarkCheck(b *testing.B, rules string) {
	b.Helper()
	s, err := Parse([]byte("andiron: tensor/v1\ndims: {B: 1..8}\ninputs: {x: {dtype: float32, shape: [B, 3, 224, 224], range: [0, 1]" + rules + "}}\n"))
	if err != nil {
		b.Fatal(err)
	}
	in := []Tensor{{Name: "x", DType: Float32, Shape: []int64{1, 3, 224, 224}, Data: make([]byte, 602112)}}
	for i := range 150528 {
		binary.LittleEndian.PutUint32(in[0].Data[4*i:], math.Float32bits(float32(i%256)/255))
	}
	b.SetBytes(602112)
	b.ReportAllocs()
	for b.Loop() {
		if r := s.Check(Inputs, in, nil, nil); !r.OK() {
			b.Fatal(r)
		}
	}
}

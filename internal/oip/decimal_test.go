package oip

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

// roundings counts which way each number went.
type roundings struct{ quick, single, double, all int }

// check reads one number as the arrays do, and holds it against strconv.
func (r *roundings) check(t *testing.T, s string) {
	t.Helper()
	b := append([]byte(s), "],                                              "...)
	r.all++
	d, end, ok := quick(b, 0)
	if !ok {
		return
	}
	r.quick++
	if end != len(s) {
		t.Fatalf("quick(%q) ends at %d", s, end)
	}
	if f, ok := d.single(); ok {
		r.single++
		want, err := strconv.ParseFloat(s, 32)
		if d.neg {
			f |= 1 << 31
		}
		if err != nil || f != math.Float32bits(float32(want)) {
			t.Fatalf("%s is %v as float32, want %v (%v)", s, math.Float32frombits(f), want, err)
		}
	}
	if f, ok := d.double(); ok {
		r.double++
		want, err := strconv.ParseFloat(s, 64)
		if d.neg {
			f |= 1 << 63
		}
		if err != nil || f != math.Float64bits(want) {
			t.Fatalf("%s is %v as float64, want %v (%v)", s, math.Float64frombits(f), want, err)
		}
	}
}

// TestRounding holds random and adversarial numbers against strconv. With more of
// them: go test -run TestRounding -numbers 50000000.
func TestRounding(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	makers := map[string]func() string{
		"uniform, 6 decimals":   func() string { return strconv.FormatFloat(rnd.Float64(), 'f', 6, 64) },
		"uniform, shortest":     func() string { return strconv.FormatFloat(rnd.Float64(), 'g', -1, 64) },
		"normal, shortest":      func() string { return strconv.FormatFloat(rnd.NormFloat64(), 'f', -1, 64) },
		"float32 bits":          func() string { return finite(float64(math.Float32frombits(rnd.Uint32())), 32) },
		"float64 bits":          func() string { return finite(math.Float64frombits(rnd.Uint64()), 64) },
		"digits and a power":    func() string { return digitsAndPower(rnd) },
		"middles of float32":    func() string { return middle32(rnd) },
		"middles of float64":    func() string { return middle64(rnd) },
		"the edge of float32":   func() string { return edge(rnd, 1.1754944e-38) },
		"the largest float32":   func() string { return edge(rnd, 3.4028235677973366e38) },
		"integers":              func() string { return strconv.FormatInt(rnd.Int64()>>rnd.UintN(64), 10) },
		"long, with a point":    func() string { return strconv.FormatFloat(rnd.Float64()*1e12, 'f', rnd.IntN(9), 64) },
		"one digit and a power": func() string { return strconv.Itoa(rnd.IntN(10)) + "e" + strconv.Itoa(rnd.IntN(700)-350) },
	}
	for name, next := range makers {
		t.Run(name, func(t *testing.T) {
			var r roundings
			for range *howMany / len(makers) {
				r.check(t, next())
			}
			t.Logf("of %d: quick %d, float32 %d, float64 %d", r.all, r.quick, r.single, r.double)
		})
	}
}

func finite(f float64, size int) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 0
	}
	return strconv.FormatFloat(f, 'g', -1, size)
}

func digitsAndPower(rnd *rand.Rand) string {
	s := strconv.FormatUint(rnd.Uint64()>>rnd.UintN(64), 10)
	if n := rnd.IntN(len(s)); n > 0 {
		s = s[:n] + "." + s[n:]
	}
	return s + "e" + strconv.Itoa(rnd.IntN(120)-60)
}

// middle32 is a number close to, or in, the middle of two float32.
func middle32(rnd *rand.Rand) string {
	b := rnd.Uint32() & 0x7fffffff
	if b>>23 == 0xff {
		b = 1
	}
	x := float64(math.Float32frombits(b))
	y := float64(math.Float32frombits(b + 1))
	if math.IsInf(y, 0) {
		y = x
	}
	return near((x+y)/2, rnd)
}

// middle64 is one close to the middle of two float64.
func middle64(rnd *rand.Rand) string {
	x := math.Ldexp(1+rnd.Float64(), rnd.IntN(200)-100)
	sum := new(big.Float).SetPrec(200).Add(big.NewFloat(x), big.NewFloat(math.Nextafter(x, math.MaxFloat64)))
	return sum.Quo(sum, big.NewFloat(2)).Text('g', 15+rnd.IntN(8))
}

// near spells a number with as many digits as quick reads, and changes the last.
func near(x float64, rnd *rand.Rand) string {
	s := []byte(strconv.FormatFloat(x, 'e', 14+rnd.IntN(6), 64))
	for i, c := range s {
		if c == 'e' && rnd.IntN(2) == 0 {
			s[i-1] = '0' + byte(rnd.IntN(10))
		}
	}
	return string(s)
}

func edge(rnd *rand.Rand, x float64) string {
	return near(x*(1+(rnd.Float64()-0.5)*1e-6), rnd)
}

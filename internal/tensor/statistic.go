package tensor

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// slices of a tensor along an axis: element j of slice i is at
// (j / inner * n + i) * inner + j % inner.
type sliced struct{ n, inner, each int64 }

func (in *Tensor) along(axis int) sliced {
	if axis == wholeTensor {
		return sliced{n: 1, inner: 1, each: in.len()}
	}
	s := sliced{n: in.Shape[axis], inner: 1}
	for _, d := range in.Shape[axis+1:] {
		s.inner *= d
	}
	if s.n > 0 {
		s.each = in.len() / s.n
	}
	return s
}

func (s sliced) at(i, j int64) int { return int((j/s.inner*s.n+i)*s.inner + j%s.inner) }

// all calls f with the number of each element of slice i.
func (s sliced) all(i int64, f func(flat int)) {
	for j := int64(0); j < s.each; j += s.inner {
		start := s.at(i, j)
		for k := range int(s.inner) {
			f(start + k)
		}
	}
}

// flat finds slices in which one value has more than its share. A value with more
// than half can only be the one that survives when different ones cancel out.
func (c *checker) flat(t *spec, in *Tensor) {
	s, keyOf := in.along(t.flat.axis), in.keys()
	bad, share, most := Tally{First: -1}, "", t.flat.most(s.each)
	for i := range s.n {
		var candidate, votes, n int64
		s.all(i, func(at int) {
			switch k := plus(in.DType, keyOf(at)); {
			case votes == 0:
				candidate, votes = k, 1
			case k == candidate:
				votes++
			default:
				votes--
			}
		})
		s.all(i, func(at int) {
			if plus(in.DType, keyOf(at)) == candidate {
				n++
			}
		})
		if s.each > 1 && n > most {
			if bad.add(int(i)); bad.Count == 1 {
				share = fmt.Sprintf("%d of %d elements are %s", n, s.each, in.DType.show(candidate))
			}
		}
	}
	if bad.Count > 0 {
		c.slice(CodeFlat, in, t.flat.axis, bad, s.n, share, "a share of at most "+bound(t.flat.fraction), "a blank image or a dead sensor")
	}
}

// most is how many of n elements may be the same: the fraction of n, rounded down.
func (f *flat) most(n int64) int64 {
	x := new(big.Rat).Mul(f.fraction.r, integer(n).r)
	return new(big.Int).Quo(x.Num(), x.Denom()).Int64()
}

// slice adds a violation of slices along an axis.
func (c *checker) slice(code Code, in *Tensor, axis int, bad Tally, of int64, got, want, hint string) {
	var index []int64
	if axis != wholeTensor {
		index = []int64{bad.First}
	}
	c.add(Violation{Code: code, Input: in.Name, Index: index, Flat: -1, Got: got, Want: want, Count: bad.Count, Of: of, Hint: hint})
}

// stats compares mean and standard deviation of each channel with its band. NaNs
// and infinities, where they are allowed, are left out; a channel of nothing else
// has neither and is outside.
func (c *checker) stats(t *spec, in *Tensor) {
	s := in.along(t.stats.axis)
	mean, std := Tally{First: -1}, Tally{First: -1}
	var mean1, std1 float64
	means, stds := numbers(t.stats.mean), numbers(t.stats.std)
	for i := range s.n {
		m, sd := in.moments(s, i)
		if len(means) > 0 && !pick(means, i).has(m) {
			if mean.add(int(i)); mean.Count == 1 {
				mean1 = m
			}
		}
		if len(stds) > 0 && !pick(stds, i).has(sd) {
			if std.add(int(i)); std.Count == 1 {
				std1 = sd
			}
		}
	}
	if mean.Count > 0 {
		c.slice(CodeMean, in, t.stats.axis, mean, s.n, "a mean of "+short(mean1), "one "+pick(t.stats.mean, mean.First).String(), "")
	}
	if std.Count > 0 {
		c.slice(CodeStd, in, t.stats.axis, std, s.n, "a standard deviation of "+short(std1), "one "+pick(t.stats.std, std.First).String(), "")
	}
}

func short(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// pick is the value of a channel, or the one for all.
func pick[T any](all []T, i int64) T {
	if len(all) == 1 {
		return all[0]
	}
	return all[i]
}

// interval is a band in double precision.
type interval struct{ lo, hi float64 }

func numbers(bands []band) []interval {
	all := make([]interval, 0, len(bands))
	for _, b := range bands {
		all = append(all, interval{b.lo.float(), b.hi.float()})
	}
	return all
}

func (i interval) has(x float64) bool { return x >= i.lo && x <= i.hi }

func (b band) String() string { return "in [" + bound(b.lo) + ", " + bound(b.hi) + "]" }

// moments are the mean and the standard deviation (of the population) of a slice,
// or NaN.
func (in *Tensor) moments(s sliced, i int64) (mean, std float64) {
	var n, sum, squares float64
	keyOf := in.keys()
	each := func(f func(x float64)) {
		s.all(i, func(at int) {
			if k := keyOf(at); in.DType.isNumber(k) {
				f(in.DType.float(k))
			}
		})
	}
	each(func(x float64) { n++; sum += x })
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	mean = sum / n
	each(func(x float64) { squares += (x - mean) * (x - mean) })
	return mean, math.Sqrt(squares / n)
}

// tolerance is how far a norm may be from 1.
func (z *normalize) allowed(d DType) float64 {
	switch {
	case z.tolerance.r != nil:
		return z.tolerance.float()
	case d == Float64 || d == Float32:
		return 1e-3
	case d.Size() == 2:
		return 1e-2
	}
	return 0.1
}

// norms checks that vectors along the axis have the norm 1, or are zero, as
// torch.nn.functional.normalize leaves them.
func (c *checker) norms(t *spec, in *Tensor) {
	z := t.normalize
	s := in.along(z.axis)
	p, within := z.p.float(), z.allowed(in.DType)
	bad, got, keyOf := Tally{First: -1}, 0.0, in.keys()
	for j := range s.each {
		sum := 0.0
		for i := range s.n {
			sum += power(math.Abs(in.DType.float(keyOf(s.at(i, j)))), p)
		}
		norm := math.Pow(sum, 1/p)
		if norm != 0 && !(math.Abs(norm-1) <= within) {
			if bad.add(s.at(0, j)); bad.Count == 1 {
				got = norm
			}
		}
	}
	if bad.Count > 0 {
		c.add(Violation{
			Code: CodeNorm, Input: in.Name, Index: unravel(bad.First, in.Shape), Flat: bad.First,
			Got: "a norm of " + short(got), Want: fmt.Sprintf("1 within %g, or 0", within), Count: bad.Count, Of: s.each,
			Hint: fmt.Sprintf("torch.nn.functional.normalize(x, p=%g, dim=%d)", p, z.axis),
		})
	}
}

func power(x, p float64) float64 {
	switch p {
	case 1:
		return x
	case 2:
		return x * x
	}
	return math.Pow(x, p)
}

// Flush sets the tiny values of a tensor to zero where the schema says
// "action: flush", and returns how many. The tensor must have passed Check.
func (s *Schema) Flush(g Group, in *Tensor) int64 {
	t := s.find(g, in.Name)
	if t == nil || !in.DType.isFloat() || !slices.Contains(t.dtypes, in.DType) {
		return 0
	}
	c := t.compiled[in.DType]
	if c.tiny != "flush" {
		return 0
	}
	limit, size, n := c.want.Tiny, in.DType.Size(), int64(0)
	for i := range len(in.Data) / size {
		k := Key(in.DType, in.Data, i)
		if m := k ^ k>>63; m > 0 && m < limit && in.DType.isNumber(k) {
			clear(in.Data[i*size : (i+1)*size])
			n++
		}
	}
	return n
}

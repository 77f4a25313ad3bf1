package tensor

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// real is a number exactly as the schema has it, or an infinity.
type rational struct {
	r   *big.Rat
	inf int // its sign
}

func (x rational) String() string {
	switch {
	case x.inf > 0:
		return "inf"
	case x.inf < 0:
		return "-inf"
	}
	return x.r.RatString()
}

func (x rational) cmp(y rational) int {
	if x.inf != 0 || y.inf != 0 {
		return x.inf - y.inf
	}
	return x.r.Cmp(y.r)
}

// float is the nearest float64.
func (x rational) float() float64 {
	if x.inf != 0 {
		return math.Inf(x.inf)
	}
	f, _ := x.r.Float64()
	return f
}

func integer(n int64) rational { return rational{r: new(big.Rat).SetInt64(n)} }

const (
	maxNumber   = 64   // bytes of a number
	maxExponent = 400  // of ten
	maxPower    = 1200 // of two
)

// decimal is made when it is first used, so that the program starts no later for it.
var decimal = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^-?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE]([+-]?[0-9]{1,4}))?$`)
})

// parseReal reads 30521, 20_000_000, 0.485, 1e-3, 2^-100 and -2^7.
func parseReal(s string) (rational, error) {
	wrong := fmt.Errorf("%q is not a number such as 255, 0.5, 1e-3 or 2^-100", clip(s))
	if len(s) > maxNumber {
		return rational{}, wrong
	}
	if digits, neg := strings.CutPrefix(s, "-"); strings.HasPrefix(digits, "2^") {
		e, err := strconv.Atoi(digits[2:])
		if err != nil || e < -maxPower || e > maxPower || digits[2] == '+' {
			return rational{}, wrong
		}
		r := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(max(e, -e))))
		if e < 0 {
			r.Inv(r)
		}
		if neg {
			r.Neg(r)
		}
		return rational{r: r}, nil
	}
	m := decimal().FindStringSubmatch(s)
	if m == nil {
		return rational{}, wrong
	}
	if e, err := strconv.Atoi(m[1]); m[1] != "" && (err != nil || e < -maxExponent || e > maxExponent) {
		return rational{}, wrong
	}
	r, ok := new(big.Rat).SetString(strings.ReplaceAll(s, "_", ""))
	if !ok {
		return rational{}, wrong
	}
	return rational{r: r}, nil
}

// parseBound also reads the infinities, which leave a side open.
func parseBound(s string) (rational, error) {
	switch s {
	case "inf":
		return rational{inf: 1}, nil
	case "-inf":
		return rational{inf: -1}, nil
	}
	return parseReal(s)
}

// floor is the key of the largest finite value of the type that is not above x,
// ceil of the smallest that is not below; ok is false where there is none. A zero
// is both zeros: it ends with the positive one and starts with the negative one.
func (d DType) floor(x rational) (key int64, ok bool) {
	lo, hi := d.extremes()
	if x.inf != 0 {
		return hi, x.inf > 0
	}
	c := d.comparer(x)
	if c(lo) > 0 {
		return 0, false
	}
	for lo < hi {
		mid := hi - int64((uint64(hi)-uint64(lo))/2)
		if c(mid) <= 0 {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo, true
}

func (d DType) ceil(x rational) (key int64, ok bool) {
	lo, hi := d.extremes()
	if x.inf != 0 {
		return lo, x.inf < 0
	}
	c := d.comparer(x)
	if c(hi) < 0 {
		return 0, false
	}
	for lo < hi {
		mid := lo + int64((uint64(hi)-uint64(lo))/2)
		if c(mid) >= 0 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo, true
}

// holds reports whether the type has the very value, and its key.
func (d DType) holds(x rational) (key int64, ok bool) {
	key, ok = d.floor(x)
	return key, ok && x.inf == 0 && d.comparer(x)(key) == 0
}

// comparer compares the exact value of a key with x.
func (d DType) comparer(x rational) func(key int64) int {
	if d.isFloat() {
		f, _ := x.r.Float64()
		tie := -x.inf
		if !math.IsInf(f, 0) {
			tie = new(big.Rat).SetFloat64(f).Cmp(x.r)
		}
		return func(key int64) int {
			if c := cmp.Compare(d.float(key), f); c != 0 {
				return c
			}
			return tie
		}
	}
	return func(key int64) int { return d.exact(key).Cmp(x.r) }
}

// exact is the value of a key of an integer type.
func (d DType) exact(key int64) *big.Rat {
	if formats[d].kind == unsigned {
		return new(big.Rat).SetInt(new(big.Int).SetUint64(d.unsigned(key)))
	}
	return new(big.Rat).SetInt64(key)
}

// show spells the value of a key as the type needs it.
func (d DType) show(key int64) string {
	switch {
	case d == Bool && d.unsigned(key) < 2:
		return strconv.FormatBool(d.unsigned(key) == 1)
	case formats[d].kind == unsigned:
		return strconv.FormatUint(d.unsigned(key), 10)
	case formats[d].kind == signed:
		return strconv.FormatInt(key, 10)
	case d == Float64:
		return strconv.FormatFloat(d.float(key), 'g', -1, 64)
	}
	return strconv.FormatFloat(d.float(key), 'g', -1, 32)
}

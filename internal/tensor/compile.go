package tensor

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fits finds keys that say nothing about a tensor of these types.
func (t *spec) fits(nonfinite bool) error {
	floats, bytes, ints := 0, 0, 0
	for _, d := range t.dtypes {
		switch {
		case d.isFloat():
			floats++
		case d == Bytes:
			bytes++
		case d.isInteger():
			ints++
		}
	}
	numbers := t.has() || t.vocabulary > 0 || t.tiny != nil || nonfinite || t.flat != nil || t.normalize != nil || t.stats != nil || t.drift != nil
	ways := 0
	for _, given := range []bool{t.has(), t.vocabulary > 0, len(t.texts) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case bytes > 0 && len(t.dtypes) > 1:
		return errors.New("dtype bytes stands alone")
	case bytes > 0 && numbers:
		return errors.New("dtype bytes has text and values, and no key about numbers")
	case bytes == 0 && t.text != nil:
		return errors.New("text needs dtype bytes")
	case floats == 0 && (nonfinite || t.tiny != nil):
		return errors.New("nonfinite and tiny need a floating dtype")
	case floats < len(t.dtypes) && t.normalize != nil:
		return errors.New("normalize needs floating dtypes only")
	case t.normalize != nil && t.normalize.by == "model" && slices.ContainsFunc(t.dtypes, func(d DType) bool { return d.Size() == 1 }):
		return errors.New("normalize by: model has no float8 dtype: torch does not calculate with them")
	case ints < len(t.dtypes) && t.vocabulary > 0:
		return errors.New("vocabulary needs integer dtypes only")
	case slices.Contains(t.dtypes, Bool) && ways > 0:
		return errors.New("a bool has the values 0 and 1, and no range, vocabulary or values")
	case ways > 1:
		return errors.New("only one of range, vocabulary and values may stand there")
	case t.maxNew > 0 && len(t.texts) == 0:
		return errors.New("max_new needs values")
	}
	return t.axes()
}

// axes turns axes that count from the end, and refuses those that there are not.
func (t *spec) axes() error {
	var all []*int
	if t.flat != nil && t.flat.axis != wholeTensor {
		all = append(all, &t.flat.axis)
	}
	if t.normalize != nil {
		all = append(all, &t.normalize.axis)
	}
	if t.stats != nil {
		all = append(all, &t.stats.axis)
	}
	for _, a := range all {
		if *a < -len(t.shape) || *a >= len(t.shape) {
			return fmt.Errorf("axis %d is not in a shape of %d dimensions", *a, len(t.shape))
		}
		if *a < 0 {
			*a += len(t.shape)
		}
	}
	return nil
}

// channels holds the lists of values per channel against the number of channels.
func (t *spec) channels() error {
	check := func(what string, axis, n int) error {
		if d := t.shape[axis]; n > 1 && (d.lo != d.hi || d.lo != int64(n)) {
			return fmt.Errorf("line %d: %q: %s has %d values, and dimension %d is %s", t.line, t.name, what, n, axis, d)
		}
		return nil
	}
	if s := t.stats; s != nil {
		if err := errors.Join(check("stats.mean", s.axis, len(s.mean)), check("stats.std", s.axis, len(s.std))); err != nil {
			return err
		}
	}
	if z := t.normalize; z != nil {
		return check("normalize", z.axis, len(z.mean))
	}
	return nil
}

// compile rounds the numbers of the schema into each type.
func (t *spec) compile(k *yaml.Node) error {
	t.compiled = map[DType]compiled{}
	if err := t.balance.pair(t.texts); err != nil {
		return fault(k, "%q: %w", t.name, err)
	}
	if t.dtypes[0] != Bytes {
		for _, s := range t.texts {
			x, err := parseReal(s)
			if err != nil {
				return fault(k, "%q: value %w", t.name, err)
			}
			t.values = append(t.values, x)
		}
		t.balance.sort(len(t.values), func(i, j int) int { return t.values[i].cmp(t.values[j]) })
		slices.SortFunc(t.values, rational.cmp)
		t.texts = nil
	} else {
		t.balance.sort(len(t.texts), func(i, j int) int { return strings.Compare(t.texts[i], t.texts[j]) })
		slices.Sort(t.texts)
	}
	if len(slices.CompactFunc(slices.Clone(t.values), func(a, b rational) bool { return a.cmp(b) == 0 })) < len(t.values) ||
		len(slices.Compact(slices.Clone(t.texts))) < len(t.texts) {
		return fault(k, "%q: a value stands twice", t.name)
	}
	for _, d := range t.dtypes {
		if d == Bytes {
			continue
		}
		c, err := t.compileFor(d)
		if err != nil {
			return fault(k, "%q: %w", t.name, err)
		}
		t.compiled[d] = c
	}
	if t.balance != nil {
		if err := t.classes(); err != nil {
			return fault(k, "%q: %w", t.name, err)
		}
	}
	return at(k, t.tinyChecks())
}

// tinyChecks refuses a rule about tiny values of types that have none.
func (t *spec) tinyChecks() error {
	if t.tiny == nil || t.tiny.action == "allow" {
		return nil
	}
	for _, c := range t.compiled {
		if c.want.Tiny > 1 {
			return nil
		}
	}
	return fmt.Errorf("%q: %s has no value that is tiny: set tiny.below", t.name, t.types())
}

func (t *spec) compileFor(d DType) (c compiled, err error) {
	c.want = Want{DType: d, Lo: math.MinInt64, Hi: math.MaxInt64}
	bounds := []rational{t.lo, t.hi}
	switch {
	case t.vocabulary > 0:
		bounds = []rational{integer(0), integer(t.vocabulary - 1)}
	case d == Bool:
		bounds = []rational{integer(0), integer(1)}
	}
	if t.has() || t.vocabulary > 0 || d == Bool {
		lo, ok := d.ceil(bounds[0])
		hi, ok2 := d.floor(bounds[1])
		if !ok || !ok2 || lo > hi {
			return c, fmt.Errorf("no %s lies between %s and %s", d, bound(bounds[0]), bound(bounds[1]))
		}
		c.want.Lo, c.want.Hi = lo, hi
	}
	for _, x := range t.values {
		key, ok := d.holds(x)
		if !ok {
			return c, fmt.Errorf("value %s is no %s: a list of values has exact ones", bound(x), d)
		}
		c.values = append(c.values, key)
	}
	if tn := t.tinyFor(d); tn != nil && tn.action != "allow" {
		key, ok := d.ceil(tn.below)
		if !ok || key < 1 {
			return c, fmt.Errorf("tiny.below %s is outside %s", bound(tn.below), d)
		}
		c.want.Tiny, c.tiny = key, tn.action
	}
	return c, nil
}

// tinyFor is the rule about tiny values in one type. Those whose products leave
// the normal numbers of float32 are refused unless the schema says otherwise; the
// small types have none that low, or were asked for as such.
func (t *spec) tinyFor(d DType) *tiny {
	if !d.isFloat() {
		return nil
	}
	x := tiny{action: "reject"}
	if t.tiny != nil {
		x = *t.tiny
	}
	if x.below.r == nil {
		if d != Float64 && d != Float32 && d != BFloat16 {
			return nil
		}
		x.below = mustReal("2^-100")
	}
	return &x
}

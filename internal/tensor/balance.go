package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// balance is how often each label should be there.
type balance struct {
	psi    rational
	shares []rational // of the classes in the order of their values
	given  bool
}

func (t *spec) readBalance(n *yaml.Node, prefix string) error {
	b := &balance{}
	err := keys(n, prefix+"balance.", map[string]reader{
		"psi":    number(&b.psi, mustReal("1e-6"), integer(100)),
		"shares": reals(&b.shares, integer(0), integer(1)),
	})
	t.balance, b.given = b, len(b.shares) > 0
	switch {
	case err != nil:
		return err
	case b.psi.r == nil:
		return fault(n, "balance needs psi: without a bound every balance is right")
	case b.given:
		return whole1(n, b.shares)
	}
	return nil
}

// pair wants a share for each of the values, in whose order they stand.
func (b *balance) pair(values []string) error {
	if b != nil && b.given && len(values) > 0 && len(values) != len(b.shares) {
		return fmt.Errorf("balance has %d shares for %d values", len(b.shares), len(values))
	}
	return nil
}

// sort brings the shares into the order that the n values will have.
func (b *balance) sort(n int, cmp func(i, j int) int) {
	if b == nil || !b.given || n == 0 {
		return
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, cmp)
	shares := make([]rational, n)
	for to, from := range order {
		shares[to] = b.shares[from]
	}
	b.shares = shares
}

// classes counts what labels there are, and fills in equal shares.
func (t *spec) classes() error {
	n := int64(max(len(t.values), len(t.texts)))
	switch {
	case n > 0:
	case t.vocabulary > 0:
		n = t.vocabulary
	case slices.Equal(t.dtypes, []DType{Bool}):
		n = 2
	case t.has():
		var err error
		if n, err = t.span(); err != nil {
			return err
		}
	default:
		return errors.New("balance needs to know the labels: values, a vocabulary or a range of integers")
	}
	switch b := t.balance; {
	case n < 2 || n > maxValues:
		return fmt.Errorf("balance is of 2 to %d labels, and here are %d", maxValues, n)
	case b.given && int64(len(b.shares)) != n:
		return fmt.Errorf("balance has %d shares for %d labels", len(b.shares), n)
	case !b.given:
		b.shares = slices.Repeat([]rational{{r: big.NewRat(1, n)}}, int(n))
	}
	return nil
}

// span is how many integers lie in the range, each of which every type must have.
func (t *spec) span() (n int64, err error) {
	for _, d := range t.dtypes {
		if !d.isInteger() || t.lo.inf != 0 || t.hi.inf != 0 {
			return 0, errors.New("balance needs to know the labels: values, a vocabulary or a range of integers")
		}
		w := t.compiled[d].want
		first, last := new(big.Rat).Sub(d.exact(w.Lo), t.lo.r), new(big.Rat).Sub(t.hi.r, d.exact(w.Hi))
		if one := integer(1).r; first.Cmp(one) >= 0 || last.Cmp(one) >= 0 {
			return 0, fmt.Errorf("%s does not have all labels of the range", d)
		}
		n = w.Hi - w.Lo + 1
		if n < 1 {
			return 0, errors.New("the range has too many labels")
		}
	}
	return n, nil
}

// count counts the labels of a tensor. One that is none of them is not counted.
func (b *balance) count(t *spec, in *Tensor, bins []int64) {
	if in.DType == Bytes {
		rest := in.Data
		for len(rest) >= 4 {
			n := min(int(binary.LittleEndian.Uint32(rest)), len(rest)-4)
			if i, ok := slices.BinarySearchFunc(t.texts, string(rest[4:4+n]), strings.Compare); ok {
				bins[i]++
			}
			rest = rest[4+n:]
		}
		return
	}
	c, keyOf := t.compiled[in.DType], in.keys()
	for i := range int(in.len()) {
		key := plus(in.DType, keyOf(i))
		switch at, listed := slices.BinarySearch(c.values, key); {
		case listed:
			bins[at]++
		case c.values == nil && key >= c.want.Lo && key-c.want.Lo < int64(len(bins)):
			bins[key-c.want.Lo]++
		}
	}
}

func (b *balance) compare(t *spec, w *window) (Violation, bool) {
	v := Violation{Code: CodeBalance, Input: t.name, Flat: -1, Count: w.tensors, Of: w.tensors}
	psi, _, ok := w.distance(b.shares)
	switch {
	case !ok:
		v.Got, v.Want = "no label", "labels to compare"
	case psi > b.psi.float():
		v.Got, v.Want = "a PSI of "+short(psi), "at most "+bound(b.psi)
	default:
		return v, false
	}
	return v, true
}

package tensor

import (
	"fmt"
	"slices"
)

// takes reports whether a size may stand at a place of the shape.
func (d dim) takes(n int64) bool { return n >= d.lo && n <= d.hi }

func (t *spec) takesAll(shape []int64) bool {
	if len(shape) != len(t.shape) {
		return false
	}
	for i, d := range t.shape {
		if !d.takes(shape[i]) {
			return false
		}
	}
	return true
}

// wantsText reports whether what is wanted is no tensor for torch, whose methods it does not have.
func (t *spec) wantsText() bool { return t.dtypes[0] == Bytes }

func (t *spec) hintRank(got []int64) string {
	const missing, many = "the batch dimension seems to be missing: ", "there seems to be a dimension of 1 too many"
	if len(got) > maxRank {
		return ""
	}
	if t.takesAll(slices.Concat([]int64{1}, got)) {
		if t.wantsText() {
			return missing + "a list of one, [x]"
		}
		return missing + "x.unsqueeze(0)"
	}
	for i, n := range got {
		if n == 1 && t.takesAll(slices.Concat(got[:i], got[i+1:])) {
			if t.wantsText() {
				return many
			}
			return fmt.Sprintf("%s: x.squeeze(%d)", many, i)
		}
	}
	return ""
}

// hintShape tries the permutations that data loaders produce.
func (t *spec) hintShape(got []int64, i int) string {
	rank := len(got)
	switch {
	case got[i] < 0:
		return "-1 stands for any size in a schema of a server, and is no size of a tensor"
	case got[i] == 0:
		return "the tensor is empty"
	case t.wantsText():
		return ""
	case rank == 4 && t.takesAll([]int64{got[0], got[3], got[1], got[2]}):
		return "the channels seem to be last: x.permute(0, 3, 1, 2)"
	case rank == 4 && t.takesAll([]int64{got[0], got[2], got[3], got[1]}):
		return "the channels seem to be first: x.permute(0, 2, 3, 1)"
	case rank == 3 && t.takesAll([]int64{got[2], got[0], got[1]}):
		return "the channels seem to be last: x.permute(2, 0, 1)"
	case rank == 3 && t.takesAll([]int64{got[1], got[2], got[0]}):
		return "the channels seem to be first: x.permute(1, 2, 0)"
	case rank == 2 && t.takesAll([]int64{got[1], got[0]}):
		return "rows and columns seem to be swapped: x.t()"
	}
	return ""
}

func (t *spec) hintDType(got DType) string {
	want := t.dtypes[0]
	switch {
	case got == Uint8 && want.isFloat() && t.has() && t.hi.cmp(integer(1)) == 0:
		return fmt.Sprintf("looks like an image as it was read: x.to(torch.%s) / 255", want)
	case t.wantsText() || got == Bytes || !got.known():
		return ""
	case got.isFloat() && want.isInteger():
		return "indices and token ids are integers: do not round, find out where they became floating"
	}
	return fmt.Sprintf("x.to(torch.%s)", want)
}

func (t *spec) hintRange(d DType, s Scan, got, first int64) string {
	if d == Bool {
		return "looks like another type: compare with 0, do not view"
	}
	if t.vocabulary > 0 {
		switch {
		case d.exact(got).Cmp(integer(t.vocabulary).r) == 0:
			return "ids count from 0, so the last one is one less than the vocabulary"
		case got < 0 && formats[d].kind == signed:
			return "an index that a loss ignores, such as -100, is not for an embedding"
		}
		return "the tokenizer seems to have a larger vocabulary than the model"
	}
	lo, hi := d.float(s.Min), d.float(s.Max)
	wantLo, wantHi := t.lo.float(), t.hi.float()
	switch {
	case d.isFloat() && got == first && t.nearest(d, got):
		return fmt.Sprintf("the bound is no %s, and the nearest one lies outside: write one that has room", d)
	case wantHi <= 1 && wantLo >= -1 && lo >= 0 && hi >= 16 && hi <= 255:
		return "looks like uint8 data: divide by 255"
	case wantLo == 0 && wantHi == 1 && lo >= -1 && lo < -0.5 && hi <= 1:
		return "looks scaled to [-1, 1]: (x + 1) / 2"
	case wantLo == 0 && (wantHi == 1 || wantHi == 255) && lo < -0.5 && lo > -6 && hi < 6:
		return "looks standardised already: the schema is about values before the mean is taken off"
	case d.isFloat() && (hi > 1e30 || lo < -1e30):
		return "looks like data of another type or byte order"
	}
	return ""
}

// nearest reports whether a value is the one of the type that is nearest to a
// bound, and yet beyond it.
func (t *spec) nearest(d DType, key int64) bool {
	for _, b := range []rational{t.lo, t.hi} {
		if b.inf != 0 || b.r == nil {
			continue
		}
		below, ok := d.floor(b)
		above, ok2 := d.ceil(b)
		if !ok || !ok2 || below == above {
			continue
		}
		f := b.float()
		near := below
		if d.float(above)-f < f-d.float(below) {
			near = above
		}
		if near == key && d != Float64 || d == Float64 && d.float(key) == f {
			return true
		}
	}
	return false
}

package survey

import (
	"math/bits"
	"slices"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// pixels are the size of an image that a tensor of one sample can be: its last two
// dimensions, or the two before three or one channels.
func pixels(shape []int64) (height, width, channels int, last, ok bool) {
	var dims []int64
	for _, d := range shape[1:] {
		if d != 1 {
			dims = append(dims, d)
		}
	}
	switch {
	case len(dims) == 2:
		height, width, channels = int(dims[0]), int(dims[1]), 1
	case len(dims) == 3 && dims[2] == 3:
		height, width, channels, last = int(dims[0]), int(dims[1]), 3, true
	case len(dims) == 3 && dims[0] == 3:
		height, width, channels = int(dims[1]), int(dims[2]), 3
	}
	return height, width, channels, last, height >= 8 && width >= 8
}

// near is a difference hash of an image: for eight rows of nine fields, whether each
// is lighter than the one to its right. It is 0 for what is no image, and for an image
// without differences.
func near(t *tensor.Tensor) (hash uint64) {
	height, width, channels, last, ok := pixels(t.Shape)
	if !ok || width < 9 {
		return 0
	}
	step := 1
	if channels == 3 && last {
		step = 3
	}
	for row := range 8 {
		var fields [9]float64
		for y := row * height / 8; y < (row+1)*height/8; y++ {
			for col := range 9 {
				fields[col] += line(t, (y*width+col*width/9)*step, (y*width+(col+1)*width/9)*step, step)
			}
		}
		for col := range 8 {
			hash <<= 1
			if fields[col] > fields[col+1] {
				hash |= 1
			}
		}
	}
	return hash
}

// line adds up elements that lie step apart.
func line(t *tensor.Tensor, from, to, step int) float64 {
	if t.DType == tensor.Uint8 {
		n := 0
		for i := from; i < to; i += step {
			n += int(t.Data[i])
		}
		return float64(n)
	}
	sum := 0.0
	for i := from; i < to; i += step {
		sum += tensor.Value(t.DType, tensor.Key(t.DType, t.Data, i))
	}
	return sum
}

// nearBits is how many of the 64 may differ between images that are nearly the same.
const nearBits = 2

// Near are images that are nearly the same and not the same, in pairs.
func (s *Survey) Near() (groups []Group) {
	// Of three parts of a hash at most two can differ in two bits, so that one is equal.
	for part := range 3 {
		shift, mask := uint(part*21), uint64(1<<22-1)
		byPart := map[uint64][]int32{}
		for i := range s.Samples {
			if h := s.Samples[i].Near; bits.OnesCount64(h) >= 8 && bits.OnesCount64(h) <= 56 {
				k := h >> shift & mask
				byPart[k] = append(byPart[k], int32(i))
			}
		}
		for _, list := range byPart {
			if len(list) > 64 { // a common picture, not a rare one
				continue
			}
			groups = s.pairs(groups, list)
		}
	}
	slices.SortFunc(groups, func(a, b Group) int {
		if c := slices.Compare(a.Samples, b.Samples); c != 0 {
			return c
		}
		return 0
	})
	groups = slices.CompactFunc(groups, func(a, b Group) bool { return slices.Equal(a.Samples, b.Samples) })
	sortGroups(groups)
	return groups
}

func (s *Survey) pairs(groups []Group, list []int32) []Group {
	for i, a := range list {
		for _, b := range list[i+1:] {
			x, y := &s.Samples[a], &s.Samples[b]
			if bits.OnesCount64(x.Near^y.Near) <= nearBits && x.Digest != y.Digest && len(groups) < 100_000 {
				groups = append(groups, s.group([]int32{a, b}))
			}
		}
	}
	return groups
}

package survey

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// leastSide is that of images. A smaller dimension counts channels.
const leastSide = 8

// pixels are the size of an image that a tensor of one sample can be: its last two
// dimensions, or the two before or behind its channels.
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
	case len(dims) == 3 && dims[2] < leastSide:
		height, width, channels, last = int(dims[0]), int(dims[1]), int(dims[2]), true
	case len(dims) == 3 && dims[0] < leastSide:
		height, width, channels = int(dims[1]), int(dims[2]), int(dims[0])
	}
	return height, width, channels, last, height >= leastSide && width >= leastSide && channels > 0
}

// hasher returns the difference hash of images of a shape: for eight rows of nine fields,
// whether each is lighter than the one to its right. It is 0 for an image without
// differences; hasher is nil for what is no image.
func hasher(d tensor.DType, shape []int64) func(data []byte) uint64 {
	height, width, channels, last, ok := pixels(shape)
	if !ok || width < 9 {
		return nil
	}
	step := 1
	if last {
		step = channels
	}
	columns := make([]float64, width)
	add := func(data []byte, y int) { addLine(columns, d, data, y*width*step, step) }
	if d == tensor.Uint8 && step == 1 {
		add = nil
	}
	return func(data []byte) (hash uint64) {
		for row := range 8 {
			from, to := row*height/8, (row+1)*height/8
			if add == nil {
				addLines(columns, data[from*width:to*width])
			} else {
				clear(columns)
				for y := from; y < to; y++ {
					add(data, y)
				}
			}
			hash = hash<<8 | fieldBits(columns)
		}
		return hash
	}
}

// fieldBits adds up columns to nine fields, and compares each with the next one.
func fieldBits(columns []float64) (bits uint64) {
	before, width := 0.0, len(columns)
	for field := range 9 {
		sum := 0.0
		for _, v := range columns[field*width/9 : (field+1)*width/9] {
			sum += v
		}
		if field > 0 {
			bits <<= 1
			if before > sum {
				bits |= 1
			}
		}
		before = sum
	}
	return bits
}

// addLine adds a line of elements that lie step apart.
func addLine(columns []float64, d tensor.DType, data []byte, from, step int) {
	for x := range columns {
		columns[x] += tensor.Value(d, tensor.Key(d, data, from+x*step))
	}
}

// addLines sets columns to the sums of the lines in data, eight columns at a time: four in
// the even bytes of a word and four in the odd ones.
func addLines(columns []float64, data []byte) {
	const (
		even = 0x00ff00ff00ff00ff
		most = 256 // lines whose sum fits into 16 bits
	)
	width := len(columns)
	clear(columns)
	for len(data) > 0 {
		lines := data[:min(len(data), most*width)]
		data = data[len(lines):]
		x := 0
		for ; x+8 <= width; x += 8 {
			var a, b uint64
			for at := x; at < len(lines); at += width {
				w := binary.LittleEndian.Uint64(lines[at:])
				a += w & even
				b += w >> 8 & even
			}
			for i := 0; i < 8; i += 2 {
				columns[x+i] += float64(a & 0xffff)
				columns[x+i+1] += float64(b & 0xffff)
				a, b = a>>16, b>>16
			}
		}
		for ; x < width; x++ {
			sum := 0
			for at := x; at < len(lines); at += width {
				sum += int(lines[at])
			}
			columns[x] += float64(sum)
		}
	}
}

const (
	nearBits  = 2  // of the 64 that may differ between images that are nearly the same
	mostAlike = 64 // images with a third of the hash in common; of more none is rare
)

// MostGroups bounds what Near returns.
const MostGroups = 100_000

// Near are pairs of images that are nearly the same, not the same, and have different
// labels: MostGroups at most.
func (s *Survey) Near() []Group {
	if !s.once.asked.near {
		s.once.asked.near, s.once.near = true, s.findNear()
	}
	return s.once.near
}

func (s *Survey) findNear() (groups []Group) {
	// Of three parts of a hash at most two can differ in two bits, so that one is equal.
	found := make([][][2]int32, 3)
	s.run(len(found), func(part int) { found[part] = s.nearIn(uint(part * 21)) })
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b [2]int32) int { return slices.Compare(a[:], b[:]) })
	all = slices.Compact(all)
	for _, p := range all[:min(len(all), MostGroups)] {
		groups = append(groups, s.group(p[:]))
	}
	sortGroups(groups)
	return groups
}

// nearIn are the pairs that have the 22 bits from shift on in common.
func (s *Survey) nearIn(shift uint) (pairs [][2]int32) {
	const width = 22
	b := bucketed(len(s.Samples), width, func(i int32) (uint32, bool) {
		h := s.Samples[i].Near
		n := bits.OnesCount64(h)
		return uint32(h >> shift & (1<<width - 1)), n >= 8 && n <= 56
	})
	for k := range 1 << width {
		list := b.of(k)
		if len(list) < 2 || len(list) > mostAlike {
			continue
		}
		for i, x := range list {
			for _, y := range list[i+1:] {
				if s.contradict(x, y) {
					pairs = append(pairs, [2]int32{x, y})
				}
			}
		}
		if len(pairs) > MostGroups {
			break
		}
	}
	return pairs
}

// contradict reports whether two images are nearly the same, not the same, and have
// different labels.
func (s *Survey) contradict(i, j int32) bool {
	x, y := &s.Samples[i], &s.Samples[j]
	return bits.OnesCount64(x.Near^y.Near) <= nearBits && x.Digest != y.Digest && x.Label != y.Label && x.Label >= 0 && y.Label >= 0
}

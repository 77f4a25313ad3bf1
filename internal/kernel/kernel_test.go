package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// all has every way that this machine can go.
func all() []routines {
	sets := []routines{{name: "portable"}}
	f := here()
	for _, s := range []routines{choose(feature{avx2: f.avx2}), choose(f)} {
		if s.name != sets[len(sets)-1].name {
			sets = append(sets, s)
		}
	}
	return sets
}

func everyType() []DType {
	var types []DType
	for d := range formats {
		if d > 0 {
			types = append(types, DType(d))
		}
	}
	return types
}

func put(size int, elements ...uint64) []byte {
	var b []byte
	for _, e := range elements {
		b = append(b, binary.LittleEndian.AppendUint64(nil, e)[:size]...)
	}
	return b
}

// Every way agrees with the reference, whatever the length and the place in
// memory.
func TestDifferential(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, d := range everyType() {
		for n := range 258 {
			data := fill(rng, d, n, n%kinds)
			offset := rng.IntN(64)
			moved := append(make([]byte, offset), data...)[offset:]
			compare(t, d, moved, someWant(rng, d))
		}
	}
}

// The same for what is longer than a block, with something wrong at the edges
// of blocks and parts, and signs that change from block to block.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, d := range []DType{Float64, Float32, BFloat16, Float8E5M2, Float8E4M3FNUZ, Int32, Bool} {
		size := d.Size()
		var want Want
		if formats[d].kind == float {
			want.Tiny = d.SmallestNormal()
		}
		var data []byte
		for _, k := range []int{positive, calm, negative} {
			data = append(data, repeat(d, k, block)...)
		}
		data = data[:len(data)-1234/size*size]
		n := len(data) / size
		for _, i := range []int{part/size - 1, part / size, block/size - 1, block / size, 2 * block / size, n - 1} {
			copy(data[i*size:], put(size, specials(d)[rng.IntN(len(specials(d)))]))
		}
		compare(t, d, data, want)
	}
}

// Signs that are not what was expected of them, and minus zero as the greatest.
func TestSigns(t *testing.T) {
	for _, d := range []DType{Float64, Float32, BFloat16, Float8E4M3FN} {
		f := formats[d]
		minusOne := &Range{f.sign | f.huge, f.sign | f.huge/2}
		for _, tiny := range []uint64{0, f.least} {
			data := repeat(d, negative, 16<<10)
			compare(t, d, data, Want{In: minusOne, Tiny: tiny})
			copy(data[33*d.Size():], put(d.Size(), f.sign))
			compare(t, d, data, Want{Tiny: tiny})
			// Blocks of which the first is mixed, and the others are not.
			data = repeat(d, calm, block)
			data = append(data, repeat(d, negative, 16<<10)...)
			compare(t, d, data, Want{In: minusOne, Tiny: tiny})
			// Few positive elements, that the guess does not see.
			data = repeat(d, negative, 16<<10)
			copy(data[len(data)-2*d.Size():], put(d.Size(), f.huge))
			compare(t, d, data, Want{Tiny: tiny})
		}
	}
}

// Zeros and tiny elements among others: what is looked for changes with what
// was seen.
func TestZeros(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, d := range []DType{Float64, Float32, BFloat16, Float8E4M3FN, Float8E4M3FNUZ} {
		f := formats[d]
		some := []uint64{0, f.sign, 1, f.sign | 1, f.least - 1, f.sign | (f.least - 1), f.least, f.sign | f.least, f.huge, f.huge + 1, f.sign | f.huge, f.mask}
		for range 50 {
			want := someWant(rng, d)
			if want.Tiny == 0 || rng.IntN(2) == 0 {
				want.Tiny = f.least
			}
			var data []byte
			for range 1 + rng.IntN(3) {
				b := repeat(d, []int{calm, positive, negative}[rng.IntN(3)], part/2)
				if rng.IntN(2) == 0 { // many are zero
					for i := 0; i < len(b); i += d.Size() * (1 + rng.IntN(3)) {
						copy(b[i:], put(d.Size(), 0))
					}
				}
				for range rng.IntN(3) {
					copy(b[rng.IntN(len(b)/d.Size())*d.Size():], put(d.Size(), some[rng.IntN(len(some))]))
				}
				data = append(data, b...)
			}
			compare(t, d, data, want)
		}
	}
}

// What one block is like does not hold for the next.
func TestBlocksDiffer(t *testing.T) {
	for _, d := range []DType{Float64, Float32} {
		f := formats[d]
		one := f.huge / 2
		tests := []struct {
			name   string
			first  int
			put    uint64 // in front of the first block
			second int
			in     *Range
		}{
			{"mixed, then some below", calm, one, positive, &Range{one, f.huge}},
			{"mixed, then some above", calm, one, negative, &Range{f.sign | f.huge, f.sign | one}},
			{"a NaN that is negative, then none that is", positive, f.mask, positive, nil},
			{"tiny, but no zero", positive, 1, positive, nil},
			{"zero, then some that are negative", positive, 0, negative, nil},
			{"zero, then mixed", positive, 0, calm, nil},
			{"zero, which is below", positive, 0, positive, &Range{1, f.huge}},
			{"minus zero", positive, f.sign, positive, nil},
			{"minus zero, then mixed", negative, f.sign, calm, nil},
			{"minus zero is the greatest", negative, f.sign, negative, nil},
		}
		for _, test := range tests {
			data := append(repeat(d, test.first, block), repeat(d, test.second, block)...)
			copy(data, put(d.Size(), test.put))
			t.Log(d, test.name)
			compare(t, d, data, Want{In: test.in, Tiny: f.least})
		}
	}
}

// One element at an edge of what is wanted, among others that are fine, wherever it
// lies: what only looks whether all is fine does not miss it.
func TestEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for _, d := range []DType{Float64, Float32, BFloat16, Float8E4M3FN} {
		f := formats[d]
		one := f.huge/2 - f.huge/1000
		ranges := []*Range{nil, {0, one}, {f.sign, f.huge}, {one / 2, one}, {f.sign | one, one / 2}, {f.sign | one/3, max(f.huge, f.inf)}, {f.sign | one, 0}, {f.sign | 1, 1}, {f.sign | one, f.sign | one/2}}
		for _, in := range ranges {
			for _, tiny := range []uint64{0, 1, 2, f.least, f.least + f.least/3, one} {
				for _, zeros := range []bool{false, true} {
					want := Want{In: in, Tiny: tiny}
					n, all := 64+rng.IntN(100), edges(d, want)
					rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
					if d != Float32 {
						all = all[:8]
					}
					if rng.IntN(20) == 0 {
						n, all = 2*glance/d.Size()+rng.IntN(20), []uint64{f.mask, f.huge + 1}
					}
					data := inside(rng, d, want, n, zeros)
					for _, e := range all {
						i := rng.IntN(n) * d.Size()
						if rng.IntN(2) == 0 {
							i = (n - 1) * d.Size()
						}
						old := string(data[i : i+d.Size()])
						copy(data[i:], put(d.Size(), e))
						compare(t, d, data, want)
						copy(data[i:], old)
					}
				}
			}
		}
	}
}

// Bounds between which nothing is that is not tiny, and elements that are to those what
// the greatest integers of a type are to others.
func TestNothingBetween(t *testing.T) {
	for _, d := range []DType{Float64, Float32, BFloat16, Float8E4M3FN} {
		f := formats[d]
		tiny := f.huge / 2
		for _, in := range []*Range{{f.sign | f.huge, tiny / 2}, {f.sign | tiny/2, f.huge}, {f.sign | tiny/2, tiny / 2}} {
			for _, e := range []uint64{tiny, tiny - 1, f.sign | tiny, f.sign | (tiny - 1), f.mask, f.sign - 1} {
				data := append(bytes.Repeat(put(d.Size(), tiny), 100), put(d.Size(), e)...)
				compare(t, d, data, Want{In: in, Tiny: tiny})
				compare(t, d, bytes.Repeat(put(d.Size(), e), 100), Want{In: in, Tiny: tiny})
				data = bytes.Repeat(put(d.Size(), f.sign|tiny), 100)
				copy(data[3*d.Size():], put(d.Size(), 0, e))
				compare(t, d, data, Want{In: in, Tiny: tiny})
			}
		}
	}
}

// inside has elements that are as wanted, where there are such.
func inside(rng *rand.Rand, d DType, want Want, n int, zeros bool) []byte {
	f := formats[d]
	lo, hi := f.sign|f.huge, f.huge
	if want.In != nil {
		lo, hi = want.In.Lo, min(want.In.Hi, f.sign|f.huge)
	}
	some := []uint64{hi - hi&^f.sign>>3, lo - lo&^f.sign>>3, f.least << 1, f.sign | f.least<<1}
	if rng.IntN(2) == 0 {
		some = append(some, hi, lo, want.Tiny, want.Tiny|f.sign)
	}
	if zeros {
		some = append(some, 0)
	}
	some = slices.DeleteFunc(some, func(e uint64) bool {
		s := reference(d, put(d.Size(), e), want)
		return s.NaN.N+s.PosInf.N+s.NegInf.N+s.Below.N+s.Above.N+s.Tiny.N > 0 || e&^f.sign == 0 && !zeros
	})
	var data []byte
	for range n {
		e := f.least
		if len(some) > 0 {
			e = some[rng.IntN(len(some))]
		}
		data = append(data, put(d.Size(), e)...)
	}
	return data
}

// edges are the elements next to where something changes, and some whose upper
// halves are the same.
func edges(d DType, want Want) []uint64 {
	f := formats[d]
	at := []uint64{0, f.huge, f.least, want.Tiny}
	if want.In != nil {
		at = append(at, want.In.Lo, want.In.Hi)
	}
	var all []uint64
	for _, e := range at {
		for _, v := range []uint64{e - 1, e, e + 1, e &^ 0xffff, e | 0xffff} {
			all = append(all, v&f.mask, (v^f.sign)&f.mask)
		}
	}
	return all
}

// Every element of 8 and 16 bits, alone and among others.
func TestEveryElement(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, d := range everyType() {
		f := formats[d]
		if f.bits > 16 {
			continue
		}
		size := d.Size()
		data := fill(rng, d, 70, calm)
		for b := range uint64(1) << f.bits {
			if f.bits == 16 && b&0x3ff > 1 && b&0x3ff < 0x3fe && b%17 != 0 {
				continue
			}
			copy(data[33*size:], put(size, b))
			want := Want{}
			if f.kind == float {
				want.Tiny = f.least
			}
			compare(t, d, data, want)
		}
	}
}

func compare(t *testing.T, d DType, data []byte, want Want) {
	t.Helper()
	for _, want.Extremes = range []bool{false, true} {
		compareOne(t, d, data, want)
	}
}

func compareOne(t *testing.T, d DType, data []byte, want Want) {
	t.Helper()
	expected := reference(d, data, want)
	for _, r := range all() {
		var got Stats
		if err := r.scan(&got, d, data, want); err != nil {
			t.Fatalf("%s, %s: %v", r.name, d, err)
		}
		if got != expected {
			t.Fatalf("%s, %s, %d elements, %s (-got +want):\n%s", r.name, d, len(data)/d.Size(), show(want), cmp.Diff(got, expected))
		}
	}
}

func show(w Want) string {
	text := fmt.Sprintf("tiny %#x", w.Tiny)
	if w.In != nil {
		text = fmt.Sprintf("from %#x to %#x, %s", w.In.Lo, w.In.Hi, text)
	}
	if w.Extremes {
		text += ", extremes"
	}
	return text
}

// What fill makes.
const (
	anything = iota // any bits
	calm            // finite, of both signs, not subnormal
	positive
	negative
	special1 // calm, and one special element
	special9 // mostly special elements
	kinds
	image // float32 from 0 to 1
	ink   // the same, of which many are 0
	drip  // calm, of which many are 0
)

// repeat fills size bytes with the same 16 KiB, but for one special element.
func repeat(d DType, kind, size int) []byte {
	rng := rand.New(rand.NewPCG(9, 10))
	n := min(size, 16<<10) / d.Size()
	some := fill(rng, d, n, kind)
	if kind == special1 {
		some = fill(rng, d, n, calm)
	}
	data := bytes.Repeat(some, size/len(some))
	if kind == special1 {
		s := specials(d)
		copy(data[size/2:], put(d.Size(), s[len(s)-1]))
	}
	return data
}

func fill(rng *rand.Rand, d DType, n, kind int) []byte {
	b := make([]byte, 0, n*d.Size())
	for range n {
		b = append(b, put(d.Size(), element(rng, d, kind))...)
	}
	if s := specials(d); kind == special1 && n > 0 {
		copy(b[rng.IntN(n)*d.Size():], put(d.Size(), s[rng.IntN(len(s))]))
	}
	return b
}

func element(rng *rand.Rand, d DType, kind int) uint64 {
	f := formats[d]
	s := specials(d)
	switch {
	case kind == anything, kind != special9 && (f.kind == unsigned || f.kind == signed):
		return rng.Uint64() & f.mask
	case kind == special9:
		return s[rng.IntN(len(s))]
	case (kind == ink || kind == drip) && rng.IntN(4) > 0:
		return 0
	case kind == image || kind == ink:
		return uint64(math.Float32bits(rng.Float32()))
	case f.kind == boolean:
		return rng.Uint64() & 1
	}
	m := f.least + rng.Uint64N(f.huge-f.least)
	if kind == negative || kind != positive && rng.IntN(2) == 0 {
		m |= f.sign
	}
	return m
}

// specials are the elements at which something changes.
func specials(d DType) []uint64 {
	f := formats[d]
	top := f.sign
	s := []uint64{0, 1, 2, top - 1, top, top + 1, f.mask, f.mask - 1}
	if f.kind == float {
		for _, m := range []uint64{f.least - 1, f.least, f.huge, min(f.huge+1, top-1), min(f.huge+2, top-1)} {
			s = append(s, m, m|top)
		}
	}
	return s
}

func someWant(rng *rand.Rand, d DType) Want {
	f := formats[d]
	var w Want
	if f.kind == float && rng.IntN(2) == 0 {
		w.Tiny = []uint64{f.least, 1, f.huge, 2 + rng.Uint64N(f.huge-2)}[rng.IntN(4)]
	}
	if rng.IntN(3) == 0 {
		return w
	}
	ends := func() uint64 {
		for {
			e := rng.Uint64() & f.mask
			if s := specials(d); rng.IntN(2) == 0 {
				e = s[rng.IntN(len(s))]
			}
			if class, _ := decode(d, e); class == 0 || class == math.Inf(1) || class == math.Inf(-1) {
				return e
			}
		}
	}
	lo, hi := ends(), ends()
	if before(d, hi, lo) {
		lo, hi = hi, lo
	}
	w.In = &Range{lo, hi}
	return w
}

func TestSpecialValues(t *testing.T) {
	in01 := &Range{0, uint64(math.Float32bits(1))}
	tests := []struct {
		d    DType
		bits uint64
		want Want
		got  string
	}{
		{Float64, 0x7ff0_0000_0000_0000, Want{}, "+inf"},
		{Float64, 0xfff0_0000_0000_0000, Want{}, "-inf"},
		{Float64, 0x7ff0_0000_0000_0001, Want{}, "nan"},
		{Float64, 0xffff_ffff_ffff_ffff, Want{}, "nan"},
		{Float64, 0x7fef_ffff_ffff_ffff, Want{}, ""},
		{Float64, 1, Want{}, ""},
		{Float64, 1, Want{Tiny: Float64.SmallestNormal()}, "tiny"},
		{Float64, 0x8000_0000_0000_0001, Want{Tiny: Float64.SmallestNormal()}, "tiny"},
		{Float64, 0x000f_ffff_ffff_ffff, Want{Tiny: Float64.SmallestNormal()}, "tiny"},
		{Float64, 0x0010_0000_0000_0000, Want{Tiny: Float64.SmallestNormal()}, ""},
		{Float64, 0x8000_0000_0000_0000, Want{Tiny: Float64.SmallestNormal()}, ""},
		{Float32, 0x7f80_0000, Want{}, "+inf"},
		{Float32, 0xff80_0000, Want{}, "-inf"},
		{Float32, 0x7fc0_0000, Want{}, "nan"},
		{Float32, 0xff80_0001, Want{}, "nan"},
		{Float32, 0x8000_0000, Want{In: in01}, ""},
		{Float32, 0, Want{In: in01}, ""},
		{Float32, 0x3f80_0000, Want{In: in01}, ""},
		{Float32, 0x3f80_0001, Want{In: in01}, "above"},
		{Float32, 0x8000_0001, Want{In: in01}, "below"},
		{Float32, 0x8000_0001, Want{In: in01, Tiny: 1}, "below"},
		{Float32, 0x8000_0001, Want{In: in01, Tiny: 2}, "below tiny"},
		{Float32, 0x7f80_0000, Want{In: in01}, "+inf"},
		{Float32, uint64(math.Float32bits(0x1p-100)), Want{Tiny: uint64(math.Float32bits(0x1p-100))}, ""},
		{Float32, uint64(math.Float32bits(0x1p-100)) - 1, Want{Tiny: uint64(math.Float32bits(0x1p-100))}, "tiny"},
		{Float32, 0, Want{In: &Range{0x8000_0000, 0x8000_0000}}, ""},
		{Float16, 0x7c00, Want{}, "+inf"},
		{Float16, 0x7c01, Want{}, "nan"},
		{Float16, 0x7bff, Want{}, ""},
		{Float16, 0x03ff, Want{Tiny: Float16.SmallestNormal()}, "tiny"},
		{BFloat16, 0x7f80, Want{}, "+inf"},
		{BFloat16, 0xff81, Want{}, "nan"},
		{BFloat16, 0x7f7f, Want{}, ""},
		{BFloat16, 0x807f, Want{Tiny: BFloat16.SmallestNormal()}, "tiny"},
		{Float8E4M3FN, 0x7e, Want{}, ""},
		{Float8E4M3FN, 0x7f, Want{}, "nan"},
		{Float8E4M3FN, 0xff, Want{}, "nan"},
		{Float8E4M3FN, 0x07, Want{Tiny: Float8E4M3FN.SmallestNormal()}, "tiny"},
		{Float8E5M2, 0x7b, Want{}, ""},
		{Float8E5M2, 0xfc, Want{}, "-inf"},
		{Float8E5M2, 0x7d, Want{}, "nan"},
		{Float8E4M3FNUZ, 0x80, Want{}, "nan"},
		{Float8E4M3FNUZ, 0xff, Want{}, ""},
		{Float8E4M3FNUZ, 0x81, Want{Tiny: Float8E4M3FNUZ.SmallestNormal()}, "tiny"},
		{Float8E5M2FNUZ, 0x80, Want{}, "nan"},
		{Float8E5M2FNUZ, 0x7f, Want{}, ""},
		{Bool, 1, Want{}, ""},
		{Bool, 2, Want{}, "not bool"},
		{Bool, 0xff, Want{}, "not bool"},
		{Bool, 1, Want{In: &Range{0, 0}}, "above"},
		{Uint8, 0xff, Want{In: &Range{0, 0x80}}, "above"},
		{Int8, 0xff, Want{In: &Range{0, 0x7f}}, "below"},
		{Int8, 0x80, Want{In: &Range{0x80, 0x7f}}, ""},
		{Int64, 1 << 63, Want{In: &Range{1<<64 - 1, 30521}}, "below"},
		{Int64, 30522, Want{In: &Range{1<<64 - 1, 30521}}, "above"},
		{Uint64, 1 << 63, Want{In: &Range{0, 1<<63 - 1}}, "above"},
	}
	for _, test := range tests {
		for _, n := range []int{1, 100} {
			elements := make([]uint64, n)
			for i := range elements {
				elements[i] = test.bits
			}
			s, err := Scan(test.d, put(test.d.Size(), elements...), test.want)
			if err != nil {
				t.Fatal(err)
			}
			if got := say(s, int64(n)); got != test.got {
				t.Errorf("%s %#x, %d times, %s: got %q, want %q", test.d, test.bits, n, show(test.want), got, test.got)
			}
		}
	}
}

// say names the counts that are n.
func say(s Stats, n int64) string {
	var words []string
	for _, c := range []struct {
		Count
		name string
	}{{s.NaN, "nan"}, {s.PosInf, "+inf"}, {s.NegInf, "-inf"}, {s.Below, "below"}, {s.Above, "above"}, {s.NotBool, "not bool"}, {s.Tiny, "tiny"}} {
		if c.N == n && c.First == 0 {
			words = append(words, c.name)
		} else if c.N != 0 {
			words = append(words, fmt.Sprint(c.name, c.Count))
		}
	}
	return strings.Join(words, " ")
}

func TestErrors(t *testing.T) {
	tests := []struct {
		d    DType
		n    int
		want Want
		err  string
	}{
		{0, 8, Want{}, "kernel: there is no type 0"},
		{200, 8, Want{}, "kernel: there is no type 200"},
		{Float32, 7, Want{}, "kernel: 7 bytes of float32: not a multiple of 4"},
		{Int64, 8, Want{Tiny: 1}, "kernel: int64 has no tiny elements"},
		{Float32, 8, Want{Tiny: 0x8000_0001}, "kernel: 0x80000001 is not a positive float32"},
		{Float16, 8, Want{Tiny: 0x7c00}, "kernel: 0x7c00 is not a positive float16"},
		{Float32, 8, Want{In: &Range{0, 0x7fc0_0000}}, "kernel: 0x7fc00000 is not an end of a range of float32"},
		{Int8, 8, Want{In: &Range{1<<64 - 1, 0}}, "kernel: 0xffffffffffffffff is not an end of a range of int8"},
		{Bool, 8, Want{In: &Range{0, 2}}, "kernel: 0x2 is not an end of a range of bool"},
		{Float8E5M2FNUZ, 8, Want{In: &Range{0x80, 0}}, "kernel: 0x80 is not an end of a range of float8_e5m2fnuz"},
		{Int8, 8, Want{In: &Range{0, 0xff}}, "kernel: the range of int8 from 0x0 to 0xff is empty"},
	}
	for _, test := range tests {
		s, err := Scan(test.d, make([]byte, test.n), test.want)
		if got := fmt.Sprint(err); got != test.err || s != (Stats{}) {
			t.Errorf("got %q and %+v, want %q", got, s, test.err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	data := make([]byte, 300<<10)
	data[block+4] = 1
	want := Want{In: &Range{0, 0x3f80_0000}, Tiny: Float32.SmallestNormal()}
	got := testing.AllocsPerRun(10, func() {
		if s, err := Scan(Float32, data, want); err != nil || s.Tiny != (Count{1, block/4 + 1}) {
			t.Fatal(s, err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// Without one of the features, what needs it is not used.
func TestFeatures(t *testing.T) {
	full := feature{true, true, true, true}
	names := map[string]string{"avx512": "avx512", "avx2": "avx2"}
	if choose(full).name == "portable" { // a build without assembly
		names = map[string]string{"avx512": "portable", "avx2": "portable"}
	}
	tests := []struct {
		f    feature
		want string
	}{
		{full, names["avx512"]},
		{feature{false, true, true, true}, "portable"},
		{feature{true, false, true, true}, names["avx2"]},
		{feature{true, true, false, true}, names["avx2"]},
		{feature{true, true, true, false}, names["avx2"]},
		{feature{}, "portable"},
	}
	for _, test := range tests {
		r := choose(test.f)
		if r.name != test.want {
			t.Errorf("%+v: got %s, want %s", test.f, r.name, test.want)
		}
		if (r.tops == nil) != (r.vector == 0) {
			t.Errorf("%s: the routine for upper halves is missing", r.name)
		}
		for o, by := range r.by {
			for i, f := range by {
				if (f == nil) != (r.vector == 0) {
					t.Errorf("%s: op %d of %d bits: a routine is missing", r.name, o, 8<<i)
				}
			}
		}
	}
	if best.name != choose(here()).name {
		t.Errorf("%s is in use", best.name)
	}
	t.Logf("%+v: %s", here(), best.name)
}

func FuzzScan(f *testing.F) {
	for _, d := range everyType() {
		f.Add(uint8(d), put(d.Size(), specials(d)...), uint64(0), uint64(1), uint64(2), true)
		f.Add(uint8(d), put(d.Size(), append(make([]uint64, 100), specials(d)...)...), uint64(0), formats[d].huge, formats[d].least, false)
	}
	f.Fuzz(func(t *testing.T, d uint8, data []byte, lo, hi, tiny uint64, ranged bool) {
		want := Want{Tiny: tiny}
		if ranged {
			want.In = &Range{lo, hi}
		}
		got, err := Scan(DType(d), data, want)
		if err != nil {
			if got != (Stats{}) {
				t.Fatalf("%+v with %v", got, err)
			}
			return
		}
		compare(t, DType(d), data, want)
	})
}

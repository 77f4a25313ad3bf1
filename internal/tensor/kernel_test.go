package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// someData mixes values that are well, special ones and any bits.
func someData(rng *rand.Rand, d DType, n int) []byte {
	data := make([]byte, 0, n*d.Size())
	first, last := d.extremes()
	one, _ := d.floor(integer(1))
	for range n {
		bits := rng.Uint64() >> (rng.UintN(8) * 8)
		switch rng.UintN(5) {
		case 0:
			bits = 0
		case 1:
			bits = d.bits([]int64{first - 1, first, -1, 0, 1, last, last + 1, last + 2}[rng.UintN(8)])
		case 2, 3:
			bits = d.bits(one - int64(rng.UintN(8)))
		}
		data = append(data, binary.LittleEndian.AppendUint64(nil, bits)[:d.Size()]...)
	}
	return data
}

// wants are what may be asked of a type, also what no schema asks.
func wants(d DType) []Want {
	first, last := d.extremes()
	one, _ := d.floor(integer(1))
	all := []Want{}
	bounds := [][2]int64{
		{math.MinInt64, math.MaxInt64},
		{first, last},
		{-1, one},
		{0, one},
		{-one, -1},
		{-2, 0},
		{0, 0},
		{-1, -1},
		{1, one},
		{one, -one},
		{first + 1, last - 1},
		{last, math.MaxInt64},
		{math.MinInt64, first},
		{math.MaxInt64, math.MaxInt64},
	}
	for _, b := range bounds {
		for _, tiny := range []int64{0, 1, 2, one / 2, last, -1} {
			all = append(all, Want{DType: d, Lo: b[0], Hi: b[1], Tiny: tiny}, Want{DType: d, Lo: b[0], Hi: b[1], Tiny: tiny, Extremes: true})
		}
	}
	return all
}

// The kernel sees what plain Go sees, of all lengths and at every place in memory.
func TestScanKernel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, d := range DTypes() {
		if d == Bytes {
			continue
		}
		all := wants(d)
		for n := range 20 {
			for _, w := range all {
				moved := append(make([]byte, n%9), someData(rng, d, n*n%53)...)[n%9:]
				if diff := cmp.Diff(ScanPure(moved, w), ScanKernel(moved, w)); diff != "" {
					t.Fatalf("%s %+v %x (-pure +kernel):\n%s", d, w, moved, diff)
				}
			}
		}
		long := someData(rng, d, 140_000/d.Size()+7) // more than a block
		for range 6 {
			w := all[rng.IntN(len(all))]
			if got, want := ScanKernel(long, w), ScanPure(long, w); got != want {
				t.Fatalf("%s %+v: got %+v, want %+v", d, w, got, want)
			}
		}
	}
}

// bits and key undo each other for every pattern of 8 and 16 bits.
func TestBits(t *testing.T) {
	for _, d := range DTypes() {
		for u := range uint64(1 << 16) {
			if d == Bytes || u>>(8*d.Size()) != 0 {
				break
			}
			if got := d.bits(d.layout().key(u)); got != u {
				t.Fatalf("%s %#x: got %#x", d, u, got)
			}
		}
	}
}

// Every schema and tensor of the corpus is judged the same by both.
func TestVectorsByBoth(t *testing.T) {
	files, err := filepath.Glob(vectors + "/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	cases := 0
	for _, file := range files {
		var s *Schema
		for _, l := range readLines(t, file) {
			if l.Schema+l.Same != "" {
				if s, err = l.parse(); err != nil {
					t.Fatal(err)
				}
			}
			if l.Case == "" || l.Windows != nil {
				continue
			}
			ts, err := tensors(l.Tensors)
			if err != nil {
				t.Fatal(err)
			}
			if l.Group == "" {
				l.Group = Inputs
			}
			cases++
			pure, fast := s.Check(l.Group, ts, l.Dims, ScanPure), s.Check(l.Group, ts, l.Dims, ScanKernel)
			if diff := cmp.Diff(pure, fast); diff != "" {
				t.Errorf("%s (-pure +kernel):\n%s", l.Case, diff)
			}
			read, err := s.CheckSources(l.Group, sources(ts), l.Dims, nil)
			if diff := cmp.Diff(pure, read); diff != "" || err != nil {
				t.Errorf("%s, read from sources: %v (-pure +read):\n%s", l.Case, err, diff)
			}
		}
	}
	if cases < 400 {
		t.Errorf("%d cases", cases)
	}
}

// sources gives tensors as if they were in files.
func sources(ts []Tensor) []Source {
	all := make([]Source, 0, len(ts))
	for _, x := range ts {
		all = append(all, Source{x.Name, x.DType, x.Shape, int64(len(x.Data)), func() (io.Reader, error) {
			return iotest.HalfReader(bytes.NewReader(x.Data)), nil
		}})
	}
	return all
}

// Offenders in the second block have their own numbers and values, and data that
// end early are an error.
func TestCheckSources(t *testing.T) {
	s, err := Parse([]byte("andiron: tensor/v1\nlimits: {max_bytes: 8MiB}\ninputs: {x: {dtype: float32, shape: [N], dims: {N: 1..1048576}, range: [0, 1]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	const n = 3*readBlock/4 + 5
	in := Tensor{Name: "x", DType: Float32, Shape: []int64{n}, Data: make([]byte, 4*n)}
	for i, bits := range map[int]uint32{70_001: 0x7fc00000, 90_000: 0xff800000, 100_007: 1, 150_000: 0x437f0000, 150_001: 0xbf800000, n - 1: 0x40000000} {
		binary.LittleEndian.PutUint32(in.Data[4*i:], bits)
	}
	want := s.Check(Inputs, []Tensor{in}, nil, ScanPure)
	got, err := s.CheckSources(Inputs, sources([]Tensor{in}), nil, nil)
	if diff := cmp.Diff(want, got); diff != "" || err != nil || len(want.Violations) != 4 {
		t.Errorf("%v %v (-want +got):\n%s", err, want, diff)
	}
	short := sources([]Tensor{in})
	short[0].Open = func() (io.Reader, error) { return bytes.NewReader(in.Data[:len(in.Data)-1]), nil }
	if _, err := s.CheckSources(Inputs, short, nil, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

// FuzzScanKernel: the kernel and plain Go see the same of any data and any bounds.
func FuzzScanKernel(f *testing.F) {
	for _, d := range DTypes() {
		f.Add(uint8(d), int64(-1), int64(0x3f800000), int64(0x0d800000), uint8(3), []byte("\x00\x00\x80\x3f\x00\x00\xc0\x7f\x01\x00\x00\x00\x00\x00\x80\xff"))
	}
	f.Fuzz(func(t *testing.T, d uint8, lo, hi, tiny int64, offset uint8, data []byte) {
		w := Want{DType: DType(d), Lo: lo, Hi: hi, Tiny: tiny, Extremes: offset&64 != 0}
		n := w.DType.Size()
		if n == 0 {
			return
		}
		data = append(make([]byte, offset%64), data[:len(data)/n*n]...)[offset%64:]
		if got, want := ScanKernel(data, w), ScanPure(data, w); got != want {
			t.Fatalf("%+v: got %+v, want %+v", w, got, want)
		}
	})
}

func BenchmarkScanKernel(b *testing.B) {
	for _, d := range []DType{Float64, Float32, Float16, Uint8, Int64} {
		b.Run(d.String(), func(b *testing.B) {
			data := make([]byte, 602112)
			one, _ := d.floor(integer(1))
			w := Want{DType: d, Hi: one}
			w.Lo, _ = d.ceil(integer(0))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if s := ScanKernel(data, w); s.Out.Count > 0 {
					b.Fatal(s)
				}
			}
		})
	}
}

package pyrun

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outputsOf writes one sample of float32 tensors, or of leaves as they are.
func outputsOf(t *testing.T, leaves ...any) *Outputs {
	t.Helper()
	o := &Outputs{samples: [][]leaf{{}}, file: filepath.Join(t.TempDir(), "out.bin")}
	var b []byte
	for _, v := range leaves {
		switch v := v.(type) {
		case []float32:
			l := leaf{Name: "output", DType: "float32", Stored: "float32", Shape: []int64{int64(len(v))}, Offset: int64(len(b))}
			for _, f := range v {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
			}
			l.Size = int64(len(b)) - l.Offset
			o.samples[0] = append(o.samples[0], l)
		case []uint64:
			l := leaf{Name: "output", DType: "int64", Stored: "int64", Shape: []int64{int64(len(v))}, Offset: int64(len(b))}
			for _, n := range v {
				b = binary.LittleEndian.AppendUint64(b, n)
			}
			l.Size = int64(len(b)) - l.Offset
			o.samples[0] = append(o.samples[0], l)
		case leaf:
			o.samples[0] = append(o.samples[0], v)
		}
	}
	if err := os.WriteFile(o.file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	none := Tolerance{-1, -1}
	value := func(s string) leaf { return leaf{Name: "output", Value: &s} }
	tests := []struct {
		name     string
		tol      Tolerance
		a, b     any
		ok       bool
		abs, rel float64
		wrong    string
	}{
		{"equal", none, []float32{1, -2, 0}, []float32{1, -2, 0}, true, 0, 0, ""},
		{"within the default", none, []float32{1}, []float32{1.000001}, true, 9.5367431640625e-07, 9.5367431640625e-07, ""},
		{"beyond the default", none, []float32{1, 4}, []float32{1, 4.5}, false, 0.5, 0.125, "1 of 2 elements"},
		{"within what was given", Tolerance{0.5, 0}, []float32{4}, []float32{4.5}, true, 0.5, 0.125, ""},
		{"relative", Tolerance{0, 0.125}, []float32{4}, []float32{4.5}, true, 0.5, 0.125, ""},
		{"relative to the original", Tolerance{0, 0.12}, []float32{4}, []float32{4.5}, false, 0.5, 0.125, "1 of 1"},
		{"from zero", Tolerance{1, 0}, []float32{0}, []float32{0.5}, true, 0.5, 0, ""},
		{"zeros of two signs", Tolerance{0, 0}, []float32{0}, []float32{float32(math.Copysign(0, -1))}, true, 0, 0, ""},
		{"NaN in both", none, []float32{nan}, []float32{-nan}, true, 0, 0, ""},
		{"NaN in the converted one", Tolerance{1e9, 1e9}, []float32{1}, []float32{nan}, false, 0, 0, "1 elements are NaN or infinite in one only"},
		{"NaN in the original", Tolerance{1e9, 1e9}, []float32{nan}, []float32{1}, false, 0, 0, "NaN"},
		{"infinity in both", none, []float32{inf}, []float32{inf}, true, 0, 0, ""},
		{"two infinities", Tolerance{1e9, 1e9}, []float32{inf}, []float32{-inf}, false, 0, 0, "infinite"},
		{"integers", none, []uint64{1 << 60}, []uint64{1<<60 + 1}, false, 1, 1.0 / (1 << 60), "1 of 1"},
		{"integers within", Tolerance{1, 0}, []uint64{7}, []uint64{8}, true, 1, 1.0 / 7, ""},
		{"shapes", none, []float32{1}, []float32{1, 2}, false, 0, 0, "a tensor of float32 2 instead of a tensor of float32 1"},
		{"dtypes", none, []float32{1, 2}, []uint64{1}, false, 0, 0, "a tensor of int64 1 instead of a tensor of float32 2"},
		{"values", none, value("'a'"), value("'a'"), true, 0, 0, ""},
		{"other values", none, value("1"), value("2"), false, 0, 0, "2 instead of 1"},
		{"a value for a tensor", none, []float32{1}, value("None"), false, 0, 0, "None instead of a tensor"},
		{"empty", none, []float32{}, []float32{}, true, 0, 0, ""},
		{"nothing for something", none, []float32{1}, nil, false, 0, 0, "the converted model does not return it"},
		{"something for nothing", none, nil, []float32{1}, false, 0, 0, "the original does not return it"},
	}
	for _, tt := range tests {
		list, err := Compare(outputsOf(t, tt.a), outputsOf(t, tt.b), []Sample{{Name: "seed 0"}}, tt.tol)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", tt.name, list, err)
		}
		d := list[0]
		if d.OK() != tt.ok || d.MaxAbs != tt.abs || d.MaxRel != tt.rel {
			t.Errorf("%s: OK %v, abs %v, rel %v; want %v, %v, %v", tt.name, d.OK(), d.MaxAbs, d.MaxRel, tt.ok, tt.abs, tt.rel)
		}
		if got := strings.Join(d.Wrong, "; "); !strings.Contains(got, tt.wrong) || tt.wrong == "" && got != "" {
			t.Errorf("%s: wrong %q, want %q", tt.name, got, tt.wrong)
		}
	}
}

// The worst sample counts, and messages stay few.
func TestCompareSamples(t *testing.T) {
	join := func(os ...*Outputs) *Outputs {
		all := &Outputs{file: os[0].file}
		for _, o := range os {
			all.samples = append(all.samples, o.samples...)
		}
		return all
	}
	a, b := outputsOf(t, []float32{1}), outputsOf(t, []float32{3})
	n := 8
	var as, bs []*Outputs
	samples := make([]Sample, n)
	for range n {
		as, bs = append(as, a), append(bs, b)
	}
	list, err := Compare(join(as...), join(bs...), samples, Tolerance{-1, -1})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if d := list[0]; d.Outside != int64(n) || d.Count != int64(n) || d.MaxAbs != 2 || len(d.Wrong) != most {
		t.Errorf("%+v", d)
	}
	if _, err := Compare(a, b, samples, Tolerance{}); err == nil {
		t.Error("outputs of one sample pass for those of several")
	}
}

// Every element type reads back what was made.
func TestElements(t *testing.T) {
	for name, kind := range elements {
		if name == "bfloat16" {
			continue // is not made
		}
		for _, want := range []float64{0, 1, -1, 2.5, 100} {
			_, whole := limits[name]
			if whole && (want < 0 || want != math.Trunc(want)) || name == "bool" && want > 1 {
				continue
			}
			b := appendNumber(nil, name, want)
			if strings.HasPrefix(name, "complex") {
				b = appendNumber(b, name, 3)
			}
			if len(b) != kind.size {
				t.Fatalf("%s: %d bytes", name, len(b))
			}
			if re, im := kind.read(b); re != want || im != 3 && strings.HasPrefix(name, "complex") {
				t.Errorf("%s: %v is read as %v, %v", name, want, re, im)
			}
		}
	}
	if got := brain(0x3fc0); got != 1.5 {
		t.Errorf("bfloat16 0x3fc0 is %v", got)
	}
}

func TestHalf(t *testing.T) {
	for _, tt := range []struct {
		bits uint16
		want float64
	}{
		{0x3c00, 1}, {0xc000, -2}, {0x7bff, 65504}, {0x0400, 0x1p-14}, {0x0001, 0x1p-24}, {0x7c00, math.Inf(1)}, {0xfc00, math.Inf(-1)}, {0x3555, 0.333251953125},
	} {
		if got := half(tt.bits); got != tt.want {
			t.Errorf("%#04x is %v, want %v", tt.bits, got, tt.want)
		}
	}
	if !math.IsNaN(half(0x7e00)) {
		t.Error("0x7e00 is a number")
	}
	for u := range 0x7c00 { // all that are finite
		f := half(uint16(u))
		if got := putHalf(f); u >= 0x400 && got != uint16(u) || u < 0x400 && got != 0 {
			t.Fatalf("%#04x is %v, which is written as %#04x", u, f, got)
		}
	}
	if putHalf(1e9) != 0x7bff || putHalf(-1e9) != 0xfbff {
		t.Error("large numbers are not the largest")
	}
}

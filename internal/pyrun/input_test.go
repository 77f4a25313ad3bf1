package pyrun

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// npyFile is a .npy file as NumPy writes it.
func npyFile(descr, order, shape string, data ...byte) []byte {
	head := fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	b := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head)))
	return append(append(b, head...), data...)
}

func TestReadNPY(t *testing.T) {
	tests := []struct {
		file []byte
		want Tensor
	}{
		{npyFile("'<f4'", "False", "(1, 2)", 1, 2, 3, 4, 5, 6, 7, 8), Tensor{"float32", []int64{1, 2}, []byte{1, 2, 3, 4, 5, 6, 7, 8}}},
		{npyFile("'>i2'", "False", "(2,)", 1, 2, 3, 4), Tensor{"int16", []int64{2}, []byte{2, 1, 4, 3}}},
		{npyFile("'>c8'", "False", "()", 1, 2, 3, 4, 5, 6, 7, 8), Tensor{"complex64", nil, []byte{4, 3, 2, 1, 8, 7, 6, 5}}},
		{npyFile("'|u1'", "True", "(2, 3)", 1, 4, 2, 5, 3, 6), Tensor{"uint8", []int64{2, 3}, []byte{1, 2, 3, 4, 5, 6}}},
		{npyFile("'|u1'", "True", "(2, 1, 3)", 1, 4, 2, 5, 3, 6), Tensor{"uint8", []int64{2, 1, 3}, []byte{1, 2, 3, 4, 5, 6}}},
		{npyFile("'|u1'", "True", "(2, 0)"), Tensor{"uint8", []int64{2, 0}, nil}},
		{npyFile("'|b1'", "False", "(3,)", 0, 1, 7), Tensor{"bool", []int64{3}, []byte{0, 1, 1}}},
		{npyFile("'<i8'", "False", "(0,)"), Tensor{"int64", []int64{0}, nil}},
	}
	for _, tt := range tests {
		got, err := ReadNPY(bytes.NewReader(tt.file), int64(len(tt.file)))
		if err != nil || got.DType != tt.want.DType || !slices.Equal(got.Shape, tt.want.Shape) || !bytes.Equal(got.Data, tt.want.Data) {
			t.Errorf("%q: %v, %v; want %v", tt.file, got, err, tt.want)
		}
	}
}

func TestReadNPYRefuses(t *testing.T) {
	tests := []struct {
		file []byte
		want string
	}{
		{[]byte("PK\x03\x04"), "no NumPy magic"},
		{npyFile("'|O'", "False", "(1,)", 0x80, 2, '.'), `"|O" may hold Python objects`},
		{npyFile("[('a', '|O')]", "False", "(1,)"), "may hold Python objects"},
		{npyFile("[('a', '<f4')]", "False", "(1,)", 1, 2, 3, 4), "none that torch has"},
		{npyFile("'<U3'", "False", "(0,)"), "none that torch has"},
		{npyFile("'<M8[ns]'", "False", "(0,)"), "none that torch has"},
		{npyFile("'<f16'", "False", "(0,)"), "none that torch has"},
		{npyFile("'<f4'", "False", "(2,)", 1, 2, 3, 4), "array of 8 bytes"},
		{npyFile("'<f4'", "False", "(1,)", 1, 2, 3, 4, 5), "1 bytes follow"},
		{npyFile("'<f4'", "False", "(-1,)"), "no size"},
		{npyFile("'<f4'", "False", "(4294967296, 4294967296, 4294967296)"), "no size"},
		{npyFile("'<f4'", "False", "(1073741824,)"), "array of 4294967296 bytes"},
	}
	for _, tt := range tests {
		_, err := ReadNPY(bytes.NewReader(tt.file), int64(len(tt.file)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.file, err, tt.want)
		}
	}
}

func FuzzReadNPY(f *testing.F) {
	f.Add(npyFile("'<f4'", "False", "(1, 2)", 1, 2, 3, 4, 5, 6, 7, 8))
	f.Add(npyFile("'>c8'", "True", "(1, 1)", 1, 2, 3, 4, 5, 6, 7, 8))
	f.Add(npyFile("'|b1'", "True", "(2, 2)", 1, 2, 3, 4))
	f.Add(npyFile("'|O'", "False", "(1,)", 0x80, 2, '.'))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ReadNPY(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		n, ok := count(x.Shape)
		if !ok || n*int64(elements[x.DType].size) != int64(len(x.Data)) || len(x.Data) > len(b) {
			t.Errorf("%s %v in %d bytes", x.DType, x.Shape, len(x.Data))
		}
	})
}

func TestParseSpec(t *testing.T) {
	tests := []struct {
		in    string
		shape []int64
		dtype string
		size  int
	}{
		{"1x3x4", []int64{1, 3, 4}, "float32", 48},
		{"2x0", []int64{2, 0}, "float32", 0},
		{"scalar", nil, "float32", 4},
		{"scalar:complex64", nil, "complex64", 8},
		{"4:int64:0..999", []int64{4}, "int64", 32},
		{"4:float16:-1..1", []int64{4}, "float16", 8},
	}
	for _, tt := range tests {
		sp, err := ParseSpec(tt.in)
		if err != nil || sp.DType != tt.dtype || !slices.Equal(sp.Shape, tt.shape) {
			t.Errorf("%q: %+v, %v", tt.in, sp, err)
			continue
		}
		if s := Generate([]Spec{sp}, 0); len(s.Tensors[0].Data) != tt.size {
			t.Errorf("%q makes %d bytes", tt.in, len(s.Tensors[0].Data))
		}
	}
	for in, want := range map[string]string{
		"":                      "not a shape",
		"1x":                    "not a shape",
		"1,3":                   "not a shape",
		"-1":                    "not a shape",
		"+1":                    "not a shape",
		"1:float":               `dtype "float" is none`,
		"1:bfloat16":            "none that can be made up",
		"1:int64:9":             "not a range",
		"1:int64:9..0":          "not a range",
		"1:int64:a..b":          "not a range",
		"1:float32:nan..1":      "not a range",
		"1:uint8:0..256":        "does not fit dtype uint8",
		"1:int8:0..0.5":         "does not fit",
		"1:int8:0..1:x":         "is not DIMS",
		"100000x100000":         "limit",
		"4294967296x4294967296": "limit",
	} {
		if _, err := ParseSpec(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

// numbers reads a tensor back.
func numbers(x Tensor) (out []float64) {
	kind := elements[x.DType]
	for b := x.Data; len(b) > 0; b = b[kind.size:] {
		re, _ := kind.read(b)
		out = append(out, re)
	}
	return out
}

func TestGenerate(t *testing.T) {
	for in, bounds := range map[string][2]float64{
		"500:int64:-3..3": {-3, 3}, "500:uint8": {0, 9}, "500:bool": {0, 1}, "500:float64:2..4": {2, 4},
	} {
		sp, err := ParseSpec(in)
		if err != nil {
			t.Fatal(err)
		}
		a, b, c := Generate([]Spec{sp}, 1), Generate([]Spec{sp}, 1), Generate([]Spec{sp}, 2)
		if !bytes.Equal(a.Tensors[0].Data, b.Tensors[0].Data) || bytes.Equal(a.Tensors[0].Data, c.Tensors[0].Data) {
			t.Errorf("%q: the seed does not decide", in)
		}
		got := numbers(a.Tensors[0])
		low, top := slices.Min(got), slices.Max(got)
		whole := sp.DType != "float64"
		if low < bounds[0] || top > bounds[1] || whole && (low != bounds[0] || top != bounds[1]) {
			t.Errorf("%q: from %v to %v", in, low, top)
		}
	}
}

func TestLike(t *testing.T) {
	var floats, ints []byte
	for _, f := range []float64{3, -4, math.NaN(), 0} {
		floats = appendNumber(floats, "float32", f)
	}
	for _, n := range []float64{5, 900, 5, 7} {
		ints = appendNumber(ints, "int64", n)
	}
	given := Sample{"given", []Tensor{{"float32", []int64{4}, floats}, {"int64", []int64{2, 2}, ints}}}
	turned := Like(given, 0)
	got := numbers(turned.Tensors[0])
	if got[0] != -3 || got[1] != 4 || !math.IsNaN(got[2]) || !math.Signbit(got[3]) {
		t.Errorf("turned: %v", got)
	}
	for seed := range uint64(3) {
		like := Like(given, seed)
		for _, n := range numbers(like.Tensors[1]) {
			if n != 5 && n != 900 && n != 7 {
				t.Errorf("seed %d: %v is none of the integers that were given", seed, n)
			}
		}
		if !slices.Equal(like.Tensors[1].Shape, []int64{2, 2}) || like.Tensors[0].DType != "float32" {
			t.Errorf("seed %d: %+v", seed, like)
		}
	}
	if a, b := Like(given, 1), Like(given, 2); bytes.Equal(a.Tensors[0].Data, b.Tensors[0].Data) {
		t.Error("two seeds make one sample")
	}
	if !bytes.Equal(given.Tensors[1].Data, ints) {
		t.Error("the given sample changed")
	}
}

func TestCheckSize(t *testing.T) {
	big := Tensor{DType: "uint8", Data: make([]byte, inputLimit/2+1)}
	if err := CheckSize([]Sample{{"a", []Tensor{big}}}); err != nil {
		t.Error(err)
	}
	if err := CheckSize([]Sample{{"a", []Tensor{big}}, {"b", []Tensor{big}}}); err == nil {
		t.Error("no limit")
	}
}

package safetensors_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/safetensors"
)

// writeAll writes a file with the bytes given by name.
func writeAll(tensors []safetensors.Tensor, metadata map[string]string, data map[string][]byte) ([]byte, error) {
	l, err := safetensors.NewLayout(tensors, metadata)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = l.Write(&b, func(w io.Writer, t safetensors.Tensor) error {
		_, err := w.Write(data[t.Name])
		return err
	})
	if err == nil && int64(b.Len()) != l.Size {
		err = errors.New("the file has not the size that the layout says")
	}
	return b.Bytes(), err
}

// What safetensors 0.8.0 writes for these tensors.
func TestWriteIsTheReference(t *testing.T) {
	odd := "é\n\x7f\u2028\"\\/\x01\x1f"
	tensors := []safetensors.Tensor{
		{Name: "b", DType: "F32", Shape: []int64{2}},
		{Name: "a", DType: "F32"},
		{Name: odd, DType: "U8", Shape: []int64{0}},
		{Name: "z", DType: "I64", Shape: []int64{1}},
		{Name: "", DType: "I64", Shape: []int64{1}},
	}
	data := map[string][]byte{"b": make([]byte, 8), "a": []byte("\x01\x01\x01\x01"), "z": []byte("12345678"), "": []byte("12345678")}
	for _, tt := range []struct {
		name     string
		tensors  []safetensors.Tensor
		metadata map[string]string
		want     string
	}{
		{"tensors", tensors, map[string]string{"format": "pt"}, "H\x01\x00\x00\x00\x00\x00\x00" +
			"{\"__metadata__\":{\"format\":\"pt\"},\"\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}," +
			"\"z\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]},\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[16,20]}," +
			"\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[20,28]}," +
			"\"\xc3\xa9\\n\x7f\xe2\x80\xa8\\\"\\\\/\\u0001\\u001f\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[28,28]}}   " +
			"1234567812345678\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"nothing", nil, nil, "\x08\x00\x00\x00\x00\x00\x00\x00{}      "},
		{"only metadata", nil, map[string]string{"format": "pt"}, " \x00\x00\x00\x00\x00\x00\x00{\"__metadata__\":{\"format\":\"pt\"}}"},
	} {
		got, err := writeAll(tt.tensors, tt.metadata, data)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", tt.name, err, got, tt.want)
		}
		f, err := safetensors.Open(bytes.NewReader(got), int64(len(got)), safetensors.Limits{})
		if err != nil || !cmp.Equal(f.Metadata, tt.metadata) || len(f.Tensors) != len(tt.tensors) {
			t.Errorf("%s: reads back as %v, %v", tt.name, f, err)
		}
	}
}

// Every dtype has its place, and what is written is read as it was meant.
func TestWriteOrder(t *testing.T) {
	order := []safetensors.DType{
		"U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16", "F8_E5M2FNUZ", "F8_E4M3FNUZ",
		"F8_E8M0", "F8_E4M3", "F8_E5M2", "I8", "U8", "F6_E3M2", "F6_E2M3", "F4", "BOOL",
	}
	var tensors []safetensors.Tensor
	for _, d := range order {
		tensors = append(tensors, safetensors.Tensor{Name: strings.ToLower(string(d)), DType: d, Shape: []int64{4}})
	}
	for i := range tensors { // the order of what comes in does not matter
		j := (i * 7) % len(tensors)
		tensors[i], tensors[j] = tensors[j], tensors[i]
	}
	l, err := safetensors.NewLayout(tensors, nil)
	if err != nil || l.Count != len(order) {
		t.Fatal(l.Count, err)
	}
	placed := slices.Collect(l.Tensors())
	for i, d := range order {
		if placed[i].DType != d {
			t.Errorf("place %d has %s, want %s", i, placed[i].DType, d)
		}
	}
	file := empty(t, l)
	f, err := safetensors.Open(bytes.NewReader(file), l.Size, safetensors.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(placed, f.Tensors); d != "" {
		t.Error(d)
	}
}

// empty is a file of a layout with zeros for tensors.
func empty(t *testing.T, l *safetensors.Layout) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := l.WriteHeader(&b); err != nil || int64(b.Len()) != l.HeaderLen {
		t.Fatalf("a header of %d bytes, want %d: %v", b.Len(), l.HeaderLen, err)
	}
	return append(b.Bytes(), make([]byte, l.Size-l.HeaderLen)...)
}

// TestSortedLayout makes the same of tensors that are in order, and refuses others.
func TestSortedLayout(t *testing.T) {
	var tensors []safetensors.Tensor
	for i := range 3000 {
		tensors = append(tensors, safetensors.Tensor{Name: strings.Repeat("n", i+1), DType: "F32", Shape: []int64{int64(i), 2}})
	}
	metadata := map[string]string{"format": "pt"}
	want, err := safetensors.NewLayout(tensors, metadata)
	if err != nil {
		t.Fatal(err)
	}
	got, err := safetensors.NewSortedLayout(slices.Values(tensors), metadata)
	if err != nil || !bytes.Equal(empty(t, got), empty(t, want)) {
		t.Errorf("another file, %v", err)
	}
	for _, swap := range [][2]int{{0, 1}, {1, 1}, {5, 2999}} {
		list := slices.Clone(tensors)
		if list[swap[0]] = list[swap[1]]; swap[0] == swap[1] {
			list[swap[0]-1] = list[swap[0]]
		}
		if _, err := safetensors.NewSortedLayout(slices.Values(list), nil); err == nil {
			t.Errorf("%v: tensors that are not in order are laid out", swap)
		}
	}
	calls := 0
	changing := func(yield func(safetensors.Tensor) bool) {
		calls++
		yield(safetensors.Tensor{Name: strings.Repeat("n", 20*calls), DType: "F32", Shape: []int64{1}})
	}
	l, err := safetensors.NewSortedLayout(changing, nil)
	if err != nil || l.WriteHeader(io.Discard) == nil {
		t.Errorf("tensors that change are written: %v", err)
	}
}

func TestLayoutRefuses(t *testing.T) {
	one := func(name string, d safetensors.DType, shape ...int64) []safetensors.Tensor {
		return []safetensors.Tensor{{Name: name, DType: d, Shape: shape}}
	}
	long := strings.Repeat("x", safetensors.MaxHeader)
	for _, tt := range []struct {
		name     string
		tensors  []safetensors.Tensor
		metadata map[string]string
	}{
		{"two names", append(one("a", "F32", 1), one("a", "I8", 1)...), nil},
		{"reserved name", one("__metadata__", "F32", 1), nil},
		{"half a surrogate", one("\xed\xa0\x80", "F32", 1), nil},
		{"no such dtype", one("a", "F128", 1), nil},
		{"negative", one("a", "F32", -1), nil},
		{"overflow", one("a", "F32", 1<<32, 1<<32), nil},
		{"half a byte", one("a", "F4", 3), nil},
		{"two overflow", append(one("a", "U8", math.MaxInt64/8), one("b", "U8", math.MaxInt64/8)...)[:2], map[string]string{"k": "\xff"}},
		{"metadata", nil, map[string]string{"\xff": ""}},
		{"long", one(long, "F32", 1), nil},
	} {
		if l, err := safetensors.NewLayout(tt.tensors, tt.metadata); err == nil {
			t.Errorf("%s: laid out as %d bytes", tt.name, l.Size)
		}
	}
	if _, err := safetensors.NewLayout(one(long, "F32", 1), nil); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("a header that is too long: %v", err)
	}
}

func TestWriteCounts(t *testing.T) {
	tensors := []safetensors.Tensor{{Name: "a", DType: "F32", Shape: []int64{2}}}
	for _, n := range []int{0, 7, 9} {
		if _, err := writeAll(tensors, nil, map[string][]byte{"a": make([]byte, n)}); err == nil {
			t.Errorf("%d bytes for a tensor of 8 were written", n)
		}
	}
	l, err := safetensors.NewLayout(tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := errors.New("no")
	if err := l.Write(io.Discard, func(io.Writer, safetensors.Tensor) error { return want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func FuzzLayout(f *testing.F) {
	f.Add("a", "F32", int64(2), int64(3), "b", "format", "pt")
	f.Add("é\n", "F4", int64(2), int64(0), "", "", "\x00\"")
	f.Fuzz(func(t *testing.T, a, dtype string, x, y int64, b, key, value string) {
		tensors := []safetensors.Tensor{
			{Name: a, DType: safetensors.DType(dtype), Shape: []int64{x, y}},
			{Name: b, DType: "I8", Shape: []int64{}},
		}
		l, err := safetensors.NewLayout(tensors, map[string]string{key: value})
		if err != nil || l.Size > 1<<16 {
			return
		}
		file := empty(t, l)
		got, err := safetensors.Open(bytes.NewReader(file), l.Size, safetensors.Limits{})
		if err != nil {
			t.Fatalf("%v\n%q", err, file)
		}
		if !cmp.Equal(got.Metadata, map[string]string{key: value}) || len(got.Tensors) != 2 {
			t.Errorf("reads back as %q %v", got.Metadata, got.Tensors)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	tensors := make([]safetensors.Tensor, 300)
	data := make([]byte, 1<<20)
	for i := range tensors {
		tensors[i] = safetensors.Tensor{Name: "layer." + strings.Repeat("x", i%9) + string(rune('a'+i)), DType: "F32", Shape: []int64{1 << 18}}
	}
	l, err := safetensors.NewLayout(tensors, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(l.Size)
	for b.Loop() {
		err := l.Write(io.Discard, func(w io.Writer, _ safetensors.Tensor) error {
			_, err := w.Write(data)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

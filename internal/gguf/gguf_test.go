package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// writer makes headers of any version and byte order.
type writer struct {
	bytes.Buffer
	order  binary.ByteOrder
	narrow bool
}

func (w *writer) u32(n uint32) *writer {
	var b [4]byte
	w.order.PutUint32(b[:], n)
	w.Write(b[:])
	return w
}

func (w *writer) u64(n uint64) *writer {
	var b [8]byte
	w.order.PutUint64(b[:], n)
	w.Write(b[:])
	return w
}

func (w *writer) length(n uint64) *writer {
	if w.narrow {
		return w.u32(uint32(n))
	}
	return w.u64(n)
}

func (w *writer) str(s string) *writer { w.length(uint64(len(s))).WriteString(s); return w }

const template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"

func sample(version uint32, order binary.ByteOrder) []byte {
	w := &writer{order: order, narrow: version == 1}
	w.WriteString("GGUF")
	w.u32(version).length(1).length(5)
	w.str("general.alignment").u32(4).u32(64)
	w.str("tokenizer.chat_template").u32(8).str(template)
	w.str("tokenizer.ggml.tokens").u32(9).u32(8).length(2).str("a").str("bc")
	w.str("x.floats").u32(9).u32(6).length(3).u32(0).u32(0).u32(0)
	w.str("x.negative").u32(5).u32(0xffffffff)
	w.str("t").u32(2).length(32).length(2).u32(2).u64(0)
	for w.Len()%64 != 0 {
		w.WriteByte(0)
	}
	w.Write(make([]byte, 36))
	return w.Bytes()
}

func read(b []byte, lim Limits) (*File, error) { return Read(bytes.NewReader(b), int64(len(b)), lim) }

func TestRead(t *testing.T) {
	for _, v := range []struct {
		version uint32
		order   binary.ByteOrder
	}{{1, binary.LittleEndian}, {2, binary.LittleEndian}, {3, binary.LittleEndian}, {3, binary.BigEndian}} {
		b := sample(v.version, v.order)
		got, err := read(b, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Metadata {
			got.Metadata[i].Offset = 0
		}
		at := int64(bytes.Index(b, []byte(template)))
		data := int64(len(b) - 36)
		want := &File{
			Version: v.version, BigEndian: v.order == binary.BigEndian, Alignment: 64, DataOffset: data,
			Metadata: []Pair{
				{Key: "general.alignment", Type: "u32", Value: uint64(64)},
				{Key: "tokenizer.chat_template", Type: "string", Value: template},
				{Key: "tokenizer.ggml.tokens", Type: "array of string", Count: 2},
				{Key: "x.floats", Type: "array of f32", Count: 3},
				{Key: "x.negative", Type: "i32", Value: int64(-1)},
			},
			Templates: []Template{{"tokenizer.chat_template", template, at}},
			Tensors:   []Tensor{{"t", 2, []uint64{32, 2}, data, 36}},
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("version %d: %s", v.version, d)
		}
	}
}

func TestProblems(t *testing.T) {
	b := sample(3, binary.LittleEndian)
	got, err := read(b[:len(b)-1], Limits{})
	if err != nil || len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "behind the end") {
		t.Errorf("cut tensor: got %q, %v", got.Problems, err)
	}
	b = bytes.Replace(b, []byte("x.negative"), []byte("x.floats\x00\x00"), 1)
	if _, err := read(b, Limits{}); err != nil {
		t.Errorf("a NUL in a key is a key: %v", err)
	}
}

func TestBroken(t *testing.T) {
	b := sample(3, binary.LittleEndian)
	head := func(f func(w *writer)) []byte {
		w := &writer{order: binary.LittleEndian}
		w.WriteString("GGUF")
		w.u32(3).u64(0).u64(1)
		f(w)
		return w.Bytes()
	}
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"cut", b[:100]},
		{"magic", []byte("GGML00000000")},
		{"version", []byte("GGUF\x09\x00\x00\x00aaaaaaaaaaaaaaaa")},
		{"long key", head(func(w *writer) { w.u64(1 << 63) })},
		{"long array", head(func(w *writer) { w.str("k").u32(9).u32(0).u64(1 << 63) })},
		{"long array of u64", head(func(w *writer) { w.str("k").u32(9).u32(10).u64(1<<61 + 1) })},
		{"long string array", head(func(w *writer) { w.str("k").u32(9).u32(8).u64(1 << 62) })},
		{"type", head(func(w *writer) { w.str("k").u32(77) })},
		{"empty", nil},
	} {
		var se *SyntaxError
		if _, err := read(tt.b, Limits{}); !errors.As(err, &se) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	deep := &writer{order: binary.LittleEndian}
	deep.WriteString("GGUF")
	deep.u32(3).u64(0).u64(1).str("k").u32(9)
	for range 50 {
		deep.u32(9).u64(1)
	}
	b := sample(3, binary.LittleEndian)
	for _, tt := range []struct {
		b   []byte
		lim Limits
	}{{deep.Bytes(), Limits{}}, {b, Limits{Keys: 2}}, {b, Limits{ArrayItems: 1}}} {
		if _, err := read(tt.b, tt.lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%+v: got %v, want a limit", tt.lim, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample(1, binary.LittleEndian))
	f.Add(sample(3, binary.LittleEndian))
	f.Add(sample(3, binary.BigEndian))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Keys: 100, Tensors: 100, ArrayItems: 1000}
		got, err := read(b, lim)
		again, err2 := read(b, lim)
		if d := cmp.Diff(got, again); d != "" || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input", d)
		}
	})
}

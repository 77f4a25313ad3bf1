package tensor

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse: no panic; what is accepted has a canonical form that does not depend
// on the run.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(vectors + "/*.jsonl")
	if err != nil || len(files) == 0 {
		f.Fatalf("no vectors: %v", err)
	}
	for _, file := range files {
		for _, l := range readLines(f, file) {
			if l.YAML != "" {
				f.Add([]byte(l.YAML))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse(b)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a text")
			}
			return
		}
		again, err := Parse(b)
		if err != nil || !bytes.Equal(s.Canonical(), again.Canonical()) {
			t.Fatalf("read twice: %v", err)
		}
	})
}

// FuzzCheck: no panic whatever the tensor; the fast pass and the plain comparison
// find the same.
func FuzzCheck(f *testing.F) {
	var schemas []*Schema
	for _, d := range DTypes() {
		rules := ", shape: [_, N], dims: {N: 0..9}, flat: {max_constant_fraction: 0.9, axis: 0}, stats: {axis: 1, mean: [0..1], std: [0..1]}, drift: {edges: [0, 1], shares: [0, 1, 0], psi: 0.1, window: 1}"
		switch {
		case d == Bytes:
			rules = ", shape: [_, N], dims: {N: 0..9}, text: {max_bytes: 8, deny: [control], pattern: '[a-c]*'}"
		case d.isFloat():
			rules += ", range: [0.1, 1], tiny: {below: 0.25}, normalize: {kind: lp, by: client}"
		case d != Bool:
			rules += ", range: [1, 100]"
		}
		s, err := Parse([]byte("andiron: tensor/v1\nconstraints: [\"N*N != 9\"]\ninputs: {x: {dtype: " + d.String() + rules + "}}\n"))
		if err != nil {
			f.Fatal(err)
		}
		schemas = append(schemas, s)
		f.Add(uint8(d), int64(2), int64(2), []byte("\x00\x00\x80\x3f\x00\x00\xc0\x7f\x01\x00\x00\x00\x00\x00\x80\xff"))
	}
	f.Add(uint8(Bytes), int64(1), int64(2), []byte("\x01\x00\x00\x00a\x02\x00\x00\x00bc"))
	f.Add(uint8(Float64), int64(-1), int64(1<<62), []byte{})
	f.Fuzz(func(t *testing.T, d uint8, rows, columns int64, data []byte) {
		in := Tensor{Name: "x", DType: DType(d), Shape: []int64{rows, columns}, Data: data}
		for i, s := range schemas {
			r := s.Check(Inputs, []Tensor{in}, nil, nil)
			for _, v := range r.Violations {
				if v.String() == "" || v.Flat >= max(rows*columns, 1) {
					t.Fatalf("%+v", v)
				}
			}
			if !r.OK() || DType(d) != DType(i+1) {
				continue
			}
			s.Windows(Inputs).Add([]Tensor{in})
			s.Flush(Inputs, &in)
		}
		if n := DType(d).Size(); n > 0 && DType(d) != Int64 && DType(d) != Uint64 {
			w := Want{DType: DType(d), Lo: -1, Hi: int64(binary.LittleEndian.Uint16(append(data, 0, 0)))}
			w.Tiny, _ = w.DType.floor(mustReal("0.01"))
			lo, hi := w.DType.extremes()
			w.Lo, w.Hi, w.Tiny = max(w.Lo, lo), min(w.Hi, hi), max(w.Tiny, 0)
			data = data[:len(data)/n*n]
			if got, want := ScanPure(data, w), plainScan(data, w); got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
	})
}

// FuzzFileValues: no panic; what is read has no empty line, and is the file again.
func FuzzFileValues(f *testing.F) {
	f.Add([]byte("DE\r\nFR\n"))
	f.Add([]byte("\xef\xbb\xbfa"))
	f.Add([]byte("a\n\nb"))
	f.Fuzz(func(t *testing.T, b []byte) {
		values, err := fileValues(b)
		if err != nil {
			return
		}
		want := strings.ReplaceAll(strings.TrimSuffix(string(b), "\n")+"\n", "\r\n", "\n")
		if got := strings.Join(values, "\n") + "\n"; !strings.HasSuffix(string(b), "\r") && got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// FuzzShort: no panic; a form that is read is a schema or is refused for a reason,
// and says what it is in the same way whatever the spaces.
func FuzzShort(f *testing.F) {
	for _, l := range readLines(f, vectors+"/short.jsonl") {
		for _, form := range l.Short {
			f.Add(form)
		}
	}
	f.Fuzz(func(t *testing.T, form string) {
		s, err := ParseShorts(map[string]string{"x": form})
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a text")
			}
			return
		}
		spaced, err := ParseShorts(map[string]string{"x": " " + strings.ReplaceAll(form, ",", " , ")})
		if len(form) < maxShort/4 && (err != nil || !bytes.Equal(s.Canonical(), spaced.Canonical())) {
			t.Fatalf("%q: %v", form, err)
		}
	})
}

package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// seed adds the bodies of all vectors for a reader.
func seed(f *testing.F, reads ...string) {
	f.Helper()
	names, err := filepath.Glob(vectorDir + "/*.jsonl")
	if err != nil || len(names) == 0 {
		f.Fatalf("found no vectors (%v)", err)
	}
	for _, name := range names {
		for _, v := range readVectors(f, name) {
			if slices.Contains(reads, v.Read) {
				f.Add(v.Read, v.Header, v.body())
			}
		}
	}
}

// fuzzOptions let as much through as there is.
var fuzzOptions = Options{Parameters: []string{"a", "b", "priority"}, SharedMemory: true, Limits: Limits{Elements: 1 << 16}}

// property reads a body, and checks what holds for all of them: an error is one of
// ours, a result is written as something that is read as the same.
func property(t *testing.T, read, header string, body []byte, fields []tensor.Field) (written []byte, ok bool) {
	t.Helper()
	got, err := run(read, header, body, fields, fuzzOptions)
	again, err2 := run(read, header, body, fields, fuzzOptions)
	if !bytes.Equal(got, again) || fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Fatalf("two readings differ: %q (%v), %q (%v)", got, err, again, err2)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(body)) || e.Code != CodeForm && !slices.Contains(Codes(), e.Code) {
			t.Fatalf("the error %v is none of ours", err)
		}
		return nil, false
	}
	second, err := run(readerOf(read), headerOf(read, got, header), got, fields, fuzzOptions)
	if err != nil || !bytes.Equal(second, got) {
		t.Fatalf("%q is written as %q, and that as %q (%v)", body, got, second, err)
	}
	return got, true
}

// readerOf is the reader of what was written: a raw body gets a header.
func readerOf(read string) string {
	if read == "raw" {
		return "binary"
	}
	return read
}

// headerOf finds the length of a canonical header: its braces are balanced.
func headerOf(read string, written []byte, header string) string {
	if read != "binary" && read != "raw" && read != "binary-answer" {
		return header
	}
	dec := json.NewDecoder(bytes.NewReader(written))
	var v any
	if err := dec.Decode(&v); err != nil {
		return "0"
	}
	return strconv.FormatInt(dec.InputOffset(), 10)
}

func FuzzJSON(f *testing.F) {
	seed(f, "json", "json-answer")
	f.Fuzz(func(t *testing.T, read, _ string, body []byte) {
		if read != "json" && read != "json-answer" {
			read = "json"
		}
		if _, ok := property(t, read, "", body, nil); ok {
			asEncodingJSON(t, read, body)
		}
	})
}

func FuzzBinary(f *testing.F) {
	seed(f, "binary", "binary-answer")
	f.Fuzz(func(t *testing.T, read, header string, body []byte) {
		if read != "binary-answer" {
			read = "binary"
		}
		property(t, read, header, body, nil)
	})
}

func FuzzRaw(f *testing.F) {
	seed(f, "raw")
	fields := []tensor.Field{{Name: "x", DTypes: []tensor.DType{tensor.Int16}, Least: []int64{1, 2, 1}, Most: []int64{8, 2, 512}}}
	f.Fuzz(func(t *testing.T, _, _ string, body []byte) { property(t, "raw", "", body, fields) })
}

func FuzzUntyped(f *testing.F) {
	seed(f, "v1", "v1-answer", "torchserve", "torchserve-answer")
	one := []tensor.Field{{Name: "x", DTypes: []tensor.DType{tensor.Float16, tensor.Float32}, Least: []int64{1, 2}, Most: []int64{8, 2}}}
	two := append(slices.Clone(one), tensor.Field{Name: "y", DTypes: []tensor.DType{tensor.Bytes}, Least: []int64{1}, Most: []int64{8}, Optional: true})
	f.Fuzz(func(t *testing.T, read, _ string, body []byte) {
		if !slices.Contains([]string{"v1", "v1-answer", "torchserve-answer"}, read) {
			read = "torchserve"
		}
		for _, fields := range [][]tensor.Field{one, two, two[1:]} {
			if _, ok := property(t, read, "", body, fields); ok && !json.Valid(body) {
				t.Fatalf("%q is no JSON", body)
			}
		}
	})
}

func FuzzPrompt(f *testing.F) {
	seed(f, "openai")
	fields := []tensor.Field{
		{Name: "ids", DTypes: []tensor.DType{tensor.Int32}, Least: []int64{1, 1}, Most: []int64{8, 512}, Optional: true},
		{Name: "texts", DTypes: []tensor.DType{tensor.Bytes}, Least: []int64{1}, Most: []int64{8}, Optional: true},
	}
	f.Fuzz(func(t *testing.T, _, _ string, body []byte) {
		if _, ok := property(t, "openai", "", body, fields); ok && !json.Valid(body) {
			t.Fatalf("%q is no JSON", body)
		}
	})
}

func FuzzGRPC(f *testing.F) {
	seed(f, "grpc", "grpc-answer", "stream-answer")
	f.Fuzz(func(t *testing.T, read, _ string, body []byte) {
		if read != "grpc-answer" && read != "stream-answer" {
			read = "grpc"
		}
		if written, ok := property(t, read, "", body, nil); ok {
			asProtobuf(t, read, body, written)
		}
	})
}

// FuzzNumber holds every reading of a number against encoding/json and strconv.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.5", "1e-5", "0.1234567890123456789", "9007199254740993", "1.00000017881393432617187499", "3.4028235677973366e38", "1e23", "-12345678901234567890e-300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int8, tensor.Int64, tensor.Uint64, tensor.Uint16, tensor.Uint8} {
			if !json.Valid([]byte(s)) || len(s) > maxNumber || s != strings.TrimSpace(s) {
				if got, ok := readNumber(s, d, ""); ok && s == strings.TrimSpace(s) {
					t.Fatalf("%q is %x as %s", s, got, d)
				}
				continue
			}
			alone, ok := readNumber(s, d, "")
			first, ok2 := readNumber(s, d, ",")
			if ok != ok2 || !bytes.Equal(alone, first) {
				t.Fatalf("%q is %x (%t) alone and %x (%t) before another, as %s", s, alone, ok, first, ok2, d)
			}
			for _, comma := range []string{",", ", "} {
				many, ok3 := readNumbers(s, d, comma)
				if ok != ok3 || ok && !bytes.Equal(many, bytes.Repeat(alone, repeats)) {
					t.Fatalf("%q is %x (%t) alone and %x (%t) many times, as %s", s, alone, ok, many, ok3, d)
				}
			}
			want, wantOK := referenceNumber(s, d)
			if ok != wantOK || ok && !bytes.Equal(alone, want) {
				t.Fatalf("%q is %x (%t) as %s, want %x (%t)", s, alone, ok, d, want, wantOK)
			}
		}
	})
}

// readNumber reads s as the last element of a list, or with the same behind it.
func readNumber(s string, d tensor.DType, behind string) ([]byte, bool) {
	n, list := 1, s
	if behind != "" {
		n, list = 2, s+behind+s
	}
	body := fmt.Sprintf(`{"inputs":[{"name":"x","shape":[%d],"datatype":%q,"data":[%s]}]}%50s`, n, d.V2(), list, "")
	r, err := ParseJSON([]byte(body), Options{})
	if err != nil {
		return nil, false
	}
	return r.Inputs[0].Data[:d.Size()], true
}

const repeats = 100 // as many as are read many at once

// readNumbers reads s many times over.
func readNumbers(s string, d tensor.DType, comma string) ([]byte, bool) {
	list := strings.Repeat(s+comma, repeats-1) + s
	r, err := ParseJSON(fmt.Appendf(nil, `{"inputs":[{"name":"x","shape":[%d],"datatype":%q,"data":[%s]}]}`, repeats, d.V2(), list), Options{})
	if err != nil {
		return nil, false
	}
	return r.Inputs[0].Data, true
}

func referenceNumber(s string, d tensor.DType) ([]byte, bool) {
	switch d {
	case tensor.Float32, tensor.Float64:
		f, err := strconv.ParseFloat(s, 8*d.Size())
		if err != nil {
			return nil, false
		}
		if d == tensor.Float32 {
			return appendLE(nil, uint64(math.Float32bits(float32(f))), 4), true
		}
		return appendLE(nil, math.Float64bits(f), 8), true
	case tensor.Uint64:
		u, err := strconv.ParseUint(s, 10, 64)
		return appendLE(nil, u, 8), err == nil
	case tensor.Uint16, tensor.Uint8:
		u, err := strconv.ParseUint(s, 10, 8*d.Size())
		return appendLE(nil, u, d.Size()), err == nil
	default:
		i, err := strconv.ParseInt(s, 10, 8*d.Size())
		return appendLE(nil, uint64(i), d.Size()), err == nil && s != "-0"
	}
}

func appendLE(b []byte, u uint64, size int) []byte {
	for i := range size {
		b = append(b, byte(u>>(8*i)))
	}
	return b
}

// asEncodingJSON reads an accepted body with encoding/json, and compares what both
// understood.
func asEncodingJSON(t *testing.T, read string, body []byte) {
	t.Helper()
	var v struct {
		Inputs, Outputs []struct {
			Name     string
			Shape    []int64
			Datatype string
			Data     any
		}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%q is accepted, and encoding/json says %v", body, err)
	}
	var ts []tensor.Tensor
	theirs := v.Inputs
	if read == "json" {
		r, _ := ParseJSON(body, fuzzOptions)
		ts = r.Inputs
	} else {
		r, _ := ParseJSONResponse(body, fuzzOptions)
		ts, theirs = r.Outputs, v.Outputs
	}
	for _, want := range theirs {
		if want.Data == nil { // it lies in shared memory
			continue
		}
		got := ts[0]
		ts = ts[1:]
		data, ok := flatten(nil, want.Data, got.DType)
		if got.Name != want.Name || got.DType.V2() != want.Datatype || !slices.Equal(got.Shape, want.Shape) || !ok || !bytes.Equal(got.Data, data) {
			t.Fatalf("%q is %v, and to encoding/json %v, %x", body, got, want, data)
		}
	}
	if len(ts) > 0 {
		t.Fatalf("%d tensors are left over", len(ts))
	}
}

// flatten turns what encoding/json read into the bytes of elements.
func flatten(b []byte, v any, d tensor.DType) ([]byte, bool) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			var ok bool
			if b, ok = flatten(b, e, d); !ok {
				return nil, false
			}
		}
		return b, true
	case json.Number:
		e, ok := referenceNumber(v.String(), d)
		if !ok { // types that the reference does not have
			e, ok = integerElement(v.String(), d)
		}
		return append(b, e...), ok
	case bool:
		if v {
			return append(b, 1), d == tensor.Bool
		}
		return append(b, 0), d == tensor.Bool
	case string:
		return append(appendLE(b, uint64(len(v)), 4), v...), d == tensor.Bytes
	}
	return nil, false
}

func integerElement(s string, d tensor.DType) ([]byte, bool) {
	u, err := strconv.ParseUint(s, 10, 8*d.Size())
	return appendLE(nil, u, d.Size()), err == nil
}

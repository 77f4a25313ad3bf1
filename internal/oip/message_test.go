package oip

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// randomTensor has finite elements of a type.
func randomTensor(rnd *rand.Rand, name string, d tensor.DType) tensor.Tensor {
	t := tensor.Tensor{Name: name, DType: d, Shape: []int64{rnd.Int64N(4), rnd.Int64N(5) + 1}, Data: []byte{}}
	for range t.Shape[0] * t.Shape[1] {
		switch d {
		case tensor.Bytes:
			text := strings.Repeat("é\"\\\n", rnd.IntN(4))
			t.Data = append(appendLE(t.Data, uint64(len(text)), 4), text...)
		case tensor.Bool:
			t.Data = append(t.Data, byte(rnd.IntN(2)))
		case tensor.Float64:
			t.Data = appendLE(t.Data, math.Float64bits(rnd.NormFloat64()*math.Pow(10, float64(rnd.IntN(600)-300))), 8)
		case tensor.Float32:
			t.Data = appendLE(t.Data, uint64(math.Float32bits(rnd.Float32()*2-1)), 4)
		default:
			t.Data = appendLE(t.Data, rnd.Uint64(), d.Size())
		}
	}
	return t
}

// TestForms writes messages in every form that has their types, and reads them.
func TestForms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	o := Options{Parameters: []string{"a", "b"}, SharedMemory: true}
	for range 300 {
		req := &Request{
			ID: "7", Parameters: []Parameter{{"a", Value{Kind: KindInt, Int: -1}}, {"b", Value{Kind: KindText, Text: "\"\\\n"}}},
			Outputs: []Output{{Name: "y"}, {Name: "z", Parameters: []Parameter{{"a", Value{Bool: true}}}, Memory: &Memory{"r", 8, 4}}},
			Unseen:  []Unseen{{Name: "u", DType: tensor.Float32, Shape: []int64{2}, Memory: Memory{"r", 8, 0}}},
		}
		json := true
		for d := tensor.Float64; d <= tensor.Bytes; d++ {
			if d.V2() != "" && rnd.IntN(3) == 0 {
				req.Inputs = append(req.Inputs, randomTensor(rnd, d.String(), d))
				json = json && inJSON(d)
			}
		}
		checkForms(t, req, o, json)
	}
}

func checkForms(t *testing.T, req *Request, o Options, inJSON bool) {
	t.Helper()
	same := func(name string, got *Request, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := *req
		want.Form = got.Form
		want.Model = got.Model
		if diff := cmp.Diff(&want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
	}
	text, err := req.AppendJSON([]byte("before"))
	var e *Error
	switch {
	case inJSON && err == nil:
		got, err := ParseJSON(text[len("before"):], o)
		same("JSON", got, err)
	case inJSON || !errors.As(err, &e) || e.Code != CodeForm:
		t.Fatalf("JSON: %v", err)
	}
	head, data, err := req.AppendBinary([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	head = head[len("before"):]
	got, err := ParseBinary(append(head, bytes.Join(data, nil)...), strconv.Itoa(len(head)), o)
	same("binary", got, err)
	for _, form := range []Form{FormGRPC, FormGRPCTyped} {
		named := *req
		named.Model, named.Form = "m", form
		msg, _, err := named.AppendGRPC([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseGRPC(bytes.Join(msg, nil), o)
		same("gRPC", got, err)
		if want := typable(form, req.Inputs); len(req.Inputs) > 0 && (got.Form == FormGRPCTyped) != want {
			t.Fatalf("form %d is read as %d", form, got.Form)
		}
	}
}

// TestUnwritable: what a form does not have is an error, not something else.
func TestUnwritable(t *testing.T) {
	one := func(d tensor.DType, data ...byte) *Request {
		return &Request{Inputs: []tensor.Tensor{{Name: "x", DType: d, Shape: []int64{1}, Data: data}}}
	}
	json := func(r *Request) error { _, err := r.AppendJSON(nil); return err }
	binary := func(r *Request) error { _, _, err := r.AppendBinary(nil); return err }
	grpc := func(r *Request) error { _, _, err := r.AppendGRPC(nil); return err }
	v1 := func(f Form, rs ...*Request) error {
		r := &Request{Form: f}
		for _, s := range rs {
			r.Inputs = append(r.Inputs, s.Inputs...)
		}
		_, err := r.AppendV1(nil)
		return err
	}
	flat := one(tensor.Float32, 0, 0, 0, 0)
	flat.Inputs[0].Shape = nil
	wide := one(tensor.Float32)
	wide.Inputs[0].Shape = []int64{1 << 40, 0}
	texts := &Request{Parameters: []Parameter{{"a", Value{Kind: KindTexts}}}}
	for name, err := range map[string]error{
		"NaN in JSON":               json(one(tensor.Float32, 0, 0, 0xc0, 0x7f)),
		"infinity in JSON":          json(one(tensor.Float64, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f)),
		"float16 in JSON":           json(one(tensor.Float16, 0, 0)),
		"no UTF-8 in JSON":          json(one(tensor.Bytes, 1, 0, 0, 0, 0xff)),
		"float8 in JSON":            json(one(tensor.Float8E5M2, 0)),
		"float8 in binary":          binary(one(tensor.Float8E5M2, 0)),
		"float8 in gRPC":            grpc(one(tensor.Float8E5M2, 0)),
		"too few bytes in JSON":     json(one(tensor.Float32, 0)),
		"too few bytes in binary":   binary(one(tensor.Float32, 0)),
		"too few bytes in gRPC":     grpc(one(tensor.Float32, 0)),
		"texts that lie":            json(one(tensor.Bytes, 9, 0, 0, 0)),
		"a list in gRPC":            grpc(texts),
		"V2 as V1":                  v1(FormJSON, one(tensor.Bool, 1)),
		"two tensors alone":         v1(FormValue, one(tensor.Bool, 1), one(tensor.Bool, 1)),
		"two tensors without names": v1(FormInstances, one(tensor.Bool, 1), one(tensor.Bool, 1)),
		"rows of no tensor":         v1(FormInstancesNamed),
		"rows of a single number":   v1(FormInstances, flat),
		"more lists than there are": v1(FormInputs, wide),
		"NaN in V1":                 v1(FormInputs, one(tensor.Float32, 0, 0, 0xc0, 0x7f)),
		"too few bytes in V1":       v1(FormInputs, one(tensor.Float32, 0)),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeForm {
			t.Errorf("%s: %v, want %s", name, err, CodeForm)
		}
	}
}

// TestMemory: a body gets no more memory than its length explains, whatever its
// shapes say.
func TestMemory(t *testing.T) {
	long := strings.Repeat("1,", 1<<20) + "1"
	bodies := map[string]struct {
		body []byte
		run  func([]byte) error
	}{
		"a shape without data": {[]byte(shaped("[16000000]", "[1]")), parseJSON},
		"many such shapes":     {[]byte(`{"inputs":[` + strings.Repeat(`{"name":"x","shape":[200000],"datatype":"FP64","data":[1]},`, 60) + `1]}`), parseJSON},
		"one byte numbers":     {[]byte(`{"inputs":[{"name":"x","shape":[1048577],"datatype":"FP64","data":[` + long + `]}]}`), parseJSON},
		"nested rows":          {[]byte(`{"inputs":[{"name":"x","shape":[1048577,1],"datatype":"INT64","data":[` + strings.Repeat("[1],", 1<<20) + `[1]]}]}`), parseJSON},
		"rows of V1":           {[]byte(`{"instances":[` + long + `]}`), parseV1},
		"typed contents":       {protoRequest(protoTensor("x", "INT64", []int64{1 << 20}, contentsField(3, strings.Repeat("\x01", 1<<20)))), parseGRPC},
		"a typed shape":        {protoRequest(protoTensor("x", "INT64", []int64{16000000}, contentsField(3, "\x01"))), parseGRPC},
		"texts":                {[]byte(`{"inputs":[{"name":"x","shape":[100000],"datatype":"BYTES","data":[` + strings.Repeat(`"",`, 99999) + `""]}]}`), parseJSON},
	}
	for name, b := range bodies {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_ = b.run(b.body)
		runtime.ReadMemStats(&after)
		got, most := after.TotalAlloc-before.TotalAlloc, 16*uint64(len(b.body))+64<<10
		if got > most {
			t.Errorf("%s: %d bytes were allocated for a body of %d", name, got, len(b.body))
		}
	}
}

func parseJSON(b []byte) error { _, err := ParseJSON(b, Options{}); return err }
func parseGRPC(b []byte) error { _, err := ParseGRPC(b, Options{}); return err }

func parseV1(b []byte) error {
	_, err := ParseV1(b, []tensor.Field{{Name: "x", DTypes: []tensor.DType{tensor.Int64}, Least: []int64{1}, Most: []int64{1 << 40}}}, Options{})
	return err
}

// TestZeroCopy: raw data are the body's own bytes, read and written.
func TestZeroCopy(t *testing.T) {
	body := protoRequest(protoTensor("x", "FP32", []int64{1}, ""), one32)
	r, err := ParseGRPC(body, Options{})
	if err != nil {
		t.Fatal(err)
	}
	msg, _, err := r.AppendGRPC(nil)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] = 0x40
	if got := r.Inputs[0].Data[3]; got != 0x40 {
		t.Error("the data of the input were copied")
	}
	if last := msg[len(msg)-1]; last[3] != 0x40 {
		t.Error("the data of the message were copied")
	}
}

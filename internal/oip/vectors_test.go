package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/tensor"
)

const vectorDir = "../../testdata/vectors/wire"

// vector is a line of testdata/vectors/wire, as docs/spec/wire-v1.md has it. Bytes
// that are no text are in the members whose names end with 64.
type vector struct {
	Case    string         `json:"case"`
	Why     string         `json:"why,omitempty"`
	Read    string         `json:"read"`
	Header  string         `json:"header,omitempty"`
	Body    string         `json:"body,omitempty"`
	Body64  []byte         `json:"body64,omitempty"`
	Options *vectorOptions `json:"options,omitempty"`
	Fields  []vectorField  `json:"fields,omitempty"`
	Verdict string         `json:"verdict"`
	Code    Code           `json:"code,omitempty"`
	Write   string         `json:"write,omitempty"`
	Write64 []byte         `json:"write64,omitempty"`
	Tensors []vectorTensor `json:"tensors,omitempty"` // what a client meant, in its own words
}

type vectorTensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	Data     []byte  `json:"data"`
}

type vectorOptions struct {
	Parameters   []string `json:"parameters,omitempty"`
	Drop         bool     `json:"drop,omitempty"`
	SharedMemory bool     `json:"shared_memory,omitempty"`
	Limits       Limits   `json:"limits,omitzero"`
}

type vectorField struct {
	Name     string   `json:"name"`
	DType    []string `json:"dtype"`
	Least    []int64  `json:"least"`
	Most     []int64  `json:"most"`
	Optional bool     `json:"optional,omitempty"`
}

func (v *vector) body() []byte {
	if v.Body64 != nil {
		return v.Body64
	}
	return []byte(v.Body)
}

func (v *vector) options() Options {
	if v.Options == nil {
		return Options{}
	}
	return Options{Parameters: v.Options.Parameters, DropParameters: v.Options.Drop, SharedMemory: v.Options.SharedMemory, Limits: v.Options.Limits}
}

func (v *vector) fields(t *testing.T) (fs []tensor.Field) {
	t.Helper()
	for _, f := range v.Fields {
		g := tensor.Field{Name: f.Name, Least: f.Least, Most: f.Most, Optional: f.Optional}
		for _, name := range f.DType {
			d, err := tensor.ParseDType(name)
			if err != nil {
				t.Fatal(err)
			}
			g.DTypes = append(g.DTypes, d)
		}
		fs = append(fs, g)
	}
	return fs
}

// run reads a body and writes it in its own form.
func run(read, header string, body []byte, fields []tensor.Field, o Options) ([]byte, error) {
	var field tensor.Field
	if len(fields) > 0 {
		field = fields[0]
	}
	switch read {
	case "json":
		r, err := ParseJSON(body, o)
		return rewrite(r, err)
	case "binary":
		r, err := ParseBinary(body, header, o)
		return rewrite(r, err)
	case "raw":
		r, err := ParseRaw(body, field, o)
		return rewrite(r, err)
	case "grpc":
		r, err := ParseGRPC(body, o)
		return rewrite(r, err)
	case "v1":
		r, err := ParseV1(body, fields, o)
		return rewrite(r, err)
	case "torchserve":
		r, err := ParseTorchServe(body, fields, o)
		return rewrite(r, err)
	case "openai":
		p, err := ParsePrompt(body, fields, o)
		if err != nil {
			return nil, err
		}
		return p.AppendJSON(nil)
	}
	return runAnswer(read, header, body, fields, o)
}

func runAnswer(read, header string, body []byte, fields []tensor.Field, o Options) ([]byte, error) {
	var r *Response
	var err error
	var fault string
	switch read {
	case "json-answer":
		r, err = ParseJSONResponse(body, o)
	case "binary-answer":
		r, err = ParseBinaryResponse(body, header, o)
	case "grpc-answer":
		r, err = ParseGRPCResponse(body, o)
	case "stream-answer":
		r, fault, err = ParseStreamResponse(body, o)
		if err == nil {
			msg, _, err := AppendStreamFault(nil, r, fault)
			return bytes.Join(msg, nil), err
		}
	case "v1-answer":
		r, err = ParseV1Response(body, fields, o)
	case "torchserve-answer":
		r, err = ParseTorchServeResponse(body, fields, o)
	default:
		err = errors.New("no such reader: " + read)
	}
	if err != nil {
		return nil, err
	}
	return rewriteAnswer(r)
}

func rewrite(r *Request, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	switch r.Form {
	case FormJSON:
		return r.AppendJSON(nil)
	case FormBinary, FormRaw:
		head, data, err := r.AppendBinary(nil)
		return append(head, bytes.Join(data, nil)...), err
	case FormGRPC, FormGRPCTyped:
		msg, _, err := r.AppendGRPC(nil)
		return bytes.Join(msg, nil), err
	default:
		return r.AppendV1(nil)
	}
}

func rewriteAnswer(r *Response) ([]byte, error) {
	switch r.Form {
	case FormJSON:
		return r.AppendJSON(nil)
	case FormBinary:
		head, data, err := r.AppendBinary(nil, nil)
		return append(head, bytes.Join(data, nil)...), err
	case FormGRPC, FormGRPCTyped:
		msg, _, err := r.AppendGRPC(nil)
		return bytes.Join(msg, nil), err
	default:
		return r.AppendV1(nil)
	}
}

// TestVectors runs every line of every file.
func TestVectors(t *testing.T) {
	names, err := filepath.Glob(vectorDir + "/*.jsonl")
	if err != nil || len(names) < 5 {
		t.Fatalf("found %d files of vectors (%v)", len(names), err)
	}
	codes := map[Code]int{}
	for _, name := range names {
		for _, v := range readVectors(t, name) {
			codes[v.Code]++
			t.Run(filepath.Base(name)+"/"+v.Case, func(t *testing.T) { v.check(t) })
		}
	}
	for _, c := range Codes() {
		if codes[c] == 0 {
			t.Errorf("no vector is refused with %s", c)
		}
	}
}

func readVectors(t testing.TB, name string) (vs []vector) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	for dec.More() {
		var v vector
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		vs = append(vs, v)
	}
	return vs
}

func (v *vector) check(t *testing.T) {
	t.Helper()
	got, err := run(v.Read, v.Header, v.body(), v.fields(t), v.options())
	if v.Verdict == "accept" {
		want := v.Write64
		if want == nil {
			want = []byte(v.Write)
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
		if v.Tensors != nil {
			v.checkTensors(t)
		}
		return
	}
	var e *Error
	if !errors.As(err, &e) || e.Code != v.Code || v.Verdict != "reject" {
		t.Errorf("got %q, %v, want an error %s", got, err, v.Code)
	}
}

// checkTensors holds what was read against what the client meant.
func (v *vector) checkTensors(t *testing.T) {
	t.Helper()
	var got []tensor.Tensor
	var req *Request
	var res *Response
	var err error
	switch v.Read {
	case "json":
		req, err = ParseJSON(v.body(), v.options())
	case "binary":
		req, err = ParseBinary(v.body(), v.Header, v.options())
	case "grpc":
		req, err = ParseGRPC(v.body(), v.options())
	case "json-answer":
		res, err = ParseJSONResponse(v.body(), v.options())
	case "grpc-answer":
		res, err = ParseGRPCResponse(v.body(), v.options())
	default:
		t.Fatalf("no client writes %q", v.Read)
	}
	switch {
	case err != nil:
		t.Fatal(err)
	case req != nil:
		got = req.Inputs
	default:
		got = res.Outputs
	}
	var want []tensor.Tensor
	for _, w := range v.Tensors {
		d, err := dtypeOf(w.Datatype, 0)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, tensor.Tensor{Name: w.Name, DType: d, Shape: w.Shape, Data: w.Data})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestClientFile adds to what real clients wrote, tools/oip.sh makes it, what we
// write for it.
func TestClientFile(t *testing.T) {
	path := filepath.Join(vectorDir, "clients.jsonl")
	vs := readVectors(t, path)
	if len(vs) < 100 {
		t.Fatalf("only %d messages of clients", len(vs))
	}
	if !*update {
		return // TestVectors runs them
	}
	if err := os.WriteFile(path, encodeVectors(t, vs), 0o644); err != nil {
		t.Fatal(err)
	}
}

func encodeVectors(t *testing.T, vs []vector) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, v := range vs {
		if err := enc.Encode(v.complete(t)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestVectorFiles holds the files against the tables of the tests.
func TestVectorFiles(t *testing.T) {
	tables := map[string][]vector{
		"json": jsonVectors(), "binary": binaryVectors(), "grpc": grpcVectors(), "untyped": untypedVectors(), "history": historyVectors(),
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		for _, v := range tables[name] {
			if seen[v.Read+v.Case] {
				t.Errorf("case %q stands twice", v.Case)
			}
			seen[v.Read+v.Case] = true
		}
		want := encodeVectors(t, tables[name])
		path := filepath.Join(vectorDir, name+".jsonl")
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the table says (%v): run with -update", path, err)
		}
	}
}

// complete adds what an accepted message is written as.
func (v vector) complete(t *testing.T) vector {
	t.Helper()
	v.Verdict = "reject"
	if v.Body64 != nil && utf8.Valid(v.Body64) && !bytes.ContainsRune(v.Body64, 0) {
		v.Body, v.Body64 = string(v.Body64), nil
	}
	if !utf8.ValidString(v.Body) {
		v.Body, v.Body64 = "", []byte(v.Body)
	}
	if v.Code != "" {
		return v
	}
	v.Verdict = "accept"
	got, err := run(v.Read, v.Header, v.body(), v.fields(t), v.options())
	if err != nil {
		t.Errorf("%s: %v", v.Case, err)
	}
	if utf8.Valid(got) && !bytes.ContainsRune(got, 0) {
		v.Write = string(got)
	} else {
		v.Write64 = got
	}
	return v
}

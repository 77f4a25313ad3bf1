package guard

import (
	"encoding/binary"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
)

// asSaid answers with a text.
func asSaid(text string) func(http.ResponseWriter, asked) {
	return func(w http.ResponseWriter, _ asked) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
	}
}

func TestShadow(t *testing.T) {
	s := serve(t, logits(1, 2))
	for name, schema := range map[string]string{"schema": toySchema + "on_violation: {mode: shadow}\n", "flag": toySchema} {
		g := start(t, Config{Backend: s.URL, Shadow: name == "flag"}, map[string]string{"toy.yaml": schema})
		bad := strings.Replace(goodJSON, "0.25", "7", 1)
		if r := post(t, g.url+"/v2/models/toy/infer", bad); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		// What cannot be read cannot be written anew, in no mode.
		if r := post(t, g.url+"/v2/models/toy/infer", "{"); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if m := do(t, "GET", g.admin+"/metrics", ""); !strings.Contains(m.body, `mode="shadow",code="AT-RANGE"} 1`) || !strings.Contains(m.body, `mode="shadow"} 1`) {
			t.Errorf("%s: %s", name, m.body)
		}
		if !strings.Contains(g.log.String(), "would be refused") {
			t.Errorf("%s: nothing in the log", name)
		}
	}
}

func TestUnknownInputs(t *testing.T) {
	s := serve(t, logits(1, 2))
	extra := strings.Replace(goodJSON, `"inputs":[`, `"inputs":[{"name":"extra","shape":[1],"datatype":"FP32","data":[5]},`, 1)
	schema := "limits: {max_inputs: 2}\n" + toySchema
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": schema})
	if r := post(t, g.url+"/v2/models/toy/infer", extra); r.status != 400 || r.code(t) != "AT-UNKNOWN" {
		t.Errorf("%d %s", r.status, r.body)
	}
	h := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": toySchema + "  unknown_inputs: drop\n"})
	if r := post(t, h.url+"/v2/models/toy/infer", extra); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if a := s.only(t); strings.Contains(string(a.body), "extra") {
		t.Errorf("the server got %s", a.body)
	}
}

func TestParameters(t *testing.T) {
	s := serve(t, logits(1, 2))
	with := func(name string) string {
		return strings.Replace(goodJSON, `{"inputs"`, `{"parameters":{"`+name+`":1},"inputs"`, 1)
	}
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": toySchema + "  parameters: [priority]\n"})
	for _, name := range []string{"sequence_id", "triton_enable_empty_final_response", "Priority", "shared_memory_region"} {
		if r := post(t, g.url+"/v2/models/toy/infer", with(name)); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := post(t, g.url+"/v2/models/toy/infer", with("priority")); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if a := s.only(t); !strings.Contains(string(a.body), `"priority":1`) {
		t.Errorf("the server got %s", a.body)
	}
}

const changing = `andiron: tensor/v1
model: toy
dims: {B: 1..8}
inputs:
  x:
    dtype: float32
    shape: [B, 4]
    tiny: flush
    normalize: {kind: standardize, by: gateway, axis: 1, mean: [0.5], std: [0.25]}
wire: {forward_as: v2-binary}
`

func TestFlushAndNormalize(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": changing})
	if r := post(t, g.url+"/v2/models/toy/infer", strings.Replace(goodJSON, "0.25", "1e-40", 1)); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	body := s.only(t).body
	want := []float32{-2, -2, 0, 2}
	for i, w := range want {
		if got := math.Float32frombits(binary.LittleEndian.Uint32(body[len(body)-16+4*i:])); got != w {
			t.Errorf("element %d is %g, want %g", i, got, w)
		}
	}
	if m := do(t, "GET", g.admin+"/metrics", ""); !strings.Contains(m.body, `andiron_guard_flushed_elements_total{model="toy"} 1`) {
		t.Error("the flushed element is not counted")
	}
}

// TestShadowNormalizes: in shadow a model gets what it was made for, unless that
// cannot be done.
func TestShadowNormalizes(t *testing.T) {
	s := serve(t, logits(1, 2))
	schema := strings.Replace(changing, "tiny: flush", "range: [0, 1]", 1) + "on_violation: {mode: shadow}\n"
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": schema})
	for _, body := range []string{strings.Replace(goodJSON, "0.25", "7", 1), strings.Replace(goodJSON, "[1,4]", "[4,1]", 1)} {
		if r := post(t, g.url+"/v2/models/toy/infer", body); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	last := func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b[len(b)-4:])) }
	if all := s.requests(); last(all[0].body) != 2 || last(all[1].body) != 1 {
		t.Errorf("the server got %g and %g", last(all[0].body), last(all[1].body))
	}
}

func TestDrift(t *testing.T) {
	s := serve(t, logits(1, 2))
	schema := strings.Replace(toySchema, "range: [0, 1]}", "range: [0, 1], drift: {edges: [0.5], shares: [0.5, 0.5], psi: 0.2, window: 3}}", 1)
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": schema})
	for range 3 {
		if r := post(t, g.url+"/v2/models/toy/infer", strings.Replace(goodJSON, "[0,0.25,0.5,1]", "[0,0,0,0]", 1)); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if !strings.Contains(g.log.String(), "a window is unlike the baseline") {
		t.Errorf("no alert:\n%s", g.log)
	}
	h := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": strings.Replace(schema, "window: 3", "window: 3, action: reject", 1)})
	for _, want := range []int{200, 200, 400, 200} {
		if r := post(t, h.url+"/v2/models/toy/infer", strings.Replace(goodJSON, "[0,0.25,0.5,1]", "[0,0,0,0]", 1)); r.status != want {
			t.Errorf("with action: reject: %d %s, want %d", r.status, r.body, want)
		}
	}
	if m := do(t, "GET", g.admin+"/metrics", ""); !strings.Contains(m.body, `andiron_guard_drift_alerts_total{model="toy"} 1`) {
		t.Error("the alert is not counted")
	}
}

func TestSharedMemory(t *testing.T) {
	s := serve(t, logits(1, 2))
	body := `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":16}}]}`
	g := start(t, Config{Backend: s.URL}, nil)
	if r := post(t, g.url+"/v2/models/toy/infer", body); r.status != 400 || r.code(t) != "AW-MEMORY" {
		t.Errorf("%d %s", r.status, r.body)
	}
	h := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": toySchema + "  shared_memory: allow_unseen\n"})
	if r := post(t, h.url+"/v2/models/toy/infer", body); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	// Its shape can be seen.
	if r := post(t, h.url+"/v2/models/toy/infer", strings.Replace(body, "[1,4]", "[1,5]", 1)); r.status != 400 || r.code(t) != "AT-SHAPE" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if a := s.only(t); !strings.Contains(string(a.body), "shared_memory_region") {
		t.Errorf("the server got %s", a.body)
	}
}

func TestRaw(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": toySchema + "  raw_binary: allow\n"})
	r := post(t, g.url+"/v2/models/toy/infer", string(floats(0, 0.25, 0.5, 1)), "Inference-Header-Content-Length", "0")
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if a := s.only(t); a.header.Get("Inference-Header-Content-Length") == "0" || !strings.Contains(string(a.body), `"shape":[1,4]`) {
		t.Errorf("the server got %s, %v", a.body, a.header)
	}
	if r := post(t, g.url+"/v2/models/toy/infer", string(floats(0, 0.25, 0.5, 9)), "Inference-Header-Content-Length", "0"); r.status != 400 || r.code(t) != "AT-RANGE" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestV1(t *testing.T) {
	s := serve(t, asSaid(`{"predictions":[[1,2],[3,4]]}`))
	g := start(t, Config{Backend: s.URL}, nil)
	r := post(t, g.url+"/v1/models/toy:predict", `{"instances":[[0,0.25,0.5,1],[1,1,1,1]]}`)
	if r.status != 200 || !strings.Contains(r.body, "predictions") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if a := s.only(t); a.path != "/v1/models/toy:predict" || string(a.body) != `{"instances":[[0.0,0.25,0.5,1.0],[1.0,1.0,1.0,1.0]]}` {
		t.Errorf("the server got %s %s", a.path, a.body)
	}
	for body, code := range map[string]string{
		`{"instances":[[0,0.25,0.5,2]]}`:                  "AT-RANGE",
		`{"instances":[[0,0.25,0.5]]}`:                    "AT-SHAPE",
		`{"instances":[[0,0,0,0]],"instances":[[9,9,9]]}`: "AW-DUPLICATE",
		`{"instances":[[0,0,0,0]],"more":1}`:              "AW-MEMBER",
		`{"instances":[[0,0,0,"x"]]}`:                     "AW-TYPE",
	} {
		if r := post(t, g.url+"/v1/models/toy:predict", body); r.status != 400 || r.code(t) != code {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, code)
		}
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestV1Rows: an answer with another number of rows than the request is not let
// through.
func TestV1Rows(t *testing.T) {
	s := serve(t, asSaid(`{"predictions":[[1,2],[3,4]]}`))
	g := start(t, Config{Backend: s.URL}, nil)
	if r := post(t, g.url+"/v1/models/toy:predict", `{"instances":[[0,0.25,0.5,1]]}`); r.status != 502 || r.code(t) != codeOutput {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestTorchServe(t *testing.T) {
	s := serve(t, asSaid(`[[1,2]]`))
	g := start(t, Config{Backend: s.URL}, nil)
	r := post(t, g.url+"/predictions/toy/1.0", `{"data":[[0,0.25,0.5,1]]}`, "Content-Type", "application/json")
	if r.status != 200 || r.body != `[[1.0,2.0]]` {
		t.Errorf("%d %s", r.status, r.body)
	}
	if a := s.only(t); a.path != "/predictions/toy/1.0" || string(a.body) != `{"data":[[0.0,0.25,0.5,1.0]]}` {
		t.Errorf("the server got %s %s", a.path, a.body)
	}
	if r := post(t, g.url+"/predictions/toy", `{"data":[[0,0.25,0.5,NaN]]}`); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, path := range []string{"/models", "/models?url=http://models.example/x.mar", "/models/toy", "/workflows", "/explanations/toy", "/metrics"} {
		if r := post(t, g.url+path, "{}"); r.status != 404 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

const tokenSchema = `andiron: tensor/v1
model: llm
dims: {S: 1..16}
inputs:
  input_ids: {dtype: int64, shape: [S], vocabulary: 1000}
wire: {accept: [openai], parameters: [max_tokens, temperature]}
`

func TestPrompt(t *testing.T) {
	s := serve(t, asSaid(`{"id":"c","object":"text_completion","choices":[{"text":"x"}]}`))
	g := start(t, Config{Backend: s.URL}, map[string]string{"llm.yaml": tokenSchema, "toy.yaml": toySchema})
	r := post(t, g.url+"/v1/completions", `{"model":"llm","prompt":[[1,2,999],[5]],"max_tokens":16}`)
	if r.status != 200 || !strings.Contains(r.body, "text_completion") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if a := s.only(t); a.path != "/v1/completions" || string(a.body) != `{"model":"llm","prompt":[[1,2,999],[5]],"max_tokens":16}` {
		t.Errorf("the server got %s %s", a.path, a.body)
	}
	for body, code := range map[string]string{
		`{"model":"llm","prompt":[1,1000]}`:                               "AT-TOKEN",
		`{"model":"llm","prompt":[[1],[-1]]}`:                             "AT-TOKEN",
		`{"model":"llm","prompt":[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9]}`:  "AT-DIM",
		`{"model":"llm","prompt":[1],"prompt_embeds":"gASVAAAA"}`:         "AW-PARAMETER",
		`{"model":"llm","prompt":[1],"logit_bias":{"5":1}}`:               "AW-PARAMETER",
		`{"model":"toy","prompt":[1]}`:                                    codeModel,
		`{"model":"llm","model":"toy","prompt":[1]}`:                      "AW-DUPLICATE",
		`{"model":"llm","input":[1]}`:                                     "AW-MEMBER",
		`{"model":"llm","prompt":[4294967301]}`:                           "AT-TOKEN",
		`{"model":"llm","prompt":[99999999999999999999999999999999999]}`:  "AW-NUMBER",
		`{"model":"llm","prompt":[1.5]}`:                                  "AW-NUMBER",
		`{"model":"llm","prompt":[1],"max_tokens":1,"max_tokens":999999}`: "AW-DUPLICATE",
	} {
		r := post(t, g.url+"/v1/completions", body)
		if r.status != 400 && r.status != 404 || !strings.Contains(r.body, `"code":"`+code+`"`) {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, code)
		}
	}
	if r := post(t, g.url+"/v1/chat/completions", `{}`); r.status != 404 {
		t.Errorf("chat: %d %s", r.status, r.body)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestTwoPromptModels: what is wrong with a request is said of the model that it
// names, not of another.
func TestTwoPromptModels(t *testing.T) {
	s := serve(t, asSaid(`{"data":[]}`))
	texts := "andiron: tensor/v1\nmodel: bert\ninputs:\n  text: {dtype: bytes, shape: [_]}\nwire: {accept: [openai]}\n"
	g := start(t, Config{Backend: s.URL}, map[string]string{"bert.yaml": texts, "llm.yaml": tokenSchema})
	for body, want := range map[string]string{
		`{"model":"llm","prompt":[1.5]}`:              `AW-NUMBER at offset 25, prompt[0]: 1.5 is no int64`,
		`{"prompt":[1],"max_tokens":0,"model":"llm"}`: `parameter \"max_tokens\" is outside of 1 to 1073741824`,
		`{"model":"bert","prompt":[1]}`:               `the schema has no input of integers`,
		`{"model":"other","prompt":[1]}`:              codeModel,
		`{"prompt":[1]}`:                              `member \"model\" is missing`,
	} {
		if r := post(t, g.url+"/v1/completions", body); !strings.Contains(r.body, want) {
			t.Errorf("%s: %s, want %s", body, r.body, want)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestPromptSilentNaN(t *testing.T) {
	s := serve(t, asSaid(`{"data":[{"embedding":[NaN,1]}]}`))
	g := start(t, Config{Backend: s.URL}, map[string]string{"llm.yaml": tokenSchema})
	if r := post(t, g.url+"/v1/embeddings", `{"model":"llm","input":[1]}`); r.status != 502 || !strings.Contains(r.body, codeAnswer) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestSchemasThatCannotBe(t *testing.T) {
	for name, tc := range map[string]struct{ schema, want string }{
		"no name":         {strings.Replace(toySchema, "model: toy\n", "", 1), "names no model"},
		"a path":          {strings.Replace(toySchema, "model: toy", "model: a/b", 1), "cannot be part of a path"},
		"Triton's own":    {strings.Replace(toySchema, "model: toy", "model: stats", 1), "GET /v2/models/stats is Triton's"},
		"gRPC":            {toySchema + "  forward_as: v2-grpc\n", "gRPC port"},
		"half a float":    {strings.ReplaceAll(changing, "float32", "bfloat16"), "normalize by: gateway"},
		"raw, two inputs": {strings.Replace(toySchema, "outputs:", "  z: {dtype: float32, shape: [1]}\noutputs:", 1) + "  raw_binary: allow\n", "one input"},
		"a typo":          {strings.Replace(toySchema, "range", "rnage", 1), "rnage"},
	} {
		f := &files{by: map[string]string{"toy.yaml": tc.schema}}
		_, err := New(t.Context(), Config{Listen: "127.0.0.1:0", Backend: "http://127.0.0.1:1", Schemas: []Source{{File: "toy.yaml"}}, Read: f.read})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

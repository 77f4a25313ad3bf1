package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const toySchema = `andiron: tensor/v1
model: toy
dims: {B: 1..8}
inputs:
  x: {dtype: float32, shape: [B, 4], range: [0, 1]}
outputs:
  y: {dtype: float32, shape: [B, 2]}
wire:
  accept: [v2-json, v2-binary, v2-grpc, v1-json, torchserve]
`

// files are a file system of a test.
type files struct {
	mu sync.Mutex
	by map[string]string
}

func (f *files) set(name, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by[name] = text
}

func (f *files) read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, ok := f.by[name]
	if !ok {
		return nil, os.ErrNotExist
	}
	return []byte(text), nil
}

// lines takes the log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fixture is a gateway in front of a server that a test made.
type fixture struct {
	*Gateway
	url, admin string
	files      *files
	log        *lines
	stop       context.CancelFunc
	done       chan error
}

// start starts a gateway. Zero fields of c are those of the toy model.
func start(t *testing.T, c Config, schemas map[string]string) *fixture {
	t.Helper()
	f := &fixture{files: &files{by: map[string]string{}}, log: &lines{}, done: make(chan error, 1)}
	maps.Copy(f.files.by, schemas)
	if len(schemas) == 0 {
		f.files.by["toy.yaml"] = toySchema
	}
	if c.Read == nil {
		c.Read = f.files.read
	}
	if c.Schemas == nil {
		for name := range f.files.by {
			if strings.HasSuffix(name, ".yaml") {
				c.Schemas = append(c.Schemas, Source{File: name})
			}
		}
	}
	c.Listen, c.Admin = "127.0.0.1:0", "127.0.0.1:0"
	c.Log = jsonLog(f.log)
	g, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.Gateway, f.stop = g, cancel
	f.url, f.admin = "http://"+g.Addr().String(), "http://"+g.AdminAddr().String()
	go func() { f.done <- g.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-f.done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		f.done <- nil
		// What was taken was given back.
		for name, b := range map[string]*budget{"slots": g.slots, "memory": g.memory, "answers": g.answers, "streams": g.streams} {
			if n := b.used.Load(); n != 0 {
				t.Errorf("%d of %s are still held", n, name)
			}
		}
		if len(g.shares.by) != 0 {
			t.Errorf("shares are still held: %v", g.shares.by)
		}
	})
	return f
}

// asked is what a server saw of a request.
type asked struct {
	method, path string
	header       http.Header
	body         []byte
}

// server is a model server of a test: it keeps what it was asked and answers by f.
type server struct {
	*httptest.Server
	mu  sync.Mutex
	all []asked
}

func serve(t *testing.T, f func(w http.ResponseWriter, a asked)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		a := asked{r.Method, r.RequestURI, r.Header, body}
		s.mu.Lock()
		s.all = append(s.all, a)
		s.mu.Unlock()
		f(w, a)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func (s *server) only(t *testing.T) asked {
	t.Helper()
	all := s.requests()
	if len(all) != 1 {
		t.Fatalf("the server was asked %d times", len(all))
	}
	return all[0]
}

// logits answers in the form that was asked for, with two numbers for each row.
func logits(values ...float32) func(http.ResponseWriter, asked) {
	return func(w http.ResponseWriter, a asked) {
		var req struct {
			Parameters struct {
				Binary bool `json:"binary_data_output"`
			} `json:"parameters"`
			ID string `json:"id"`
		}
		head := a.body
		if n, err := strconv.Atoi(a.header.Get("Inference-Header-Content-Length")); err == nil {
			head = head[:n]
		}
		if err := json.Unmarshal(head, &req); err != nil {
			http.Error(w, "secret: "+err.Error(), http.StatusBadRequest)
			return
		}
		shape := []int{len(values) / 2, 2}
		if !req.Parameters.Binary {
			_ = json.NewEncoder(w).Encode(map[string]any{
				"model_name": "toy", "model_version": "1", "id": req.ID,
				"outputs": []any{map[string]any{"name": "y", "datatype": "FP32", "shape": shape, "data": values}},
			})
			return
		}
		h, _ := json.Marshal(map[string]any{
			"model_name": "toy", "model_version": "1",
			"outputs": []any{map[string]any{"name": "y", "datatype": "FP32", "shape": shape, "parameters": map[string]any{"binary_data_size": 4 * len(values)}}},
		})
		w.Header().Set("Inference-Header-Content-Length", strconv.Itoa(len(h)))
		_, _ = w.Write(append(h, floats(values...)...))
	}
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// result is an answer that a client got.
type result struct {
	status int
	header http.Header
	body   string
}

func (r result) code(t *testing.T) string {
	t.Helper()
	var e struct {
		Error string `json:"error"`
		Code  string `json:"code"`
	}
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || e.Error == "" || e.Code == "" {
		t.Fatalf("status %d: no error of ours: %q", r.status, r.body)
	}
	return e.Code
}

func do(t *testing.T, method, url string, body string, header ...string) result {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return result{res.StatusCode, res.Header, string(b)}
}

func post(t *testing.T, url, body string, header ...string) result {
	t.Helper()
	return do(t, http.MethodPost, url, body, header...)
}

const goodJSON = `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[0,0.25,0.5,1]}]}`

func TestInferJSON(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	r := post(t, g.url+"/v2/models/toy/infer", ` { "id":"a1", "inputs" : [ {"datatype":"FP32","name":"x","shape":[1,4],"data":[[0,0.25,5e-1,1.0]]} ] } `,
		"Content-Type", "application/json", "X-Evil", "1", "Cookie", "a=b", "Authorization", "Bearer x")
	if r.status != 200 || !strings.Contains(r.body, `"data":[1.0,2.0]`) || !strings.Contains(r.body, `"id":"a1"`) {
		t.Fatalf("%d %s", r.status, r.body)
	}
	a := s.only(t)
	if a.path != "/v2/models/toy/infer" || a.method != http.MethodPost {
		t.Errorf("asked %s %s", a.method, a.path)
	}
	if want := `{"id":"a1","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[0.0,0.25,0.5,1.0]}]}`; string(a.body) != want {
		t.Errorf("the server got %s, want %s", a.body, want)
	}
	want := []string{"Accept-Encoding", "Content-Length", "Content-Type", "Traceparent", "User-Agent"}
	for name := range a.header {
		if !strings.Contains(strings.Join(want, " "), name) {
			t.Errorf("the server got the header %s", name)
		}
	}
}

// binaryRequest is a request with the binary extension.
func binaryRequest(head string, data []byte) (body string, length string) {
	return head + string(data), strconv.Itoa(len(head))
}

func TestInferBinary(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	data := floats(0, 0.25, 0.5, 1)
	body, n := binaryRequest(`{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}`, data)
	r := post(t, g.url+"/v2/models/toy/versions/1/infer", body, "Inference-Header-Content-Length", n)
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h, err := strconv.Atoi(r.header.Get("Inference-Header-Content-Length"))
	if err != nil || h >= len(r.body) || r.body[h:] != string(floats(1, 2)) {
		t.Errorf("the client got %q, header %d", r.body, h)
	}
	a := s.only(t)
	if a.path != "/v2/models/toy/versions/1/infer" || !bytes.HasSuffix(a.body, data) {
		t.Errorf("asked %s %q", a.path, a.body)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Body: 1 << 20}}, nil)
	infer := "/v2/models/toy/infer"
	for _, tc := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
	}{
		{"range", "POST", infer, strings.Replace(goodJSON, "0.25", "254.75", 1), nil, 400, "AT-RANGE"},
		{"shape", "POST", infer, strings.Replace(goodJSON, "[1,4]", "[4,1]", 1), nil, 400, "AT-SHAPE"},
		{"name", "POST", infer, strings.Replace(goodJSON, `"x"`, `"X"`, 1), nil, 400, "AT-UNKNOWN"},
		{"nan", "POST", infer, strings.Replace(goodJSON, "0.25", "NaN", 1), nil, 400, "AW-NUMBER"},
		{"twice", "POST", infer, strings.Replace(goodJSON, `"data"`, `"data":[9,9,9,9],"data"`, 1), nil, 400, "AW-DUPLICATE"},
		{"case", "POST", infer, strings.Replace(goodJSON, `"data"`, `"Data"`, 1), nil, 400, "AW-MEMBER"},
		{"empty", "POST", infer, "", nil, 400, codeLength},
		{"large", "POST", infer, strings.Repeat(" ", 1<<20+1), nil, 413, codeLarge},
		{"form", "POST", infer, goodJSON, []string{"Content-Type", "text/plain"}, 415, codeType},
		{"gzip", "POST", infer, goodJSON, []string{"Content-Encoding", "gzip"}, 415, codeEncoding},
		{"brotli", "POST", infer, goodJSON, []string{"Content-Encoding", "br"}, 415, codeEncoding},
		{"header twice", "POST", infer, goodJSON, []string{"Inference-Header-Content-Length", "5", "Inference-Header-Content-Length", "5"}, 400, codeHeader},
		{"header sign", "POST", infer, goodJSON, []string{"Inference-Header-Content-Length", "+5"}, 400, codeHeader},
		{"header list", "POST", infer, goodJSON, []string{"Inference-Header-Content-Length", "5, 5"}, 400, codeHeader},
		{"header beyond", "POST", infer, goodJSON, []string{"Inference-Header-Content-Length", "500"}, 400, "AW-SIZE"},
		{"raw", "POST", infer, goodJSON, []string{"Inference-Header-Content-Length", "0"}, 400, codeHeader},
		{"method", "GET", infer, "", nil, 405, codeMethod},
		{"other model", "POST", "/v2/models/other/infer", goodJSON, nil, 404, codeModel},
		{"repository", "POST", "/v2/repository/index", "{}", nil, 404, codePath},
		{"load", "POST", "/v2/repository/models/toy/load", "{}", nil, 404, codePath},
		{"shared memory", "POST", "/v2/systemsharedmemory/region/x/register", "{}", nil, 404, codePath},
		{"cuda memory", "GET", "/v2/cudasharedmemory/status", "", nil, 404, codePath},
		{"logging", "POST", "/v2/logging", "{}", nil, 404, codePath},
		{"trace", "GET", "/v2/trace/setting", "", nil, 404, codePath},
		{"generate", "POST", "/v2/models/toy/generate", "{}", nil, 404, codePath},
		{"config", "GET", "/v2/models/toy/config", "", nil, 404, codePath},
		{"stats", "GET", "/v2/models/toy/stats", "", nil, 404, codePath},
		{"management", "GET", "/models", "", nil, 404, codePath},
		{"metrics", "GET", "/metrics", "", nil, 404, codePath},
		{"root", "GET", "/", "", nil, 404, codePath},
		{"query", "POST", infer + "?x=1", goodJSON, nil, 404, codePath},
		{"slash", "POST", infer + "/", goodJSON, nil, 404, codePath},
		{"escape", "POST", "/v2/models/%74oy/infer", goodJSON, nil, 404, codePath},
	} {
		r := do(t, tc.method, g.url+tc.path, tc.body, tc.header...)
		if code := r.code(t); r.status != tc.status || code != tc.code {
			t.Errorf("%s: %d %s, want %d %s: %s", tc.name, r.status, code, tc.status, tc.code, r.body)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
	if log := g.log.String(); strings.Contains(log, "254.75") || !strings.Contains(log, "AT-RANGE") {
		t.Errorf("the log has a number of a tensor, or no code:\n%s", log)
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, asked)
		status int
		code   string
	}{
		{"infinite", func(w http.ResponseWriter, _ asked) {
			_, _ = io.WriteString(w, `{"model_name":"toy","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,NaN]}]}`)
		}, 502, codeAnswer},
		{"rows", logits(1, 2, 3, 4), 502, codeOutput},
		{"unknown output", func(w http.ResponseWriter, _ asked) {
			_, _ = io.WriteString(w, `{"model_name":"toy","outputs":[{"name":"z","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`)
		}, 502, codeOutput},
		{"error", func(w http.ResponseWriter, _ asked) {
			http.Error(w, "secret region 17", http.StatusInternalServerError)
		}, 502, codeBackend},
		{"bad request", func(w http.ResponseWriter, _ asked) { http.Error(w, "secret path /models", http.StatusBadRequest) }, 400, codeRefused},
		{"not found", func(w http.ResponseWriter, _ asked) { http.Error(w, "secret version", http.StatusNotFound) }, 404, codeModel},
		{"busy", func(w http.ResponseWriter, _ asked) { http.Error(w, "secret", http.StatusServiceUnavailable) }, 503, codeBackend},
		{"denied", func(w http.ResponseWriter, _ asked) { http.Error(w, "secret", http.StatusUnauthorized) }, 502, codeBackend},
		{"html", func(w http.ResponseWriter, _ asked) { _, _ = io.WriteString(w, "<html>secret") }, 502, codeAnswer},
		{"nothing", func(http.ResponseWriter, asked) { panic(http.ErrAbortHandler) }, 502, codeBackend},
		{"large", func(w http.ResponseWriter, _ asked) {
			w.Header().Set("Content-Length", strconv.Itoa(2<<20))
			_, _ = w.Write(make([]byte, 2<<20))
		}, 502, codeAnswer},
		{"large without a length", func(w http.ResponseWriter, _ asked) {
			for range 40 {
				_, _ = w.Write(make([]byte, 64<<10))
			}
		}, 502, codeAnswer},
		{"endless header", func(w http.ResponseWriter, _ asked) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1<<10))
			}
		}, 502, codeBackend},
		{"encoded", func(w http.ResponseWriter, _ asked) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, `{}`)
		}, 502, codeAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.answer)
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
			g := start(t, Config{Backend: s.URL, Limits: Limits{Body: 1 << 20}}, nil)
			r := post(t, g.url+"/v2/models/toy/infer", goodJSON)
			if code := r.code(t); r.status != tc.status || code != tc.code || strings.Contains(r.body, "secret") {
				t.Errorf("%d %s, want %d %s: %s", r.status, code, tc.status, tc.code, r.body)
			}
		})
	}
}

// TestPoisoned has a binary NaN, which JSON cannot carry.
func TestPoisoned(t *testing.T) {
	s := serve(t, logits(1, float32(math.NaN())))
	schema := toySchema + "  forward_as: v2-binary\n"
	g := start(t, Config{Backend: s.URL}, map[string]string{"toy.yaml": schema})
	r := post(t, g.url+"/v2/models/toy/infer", goodJSON)
	if code := r.code(t); r.status != 502 || code != codeOutput {
		t.Errorf("%d %s", r.status, r.body)
	}
	if a := s.only(t); a.header.Get("Inference-Header-Content-Length") == "" || !bytes.HasSuffix(a.body, floats(0, 0.25, 0.5, 1)) {
		t.Errorf("the server got %q", a.body)
	}
	if m := do(t, "GET", g.admin+"/metrics", ""); !strings.Contains(m.body, `andiron_guard_violations_total{model="toy",group="outputs",mode="enforce",code="AT-NAN"} 1`) {
		t.Errorf("metrics:\n%s", m.body)
	}
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 2000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s did not happen", what)
}

func jsonLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// wireMessage is a message of protobuf that is made by hand.
type wireMessage []byte

func (m wireMessage) text(n protowire.Number, s string) wireMessage {
	return protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), s)
}

func (m wireMessage) bytes(n protowire.Number, b []byte) wireMessage {
	return protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), b)
}

func (m wireMessage) packed(n protowire.Number, values ...uint64) wireMessage {
	var b []byte
	for _, v := range values {
		b = protowire.AppendVarint(b, v)
	}
	return m.bytes(n, b)
}

func inferMessage(model, id string, values ...float32) wireMessage {
	in := wireMessage(nil).text(1, "x").text(2, "FP32").packed(3, uint64(len(values)/4), 4)
	return wireMessage(nil).text(1, model).text(3, id).bytes(5, in).bytes(7, floats(values...))
}

func answerMessage(id string, values ...float32) wireMessage {
	out := wireMessage(nil).text(1, "y").text(2, "FP32").packed(3, uint64(len(values)/2), 2)
	return wireMessage(nil).text(1, "toy").text(2, "1").text(3, id).bytes(5, out).bytes(6, floats(values...))
}

func frameOf(m []byte) []byte { return append(frame(int64(len(m))), m...) }

func readFrame(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// grpcFake is a model server of a test. It answers each message of a call by f,
// which may return nothing.
type grpcFake struct {
	url string
	mu  sync.Mutex
	got [][]byte
	hdr []http.Header
}

func serveGRPC(t *testing.T, f func(path string, msg []byte) (answers [][]byte, status string)) *grpcFake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &grpcFake{url: "http://" + l.Addr().String()}
	srv := &http.Server{Protocols: &http.Protocols{}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		s.mu.Lock()
		s.hdr = append(s.hdr, r.Header)
		s.mu.Unlock()
		for {
			msg, err := readFrame(r.Body)
			if err != nil {
				break
			}
			s.mu.Lock()
			s.got = append(s.got, msg)
			s.mu.Unlock()
			answers, status := f(r.URL.Path, msg)
			for _, a := range answers {
				_, _ = w.Write(frameOf(a))
				_ = http.NewResponseController(w).Flush()
			}
			if status != "" {
				w.Header().Set(http.TrailerPrefix+"Grpc-Status", status)
				w.Header().Set(http.TrailerPrefix+"Grpc-Message", "secret region")
				return
			}
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	})}
	srv.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return s
}

func (s *grpcFake) messages() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// h2 is a client that speaks HTTP/2 without TLS.
func h2(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{Protocols: &http.Protocols{}, DisableCompression: true}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// grpcResult is what a call gave.
type grpcResult struct {
	messages        [][]byte
	status, message string
}

func call(t *testing.T, g *fixture, method string, body []byte, header ...string) grpcResult {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+method, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := h2(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var r grpcResult
	for {
		m, err := readFrame(res.Body)
		if err != nil {
			break
		}
		r.messages = append(r.messages, m)
	}
	r.status, r.message = res.Trailer.Get("Grpc-Status"), res.Trailer.Get("Grpc-Message")
	if r.status == "" {
		r.status, r.message = res.Header.Get("Grpc-Status"), res.Header.Get("Grpc-Message")
	}
	return r
}

const inferMethod = inference + "ModelInfer"

func TestGRPC(t *testing.T) {
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) { return [][]byte{answerMessage("a", 1, 2)}, "" })
	g := start(t, Config{BackendGRPC: s.url}, nil)
	sent := inferMessage("toy", "a", 0, 0.25, 0.5, 1)
	r := call(t, g, inferMethod, frameOf(sent), "X-Evil", "1", "Authorization", "x")
	if r.status != "0" || len(r.messages) != 1 || !bytes.Equal(r.messages[0], answerMessage("a", 1, 2)) {
		t.Fatalf("%+v", r)
	}
	if got := s.messages(); len(got) != 1 || !bytes.Equal(got[0], sent) {
		t.Errorf("the server got %q", got)
	}
	if h := s.hdr[0]; h.Get("X-Evil") != "" || h.Get("Authorization") != "" || h.Get("Traceparent") == "" || h.Get("Grpc-Timeout") == "" {
		t.Errorf("the server got %v", h)
	}
}

// TestGRPCByTLS asks a server by TLS.
func TestGRPCByTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = readFrame(r.Body)
		w.Header().Set("Content-Type", "application/grpc")
		_, _ = w.Write(frameOf(answerMessage("", 1, 2)))
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	g := start(t, Config{BackendGRPC: s.URL, BackendCA: "ca", Schemas: []Source{{File: "toy.yaml"}}}, map[string]string{"toy.yaml": toySchema, "ca": ca})
	if r := call(t, g, inferMethod, frameOf(inferMessage("toy", "", 0, 0, 0, 1))); r.status != "0" || len(r.messages) != 1 {
		t.Errorf("%+v", r)
	}
	g.grpc.transport.CloseIdleConnections()
}

func TestGRPCRefusals(t *testing.T) {
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) { return [][]byte{answerMessage("", 1, 2)}, "" })
	g := start(t, Config{BackendGRPC: s.url, Limits: Limits{Body: 1 << 20, Grace: 100 * time.Millisecond}}, nil)
	good := inferMessage("toy", "", 0, 0, 0, 1)
	memory := wireMessage(nil).text(1, "toy").bytes(5, wireMessage(nil).text(1, "x").text(2, "FP32").packed(3, 1, 4).
		bytes(4, wireMessage(nil).text(1, "shared_memory_region").bytes(2, wireMessage(nil).text(3, "r"))))
	compressed := frameOf(good)
	compressed[0] = 1
	for _, tc := range []struct {
		name, method string
		body         []byte
		header       []string
		status, code string
	}{
		{"range", inferMethod, frameOf(inferMessage("toy", "", 0, 0, 0, 2)), nil, "3", "AT-RANGE"},
		{"nan", inferMethod, frameOf(inferMessage("toy", "", 0, 0, 0, float32(math.NaN()))), nil, "3", "AT-NAN"},
		{"other model", inferMethod, frameOf(inferMessage("other", "", 0, 0, 0, 1)), nil, "5", codeModel},
		{"no model", inferMethod, frameOf(nil), nil, "5", codeModel},
		{"two models", inferMethod, frameOf(append(inferMessage("toy", "", 0, 0, 0, 1), wireMessage(nil).text(1, "other")...)), nil, "3", "AW-DUPLICATE"},
		{"unknown field", inferMethod, frameOf(append(slices.Clip(good), wireMessage(nil).text(99, "x")...)), nil, "3", "AW-MEMBER"},
		{"shared memory", inferMethod, frameOf(memory), nil, "3", "AW-MEMORY"},
		{"no protobuf", inferMethod, frameOf([]byte{10, 3, 't', 'o', 'y', 0xff}), nil, "3", "AW-SYNTAX"},
		{"two messages", inferMethod, append(frameOf(good), frameOf(good)...), nil, "3", codeLength},
		{"no message", inferMethod, nil, nil, "3", codeLength},
		{"half a frame", inferMethod, frameOf(good)[:20], nil, "3", codeSlow},
		{"large", inferMethod, []byte{0, 0x7f, 0xff, 0xff, 0xff}, nil, "8", codeLarge},
		{"compressed", inferMethod, compressed, nil, "12", codeEncoding},
		{"gzip", inferMethod, frameOf(good), []string{"Grpc-Encoding", "gzip"}, "12", codeEncoding},
		{"repository", inference + "RepositoryIndex", frameOf(nil), nil, "12", codePath},
		{"load", inference + "RepositoryModelLoad", frameOf(wireMessage(nil).text(2, "toy")), nil, "12", codePath},
		{"memory", inference + "SystemSharedMemoryRegister", frameOf(nil), nil, "12", codePath},
		{"config", inference + "ModelConfig", frameOf(wireMessage(nil).text(1, "toy")), nil, "12", codePath},
		{"reflection", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", frameOf(nil), nil, "12", codePath},
		{"metadata of another", inference + "ModelMetadata", frameOf(wireMessage(nil).text(1, "other")), nil, "5", codeModel},
		{"metadata with more", inference + "ModelMetadata", frameOf(wireMessage(nil).text(1, "toy").text(3, "x")), nil, "3", "AW-MEMBER"},
		{"live with more", inference + "ServerLive", frameOf(wireMessage(nil).text(1, "toy")), nil, "3", "AW-MEMBER"},
	} {
		r := call(t, g, tc.method, tc.body, tc.header...)
		if r.status != tc.status || !strings.HasPrefix(r.message, tc.code) || len(r.messages) > 0 {
			t.Errorf("%s: %+v, want %s %s", tc.name, r, tc.status, tc.code)
		}
	}
	if n := len(s.messages()); n != 0 {
		t.Errorf("the server got %d messages", n)
	}
}

func TestGRPCAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		answers [][]byte
		own     string
		status  string
		code    string
	}{
		"poisoned":     {[][]byte{answerMessage("", 1, float32(math.NaN()))}, "", "13", codeOutput},
		"refused":      {nil, "3", "3", codeRefused},
		"internal":     {nil, "13", "13", codeBackend},
		"denied":       {nil, "16", "13", codeBackend},
		"unavailable":  {nil, "14", "14", codeBackend},
		"no answer":    {nil, "", "13", codeAnswer},
		"two answers":  {[][]byte{answerMessage("", 1, 2), answerMessage("", 1, 2)}, "", "13", codeAnswer},
		"no message":   {[][]byte{{0xff}}, "", "13", codeAnswer},
		"more fields":  {[][]byte{append(answerMessage("", 1, 2), wireMessage(nil).text(77, "secret")...)}, "", "13", codeAnswer},
		"not a status": {nil, "x", "14", codeBackend},
	} {
		s := serveGRPC(t, func(string, []byte) ([][]byte, string) { return tc.answers, tc.own })
		g := start(t, Config{BackendGRPC: s.url}, nil)
		r := call(t, g, inferMethod, frameOf(inferMessage("toy", "", 0, 0, 0, 1)))
		if r.status != tc.status || !strings.HasPrefix(r.message, tc.code) || strings.Contains(r.message, "secret") {
			t.Errorf("%s: %+v, want %s %s", name, r, tc.status, tc.code)
		}
	}
}

// TestForms asks in each form of V2 and has the server asked in each.
func TestForms(t *testing.T) {
	h := serve(t, logits(1, 2))
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) { return [][]byte{answerMessage("", 1, 2)}, "" })
	data := floats(0, 0.25, 0.5, 1)
	body, n := binaryRequest(`{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}`, data)
	for _, forward := range []string{"v2-json", "v2-binary", "v2-grpc"} {
		g := start(t, Config{Backend: h.URL, BackendGRPC: s.url}, map[string]string{"toy.yaml": toySchema + "  forward_as: " + forward + "\n"})
		if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 200 || !strings.Contains(r.body, `"data":[1.0,2.0]`) {
			t.Errorf("JSON as %s: %d %s", forward, r.status, r.body)
		}
		if r := post(t, g.url+"/v2/models/toy/infer", body, "Inference-Header-Content-Length", n); r.status != 200 || !strings.HasSuffix(r.body, string(floats(1, 2))) {
			t.Errorf("binary as %s: %d %q", forward, r.status, r.body)
		}
		if r := call(t, g, inferMethod, frameOf(inferMessage("toy", "", 0, 0.25, 0.5, 1))); r.status != "0" || len(r.messages) != 1 || !bytes.HasSuffix(r.messages[0], floats(1, 2)) {
			t.Errorf("gRPC as %s: %+v", forward, r)
		}
	}
	json, binary := 0, 0
	for _, a := range h.requests() {
		if a.header.Get("Inference-Header-Content-Length") != "" && bytes.HasSuffix(a.body, data) {
			binary++
		} else if strings.HasSuffix(string(a.body), `"data":[0.0,0.25,0.5,1.0]}]}`) || strings.Contains(string(a.body), `"data":[0.0,0.25,0.5,1.0]`) {
			json++
		}
	}
	if got := s.messages(); json != 3 || binary != 3 || len(got) != 3 {
		t.Errorf("%d in JSON, %d binary, %d by gRPC", json, binary, len(got))
	}
}

// TestTyped has contents that are not raw.
func TestTyped(t *testing.T) {
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) { return [][]byte{answerMessage("", 1, 2)}, "" })
	g := start(t, Config{BackendGRPC: s.url, Limits: Limits{Body: 1 << 20, Memory: 12 << 20, Queue: time.Millisecond}}, nil)
	typed := func(rows int) []byte {
		contents := wireMessage(nil).bytes(6, make([]byte, 16*rows))
		in := wireMessage(nil).text(1, "x").text(2, "FP32").packed(3, uint64(rows), 4).bytes(5, contents)
		return frameOf(wireMessage(nil).text(1, "toy").bytes(5, in))
	}
	if r := call(t, g, inferMethod, typed(1)); r.status != "0" {
		t.Errorf("%+v", r)
	}
	// Its elements would not fit beside it.
	if r := call(t, g, inferMethod, typed(60000)); r.status != "14" || !strings.HasPrefix(r.message, codeBusy) {
		t.Errorf("%+v", r)
	}
}

func TestGRPCAbout(t *testing.T) {
	s := serveGRPC(t, func(path string, _ []byte) ([][]byte, string) {
		switch path {
		case inference + "ServerLive", inference + "ServerReady", inference + "ModelReady":
			return [][]byte{{8, 1}}, ""
		case inference + "ModelMetadata":
			return [][]byte{wireMessage(nil).text(1, "toy")}, ""
		}
		return nil, "12"
	})
	g := start(t, Config{BackendGRPC: s.url}, nil)
	named := frameOf(wireMessage(nil).text(1, "toy").text(2, "1"))
	for method, body := range map[string][]byte{"ServerLive": frameOf(nil), "ServerReady": frameOf(nil), "ModelReady": named, "ModelMetadata": named} {
		if r := call(t, g, inference+method, body); r.status != "0" || len(r.messages) != 1 {
			t.Errorf("%s: %+v", method, r)
		}
	}
	if r := call(t, g, "/grpc.health.v1.Health/Check", frameOf(nil)); r.status != "12" || strings.Contains(r.message, "secret") {
		t.Errorf("health: %+v", r)
	}
	if r := do(t, "GET", g.admin+"/readyz", ""); r.status != 200 {
		t.Errorf("ready: %d %s", r.status, r.body)
	}
}

// streamClient is a client of ModelStreamInfer.
type streamClient struct {
	t   *testing.T
	in  *io.PipeWriter
	res *http.Response
}

func stream1(t *testing.T, g *fixture, first []byte) *streamClient {
	t.Helper()
	out, in := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+inference+"ModelStreamInfer", out)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	go func() { _, _ = in.Write(first) }()
	res, err := h2(t).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &streamClient{t, in, res}
}

// next is the text of an error and the answer in the next message.
func (c *streamClient) next() (fault string, answer []byte) {
	c.t.Helper()
	m, err := readFrame(c.res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	for len(m) > 0 {
		num, _, n := protowire.ConsumeTag(m)
		b, k := protowire.ConsumeBytes(m[n:])
		if k < 0 {
			c.t.Fatalf("%q", m)
		}
		if num == 1 {
			fault = string(b)
		} else {
			answer = b
		}
		m = m[n+k:]
	}
	return fault, answer
}

func TestStream(t *testing.T) {
	n := 0
	s := serveGRPC(t, func(_ string, _ []byte) ([][]byte, string) {
		n++
		switch n {
		case 2:
			return [][]byte{wireMessage(nil).text(1, "secret region 5")}, ""
		case 3: // two answers, one of them poisoned
			return [][]byte{wireMessage(nil).bytes(2, answerMessage("c", 1, float32(math.Inf(1)))), wireMessage(nil).bytes(2, answerMessage("c", 3, 4))}, ""
		}
		return [][]byte{wireMessage(nil).bytes(2, answerMessage(strconv.Itoa(n), 1, 2))}, ""
	})
	g := start(t, Config{BackendGRPC: s.url}, nil)
	c := stream1(t, g, frameOf(inferMessage("toy", "1", 0, 0, 0, 1)))
	if fault, answer := c.next(); fault != "" || !bytes.Equal(answer, answerMessage("1", 1, 2)) {
		t.Errorf("%q %q", fault, answer)
	}
	// A request that is refused does not end the stream.
	_, _ = c.in.Write(frameOf(inferMessage("toy", "bad", 0, 0, 0, 7)))
	if fault, answer := c.next(); !strings.HasPrefix(fault, "AT-RANGE") || !bytes.Contains(answer, []byte("bad")) {
		t.Errorf("%q %q", fault, answer)
	}
	_, _ = c.in.Write(frameOf(inferMessage("other", "bad", 0, 0, 0, 1)))
	if fault, _ := c.next(); !strings.HasPrefix(fault, codeModel) {
		t.Errorf("%q", fault)
	}
	_, _ = c.in.Write(frameOf(inferMessage("toy", "b", 0, 0, 0, 1)))
	if fault, _ := c.next(); !strings.HasPrefix(fault, codeRefused) || strings.Contains(fault, "secret") {
		t.Errorf("%q", fault)
	}
	_, _ = c.in.Write(frameOf(inferMessage("toy", "c", 0, 0, 0, 1)))
	if fault, _ := c.next(); !strings.HasPrefix(fault, codeOutput) {
		t.Errorf("%q", fault)
	}
	if fault, answer := c.next(); fault != "" || !bytes.Equal(answer, answerMessage("c", 3, 4)) {
		t.Errorf("%q %q", fault, answer)
	}
	_ = c.in.Close()
	if _, err := readFrame(c.res.Body); !errors.Is(err, io.EOF) || c.res.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("%v %v", err, c.res.Trailer)
	}
	if got := len(s.messages()); got != 3 {
		t.Errorf("the server got %d messages", got)
	}
}

// TestStreamBroken ends a stream whose frames are no frames.
func TestStreamBroken(t *testing.T) {
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) {
		return [][]byte{wireMessage(nil).bytes(2, answerMessage("", 1, 2))}, ""
	})
	g := start(t, Config{BackendGRPC: s.url}, nil)
	c := stream1(t, g, frameOf(inferMessage("toy", "1", 0, 0, 0, 1)))
	c.next()
	_, _ = c.in.Write([]byte{7, 0, 0, 0, 1, 1})
	if _, err := readFrame(c.res.Body); err == nil || c.res.Trailer.Get("Grpc-Status") != "3" || !strings.HasPrefix(c.res.Trailer.Get("Grpc-Message"), codeLength) {
		t.Errorf("%v %v", err, c.res.Trailer)
	}
	_ = c.in.Close()
}

// TestBareStream has the streams of MLServer, which have no place for a fault: it
// ends them.
func TestBareStream(t *testing.T) {
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) { return [][]byte{answerMessage("1", 1, 2)}, "" })
	g := start(t, Config{BackendGRPC: s.url, BareStreams: true}, nil)
	c := stream1(t, g, frameOf(inferMessage("toy", "1", 0, 0, 0, 1)))
	if m, err := readFrame(c.res.Body); err != nil || !bytes.Equal(m, answerMessage("1", 1, 2)) {
		t.Errorf("%q %v", m, err)
	}
	_, _ = c.in.Write(frameOf(inferMessage("toy", "2", 0, 0, 0, 7)))
	if _, err := readFrame(c.res.Body); err == nil || c.res.Trailer.Get("Grpc-Status") != "3" || !strings.HasPrefix(c.res.Trailer.Get("Grpc-Message"), "AT-RANGE") {
		t.Errorf("%v %v", err, c.res.Trailer)
	}
	_ = c.in.Close()
}

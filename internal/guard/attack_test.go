package guard

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wire sends bytes as they are, and returns all that comes back until the gateway
// closes the connection.
func wire(t *testing.T, g *fixture, parts ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for _, p := range parts {
		if _, err := io.WriteString(c, p); err != nil {
			break // it has answered and closed already
		}
	}
	b, _ := io.ReadAll(c) // a reset is an end as well
	return string(b)
}

// request is a good request with another line, and more headers.
func request(line string, header ...string) string {
	h := strings.Join(append([]string{line, "Host: h", "Connection: close"}, header...), "\r\n")
	return h + "\r\n\r\n"
}

const inferLine = "POST /v2/models/toy/infer HTTP/1.1"

// TestFraming replays what makes two readers of HTTP see different requests.
func TestFraming(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	n := fmt.Sprintf("Content-Length: %d", len(goodJSON))
	inner := "GET /v2/repository/index HTTP/1.1\r\nHost: h\r\n\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(goodJSON), goodJSON)
	for name, tc := range map[string]struct{ sent, want string }{
		"both lengths":       {request(inferLine, n, "Transfer-Encoding: chunked") + chunked + inner, "411 "},
		"both, other order":  {request(inferLine, "Transfer-Encoding: chunked", n) + chunked + inner, "411 "},
		"chunked":            {request(inferLine, "Transfer-Encoding: chunked") + chunked, "411 "},
		"small chunks":       {request(inferLine, "Transfer-Encoding: chunked") + strings.Repeat("1\r\n \r\n", 70000) + "0\r\n\r\n", "411 "},
		"unknown encoding":   {request(inferLine, "Transfer-Encoding: xchunked", n) + goodJSON, "501 "},
		"encoding twice":     {request(inferLine, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + chunked, "501 "},
		"two lengths":        {request(inferLine, n, "Content-Length: 5") + goodJSON, "400 "},
		"length with a sign": {request(inferLine, "Content-Length: +5") + goodJSON, "400 "},
		"negative length":    {request(inferLine, "Content-Length: -5") + goodJSON, "400 "},
		"length in hex":      {request(inferLine, "Content-Length: 0x10") + goodJSON, "400 "},
		"huge length":        {request(inferLine, "Content-Length: 99999999999999999999") + goodJSON, "400 "},
		"4 GiB":              {request(inferLine, "Content-Length: 4294967296") + goodJSON, "413 "},
		"space before colon": {request(inferLine, "Content-Length : 5", n) + goodJSON, "400 "},
		"folded header":      {request(inferLine, n, "X-A: b\r\n c") + goodJSON, ""},
		"zero in a header":   {request(inferLine, n, "X-A: b\x00") + goodJSON, "400 "},
		"no host":            {inferLine + "\r\n" + n + "\r\n\r\n" + goodJSON, "400 "},
		"two hosts":          {request(inferLine, "Host: g", n) + goodJSON, "400 "},
		"long header":        {request(inferLine, n, "X-A: "+strings.Repeat("a", 40<<10)) + goodJSON, "431 "},
		"two content types":  {request(inferLine, n, "Content-Type: application/json", "Content-Type: application/json") + goodJSON, "400 "},
		"absolute":           {request("POST http://h/v2/models/toy/infer HTTP/1.1", n) + goodJSON, "404 "},
		"asterisk":           {request("OPTIONS * HTTP/1.1"), "404 "},
		"connect":            {request("CONNECT /v2/models/toy/infer HTTP/1.1", n) + goodJSON, ""},
		"HTTP/3.0":           {request("POST /v2/models/toy/infer HTTP/3.0", n) + goodJSON, "505 "},
		"upgrade":            {request(inferLine, n, "Upgrade: h2c", "HTTP2-Settings: AAMAAABk") + goodJSON, "200 "},
		"only digits":        {request(inferLine, n, "Inference-Header-Content-Length: 12abc") + goodJSON, "400 "},
		"past the end":       {request(inferLine, n, "Inference-Header-Content-Length: 18446744073709551617") + goodJSON, "400 "},
		"short body":         {request(inferLine, "Content-Length: 5000"), ""},
	} {
		// A client that waits for an answer with a body that is not whole is cut off
		// by another test; here it hangs up.
		if name == "short body" {
			c, err := net.Dial("tcp", g.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, tc.sent)
			_ = c.(*net.TCPConn).CloseWrite()
			b, _ := io.ReadAll(c)
			_ = c.Close()
			if strings.Contains(string(b), " 200 ") {
				t.Errorf("%s: %q", name, b)
			}
			continue
		}
		got := wire(t, g, tc.sent)
		if tc.want != "" && !strings.HasPrefix(got, "HTTP/1.1 "+tc.want) || tc.want == "" && strings.Contains(got, " 200 OK") && name != "folded header" {
			t.Errorf("%s: %.200q, want %s", name, got, tc.want)
		}
		if strings.Count(got, "HTTP/1.1 ") > 1 {
			t.Errorf("%s: what followed was taken for a request: %q", name, got)
		}
	}
	for _, a := range s.requests() {
		if a.path != "/v2/models/toy/infer" || !strings.Contains(string(a.body), `"data":[0.0,0.25,0.5,1.0]`) || a.header.Get("X-A") != "" || a.header.Get("Upgrade") != "" {
			t.Errorf("the server got %s %q %v", a.path, a.body, a.header)
		}
	}
}

// TestPaths spells paths that some readers would take for others.
func TestPaths(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	for _, path := range []string{
		"//v2/models/toy/infer", "/v2//models/toy/infer", "/v2/models/toy/infer/", "/v2/models/toy/infer/..", "/./v2/models/toy/infer",
		"/v2/models/toy/../toy/infer", "/v2/models/../repository/index", "/v2/models/toy/infer/../../../../repository/index",
		"/v2/models/%2e%2e/repository/index", "/v2/models/..%2f..%2frepository/index", "/v2/models/toy%2finfer", "/v2/models/toy/infer%00",
		"/v2/models/toy/infer%0d%0aX:y", "/v2/models/toy/infer?binary=1", "/v2/models/toy/infer#x", "/v2/models/toy/infer;a=b",
		"/v2\\models\\toy\\infer", "/V2/models/toy/infer", "/v2/Models/toy/infer", "/v2/models/TOY/infer", "/v2/models/toy /infer",
		"/v2/models/toy/versions//infer", "/v2/models/toy/versions/../infer", "/v2/models/toy/versions/1/2/infer", "/v2/models//infer",
		"/v1/models/toy:predict/..", "/v1/models/..:predict", "/v1/models/toy:explain", "/predictions/../models", "/predictions/toy/1/2",
		"/v2/models/toy/infer/extra", "/v2/models/toy/load", "/v2/models/toy/unload", "/repository/index", "/api/v2/models/toy/infer",
		"/v2/models/toy/infer\t", "/v2/models/\u00e9/infer", "/" + strings.Repeat("a", 5000),
	} {
		got := wire(t, g, request("POST "+path+" HTTP/1.1", fmt.Sprintf("Content-Length: %d", len(goodJSON)))+goodJSON)
		if !strings.HasPrefix(got, "HTTP/1.1 404 ") && !strings.HasPrefix(got, "HTTP/1.1 400 ") {
			t.Errorf("%q: %.100q", path, got)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestSmuggling: the body of a refused request is no request.
func TestSmuggling(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	inner := "POST /v2/models/toy/infer HTTP/1.1\r\nHost: h\r\nContent-Length: " + strconv.Itoa(len(goodJSON)) + "\r\n\r\n" + goodJSON
	outer := "POST /v2/repository/index HTTP/1.1\r\nHost: h\r\nContent-Length: " + strconv.Itoa(len(inner)) + "\r\n\r\n"
	if got := wire(t, g, outer+inner); strings.Count(got, "HTTP/1.1 ") != 1 {
		t.Errorf("%q", got)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestSlowClients(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Header: 50 * time.Millisecond, Grace: 50 * time.Millisecond, MinRate: 1 << 20}}, nil)
	if got := wire(t, g, "POST /v2/models/toy/infer HTTP/1.1\r\nHost: h\r\nX-"); strings.Contains(got, " 200 ") {
		t.Errorf("half a header: %q", got)
	}
	got := wire(t, g, request(inferLine, "Content-Length: 500")+"{")
	if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, codeSlow) {
		t.Errorf("half a body: %q", got)
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestSlowServer: the deadline for the body is not one for the answer.
func TestSlowServer(t *testing.T) {
	answer := logits(1, 2)
	s := serve(t, func(w http.ResponseWriter, a asked) {
		time.Sleep(300 * time.Millisecond)
		answer(w, a)
	})
	g := start(t, Config{Backend: s.URL, Limits: Limits{Grace: 50 * time.Millisecond}}, nil)
	for range 2 { // and the next request of the connection has its own
		if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	h := start(t, Config{Backend: s.URL, Limits: Limits{Answer: 50 * time.Millisecond}}, nil)
	if r := post(t, h.url+"/v2/models/toy/infer", goodJSON); r.status != 504 || r.code(t) != codeTimeout {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestSlowReader has a client that does not read a large answer: it takes no place,
// and is cut off.
func TestSlowReader(t *testing.T) {
	answer := logits(make([]float32, 6<<20)...)
	s := serve(t, answer)
	schema := strings.Replace(toySchema, "y: {dtype: float32, shape: [B, 2]}", "y: {dtype: float32, shape: [_, 2]}", 1)
	g := start(t, Config{Backend: s.URL, Limits: Limits{Grace: 300 * time.Millisecond, MinRate: 1 << 40, Body: 80 << 20, Memory: 4 << 30}}, map[string]string{"toy.yaml": schema})
	body, n := binaryRequest(`{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]}`, floats(0, 0, 0, 0))
	c, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, request(inferLine, fmt.Sprintf("Content-Length: %d", len(body)), "Inference-Header-Content-Length: "+n)+body)
	if _, err := io.ReadFull(c, make([]byte, 1024)); err != nil {
		t.Fatal(err)
	}
	if n := g.slots.used.Load(); n != 0 {
		t.Errorf("%d places are held by a client that does not read", n)
	}
	eventually(t, "giving back", func() bool { return g.answers.used.Load() == 0 })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if got, _ := io.Copy(io.Discard, c); got >= 24<<20 {
		t.Errorf("a client that did not read got %d bytes", got)
	}
}

// TestAnnouncedBody: memory is taken for what came, not for what was announced.
func TestAnnouncedBody(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	c, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, request(inferLine, fmt.Sprintf("Content-Length: %d", 64<<20))+"{")
	eventually(t, "reading", func() bool { return g.memory.used.Load() > 0 })
	if n := g.memory.used.Load(); n > firstPart {
		t.Errorf("%d bytes are held for one byte", n)
	}
	_ = c.Close()
	eventually(t, "giving back", func() bool { return g.memory.used.Load() == 0 })
}

func TestConnectionLimits(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{ConnectionsClient: 2}}, nil)
	var open []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", g.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	eventually(t, "two connections", func() bool { return g.listener.open.Load() == 2 })
	third, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = third.SetDeadline(time.Now().Add(20 * time.Second))
	if b, _ := io.ReadAll(third); len(b) != 0 {
		t.Errorf("%q", b)
	}
	_ = third.Close()
	for _, c := range open {
		_ = c.Close()
	}
	eventually(t, "no connection", func() bool { return g.listener.open.Load() == 0 })
	if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRate(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Rate: 0.001, Burst: 2}}, nil)
	var got []int
	for range 3 {
		got = append(got, post(t, g.url+"/v2/models/toy/infer", goodJSON).status)
	}
	if fmt.Sprint(got) != "[200 200 429]" {
		t.Errorf("%v", got)
	}
}

// TestBusy has one place and a server that does not answer.
func TestBusy(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	answer := logits(1, 2)
	s := serve(t, func(w http.ResponseWriter, a asked) {
		begun <- true
		<-end
		answer(w, a)
	})
	g := start(t, Config{Backend: s.URL, Limits: Limits{Requests: 1, Queue: 10 * time.Millisecond}}, nil)
	first := make(chan int)
	go func() {
		res, err := http.Post(g.url+"/v2/models/toy/infer", "application/json", strings.NewReader(goodJSON))
		if err != nil {
			first <- 0
			return
		}
		_ = res.Body.Close()
		first <- res.StatusCode
	}()
	<-begun
	r := post(t, g.url+"/v2/models/toy/infer", goodJSON)
	if r.status != 503 || r.code(t) != codeBusy || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	close(end)
	if got := <-first; got != 200 {
		t.Errorf("the first got %d", got)
	}
}

// TestMemory: a body that there is no room for is refused, and not a smaller one.
func TestMemory(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Body: 1 << 20, Memory: 12 << 20, Queue: 10 * time.Millisecond}}, nil)
	if !g.memory.take(t.Context(), 5<<20) {
		t.Fatal("no memory")
	}
	if r := post(t, g.url+"/v2/models/toy/infer", goodJSON+strings.Repeat(" ", 500<<10)); r.status != 503 || r.code(t) != codeBusy {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	g.memory.give(5 << 20)
}

func packed(t *testing.T, kind string, data []byte) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if kind == "deflate" {
		w = zlib.NewWriter(&b)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCompression(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Body: 1 << 20}}, map[string]string{"toy.yaml": toySchema + "  compression: allow\n"})
	good := packed(t, "gzip", []byte(goodJSON))
	large := []byte(goodJSON + strings.Repeat(" ", 300<<10))
	for _, tc := range []struct {
		name, kind, body string
		status           int
		code             string
	}{
		{"good", "gzip", good, 200, ""},
		{"deflate", "deflate", packed(t, "deflate", []byte(goodJSON)), 200, ""},
		{"large", "gzip", packed(t, "gzip", large), 200, ""},
		{"bomb", "gzip", packed(t, "gzip", make([]byte, 64<<20)), 413, codeLarge},
		{"bomb of deflate", "deflate", packed(t, "deflate", make([]byte, 64<<20)), 413, codeLarge},
		{"cut off", "gzip", good[:len(good)-4], 400, codeEncoding},
		{"half", "gzip", good[:len(good)/2], 400, codeEncoding},
		{"two members", "gzip", good + good, 400, codeEncoding},
		{"more", "gzip", good + "x", 400, codeEncoding},
		{"none", "gzip", goodJSON, 400, codeEncoding},
		{"twice", "gzip", packed(t, "gzip", []byte(good)), 400, "AW-SYNTAX"},
		{"list", "gzip, gzip", good, 415, codeEncoding},
		{"brotli", "br", good, 415, codeEncoding},
	} {
		r := post(t, g.url+"/v2/models/toy/infer", tc.body, "Content-Encoding", tc.kind)
		if r.status != tc.status || tc.code != "" && r.code(t) != tc.code {
			t.Errorf("%s: %d %s, want %d %s", tc.name, r.status, r.body, tc.status, tc.code)
		}
	}
	for _, a := range s.requests() {
		if a.header.Get("Content-Encoding") != "" || !strings.HasPrefix(string(a.body), `{"inputs"`) {
			t.Errorf("the server got %q", a.body)
		}
	}
}

// raw is a server that is written by hand.
func raw(t *testing.T, f func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				f(c, bufio.NewReader(c))
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

const toyAnswer = `{"model_name":"toy","outputs":[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`

func answerHead(n int) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", n)
}

// TestServerHangsUp has a server that closes each connection after an answer,
// without saying so.
func TestServerHangsUp(t *testing.T) {
	url := raw(t, func(c net.Conn, r *bufio.Reader) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(c, answerHead(len(toyAnswer))+toyAnswer)
	})
	g := start(t, Config{Backend: url}, nil)
	for range 50 {
		if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestServerLies has answers whose framing is wrong.
func TestServerLies(t *testing.T) {
	for name, answer := range map[string]string{
		"short":            answerHead(len(toyAnswer)+10) + toyAnswer,
		"two lengths":      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n" + toyAnswer,
		"bad chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + toyAnswer,
		"half a chunk":     fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(toyAnswer)+10, toyAnswer),
		"no HTTP":          "SSH-2.0-x\r\n",
		"switch":           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"endless interim":  strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50),
		"redirect":         "HTTP/1.1 302 Found\r\nLocation: http://models.example/\r\nContent-Length: 0\r\n\r\n",
		"lying header":     "HTTP/1.1 200 OK\r\nInference-Header-Content-Length: 99999\r\nContent-Length: 5\r\n\r\n12345",
		"no body":          "HTTP/1.1 204 No Content\r\n\r\n",
		"endless header":   "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 200),
		"two header sizes": fmt.Sprintf("HTTP/1.1 200 OK\r\nInference-Header-Content-Length: 5\r\nInference-Header-Content-Length: 6\r\nContent-Length: %d\r\n\r\n%s", len(toyAnswer), toyAnswer),
	} {
		url := raw(t, func(c net.Conn, r *bufio.Reader) {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, answer)
		})
		g := start(t, Config{Backend: url}, nil)
		if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 502 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestEarlyAnswer has a server that answers before it has read a body, which breaks
// connections through other proxies.
func TestEarlyAnswer(t *testing.T) {
	url := raw(t, func(c net.Conn, r *bufio.Reader) {
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, answerHead(len(toyAnswer))+toyAnswer)
			_, _ = io.Copy(io.Discard, req.Body)
		}
	})
	schema := strings.Replace(toySchema, "1..8", "1..100000", 1)
	g := start(t, Config{Backend: url}, map[string]string{"toy.yaml": strings.Replace(schema, "y: {dtype: float32, shape: [B, 2]}", "y: {dtype: float32, shape: [_, 2]}", 1)})
	data := make([]float32, 4*40000)
	body, n := binaryRequest(`{"inputs":[{"name":"x","shape":[40000,4],"datatype":"FP32","parameters":{"binary_data_size":640000}}]}`, floats(data...))
	for range 200 {
		if r := post(t, g.url+"/v2/models/toy/infer", body, "Inference-Header-Content-Length", n); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
}

// TestClientGoes: when the client hangs up, so does the gateway.
func TestClientGoes(t *testing.T) {
	begun, gone := make(chan bool, 1), make(chan bool, 1)
	url := raw(t, func(_ net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		begun <- true
		_, _ = io.Copy(io.Discard, r)
		gone <- true
	})
	g := start(t, Config{Backend: url}, nil)
	c, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, request(inferLine, fmt.Sprintf("Content-Length: %d", len(goodJSON)))+goodJSON)
	<-begun
	_ = c.Close()
	<-gone
	eventually(t, "giving back", func() bool { return g.slots.used.Load() == 0 })
}

func TestPanic(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	eventually(t, "listening", func() bool { return strings.Contains(g.log.String(), "gateway listens") })
	g.models.now.Store(&models{"toy": &model{name: "toy", meter: g.meter.model("toy")}})
	r := post(t, g.url+"/v2/models/toy/infer", goodJSON)
	if r.status != 500 || r.code(t) != codeInternal || strings.Contains(r.body, "nil") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

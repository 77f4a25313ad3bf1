package guard

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestReload replaces a schema, and then breaks it.
func TestReload(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Reload: 5 * time.Millisecond}, nil)
	bad := strings.Replace(goodJSON, "0.25", "7", 1)
	ask := func() int { return post(t, g.url+"/v2/models/toy/infer", bad).status }
	if got := ask(); got != 400 {
		t.Fatalf("%d", got)
	}
	g.files.set("toy.yaml", strings.Replace(toySchema, "[0, 1]", "[0, 10]", 1))
	eventually(t, "the wider range", func() bool { return ask() == 200 })
	g.files.set("toy.yaml", strings.Replace(toySchema, "[0, 1]", "[0, 1", 1))
	eventually(t, "a complaint", func() bool { return strings.Contains(g.log.String(), "those before stay in force") })
	if got := ask(); got != 200 {
		t.Errorf("%d with a broken schema", got)
	}
	if m := do(t, "GET", g.admin+"/metrics", ""); !strings.Contains(m.body, `andiron_guard_reloads_total{result="error"} 1`) {
		t.Errorf("metrics: %s", m.body)
	}
	// Asked again, it complains again: the file still is broken.
	g.Reload(t.Context())
	if n := strings.Count(g.log.String(), "those before stay in force"); n != 2 {
		t.Errorf("%d complaints", n)
	}
	g.files.set("toy.yaml", toySchema)
	g.Reload(t.Context())
	if got := ask(); got != 400 {
		t.Errorf("%d with the first schema again", got)
	}
}

// TestValuesFile has a schema whose values are in another file, which changes.
func TestValuesFile(t *testing.T) {
	s := serve(t, logits(1, 2))
	schema := strings.Replace(toySchema, "range: [0, 1]", "values: numbers.txt", 1)
	c := Config{Backend: s.URL, Reload: 5 * time.Millisecond, Schemas: []Source{{File: "toy.yaml"}}}
	f := &files{by: map[string]string{"numbers.txt": "0\n0.25\n0.5\n1\n"}}
	c.Beside = func(_, name string) ([]byte, error) { return f.read(name) }
	g := start(t, c, map[string]string{"toy.yaml": schema})
	ask := func() int { return post(t, g.url+"/v2/models/toy/infer", goodJSON).status }
	if got := ask(); got != 200 {
		t.Errorf("%d", got)
	}
	f.set("numbers.txt", "0\n1\n")
	eventually(t, "fewer values", func() bool { return ask() == 400 })
}

// TestDrain ends the gateway while a request is on its way.
func TestDrain(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	answer := logits(1, 2)
	s := serve(t, func(w http.ResponseWriter, a asked) {
		if strings.HasSuffix(a.path, "/infer") {
			begun <- true
			<-end
		}
		answer(w, a)
	})
	g := start(t, Config{Backend: s.URL, Limits: Limits{DrainDelay: 50 * time.Millisecond}, ReadyPath: ""}, nil)
	if r := do(t, "GET", g.admin+"/readyz", ""); r.status != 200 {
		t.Errorf("ready: %d %s", r.status, r.body)
	}
	got := make(chan string)
	go func() {
		res, err := http.Post(g.url+"/v2/models/toy/infer", "application/json", strings.NewReader(goodJSON))
		if err != nil {
			got <- err.Error()
			return
		}
		_ = res.Body.Close()
		got <- res.Status
	}()
	<-begun
	g.stop()
	eventually(t, "draining", func() bool { return g.draining.Load() })
	if r := do(t, "GET", g.admin+"/readyz", ""); r.status != 503 || !strings.Contains(r.body, "draining") {
		t.Errorf("ready: %d %s", r.status, r.body)
	}
	if r := do(t, "GET", g.admin+"/healthz", ""); r.status != 200 {
		t.Errorf("health: %d %s", r.status, r.body)
	}
	close(end)
	if status := <-got; status != "200 OK" {
		t.Errorf("the request got %s", status)
	}
}

// TestDrainTimeout does not wait for ever.
func TestDrainTimeout(t *testing.T) {
	begun, end := make(chan bool), make(chan bool)
	s := serve(t, func(http.ResponseWriter, asked) {
		begun <- true
		<-end
	})
	defer close(end)
	f := &files{by: map[string]string{"toy.yaml": toySchema}}
	log := &lines{}
	g, err := New(t.Context(), Config{Listen: "127.0.0.1:0", Backend: s.URL, Schemas: []Source{{File: "toy.yaml"}}, Read: f.read, Log: jsonLog(log), Limits: Limits{Drain: 20 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Serve(ctx) }()
	go func() {
		res, err := http.Post("http://"+g.Addr().String()+"/v2/models/toy/infer", "application/json", strings.NewReader(goodJSON))
		if err == nil {
			_ = res.Body.Close()
		}
	}()
	<-begun
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "did not end within") {
		t.Errorf("%v", err)
	}
}

func TestReady(t *testing.T) {
	ready := make(chan int, 1)
	ready <- 503
	s := serve(t, func(w http.ResponseWriter, a asked) {
		if a.path == "/v2/health/ready" {
			status := <-ready
			ready <- status
			w.WriteHeader(status)
		}
	})
	g := start(t, Config{Backend: s.URL, ReadyPath: "/v2/health/ready"}, nil)
	if r := do(t, "GET", g.admin+"/readyz", ""); r.status != 503 {
		t.Errorf("%d %s", r.status, r.body)
	}
	<-ready
	ready <- 200
	eventually(t, "ready", func() bool { return do(t, "GET", g.admin+"/readyz", "").status == 200 })
	if r := do(t, "GET", g.url+"/v2/health/ready", ""); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := do(t, "GET", g.url+"/v2/health/live", ""); r.status != 200 || r.body != `{"live":true}` {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestMetadata(t *testing.T) {
	s := serve(t, asSaid(`{"name":"toy","inputs":[]}`))
	g := start(t, Config{Backend: s.URL}, nil)
	for _, path := range []string{"/v2", "/v2/models/toy", "/v2/models/toy/ready", "/v2/models/toy/versions/1", "/v2/models/toy/versions/1/ready", "/v1/models/toy", "/ping"} {
		if r := do(t, "GET", g.url+path, ""); r.status != 200 || !strings.Contains(r.body, "toy") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := do(t, "GET", g.url+"/v2/models/toy", "x"); r.status != 400 {
		t.Errorf("with a body: %d %s", r.status, r.body)
	}
	h := serve(t, asSaid("<html>secret</html>"))
	g = start(t, Config{Backend: h.URL}, nil)
	if r := do(t, "GET", g.url+"/v2/models/toy", ""); r.status != 502 || strings.Contains(r.body, "secret") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.key, a.cert, a.pem = certificate(t, "authority", nil)
	return a
}

// certificate makes one that is signed by an authority, or by itself.
func certificate(t *testing.T, name string, by *authority) (*ecdsa.PrivateKey, *x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: by == nil,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	signer, parent := key, c
	if by != nil {
		signer, parent = by.key, by.cert
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return key, c, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// TestTLS asks with and without a certificate of a client, and replaces that of
// the gateway.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	key, _, cert := certificate(t, "first", ca)
	s := serve(t, logits(1, 2))
	c := Config{Backend: s.URL, TLS: TLS{Cert: "cert", Key: "key", ClientCA: "ca"}, Schemas: []Source{{File: "toy.yaml"}}}
	g := start(t, c, map[string]string{"toy.yaml": toySchema, "cert": cert, "key": keyPEM(t, key), "ca": ca.pem})
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	clientKey, _, clientPEM := certificate(t, "client", ca)
	pair, err := tls.X509KeyPair([]byte(clientPEM), []byte(keyPEM(t, clientKey)))
	if err != nil {
		t.Fatal(err)
	}
	other := newAuthority(t)
	strangerKey, _, strangerPEM := certificate(t, "stranger", other)
	stranger, err := tls.X509KeyPair([]byte(strangerPEM), []byte(keyPEM(t, strangerKey)))
	if err != nil {
		t.Fatal(err)
	}
	url := "https://" + g.Addr().String() + "/v2/models/toy/infer"
	// ask returns the name in the gateway's certificate, or nothing.
	ask := func(h2 bool, certs ...tls.Certificate) string {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certs}, ForceAttemptHTTP2: h2}
		defer tr.CloseIdleConnections()
		res, err := (&http.Client{Transport: tr}).Post(url, "application/json", strings.NewReader(goodJSON))
		if err != nil {
			return ""
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || h2 != (res.ProtoMajor == 2) {
			t.Errorf("h2 %v: %s %s", h2, res.Proto, res.Status)
		}
		return res.TLS.PeerCertificates[0].Subject.CommonName
	}
	for _, h2 := range []bool{false, true} {
		if got := ask(h2, pair); got != "first" {
			t.Errorf("h2 %v: %q", h2, got)
		}
	}
	if ask(false) != "" {
		t.Error("a client without a certificate was let in")
	}
	if ask(false, stranger) != "" {
		t.Error("a client with the certificate of another authority was let in")
	}
	if got := wire(t, g, request(inferLine, "Content-Length: 2")+"{}"); strings.Contains(got, "200") {
		t.Errorf("without TLS: %q", got)
	}
	key2, _, cert2 := certificate(t, "second", ca)
	g.files.set("cert", cert2)
	tick := func() { g.reloadCertificates(t.Context(), (*certificates).watch) }
	said := func() int { return strings.Count(g.log.String(), "those before stay in force") }
	// The key does not fit yet, which is said once for each kind of broken file, and
	// whenever somebody asks.
	for _, c := range []struct {
		cert   string
		reload func()
		said   int
	}{
		{cert2, tick, 1},
		{cert2, tick, 1},
		{"x", tick, 2},
		{"y", tick, 3},
		{"y", tick, 3},
		{cert2, tick, 4},
		{cert2, func() { g.Reload(t.Context()) }, 5},
		{cert2, tick, 5},
		{cert, tick, 5},
		{cert2, tick, 6},
	} {
		g.files.set("cert", c.cert)
		c.reload()
		if n := said(); n != c.said {
			t.Errorf("said %d times, want %d", n, c.said)
		}
	}
	if got := ask(false, pair); got != "first" {
		t.Errorf("%q", got)
	}
	g.files.set("key", keyPEM(t, key2))
	g.Reload(t.Context())
	if got := ask(false, pair); got != "second" {
		t.Errorf("%q", got)
	}
}

// TestTLSBackend asks a server by TLS.
func TestTLSBackend(t *testing.T) {
	answer := logits(1, 2)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, asked{header: r.Header, body: []byte(goodJSON)})
	}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	files := map[string]string{"toy.yaml": toySchema, "ca": ca}
	g := start(t, Config{Backend: s.URL, BackendCA: "ca", Schemas: []Source{{File: "toy.yaml"}}}, files)
	for range 3 {
		if r := post(t, g.url+"/v2/models/toy/infer", goodJSON); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	h := start(t, Config{Backend: s.URL, Schemas: []Source{{File: "toy.yaml"}}}, files)
	if r := post(t, h.url+"/v2/models/toy/infer", goodJSON); r.status != 502 || r.code(t) != codeBackend {
		t.Errorf("a server that nobody vouches for: %d %s", r.status, r.body)
	}
}

// TestTraces has a collector and a client with a trace.
func TestTraces(t *testing.T) {
	collector := serve(t, func(http.ResponseWriter, asked) {})
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Traces: Traces{Endpoint: collector.URL}}, nil)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, parent := range []string{"00-" + trace + "-00f067aa0ba902b7-01", "00-" + strings.ToUpper(trace) + "-00f067aa0ba902b7-01", "00-" + trace + "-00f067aa0ba902b7-00", "zz"} {
		if r := post(t, g.url+"/v2/models/toy/infer", goodJSON, "Traceparent", parent); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	g.stop()
	eventually(t, "sending", func() bool { return len(collector.requests()) > 0 })
	all := collector.requests()
	var body otlpBody
	if err := json.Unmarshal(all[0].body, &body); err != nil || all[0].path != "/v1/traces" {
		t.Fatalf("%s %s: %v", all[0].path, all[0].body, err)
	}
	spans := body.Resources[0].Scopes[0].Spans
	if len(spans) != 1 || spans[0].TraceID != trace || spans[0].ParentID != "00f067aa0ba902b7" || spans[0].Name != "v2-json" || spans[0].SpanID == spans[0].ParentID {
		t.Errorf("%s", all[0].body)
	}
	if got := s.requests()[0].header.Get("Traceparent"); got != "00-"+trace+"-"+spans[0].SpanID+"-01" {
		t.Errorf("the server got %s", got)
	}
	for i, want := range []bool{true, false, true, false} {
		if got := s.requests()[i].header.Get("Traceparent"); strings.Contains(got, trace) != want || len(got) != 55 {
			t.Errorf("%d: the server got %s", i, got)
		}
	}
}

func TestClientOf(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		remote string
		header []string
		want   string
	}{
		{"192.0.2.7:1", []string{"198.51.100.1"}, "192.0.2.7"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1, 10.1.1.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"[2001:db8:1:2:3::1]:1", nil, "2001:db8:1:2::"},
		{"[::ffff:192.0.2.7]:1", nil, "192.0.2.7"},
	} {
		r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{"X-Forwarded-For": tc.header}}
		if got := clientOf(r, proxies).String(); got != tc.want {
			t.Errorf("%s %v: %s, want %s", tc.remote, tc.header, got, tc.want)
		}
	}
}

// TestRatesBounded: more clients than are known share a bound.
func TestRatesBounded(t *testing.T) {
	r := newRates(Limits{Rate: 1, Burst: 1, Clients: 3}.filled())
	now := time.Now()
	allowed := 0
	for i := range 100 {
		if r.allow(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), now) {
			allowed++
		}
	}
	if allowed != 4 || len(r.by) != 3 {
		t.Errorf("%d were let in, %d are known", allowed, len(r.by))
	}
	// Those who were quiet are forgotten.
	if !r.allow(netip.AddrFrom4([4]byte{198, 51, 100, 1}), now.Add(5*time.Second)) || len(r.by) != 1 {
		t.Errorf("%d are known", len(r.by))
	}
}

func TestBuffers(t *testing.T) {
	var p buffers
	for n := 1; n < 1<<26; n += n/7 + 1 {
		class, size := classOf(n)
		if again, same := classOf(size); class != again || same != size || size < n || n > leastBuffer && size > n+n/4+1 {
			t.Fatalf("%d: class %d of %d, then %d of %d", n, class, size, again, same)
		}
	}
	b := p.get(5000)
	if len(*b) != 5000 {
		t.Errorf("%d bytes", len(*b))
	}
	p.put(b)
}

func TestShares(t *testing.T) {
	s := &shares{most: 10, by: map[netip.Addr]int64{}}
	a, b := netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{192, 0, 2, 2})
	if !s.take(a, 8) || s.take(a, 3) || !s.take(b, 3) {
		t.Error("a share is not kept")
	}
	s.give(a, 8)
	s.give(b, 3)
	if len(s.by) != 0 {
		t.Errorf("%v", s.by)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Listen: "127.0.0.1:0", Backend: "http://models.example:8000", Schemas: []Source{{File: "x"}}}
	for name, change := range map[string]func(*Config){
		"no server":     func(c *Config) { c.Backend = "" },
		"no schema":     func(c *Config) { c.Schemas = nil },
		"no key":        func(c *Config) { c.TLS.Cert = "x" },
		"no TLS":        func(c *Config) { c.TLS.ClientCA = "x" },
		"little memory": func(c *Config) { c.Limits.Memory = 100 << 20 },
		"no share":      func(c *Config) { c.Traces.Ratio = 2 },
		"NaN of them":   func(c *Config) { c.Traces.Ratio = math.NaN() },
		"no time":       func(c *Config) { c.Reload = -time.Second },
		"no path":       func(c *Config) { c.ReadyPath = "ping" },
		"two paths":     func(c *Config) { c.ReadyPath = "/ping /pong" },
		"port":          func(c *Config) { c.Backend = "http://models.example:99999" },
		"port 0":        func(c *Config) { c.BackendGRPC = "http://models.example:0" },
		"ftp":           func(c *Config) { c.Backend = "ftp://models.example" },
		"query":         func(c *Config) { c.Backend = "http://models.example/?x" },
		"user":          func(c *Config) { c.Backend = "http://user@models.example/" },
		"no host":       func(c *Config) { c.BackendGRPC = "http://:80" },
	} {
		c := good
		c.Limits = c.Limits.filled()
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

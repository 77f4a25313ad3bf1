package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// quick is a client that does not wait, and keeps what it would have waited.
func quick(slept *[]time.Duration) Options {
	return Options{Version: "v1", Sleep: func(_ context.Context, d time.Duration) error {
		*slept = append(*slept, d)
		return nil
	}, Now: func() time.Time { return time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC) }}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestGet(t *testing.T) {
	var got http.Header
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "hello")
	})
	c := New(Options{Version: "v1"})
	b, res, err := c.Get(t.Context(), Request{URL: base + "/x?token=secret", Accept: "text/plain"})
	if err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
	sum := sha256.Sum256([]byte("hello"))
	want := Response{URL: base + "/x?...", ContentType: "text/plain", ETag: `"1"`, Size: 5, SHA256: hex.EncodeToString(sum[:])}
	if *res != want {
		t.Errorf("got %+v, want %+v", *res, want)
	}
	if got.Get("User-Agent") != "andiron/v1" || got.Get("Accept") != "text/plain" || got.Get("Referer") != "" {
		t.Errorf("headers %v", got)
	}
	b, res, err = c.Get(t.Context(), Request{URL: base, ETag: res.ETag})
	if err != nil || !res.NotModified || len(b) != 0 {
		t.Errorf("%q, %+v, %v", b, res, err)
	}
}

func TestHead(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", "Thu, 26 Nov 2026 00:00:09 GMT")
		w.Header().Set("Content-Length", "1000000000000")
		if r.Method != http.MethodHead {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	res, err := New(Options{}).Head(t.Context(), Request{URL: base})
	if err != nil || !res.Modified().Equal(time.Date(2026, 11, 26, 0, 0, 9, 0, time.UTC)) || res.Size != 1e12 || res.SHA256 != "" {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		name    string
		answers []int
		after   string
		asked   int32
		waits   string
		err     string
	}{
		{"once", []int{503, 200}, "", 2, "[500ms]", ""},
		{"as it asks", []int{429, 200}, "7", 2, "[7s]", ""},
		{"a date", []int{429, 200}, "Thu, 26 Nov 2026 00:00:09 GMT", 2, "[9s]", ""},
		{"too long", []int{429, 200}, "3600", 1, "[]", "429 too many requests; it wants 1h0m0s"},
		{"four times", []int{500, 502, 503, 504}, "", 4, "[500ms 1s 2s]", "504 gateway timeout, after 4 attempts"},
		{"not for this", []int{404}, "", 1, "[]", "404 not found"},
		{"nor this", []int{204}, "", 1, "[]", "204 no content"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var n atomic.Int32
			base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tt.after)
				w.WriteHeader(tt.answers[n.Add(1)-1])
			})
			var slept []time.Duration
			_, _, err := New(quick(&slept)).Get(t.Context(), Request{URL: base})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("%v", err)
			}
			if IsNotFound(err) != strings.Contains(tt.err, "404") || !new(Response).Modified().IsZero() {
				t.Errorf("%v is not found", err)
			}
			if _, ok := errors.AsType[*StatusError](err); ok != (tt.err != "") {
				t.Errorf("%T", err)
			}
			if n.Load() != tt.asked || fmt.Sprint(slept) != tt.waits {
				t.Errorf("asked %d times, waited %v", n.Load(), slept)
			}
		})
	}
}

// What an attempt wrote that broke is void.
func TestBrokenBody(t *testing.T) {
	var n atomic.Int32
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "6")
		if n.Add(1) == 1 {
			_, _ = io.WriteString(w, "abc")
			return
		}
		_, _ = io.WriteString(w, "abcdef")
	})
	var slept []time.Duration
	var b *bytes.Buffer
	res, err := New(quick(&slept)).Stream(t.Context(), Request{URL: base}, func() (io.Writer, error) {
		b = new(bytes.Buffer)
		return b, nil
	})
	if err != nil || b.String() != "abcdef" || res.Size != 6 || len(slept) != 1 {
		t.Errorf("%v, %q, %v", err, b, slept)
	}
	full := errors.New("disk full")
	_, err = New(quick(&slept)).Stream(t.Context(), Request{URL: base}, func() (io.Writer, error) { return failing{full}, nil })
	if !errors.Is(err, full) || len(slept) != 1 {
		t.Errorf("%v, %v", err, slept)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestBodyLimits(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		case "/br":
			w.Header().Set("Content-Encoding", "br")
		case "/long":
			_, _ = w.Write(make([]byte, 101))
		case "/endless":
			for range 100 {
				_, _ = w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
			}
		}
	})
	c := New(Options{Attempts: 1})
	for _, path := range []string{"/gzip", "/long", "/endless"} {
		b, _, err := c.Get(t.Context(), Request{URL: base + path, MaxBytes: 100})
		if !errors.Is(err, bounded.ErrLimit) || b != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if b, _, err := c.Get(t.Context(), Request{URL: base + "/gzip"}); err != nil || len(b) != 1<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, _, err := c.Get(t.Context(), Request{URL: base + "/br"}); err == nil || !strings.Contains(err.Error(), `"br"`) {
		t.Errorf("%v", err)
	}
	// What is streamed is the file as it is.
	var b bytes.Buffer
	res, err := c.Stream(t.Context(), Request{URL: base + "/gzip"}, func() (io.Writer, error) { return &b, nil })
	if err != nil || !bytes.Equal(b.Bytes(), packed.Bytes()) || res.Size != int64(packed.Len()) {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

// A server that says nothing is given up, before the first byte and after it.
func TestSilence(t *testing.T) {
	for _, first := range []string{"", "a"} {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if first != "" {
				_, _ = io.WriteString(w, first)
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		})
		for _, opt := range []Options{{Attempts: 1, Idle: 20 * time.Millisecond}, {Attempts: 1}} {
			req := Request{URL: base}
			if opt.Idle == 0 {
				req.Timeout = 20 * time.Millisecond
			}
			if _, _, err := New(opt).Get(t.Context(), req); err == nil || !strings.Contains(err.Error(), "silent, or too slow") {
				t.Errorf("%v", err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := New(Options{}).Get(ctx, Request{URL: serve(t, func(http.ResponseWriter, *http.Request) {})}); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted: ") {
		t.Errorf("%v", err)
	}
}

// outside is a small world: names that a resolver of ours knows, and a server at
// 127.0.0.2, which passes for a public address.
func outside(t *testing.T, names map[string]string, h http.HandlerFunc) (world, string) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return world{
		tls:      &tls.Config{InsecureSkipVerify: true},
		resolver: &net.Resolver{PreferGo: true, Dial: nameServer(t, names)},
		public:   func(ip netip.Addr) bool { return ip == netip.MustParseAddr("127.0.0.2") || isPublic(ip) },
	}, ":" + port
}

// nameServer answers questions of DNS over a pipe, as TCP would.
func nameServer(t *testing.T, names map[string]string) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer func() { _ = far.Close() }()
			for {
				size := make([]byte, 2)
				if _, err := io.ReadFull(far, size); err != nil {
					return
				}
				b := make([]byte, int(size[0])<<8|int(size[1]))
				if _, err := io.ReadFull(far, b); err != nil {
					return
				}
				b = answerName(b, names)
				if _, err := far.Write(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)); err != nil {
					return
				}
			}
		}()
		return near, nil
	}
}

func answerName(question []byte, names map[string]string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	ip, ok := names[strings.TrimSuffix(q.Name.String(), ".")]
	switch {
	case !ok:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()},
		}}
	}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

func TestWhereAChainLeads(t *testing.T) {
	var seen []string // hosts that were asked, with credentials
	names := map[string]string{
		"public.example": "127.0.0.2", "other.example": "127.0.0.2", "inside.example": "127.0.0.1",
		"corp.example": "10.1.2.3", "metadata.example": "169.254.169.254", "mapped.example": "100.64.0.1",
	}
	w, port := outside(t, names, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		seen = append(seen, strings.Split(r.Host, ":")[0]+" "+user+password)
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	})
	near := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	})
	public := "https://public.example" + port
	to := func(from, to string) string { return from + "/?to=" + url.QueryEscape(to) }
	tests := []struct {
		url, base, err, seen string
	}{
		{public, "", "", "[public.example ]"},
		{to(public, "/x"), "", "", "[public.example  public.example ]"},
		{to("https://u:p@public.example"+port, "/x"), "", "", "[public.example up public.example up]"},
		{to("https://u:p@public.example"+port, "https://other.example"+port), "", "", "[public.example up other.example ]"},
		{to("https://u:p@public.example"+port, "https://x:y@other.example"+port), "", "", "[public.example up other.example ]"},
		{public + "/wheel", "https://u:p@public.example" + port + "/simple", "", "[public.example up]"},
		{"https://other.example" + port, "https://u:p@public.example" + port, "", "[other.example ]"},

		{to(public, "https://inside.example"+port), "", "which is not a public address", "[public.example ]"},
		{to(public, near), "", "another machine must not lead to this one", "[public.example ]"},
		{to(public, "https://localhost:1"), "", "another machine must not lead to this one", "[public.example ]"},
		{to(public, "https://[::1]:1"), "", "another machine must not lead to this one", "[public.example ]"},
		{to(public, "https://[::ffff:127.0.0.1]:1"), "", "another machine must not lead to this one", "[public.example ]"},
		{to(public, "https://10.0.0.1"), "", `"10.0.0.1" is not a public address`, "[public.example ]"},
		{to(public, "https://169.254.169.254/latest"), "", "is not a public address", "[public.example ]"},
		{to(public, "https://[64:ff9b::a00:1]/"), "", "is not a public address", "[public.example ]"},
		{to(public, "https://corp.example"), "", "10.1.2.3, which is not a public address", "[public.example ]"},
		{to(public, "https://metadata.example"), "", "169.254.169.254, which", "[public.example ]"},
		{to(public, "https://mapped.example"), "", "100.64.0.1, which", "[public.example ]"},
		{to(public, "http://public.example/"), "", "plain http is for this machine only", "[public.example ]"},
		{to(public, "file:///etc/passwd"), "", "not an http or https address", "[public.example ]"},
		{to(public, "//%zz"), "", "something that is no address", "[public.example ]"},
		{near, public, "another machine must not lead to this one", "[]"},
		{"https://10.0.0.1/", public, "is not a public address", "[]"},

		{to(near, "/x"), "", "", "[]"},
		{to(near, public), "", "an address of this machine must not lead to another", "[]"},
		{public, near, "an address of this machine must not lead to another", "[]"},
		{"http://public.example/", "", "plain http is for this machine only", "[]"},
		{"https://nowhere.example/", "", "no such host", "[]"},
		{"ftp://u:p@public.example/", "", `"ftp://public.example/" is not an http`, "[]"},
		{"https://u:secret@%zz/", "", "cannot be taken apart", "[]"},
		{"https:///x", "", "not an http or https address", "[]"},
	}
	for _, tt := range tests {
		seen = nil
		var slept []time.Duration
		c := newClient(quick(&slept).withDefaults(), w)
		_, _, err := c.Get(t.Context(), Request{URL: tt.url, Base: tt.base})
		switch {
		case tt.err == "" && err != nil, tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s from %q: %v, want %q", tt.url, tt.base, err, tt.err)
		case err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "u:")):
			t.Errorf("%s: %v", tt.url, err)
		}
		if got := fmt.Sprint(seen); got != tt.seen || len(slept) > 0 {
			t.Errorf("%s: asked %s, want %s, waited %v", tt.url, got, tt.seen, slept)
		}
	}
}

func TestRedirectsEnd(t *testing.T) {
	var n atomic.Int32
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		http.Redirect(w, r, "/", http.StatusFound)
	})
	_, _, err := New(Options{}).Get(t.Context(), Request{URL: base})
	if err == nil || !strings.Contains(err.Error(), "more than 5 redirects") || n.Load() != 6 {
		t.Errorf("%v after %d", err, n.Load())
	}
}

// A name may be in a private network only if the user says so, and even then not
// where the metadata of a cloud is. Nothing listens at these addresses, so an
// error of the dialled address is what is looked for.
func TestDialled(t *testing.T) {
	r := rules{private: []string{"corp.example"}, public: isPublic}
	tests := []struct {
		near     bool
		host, ip string
		ok       bool
	}{
		{false, "index.example", "151.101.0.223", true},
		{false, "index.example", "2a04:4e42::223", true},
		{false, "index.example", "10.0.0.1", false},
		{false, "index.example", "::ffff:10.0.0.1", false},
		{false, "index.example", "fd00::1", false},
		{false, "index.example", "fe80::1", false},
		{false, "index.example", "0.0.0.0", false},
		{false, "index.example", "255.255.255.255", false},
		{false, "index.example", "224.0.0.1", false},
		{false, "index.example", "2002:a00:1::", false},
		{false, "index.example", "127.0.0.1", false},
		{false, "corp.example", "10.0.0.1", true},
		{false, "CORP.example.", "192.168.1.1", true},
		{false, "corp.example", "127.0.0.1", false},
		{false, "corp.example", "169.254.169.254", false},
		{false, "10.0.0.1", "10.0.0.1", true}, // allow has judged it
		{true, "localhost", "127.0.0.1", true},
		{true, "localhost", "::1", true},
		{true, "localhost", "10.0.0.1", false},
		{true, "localhost", "151.101.0.223", false},
	}
	for _, tt := range tests {
		err := r.dialled(tt.near, tt.host, netip.MustParseAddr(tt.ip))
		if (err == nil) != tt.ok {
			t.Errorf("%v %s at %s: %v", tt.near, tt.host, tt.ip, err)
		}
	}
	_, reach, err := r.begin(Request{URL: "https://10.0.0.1/simple/"})
	if err != nil || reach.near {
		t.Errorf("what the user wrote: %+v, %v", reach, err)
	}
	if _, _, err := r.begin(Request{URL: "https://10.0.0.2/x", Base: "https://10.0.0.1/"}); err == nil {
		t.Error("a private address leads to another")
	}
}

// The user's proxy may be at an address that nothing else may be at.
func TestProxy(t *testing.T) {
	proxied := func(string) func(*http.Request) (*url.URL, error) {
		return func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:3128") }
	}
	if !isProxy(proxied(""), "proxy.example:3128") || isProxy(proxied(""), "proxy.example:443") || isProxy(nil, "x:1") {
		t.Error("the proxy is not known by its address")
	}
	var got string
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	}))
	defer p.Close()
	w := world{proxy: func(*http.Request) (*url.URL, error) { return url.Parse(p.URL) }}
	c := newClient(Options{Attempts: 1}.withDefaults(), w)
	if _, _, err := c.Get(t.Context(), Request{URL: "https://index.example/simple"}); err == nil || got != "CONNECT index.example:443" {
		t.Errorf("the proxy saw %q, and %v", got, err)
	}
	if _, _, err := c.Get(t.Context(), Request{URL: "https://10.0.0.1/", Base: "https://index.example"}); err == nil || !strings.Contains(err.Error(), "not a public address") {
		t.Errorf("%v", err)
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"https://index.example/", "//[::1]", "http://a@b:c@127.1/", "https://0x7f.1/", "https://[fe80::1%25eth0]/", "?x#y"} {
		f.Add(s)
	}
	r := rules{public: isPublic}
	_, chain, err := r.begin(Request{URL: "https://u:password9@index.example/simple"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to string) {
		at, err := r.next(chain, chain.base, to)
		if err != nil {
			if strings.Contains(err.Error(), "password9") && !strings.Contains(to, "password9") {
				t.Errorf("credentials in %v", err)
			}
			return
		}
		if at.Scheme != "https" || isNear(hostOf(at)) {
			t.Errorf("%q leads to %v", to, at)
		}
		if u := chain.credentials(at); u != nil && hostOf(at) != "index.example" {
			t.Errorf("%q gets the credentials", at)
		}
	})
}

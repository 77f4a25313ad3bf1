package guard

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// FuzzRoute: a path that exists has one spelling, and leads to the server as it is.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{
		"/v2/models/toy/infer", "/v2/models/toy/versions/1/infer", "/v2/health/ready", "/v1/models/toy:predict", "/predictions/toy/1.0",
		"/v1/completions", "/inference.GRPCInferenceService/ModelInfer", "/v2/models/../infer", "/v2/models/%2e/infer", "//", "", "/v2/models/toy/infer?x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		r, ok := routeOf(uri)
		if !ok {
			return
		}
		if r.action == 0 || r.method == "" || r.path != "" && r.path != uri {
			t.Fatalf("%q: %+v", uri, r)
		}
		if strings.ContainsAny(uri, "%?#;\\ \r\n\x00") || strings.Contains(uri, "//") || strings.Contains(uri, "/../") || strings.HasSuffix(uri, "/") {
			t.Fatalf("%q is a path", uri)
		}
		if r.model != "" && !plain(r.model) || r.version != "" && !plain(r.version) {
			t.Fatalf("%q: %+v", uri, r)
		}
	})
}

// FuzzParent: a header that is taken is written as it was, but for flags that are
// not known.
func FuzzParent(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0b0e0e4736-") // four parts of other lengths
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := readParent([]string{s}); ok && p.String()[:53] != s[:53] {
			t.Fatalf("%q became %q", s, p)
		}
	})
}

// FuzzAbout: what is asked about a model is written anew, and reads the same.
func FuzzAbout(f *testing.F) {
	f.Add([]byte(wireMessage(nil).text(1, "toy").text(2, "1")))
	f.Add([]byte(wireMessage(nil).text(2, "1").text(1, "toy")))
	f.Add([]byte{10, 255})
	g := &Gateway{models: &registry{}}
	g.models.now.Store(&models{"toy": &model{name: "toy"}})
	f.Fuzz(func(t *testing.T, msg []byte) {
		x := &exchange{g: g, route: route{action: grpcModel}}
		out, fault := x.about(msg)
		if fault != nil {
			if fault.status < 400 || fault.status >= 500 {
				t.Fatalf("%v", fault)
			}
			return
		}
		if x.model == nil || !wellFormed(out) {
			t.Fatalf("%q became %q", msg, out)
		}
		name, n := protowire.ConsumeString(out[1:])
		if n < 0 || name != "toy" {
			t.Fatalf("%q became %q", msg, out)
		}
		again, fault := (&exchange{g: g, route: route{action: grpcModel}}).about(out)
		if fault != nil || string(again) != string(out) {
			t.Fatalf("%q became %q and %q", msg, out, again)
		}
	})
}

// FuzzTimeout: a time that a client wants is not below zero.
func FuzzTimeout(f *testing.F) {
	f.Add("10S")
	f.Add("99999999H")
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := grpcTimeout(s); ok && d < 0 {
			t.Fatalf("%q is %v", s, d)
		}
		r := &http.Request{RemoteAddr: s, Header: http.Header{"X-Forwarded-For": {s}}}
		_ = clientOf(r, nil)
	})
}

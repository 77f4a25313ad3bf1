package guard

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

const crossSchema = `andiron: tensor/v1
model: toy
dims: {B: 1..64, K: 1..64}
constraints: ["K <= B"]
inputs:
  x: {dtype: float32, shape: [B, 4], range: [0, 1]}
outputs:
  y: {dtype: float32, shape: [B, 2]}
  k: {dtype: float32, shape: [K], optional: true}
`

// rows is an answer of n rows, with k in a second output if it is above 0.
func rows(id string, n, k int, final string) []byte {
	m := wireMessage(nil).text(1, "toy")
	if id != "" {
		m = m.text(3, id)
	}
	if final != "" {
		value := wireMessage(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), map[string]uint64{"true": 1}[final]))
		m = m.bytes(4, wireMessage(nil).text(1, finalResponse).bytes(2, value))
	}
	if n > 0 {
		m = m.bytes(5, wireMessage(nil).text(1, "y").text(2, "FP32").packed(3, uint64(n), 2))
	}
	if k > 0 {
		m = m.bytes(5, wireMessage(nil).text(1, "k").text(2, "FP32").packed(3, uint64(k)))
	}
	if n > 0 {
		m = m.bytes(6, make([]byte, 8*n))
	}
	if k > 0 {
		m = m.bytes(6, make([]byte, 4*k))
	}
	return m
}

func ask(id string, n int) []byte { return inferMessage("toy", id, make([]float32, 4*n)...) }

// TestStreamSizes holds answers of a stream against the sizes of the requests that
// they may belong to. The last request is answered with all answers.
func TestStreamSizes(t *testing.T) {
	const good, other, none = "", codeOutput, codeAnswer
	type answer struct {
		msg  []byte
		want string
	}
	for name, tc := range map[string]struct {
		asks    [][]byte
		answers []answer
	}{
		"the request's":           {[][]byte{ask("a", 2)}, []answer{{rows("a", 2, 0, ""), good}}},
		"more rows":               {[][]byte{ask("a", 2)}, []answer{{rows("a", 3, 0, ""), other}, {rows("a", 2, 0, ""), good}}},
		"of another request":      {[][]byte{ask("a", 2), ask("b", 3)}, []answer{{rows("a", 3, 0, ""), other}, {rows("b", 3, 0, ""), good}}},
		"an id that nobody has":   {[][]byte{ask("a", 2)}, []answer{{rows("b", 2, 0, ""), none}, {rows("", 2, 0, ""), none}}},
		"without ids":             {[][]byte{ask("", 2), ask("", 5)}, []answer{{rows("", 5, 0, ""), good}, {rows("", 2, 0, ""), good}, {rows("", 3, 0, ""), other}}},
		"decoupled":               {[][]byte{ask("a", 2)}, []answer{{rows("a", 2, 0, "false"), good}, {rows("a", 2, 0, "false"), good}, {rows("a", 0, 0, "true"), good}, {rows("a", 2, 0, ""), none}}},
		"after the last":          {[][]byte{ask("a", 2)}, []answer{{rows("a", 2, 0, "true"), good}, {rows("a", 2, 0, "true"), none}}},
		"two of the same":         {[][]byte{ask("a", 2), ask("a", 2)}, []answer{{rows("a", 2, 0, "true"), good}, {rows("a", 2, 0, "true"), good}, {rows("a", 2, 0, "true"), none}}},
		"the last of which":       {[][]byte{ask("", 2), ask("", 5)}, []answer{{rows("", 0, 0, "true"), good}, {rows("", 2, 0, ""), good}, {rows("", 5, 0, ""), good}}},
		"a constraint":            {[][]byte{ask("a", 2)}, []answer{{rows("a", 2, 2, ""), good}, {rows("a", 2, 3, ""), other}}},
		"a constraint, which one": {[][]byte{ask("", 2), ask("", 7)}, []answer{{rows("", 0, 7, ""), good}, {rows("", 0, 8, ""), other}}},
	} {
		t.Run(name, func(t *testing.T) {
			left := len(tc.asks)
			s := serveGRPC(t, func(string, []byte) (out [][]byte, _ string) {
				if left--; left == 0 {
					for _, a := range tc.answers {
						out = append(out, wireMessage(nil).bytes(2, a.msg))
					}
				}
				return out, ""
			})
			g := start(t, Config{BackendGRPC: s.url}, map[string]string{"toy.yaml": crossSchema})
			var body []byte
			for _, a := range tc.asks {
				body = append(body, frameOf(a)...)
			}
			c := stream1(t, g, body)
			for i, a := range tc.answers {
				fault, got := c.next()
				if a.want == "" && (fault != "" || !bytes.Equal(got, a.msg)) || a.want != "" && !strings.HasPrefix(fault, a.want) {
					t.Errorf("answer %d: %q %q, want %q", i, fault, got, a.want)
				}
			}
			_ = c.in.Close()
			if m, err := readFrame(c.res.Body); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %q %v", m, err)
			}
		})
	}
}

// TestStreamShadow lets answers through that belong to nothing, and says so.
func TestStreamShadow(t *testing.T) {
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) {
		return [][]byte{wireMessage(nil).bytes(2, rows("other", 2, 0, ""))}, ""
	})
	g := start(t, Config{BackendGRPC: s.url, Shadow: true}, map[string]string{"toy.yaml": crossSchema})
	c := stream1(t, g, frameOf(ask("a", 2)))
	if fault, answer := c.next(); fault != "" || !bytes.Equal(answer, rows("other", 2, 0, "")) {
		t.Errorf("%q %q", fault, answer)
	}
	_ = c.in.Close()
}

// TestBareStreamSizes: the answers of MLServer have the id of the first request, and
// the sizes of one of them.
func TestBareStreamSizes(t *testing.T) {
	n := 0
	s := serveGRPC(t, func(string, []byte) ([][]byte, string) {
		n++
		return [][]byte{rows("1", []int{2, 5, 3}[n-1], 0, "")}, ""
	})
	g := start(t, Config{BackendGRPC: s.url, BareStreams: true}, map[string]string{"toy.yaml": crossSchema})
	c := stream1(t, g, frameOf(ask("1", 2)))
	for i, want := range [][]byte{rows("1", 2, 0, ""), rows("1", 5, 0, "")} {
		if m, err := readFrame(c.res.Body); err != nil || !bytes.Equal(m, want) {
			t.Errorf("%d: %q %v", i, m, err)
		}
		_, _ = c.in.Write(frameOf(ask(strconv.Itoa(i+2), 5)))
	}
	if _, err := readFrame(c.res.Body); err == nil || c.res.Trailer.Get("Grpc-Status") != "13" || !strings.HasPrefix(c.res.Trailer.Get("Grpc-Message"), codeOutput) {
		t.Errorf("%v %v", err, c.res.Trailer)
	}
	_ = c.in.Close()
}

// TestLedger forgets what was not used for longest, and nothing that is still
// answered.
func TestLedger(t *testing.T) {
	g := start(t, Config{BackendGRPC: "http://127.0.0.1:1"}, map[string]string{"toy.yaml": crossSchema})
	schema := g.models.find("toy").schema
	l := ledger{room: newBudget(1<<20, 0)}
	key := func(i int) askedKey { return askedKey{"toy", strconv.Itoa(i)} }
	for i := range 5 * mostAsked {
		l.add(key(i), map[string]int64{"B": int64(i%64 + 1)})
		if _, ok := l.sizes(key(0), schema, nil, false); !ok {
			t.Fatalf("after %d requests the first was forgotten", i)
		}
	}
	if n := l.order.Len(); n != mostAsked || len(l.of) != mostAsked {
		t.Errorf("%d requests are remembered, by %d keys", n, len(l.of))
	}
	if _, ok := l.sizes(key(1), schema, nil, false); ok {
		t.Error("a request of long ago was not forgotten")
	}
	for i := range 5 * mostAsked {
		l.sizes(key(i), schema, nil, true)
	}
	if n := l.order.Len(); n != 0 || len(l.of) != 0 {
		t.Errorf("%d requests are left, by %d keys", n, len(l.of))
	}
	long := strings.Repeat("x", 300<<10)
	for i := range 9 {
		if !l.add(askedKey{"toy", long + strconv.Itoa(i)}, nil) {
			t.Errorf("there was no room for the %dth long id", i)
		}
	}
	if n := l.order.Len(); n != 3 {
		t.Errorf("%d requests with long ids are remembered in 1 MiB", n)
	}
	if l.add(askedKey{"toy", strings.Repeat(long, 4)}, nil) {
		t.Error("an id that has no room was remembered")
	}
	if l.close(); l.room.used.Load() != 0 {
		t.Errorf("%d bytes were not given back", l.room.used.Load())
	}
}

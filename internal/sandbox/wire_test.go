package sandbox

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What is taken for a request is one, and means the same when it is written again.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"name":"a.pt"}`,
		`{"name":"a.pt","sha256":"` + strings.Repeat("ab", 32) + `","limits":{"seconds":1.5,"cpu_seconds":2,"memory_bytes":1,"result_bytes":2}}`,
		`{"name":"a.pt","need":["seccomp","cgroup"]}`, `{"name":"a.pt","need":["wall"]}`, `{"name":"a.pt","need":[]}`,
		`{"name":"a.pt"} `, `{"name":"\ud800"}`, `{"name":"a","name":"b"}`, `[]`, `null`, ``, `{"name":"a","limits":null}`, "{\"name\":\"\xff\"}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRequest(b)
		if err != nil {
			return
		}
		l := r.Limits.Limits()
		if r.Name == "" || len(r.Name) > mostName || l.Load < 0 || l.Load > mostSeconds*time.Second || l.CPU < 0 || l.Memory < 0 || l.Result < 0 {
			t.Fatalf("%+v", r)
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		second, err := decodeRequest(again)
		if err != nil {
			t.Fatal(err)
		}
		if third, err := json.Marshal(second); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%s became %s, %v", again, third, err)
		}
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, '{', '}'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := unframe(bytes.NewReader(b), 100)
		if err == nil && (len(got) > 100 || len(b) < 4+len(got)) {
			t.Fatalf("%d bytes of %d", len(got), len(b))
		}
	})
}

func TestWithin(t *testing.T) {
	got := Limits{Load: 5, Memory: 7}.within(Limits{Load: 3, CPU: 4, Memory: 9})
	if want := (Limits{Load: 3, CPU: 4, Memory: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

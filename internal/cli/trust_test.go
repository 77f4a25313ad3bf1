package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/trust"
)

func TestReadRequest(t *testing.T) {
	const good = `{"v":1,"operation":"load","path":"/m/a.pt","stage":"open","size":4}`
	if q, err := readRequest(strings.NewReader(good)); err != nil || q.Path != "/m/a.pt" || q.Size != 4 {
		t.Fatal(q, err)
	}
	for _, swap := range [][3]string{
		{`"v":1`, `"v":0`, "v is 0"},
		{`"load"`, `"run"`, `operation "run" is not one of load, jit_load`},
		{`"open"`, `"shut"`, `stage "shut"`},
		{`"/m/a.pt"`, `"a.pt"`, "is not absolute"},
		{`"size":4`, `"size":-4`, "size -4 is below 0"},
		{`"size":4`, `"size":"4"`, "cannot unmarshal"},
		{`"size":4`, `"sha256":"` + strings.Repeat("a", 64) + `"`, "stage open has neither"},
		{`"open"`, `"bytes"`, "stage bytes needs sha256"},
		{`"open"`, `"bytes","sha256":"abc"`, `sha256 "abc"`},
		{`"size":4`, `"expect_sha256":"ABC"`, `sha256 "ABC"`},
		{`"size":4`, `"sise":4`, "unknown field"},
		{`4}`, `4} x`, "something stands after"},
		{`{`, ``, "cannot be read"},
		{`"/m/a.pt"`, `"/` + strings.Repeat("a", requestLimit) + `"`, "more than the limit"},
	} {
		_, err := readRequest(strings.NewReader(strings.Replace(good, swap[0], swap[1], 1)))
		if err == nil || !strings.Contains(err.Error(), swap[2]) {
			t.Errorf("%.60s: error %v, want %s", swap[1], err, swap[2])
		}
	}
}

// A request that is taken says the same when it is written again.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte(`{"v":1,"operation":"load","path":"/m/a.pt","stage":"open","size":4}`))
	f.Add([]byte(`{"v":1,"operation":"guard","path":"/a","stage":"bytes","sha256":"` + strings.Repeat("a", 64) + `","file":"/proc/self/fd/3"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := readRequest(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var p trust.Request
		if p, err = readRequest(bytes.NewReader(again)); err != nil || p != q {
			t.Errorf("%+v becomes %+v, %v", q, p, err)
		}
	})
}

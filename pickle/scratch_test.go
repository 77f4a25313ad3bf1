package pickle_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

// TestScratch reads every vector, and a stream of many values, with nothing in
// memory that is not in use: the facts are the same.
func TestScratch(t *testing.T) {
	streams := map[string][]byte{"many": manyValues()}
	for _, v := range readVectors(t) {
		streams[v.path] = v.data
	}
	for name, data := range streams {
		space := testkit.Cramped()
		var got, want strings.Builder
		for _, trace := range pickle.RunAll(bytes.NewReader(data), int64(len(data)), pickle.Options{}) {
			want.WriteString(describe(trace))
		}
		for _, trace := range pickle.RunAll(bytes.NewReader(data), int64(len(data)), pickle.Options{Scratch: space}) {
			got.WriteString(describe(trace))
		}
		if got.String() != want.String() || space.Err() != nil {
			t.Errorf("%s: got (%v):\n%swant:\n%s", name, space.Err(), got.String(), want.String())
		}
	}
}

// manyValues is a stream with objects whose items, pairs and states come after
// thousands of other values.
func manyValues() []byte {
	lines := []string{"PROTO 2"}
	for _, name := range []string{"List", "Dict"} {
		lines = append(lines, "GLOBAL lib "+name, "EMPTY_TUPLE", "REDUCE")
	}
	for range 3000 {
		lines = append(lines,
			"MARK", "BINUNICODE key", "BININT 70000", "SETITEMS",
			"EMPTY_LIST", "LONG_BINPUT 5", "MARK", "BININT2 300", "BINUNICODE x", "APPENDS", "BUILD",
			"MARK", "BINUNICODE other", "LONG_BINGET 5", "BININT2 400", "APPEND", "SETITEMS")
	}
	return testkit.Pickle(append(lines, "TUPLE2", "STOP")...)
}

package pickle_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/pickle"
)

var update = flag.Bool("update", false, "rewrite the expectations of the vectors")

const vectorFolder = "../testdata/vectors/pickle"

// A vector is one defect: what it is, a stream, and the facts.
type vector struct {
	path string
	text string // up to the expectations
	data []byte
	want string
}

const wantMark = "-- want --\n"

// readVectors reads testdata/vectors/pickle/*.txtar.
func readVectors(tb testing.TB) []vector {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(vectorFolder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no vectors in %q: %v", vectorFolder, err)
	}
	list := make([]vector, 0, len(paths))
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		head, want, _ := strings.Cut(string(raw), wantMark)
		_, body, ok := strings.Cut(head, "-- pickle.hex --\n")
		if !ok {
			tb.Fatalf("%s: no pickle.hex", path)
		}
		data, err := unhex(body)
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		list = append(list, vector{path, head, data, want})
	}
	return list
}

// unhex reads hex bytes with "#" comments.
func unhex(text string) ([]byte, error) {
	var b []byte
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		raw, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	return b, nil
}

func TestVectors(t *testing.T) {
	vectors := readVectors(t)
	if len(vectors) < 25 {
		t.Errorf("%d vectors, want at least 25", len(vectors))
	}
	for _, v := range vectors {
		var b strings.Builder
		for _, trace := range pickle.RunAll(bytes.NewReader(v.data), int64(len(v.data)), pickle.Options{}) {
			b.WriteString(describe(trace))
		}
		if b.String() == v.want {
			continue
		}
		if *update {
			if err := os.WriteFile(v.path, []byte(v.text+wantMark+b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("%s: got:\n%swant:\n%s", filepath.Base(v.path), b.String(), v.want)
	}
}

// describe renders a trace, a fact a line.
func describe(t *pickle.Trace) string {
	var b strings.Builder
	fmt.Fprintf(&b, "stream %#x\n", t.Start)
	for e := range t.Events() {
		fmt.Fprintln(&b, describeEvent(e))
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "note %#x %s: %s\n", n.Offset, n.Kind, n.Text)
	}
	if t.Err != nil {
		fmt.Fprintf(&b, "error %v\n", t.Err)
	} else {
		fmt.Fprintf(&b, "result %v\n", t.Result)
	}
	return b.String()
}

func describeEvent(e *pickle.Event) string {
	switch e.Kind {
	case pickle.EventImport:
		g, _ := e.Target().Global()
		line := fmt.Sprintf("import %#x %s %s", e.Offset, name(g.RawModule), name(g.RawName))
		if g.Computed {
			line = fmt.Sprintf("computed %#x", e.Offset)
		}
		if g.Module != g.RawModule || g.Name != g.RawName {
			line += " = " + g.String()
		}
		return line
	case pickle.EventSetItem, pickle.EventAppend, pickle.EventAddItem, pickle.EventBuild:
		return fmt.Sprintf("%s %#x %v %v", e.Kind, e.Offset, e.Target(), e.Args())
	}
	return fmt.Sprintf("%s %#x %v", e.Kind, e.Offset, e.Result())
}

// name quotes a name, or writes it in hex where quoting needs escapes.
func name(s string) string {
	if q := strconv.Quote(s); q == `"`+s+`"` {
		return q
	}
	return "hex:" + hex.EncodeToString([]byte(s))
}

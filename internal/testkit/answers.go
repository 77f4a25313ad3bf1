package testkit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// Answers calls f with each line of what another program answered, as a tool of
// tools/oracle wrote it: its kind and its values. The first line says which program.
func Answers(t *testing.T, name, program string, f func(kind string, values []json.RawMessage)) {
	t.Helper()
	packed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	if !strings.Contains(lines.Text(), program) {
		t.Fatalf("the file begins with %q", lines.Text())
	}
	for lines.Scan() {
		var values []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &values); err != nil {
			t.Fatal(err)
		}
		f(Value[string](t, values[0]), values[1:])
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// Value reads one value of an answer.
func Value[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

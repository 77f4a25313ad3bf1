//go:build keyless || !keylessinside

package keyless_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/keyless"
)

// What is no question gets no answer.
func TestServeRefuses(t *testing.T) {
	for name, question := range map[string]string{
		"empty":     "",
		"broken":    "{",
		"unknown":   `{"want":"everything"}`,
		"none":      `{}`,
		"too large": `{"want":"verification","bundle":"` + strings.Repeat("A", 44<<20) + `"}`,
	} {
		var out strings.Builder
		if err := keyless.Serve(t.Context(), strings.NewReader(question), &out); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, %q", name, err, out.String())
		}
	}
}

// Options that are not whole are an error that is told, in a build that can verify.
func TestServeTells(t *testing.T) {
	out, in := io.Pipe()
	go func() {
		in.CloseWithError(keyless.Serve(t.Context(), strings.NewReader(`{"want":"verifier"}`), in))
	}()
	var answer struct{ Error struct{ Text string } }
	err := json.NewDecoder(out).Decode(&answer)
	if keyless.Linked && (err != nil || !strings.Contains(answer.Error.Text, "identity")) || !keyless.Linked && err != nil && err != io.EOF {
		t.Errorf("%v, %+v", err, answer)
	}
}

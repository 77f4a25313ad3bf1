package sandbox_test

import (
	"os"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

func TestSmoke(t *testing.T) {
	f, err := sandbox.OpenInput(os.Getenv("SMOKE"))
	if err != nil {
		t.Fatal(err)
	}
	var without []sandbox.Layer
	if w := os.Getenv("WITHOUT"); w != "" {
		without = []sandbox.Layer{sandbox.Layer(w)}
	}
	begun := time.Now()
	r, rep, err := sandbox.Load(t.Context(), f, sandbox.Options{Python: os.Getenv("PYTHON"), Without: without})
	t.Logf("%v", time.Since(begun))
	t.Logf("%+v", rep)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(r.Header.Tensors), r.Header.Metadata)
}

package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/engine"
)

// linked adds a symbolic link.
func linked(target, name string) func(*testing.T, string, *engine.Options) {
	return func(t *testing.T, dir string, _ *engine.Options) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// meanwhile has something happen while the file is looked at.
func meanwhile(do func(t *testing.T, dir string)) func(*testing.T, string, *engine.Options) {
	return func(t *testing.T, dir string, opt *engine.Options) {
		t.Helper()
		opt.LookWith(func() { do(t, dir) })
	}
}

func engineExamples() map[string]example {
	model := string(assemble("PROTO 2;EMPTY_LIST;STOP"))
	one := file("model.pkl", []byte(model))
	missing := one
	missing.named = []string{"model.pt"}
	return map[string]example{
		"FMT901": {file("notes.txt", []byte("no model")), folder("notes.txt", "no model")},
		"FMT902": {missing, one},
		"FMT903": {
			one.with(meanwhile(func(*testing.T, string) { panic("index out of range") })),
			one.with(meanwhile(func(*testing.T, string) {})),
		},
		"FMT904": {
			one.with(meanwhile(func(t *testing.T, dir string) { t.Helper(); put(t, dir, "model.pkl", model+"\x00") })),
			one.with(meanwhile(func(t *testing.T, dir string) { t.Helper(); put(t, dir, "model.pkl.part", model) })),
		},
		"FMT905": {
			folder("model.pkl", model).with(linked("nowhere.pkl", "link.pkl")),
			folder("model.pkl", model).with(linked("model.pkl", "link.pkl")),
		},
		"FMT906": {folder("model.pkl", model, ".git/a.pkl", model), folder("model.pkl", model, ".github/a.pkl", model)},
		"FMT907": {
			folder("models/a.pkl", model).with(linked("models", "link")),
			folder("models/a.pkl", model).with(linked("models/a.pkl", "link")),
		},
	}
}

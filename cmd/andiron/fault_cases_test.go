//go:build fault && linux && amd64

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/policy"
)

// faultCases are the verbs that write a file.
var faultCases = []faultCase{
	{
		name: "scan", argv: []string{"scan", "--format", "json", "-o", "report.json", "weights.pt"}, out: "report.json",
		setup: func(t *testing.T, dir string) {
			t.Helper()
			copyExample(t, dir, "backbone.pt", "weights.pt")
			writeOld(t, dir, "report.json")
		},
		whole: wholeReport,
	},
	{
		name: "scan, no old file", argv: []string{"scan", "--format", "json", "-o", "report.json", "weights.pt"}, out: "report.json",
		setup: func(t *testing.T, dir string) { t.Helper(); copyExample(t, dir, "backbone.pt", "weights.pt") },
		whole: wholeReport,
	},
	{
		name: "convert", argv: []string{"convert", "weights.pt", "-o", "out.safetensors"}, out: "out.safetensors",
		setup: func(t *testing.T, dir string) {
			t.Helper()
			copyExample(t, dir, "backbone.pt", "weights.pt")
			writeOld(t, dir, "out.safetensors")
		},
	},
	{
		name: "convert, several writes", argv: []string{"convert", "in.safetensors", "-o", "out.safetensors"}, out: "out.safetensors",
		setup: func(t *testing.T, dir string) {
			t.Helper()
			const size = 5 << 20
			head := `{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[5242880],"data_offsets":[1,5242881]}}  `
			b := append([]byte{byte(len(head)), 0, 0, 0, 0, 0, 0, 0}, head...)
			if err := os.WriteFile(filepath.Join(dir, "in.safetensors"), append(b, make([]byte, size+1)...), 0o600); err != nil {
				t.Fatal(err)
			}
			writeOld(t, dir, "out.safetensors")
		},
	},
	{
		name: "trust add", argv: []string{"trust", "add", "weights.pt"}, out: "andiron.lock",
		setup: func(t *testing.T, dir string) {
			t.Helper()
			copyExample(t, dir, "backbone.pt", "weights.pt")
			if err := os.WriteFile(filepath.Join(dir, "andiron.lock"), []byte("{\n  \"version\": 1,\n  \"models\": []\n}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		whole: wholeLock,
	},
	{
		name: "init", argv: []string{"init", "--by", "alice@example.com"}, out: "andiron.lock",
		more:  []string{"andiron.yaml", ".pre-commit-config.yaml", ".github/workflows/andiron.yml"},
		setup: func(t *testing.T, dir string) { t.Helper(); copyExample(t, dir, "backbone.pt", "weights.pt") },
		// A model that cannot be read makes another policy, but no broken one.
		wholeToo: func(name string, b []byte) error {
			if name != "andiron.yaml" {
				return errors.New("it depends on nothing")
			}
			if !bytes.HasPrefix(b, []byte("# What")) || !bytes.HasSuffix(b, []byte("\n")) {
				return errors.New("it is cut off")
			}
			_, err := policy.Parse(b)
			return err
		},
	},
}

// wholeReport says why a report is not a whole one. That the model could not be
// read makes another report, but no broken one.
func wholeReport(b []byte) error {
	var report struct {
		Schema    string
		Artifacts []struct{ Path string }
		Summary   *struct{}
	}
	if err := json.Unmarshal(b, &report); err != nil {
		return err
	}
	if report.Schema != "andiron/report/v1" || len(report.Artifacts) != 1 || report.Summary == nil {
		return fmt.Errorf("report %+v", report)
	}
	return nil
}

// wholeLock says why a lock does not list the one model.
func wholeLock(b []byte) error {
	var lock struct {
		Version int
		Models  []struct{ Path, SHA256 string }
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		return err
	}
	if lock.Version != 1 || len(lock.Models) != 1 || lock.Models[0].Path != "weights.pt" || len(lock.Models[0].SHA256) != 64 {
		return fmt.Errorf("lock %+v", lock)
	}
	if b[len(b)-1] != '\n' {
		return errors.New("no newline at the end")
	}
	return nil
}

// copyExample copies a model of the example project.
func copyExample(t *testing.T, dir, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../examples/vision-service/models", from))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, to), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeOld(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("the old file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

//go:build hostile

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHostileGuard has guard check and guard infer read each file that is made to
// exhaust a scan. They end in time and within memory, and never with a panic.
func TestHostileGuard(t *testing.T) {
	bin, dir := buildBinary(t), t.TempDir()
	schema := filepath.Join(dir, "any.schema.yaml")
	if err := os.WriteFile(schema, []byte("andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [_]}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, h := range hostileFiles() {
		t.Run(h.name, func(t *testing.T) {
			path := filepath.Join(dir, h.name)
			writeHostile(t, path, h.write)
			for _, args := range [][]string{{"check", "--schema", schema, "--no-progress", path}, {"infer", path}, {"infer", "--samples", "x=" + path}} {
				r := measured(t, append([]string{bin, "guard"}, args...)...)
				t.Logf("%4d ms %4d MiB exit %d %s: %.160s", r.Processor.Milliseconds(), r.Resident>>20, r.Code, args[0], r.stderr)
				switch {
				case r.Code < 0 || r.Code > 3 || strings.Contains(string(r.stderr)+string(r.stdout), "FMT903") || strings.Contains(string(r.stderr), "internal error"):
					t.Errorf("%s: exit %d: %.2000s %.2000s", args[0], r.Code, r.stderr, r.stdout)
				case r.Processor > mostProcessor:
					t.Errorf("%s took %v of processor time, more than %v", args[0], r.Processor, mostProcessor)
				case r.Resident > max(mostResident, overResident[h.name])+uncollected:
					t.Errorf("%s: %d MiB resident", args[0], r.Resident>>20)
				}
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
	}
}

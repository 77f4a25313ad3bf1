//go:build torch

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/robust"
)

// robustProject is a folder with classifiers, 40 inputs of two numbers of which the
// greater one is ahead by 0.1 to 0.3, their labels, and the Python package.
func robustProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.CopyFS(dir, os.DirFS("testdata/torch")), os.CopyFS(filepath.Join(dir, "andiron"), os.DirFS("../../python/src/andiron"))); err != nil {
		t.Fatal(err)
	}
	var x, y []byte
	for i := range 40 {
		ahead := float32(0.1 + 0.2*float64(i/2)/19)
		pair := [2]float32{0.4, 0.4}
		pair[i%2] += ahead
		x = append(x, floats(pair[:]...)...)
		y = binary.LittleEndian.AppendUint64(y, uint64(i%2))
	}
	for name, of := range map[string]struct {
		descr, shape string
		data         []byte
	}{"inputs.npy": {"<f4", "(40, 2)", x}, "labels.npy": {"<i8", "(40,)", y}, "bytes.npy": {"|u1", "(40, 2)", make([]byte, 80)}} {
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", of.descr, of.shape)
		b := append(append(binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head))), head...), of.data...)
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTorchRobust attacks models whose robustness can be told by hand: of the linear
// one an attack of eps turns every answer that is ahead by less than twice that.
func TestTorchRobust(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(python), func(t *testing.T) {
			dir := robustProject(t)
			run := func(code int, says string, args ...string) {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), "andiron", append([]string{"robust", "eval", "--python", python, "--labels", "labels.npy"}, args...)...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "SOURCE_DATE_EPOCH=1700000000")
				out, _ := cmd.CombinedOutput() // the code says how it ended
				if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), says) {
					t.Errorf("%v: exit %d, want %d and %q:\n%s", args, got, code, says, out)
				}
			}
			run(0, "   0.101    50.0 %", "--script", "classes.py:Linear", "--inputs", "inputs.npy", "--eps", "0.04,0.101,0.2",
				"--require", "0.04=1", "--require", "0.101=0.5", "-o", "net.robustness.json", "--plot", "net.png", "--html", "net.html")
			checkRobust(t, dir)
			run(1, "accuracy 0.500 at eps 0.101 is below 0.6", "--script", "classes.py:Linear", "--inputs", "inputs.npy", "--eps", "0.101", "--require", "0.101=0.6")
			run(3, "NOT BELIEVABLE unbounded-attack-succeeds", "--script", "classes.py:Masked", "--inputs", "inputs.npy", "--eps", "0.05")
			run(3, "the model returned float32 of shape []", "--script", "classes.py:Wide", "--inputs", "inputs.npy", "--eps", "0.05", "-o", "none.json")
			run(3, "uint8 of shape [40, 2], not a batch of floating-point inputs", "--script", "classes.py:Linear", "--inputs", "bytes.npy", "--eps", "0.05", "-o", "none.json")
			if _, err := os.Stat(filepath.Join(dir, "none.json")); err == nil {
				t.Error("a report of nothing was written")
			}
		})
	}
}

func checkRobust(t *testing.T, dir string) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r, err := robust.Parse(read("net.robustness.json"))
	if err != nil {
		t.Fatal(err)
	}
	if row, ok := r.At(0.2, robust.Worst); !ok || row.Right != 0 || r.Clean.Right != 40 || r.Model.Factory != "Linear" || r.Created != "2023-11-14T22:13:20Z" {
		t.Errorf("report %+v", r)
	}
	if _, err := png.Decode(bytes.NewReader(read("net.png"))); err != nil {
		t.Error(err)
	}
	if !bytes.Contains(read("net.html"), []byte("<polyline")) {
		t.Error("no plot on the page")
	}
}

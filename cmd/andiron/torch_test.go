//go:build torch

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pythons are the interpreters to try, of ANDIRON_TORCH: paths with ":" between.
func pythons(t *testing.T) []string {
	t.Helper()
	list := filepath.SplitList(os.Getenv("ANDIRON_TORCH"))
	if len(list) == 0 {
		t.Fatal("ANDIRON_TORCH names no interpreter with torch; make torchrun does")
	}
	return list
}

// want is what a run of andiron must do.
type want struct {
	code           int
	stdout, stderr []string // patterns that must be there, in any order
	format         string   // of OUT; "" means that there must be none
}

// runConvert runs one conversion in a folder of its own and returns that folder.
func runConvert(t *testing.T, python string, w want, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/torch")); err != nil {
		t.Fatal(err)
	}
	writeInputs(t, dir)
	temp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "andiron", append([]string{"convert", "-o", "out.bin", "--python", python}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "SOURCE_DATE_EPOCH=1700000000")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%v\nexit %d\nstdout:\n%s\nstderr:\n%s", args, code, &stdout, &stderr)
	if code != w.code {
		t.Errorf("want exit %d: %s", w.code, said)
	}
	for _, s := range w.stdout {
		if !strings.Contains(stdout.String(), s) {
			t.Errorf("stdout lacks %q: %s", s, said)
		}
	}
	for _, s := range append(w.stderr, "andiron: this runs your own Python") {
		if !strings.Contains(stderr.String(), s) {
			t.Errorf("stderr lacks %q: %s", s, said)
		}
	}
	if strings.ContainsRune(stderr.String(), '\x1b') {
		t.Errorf("stderr has an escape: %s", said)
	}
	leftovers(t, dir, temp, w.format != "")
	if w.format != "" && code == 0 {
		checkRecord(t, dir, w.format)
	}
	return dir
}

// leftovers makes sure that nothing is there that should not be.
func leftovers(t *testing.T, dir, temp string, out bool) {
	t.Helper()
	if list, _ := os.ReadDir(temp); len(list) > 0 {
		t.Errorf("left in the temporary folder: %v", list)
	}
	for _, name := range []string{"out.bin", "out.bin.andiron.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != out {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, _ := filepath.Glob(filepath.Join(dir, ".andiron-*")); len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
}

// checkRecord holds the record against the files that it speaks of.
func checkRecord(t *testing.T, dir, format string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "out.bin.andiron.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Schema  string
		Created time.Time `json:"created_at"`
		Script  struct{ SHA256 string }
		Output  struct{ SHA256, Format, Verdict string }
		Python  struct{ Torch, Version string }
		Outputs []struct{ Outside int }
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Schema != "andiron/conversion/v1" || r.Created.Unix() != 1700000000 || r.Output.Verdict != "safe" ||
		!strings.HasPrefix(r.Output.Format, format) || r.Python.Torch == "" || r.Python.Version == "" || len(r.Outputs) == 0 {
		t.Errorf("record %+v", r)
	}
	for name, sum := range map[string]string{"out.bin": r.Output.SHA256, "model.py": r.Script.SHA256} {
		if b, err := exec.Command("sha256sum", filepath.Join(dir, name)).Output(); err != nil || !strings.HasPrefix(string(b), sum) || len(sum) != 64 {
			t.Errorf("sha256 of %s: %q, %s, %v", name, sum, b, err)
		}
	}
}

// writeInputs writes x.npy (2×4 positive floats), negative.npy, ids.npy (1×3
// integers up to 999), object.npy, and weights for the models.
func writeInputs(t *testing.T, dir string) {
	t.Helper()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	npy := func(name, descr, shape string, data []byte) {
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape)
		write(name, append(append(binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(head))), head...), data...))
	}
	npy("x.npy", "<f4", "(2, 4)", floats(1, 2, 3, 4, 5, 6, 7, 8))
	npy("narrow.npy", "<f4", "(2, 3)", floats(1, 2, 3, 4, 5, 6))
	npy("ids.npy", "<i8", "(1, 3)", append(append(int64s(1), int64s(999)...), int64s(0)...))
	write("weights.safetensors", safetensors(entry{"calls", "F32", "[1]", floats(7)}))
	write("wrong.safetensors", safetensors(entry{"other", "F32", "[1]", floats(7)}))
	write("tied.safetensors", safetensors(entry{"table.weight", "F32", "[1000,4]", make([]byte, 16000)}, entry{"__metadata__", "out.weight", "table.weight", nil}))
	write("half.safetensors", safetensors(
		entry{"a.bias", "F16", "[8]", make([]byte, 16)}, entry{"a.weight", "BF16", "[8,4]", make([]byte, 64)},
		entry{"b.bias", "F32", "[3]", floats(1, 2, 3)}, entry{"b.weight", "F64", "[3,8]", make([]byte, 192)},
		entry{"norm.bias", "F32", "[8]", make([]byte, 32)}, entry{"norm.num_batches_tracked", "I64", "[]", int64s(5)},
		entry{"norm.running_mean", "F32", "[8]", make([]byte, 32)}, entry{"norm.running_var", "F32", "[8]", floats(1, 1, 1, 1, 1, 1, 1, 1)},
		entry{"norm.weight", "F32", "[8]", make([]byte, 32)}))
}

func floats(list ...float32) (b []byte) {
	for _, f := range list {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func int64s(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// entry is a tensor, or with that name the metadata: a key and its value.
type entry struct {
	name, dtype, shape string
	data               []byte
}

func safetensors(list ...entry) []byte {
	var heads []string
	var data []byte
	for _, e := range list {
		if e.name == "__metadata__" {
			heads = append(heads, fmt.Sprintf("%q:{%q:%q}", e.name, e.dtype, e.shape))
			continue
		}
		heads = append(heads, fmt.Sprintf(`%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, e.name, e.dtype, e.shape, len(data), len(data)+len(e.data)))
		data = append(data, e.data...)
	}
	head := "{" + strings.Join(heads, ",") + "}"
	return append(append(int64s(uint64(len(head))), head...), data...)
}

func TestTorchConverts(t *testing.T) {
	script := func(name string, args ...string) []string {
		return append([]string{"--to", "torchscript", "--script", "model.py:" + name}, args...)
	}
	deprecated := []string{"TorchScript is deprecated by torch 2.10 and later; its successor is torch.export"}
	ok := func(lines ...string) want { return want{0, lines, deprecated, "torchscript"} }
	for _, python := range pythons(t) {
		t.Run(filepath.Base(python), func(t *testing.T) {
			runConvert(t, python, ok("by torch.jit.script", "on 3 samples", "same     output float32"), script("Plain", "--shape", "2x4")...)
			runConvert(t, python, ok("same     output float32"), script("Plain", "--shape", "1x4", "--factory-args", `{"width": 5}`)...)
			runConvert(t, python, ok("same     output float32"), script("Args", "--shape", "1", "--factory-args", `{"scale": 1.5, "name": "y"}`)...)
			runConvert(t, python, ok("by torch.jit.trace", "on 4 samples"), script("Group.Inner", "--trace", "x.npy")...)
			runConvert(t, python, ok("output[0]['sum'] float32", "output[0]['half'] float16", "output[1] bool", "output[2] int64"),
				script("Nested", "--shape", "2x4", "--shape", "2x4")...)
			runConvert(t, python, ok("output[0][0] float32", "same     output[1]\n", "output[2] float64", "same     output[3]\n"), script("Named", "--shape", "2x4")...)
			runConvert(t, python, ok("on 1 samples"), script("Embed", "--trace", "ids.npy", "--samples", "0")...)
			runConvert(t, python, ok("on 7 samples"), script("Embed", "--trace", "ids.npy", "--input", "ids.npy", "--samples", "5")...)
			runConvert(t, python, ok("on 4 samples"), script("Embed", "--trace", "ids.npy", "--shape", "1x3:int64:0..999")...)
			runConvert(t, python, ok("max abs error 0,"), script("Root", "--trace", "x.npy")...)
			runConvert(t, python, ok("max abs error 0,"), script("Branch", "--shape", "2x4", "--samples", "8")...)
		})
	}
}

func TestTorchWeights(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(python), func(t *testing.T) {
			to := func(name string, args ...string) []string {
				return append([]string{"--to", "torchscript", "--script", "model.py:" + name}, args...)
			}
			dir := runConvert(t, python, want{format: "torchscript", stdout: []string{"max abs error 0,"}}, to("Count", "weights.safetensors", "--trace", "x.npy")...)
			// The buffer has the weight, not what tracing and comparing left there.
			load := `import torch; m = torch.jit.load("out.bin"); print(float(m.calls))`
			cmd := exec.CommandContext(t.Context(), python, "-c", load)
			cmd.Dir = dir
			if b, err := cmd.Output(); err != nil || strings.TrimSpace(string(b)) != "7.0" {
				t.Errorf("the buffer is %s, %v", b, err)
			}
			runConvert(t, python, want{format: "torchscript"}, to("tied", "tied.safetensors", "--trace", "ids.npy")...)
			runConvert(t, python, want{format: "torchscript"}, to("Plain", "half.safetensors", "--shape", "2x4")...)
			pickled := saveWeights(t, python)
			runConvert(t, python, want{format: "torchscript"}, to("Plain", filepath.Join(pickled, "zip.pt"), "--shape", "2x4")...)
			runConvert(t, python, want{format: "torchscript"}, to("Plain", filepath.Join(pickled, "legacy.ckpt"), "--select", "state_dict", "--shape", "2x4")...)
			runConvert(t, python, want{code: 3, stderr: []string{"the weights do not fit the model", "Missing key"}}, to("Count", "wrong.safetensors", "--trace", "x.npy")...)
			runConvert(t, python, want{code: 3, stderr: []string{"the weights do not fit the model", "out.weight"}}, to("Embed", "weights.safetensors", "--trace", "ids.npy")...)
		})
	}
}

// saveWeights has torch.save write those of a model, in two ways.
func saveWeights(t *testing.T, python string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/torch")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", `
import sys, torch
sys.path.insert(0, ".")
import model
state = model.Plain().state_dict()
torch.save(state, "zip.pt")
torch.save({"state_dict": state, "epoch": 3}, "legacy.ckpt", _use_new_zipfile_serialization=False)`)
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return dir
}

func TestTorchExports(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(python), func(t *testing.T) {
			to := func(name string, args ...string) []string {
				return append([]string{"--to", "export", "--script", "model.py:" + name}, args...)
			}
			if exec.Command(python, "-c", "import torch; torch.export").Run() != nil {
				runConvert(t, python, want{code: 3, stderr: []string{"this torch cannot export", "hint: --python names an environment with a newer one"}}, to("Plain", "--shape", "2x4")...)
				return
			}
			ok := want{format: "pt2", stdout: []string{"by torch.export.export", "max abs error"}}
			runConvert(t, python, ok, to("Plain", "--input", "x.npy")...)
			runConvert(t, python, ok, to("Plain", "half.safetensors", "--shape", "2x4")...)
			runConvert(t, python, ok, to("Nested", "--shape", "2x4", "--shape", "2x4:float64")...)
			runConvert(t, python, ok, to("tied", "tied.safetensors", "--input", "ids.npy")...)
			runConvert(t, python, want{code: 3, stderr: []string{"cannot export the model", "data-dependent control flow"}}, to("Branch", "--input", "x.npy")...)
		})
	}
}

func TestTorchRefuses(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(python), func(t *testing.T) {
			to := func(name string, args ...string) []string {
				return append([]string{"--to", "torchscript", "--script", "model.py:" + name}, args...)
			}
			bad := func(code int, stdout string, stderr ...string) want {
				return want{code: code, stdout: []string{stdout}, stderr: append(stderr, "hint: ")}
			}
			// What differs, and where the trace took the wrong branch.
			runConvert(t, python, want{
				code: 1, stdout: []string{"DIFFERS  output float32", "signs turned: 7 of 8 elements"},
				stderr: []string{"Converting a tensor to a Python boolean", `1 of 1 outputs`, `"out.bin" was not written`, "hint: a trace follows one run"},
			}, to("Branch", "--trace", "x.npy")...)
			runConvert(t, python, want{format: "torchscript"}, to("Branch", "--trace", "x.npy", "--atol", "1e9")...)
			runConvert(t, python, bad(1, "DIFFERS  output float32", "differ from the original"), to("Counter", "--trace", "x.npy")...)
			// What the scan refuses.
			runConvert(t, python, bad(1, "from_file", "the converted model is", "was not written"), to("Reader", "--shape", "2")...)
			// What does not run.
			runConvert(t, python, bad(3, "", `the factory made no model: ValueError: \x1b[31mred`, "model.py"), to("raises", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "there is no 'Nobody'"), to("Nobody", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "number made a int, not a torch.nn.Module"), to("number", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "ended with exit status 5"), to("leaves", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "the factory made no model: SystemExit: no"), to("quits", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "the factory made no model: TypeError"), to("Args", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "the model cannot be run on the inputs", "shapes cannot be multiplied"), to("Plain", "--input", "narrow.npy")...)
			runConvert(t, python, bad(3, "", "torch", "cannot script the model"), to("Counter", "--shape", "2")...)
			runConvert(t, python, bad(3, "", "still running when its time was up"), to("sleeps", "--shape", "2", "--timeout", "8s")...)
		})
	}
}

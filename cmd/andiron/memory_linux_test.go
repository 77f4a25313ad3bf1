package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// Of a checkpoint of many small tensors, what is kept of each is all there is.
const (
	tensorsOfMany = 20_000
	mostOfMany    = 64 << 20
)

// TestManyTensors holds a scan and a conversion of many tensors to their memory. The
// figure is of Linux.
func TestManyTensors(t *testing.T) {
	bin := buildBinary(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "many.pt"), filepath.Join(dir, "many.safetensors")
	if err := os.WriteFile(in, checkpointOf(tensorsOfMany), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"scan", "--quiet", in},
		{"convert", "--quiet", in, "-o", out},
	} {
		r := measured(t, append([]string{bin}, args...)...)
		t.Logf("%s: %d ms, %d MiB", args[0], r.Wall.Milliseconds(), r.Resident>>20)
		if r.Code != 0 {
			t.Errorf("%s: exit %d: %s", args[0], r.Code, r.stderr)
		}
		if r.Resident > mostOfMany {
			t.Errorf("%s: %d MiB resident, more than %d", args[0], r.Resident>>20, mostOfMany>>20)
		}
	}
	info, err := os.Stat(out)
	if err != nil || info.Size() < 16*tensorsOfMany {
		t.Errorf("what was written is %v, %v", info, err)
	}
}

// checkpointOf is what torch.save writes of a dict of n tensors of four floats.
func checkpointOf(n int) []byte {
	lines := []string{"PROTO 2", "EMPTY_DICT", "MARK"}
	entries := []testkit.ZipEntry{{}}
	for i := range n {
		lines = append(lines,
			fmt.Sprintf("BINUNICODE layers.%d.weight", i),
			"GLOBAL torch._utils _rebuild_tensor_v2", "MARK",
			"MARK", "BINUNICODE storage", "GLOBAL torch FloatStorage", fmt.Sprintf("BINUNICODE %d", i), "BINUNICODE cpu", "BININT1 4", "TUPLE", "BINPERSID",
			"BININT1 0", "BININT1 4", "TUPLE1", "BININT1 1", "TUPLE1", "NEWFALSE",
			"GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE", "TUPLE", "REDUCE")
		entries = append(entries, testkit.ZipEntry{Name: fmt.Sprintf("data/%d", i), Data: make([]byte, 16)})
	}
	entries[0] = testkit.ZipEntry{Name: "data.pkl", Data: testkit.Pickle(append(lines, "SETITEMS", "STOP")...)}
	entries = append(entries, testkit.ZipEntry{Name: "version", Data: []byte("3\n")})
	return testkit.TorchZip("archive", entries...)
}

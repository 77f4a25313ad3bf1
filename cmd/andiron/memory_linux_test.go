package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

// mostOfMany is what a checkpoint of many small tensors may take, however many.
const mostOfMany = 64 << 20

// TestManyTensors holds a scan and a conversion of many tensors to their memory. The
// figure is of Linux.
func TestManyTensors(t *testing.T) { holdManyTensors(t, 60_000) }

// TestHostileSizesOfCheckpoints does the same with as many tensors as one file may
// have. It takes minutes, so that it is run with the other large files.
func TestHostileSizesOfCheckpoints(t *testing.T) {
	if heavyToo {
		holdManyTensors(t, 250_000)
		holdManyTensors(t, 1_000_000)
	}
}

func holdManyTensors(t *testing.T, n int) {
	t.Helper()
	bin := buildBinary(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "many.pt"), filepath.Join(dir, "many.safetensors")
	if err := os.WriteFile(in, checkpointOf(n), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"scan", "--quiet", in},
		{"convert", "--quiet", "--no-sync", in, "-o", out},
	} {
		r := measured(t, append([]string{bin}, args...)...)
		t.Logf("%d tensors: %s: %d ms, %d MiB", n, args[0], r.Processor.Milliseconds(), r.Resident>>20)
		if r.Code != 0 {
			t.Errorf("%s: exit %d: %s", args[0], r.Code, r.stderr)
		}
		if r.Resident > mostOfMany {
			t.Errorf("%s: %d MiB resident, more than %d", args[0], r.Resident>>20, mostOfMany>>20)
		}
	}
	info, err := os.Stat(out)
	if err != nil || info.Size() < int64(16*n) {
		t.Errorf("what was written is %v, %v", info, err)
	}
}

// checkpointOf is what torch.save writes of a dict of n tensors of four floats.
func checkpointOf(n int) []byte {
	w := pickler{b: testkit.Pickle("PROTO 2", "EMPTY_DICT"), memo: map[string]uint32{}}
	entries := []testkit.ZipEntry{{}}
	for i := range n {
		if i%1000 == 0 { // what Python's pickler sets at once
			w.ops(pickle.MARK)
		}
		w.text(fmt.Sprintf("layers.%d.weight", i))
		w.global("torch._utils", "_rebuild_tensor_v2")
		w.ops(pickle.MARK, pickle.MARK)
		w.known("storage")
		w.global("torch", "FloatStorage")
		w.text(strconv.Itoa(i))
		w.known("cpu")
		w.ops(pickle.BININT1, 4, pickle.TUPLE)
		w.put()
		w.ops(pickle.BINPERSID, pickle.BININT1, 0, pickle.BININT1, 4, pickle.TUPLE1)
		w.put()
		w.ops(pickle.BININT1, 1, pickle.TUPLE1)
		w.put()
		w.ops(pickle.NEWFALSE)
		w.global("collections", "OrderedDict")
		w.ops(pickle.EMPTY_TUPLE, pickle.REDUCE)
		w.put()
		w.ops(pickle.TUPLE)
		w.put()
		w.ops(pickle.REDUCE)
		w.put()
		if i%1000 == 999 || i == n-1 {
			w.ops(pickle.SETITEMS)
		}
		entries = append(entries, testkit.ZipEntry{Name: "data/" + strconv.Itoa(i), Data: binary.LittleEndian.AppendUint64(make([]byte, 8), uint64(i))})
	}
	w.ops(pickle.STOP)
	entries[0] = testkit.ZipEntry{Name: "data.pkl", Data: w.b}
	entries = append(entries, testkit.ZipEntry{Name: "version", Data: []byte("3\n")})
	return testkit.TorchZip("archive", entries...)
}

// pickler writes a pickle as Python's does: everything goes into the memo, and what
// is there is taken from it.
type pickler struct {
	b    []byte
	n    uint32
	memo map[string]uint32
}

func (p *pickler) ops(codes ...pickle.Code) {
	for _, c := range codes {
		p.b = append(p.b, byte(c))
	}
}

func (p *pickler) put() {
	p.b = binary.LittleEndian.AppendUint32(append(p.b, byte(pickle.LONG_BINPUT)), p.n)
	p.n++
}

// again takes a value from the memo, or reports that it is not there and will be
// the next.
func (p *pickler) again(key string) bool {
	i, ok := p.memo[key]
	if !ok {
		p.memo[key] = p.n
		return false
	}
	p.b = binary.LittleEndian.AppendUint32(append(p.b, byte(pickle.LONG_BINGET)), i)
	return true
}

func (p *pickler) text(s string) {
	p.b = binary.LittleEndian.AppendUint32(append(p.b, byte(pickle.BINUNICODE)), uint32(len(s)))
	p.b = append(p.b, s...)
	p.put()
}

func (p *pickler) known(s string) {
	if !p.again(s) {
		p.text(s)
	}
}

func (p *pickler) global(module, name string) {
	if !p.again(module + "\n" + name) {
		p.b = append(p.b, byte(pickle.GLOBAL))
		p.b = append(p.b, module+"\n"+name+"\n"...)
		p.put()
	}
}

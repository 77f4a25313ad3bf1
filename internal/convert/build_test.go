package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// view is the lines of a call of _rebuild_tensor_v2.
func view(class, key string, numel, offset int, size, stride []int64) string {
	return lines("GLOBAL torch._utils _rebuild_tensor_v2", "MARK",
		"MARK", "BINUNICODE storage", "GLOBAL torch "+class, "BINUNICODE "+key, "BINUNICODE cpu", number(int64(numel)), "TUPLE", "BINPERSID",
		number(int64(offset)), numbers(size), numbers(stride), "NEWFALSE", orderedDict(), "TUPLE", "REDUCE")
}

// floats is a contiguous vector or matrix of float32 that fills storage key.
func floats(key string, shape ...int64) string {
	n, stride := int64(1), make([]int64, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		stride[i], n = n, n*shape[i]
	}
	return view("FloatStorage", key, int(n), 0, shape, stride)
}

func lines(s ...string) string { return strings.Join(s, "\n") }
func number(n int64) string    { return fmt.Sprintf("BININT %d", n) }

func numbers(list []int64) string {
	s := []string{"MARK"}
	for _, n := range list {
		s = append(s, number(n))
	}
	return lines(append(s, "TUPLE")...)
}

func orderedDict() string  { return lines("GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE") }
func text(s string) string { return "BINUNICODE " + s }

// dict is the lines of a dict: keys and values in turn.
func dict(kv ...string) string {
	return lines("EMPTY_DICT", "MARK", lines(kv...), "SETITEMS")
}

// object is an instance made by NEWOBJ and BUILD.
func object(class, state string) string {
	return lines("GLOBAL "+class, "EMPTY_TUPLE", "NEWOBJ", state, "BUILD")
}

func pickled(body string) []byte { return testkit.Pickle("PROTO 2", body, "STOP") }

// checkpointOf is a file of torch.save whose storages 0, 1, … hold these.
func checkpointOf(body string, storages ...[]byte) []byte {
	entries := []testkit.ZipEntry{{Name: "data.pkl", Data: pickled(body)}, {Name: "byteorder", Data: []byte("little")}}
	for i, b := range storages {
		entries = append(entries, testkit.ZipEntry{Name: fmt.Sprintf("data/%d", i), Data: b})
	}
	return testkit.TorchZip("archive", append(entries, testkit.ZipEntry{Name: "version", Data: []byte("3\n")})...)
}

// count is n float32, or numbers that tell elements apart.
func count(n int) []byte {
	b := make([]byte, 0, 4*n)
	for i := range n {
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
	}
	return b
}

func open(b []byte, opt Options) (*Plan, error) {
	p, err := Open(bytes.NewReader(b), int64(len(b)), opt)
	cramped(b, opt, p, err)
	return p, err
}

// cramped plans once more with nothing in memory that is not in use, which must
// make no difference.
func cramped(b []byte, opt Options, p *Plan, err error) {
	opt.Torch.Scratch = testkit.Cramped()
	q, other := Open(bytes.NewReader(b), int64(len(b)), opt)
	switch {
	case fmt.Sprint(err) != fmt.Sprint(other):
		panic(fmt.Sprintf("with nothing in memory: %v, want %v", other, err))
	case err != nil || p.Layout.Size > 1<<20:
		return
	}
	var got, want bytes.Buffer
	if err, other := p.Write(context.Background(), &want, nil), q.Write(context.Background(), &got, nil); fmt.Sprint(err) != fmt.Sprint(other) || !bytes.Equal(got.Bytes(), want.Bytes()) {
		panic(fmt.Sprintf("with nothing in memory other bytes are written: %v, want %v", other, err))
	}
	if !maps.Equal(p.Aliases, q.Aliases) || !slices.Equal(p.Skipped, q.Skipped) || !reflect.DeepEqual([]Listing{p.Left, p.Dropped, p.Notes}, []Listing{q.Left, q.Dropped, q.Notes}) {
		panic("with nothing in memory other things are listed")
	}
}

func mustOpen(t *testing.T, b []byte, opt Options) *Plan {
	t.Helper()
	p, err := open(b, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// namesOf are the tensors that a plan writes, in order of name.
func namesOf(p *Plan) []string {
	var out []string
	for t := range p.Layout.Tensors() {
		out = append(out, t.Name)
	}
	return out
}

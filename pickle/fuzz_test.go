package pickle_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

// seeds are streams of all kinds: small programs, random ones, every vector and
// the golden pickles.
func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	list := [][]byte{
		testkit.Pickle("PROTO 2", "GLOBAL os system", "BINUNICODE echo", "TUPLE1", "REDUCE", "STOP"),
		testkit.Pickle("MARK", "STRING 'x'", "INST os system", "STOP"),
		testkit.Frame(-1, testkit.Pickle("SHORT_BINUNICODE os", "MEMOIZE", "SHORT_BINUNICODE system", "STACK_GLOBAL", "STOP")),
		testkit.Frame(5, testkit.Pickle("BINUNICODE abcdef", "STOP")),
	}
	g := newGenerator(7)
	for range 50 {
		list = append(list, g.stream())
	}
	for _, v := range readVectors(tb) {
		list = append(list, v.data)
	}
	return list
}

func FuzzRun(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := pickle.Limits{MaxOps: 10000, MaxValues: 5000, MaxMemo: 1000, MaxText: 4096}
		first := describeAll(data, lim)
		if second := describeAll(data, lim); first != second {
			t.Errorf("two runs differ:\n%s\n%s", first, second)
		}
	})
}

// describeAll renders all that RunAll finds and uses every accessor on it.
func describeAll(data []byte, lim pickle.Limits) string {
	var b strings.Builder
	for _, trace := range pickle.RunAll(bytes.NewReader(data), int64(len(data)), pickle.Options{Limits: lim}) {
		b.WriteString(describe(trace))
		for i := range min(trace.Len(), 200) {
			e := trace.Event(i)
			visit(&b, e.Target())
			visit(&b, e.Args())
			visit(&b, e.Result())
		}
		visit(&b, trace.Result)
		if err := trace.WritePython(&b, pickle.PythonOptions{MaxEvents: 200}); err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	return b.String()
}

func visit(b *strings.Builder, v pickle.Value) {
	s := v.String()
	if len(s) > 200 {
		panic("String is longer than 200 bytes")
	}
	i, _ := v.BigInt()
	f, _ := v.Float()
	text, _ := v.Text()
	raw, _ := v.Bytes()
	off, n, ok := v.Section()
	code, _ := v.ExtCode()
	fmt.Fprintln(b, v.Kind(), v.Offset(), v.Via(), v.Key(), s, i, f, len(text), len(raw), off, n, ok, v.Len(), code)
	for item := range v.Items() {
		fmt.Fprintln(b, item)
	}
	for key, val := range v.Pairs() {
		fmt.Fprintln(b, key, val)
	}
	for s := range v.States() {
		fmt.Fprintln(b, s)
	}
	fmt.Fprintln(b, v.Func(), v.Args(), v.KwArgs(), v.PersistentID(), v.Index(0), v.Index(-1))
}

func FuzzDisassemble(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAssembles(t, data) })
}

// checkAssembles puts a stream together again from its operations.
func checkAssembles(t *testing.T, data []byte) {
	t.Helper()
	var out []byte
	for op, err := range pickle.Disassemble(bytes.NewReader(data), int64(len(data)), 0, pickle.Limits{}) {
		if err != nil {
			break
		}
		if op.Offset != int64(len(out)) {
			t.Fatalf("the operation at %d follows %d bytes", op.Offset, len(out))
		}
		out = append(out, assemble(op, data[op.ArgOffset:op.ArgOffset+op.ArgLen])...)
		if int64(len(out)) != op.Offset+op.Size {
			t.Fatalf("%v at %d has %d bytes, its size is %d", op.Code, op.Offset, int64(len(out))-op.Offset, op.Size)
		}
	}
	if !bytes.HasPrefix(data, out) {
		t.Errorf("assembled:\n%x\nwant:\n%x", out, data[:min(len(data), len(out))])
	}
}

// assemble writes one operation from its number and payload.
func assemble(op pickle.Op, payload []byte) []byte {
	b := []byte{byte(op.Code)}
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(op.Int))
	switch op.Code {
	case pickle.PROTO, pickle.BININT1, pickle.BINPUT, pickle.BINGET, pickle.EXT1:
		return append(b, n[:1]...)
	case pickle.BININT2, pickle.EXT2:
		return append(b, n[:2]...)
	case pickle.BININT, pickle.EXT4, pickle.LONG_BINPUT, pickle.LONG_BINGET:
		return append(b, n[:4]...)
	case pickle.FRAME:
		return append(b, n[:]...)
	case pickle.SHORT_BINSTRING, pickle.SHORT_BINBYTES, pickle.SHORT_BINUNICODE, pickle.LONG1:
		return append(append(b, n[0]), payload...)
	case pickle.BINSTRING, pickle.BINBYTES, pickle.BINUNICODE, pickle.LONG4:
		return append(append(b, n[:4]...), payload...)
	case pickle.BINUNICODE8, pickle.BINBYTES8, pickle.BYTEARRAY8:
		return append(append(b, n[:]...), payload...)
	case pickle.GLOBAL, pickle.INST:
		return append(append(append(append(b, payload[:op.Int]...), '\n'), payload[op.Int+1:]...), '\n')
	case pickle.STRING, pickle.UNICODE, pickle.INT, pickle.LONG, pickle.FLOAT, pickle.PUT, pickle.GET, pickle.PERSID:
		return append(append(b, payload...), '\n')
	}
	return append(b, payload...)
}

// TestCorpus holds the fuzz properties over the seeds and the golden files.
func TestCorpus(t *testing.T) {
	list := seeds(t)
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "golden", "torch", "*", "legacy", "*.pt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	for _, b := range list {
		checkAssembles(t, b)
		if first, second := describeAll(b, pickle.Limits{}), describeAll(b, pickle.Limits{}); first != second {
			t.Errorf("two runs differ on %.100x", b)
		}
	}
}

package pickle_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

// bigPickle makes a stream like that of a large dict of records: about 18 MB and
// a million opcodes.
func bigPickle() []byte {
	b := testkit.Pickle("PROTO 2", "EMPTY_DICT", "BINPUT 0", "GLOBAL collections OrderedDict", "BINPUT 1", "POP", "MARK")
	memo := uint32(2)
	put := func() {
		b = binary.LittleEndian.AppendUint32(append(b, byte(pickle.LONG_BINPUT)), memo)
		memo++
	}
	for i := range 45000 {
		text := fmt.Sprintf("layer.%d.attention.weight.and.a.name.that.is.as.long.as.names.are.in.checkpoints.of.large.models", i)
		b = append(binary.LittleEndian.AppendUint32(append(b, byte(pickle.BINUNICODE)), uint32(len(text))), text...)
		put()
		b = append(b, testkit.Pickle("MARK", "EMPTY_LIST")...)
		put()
		b = append(b, testkit.Pickle("MARK", "BININT1 7", "BININT 70000", "BINFLOAT 0.5", "NONE", "NEWTRUE",
			"BINUNICODE a string of some length that stands for what people keep in pickles", "BINFLOAT 2.5", "APPENDS",
			"BINGET 1", "EMPTY_TUPLE", "REDUCE")...)
		put()
		b = append(b, testkit.Pickle("SHORT_BINBYTES some bytes that are there to be passed over by the reader and no more than that: 0123456789", "TUPLE")...)
		put()
	}
	return append(b, testkit.Pickle("SETITEMS", "STOP")...)
}

func BenchmarkRun(b *testing.B) {
	data := bigPickle()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var ops int64
	for b.Loop() {
		t := pickle.Run(bytes.NewReader(data), int64(len(data)), pickle.Options{})
		if t.Err != nil {
			b.Fatal(t.Err)
		}
		ops = 0
		for _, n := range t.Ops {
			ops += n
		}
	}
	b.ReportMetric(float64(ops), "opcodes")
}

func BenchmarkRunSmall(b *testing.B) {
	data := testkit.Pickle("PROTO 2", "GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE", "STOP")
	b.ReportAllocs()
	for b.Loop() {
		pickle.Run(bytes.NewReader(data), int64(len(data)), pickle.Options{})
	}
}

func BenchmarkDisassemble(b *testing.B) {
	data := bigPickle()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		for _, err := range pickle.Disassemble(bytes.NewReader(data), int64(len(data)), 0, pickle.Limits{}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestMemory holds the heap of a large run under its limit.
func TestMemory(t *testing.T) {
	data := bigPickle()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	trace := pickle.Run(bytes.NewReader(data), int64(len(data)), pickle.Options{})
	runtime.ReadMemStats(&after)
	if trace.Err != nil {
		t.Fatal(trace.Err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 50<<20 {
		t.Errorf("a run over %d bytes allocates %d bytes, want at most 50 MiB", len(data), got)
	}
}

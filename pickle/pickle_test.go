package pickle_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

func run(data []byte, opt pickle.Options) *pickle.Trace {
	return pickle.Run(bytes.NewReader(data), int64(len(data)), opt)
}

func runLines(lines ...string) *pickle.Trace {
	return run(testkit.Pickle(lines...), pickle.Options{})
}

func TestConstants(t *testing.T) {
	tests := []struct{ lines, kind, want string }{
		{"NONE", "None", "None"},
		{"NEWTRUE", "bool", "True"},
		{"INT 00", "bool", "False"},
		{"INT 01", "bool", "True"},
		{"INT -12", "int", "-12"},
		{"INT 0x1F", "int", "31"},
		{"INT 010", "int", "8"},
		{"INT 0o17", "int", "15"},
		{"LONG 123L", "int", "123"},
		{"LONG 99999999999999999999L", "int", "<long int>"},
		{"BININT -1", "int", "-1"},
		{"BININT1 255", "int", "255"},
		{"BININT2 65535", "int", "65535"},
		{"LONG1 0", "int", "0"},
		{"LONG1 -255", "int", "-255"},
		{"LONG1 9223372036854775807", "int", "9223372036854775807"},
		{"LONG1 hex:010000000000000000", "int", "1"},
		{"LONG4 -9223372036854775808", "int", "-9223372036854775808"},
		{"FLOAT 1e3", "float", "1000.0"},
		{"FLOAT 1e999", "float", `float("inf")`},
		{"FLOAT nan", "float", `float("nan")`},
		{"BINFLOAT -0.5", "float", "-0.5"},
		{`STRING 'a\x62\n\'\101'`, "str", `"ab\n'A"`},
		{`STRING "q\q"`, "str", ""}, // a Go literal: unquoted
		{`UNICODE a\u00e9\U0001f600\\u0041`, "str", `'aé😀\\\\u0041'`},
		{"BINSTRING abc", "str", "'abc'"},
		{"SHORT_BINBYTES a'b", "bytes", `b'a\'b'`},
		{"BYTEARRAY8 x", "bytearray", "bytearray(b'x')"},
		{"BINUNICODE8 é", "str", "'é'"},
		{"EMPTY_TUPLE", "tuple", "()"},
		{"NONE\nTUPLE1", "tuple", "(None,)"},
		{"MARK\nNONE\nNEWTRUE\nLIST", "list", "[None, True]"},
		{"MARK\nNONE\nNEWTRUE\nDICT", "dict", "{None: True}"},
		{"EMPTY_SET\nMARK\nNONE\nADDITEMS", "set", "set([None])"},
		{"MARK\nNONE\nFROZENSET", "frozenset", "frozenset([None])"},
		{"EXT1 7", "extension", "extension(7)"},
		{"NEXT_BUFFER", "buffer", "next_buffer()"},
		{"PERSID ab", "persistent", "persistent_load('ab')"},
		{"GLOBAL a b", "global", "a.b"},
	}
	for _, tt := range tests {
		if tt.want == "" {
			continue
		}
		trace := runLines(tt.lines, "STOP")
		if trace.Err != nil {
			t.Errorf("%s: %v", tt.lines, trace.Err)
			continue
		}
		if kind, got := trace.Result.Kind().String(), trace.Result.String(); kind != tt.kind || got != tt.want {
			t.Errorf("%s = %s %s, want %s %s", tt.lines, kind, got, tt.kind, tt.want)
		}
	}
}

func TestBigInt(t *testing.T) {
	for _, want := range []string{"170141183460469231731687303715884105727", "-170141183460469231731687303715884105728", "18446744073709551616", "-1"} {
		for _, op := range []string{"LONG1 ", "LONG4 ", "LONG ", "INT "} {
			trace := runLines(op+want, "STOP")
			got, ok := trace.Result.BigInt()
			if !ok || got.String() != want {
				t.Errorf("%s%s = %v, %v, %v", op, want, got, ok, trace.Err)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	tests := []struct{ lines, want string }{
		{"PROTO 2\nNONE\nREDUCE", "pickle: at offset 0x3: REDUCE: stack has 1 value, needs 2"},
		{"STOP", "pickle: at offset 0x0: STOP: stack has 0 values, needs 1"},
		{"MARK\nNONE\nMARK\nSTOP", "pickle: at offset 0x3: STOP: stack has 0 values, needs 1"},
		{"TUPLE", "pickle: at offset 0x0: TUPLE: no MARK on the stack"},
		{"NONE", "pickle: at offset 0x1: the stream ends without STOP: unexpected EOF"},
		{"RAW ff", "pickle: at offset 0x0: 0xff is not an opcode"},
		{"RAW 58 05 00 00 00 61", "pickle: at offset 0x0: BINUNICODE: the argument has 5 bytes, 1 are left: unexpected EOF"},
		{"PROTO 9", "pickle: at offset 0x0: PROTO: protocol 9 is not known"},
		{"INT z", `pickle: at offset 0x0: INT: "z" is not an integer`},
		{"NONE\nEMPTY_TUPLE\nREDUCE", "pickle: at offset 0x2: REDUCE: the callee is a None"},
		{"NONE\nNONE\nAPPEND", "pickle: at offset 0x2: APPEND: the target is a None"},
		{"BINGET 3", "pickle: at offset 0x0: BINGET: memo index 3 is not set"},
	}
	for _, tt := range tests {
		trace := runLines(tt.lines)
		var syntax *pickle.SyntaxError
		if !errors.As(trace.Err, &syntax) || trace.Err.Error() != tt.want {
			t.Errorf("%q: got %v, want %s", tt.lines, trace.Err, tt.want)
		}
	}
}

func TestValues(t *testing.T) {
	trace := runLines("PROTO 4", "GLOBAL a B", "BINPUT 0", "BININT1 1", "TUPLE1", "NEWOBJ", "BINPUT 1",
		"MARK", "BINUNICODE k", "BININT1 2", "SETITEMS", "NONE", "APPEND", "EMPTY_DICT", "BUILD", "NONE", "BUILD",
		"BINGET 1", "TUPLE2", "STOP")
	if trace.Err != nil {
		t.Fatal(trace.Err)
	}
	object := trace.Result.Index(0)
	if !object.Same(trace.Result.Index(1)) || object.Key() != trace.Result.Index(1).Key() {
		t.Error("the memo gives another object")
	}
	if g, ok := object.Func().Global(); !ok || g.String() != "a.B" || object.Via() != pickle.NEWOBJ {
		t.Errorf("made by %v of %v", object.Via(), g)
	}
	if n, ok := object.Args().Index(0).Int(); n != 1 || !ok {
		t.Errorf("args = %v", object.Args())
	}
	var states, items []string
	for s := range object.States() {
		states = append(states, s.String())
	}
	for i := range object.Items() {
		items = append(items, i.String())
	}
	for k, v := range object.Pairs() {
		items = append(items, k.String()+"="+v.String())
	}
	if got := fmt.Sprint(states, items); got != "[{} None] [None 'k'=2]" {
		t.Errorf("states and items = %s", got)
	}
	if got := trace.Ops[pickle.BUILD]; got != 2 || trace.Proto != 4 || trace.HighestProto != 2 {
		t.Errorf("%d BUILD, protocol %d, highest %d", got, trace.Proto, trace.HighestProto)
	}
}

func TestSection(t *testing.T) {
	data := testkit.Pickle("PROTO 4", "BINBYTES8 payload", "STOP")
	v := run(data, pickle.Options{Limits: pickle.Limits{MaxText: 3}}).Result
	if _, ok := v.Bytes(); ok {
		t.Error("Bytes hands out more than MaxText")
	}
	off, n, ok := v.Section()
	if !ok || string(data[off:off+n]) != "payload" {
		t.Errorf("Section = %d, %d, %v", off, n, ok)
	}
}

func TestZeroValue(t *testing.T) {
	var b strings.Builder
	visit(&b, pickle.Value{})
	if !(pickle.Value{}).IsZero() {
		t.Error("the zero Value is not zero")
	}
}

// TestAfterBuild passes over raw bytes behind BUILD, as joblib writes them.
func TestAfterBuild(t *testing.T) {
	data := slices.Concat(testkit.Pickle("PROTO 3", "GLOBAL j W", "EMPTY_TUPLE", "REDUCE", "BININT1 5", "BUILD"),
		[]byte("\xff\xfe\xfd\xfc."), testkit.Pickle("GLOBAL a b", "TUPLE2", "STOP"))
	trace := run(data, pickle.Options{AfterBuild: func(_ *pickle.Trace, _, state pickle.Value, _ int64) (int64, error) {
		n, _ := state.Int()
		return n, nil
	}})
	if trace.Err != nil || trace.Result.String() != "(j.W(), a.b)" {
		t.Errorf("got %v, %v", trace.Result, trace.Err)
	}
	trace = run(data, pickle.Options{AfterBuild: func(*pickle.Trace, pickle.Value, pickle.Value, int64) (int64, error) {
		return math.MaxInt64, nil
	}})
	if trace.Err == nil {
		t.Error("a skip behind the end is accepted")
	}
}

func TestWritePython(t *testing.T) {
	trace := runLines("PROTO 2", "GLOBAL posix system", "BINUNICODE true", "TUPLE1", "REDUCE", "BINPUT 0", "POP",
		"GLOBAL a B", "BINGET 0", "TUPLE1", "NEWOBJ", "EMPTY_DICT", "BUILD", "STOP")
	var b strings.Builder
	if err := trace.WritePython(&b, pickle.PythonOptions{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"from posix import system # 0x2 GLOBAL",
		"v1 = posix.system('true') # 0x1a REDUCE",
		"from a import B # 0x1e GLOBAL",
		"v2 = a.B.__new__(v1) # 0x26 NEWOBJ",
		"v2.__setstate__({}) # 0x28 BUILD",
		"return v2 # 0x29 STOP",
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLimits(t *testing.T) {
	many := testkit.Pickle("PROTO 4", "EMPTY_LIST", "MARK", strings.Repeat("BININT 300\nMEMOIZE\n", 100), "APPENDS", "STOP")
	tests := []struct {
		name string
		data []byte
		lim  pickle.Limits
	}{
		{"ops", many, pickle.Limits{MaxOps: 50}},
		{"values", many, pickle.Limits{MaxValues: 50}},
		{"memo", many, pickle.Limits{MaxMemo: 50}},
		{"text", testkit.Pickle("GLOBAL "+strings.Repeat("a", 100)+" b", "STOP"), pickle.Limits{MaxText: 50}},
		{"marks", bytes.Repeat([]byte("("), 100), pickle.Limits{MaxValues: 50}},
		{"stack", append([]byte("N"), bytes.Repeat([]byte("2"), 100)...), pickle.Limits{MaxValues: 50}},
	}
	for _, tt := range tests {
		if err := run(tt.data, pickle.Options{Limits: tt.lim}).Err; !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s: got %v, want a limit", tt.name, err)
		}
		if err := run(tt.data, pickle.Options{}).Err; errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s: the default limits are too low: %v", tt.name, err)
		}
	}
}

// TestHostile runs inputs that claim, nest or repeat too much.
func TestHostile(t *testing.T) {
	tests := []struct {
		name string
		data []byte
	}{
		{"length 2^62", testkit.Pickle("RAW 8d 00 00 00 00 00 00 00 40")},
		{"memo index 2^31", testkit.Pickle("NONE", "LONG_BINPUT 0x80000000", "STOP")},
		{"scattered memo", scattered()},
		{"marks", bytes.Repeat([]byte("("), 200000)},
		{"nested tuples", append(append([]byte(")"), bytes.Repeat([]byte{0x85}, 200000)...), '.')},
		{"nested calls", nestedCalls()},
		{"doubling", append(append([]byte("N"), bytes.Repeat([]byte("2\x86"), 200000)...), '.')},
		{"growing text", append(bytes.Repeat([]byte("I"), 1<<20), '\n', '.')},
		{"streams", bytes.Repeat([]byte("N."), 1<<20)},
		{"false starts", bytes.Repeat([]byte("\x80\x02N"), 1<<18)},
		{"false lines", bytes.Repeat([]byte("c"), 1<<20)},
		{"false names", bytes.Repeat([]byte("ca\nb\n"), 1<<17)},
		{"long names", longNames()},
		{"huge number", append(append([]byte("L"), bytes.Repeat([]byte("9"), 1<<20)...), "L\n."...)},
	}
	for _, tt := range tests {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		traces := pickle.RunAll(bytes.NewReader(tt.data), int64(len(tt.data)), pickle.Options{})
		_ = traces[0].Result.String()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: took %v", tt.name, took)
		}
		runtime.ReadMemStats(&after)
		if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > 128<<20 {
			t.Errorf("%s: %d bytes on the heap", tt.name, got)
		}
		runtime.KeepAlive(traces)
	}
}

// scattered writes memo entries far from each other.
func scattered() []byte {
	b := []byte("N")
	for i := range 200000 {
		b = append(b, byte(pickle.LONG_BINPUT), byte(i), byte(i>>8), byte(i>>16), byte(i*7))
	}
	return append(b, '.')
}

func nestedCalls() []byte {
	b := testkit.Pickle("GLOBAL a b", "EMPTY_TUPLE", "REDUCE")
	for range 100000 {
		b = append(b, byte(pickle.TUPLE1), byte(pickle.BINPUT), 0, byte(pickle.POP), 'c', 'a', '\n', 'b', '\n', byte(pickle.BINGET), 0, byte(pickle.REDUCE))
	}
	return append(b, '.')
}

// longNames imports the same long name over and over.
func longNames() []byte {
	b := testkit.Pickle("BINUNICODE "+strings.Repeat("a", 1<<19), "BINPUT 0", "POP")
	for range 50000 {
		b = append(b, "h\x00h\x00\x93"...)
	}
	return append(b, '.')
}

func TestReadError(t *testing.T) {
	trace := pickle.Run(iotestReader{}, 100, pickle.Options{})
	if !errors.Is(trace.Err, errBroken) {
		t.Errorf("got %v", trace.Err)
	}
	if err := pickle.Run(bytes.NewReader(nil), 100, pickle.Options{}).Err; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source shorter than its size: %v", err)
	}
	for _, start := range []int64{-1, 101, math.MinInt64, math.MaxInt64} {
		if pickle.RunAll(bytes.NewReader(make([]byte, 100)), 100, pickle.Options{Start: start})[0].Err == nil {
			t.Errorf("start %d is accepted", start)
		}
	}
}

var errBroken = errors.New("broken disk")

type iotestReader struct{}

func (iotestReader) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func TestRunAllFindsNothingInTensors(t *testing.T) {
	data := testkit.Pickle("PROTO 2", "NONE", "STOP")
	x := uint32(1)
	for range 4 << 20 {
		x = x*1664525 + 1013904223
		data = append(data, byte(x>>24))
	}
	if traces := pickle.RunAll(bytes.NewReader(data), int64(len(data)), pickle.Options{}); len(traces) != 1 {
		for _, trace := range traces[1:] {
			t.Errorf("a stream at %#x: %s", trace.Start, describe(trace))
		}
	}
}

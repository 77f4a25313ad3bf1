package opreport

import (
	"strings"
	"testing"
)

func TestReadEvents(t *testing.T) {
	const text = `{"event": "progress", "operator": "ns::f", "done": 0, "total": 2}
{"event": "finding", "operator": "ns::f", "overload": "out", "kind": "crash", "key": "k", "detail": "d", "times": 3, "calls": 1, "case": {"args": []}, "name": "crash-00000000.py", "script": "x"}
{"event": "row", "operator": "ns::f", "counts": {"valid": 1, "raised": 2, "crashed": 3, "limit": 4, "seeds": 5, "blind": 0}}
`
	var got []Event
	keep := func(e Event) error { got = append(got, e); return nil }
	whole, err := ReadEvents(strings.NewReader(text), keep)
	if whole || err != nil || len(got) != 3 {
		t.Fatalf("%v, %v, %d events", whole, err, len(got))
	}
	f := got[1].Found("asan")
	if f.Kind != "crash" || f.Times != 3 || f.Build != "asan" || string(f.Case) != `{"args": []}` || got[2].Counts.Crashed != 3 {
		t.Errorf("%+v, %+v", f, got[2])
	}
	if whole, err = ReadEvents(strings.NewReader(text+`{"event": "end"}`+"\n"), keep); !whole || err != nil {
		t.Errorf("with its end: %v, %v", whole, err)
	}
	if whole, err = ReadEvents(strings.NewReader(text[:len(text)-20]), keep); whole || err != nil {
		t.Errorf("cut off: %v, %v", whole, err)
	}
	if _, err = ReadEvents(strings.NewReader(strings.Repeat("x", lineLimit+1)), keep); err == nil {
		t.Error("a line without an end is read")
	}
}

const asan = `=================================================================
==77==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000001234 at pc 0x7f1 bp 0x7f2 sp 0x7f3
WRITE of size 4 at 0x602000001234 thread T0
    #0 0x7f0001 in memcpy ../../../../src/libsanitizer/sanitizer_common/sanitizer_common_interceptors.inc:827
    #1 0x7f0002 in (anonymous namespace)::scatter(at::Tensor const&, long) /p/src/op.cpp:46:12
    #2 0x7f0003 in at::Tensor::clone() const /usr/include/ATen/core/TensorBody.h:1
SUMMARY: AddressSanitizer: heap-buffer-overflow /p/src/op.cpp:46 in scatter
`

const races = `==================
WARNING: ThreadSanitizer: data race (pid=5)
  Write of size 8 at 0x7b04 by thread T2:
    #0 sum(at::Tensor const&)::{lambda(long, long)#1}::operator()(long, long) const /p/src/op.cpp:160 (op.so+0x1234) (BuildId: 00ff)
SUMMARY: ThreadSanitizer: data race /p/src/op.cpp:160 in operator()
==================
WARNING: ThreadSanitizer: data race (pid=5)
  Read of size 8
`

func ours(file string) (string, bool) { return strings.CutPrefix(file, "/p/") }

func TestTop(t *testing.T) {
	tests := []struct {
		name, text string
		want       Frame
		ok         bool
	}{
		{"asan", asan, Frame{"src/op.cpp", 46, 12, "(anonymous namespace)::scatter(at::Tensor const&, long)"}, true},
		{"ubsan", "/p/src/op.cpp:66:12: runtime error: signed integer overflow: 2 * 3\n    #0 0x1 in f /p/src/op.cpp:66\n", Frame{"src/op.cpp", 66, 12, ""}, true},
		{"tsan", races, Frame{"src/op.cpp", 160, 0, "sum(at::Tensor const&)::{lambda(long, long)#1}::operator()(long, long) const"}, true},
		{"valgrind", "==7== Invalid write of size 4\n==7==    at 0x4C2: memcpy (vg.c:1)\n==7==    by 0x4C3: f(at::Tensor) (/p/src/op.cpp:57)\n", Frame{"src/op.cpp", 57, 0, "f(at::Tensor)"}, true},
		{"of others", strings.ReplaceAll(asan, "/p/", "/q/"), Frame{}, false},
		{"nothing", "", Frame{}, false},
	}
	for _, tt := range tests {
		if got, ok := Top(tt.text, ours); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v, want %+v", tt.name, got, ok, tt.want)
		}
	}
	if got := Access(asan); got != "WRITE of size 4" {
		t.Errorf("access %q", got)
	}
	if got := Access("==7== Invalid write of size 4\n==7==    at 0x4C2: f (/p/src/op.cpp:57)\n"); got != "WRITE of size 4" {
		t.Errorf("access %q", got)
	}
	if got := Access("nothing"); got != "" {
		t.Errorf("access %q", got)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"event": "finding", "detail": "x", "output": "#0 0x1 in f /p/a.cpp:1"}`+"\n"), asan)
	f.Add([]byte(`{"event": "end"}`), races)
	f.Fuzz(func(t *testing.T, b []byte, output string) {
		_, _ = ReadEvents(strings.NewReader(string(b)), func(e Event) error {
			if len(e.Detail) > textLimit+8 || len(e.Output) > textLimit+8 {
				t.Error("a text is longer than the limit")
			}
			return nil
		})
		got, ok := Top(output, ours)
		if ok == (got.File == "") && got != (Frame{}) {
			t.Errorf("%+v, %v", got, ok)
		}
		if got.Line < 0 || got.Column < 0 {
			t.Errorf("%+v", got)
		}
	})
}

// FuzzRecord: a record is read or refused, and what was read is written and read again.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version": 1, "sources": {"a.cpp": "00"}, "result": {"operators": [{"name": "ns::f", "found": [{"kind": "crash", "output": "READ of size 4", "script": "/a/b/c.py"}]}]}}`))
	f.Add([]byte(`{"version": 1, "result": {"operators": [null]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			return
		}
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRecord(text); err != nil && len(text) < RecordLimit {
			t.Errorf("what was written is refused: %v", err)
		}
	})
}

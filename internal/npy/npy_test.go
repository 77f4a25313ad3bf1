package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func file(major byte, header string, data int) []byte {
	b := []byte{0x93, 'N', 'U', 'M', 'P', 'Y', major, 0}
	if major == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), make([]byte, data)...)
}

func open(b []byte) (*Header, error) { return Open(bytes.NewReader(b), int64(len(b)), Limits{}) }

func header(descr, shape string) string {
	return "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }   \n"
}

func TestOpen(t *testing.T) {
	got, err := open(file(1, header("'<f4'", "(2, 3)"), 25))
	if err != nil {
		t.Fatal(err)
	}
	off := int64(10 + len(header("'<f4'", "(2, 3)")))
	want := &Header{
		Major: 1, DType: DType{Name: "<f4", Size: 4, Known: true}, Shape: []int64{2, 3},
		DataOffset: off, DataSize: 24, PickleOffset: -1, Trailing: 1,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDType(t *testing.T) {
	for _, tt := range []struct {
		descr  string
		size   int64
		object bool
		known  bool
	}{
		{"'<f4'", 4, false, true},
		{"'|b1'", 1, false, true},
		{"'<U5'", 20, false, true},
		{"'|S0'", 0, false, true},
		{"'<M8[ns]'", 8, false, true},
		{"'<m8[25us/3]'", 8, false, true},
		{"'>c16'", 16, false, true},
		{"'|V12'", 12, false, true},
		{"'float32'", 4, false, true},
		{"'?'", 1, false, true},
		{"'|O'", 8, true, true},
		{"'O'", 8, true, true},
		{"'O8'", 8, true, true},
		{"'object'", 8, true, true},
		{"'i4,O'", -1, false, false},
		{"'3O'", -1, false, false},
		{"'f3'", -1, false, false},
		{"'<l'", -1, false, true},
		{"'V+5'", -1, false, false},
		{"''", -1, false, false},
		{"'<<f4'", -1, false, false},
		{"5", -1, false, false},
		{"[('a', '<i4'), ('b', '<f8', (2, 2))]", 36, false, true},
		{"[('a', '<i4'), ('b', [('c', '|O')])]", 12, true, true},
		{"[(('title', 'a'), '|O', 3)]", 24, true, true},
		{"('<f4', (2,))", 8, false, true},
		{"('|O', (2,))", 16, true, true},
		{"[('a', '<i4'), ('b', 'weird')]", -1, false, false},
		{"[('a',)]", -1, false, false},
	} {
		h, err := open(file(1, header(tt.descr, "(1,)"), 0))
		if err != nil {
			t.Errorf("%s: %v", tt.descr, err)
			continue
		}
		if h.DType.Size != tt.size || h.DType.Object != tt.object || h.DType.Known != tt.known {
			t.Errorf("%s: got %+v", tt.descr, h.DType)
		}
		if (h.PickleOffset >= 0) != (tt.object || !tt.known) {
			t.Errorf("%s: pickle at %d", tt.descr, h.PickleOffset)
		}
	}
}

func TestExotic(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   string
	}{
		{"{'descr': '|O', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "twice"},
		{header("'<f4'", "(-1,)"), "negative"},
		{header("'<f4'", "(True,)"), "bool"},
		{header("'<f4'", "(4611686018427387904, 4)"), "does not fit"},
		{header("'weird'", "()"), "dtype"},
		{header("'<f4'", "(3L,)"), ""},
		{header("(\"<f4\")", "()"), ""},
	} {
		h, err := open(file(2, tt.header, 0))
		if err != nil || !strings.Contains(strings.Join(h.Exotic, ";"), tt.want) {
			t.Errorf("%s: got %+v, %v", tt.header, h, err)
		}
	}
	h, _ := open(file(1, "{'descr': '|O', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 0))
	if h.PickleOffset < 0 {
		t.Error("an object dtype that Python overrides is still an object dtype")
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, header, want string }{
		{"call", header("__import__('os')", "()"), "does not begin a literal"},
		{"arithmetic", header("'<f4'", "(1+1,)"), "must stand"},
		{"two strings", header("'<f' '4'", "()"), "two strings"},
		{"bytes", header("b'<f4'", "()"), "does not begin"},
		{"list shape", header("'<f4'", "[1]"), "not a tuple"},
		{"number shape", header("'<f4'", "(1)"), "not a tuple"},
		{"float", header("'<f4'", "(1.0,)"), "decimal integer"},
		{"string shape", header("'<f4'", "('1',)"), "other than integers"},
		{"keys", "{'descr': '<f4', 'shape': ()}", "keys"},
		{"extra key", "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", "keys"},
		{"fortran", "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", "not a bool"},
		{"not a dict", "[1]", "not a dictionary"},
		{"trailing", "{} {}", "behind the literal"},
		{"cut", "{'descr': '<f", "ends inside"},
		{"huge", header("'<f4'", "(99999999999999999999,)"), "64 bits"},
		{"deep", strings.Repeat("(", 100), "limit"},
		{"empty", "", "ends inside"},
	} {
		_, err := open(file(1, tt.header, 0))
		var fe *FormatError
		if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want …%s…", tt.name, err, tt.want)
		}
	}
	if _, err := open(file(4, "{}", 0)); err == nil {
		t.Error("version 4 accepted")
	}
	if _, err := open([]byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f")); err == nil {
		t.Error("2 GiB header accepted")
	}
	if _, err := Open(bytes.NewReader(file(1, header("'O'", "()"), 0)), 200, Limits{HeaderBytes: 5}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("got %v, want a limit", err)
	}
	if _, err := open([]byte("\x80\x02}.")); err == nil {
		t.Error("a pickle accepted")
	}
}

func TestPayload(t *testing.T) {
	for _, tt := range []struct {
		name string
		w    Wrapper
		next string
		want Payload
		err  bool
	}{
		{"old", Wrapper{Shape: []int64{2, 3}, ItemSize: 8}, "", Payload{Skip: 48}, false},
		{"scalar", Wrapper{ItemSize: 4}, "", Payload{Skip: 4}, false},
		{"aligned", Wrapper{Shape: []int64{2}, ItemSize: 8, Aligned: true}, "\x05\xff\xff", Payload{Skip: 22}, false},
		{"no padding", Wrapper{Shape: []int64{0}, ItemSize: 8, Aligned: true}, "\x00", Payload{Skip: 1}, false},
		{"objects", Wrapper{Shape: []int64{2}, ItemSize: 8, Object: true, Aligned: true}, "\x80\x05", Payload{Pickle: true}, false},
		{"cut", Wrapper{Aligned: true}, "", Payload{}, true},
		{"overflow", Wrapper{Shape: []int64{1 << 62}, ItemSize: 8}, "", Payload{}, true},
		{"negative", Wrapper{Shape: []int64{-1}, ItemSize: 8}, "", Payload{}, true},
		{"unknown", Wrapper{ItemSize: -1}, "", Payload{}, true},
	} {
		got, err := tt.w.Payload([]byte(tt.next))
		if got != tt.want || (err != nil) != tt.err {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
	}
}

// A file that joblib 1.6 wrote (testdata/README says how): the wrapper's
// payloads must lead exactly to the rest of the pickle.
func TestJoblibFile(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "arrays.joblib"))
	if err != nil {
		t.Fatal(err)
	}
	ws := []Wrapper{{Shape: []int64{2, 3}, ItemSize: 8, Aligned: true}, {Shape: []int64{5}, ItemSize: 4, Aligned: true}}
	marks := [][]byte{float64s(0, 1, 2, 3, 4, 5), {7, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0, 7, 0, 0, 0}}
	for i, w := range ws {
		data := bytes.Index(b, marks[i])
		build := data - 1
		for b[build] == 0xff { // back over the padding to its length
			build--
		}
		if b[build-1] != 'b' {
			t.Fatalf("array %d: no BUILD before the padding", i)
		}
		got, err := w.Payload(b[build:])
		if end := build + int(got.Skip); err != nil || end != data+len(marks[i]) {
			t.Errorf("array %d: got %+v, %v, want an end at %d", i, got, err, data+len(marks[i]))
		}
	}
}

func float64s(xs ...uint64) (b []byte) {
	bits := []uint64{0, 0x3ff0 << 48, 0x4000 << 48, 0x4008 << 48, 0x4010 << 48, 0x4014 << 48}
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint64(b, bits[x])
	}
	return b
}

func FuzzOpen(f *testing.F) {
	f.Add(file(1, header("'<f4'", "(2, 3)"), 24))
	f.Add(file(2, header("[('a', '<i4'), ('b', [('c', '|O')])]", "(3L,)"), 24))
	f.Add(file(3, header("('<f4', (2,))", "()"), 24))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := open(b)
		again, err2 := open(b)
		if d := cmp.Diff(got, again); d != "" || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input", d)
		}
		if err == nil && got.DataOffset > int64(len(b)) {
			t.Error(io.ErrUnexpectedEOF)
		}
	})
}

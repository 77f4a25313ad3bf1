package model

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// passes reports whether nothing above the framework tier is found in a file.
func passes(t *testing.T, name string, data []byte) bool {
	t.Helper()
	a, err := artifact.FromReader(name, bytes.NewReader(data), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	clean := true
	facts, err := Look(t.Context(), a, Options{}, func(f finding.Finding) {
		i := slices.IndexFunc(Rules, func(r *rule.Rule) bool { return r.ID == f.Rule })
		if f.Outcome == finding.Undetermined || i < 0 || Rules[i].Verdict > finding.Framework {
			clean = false
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return clean && facts.Model
}

// Where the bytes of a joblib array end decides what the opcodes behind them are.
// Each of these made andiron and joblib, or pickle.load, stand at another place.
func TestWrapperEnds(t *testing.T) {
	const (
		class  = "GLOBAL joblib.numpy_pickle NumpyArrayWrapper;"
		instan = class + "EMPTY_TUPLE;NEWOBJ;"
		dtype  = "GLOBAL numpy dtype;BINUNICODE f8;NEWFALSE;NEWTRUE;TUPLE3;REDUCE;"
		object = "GLOBAL numpy dtype;BINUNICODE O8;NEWFALSE;NEWTRUE;TUPLE3;REDUCE;MARK;BININT1 3;BINUNICODE |;NONE;NONE;NONE;BININT -1;BININT -1;BININT1 63;TUPLE;BUILD;"
		one    = "BININT1 1;TUPLE1;"
		floats = "RAW 0000000000000000;" // one float64
	)
	state := func(shape, dtype, alignment string) string {
		return "EMPTY_DICT;MARK;BINUNICODE shape;" + shape + "BINUNICODE dtype;" + dtype + "BINUNICODE numpy_array_alignment_bytes;" + alignment + "SETITEMS;"
	}
	fields := func(version, size, flags string) string {
		return "GLOBAL numpy dtype;BINUNICODE V8;NEWFALSE;NEWTRUE;TUPLE3;REDUCE;MARK;" + version + ";BINUNICODE |;NONE;BINUNICODE a;TUPLE1;" +
			"EMPTY_DICT;BINUNICODE a;" + object + "BININT1 0;TUPLE2;SETITEM;" + size + ";BININT1 1;" + flags + ";TUPLE;BUILD;"
	}
	honest := state(one, dtype, "NONE;")
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		{"as joblib writes it", instan + honest + "BUILD;" + floats, true},
		{"as protocol 1 writes it", "GLOBAL copyreg _reconstructor;" + class + "GLOBAL builtins object;NONE;TUPLE3;REDUCE;" + honest + "BUILD;" + floats, true},
		{"state with slots", instan + honest + "NONE;TUPLE2;BUILD;" + floats, false},
		{"state in an instance", instan + "GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;BUILD;" + floats, false},
		{"a second state", instan + "BINPUT 7;" + honest + "BUILD;" + floats + "POP;BINGET 7;EMPTY_DICT;BUILD;" + floats, false},
		{"a key twice", instan + strings.Replace(honest, "SETITEMS", "BINUNICODE shape;"+one+"SETITEMS", 1) + "BUILD;" + floats, false},
		{"a computed key", instan + strings.Replace(honest, "BINUNICODE dtype;", "GLOBAL builtins str;BINUNICODE dtype;TUPLE1;REDUCE;", 1) + "BUILD;" + floats, false},
		{"alignment as text", instan + state(one, dtype, "BINUNICODE 16;") + "BUILD;" + floats, false},
		{"a negative dimension", instan + state("BININT -1;TUPLE1;", dtype, "NONE;") + "BUILD;" + floats, false},
		{"a dtype of another constructor", instan + state(one, "GLOBAL numpy.dtypes Float64DType;EMPTY_TUPLE;REDUCE;", "NONE;") + "BUILD;" + floats, false},
		{"flags that deny an object field", instan + state(one, fields("BININT1 3", "BININT1 8", "BININT1 0"), "NONE;") + "BUILD;" + floats, false},
		{"a state before there were flags", instan + state(one, fields("BININT1 2", "BININT1 8", "NONE"), "NONE;") + "BUILD;" + floats, false},
		{"another item size in the state", instan + state(one, fields("BININT1 3", "BININT1 99", "BININT1 63"), "NONE;") + "BUILD;" + floats, false},
		{"an array inside of an object array", instan + state(one, object, "NONE;") + "BUILD;PROTO 2;" + instan + honest + "BUILD;RAW 636f730a6e6f7468;STOP;", false},
		{"bytes that are opcodes for pickle.load", instan + state("BININT1 3;TUPLE1;", dtype, "NONE;") + "BUILD;GLOBAL os.path nothing_;RAW 4e4e4e4e4e4e2e;", false},
	} {
		data := testkit.Pickle(strings.Split("PROTO 2;"+strings.TrimSuffix(tt.text, ";")+";STOP", ";")...)
		if got := passes(t, "x.joblib", data); got != tt.want {
			t.Errorf("%s: passes is %v, want %v", tt.name, got, tt.want)
		}
	}
}

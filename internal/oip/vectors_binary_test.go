package oip

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// framedBody is a header for inputs, with bytes behind it.
func framedBody(inputs, behind string) (header string, body []byte) {
	head := `{"inputs":[` + inputs + `]}`
	return strconv.Itoa(len(head)), []byte(head + behind)
}

func sized(name, shape, datatype, size string) string {
	return `{"name":"` + name + `","shape":` + shape + `,"datatype":"` + datatype + `","parameters":{"binary_data_size":` + size + `}}`
}

// binaryVectors are requests with the binary extension, and raw bodies.
func binaryVectors() (vs []vector) {
	add := func(name, inputs, behind string, code Code) {
		header, body := framedBody(inputs, behind)
		vs = append(vs, vector{Case: name, Read: "binary", Header: header, Body64: body, Code: code})
	}
	one := sized("x", "[1]", "FP32", "4")
	add("one input", one, "\x00\x00\x80\x3f", "")
	add("two inputs in order", one+","+sized("y", "[2]", "UINT8", "2"), "\x00\x00\x80\x3f\x01\x02", "")
	add("binary and JSON", one+`,{"name":"y","shape":[2],"datatype":"UINT8","data":[1,2]}`, "\x00\x00\x80\x3f", "")
	add("16-bit floats", sized("x", "[1]", "FP16", "2")+","+sized("y", "[1]", "BF16", "2"), "\x00\x3c\x80\x3f", "")
	add("NaN is for the schema", one, "\x00\x00\xc0\x7f", "")
	add("nothing", sized("x", "[0,3]", "FP32", "0"), "", "")
	add("texts", sized("x", "[2]", "BYTES", "11"), "\x01\x00\x00\x00a\x02\x00\x00\x00bc", "")
	add("too short", one, "\x00\x00\x80", CodeSize)
	add("too long", one, "\x00\x00\x80\x3f\x00", CodeSize)
	add("the second starts in the first", sized("x", "[1]", "FP32", "4")+","+sized("y", "[1]", "FP32", "4"), "\x00\x00\x80\x3f", CodeSize)
	add("a size below 0", sized("x", "[1]", "FP32", "-4"), "\x00\x00\x80\x3f", CodeSize)
	add("a size below 0 that takes the next one back", sized("x", "[1]", "FP32", "4")+","+sized("y", "[1]", "FP32", "-4")+","+sized("z", "[1]", "FP32", "4"), "\x00\x00\x80\x3f", CodeSize)
	add("a size beyond 63 bits", sized("x", "[1]", "FP32", "9223372036854775808"), "\x00\x00\x80\x3f", CodeType)
	add("sizes whose sum leaves 63 bits", sized("x", "[1]", "FP32", "9223372036854775807")+","+sized("y", "[1]", "FP32", "9223372036854775807"), "\x00\x00\x80\x3f", CodeSize)
	add("a size that is a fraction", sized("x", "[1]", "FP32", "4.0"), "\x00\x00\x80\x3f", CodeType)
	add("a size that is a text", sized("x", "[1]", "FP32", `"4"`), "\x00\x00\x80\x3f", CodeType)
	add("a size that lies about the shape", sized("x", "[2]", "FP32", "4"), "\x00\x00\x80\x3f", CodeSize)
	add("a size of another type", sized("x", "[1]", "FP64", "4"), "\x00\x00\x80\x3f", CodeSize)
	add("both sources", `{"name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}}`, "\x00\x00\x80\x3f", CodeSource)
	add("a size twice", `{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4,"binary_data_size":4}}`, "\x00\x00\x80\x3f", CodeDuplicate)
	add("a text whose length is cut", sized("x", "[1]", "BYTES", "3"), "\x01\x00\x00", CodeText)
	add("a text that ends behind the data", sized("x", "[1]", "BYTES", "5"), "\x02\x00\x00\x00a", CodeText)
	add("a text whose length has 32 bits", sized("x", "[1]", "BYTES", "5"), "\xff\xff\xff\xffa", CodeText)
	add("more texts than the shape has", sized("x", "[1]", "BYTES", "10"), "\x01\x00\x00\x00a\x01\x00\x00\x00b", CodeText)
	add("fewer texts than the shape has", sized("x", "[3]", "BYTES", "10"), "\x01\x00\x00\x00a\x01\x00\x00\x00b", CodeText)
	add("no binary at all", `{"name":"x","shape":[1],"datatype":"FP32","data":[1]}`, "", "")
	vs = append(vs, headerVectors(one)...)
	return append(vs, rawVectors()...)
}

func headerVectors(one string) (vs []vector) {
	header, body := framedBody(one, "\x00\x00\x80\x3f")
	for _, h := range []string{"", " " + header, header + " ", "+" + header, "-1", "0x10", "1e2", header + "abc", header + "," + header, "0" + header, "18446744073709551616", "99999999999999999999", strconv.Itoa(len(body) + 1), "٣"} {
		vs = append(vs, vector{Case: fmt.Sprintf("the length %q", h), Read: "binary", Header: h, Body64: body, Code: CodeSize})
	}
	vs = append(vs,
		vector{Case: "the length 0, which is a raw body", Read: "binary", Header: "0", Body64: body, Code: CodeSize},
		vector{Case: "a length that cuts the header", Read: "binary", Header: "10", Body64: body, Code: CodeSyntax},
		vector{Case: "a length with data in the header", Read: "binary", Header: strconv.Itoa(len(body)), Body64: body, Code: CodeSyntax},
		vector{Case: "spaces behind the header", Read: "binary", Header: "200", Body64: []byte(pad(string(body[:len(body)-4]), 200) + "\x00\x00\x80\x3f")},
		vector{Case: "a header over its limit", Read: "binary", Header: "2000", Options: &vectorOptions{Limits: Limits{Header: 100}}, Body64: []byte(pad(string(body[:len(body)-4]), 2000) + "\x00\x00\x80\x3f"), Code: CodeLimit},
	)
	return vs
}

func rawVectors() []vector {
	field := func(dtype string, least, most []int64) []vectorField {
		return []vectorField{{Name: "x", DType: []string{dtype}, Least: least, Most: most}}
	}
	return []vector{
		{Case: "a fixed shape", Read: "raw", Fields: field("uint8", []int64{2, 2}, []int64{2, 2}), Body64: []byte("abcd")},
		{Case: "one open size", Read: "raw", Fields: field("float32", []int64{1, 2}, []int64{1 << 40, 2}), Body64: make([]byte, 24)},
		{Case: "a batch of one with an open size", Read: "raw", Fields: field("uint8", []int64{1, 1}, []int64{8, 512}), Body64: []byte("abc")},
		{Case: "one text", Read: "raw", Fields: field("bytes", []int64{1}, []int64{1}), Body64: []byte("hello")},
		{Case: "no multiple", Read: "raw", Fields: field("float32", []int64{1, 2}, []int64{8, 2}), Body64: make([]byte, 20), Code: CodeSize},
		{Case: "another size", Read: "raw", Fields: field("uint8", []int64{2, 2}, []int64{2, 2}), Body64: []byte("abcde"), Code: CodeSize},
		{Case: "two open sizes", Read: "raw", Fields: field("uint8", []int64{3, 1, 1}, []int64{3, 8, 8}), Body64: []byte("abcdef"), Code: CodeShape},
		{Case: "two types", Read: "raw", Fields: []vectorField{{Name: "x", DType: []string{"uint8", "int8"}, Least: []int64{1}, Most: []int64{8}}}, Body64: []byte("a"), Code: CodeDType},
		{Case: "more than the limit", Read: "raw", Options: &vectorOptions{Limits: Limits{Elements: 3}}, Fields: field("uint8", []int64{1}, []int64{8}), Body64: []byte("abcd"), Code: CodeLimit},
	}
}

// historyVectors are the faults that Triton's readers and its neighbours' had,
// written anew as bodies. Each says what it did.
func historyVectors() (vs []vector) {
	add := func(name, why string, v vector) {
		v.Case, v.Why = name, why
		if v.Read == "" {
			v.Read = "json"
		}
		vs = append(vs, v)
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	add("integer overflow in JSON", "a token id was cut to 32 bits: 4294967301 became 5", vector{Body: typedAs("INT32", "4294967301"), Code: CodeNumber})
	add("integer overflow to uint8", "256 became 0", vector{Body: typedAs("UINT8", "256"), Code: CodeNumber})
	add("a float beyond its type", "1e39 became an infinity", vector{Body: typedAs("FP32", "1e39"), Code: CodeNumber})
	add("words for numbers", "NaN and Infinity were read, and poisoned the batch", vector{Body: in("[NaN,Infinity]"), Code: CodeNumber})
	add("recursion", "nested lists used up the stack", vector{Body: shaped("[1]", deep), Code: CodeNesting})
	add("recursion in a parameter", "the same, where a parameter is stepped over", vector{Options: &vectorOptions{Drop: true}, Body: around(`"parameters":{"a":` + deep + `}`), Code: CodeLimit})
	add("recursion before the type", "the same, where data come before the type", vector{Body: `{"inputs":[{"data":` + deep + `,"name":"x","shape":[1],"datatype":"FP32"}]}`, Code: CodeNesting})
	add("outputs with one name", "an output that was asked for twice was freed twice", vector{Body: around(`"outputs":[{"name":"y"},{"name":"y"}]`), Code: CodeDuplicate})
	add("too many outputs", "each output that was asked for was allocated", vector{Options: &vectorOptions{Limits: Limits{Tensors: 2}}, Body: around(`"outputs":[{"name":"a"},{"name":"b"},{"name":"c"}]`), Code: CodeLimit})
	add("the size of a batch", "a batch of 2^32 overflowed the bytes that it needed", vector{Body: shaped("[4294967296,4294967296]", "[1]"), Code: CodeShape})
	add("a shape that claims memory", "memory was taken for the shape before data came", vector{Body: shaped("[16000000]", "[1]"), Code: CodeCount})
	add("a shape whose bytes overflow", "elements fitted 63 bits, and eight times as many did not", vector{Body: `{"inputs":[{"name":"x","shape":[4611686018427387904],"datatype":"FP64","data":[1]}]}`, Code: CodeLimit})
	add("sizes below 0", "-1 stood for any size, and came back as 2^64-1", vector{Body: shaped("[-1]", "[1]"), Code: CodeShape})
	add("shared memory by name", "an error told the name of the server's own region, which could then be registered and read", vector{Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_region":"triton_python_backend_shm_region_1","shared_memory_byte_size":8}}]}`, Code: CodeMemory})
	add("shared memory out of bounds", "offset and size were added without care", vector{Options: &vectorOptions{SharedMemory: true}, Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":18446744073709551615}}]}`, Code: CodeType})
	add("two values of one member", "readers took the first, or the last", vector{Body: `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[0.5],"data":[1e30]}]}`, Code: CodeDuplicate})
	add("a member in another case", "a reader that ignores case took the second", vector{Body: `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[0.5],"DATA":[1e30]}]}`, Code: CodeMember})
	add("texts that do not end", "the length of a text led behind the data", func() vector {
		h, b := framedBody(sized("x", "[1]", "BYTES", "8"), "\xf0\xff\xff\xffabcd")
		return vector{Read: "binary", Header: h, Body64: b, Code: CodeText}
	}())
	add("data and a size", "KServe took the data, Triton refused", func() vector {
		h, b := framedBody(`{"name":"x","shape":[1],"datatype":"FP32","data":[0.5],"parameters":{"binary_data_size":4}}`, "\xff\xff\x7f\x7f")
		return vector{Read: "binary", Header: h, Body64: b, Code: CodeSource}
	}())
	add("a size below 0 that reads again", "KServe cut the data from the end", func() vector {
		h, b := framedBody(sized("x", "[1]", "FP32", "4")+","+sized("y", "[1]", "FP32", "-2"), "\x00\x00\x80\x3f\x00\x00")
		return vector{Read: "binary", Header: h, Body64: b, Code: CodeSize}
	}())
	add("a shape that is not the data's", "bytes of another request came back", func() vector {
		h, b := framedBody(sized("x", "[1024]", "FP32", "4"), "\x00\x00\x80\x3f")
		return vector{Read: "binary", Header: h, Body64: b, Code: CodeSize}
	}())
	add("a length with letters behind it", "stoi reads 12abc as 12", func() vector {
		h, b := framedBody(sized("x", "[1]", "FP32", "4"), "\x00\x00\x80\x3f")
		return vector{Read: "binary", Header: h + "abc", Body64: b, Code: CodeSize}
	}())
	add("a raw body", "the header is empty, and the shape is whatever fits", func() vector {
		return vector{Read: "binary", Header: "0", Body64: binary.LittleEndian.AppendUint32(nil, 0x3f800000), Code: CodeSize}
	}())
	add("embeddings in pickles", "a tensor in base64 was read by torch.load, and could be sparse", vector{Read: "openai", Fields: idFields(), Options: &vectorOptions{Parameters: []string{"max_tokens"}}, Body: `{"model":"m","prompt":[1],"prompt_embeds":"gAJ9"}`, Code: CodeParameter})
	add("a token below 0", "an index out of the table stops the process on a GPU; the vocabulary is for the schema, the type is not", vector{Read: "openai", Fields: []vectorField{{Name: "ids", DType: []string{"uint32"}, Least: []int64{1, 1}, Most: []int64{1, 64}}}, Body: `{"model":"m","prompt":[-1]}`, Code: CodeNumber})
	add("raw and typed contents", "which one counts differs", vector{Read: "grpc", Body64: protoRequest(protoTensor("x", "FP32", []int64{1}, contentsField(6, "\x00\x00\x00\x3f")), "\xff\xff\x7f\x7f"), Code: CodeSource})
	add("raw contents that are missing", "an index ran behind the list", vector{Read: "grpc", Body64: protoRequest(protoTensor("x", "FP32", []int64{1}, "")+protoTensor("y", "FP32", []int64{1}, ""), "\xff\xff\x7f\x7f"), Code: CodeSource})
	return vs
}

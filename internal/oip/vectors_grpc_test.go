package oip

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// lv is a field with bytes.
func lv(num protowire.Number, b string) string {
	return string(protowire.AppendString(protowire.AppendTag(nil, num, protowire.BytesType), b))
}

// vi is a field with a number.
func vi(num protowire.Number, n uint64) string {
	return string(protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), n))
}

func varints(ns ...uint64) string {
	var b []byte
	for _, n := range ns {
		b = protowire.AppendVarint(b, n)
	}
	return string(b)
}

// contentsField are typed contents with one packed field.
func contentsField(num protowire.Number, packed string) string { return lv(5, lv(num, packed)) }

// protoTensor is the field of an input, whose contents come as a field.
func protoTensor(name, datatype string, shape []int64, contents string) string {
	var dims []uint64
	for _, n := range shape {
		dims = append(dims, uint64(n))
	}
	return lv(5, lv(1, name)+lv(2, datatype)+lv(3, varints(dims...))+contents)
}

// protoRequest is a request with inputs and raw contents.
func protoRequest(inputs string, raw ...string) []byte {
	b := lv(1, "m") + inputs
	for _, r := range raw {
		b += lv(7, r)
	}
	return []byte(b)
}

// grpcVectors are messages of GRPCInferenceService.
func grpcVectors() (vs []vector) {
	good := func(name string, body []byte) { vs = append(vs, vector{Case: name, Read: "grpc", Body64: body}) }
	bad := func(name string, body []byte, code Code) {
		vs = append(vs, vector{Case: name, Read: "grpc", Body64: body, Code: code})
	}
	goodMessages(good)
	typedMessages(good, bad)
	wireFaults(bad)
	tensorFaults(bad)
	vs = append(vs, grpcParameters()...)
	return append(vs, grpcAnswers()...)
}

const one32 = "\x00\x00\x80\x3f"

func goodMessages(good func(name string, body []byte)) {
	x := protoTensor("x", "FP32", []int64{1}, "")
	good("raw", protoRequest(x, one32))
	good("raw, of two inputs", protoRequest(x+protoTensor("y", "UINT8", []int64{2}, ""), one32, "ab"))
	good("raw contents before the inputs", []byte(lv(7, one32)+lv(1, "m")+x))
	good("16-bit floats", protoRequest(protoTensor("x", "BF16", []int64{1}, "")+protoTensor("y", "FP16", []int64{1}, ""), "\x80\x3f", "\x00\x3c"))
	good("version, id and outputs", []byte(lv(1, "m")+lv(2, "3")+lv(3, "id")+x+lv(6, lv(1, "a"))+lv(6, lv(1, "b"))+lv(7, one32)))
	good("a shape that is not packed", []byte(lv(1, "m")+lv(5, lv(1, "x")+lv(2, "UINT8")+vi(3, 1)+vi(3, 2))+lv(7, "ab")))
	good("a shape in two parts", []byte(lv(1, "m")+lv(5, lv(1, "x")+lv(2, "UINT8")+lv(3, varints(1))+vi(3, 2))+lv(7, "ab")))
	good("numbers of more bytes than they need", []byte(lv(1, "m")+lv(5, lv(1, "x")+lv(2, "UINT8")+lv(3, "\x82\x80\x00"))+lv(7, "ab")))
	good("a single number", protoRequest(protoTensor("x", "FP32", nil, ""), one32))
	good("texts, raw", protoRequest(protoTensor("x", "BYTES", []int64{2}, ""), "\x01\x00\x00\x00a\x00\x00\x00\x00"))
	good("raw, and empty contents", protoRequest(protoTensor("x", "FP32", []int64{1}, lv(5, "")), one32))
	good("nothing, raw", protoRequest(protoTensor("x", "FP32", []int64{0}, ""), ""))
	good("nothing at all", nil)
}

func typedMessages(good func(name string, body []byte), bad func(name string, body []byte, code Code)) {
	one := func(datatype string, n int64, contents string) []byte {
		return protoRequest(protoTensor("x", datatype, []int64{n}, contents))
	}
	neg := func(n int64) uint64 { return uint64(n) }
	good("typed bools", one("BOOL", 2, contentsField(1, varints(1, 0))))
	good("typed int8", one("INT8", 2, contentsField(2, varints(neg(-128), 127))))
	good("typed int16", one("INT16", 2, contentsField(2, varints(neg(-32768), 32767))))
	good("typed int32", one("INT32", 2, contentsField(2, varints(neg(math.MinInt32), math.MaxInt32))))
	good("typed int64", one("INT64", 2, contentsField(3, varints(neg(math.MinInt64), math.MaxInt64))))
	good("typed uint8", one("UINT8", 2, contentsField(4, varints(0, 255))))
	good("typed uint16", one("UINT16", 1, contentsField(4, varints(65535))))
	good("typed uint32", one("UINT32", 1, contentsField(4, varints(math.MaxUint32))))
	good("typed uint64", one("UINT64", 1, contentsField(5, varints(math.MaxUint64))))
	good("typed float32", one("FP32", 1, contentsField(6, one32)))
	good("typed float64", one("FP64", 1, contentsField(7, "\x00\x00\x00\x00\x00\x00\xf0\x3f")))
	good("typed texts", one("BYTES", 2, lv(5, lv(8, "a")+lv(8, "\xff"))))
	good("typed, not packed", one("INT64", 2, lv(5, vi(3, 1)+vi(3, 2))))
	good("typed float32, not packed", one("FP32", 1, lv(5, "\x35"+one32)))
	good("typed, in two parts", one("FP32", 2, lv(5, lv(6, one32)+lv(6, one32))))
	good("typed, in two inputs", protoRequest(protoTensor("x", "FP32", []int64{1}, contentsField(6, one32))+protoTensor("y", "FP32", []int64{0}, "")))
	bad("int8 beyond", one("INT8", 1, contentsField(2, varints(128))), CodeNumber)
	bad("uint8 beyond", one("UINT8", 1, contentsField(4, varints(256))), CodeNumber)
	bad("int32 that protobuf would cut", one("INT32", 1, contentsField(2, varints(1<<32+5))), CodeNumber)
	bad("uint32 that protobuf would cut", one("UINT32", 1, contentsField(4, varints(1<<32+5))), CodeNumber)
	bad("int32 below 0 in 32 bits", one("INT32", 1, contentsField(2, varints(math.MaxUint32))), CodeNumber)
	bad("uint32 below 0", one("UINT32", 1, contentsField(4, varints(neg(-1)))), CodeNumber)
	bad("a bool of 2", one("BOOL", 1, contentsField(1, varints(2))), CodeNumber)
	bad("contents of another type", one("INT32", 1, contentsField(3, varints(1))), CodeSource)
	bad("contents of two types", one("FP32", 1, lv(5, lv(6, one32)+lv(3, varints(1)))), CodeSource)
	bad("typed 16-bit floats", one("FP16", 1, contentsField(6, one32)), CodeDType)
	bad("too few of them", one("FP32", 2, contentsField(6, one32)), CodeCount)
	bad("too many of them", one("FP32", 1, contentsField(6, one32+one32)), CodeCount)
	bad("too many integers", one("INT64", 1, contentsField(3, varints(1, 2))), CodeCount)
	bad("too many texts", one("BYTES", 1, lv(5, lv(8, "a")+lv(8, "b"))), CodeCount)
	bad("none of them", one("FP32", 1, lv(5, "")), CodeSource)
	bad("none of them, in a field", one("FP32", 1, contentsField(6, "")), CodeCount)
	bad("floats that end in the middle", one("FP32", 1, contentsField(6, "\x00\x00\x80")), CodeSyntax)
	bad("integers that end in the middle", one("INT64", 1, contentsField(3, "\x80")), CodeSyntax)
	bad("an integer of eleven bytes", one("INT64", 1, contentsField(3, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")), CodeSyntax)
	bad("contents twice", one("FP32", 1, contentsField(6, one32)+contentsField(6, one32)), CodeDuplicate)
}

func wireFaults(bad func(name string, body []byte, code Code)) {
	whole := protoRequest(protoTensor("x", "FP32", []int64{1}, ""), one32)
	for _, i := range []int{1, 2, 4, 6, 10, len(whole) - 1} {
		bad("cut after "+itoa(int64(i)), whole[:i], CodeSyntax)
	}
	bad("a field that is not known", append([]byte(vi(99, 1)), whole...), CodeMember)
	bad("a field that is not known, of an input", protoRequest(lv(5, lv(1, "x")+lv(2, "FP32")+vi(3, 1)+lv(6, "")), one32), CodeMember)
	bad("field 0", append([]byte{0x02, 0x00}, whole...), CodeSyntax)
	bad("a group", append([]byte{0x0b, 0x0c}, whole...), CodeSyntax)
	bad("the end of a group", append([]byte{0x0c}, whole...), CodeSyntax)
	bad("wire type 6", append([]byte{0x0e}, whole...), CodeSyntax)
	bad("a name that is a number", append([]byte(vi(1, 1)), whole[3:]...), CodeType)
	bad("the model twice", append([]byte(lv(1, "n")), whole...), CodeDuplicate)
	bad("a length behind the end", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, CodeSyntax)
	bad("a length of 64 bits", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, CodeSyntax)
	bad("a model that is no UTF-8", []byte(lv(1, "\xff")), CodeUTF8)
	bad("an id with a line feed", []byte(lv(3, "a\nb")), CodeName)
}

func tensorFaults(bad func(name string, body []byte, code Code)) {
	bad("no name", protoRequest(lv(5, lv(2, "FP32")+vi(3, 1)), one32), CodeMissing)
	bad("an empty name", protoRequest(lv(5, lv(1, "")+lv(2, "FP32")+vi(3, 1)), one32), CodeName)
	bad("no datatype", protoRequest(lv(5, lv(1, "x")+vi(3, 1)), one32), CodeMissing)
	bad("a datatype that is not known", protoRequest(protoTensor("x", "FP31", []int64{1}, ""), one32), CodeDType)
	bad("an input twice", protoRequest(protoTensor("x", "FP32", []int64{1}, "")+protoTensor("x", "FP32", []int64{1}, ""), one32, one32), CodeDuplicate)
	bad("an output twice", []byte(lv(6, lv(1, "y"))+lv(6, lv(1, "y"))), CodeDuplicate)
	bad("an output without a name", []byte(lv(6, "")), CodeMissing)
	bad("a size below 0", protoRequest(protoTensor("x", "FP32", []int64{-1}, ""), one32), CodeShape)
	bad("a shape beyond 63 bits", protoRequest(protoTensor("x", "FP32", []int64{1 << 40, 1 << 40}, ""), one32), CodeShape)
	bad("seventeen dimensions", protoRequest(protoTensor("x", "FP32", make([]int64, 17), ""), ""), CodeShape)
	bad("too many elements", protoRequest(protoTensor("x", "FP32", []int64{1 << 40}, ""), one32), CodeLimit)
	bad("fewer bytes than the shape", protoRequest(protoTensor("x", "FP32", []int64{2}, ""), one32), CodeSize)
	bad("more bytes than the shape", protoRequest(protoTensor("x", "FP32", []int64{1}, ""), one32+one32), CodeSize)
	bad("more raw contents than inputs", protoRequest(protoTensor("x", "FP32", []int64{1}, ""), one32, one32), CodeSource)
	bad("fewer raw contents than inputs", protoRequest(protoTensor("x", "FP32", []int64{1}, "")+protoTensor("y", "FP32", []int64{1}, ""), one32), CodeSource)
	bad("no data", protoRequest(protoTensor("x", "FP32", []int64{1}, "")), CodeSource)
	bad("raw and typed in one input", protoRequest(protoTensor("x", "FP32", []int64{1}, contentsField(6, one32)), one32), CodeSource)
	bad("raw and typed in two inputs", protoRequest(protoTensor("x", "FP32", []int64{1}, contentsField(6, one32))+protoTensor("y", "FP32", []int64{1}, ""), one32), CodeSource)
	bad("texts whose lengths lie", protoRequest(protoTensor("x", "BYTES", []int64{1}, ""), "\x05\x00\x00\x00a"), CodeText)
}

func grpcParameters() []vector {
	param := func(num protowire.Number, name, value string) string { return lv(num, lv(1, name)+lv(2, value)) }
	known := &vectorOptions{Parameters: []string{"a", "b", "c", "d", "e"}}
	memory := &vectorOptions{SharedMemory: true}
	place := param(4, "shared_memory_region", lv(3, "r")) + param(4, "shared_memory_byte_size", vi(2, 8))
	x := lv(5, lv(1, "x")+lv(2, "FP32")+vi(3, 2)+place)
	double := string(protowire.AppendFixed64(protowire.AppendTag(nil, 4, protowire.Fixed64Type), math.Float64bits(0.5)))
	nan := string(protowire.AppendFixed64(protowire.AppendTag(nil, 4, protowire.Fixed64Type), math.Float64bits(math.NaN())))
	sized := func(n uint64) string {
		return lv(5, lv(1, "x")+lv(2, "FP32")+vi(3, 1)+param(4, "binary_data_size", vi(2, n)))
	}
	return []vector{
		{Case: "a size beside raw contents", Read: "grpc", Body64: protoRequest(sized(4), one32)},
		{Case: "a size beside raw contents that lies", Read: "grpc", Body64: protoRequest(sized(8), one32), Code: CodeSize},
		{Case: "a size below 0 beside raw contents", Read: "grpc", Body64: protoRequest(sized(1<<64-4), one32), Code: CodeParameter},
		{Case: "a size beside typed contents", Read: "grpc", Body64: protoRequest(lv(5, lv(1, "x")+lv(2, "FP32")+vi(3, 1)+param(4, "binary_data_size", vi(2, 4))+contentsField(6, one32))), Code: CodeSource},
		{Case: "a size of the request", Read: "grpc", Body64: []byte(param(4, "binary_data_size", vi(2, 4))), Code: CodeParameter},
		{Case: "parameters of all kinds", Read: "grpc", Options: known, Body64: []byte(param(4, "e", vi(5, math.MaxUint64)) + param(4, "d", double) + param(4, "c", lv(3, "s")) + param(4, "b", vi(2, 7)) + param(4, "a", vi(1, 1)))},
		{Case: "parameters of inputs and outputs", Read: "grpc", Options: known, Body64: []byte(lv(5, lv(1, "x")+lv(2, "UINT8")+vi(3, 1)+param(4, "a", vi(1, 0))) + lv(6, lv(1, "y")+param(2, "b", vi(2, 1))) + lv(7, "a"))},
		{Case: "a parameter that is not let through", Read: "grpc", Body64: []byte(param(4, "a", vi(1, 1))), Code: CodeParameter},
		{Case: "a parameter that is left out", Read: "grpc", Options: &vectorOptions{Drop: true}, Body64: []byte(lv(1, "m") + param(4, "a", vi(1, 1)))},
		{Case: "a parameter twice", Read: "grpc", Options: known, Body64: []byte(param(4, "a", vi(1, 1)) + param(4, "a", vi(1, 1))), Code: CodeDuplicate},
		{Case: "a parameter with two values", Read: "grpc", Options: known, Body64: []byte(param(4, "a", vi(1, 1)+vi(2, 1))), Code: CodeDuplicate},
		{Case: "a parameter with a key twice", Read: "grpc", Options: known, Body64: []byte(lv(4, lv(1, "a")+lv(1, "b")+lv(2, vi(1, 1)))), Code: CodeDuplicate},
		{Case: "a parameter without a value", Read: "grpc", Options: known, Body64: []byte(lv(4, lv(1, "a"))), Code: CodeType},
		{Case: "a parameter without a name", Read: "grpc", Options: known, Body64: []byte(lv(4, lv(2, vi(1, 1)))), Code: CodeName},
		{Case: "a parameter that is NaN", Read: "grpc", Options: known, Body64: []byte(param(4, "a", nan)), Code: CodeNumber},
		{Case: "a bool of 2 as a parameter", Read: "grpc", Options: known, Body64: []byte(param(4, "a", vi(1, 2))), Code: CodeNumber},
		{Case: "classification", Read: "grpc", Options: &vectorOptions{Parameters: []string{"classification"}}, Body64: []byte(lv(6, lv(1, "y")+param(2, "classification", vi(2, 3)))), Code: CodeParameter},
		{Case: "shared memory", Read: "grpc", Body64: []byte(x), Code: CodeMemory},
		{Case: "shared memory that is let through", Read: "grpc", Options: memory, Body64: []byte(lv(1, "m") + x)},
		{Case: "shared memory beside raw contents", Read: "grpc", Options: memory, Body64: []byte(lv(1, "m") + x + protoTensor("y", "UINT8", []int64{1}, "") + lv(7, "a"))},
		{Case: "shared memory and typed contents", Read: "grpc", Options: memory, Body64: []byte(lv(5, lv(1, "x")+lv(2, "FP32")+vi(3, 1)+place+contentsField(6, one32))), Code: CodeSource},
		{Case: "shared memory of the request", Read: "grpc", Options: memory, Body64: []byte(place), Code: CodeMemory},
		{Case: "more than the header may have", Read: "grpc", Options: &vectorOptions{Limits: Limits{Header: 8}}, Body64: protoRequest(protoTensor("x", "FP32", []int64{1}, ""), one32), Code: CodeLimit},
		{Case: "more inputs than the limit", Read: "grpc", Options: &vectorOptions{Limits: Limits{Tensors: 1}}, Body64: protoRequest(protoTensor("x", "FP32", []int64{0}, "") + protoTensor("y", "FP32", []int64{0}, "")), Code: CodeLimit},
	}
}

func grpcAnswers() []vector {
	x := protoTensor("y", "FP32", []int64{1}, "")
	answer := lv(1, "m") + lv(2, "1") + lv(3, "7") + x + lv(6, one32)
	return []vector{
		{Case: "an answer", Read: "grpc-answer", Body64: []byte(answer)},
		{Case: "an answer with typed contents", Read: "grpc-answer", Body64: []byte(lv(1, "m") + protoTensor("y", "FP32", []int64{1}, contentsField(6, one32)))},
		{Case: "an answer with a field of a request", Read: "grpc-answer", Body64: []byte(answer + lv(7, one32)), Code: CodeMember},
		{Case: "an answer with an output twice", Read: "grpc-answer", Body64: []byte(x + x + lv(6, one32) + lv(6, one32)), Code: CodeDuplicate},
		{Case: "an answer that is too short", Read: "grpc-answer", Body64: []byte(x + lv(6, "abc")), Code: CodeSize},
		{Case: "a stream", Read: "stream-answer", Body64: []byte(lv(2, answer))},
		{Case: "a stream with an error", Read: "stream-answer", Body64: []byte(lv(1, "no such model"))},
		{Case: "a stream with an error and an id", Read: "stream-answer", Body64: []byte(lv(1, "no such model") + lv(2, lv(3, "7")))},
		{Case: "a stream with an answer twice", Read: "stream-answer", Body64: []byte(lv(2, answer) + lv(2, answer)), Code: CodeDuplicate},
		{Case: "an empty stream", Read: "stream-answer"},
	}
}

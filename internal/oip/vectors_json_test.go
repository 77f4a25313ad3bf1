package oip

import "strings"

// in puts a tensor of two floats around data.
func in(data string) string {
	return `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":` + data + `}]}`
}

// typedAs is a tensor of one element of a type.
func typedAs(datatype, data string) string {
	return `{"inputs":[{"name":"x","shape":[1],"datatype":"` + datatype + `","data":[` + data + `]}]}`
}

func shaped(shape, data string) string {
	return `{"inputs":[{"name":"x","shape":` + shape + `,"datatype":"FP32","data":` + data + `}]}`
}

// around puts members beside the inputs.
func around(members string) string {
	return `{` + members + `,"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`
}

// jsonVectors are requests and answers of V2 in JSON.
func jsonVectors() (vs []vector) {
	good := func(name, body string) { vs = append(vs, vector{Case: name, Read: "json", Body: body}) }
	bad := func(name, body string, code Code) {
		vs = append(vs, vector{Case: name, Read: "json", Body: body, Code: code})
	}
	goodRequests(good)
	numberRequests(good, bad)
	syntaxRequests(bad)
	memberRequests(bad)
	shapeRequests(good, bad)
	vs = append(vs, parameterRequests()...)
	return append(vs, answers()...)
}

func goodRequests(good func(name, body string)) {
	good("the smallest", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`)
	good("spaces everywhere", " {\n\t\"inputs\" : [ { \"name\" : \"x\" , \"shape\" : [ 2 ] ,\r\n \"datatype\" : \"FP32\" , \"data\" : [ 1 ,\n 2 ] } ] } \n")
	good("members in another order", `{"inputs":[{"data":[1,2],"datatype":"FP32","shape":[2],"name":"x"}],"id":"7"}`)
	good("data before the type, nested, with texts", `{"inputs":[{"data":[["a]","b\\"],["\"","d"]],"datatype":"BYTES","shape":[2,2],"name":"x"}]}`)
	good("a member spelled with escapes", `{"inputs":[{"n\u0061me":"x","shape":[1],"datatype":"FP32","data":[1]}]}`)
	good("two inputs", `{"id":"a","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},{"name":"y","shape":[1],"datatype":"INT64","data":[-1]}]}`)
	good("no inputs", `{"inputs":[]}`)
	good("an empty id", around(`"id":""`))
	good("wanted outputs", around(`"outputs":[{"name":"y"},{"name":"z","parameters":{"binary_data":true}}]`))
	good("the model in the body", around(`"model_name":"m","model_version":"1"`))
	good("all outputs in binary", around(`"parameters":{"binary_data_output":true}`))
	good("outputs not in binary", around(`"parameters":{"binary_data_output":false},"outputs":[{"name":"y","parameters":{"binary_data":false}}]`))
	good("names of another script", `{"inputs":[{"name":"größe 数","shape":[1],"datatype":"FP32","data":[1]}]}`)
	good("texts", typedAs("BYTES", `"a\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00é"`))
	good("an empty text", typedAs("BYTES", `""`))
	good("bools", `{"inputs":[{"name":"x","shape":[3],"datatype":"BOOL","data":[true,false,true]}]}`)
}

func numberRequests(good func(name, body string), bad func(name, body string, code Code)) {
	good("floats of all spellings", `{"inputs":[{"name":"x","shape":[9],"datatype":"FP64","data":[0,-0,0.0,-0.0,1e3,1E+3,1e-3,0e0,-12.5e-1]}]}`)
	good("float32 is rounded once", typedAs("FP32", "1.00000017881393432617187499"))
	good("the largest float32", typedAs("FP32", "3.4028235677973365e38"))
	good("smaller than any float64", typedAs("FP64", "1e-400"))
	good("the smallest float32", typedAs("FP32", "1e-45"))
	bad("beyond float32", typedAs("FP32", "1e39"), CodeNumber)
	bad("beyond float32 by its rounding", typedAs("FP32", "3.4028235677973367e38"), CodeNumber)
	bad("beyond float64", typedAs("FP64", "-1e309"), CodeNumber)
	for _, w := range []string{"NaN", "Infinity", "-Infinity", "nan", "-inf"} {
		bad("the word "+w, in("["+w+",1]"), CodeNumber)
	}
	for _, c := range [][2]string{
		{"a plus", "+1"},
		{"a leading zero", "01"},
		{"a point without digits", "1."},
		{"no digit before the point", ".5"},
		{"an exponent without digits", "1e"},
		{"a signed exponent without digits", "1e+"},
		{"only a minus", "-"},
		{"hexadecimal", "0x10"},
		{"an underscore", "1_000"},
		{"two points", "1.2.3"},
		{"a minus behind a minus", "--1"},
		{"digits behind an exponent's point", "1e1.5"},
		{"a point, then a comma", "-0.,1"},
	} {
		bad("a number with "+c[0], in("["+c[1]+",1]"), CodeSyntax)
	}
	for _, c := range []struct{ datatype, least, most, below, above string }{
		{"INT8", "-128", "127", "-129", "128"},
		{"INT16", "-32768", "32767", "-32769", "32768"},
		{"INT32", "-2147483648", "2147483647", "-2147483649", "2147483648"},
		{"INT64", "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"},
		{"UINT8", "0", "255", "-1", "256"},
		{"UINT16", "0", "65535", "-1", "65536"},
		{"UINT32", "0", "4294967295", "-1", "4294967296"},
		{"UINT64", "0", "18446744073709551615", "-1", "18446744073709551616"},
	} {
		good("the bounds of "+c.datatype, `{"inputs":[{"name":"x","shape":[2],"datatype":"`+c.datatype+`","data":[`+c.least+`,`+c.most+`]}]}`)
		bad("below "+c.datatype, typedAs(c.datatype, c.below), CodeNumber)
		bad("above "+c.datatype, typedAs(c.datatype, c.above), CodeNumber)
		bad("a fraction as "+c.datatype, typedAs(c.datatype, "1.0"), CodeNumber)
		bad("an exponent as "+c.datatype, typedAs(c.datatype, "1e2"), CodeNumber)
		bad("a negative zero as "+c.datatype, typedAs(c.datatype, "-0"), CodeNumber)
		bad("true as "+c.datatype, typedAs(c.datatype, "true"), CodeType)
		bad("a text as "+c.datatype, typedAs(c.datatype, `"1"`), CodeType)
	}
	bad("1 as a bool", typedAs("BOOL", "1"), CodeType)
	bad("a text as a bool", typedAs("BOOL", `"true"`), CodeType)
	bad("True", typedAs("BOOL", "True"), CodeSyntax)
	bad("null as an element", typedAs("FP32", "null"), CodeType)
	bad("a text as a float", typedAs("FP32", `"1.0"`), CodeType)
	bad("an object as an element", typedAs("FP32", `{}`), CodeType)
	bad("a number as a text", typedAs("BYTES", "1"), CodeType)
	bad("16-bit floats", typedAs("FP16", "1"), CodeDType)
	bad("bfloat16", typedAs("BF16", "1"), CodeDType)
	bad("a number of 2000 digits", typedAs("FP64", strings.Repeat("1", 2000)), CodeLimit)
}

func syntaxRequests(bad func(name, body string, code Code)) {
	good := typedAs("FP32", "1")
	bad("nothing", "", CodeSyntax)
	bad("a list", "[]", CodeType)
	bad("null", "null", CodeType)
	bad("a mark of the order of bytes", "\ufeff"+good, CodeSyntax)
	bad("a second value", good+good, CodeSyntax)
	bad("a zero byte behind it", good+"\x00", CodeSyntax)
	bad("a comma behind the last", in("[1,]"), CodeSyntax)
	bad("a comma behind the last member", `{"inputs":[],}`, CodeSyntax)
	bad("a comment", `{"inputs":[]/**/}`, CodeSyntax)
	bad("single quotes", `{'inputs':[]}`, CodeSyntax)
	bad("a member without quotes", `{inputs:[]}`, CodeSyntax)
	bad("a control character in a text", "{\"inputs\":[],\"id\":\"a\nb\"}", CodeSyntax)
	bad("a vertical tab as a space", "{\v\"inputs\":[]}", CodeSyntax)
	bad("an escape that is not known", `{"inputs":[],"id":"\x41"}`, CodeSyntax)
	bad("an escape that is too short", `{"inputs":[],"id":"\u00"}`, CodeSyntax)
	bad("bytes that are no UTF-8", "{\"inputs\":[],\"id\":\"\xff\"}", CodeUTF8)
	bad("an overlong sequence", "{\"inputs\":[],\"id\":\"\xc0\xaf\"}", CodeUTF8)
	bad("a surrogate in UTF-8", "{\"inputs\":[],\"id\":\"\xed\xa0\x80\"}", CodeUTF8)
	bad("half of a pair", `{"inputs":[],"id":"\ud800"}`, CodeUTF8)
	bad("the second half of a pair", `{"inputs":[],"id":"\ude00\ud83d"}`, CodeUTF8)
	bad("half of a pair before another escape", `{"inputs":[],"id":"\ud83d\u0041"}`, CodeUTF8)
	bad("half of a pair as an element", typedAs("BYTES", `"\ud800"`), CodeUTF8)
	for i := 1; i < len(good); i += 7 {
		bad("cut after "+itoa(int64(i)), good[:i], CodeSyntax)
	}
}

func memberRequests(bad func(name, body string, code Code)) {
	bad("inputs twice", `{"inputs":[],"inputs":[]}`, CodeDuplicate)
	bad("data twice", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"data":[2]}]}`, CodeDuplicate)
	bad("data twice, once with an escape", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"d\u0061ta":[2]}]}`, CodeDuplicate)
	bad("data in another case", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"Data":[2]}]}`, CodeMember)
	bad("a member that is not known", around(`"extra":1`), CodeMember)
	bad("a member that is not known, in an input", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"dtype":"FP32"}]}`, CodeMember)
	bad("an input twice", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},{"name":"x","shape":[1],"datatype":"FP32","data":[2]}]}`, CodeDuplicate)
	bad("an output twice", around(`"outputs":[{"name":"y"},{"name":"y"}]`), CodeDuplicate)
	bad("a parameter twice", around(`"parameters":{"binary_data_output":true,"binary_data_output":false}`), CodeDuplicate)
	bad("no inputs at all", `{"id":"1"}`, CodeMissing)
	bad("no name", `{"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]}`, CodeMissing)
	bad("no shape", `{"inputs":[{"name":"x","datatype":"FP32","data":[1]}]}`, CodeMissing)
	bad("no datatype", `{"inputs":[{"name":"x","shape":[1],"data":[1]}]}`, CodeMissing)
	bad("no data", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32"}]}`, CodeSource)
	bad("data and binary_data_size", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}}]}`, CodeSource)
	bad("binary_data_size without a header", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}`, CodeSource)
	bad("an empty name", strings.Replace(typedAs("FP32", "1"), `"x"`, `""`, 1), CodeName)
	bad("a line feed in a name", strings.Replace(typedAs("FP32", "1"), `"x"`, `"x\n"`, 1), CodeName)
	bad("a name that turns its direction", strings.Replace(typedAs("FP32", "1"), `"x"`, `"x\u202e"`, 1), CodeName)
	bad("a name of 300 bytes", strings.Replace(typedAs("FP32", "1"), `"x"`, `"`+strings.Repeat("x", 300)+`"`, 1), CodeLimit)
	bad("an id with a zero byte", around(`"id":"a\u0000"`), CodeName)
	bad("an id that is a number", around(`"id":7`), CodeType)
	bad("null for an id", around(`"id":null`), CodeType)
	bad("a datatype that is not known", typedAs("FLOAT", "1"), CodeDType)
	bad("a datatype in small letters", typedAs("fp32", "1"), CodeDType)
	bad("a datatype as torch says it", typedAs("float32", "1"), CodeDType)
	bad("an empty datatype", typedAs("", "1"), CodeDType)
	bad("inputs as an object", `{"inputs":{"name":"x","shape":[1],"datatype":"FP32","data":[1]}}`, CodeType)
	bad("an input as a list", `{"inputs":[["x",[1],"FP32",[1]]]}`, CodeType)
	bad("data as a text", in(`"AAAAAAAAAAA="`), CodeType)
	bad("data as an object", in(`{"0":1,"1":2}`), CodeType)
	bad("data as a number", in("1"), CodeType)
}

func shapeRequests(good func(name, body string), bad func(name, body string, code Code)) {
	good("flat data of a matrix", shaped("[2,2]", "[1,2,3,4]"))
	good("nested data of a matrix", shaped("[2,2]", "[[1,2],[3,4]]"))
	good("nested data of three dimensions", shaped("[1,2,2]", "[[[1,2],[3,4]]]"))
	good("a single number", shaped("[]", "[1]"))
	good("nothing, flat", shaped("[0,3]", "[]"))
	good("nothing, nested", shaped("[2,0]", "[[],[]]"))
	good("sixteen dimensions", shaped("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", strings.Repeat("[", 16)+"1"+strings.Repeat("]", 16)))
	bad("seventeen dimensions", shaped("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[1]"), CodeShape)
	bad("a size below 0", shaped("[-1]", "[1]"), CodeShape)
	bad("two sizes below 0", shaped("[-1,-1]", "[1]"), CodeShape)
	bad("a size that is a fraction", shaped("[1.0]", "[1]"), CodeType)
	bad("a size with an exponent", shaped("[1e0]", "[1]"), CodeType)
	bad("a size that is a text", shaped(`["1"]`, "[1]"), CodeType)
	bad("a size beyond 63 bits", shaped("[9223372036854775808]", "[1]"), CodeType)
	bad("a shape beyond 63 bits", shaped("[4294967296,4294967296]", "[1]"), CodeShape)
	bad("a shape beyond 63 bits before a 0", shaped("[4294967296,4294967296,0]", "[]"), CodeShape)
	bad("more elements than the limit", shaped("[16777217]", "[1]"), CodeLimit)
	bad("more elements than the body can have", shaped("[16777216]", "[1]"), CodeCount)
	bad("a shape that is a number", shaped("1", "[1]"), CodeType)
	bad("too few", shaped("[3]", "[1,2]"), CodeCount)
	bad("too many", shaped("[2]", "[1,2,3]"), CodeCount)
	bad("elements for a shape of none", shaped("[0]", "[1]"), CodeCount)
	bad("rows of different lengths", shaped("[2,2]", "[[1,2,3],[4]]"), CodeNesting)
	bad("the shape transposed", shaped("[2,3]", "[[1,2],[3,4],[5,6]]"), CodeNesting)
	bad("a list too deep", shaped("[2,2]", "[[[1],[2]],[[3],[4]]]"), CodeNesting)
	bad("a list not deep enough", shaped("[2,2,1]", "[[1,2],[3,4]]"), CodeNesting)
	bad("numbers and lists", shaped("[2,2]", "[[1,2],3,4]"), CodeNesting)
	bad("lists behind numbers", shaped("[2]", "[1,[2]]"), CodeType)
	bad("an empty list among others", shaped("[2,1]", "[[1],[]]"), CodeNesting)
	bad("nested data of a single number", shaped("[]", "[[1]]"), CodeNesting)
	bad("a thousand brackets", shaped("[1]", strings.Repeat("[", 1000)+strings.Repeat("]", 1000)), CodeNesting)
	bad("data with a closing bracket too much", shaped("[1]", "[1]]"), CodeSyntax)
	bad("data before the type that never end", `{"inputs":[{"data":[[1],"datatype":"FP32"`, CodeSyntax)
	bad("data before the type that are wrong", `{"inputs":[{"data":[1 2],"datatype":"FP32","shape":[2],"name":"x"}]}`, CodeSyntax)
	bad("data before the type that end in an escape", `{"inputs":[{"data":["\`, CodeSyntax)
}

func parameterRequests() []vector {
	known := &vectorOptions{Parameters: []string{"priority", "timeout"}}
	memory := &vectorOptions{SharedMemory: true}
	place := `"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":4}`
	return []vector{
		{Case: "parameters that are let through", Read: "json", Options: known, Body: around(`"parameters":{"timeout":1.5,"priority":18446744073709551615}`)},
		{Case: "one that is not", Read: "json", Options: known, Body: around(`"parameters":{"priority":1,"secret":1}`), Code: CodeParameter},
		{Case: "one that is not, and is left out", Read: "json", Options: &vectorOptions{Parameters: []string{"priority"}, Drop: true}, Body: around(`"parameters":{"priority":"high","headers":{"a":[1,{"b":null}]}}`)},
		{Case: "one that is left out, without end", Read: "json", Options: &vectorOptions{Drop: true}, Body: around(`"parameters":{"a":[[[[[[[[[[1]]]]]]]]]]}`), Code: CodeLimit},
		{Case: "one twice", Read: "json", Options: known, Body: around(`"parameters":{"priority":1,"priority":1}`), Code: CodeDuplicate},
		{Case: "one with a list", Read: "json", Options: known, Body: around(`"parameters":{"priority":[1]}`), Code: CodeType},
		{Case: "one with null", Read: "json", Options: known, Body: around(`"parameters":{"priority":null}`), Code: CodeType},
		{Case: "one beyond 64 bits", Read: "json", Options: known, Body: around(`"parameters":{"priority":18446744073709551616}`), Code: CodeNumber},
		{Case: "one beyond float64", Read: "json", Options: known, Body: around(`"parameters":{"timeout":1e400}`), Code: CodeNumber},
		{Case: "one with a text of 5000 bytes", Read: "json", Options: known, Body: around(`"parameters":{"priority":"` + strings.Repeat("a", 5000) + `"}`), Code: CodeLimit},
		{Case: "an empty name of a parameter", Read: "json", Options: known, Body: around(`"parameters":{"":1}`), Code: CodeParameter},
		{Case: "binary_data_output that is no bool", Read: "json", Body: around(`"parameters":{"binary_data_output":1}`), Code: CodeType},
		{Case: "classification", Read: "json", Options: &vectorOptions{Parameters: []string{"classification"}}, Body: around(`"outputs":[{"name":"y","parameters":{"classification":3}}]`), Code: CodeParameter},
		{Case: "shared memory", Read: "json", Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32",` + place + `}]}`, Code: CodeMemory},
		{Case: "shared memory that is let through", Read: "json", Options: memory, Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32",` + place + `}]}`},
		{Case: "shared memory of an output", Read: "json", Body: around(`"outputs":[{"name":"y",` + place + `}]`), Code: CodeMemory},
		{Case: "shared memory of an output that is let through", Read: "json", Options: memory, Body: around(`"outputs":[{"name":"y",` + place + `}]`)},
		{Case: "shared memory and data", Read: "json", Options: memory, Body: `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],` + place + `}]}`, Code: CodeSource},
		{Case: "shared memory without a region", Read: "json", Options: memory, Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_byte_size":8}}]}`, Code: CodeMemory},
		{Case: "shared memory with a size below 0", Read: "json", Options: memory, Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":-8}}]}`, Code: CodeMemory},
		{Case: "shared memory of the request", Read: "json", Options: memory, Body: around(place), Code: CodeMemory},
		{Case: "a parameter of shared memory that is not known", Read: "json", Options: memory, Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"shared_memory_key":"k"}}]}`, Code: CodeType},
		{Case: "a body over its limit", Read: "json", Options: &vectorOptions{Limits: Limits{Body: 20}}, Body: typedAs("FP32", "1"), Code: CodeLimit},
		{Case: "a header over its limit", Read: "json", Options: &vectorOptions{Limits: Limits{Header: 30}}, Body: typedAs("FP32", "1"), Code: CodeLimit},
		{Case: "inputs over their limit", Read: "json", Options: &vectorOptions{Limits: Limits{Tensors: 1}}, Body: `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},{"name":"y","shape":[1],"datatype":"FP32","data":[2]}]}`, Code: CodeLimit},
		{Case: "elements of two inputs over the limit", Read: "json", Options: &vectorOptions{Limits: Limits{Elements: 3}}, Body: `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]},{"name":"y","shape":[2],"datatype":"FP32","data":[2,2]}]}`, Code: CodeLimit},
		{Case: "parameters over their limit", Read: "json", Options: &vectorOptions{Parameters: []string{"a", "b"}, Limits: Limits{Parameters: 1}}, Body: around(`"parameters":{"a":1,"b":2}`), Code: CodeLimit},
	}
}

func answers() []vector {
	tensor := `"outputs":[{"name":"y","shape":[1,2],"datatype":"FP32","data":[[0.25,0.75]]}]`
	drop := &vectorOptions{Drop: true}
	return []vector{
		{Case: "an answer", Read: "json-answer", Body: `{"model_name":"m","model_version":"1","id":"7",` + tensor + `}`},
		{Case: "an answer with null", Read: "json-answer", Body: `{"model_name":"m","model_version":null,"id":null,"parameters":null,` + tensor + `}`},
		{Case: "an answer with parameters of its own", Read: "json-answer", Options: drop, Body: `{"model_name":"m","parameters":{"headers":{"a":"b"}},"outputs":[{"name":"y","shape":[1],"datatype":"FP32","parameters":{"content_type":"np"},"data":[1]}]}`},
		{Case: "an answer with an error", Read: "json-answer", Body: `{"error":"no"}`, Code: CodeMember},
		{Case: "an answer with NaN", Read: "json-answer", Body: `{"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[NaN]}]}`, Code: CodeNumber},
		{Case: "an answer with null for data", Read: "json-answer", Body: `{"outputs":[{"name":"y","shape":[1],"datatype":"FP32","data":[null]}]}`, Code: CodeType},
		{Case: "an answer without outputs", Read: "json-answer", Body: `{"model_name":"m"}`, Code: CodeMissing},
		{Case: "an output of an answer twice", Read: "json-answer", Body: `{"outputs":[{"name":"y","shape":[0],"datatype":"FP32","data":[]},{"name":"y","shape":[0],"datatype":"FP32","data":[]}]}`, Code: CodeDuplicate},
		{Case: "an answer in binary", Read: "binary-answer", Header: "120", Body64: append([]byte(pad(`{"model_name":"m","outputs":[{"name":"y","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}`, 120)), 0, 0, 0xc0, 0x7f)},
		{Case: "an answer in binary that is too short", Read: "binary-answer", Header: "120", Body64: append([]byte(pad(`{"model_name":"m","outputs":[{"name":"y","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}`, 120)), 0, 0, 0xc0), Code: CodeSize},
	}
}

func pad(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

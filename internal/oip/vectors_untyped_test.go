package oip

import "strings"

func floatField() []vectorField {
	return []vectorField{{Name: "x", DType: []string{"float16", "float32"}, Least: []int64{1, 2}, Most: []int64{8, 2}}}
}

func twoFields() []vectorField {
	return append(floatField(), vectorField{Name: "y", DType: []string{"bytes"}, Least: []int64{1}, Most: []int64{8}, Optional: true})
}

func idFields() []vectorField {
	return []vectorField{
		{Name: "ids", DType: []string{"int64"}, Least: []int64{1, 1}, Most: []int64{8, 512}, Optional: true},
		{Name: "texts", DType: []string{"bytes"}, Least: []int64{1}, Most: []int64{8}, Optional: true},
	}
}

// untypedVectors are bodies without types and shapes.
func untypedVectors() (vs []vector) {
	for _, read := range []string{"v1", "torchserve"} {
		vs = append(vs, v1Vectors(read)...)
	}
	vs = append(vs, torchServeVectors()...)
	return append(vs, promptVectors()...)
}

func v1Vectors(read string) (vs []vector) {
	add := func(name string, fields []vectorField, body string, code Code) {
		vs = append(vs, vector{Case: name, Read: read, Fields: fields, Body: body, Code: code})
	}
	one, two := floatField(), twoFields()
	add("rows", one, `{"instances":[[1,2],[3,4]]}`, "")
	add("rows with names", two, `{"instances":[{"x":[1,2],"y":"a"},{"y":"b","x":[3,4]}]}`, "")
	add("rows without what is optional", two, `{"instances":[{"x":[1,2]}]}`, "")
	add("rows in base64", two, `{"instances":[{"x":[1,2],"y":{"b64":"AP8="}}]}`, "")
	add("a row that is a text in base64", two[1:], `{"instances":[{"b64":"AP8="}]}`, "")
	add("rows under data", one, `{"instances":[{"data":[1,2]},{"data":[3,4]}]}`, "")
	add("whole tensors", one, `{"inputs":[[1,2]]}`, "")
	add("whole tensors with names", two, `{"inputs":{"x":[[1,2]],"y":["a"]}}`, "")
	add("rows of another shape are for the schema", one, `{"instances":[[[1],[2]]]}`, "")
	add("no rows", one, `{"instances":[]}`, CodeCount)
	add("rows of different lengths", one, `{"instances":[[1,2],[3]]}`, CodeNesting)
	add("rows of different depths", one, `{"instances":[[1,2],[[3,4]]]}`, CodeNesting)
	add("a number among rows", one, `{"instances":[[1,2],3]}`, CodeNesting)
	add("a row without its name", two, `{"instances":[{"x":[1,2],"y":"a"},{"x":[1,2]}]}`, CodeMissing)
	add("no row with what must be there", two, `{"instances":[{"y":"a"}]}`, CodeMissing)
	add("rows with and without names", one, `{"instances":[{"x":[1,2]},[1,2]]}`, CodeNesting)
	add("rows without names of two tensors", two, `{"instances":[[1,2]]}`, CodeMissing)
	add("a name that is not known", one, `{"instances":[{"z":[1,2]}]}`, CodeMember)
	add("a name twice", one, `{"instances":[{"x":[1,2],"x":[3,4]}]}`, CodeDuplicate)
	add("rows and whole tensors", one, `{"instances":[[1,2]],"inputs":[[3,4]]}`, CodeSource)
	add("rows twice", one, `{"instances":[[1,2]],"instances":[[3,4]]}`, CodeDuplicate)
	add("a member beside them", one, `{"instances":[[1,2]],"signature_name":"serving_default"}`, CodeMember)
	add("rows in another case", one, `{"instances":[[1,2]],"Instances":[[3,4]]}`, CodeMember)
	add("NaN", one, `{"instances":[[NaN,2]]}`, CodeNumber)
	add("beyond the type", one, `{"instances":[[1e39,2]]}`, CodeNumber)
	add("a text among numbers", one, `{"instances":[["1",2]]}`, CodeType)
	add("texts and base64", two, `{"instances":[{"x":[1,2],"y":"a"},{"x":[1,2],"y":{"b64":"AA=="}}]}`, CodeType)
	add("no base64", two, `{"instances":[{"x":[1,2],"y":{"b64":"A"}}]}`, CodeText)
	add("base64 with bits left over", two, `{"instances":[{"x":[1,2],"y":{"b64":"AB=="}}]}`, CodeText)
	add("base64 with a line feed", two, `{"instances":[{"x":[1,2],"y":{"b64":"AA=\n="}}]}`, CodeText)
	add("base64 twice", two, `{"instances":[{"x":[1,2],"y":{"b64":"AA==","b64":"AA=="}}]}`, CodeDuplicate)
	add("lists too deep", one, `{"instances":`+strings.Repeat("[", 17)+strings.Repeat("]", 17)+`}`, CodeLimit)
	add("something behind it", one, `{"instances":[[1,2]]} 1`, CodeSyntax)
	add("only 16-bit floats", []vectorField{{Name: "x", DType: []string{"float16"}, Least: []int64{1}, Most: []int64{8}}}, `{"instances":[1]}`, CodeDType)
	vs = append(vs,
		vector{Case: "a member that is let through", Read: read, Fields: one, Options: &vectorOptions{Parameters: []string{"signature_name"}}, Body: `{"instances":[[1,2]],"signature_name":"serving_default"}`},
		vector{Case: "many rows with names", Read: read, Fields: one, Options: &vectorOptions{Limits: Limits{Header: 64}}, Body: `{"instances":[` + strings.Repeat(`{"x":[1,2]},`, 20) + `{"x":[1,2]}]}`},
		vector{Case: "more elements than the limit", Read: read, Fields: one, Options: &vectorOptions{Limits: Limits{Elements: 3}}, Body: `{"instances":[[1,2],[3,4]]}`, Code: CodeLimit},
	)
	answer := vector{Read: read + "-answer", Fields: one}
	for _, c := range []struct {
		name, body string
		code       Code
	}{
		{"predictions", `{"predictions":[[0.25,0.75]]}`, ""},
		{"predictions with names", `{"predictions":[{"x":[0.25,0.75]}]}`, ""},
		{"outputs", `{"outputs":[[0.25,0.75]]}`, ""},
		{"outputs with names", `{"outputs":{"x":[[0.25,0.75]]}}`, ""},
		{"predictions with NaN", `{"predictions":[[NaN,0.75]]}`, CodeNumber},
		{"an error", `{"error":"no"}`, CodeMember},
	} {
		answer.Case, answer.Body, answer.Code = c.name, c.body, c.code
		vs = append(vs, answer)
	}
	return vs
}

func torchServeVectors() []vector {
	one, two := floatField(), twoFields()
	return []vector{
		{Case: "a tensor alone", Read: "torchserve", Fields: one, Body: `[[1,2]]`},
		{Case: "a number alone", Read: "torchserve", Fields: one, Body: `1.5`},
		{Case: "a text alone", Read: "torchserve", Fields: two[1:], Body: `"hello"`},
		{Case: "data", Read: "torchserve", Fields: one, Body: `{"data":[[1,2]]}`},
		{Case: "body", Read: "torchserve", Fields: one, Body: `{"body":[[1,2]]}`},
		{Case: "data and body", Read: "torchserve", Fields: one, Body: `{"data":[[1,2]],"body":[[1,2]]}`, Code: CodeMember},
		{Case: "data twice", Read: "torchserve", Fields: one, Body: `{"data":[[1,2]],"data":[[1,2]]}`, Code: CodeDuplicate},
		{Case: "names", Read: "torchserve", Fields: two, Body: `{"y":["a"],"x":[[1,2]]}`},
		{Case: "data of two tensors", Read: "torchserve", Fields: two, Body: `{"data":[[1,2]]}`, Code: CodeMember},
		{Case: "a tensor alone of two", Read: "torchserve", Fields: two, Body: `[[1,2]]`, Code: CodeMissing},
		{Case: "an object that is empty", Read: "torchserve", Fields: one, Body: `{}`, Code: CodeMissing},
		{Case: "nothing", Read: "torchserve", Fields: one, Body: ` `, Code: CodeSyntax},
		{Case: "an answer alone", Read: "torchserve-answer", Fields: one, Body: `[0.25,0.75]`},
		{Case: "an answer with labels", Read: "torchserve-answer", Fields: one, Body: `{"tabby":0.9,"tiger_cat":0.1}`, Code: CodeMember},
	}
}

func promptVectors() (vs []vector) {
	options := &vectorOptions{Parameters: []string{"logit_scale", "max_tokens", "n", "stop", "stream", "temperature"}}
	add := func(name, body string, code Code) {
		vs = append(vs, vector{Case: name, Read: "openai", Fields: idFields(), Options: options, Body: body, Code: code})
	}
	add("a text", `{"model":"m","prompt":"hello","max_tokens":16}`, "")
	add("texts", `{"model":"m","input":["a","b"]}`, "")
	add("ids", `{"model":"m","prompt":[1,2,3],"temperature":0.5,"stop":"x"}`, "")
	add("ids of different lengths", `{"model":"m","prompt":[[1,2,3],[4]],"stop":["a","b"],"stream":true}`, "")
	add("one list of ids", `{"model":"m","prompt":[[1,2,3]],"logit_scale":2}`, "")
	add("no model", `{"prompt":"a"}`, CodeMissing)
	add("no prompt", `{"model":"m"}`, CodeMissing)
	add("two prompts", `{"model":"m","prompt":"a","input":"b"}`, CodeSource)
	add("a prompt twice", `{"model":"m","prompt":"a","prompt":"b"}`, CodeDuplicate)
	add("an empty list", `{"model":"m","prompt":[]}`, CodeCount)
	add("an empty list of ids", `{"model":"m","prompt":[[1],[]]}`, CodeCount)
	add("ids and texts", `{"model":"m","prompt":[1,"a"]}`, CodeType)
	add("texts and ids", `{"model":"m","prompt":["a",1]}`, CodeType)
	add("ids too deep", `{"model":"m","prompt":[[[1]]]}`, CodeNesting)
	add("an id that is a fraction", `{"model":"m","prompt":[1.0]}`, CodeNumber)
	add("an id beyond 63 bits", `{"model":"m","prompt":[9223372036854775808]}`, CodeNumber)
	add("null", `{"model":"m","prompt":null}`, CodeType)
	add("max_tokens of 0", `{"model":"m","prompt":"a","max_tokens":0}`, CodeNumber)
	add("max_tokens below 0", `{"model":"m","prompt":"a","max_tokens":-1}`, CodeNumber)
	add("max_tokens beyond 32 bits", `{"model":"m","prompt":"a","max_tokens":4294967296}`, CodeNumber)
	add("max_tokens that is a fraction", `{"model":"m","prompt":"a","max_tokens":1.5}`, CodeType)
	add("max_tokens that is a text", `{"model":"m","prompt":"a","max_tokens":"1"}`, CodeType)
	add("a temperature below 0", `{"model":"m","prompt":"a","temperature":-0.1}`, CodeNumber)
	add("stream that is a number", `{"model":"m","prompt":"a","stream":1}`, CodeType)
	add("a parameter that is not let through", `{"model":"m","prompt":"a","best_of":2}`, CodeParameter)
	add("a parameter twice", `{"model":"m","prompt":"a","n":1,"n":2}`, CodeDuplicate)
	add("a parameter that is an object", `{"model":"m","prompt":"a","logit_scale":{"1":2}}`, CodeType)
	add("messages", `{"model":"m","messages":[{"role":"user","content":"a"}]}`, CodeParameter)
	vs = append(vs,
		vector{Case: "more prompts than the limit", Read: "openai", Fields: idFields(), Options: &vectorOptions{Limits: Limits{Prompts: 1}}, Body: `{"model":"m","prompt":[[1],[2]]}`, Code: CodeLimit},
		vector{Case: "ids, where the schema has texts", Read: "openai", Fields: idFields()[1:], Body: `{"model":"m","prompt":[1]}`, Code: CodeType},
		vector{Case: "texts, where the schema has ids", Read: "openai", Fields: idFields()[:1], Body: `{"model":"m","prompt":"a"}`, Code: CodeType},
	)
	return vs
}

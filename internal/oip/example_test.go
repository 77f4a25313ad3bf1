package oip_test

import (
	"fmt"

	"github.com/andiron-dev/andiron/internal/oip"
)

// A request in JSON is sent on in binary.
func ExampleParseJSON() {
	body := []byte(`{ "inputs": [ {"datatype":"FP32", "shape":[1,2], "name":"x", "data":[[0.5, 1e0]]} ] }`)
	req, err := oip.ParseJSON(body, oip.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	header, data, err := req.AppendBinary(nil)
	fmt.Printf("%s\n%x %v\n", header, data, err)
	// Output:
	// {"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}
	// [0000003f0000803f] <nil>
}

// What two readers could understand differently is an error.
func ExampleError() {
	body := []byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"INT32","data":[4294967301]}]}`)
	_, err := oip.ParseJSON(body, oip.Options{})
	fmt.Println(err)
	// Output:
	// AW-NUMBER at offset 62, inputs[0].data[0]: 4294967301 is no int32
}

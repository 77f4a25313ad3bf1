package guard

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestTritonHistory replays what Triton had to repair, each by the number of the
// repair or of the vulnerability. None reaches the server.
func TestTritonHistory(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Body: 1 << 20}}, nil)
	with := func(old, now string) string { return strings.Replace(goodJSON, old, now, 1) }
	outputs := func(n int, name string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`{"name":%q}`, strings.ReplaceAll(name, "#", strconv.Itoa(i))))
		}
		return with(`}]}`, `}],"outputs":[`+strings.Join(all, ",")+`]}`)
	}
	head := `{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":%s}}]}`
	for _, tc := range []struct {
		name, body string
		binary     bool
	}{
		{"#8741: an output twice", outputs(2, "y"), false},
		{"CVE-2026-24146: many outputs", outputs(20000, "y#"), false},
		{"#8676: an integer beyond its type", with("[1,4]", "[1,18446744073709551620]"), false},
		{"#8676: a shape that wraps", with("[1,4]", "[4294967297,4294967296]"), false},
		{"#8489: a product that wraps", with("[1,4]", "[9223372036854775807,3]"), false},
		{"#8489: a negative size", with("[1,4]", "[-1,-4]"), false},
		{"CVE-2026-24173: a size of 2^63", fmt.Sprintf(head, "9223372036854775808"), true},
		{"#8432: a size beyond the body", fmt.Sprintf(head, "1048576"), true},
		{"#8432: a negative size", fmt.Sprintf(head, "-16"), true},
		{"#8432: a size of text", fmt.Sprintf(head, `"16"`), true},
		{"#8165: a batch beyond the limit", with("[1,4]", "[2147483648,4]"), false},
		{"#8172: deep lists", with("[0,0.25,0.5,1]", strings.Repeat("[", 50000)+"0"+strings.Repeat("]", 50000)), false},
		{"#8172: deep parameters", with(`{"inputs"`, `{"parameters":`+strings.Repeat(`{"a":`, 20000)+"1"+strings.Repeat("}", 20000)+`,"inputs"`), false},
		{"#8336: shared memory", with(`"data":[0,0.25,0.5,1]`, `"parameters":{"shared_memory_region":"r","shared_memory_offset":18446744073709551615,"shared_memory_byte_size":16}`), false},
		{"#8335: an output in shared memory", with(`}]}`, `}],"outputs":[{"name":"y","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}}]}`), false},
		{"#3870: NaN in JSON", with("0.25", "NaN"), false},
		{"#3711: 1e39 as FP32", with("0.25", "1e39"), false},
		{"#3563: a null", with("0.25", "null"), false},
		{"#1649: a text for a number", with("0.25", `"0.25"`), false},
		{"#7171: fewer data than the shape", with("[0,0.25,0.5,1]", "[0,0.25]"), false},
		{"classification of an output", with(`}]}`, `}],"outputs":[{"name":"y","parameters":{"classification":1000000}}]}`), false},
		{"an id of a megabyte", with(`{"inputs"`, `{"id":"`+strings.Repeat("a", 500<<10)+`","inputs"`), false},
	} {
		header := []string{}
		body := tc.body
		if tc.binary {
			header = []string{"Inference-Header-Content-Length", strconv.Itoa(len(body))}
			body += string(floats(0, 0.25, 0.5, 1))
		}
		r := post(t, g.url+"/v2/models/toy/infer", body, header...)
		if r.status != http.StatusBadRequest && r.status != http.StatusRequestEntityTooLarge || !strings.HasPrefix(r.code(t), "AW-") && !strings.HasPrefix(r.code(t), "AT-") {
			t.Errorf("%s: %d %.300s", tc.name, r.status, r.body)
		}
		if len(r.body) > 4096 {
			t.Errorf("%s: an answer of %d bytes", tc.name, len(r.body))
		}
	}
	// CVE-2025-23310 and 23311, #8770: many small chunks. #8764: a compressed body
	// that fails. #7787, #8269: a path of administration, an error that tells a name.
	// They are in TestFraming, TestCompression, TestRefusals and TestAnswers.
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

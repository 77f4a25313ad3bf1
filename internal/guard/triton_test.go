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
	// CVE-2025-23310 and 23311, #8305, #8770: many small chunks; #8570: a bomb; #8269:
	// an error that tells a name. They are in TestFraming, TestCompression and
	// TestAnswers.
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestTritonIntegers replays #8676: what a type does not have was cut to what it
// has, so that one token became another.
func TestTritonIntegers(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, map[string]string{"ids.yaml": `andiron: tensor/v1
model: ids
inputs:
  x: {dtype: [int8, int16, int32, int64, uint8, uint16, uint32, uint64], shape: [1]}
`})
	for datatype, numbers := range map[string][]string{
		"INT8": {"128", "-129", "1e2"}, "INT16": {"32768", "-32769"}, "INT32": {"4294967301", "2147483648", "-2147483649"}, "INT64": {"9223372036854775808"},
		"UINT8": {"256", "-1"}, "UINT16": {"65536"}, "UINT32": {"4294967296", "-1"}, "UINT64": {"18446744073709551616", "-1", "1.0"},
	} {
		for _, n := range numbers {
			r := post(t, g.url+"/v2/models/ids/infer", fmt.Sprintf(`{"inputs":[{"name":"x","shape":[1],"datatype":%q,"data":[%s]}]}`, datatype, n))
			if r.status != http.StatusBadRequest || r.code(t) != "AW-NUMBER" {
				t.Errorf("%s as %s: %d %s", n, datatype, r.status, r.body)
			}
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestTritonPaths replays what was let in by a path: #7787 (the file of a model to
// load), #8273 (shared memory that is registered), CVE-2026-24208 (a name that leads
// out of the folder), and what a front may open to administration.
func TestTritonPaths(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, nil)
	body := `{"parameters":{"config":"{}","file:../../../../etc/cron.d/x":"AAAA"}}`
	for _, path := range []string{
		"/v2/repository/models/toy/load", "/v2/repository/models/../../x/load", "/v2/repository/models/toy/unload",
		"/v2/systemsharedmemory/region/r/register", "/v2/cudasharedmemory/region/r/register", "/v2/systemsharedmemory/region/triton_python_backend_shm_region_1/register",
		"/v2/models/../../../etc/passwd/infer", "/v2/models/toy/versions/../../x/infer", "/v2/models/toy/versions/-1/../infer",
		"/v2/trace/setting", "/v2/models/toy/trace/setting", "/v2/logging", "/v2/models/toy/generate_stream",
	} {
		got := wire(t, g, request("POST "+path+" HTTP/1.1", fmt.Sprintf("Content-Length: %d", len(body)))+body)
		if !strings.HasPrefix(got, "HTTP/1.1 404 ") || !strings.Contains(got, codePath) {
			t.Errorf("%s: %.200q", path, got)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestTritonMemory replays #8764 (what a compressed body that fails had taken stayed
// taken) and CVE-2025-33201 (payloads beyond all limits).
func TestTritonMemory(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL, Limits: Limits{Body: 1 << 20, Memory: 12 << 20}}, map[string]string{"toy.yaml": toySchema + "  compression: allow\n"})
	whole := packed(t, "gzip", []byte(goodJSON+strings.Repeat(" ", 300<<10)))
	for i := range 50 {
		r := post(t, g.url+"/v2/models/toy/infer", whole[:len(whole)-1-i], "Content-Encoding", "gzip")
		if r.status != http.StatusBadRequest || r.code(t) != codeEncoding {
			t.Fatalf("cut off %d bytes before the end: %d %s", i+1, r.status, r.body)
		}
	}
	large := strings.Repeat("[", 1<<20+1)
	for range 20 {
		if r := post(t, g.url+"/v2/models/toy/infer", large); r.status != http.StatusRequestEntityTooLarge {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	if r := post(t, g.url+"/v2/models/toy/infer", whole, "Content-Encoding", "gzip"); r.status != http.StatusOK {
		t.Errorf("after all of them: %d %s", r.status, r.body)
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

// TestLanguageHistory replays what vLLM had to repair where it is about tensors: an
// image of one pixel (CVE-2026-22773), embeddings of another width
// (GHSA-pmqf-x6x8-p7qw), and ids beyond the vocabulary (#11375), which stop the
// process. Tensors in pickles (CVE-2025-62164, #54632) are in TestPrompt.
func TestLanguageHistory(t *testing.T) {
	s := serve(t, logits(1, 2))
	g := start(t, Config{Backend: s.URL}, map[string]string{"vlm.yaml": `andiron: tensor/v1
model: vlm
dims: {H: 32..64, W: 32..64, S: 1..16}
inputs:
  pixels: {dtype: float32, shape: [3, H, W], range: [0, 1], optional: true}
  embeds: {dtype: float32, shape: [S, 8], optional: true}
  ids: {dtype: int64, shape: [S], vocabulary: 1000, optional: true}
`})
	for _, tc := range []struct{ name, input, code string }{
		{"an image of one pixel", `{"name":"pixels","shape":[3,1,1],"datatype":"FP32","data":[0,0,0]}`, "AT-DIM"},
		{"another width", `{"name":"embeds","shape":[1,9],"datatype":"FP32","data":[0,0,0,0,0,0,0,0,0]}`, "AT-SHAPE"},
		{"a flat list", `{"name":"embeds","shape":[8],"datatype":"FP32","data":[0,0,0,0,0,0,0,0]}`, "AT-RANK"},
		{"beyond the vocabulary", `{"name":"ids","shape":[2],"datatype":"INT64","data":[1,1000]}`, "AT-TOKEN"},
		{"below 0", `{"name":"ids","shape":[1],"datatype":"INT64","data":[-1]}`, "AT-TOKEN"},
		{"ids and embeddings of other lengths", `{"name":"ids","shape":[2],"datatype":"INT64","data":[1,1]},{"name":"embeds","shape":[1,8],"datatype":"FP32","data":[0,0,0,0,0,0,0,0]}`, "AT-DIM"},
	} {
		r := post(t, g.url+"/v2/models/vlm/infer", `{"inputs":[`+tc.input+`]}`)
		if r.status != http.StatusBadRequest || r.code(t) != tc.code {
			t.Errorf("%s: %d %s, want %s", tc.name, r.status, r.body, tc.code)
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

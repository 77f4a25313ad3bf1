package bom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bom"
)

// schemas are the JSON schemas that the module of cyclonedx-go carries, as the
// CycloneDX project publishes them.
func schemas(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "schema")
}

func readSchema(t testing.TB, name string) any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(schemas(t), name))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for name, file := range map[string]string{
		"bom-1.6.schema.json": "bom-1.6.schema.json", "spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, readSchema(t, file)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, m bom.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := bom.Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func valid(t testing.TB, s *jsonschema.Schema, doc []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, doc)
	}
}

const digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

func example() bom.Model {
	return bom.Model{
		Name: "resnet", Tool: "v1.2.3", Time: time.Unix(1700000000, 0),
		Files: []bom.File{
			{Path: "README.md", Size: 3, SHA256: digest},
			{Path: "a b/ü.pt", Size: 9, SHA256: digest, Model: &bom.ModelFile{
				Format: "torch-zip", Verdict: finding.Unknown, Tensors: 2, Parameters: 10, DTypes: []string{"F16", "F32"},
			}},
			{Path: "model.safetensors", Size: 0, SHA256: digest, Model: &bom.ModelFile{Format: "safetensors", Tensors: 1, Parameters: 5, DTypes: []string{"F32"}}},
		},
		Card: bom.Card{
			Architectures: []string{"ResNet"}, Family: "resnet", Task: "image-classification", Tags: []string{"vision"},
			Licenses: []string{"apache-2.0", "llama2"}, BaseModels: []string{"microsoft/resnet-50"}, Datasets: []string{"imagenet-1k"},
		},
	}
}

func TestValid(t *testing.T) {
	s := schema(t)
	full := write(t, example())
	valid(t, s, full)
	valid(t, s, write(t, bom.Model{Name: "empty"}))
	// The schema would catch a mistake.
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(full, []byte("Apache-2.0"), []byte("Apache-9"), 1)))
	if err != nil || s.Validate(v) == nil {
		t.Error("the schema takes a licence that does not exist")
	}
}

func TestContent(t *testing.T) {
	got := string(write(t, example()))
	for _, want := range []string{
		`"specVersion": "1.6"`, `"timestamp": "2023-11-14T22:13:20Z"`, `"type": "machine-learning-model"`,
		`"modelArchitecture": "ResNet"`, `"id": "Apache-2.0"`, `"name": "llama2"`, `"name": "microsoft/resnet-50"`,
		`"ref": "model"`, `"value": "safetensors,torch-zip"`, `"value": "unknown"`, `"value": "15"`, `"value": "F16,F32"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

// TestSameModelSameDocument: and another has another serial number.
func TestSameModelSameDocument(t *testing.T) {
	one := write(t, example())
	if !bytes.Equal(one, write(t, example())) {
		t.Error("two documents of one model differ")
	}
	serial := func(doc []byte) string {
		var v struct{ SerialNumber string }
		if err := json.Unmarshal(doc, &v); err != nil {
			t.Fatal(err)
		}
		return v.SerialNumber
	}
	if got := serial(one); len(got) != 45 || got[23] != '5' || !strings.Contains("89ab", got[28:29]) {
		t.Errorf("%q is no UUID of version 5", got)
	}
	for name, change := range map[string]func(m *bom.Model){
		"name": func(m *bom.Model) { m.Name = "other" }, "path": func(m *bom.Model) { m.Files[0].Path = "x" },
		"digest": func(m *bom.Model) { m.Files[0].SHA256 = strings.Repeat("0", 64) },
	} {
		m := example()
		change(&m)
		if serial(write(t, m)) == serial(one) {
			t.Errorf("another %s, the same serial number", name)
		}
	}
	later := example()
	later.Time = later.Time.Add(time.Hour)
	if serial(write(t, later)) != serial(one) {
		t.Error("the serial number depends on the time")
	}
}

// TestLicences: each of ours is one of the SPDX list.
func TestLicences(t *testing.T) {
	doc, _ := readSchema(t, "spdx.schema.json").(map[string]any)
	list, _ := doc["enum"].([]any)
	if len(list) < 500 {
		t.Fatalf("%d licences", len(list))
	}
	ids := bom.SPDX()
	for _, id := range ids {
		if !slices.Contains(list, any(id)) {
			t.Errorf("%q is no SPDX licence", id)
		}
	}
	if len(ids) < 40 {
		t.Errorf("only %d", len(ids))
	}
}

func TestReadCard(t *testing.T) {
	var c bom.Card
	c.ReadCard([]byte("---\r\nlicense: other\r\nlicense_name: nvidia-open\r\nbase_model: a/b\r\ntags:\r\n- x\r\n- {no: string}\r\n- y\r\ndatasets: null\r\npipeline_tag: [not, one]\r\n---\r\n# Text\r\n---\r\n"))
	if !slices.Equal(c.Licenses, []string{"nvidia-open"}) || !slices.Equal(c.BaseModels, []string{"a/b"}) ||
		!slices.Equal(c.Tags, []string{"x", "y"}) || c.Datasets != nil || c.Task != "" {
		t.Errorf("%+v", c)
	}
	for _, text := range []string{"", "---", "---\n", "# no front matter\n---\nlicense: mit\n---\n", "---\nlicense: [mit\n---\n", "---\nlicense: mit\n"} {
		var c bom.Card
		if c.ReadCard([]byte(text)); c.Licenses != nil {
			t.Errorf("%q: %+v", text, c)
		}
	}
}

func TestReadConfig(t *testing.T) {
	for text, want := range map[string]bom.Card{
		`{"architectures":["A","B"],"model_type":"t"}`: {Architectures: []string{"A", "B"}, Family: "t"},
		`{"architectures":[1,"B"],"model_type":7}`:     {Architectures: []string{"B"}},
		`{"architectures":"A"}`:                        {},
		`[`:                                            {},
		`null`:                                         {},
	} {
		var c bom.Card
		c.ReadConfig([]byte(text))
		if !slices.Equal(c.Architectures, want.Architectures) || c.Family != want.Family {
			t.Errorf("%s: %+v", text, c)
		}
	}
}

// FuzzCard: whatever a model says of itself, the document is valid.
func FuzzCard(f *testing.F) {
	f.Add("---\nlicense: mit\nbase_model: [a, b]\ntags: [x]\ndatasets: d\npipeline_tag: t\n---\n", `{"architectures":["A"],"model_type":"t"}`)
	f.Add("---\na: &a [*a]\nlicense: *a\n---\n", `{"architectures":null}`)
	s := schema(f)
	f.Fuzz(func(t *testing.T, readme, config string) {
		m := example()
		m.Card = bom.Card{}
		m.Card.ReadCard([]byte(readme))
		m.Card.ReadConfig([]byte(config))
		valid(t, s, write(t, m))
	})
}

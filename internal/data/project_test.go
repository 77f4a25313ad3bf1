package data

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

func TestGateways(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string // model, schema, line, shadow
		says       string
	}{
		{"one", "andiron guard serve --schema a.yaml --backend http://m:8000\n", []string{" a.yaml 1 false"}, "with the schema \"a.yaml\""},
		{
			"several, with names", "andiron guard serve --schema bert=b.yaml \\\n  --schema=resnet=schemas/r.yaml --backend http://m:8000\n",
			[]string{"bert b.yaml 1 false", "resnet schemas/r.yaml 1 false"},
			"with the schemas \"b.yaml\", \"schemas/r.yaml\"",
		},
		{"in shadow mode", "args: [guard, serve, --shadow, --schema=a.yaml]\n", []string{" a.yaml 1 true"}, "which only reports (shadow mode)"},
		{"two containers", "args:\n  - guard\n  - serve\n  - --schema=a.yaml\nargs:\n  - guard\n  - serve\n  - --schema=b.yaml\n  - --shadow\n", []string{" a.yaml 2 false", " b.yaml 6 true"}, ""},
		{"no schema that is seen", "andiron guard serve $FLAGS\n", []string{"  1 false"}, "is started here"},
		{"help", "CMD [\"guard\", \"serve\", \"--help\"]\n", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var facts Facts
			var said, got []string
			readSettings([]byte(tt.text), finding.Where{Path: "run.sh"}, &facts, func(f finding.Finding) { said = append(said, f.Message) })
			for _, g := range facts.Gateways {
				got = append(got, fmt.Sprintf("%s %s %d %t", g.Model, g.Schema, g.Where.Line, g.Shadow))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.Contains(strings.Join(said, "; "), tt.says) || (len(said) == 0) != (len(got) == 0) {
				t.Errorf("findings %q, want %q", said, tt.says)
			}
		})
	}
}

func TestReads(t *testing.T) {
	for name, want := range map[string]bool{
		"Dockerfile.gpu": true, "docker-compose.yml": true, "compose.json": true, "deploy/gw.service": true, "run.sh": true, "Makefile": true, "Procfile": true,
		"makefile.txt": false, "a.json": false, "a.baseline.json": true,
	} {
		if got := Reads(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// The digest of a schema is that of its canonical form, by which the gateway and Python
// name it, and none where values of other files are in that.
func TestSchemaDigest(t *testing.T) {
	const minimal = "andiron: tensor/v1 # a comment\ninputs:\n  x: {dtype: float32, shape: [2]}\n"
	for text, want := range map[string]string{
		minimal: "7c7827677189b0dfc1f9c6d14a73b6d54781226a133d36302292acd1ccd6a434",
		strings.Replace(minimal, "shape: [2]", "shape: [2], values: v.txt", 1): "",
	} {
		var facts Facts
		readSchema([]byte(text), finding.Where{Path: "a.schema.yaml"}, &facts, func(finding.Finding) {})
		if facts.Schema.SHA256 != want || facts.Schema.Broken {
			t.Errorf("%+v, want %q", facts.Schema, want)
		}
	}
}

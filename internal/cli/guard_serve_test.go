package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/tensor"
)

const gatewayExamples = "../../examples/gateway"

// TestGatewayExamples: what the manifests start is started with flags that exist,
// and the schemas in them are schemas.
func TestGatewayExamples(t *testing.T) {
	started, schemas := 0, 0
	for _, name := range []string{"sidecar.yaml", "kserve.yaml"} {
		f, err := os.Open(filepath.Join(gatewayExamples, name))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		for d := yaml.NewDecoder(f); ; {
			var doc map[string]any
			if err := d.Decode(&doc); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			walk(doc, func(key string, value any) {
				switch v := value.(type) {
				case []any:
					if key == "args" && len(v) > 2 && v[0] == "guard" {
						started++
						serveFlags(t, name, v)
					}
				case string:
					if strings.HasSuffix(key, ".schema.yaml") {
						schemas++
						if _, err := tensor.Parse([]byte(v)); err != nil {
							t.Errorf("%s: %s: %v", name, key, err)
						}
					}
				}
			})
		}
	}
	if started != 2 || schemas != 2 {
		t.Errorf("saw %d gateways and %d schemas", started, schemas)
	}
	b, err := os.ReadFile(filepath.Join(gatewayExamples, "resnet.schema.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tensor.Parse(b); err != nil {
		t.Error(err)
	}
}

func walk(v any, f func(key string, value any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			f(key, value)
			walk(value, f)
		}
	case []any:
		for _, value := range v {
			walk(value, f)
		}
	}
}

func serveFlags(t *testing.T, name string, args []any) {
	t.Helper()
	a := &app{stderr: io.Discard}
	f := &guardServeFlags{}
	cmd := a.guardServeCommandWith(f)
	var list []string
	for _, arg := range args[2:] {
		list = append(list, arg.(string))
	}
	if err := cmd.ParseFlags(list); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if len(cmd.Flags().Args()) > 0 {
		t.Errorf("%s: %q is no flag", name, cmd.Flags().Args())
	}
	if _, err := f.config(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// TestServeReadNamesNoFile: the gateway says which file cannot be read.
func TestServeReadNamesNoFile(t *testing.T) {
	f := &guardServeFlags{schemas: []string{"toy.yaml"}}
	c, err := f.config()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read("none.yaml"); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("%v", err)
	}
}

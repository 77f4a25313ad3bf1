package contract

import (
	"bytes"
	"testing"

	"github.com/andiron-dev/andiron/pickle"
)

// What real frameworks write passes; the same words used otherwise do not.
func TestRealFrameworks(t *testing.T) {
	load := "PROTO 2;GLOBAL dill._dill _load_type;BINUNICODE "
	member := func(class, name string) string {
		return "PROTO 2;GLOBAL builtins getattr;GLOBAL " + class + ";BINUNICODE " + name + ";TUPLE2;REDUCE;STOP"
	}
	tests := []struct {
		name, text string
		want       string // the rules that speak
	}{
		{"dill set", load + "set;TUPLE1;REDUCE;EMPTY_LIST;TUPLE1;REDUCE;STOP", ""},
		{"dill slice", load + "slice;TUPLE1;REDUCE;NONE;NONE;NONE;TUPLE3;REDUCE;STOP", ""},
		{"dill function", load + "FunctionType;TUPLE1;REDUCE;STOP", "PKL002"},
		{"dill type", load + "type;TUPLE1;REDUCE;STOP", "PKL002"},
		{"OneCycleLR", member("torch.optim.lr_scheduler OneCycleLR", "_annealing_cos"), ""},
		{"its other attributes", member("torch.optim.lr_scheduler OneCycleLR", "__init__"), "PKL020"},
		{"an enum of nobody", member("vendor.kinds Kind", "LORA_2"), "PKL040"},
		{"an attribute of nobody", member("vendor.kinds Kind", "run"), "PKL040 PKL020"},
	}
	for _, tt := range tests {
		data := assemble(tt.text)
		j := Judge(pickle.Run(bytes.NewReader(data), int64(len(data)), pickle.Options{}), Options{Container: "pickle"})
		got := ""
		for _, is := range j.Issues {
			if is.Rule.ID < "PKL050" {
				if got != "" {
					got += " "
				}
				got += is.Rule.ID
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

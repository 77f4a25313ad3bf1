package code

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
)

// A notebook is rewritten where its code is, and stays as it is everywhere else.
func TestFixNotebook(t *testing.T) {
	for _, tt := range []struct{ name, cells, want string }{
		{
			"lines", `{"cell_type": "code", "source": ["import torch\n", "m = torch.load('m.pt')"], "outputs": [ ]}`,
			`{"cell_type": "code", "source": ["import torch\n", "m = torch.load('m.pt', weights_only=True)"], "outputs": [ ]}`,
		},
		{
			"one string", `{"source": "import torch\nm = torch.load(\"m.pt\")\nprint(1)", "cell_type":"code"}`,
			`{"source": "import torch\nm = torch.load(\"m.pt\", weights_only=True)\nprint(1)", "cell_type":"code"}`,
		},
		{
			"escapes", `{"cell_type": "code", "source": ["import torch\n", "x = '\u00e9\ud83d\ude00\t'; m = torch.load('\u006d.pt', weights_only=False)"]}`,
			`{"cell_type": "code", "source": ["import torch\n", "x = '\u00e9\ud83d\ude00\t'; m = torch.load('\u006d.pt', weights_only=True)"]}`,
		},
		{
			"characters", `{"cell_type": "code", "source": ["import torch\n", "x = 'é😀'; m = torch.load('é.pt')"]}`,
			`{"cell_type": "code", "source": ["import torch\n", "x = 'é😀'; m = torch.load('é.pt', weights_only=True)"]}`,
		},
		{
			"a later cell",
			`{"cell_type": "code", "source": "import torch"}, {"cell_type": "markdown", "source": "torch.load(x)"}, {"cell_type": "code", "source": ["%matplotlib inline\n", "files = !ls\n", "torch.load(f)"]}`,
			`{"cell_type": "code", "source": "import torch"}, {"cell_type": "markdown", "source": "torch.load(x)"}, {"cell_type": "code", "source": ["%matplotlib inline\n", "files = !ls\n", "torch.load(f, weights_only=True)"]}`,
		},
		{
			"two lines", `{"cell_type": "code", "source": ["import torch\n", "m = torch.load(\n", "    'm.pt',\n", ")"]}`,
			`{"cell_type": "code", "source": ["import torch\n", "m = torch.load(\n", "    'm.pt',\n    weights_only=True,\n", ")"]}`,
		},
		{"carriage returns", `{"cell_type": "code", "source": ["import torch\r\n", "torch.load(f)"]}`, ""},
		{"a key twice", `{"cell_type": "code", "source": "import torch", "source": "import torch\ntorch.load(f)"}`, ""},
		{"a cell that does not parse", `{"cell_type": "code", "source": "import torch\ntorch.load(f)\nx = = 1"}`, ""},
		{"nothing to do", `{"cell_type": "code", "source": "import torch"}`, ""},
	} {
		for _, around := range [][2]string{{"{\n \"cells\": [", "], \"metadata\": {\"a\": [1, {}]},\n\"nbformat\": 4}\n"}, {"\xef\xbb\xbf{\"metadata\":{\"cells\":[1]},\"cells\":[\n  ", "\n]}"}} {
			want := tt.want
			if want != "" {
				want = around[0] + want + around[1]
			}
			raw := around[0] + tt.cells + around[1]
			facts, err := Look(t.Context(), artifact.FromBytes("a.ipynb", []byte(raw)), Options{Fix: &Fix{}}, func(finding.Finding) {})
			if err != nil {
				t.Fatal(err)
			}
			if facts.After != want || want != "" && facts.Before != raw {
				t.Errorf("%s: %s", tt.name, facts.After)
			}
		}
	}
}

// One of nbformat 3 is as well, all sheets of it.
func TestFixNotebookOfOld(t *testing.T) {
	const form = `{"metadata": {"name": "a"}, "nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["import torch"], "language": "python"}, {"cell_type": "code", "input": "x <- 1", "language": "r"}], "metadata": {}}, {"metadata": {"cells": 1}, "cells": [{"cell_type": "code", "input": ["a = 1\n", "torch.load('m.pt'%s)"], "language": "python", "outputs": []}]}]}`
	facts, err := Look(t.Context(), artifact.FromBytes("a.ipynb", fmt.Appendf(nil, form, "")), Options{Fix: &Fix{}}, func(finding.Finding) {})
	if want := fmt.Sprintf(form, ", weights_only=True"); err != nil || facts.After != want {
		t.Errorf("%v %s", err, facts.After)
	}
}

// FuzzNotebook: what is rewritten is a notebook that parses and has nothing left to
// rewrite.
func FuzzNotebook(f *testing.F) {
	f.Add("import torch\ntorch.load(f)\n", true)
	f.Add("import torch, yaml\nx = '\\é😀'\n%time\nyaml.load(torch.load(f, weights_only=False), yaml.Loader)", false)
	f.Fuzz(func(t *testing.T, src string, lines bool) {
		var code any = src
		if lines {
			code = strings.SplitAfter(src, "\n")
		}
		b, err := json.Marshal(map[string]any{"cells": []any{map[string]any{"cell_type": "code", "source": code}}})
		if err != nil {
			t.Fatal(err)
		}
		facts, err := Look(t.Context(), artifact.FromBytes("a.ipynb", b), Options{Fix: &Fix{}}, func(finding.Finding) {})
		if err != nil || facts.After == "" {
			return
		}
		again, err := Look(t.Context(), artifact.FromBytes("a.ipynb", []byte(facts.After)), Options{Fix: &Fix{}}, func(x finding.Finding) {
			if x.Outcome == finding.Undetermined {
				t.Errorf("%s: %v", facts.After, x)
			}
		})
		if err != nil || again.After != "" {
			t.Errorf("%s becomes %s: %v", facts.After, again.After, err)
		}
	})
}

// Findings say how they are put right, by place.
func TestEdits(t *testing.T) {
	const src = "import torch, yaml\n\"é\"; torch.load(p)\nyaml.load(f, yaml.Loader)\ntorch.load(p, weights_only=False)  # andiron: allow PY002 until=2099-12-31 reason=\"x\"\n"
	got := map[string][]finding.Edit{}
	_, err := Look(t.Context(), artifact.FromBytes("a.py", []byte(src)), Options{Fix: &Fix{}}, func(f finding.Finding) { got[f.Rule] = f.Edits })
	if err != nil {
		t.Fatal(err)
	}
	if e := got["PY001"]; len(e) != 1 || e[0] != (finding.Edit{Line: 2, Column: 18, EndLine: 2, EndColumn: 18, Text: ", weights_only=True"}) {
		t.Errorf("PY001: %+v", e)
	}
	if e := got["PY024"]; len(e) != 2 || e[0] != (finding.Edit{Line: 3, Column: 6, EndLine: 3, EndColumn: 10, Text: "safe_load"}) || e[1].Text != "" {
		t.Errorf("PY024: %+v", e)
	}
	if e := got["PY002"]; len(e) != 0 {
		t.Errorf("PY002: %+v", e)
	}
}

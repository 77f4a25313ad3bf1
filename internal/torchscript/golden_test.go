package torchscript

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// readArchive returns the code records of a golden file. CRCs are torch's to
// check, not ours.
func readArchive(t *testing.T, name string) []Unit {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	var units []Unit
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".py") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		src, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, Unit{Name: f.Name, Source: src})
	}
	return units
}

func goldenFiles(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/golden/torch/*/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files match %q: %v", pattern, err)
	}
	return files
}

// syntaxOps are operators of a compiled graph that stand for syntax, and so
// are no operator uses in the source.
var syntaxOps = map[string]bool{
	"prim::Constant": true, "prim::GetAttr": true, "prim::SetAttr": true, "prim::If": true,
	"prim::Loop": true, "prim::CallMethod": true, "prim::CallFunction": true,
	"prim::ListConstruct": true, "prim::TupleConstruct": true, "prim::TupleIndex": true,
	"prim::TupleUnpack": true, "prim::DictConstruct": true, "prim::Uninitialized": true,
	"aten::__getitem__": true, "prim::CreateObject": true,
}

// manifestOps returns what torch listed for the file, nil where it did not.
func manifestOps(t *testing.T, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name + ".manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Ops []string `json:"graph_ops"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(m.Ops, func(op string) bool { return syntaxOps[op] })
}

func opNames(p *Program) []string {
	var out []string
	for _, u := range p.Ops {
		out = append(out, u.Op)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestGoldenPrograms(t *testing.T) {
	files := slices.Concat(goldenFiles(t, "torchscript/*.pt"), goldenFiles(t, "torchscript/lite*.ptl"), goldenFiles(t, "hostile/ts_*.pt"))
	for _, name := range files {
		p, err := Read(readArchive(t, name), Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, e := range p.Errors {
			t.Errorf("%s: %s:%d:%d: %s", name, e.Unit, e.Line, e.Col, e.Msg)
		}
		for _, d := range p.Dynamic {
			t.Errorf("%s: dynamic operator %q", name, d.Expr)
		}
		for _, u := range p.Ops {
			if u.Risk == Unknown {
				t.Errorf("%s: unknown operator %q", name, u.Op)
			}
			if !strings.Contains(name, "hostile") && u.Risk != None {
				t.Errorf("%s: honest file uses %s (%s)", name, u.Op, u.Risk)
			}
		}
		for _, u := range p.Unresolved {
			t.Errorf("%s: unresolved name %q in %s", name, u.Name, u.Func)
		}
		for _, h := range p.Heavy {
			t.Errorf("%s: %s %q", name, h.Cost, h.Expr)
		}
		for _, c := range p.CustomClasses {
			if c.Risk != None {
				t.Errorf("%s: custom class %s (%s)", name, c.Name, c.Risk)
			}
		}
		want := manifestOps(t, name)
		if want == nil {
			continue
		}
		if got := opNames(p); !slices.Equal(got, want) {
			t.Errorf("%s: operators:\n got %q\nwant %q", name, got, want)
		}
	}
}

func TestGoldenSetState(t *testing.T) {
	for _, name := range goldenFiles(t, "torchscript/script_setstate.pt") {
		p, err := Read(readArchive(t, name), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Functions {
			want := Call
			if strings.HasSuffix(f.Name, ".__setstate__") {
				want = Load
			}
			if f.When != want {
				t.Errorf("%s: %s runs at %v, want %v", name, f.Name, f.When, want)
			}
		}
		if !p.Classes[0].HasSetState {
			t.Errorf("%s: __setstate__ not seen", name)
		}
	}
}

func TestGoldenHostile(t *testing.T) {
	tests := map[string]OpUse{
		"ts_aten_save_in_forward.pt": {Op: "aten::save", Risk: FileWrite, Args: []string{`"andiron"`, `"/nonexistent-dir/andiron-inert"`}},
		"ts_from_file_in_forward.pt": {Op: "aten::from_file", Risk: FileMap, Args: []string{`"/nonexistent-dir/andiron-inert"`, "None", "1"}},
		"ts_as_strided_oob.pt":       {Op: "aten::as_strided", Risk: RawMemory, Args: []string{"x", "[4]", "[1]", "1000000"}},
	}
	for file, want := range tests {
		for _, name := range goldenFiles(t, "hostile/"+file) {
			p, err := Read(readArchive(t, name), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(p.Ops, func(u OpUse) bool { return u.Risk != None })
			if i < 0 {
				t.Errorf("%s: nothing found", name)
				continue
			}
			got := p.Ops[i]
			if got.Op != want.Op || got.Risk != want.Risk || !slices.Equal(got.Args, want.Args) ||
				got.When != Call || !strings.HasSuffix(got.Func, ".forward") || got.Via != "torch" {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
	}
}

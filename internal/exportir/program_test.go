package exportir

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func goldenFiles(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/golden/torch/*/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files match %q: %v", pattern, err)
	}
	return files
}

// member returns the members of a golden archive whose name has the suffix.
func members(t *testing.T, name string, match func(string) bool) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	out := map[string][]byte{}
	for _, f := range z.File {
		if !match(f.Name) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = b
	}
	return out
}

func isModel(name string) bool {
	return strings.Contains(name, "models/") && strings.HasSuffix(name, ".json") || name == "serialized_exported_program.json"
}

func TestGoldenPrograms(t *testing.T) {
	seen := 0
	for _, name := range goldenFiles(t, "export/*.pt2") {
		for member, b := range members(t, name, isModel) {
			seen++
			p, err := ReadProgram(bytes.NewReader(b), 1<<20)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, x := range slices.Concat(p.Exprs, p.Guards) {
				if x.Err != nil {
					t.Errorf("%s!%s: %s: %q: %v", name, member, x.Path, x.Text, x.Err)
				}
			}
			var kinds []string
			for _, g := range p.Targets {
				kinds = append(kinds, string(g.Kind)+" "+g.Op+"."+g.Overload)
			}
			want := []string{"op aten::linear.default", "op aten::add.Tensor", "op aten::add.Tensor"}
			if !slices.Equal(kinds, want) {
				t.Errorf("%s: targets %q, want %q", name, kinds, want)
			}
			if len(p.Duplicates)+len(p.TreeSpecs)+len(p.Customs) > 0 {
				t.Errorf("%s: %+v", name, p)
			}
			in := p.Inputs[len(p.Inputs)-1]
			if len(p.Inputs) != 5 || in.Name != "x" || in.Tensor == nil || in.Tensor.DType != "float32" || len(in.Tensor.Sizes) != 2 || in.Tensor.Sizes[1] != "3" {
				t.Errorf("%s: inputs %+v", name, p.Inputs)
			}
			if dynamic := strings.Contains(name, "dynamic"); dynamic {
				if len(p.Exprs) != 4 || len(p.Ranges) != 1 || p.Ranges[0].Min != "2" || p.Ranges[0].Max != "64" {
					t.Errorf("%s: %d expressions, ranges %+v", name, len(p.Exprs), p.Ranges)
				}
				if !strings.HasPrefix(in.Tensor.Sizes[0], "Symbol('s") {
					t.Errorf("%s: sizes %q", name, in.Tensor.Sizes)
				}
			}
			if wantVersion := map[bool]string{true: "8.2", false: "8.20"}[strings.Contains(name, "torch-2.6")]; p.Schema != wantVersion {
				t.Errorf("%s: schema %q", name, p.Schema)
			}
		}
	}
	if seen < 4 {
		t.Errorf("%d programs read, want at least 4", seen)
	}
}

func TestGoldenHostile(t *testing.T) {
	for _, name := range goldenFiles(t, "hostile/pt2_expr_str_call.pt2") {
		for member, b := range members(t, name, isModel) {
			p, err := ReadProgram(bytes.NewReader(b), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(p.Exprs, func(x Expression) bool { return x.Err != nil })
			if i < 0 {
				t.Errorf("%s!%s: nothing refused", name, member)
				continue
			}
			x := p.Exprs[i]
			if x.Path != "graph_module.graph.tensor_values.x.sizes[0].as_expr.expr_str" ||
				x.Err.Error() != `at offset 0: call of "__import__"` || x.Text != "__import__('os').getpid()" {
				t.Errorf("%s: %s: %q: %v", name, x.Path, x.Text, x.Err)
			}
		}
	}
}

func TestGoldenConfigs(t *testing.T) {
	for _, name := range goldenFiles(t, "export/dynamic.pt2") {
		for member, b := range members(t, name, func(n string) bool { return strings.HasSuffix(n, "_config.json") }) {
			c, err := ReadConfig(bytes.NewReader(b), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			var want []Entry
			if strings.Contains(member, "weights") {
				want = []Entry{
					{FQN: "b", PathName: "weight_2", Sizes: []int64{2}, Strides: []int64{1}},
					{FQN: "lin.bias", PathName: "weight_1", IsParam: true, Grad: true, Sizes: []int64{2}, Strides: []int64{1}},
					{FQN: "lin.weight", PathName: "weight_0", IsParam: true, Grad: true, Sizes: []int64{2, 3}, Strides: []int64{3, 1}},
				}
			} else {
				want = []Entry{{FQN: "const", PathName: "tensor_0", Sizes: []int64{2}, Strides: []int64{1}}}
			}
			for i := range want {
				want[i].PlainPath, want[i].HasMeta, want[i].DTypeCode, want[i].DType = true, true, "7", "float32"
				want[i].Layout, want[i].Device = "7", "cpu"
			}
			if d := cmp.Diff(want, c.Entries); d != "" || len(c.Duplicates)+len(c.Notes) > 0 {
				t.Errorf("%s!%s (-want +got):\n%s%v%v", name, member, d, c.Duplicates, c.Notes)
			}
		}
	}
}

func TestGoldenCompiled(t *testing.T) {
	got := map[MemberKind]int{}
	for _, name := range goldenFiles(t, "export/aoti.pt2") {
		for member := range members(t, name, func(string) bool { return true }) {
			if kind, ok := ClassifyMember(member); ok {
				got[kind]++
			}
		}
	}
	want := map[MemberKind]int{SharedObject: 1, WrapperSource: 1, KernelSource: 1, Metadata: 2}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestReadProgramFacts(t *testing.T) {
	doc := `{"graph_module": {"graph": {
	  "inputs": [{"as_custom_obj": {"name": "o", "class_fqn": "__torch__.torch.classes.evil.X"}}],
	  "nodes": [
	    {"target": "torch.hub.load", "inputs": [{"arg": {"as_operator": "torch.ops.evil.run.default"}},
	      {"arg": {"as_float": -Infinity}}, {"arg": {"as_float": NaN}}], "metadata": {"target": "x"}},
	    {"target": "_operator.attrgetter", "target": "torch.ops.aten.add.Tensor"}],
	  "sym_int_values": {"s": {"as_expr": {"expr_str": "s0 + 1"}}}}},
	  "module_call_graph": [{"signature": {
	    "in_spec": "[1, {\"type\": \"collections.defaultdict\", \"context\": \"{\\\"default_factory_module\\\": \\\"os\\\"}\", \"children_spec\": []}]",
	    "out_spec": "[1, {\"type\": \"builtins.tuple\", \"context\": \"null\", \"children_spec\": []}]"}}],
	  "guards_code": ["L['x'].size()[0] > 1", "exec('x')"],
	  "range_constraints": {"s1": {"min_val": 0, "max_val": null}, "s0": {"min_val": "int_oo"}},
	  "schema_version": {"major": 8, "minor": 3}, "torch_version": "2.9"}`
	p, err := ReadProgram(strings.NewReader(doc), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	nodes := "graph_module.graph.nodes"
	want := &Program{
		Schema: "8.3", TorchVersion: "2.9",
		Exprs: []Expression{{Path: "graph_module.graph.sym_int_values.s.as_expr.expr_str", Text: "s0 + 1", Expr: Expr{Symbols: []string{"s0"}}}},
		Guards: []Expression{
			{Path: "guards_code[0]", Text: "L['x'].size()[0] > 1", Expr: Expr{Inputs: []string{"x"}}},
			{Path: "guards_code[1]", Text: "exec('x')", Err: errors.New("")},
		},
		Targets: []Target{
			{Path: nodes + "[0].target", Text: "torch.hub.load", Kind: Odd},
			{Path: nodes + "[0].inputs[0].arg.as_operator", Text: "torch.ops.evil.run.default", Kind: UnknownNamespace, Op: "evil::run", Overload: "default"},
			{Path: nodes + "[1].target", Text: "_operator.attrgetter", Kind: Odd},
			{Path: nodes + "[1].target", Text: "torch.ops.aten.add.Tensor", Kind: Op, Op: "aten::add", Overload: "Tensor"},
		},
		Ranges:     []Range{{Symbol: "s0", Min: "int_oo"}, {Symbol: "s1", Min: "0"}},
		Inputs:     []Input{{Name: "o", Kind: "as_custom_obj"}},
		Customs:    []CustomObject{{Path: "graph_module.graph.inputs[0].as_custom_obj.class_fqn", Class: "__torch__.torch.classes.evil.X"}},
		Duplicates: []string{nodes + "[1].target"},
		TreeSpecs:  []TreeSpec{{Path: "module_call_graph[0].signature.in_spec", Types: []string{"collections.defaultdict", "default_factory_module"}}},
	}
	opts := cmp.Options{cmpopts.IgnoreFields(TreeSpec{}, "Text"), cmp.Comparer(func(a, b error) bool { return (a == nil) == (b == nil) })}
	if d := cmp.Diff(want, p, opts); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestParseTarget(t *testing.T) {
	tests := map[string]TargetKind{
		"torch.ops.aten.add.Tensor": Op, "torch.ops.aten.sym_size.int": Op, "torch.ops.aten.__and__.Scalar": Op,
		"torch.ops.aten.nope.default": UnknownOp, "torch.ops.evil.x": UnknownNamespace,
		"torch.ops.higher_order.cond": HigherOrder, "torch.ops.higher_order.evil": Odd,
		"_operator.add": Function, "_operator.methodcaller": Odd, "math.trunc": Function, "torch.sym_not": Function,
		"torch.load": Odd, "torch.ops.load_library": Odd, "torch.ops.aten.add.Tensor.__globals__": Odd,
		"torch.ops.aten.__class__.default": Odd, "torch.ops": Odd, "#namespace:op": Extension, "": Odd,
		"torch.ops.aten.add.Ten sor": Odd, "mathx": Odd, "torch.hub.load": Odd,
	}
	for s, want := range tests {
		if got := ParseTarget(s).Kind; got != want {
			t.Errorf("ParseTarget(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestReadConfigOddities(t *testing.T) {
	doc := `{"config": {
	  "a": {"path_name": "../../x", "is_param": 1, "use_pickle": true, "extra": {}, "tensor_meta": {
	    "dtype": 99, "sizes": [{"as_int": -1}, {"as_expr": {"expr_str": "s0"}}, {"as_int": 99999999999999999999}],
	    "storage_offset": {"as_int": 8}}},
	  "a": {"path_name": "weight_0", "use_pickle": "yes", "tensor_meta": null},
	  "b": []}, "other": 1}`
	c, err := ReadConfig(strings.NewReader(doc), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Entries: []Entry{
			{FQN: "a", PathName: "../../x", UsePickle: true, HasMeta: true, DTypeCode: "99", Sizes: []int64{-1, -1, -1}, Symbolic: true, Offset: 8, Notes: []string{
				`field "is_param" is of the wrong type`, `unknown field "extra"`, `dtype "99"`, `sizes is "-1"`,
				`sizes is not an integer but "as_expr"`, `sizes is "99999999999999999999"`,
			}},
			{FQN: "a", PathName: "weight_0", PlainPath: true, UsePickle: true, Notes: []string{`field "use_pickle" is of the wrong type`}},
			{FQN: "b", Notes: []string{"entry is not an object"}},
		},
		Duplicates: []string{"config.a"},
		Notes:      []string{`unknown field "other"`},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for s, want := range map[string]bool{"weight_0": true, "": false, "..": false, "a/b": false, `a\b`: false, "C:x": false, "a\x00": false, "é": false} {
		if plainFile(s) != want {
			t.Errorf("plainFile(%q) = %v", s, !want)
		}
	}
}

func TestCompiledMembers(t *testing.T) {
	tests := map[string]MemberKind{
		"a/data/aotinductor/m/x.wrapper.so": SharedObject, "data/AOTInductor/m/x.SO": SharedObject,
		"data/aotinductor/m/x_compile_flags.json": CompileFlags, "data/aotinductor/m/x_linker_flags.json": LinkerFlags,
		"data/aotinductor/m/x.cubin": DeviceCode, "data/aotinductor/m/x.so.1": SharedObject,
		"data/aotinductor/m/x.exe": Other, "data/aotinductor/m/x.o": ObjectCode,
	}
	for name, want := range tests {
		if got, ok := ClassifyMember(name); !ok || got != want {
			t.Errorf("ClassifyMember(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := ClassifyMember("data/weights/x.so"); ok {
		t.Error("member outside the folder is classified")
	}
	doc := `{"compiler": "g++; touch /tmp/x", "cflags": ["O3", "$(id)"], "aot_mode": true}`
	f, err := ReadFlags(strings.NewReader(doc), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := &Flags{Compiler: "g++; touch /tmp/x", Values: []Flag{
		{"compiler", "g++; touch /tmp/x", true}, {"cflags[0]", "O3", false}, {"cflags[1]", "$(id)", true},
	}}
	if d := cmp.Diff(want, f); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestJSONSyntax(t *testing.T) {
	for _, s := range []string{`{}`, ` [1, -2.5e+3, "a\u00e9\ud83d\ude00\n", NaN, true, null] `, `"x"`, `-Infinity`, `{"a": {"b": []}}`, `"\ud800"`} {
		if _, err := ReadProgram(strings.NewReader(s), 1000); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{
		``, `{`, `{}}`, `[1,]`, `{"a"}`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `1e`, `+1`, `"a`, "\"\n\"", `"\x"`,
		`"\u12"`, "\"\xff\"", `tru`, `[1 2]`, "\ufeff{}", `{"a":1]`, `'a'`, `.5`, `-`,
	} {
		var e *SyntaxError
		if _, err := ReadProgram(strings.NewReader(s), 1000); !errors.As(err, &e) {
			t.Errorf("%q: got %v, want a SyntaxError", s, err)
		}
	}
}

func TestJSONLimits(t *testing.T) {
	var keys strings.Builder
	for i := range maxKeys + 2 {
		fmt.Fprintf(&keys, `"%d":0,`, i)
	}
	for name, s := range map[string]string{
		"bytes":   strings.Repeat(" ", 20<<20),
		"depth":   strings.Repeat("[", 100_000),
		"keys":    "{" + keys.String(),
		"facts":   `[` + strings.Repeat(`{"expr_str":"("},`, maxFacts+1),
		"objects": `{"a":` + strings.Repeat(`{"a":`, 100_000),
	} {
		if _, err := ReadProgram(strings.NewReader(s), 16<<20); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
}

func FuzzReadProgram(f *testing.F) {
	f.Add([]byte(`{"graph_module":{"graph":{"inputs":[{"as_tensor":{"name":"x"}}],"nodes":[{"target":"torch.ops.aten.add.Tensor"}],"tensor_values":{"x":{"dtype":7,"sizes":[{"as_expr":{"expr_str":"s0"}},{"as_int":3}]}}}},"guards_code":["L['x'].size()[0]>1"],"range_constraints":{"s0":{"min_val":1}},"in_spec":"[1,{\"type\":null}]"}`))
	f.Add([]byte(`{"config":{"a":{"path_name":"w","is_param":true,"use_pickle":false,"tensor_meta":{"dtype":7,"sizes":[{"as_int":2}],"strides":[{"as_int":1}],"storage_offset":{"as_int":0}}}}}`))
	f.Add([]byte(`{"compiler":"g++","cflags":["O3"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func() (any, any, any) {
			p, _ := ReadProgram(bytes.NewReader(b), 1<<16)
			c, _ := ReadConfig(bytes.NewReader(b), 1<<16)
			fl, _ := ReadFlags(bytes.NewReader(b), 1<<16)
			return p, c, fl
		}
		p, c, fl := read()
		p2, c2, fl2 := read()
		text := cmp.Comparer(func(a, b error) bool {
			return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
		})
		if d := cmp.Diff([]any{p, c, fl}, []any{p2, c2, fl2}, text); d != "" {
			t.Fatalf("not deterministic:\n%s", d)
		}
	})
}

func BenchmarkReadProgram(b *testing.B) {
	node := `{"target": "torch.ops.aten.add.Tensor", "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}], "outputs": [{"as_tensor": {"name": "y"}}], "metadata": {"stack_trace": "File \"a.py\", line 1, in forward\n    return x + y"}}`
	doc := `{"graph_module": {"graph": {"nodes": [` + strings.Repeat(node+",", 10_000) + node + `]}}}`
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadProgram(strings.NewReader(doc), 1<<30); err != nil {
			b.Fatal(err)
		}
	}
}

// sympify takes containers of strings as well, so an expression that is no
// string is none that torch writes.
func TestExpressionIsNoString(t *testing.T) {
	for _, value := range []string{`["f()"]`, `{"f()": 1}`, "7", "true"} {
		p, err := ReadProgram(strings.NewReader(`{"x": {"as_expr": {"expr_str": `+value+`}}}`), 1<<10)
		if err != nil || len(p.Exprs) != 1 || p.Exprs[0].Err == nil {
			t.Errorf("%s: got %+v, %v", value, p.Exprs, err)
		}
	}
}

// What real torch wrote, in both layouts: which inputs are the user's, and the table
// that one of them looks rows up in.
func TestSignature(t *testing.T) {
	for version, member := range map[string]string{"2.6": "serialized_exported_program.json", "2.14": "text-2.14/models/model.json"} {
		z, err := zip.OpenReader("../infer/testdata/text-" + version + ".pt2")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = z.Close() }()
		i := slices.IndexFunc(z.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, member) })
		if i < 0 {
			t.Fatalf("%s: no %s", version, member)
		}
		r, err := z.File[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		p, err := ReadProgram(r, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"input_ids", "attention_mask"}, p.UserInputs); diff != "" {
			t.Errorf("%s: inputs (-want +got):\n%s", version, diff)
		}
		if len(p.UserOutputs) != 1 || len(p.Outputs) != 1 || p.Outputs[0].Tensor == nil || p.Outputs[0].Tensor.DType != "float32" {
			t.Errorf("%s: outputs %v %+v", version, p.UserOutputs, p.Outputs)
		}
		if diff := cmp.Diff([]Lookup{{"p_tokens_weight", "input_ids", "50"}}, p.Lookups); diff != "" {
			t.Errorf("%s: lookups (-want +got):\n%s", version, diff)
		}
	}
}

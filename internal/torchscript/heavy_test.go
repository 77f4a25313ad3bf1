package torchscript

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestHeavy(t *testing.T) {
	tests := []struct {
		name string
		body []string
		want []string // "cost count"
	}{
		{"while True", []string{"while True:", "  pass"}, []string{"endless loop 0"}},
		{"while 1", []string{"while 1 == 1:", "  y = torch.add(x, x)"}, []string{"endless loop 0"}},
		{"as torch prints it", []string{"_0 = True", "while _0:", "  y = torch.add(x, x)", "  _0 = True"}, []string{"endless loop 0"}},
		{"break", []string{"while True:", "  if bool(x):", "    break"}, nil},
		{"return", []string{"while True:", "  while True:", "    if bool(x):", "      return x"}, nil},
		{"inner break", []string{"while True:", "  while True:", "    break"}, []string{"endless loop 0"}},
		{"break that is never taken", []string{"while True:", "  if False:", "    break"}, []string{"endless loop 0"}},
		{"raise", []string{"while True:", "  if bool(x):", `    ops.prim.RaiseException("a")`}, nil},
		{"assert", []string{"while True:", "  assert bool(x)"}, nil},
		{"assert True", []string{"while True:", "  assert True"}, []string{"endless loop 0"}},
		{"return of a closure", []string{"while True:", "  def f(y):", "    return y"}, []string{"endless loop 0"}},
		{"changing condition", []string{"_0 = True", "while _0:", "  _0 = torch.gt(x, 1)"}, nil},
		{"while of a call", []string{"while bool(x):", "  pass"}, nil},
		{"while False", []string{"while False:", "  pass"}, nil},
		{"long range", []string{"for i in range(1099511627776):", "  pass"}, []string{"long loop 1099511627776"}},
		{"nested ranges", []string{"for i in range(1048576):", "  for j in range(1 << 20):", "    pass"}, []string{"long loop 1099511627776"}},
		{"range of a variable", []string{"n = 10 ** 15", "for i in range(0, n, 2):", "  pass"}, []string{"long loop 500000000000000"}},
		{"range with break", []string{"for i in range(9223372036854775807):", "  break"}, nil},
		{"short range", []string{"for i in range(1000000):", "  pass"}, nil},
		{"range of a size", []string{"for i in range(torch.len(x)):", "  pass"}, nil},
		{"zeros", []string{"y = torch.zeros([1000000000000])"}, []string{"large allocation 1000000000000"}},
		{"two dimensions", []string{"y = torch.ones([131072, 131072], dtype=6)"}, []string{"large allocation 17179869184"}},
		{"printed arithmetic", []string{"n = torch.mul(1000000, 1000000)", "y = torch.empty([n, 2])"}, []string{"large allocation 2000000000000"}},
		{"list variable", []string{"s = [1000000, 1000000]", "y = ops.aten.rand(s)"}, []string{"large allocation 1000000000000"}},
		{"overflow", []string{"y = torch.full([9000000000000000000, 9], 1)"}, []string{"large allocation 9223372036854775807"}},
		{"method", []string{"y = x.new_zeros([1000000, 1000000])"}, []string{"large allocation 1000000000000"}},
		{"repeat", []string{"y = torch.repeat(x, [-1, 100000000000])"}, []string{"large allocation 100000000000"}},
		{"arange", []string{"y = torch.arange(0, 1000000000000, 1)"}, []string{"large allocation 1000000000000"}},
		{"span", []string{"y = torch.arange(5, 10)", "z = torch.arange(10, 5, -1)", "for i in range(-3, 3):", "  k = 5 - 9"}, nil},
		{"difference", []string{"n = 5 - 9", "y = torch.zeros([n - 1, 3 + n])"}, nil},
		{"eye", []string{"y = torch.eye(1000000)"}, nil},
		{"large eye", []string{"y = torch.eye(1000000, 1000000)"}, []string{"large allocation 1000000000000"}},
		{"list times n", []string{"y = [0] * 1000000000000"}, []string{"large allocation 1000000000000"}},
		{"empty", []string{"y = torch.zeros([0, 9000000000000000000])"}, nil},
		{"small", []string{"y = torch.zeros([1024, 1024])"}, nil},
		{"unknown size", []string{"y = torch.zeros([torch.size(x, 0), 4])"}, nil},
		{"slice to the end", []string{"y = torch.slice(x, 0, 0, 9223372036854775807)"}, nil},
		{"reused variable", []string{"n = 10", "n = 20", "y = torch.zeros([n])"}, nil},
		{"from another module", []string{"y = getattr(torch, \"zeros\")([1000000000000])"}, []string{"large allocation 1000000000000"}},
	}
	for _, tt := range tests {
		p, err := Read(module(method("forward", append(tt.body, "return x")...)), Limits{})
		if err != nil || len(p.Errors) > 0 {
			t.Fatalf("%s: %v %+v", tt.name, err, p.Errors)
		}
		var got []string
		for _, h := range p.Heavy {
			got = append(got, fmt.Sprintf("%s %d", h.Cost, h.Count))
			if h.Line == 0 || h.Expr == "" || h.Func != "__torch__.M.forward" || h.When != Call {
				t.Errorf("%s: %+v", tt.name, h)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if len(p.Unresolved) > 0 {
			t.Errorf("%s: unresolved %+v", tt.name, p.Unresolved)
		}
	}
	p, _ := Read(module(method("__setstate__", "self.go(x)")+method("go", "while True:", "  pass")), Limits{})
	if len(p.Heavy) != 1 || p.Heavy[0].When != Load || len(p.Heavy[0].Path) != 2 {
		t.Errorf("heavy at load: %+v", p.Heavy)
	}
}

func TestUnresolved(t *testing.T) {
	tests := []struct {
		name string
		body []string
		want []string
	}{
		{"bare namespace", []string{"y = prim.IgnoredPythonOp()"}, []string{"prim"}},
		{"bare operator", []string{`y = aten.save("a", "b")`}, []string{"aten"}},
		{"function", []string{"y = evil(x)"}, []string{"evil"}},
		{"module", []string{`y = os.system("id")`}, []string{"os.system"}},
		{"reference", []string{"y = os.path"}, []string{"os.path"}},
		{"class that is not there", []string{"y = __torch__.Gone(x)"}, []string{"__torch__.Gone"}},
		{"method", []string{"y = torch.add(x, x).evil()"}, []string{"torch.add(x, x).evil"}},
		{"method of a parameter", []string{"y = x.evil()"}, []string{"x.evil"}},
		{"module", []string{"y = __torch__", "z = y.M()"}, nil},
		{"class", []string{"y = __torch__.M()"}, nil},
		{"unqualified class", []string{"y = M()"}, nil},
		{"method of the archive", []string{"y = torch.add(x, x).forward(x)"}, nil},
		{"custom class", []string{"y = __torch__.torch.classes.quantized.LinearPackedParamsBase"}, nil},
		{"words", []string{"y = annotate(List[Optional[Tensor]], [])", "z = inf if isinstance(x, Tuple[int]) else CONSTANTS.c0"}, nil},
		{"locals", []string{"for i, j in enumerate(x):", "  k = [m for m in i]", "y = k, j", "with x as w:", "  z = w"}, nil},
		{"closure", []string{"def f(y):", "  return y", "z = f(x)"}, nil},
		{"global", []string{"global g"}, nil},
		{"attribute", []string{"y = self.anything", "z = self.anything.deep(x)"}, nil},
		{"list methods", []string{"y = [x]", "_ = torch.append(y, x)", "z = y.append(x)", "n = x.tolist()"}, nil},
	}
	for _, tt := range tests {
		p, err := Read(module(method("forward", append(tt.body, "return x")...)), Limits{})
		if err != nil || len(p.Errors) > 0 {
			t.Fatalf("%s: %v %+v", tt.name, err, p.Errors)
		}
		var got []string
		for _, u := range p.Unresolved {
			got = append(got, u.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A namespace without ops before it is read as one all the same.
func TestBareNamespaces(t *testing.T) {
	for line, want := range map[string]string{
		"prim.IgnoredPythonOp()":    "prim::IgnoredPythonOp ops call",
		`aten.save("a", "b")`:       "aten::save ops call",
		"x.data_ptr()":              "mkldnn::data_ptr method call",
		"ops.mkldnn.data_ptr(x)":    "mkldnn::data_ptr ops call",
		"id(x)":                     "prim::id builtin call",
		"getattr(prim, 'PythonOp')": "prim::PythonOp reference call",
	} {
		p, err := Read(module(method("forward", "y = "+line)), Limits{})
		if err != nil || len(p.Errors) > 0 {
			t.Fatalf("%s: %v %+v", line, err, p.Errors)
		}
		if got := risky(p); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// Deep and wide constants cost no more than their text.
func TestHeavyHostile(t *testing.T) {
	const n = 100_000
	for name, src := range map[string]string{
		"deep sums":    "def f(x):\n  y = " + strings.Repeat("1 + ", n) + "1\n",
		"nested sums":  "def f(x):\n  y = " + strings.Repeat("(1 + ", 180) + "1" + strings.Repeat(")", 180) + "\n",
		"nested loops": nestedLoops(150),
		"powers":       "def f(x):\n" + strings.Repeat("  y = 2 ** 9223372036854775807\n  z = 1 ** 9223372036854775807\n", 1000),
		"products":     "def f(x):\n  y = " + strings.Repeat("[0] * ", n) + "1\n",
		"names":        "def f(x):\n" + strings.Repeat("  y = a"+strings.Repeat(".b", 400)+"\n", 2000),
	} {
		if _, err := Read([]Unit{{Name: "code/__torch__.py", Source: []byte(src)}}, Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func nestedLoops(n int) string {
	var b strings.Builder
	b.WriteString("def f(x):\n")
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+1) + "while True:\n")
	}
	b.WriteString(strings.Repeat(" ", n+1) + "pass\n")
	return b.String()
}

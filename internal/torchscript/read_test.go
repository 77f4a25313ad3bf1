package torchscript

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// module makes a unit of one Module class M with the given methods.
func module(body string) []Unit {
	return []Unit{{Name: "m/code/__torch__.py", Source: []byte("class M(Module):\n" + body)}}
}

// method indents lines as the body of a method.
func method(name string, lines ...string) string {
	return "  def " + name + "(self: __torch__.M, x: Tensor) -> Tensor:\n    " +
		strings.Join(lines, "\n    ") + "\n"
}

// risky lists "op via when" of the uses that are not plain arithmetic.
func risky(p *Program) []string {
	var out []string
	for _, u := range p.Ops {
		if u.Risk != None {
			out = append(out, fmt.Sprintf("%s %s %s", u.Op, u.Via, u.When))
		}
	}
	return out
}

// What torch 1.13.1 accepts of these it compiles to the operator that is
// expected here; what it refuses (modules in tuples and the like) is followed
// all the same, as other versions may not.
func TestOperatorNames(t *testing.T) {
	tests := []struct {
		name string
		body []string
		want []string
	}{
		{"plain", []string{`torch.save("a", "b")`}, []string{"aten::save torch call"}},
		{"ops", []string{`ops.aten.save("a", "b")`}, []string{"aten::save ops call"}},
		{"overload", []string{`ops.aten.save.default("a", "b")`}, []string{"aten::save ops call"}},
		{"autograd", []string{`torch.autograd.autograd.save("a", "b")`}, []string{"aten::save torch call"}},
		{"alias", []string{"f = torch", `f.save("a", "b")`}, []string{"aten::save alias call"}},
		{"alias of ops", []string{"f = ops", "g = f.aten", `g.save("a", "b")`}, []string{"aten::save alias call"}},
		{"alias of the operator", []string{"f = torch.save", `f("a", "b")`}, []string{"aten::save reference call", "aten::save alias call"}},
		{"chained assignment", []string{"a = b = torch", `b.save("a", "b")`}, []string{"aten::save alias call"}},
		{"tuple", []string{"f, g = x, torch", `g.save("a", "b")`}, []string{"aten::save alias call"}},
		{"nested tuple", []string{"(f, (g, h)) = (x, (x, torch))", `h.save("a", "b")`}, []string{"aten::save alias call"}},
		{"subscript", []string{"t = (x, torch)", `(t)[1].save("a", "b")`}, []string{"aten::save alias call"}},
		{"loop", []string{"for f in (torch,):", `  f.save("a", "b")`}, []string{"aten::save alias call"}},
		{"loop over enumerate", []string{"for i, f in enumerate((torch,)):", `  f.save("a", "b")`}, []string{"aten::save alias call"}},
		{"comprehension", []string{`y = [f.save("a", "b") for f in (torch,)]`}, []string{"aten::save alias call"}},
		{"conditional", []string{"f = torch if True else ops", `f.save("a", "b")`}, []string{"aten::save alias call"}},
		{"annotate", []string{"f = annotate(Any, torch)", `f.save("a", "b")`}, []string{"aten::save alias call"}},
		{"with", []string{"with torch as f:", `  f.save("a", "b")`}, []string{"aten::save alias call"}},
		{"getattr", []string{`getattr(torch, "save")("a", "b")`}, []string{"aten::save reference call", "aten::save getattr call"}},
		{"getattr of a sum", []string{`getattr(ops.aten, "sa" + "ve")("a", "b")`}, []string{"aten::save reference call", "aten::save getattr call"}},
		{"getattr of adjacent strings", []string{`getattr(ops.aten, "sa" 've')("a", "b")`}, []string{"aten::save reference call", "aten::save getattr call"}},
		{"getattr of octal escapes", []string{`getattr(torch, "\163ave")("a", "b")`}, []string{"aten::save reference call", "aten::save getattr call"}},
		{"getattr of a variable", []string{`n = "save"`, `getattr(torch, n)("a", "b")`}, []string{"aten::save reference call", "aten::save getattr call"}},
		{"getattr of a namespace", []string{`getattr(ops, "aten").save("a", "b")`}, []string{"aten::save getattr call"}},
		{"getattr default", []string{`getattr(x, "q", torch).save("a", "b")`}, []string{"aten::save torch call"}},
		{"glued keyword", []string{`y = x is nottorch.save("a", "b")`}, []string{"aten::save torch call"}},
		{"continuation", []string{"torch\\", `.save("a", "b")`}, []string{"aten::save torch call"}},
		{"over lines", []string{"(torch", "# no", `.`, `save)("a", "b")`}, []string{"aten::save torch call"}},
		{"closure", []string{"def f(y):", `  torch.save("a", "b")`, "return x"}, []string{"aten::save torch call"}},
		{"one line closure", []string{`def f(y): return torch.save("a", "b")`, "return x"}, []string{"aten::save torch call"}},
		{"default argument", []string{"def f(y=torch): return y.save(1, 2)"}, []string{"aten::save alias call"}},
		{"hidden by a local", []string{"if x:", "  torch = x", `torch.save("a", "b")`}, []string{"aten::save torch call"}},
		{"method", []string{"y = x.as_strided([4], [1], 9)"}, []string{"aten::as_strided method call"}},
		{"method reference", []string{"y = x.as_strided"}, []string{"aten::as_strided reference call"}},
		{"method of a call", []string{"y = torch.add(x, x).set_(x)"}, []string{"aten::set_ method call"}},
		{"save is no method", []string{`x.save("a")`}, nil},
		{"unknown namespace", []string{"y = ops.evil.run(x)"}, []string{"evil::run ops call"}},
		{"network", []string{"y = ops.c10d.send(x)"}, []string{"c10d::send ops call"}},
		{"print", []string{`print("hello")`}, []string{"prim::Print builtin call"}},
		{"fork", []string{"y = fork(torch.from_file, x)"}, []string{"prim::fork builtin call", "aten::from_file torch call", "aten::from_file reference call"}},
		{"comment", []string{`# torch.save("a", "b")`, "return x"}, nil},
		{"string", []string{`y = "torch.save(1, 2)"`, "return x"}, nil},
		{"triple string", []string{`y = """`, `torch.save(1, 2)`, `"""`, "return x"}, nil},
		{"keyword name", []string{"y = torch.add(save=x)"}, nil},
	}
	for _, tt := range tests {
		p, err := Read(module(method("forward", tt.body...)), Limits{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(p.Errors) > 0 {
			t.Errorf("%s: %+v", tt.name, p.Errors)
		}
		got := risky(p)
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

func TestDynamic(t *testing.T) {
	tests := map[string]int{
		`getattr(torch, str(x))(x, x)`:          1,
		`getattr(ops, x)`:                       1,
		`getattr(self, str(x))`:                 0,
		`getattr(torch, "a" if x else str(x))`:  1,
		`getattr(torch, "add" if x else "sub")`: 0,
	}
	for line, want := range tests {
		p, err := Read(module(method("forward", "y = "+line)), Limits{})
		if err != nil || len(p.Errors) > 0 {
			t.Fatalf("%s: %v %v", line, err, p.Errors)
		}
		if got := len(p.Dynamic); got != want {
			t.Errorf("%s: %d dynamic operators, want %d", line, got, want)
		}
	}
}

func TestCallGraph(t *testing.T) {
	helper := Unit{Name: "m/code/__torch__/pkg/helper.py", Source: []byte(`class Writer:
  path : str
  def __init__(self: __torch__.pkg.helper.Writer, p: str) -> NoneType:
    self.path = p
    return None
  def flush(self: __torch__.pkg.helper.Writer) -> NoneType:
    torch.save("x", self.path)
    return None
class Init:
  def __init__(self: __torch__.pkg.helper.Init) -> NoneType:
    torch.save("x", "y")
    return None
class Operator:
  def __add__(self: __torch__.pkg.helper.Operator, o: int) -> int:
    torch.save("x", "y")
    return 1
class Quiet:
  def flush(self: __torch__.pkg.helper.Quiet) -> NoneType:
    return None
def free(p: str) -> NoneType:
  w = __torch__.pkg.helper.Writer(p, )
  (w).flush()
`)}
	tests := []struct {
		name  string
		attrs string
		body  []string
		when  When
		path  []string
	}{
		{
			"free function, then method", "",
			[]string{`__torch__.pkg.helper.free("p")`},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.pkg.helper.free", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"method of self", "",
			[]string{"self.go(x)"},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.M.go", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"attribute's type", "  w : __torch__.pkg.helper.Writer\n",
			[]string{"w = self.w", "(w).flush()"},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"list of a type", "  w : List[__torch__.pkg.helper.Writer]\n",
			[]string{"w = self.w", "for a in w:", "  (a).flush()"},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"other type of the same method", "  w : __torch__.pkg.helper.Quiet\n",
			[]string{"w = self.w", "(w).flush()"},
			Call,
			[]string{"__torch__.M.forward", "__torch__.M.go", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"unknown receiver", "",
			[]string{"w = torch.getitem(x)", "(w).flush()"},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"fork of a method", "  w : __torch__.pkg.helper.Writer\n",
			[]string{"f = fork(self.w.flush)"},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"module in other case", "",
			[]string{`__torch__.PKG.Helper.free("p")`},
			Load,
			[]string{"__torch__.M.__setstate__", "__torch__.pkg.helper.free", "__torch__.pkg.helper.Writer.flush"},
		},
		{
			"not called at load", "",
			[]string{"self.x = x"},
			Call,
			[]string{"__torch__.M.forward", "__torch__.M.go", "__torch__.pkg.helper.Writer.flush"},
		},
	}
	for _, tt := range tests {
		m := module(tt.attrs + method("__setstate__", tt.body...) +
			method("go", "w = __torch__.pkg.helper.Writer(\"p\")", "(w).flush()", "return x") +
			method("forward", "return (self).go(x)"))
		p, err := Read(append(m, helper), Limits{})
		if err != nil || len(p.Errors) > 0 {
			t.Fatalf("%s: %v %+v", tt.name, err, p.Errors)
		}
		i := slices.IndexFunc(p.Ops, func(u OpUse) bool {
			return u.Op == "aten::save" && strings.HasSuffix(u.Func, "Writer.flush")
		})
		if i < 0 {
			t.Errorf("%s: aten::save not found", tt.name)
			continue
		}
		if got := p.Ops[i]; got.When != tt.when || !slices.Equal(got.Path, tt.path) {
			t.Errorf("%s: %v by %q, want %v by %q", tt.name, got.When, got.Path, tt.when, tt.path)
		}
	}
	for _, tt := range []struct{ body, fn string }{
		{"a = __torch__.pkg.helper.Init()", "__torch__.pkg.helper.Init.__init__"},
		{"a = __torch__.pkg.helper.Operator() + 1", "__torch__.pkg.helper.Operator.__add__"},
	} {
		p, _ := Read(append(module(method("__setstate__", tt.body)), helper), Limits{})
		for _, u := range p.Ops {
			if u.Func == tt.fn && u.When != Load {
				t.Errorf("%s: %s runs at %v", tt.body, u.Func, u.When)
			}
		}
	}
}

func TestBrokenSource(t *testing.T) {
	tests := []struct {
		name string
		src  string
		want []string
	}{
		{"broken line", "class M(Module):\n  def forward(self, x):\n    y = = torch.save(1, 2)\n    return x\n", []string{"aten::save broken syntax call"}},
		{"after a broken line", "class M(Module):\n  def forward(self, x):\n    y = )\n    torch.save(1, 2)\n    return x\n", []string{"aten::save torch call"}},
		{"unclosed bracket", "class M(Module):\n  def forward(self, x):\n    y = (\n    torch.save(1, 2)\n    return x\n", []string{"aten::save broken syntax call"}},
		{"broken header", "class M(Module):\n  def forward(self, x)\n    torch.save(1, 2)\n", []string{"aten::save torch load"}},
		{"broken class", "class M(Module\n  def forward(self, x):\n    torch.save(1, 2)\n", []string{"aten::save torch load"}},
		{"unclosed string", "def f(x):\n  y = \"\n  torch.save(1, 2)\n", []string{"aten::save torch call"}},
		{"lambda", "def f(x):\n  y = lambda: torch.save(1, 2)\n", []string{"aten::save broken syntax call"}},
		{"top level", "torch.save(1, 2)\n", []string{"aten::save torch load"}},
		{"class level", "class M(Module):\n  torch.save(1, 2)\n", []string{"aten::save torch load"}},
		{"no last line end", "def f(x):\n  torch.save(1, 2)", []string{"aten::save torch call"}},
		{"string in a broken line", "def f(x):\n  y = $ getattr(torch, 'save')\n", []string{"aten::save broken syntax call"}},
		{"unknown namespace", "def f(x):\n  y = $ ops.inductor._reinterpret_tensor(x)\n", []string{"inductor::_reinterpret_tensor broken syntax call"}},
		{"deep", "def f(x):\n  y = " + strings.Repeat("(", 500) + "torch.save(1, 2)" + strings.Repeat(")", 500) + "\n", []string{"aten::save broken syntax call"}},
	}
	for _, tt := range tests {
		p, err := Read([]Unit{{Name: "code/__torch__.py", Source: []byte(tt.src)}}, Limits{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(p.Errors) == 0 {
			t.Errorf("%s: no syntax error", tt.name)
		}
		got := slices.Compact(risky(p))
		for _, w := range tt.want {
			if !slices.Contains(got, w) {
				t.Errorf("%s:\n got %q\nwant %q (%+v)", tt.name, got, w, p.Errors)
			}
		}
	}
}

func TestClasses(t *testing.T) {
	src := `op_version_set = 1
import __torch__.torch.nn
class M(Module):
  __parameters__ = ["w", ]
  __buffers__ = []
  __annotations__ = []
  w : Tensor
  n : Final[int] = -3
  q : __torch__.torch.classes.quantized.LinearPackedParamsBase
  __annotations__["0"] = __torch__.Sub
  def forward(self,
    x: Tensor, *, k: Optional[float]=None, c: int=-1) -> Tuple[Tensor, int]:
    # type: (Tensor, float, int) -> Tuple[Tensor, int]
    a, b, = x, 1
    x[0:1, :, ::2, ...] = a
    while bool(b):
      b -= 1
      if not b and a is not None or a not in x:
        break
      elif b == 2 :
        continue
      else:
        pass
    assert b, "no"
    del a
    y = {"a": 1, "b": 2}
    z = [i for i in x]
    d = {i: i for i in x}
    v = inf if b else nan
    u = ~b ** -2 @ x // 3.5e-3 % 1. << 2 | 0x10 & 1j
    global g
    with torch.autograd.profiler.record_function(""), x as e:
      raise AssertionError("x")
    e = __torch__.torch.classes.evil.Thing(x)
    return (x, *b)
class T(NamedTuple):
  a : int
class I(Interface):
  def f(self) -> int:
    pass
class E(Enum):
  RED = 1
class P:
  def __setstate__(self, s): return None
`
	p, err := Read([]Unit{{Name: "x/code/__torch__.py", Source: []byte(src)}}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.Errors {
		t.Errorf("%d:%d: %s", e.Line, e.Col, e.Msg)
	}
	u := "x/code/__torch__.py"
	want := []Class{
		{Name: "__torch__.M", Kind: "Module", Unit: u, Line: 3, Methods: []string{"forward"}, Attrs: []Attr{
			{"w", "Tensor"}, {"n", "Final[int]"}, {"q", "__torch__.torch.classes.quantized.LinearPackedParamsBase"}, {"0", "__torch__.Sub"},
		}},
		{Name: "__torch__.T", Kind: "NamedTuple", Unit: u, Line: 36, Attrs: []Attr{{"a", "int"}}},
		{Name: "__torch__.I", Kind: "Interface", Unit: u, Line: 38, Methods: []string{"f"}},
		{Name: "__torch__.E", Kind: "Enum", Unit: u, Line: 41},
		{Name: "__torch__.P", Unit: u, Line: 43, Methods: []string{"__setstate__"}, HasSetState: true},
	}
	if d := cmp.Diff(want, p.Classes); d != "" {
		t.Errorf("classes (-want +got):\n%s", d)
	}
	wantCustom := []CustomClass{
		{Name: "quantized.LinearPackedParamsBase", Unit: u, Line: 9},
		{Name: "evil.Thing", Risk: Unknown, Unit: u, Line: 34, Func: "__torch__.M.forward"},
	}
	if d := cmp.Diff(wantCustom, p.CustomClasses); d != "" {
		t.Errorf("custom classes (-want +got):\n%s", d)
	}
}

func TestQualifierAndCollisions(t *testing.T) {
	tests := map[string]string{
		"code/__torch__/foo/bar.py":                  "__torch__.foo.bar",
		"m/CODE/__torch__.PY":                        "__torch__",
		"m/.data/ts_code/code/0/__torch__.py":        "0.__torch__",
		"zipcode/__torch__.py":                       "zipcode.__torch__",
		"m/code/__torch__/code/___torch_mangle_1.py": "___torch_mangle_1",
	}
	for name, want := range tests {
		if got := Qualifier(name); got != want {
			t.Errorf("Qualifier(%q) = %q, want %q", name, got, want)
		}
	}
	p, err := Read([]Unit{{Name: "m/code/__torch__.py"}, {Name: "m/code/__TORCH__.py", Source: []byte("def f(): return torch.save(1, 2)\n")}}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]string{{"m/code/__TORCH__.py", "m/code/__torch__.py"}}, p.Collisions); d != "" {
		t.Error(d)
	}
	if len(risky(p)) != 1 {
		t.Errorf("colliding unit not read: %+v", p.Ops)
	}
}

func TestLimits(t *testing.T) {
	units := module(method("forward", "y = x", "torch.save(1, 2)", "torch.save(3, 4)"))
	for name, lim := range map[string]Limits{
		"source": {MaxSource: 10},
		"uses":   {MaxUses: 1},
	} {
		if _, err := Read(units, lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
	p, err := Read(units, Limits{MaxNodes: 4})
	if err != nil || len(p.Errors) == 0 || !p.Errors[0].Limit {
		t.Errorf("nodes: %v, %+v", err, p.Errors)
	}
	if !slices.Contains(risky(p), "aten::save broken syntax call") {
		t.Errorf("over the limit of nodes nothing is found: %q", risky(p))
	}
}

// Hostile sizes end quickly and within memory.
func TestHostileSizes(t *testing.T) {
	const n = 200_000
	for name, src := range map[string]string{
		"parens":     "def f(x):\n  y = " + strings.Repeat("(", n),
		"dots":       "def f(x):\n  y = x" + strings.Repeat(".a", n) + "\n",
		"chains":     strings.Repeat("def f(x):\n  y = x"+strings.Repeat(".a", 900)+"\n", 500),
		"sum":        "def f(x):\n  y = x" + strings.Repeat("+x", n) + "\n",
		"unary":      "def f(x):\n  y = " + strings.Repeat("~", n) + "x\n",
		"brackets":   strings.Repeat("def f(x):\n  y = (\n", n/10),
		"errors":     strings.Repeat("$\n", n),
		"indents":    indents(2000),
		"mentions":   "def f(x):\n  y = [" + strings.Repeat("__torch__.torch.classes.a.B,", 10000) + "]\n",
		"same names": "class A:\n  x : __torch__.A\n" + strings.Repeat("  x : __torch__.A\n", 20000) + strings.Repeat("class A:\n  def f(self): return self.x.x.x.f() + __torch__.A() + __torch__.g()\ndef g(): return g()\n", 10000),
		"copies":     "def f(x):\n" + unions(40) + "  a = (a, a, a, a, a, a)\n" + strings.Repeat("  a=a\n  b=a\n  a=b\n", 50000),
		"long name":  "def f(x):\n  y = torch." + strings.Repeat("a", n) + "\n" + strings.Repeat("  y()\n", n/10),
		"strings":    strings.Repeat("\"", n+1),
		"triples":    strings.Repeat("\"\"\"\n", n+1),
		"doubling":   "def f(x):\n  a = (torch, torch)\n" + strings.Repeat("  a = (a, a)\n", 1000),
		"folding":    "def f(x):\n  a = \"aaaa\"\n" + strings.Repeat("  a = a + a\n", 1000),
		"unions":     "def f(x):\n" + unions(2000),
	} {
		if _, err := Read([]Unit{{Name: "code/__torch__.py", Source: []byte(src)}}, Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongNames(t *testing.T) {
	long := "__torch__" + strings.Repeat(".abcdefgh", 200)
	src := "def f(x):\n  y = " + long + "\n" + strings.Repeat("  y.a()\n", 1000)
	if _, err := Read([]Unit{{Name: "code/__torch__.py", Source: []byte(src)}}, Limits{}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

// Many functions are a limit, not memory.
func TestManyFunctions(t *testing.T) {
	src := strings.Repeat("def f(): pass\n", 300_000)
	_, err := Read([]Unit{{Name: "code/__torch__.py", Source: []byte(src)}}, Limits{})
	if !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("got %v, want ErrLimit", err)
	}
}

func indents(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "if x:\n")
	}
	return b.String()
}

func unions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  a = (torch.o%d, a)\n", i)
	}
	return b.String()
}

func TestRisk(t *testing.T) {
	tests := map[string]Category{
		"aten::save": FileWrite, "aten::add": None, "c10d::send": Network, "evil::op": Unknown,
		"prim::fork": Concurrency, "aten::nope": Unknown, "": Unknown,
	}
	for op, want := range tests {
		if got := Risk(op); got != want {
			t.Errorf("Risk(%q) = %q, want %q", op, got, want)
		}
	}
	if d := cmp.Diff([]string{"2.6", "2.14"}, Versions("inductor::_reinterpret_tensor")); d != "" {
		t.Error(d)
	}
	if !OpKnown("aten::add", "Tensor") || OpKnown("aten::add", "a b") || OpKnown("aten::x!", "") {
		t.Error("OpKnown")
	}
	for op, c := range riskyOps {
		if c != None && opTable()[op] == 0 {
			t.Errorf("risky operator %q is not in the table", op)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("class M(Module):\n  w : Tensor\n  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n    f = torch\n    return f.save(x, \"a\")\n"))
	f.Add([]byte("def f(x):\n  if x is nottorch:\n    y = (\n  else:\n\tz = [a for b in c]\n  # type: (\n"))
	f.Add([]byte("torch.save(1)\n  \n\\\n'\\x'\"\"\"a\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		units := []Unit{{Name: "code/__torch__.py", Source: src}, {Name: "code/__torch__/a.py", Source: src[:len(src)/2]}}
		lim := Limits{MaxSource: 1 << 20, MaxDepth: 50, MaxNodes: 1000, MaxErrors: 10, MaxUses: 1000}
		p, err := Read(units, lim)
		if err != nil && !errors.Is(err, bounded.ErrLimit) {
			t.Fatal(err)
		}
		q, _ := Read(units, lim)
		if d := cmp.Diff(p, q); d != "" {
			t.Fatalf("not deterministic:\n%s", d)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var src strings.Builder
	for i := range 400 {
		fmt.Fprintf(&src, "class M%d(Module):\n  w : Tensor\n  inner : __torch__.M0\n", i)
		src.WriteString("  def forward(self: __torch__.M0,\n    x: Tensor) -> Tensor:\n")
		for j := range 30 {
			fmt.Fprintf(&src, "    _%d = torch._convolution(x, self.w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, False, False, True, True)\n", j)
			fmt.Fprintf(&src, "    inner%d = self.inner\n    y%d = (inner%d).forward(_%d, )\n", j, j, j, j)
		}
		src.WriteString("    return x\n")
	}
	units := []Unit{{Name: "code/__torch__.py", Source: []byte(src.String())}}
	b.SetBytes(int64(src.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(units, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

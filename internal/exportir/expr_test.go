package exportir

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func TestParseExprAccepts(t *testing.T) {
	tests := map[string]Expr{
		"Symbol('s77', positive=True, integer=True)": {Symbols: []string{"s77"}, Functions: []string{"Symbol"}},
		"Symbol('zuf0')":      {Symbols: []string{"zuf0"}, Functions: []string{"Symbol"}},
		"s0 + 2*s1":           {Symbols: []string{"s0", "s1"}},
		"Max(1, s0)":          {Symbols: []string{"s0"}, Functions: []string{"Max"}},
		"s0//8 - s1 % 4":      {Symbols: []string{"s0", "s1"}},
		"-oo":                 {},
		"int_oo":              {},
		"17":                  {},
		"-1.5e-3":             {},
		"(s0 > 2) & ~(s1<=3)": {Symbols: []string{"s0", "s1"}},
		"2 <= s0 <= 64":       {Symbols: []string{"s0"}},
		"Mul(Integer(2), Symbol('u0', integer=True))":  {Symbols: []string{"u0"}, Functions: []string{"Integer", "Mul", "Symbol"}},
		"Pow(Symbol('s0', integer=True), Integer(-1))": {Symbols: []string{"s0"}, Functions: []string{"Integer", "Pow", "Symbol"}},
		"Pow(Integer(2), Rational(1, 2))":              {Functions: []string{"Integer", "Pow", "Rational"}},
		"Float('1.5', precision=53)":                   {Functions: []string{"Float"}},
		"Piecewise((1, s0 > 2), (0, True))":            {Symbols: []string{"s0"}, Functions: []string{"Piecewise"}},
		"Piecewise(ExprCondPair(Integer(1), Equality(Symbol('s0', integer=True), Integer(4))), ExprCondPair(Integer(0), true))": {
			Symbols: []string{"s0"}, Functions: []string{"Equality", "ExprCondPair", "Integer", "Piecewise", "Symbol"},
		},
		"FloorDiv(PythonMod(s0, 3), CleanDiv(s1, 2))":             {Symbols: []string{"s0", "s1"}, Functions: []string{"CleanDiv", "FloorDiv", "PythonMod"}},
		"Mul(Symbol('a_b', integer=True), s0, evaluate=False)":    {Symbols: []string{"a_b", "s0"}, Functions: []string{"Mul", "Symbol"}},
		"ceiling(IntTrueDiv(s0, 2)) == ToFloat(floor(s1)**2)":     {Symbols: []string{"s0", "s1"}, Functions: []string{"IntTrueDiv", "ToFloat", "ceiling", "floor"}},
		"not Eq(s0, 1) and Ne(s1, 2) or True":                     {Symbols: []string{"s0", "s1"}, Functions: []string{"Eq", "Ne"}},
		"Dummy('x', dummy_index=1234, integer=True, finite=True)": {Symbols: []string{"x"}, Functions: []string{"Dummy"}},
	}
	for s, want := range tests {
		got, err := ParseExpr(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", s, d)
		}
		if _, err := ParseGuard(s); err != nil {
			t.Errorf("as a guard: %s: %v", s, err)
		}
	}
}

func TestParseExprRefuses(t *testing.T) {
	tests := []struct {
		expr, msg string
		offset    int
	}{
		{`__import__('os').getpid()`, `call of "__import__"`, 0},
		{`s0 + __import__('os')`, `call of "__import__"`, 5},
		{`exec('x')`, `call of "exec"`, 0},
		{`Symbol.__class__`, `attribute of "Symbol"`, 6},
		{`().__class__`, `unexpected ")"`, 1},
		{`Symbol('s0').__class__`, `"." after a call of "Symbol"`, 12},
		{`Symbol('s0')('x')`, `"(" after a call of "Symbol"`, 12},
		{`s0.x`, `attribute of "s0"`, 2},
		{`s0[0]`, `subscript of "s0"`, 2},
		{`[s0]`, `unexpected "["`, 0},
		{`lambda: 1`, `name "lambda"`, 0},
		{`'a'`, `string "a"`, 0},
		{`Integer('__import__')`, `string "__import__"`, 8},
		{`Symbol("a'b")`, `name "a'b" of a symbol`, 7},
		{`Symbol('__x__')`, `name "__x__" of a symbol`, 7},
		{`Symbol('a b')`, `name "a b" of a symbol`, 7},
		{`Symbol()`, `Symbol without a name`, 8},
		{`Symbol('s0', 1)`, `argument "1" of Symbol`, 13},
		{`Symbol('s0', cls=x1)`, `keyword "cls" of Symbol`, 13},
		{`Symbol('s0', integer=exec('1'))`, `value "exec" of keyword "integer"`, 21},
		{`Max(1, key=s0)`, `keyword "key" of Max`, 7},
		{`sympify('1')`, `call of "sympify"`, 0},
		{`Lambda(s0, 1)`, `call of "Lambda"`, 0},
		{`eval`, `name "eval"`, 0},
		{`exit`, `name "exit"`, 0},
		{`s0; s1`, `character ";"`, 2},
		{"s0\n", `character "\n"`, 2},
		{`s0 := 1`, `unexpected ":"`, 3},
		{`s0 if s1 else s2`, `unexpected "if"`, 3},
		{`sé0`, `character "\xc3"`, 1},
		{`ｓ0`, `character "\xef"`, 0},
		{`1 .real`, `unexpected "."`, 2},
		{`1.real`, `name "real" right after a number`, 2},
		{`"a".format(s0)`, `string "a"`, 0},
		{`f'{x}'`, `name "f"`, 0},
		{`s0 = 1`, `unexpected "="`, 3},
		{`s0!`, `character "!"`, 2},
		{`9**9**9`, `power of constants`, 0},
		{`Pow(10, 100000)`, `power of constants`, 0},
		{`Pow(Pow(99,99),99)`, `power of constants`, 0},
		{`1 << 99999999`, `power of constants`, 0},
		{`(s0`, `expected ")", found ""`, 3},
		{``, `unexpected end`, 0},
		{`Symbol('s0`, `string without end`, 7},
		{`Piecewise(__import__('os'))`, `call of "__import__"`, 10},
		{`s0 is s1`, `unexpected "is"`, 3},
		{`L['x'].size()[0]`, `subscript of "L"`, 1},
	}
	for _, tt := range tests {
		_, err := ParseExpr(tt.expr)
		var e *ExprError
		if !errors.As(err, &e) {
			t.Errorf("%q: accepted", tt.expr)
			continue
		}
		if e.Msg != tt.msg || e.Offset != tt.offset {
			t.Errorf("%q: got %q at %d, want %q at %d", tt.expr, e.Msg, e.Offset, tt.msg, tt.offset)
		}
	}
}

func TestParseGuard(t *testing.T) {
	accept := map[string]Expr{
		"L['x'].size()[0] >= 2":                            {Inputs: []string{"x"}},
		`2 <= L["x"].size()[0] and L['x'].size()[0] <= 64`: {Inputs: []string{"x"}},
		"L['args'][0]['k'].stride()[1] == 1":               {Inputs: []string{"args"}},
		"L['x'].shape[0] % 8 == 0":                         {Inputs: []string{"x"}},
		"not (L['x'].storage_offset() != 0)":               {Inputs: []string{"x"}},
		"math.floor(L['n'] / 2) > 1":                       {Inputs: []string{"n"}, Functions: []string{"math.floor"}},
		"torch.sym_max(L['n'], 3) == 3":                    {Inputs: []string{"n"}, Functions: []string{"torch.sym_max"}},
		"Ne(L['x'].size()[0], 1)":                          {Inputs: []string{"x"}, Functions: []string{"Ne"}},
		"L['mode'] == 'nearest'":                           {Inputs: []string{"mode"}},
		"L['mask'] is not None":                            {Inputs: []string{"mask"}},
	}
	for s, want := range accept {
		got, err := ParseGuard(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", s, d)
		}
	}
	for _, s := range []string{
		"L['x'].__class__", "L['x'].size", "L['x'].size(1)", "L.x", "L", "L[0]", "L['x'].to('cuda')",
		"torch.load('x')", "torch.ops.aten.save('x', 'y')", "math.__loader__", "torch", "os.system('x')",
		"__import__('os').system('x')", "L['x'].size()[0:1]", "open('x')", "'a'.join('b')", "eval('1')",
		"L['x'][__import__('os')]", "(lambda: 1)()", "print(1)", "L['x'].item.__globals__",
	} {
		if _, err := ParseGuard(s); err == nil {
			t.Errorf("accepted %q", s)
		}
	}
}

func TestExprLimits(t *testing.T) {
	for name, s := range map[string]string{
		"length": strings.Repeat("1+", maxExprLen),
		"parens": strings.Repeat("(", 1000),
		"calls":  strings.Repeat("Max(", 1000),
		"powers": strings.Repeat("s0**", 1000) + "1",
	} {
		if _, err := ParseExpr(s); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s: got %v, want ErrLimit", name, err)
		}
	}
	for name, s := range map[string]string{
		"signs": strings.Repeat("-", 30000) + "1",
		"nots":  strings.Repeat("not ", 10000) + "s0",
		"sum":   strings.Repeat("s0+", 20000) + "s0",
	} {
		if _, err := ParseExpr(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseExpr(f *testing.F) {
	f.Add("Symbol('s77', positive=True, integer=True)")
	f.Add("Piecewise((1, s0 > 2), (0, True)) + 2**s0 // -Max(1, s0, evaluate=False)")
	f.Add("L['x'].size()[0] >= 2 and not math.floor(L['y'] / 2) is None")
	f.Add("__import__('os').getpid()")
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Expr, error){ParseExpr, ParseGuard} {
			x, err := parse(s)
			y, err2 := parse(s)
			if d := cmp.Diff(x, y); d != "" || (err == nil) != (err2 == nil) {
				t.Fatalf("not deterministic: %s", d)
			}
			if err != nil {
				continue
			}
			// Whatever is accepted has no way out of the grammar.
			if strings.Contains(s, "__") && strings.Contains(s, "(") && strings.Contains(s, "import") && !strings.Contains(s, "'") && !strings.Contains(s, `"`) {
				t.Fatalf("accepted %q", s)
			}
			for _, fn := range x.Functions {
				if !exprFuncs[fn] && !guardFuncs[fn] {
					t.Fatalf("accepted a call of %q in %q", fn, s)
				}
			}
		}
	})
}

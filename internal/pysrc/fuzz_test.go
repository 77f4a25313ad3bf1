package pysrc

import (
	"strings"
	"testing"
)

// seeds are one of each construct, and what has broken readers of Python.
var seeds = []string{
	"import os, a.b as c\nfrom . import x as y\nfrom ..m import (a, b,)\nfrom m import *\n",
	"def f(a, /, b: int = 1, *args: *Ts, c, **kw) -> int:\n    global g\n    return a\n",
	"class C[T: int = str](Base, metaclass=M):\n    @property\n    def x(self): return self.y\n",
	"async def f():\n    async with a as b, c: pass\n    async for x in y: await z\n    return [x async for x in y]\n",
	"with (open(a) as b, open(c) as d,):\n    pass\nwith (yield): pass\nwith (a, b): pass\nwith (a) as b: pass\n",
	"try:\n    pass\nexcept* (A, B) as e:\n    raise X from e\nelse: pass\nfinally: pass\n",
	"try: pass\nexcept A, B: pass\n",
	"match x:\n    case [1, *_, C(a=b)] | {'k': v, **rest} if z: pass\n    case a.b as n: pass\n    case -1+2j: pass\n    case _: pass\nmatch = 1\nmatch(x)\nmatch[x]\n",
	"type X[T] = list[T]\ntype = 1\ntype(x)\n",
	"x = f'{a!r:>{w}} {{}} {b=} {c:%Y-%m}' rf\"\\{d}\" t'{e}' f'''{\n1}'''\n",
	"x = f'{f\"{'a'}\"}'\n",
	"lambda a, *b, c=1, **d: (yield)\n[x for x in y if z for w in x]\n{**a, 'b': c}\n{*a, b}\n{a: b for a, b in c}\n",
	"x[1:2, ::3, *a] = y = z\nx: int = 5\nx @= y ** -z\nif (n := 1) > 2 >= 3 is not None not in x: pass\nelif a: pass\nelse: pass\n",
	"\xef\xbb\xbf# coding: utf-8\nx = '\\x41\\u0042\\N{DASH}\\101\\\n' b'\\xff'\n",
	"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
	"x = 0x1for x in y\n1if x else y\n1_000.5e-3j\n0o17\n1..real\n",
	"if x:\n\tpass\n        \x0cy\n  z\n",
	"f(\ndef g(): pass\nx = '\ny = \"\"\"\nz = f'{\n",
	"ｔｏｒｃｈ.ｌｏａｄ(x)\n",
	"print 'x'\nexec 'y'\n",
	"del a, (b), [c]\nassert a, b\nnonlocal x\nwhile 1: break\nfor a, *b in c: continue\nraise\n",
	"a = \\\n  b\n\\\nx\n",
}

// FuzzParse: no panic, the same twice, spans within the text and within each
// other, and a look-up of every name ends.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b) })
}

func TestSeeds(t *testing.T) {
	for _, s := range seeds {
		checkParse(t, []byte(s))
		for i := range s { // every way to break off
			checkParse(t, []byte(s[:i]))
		}
	}
}

func checkParse(t *testing.T, b []byte) {
	t.Helper()
	lim := Limits{MaxBytes: 1 << 16, MaxDepth: 100, MaxErrors: 5}
	f, err := Parse(b, lim)
	again, err2 := Parse(b, lim)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("two readings: %v and %v", err, err2)
	}
	if err != nil {
		return
	}
	if len(f.Errors) != len(again.Errors) || len(f.Body) != len(again.Body) || len(f.Errors) > lim.MaxErrors {
		t.Fatalf("two readings: %d and %d errors", len(f.Errors), len(again.Errors))
	}
	for _, e := range f.Errors {
		if e.Offset < 0 || e.Offset > len(f.Text) {
			t.Fatalf("an error at %d of %d", e.Offset, len(f.Text))
		}
	}
	checkSpans(t, f, f.Body)
	m := Resolve(f)
	for _, c := range m.Calls {
		c.Arg(0, "x")
		f.Place(c.Node.Start)
		m.Names(c.Node.Func, c.Scope)
	}
}

func checkSpans(t *testing.T, f *File, list []Stmt) {
	t.Helper()
	for _, s := range list {
		if s == nil {
			t.Fatal("a statement is nil")
		}
		Exprs(s, func(e Expr) {
			Walk(e, func(e Expr) bool {
				if w := e.Where(); w.Start < 0 || w.End < w.Start || int(w.End) > len(f.Text) {
					t.Fatalf("%T stands at %d-%d of %d", e, w.Start, w.End, len(f.Text))
				}
				_ = f.Source(e)
				return true
			})
		})
		Blocks(s, func(inner []Stmt) { checkSpans(t, f, inner) })
	}
}

// Nothing that source can repeat costs more than it is long.
func TestRepeated(*testing.T) {
	const n = 200_000
	for _, s := range []string{
		"-", "not ", "(", "[", "{", "a.", "a(", "a[", "lambda:", "x if y else ", "a+", "a**", "f'{", "'''\n", "\"\"\"\\\"\"\"\n", "match a:\n",
		"if a:\n ", "x = (\n", "\\\n", "@", "await ", "a = ", "{a:", "*", "f(f ", "for x in ", "\x00", "a,", "f'{a:{", "with (", "x:=", "case ", "a;",
		"def f(): torch.load(\n", "try: x\n", "a if ", "(a for b in ", "yield ", "global a\n", "f(**", "a.b().c[", "x = f'{x}' ", "\r", "é", "f\"{'",
	} {
		if f, err := Parse([]byte(strings.Repeat(s, n/len(s))), Limits{}); err == nil {
			Resolve(f)
		}
	}
}

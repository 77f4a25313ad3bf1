package pysrc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// calls resolves source and lists "line: names" of each call that has a dotted name
// with torch, pickle or a relative module in it.
func calls(t *testing.T, src string) (out []string) {
	t.Helper()
	f, err := Parse([]byte(src), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Errors) > 0 {
		t.Fatalf("%q: %v", src, f.Errors[0].Error())
	}
	for _, c := range Resolve(f).Calls {
		names := slices.DeleteFunc(slices.Clone(c.Names), func(n string) bool {
			return !strings.Contains(n, "torch") && !strings.Contains(n, "ickle") && !strings.HasPrefix(n, ".")
		})
		if len(names) > 0 {
			line, _ := f.Place(c.Node.Start)
			how := ""
			if c.Deferred {
				how = " deferred"
			}
			if c.Partial {
				how += " partial"
			}
			out = append(out, fmt.Sprintf("%d: %s%s", line, strings.Join(names, " "), how))
		}
	}
	return out
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		want      []string
	}{
		{"plain", "import torch\ntorch.load(p)", []string{"2: torch.load"}},
		{"as", "import torch.serialization as s\ns.load(p)", []string{"2: torch.serialization.load"}},
		{"submodule", "import torch.jit\ntorch.jit.load(p)", []string{"2: torch.jit.load"}},
		{"from", "from torch import load as l\nl(p)", []string{"2: torch.load"}},
		{"star", "from torch import *\nload(p)", []string{"2: torch.load"}},
		{"relative", "from ..util import read\nread(p)", []string{"2: ..util.read"}},
		{"relative name", "from . import util\nutil.read(p)", []string{"2: .util.read"}},
		{"within a function", "def f():\n  import torch\n  return torch.load(p)", []string{"3: torch.load"}},
		{"try", "try:\n  import cPickle as pickle\nexcept ImportError:\n  import pickle\npickle.load(f)", []string{"5: cPickle.load pickle.load"}},
		{"assigned", "import torch\nf = torch.load\ng = f\ng(p)", []string{"4: torch.load"}},
		{"in turn", "import torch\nf = g = torch.load\nif x: f = None\nf(p)", []string{"4: torch.load"}},
		{"circle", "import torch\nf = torch.load\ng = f\nf = g\ng(p)", []string{"5: torch.load"}},
		{"unpacked", "import torch, pickle\na, (b, c) = 1, (torch.load, pickle.load)\nb(p)\nc(p)", []string{"3: torch.load", "4: pickle.load"}},
		{"walrus", "import torch\n(f := torch.load)(p)\nf(p)", []string{"2: torch.load", "3: torch.load"}},
		{"conditional", "import torch\n(torch.load if x else torch.jit.load)(p)", []string{"2: torch.jit.load torch.load"}},
		{"getattr", "import torch\ngetattr(torch, 'lo' + 'ad')(p)", []string{"2: torch.load"}},
		{"getattr of a constant", "import torch\nNAME = f'{\"lo\"}ad'\ngetattr(torch, NAME)(p)", []string{"3: torch.load"}},
		{"import_module", "import importlib\nimportlib.import_module('torch').load(p)", []string{"2: torch.load"}},
		{"__import__", "__import__('torch.jit').load(p)\n__import__('torch.jit', fromlist=['x']).load(p)", []string{"1: torch.load", "2: torch.jit.load"}},
		{"dictionary of a module", "import torch\ntorch.__dict__['load'](p)\nvars(torch)['load'](p)", []string{"2: torch.load", "3: torch.load"}},
		{"sys.modules", "import sys\nsys.modules['torch'].load(p)", []string{"2: torch.load"}},
		{"table", "import torch, pickle\nT = {'a': torch.load, 'b': pickle.load}\nT['a'](p)\nT[k](p)", []string{"3: torch.load", "4: pickle.load torch.load"}},
		{"loop", "import torch, pickle\nfor f in (torch.load, pickle.load): f(p)", []string{"2: pickle.load torch.load"}},
		{"partial", "import torch\nfrom functools import partial\nf = partial(torch.load, x=1)\nf(p)", []string{"3: torch.load deferred", "4: torch.load partial"}},
		{"submitted", "import torch\npool.submit(torch.load, p)\nloop.run_in_executor(None, torch.load, p)", []string{"2: torch.load deferred", "3: torch.load deferred"}},
		{"default", "import torch\ndef f(load=torch.load): return load(p)", []string{"2: torch.load"}},
		{"attribute of self", "import torch\nclass C:\n  read = torch.load\n  def __init__(self): self.other = torch.jit.load\n  def f(self): return self.read(p), self.other(p)", []string{"5: torch.load", "5: torch.jit.load"}},
		{"attribute of a base", "import torch\nclass B:\n  read = staticmethod(torch.load)\n  def __init__(self): self.other = torch.jit.load\nclass M(B): pass\nclass C(M):\n  def f(self): return self.read(p), self.other(p)\nC.read(p)", []string{"7: torch.load", "7: torch.jit.load", "8: torch.load"}},
		{"attribute that is not the base's", "import torch\nclass B:\n  read = torch.load\nclass C(B):\n  read = print\n  def f(self): self.read(p)\nclass D:\n  def f(self): self.read(p)", nil},
		{"classes that derive from each other", "import torch\nclass A(B, C): pass\nclass B(A, C): pass\nclass C(A, B): read = torch.load\nA.read(p)\nA.none(p)", []string{"5: torch.load"}},
		{"attribute of an object", "import torch\nclass C:\n  def __init__(self): self.read = torch.load\nC().read(p)", []string{"4: torch.load"}},
		{"result", "from torch.package import PackageImporter as P\nwith P(f) as i: i.load_pickle(p)", []string{"2: torch.package.PackageImporter", "2: torch.package.PackageImporter().load_pickle"}},
		{"global", "import torch\ndef f():\n  global g\n  g = torch.load\ndef h(): g(p)", []string{"5: torch.load"}},
		{"lambda", "import torch\nf = lambda torch: torch.load(p)\ng = lambda x: torch.load(x)", []string{"3: torch.load"}},
		{"comprehension", "import torch\n[load(p) for load in x]\n[torch.load(p) for p in x]\n[torch.load(p) for torch in x]", []string{"3: torch.load"}},
		{"shadowed", "import torch\ndef f(torch): torch.load(p)", nil},
		{"names of a class are not its methods'", "class C:\n  import torch\n  def f(self): torch.load(p)\n  torch.jit(p)", []string{"3: torch.load", "4: torch.jit"}},
		{"look-alike", "import torch\nｔｏｒｃｈ.ｌｏａｄ(p)", []string{"2: torch.load"}},
		{"within an f-string", "import torch\nx = f'{torch.load(p)!r:>{torch.w()}}'", []string{"2: torch.load", "2: torch.w"}},
		{"pattern", "import torch\nmatch x:\n  case torch.Size(): torch.load(p)", []string{"3: torch.load"}},
		{"decorator", "import torch\n@torch.jit.script\n@torch.no_grad()\ndef f(): pass", []string{"3: torch.no_grad"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := calls(t, tt.src); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// args lists what one call gets for a parameter, as source, and "..." where that is open.
func args(t *testing.T, src string, position int, name string) (out []string) {
	t.Helper()
	f, err := Parse([]byte(src), Limits{})
	if err != nil || len(f.Errors) > 0 {
		t.Fatal(err, f.Errors)
	}
	for _, c := range Resolve(f).Calls {
		if !c.Is("torch.load") {
			continue
		}
		list, open := c.Arg(position, name)
		for _, a := range list {
			out = append(out, f.Source(a.Expr))
		}
		if open {
			out = append(out, "...")
		}
	}
	return out
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		src  string
		want []string
	}{
		{"torch.load(p)", nil},
		{"torch.load(p, x=1)", []string{"1"}},
		{"torch.load(*p, x=1)", []string{"1"}},
		{"torch.load(p, **{'x': 1, 'y': 2})", []string{"1"}},
		{"torch.load(p, **dict(x=1))", []string{"1"}},
		{"torch.load(p, **k)", []string{"..."}},
		{"k = {'y': 2}\ntorch.load(p, **k)", nil},
		{"k = {}\nk['x'] = 1\ntorch.load(p, **k)", []string{"1"}},
		{"k = {**z}\ntorch.load(p, **k)", []string{"..."}},
		{"k = {'x': 2}\ntorch.load(p, **{**k, **z, 'x': 1})", []string{"1"}},
		{"torch.load(p, **{'x': 1, **z})", []string{"1", "..."}},
		{"k = {'x': 2}\ntorch.load(p, **{**k, 'y': 1})", []string{"2"}},
		{"torch.load(p, **{'x': 1, n: 2})", []string{"1", "..."}},
		{"def f(**k): torch.load(p, **k)", []string{"..."}},
		{"from functools import partial\npartial(torch.load, x=1)", []string{"1", "..."}},
		{"from functools import partial\npartial(torch.load, x=1)(p)\n", []string{"1", "1", "..."}},
		{"from functools import partial\npartial(torch.load, x=1)(p, x=2)\n", []string{"2", "1", "..."}},
	} {
		got := args(t, "import torch\n"+tt.src, -1, "x")
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.src, got, tt.want)
		}
	}
	if got := args(t, "import torch\ntorch.load(p, *q)", 0, "f"); !slices.Equal(got, []string{"p"}) {
		t.Errorf("the first of (p, *q) is %q", got)
	}
	if got := args(t, "import torch\ntorch.load(*q)", 0, "f"); !slices.Equal(got, []string{"..."}) {
		t.Errorf("the first of (*q) is %q", got)
	}
}

// What stands around a part that does not parse is read.
func TestRecovery(t *testing.T) {
	const call = "torch.load(p)\n"
	for _, src := range []string{
		"x = = 1\n" + call,
		"print 'x'\n" + call,
		"def f(:\n    " + call,
		"class C\n    def f(self):\n        " + call,
		"if x\n    " + call,
		"try:\n    " + call + "x = 1\n",
		"x = 'abc\n" + call,
		"x = f'{a\n" + call,
		"x = \"\"\"abc\n" + call,
		"x = (1,\ndef f():\n    " + call,
		"x = [1)\n" + call,
		"if x:\n        y\n    z\n" + call,
		"    x = 1\n" + call,
		"match x:\n    case 1 2: y\n    case 3: " + call,
		"x y " + call,
		"x = $ " + call,
		"for x y: " + call,
		"async x\n" + call,
		"@f\nx = 1\n" + call,
		call + "x = (1",
	} {
		f, err := Parse([]byte("import torch\n"+src), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Errors) == 0 {
			t.Errorf("%q parses", src)
		}
		seen := false
		for _, c := range Resolve(f).Calls {
			seen = seen || c.Is("torch.load")
		}
		if !seen {
			t.Errorf("%q: the call is not seen", src)
		}
	}
}

func TestEncodings(t *testing.T) {
	for _, tt := range []struct{ src, text, err string }{
		{"x = 'é'", "x = 'é'", ""},
		{"\xef\xbb\xbfx = 1", "x = 1", ""},
		{"# coding: latin-1\nx = '\xe9'", "# coding: latin-1\nx = 'é'", ""},
		{"#!/bin/sh\n# vim: set fileencoding=cp1252 :\nx = '\x80'", "#!/bin/sh\n# vim: set fileencoding=cp1252 :\nx = '€'", ""},
		{"x = 1\n# coding: utf-7\n", "x = 1\n# coding: utf-7\n", ""}, // too late to count
		{"# coding: utf-7\n+AHgAPQAx-", "", `"utf-7" is not one that is read`},
		{"# coding: raw_unicode_escape\n", "", `"raw_unicode_escape" is not one`},
		{"\xef\xbb\xbf# coding: latin-1\n", "", "a byte order mark of UTF-8"},
		{"# coding: ascii\nx = '\xe9'", "", "not ASCII"},
	} {
		f, err := Parse([]byte(tt.src), Limits{})
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: error %v, want %s", tt.src, err, tt.err)
			}
		case err != nil || f.Text != tt.text:
			t.Errorf("%q: %v", tt.src, err)
		}
	}
	// What is around a byte that is not UTF-8 is read.
	f, err := Parse([]byte("import torch\n# J\xf6rg, \xe9\ntorch.load(p)\n"), Limits{})
	if err != nil || len(f.Body) != 2 || len(f.Errors) != 2 {
		t.Fatalf("%v %+v", err, f)
	}
	for i, want := range []int{4, 9} {
		if line, col := f.Place(int32(f.Errors[i].Offset)); line != 2 || col != want || !strings.Contains(f.Errors[i].What, "not UTF-8") {
			t.Errorf("%d:%d: %s", line, col, f.Errors[i].What)
		}
	}
	if _, err := Parse(make([]byte, 11), Limits{MaxBytes: 10}); err == nil {
		t.Error("more than the limit is read")
	}
}

func TestStrings(t *testing.T) {
	for src, want := range map[string]string{
		`'a' "b"`: "ab", `'\x41\u0042\U00000043\104'`: "ABCD", `r'\x41'`: `\x41`, `'\q'`: `\q`, "'a\\\nb'": "ab", `'''a'b"'''`: `a'b"`,
		`"\\\"\n"`: "\\\"\n", `u'é'`: "é", "'''a\r\nb'''": "a\nb", `'\7x'`: "\ax",
	} {
		f, err := Parse([]byte(src), Limits{})
		if err != nil || len(f.Body) != 1 {
			t.Fatal(src, err)
		}
		s, ok := f.Body[0].(*ExprStmt).Value.(*Str)
		if !ok || s.Value != want || s.Inexact || s.Bytes {
			t.Errorf("%s is %+v, want %q", src, s, want)
		}
	}
	f, _ := Parse([]byte(`'\N{DASH}'`), Limits{})
	if s := f.Body[0].(*ExprStmt).Value.(*Str); !s.Inexact {
		t.Error("a named character is taken for known")
	}
}

func TestPlace(t *testing.T) {
	f, err := Parse([]byte("é = 1\r\n\n  ünü = f(x)\r"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	at := int32(strings.Index(f.Text, "f("))
	line, column := f.Place(at)
	if l, c := f.Position(at); line != 3 || column != 9 || l != 3 || c != 10 {
		t.Errorf("f stands in line %d, column %d; the ast module's are %d and %d", line, column, l, c)
	}
}

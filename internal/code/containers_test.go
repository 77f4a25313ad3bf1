package code

import "testing"

// What comes from outside is followed into what holds it and out of it, and what stands
// under one key is not what stands under another.
func TestContainerTwins(t *testing.T) {
	const flask = "from flask import request\ndef f():\n    n = request.args['n']\n    "
	load := func(what string) string { return "\n    return torch.load(" + what + ")" }
	checkTwins(t, "a.py", "import hashlib, os, torch\n", []twin{
		{"a display", "PY040 high", flask + "c = {'p': n, 'q': 1}" + load("c['p']"), flask + "c = {'p': n, 'q': 'm.pt'}" + load("c['q']")},
		{"a key that is not known", "PY040 high", flask + "c = {'p': n, 'q': 1}" + load("c[k]"), flask + "c = {'p': 1, 'q': 2}" + load("c[n]")},
		{"looked up", "PY040 high", flask + "c = {'p': n}" + load("c.get('p')"), flask + "c = {'p': n, 'q': 'm.pt'}" + load("c.get('q')")},
		{"or else", "PY040 high", flask + "c = {}" + load("c.get('p', n)"), flask + "c = {}" + load("c.get(n, 'm.pt')")},
		{"an item that is assigned", "PY040 high", flask + "c = {}\n    c['p'] = n" + load("c['p']"), flask + "c = {}\n    c['q'] = n" + load("c['p']")},
		{"one that is assigned later", "PY040 high", flask + "c = {}\n    for p in os.listdir('m'):\n        torch.load(c['p'])\n        c['p'] = n", flask + "c = {'p': 'm.pt'}\n    m = torch.load(c['p'])\n    c['p'] = n\n    return m"},
		{"an item of an item", "PY040 high", flask + "c = {'a': {}}\n    c['a']['p'] = n" + load("c['a']['p']"), flask + "c = {'a': {}}\n    c['a']['p'] = n" + load("c['b']['p']")},
		{"spread", "PY040 high", flask + "c = {**request.json, 'q': 1}" + load("c['p']"), flask + "d = {'p': n}\n    c = {**d, 'q': 'm.pt'}" + load("c['q']")},
		{"dict", "PY040 high", flask + "c = dict(request.json)" + load("c['p']"), flask + "c = dict(p=n, q='m.pt')" + load("c['q']")},
		{"a copy", "PY040 high", flask + "d = {'p': n}\n    c = d.copy()" + load("c['p']"), flask + "d = {'p': n}\n    c = d.copy()" + load("c['q']")},
		{"update", "PY040 high", flask + "c = {}\n    c.update(request.json)" + load("c['p']"), flask + "c = {}\n    c.update(p=n)" + load("c['q']")},
		{"setdefault", "PY040 high", flask + "c = {}\n    c.setdefault('p', n)" + load("c['p']"), flask + "c = {}\n    c.setdefault(n, 'm.pt')" + load("c['p']")},
		{"append", "PY040 high", flask + "xs = []\n    xs.append(n)" + load("xs[0]"), flask + "xs = ['m.pt']\n    ys = []\n    ys.append(n)" + load("xs[0]")},
		{"extend, add and insert", "PY040 high", flask + "a = set()\n    a.add(n)\n    b = []\n    b.extend(a)\n    c = []\n    c.insert(0, b[0])" + load("c[0]"), "import numpy\n" + flask + "c = numpy.append(numpy.zeros(1), n)" + load("numpy.memmap('m')")},
		{"an attribute", "PY040 high", "from flask import request\nclass C:\n    def f(self):\n        self.c = {}\n        self.c['p'] = request.args['n']\n    def g(self):\n        return torch.load(self.c['p'])", "from flask import request\nclass C:\n    def f(self):\n        self.c = {}\n        self.c['p'] = request.args['n']\n    def g(self):\n        return torch.load(self.c['q'])"},
		{"an attribute of a base", "PY040 high", "from flask import request\nclass B:\n    def f(self):\n        self.p = request.args['n']\nclass C(B):\n    def g(self):\n        return torch.load(self.p)", "from flask import request\nclass B:\n    def f(self):\n        self.p = request.args['n']\nclass C:\n    def g(self):\n        return torch.load(self.p)"},
		{"a comprehension", "PY040 high", flask + "xs = [x.strip() for x in n.split(',')]\n    for x in xs:\n        torch.load(x)", flask + "xs = [x for x in n.split(',') if x in MODELS]\n    for x in xs:\n        torch.load(x)"},
		{"one of a dictionary", "PY040 high", flask + "c = {k: v for k, v in request.json.items()}" + load("c['p']"), flask + "c = {k: 'm.pt' for k in request.json}" + load("c['p']")},
		{"a generator", "PY040 high", flask + "for x in (os.path.join('m', x) for x in n.split(',')):\n        torch.load(x)", flask + "for x in (int(x) for x in n.split(',')):\n        torch.load(x)"},
		{"a digest is nobody's choice", "PY040 high", flask + "h = []\n    h.append(n)" + load("h[0]"), flask + "h = hashlib.sha256()\n    h.update(n)" + load("h.hexdigest()")},
		{"a lambda", "PY040 high", flask + "g = lambda q, r: torch.load(q)\n    return g(n, 1)", flask + "g = lambda q, r: torch.load(q)\n    return g('m.pt', n)"},
		{"what a lambda gives", "PY040 high", flask + "g = lambda q: os.path.join('m', q)" + load("g(n)"), flask + "g = lambda q: MODELS[q]" + load("g(n)")},
		{"a lambda for each", "PY040 high", flask + "list(map(lambda q: torch.load(q), n.split(',')))", flask + "list(map(lambda q: torch.load('m.pt'), n.split(',')))"},
		{"map", "PY040 high", flask + "list(map(torch.load, n.split(',')))", flask + "list(map(len, n.split(',')))\n    list(map(torch.load, ['m.pt']))"},
		{"what map gives", "PY040 high", flask + "xs = map(os.path.abspath, n.split(','))" + load("list(xs)[0]"), flask + "xs = map(int, n.split(','))" + load("f'{list(xs)[0]}.pt'")},
		{"a part of what is matched", "PY040 high", flask + "match request.json:\n        case {'p': x, **r}:\n            torch.load(x)", flask + "c = {'p': n, 'q': 'm.pt'}\n    match c:\n        case {'q': x}:\n            torch.load(x)"},
		{"one of a sequence that is matched", "PY040 high", flask + "match n.split('/'):\n        case [_, x]:\n            torch.load(x)", flask + "match n:\n        case 'a.pt' | 'b.pt' as x:\n            torch.load(x)"},
		{"what a class matches", "PY040 high", flask + "match n:\n        case str() as x:\n            torch.load(x)", flask + "match n:\n        case x:\n            torch.load('m.pt')"},
	})
}

// Objects that are called, of one file.
func TestCalledTwins(t *testing.T) {
	const class = "class L:\n    def __call__(self, p, q=''):\n        return torch.load(p, weights_only=True)\n"
	checkTwins(t, "a.py", "import sys, torch\n"+class, []twin{
		{"a name", "PY041 low", "l = L()\nl(sys.argv[1])", "l = L()\nl('m.pt', sys.argv[1])"},
		{"at once", "PY041 low", "L()(sys.argv[1])", "L()('m.pt', sys.argv[1])"},
		{"an attribute", "PY041 low", "class M:\n    def __init__(self):\n        self.l = L()\n    def f(self):\n        self.l(sys.argv[1])", "class M:\n    def __init__(self):\n        self.l = L\n    def f(self):\n        self.l(sys.argv[1])"},
		{"inherited", "PY041 low", "class M(L):\n    pass\nm = M()\nm(p=sys.argv[1])", "class M(L):\n    def __call__(self, p):\n        pass\nm = M()\nm(p=sys.argv[1])"},
	})
}

// Attributes of a class are those of the classes that it derives from.
func TestInheritedTwins(t *testing.T) {
	const base = "class B:\n    loader = staticmethod(torch.load)\n    KW = {'weights_only': False}\n    safe = False\n"
	checkTwins(t, "a.py", "import torch\n"+base, []twin{
		{"a loader", "PY002 high", "class C(B):\n    def f(self, p):\n        return self.loader(p, weights_only=False)", "class C:\n    def f(self, p):\n        return self.loader(p, weights_only=False)"},
		{"that of the class", "PY002 high", "class C(B):\n    pass\nC.loader(p, weights_only=False)", "class C(B):\n    loader = print\nC.loader(p, weights_only=False)"},
		{"names", "PY002 high", "class C(B):\n    def f(self, p):\n        return torch.load(p, **self.KW)", "class C(B):\n    KW = {'weights_only': True}\n    def f(self, p):\n        return torch.load(p, **self.KW)"},
		{"a word", "PY002 high", "class M(B):\n    pass\nclass C(M):\n    def f(self, p):\n        return torch.load(p, weights_only=self.safe)", "class M(B):\n    safe = True\nclass C(M):\n    def f(self, p):\n        return torch.load(p, weights_only=self.safe)"},
	})
}

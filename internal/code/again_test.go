package code

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
)

// lookAll looks at files, and again at those that others say something of.
func lookAll(t testing.TB, files []txtar.File, opt Options, report func(finding.Finding)) (flows []*Flow) {
	t.Helper()
	look := func(f txtar.File, opt Options) *Flow {
		facts, err := Look(t.Context(), artifact.FromBytes(f.Name, f.Data), opt, report)
		if err != nil {
			t.Fatal(err)
		}
		return facts.Flow
	}
	for _, f := range files {
		if flow := look(f, opt); flow != nil {
			flows = append(flows, flow)
		}
	}
	again := Revisit(".", flows)
	for _, f := range files {
		if opt.Again = again[f.Name]; opt.Again != nil {
			flow := look(f, opt)
			flows[slices.IndexFunc(flows, func(x *Flow) bool { return x.Path() == f.Name })] = flow
		}
	}
	return flows
}

// twice looks at the files of an archive in full, and says what is worse than low.
func twice(t *testing.T, archive string, opt Options) (lines []string) {
	t.Helper()
	report := func(f finding.Finding) {
		if f.Severity > finding.Low {
			lines = append(lines, fmt.Sprintf("%s %s %s", f.Where, f.Rule, f.Severity))
		}
	}
	flows := lookAll(t, txtar.Parse([]byte(archive)).Files, opt, report)
	if err := Flows(t.Context(), ".", flows, report); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func TestRevisit(t *testing.T) {
	const compat = "-- compat.py --\nimport torch\nimport pickle as pkl\nfrom torch import load as tload\nload = torch.load\nunp = pkl.loads\n" +
		"try:\n    import dill as serializer\nexcept ImportError:\n    serializer = pkl\ndef mine(x):\n    return x\nimport logging\n"
	for _, tt := range []struct {
		name, files string
		want        []string
	}{
		{
			"each way to import what another module has",
			compat + "-- use.py --\nfrom compat import load, unp, tload, torch, serializer as s, pkl, mine\nimport compat\nload('x', weights_only=False)\nunp(b'x')\ntload('x', weights_only=False)\n" +
				"torch.load('x', weights_only=False)\ns.load(f)\npkl.loads(b'')\ncompat.torch.load('x', weights_only=False)\ncompat.load('x', weights_only=False)\nmine('x')\ncompat.mine('x')\n",
			[]string{
				"use.py:10:1 PY002 high", "use.py:3:1 PY002 high", "use.py:4:1 PY020 medium", "use.py:5:1 PY002 high", "use.py:6:1 PY002 high", "use.py:7:1 PY020 medium",
				"use.py:8:1 PY020 medium", "use.py:9:1 PY002 high",
			},
		},
		{
			"inside of a function, beside the file, and through two files",
			"-- pkg/__init__.py --\n-- pkg/low.py --\nimport torch as th\n-- pkg/mid.py --\nfrom .low import th as t2\n-- pkg/use.py --\ndef f():\n    from .mid import t2\n    t2.load('x', weights_only=False)\n",
			[]string{"pkg/use.py:3:5 PY002 high"},
		},
		{
			"a request and a load",
			compat + "-- web.py --\nfrom flask import Flask, request\napp = Flask('x')\n-- serve.py --\nfrom web import app, request as rq\nfrom compat import torch as tt\n@app.route('/')\ndef x():\n    return tt.load(rq.args['p'], weights_only=False)\n",
			[]string{"serve.py:5:12 PY002 high", "serve.py:5:12 PY040 critical"},
		},
		{
			"what the first look said is said once",
			compat + "-- use.py --\nimport torch\nfrom compat import load\ntorch.load('a', weights_only=False)\nload('b', weights_only=False)\n",
			[]string{"use.py:3:1 PY002 high", "use.py:4:1 PY002 high"},
		},
		{
			"names that are the file's own, of nobody, or of packages that no rule speaks of",
			compat + "-- use.py --\nfrom compat import logging, nothing\nfrom elsewhere import load\nlogging.info('x')\nnothing.load('x', weights_only=False)\nload('x', weights_only=False)\ndef load2(x): return x\nload2('x')\n",
			nil,
		},
		{
			"modules that import each other",
			"-- a.py --\nfrom b import x\nx.load('p', weights_only=False)\n-- b.py --\nfrom a import x\n",
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, twice(t, tt.files, Options{Torch: Torch{}.Allow("2.12.0", "", "requirements.txt")})); diff != "" {
				t.Errorf("files %s (-want +got)\n%s", tt.files, diff)
			}
		})
	}
}

// A function of another file verifies what is loaded, before it or too late; or another
// file, or nothing.
func TestVerifiedElsewhere(t *testing.T) {
	const util = "-- util.py --\nimport hashlib\ndef sha(p):\n    return hashlib.sha256(open(p, 'rb').read()).hexdigest()\ndef right(p, want):\n    return sha(p) == want\n" +
		"def verify(p, want):\n    if sha(p) != want:\n        raise ValueError(p)\ndef weak(p):\n    return hashlib.md5(open(p, 'rb').read()).hexdigest()\ndef name(p):\n    return str(p)\n" +
		"def fetch(p='m.pt', want='0f4a'):\n    if sha(p) != want:\n        raise ValueError(p)\n    return p\ndef given(p, want=None):\n    if want and sha(p) != want:\n        raise ValueError(p)\n    return p\n"
	for _, tt := range []struct{ name, body, want string }{
		{"a digest", "    if sha(p) != want:\n        raise ValueError\n    return torch.load(p)\n", "PY094"},
		{"a digest that is kept", "    got = sha(p)\n    if got != want:\n        raise ValueError\n    return torch.load(p)\n", "PY094"},
		{"a verdict", "    if not right(p, want):\n        raise ValueError\n    return torch.load(p)\n", "PY094"},
		{"one that raises", "    verify(p, want)\n    return torch.load(p)\n", "PY094"},
		{"by its module", "    util.verify(p, want)\n    return torch.load(p)\n", "PY094"},
		{"one that gives it", "    p = util.fetch()\n    return torch.load(p)\n", "PY006"},
		{"one that gives it, and nothing else does", "    got = util.fetch()\n    return torch.load(got)\n", "PY094"},
		{"one that gives it within the load", "    return torch.load(util.fetch(q, want))\n", "PY094"},
		{"one that gives it and need not be told the digest", "    return torch.load(util.given(q))\n", "PY006"},
		{"a digest, too late", "    m = torch.load(p)\n    if sha(p) != want:\n        raise ValueError\n    return m\n", "PY009 PY006"},
		{"one that raises, too late", "    m = torch.load(p)\n    verify(p, want)\n    return m\n", "PY009 PY006"},
		{"of another file", "    verify(q, want)\n    return torch.load(p)\n", "PY006"},
		{"a digest that nobody compares", "    print(sha(p))\n    return torch.load(p)\n", "PY006"},
		{"a digest that is too weak", "    if weak(p) != want:\n        raise ValueError\n    return torch.load(p)\n", "PY006"},
		{"something else", "    print(name(p))\n    return torch.load(p)\n", "PY006"},
		{"nothing", "    return torch.load(p)\n", "PY006"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := util + "-- a.py --\nimport torch\nimport util\nfrom util import sha, right, verify, weak, name\ndef f(p, q, want):\n" + tt.body
			var got []string
			lookAll(t, txtar.Parse([]byte(src)).Files, newTorch, func(f finding.Finding) {
				if slices.Contains([]string{"PY006", "PY009", "PY094"}, f.Rule) && f.Where.Path == "a.py" {
					got = append(got, f.Rule)
				}
			})
			slices.Sort(got)
			want := strings.Fields(tt.want)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("files %s (-want +got)\n%s", src, diff)
			}
		})
	}
}

func TestOmittedWeightsOnly(t *testing.T) {
	const wrapper = "-- util.py --\nimport torch\ndef w(path, **kw):\n    return torch.load(path, **kw)\n"
	for _, tt := range []struct {
		name, files, torch string
		want               []string
	}{
		{"handed on, by another file", wrapper + "-- a.py --\nfrom util import w\nw('x')\nw('x', map_location='cpu')\n", "2.1.0", []string{"a.py:2:1 PY001 high", "a.py:3:1 PY001 high"}},
		{"nobody knows which torch", wrapper + "-- a.py --\nfrom util import w\nw('x')\n", "", []string{"a.py:2:1 PY001 medium"}},
		{"a torch that is safe", wrapper + "-- a.py --\nfrom util import w\nw('x')\n", "2.6.0", nil},
		{
			"through two, the second of which says it", wrapper + "-- a.py --\nfrom util import w\ndef one(p, **kw):\n    return w(p, **kw)\ndef two(p, **kw):\n    return w(p, weights_only=True, **kw)\none('x')\ntwo('x')\n", "2.1.0",
			[]string{"a.py:6:1 PY001 high"},
		},
		{"said", wrapper + "-- a.py --\nfrom util import w\nw('x', weights_only=True)\nw('x', **{'weights_only': True})\nw('x', **options())\n", "2.1.0", nil},
		{"said unsafe", wrapper + "-- a.py --\nfrom util import w\nw('x', weights_only=False)\n", "2.1.0", []string{"a.py:2:1 PY002 high"}},
		{
			"the function itself says it", "-- a.py --\nimport torch\ndef w(p, **kw):\n    kw.setdefault('weights_only', True)\n    return torch.load(p, **kw)\ndef v(p, **kw):\n    if 1:\n        kw.update(weights_only=True)\n    return torch.load(p, **kw)\nw('x')\nv('x')\n", "2.1.0",
			nil,
		},
		{"None by default", "-- a.py --\nimport torch\ndef w(p, weights_only=None):\n    return torch.load(p, weights_only=weights_only)\n", "2.1.0", []string{"a.py:3:12 PY001 high"}},
		{
			"a partial", "-- a.py --\nimport torch\nfrom functools import partial\np = partial(torch.load, map_location='cpu')\np('x')\np('x', weights_only=None)\n", "2.1.0",
			[]string{"a.py:4:1 PY001 high", "a.py:5:1 PY001 high"},
		},
		{"a static method", "-- a.py --\nimport torch\nclass K:\n    ld = staticmethod(torch.load)\n    def go(self):\n        self.ld('x')\nK.ld('y')\n", "2.1.0", []string{"a.py:5:9 PY001 high", "a.py:6:1 PY001 high"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, twice(t, tt.files, Options{Torch: Torch{}.Allow(tt.torch, "", "requirements.txt")})); diff != "" {
				t.Errorf("files %s (-want +got)\n%s", tt.files, diff)
			}
		})
	}
}

// A chain of modules that hand a name on is followed for a while, and many names of one
// file do not take long.
func TestRevisitHostile(t *testing.T) {
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "-- m%d.py --\nfrom m%d import *\nfrom m%d import t%d as t%d\nt%d.load('x', weights_only=False)\n", i, i+1, i+1, i+1, i, i)
	}
	b.WriteString("-- m400.py --\nimport torch as t400\n")
	if got := twice(t, b.String(), Options{}); len(got) == 0 || len(got) > 400 {
		t.Errorf("got %d findings of a chain of 400 modules", len(got))
	}
}

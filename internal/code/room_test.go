package code

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
)

// look lists "line:column rule severity" of what is found in a file.
func look(t *testing.T, name, src string, opt Options) (out []string, all []finding.Finding) {
	t.Helper()
	report := func(f finding.Finding) { all = append(all, f) }
	flows := lookAll(t, []txtar.File{{Name: name, Data: []byte(src)}}, opt, report)
	if err := Flows(t.Context(), ".", flows, report); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(all, finding.Compare)
	for _, f := range all {
		where := strings.TrimPrefix(f.Where.String(), name)
		out = append(out, fmt.Sprintf("%s %s %s", strings.TrimLeft(where, ":!"), f.Rule, f.Severity))
	}
	return out, all
}

var (
	newTorch = Options{Torch: Torch{}.Allow("2.11.0", "", "requirements.txt")}
	oldTorch = Options{Torch: Torch{}.Allow("", ">=1.13", "requirements.txt")}
)

func TestTorchLoad(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		opt       Options
		want      []string
	}{
		{"default, new", "torch.load(p)", newTorch, []string{"2:1 PY006 low"}},
		{"default, old", "torch.load(p)", oldTorch, []string{"2:1 PY001 high"}},
		{"default, not stated", "torch.load(p)", Options{}, []string{"2:1 PY001 medium"}},
		{"safe, old", "torch.load(p, weights_only=True)", oldTorch, []string{"2:1 PY006 high"}},
		{"safe, not so old", "torch.load(p, weights_only=True)", Options{Torch: Torch{}.Allow("", ">=2.6", "r.txt")}, []string{"2:1 PY006 medium"}},
		{"None, old", "torch.load(p, weights_only=None)", oldTorch, []string{"2:1 PY001 high"}},
		{"zero", "torch.load(p, weights_only=0)", newTorch, []string{"2:1 PY002 high"}},
		{"a flag", "SAFE = False\ntorch.load(p, weights_only=SAFE)", newTorch, []string{"3:1 PY002 high"}},
		{"a flag that may be either", "SAFE = True\nif x: SAFE = False\ntorch.load(p, weights_only=SAFE)", newTorch, []string{"4:1 PY002 high"}},
		{"a parameter that is safe by default", "def f(w=True): return torch.load(p, weights_only=w)", newTorch, []string{"2:23 PY005 low"}},
		{"a parameter that is unsafe by default", "def f(w=False): return torch.load(p, weights_only=w)", newTorch, []string{"2:24 PY002 high"}},
		{"a result", "torch.load(p, weights_only=not x)", newTorch, []string{"2:1 PY005 low"}},
		{"keywords", "k = dict(weights_only=False)\ntorch.load(p, **k)", newTorch, []string{"3:1 PY002 high"}},
		{"keywords that are added", "k = {}\nk.update(weights_only=False)\ntorch.load(p, **k)", newTorch, []string{"4:1 PY002 high"}},
		{"keywords by default", "k = {}\nk.setdefault('weights_only', False)\ntorch.load(p, **k)", newTorch, []string{"4:1 PY002 high"}},
		{"keywords of elsewhere", "k = {}\nk.update(other)\ntorch.load(p, **k)", newTorch, []string{"4:1 PY005 low"}},
		{"keywords by a name", "k = {}\nk[n] = 1\ntorch.load(p, **k)", newTorch, []string{"4:1 PY005 low"}},
		{"an item that is set before", "def f(p, **k):\n    k['weights_only'] = True\n    with open(p) as g:\n        return torch.load(g, **k)", newTorch, []string{"5:16 PY006 low"}},
		{"an item that is set to another", "def f(p, **k):\n    k['weights_only'] = False\n    return torch.load(p, **k)", newTorch, []string{"4:12 PY002 high"}},
		{"an item that is set at times", "def f(p, **k):\n    if p:\n        k['weights_only'] = True\n    return torch.load(p, **k)", newTorch, []string{"5:12 PY005 low"}},
		{"an item that may be set again", "def f(p, **k):\n    k['weights_only'] = True\n    g(k)\n    return torch.load(p, **k)", newTorch, []string{"5:12 PY005 low"}},
		{"an item behind what is spread", "k = dict(weights_only=False)\ntorch.load(p, **{**k, **o, 'weights_only': True})", newTorch, []string{"3:1 PY006 low"}},
		{"an item before it", "torch.load(p, **{'weights_only': True, **o})", newTorch, []string{"2:1 PY005 low"}},
		{"not true", "torch.load(p, weights_only=not True)", newTorch, []string{"2:1 PY002 high"}},
		{"partial", "from functools import partial\nf = partial(torch.load, weights_only=False)\nf(p)", newTorch, []string{"3:5 PY002 high"}},
		{"partial, loosened", "from functools import partial\nf = partial(torch.load, weights_only=True)\nf(p, weights_only=False)", newTorch, []string{"3:5 PY005 low", "4:1 PY002 high"}},
		{"replaced", "from functools import partial\ntorch.load = partial(torch.load, weights_only=False)", newTorch, []string{"3:14 PY002 high"}},
		{"handed on", "models = each(torch.load, paths)", newTorch, []string{"2:15 PY005 low"}},
		{"mapped", "models = map(torch.load, paths)", newTorch, []string{"2:10 PY006 low"}},
		{"looked at", "import inspect\ninspect.signature(torch.load)", newTorch, nil},
		{"submitted", "pool.submit(torch.load, p, weights_only=False)", newTorch, []string{"2:1 PY002 high"}},
		{"pickle_module", "import pickle\ntorch.load(p, None, pickle)", newTorch, []string{"3:1 PY004 high"}},
		{"another load", "import json\njson.load(f)\ncfg.load(f)", newTorch, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := look(t, "a.py", "import torch\n"+tt.src+"\n", tt.opt)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetry(t *testing.T) {
	const src = `import torch
def read(p):
    try:
        return torch.load(p, weights_only=True)
    except Exception:
        print("old file")
        return torch.load(p, weights_only=False)
`
	got, all := look(t, "a.py", src, newTorch)
	if diff := cmp.Diff([]string{"4:16 PY006 low", "7:16 PY003 high"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e := all[1].Evidence; len(e) != 1 || e[0] != "first tried: torch.load(p, weights_only=True)" {
		t.Errorf("evidence %q", e)
	}
}

// A digest counts where it is computed before the load, compared, and acted upon.
func TestDigest(t *testing.T) {
	const head = "import hashlib, hmac, torch\ndef f(p, want):\n"
	const load = "    return torch.load(p, weights_only=True)\n"
	const compute = "    h = hashlib.sha256(open(p, 'rb').read()).hexdigest()\n"
	for _, tt := range []struct {
		name, src string
		ok        bool
	}{
		{"raise", compute + "    if h != want:\n        raise ValueError\n" + load, true},
		{"assert", compute + "    assert h == want\n" + load, true},
		{"in time", compute + "    if not hmac.compare_digest(h, want):\n        return None\n" + load, true},
		{"guarded", compute + "    if h == want:\n    " + load, true},
		{"exit", compute + "    if h != want:\n        sys.exit(1)\n" + load, true},
		{"only said", compute + "    if h != want:\n        print('no')\n" + load, false},
		{"after", "    m = torch.load(p, weights_only=True)\n" + compute + "    assert h == want\n    return m\n", false},
		{"not compared", compute + "    print(h)\n" + load, false},
		{"weak", strings.ReplaceAll(compute, "sha256", "md5") + "    assert h == want\n" + load, false},
		{"elsewhere", load + "def g(p):\n" + compute + "    assert h == want\n", false},
	} {
		got, _ := look(t, "a.py", head+tt.src, newTorch)
		if has := slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "PY094") }); has != tt.ok {
			t.Errorf("%s: %q", tt.name, got)
		}
		if has := slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "PY006") }); has == tt.ok {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestFlow(t *testing.T) {
	const head = `import io, os, shutil, tempfile, flask, torch
from fastapi import FastAPI, UploadFile, Depends, Security
app = FastAPI()
web = flask.Flask(__name__)
ALLOWED = {"a": "a.pt"}
`
	for _, tt := range []struct {
		name, src string
		line      int // of the load that a user decides on; 0 for none
	}{
		{"bytes", "@app.post('/')\nasync def f(file: UploadFile):\n    data = await file.read()\n    torch.load(io.BytesIO(data))\n", 9},
		{"file", "@app.post('/')\ndef f(file: UploadFile):\n    torch.load(file.file)\n", 8},
		{"name", "@app.get('/{name}')\ndef f(name: str):\n    torch.load(os.path.join('models', name + '.pt'))\n", 8},
		{"f-string", "@app.get('/{name}')\ndef f(name: str):\n    p = f'models/{name}'\n    with open(p, 'rb') as h:\n        torch.load(h)\n", 10},
		{"written and read", "@app.post('/')\ndef f(file: UploadFile):\n    p = 'x.pt'\n    with open(p, 'wb') as out:\n        shutil.copyfileobj(file.file, out)\n    torch.load(p)\n", 11},
		{"temporary", "@app.post('/')\ndef f(file: UploadFile):\n    t = tempfile.NamedTemporaryFile()\n    t.write(file.file.read())\n    torch.load(t.name)\n", 10},
		{"flask", "@web.route('/', methods=['POST'])\ndef f():\n    up = flask.request.files['m']\n    up.save('m.pt')\n    torch.load(up)\n", 10},
		{"typed, not routed", "def f(file: UploadFile | None = None):\n    torch.load(file.file)\n", 7},
		{"through a function", "def get(p):\n    return torch.load(p)\n@app.get('/')\ndef f(name: str):\n    return get(name)\n", 7},
		{"through two", "def a(p):\n    return torch.load(p)\ndef b(q):\n    return a(p=q)\n@app.get('/')\ndef f(name: str):\n    return b(name)\n", 7},
		{"through a method", "class S:\n    def get(self, p):\n        return torch.load(p)\n    @app.get('/')\n    def f(self, name: str):\n        return self.get(name)\n", 8},
		{"looked up", "@app.get('/')\ndef f(name: str):\n    torch.load(ALLOWED[name])\n", 0},
		{"looked up and refused", "@app.get('/')\ndef f(name: str):\n    if name not in ALLOWED:\n        raise KeyError\n    torch.load(name)\n", 0},
		{"only asked about", "@app.get('/')\ndef f(name: str, models: dict = {}):\n    if name not in models:\n        models[name] = torch.load(name)\n    return 1\n", 9},
		{"compared with a few", "@app.get('/')\ndef f(n: str):\n    if n in ('a', 'b'):\n        torch.load(n)\n", 0},
		{"on a list, and more", "@app.get('/')\ndef f(n: str):\n    if n in ALLOWED and n:\n        torch.load(n)\n", 0},
		{"refused for two reasons", "@app.get('/')\ndef f(n: str):\n    if n not in ALLOWED or not n:\n        raise KeyError\n    torch.load(n)\n", 0},
		{"refused, the other way round", "@app.get('/')\ndef f(n: str):\n    if not (n in ALLOWED):\n        raise KeyError\n    torch.load(n)\n", 0},
		{"another in its place", "@app.get('/')\ndef f(n: str):\n    torch.load(f'{n}' if n in ALLOWED else 'd')\n", 0},
		{"set where it is not", "@app.get('/')\ndef f(n: str):\n    if n not in ALLOWED:\n        n = 'd'\n    torch.load(n)\n", 0},
		{"asserted", "@app.get('/')\ndef f(n: str):\n    with lock:\n        assert n in ALLOWED\n        torch.load(n)\n", 0},
		{"each of many", "@app.get('/')\ndef f(many: list[str]):\n    return [torch.load(n) for n in many if n in ALLOWED]\n", 0},
		{"an attribute on a list", "@app.get('/')\ndef f(body: Body):\n    if body.name not in ALLOWED:\n        raise KeyError\n    torch.load(body.name)\n", 0},
		{"chosen by cases", "@app.get('/')\ndef f(n: str):\n    if n == 'a':\n        pass\n    elif n in ALLOWED:\n        pass\n    else:\n        n = 'd'\n    torch.load(n)\n", 0},
		{"only told of", "@app.get('/')\ndef f(n: str):\n    if n in ALLOWED:\n        print(n)\n    torch.load(n)\n", 10},
		{"a list of the request", "@app.get('/')\ndef f(n: str, many: list[str]):\n    if n not in many:\n        raise KeyError\n    torch.load(n)\n", 10},
		{"one list of two", "@app.get('/')\ndef f(n: str, many: list[str]):\n    if n in ALLOWED or n in many:\n        torch.load(n)\n", 9},
		{"either", "@app.get('/')\ndef f(n: str, x: str):\n    if n in ALLOWED or x:\n        torch.load(n)\n", 9},
		{"a part of a text", "@app.get('/')\ndef f(n: str):\n    if n in 'abc':\n        torch.load(n)\n", 9},
		{"a text in it", "@app.get('/')\ndef f(n: str):\n    if 'x' in n:\n        torch.load(n)\n", 9},
		{"bound anew", "@app.get('/')\ndef f(n: str):\n    if n not in ALLOWED:\n        raise KeyError\n    n = flask.request.args['m']\n    torch.load(n)\n", 11},
		{"set to what is asked for", "@app.get('/')\ndef f(n: str):\n    if n not in ALLOWED:\n        n = flask.request.args['m']\n    torch.load(n)\n", 10},
		{"a failure that is passed over", "@app.get('/')\ndef f(n: str):\n    try:\n        assert n in ALLOWED\n    except AssertionError:\n        pass\n    torch.load(n)\n", 12},
		{"injected", "@app.get('/')\ndef f(store=Depends(x)):\n    torch.load(store.path)\n", 0},
		{"injected by its type", "def x():\n    return S()\n@app.get('/')\ndef f(store: Annotated[S, Depends(x)]):\n    torch.load(store.path)\n", 0},
		{"injected by the name of its type", "def x():\n    return S()\nD = Annotated[S, Depends(x)]\nE = Annotated[D, 1]\n@app.get('/')\ndef f(store: E):\n    torch.load(store.path)\n", 0},
		{"a dependency", "def x(n: str):\n    return 'm/' + n\n@app.get('/')\ndef f(p: str = Depends(x)):\n    torch.load(p)\n", 10},
		{"a dependency by its type", "def x(n: str = Query(...)):\n    return 'm/' + n\n@app.get('/')\ndef f(p: Annotated[str, Security(x, scopes=['a'])]):\n    torch.load(p)\n", 10},
		{"a dependency by the name of its type", "def x(n: str):\n    return 'm/' + n\nD = Annotated[str, Depends(dependency=x)]\n@app.get('/')\ndef f(p: D):\n    torch.load(p)\n", 11},
		{"a dependency that takes a number", "def x(n: int):\n    return f'm/{n}'\n@app.get('/')\ndef f(p: str = Depends(x)):\n    torch.load(p)\n", 0},
		{"a dependency that takes nothing", "def x():\n    return 'm.pt'\n@app.get('/')\ndef f(p: str = Depends(x)):\n    torch.load(p)\n", 0},
		{"a dependency that yields", "async def x(n: str):\n    yield 'm/' + n\n@app.get('/')\ndef f(p: str = Depends(x)):\n    torch.load(p)\n", 10},
		{"a dependency that loads", "def x(n: str):\n    return torch.load(n)\n@app.get('/', dependencies=[Depends(x)])\ndef f():\n    return 1\n", 7},
		{"a dependency of a dependency", "def x(n: str):\n    return 'm/' + n\ndef y(p: str = Depends(x)):\n    return [p]\n@app.get('/')\ndef f(p: list = Depends(y)):\n    torch.load(p[0])\n", 12},
		{"a dependency of a dependency that takes nothing", "def x():\n    return 'm'\ndef y(p: str = Depends(x)):\n    return [p]\n@app.get('/')\ndef f(p: list = Depends(y)):\n    torch.load(p[0])\n", 0},
		{"a class", "class P:\n    def __init__(self, n: str):\n        self.n = n\n@app.get('/')\ndef f(p: P = Depends()):\n    torch.load(p.n)\n", 11},
		{"a class by the name of its type", "class P:\n    def __init__(self, n: str):\n        self.n = n\nD = Annotated[P, Depends()]\n@app.get('/')\ndef f(p: D):\n    torch.load(p.n)\n", 12},
		{"a class of data", "@dataclass\nclass P:\n    n: str\n@app.get('/')\ndef f(p: Annotated[P, Depends(P)]):\n    torch.load(p.n)\n", 11},
		{"a class of settings", "class P(pydantic_settings.BaseSettings):\n    n: str\n@app.get('/')\ndef f(p: P = Depends()):\n    torch.load(p.n)\n", 0},
		{"a class of settings of the environment", "class P(pydantic_settings.BaseSettings):\n    n: str\ndef x():\n    return P()\n@app.get('/')\ndef f(p: P = Depends(x)):\n    torch.load(p.n)\n", 0},
		{"an object", "class P:\n    def __call__(self, n: str):\n        return 'm/' + n\n@app.get('/')\ndef f(p: str = Depends(P())):\n    torch.load(p)\n", 11},
		{"a method", "class P:\n    def x(self, n: str):\n        return 'm/' + n\np = P()\n@app.get('/')\ndef f(p: str = Depends(p.x)):\n    torch.load(p)\n", 12},
		{"not from the request", "@app.get('/')\ndef f(name: str):\n    torch.load('m.pt')\n    return name\n", 0},
		{"verified", "import andiron\n@app.get('/')\ndef f(name: str):\n    andiron.load(name)\n", 0},
		{"no handler", "def f(name: str):\n    torch.load(name)\n", 0},
	} {
		_, all := look(t, "a.py", head+tt.src, newTorch)
		line := 0
		for _, f := range all {
			if f.Rule == userModel.ID {
				line = f.Where.Line
			}
		}
		if line != tt.line {
			t.Errorf("%s: line %d, want %d", tt.name, line, tt.line)
		}
	}
}

func TestTrail(t *testing.T) {
	_, all := look(t, "a.py", "import torch\ndef get(p):\n    return torch.load(p)\n@app.post('/')\ndef f(name: str):\n    return get(name)\n", newTorch)
	i := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Rule == userModel.ID })
	if i < 0 {
		t.Fatalf("%v", all)
	}
	if diff := cmp.Diff([]string{"line 6: get(name)", "line 3: torch.load(p)"}, all[i].Evidence); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHub(t *testing.T) {
	const commit = "0123456789012345678901234567890123456789"
	for _, tt := range []struct {
		src  string
		want []string
	}{
		{"torch.hub.load('a/b', 'm')", []string{"2:1 PY030 high"}},
		{"torch.hub.load('a/b:" + commit + "', 'm', trust_repo=True)", nil},
		{"torch.hub.load('dir', 'm', source='local')", nil},
		{"torch.hub.load(repo, 'm')", []string{"2:1 PY030 high"}},
		{"torch.hub.load_state_dict_from_url(u, None, None, True, True, None, True)", nil},
		{"torch.hub.load_state_dict_from_url(u, weights_only=True)", []string{"2:1 PY031 medium", "2:1 PY085 info"}},
		{"torch.hub.load_state_dict_from_url(u, check_hash=True)", []string{"2:1 PY031 low"}},
		{"torch.hub.load_state_dict_from_url(u, check_hash=True, weights_only=False)", []string{"2:1 PY031 low"}},
		{"torch.hub.load_state_dict_from_url(u)", []string{"2:1 PY031 medium", "2:1 PY085 info"}},
		{"torch.hub.download_url_to_file(u, 'm.pt')", []string{"2:1 PY031 medium"}},
		{"transformers.AutoModel.from_pretrained('a/b')", []string{"2:1 PY033 medium", "2:1 PY085 info"}},
		{"transformers.AutoModel.from_pretrained('a/b', use_safetensors=True)", []string{"2:1 PY033 medium"}},
		{"transformers.AutoTokenizer.from_pretrained('a/b')", []string{"2:1 PY033 medium"}},
		{"transformers.AutoModel.from_pretrained('./b')", nil},
		{"transformers.AutoModel.from_pretrained(path)", nil},
		{"transformers.AutoModel.from_pretrained('a/b', revision='" + commit + "')", nil},
		{"transformers.AutoModel.from_pretrained('a/b', revision=rev)", nil},
		{"transformers.AutoModel.from_pretrained('a/b', local_files_only=True)", nil},
		{"transformers.AutoModel.from_pretrained(path, trust_remote_code=True)", []string{"2:1 PY032 high"}},
		{"transformers.pipeline('text-generation', model='a/b', trust_remote_code=True)", []string{"2:1 PY032 high", "2:1 PY033 medium", "2:1 PY085 info"}},
		{"vllm.LLM('a/b', trust_remote_code=True)", []string{"2:1 PY032 high"}},
		{"vllm.LLM('a/b', trust_remote_code=True, revision='" + commit + "')", []string{"2:1 PY032 medium"}},
		{"vllm.EngineArgs(model='a/b', trust_remote_code=True)", []string{"2:1 PY032 high"}},
		{"vllm.LLM('a/b', trust_remote_code=False)", nil},
		{"langchain_huggingface.HuggingFaceEmbeddings(model_kwargs={'trust_remote_code': True})", []string{"2:1 PY032 high"}},
		{"langchain_huggingface.HuggingFaceEmbeddings(model_kwargs={'device': 'cpu'})", nil},
		{"transformers.pipeline('text-generation', model=m, model_kwargs={'trust_remote_code': True})", []string{"2:1 PY032 high"}},
		{"peft.PeftModel.from_pretrained(m, 'a/b')", []string{"2:1 PY033 medium", "2:1 PY085 info"}},
		{"peft.PeftModel.from_pretrained('a/b', path)", nil},
		{"peft.PeftConfig.from_pretrained('a/b')", []string{"2:1 PY033 medium"}},
		{"mine.AutoModel.from_pretrained('a/b')", nil},
		{"huggingface_hub.hf_hub_download('a/b', 'm.bin')", []string{"2:1 PY033 medium"}},
	} {
		got, _ := look(t, "a.py", "import torch, transformers, huggingface_hub, mine, peft, vllm, langchain_huggingface\n"+tt.src+"\n", Options{})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.src, diff)
		}
	}
}

func TestEnvironment(t *testing.T) {
	const name = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
	for _, tt := range []struct {
		file, src string
		want      []string
	}{
		{"a.py", "import os\nos.environ['" + name + "'] = '1'\n", []string{"2:1 PY007 high"}},
		{"a.py", "import os\nos.environ.setdefault('" + name + "', 'true')\n", []string{"2:1 PY007 high"}},
		{"a.py", "import os\nos.environ.update({'" + name + "': '1'})\n", []string{"2:1 PY007 high"}},
		{"a.py", "import subprocess as s\ns.run(c, env={'" + name + "': '1'})\n", []string{"2:1 PY007 high"}},
		{"a.py", "import os\nif os.environ.get('" + name + "'):\n    raise ValueError\nos.environ['" + name + "'] = '0'\n", nil},
		{"Dockerfile", "ENV A=1 \\\n    " + name + "=1\n", []string{"2:5 PY007 high"}},
		{"Dockerfile", "ENV " + name + " yes\n", []string{"1:5 PY007 high"}},
		{"run.sh", "export " + name + "=true # for old files\n", []string{"1:8 PY007 high"}},
		{"run.sh", "unset " + name + "\n# " + name + "=1\n" + name + "=\n", nil},
		{".env", name + "=\"1\"\n", []string{"1:1 PY007 high"}},
		{"compose.yml", "environment:\n  " + name + ": \"1\"\n  - " + name + "=0\n", []string{"2:3 PY007 high"}},
		{"pod.yaml", "env:\n  - name: " + name + "\n    value: \"1\"\n  - name: TS_DISABLE_TOKEN_AUTHORIZATION\n    value: \"true\"\n", []string{"2:11 PY007 high", "4:11 PY038 medium"}},
		{"pod.yaml", "env: [{name: A, value: \"1\"}, {\"name\": \"" + name + "\", value: yes}]\n", []string{"1:40 PY007 high"}},
		{"pod.yaml", "env:\n- name: " + name + "\n  value: \"0\"\n- name: TS_DISABLE_TOKEN_AUTHORIZATION\n  valueFrom: {key: \"true\"}\n- name: A\n  value: true\n", nil},
		{"pod.yaml", "args: [\"tritonserver\", \"--model-control-mode\", \"explicit\"]\n", []string{"1:25 PY038 medium"}},
		{"pod.yaml", "args:\n- tritonserver\n- --model-control-mode\n- \"explicit\"\n- --x\n", []string{"3:3 PY038 medium"}},
		{"pod.yaml", "args:\n- tritonserver\n- --model-control-mode\n- none\n- explicit\n", nil},
		{"pod.yaml", "args:\n- tritonserver\n- --model-control-mode\n- explicit\n- --grpc-restricted-protocol=model-repository:a=b\n", nil},
		{"Dockerfile", "CMD [\"mlflow\", \"server\", \"--host\", \"0.0.0.0\"]\n", []string{"1:7 PY036 medium"}},
		{"ci.yml", "script:\n- mlflow server --host 127.0.0.1\n- curl 0.0.0.0 # mlflow\n", nil},
		{"notes.txt", name + "=1\n", nil},
	} {
		got, _ := look(t, tt.file, tt.src, Options{})
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", tt.file, tt.src, diff)
		}
	}
}

// What is left of IPython's cells is Python, with as many lines.
func TestPlain(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"a command that goes on", "!tts --text x \\\n --out y\nx = 1", "pass\n\nx = 1\n"},
		{"the result of one", "f = !ls \\\n  -l\nx = 1", "f = None\n\nx = 1\n"},
		{"indentation of all", "  !ls\n  if x:\n    %cd y\n", "pass\nif x:\n  pass\n\n"},
		{"an operator", "x = ('%s'\n % y)\n%matplotlib inline", "x = ('%s'\n % y)\npass\n"},
		{"what is timed", "%time m = torch.load(p)\n%timeit -n 10 -r3 f(x)\ny = %time g()\n%time", "m = torch.load(p)\nf(x)\ny = g()\npass\n"},
		{"another language", "%%bash\nls", "\n\n"},
		{"a module that is written", "%%writefile net.py\nimport torch", "pass\nimport torch\n"},
		{"another file that is written", "%%writefile net.yaml\na: b", "\n\n"},
		{"help", "torch.load?\nx = 1", "\nx = 1\n"},
	} {
		if got := plain(tt.src); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNotebook(t *testing.T) {
	const src = `{"cells": [
  {"cell_type": "markdown", "source": ["torch.load(x)"]},
  {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install torch\n", "import torch\n", "p = 'm.pt'\n", "if p:\n", "  files = !ls\n", "  a, b = %time f()"]},
  {"cell_type": "code", "source": "%%bash\ntorch.load(x)"},
  {"cell_type": "code", "source": ["x?\n", "model = torch.load(p, weights_only=False)\n", "x = = 1"]}
 ], "nbformat": 4}`
	got, _ := look(t, "a.ipynb", src, Options{})
	if diff := cmp.Diff([]string{"cell 4:2:9 PY002 high", "cell 4:3:5 PY080 medium"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, src := range map[string]string{"broken": `{"cells": [`, "no source": `{"cells": [{"cell_type": "code"}]}`} {
		if got, _ := look(t, "a.ipynb", src, Options{}); len(got) != 1 || !strings.HasSuffix(got[0], "PY080 medium") {
			t.Errorf("%s: %q", name, got)
		}
	}
	old := `{"worksheets": [{"cells": [{"cell_type": "markdown", "source": "torch.load(x)"}, {"cell_type": "code", "input": ["import torch\n", "torch.load('a', weights_only=False)"], "language": "python"}]},
 {"cells": [{"cell_type": "code", "input": "x <- = 1", "language": "r"}, {"cell_type": "code", "input": "torch.load(p, weights_only=False)"}]}], "nbformat": 3, "metadata": {"language": 3}}`
	if got, _ := look(t, "a.ipynb", old, Options{}); !slices.Equal(got, []string{"cell 2:2:1 PY002 high", "cell 4:1:1 PY002 high"}) {
		t.Errorf("nbformat 3: %q", got)
	}
	// Jupyter reads the first cells, which are spelt as it wants them.
	capital := `{"cells": [{"cell_type": "code", "source": "import torch\ntorch.load(p, weights_only=False)", "Source": "", "Cell_Type": "raw"}], "Cells": [], "METADATA": {"kernelspec": {"language": "R"}}}`
	if got, _ := look(t, "a.ipynb", capital, Options{}); !slices.Equal(got, []string{"cell 1:2:1 PY002 high"}) {
		t.Errorf("keys in capitals: %q", got)
	}
	for name, src := range map[string]string{"no form that is known": `{"nbformat": 4, "metadata": {}}`, "a sheet without": `{"worksheets": [{"rows": []}]}`, "nbformat 1": `{"cells": [{"cell_type": "code", "code": "x"}]}`, "a source twice": `{"cells": [{"cell_type": "code", "source": "", "input": "x"}]}`} {
		if got, _ := look(t, "a.ipynb", src, Options{}); len(got) != 1 || !strings.HasSuffix(got[0], "PY080 medium") {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, src := range []string{`{"cells": [], "nbformat": 4}`, `{"worksheets": [{"cells": []}], "nbformat": 3}`, `{"worksheets": [{"cells": [{"cell_type": "code", "input": "x <- = 1"}]}], "metadata": {"language": "R"}}`} {
		if got, _ := look(t, "a.ipynb", src, Options{}); got != nil {
			t.Errorf("%s: %q", src, got)
		}
	}
	r := `{"cells": [{"cell_type": "code", "source": "x <- 1"}], "metadata": {"kernelspec": {"language": "R"}}}`
	if got, _ := look(t, "a.ipynb", r, Options{}); got != nil {
		t.Errorf("a notebook of R: %q", got)
	}
}

func TestTorchRange(t *testing.T) {
	for _, tt := range []struct {
		version, spec string
		known, safe   bool // safe is at least 2.6
	}{
		{"2.6.0+cu118", "", true, true},
		{"", ">=2.10", true, true},
		{"", "~=2.5", true, false},
		{"", ">=1.8,<3", true, false},
		{"", ">=0.4", true, false},
		{"", "==2.7.*", true, true},
		{"", "==2.6.*", true, true},
		{"", "~=2.6.0", true, true},
		{"", ">=2.6.0.dev0", true, true},
		{"2.6.0rc1", "", true, true},
		{"2.6.0.dev20241001", "", true, false}, // the default changed while 2.6 was made
		{"2.6.0a0+git1234567", "", true, false},
		{"", ">=2.6.0.dev0,<2.6.0a0", true, false},
		{"", "==2.5.*", true, false},
		{"", ">2.5", true, false}, // 2.5.1
		{"", "<2.6", true, false},
		{"", "<3", false, false},
		{"", "!=2.0.1", false, false},
		{"", "newest", false, false},
		{"", "", false, false},
	} {
		got := Torch{}.Allow(tt.version, tt.spec, "r.txt")
		if got.Known() != tt.known || got.AtLeast(2, 6) != tt.safe {
			t.Errorf("%q %q: %+v", tt.version, tt.spec, got)
		}
	}
	for _, spec := range []string{"==2.10.*", "~=2.10.0", ">=2.10.0.dev0", "==2.10.0rc2"} {
		if got := (Torch{}).Allow("", spec, "a"); !got.AtLeast(2, 10) {
			t.Errorf("%s is taken for older than 2.10: %+v", spec, got)
		}
	}
	if got := (Torch{}).Allow("2.9", "", "a").Allow("", ">=1.13", "b").Allow("", ">=2", "c"); got.Evidence() != "b: torch>=1.13" {
		t.Errorf("the oldest of several is %q", got.Evidence())
	}
	if got := (Torch{}).Sentence("setup.py", "assert v >= [1, 8], \"Requires PyTorch >= 1.8\"\n"); got.Evidence() != "setup.py: PyTorch >= 1.8" || got.AtLeast(2, 6) {
		t.Errorf("a sentence says %q", got.Evidence())
	}
	if got := (Torch{}).Sentence("setup.py", "x = 'torchvision>=0.9'  # torch>=1.8\n"); got.Known() {
		t.Errorf("a sentence says %q", got.Evidence())
	}
}

// A file without end is not read, and a run that is called off ends.
func TestLimits(t *testing.T) {
	big := strings.Repeat("# x\n", maxSource/4+1)
	if got, _ := look(t, "a.py", big, Options{}); len(got) != 1 || got[0] != " PY080 medium" && got[0] != "PY080 medium" {
		t.Errorf("%q", got)
	}
	many := "import torch\n" + strings.Repeat("torch.load(p)\n", 2*mostKept)
	got, all := look(t, "a.py", many, Options{})
	if len(got) != mostKept || !strings.HasSuffix(all[len(all)-1].Message, "(no more findings of PY001 are listed)") {
		t.Errorf("%d findings, the last %q", len(got), all[len(all)-1].Message)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Look(ctx, artifact.FromBytes("a.py", nil), Options{}, func(finding.Finding) {}); err == nil {
		t.Error("a cancelled look ends without an error")
	}
}

// FuzzLook: no panic, and the same twice.
func FuzzLook(f *testing.F) {
	f.Add("a.py", "import torch\ntry:\n  torch.load(p)\nexcept E:\n  torch.load(p, weights_only=False)\nassert\n")
	f.Add("a.py", "from fastapi import *\n@app.post('/')\ndef f(x):\n  with open(x) as y: y.write(x)\n  torch.load(y)\n  f(x)\n")
	f.Add("a.ipynb", `{"cells": [{"cell_type": "code", "source": ["%x\n", "f?"]}]}`)
	f.Add("Dockerfile", "ENV TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1")
	f.Add("bentofile.yaml", "models:\n- net\n-\n- tag: x:latest\napi_server:\n host: 0.0.0.0\n")
	f.Add("run.sh", "TORCH_EXTENSIONS_DIR=/tmp\nexport TS_ALLOWED_URLS=\"https://.*\" GRADIO_SHARE\nbentoml serve --trust-remote-code\n")
	f.Add("a.py", "import io, torch, zmq, argparse\nb = io.BytesIO()\ntorch.save({'api_key': vars(p.parse_args())}, b)\ntorch.load(b)\ns.bind('tcp://*')\ns.recv_pyobj()\nk = {}\nk.update({1: 2}, **k)\n")
	f.Add("a.py", "import os, hashlib\nos.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] = hashlib.sha256(x) == y\n")
	f.Fuzz(func(t *testing.T, name, src string) {
		one, _ := look(t, name, src, oldTorch)
		two, _ := look(t, name, src, oldTorch)
		if !slices.Equal(one, two) {
			t.Errorf("%q and %q", one, two)
		}
		Torch{}.Allow(name, src, name).Sentence(name, src)
	})
}

// Files that are made to take long end, and are reported as nothing else.
func TestHostile(t *testing.T) {
	nested := strings.Repeat("lambda:", 500) + "(" + strings.Repeat("f(x),", 50_000) + ")\n"
	many := "@app.post('/')\ndef f(x):\n" + strings.Repeat("    a = x.a + x.b\n", 10_000) +
		"    g(a)\n" + strings.Repeat("def g(x, y=1):\n    f(x)\n", 10)
	for name, src := range map[string]string{"nested": nested, "many": many} {
		_, all := look(t, "a.py", "import torch\n"+src, newTorch)
		for _, f := range all {
			if f.Rule != notRead.ID {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}

// A comment that stands alone is about the line of code below it, and a blank line ends that.
func TestAllowAlone(t *testing.T) {
	const alone = "# andiron: allow PY002 until=2099-01-01 reason=\"ours\"\n"
	for src, want := range map[string]int{
		alone + "torch.load(p)\n":                  2,
		alone + "# More.\n  # And.\ntorch.load(p)": 4,
		alone + "\ntorch.load(p)\n":                1,
		alone + "# More.\n\ntorch.load(p)\n":       1,
		alone:                                      1,
		"import torch; torch.load(p) " + alone:     1,
	} {
		facts, err := Look(t.Context(), artifact.FromBytes("a.py", []byte(src)), Options{}, func(finding.Finding) {})
		if err != nil || len(facts.Allows) != 1 || facts.Allows[0].Where.Line != want {
			t.Errorf("%s: %v %v", src, facts.Allows, err)
		}
	}
}

// What --fix rewrites of loads beside what says that objects are in their files.
func TestFixKept(t *testing.T) {
	const imports = "import argparse, yaml, numpy as np\nargs = argparse.ArgumentParser().parse_args()\n"
	for _, tt := range []struct{ what, stays, changes string }{
		{"a class of YAML", "class X(yaml.YAMLObject): pass\nyaml.load(f, Loader=yaml.Loader)", "class X(yaml.YAMLObject):\n    yaml_loader = yaml.SafeLoader\nyaml.load(f, Loader=yaml.Loader)"},
		{"a constructor", "yaml.add_constructor('!x', g)\nyaml.load(f, Loader=yaml.Loader)", "yaml.add_constructor('!x', g, Loader=yaml.SafeLoader)\nyaml.load(f, Loader=yaml.Loader)"},
		{"a resolver", "yaml.FullLoader.add_implicit_resolver('x', g, [])\nyaml.full_load(f)", "yaml.SafeLoader.add_implicit_resolver('x', g, [])\nyaml.full_load(f)"},
		{"what is dumped", "yaml.dump(args, f)\nyaml.load(f, Loader=yaml.Loader)", "yaml.dump(vars(args), f)\nyaml.load(f, Loader=yaml.Loader)"},
		{"a tuple", "yaml.dump({'a': (1, 2)}, f)\nyaml.load(f, Loader=yaml.Loader)", "yaml.dump({'a': (1, 2)}, f, Dumper=yaml.SafeDumper)\nyaml.load(f, Loader=yaml.Loader)"},
		{"a tag", "t = 'a: !!python/tuple [1]'\nyaml.load(t, Loader=yaml.Loader)", "t = 'a: !!str 1'\nyaml.load(t, Loader=yaml.Loader)"},
		{"a comment", "t = '!!python/tuple [1]'\nyaml.load(t, Loader=yaml.Loader)", "# no !!python here\nyaml.load(f, Loader=yaml.FullLoader)"},
		{"an object", "np.load(p, allow_pickle=True).item()", "np.load(p, allow_pickle=True)[0].item(0)"},
		{"one of a name", "d = np.load(p, allow_pickle=True)\nd.item()", "d = np.load(p, allow_pickle=True)\ne.item()"},
		{"one of an archive", "z = np.load(p, allow_pickle=True)\nz['a'][()]", "z = np.load(p, allow_pickle=True)\nfloat(z['loss'].item()), z['w'].tolist()"},
		{"a list", "np.load(p, allow_pickle=True)[()].tolist()", "np.load(p, allow_pickle=True).tolist()"},
		{"one of another function", "def g():\n    d = np.load(p, allow_pickle=True)\n    return d['x'][()]", "def g():\n    d = np.load(p, allow_pickle=True)\ndef h():\n    d = {}\n    return d[()]"},
		{"a file by its name", "np.save('a.npy', {'a': 1})\nnp.load('a.npy', allow_pickle=True)", "np.save('a.npy', {'a': 1})\nnp.load('b.npy', allow_pickle=True)"},
		{"one by a name that is not known", "def g(p):\n    np.save(p, {'a': 1})\nnp.load('b.npy', allow_pickle=True)", "def g(p):\n    np.save(p, np.ones(3))\nnp.load('b.npy', allow_pickle=True)"},
		{"the same the other way", "np.savez('a.npz', x=np.array(l, dtype=object))\ndef g(p):\n    return np.load(p, allow_pickle=True)", "np.savez('a.npz', x=np.array(l, dtype=int))\ndef g(p):\n    return np.load(p, allow_pickle=True)"},
	} {
		for src, changes := range map[string]bool{tt.stays: false, tt.changes: true} {
			facts, err := Look(t.Context(), artifact.FromBytes("a.py", []byte(imports+src+"\n")), Options{Fix: &Fix{}}, func(finding.Finding) {})
			if err != nil || (facts.After != "") != changes || (len(facts.Left) > 0) == changes {
				t.Errorf("%s: %s: %q, left %v %v", tt.what, src, facts.After, facts.Left, err)
			}
		}
	}
}

func TestFixSaid(t *testing.T) {
	const imports = "import sys, joblib, pickle, torch, yaml, numpy as np\n"
	for src, want := range map[string]string{
		"torch.load(sys.argv[1], weights_only=False)": startedWith.Fix,
		"torch.jit.load(sys.argv[1])":                 jitLoad.Fix,
		"yaml.load(open(sys.argv[1]), yaml.Loader)":   yamlLoad.Fix,
		"np.load(sys.argv[1], allow_pickle=True)":     "pass allow_pickle=False; " + numpyPickle.Fix,
		"pickle.load(open(sys.argv[1], 'rb'))":        "compare the file's SHA-256 with one that the code has, before it is loaded; or " + unpickle.Fix,
		"joblib.load(sys.argv[1])":                    "compare the file's SHA-256 with one that the code has, before it is loaded; or " + joblibLoad.Fix,
		"eval(sys.argv[1])":                           evaluated.Fix,
	} {
		_, all := look(t, "a.py", imports+src+"\n", newTorch)
		i := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Rule == startedWith.ID })
		if i < 0 || all[i].Fix != want {
			t.Errorf("%s: %v", src, all)
		}
	}
}

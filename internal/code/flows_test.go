package code

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/andiron-dev/andiron/finding"
)

// flowsOf follows what comes from outside through the files of an archive.
func flowsOf(t testing.TB, archive string, opt Options) (lines []string) {
	t.Helper()
	files := txtar.Parse([]byte(archive)).Files
	slices.SortFunc(files, func(a, b txtar.File) int { return strings.Compare(a.Name, b.Name) })
	flows := lookAll(t, files, opt, func(finding.Finding) {})
	err := Flows(t.Context(), ".", flows, func(f finding.Finding) {
		if f.Rule == untrustedOpen.ID { // in TestSandboxed
			return
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Where, f.Rule, f.Severity, f.Message))
		for _, e := range f.Evidence {
			lines = append(lines, "  "+e)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestFlows(t *testing.T) {
	const serve = "-- serve.py --\nfrom fastapi import FastAPI\nfrom store import loader\napp = FastAPI()\n@app.get('/')\ndef get(name: str):\n    return loader.read(name)\n"
	const user = "a user decides what torch.load loads here: name, which a request brings to get"
	const cli = "whoever starts the program decides what torch.load loads here: the command line (parse_args)"
	for _, tt := range []struct {
		name, files string
		want        []string
	}{
		{
			"a constant of another file", "-- config.py --\nUNSAFE = False\nSAFE = True\n-- a.py --\nimport torch\nfrom config import SAFE, UNSAFE\ntorch.load('m', weights_only=UNSAFE)\ntorch.load('m', weights_only=SAFE)\n",
			[]string{"a.py:3:1 PY002 high: weights_only is UNSAFE of config.py, which is False, and then torch.load runs whatever the file says"},
		},
		{
			"through a file", serve + "-- store/__init__.py --\n-- store/loader.py --\nimport torch\ndef read(p):\n    return torch.load(p, weights_only=False)\n",
			[]string{"store/loader.py:3:12 PY040 critical: " + user, "  serve.py:6:12: loader.read(name)", "  line 3: torch.load(p, weights_only=False)"},
		},
		{
			"through two, one of which only passes it on",
			serve + "-- store/__init__.py --\n-- store/loader.py --\nfrom .paths import whole\nfrom .raw import unpack\ndef read(p):\n    return unpack(whole(p))\n" +
				"-- store/paths.py --\nimport os\ndef whole(p):\n    return os.path.join('models', p)\n-- store/raw.py --\nimport torch\ndef unpack(p):\n    return torch.load(p)\n",
			[]string{"store/raw.py:3:12 PY040 high: " + user, "  serve.py:6:12: loader.read(name)", "  store/loader.py:4:12: unpack(whole(p))", "  line 3: torch.load(p)"},
		},
		{
			"a safe load and another of two files", "-- run.py --\nimport lio\ndef f(p):\n    try:\n        return lio.safe(p)\n    except Exception:\n        return lio.loose(p)\n" +
				"-- lio.py --\nimport torch\ndef safe(p):\n    return torch.load(p, weights_only=True)\ndef loose(p):\n    return torch.load(p, weights_only=False)\n",
			[]string{"run.py:6:16 PY003 high: when lio.safe(p) fails, the file is loaded again with weights_only=False, and whoever made the file decides whether it fails", "  lio.py:5:12: torch.load(p, weights_only=False)"},
		},
		{
			"a field of a class of another file", "-- base.py --\nfrom pydantic import BaseModel\nclass Base(BaseModel):\n    version: int\n" +
				"-- schemas.py --\nfrom base import Base\nclass In(Base):\n    name: str\n" +
				"-- serve.py --\nimport torch\nfrom fastapi import FastAPI\nfrom schemas import In\napp = FastAPI()\n@app.get('/')\ndef get(x: In):\n    torch.load(f'm/{x.version}')\n    torch.load(f'm/{x.name}')\n",
			[]string{"serve.py:8:5 PY040 high: a user decides what torch.load loads here: x, which a request brings to get", "  line 8: torch.load(f'm/{x.name}')"},
		},
		{
			"a dependency", "-- serve.py --\nimport joblib\nfrom fastapi import Depends, FastAPI\nfrom paths import path\napp = FastAPI()\n@app.get('/')\ndef get(p: str = Depends(path)):\n    return joblib.load(p)\n" +
				"-- paths.py --\ndef path(name: str):\n    return 'models/' + name\n",
			[]string{"serve.py:7:12 PY040 critical: a user decides what joblib.load loads here: what a request brings to path", "  line 6: Depends(path)", "  line 7: joblib.load(p)"},
		},
		{
			"a dependency that loads", "-- serve.py --\nfrom fastapi import Depends, FastAPI\nfrom load import load\napp = FastAPI(dependencies=[Depends(load)])\n" +
				"-- load.py --\nimport joblib\ndef load(name: str):\n    return joblib.load(name)\n",
			[]string{"load.py:3:12 PY040 critical: a user decides what joblib.load loads here: what a request brings to load", "  serve.py:3:29: Depends(load)", "  line 3: joblib.load(name)"},
		},
		{
			"a dependency of a dependency that loads", "-- serve.py --\nimport fastapi\nfrom load import load\napp = fastapi.FastAPI()\n@app.get('/')\ndef get(m = fastapi.Depends(load)):\n    return m\n" +
				"-- load.py --\nimport joblib\nfrom deps import Path\ndef load(path: Path):\n    return joblib.load(path)\n" +
				"-- deps/__init__.py --\nfrom .paths import PathDep as Path\n-- deps/paths.py --\nfrom typing import Annotated\nfrom fastapi import Depends\ndef path(name: str):\n    return 'models/' + name\nPathDep = Annotated[str, Depends(path)]\n",
			[]string{"load.py:4:12 PY040 critical: a user decides what joblib.load loads here: what a request brings to path", "  deps/paths.py:5:26: Depends(path)", "  line 4: joblib.load(path)"},
		},
		{
			"what comes by way of two dependencies", "-- serve.py --\nimport joblib\nfrom fastapi import FastAPI\nfrom deps import StoreDep\napp = FastAPI()\n@app.get('/')\ndef get(store: StoreDep):\n    return joblib.load(store.path)\n" +
				"-- deps.py --\nfrom typing import Annotated\nfrom fastapi import Depends\nfrom paths import PathDep\nfrom store import Store\ndef store(path: PathDep):\n    return Store(path)\nStoreDep = Annotated[Store, Depends(store)]\n" +
				"-- paths.py --\nfrom typing import Annotated\nfrom fastapi import Depends\ndef path(name: str):\n    return 'models/' + name\nPathDep = Annotated[str, Depends(path)]\n" +
				"-- store.py --\nclass Store:\n    def __init__(self, path):\n        self.path = path\n",
			[]string{"serve.py:7:12 PY040 critical: a user decides what joblib.load loads here: what a request brings to path", "  deps.py:7:29: Depends(store)", "  line 7: joblib.load(store.path)"},
		},
		{
			"a dependency of another file that nothing comes by", "-- serve.py --\nimport joblib\nfrom fastapi import FastAPI\nfrom deps import SettingsDep\napp = FastAPI()\n@app.get('/')\ndef get(settings: SettingsDep):\n    return joblib.load(settings.path)\n" +
				"-- deps.py --\nfrom typing import Annotated\nfrom fastapi import Depends\nfrom conf import Settings\ndef get_settings(n: int = 1):\n    return Settings(n)\nSettingsDep = Annotated[Settings, Depends(get_settings)]\n" +
				"-- conf.py --\nclass Settings:\n    def __init__(self, n):\n        self.n = n\n",
			nil,
		},
		{
			"a handler of another file with a dependency", "-- app.py --\nfrom fastapi import FastAPI\nimport views\napp = FastAPI()\napp.add_api_route('/', views.get)\n" +
				"-- views.py --\nimport joblib\nfrom typing import Annotated\nfrom fastapi import Depends\nfrom conf import settings\ndef get(s: Annotated[str, Depends(settings)]):\n    return joblib.load(s)\n-- conf.py --\ndef settings():\n    return 'm'\n",
			nil,
		},
		{
			"an object", "-- net.py --\nimport torch\nclass Net:\n    def __init__(self, path):\n        self.path = path\n    def load(self):\n        return torch.load(self.path)\n" +
				"-- run.py --\nimport argparse\nfrom net import Net\nargs = argparse.ArgumentParser().parse_args()\nNet(args.weights).load()\n",
			[]string{"net.py:6:16 PY041 low: " + cli, "  run.py:4:1: Net(args.weights)", "  line 6: torch.load(self.path)"},
		},
		{
			"a method that is inherited", "-- base.py --\nimport torch\nclass Base:\n    def load(self, path):\n        return torch.load(path)\n" +
				"-- run.py --\nimport sys\nfrom base import Base\nclass Net(Base):\n    pass\nn = Net()\nn.load(sys.argv[1])\n",
			[]string{"base.py:4:16 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  run.py:6:1: n.load(sys.argv[1])", "  line 4: torch.load(path)"},
		},
		{
			"an inherited method of itself", "-- base.py --\nimport torch\nclass Base:\n    def load(self, path):\n        return torch.load(path)\n" +
				"-- run.py --\nimport sys\nfrom base import Base\nclass Net(Base):\n    def go(self):\n        self.load(sys.argv[1])\n",
			[]string{"base.py:4:16 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  run.py:5:9: self.load(sys.argv[1])", "  line 4: torch.load(path)"},
		},
		{
			"parsed by a function", "-- run.py --\nimport argparse, torch\ndef parse():\n    p = argparse.ArgumentParser()\n    return p.parse_args()\ndef main(opt):\n    torch.load(opt.weights)\nmain(parse())\n",
			[]string{"run.py:6:5 PY041 low: " + cli, "  line 7: parse()", "  line 7: main(parse())", "  line 6: torch.load(opt.weights)"},
		},
		{
			"an environment variable", "-- run.py --\nimport os, pickle\npickle.load(open(os.environ['M'], 'rb'))\n",
			[]string{"run.py:2:1 PY041 medium: whoever starts the program decides what pickle.load loads here: an environment variable (os.environ)", "  line 2: pickle.load(open(os.environ['M'], 'rb'))"},
		},
		{
			"a download", "-- get.py --\nimport requests\ndef get(url):\n    return requests.get(url).content\n-- run.py --\nimport pickle\nimport get\nx = pickle.loads(get.get('https://a.example'))\n",
			[]string{"run.py:3:5 PY042 high: pickle.loads loads what came over the network and nothing verified: a download (requests.get)", "  line 3: get.get('https://a.example')", "  line 3: pickle.loads(get.get('https://a.example'))"},
		},
		{
			"a name that is used again",
			"-- run.py --\nimport pickle, torch, requests\ndef f(p):\n    for x in ('.pt', '.bin'):\n        t = p + x\n        valid = t\n    m = torch.load(valid, weights_only=False)\n    t = requests.get('https://a.example').content\n    return pickle.loads(t), m\n",
			[]string{"run.py:8:12 PY042 high: pickle.loads loads what came over the network and nothing verified: a download (requests.get)", "  line 8: pickle.loads(t)"},
		},
		{
			"a name that is used again in a loop",
			"-- run.py --\nimport torch, requests\ndef f(p):\n    while True:\n        m = torch.load(p, weights_only=False)\n        p = requests.get('https://a.example').content\n",
			[]string{"run.py:4:13 PY042 high: torch.load loads what came over the network and nothing verified: a download (requests.get)", "  line 4: torch.load(p, weights_only=False)"},
		},
		{
			"one part of a result, and not the other", "-- get.py --\nimport requests\ndef get(url, name):\n    return requests.get(url).content, name\n" +
				"-- run.py --\nimport pickle, torch\nfrom get import get\ndef f(name):\n    data, name = get('https://a.example', name)\n    torch.load(name, weights_only=False)\n    return pickle.loads(data)\n",
			[]string{"run.py:6:12 PY042 high: pickle.loads loads what came over the network and nothing verified: a download (requests.get)", "  line 4: get('https://a.example', name)", "  line 6: pickle.loads(data)"},
		},
		{
			"a part of a result that is handed on whole", "-- get.py --\nimport requests\ndef both(url):\n    return 1, requests.get(url).content\ndef get(url):\n    r = both(url)\n    return r\n" +
				"-- run.py --\nimport pickle\nfrom get import get\nn, data = get('https://a.example')\npickle.loads(data)\n",
			[]string{"run.py:4:1 PY042 high: pickle.loads loads what came over the network and nothing verified: a download (requests.get)", "  get.py:5:9: both(url)", "  line 3: get('https://a.example')", "  line 4: pickle.loads(data)"},
		},
		{
			"a download that is verified", "-- get.py --\nimport hashlib, requests\ndef get(url):\n    b = requests.get(url).content\n    if hashlib.sha256(b).hexdigest() != 'ab':\n        raise ValueError\n    return b\n" +
				"-- run.py --\nimport pickle\nimport get\nx = pickle.loads(get.get('https://a.example'))\n", nil,
		},
		{
			"a file that is downloaded", "-- run.py --\nimport torch, urllib.request\np = '/tmp/m.pt'\nurllib.request.urlretrieve('https://a.example', p)\ntorch.load(p)\n",
			[]string{"run.py:4:1 PY042 medium: torch.load loads what came over the network and nothing verified: a download (urllib.request.urlretrieve)", "  line 4: torch.load(p)"},
		},
		{
			"a function that downloads to a path",
			"-- get.py --\nfrom pathlib import Path\nimport torch\ndef fetch(file, url):\n    file = Path(file)\n    torch.hub.download_url_to_file(url, str(file))\ndef attempt(file):\n    p = str(file)\n    fetch(url='https://a.example', file=p)\n    return p\n" +
				"-- run.py --\nimport torch\nfrom get import attempt\ndef load(w):\n    return torch.load(attempt(w), weights_only=False)\n",
			[]string{
				"run.py:4:12 PY042 high: torch.load loads what came over the network and nothing verified: a download (torch.hub.download_url_to_file)",
				"  get.py:8:5: fetch(url='https://a.example', file=p)", "  line 4: attempt(w)", "  line 4: torch.load(attempt(w), weights_only=False)",
			},
		},
		{
			"a function that downloads to a path and compares a digest",
			"-- get.py --\nimport hashlib, torch\ndef fetch(file, url, want):\n    torch.hub.download_url_to_file(url, file)\n    if hashlib.sha256(open(file, 'rb').read()).hexdigest() != want:\n        raise ValueError\n" +
				"-- run.py --\nimport torch\nfrom get import fetch\ndef load(w):\n    fetch(w, 'https://a.example', 'ab')\n    return torch.load(w, weights_only=False)\n",
			nil,
		},
		{
			"a function that reads what another wrote elsewhere",
			"-- get.py --\nimport torch\ndef fetch(file, url):\n    torch.hub.download_url_to_file(url, file)\n" +
				"-- run.py --\nimport torch\nfrom get import fetch\ndef load(w, data):\n    fetch(data, 'https://a.example')\n    return torch.load(w, weights_only=False)\n",
			nil,
		},
		{
			"an upload that a function saves",
			"-- store.py --\ndef save(upload, path):\n    with open(path, 'wb') as f:\n        f.write(upload.read())\n" +
				"-- serve.py --\nimport torch\nfrom fastapi import UploadFile\nfrom store import save\ndef f(file: UploadFile):\n    path = 'models/x.pt'\n    save(file.file, path)\n    return torch.load(path, weights_only=False)\n",
			[]string{
				"serve.py:7:12 PY040 critical: a user decides what torch.load loads here: file, which a request brings to f",
				"  line 6: save(file.file, path)", "  line 7: torch.load(path, weights_only=False)",
			},
		},
		{
			"what curl downloads", "-- run.py --\nimport subprocess, torch\ndef f(url, p):\n    subprocess.run(['curl', '-L', url, '-o', p], check=True)\n    torch.load(p, weights_only=False)\n",
			[]string{"run.py:4:5 PY042 high: torch.load loads what came over the network and nothing verified: a download (subprocess.run)", "  line 4: torch.load(p, weights_only=False)"},
		},
		{
			"what wget downloads by a shell", "-- run.py --\nimport os, torch\ndef f(url, p):\n    os.system(f'wget {url} -O {p}')\n    torch.load(p, weights_only=False)\n",
			[]string{"run.py:4:5 PY042 high: torch.load loads what came over the network and nothing verified: a download (os.system)", "  line 4: torch.load(p, weights_only=False)"},
		},
		{"what curl sends", "-- run.py --\nimport subprocess, torch\ndef f(url, p):\n    subprocess.run(['curl', '-T', p, url], check=True)\n    torch.load(p, weights_only=False)\n", nil},
		{
			"a file by its name", "-- run.py --\nimport torch, urllib.request\ndef get():\n    urllib.request.urlretrieve('https://a.example', '/tmp/m.pt')\n    torch.load('/tmp/n.pt')\n    return torch.load('/tmp/m.pt')\ndef other():\n    return torch.load('/tmp/m.pt')\n",
			[]string{"run.py:5:12 PY042 medium: torch.load loads what came over the network and nothing verified: a download (urllib.request.urlretrieve)", "  line 5: torch.load('/tmp/m.pt')"},
		},
		{
			"an upload that is saved", "-- run.py --\nimport torch\nfrom flask import request\ndef get():\n    with open('up.pt', 'wb') as f:\n        f.write(request.data)\n    return torch.load('up.pt')\n",
			[]string{"run.py:6:12 PY040 high: a user decides what torch.load loads here: what a request brings (flask.request.data)", "  line 6: torch.load('up.pt')"},
		},
		{
			"the Hub at a commit", "-- run.py --\nimport torch\nfrom huggingface_hub import hf_hub_download as d\ntorch.load(d('a/b', 'm.bin', revision='0123456789012345678901234567890123456789'))\n", nil,
		},
		{
			"a page", "-- page.py --\nimport gradio as gr, pickle\ndef run(f):\n    return pickle.load(f)\ngr.Interface(fn=run, inputs='file', outputs='text')\n",
			[]string{"page.py:3:12 PY040 critical: a user decides what pickle.load loads here: f, which a user of the page gives to run", "  line 3: pickle.load(f)"},
		},
		{
			"a handler of TorchServe", "-- h.py --\nimport pickle\nfrom ts.torch_handler.base_handler import BaseHandler\nclass H(BaseHandler):\n    def preprocess(self, data):\n        return pickle.loads(data[0]['body'])\n",
			[]string{"h.py:5:16 PY040 critical: a user decides what pickle.loads loads here: data, which a request brings to H.preprocess", "  line 5: pickle.loads(data[0]['body'])"},
		},
		{
			"a class method, by position", "-- net.py --\nimport torch\nclass Net:\n    @classmethod\n    def load(cls, path, name):\n        return torch.load(path)\n" +
				"-- run.py --\nimport sys\nfrom net import Net\nNet.load(sys.argv[1], 'm')\n",
			[]string{"net.py:5:16 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  run.py:3:1: Net.load(sys.argv[1], 'm')", "  line 5: torch.load(path)"},
		},
		{
			"its other argument", "-- net.py --\nimport torch\nclass Net:\n    @classmethod\n    def load(cls, path, name):\n        return torch.load(path)\n    @staticmethod\n    def read(name, path):\n        return torch.load(path)\n" +
				"-- run.py --\nimport sys\nfrom net import Net\nNet.load('m', sys.argv[1])\nNet().read(sys.argv[1], 'm')\n", nil,
		},
		{
			"a class that makes itself", "-- net.py --\nimport torch\nclass Net:\n    def __init__(self, path):\n        self.m = torch.load(path)\n    @classmethod\n    def of(cls, path):\n        return cls(path)\n" +
				"-- run.py --\nimport sys\nfrom net import Net\nNet.of(sys.argv[1])\n",
			[]string{"net.py:4:18 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  run.py:3:1: Net.of(sys.argv[1])", "  line 7: cls(path)", "  line 4: torch.load(path)"},
		},
		{
			"an object that is called", "-- net.py --\nimport torch\nclass Net:\n    def __call__(self, path, name=''):\n        return torch.load(path)\n" +
				"-- run.py --\nimport sys\nfrom net import Net\nn = Net()\nn(sys.argv[1])\nn('m', sys.argv[1])\n",
			[]string{"net.py:4:16 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  run.py:4:1: n(sys.argv[1])", "  line 4: torch.load(path)"},
		},
		{
			"all names of the command line", "-- net.py --\nimport torch\ndef run(path, other=''):\n    torch.load(path)\n" +
				"-- run.py --\nimport argparse\nfrom net import run\nrun(**vars(argparse.ArgumentParser().parse_args()))\n",
			[]string{"net.py:3:5 PY041 low: " + cli, "  run.py:3:1: run(**vars(argparse.ArgumentParser().parse_args()))", "  line 3: torch.load(path)"},
		},
		{
			"all names but those that are given", "-- net.py --\nimport torch\ndef run(path, other=''):\n    torch.load(path)\ndef on(**kw):\n    run(**kw)\n" +
				"-- run.py --\nimport argparse\nfrom net import on, run\nargs = argparse.ArgumentParser().parse_args()\nrun('m', **vars(args))\nrun(path='m', **vars(args))\nrun(**{'other': args.n, 'path': 'm'})\non(other=args.n)\n", nil,
		},
		{
			"what a function yields", "-- net.py --\ndef walk(xs):\n    for x in xs.split(','):\n        yield x.strip()\n" +
				"-- run.py --\nimport sys, torch\nfrom net import walk\nfor p in walk(sys.argv[1]):\n    torch.load(p)\n",
			[]string{"run.py:4:5 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  line 3: walk(sys.argv[1])", "  line 4: torch.load(p)"},
		},
		{
			"what a function yields of something else", "-- net.py --\ndef walk(xs):\n    for x in xs.split(','):\n        yield 'm.pt'\n" +
				"-- run.py --\nimport sys, torch\nfrom net import walk\nfor p in walk(sys.argv[1]):\n    torch.load(p)\n", nil,
		},
		{
			"an object that keeps what it is made of", "-- net.py --\nfrom dataclasses import dataclass\n@dataclass\nclass Cfg:\n    p: str\n" +
				"-- run.py --\nimport sys, torch\nfrom net import Cfg\nc = Cfg(p=sys.argv[1])\ntorch.load(c.p)\n",
			[]string{"run.py:4:1 PY041 low: whoever starts the program decides what torch.load loads here: the command line (sys.argv)", "  line 3: Cfg(p=sys.argv[1])", "  line 4: torch.load(c.p)"},
		},
		{
			"one of a list", "-- net.py --\nfrom enum import Enum\nclass Base(Enum):\n    pass\nclass Cfg(Base):\n    A = 'a.pt'\n" +
				"-- run.py --\nimport sys, torch\nfrom net import Cfg\nc = Cfg(sys.argv[1])\ntorch.load(c.value)\n", nil,
		},
		{"a constant", "-- a.py --\nimport b\nb.read('m.pt')\n-- b.py --\nimport torch\ndef read(p):\n    return torch.load(p)\n", nil},
		{
			"weights_only through a wrapper", "-- a.py --\nimport b\nb.read('m.pt', safe=False)\nb.read('n.pt', safe=True)\n-- b.py --\nimport torch\ndef read(p, safe=True):\n    return torch.load(p, weights_only=safe)\n",
			[]string{"a.py:2:1 PY002 high: weights_only=False is handed on to torch.load at b.py:3:12, which runs whatever the file says", "  b.py:3:12: torch.load(p, weights_only=safe)"},
		},
		{
			"weights_only through keywords", "-- a.py --\nfrom b import outer\nouter('m.pt', weights_only=False)\nouter('m.pt', mmap=False)\n-- b.py --\nimport torch\ndef outer(p, **kw):\n    return inner(p, **kw)\n" +
				"def inner(p, **kwargs):\n    return torch.load(p, **kwargs)\n",
			[]string{
				"a.py:2:1 PY002 high: weights_only=False is handed on to torch.load at b.py:5:12, which runs whatever the file says",
				"  b.py:3:12: inner(p, **kw)", "  b.py:5:12: torch.load(p, **kwargs)",
			},
		},
	} {
		if diff := cmp.Diff(tt.want, flowsOf(t, tt.files, newTorch)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// The steps of a flow begin where it comes in and end where it is loaded.
func TestSteps(t *testing.T) {
	_, all := look(t, "a.py", "import torch\ndef get(p):\n    return torch.load(p)\n@app.post('/')\ndef f(name: str):\n    return get(name)\n", newTorch)
	i := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Rule == userModel.ID })
	if i < 0 {
		t.Fatalf("%v", all)
	}
	var got []string
	for _, s := range all[i].Flow {
		got = append(got, s.Where.String()+" "+s.Text)
	}
	want := []string{"a.py:5:5 name, which a request brings to f", "a.py:6:12 get(name)", "a.py:3:12 torch.load(p)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Functions that all call each other with everything end in no time.
func TestFlowsHostile(t *testing.T) {
	var b strings.Builder
	b.WriteString("-- a.py --\nimport sys, torch\n")
	const n = 200
	for i := range n {
		fmt.Fprintf(&b, "def f%d(a, b, c=None, **k):\n", i)
		for j := range 20 {
			fmt.Fprintf(&b, "    a = f%d(f%d(a, b), f%d(b, c=c), c=f%d(c, a), **k)\n", (i*7+j)%n, (i+j)%n, (i+2*j)%n, (i*3+j)%n)
		}
		b.WriteString("    return torch.load(a, **k)\n")
	}
	b.WriteString("f0(sys.argv[1], 1)\n")
	if got := flowsOf(t, b.String(), newTorch); len(got) == 0 {
		t.Error("nothing is found")
	}
}

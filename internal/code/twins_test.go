package code

import (
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

// twin is what a rule fires on with a severity, and the nearest that it does not. Each
// stands behind the imports of its file.
type twin struct{ what, rule, fires, quiet string }

func checkTwins(t *testing.T, file, imports string, twins []twin) {
	t.Helper()
	for _, tt := range twins {
		has := func(src, rule string) bool {
			got, _ := look(t, file, imports+src+"\n", newTorch)
			return slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, " "+rule) })
		}
		if !has(tt.fires, tt.rule) {
			got, _ := look(t, file, imports+tt.fires+"\n", newTorch)
			t.Errorf("%s: %s is not found, but %q", tt.what, tt.rule, got)
		}
		rule, _, _ := strings.Cut(tt.rule, " ")
		got, _ := look(t, file, imports+tt.quiet+"\n", newTorch)
		if i := slices.IndexFunc(got, func(s string) bool {
			return strings.Contains(s, " "+tt.rule) || !strings.Contains(tt.rule, " ") && strings.Contains(s, rule)
		}); i >= 0 {
			t.Errorf("%s, quiet: %q", tt.what, got[i])
		}
	}
}

func TestRetriesTwins(t *testing.T) {
	const wrapper = "def read(p, weights_only=True):\n    return torch.load(p, weights_only=weights_only)\n"
	const both = "def safe(p):\n    return torch.load(p, weights_only=True)\ndef loose(p):\n    return torch.load(p, weights_only=False)\n"
	const verify = "def verify(p, want):\n    if hashlib.sha256(open(p, 'rb').read()).hexdigest() != want:\n        raise ValueError\n"
	const said = "def verify(p, want):\n    if hashlib.sha256(open(p, 'rb').read()).hexdigest() != want:\n        print('no')\n"
	checkTwins(t, "a.py", "import hashlib, torch\n", []twin{
		{
			"a wrapper", "PY003 high", wrapper + "def f(p):\n    try:\n        return read(p)\n    except Exception:\n        return read(p, weights_only=False)",
			wrapper + "def f(p):\n    try:\n        return read(p)\n    except Exception:\n        return read(p, weights_only=True)",
		},
		{
			"one of another file", "PY003 high", "from io import read\ntry:\n    m = read(p)\nexcept Exception:\n    m = read(p, weights_only=False)",
			"from io import read, other\ntry:\n    m = read(p)\nexcept Exception:\n    m = other(p, weights_only=False)",
		},
		{
			"later", "PY003 high", "def f(p):\n    m = None\n    try:\n        m = torch.load(p, weights_only=True)\n    except Exception:\n        pass\n    if m is None:\n        m = torch.load(p, weights_only=False)\n    return m",
			"def f(p):\n    m = None\n    try:\n        m = torch.load(p, weights_only=True)\n    except Exception:\n        raise\n    m = torch.load(p, weights_only=False)\n    return m",
		},
		{
			"where the failure is suppressed", "PY003 high", "from contextlib import suppress\ndef f(p):\n    with suppress(Exception):\n        return torch.load(p, weights_only=True)\n    return torch.load(p, weights_only=False)",
			"from contextlib import nullcontext\ndef f(p):\n    with nullcontext():\n        m = torch.load(p, weights_only=True)\n    return torch.load(p, weights_only=False)",
		},
		{
			"two functions", "PY003 high", both + "def f(p):\n    try:\n        m = safe(p)\n    except Exception:\n        m = loose(p)\n    return m",
			both + "def f(p):\n    try:\n        m = loose(p)\n    except Exception:\n        m = safe(p)\n    return m",
		},
		{
			"two functions, later", "PY003 high", both + "def f(p):\n    try:\n        return safe(p)\n    except Exception:\n        pass\n    return loose(p)",
			both + "def f(p, q):\n    try:\n        return safe(p)\n    except Exception:\n        pass\n    return loose(q)",
		},
		{
			"a function that does what the call itself did safely", "PY003 high", both + "def f(p):\n    try:\n        return torch.load(p, weights_only=True)\n    except Exception:\n        return loose(p)",
			both + "def f(p):\n    try:\n        return torch.load(p, weights_only=False)\n    except Exception:\n        return loose(p)",
		},
		{
			"a function, and another that is told to", "PY003 high", both + wrapper + "def f(p):\n    try:\n        return safe(p)\n    except Exception:\n        return read(p, weights_only=False)",
			both + wrapper + "def f(p):\n    try:\n        return safe(p)\n    except Exception:\n        return read(p, weights_only=True)",
		},
		{
			"the next turn of a loop over a constant", "PY003 high", "MODES = (True, False)\ndef f(p):\n    for safe in MODES:\n        try:\n            return torch.load(p, weights_only=safe)\n        except Exception:\n            continue",
			"MODES = (True, True)\ndef f(p):\n    for safe in MODES:\n        try:\n            return torch.load(p, weights_only=safe)\n        except Exception:\n            continue",
		},
		{
			"the next turn of a loop", "PY003 high", "def f(p):\n    for safe in (True, False):\n        try:\n            return torch.load(p, weights_only=safe)\n        except Exception:\n            continue",
			"def f(p):\n    for safe in (True, False):\n        try:\n            return torch.load(p, weights_only=safe)\n        except Exception:\n            raise",
		},
		{
			"what a handler sets for the next turn", "PY003 high", "def f(p):\n    safe = True\n    while True:\n        try:\n            return torch.load(p, weights_only=safe)\n        except Exception:\n            safe = False",
			"def f(p):\n    safe = True\n    while True:\n        try:\n            return torch.load(p, weights_only=safe)\n        except Exception:\n            safe = False\n            break",
		},
		{
			"verified by a function", "PY006 low", said + "def f(p, want):\n    verify(p, want)\n    return torch.load(p, weights_only=True)",
			verify + "def f(p, want):\n    verify(p, want)\n    return torch.load(p, weights_only=True)",
		},
		{
			"verified by a method", "PY006 low", "class A:\n    def _verify(self):\n        if hashlib.sha256(open(self.config, 'rb').read()).hexdigest() != self.want:\n            raise ValueError\n    def load(self):\n        self._verify()\n        return torch.load(self.path, weights_only=True)",
			"class A:\n    def _verify(self):\n        if hashlib.sha256(open(self.path, 'rb').read()).hexdigest() != self.want:\n            raise ValueError\n    def load(self):\n        self._verify()\n        return torch.load(self.path, weights_only=True)",
		},
		{
			"verified by a method, in parts", "PY006 low", "class A:\n    def _verify(self):\n        h = hashlib.sha256()\n        with open(self.path, 'rb') as f:\n            h.update(f.read())\n        if h.hexdigest() != self.want:\n            print('no')\n    def load(self):\n        self._verify()\n        return torch.load(self.path, weights_only=True)",
			"class A:\n    def _verify(self):\n        h = hashlib.sha256()\n        with open(self.path, 'rb') as f:\n            h.update(f.read())\n        if h.hexdigest() != self.want:\n            raise ValueError\n    def load(self):\n        self._verify()\n        return torch.load(self.path, weights_only=True)",
		},
		{
			"another file verified", "PY006 low", verify + "def f(p, q, want):\n    verify(q, want)\n    return torch.load(p, weights_only=True)",
			verify + "def f(p, q, want):\n    verify(p, want)\n    return torch.load(p, weights_only=True)",
		},
		{
			"a copy that somebody else fills", "PY002 high", "import io\ndef f(m):\n    b = io.BytesIO()\n    fill(b)\n    torch.save(m, b)\n    return torch.load(b, weights_only=False)",
			"import io\ndef f(m):\n    b = io.BytesIO()\n    torch.save(m, b)\n    b.seek(0)\n    return torch.load(b, weights_only=False)",
		},
		{
			"two copies", "PY002 high", "import io\ndef f(m, n):\n    b = io.BytesIO()\n    torch.load(b, weights_only=False)",
			"import io\ndef f(m, n):\n    b = io.BytesIO()\n    torch.save(m, b)\n    torch.load(b, weights_only=False)\n    b = io.BytesIO()\n    torch.save(n, b)\n    return torch.load(b, weights_only=False)",
		},
		{
			"a copy of what is written", "PY002 high", "import tempfile\ndef f(x):\n    with tempfile.TemporaryFile() as b:\n        b.write(x)\n        return torch.load(b, weights_only=False)",
			"import tempfile\ndef f(m):\n    with tempfile.TemporaryFile() as b:\n        torch.save(m, b)\n        b.seek(0)\n        return torch.load(b, weights_only=False)",
		},
		{
			"TorchServe's handler", "PY040 critical", "from ts.torch_handler.base_handler import BaseHandler\nclass H(BaseHandler):\n    def handle(self, data, context):\n        return torch.load(data[0]['body'], weights_only=False)",
			"from ts.torch_handler.base_handler import BaseHandler\nclass H(BaseHandler):\n    def handle(self, data, context):\n        return torch.load(context.manifest['model'], weights_only=False)",
		},
		{
			"a wrapper that is told to run what it reads", "PY040 critical", "import flask\ndef load(p, weights_only=True):\n    return torch.load(p, weights_only=weights_only)\ndef f():\n    load(flask.request.form['a'])\n    return load(flask.request.form['p'], weights_only=False)",
			"import flask\ndef load(p, weights_only=True):\n    return torch.load(p, weights_only=weights_only)\ndef f():\n    load('m.pt', weights_only=False)\n    return load(flask.request.form['p'], weights_only=True)",
		},
		{
			"a wrapper of a wrapper", "PY040 critical", "import flask\ndef load(p, **kw):\n    return torch.load(p, **kw)\ndef read(p, safe):\n    return load(p, weights_only=safe)\ndef f():\n    return read(flask.request.form['p'], False)",
			"import flask\ndef load(p, **kw):\n    return torch.load(p, **kw)\ndef read(p, mmap):\n    return load(p, mmap=mmap, weights_only=True)\ndef f():\n    return read(flask.request.form['p'], False)",
		},
		{
			"a wrapper that is told so by whoever starts it", "PY041 medium", "import sys\ndef load(p, weights_only):\n    return torch.load(p, weights_only=weights_only)\nload(sys.argv[1], False)",
			"import sys\ndef load(p, weights_only):\n    return torch.load(p, weights_only=weights_only)\nload(sys.argv[1], True)",
		},
		{
			"verified too late", "PY009 high", verify + "def f(p, want):\n    m = torch.load(p, weights_only=False)\n    verify(p, want)\n    return m",
			verify + "def f(p, want):\n    verify(p, want)\n    m = torch.load(p, weights_only=False)\n    return m",
		},
	})
}

// A comparison verifies only what it keeps from being loaded.
func TestRefusalTwins(t *testing.T) {
	const sha = "import contextlib, hashlib, os, pooch, torch\nWANT = '0f4a'\ndef sha(p):\n    return hashlib.sha256(open(p, 'rb').read()).hexdigest()\ndef verify(p):\n    if sha(p) != WANT:\n        raise ValueError(p)\n"
	load := func(fetch string) string {
		return "def fetch(p, on=False):\n" + fetch + "    return p\ntorch.load(fetch('m.pt'), weights_only=True)"
	}
	direct := func(before string) string {
		return "def f(p):\n" + before + "    return torch.load(p, weights_only=True)"
	}
	checkTwins(t, "a.py", sha, []twin{
		{"what it raises is caught", "PY006 low", load("    try:\n        verify(p)\n    except Exception:\n        pass\n"), load("    try:\n        verify(p)\n    except FileNotFoundError:\n        pass\n")},
		{"a handler that goes on", "PY006 low", load("    try:\n        verify(p)\n    except ValueError:\n        return p\n"), load("    try:\n        verify(p)\n    except ValueError:\n        raise\n")},
		{"in front of the load", "PY006 low", direct("    try:\n        if sha(p) != WANT:\n            raise ValueError\n    except ValueError:\n        print(p)\n"), "def f(p):\n    try:\n        if sha(p) != WANT:\n            raise ValueError\n        return torch.load(p, weights_only=True)\n    except ValueError:\n        print(p)"},
		{"it is suppressed", "PY006 low", direct("    with contextlib.suppress(Exception):\n        verify(p)\n"), direct("    with open(p):\n        verify(p)\n")},
		{"a good cache, or else a download", "PY006 low", load("    if os.path.exists(p) and sha(p) == WANT:\n        return p\n    get(p)\n"), load("    if not os.path.exists(p) or sha(p) != WANT:\n        return None\n")},
		{"a good cache in front of the load", "PY006 low", direct("    if sha(p) == WANT:\n        return None\n"), "def f(p):\n    if sha(p) == WANT:\n        return torch.load(p, weights_only=True)\n    get(p)"},
		{"where it is not equal", "PY006 low", "def f(p):\n    if sha(p) == WANT:\n        print(p)\n    else:\n        torch.load(p, weights_only=True)", "def f(p):\n    if sha(p) != WANT:\n        print(p)\n    else:\n        torch.load(p, weights_only=True)"},
		{"only if somebody asks", "PY006 low", load("    if on:\n        verify(p)\n"), load("    verify(p)\n    if on:\n        print(p)\n")},
		{"a hash of nothing", "PY006 low", "torch.load(pooch.retrieve(u, known_hash='md5:0f4a'), weights_only=True)", "torch.load(pooch.retrieve(u, known_hash='sha256:0f4a'), weights_only=True)"},
		{"a hash of one byte", "PY006 low", "torch.hub.download_url_to_file(u, 'm.pt', hash_prefix='0f')\ntorch.load('m.pt', weights_only=True)", "torch.hub.download_url_to_file(u, 'm.pt', hash_prefix='0f4a1b2c')\ntorch.load('m.pt', weights_only=True)"},
	})
}

// What a table of loaders gives may be each of them.
func TestTableTwins(t *testing.T) {
	const table = "R = {'.j': json.load, '.jit': torch.jit.load, '.pt': torch.load, '.pkl': pickle.load, '.joblib': joblib.load, '.df': pd.read_pickle}\n"
	const safe = "R = {'.j': json.load, '.pt': torch.load}\n"
	const item = "def f(p):\n    fn = R[p.suffix]\n    return fn(p)"
	const got = "def f(p):\n    fn = R.get(p.suffix)\n    return fn(p)"
	const asked = "def f():\n    return R.get(flask.request.form['t'], json.load)(flask.request.form['p'])"
	checkTwins(t, "a.py", "import flask, joblib, json, pickle, torch\nimport pandas as pd\n", []twin{
		{"pickle", "PY020 medium", table + item, safe + item},
		{"joblib", "PY021 medium", table + item, safe + item},
		{"pandas", "PY023 medium", table + item, safe + item},
		{"torch.jit", "PY010 medium", table + item, safe + item},
		{"torch", "PY006 low", table + item, "R = {'.j': json.load}\n" + item},
		{"by a method", "PY021 medium", table + got, safe + got},
		{"a default", "PY021 medium", safe + "def f(p):\n    return R.get(p.suffix, joblib.load)(p)", safe + "def f(p):\n    return R.get(p.suffix, json.load)(p)"},
		{"a key that is written out", "PY021 medium", table + "R.get('.joblib')(p)", table + "R.get('.j')(p)"},
		{"a key that is not there", "PY002 high", "K = {'half': False}\ntorch.load(p, weights_only=K.get('safe', False))", "K = {'half': False}\ntorch.load(p, weights_only=K.get('safe', True))"},
		{"the worst of them", "PY040 critical", table + asked, safe + asked},
	})
}

// What Ultralytics is given is unpickled where it may be a checkpoint.
func TestUltralyticsTwins(t *testing.T) {
	checkTwins(t, "a.py", "import sys\nfrom ultralytics import RTDETR, YOLO\nfrom mine import SAM\n", []twin{
		{"a checkpoint", "PY014 medium", "YOLO('best.pt')", "YOLO('best.onnx')"},
		{"a published one", "PY014 medium", "YOLO('yolov8n.pt')", "YOLO('yolov8n.yaml')"},
		{"another model", "PY014 medium", "RTDETR('x.pt')", "SAM('x.pt')"},
		{"one that is loaded later", "PY014 medium", "m = YOLO('yolov8n.yaml')\nm.load('x.pt')", "m = YOLO('yolov8n.yaml')\nm.predict('x.pt')"},
		{"by whoever starts it", "PY041 medium", "YOLO(sys.argv[1])", "YOLO(len(sys.argv[1]))"},
		{"which is PY014 as well", "PY014 medium", "YOLO(sys.argv[1])", "print(sys.argv[1])"},
	})
}

// What a request brings is loaded as somebody chose it where the digest of all of it is one
// that the project names.
func TestVouchedTwins(t *testing.T) {
	const head = "import hashlib, hmac, io, json, os, tempfile, torch\nfrom fastapi import FastAPI, UploadFile, HTTPException, Form\nfrom known import DIGESTS\napp = FastAPI()\nWANT = 'aa'\nKNOWN = {'aa': 'net a', 'bb': 'net b'}\nALLOWED = frozenset(['aa', 'bb'])\nSEEN = set()\nGROWN = {'aa': 1}\n" +
		"def add(d):\n    GROWN[d] = 2\n" +
		"def sha(p):\n    h = hashlib.sha256()\n    with open(p, 'rb') as f:\n        for b in iter(lambda: f.read(1 << 20), b''):\n            h.update(b)\n    return h.hexdigest()\n" +
		"def part(p):\n    with open(p, 'rb') as f:\n        return hashlib.sha256(f.read(100)).hexdigest()\n"
	const load = "    return torch.load(io.BytesIO(data), weights_only=True)"
	f := func(body string) string {
		return "@app.post('/')\nasync def f(file: UploadFile, other: UploadFile, want: str = Form()):\n    data = await file.read()\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n" + load
	}
	saved := func(body string) string {
		return "@app.post('/')\nasync def f(file: UploadFile, want: str = Form()):\n    p = tempfile.mktemp()\n    with open(p, 'wb') as out:\n        out.write(await file.read())\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n    return torch.load(p, weights_only=True)"
	}
	const digest = "hashlib.sha256(data).hexdigest()"
	checkTwins(t, "a.py", head, []twin{
		{"a constant", "PY040 high", f("if " + digest + " != want:\n    raise HTTPException(400)"), f("if " + digest + " != WANT:\n    raise HTTPException(400)")},
		{"one that is written out", "PY040 high", f("if " + digest + " == 'aa':\n    raise HTTPException(400)"), f("if 'aa' != " + digest + ":\n    raise HTTPException(400)")},
		{"compare_digest", "PY040 high", f("if not hmac.compare_digest(" + digest + ", want):\n    raise HTTPException(400)"), f("if not hmac.compare_digest(" + digest + ", WANT):\n    raise HTTPException(400)")},
		{"a list", "PY040 high", f("d = " + digest + "\nif d in KNOWN:\n    raise HTTPException(400)"), f("d = " + digest + "\nif d not in KNOWN:\n    raise HTTPException(400)")},
		{"a set", "PY040 high", f("if " + digest + " not in SEEN:\n    raise HTTPException(400)"), f("if " + digest + " not in ALLOWED:\n    raise HTTPException(400)")},
		{"a list that grows", "PY040 high", f("if " + digest + " not in GROWN:\n    raise HTTPException(400)"), f("if " + digest + " not in KNOWN.keys():\n    raise HTTPException(400)")},
		{"a list that the request brings", "PY040 high", f("if " + digest + " not in [want]:\n    raise HTTPException(400)"), f("if " + digest + " not in ['aa', WANT]:\n    raise HTTPException(400)")},
		{"where it is on the list", "PY040 high", f("if " + digest + " in ALLOWED:\n    print('fine')"), strings.TrimSuffix(f("if "+digest+" in ALLOWED:\n    return torch.load(io.BytesIO(data), weights_only=True)\nraise HTTPException(400)"), load)},
		{"a check that may not be made", "PY040 high", f("if want and " + digest + " != WANT:\n    raise HTTPException(400)"), f("if not data or " + digest + " != WANT:\n    raise HTTPException(400)")},
		{"a digest of a part", "PY040 high", f("if hashlib.sha256(data[:100]).hexdigest() != WANT:\n    raise HTTPException(400)"), f("assert " + digest + " == WANT")},
		{"a digest of its name", "PY040 high", f("if hashlib.sha256(file.filename.encode()).hexdigest() != WANT:\n    raise HTTPException(400)"), f("h = hashlib.sha256()\nh.update(data)\nif h.hexdigest() != WANT:\n    raise HTTPException(400)")},
		{"a part of a digest", "PY040 high", f("if " + digest + "[:4] != WANT:\n    raise HTTPException(400)"), f("if " + digest + ".lower() != WANT.lower():\n    raise HTTPException(400)")},
		{"a key of an API", "PY040 high", f("if hashlib.sha256(want.encode()).hexdigest() != WANT:\n    raise HTTPException(403)"), f("if hashlib.sha512(data).digest() != WANT:\n    raise HTTPException(403)")},
		{"a digest of another upload", "PY040 high", f("if " + digest + " != hashlib.sha256(await other.read()).hexdigest():\n    raise HTTPException(400)"), f("if " + digest + " != os.environ['SHA']:\n    raise HTTPException(400)")},
		{"what it says itself", "PY040 high", f("if " + digest + " != json.loads(data)['sha']:\n    raise HTTPException(400)"), f("if " + digest + " != KNOWN.get(want):\n    raise HTTPException(400)")},
		{"what is read anew", "PY040 high", f("if " + digest + " != WANT:\n    raise HTTPException(400)\ndata = await other.read()"), f("if " + digest + " != WANT:\n    raise HTTPException(400)\nmore = await other.read()")},
		{"what is only written down", "PY040 high", f("if " + digest + " != WANT:\n    logger.error('no')"), f("if " + digest + " != WANT:\n    abort(400)")},
		{"what is caught", "PY040 high", f("try:\n    if " + digest + " != WANT:\n        raise ValueError\nexcept ValueError:\n    pass"), f("try:\n    if " + digest + " != WANT:\n        raise ValueError\nexcept ValueError:\n    raise HTTPException(400)")},
		{"too weak a digest", "PY040 high", f("if hashlib.md5(data).hexdigest() != WANT:\n    raise HTTPException(400)"), f("if hashlib.blake2b(data).hexdigest() != WANT:\n    raise HTTPException(400)")},
		{"a file", "PY040 high", saved("if sha(p) != want:\n    raise HTTPException(400)"), saved("if sha(p) != WANT:\n    raise HTTPException(400)")},
		{"a file, in part", "PY040 high", saved("if part(p) != WANT:\n    raise HTTPException(400)"), saved("if hashlib.sha256(open(p, 'rb').read()).hexdigest() != WANT:\n    raise HTTPException(400)")},
		{"another file", "PY040 high", saved("if sha('m.pt') != WANT:\n    raise HTTPException(400)"), saved("with open(p, 'rb') as g:\n    d = hashlib.file_digest(g, 'sha256').hexdigest()\nif d not in ALLOWED:\n    raise HTTPException(400)")},
		{"a file that is written afterwards", "PY040 high", "@app.post('/')\nasync def f(file: UploadFile):\n    p = 'm.pt'\n    if sha(p) != WANT:\n        raise HTTPException(400)\n    with open(p, 'wb') as out:\n        out.write(await file.read())\n    return torch.load(p, weights_only=True)", saved("if sha(p) != WANT:\n    raise HTTPException(400)")},
	})
	local := func(test string) string {
		return "def f(p):\n    d = sha(p)\n    " + strings.ReplaceAll(test, "\n", "\n    ")
	}
	const read = "torch.load(p, weights_only=True)"
	checkTwins(t, "a.py", head, []twin{
		{"on a list", "PY006 low", local("if d in ALLOWED:\n    raise ValueError\nreturn " + read), local("if d not in ALLOWED:\n    raise ValueError\nreturn " + read)},
		{"inside", "PY006 low", local("if d not in ALLOWED:\n    return " + read), local("if d in ALLOWED:\n    return " + read + "\nraise ValueError")},
		{"a list that starts empty", "PY006 low", local("if d not in SEEN:\n    raise ValueError\nreturn " + read), local("if d not in KNOWN:\n    raise ValueError\nreturn " + read)},
		{"a name on a list", "PY006 low", local("if p not in KNOWN:\n    raise ValueError\nreturn " + read), local("assert d in KNOWN\nreturn " + read)},
		{"one that must not be", "PY006 low", local("assert d not in KNOWN\nreturn " + read), local("assert d in KNOWN.keys()\nreturn " + read)},
		{"one that is known to be bad", "PY006 low", local("if d == WANT:\n    raise ValueError\nreturn " + read), local("if d != WANT:\n    raise ValueError\nreturn " + read)},
		{"by a function", "PY006 low", "def check(p):\n    if sha(p) in KNOWN:\n        raise ValueError\ndef f(p):\n    check(p)\n    return " + read, "def check(p):\n    if sha(p) not in KNOWN:\n        raise ValueError\ndef f(p):\n    check(p)\n    return " + read},
		{"by what a function says", "PY006 low", "def good(p):\n    return p in KNOWN\ndef f(p):\n    if not good(p):\n        raise ValueError\n    return " + read, "def good(p):\n    return sha(p) in KNOWN\ndef f(p):\n    if not good(p):\n        raise ValueError\n    return " + read},
	})
}

// What a digest is compared with is the project's own where that is plain to see, and a
// digest is of what is loaded where all of that is read.
func TestVouchedStrictly(t *testing.T) {
	const head = "import argparse, hashlib, io, json, os, re, torch, yaml, st\nimport known\nfrom contextlib import suppress\nfrom flask import Flask, request, abort, current_app\nfrom known import WANTED, DIGESTS\napp = Flask('a')\nWANT = 'aa'\nKNOWN = {'m.pt': 'aa'}\nALLOWED = {'aa', 'bb'}\nGROWN = {'aa'}\nPUT = {'m': 'aa'}\nSET = 'aa'\nclass S:\n    sha = 'aa'\n" +
		"def add(d):\n    global SET\n    SET = d\n    GROWN.add(d)\n    PUT[d] = d\n    known.OTHER = d\n    setattr(known, 'THIRD', d)\n    S.sha = d\n"
	f := func(body string) string {
		return "@app.post('/')\ndef f():\n    data = request.files['f'].read()\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n    return torch.load(io.BytesIO(data), weights_only=True)"
	}
	with := func(fixed string) string {
		return f("if hashlib.sha256(data).hexdigest() != " + fixed + ":\n    abort(400)")
	}
	in := func(list string) string {
		return f("if hashlib.sha256(data).hexdigest() not in " + list + ":\n    abort(400)")
	}
	const test = "if hashlib.sha256(data).hexdigest() != WANT:\n    "
	file := func(read string) string {
		return "@app.post('/')\ndef f():\n    p = os.path.join('m', request.form['p'])\n    h = hashlib.sha256()\n    with open(p, 'rb') as s:\n        " + strings.ReplaceAll(read, "\n", "\n        ") + "\n    if h.hexdigest() not in ALLOWED:\n        abort(400)\n    return torch.load(p, weights_only=True)"
	}
	checkTwins(t, "a.py", head, []twin{
		{"a manifest", "PY040 high", with("json.load(request.files['g'])['sha']"), with("KNOWN['m.pt']")},
		{"what a call gives", "PY040 high", with("yaml.safe_load(request.files['g'])['sha']"), with("KNOWN.get(request.form['n'])")},
		{"what is found", "PY040 high", with("re.search('sha=(.*)', request.headers['d']).group(1)"), with("bytes.fromhex(WANT)")},
		{"a default", "PY040 high", with("KNOWN.get('n', request.form['sha'])"), with("os.getenv('SHA', 'aa')")},
		{"what is put in", "PY040 high", with("PUT['m']"), with("os.environ['SHA']")},
		{"what is set", "PY040 high", with("SET"), with("WANTED")},
		{"an attribute that is set", "PY040 high", with("known.OTHER"), with("known.WANTED")},
		{"one that a call sets", "PY040 high", with("known.THIRD"), with("known.WANTED.lower()")},
		{"an attribute of a class", "PY040 high", with("S.sha"), with("'aa'")},
		{"a setting that changes", "PY040 high", with("current_app.config['SHA']"), with("WANT.encode()")},
		{"a list that grows", "PY040 high", in("GROWN"), in("ALLOWED")},
		{"a list of another file", "PY040 high", in("DIGESTS"), in("('aa', WANT)")},
		{"what only shows", "PY040 high", f(test + "st.error('no')"), f(test + "parser.error('no')")},
		{"what a parser says", "PY040 high", f("p = st.new()\n" + test + "p.error('no')"), f("p = argparse.ArgumentParser()\n" + test + "p.error('no')")},
		{"what is suppressed", "PY040 high", f("with suppress(ValueError):\n    if hashlib.sha256(data).hexdigest() not in ALLOWED:\n        raise ValueError"), f("with open('log') as g:\n    if hashlib.sha256(data).hexdigest() not in ALLOWED:\n        raise ValueError")},
		{"four blocks", "PY040 high", file("for _ in range(4):\n    h.update(s.read(9))"), file("while b := s.read(9):\n    h.update(b)")},
		{"the first block", "PY040 high", file("while b := s.read(9):\n    h.update(b)\n    break"), file("while True:\n    b = s.read(9)\n    if not b:\n        break\n    h.update(b)")},
		{"blocks as long as it pleases", "PY040 high", file("while True:\n    b = s.read(9)\n    if h.digest_size:\n        break\n    h.update(b)"), file("for b in iter(lambda: s.read(9), b''):\n    h.update(b)")},
		{"a key", "PY040 high", f("if hashlib.sha256(request.headers['k'].encode()).hexdigest() not in ALLOWED:\n    abort(401)"), in("ALLOWED")},
	})
	got := func(test string) string {
		return "import requests\ndef good(d, want=WANT):\n    return hashlib.sha256(d).hexdigest() == want\ndef f(url):\n    data = requests.get('https://example.org/' + url).content\n    key = url.encode()\n    " + strings.ReplaceAll(test, "\n", "\n    ") + "\n    return torch.load(io.BytesIO(data))"
	}
	const no = ":\n    raise ValueError"
	checkTwins(t, "a.py", head, []twin{
		{"a digest of an address", "PY042 medium", got("if hashlib.sha256(url.encode()).hexdigest() not in ALLOWED" + no), got("if hashlib.sha256(data).hexdigest() not in ALLOWED" + no)},
		{"a digest of a key", "PY042 medium", got("if hashlib.sha256(key).hexdigest() not in ALLOWED" + no), got("assert hashlib.sha256(data).hexdigest() in ALLOWED")},
		{"a list that grows", "PY042 medium", got("if hashlib.sha256(data).hexdigest() not in GROWN" + no), got("d = hashlib.sha256(data).hexdigest()\nif d not in ALLOWED" + no)},
		{"empty or not as it should be", "PY042 medium", got("if len(data) == 0 or good(data)" + no), got("if len(data) == 0 or not good(data)" + no)},
		{"something, as it should be", "PY042 medium", got("assert data != b'' and not good(data)"), got("assert data != b'' and good(data)")},
		{"the verdict", "PY042 medium", got("if good(data) == True" + no), got("if good(data) == False" + no)},
	})
}

// A digest counts where it is of the file that is loaded, whoever takes it.
func TestDigestTwins(t *testing.T) {
	const inline = "hashlib.sha256(open(%, 'rb').read()).hexdigest()"
	const sha = "def sha(p):\n    h = hashlib.sha256()\n    with open(p, 'rb') as f:\n        for b in iter(lambda: f.read(1 << 20), b''):\n            h.update(b)\n    return h.hexdigest()\n"
	const hexed = sha + "def short(path):\n    return 'sha256:' + sha(path).lower()[:32]\n"
	const good = sha + "def good(p, want):\n    return hmac.compare_digest(sha(p), want)\n"
	const class = "class Store:\n    def digest(self):\n        return hashlib.sha256(self.path.read_bytes()).hexdigest()\n"
	const hub = "from huggingface_hub import hf_hub_download\np = hf_hub_download('acme/m', 'm.bin', "
	of := func(name string) string { return strings.ReplaceAll(inline, "%", name) }
	fetch := func(name string) string {
		return "def fetch(url, dst, want='0f4a'):\n    dst, q = Path(dst), Path('q')\n    urlretrieve(url, dst)\n    if " + of(name) + " != want:\n        raise ValueError\n    return dst\n"
	}
	checkTwins(t, "a.py", "import hashlib, hmac, os, requests, torch\n", []twin{
		{
			"another file", "PY006 low", "def f(p, q):\n    if " + of("q") + " != '0f4a':\n        raise ValueError\n    return torch.load(p)",
			"def f(p, q):\n    if " + of("p") + " != '0f4a':\n        raise ValueError\n    return torch.load(p)",
		},
		{
			"another file, written out", "PY006 low", "if " + of("'a.pt'") + " != '0f4a':\n    raise ValueError\ntorch.load('b.pt')",
			"if '0f4a' != " + of("'a.pt'") + ":\n    raise ValueError\ntorch.load('a.pt')",
		},
		{
			"another file by a constant", "PY006 low", "A = 'a.pt'\nB = 'b.pt'\ndef f():\n    assert " + of("A") + " == '0f4a'\n    return torch.load(B)",
			"A = 'a.pt'\ndef f():\n    assert " + of("'a.pt'") + " == '0f4a'\n    return torch.load(A)",
		},
		{
			"one of two files", "PY006 low", "def f(p, q, want):\n    if " + of("q") + " != want:\n        raise ValueError\n    d = " + of("p") + "\n    print(d)\n    return torch.load(p)",
			"def f(p, q, want):\n    if " + of("q") + " != want:\n        raise ValueError\n    d = " + of("p") + "\n    if d != want:\n        raise ValueError\n    return torch.load(p)",
		},
		{
			"what is written to it", "PY006 low", "def f(p, q, url, want):\n    data = requests.get(url).content\n    if hashlib.sha256(data).hexdigest() != want:\n        raise ValueError\n    open(q, 'wb').write(data)\n    return torch.load(p)",
			"def f(p, q, url, want):\n    data = requests.get(url).content\n    if hashlib.sha256(data).hexdigest() != want:\n        raise ValueError\n    open(p, 'wb').write(data)\n    return torch.load(p)",
		},
		{
			"what becomes it", "PY006 low", "def f(tmp, path, want):\n    if " + of("tmp") + " != want:\n        raise ValueError\n    print(tmp, path)\n    return torch.load(path)",
			"def f(tmp, path, want):\n    if " + of("tmp") + " != want:\n        raise ValueError\n    os.replace(tmp, path)\n    return torch.load(path)",
		},
		{"a helper, too late", "PY009 high", sha + "def f(p, want):\n    m = torch.load(p)\n    if sha(p) != want:\n        raise ValueError\n    return m", sha + "def f(p, q, want):\n    m = torch.load(p)\n    if sha(q) != want:\n        raise ValueError\n    return m"},
		{"a helper", "PY006 low", sha + "def f(p, q, want):\n    if sha(q) != want:\n        raise ValueError\n    return torch.load(p)", sha + "def f(p, want):\n    if want != sha(p):\n        raise ValueError\n    return torch.load(p)"},
		{"a helper that tells only", "PY006 low", sha + "def f(p, want):\n    print(sha(p) == want)\n    return torch.load(p)", sha + "def f(p, want):\n    got = sha(p)\n    if got == want:\n        return torch.load(p)"},
		{"a helper of a helper", "PY009 high", hexed + "def f(p, want):\n    m = torch.load(p)\n    assert short(p) == want\n    return m", hexed + "def f(p, want):\n    assert short(p) == want\n    return torch.load(p)"},
		{"a helper that compares", "PY006 low", good + "def f(p, want):\n    good(p, want)\n    return torch.load(p)", good + "def f(p, want):\n    if not good(p, want):\n        raise ValueError\n    return torch.load(p)"},
		{"a helper that compares, too late", "PY009 high", good + "def f(p, want):\n    m = torch.load(p)\n    if not good(p, want):\n        raise ValueError\n    return m", good + "def f(p, want):\n    m = torch.load(p)\n    print(good(p, want))\n    return m"},
		{"a helper that raises by a helper", "PY006 low", sha + "def ok(p, want):\n    if sha(p) != want:\n        print('no')\ndef f(p, want):\n    ok(p, want)\n    return torch.load(p)", sha + "def ok(p, want):\n    if sha(p) != want:\n        raise ValueError\ndef f(p, want):\n    ok(p, want)\n    return torch.load(p)"},
		{"a weak helper, too late", "PY009 high", "def md5(p):\n    return hashlib.md5(open(p, 'rb').read()).hexdigest()\ndef f(p, want):\n    m = torch.load(p)\n    if md5(p) != want:\n        raise ValueError\n    return m", "def size(p):\n    return os.path.getsize(p)\ndef f(p, want):\n    m = torch.load(p)\n    if size(p) != want:\n        raise ValueError\n    return m"},
		{"a method", "PY006 low", class + "    def load(self, want):\n        self.digest()\n        return torch.load(self.path)", class + "    def load(self, want):\n        if self.digest() != want:\n            raise ValueError\n        return torch.load(self.path)"},
		{"a function that verifies what it returns", "PY006 low", fetch("q") + "def f(url):\n    path = fetch(url, 'w.pt')\n    return torch.load(path, weights_only=True)", fetch("dst") + "def f(url):\n    path = fetch(url, 'w.pt')\n    return torch.load(path, weights_only=True)"},
		{"one that is called within", "PY006 low", fetch("q") + "torch.load(open(fetch(u, 'w.pt'), 'rb'))", fetch("dst") + "torch.load(open(fetch(u, 'w.pt'), 'rb'))"},
		{"one that need not be told the digest", "PY006 low", strings.ReplaceAll(fetch("dst"), "want='0f4a'", "want=None") + "torch.load(fetch(u, 'w.pt'))", fetch("dst") + "torch.load(fetch(u, 'w.pt'))"},
		{"one of two", "PY006 low", fetch("dst") + "p = fetch(u, 'w.pt')\nif x:\n    p = other\ntorch.load(p)", fetch("dst") + "p = fetch(u, 'w.pt')\nif x:\n    p = fetch(v, 'v.pt')\ntorch.load(p)"},
		{"one that verifies what it moves", "PY006 low", "def get(p, tmp, want):\n    if " + of("tmp") + " != want:\n        raise ValueError\n    return p\ntorch.load(get('a', 'b', 'c'))", "def get(p, tmp, want):\n    if " + of("tmp") + " != want:\n        raise ValueError\n    os.replace(tmp, p)\n    return p\ntorch.load(get('a', 'b', 'c'))"},
		{"one that gives at once what is there", "PY006 low", "def get(p, want):\n    if p.exists():\n        return p\n    if " + of("p") + " != want:\n        raise ValueError\n    return p\ntorch.load(get('a', 'b'))", "def get(p, want):\n    if " + of("p") + " != want:\n        raise ValueError\n    return p\ntorch.load(get('a', 'b'))"},
		{"a download of a known hash", "PY006 low", "torch.hub.download_url_to_file(u, 'w.pt', hash_prefix=None)\ntorch.load('w.pt')", "torch.hub.download_url_to_file(u, 'w.pt', hash_prefix=SHA)\ntorch.load('w.pt')"},
		{"a download of another file", "PY006 low", "torch.hub.download_url_to_file(u, 'v.pt', hash_prefix=SHA)\ntorch.load('w.pt')", "torch.hub.download_url_to_file(u, 'w.pt', hash_prefix=SHA)\ntorch.load('w.pt')"},
		{"pooch", "PY006 low", "import pooch\np = pooch.retrieve(u, known_hash=None)\ntorch.load(p)", "import pooch\np = pooch.retrieve(u, known_hash='sha256:0f4a')\ntorch.load(p)"},
		{"a commit of the Hub", "PY006 low", hub + "revision='main')\ntorch.load(p)", hub + "revision='86b5e0934494bd15c9632b12f734a8a67f723594')\ntorch.load(p)"},
		{"a program from the Hub", "PY010 medium", hub + "revision='main')\ntorch.jit.load(p)", hub + "revision='86b5e0934494bd15c9632b12f734a8a67f723594')\ntorch.jit.load(p)"},
		{"a table by digest", "PY006 low", "def name(p, names):\n    return names[hashlib.sha256(open(p, 'rb').read()).hexdigest()]\ndef f(p, names):\n    if name(p, names) != 'x':\n        raise ValueError\n    return torch.load(p)", sha + "def f(p, known):\n    if sha(p) != known[p]:\n        raise ValueError\n    return torch.load(p)"},
	})
}

func TestNativeTwins(t *testing.T) {
	checkTwins(t, "a.py", "import os, pathlib, tempfile, torch\nfrom torch.utils import cpp_extension as e\nhere = os.path.dirname(__file__)\n", []twin{
		{"a library in /tmp", "PY034 high", "torch.ops.load_library('/tmp/ops.so')", "torch.ops.load_library('/opt/ops.so')"},
		{"one of a name", "PY034 high", "d = pathlib.Path('/dev/shm')\ntorch.ops.load_library(d / 'ops.so')", "torch.ops.load_library(pathlib.Path(__file__).with_name('ops.so'))"},
		{"a path of no folder", "PY034 low", "torch.classes.load_library('build/ops.so')", "torch.classes.load_library(os.path.join(here, 'ops.so'))"},
		{"a search", "PY034 medium", "import glob\ntorch.ops.load_library(glob.glob('*.so')[0])", "import glob\nprint(glob.glob('*.so')[0])"},
		{"sources in /tmp", "PY035 high", "e.load(name='x', sources=[os.path.join('/tmp', n)])", "e.load(name='x', sources=[os.path.join(here, 'x.cpp')])"},
		{"a build folder", "PY035 high", "e.load('x', [here + 'x.cpp'], build_directory=f'/tmp/{user}')", "e.load('x', [here + 'x.cpp'], build_directory=tempfile.mkdtemp())"},
		{"the temporary folder", "PY035 high", "e.load_inline('x', 'int f;', build_directory=os.path.join(tempfile.gettempdir(), 'x'))", "e.load_inline('x', 'int f;', build_directory=here)"},
		{"source put together", "PY035 high", "def f(n):\n    e.load_inline('x', 'int f' + n)", "e.load_inline('x', 'int f' + 'g')"},
		{"the variable", "PY035 high", "os.environ['TORCH_EXTENSIONS_DIR'] = '/tmp/x'", "os.environ['TORCH_EXTENSIONS_DIR'] = here"},
	})
}

// Tests, and the scripts of ops test, load what was just built.
func TestNativeInTests(t *testing.T) {
	for name, want := range map[string]int{"a.py": 1, "tests/test_a.py": 0, ".andiron/ops-test/ns-f/crash-01234567.py": 0, "other/ops-test/a.py": 1} {
		got, _ := look(t, name, "import sys, torch\nfor p in sys.argv[1:]:\n    torch.ops.load_library(p)\n", newTorch)
		if n := len(slices.DeleteFunc(got, func(s string) bool { return !strings.Contains(s, "PY034") })); n != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestNetworkTwins(t *testing.T) {
	checkTwins(t, "a.py", "import os, pickle, ray, torch, zmq\nimport torch.distributed as dist\nfrom multiprocessing.connection import Listener\nfrom multiprocessing.managers import BaseManager\n", []twin{
		{"objects by another name", "PY037 low", "from torch.distributed.distributed_c10d import all_gather_object as g\ng(a, b)", "from torch.distributed.distributed_c10d import all_gather as g\ng(a, b)"},
		{"pickles over a socket", "PY037 high", "s = zmq.Context().socket(zmq.PULL)\ns.bind('tcp://*:5555')\nx = s.recv_pyobj()", "s = zmq.Context().socket(zmq.PULL)\ns.bind('tcp://*:5555')\nx = s.recv_json()"},
		{"pickles over one of this machine", "PY037 medium", "s.bind('ipc:///run/x')\nx = s.recv_pyobj()", "s.bind('ipc:///run/x')\nx = s.recv()"},
		{"a manager", "PY037 medium", "BaseManager(address=('0.0.0.0', 5000), authkey=key)", "BaseManager(address=('127.0.0.1', 5000), authkey=key)"},
		{"a listener", "PY037 medium", "at = ('', 5000)\nListener(at)", "Listener('/run/x.sock')"},
		{"where a job meets", "PY036 medium", "os.environ['MASTER_ADDR'] = '10.0.0.4'", "os.environ['MASTER_ADDR'] = 'localhost'"},
		{"where a job meets, by default", "PY036 medium", "os.environ.setdefault('MASTER_ADDR', '10.0.0.4')", "os.environ.setdefault('MASTER_ADDR', '127.0.0.1')"},
		{"where a group meets", "PY036 medium", "dist.init_process_group('gloo', init_method='tcp://[2001:db8::1]:23456')", "dist.init_process_group('gloo', init_method='tcp://[::1]:23456')\ndist.init_process_group('gloo', init_method='tcp://localhost:1/x')"},
		{"a store", "PY036 medium", "dist.TCPStore('0.0.0.0', 1234)", "dist.TCPStore('127.0.0.1', 1234)"},
		{"functions that peers name", "PY036 medium", "dist.rpc.init_rpc('w0', rank=0, world_size=2)", "dist.init_process_group('gloo')"},
		{"Ray's dashboard", "PY036 high", "ray.init(dashboard_host='0.0.0.0')", "ray.init(dashboard_host='127.0.0.1')"},
	})
}

func TestHubTwins(t *testing.T) {
	checkTwins(t, "a.py", "import ruamel.yaml\nfrom transformers import AutoModel\n", []twin{
		{"a branch", "PY033 medium", "AutoModel.from_pretrained('a/b', revision='main')", "AutoModel.from_pretrained('a/b', revision='0123456789abcdef0123456789abcdef01234567')"},
		{"a tag", "PY033 medium", "AutoModel.from_pretrained('a/b', revision='v1.0')", "def f(r):\n    AutoModel.from_pretrained('a/b', revision=r)"},
		{"a branch of code", "PY032 high", "AutoModel.from_pretrained('a/b', revision='main', trust_remote_code=True)", "AutoModel.from_pretrained('a/b', revision='main', trust_remote_code=False)"},
		{
			"a branch of code among keywords", "PY032 high", "def f(a):\n    k = {}\n    if a.fast:\n        k['trust_remote_code'] = True\n    return AutoModel.from_pretrained('x/y', **k)",
			"def f(a):\n    k = {}\n    if a.fast:\n        k['trust_remote_code'] = False\n    return AutoModel.from_pretrained('x/y', **k)",
		},
		{
			"code where it is asked for", "PY032 low", "def f(a):\n    k = {}\n    if a.trust_remote_code:\n        k['trust_remote_code'] = True\n    return AutoModel.from_pretrained('x/y', **k)",
			"def f(a):\n    k = {}\n    if a.trust_remote_code:\n        print(k)\n    return AutoModel.from_pretrained('x/y', **k)",
		},
		{"YAML that builds anything", "PY024 medium", "ruamel.yaml.YAML(typ='unsafe').load(f)", "ruamel.yaml.YAML(typ='safe').load(f)"},
	})
}

func TestServerTwins(t *testing.T) {
	checkTwins(t, "a.py", "import bentoml, gradio as gr, torch\n", []twin{
		{"a bento's model", "PY014 medium", "bentoml.pytorch.load_model('x:v1')", "bentoml.models.get('x:v1')"},
		{"a shared page", "PY038 medium", "gr.Interface(f).launch(share=True)", "gr.Interface(f).launch(share=False)"},
		{"every file", "PY038 medium", "gr.Interface(f).launch(allowed_paths=['/'])", "gr.Interface(f).launch(allowed_paths=['/srv/data'])"},
		{"a page at every address", "PY036 low", "gr.Blocks().launch(server_name='0.0.0.0')", "gr.Blocks().launch(server_name='127.0.0.1')"},
		{"a server of http.server", "PY036 low", "from http.server import HTTPServer\nHTTPServer(('0.0.0.0', 80), H)", "from http.server import HTTPServer\nHTTPServer(('127.0.0.1', 80), H)"},
		{"one of no host", "PY036 low", "import http.server\nat = ('', 80)\nwith http.server.ThreadingHTTPServer(server_address=at, RequestHandlerClass=H) as s:\n    s.serve_forever()", "import http.server\nat = (host, 80)\nhttp.server.ThreadingHTTPServer(server_address=at, RequestHandlerClass=H)"},
		{"one of socketserver", "PY036 low", "import socketserver\nHOST = '0.0.0.0'\nsocketserver.TCPServer((HOST, 80), H)", "import socketserver\nHOST = 'localhost'\nsocketserver.TCPServer((HOST, 80), H)"},
		{"one of wsgiref", "PY036 low", "from wsgiref.simple_server import make_server\nmake_server('0.0.0.0', 80, app)", "from wsgiref.simple_server import make_server\nmake_server('127.0.0.1', 80, app)"},
		{"a server of BentoML", "PY036 low", "bentoml.serve('s:S', host='0.0.0.0')", "bentoml.serve('s:S', host='127.0.0.1')"},
		{"an upload of a bento", "PY040 critical", "def f(file):\n    return bentoml.models.import_model(file)\ngr.Interface(f, 'file', 'text')", "def f(file):\n    return bentoml.models.import_model('base.bentomodel')\ngr.Interface(f, 'file', 'text')"},
		{"a model of Triton by request", "PY040 critical", "from tritonclient.http import InferenceServerClient\nc = InferenceServerClient('x')\ndef f(n):\n    c.load_model(n)\ngr.Interface(f, 'text', 'text')", "from tritonclient.http import InferenceServerClient\nc = InferenceServerClient('x')\ndef f(n):\n    c.load_model('base')\ngr.Interface(f, 'text', 'text')"},
	})
	for file, twins := range map[string][]twin{
		"config.properties": {
			{"management", "PY038 high", "management_address=http://0.0.0.0:8081", "management_address=http://127.0.0.1:8081"},
			{"a token", "PY038 medium", "disable_token_authorization=true", "disable_token_authorization=false"},
			{"anything", "PY038 medium", "allowed_urls=file:///models/.*, .*", "allowed_urls=file:///models/.*"},
			{"any address", "PY038 medium", "allowed_urls=https://.*", "allowed_urls=https://models\\.example\\.com/.*"},
			{"inference", "PY036 low", "inference_address=http://0.0.0.0:8080", "inference_address=http://10.0.0.5:8080"},
		},
		"Dockerfile": {
			{"TorchServe's variable", "PY038 high", "ENV TS_MANAGEMENT_ADDRESS=http://0.0.0.0:8081", "ENV TS_MANAGEMENT_ADDRESS=http://127.0.0.1:8081"},
			{"Gradio's", "PY038 medium", "ENV GRADIO_SHARE=\"True\"", "ENV GRADIO_SHARE=\"False\""},
			{"a comment", "PY036 low", "ENV GRADIO_SERVER_NAME 0.0.0.0", "# ENV GRADIO_SERVER_NAME 0.0.0.0"},
			{"a longer name", "PY036 low", "ENV GRADIO_SERVER_NAME=0.0.0.0", "ENV MY_GRADIO_SERVER_NAME=0.0.0.0"},
			{"where extensions are built", "PY035 medium", "ENV TORCH_EXTENSIONS_DIR=/tmp/x", "ENV TORCH_EXTENSIONS_DIR=/opt/x"},
			{"Triton", "PY038 medium", "CMD [\"tritonserver\", \"--model-control-mode=explicit\"]", "CMD [\"tritonserver\", \"--model-control-mode=explicit\", \"--http-restricted-api=model-repository:key=value\"]"},
			{"a model's code", "PY032 high", "CMD [\"vllm\", \"serve\", \"x\", \"--trust-remote-code\"]", "CMD [\"vllm\", \"serve\", \"x\"]"},
			{"a runner of BentoML", "PY038 high", "CMD bentoml start-runner-server s:S --host 0.0.0.0", "CMD bentoml start-runner-server s:S --host 127.0.0.1"},
			{"a server of BentoML", "PY036 low", "CMD bentoml serve s:S --host 0.0.0.0", "CMD bentoml serve s:S --host 127.0.0.1"},
			{"Ray", "PY036 high", "CMD ray start --head --dashboard-host=0.0.0.0", "CMD ray start --head --dashboard-host=127.0.0.1"},
		},
		"bentofile.yaml": {
			{"a model of no version", "PY038 low", "service: s:S\nmodels:\n  - net:latest", "service: s:S\nmodels:\n  - net:fxyz2024\ninclude:\n  - \"*.py\""},
			{"of none at all", "PY038 low", "models:\n- net", "models:\n- net:v1"},
		},
		"bentoml_configuration.yaml": {{"a server of BentoML", "PY036 low", "api_server:\n  host: 0.0.0.0", "api_server:\n  host: 127.0.0.1"}},
	} {
		checkTwins(t, file, "", twins)
	}
}

func TestWrittenTwins(t *testing.T) {
	checkTwins(t, "a.py", "import copy, dill, pickle, torch, numpy as np\nfrom transformers import AutoModel\nmodel = make()\n", []twin{
		{"a pickler", "PY051 low", "pickle.Pickler(f).dump(x)", "pickle.Unpickler(f)"},
		{"bytes to a file", "PY051 low", "f.write(pickle.dumps(x))", "copied = pickle.loads(pickle.dumps(x))"},
		{"bytes to a store", "PY051 low", "b = pickle.dumps(x)\nredis.set('k', b)", "b = pickle.dumps(x)\nprint(len(b))"},
		{"another pickle_module", "PY051 low", "torch.save(model.state_dict(), 'm.pt', pickle_module=dill)", "torch.save(model.state_dict(), 'm.pt')"},
		{"an array of a dictionary", "PY051 low", "np.save('x.npy', {'a': 1})", "np.save('x.npy', np.ones(3))"},
		{"an array of objects", "PY051 low", "np.save('x.npy', np.asarray(rows, dtype=object))", "np.save('x.npy', np.asarray(rows, dtype=float))"},
		{"one by its position and another name", "PY051 low", "np.savez('x.npz', x=np.array(rows, 'O'))", "np.savez('x.npz', x=np.array(rows, 'f4'))"},
		{"one that is kept", "PY051 low", "a = np.empty(3, np.object_)\nnp.save('x.npy', a)", "a = np.empty(3, np.int64)\nnp.save('x.npy', a)"},
		{"one that becomes that", "PY051 low", "np.save('x.npy', a.astype('object'))", "np.save('x.npy', a.astype('int8'))"},
		{"a list of dictionaries", "PY051 low", "np.save('x.npy', np.array([{}]))", "np.save('x.npy', np.array([[1]]))"},
		{"one that is refused", "PY051 low", "np.save('x.npy', {'a': 1}, allow_pickle=True)", "np.save('x.npy', {'a': 1}, allow_pickle=False)"},
		{"no safetensors", "PY051 low", "model.save_pretrained('d', safe_serialization=False)", "model.save_pretrained('d')"},
		{"a module on a device", "PY050 low", "torch.save(model.cpu(), 'm.pt')", "torch.save(model.weight.cpu(), 'm.pt')"},
		{"a module by its class", "PY050 low", "m = torch.nn.Sequential(a, b)\ntorch.save(obj=m.eval().to('cpu'), f='m.pt')", "m = torch.nn.Linear(1, 1)\ntorch.save(m(x).cpu(), 'm.pt')"},
		{"a module of the file", "PY050 low", "class A(torch.nn.Module): pass\nm = A()\ntorch.save(m.eval(), 'm.pt')", "class A: pass\nm = A()\ntorch.save(m.eval(), 'm.pt')"},
		{"a module in a buffer that is sent", "PY050 low", "import io\ndef f():\n    b = io.BytesIO()\n    torch.save(model, b)\n    c = torch.load(b)\n    return c, b.getvalue()", "import io\ndef f():\n    b = io.BytesIO()\n    torch.save(model, b)\n    b.seek(0)\n    return torch.load(b, weights_only=False)"},
		{"a module in a buffer that nothing loads", "PY050 low", "import io\nb = io.BytesIO()\ntorch.save(model, b)\nsend(b)", "import io\nb = io.BytesIO()\ntorch.save(model, b)\nb.seek(0)\nm = torch.load(b)"},
		{"the command line", "PY050 low", "import argparse\nargs = argparse.ArgumentParser().parse_args()\ntorch.save({'m': model.state_dict(), 'args': args}, 'm.pt')", "import argparse\nargs = argparse.ArgumentParser().parse_args()\ntorch.save({'m': model.state_dict(), 'args': vars(args), 'lr': args.lr}, 'm.pt')"},
		{"a namespace", "PY050 low", "import types\ntorch.save(types.SimpleNamespace(a=1), 'm.pt')", "import types\ntorch.save(types.SimpleNamespace(a=1).a, 'm.pt')"},
		{"a configuration", "PY050 low", "from omegaconf import OmegaConf\nc = OmegaConf.load('c.yaml')\ntorch.save([dict(c=c)], 'm.pt')", "from omegaconf import OmegaConf\nc = OmegaConf.load('c.yaml')\ntorch.save([dict(c=OmegaConf.to_container(c))], 'm.pt')"},
		{"one of a dataclass", "PY050 low", "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = 1\ns = {}\ns['c'] = C()\ntorch.save(s, 'm.pt')", "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int = 1\ns = {}\ns['c'] = dataclasses.asdict(C())\ntorch.save(s, 'm.pt')"},
		{"one that is a dictionary", "PY050 low", "import typing\nclass C(typing.NamedTuple):\n    a: int\ntorch.save(C(a=1), 'm.pt')", "import typing\nclass C(typing.TypedDict):\n    a: int\ntorch.save(C(a=1), 'm.pt')"},
		{"a member of an enumeration", "PY050 low", "import enum\nclass E(enum.Enum):\n    A = 1\nm = E.A\ntorch.save({'m': m}, 'm.pt')", "import enum\nclass E(enum.Enum):\n    A = 1\nm = E.A.value\ntorch.save({'m': m}, 'm.pt')"},
		{"a parameter", "PY050 low", "import copy\nimport argparse\ndef f(cfg):\n    torch.save({'c': copy.deepcopy(argparse.Namespace())}, 'm.pt')", "def f(cfg):\n    torch.save({'c': cfg}, 'm.pt')"},
		{"a module in a list", "PY050 low", "torch.save([1, model.train()], 'm.pt')", "torch.save([1, model.parameters(), x.cpu()], 'm.pt')"},
		{"a module in a dictionary", "PY050 low", "torch.save({'model': copy.deepcopy(model).half()}, 'm.pt')", "torch.save({'model': model.state_dict()}, 'm.pt')"},
	})
}

func TestSecretTwins(t *testing.T) {
	const args = "p = argparse.ArgumentParser()\np.add_argument('--hf-token')\nargs = p.parse_args()\n"
	checkTwins(t, "a.py", "import argparse, os, torch\nimport lightning as L\nfrom safetensors.torch import save_file\n", []twin{
		{"an entry", "PY070 medium", "torch.save({'api_key': k}, 'm.pt')", "torch.save({'epoch': k, 'token': None}, 'm.pt')"},
		{"an entry that is added", "PY070 medium", "c = {}\nc['api_key'] = k\ntorch.save(c, 'm.pt')", "c = {}\nd['api_key'] = k\ntorch.save(c, 'm.pt')"},
		{"one of the environment", "PY070 medium", "torch.save({'k': os.environ['OPENAI_API_KEY']}, 'm.pt')", "torch.save({'k': os.environ['RANK']}, 'm.pt')"},
		{"one by a call", "PY070 medium", "torch.save({'k': os.getenv('WANDB_API_KEY')}, 'm.pt')", "torch.save({'k': os.getenv('RANK')}, 'm.pt')"},
		{"the environment", "PY070 medium", "torch.save({'env': dict(os.environ)}, 'm.pt')", "torch.save({'env': dict(other)}, 'm.pt')"},
		{"of a configuration", "PY070 medium", "torch.save({'k': cfg.api_key}, 'm.pt')", "torch.save({'k': cfg.lr}, 'm.pt')"},
		{"the command line", "PY070 medium", args + "torch.save({'args': vars(args)}, 'm.pt')", strings.ReplaceAll(args, "hf-token", "epochs") + "torch.save({'args': vars(args)}, 'm.pt')"},
		{"metadata", "PY070 medium", "save_file(t, 'm.safetensors', metadata={'hf_token': k})", "save_file(t, 'm.safetensors', metadata={'format': 'pt'})"},
		{"files of a program", "PY070 medium", "torch.jit.save(m, 'm.pt', _extra_files={'secret': k})", "torch.jit.save(m, 'm.pt', _extra_files={'config': k})"},
		{"hyperparameters", "PY070 medium", "class M(L.LightningModule):\n    def __init__(self, api_key):\n        self.save_hyperparameters()", "class M(L.LightningModule):\n    def __init__(self, api_key):\n        self.save_hyperparameters(ignore=['api_key'])"},
		{"an address", "PY070 high", "u = 'https://alice:hunter22x@example.org/m.pt'", "u = 'https://alice:<password>@example.org/m.pt'\nv = 'https://user:password@example.org'"},
		{"a key", "PY070 high", "k = '-----BEGIN RSA " + "PRIVATE KEY-----\\n" + strings.Repeat("MIIEow", 40) + "'", "k = '-----BEGIN CERTIFICATE-----\\n" + strings.Repeat("MIIEow", 40) + "'"},
	})
}

func TestTrainingTwins(t *testing.T) {
	const loop = "def train(model, loader, opt):\n    for x, y in loader:\n        loss = model(x)\n        loss.backward()\n        opt.step()\n"
	checkTwins(t, "a.py", "import torch\n", []twin{
		{"a scaler of gradients", "PY064 info", "s = torch.cuda.amp.GradScaler()\n" + loop, "from sklearn.preprocessing import StandardScaler\ns = StandardScaler()\n" + loop},
		{"by hand", "PY064 info", loop + "x = (x - y) / z\n", loop + "x = (x - mean) / std\n"},
		{"a loss of that name", "PY065 info", "l = adversarial_loss(x)\n" + loop, "x = fgsm_attack(x)\n" + loop},
		{"Lightning", "PY065 info", "import lightning as L\nL.Trainer().fit(model)", "import lightning as L\nL.Trainer().test(model)"},
		{"Transformers", "PY065 info", "from transformers import Trainer\nTrainer(model=m).train()", "from transformers import Trainer\nTrainer(model=m).evaluate()"},
		{"a data set", "PY066 info", "from datasets import load_dataset\nd = load_dataset('csv')", "import pandera\nfrom datasets import load_dataset\nd = load_dataset('csv')\npandera.check(d)"},
	})
	_, all := look(t, "a.py", "from torch.utils.data import DataLoader\nclass D:\n    def __getitem__(self, i):\n        x = self.x[i]\n        if x.shape != (3,):\n            raise ValueError\n        return x\nDataLoader(D())\n", newTorch)
	i := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Rule == dataUnchecked.ID })
	if i < 0 || !slices.Equal(all[i].Evidence, []string{"__getitem__ checks shape in line 5"}) {
		t.Errorf("%v", all)
	}
	const train = "-- train.py --\nfrom torchvision.transforms import Normalize\nn = Normalize(0.5, 0.5)\ndef train(m, o):\n    m(n).backward()\n    o.step()\n"
	const serve = "-- serve.py --\nimport flask, torch\n"
	const answer = "app = flask.Flask('x')\n@app.post('/')\ndef f():\n    with torch.no_grad():\n        return m(flask.request.data)\n"
	for _, tt := range []struct {
		files string
		found bool
	}{
		{train + serve + answer, true},
		{train + serve + "import train\n" + answer, false},
		{train + serve + "from torchvision.transforms import Normalize\nn = Normalize(0.5, 0.5)\n" + answer, false},
		{strings.ReplaceAll(train, "o.step", "o.other") + serve + answer, false},
	} {
		got := flowsOf(t, tt.files, newTorch)
		if found := slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "serve.py:5:10 PY064 info") }); found != tt.found {
			t.Errorf("%s: %q", tt.files, got)
		}
	}
}

// TestSecondHandTwins: what one file holds is given to a loader of another.
func TestSecondHandTwins(t *testing.T) {
	checkTwins(t, "a.py", "import h5py, io, joblib, numpy as np, pickle, safetensors, torch, yaml\nd = torch.load(p, weights_only=True)\n", []twin{
		{"a tensor's bytes", "PY013 high", "pickle.loads(d['x'].numpy().tobytes())", "print(d['x'].numpy().tobytes())"},
		{"bytes in a text", "PY013 high", "import base64\npickle.loads(base64.urlsafe_b64decode(d['x']))", "import base64\nbase64.urlsafe_b64decode(d['x'])"},
		{"bytes in hexadecimal digits", "PY013 high", "import binascii\npickle.loads(binascii.a2b_hex(d['x']))", "import binascii\nbinascii.a2b_hex(d['x'])"},
		{"code", "PY013 high", "exec(d['code'])", "exec('x = 1')"},
		{"YAML", "PY013 high", "yaml.load(d['c'], Loader=yaml.Loader)", "yaml.load(d['c'], Loader=yaml.SafeLoader)"},
		{"a name", "PY013 high", "joblib.load(d['scaler'])", "joblib.load('scaler')"},
		{"a file of a zip", "PY013 high", "import io, zipfile\nwith zipfile.ZipFile(p) as z:\n    torch.load(io.BytesIO(z.read('m.pt')), weights_only=False)", "import io, zipfile\nwith zipfile.ZipFile(p) as z:\n    print(io.BytesIO(z.read('m.pt')), z.namelist())"},
		{"an open one", "PY013 high", "import zipfile\nwith zipfile.ZipFile(p) as z, z.open('m.pkl') as f:\n    pickle.load(f)", "import json, zipfile\nwith zipfile.ZipFile(p) as z, z.open('m.json') as f:\n    json.load(f)"},
		{"a file of a tar", "PY013 high", "import tarfile\nt = tarfile.open(p)\npickle.load(t.extractfile('x'))", "import tarfile\nt = tarfile.open(p)\nt.extractfile('x').read()"},
		{"another checkpoint", "PY013 medium", "torch.load(d['next'], weights_only=True)", "torch.load('next.pt', weights_only=True)"},
		{"metadata", "PY013 high", "f = safetensors.safe_open(p, 'pt')\nexec(f.metadata()['setup'])", "f = safetensors.safe_open(p, 'pt')\nprint(f.metadata()['setup'])"},
		{"an attribute of HDF5", "PY013 high", "f = h5py.File(p)\npickle.loads(f.attrs['x'])", "f = h5py.File(p)\nprint(f.attrs['x'])"},
		{"a part of an array", "PY013 high", "z = np.load(p)\npickle.loads(z['x'].tobytes())", "z = np.load(p)\nx = z['x']"},
	})
}

package engine_test

import "maps"

// project is a folder of Python files that is audited.
func project(pairs ...string) scene {
	s := folder(pairs...)
	s.audit = true
	return s
}

// training is a project of one file; what it needs of torch is stated beside it.
func training(torch, code string) scene {
	return project("requirements.txt", torch+"\n", "train.py", code)
}

func codeExamples() map[string]example {
	all := loadExamples()
	maps.Copy(all, otherLoadExamples())
	maps.Copy(all, evidenceExamples())
	maps.Copy(all, moreExamples())
	maps.Copy(all, serverExamples())
	maps.Copy(all, trainingExamples())
	return all
}

func loadExamples() map[string]example {
	const now = "torch==2.9.1"
	return map[string]example{
		"PY001": {
			training("torch>=1.13,<3", "import torch\ntorch.load('model.pt')\n"),
			training("torch>=2.6", "import torch\ntorch.load('model.pt')\n"),
		},
		"PY002": {
			training(now, "from torch import load as l\nflag = False\nl('model.pt', **{'weights_only': flag})\n"),
			training(now, "from torch import load as l\nflag = True\nl('model.pt', **{'weights_only': flag})\n"),
		},
		"PY003": {
			training(now, "import torch\ntry:\n    m = torch.load('m.pt')\nexcept Exception:\n    m = torch.load('m.pt', weights_only=False)\n"),
			training(now, "import torch\ntry:\n    m = torch.load('m.pt')\nexcept Exception:\n    m = torch.load('n.pt', weights_only=True)\n"),
		},
		"PY004": {
			training(now, "import dill, torch\ntorch.load('m.pt', pickle_module=dill)\n"),
			training(now, "import dill, torch\ntorch.load('m.pt', pickle_module=None)\n"),
		},
		"PY005": {
			training(now, "import torch\ndef read(path, **kw):\n    return torch.load(path, **kw)\n"),
			training(now, "import torch\ndef read(path, **kw):\n    return torch.load(path, weights_only=True)\n"),
		},
		"PY006": {
			training(now, "import torch\ntorch.load('m.pt', weights_only=True)\n"),
			training(now, "import hashlib, torch\nb = open('m.pt', 'rb')\nif hashlib.file_digest(b, 'sha256').hexdigest() != 'ab':\n    raise ValueError\n"+
				"torch.load(b, weights_only=True)\n"),
		},
		"PY007": {
			project("Dockerfile", "FROM scratch\nENV TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1\n"),
			project("Dockerfile", "FROM scratch\n# ENV TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1\nENV TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=0\n"),
		},
		"PY008": {
			training(now, "import andiron\nandiron.load_unsafe('m.pt', reason='until March')\n"),
			training(now, "import andiron\nandiron.load('m.pt')\n"),
		},
		"PY010": {
			training(now, "import torch\ntorch.jit.load('m.pt')\n"),
			training(now, "import andiron\nandiron.jit_load('m.pt')\n"),
		},
		"PY011": {
			training(now, "import torch.export as e\ne.load('m.pt2')\n"),
			training(now, "import torch.export as e\ne.save(program, 'm.pt2')\n"),
		},
		"PY012": {
			training(now, "from torch.package import PackageImporter\nPackageImporter('m.pt').load_pickle('model', 'model.pkl')\n"),
			training(now, "from torch.package import PackageExporter\nPackageExporter('m.pt')\n"),
		},
	}
}

func otherLoadExamples() map[string]example {
	const serve = "from fastapi import FastAPI, UploadFile\nimport io, torch\napp = FastAPI()\n" +
		"@app.post('/models')\nasync def upload(file: UploadFile):\n    data = await file.read()\n"
	const commit = "0123456789012345678901234567890123456789"
	return map[string]example{
		"PY020": {
			training("", "import pickle\nwith open('stats', 'rb') as f:\n    stats = pickle.load(f)\n"),
			training("", "import pickle\ncopy = pickle.loads(pickle.dumps([1]))\n"),
		},
		"PY021": {training("", "import joblib\njoblib.load('m.joblib')\n"), training("", "import joblib\njoblib.dump(m, 'm.joblib')\n")},
		"PY022": {
			training("", "import numpy as np\nnp.load('x.npy', allow_pickle=True)\n"),
			training("", "import numpy as np\nnp.load('x.npy', allow_pickle=False)\n"),
		},
		"PY023": {training("", "import pandas as pd\npd.read_pickle('t.pkl')\n"), training("", "import pandas as pd\npd.read_csv('t.csv')\n")},
		"PY030": {
			training("", "import torch\ntorch.hub.load('owner/name:main', 'model')\n"),
			training("", "import torch\ntorch.hub.load('owner/name:"+commit+"', 'model')\n"),
		},
		"PY031": {
			training("", "from torch.hub import load_state_dict_from_url as get\nget('https://models.example.com/m.pt')\n"),
			training("", "from torch.hub import load_state_dict_from_url as get\nget('https://models.example.com/m-0123456789.pt', check_hash=True, weights_only=True)\n"),
		},
		"PY032": {
			training("", "from transformers import AutoModel\nAutoModel.from_pretrained('./m', trust_remote_code=True)\n"),
			training("", "from transformers import AutoModel\nAutoModel.from_pretrained('./m', trust_remote_code=False)\n"),
		},
		"PY033": {
			training("", "from transformers import AutoModel\nAutoModel.from_pretrained('owner/name')\n"),
			training("", "from transformers import AutoModel\nAutoModel.from_pretrained('owner/name', revision='"+commit+"')\n"),
		},
		"PY040": {
			training("torch>=2.6", serve+"    torch.load(io.BytesIO(data))\n"),
			training("torch>=2.6", serve+"    torch.load('models/base.pt')\n"),
		},
		"PY041": {
			training("torch>=2.6", "import sys, torch\ntorch.load(sys.argv[1])\n"),
			training("torch>=2.6", "import andiron, sys\nandiron.load(sys.argv[1])\n"),
		},
		"PY042": {
			project("get.py", "import requests\ndef get(url):\n    return requests.get(url).content\n",
				"run.py", "import get, io, torch\ntorch.load(io.BytesIO(get.get('https://models.example.com/m.pt')))\n"),
			project("get.py", "import hashlib, requests\ndef get(url):\n    b = requests.get(url).content\n    assert hashlib.sha256(b).hexdigest() == 'ab'\n    return b\n",
				"run.py", "import get, io, torch\ntorch.load(io.BytesIO(get.get('https://models.example.com/m.pt')))\n"),
		},
		"PY050": {
			training("", "import torch\nclass Net(torch.nn.Module): pass\nn = Net()\ntorch.save(n, 'n.pt')\n"),
			training("", "import torch\nclass Net(torch.nn.Module): pass\nn = Net()\ntorch.save(n.state_dict(), 'n.pt')\n"),
		},
	}
}

func evidenceExamples() map[string]example {
	const schema = "andiron: tensor/v1\nmodel: net\ninputs: {x: {dtype: float32, shape: [1]}}\n"
	const gateway = "andiron guard serve --schema net.schema.yaml --backend http://model:8000\n"
	const net = "import andiron, torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return x\n"
	return map[string]example{
		"PY060": {
			training("", net+"model = Net()\n"),
			project("net.schema.yaml", schema, "train.py", net+"model = andiron.guard(Net(), 'net.schema.yaml')\n"),
		},
		"PY061": {
			training("", net+"model = andiron.guard(Net(), 'net.schema.yaml')\n"),
			project("net.schema.yaml", schema, "train.py", net+"model = andiron.guard(Net(), 'net.schema.yaml')\n"),
		},
		"PY062": {
			project("serve.sh", gateway, "train.py", net),
			project("serve.sh", gateway, "train.py", net, "net.schema.yaml", schema),
		},
		"PY098": {
			project("net.schema.yaml", schema, "train.py", net+"model = andiron.guard(Net(), 'net.schema.yaml')\n"),
			training("", net+"model = andiron.guard(Net(), 'net.schema.yaml', mode='shadow')\n"),
		},
		"PY099": {
			training("", "import andiron\nmodel = andiron.jit_load('m.pt')\n"),
			training("", "import andiron\nmodel = andiron.guard(andiron.jit_load('m.pt'), 'm.schema.yaml')\n"),
		},
		"PY080": {project("old.py", "print 'x'\nimport os\n"), project("new.py", "print('x')\nimport os\n")},
		"PY088": {project("fast.pyx", "import torch\n"), project("fast.py", "import torch\n")},
		"PY081": {
			training("", "import andiron\nandiron.load_untrusted('m.pt')\n"),
			project("Makefile", "weights.safetensors: m.pt\n\tandiron sandbox doctor\n"),
		},
		"PY082": {
			project("Dockerfile", "FROM scratch\nENTRYPOINT [\"andiron\", \"exec\", \"--\"]\nCMD [\"python\", \"serve.py\"]\n"),
			project("Dockerfile", "FROM scratch\n# ENTRYPOINT [\"andiron\", \"exec\", \"--\"]\nCMD [\"python\", \"serve.py\"]\n"),
		},
		"PY083": {
			project("app.service", "[Service]\nExecStart=/srv/venv/bin/python3 serve.py\n"),
			project("app.service", "[Service]\nExecStart=/usr/bin/andiron exec -- /srv/venv/bin/python3 serve.py\n"),
		},
		"PY084": {
			training("", "import andiron, sys\nandiron.load_untrusted(sys.argv[1])\n"),
			training("", "import andiron, sys\nandiron.load_untrusted('m.pt', pool=sys.argv[1])\n"),
		},
		"PY085": {
			training("", "import sys, torch\ntorch.load(sys.argv[1], weights_only=True)\n"),
			training("", "import andiron, sys\nandiron.load_untrusted(sys.argv[1])\n"),
		},
		"PY090": {
			training("", "from andiron import load_safetensors\nload_safetensors('m.safetensors')\n"),
			training("", "from vendor import load_safetensors\nload_safetensors('m.safetensors')\n"),
		},
		"PY091": {training("", "import andiron\nandiron.install_guard()\n"), training("", "import andiron\nguard = andiron.install_guard\n")},
		"PY092": {
			training("", "from safetensors.torch import load_file\nload_file('m.safetensors')\n"),
			training("", "from safetensors.torch import save_file\nsave_file({}, 'm.safetensors')\n"),
		},
		"PY093": {
			training("", "import torch\ntorch.jit.script(model).save('m.pt')\n"),
			training("", "import torch\ntorch.save({}, 'm.pt')\n"),
		},
		"PY094": {
			training("", "import hashlib, torch\ndef read(path):\n    b = open(path, 'rb').read()\n    h = hashlib.sha256(b).hexdigest()\n"+
				"    assert h == 'ab'\n    return torch.load(path, weights_only=True)\n"),
			training("", "import hashlib, torch\ndef read(path):\n    b = open(path, 'rb').read()\n    m = torch.load(path, weights_only=True)\n"+
				"    assert hashlib.sha256(b).hexdigest() == 'ab'\n    return m\n"),
		},
		"PY095": {
			training("", "import andiron\nclass Net:\n    @andiron.validate('float32[B,3]')\n    def forward(self, x):\n        return x\n"),
			training("", "import vendor\nclass Net:\n    @vendor.validate('float32[B,3]')\n    def forward(self, x):\n        return x\n"),
		},
		"PY096": {
			training("", "from andiron import adversarial\nfor x, y in adversarial.AdversarialBatches(loader, model, eps=0.1): pass\n"),
			training("", "from andiron import adversarial\nprint(adversarial.evaluate(model, x, y, [0.1]))\n"),
		},
		"PY097": {
			training("", "import andiron\nd = andiron.checked_dataset(d, 's.schema.yaml')\n"),
			training("", "import andiron\nd = andiron.read_schema('s.schema.yaml')\n"),
		},
	}
}

func moreExamples() map[string]example {
	const digest = "    h = hashlib.sha256(open(p, 'rb').read()).hexdigest()\n    if h != want:\n        raise ValueError\n"
	const load = "    m = torch.load(p, weights_only=False)\n"
	return map[string]example{
		"PY009": {
			training("", "import hashlib, torch\ndef f(p, want):\n"+load+digest+"    return m\n"),
			training("", "import hashlib, torch\ndef f(p, want):\n"+digest+load+"    return m\n"),
		},
		"PY013": {
			training("", "import io, pickle, torch\nd = torch.load('m.pt', weights_only=True)\nx = pickle.loads(d['extra'])\n"),
			training("", "import io, pickle, torch\nd = torch.load('m.pt', weights_only=True)\nx = pickle.loads(pickle.dumps(d))\n"),
		},
		"PY014": {
			training("", "from net import Net\nimport pytorch_lightning\nm = Net.load_from_checkpoint('m.ckpt')\n"),
			training("", "from net import Net\nimport pytorch_lightning\nm = Net.load_from_checkpoint('m.ckpt', weights_only=True)\n"),
		},
		"PY015": {
			training("", "import torch.distributed.checkpoint as dcp\ndcp.load(state, checkpoint_id='last')\n"),
			training("", "import torch.distributed.checkpoint as dcp\ndcp.save(state, checkpoint_id='last')\n"),
		},
		"PY024": {
			training("", "import yaml\nyaml.load(open('c.yaml'), Loader=yaml.Loader)\n"),
			training("", "import yaml\nyaml.load(open('c.yaml'), Loader=yaml.SafeLoader)\n"),
		},
		"PY025": {
			training("", "def f(s):\n    return eval(s)\n"),
			training("", "def f(s):\n    return eval(s) if s.isnumeric() else s\n"),
		},
		"PY034": {
			training("", "import torch\ndef f(path):\n    torch.ops.load_library(path)\n"),
			training("", "import os, torch\ntorch.ops.load_library(os.path.join(os.path.dirname(__file__), 'ops.so'))\n"),
		},
		"PY035": {
			training("", "from torch.utils import cpp_extension as e\nops = e.load(name='ops', sources=['ops.cpp'], build_directory='/tmp/ops')\n"),
			training("", "from torch.utils import cpp_extension as e\next = e.CppExtension(name='ops', sources=['ops.cpp'])\n"),
		},
		"PY051": {
			training("", "import pickle\npickle.dump(x, open('x.pkl', 'wb'))\n"),
			training("", "import json\njson.dump(x, open('x.json', 'w'))\n"),
		},
		"PY089": {
			training("", "import joblib\njoblib.load('m.joblib')  # andiron: allow PY021 until=2027-01-01\n"),
			training("", "import joblib\njoblib.load('m.joblib')  # andiron: allow PY021 until=2027-01-01 reason=\"written by our own job\"\n"),
		},
		"PY070": {
			training("", "from transformers import AutoModel\nAutoModel.from_pretrained('./m', token='hf_"+"abcdefghijklmnopqrstuvwxyzABCDEFGH')\n"),
			training("", "from transformers import AutoModel\nimport os\nAutoModel.from_pretrained('./m', token=os.environ['HF_TOKEN'])\n"),
		},
	}
}

func serverExamples() map[string]example {
	return map[string]example{
		"PY036": {
			training("", "import torch.distributed as dist\ndist.init_process_group('gloo', init_method='tcp://10.1.1.20:23456', rank=0, world_size=2)\n"),
			training("", "import torch.distributed as dist\ndist.init_process_group('gloo', init_method='tcp://127.0.0.1:23456', rank=0, world_size=2)\n"),
		},
		"PY037": {
			training("", "import torch.distributed as dist\ndist.broadcast_object_list(objects, src=0)\n"),
			training("", "import torch.distributed as dist\ndist.broadcast(tensor, src=0)\n"),
		},
		"PY038": {
			project("config.properties", "inference_address=http://127.0.0.1:8080\nmanagement_address=http://0.0.0.0:8081\n"),
			project("config.properties", "# management_address=http://0.0.0.0:8081\nmanagement_address=http://127.0.0.1:8081\n"),
		},
	}
}

func trainingExamples() map[string]example {
	const loop = "def train(model, loader, opt):\n    for x, y in loader:\n        loss = model(x)\n        loss.backward()\n        opt.step()\n"
	return map[string]example{
		"PY064": {training("", loop), training("", "from torchvision.transforms import Normalize\nt = Normalize(0.5, 0.5)\n"+loop)},
		"PY065": {
			training("", loop),
			training("", "from andiron import adversarial\ndef train(model, loader, opt):\n    for x, y in adversarial.AdversarialBatches(loader, model, eps=0.1):\n        loss = model(x)\n        loss.backward()\n        opt.step()\n"),
		},
		"PY066": {
			training("", "from torch.utils.data import DataLoader\nloader = DataLoader(data)\n"),
			training("", "import andiron\nfrom torch.utils.data import DataLoader\nloader = DataLoader(andiron.checked_dataset(data, 's.schema.yaml'))\n"),
		},
	}
}

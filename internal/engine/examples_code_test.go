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
			training("", "from torch.hub import load_state_dict_from_url as get\nget('https://models.example.com/m-0123456789.pt', check_hash=True)\n"),
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

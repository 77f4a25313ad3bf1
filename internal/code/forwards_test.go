package code

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
)

// project looks at the files of an archive and gives what they are for Forwards.
func projectOf(t testing.TB, files []txtar.File, opt Options) (out []*Modules) {
	t.Helper()
	slices.SortFunc(files, func(a, b txtar.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range files {
		facts, err := Look(t.Context(), artifact.FromBytes(f.Name, f.Data), opt, func(finding.Finding) {})
		if err != nil {
			t.Fatal(err)
		}
		if facts.Modules != nil {
			out = append(out, facts.Modules)
		}
	}
	return out
}

// forwardsOf writes findings as "place rule severity: message", and evidence below.
// Whether files are looked at at once or later makes no difference.
func forwardsOf(t testing.TB, root, archive string, with Validation) []string {
	t.Helper()
	at := forwardsBy(t, root, archive, with, Options{})
	later := Options{Memory: new(atomic.Int64)}
	later.Memory.Store(1 << 20)
	if diff := cmp.Diff(at, forwardsBy(t, root, archive, with, later)); diff != "" {
		t.Errorf("files that are put off make a difference (-at once +later):\n%s", diff)
	}
	return at
}

func forwardsBy(t testing.TB, root, archive string, with Validation, opt Options) (lines []string) {
	t.Helper()
	err := Forwards(t.Context(), root, projectOf(t, txtar.Parse([]byte(archive)).Files, opt), with, func(f finding.Finding) {
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Where, f.Rule, f.Severity, f.Message))
		for _, e := range f.Evidence {
			if e != "its own code does not check dtype, shape, NaN and infinity, range, number of elements" { // as of most models here
				lines = append(lines, "  "+e)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

const (
	torchHead = "import torch\nfrom torch import nn\n"
	oneNet    = "-- net.py --\n" + torchHead + "class Net(nn.Module):\n    def forward(self, x):\n        return x\n"
	netOpen   = "net.py:4:5 PY060 medium: nothing holds what reaches forward() of Net against a schema, and it "
	netHeld   = "net.py:4:5 PY098 info: what reaches forward() of Net is held against "
	netSchema = "net.schema.yaml (SHA-256 ab) by andiron.guard at "
)

var netSchemas = Validation{Schemas: []Schema{{Path: "net.schema.yaml", SHA256: "ab", Model: "net"}}}

func TestForwards(t *testing.T) {
	for _, tt := range []struct {
		name, files string
		with        Validation
		want        []string
	}{
		{"made", oneNet + "-- train.py --\nfrom net import Net\nn = Net()\n", Validation{}, []string{netOpen + "is made at train.py:2:5, outside of other modules"}},
		{"made by nobody", oneNet, Validation{}, []string{
			"net.py:4:5 PY060 low: nothing holds what reaches forward() of Net against a schema, and it is made by nothing in the project, so whoever imports it may",
		}},
		{"made in a test only", oneNet + "-- tests/test_net.py --\nfrom net import Net\nn = Net()\n", Validation{}, []string{
			"net.py:4:5 PY060 low: nothing holds what reaches forward() of Net against a schema, and it is made by nothing in the project, so whoever imports it may",
		}},
		{"a module of a test", "-- test_net.py --\n" + torchHead + "class Net(nn.Module):\n    def forward(self, x): return x\nNet()\n", Validation{}, nil},
		{"served", oneNet + "-- serve.py --\nimport fastapi, net\nn = net.Net()\n", Validation{}, []string{netOpen + "is made at serve.py:2:5, in a file that takes requests (fastapi)"}},
		{"exported", oneNet + "-- out.py --\nimport torch\nfrom net import *\nn = Net().eval()\ntorch.jit.script(n.cpu()).save('n.pt')\n", Validation{}, []string{netOpen + "is exported at out.py:4:1"}},
		{"given weights", oneNet + "-- out.py --\nimport torch\nfrom net import Net as N\nn = N()\nn.load_state_dict({})\n", Validation{}, []string{netOpen + "is given weights at out.py:4:1"}},
		{"guarded", oneNet + "-- serve.py --\nimport fastapi\nfrom andiron import guard as g\nfrom net import Net\nn = Net().eval()\nn = g(n, 'net.schema.yaml')\n", netSchemas, []string{
			netHeld + netSchema + "serve.py:5:5", "  it is made at serve.py:4:5, in a file that takes requests (fastapi)",
		}},
		{"guarded with a path that is put together", oneNet + "-- a/serve.py --\nimport os, andiron, net\nHERE = os.path.dirname(__file__)\nS = andiron.read_schema(os.path.join(HERE, '..', 'net.schema.yaml'))\nm = andiron.guard(net.Net(), schema=S)\n", netSchemas, []string{
			netHeld + netSchema + "a/serve.py:4:5", "  it is made at a/serve.py:4:19, outside of other modules",
		}},
		{"guarded with a schema of elsewhere", oneNet + "import andiron\nandiron.guard(Net(), 'other.yaml')\n", netSchemas, []string{
			`net.py:7:1 PY061 medium: "other.yaml", which the model is guarded by, is not among the schemas of the project; if it is not there when the program runs, no model is made`,
		}},
		{"decorated with a schema of elsewhere", "-- net.py --\nimport andiron as a\n" + torchHead + "class Net(nn.Module):\n    @a.validate('other.yaml')\n    def forward(self, x):\n        return x\nclass More(Net): pass\nNet(), More()\n", netSchemas, []string{
			`net.py:5:6 PY061 medium: "other.yaml", which the model is guarded by, is not among the schemas of the project; if it is not there when the program runs, no model is made`,
		}},
		{"data with a schema of elsewhere", "-- data.py --\nfrom andiron import checked_dataset, checked_collate as batch\nchecked_dataset(d, 'other.yaml')\nchecked_dataset(d, schema='net.schema.yaml')\nbatch('more.yaml', None)\nbatch(given)\n", netSchemas, []string{
			`data.py:2:1 PY061 medium: "other.yaml", which training data are held against, is not among the schemas of the project; if it is not there when the program runs, none are read`,
			`data.py:4:1 PY061 medium: "more.yaml", which training data are held against, is not among the schemas of the project; if it is not there when the program runs, none are read`,
		}},
		{"one of several of a name", oneNet + "import andiron\nandiron.guard(Net(), 'x/net.schema.yaml')\n", Validation{Schemas: []Schema{{Path: "a/net.schema.yaml"}, {Path: "b/net.schema.yaml"}}}, []string{
			netHeld + `"x/net.schema.yaml", of which name the project has several, by andiron.guard at net.py:7:1`, "  it is made at net.py:7:15, outside of other modules",
		}},
		{"a gateway with a schema of elsewhere", oneNet + "Net()\n", Validation{Gateways: []Gateway{{Where: finding.Where{Path: "run.sh"}, Schema: "/etc/other.yaml"}}}, []string{
			`run.sh PY062 low: the schema of the gateway that is started here, "/etc/other.yaml", is not among those of the project, and was not looked at`,
			netOpen + "is made at net.py:6:1, outside of other modules",
		}},
		{"guarded by another library", oneNet + "import vendor\nvendor.guard(Net(), 'net.schema.yaml')\n", netSchemas, []string{netOpen + "is made at net.py:7:14, outside of other modules"}},
		{"guarded through a function of another file", oneNet + "-- build.py --\nfrom net import Net\ndef build(n=4):\n    m = Net()\n    return m.to('cpu')\n-- serve.py --\nimport andiron\nfrom build import build\nm = andiron.guard(build(), 'net.schema.yaml')\n", netSchemas, []string{
			netHeld + netSchema + "serve.py:3:5", "  it is made at build.py:3:9, outside of other modules",
		}},
		{"guarded as a parameter", oneNet + "import andiron\ndef safe(model, path):\n    return andiron.guard(model, path)\nsafe(Net(), 'x')\n", netSchemas, []string{
			netHeld + "a schema that is not seen by andiron.guard at net.py:8:12", "  it is made at net.py:9:6, outside of other modules",
		}},
		{"guarded as an attribute", oneNet + "import andiron\nclass Service:\n    def __init__(self):\n        self.net = Net()\n        self.net = andiron.guard(self.net, 'net.schema.yaml')\n", netSchemas, []string{
			netHeld + netSchema + "net.py:10:20", "  it is made at net.py:9:20, outside of other modules",
		}},
		{"guarded by a guard of the project's own module", oneNet + "-- safety/__init__.py --\nfrom andiron import guard, validate\n-- serve.py --\nfrom safety import guard\nfrom net import Net\nguard(Net(), 'net.schema.yaml')\n", netSchemas, []string{
			netHeld + netSchema + "serve.py:3:1", "  it is made at serve.py:3:7, outside of other modules",
		}},
		{"a guard around something that is not seen", oneNet + "import andiron, sys\nn = Net()\nandiron.guard(sys.argv, 'net.schema.yaml')\n", netSchemas, []string{
			netOpen + "is made at net.py:7:5, outside of other modules", "  which model is guarded at net.py:8:1 is not seen, it may be this one",
		}},
		{"shadow", oneNet + "import andiron\nandiron.guard(Net(), 'net.schema.yaml', mode='shadow')\n", netSchemas, []string{
			netOpen + "is made at net.py:7:15, outside of other modules", "  the guard at net.py:7:1 refuses nothing: it only logs, or its schema cannot be read",
		}},
		{"a schema in shadow mode", oneNet + "import andiron\nandiron.guard(Net(), 'net.schema.yaml')\n", Validation{Schemas: []Schema{{Path: "net.schema.yaml", Shadow: true}}}, []string{
			netOpen + "is made at net.py:7:15, outside of other modules", "  the guard at net.py:7:1 refuses nothing: it only logs, or its schema cannot be read",
		}},
		{"decorated", "-- net.py --\nimport andiron as a\n" + torchHead + "class Net(nn.Module):\n    @a.validate('float32[B, 3]')\n    def forward(self, x):\n        return x\nNet()\n", Validation{}, []string{
			`net.py:6:5 PY098 info: what reaches forward() of Net is held against "float32[B, 3]" by andiron.validate at net.py:5:6`, "  it is made at net.py:8:1, outside of other modules",
		}},
		{"decorated by a name", "-- net.py --\nfrom andiron import validate\n" + torchHead + "checked = validate('net.schema.yaml')\nclass Net(nn.Module):\n    @checked\n    def forward(self, x):\n        return x\nNet()\n", netSchemas, []string{
			"net.py:7:5 PY098 info: what reaches forward() of Net is held against net.schema.yaml (SHA-256 ab) by andiron.validate at net.py:4:11", "  it is made at net.py:9:1, outside of other modules",
		}},
		{"decorated in part", "-- net.py --\nfrom andiron import validate\n" + torchHead + "class Net(nn.Module):\n    @validate('float32[B, 3]', rois='int64[N]')\n    def forward(self, x, mask, rois, n: int, k=1):\n        return x\nNet()\n", Validation{}, []string{
			"net.py:6:5 PY060 medium: forward() of Net checks no mask, and it is made at net.py:8:1, outside of other modules",
		}},
		{"inherited", "-- base.py --\nimport andiron\n" + torchHead + "class Base(nn.Module):\n    @andiron.validate('net.schema.yaml')\n    def forward(self, x):\n        return x\n" +
			"-- pkg/nets.py --\nfrom base import Base\nclass Net(Base): pass\nclass Own(Base):\n    def forward(self, x): return x\nNet(), Own()\n", netSchemas, []string{
			"pkg/nets.py:2:1 PY098 info: what reaches forward() of Net is held against net.schema.yaml (SHA-256 ab) by andiron.validate at base.py:5:6", "  it is made at pkg/nets.py:5:1, outside of other modules",
			"pkg/nets.py:4:5 PY060 medium: nothing holds what reaches forward() of Own against a schema, and it is made at pkg/nets.py:5:8, outside of other modules",
		}},
		{"parts", "-- net.py --\n" + torchHead + "class Block(nn.Module):\n    def forward(self, x): return x\nclass Head(nn.Module):\n    def forward(self, x): return x\nclass Neck(nn.Module):\n    def forward(self, x): return x\n" +
			"def block():\n    return nn.Sequential(Block())\n" +
			"class Net(nn.Module):\n    def __init__(self, head, neck):\n        self.a = block()\n        self.h = head()\n        self.n = neck\n    def forward(self, x): return x\n" +
			"neck = Neck()\nNet(Head, neck)\n", Validation{}, []string{
			"net.py:16:5 PY060 medium: nothing holds what reaches forward() of Net against a schema, and it is made at net.py:18:1, outside of other modules",
		}},
		{"a part by default", oneNet + "class Other(nn.Module):\n    def __init__(self, part=Net):\n        self.part = part()\n    def forward(self, x): return x\nOther()\n", Validation{}, []string{
			"net.py:9:5 PY060 medium: nothing holds what reaches forward() of Other against a schema, and it is made at net.py:10:1, outside of other modules",
		}},
		{"handed on", oneNet + "REGISTRY = {}\nREGISTRY.update(net=Net)\nregister(Net)\n", Validation{}, []string{
			"net.py:4:5 PY060 low: nothing holds what reaches forward() of Net against a schema, and it is handed on as a value at net.py:7:1, so who makes one is not seen",
		}},
		{"a package", "-- app/models/net.py --\n" + torchHead + "class Net(nn.Module):\n    def forward(self, x): return x\n-- app/models/__init__.py --\nfrom .net import *\n-- app/main.py --\nfrom .models import Net\nNet()\n-- run.py --\nimport app.models\nimport andiron\nandiron.guard(app.models.Net(), 'x[B]')\n", Validation{}, []string{
			`app/models/net.py:4:5 PY098 info: what reaches forward() of Net is held against "x[B]" by andiron.guard at run.py:3:1`, "  it is made at app/main.py:2:1, outside of other modules",
		}},
		{"through files that know nothing of it", oneNet + "-- a/b.py --\nfrom net import Net\n-- a/c.py --\nimport a.b\ndef f():\n    return a.b.Net()\n-- d.py --\nfrom a.c import f\nimport flask\nf()\n-- e.py --\nfrom x import y\ny()\n", Validation{}, []string{netOpen + "is made at d.py:3:1, in a file that takes requests (flask)"}},
		{"lightning", "-- net.py --\nimport lightning as L\nclass Net(L.LightningModule):\n    def forward(self, x): return x\nclass Other(L.LightningModule):\n    def training_step(self, x): return x\nNet(), Other()\n", Validation{}, []string{
			"net.py:3:5 PY060 medium: nothing holds what reaches forward() of Net against a schema, and it is made at net.py:6:1, outside of other modules",
		}},
		{"no modules", "-- net.py --\nimport torch\nclass F(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x): return x\nclass Form:\n    def forward(self, x): return x\nclass Mail(dict):\n    def forward(self, to): pass\nF.apply(1), Form(), Mail()\n", Validation{}, nil},
		{"perhaps a module", "-- net.py --\nimport torch\nfrom vendor.nets import Base\nclass Net(Base):\n    def forward(self, x): return x\nNet()\n", Validation{}, []string{
			"net.py:4:5 PY060 medium: nothing holds what reaches forward() of Net against a schema, and it is made at net.py:5:1, outside of other modules",
			"  what Net derives from is not in the project; it is taken for a module because it has a forward()",
		}},
		{"from a file", "-- load.py --\nimport torch, andiron\nfrom torchvision import models\na = torch.jit.load('a.pt')\ndef b():\n    return andiron.jit_load('b.pt').eval()\nandiron.guard(models.resnet18(), 'net.schema.yaml')\na.eval(), models.resnet18.__doc__, andiron.guard(models.resnet18(), 'net.schema.yaml').parameters()\n-- serve.py --\nimport andiron, load\nm = andiron.guard(load.b(), 'net.schema.yaml')\n", netSchemas, []string{
			"load.py:3:5 PY099 info: torch.jit.load gives a model whose forward() is not in the code of the project, and no guard around it was seen",
		}},
		{"from a file, by andiron", "-- load.py --\nimport andiron\na = andiron.jit_load('a.pt')\nb = andiron.jit_load('b.pt')\n", Validation{}, []string{
			"load.py:2:5 PY099 info: andiron.jit_load gives a model whose forward() is not in the code of the project, and no guard around it was seen",
			"load.py:3:5 PY099 info: andiron.jit_load gives a model whose forward() is not in the code of the project, and no guard around it was seen",
		}},
		{"a circle", "-- a.py --\nimport torch\nfrom b import B\nclass A(B):\n    def forward(self, x): return x\nA()\n-- b.py --\nfrom a import A\nfrom c import *\nclass B(A): pass\n-- c.py --\nfrom b import *\nfrom .c import x\n", Validation{}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, forwardsOf(t, ".", tt.files, tt.with)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestForwardsGateway(t *testing.T) {
	const two = oneNet + "class Other(nn.Module):\n    def forward(self, x): return x\n-- serve.py --\nimport kserve\nfrom net import Net, Other\nNet()\nOther()\n"
	gateway := func(schema string, s ...Schema) Validation {
		return Validation{Schemas: s, Gateways: []Gateway{{Where: finding.Where{Path: "deploy/compose.yaml", Line: 3}, Schema: schema}}}
	}
	net := Schema{Path: "net.schema.yaml", SHA256: "ab", Model: "NET"}
	shadow, named := gateway("net.schema.yaml", net), gateway("net.schema.yaml", net)
	shadow.Gateways[0].Shadow, named.Gateways[0].Model = true, "other"
	for _, tt := range []struct {
		name, files string
		with        Validation
		want        []string // the rules
	}{
		{"by the name of the model", two, gateway("/schemas/net.schema.yaml", net), []string{"Net PY098", "Other PY060"}},
		{"of another name", two, gateway("x.schema.yaml", Schema{Path: "x.schema.yaml", Model: "x"}), []string{"Net PY060", "Other PY060"}},
		{"for the only one", oneNet, gateway("x.schema.yaml", Schema{Path: "x.schema.yaml", Model: "x"}), []string{"Net PY098"}},
		{"without the schema's file", oneNet, gateway("x.schema.yaml", net), []string{" PY062", "Net PY060"}},
		{"without a schema", oneNet, gateway("", net), []string{"Net PY060"}},
		{"with one that only reports", oneNet, gateway("net.schema.yaml", Schema{Path: "net.schema.yaml", Model: "net", Shadow: true}), []string{"Net PY060"}},
		{"started so that it only reports", oneNet, shadow, []string{"Net PY060"}},
		{"by the name that the command gives", two, named, []string{"Net PY060", "Other PY098"}},
		{"past it", oneNet + "-- serve.py --\nimport flask\nfrom net import Net\nNet()\n", gateway("net.schema.yaml", net), []string{"Net PY060"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, line := range forwardsOf(t, "", tt.files, tt.with) {
				if f := strings.Fields(line); !strings.HasPrefix(line, " ") {
					_, of, _ := strings.Cut(line, "forward() of ")
					name, _, _ := strings.Cut(of, " ")
					got = append(got, name+" "+f[1])
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestForwardsRoot(t *testing.T) {
	const in = "-- tests/p/src/net/a.py --\n" + torchHead + "class Net(nn.Module):\n    def forward(self, x): return x\n-- tests/p/src/net/b.py --\nfrom net.a import Net\nNet()\n"
	got := forwardsOf(t, "tests/p", in, Validation{})
	want := []string{"tests/p/src/net/a.py:4:5 PY060 medium: nothing holds what reaches forward() of Net against a schema, and it is made at tests/p/src/net/b.py:2:1, outside of other modules"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a project in a folder of tests (-want +got):\n%s", diff)
	}
}

func TestForwardsNotebook(t *testing.T) {
	src := `-- n.ipynb --
{"cells": [
 {"cell_type": "code", "source": ["import torch"]},
 {"cell_type": "code", "source": ["class Net(torch.nn.Module):\n", "    def forward(self, x): return x\n", "Net()"]}
]}
`
	want := []string{"n.ipynb!cell 2:2:5 PY060 medium: nothing holds what reaches forward() of Net against a schema, and it is made at n.ipynb!cell 2:3:1, outside of other modules"}
	if diff := cmp.Diff(want, forwardsOf(t, ".", src, Validation{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is reported of one file is bounded, and says so.
func TestForwardsMany(t *testing.T) {
	var b strings.Builder
	b.WriteString("-- net.py --\n" + torchHead)
	for i := range mostForwards + 5 {
		fmt.Fprintf(&b, "class N%d(nn.Module):\n    def forward(self, x): return x\n", i)
	}
	got := forwardsOf(t, ".", b.String(), Validation{})
	if len(got) != mostForwards || !strings.Contains(got[len(got)-1], "no more findings of PY060 are listed") {
		t.Errorf("%d findings, the last is %q", len(got), got[len(got)-1])
	}
}

// A file with more definitions than are kept is undetermined.
func TestModulesCut(t *testing.T) {
	src := "import torch\n" + strings.Repeat("class A: pass\n", mostDefs+1)
	var rules []string
	facts, err := Look(t.Context(), artifact.FromBytes("a.py", []byte(src)), Options{}, func(f finding.Finding) { rules = append(rules, f.Rule+" "+string(f.Outcome)) })
	if err != nil || facts.Modules == nil {
		t.Fatal(facts, err)
	}
	if diff := cmp.Diff([]string{"PY080 undetermined"}, rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestForwardsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Forwards(ctx, ".", nil, Validation{}, func(finding.Finding) {}); err == nil {
		t.Error("a run that was cancelled gave no error")
	}
}

// FuzzForwards has files that import each other, as hostile as they come.
func FuzzForwards(f *testing.F) {
	f.Add("import torch\nfrom b import *\nclass A(torch.nn.Module):\n    def forward(self, x): return x\n", "from a import A\nimport andiron\nm = andiron.guard(A(), 's.yaml')\n")
	f.Add("from .b import f\ndef g(): return f()\n", "from .a import g\ndef f(): return g()\nclass C(C): forward = f\n")
	f.Add("class A:\n    @validate()\n    def forward(*a): return self\n", "x = x.to(x)\nx()()()\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		archive := []txtar.File{{Name: "a.py", Data: []byte(a)}, {Name: "b.py", Data: []byte(b)}}
		run := func() (out []finding.Finding) {
			if err := Forwards(t.Context(), ".", projectOf(t, archive, Options{}), netSchemas, func(f finding.Finding) { out = append(out, f) }); err != nil {
				t.Fatal(err)
			}
			return out
		}
		if diff := cmp.Diff(run(), run()); diff != "" {
			t.Errorf("two runs differ:\n%s", diff)
		}
	})
}

// Modules that all import all names of each other end in no time.
func TestStars(t *testing.T) {
	const n = 40
	var all, archive strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "from m%d import *\n", i)
	}
	for i := range n {
		fmt.Fprintf(&archive, "-- m%d.py --\nimport torch\n%s", i, all.String())
		if i == 7 {
			archive.WriteString("from net import *\n")
		}
		for j := range 20 {
			fmt.Fprintf(&archive, "missing%d()\n", j)
		}
	}
	archive.WriteString("-- net.py --\n" + torchHead + "class Net(nn.Module):\n    def forward(self, x):\n        return x\n" +
		"-- train.py --\nimport torch\nfrom m0 import *\nn = Net()\n")
	got := forwardsOf(t, ".", archive.String(), Validation{})
	if want := []string{netOpen + "is made at train.py:3:5, outside of other modules"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// What forward() checks of its inputs, by itself, by functions of the file and by
// annotations, is said, and what it does not.
func TestForwardsOwnChecks(t *testing.T) {
	const head = "import torch\nfrom beartype import beartype\nfrom jaxtyping import Float, jaxtyped\n" +
		"def shape(x):\n    if x.ndim != 2:\n        raise ValueError\n" +
		"def fin(x):\n    assert torch.isfinite(x).all()\n    shape(x)\n" +
		"class Net(torch.nn.Module):\n    def _check(self, x):\n        if x.numel() > 9:\n            raise ValueError\n    def other(self):\n        assert self.w.dtype\n"
	const none = "its own code does not check dtype, shape, NaN and infinity, range, number of elements"
	for _, tt := range []struct{ forward, want string }{
		{"def forward(self, x):\n        return x", none},
		{"def forward(self, x):\n        shape(self.w)\n        self.other()\n        return x", none},
		{"def forward(self, x):\n        shape(x)\n        return x", "its own code checks shape in line 5, and not dtype, not NaN and infinity, not range, not number of elements"},
		{"def forward(self, x):\n        fin(x.float())\n        self._check(x)\n        return x", "its own code checks shape in line 5, NaN and infinity in line 8, number of elements in line 12, and not dtype, not range"},
		{"@jaxtyped(typechecker=beartype)\n    def forward(self, x: Float[torch.Tensor, 'b 3'] | None):\n        return x", "its own code checks dtype in line 16, shape in line 16, and not NaN and infinity, not range, not number of elements"},
		{"@jaxtyped\n    @beartype\n    def forward(self, x: Float[torch.Tensor, 'b 3']):\n        return x", "its own code checks dtype in line 16, shape in line 16, and not NaN and infinity, not range, not number of elements"},
		{"@jaxtyped(typechecker=None)\n    def forward(self, x: Float[torch.Tensor, 'b 3']):\n        return x", none},
		{"@jaxtyped(typechecker=beartype)\n    def forward(self, x: torch.Tensor):\n        return x", none},
		{"def forward(self, x: Float[torch.Tensor, 'b 3']):\n        return x", none},
	} {
		files := []txtar.File{{Name: "net.py", Data: []byte(head + "    " + tt.forward + "\n")}}
		var got []string
		if err := Forwards(t.Context(), "", projectOf(t, files, Options{}), Validation{}, func(f finding.Finding) { got = append(got, f.Evidence...) }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: %q", tt.forward, got)
		}
	}
}

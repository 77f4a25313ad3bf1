package deps

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/osv"
)

// clock is the time of all tests.
var clock = time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)

func database(t *testing.T, records ...string) *advisory.DB {
	t.Helper()
	var b advisory.Builder
	for _, text := range records {
		r, err := osv.Parse([]byte(text), osv.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		b.Add(r)
	}
	file, err := b.Build(advisory.Info{Source: "test"})
	if err != nil {
		t.Fatal(err)
	}
	db, err := advisory.Open(bytes.NewReader(file), int64(len(file)), advisory.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// fixedIn is an advisory with a range of Git first, as half of them have.
func fixedIn(id, name, fixed string) string {
	return fmt.Sprintf(`{"id": %q, "modified": "2027-01-09T00:00:00Z", "database_specific": {"severity": "HIGH"}, "affected": [{"package": {"ecosystem": "PyPI", "name": %q},
		"ranges": [{"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "c0ffee"}]}, {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": %q}]}]}]}`, id, name, fixed)
}

// write makes a project of names and contents.
func write(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(pairs); i += 2 {
		p := filepath.Join(dir, filepath.FromSlash(pairs[i]))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gather(t *testing.T, pairs ...string) *Project {
	t.Helper()
	t.Chdir(write(t, pairs...))
	p, err := Collect(t.Context(), ".", []string{"."})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// all is what Scan, Check and Files say, one line each, without what is in order.
func all(t *testing.T, p *Project, db Database) []string {
	t.Helper()
	opt := Options{Advisories: db, Source: Source{Name: "test", Date: clock}, Now: clock}
	r, err := Scan(p, opt)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range r.Dependencies {
		out = append(out, fmt.Sprintf("%s %s %s%s %s", d.Where, d.Name, d.Version, d.Requested, d.Status))
	}
	for _, f := range slices.Concat(Files(p), r.Findings, Check(p, opt)) {
		if f.Severity != finding.Info && f.Rule != "PIN040" {
			out = append(out, fmt.Sprintf("%s %s: %s", f.Where, f.Rule, f.Message))
		}
	}
	return out
}

const h = " --hash=sha256:ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28"

// locked is a uv.lock of packages NAME==VERSION, or NAME@PATH for a project's own.
func locked(packages ...string) string {
	var b strings.Builder
	b.WriteString("version = 1\nrequires-python = \">=3.12\"\n")
	for _, p := range packages {
		if name, at, ok := strings.Cut(p, "@"); ok {
			fmt.Fprintf(&b, "[[package]]\nname = %q\nversion = \"1\"\nsource = { editable = %q }\n", name, at)
			continue
		}
		name, v, _ := strings.Cut(p, "==")
		fmt.Fprintf(&b, "[[package]]\nname = %q\nversion = %q\nsource = { registry = \"https://index.example/simple\" }\nwheels = [{ url = \"https://index.example/%s-%s-py3-none-any.whl\", hash = \"sha256:%s\" }]\n",
			name, v, name, v, h[len(h)-64:])
	}
	return b.String()
}

// TestRelock: what is said to be missing of a lock says what makes it, and what updates
// torch asks for an index only where a file or a lock names one.
func TestRelock(t *testing.T) {
	const install = "install a lock that andiron deps lock made, with pip install --require-hashes -r"
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"requirements", []string{"requirements.txt", "torch==2.7.0\nnumpy\n"}, []string{
			"requirements.txt:1:1 PIN002 andiron deps lock --input requirements.txt", "requirements.txt:2:1 PIN001 andiron deps lock --input requirements.txt",
			"torch: andiron deps lock --input requirements.txt, and then andiron deps update --input requirements.txt",
		}},
		{"requirements that name an index", []string{"requirements.txt", "--index-url https://index.example/simple\ntorch==2.7.0" + h + "\n"}, []string{
			"torch: andiron deps update --input requirements.txt",
		}},
		{"in a folder, beside a pyproject.toml", []string{"a b/pyproject.toml", asking("app", `"torch"`), "a b/dev.txt", "-r base.txt\n", "a b/base.txt", "torch\n"}, []string{
			"a b/base.txt:1:1 PIN001 andiron deps lock --input 'a b/dev.txt'", "a b/pyproject.toml PIN003 andiron deps lock --input 'a b/pyproject.toml'",
		}},
		{"what was compiled without hashes", []string{"requirements.in", "torch\n", "requirements.txt", "torch==2.7.0\n"}, []string{
			"requirements.txt:1:1 PIN002 andiron deps lock --input requirements.in",
			"torch: andiron deps lock --input requirements.in, and then andiron deps update --input requirements.in",
		}},
		{"compiled from a project", []string{"pyproject.toml", asking("app", `"torch"`), "requirements.txt", "# This file was autogenerated by uv via the following command:\ntorch==2.7.0\n"}, []string{
			"requirements.txt:2:1 PIN002 andiron deps lock --form requirements --input pyproject.toml",
			"torch: andiron deps lock --form requirements --input pyproject.toml, and then andiron deps update --form requirements --input pyproject.toml",
		}},
		{"for a platform that the lock was not made for", []string{"requirements.txt", "six; sys_platform == 'win32'\n", "requirements.lock.txt", "torch==2.7.0" + h + "\n"}, []string{
			"requirements.txt:1:1 PIN001 andiron deps lock --universal --input requirements.txt",
			"torch: andiron deps lock --input requirements.txt, and then andiron deps update --input requirements.txt",
		}},
		{"what a container file installs", []string{"Dockerfile", "FROM python\nRUN pip install numpy -r requirements.txt\n", "requirements.txt", "torch\n"}, []string{
			"Dockerfile:2:1 PIN001 " + install, "requirements.txt:1:1 PIN001 andiron deps lock --input requirements.txt, and have Dockerfile install requirements.lock.txt with --require-hashes",
		}},
		{"poetry", []string{"pyproject.toml", asking("app", `"torch"`), "poetry.lock", "[[package]]\nname = \"torch\"\nversion = \"2.7.0\"\nfiles = [{ file = \"torch-2.7.0-py3-none-any.whl\", hash = \"sha256:" + h[len(h)-64:] + "\" }]\n[metadata]\nlock-version = \"2.1\"\npython-versions = \">=3.12\"\n"}, []string{
			"torch: andiron deps update --index-url <the index that poetry installs from> --input pyproject.toml",
		}},
		{"other tools", []string{"Pipfile", "[packages]\ntorch = \"*\"\n"}, []string{"Pipfile PIN003 pipenv lock"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			p := gather(t, tt.files...)
			for _, f := range Check(p, Options{Now: clock}) {
				if f.Severity == finding.Medium {
					got = append(got, fmt.Sprintf("%s %s %s", f.Where, f.Rule, f.Fix))
				}
			}
			for _, u := range p.TorchUses() {
				if u.Version != "" {
					got = append(got, "torch: "+u.Update)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func asking(name, list string, more ...string) string {
	return "[project]\nname = \"" + name + "\"\nversion = \"1\"\ndependencies = [" + list + "]\n" + strings.Join(more, "\n") + "\n"
}

// TestLayouts: what is in order is not reported, and what is not is reported once, at
// its own place.
func TestLayouts(t *testing.T) {
	db := database(t, fixedIn("PYSEC-1", "torch", "2.6.0"), fixedIn("PYSEC-2", "setuptools", "70.0"), fixedIn("PYSEC-3", "numpy", "1.22"))
	build := "[build-system]\nrequires = [\"setuptools>=61\"]"
	for _, tt := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"a lock says which version an exact pin is", []string{"pyproject.toml", asking("app", `"torch==2.7.0"`), "uv.lock", locked("app@.", "torch==2.7.0+cu126")}, []string{
			"uv.lock:8:8 torch 2.7.0+cu126 clean",
		}},
		{"one that does not fit is looked at as it is locked", []string{"pyproject.toml", asking("app", `"torch==2.7.0"`), "uv.lock", locked("app@.", "torch==2.5.0")}, []string{
			"uv.lock:8:8 torch 2.5.0 vulnerable",
			"uv.lock:8:8 PYSEC-1", "pyproject.toml:4:17 PIN004: torch 2.7.0 is asked for, and uv.lock has 2.5.0",
		}},
		{"the build system is in no lock", []string{"pyproject.toml", asking("app", `"torch"`, build), "uv.lock", locked("app@.", "torch==2.7.0")}, []string{
			"pyproject.toml:6:13 setuptools >=61 may-resolve", "uv.lock:8:8 torch 2.7.0 clean",
			"pyproject.toml:6:13 DEP002: setuptools>=61 may resolve to a version that has PYSEC-2",
		}},
		{"extras of the project itself", []string{"pyproject.toml", asking("app", `"torch"`, "[project.optional-dependencies]", `all = ["app[gpu]"]`, `gpu = ["torch"]`), "uv.lock", locked("app@.", "torch==2.7.0")}, []string{
			"uv.lock:8:8 torch 2.7.0 clean",
		}},
		{"members of a workspace", []string{
			"pyproject.toml", asking("app", `"lib"`, "[tool.uv.sources]", "lib = { workspace = true }", "[tool.uv.workspace]", `members = ["packages/*"]`), "packages/lib/pyproject.toml", asking("lib", `"torch"`),
			"uv.lock", locked("app@.", "lib@packages/lib", "torch==2.7.0"),
		}, []string{"uv.lock:12:8 torch 2.7.0 clean"}},
		{"no member", []string{"uv.lock", locked("app@.", "torch==2.7.0"), "tools/pyproject.toml", asking("tools", `"torch"`)}, []string{
			"tools/pyproject.toml:4:17 torch  may-resolve", "uv.lock:8:8 torch 2.7.0 clean",
			"tools/pyproject.toml:4:17 DEP002: torch may resolve to a version that has PYSEC-1",
			"tools/pyproject.toml PIN003: 1 package is asked for in this file, and no lock says what is installed",
		}},
		{"a file that two others read", []string{"requirements/base.txt", "torch==2.5.0\n", "requirements/dev.txt", "-r base.txt\npytest==8.0" + h + "\n", "requirements/prod.txt", "-r base.txt\n"}, []string{
			"requirements/dev.txt:2:1 pytest 8.0 clean", "requirements/base.txt:1:1 torch 2.5.0 vulnerable",
			"requirements/base.txt:1:1 PYSEC-1", "requirements/base.txt:1:1 PIN002: torch 2.5.0 has no hash",
		}},
		{"constraints", []string{"requirements.txt", "-c c.txt\ntorch\nnumpy>=1.21\nclick\n", "c.txt", "torch==2.7.0+cpu\nnumpy>=1.22\nnumpy<2\n"}, []string{
			"requirements.txt:4:1 click  clean", "requirements.txt:3:1 numpy >=1.21 clean", "requirements.txt:2:1 torch 2.7.0+cpu clean",
			"requirements.txt:2:1 PIN002: torch 2.7.0+cpu has no hash",
			"requirements.txt:3:1 PIN001: numpy>=1.21 is not pinned: no lock says which version of the range is installed",
			"requirements.txt:4:1 PIN001: click is not pinned: no version is fixed",
		}},
		{"constraints under markers", []string{"requirements.txt", "-c c.txt\ntorch\n", "c.txt", "torch==2.5.0; python_version < '3.9'\ntorch==2.7.0; python_version >= '3.9'\n"}, []string{
			"requirements.txt:2:1 torch 2.5.0 vulnerable", "requirements.txt:2:1 torch 2.7.0 clean",
			"requirements.txt:2:1 PYSEC-1", "requirements.txt:2:1 PIN002: none of the 2 pinned packages has a hash",
		}},
		{"what was compiled from a file that a container file names", []string{
			"requirements.in", "torch\n", "requirements.txt", "# This file was autogenerated by uv via the following command:\n#    uv pip compile requirements.in\ntorch==2.7.0" + h + "\n",
			"Dockerfile", "FROM python\nCOPY . /app\nRUN pip install -r /app/requirements.txt\n",
		}, []string{"requirements.txt:3:1 torch 2.7.0 clean"}},
		{"requirements and the lock that deps lock writes of them", []string{
			"requirements.txt", "torch==2.7.0\nnumpy>=1.20\n", "requirements.lock.txt", "numpy==2.0" + h + "\ntorch==2.7.0" + h + "\n",
		}, []string{"requirements.lock.txt:1:1 numpy 2.0 clean", "requirements.lock.txt:2:1 torch 2.7.0 clean"}},
		{"requirements that their lock does not fit are looked at as they are", []string{
			"requirements.txt", "torch==2.5.0\nnumpy>=2.1\npytest\nclick==8.0\nsix; sys_platform == 'win32'\n", "requirements.lock.txt", "numpy==2.0" + h + "\ntorch==2.7.0" + h + "\n",
		}, []string{
			"requirements.txt:4:1 click 8.0 clean", "requirements.txt:2:1 numpy >=2.1 clean", "requirements.lock.txt:1:1 numpy 2.0 clean",
			"requirements.txt:3:1 pytest  clean", "requirements.txt:5:1 six  clean", "requirements.txt:1:1 torch 2.5.0 vulnerable", "requirements.lock.txt:2:1 torch 2.7.0 clean",
			"requirements.txt:1:1 PYSEC-1", "requirements.txt:1:1 PIN002: none of the 2 pinned packages has a hash",
			"requirements.txt:1:1 PIN004: torch 2.5.0 is asked for, and requirements.lock.txt has 2.7.0",
			"requirements.txt:2:1 PIN004: numpy>=2.1 is asked for, and requirements.lock.txt has 2.0",
			"requirements.txt:3:1 PIN004: pytest is asked for, and requirements.lock.txt does not have it",
			"requirements.txt:4:1 PIN004: click 8.0 is asked for, and requirements.lock.txt does not have it",
			"requirements.txt:5:1 PIN001: six is not pinned: no version is fixed",
		}},
		{"a release of an index where a repository was asked for", []string{"requirements.txt", "torch @ git+https://github.com/a/torch@v1\n", "requirements.lock.txt", "torch==2.7.0" + h + "\n"}, []string{
			"requirements.txt:1:1 torch  unauditable", "requirements.lock.txt:1:1 torch 2.7.0 clean",
			"requirements.txt:1:1 DEP003: torch is covered by no advisories: a commit of a repository has no advisories",
			`requirements.txt:1:1 PIN013: torch comes from a repository at "v1", which can be moved`,
		}},
		{"what was compiled before the input changed", []string{"requirements.in", "torch>=2.7\n", "requirements.txt", "torch==2.6.1" + h + "\n"}, []string{
			"requirements.in:1:1 torch >=2.7 clean", "requirements.txt:1:1 torch 2.6.1 clean",
			"requirements.in:1:1 PIN004: torch>=2.7 is asked for, and requirements.txt has 2.6.1",
		}},
		{"groups that the compiled file leaves out", []string{
			"pyproject.toml", asking("app", `"torch"`, "[project.optional-dependencies]", `dev = ["pytest"]`), "requirements.txt", "torch==2.7.0" + h + "\n",
		}, []string{
			"pyproject.toml:6:8 pytest  clean", "requirements.txt:1:1 torch 2.7.0 clean",
			"pyproject.toml:6:8 PIN001: pytest is not pinned: no version is fixed",
		}},
		{"what hatch installs is in no lock", []string{"pyproject.toml", asking("app", `"torch"`, "[tool.hatch.envs.test]", `dependencies = ["pytest"]`), "uv.lock", locked("app@.", "torch==2.7.0")}, []string{
			"pyproject.toml:6:17 pytest  clean", "uv.lock:8:8 torch 2.7.0 clean",
			"pyproject.toml:6:17 PIN001: pytest is not pinned: no version is fixed",
		}},
		{"requirements that setuptools reads", []string{
			"pyproject.toml", "[project]\nname = \"app\"\nversion = \"1\"\ndynamic = [\"dependencies\"]\n" + build + "\n[tool.setuptools.dynamic]\ndependencies = { file = [\"requirements.txt\"] }\n", "requirements.txt", "torch==2.7.0" + h + "\n",
		}, []string{
			"pyproject.toml:6:13 setuptools >=61 may-resolve", "requirements.txt:1:1 torch 2.7.0 clean",
			"pyproject.toml:6:13 DEP002: setuptools>=61 may resolve to a version that has PYSEC-2",
		}},
		{"what a build tool writes", []string{"app.egg-info/requires.txt", "torch>=2.0\n", "requirements.txt", "torch==2.7.0" + h + "\n"}, []string{"requirements.txt:1:1 torch 2.7.0 clean"}},
		{"what is installed in one folder goes together", []string{
			"env/site-packages/torch-2.7.0.dist-info/METADATA", "Name: torch\nVersion: 2.7.0+cu126\n", "env/site-packages/torch-2.7.0.dist-info/RECORD", "torch/lib/libtorch.so,,\n",
			"env/site-packages/torchvision-0.16.0.dist-info/METADATA", "Name: torchvision\nVersion: 0.16.0+cu121\n", "env/site-packages/torchvision-0.16.0.dist-info/RECORD", "torchvision/_C.so,,\n",
			"env/site-packages/torch-2.7.0.dist-info/top_level.txt", "torch\n",
		}, []string{
			"env/site-packages/torch-2.7.0.dist-info/METADATA:1:1 torch 2.7.0+cu126 clean", "env/site-packages/torchvision-0.16.0.dist-info/METADATA:1:1 torchvision 0.16.0+cu121 clean",
			"env/site-packages/torch-2.7.0.dist-info/METADATA:1 PIN020: torch 2.7.0+cu126 (env/site-packages/torch-2.7.0.dist-info/METADATA:1) goes with release train 2.7 of torch, and torchvision 0.16.0+cu121 (env/site-packages/torchvision-0.16.0.dist-info/METADATA:1) with 2.1",
		}},
		{"what a distribution brings, eggs among it", []string{
			"usr/lib/python3/dist-packages/torch-2.5.1+debian.dist-info/METADATA", "Name: torch\nVersion: 2.5.1+debian\n",
			"usr/lib/python3/dist-packages/torch-2.5.1+debian.dist-info/direct_url.json", `{"dir_info": {}, "url": "file:///build/pytorch"}`,
			"usr/lib/python3/dist-packages/numpy-1.26.egg-info/PKG-INFO", "Name: numpy\nVersion: 1.26.0\n",
			"usr/lib/python3/dist-packages/six-1.16.egg-info", "Name: six\nVersion: 1.16.0\n",
		}, []string{
			"usr/lib/python3/dist-packages/numpy-1.26.egg-info:1:1 numpy 1.26.0 clean",
			"usr/lib/python3/dist-packages/six-1.16.egg-info:1:1 six 1.16.0 clean",
			"usr/lib/python3/dist-packages/torch-2.5.1+debian.dist-info/METADATA:1:1 torch 2.5.1+debian vulnerable",
			"usr/lib/python3/dist-packages/torch-2.5.1+debian.dist-info/METADATA:1:1 PYSEC-1",
		}},
		{"one container file, two commands, three indexes", []string{
			"Dockerfile", "FROM a\nENV PIP_INDEX_URL=https://index.example/simple\nCOPY needs/prod.txt /opt/r.txt\nRUN pip install torch==2.7.0 --index-url https://wheels.example/whl/cpu\nRUN pip install -r /opt/r.txt --extra-index-url https://private.example/simple\n",
			"needs/prod.txt", "click==8.1.7\n",
		}, []string{
			"needs/prod.txt:1:1 click 8.1.7 clean", "Dockerfile:4:1 torch 2.7.0 clean",
			"Dockerfile:4:1 PIN002: torch 2.7.0 has no hash",
			"Dockerfile:5 PIN010: 1 package comes from whichever index has the highest version: \"https://private.example/simple\" is searched beside the others",
			"needs/prod.txt:1:1 PIN002: click 8.1.7 has no hash",
		}},
		{"notebooks, of which most install nothing", []string{
			"nb/train.ipynb", `{"cells": [{"cell_type": "code", "source": "!git clone x && cd x\n%pip install -r requirements.txt"}, {"cell_type": "code", "source": "!pip install torch==2.5.0"}]}`,
			"nb/plain.ipynb", `{"cells": [{"cell_type": "code", "source": "import torch"}]}`, "requirements.txt", "click==8.1.7" + h + "\n",
		}, []string{
			"requirements.txt:1:1 click 8.1.7 clean", "nb/train.ipynb:1:1 torch 2.5.0 vulnerable",
			"nb/train.ipynb:1:1 PYSEC-1", "nb/train.ipynb:1:1 PIN002: torch 2.5.0 has no hash",
		}},
		{"a notebook of nbformat 3", []string{"old.ipynb", `{"worksheets": [{"cells": [{"cell_type": "code", "input": ["!pip install torch==2.5.0"]}]}], "nbformat": 3}`}, []string{
			"old.ipynb:1:1 torch 2.5.0 vulnerable", "old.ipynb:1:1 PYSEC-1", "old.ipynb:1:1 PIN002: torch 2.5.0 has no hash",
		}},
		{"a notebook that installs nothing says nothing", []string{"plain.ipynb", `{"cells": [{"cell_type": "code", "source": "import torch"}]}`}, []string{". DEP007: no file says what the project depends on"}},
		{"a lock that is broken is not a lock that is missing", []string{"pyproject.toml", asking("app", `"torch==2.7.0"`), "uv.lock", "version = 1\n[[package]\n"}, []string{
			"pyproject.toml:4:17 torch 2.7.0 clean",
			"uv.lock:2 DEP006: column 10: not TOML: expected ']]' to close array table name",
			"pyproject.toml PIN003: 1 package is asked for in this file, and uv.lock could not be read",
		}},
		{"a compiled file that limits another one", []string{
			"requirements.in", "torch\n", "requirements.txt", "# This file is autogenerated by pip-compile with Python 3.12\n# by the following command:\n#\n#    pip-compile requirements.in\n#\ntorch==2.5.0" + h + "\n",
			"dev.in", "-c requirements.txt\ntorch\npytest\n", "dev.txt", "# This file is autogenerated by pip-compile with Python 3.12\n# by the following command:\n#\n#    pip-compile dev.in\n#\npytest==8.0" + h + "\ntorch==2.5.0" + h + "\n",
		}, []string{
			"dev.txt:6:1 pytest 8.0 clean", "dev.txt:7:1 torch 2.5.0 vulnerable", "requirements.txt:6:1 torch 2.5.0 vulnerable", "dev.txt:7:1 PYSEC-1", "requirements.txt:6:1 PYSEC-1",
		}},
		{"an environment of conda and its lock", []string{
			"environment.yml", "channels: [conda-forge]\ndependencies:\n  - python=3.10\n  - pytorch>=2.1\n",
			"conda-lock.yml", "version: 1\nmetadata:\n  channels: [{url: conda-forge}]\npackage:\n- {name: python, version: 3.10.13, manager: conda, platform: linux-64, dependencies: {}, url: 'https://conda.example/conda-forge/linux-64/python-3.10.13-0.conda', hash: {sha256: " + h[len(h)-64:] + "}}\n" +
				"- {name: pytorch, version: 2.5.0, manager: conda, platform: linux-64, dependencies: {}, url: 'https://conda.example/conda-forge/linux-64/pytorch-2.5.0-0.conda', hash: {sha256: " + h[len(h)-64:] + "}}\n",
		}, []string{
			"conda-lock.yml:5:10 python 3.10.13 unauditable", "conda-lock.yml:6:10 pytorch 2.5.0 vulnerable",
			"conda-lock.yml:5:10 DEP003: python 3.10.13 is covered by no advisories: " + byConda, "conda-lock.yml:6:10 PYSEC-1",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := all(t, gather(t, tt.files...), db)
			for i, line := range got {
				if where, rest, ok := strings.Cut(line, " DEP001: "); ok && strings.Contains(rest, "PYSEC-1") {
					got[i] = where + " PYSEC-1"
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

// TestComplete: of a database of many advisories, with one version each that it is
// known to affect, none is missed on the whole way from a uv.lock to the report,
// whatever build the version is.
func TestComplete(t *testing.T) {
	const n = 2700
	r := rand.New(rand.NewPCG(7, 11))
	records, lock := make([]string, n), make([]string, n)
	ids := make([]string, n)
	for i := range n {
		name, v := fmt.Sprintf("package-%d", i), fmt.Sprintf("%d.%d.%d", r.IntN(30), r.IntN(20), r.IntN(9))
		ids[i], records[i] = fmt.Sprintf("PYSEC-2026-%d", i), ""
		switch i % 3 {
		case 0:
			records[i] = fixedIn(ids[i], name, v+".1")
		case 1:
			records[i] = strings.ReplaceAll(fixedIn(ids[i], name, v), `{"fixed": "`+v+`"}`, `{"last_affected": "`+v+`"}`)
		case 2:
			records[i] = fmt.Sprintf(`{"id": %q, "modified": "2027-01-09T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI", "name": %q}, "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}], "versions": [%q]}]}`, ids[i], name, v)
		}
		lock[i] = name + "==" + v
	}
	db := database(t, records...)
	for _, local := range []string{"", "+cu118", "+cpu"} {
		with := make([]string, n)
		for i := range lock {
			with[i] = lock[i] + local
		}
		p := gather(t, "uv.lock", locked(with...))
		res, err := Scan(p, Options{Advisories: db, Source: Source{Name: "test", Date: clock}, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, f := range res.Findings {
			if f.Rule == vulnerable.ID && strings.HasSuffix(f.Package.Version, local) {
				found[f.Advisory.ID] = true
			}
		}
		missed := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return found[id] })
		if len(missed) > 0 || len(res.Dependencies) != n {
			t.Errorf("with %q %d of %d are missed, first %q; %d packages", local, len(missed), n, missed[:min(3, len(missed))], len(res.Dependencies))
		}
	}
}

// A rating is kept, whoever reaches the hole; without one that is asked.
func TestSeverity(t *testing.T) {
	for _, tt := range []struct {
		level, reach string
		want         finding.Severity
	}{
		{"critical", "code", finding.Critical},
		{"high", "code", finding.High},
		{"medium", "file", finding.Medium},
		{"low", "file", finding.Low},
		{"none", "", finding.Low},
		{"", "code", finding.Medium},
		{"", "file", finding.High},
		{"", "", finding.High},
	} {
		h := advisory.Hit{Severity: osv.Severity{Level: tt.level}, Fact: advisory.Fact{Reach: tt.reach}}
		if got := severityOf(h); got != tt.want {
			t.Errorf("%q, reached by %q: %v", tt.level, tt.reach, got)
		}
	}
}

func TestDated(t *testing.T) {
	for age, want := range map[time.Duration]string{
		0: "", 7 * 24 * time.Hour: "", -time.Hour: "", 8 * 24 * time.Hour: "the newest advisory at hand is of 2027-01-02, 8 days ago",
		-48 * time.Hour: "the advisories at hand are of 2027-01-12, which is not yet: how old they are cannot be told",
	} {
		got := ""
		for _, f := range Dated(Options{Now: clock, Source: Source{Date: clock.Add(-age)}}) {
			got += f.Message
		}
		if got != want {
			t.Errorf("%v: %q", age, got)
		}
	}
}

// A small file whose packages have very many vulnerabilities ends the scan.
func TestManyFindings(t *testing.T) {
	var records []string
	for i := range 400 {
		records = append(records, fixedIn(fmt.Sprintf("PYSEC-2027-%d", i), "a", "2.0"))
	}
	for lines, want := range map[int]bool{10: true, maxFindings/400 + 1: false} {
		dir := write(t, "requirements.txt", strings.Repeat("a==1.0\n", lines))
		p, err := Collect(t.Context(), dir, []string{dir})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Scan(p, Options{Advisories: database(t, records...), Now: clock})
		if (err == nil) != want || err != nil && !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%d lines: %v", lines, err)
		}
	}
}

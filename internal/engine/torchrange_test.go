package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTorchRanges: every form of file says which torch the code beside and beneath it
// runs with.
func TestTorchRanges(t *testing.T) {
	for _, tt := range []struct {
		name string
		file map[string]string
		of   string // a file of code; empty is a.py
		want string
	}{
		{"requirements", map[string]string{"requirements.txt": "torch>=2.1\n"}, "", "requirements.txt: torch>=2.1"},
		{"one that another names", map[string]string{"requirements.txt": "-r more/base.list\n", "more/base.list": "torch==2.2.1\n"}, "more/a.py", "more/base.list: torch==2.2.1"},
		{"a constraint", map[string]string{"requirements.txt": "torch\n-c limits.txt\n", "limits.txt": "torch==2.3.0\n"}, "", "requirements.txt: torch==2.3.0"},
		{"a folder of them", map[string]string{"requirements/gpu.txt": "torch==2.4.0+cu121\n"}, "", "requirements/gpu.txt: torch==2.4.0+cu121"},
		{"pyproject", map[string]string{"pyproject.toml": "[project]\nname='x'\ndependencies=['torch[opt]>=2.0,<3']\n"}, "", "pyproject.toml: torch>=2.0,<3"},
		{"poetry", map[string]string{"pyproject.toml": "[tool.poetry]\nname='x'\n[tool.poetry.dependencies]\ntorch='^2.7'\n"}, "", "pyproject.toml: torch>=2.7,<3"},
		{"setup.cfg", map[string]string{"setup.cfg": "[options]\ninstall_requires =\n  torch~=2.5\n"}, "", "setup.cfg: torch~=2.5"},
		{"setup.py", map[string]string{"setup.py": "from setuptools import setup\nneeds = ['torch>=1.10']\nsetup(name='x', install_requires=needs)\n"}, "", "setup.py: torch>=1.10"},
		{"setup.py in words", map[string]string{"setup.py": "from setuptools import setup\nassert v >= [1, 8], 'Requires PyTorch >= 1.8'\nsetup(name='x')\n"}, "", "setup.py: PyTorch >= 1.8"},
		{"setup.py in words beside a container file", map[string]string{"setup.py": "assert v >= [1, 8], 'Requires PyTorch >= 1.8'\n", "docker/Dockerfile": "FROM python\nRUN pip install torch==2.0.0\n"}, "", "setup.py: PyTorch >= 1.8"},
		{"Pipfile", map[string]string{"Pipfile": "[packages]\ntorch = '==2.0.1'\n"}, "", "Pipfile: torch==2.0.1"},
		{"a lock instead of what it locks", map[string]string{
			"pyproject.toml": "[project]\nname='x'\nversion='1'\ndependencies=['torch>=1.13']\n",
			"uv.lock":        "version = 1\nrequires-python = '>=3.10'\n[[package]]\nname = 'torch'\nversion = '2.9.1'\nsource = { registry = 'https://pypi.org/simple' }\n[[package]]\nname = 'x'\nversion = '1'\nsource = { virtual = '.' }\ndependencies = [{ name = 'torch' }]\n",
		}, "", "uv.lock: torch==2.9.1"},
		{"poetry.lock", map[string]string{"poetry.lock": "[[package]]\nname = 'torch'\nversion = '2.5.1'\noptional = false\n[metadata]\nlock-version = '2.1'\npython-versions = '*'\ncontent-hash = 'x'\n"}, "", "poetry.lock: torch==2.5.1"},
		{"conda", map[string]string{"environment.yaml": "dependencies:\n  - python=3.8\n  - pytorch=1.11.0\n"}, "", "environment.yaml: torch==1.11.0.*"},
		{"conda by another name", map[string]string{"envs/my-env.yml": "channels: [pytorch]\ndependencies:\n  - pytorch>=2.1\n"}, "", "envs/my-env.yml: torch>=2.1"},
		{"a container file", map[string]string{"docker/Dockerfile": "FROM python\nRUN pip install --no-cache-dir torch==2.0.0 numpy\n"}, "", "docker/Dockerfile: torch==2.0.0"},
		{"the next folder above", map[string]string{"requirements.txt": "torch>=2.6\n", "old/requirements.txt": "torch==1.4\n"}, "old/x/y/a.py", "old/requirements.txt: torch==1.4"},
		{"not one beside", map[string]string{"requirements.txt": "torch>=2.6\n", "old/requirements.txt": "torch==1.4\n"}, "new/a.py", "requirements.txt: torch>=2.6"},
		{"the older of two", map[string]string{"requirements.txt": "torch>=2.6\n", "setup.cfg": "[options]\ninstall_requires = torch>=1.9\n"}, "", "setup.cfg: torch>=1.9"},
		{"one without a version", map[string]string{"requirements.txt": "torch\ntorchvision==0.9\n"}, "", ": "},
		{"one that does not parse", map[string]string{"pyproject.toml": "[project\n", "requirements.txt": "torch>=2.1\n"}, "", "requirements.txt: torch>=2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range tt.file {
				if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := torchRanges(t.Context(), ".")
			of := tt.of
			if of == "" {
				of = "a.py"
			}
			if got := r.of(of).Evidence(); got != tt.want {
				t.Errorf("%s goes by %q, want %q", of, got, tt.want)
			}
		})
	}
}

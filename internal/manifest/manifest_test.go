package manifest

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// identified are paths with the first bytes of their files.
var identified = []struct {
	path, head string
	want       Kind
}{
	{"requirements.txt", "", Requirements},
	{"requirements-dev.txt", "", Requirements},
	{"dev_requirements.in", "", Requirements},
	{"requirements/base.txt", "", Requirements},
	{`requirements\gpu.in`, "", Requirements},
	{"requirements/README.txt", "Some text that is none.\n", ""},
	{"a/constraints-gpu.txt", "", Requirements},
	{"deps/gpu.txt", "torch==2.1.0 \\\n  --hash=sha256:00\nnumpy\nscip", Requirements},
	{"reqs.txt", "-r base.txt\n--extra-index-url https://x.example/simple\n", Requirements},
	{"reqs.in", "# comment\n\ntorch>=2\n", Requirements},
	{"bom.txt", "\xff\xfet\x00o\x00r\x00c\x00h\x00=\x00=\x001\x00\n\x00", Requirements},
	{"names.txt", "numpy\nscipy\n", ""},
	{"notes.txt", "torch==2.1.0 is old\n", ""},
	{"links.txt", "https://a.example\n", ""},
	{"list.txt", "--what\n", ""},
	{"empty.txt", "", ""},
	{"CMakeLists.txt", "project(x)\n", ""},
	{"MANIFEST.in", "include x==1\n", ""},
	{"sub/pyproject.toml", "", PyProject},
	{"Cargo.toml", "", ""},
	{"setup.cfg", "", SetupCfg},
	{"setup.py", "", SetupPy},
	{"poetry.lock", "", PoetryLock},
	{"uv.lock", "", UVLock},
	{"pdm.lock", "", PDMLock},
	{"Cargo.lock", "", ""},
	{"Pipfile", "", Pipfile},
	{"Pipfile.lock", "", PipfileLock},
	{"pylock.toml", "", PyLock},
	{"pylock.gpu.toml", "", PyLock},
	{"environment.yml", "", CondaEnv},
	{"conda/environment-gpu.yaml", "name: x\ndependencies:\n- a\n", CondaEnv},
	{"gpu.yml", "channels: [a]\ndependencies: [b]\n", CondaEnv},
	{"environment-notes.yml", "name: x\n", ""},
	{"ci.yml", "dependencies:\n", ""},
	{"conda-lock.yml", "", CondaLock},
	{"gpu.conda-lock.yml", "", CondaLock},
	{"env/conda-meta/torch-2.1.json", "", CondaInstalled},
	{"env/conda-meta/history", "", ""},
	{"site-packages/torch-2.1.dist-info", "", Installed},
	{"site-packages/torch-2.1.dist-info/METADATA", "", Installed},
	{"site-packages/torch-2.1.dist-info/RECORD", "", ""},
	{"Dockerfile", "", Dockerfile},
	{"docker/Dockerfile.gpu", "", Dockerfile},
	{"gpu.Dockerfile", "", Dockerfile},
	{"Containerfile", "", Dockerfile},
	{"Dockerfiles/x", "", ""},
	{"notebooks/Train.ipynb", "", Notebook},
}

func TestIdentify(t *testing.T) {
	for _, tt := range identified {
		got, ok := Identify(tt.path, []byte(tt.head))
		if !ok {
			got = ""
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		secret   bool
	}{
		{"https://index.example/simple", "https://index.example/simple", false},
		{"https://user:pw@index.example/simple", "https://index.example/simple", true},
		{"https://token@index.example:8443/a@b", "https://index.example:8443/a@b", true},
		{"https://a@b:c@d@index.example", "https://index.example", true},
		{"https://${U}:${P}@index.example", "https://index.example", false},
		{"https://user:${P}@index.example", "https://index.example", false},
		{"https://user:${P}x@index.example", "https://index.example", true},
		{"https://$P@index.example", "https://index.example", false},
		{"https://user:@index.example", "https://index.example", false},
		{"ssh://git@host.example/x", "ssh://git@host.example/x", false},
		{"ssh://git:pw@host.example/x", "ssh://host.example/x", true},
		{"https://index.example/a?b=c@d", "https://index.example/a?b=c@d", false},
		{"../a@b", "../a@b", false},
	} {
		got, secret := address(tt.in)
		if got != tt.want || secret != tt.secret {
			t.Errorf("%s: got %q %v, want %q %v", tt.in, got, secret, tt.want, tt.secret)
		}
	}
}

// TestProblemsKeepNoSecrets holds what is said of a line to what may be shown.
func TestProblemsKeepNoSecrets(t *testing.T) {
	src := "x y @ https://user:hunter2@a.example/x https://me:hunter2@b.example\n" +
		"--bad=https://user:hunter2@a.example\n-r https://u:hunter2@c.example/r.txt\nhttps://u:hunter2@d.example/x\n--hash=https://u:hunter2@x\n" +
		"a --hash=https://u:hunter2@x\n-e git+https://u:hunter2@d.example/x -e git+https://u:hunter2@d.example/y\n"
	f, err := Read(Requirements, "x", []byte(src), Limits{})
	if err != nil || len(f.Problems) < 5 {
		t.Fatalf("got %v, %v", f, err)
	}
	if got := describe(f, nil); strings.Contains(got, "hunter2") {
		t.Errorf("a secret is shown:\n%s", got)
	}
}

func TestDistribution(t *testing.T) {
	for in, want := range map[string][2]string{
		"torch-2.1.0+cu118-cp310-cp310-linux_x86_64.whl": {"torch", "2.1.0+cu118"},
		"torch-2.1.0-1-cp310-cp310-linux_x86_64.whl":     {"torch", "2.1.0"},
		"torch-2.1.0.whl":               {"", ""},
		"flash-attn-2.5.tar.gz":         {"flash-attn", "2.5"},
		"my-2nd-package-1.0.zip":        {"my-2nd-package", "1.0"},
		"name.zip":                      {"", ""},
		"torch-2.1.0-py3-none-any.html": {"", ""},
		".whl":                          {"", ""},
		"":                              {"", ""},
	} {
		name, version := distribution(in)
		if got := [2]string{name, version}; got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestPoetrySpecifier(t *testing.T) {
	for in, want := range map[string]string{
		"^1.2.3": ">=1.2.3,<2", "^1.2": ">=1.2,<2", "^1": ">=1,<2", "^0.2.3": ">=0.2.3,<0.3", "^0.2": ">=0.2,<0.3", "^0.0.3": ">=0.0.3,<0.0.4",
		"^0.0": ">=0.0,<0.1", "^0": ">=0,<1", "^2.0.0b1": ">=2.0.0b1,<3", "~1.2.3": ">=1.2.3,<1.3", "~1.2": ">=1.2,<1.3", "~1": ">=1,<2",
		"~=1.2": "~=1.2", "~=1": ">=1,<2", "x": "", "1.2.3": "==1.2.3", "=1.2": "==1.2", "==1.2": "==1.2", "1.2.*": "==1.2.*", "1.*": "==1.*", "*": "",
		">=1,<2": ">=1,<2", ">= 1 , < 2": ">=1,<2", ">=1 <2 !=1.5": ">=1,<2,!=1.5", "^2.1.0+cu118": ">=2.1.0+cu118,<3",
		"1 || 2": ">=1,<=2", "^1.26 || ^2.0": ">=1.26,<3", "^2|^1": ">=1,<3", "<1.0 || >=2.0": "", ">=1,<2 || 2.*": "",
		"2.0 || <2": "<=2.0", "1.0+cu118 || >1.0,!=3": ">=1.0", "<=2 || <2": "<=2", ">1 || >1.0": ">=1",
	} {
		got, problem := poetrySpecifier(in)
		if in == "^2.1.0+cu118" { // PEP 440 has no ranges of local versions
			if problem == "" {
				t.Errorf("%s: got %q", in, got)
			}
			continue
		}
		if got != want || problem != "" {
			t.Errorf("%s: got %q (%s), want %q", in, got, problem, want)
		}
	}
	for _, in := range []string{"1 || ^", "^", "~x", "three", ">", ">=1 <", "1!^2"} {
		if got, problem := poetrySpecifier(in); problem == "" {
			t.Errorf("%s: got %q, want a problem", in, got)
		}
	}
}

// TestReadInstalledUnreadable tells a file that is not there from one that cannot
// be read.
func TestReadInstalledUnreadable(t *testing.T) {
	locked := errors.New("permission denied")
	open := func(fail string, with error) func(string) ([]byte, error) {
		return func(name string) ([]byte, error) {
			switch name {
			case fail:
				return nil, with
			case "METADATA":
				return []byte("Name: a\nVersion: 1\n"), nil
			case "RECORD":
				return []byte("a.py,,\n"), nil
			}
			return nil, fs.ErrNotExist
		}
	}
	if f, err := ReadInstalled("a-1.dist-info", open("METADATA", locked), Limits{}); !errors.Is(err, locked) || f != nil {
		t.Errorf("got %v, %v", f, err)
	}
	f, err := ReadInstalled("a-1.dist-info", open("direct_url.json", locked), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Problem{{0, "direct_url.json cannot be read: permission denied"}}
	if diff := cmp.Diff(want, f.Problems); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if f, err = ReadInstalled("a-1.dist-info", open("RECORD", fs.ErrNotExist), Limits{}); err != nil || f.Packages[0].Record != nil || len(f.Problems) != 0 {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestReadNotAlone(t *testing.T) {
	for _, kind := range []Kind{Installed, "other"} {
		if f, err := Read(kind, "x", nil, Limits{}); err == nil {
			t.Errorf("%s: got %v", kind, f)
		}
	}
}

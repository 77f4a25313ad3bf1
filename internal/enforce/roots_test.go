package enforce

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestBeneath(t *testing.T) {
	for _, c := range []struct {
		path string
		want bool
	}{
		{"/srv/models", true},
		{"/srv/models/a.pt", true},
		{"/srv/models2/a.pt", false},
		{"/srv", false},
		{"/one/file.pt", true},
	} {
		if got := Beneath(c.path, []string{"/srv/models", "/one/"}); got != c.want {
			t.Errorf("%s: %v", c.path, got)
		}
	}
}

func TestRoots(t *testing.T) {
	dir := Real([]string{t.TempDir()})[0]
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("python/bin/python3", "")
	write("python/lib/python3.12/os.py", "")
	write("venv/pyvenv.cfg", "home = "+dir+"/python/bin\nversion = 3.12\n")
	write("venv/bin/serve", "#!"+dir+"/venv/bin/python3\n")
	write("pyenv/shims/python", "#!/bin/sh\n")
	write("app/bin/tool", "#!/bin/sh\n")
	write("home/.local/lib/python3.12/site-packages/x.py", "")
	if err := os.Symlink(dir+"/python/bin/python3", dir+"/venv/bin/python3"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		program string
		want    []string
	}{
		{"venv/bin/python3", []string{"home/.local/lib/python3.12", "python", "venv"}},
		{"venv/bin/serve", []string{"home/.local/lib/python3.12", "python", "venv"}},
		{"pyenv/shims/python", []string{"home/.local/lib/python3.12", "pyenv"}},
		{"app/bin/tool", []string{"home/.local/lib/python3.12"}}, // a bin beside models is no Python
	} {
		var got []string
		for _, r := range Roots(filepath.Join(dir, c.program), filepath.Join(dir, "home")) {
			if rel, err := filepath.Rel(dir, r); err == nil && filepath.IsLocal(rel) {
				got = append(got, rel)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.program, got, c.want)
		}
	}
}

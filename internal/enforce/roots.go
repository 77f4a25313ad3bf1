package enforce

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// system are folders of the system, which only root can write to.
var system = []string{"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/nix/store", "/gnu/store"}

// Kernel are folders that every program reads: what the kernel says of itself, and who
// answers for names of hosts.
var Kernel = []string{"/proc", "/sys", "/run/systemd/resolve", "/run/resolvconf", "/run/nscd"}

// Find is the file that a name stands for, as a shell has it.
func Find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// Roots are the folders that a program's code is read from: those of the system, and of
// the Python that it is or that runs it, with what the user installed for that.
func Roots(program, home string) (list []string) {
	list = append(list, system...)
	for _, p := range []string{program, interpreter(program)} {
		if p == "" {
			continue
		}
		list = append(list, installed(p)...)
		if path, err := filepath.EvalSymlinks(p); err == nil {
			list = append(list, installed(path)...)
		}
	}
	if home != "" {
		sites, _ := filepath.Glob(filepath.Join(home, ".local/lib/python3*")) // the pattern is a good one
		list = append(list, sites...)
	}
	return Real(list)
}

// Real follows the links of paths, and leaves out what is not there.
func Real(paths []string) (list []string) {
	for _, p := range paths {
		if path, err := filepath.EvalSymlinks(p); err == nil {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// interpreter is who runs a script, or empty.
func interpreter(path string) string {
	f, err := os.Open(path) //nolint:gosec // the user names the program
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }() // it was only read
	head := make([]byte, 256)
	n, _ := f.Read(head) // a file of nothing has no interpreter
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	switch {
	case !bytes.HasPrefix(line, []byte("#!")) || len(words) == 0:
		return ""
	case filepath.Base(words[0]) == "env" && len(words) > 1:
		found, _ := Find(words[len(words)-1]) // or empty
		return found
	}
	return words[0]
}

// installed are the folders of a Python whose program lies at path: its own, and that
// of the one that its environment was made from. What lies in shims chooses one of those
// that pyenv and its like have beside that folder.
func installed(path string) (list []string) {
	if dir := filepath.Dir(path); filepath.Base(dir) == "shims" && filepath.Dir(dir) != "/" {
		return []string{filepath.Dir(dir)}
	}
	if filepath.Base(filepath.Dir(path)) != "bin" {
		return nil
	}
	prefix := filepath.Dir(filepath.Dir(path))
	libraries, _ := filepath.Glob(filepath.Join(prefix, "lib/python3*")) // the pattern is a good one
	if len(libraries) > 0 && prefix != "/" {
		list = append(list, prefix)
	}
	settings, err := os.ReadFile(filepath.Join(prefix, "pyvenv.cfg")) //nolint:gosec // of that program
	if err != nil {
		return list
	}
	for line := range strings.Lines(string(settings)) {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "home" && filepath.Dir(strings.TrimSpace(value)) != "/" {
			list = append(list, filepath.Dir(strings.TrimSpace(value)))
		}
	}
	return append(list, prefix)
}

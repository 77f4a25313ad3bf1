package manifest

import (
	"bytes"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep508"
)

// Identify says what a file is by its path and, where names do not tell, by its
// first bytes; some thousand are enough. A folder *.dist-info and its METADATA are
// Installed.
func Identify(name string, head []byte) (Kind, bool) {
	name = strings.ReplaceAll(name, `\`, "/")
	base, dir := path.Base(name), path.Base(path.Dir(name))
	if k := byName(base); k != "" {
		return k, true
	}
	low, dir := strings.ToLower(base), strings.ToLower(dir)
	switch {
	case strings.HasPrefix(low, "pylock.") && strings.HasSuffix(low, ".toml"):
		return PyLock, true
	case strings.HasSuffix(low, ".dist-info"), low == "metadata" && strings.HasSuffix(dir, ".dist-info"):
		return Installed, true
	case dir == "conda-meta" && strings.HasSuffix(low, ".json"):
		return CondaInstalled, true
	case low == "dockerfile", low == "containerfile", strings.HasSuffix(low, ".dockerfile"), strings.HasSuffix(low, ".containerfile"),
		strings.HasPrefix(low, "dockerfile."), strings.HasPrefix(low, "containerfile."):
		return Dockerfile, true
	case strings.HasSuffix(low, ".ipynb"):
		return Notebook, true
	case strings.HasSuffix(low, ".yml"), strings.HasSuffix(low, ".yaml"):
		return condaKind(low, head)
	case strings.HasSuffix(low, ".py.lock"): // of a script
		return UVLock, true
	case strings.HasPrefix(low, "conda-") && strings.HasSuffix(low, ".lock"):
		return CondaExplicit, true
	case strings.HasSuffix(low, ".txt"), strings.HasSuffix(low, ".in"), strings.HasSuffix(low, ".pip"), strings.HasSuffix(low, ".lock"):
		if isExplicit(head) {
			return CondaExplicit, true
		}
		return Requirements, isRequirements(low, dir, head)
	}
	return "", false
}

// LockName is what the requirements that are compiled from a file are called, beside it.
func LockName(source string) string {
	dir, base := path.Split(source)
	switch {
	case strings.HasSuffix(base, ".in"):
		return dir + strings.TrimSuffix(base, ".in") + ".txt"
	case base == "pyproject.toml":
		return dir + "requirements.txt"
	}
	return dir + strings.TrimSuffix(base, path.Ext(base)) + ".lock.txt"
}

// byName knows the files that have one name.
func byName(base string) Kind {
	switch base {
	case "pyproject.toml":
		return PyProject
	case "setup.cfg":
		return SetupCfg
	case "setup.py":
		return SetupPy
	case "poetry.lock":
		return PoetryLock
	case "uv.lock":
		return UVLock
	case "uv.toml":
		return UVConfig
	case "pdm.lock":
		return PDMLock
	case "Pipfile":
		return Pipfile
	case "Pipfile.lock":
		return PipfileLock
	case "pylock.toml":
		return PyLock
	case "conda-lock.yml", "conda-lock.yaml":
		return CondaLock
	}
	return ""
}

func condaKind(low string, head []byte) (Kind, bool) {
	if strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(low, ".yml"), ".yaml"), "conda-lock") {
		return CondaLock, true
	}
	if low == "environment.yml" || low == "environment.yaml" {
		return CondaEnv, true
	}
	if !hasKey(head, "dependencies") {
		return "", false
	}
	if hasKey(head, "channels") || strings.Contains(low, "environment") || strings.Contains(low, "conda") || strings.HasPrefix(low, "env") {
		return CondaEnv, true
	}
	return "", false
}

// hasKey reports a key at the beginning of a line.
func hasKey(head []byte, key string) bool {
	key += ":"
	return bytes.HasPrefix(head, []byte(key)) || bytes.Contains(head, []byte("\n"+key))
}

// isRequirements knows requirements by common names and places, and by what they
// hold.
func isRequirements(low, dir string, head []byte) bool {
	if low == "manifest.in" {
		return false
	}
	if strings.Contains(low, "requirements") || strings.Contains(low, "constraints") {
		return true
	}
	if (dir == "requirements" || dir == "constraints") && !strings.HasPrefix(low, "readme") {
		return true
	}
	return looksRequired(head)
}

// looksRequired reports text of which every line is what pip takes, and one of
// them says a version or is an option.
func looksRequired(head []byte) bool {
	s, _, err := decode(head)
	if err != nil || s == "" {
		return false
	}
	if i := strings.LastIndexByte(s, '\n'); i > 0 {
		s = s[:i] // the last line may be cut
	}
	sure := 0
	for _, line := range lines(s) {
		body, _ := cutComment(strings.TrimRight(line, " \t\\"))
		if body == "" {
			continue
		}
		if body[0] == '-' {
			if !knownOption(body) {
				return false
			}
			sure++
			continue
		}
		args, _ := breakOptions(body)
		if hasSchemeOrVCS(args) || looksLocal(args) {
			if _, vcs := vcsOf(args); vcs {
				sure++
			}
			continue // a list of addresses or files alone is anything
		}
		req, err := pep508.Parse(args)
		if err != nil {
			return false
		}
		if req.SpecifierText != "" {
			sure++
		}
	}
	return sure > 0
}

func knownOption(line string) bool {
	word, _, _ := strings.Cut(line, " ")
	name, _, _ := strings.Cut(word, "=")
	for i := range pipOptions {
		o := &pipOptions[i]
		if name == o.name || o.short != 0 && word == "-"+string(rune(o.short)) {
			return true
		}
	}
	return false
}

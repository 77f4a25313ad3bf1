package code

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Torch is what the project's requirements say about torch. The zero value says
// nothing.
type Torch struct {
	major, minor int
	spec, file   string
}

// Known reports whether a lower bound is stated.
func (t Torch) Known() bool { return t.spec != "" }

// AtLeast reports whether every version that is allowed is at least this one.
func (t Torch) AtLeast(major, minor int) bool {
	return t.Known() && (t.major > major || t.major == major && t.minor >= minor)
}

// Evidence says where the range is stated.
func (t Torch) Evidence() string { return t.file + ": " + t.spec }

// merge keeps the older of two lower bounds: each file may be the one installed.
func (t Torch) merge(u Torch) Torch {
	if !t.Known() || u.Known() && !u.AtLeast(t.major, t.minor) {
		return u
	}
	return t
}

// RequirementFile reports whether the room reads requirements from files of a name.
func RequirementFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	switch base {
	case "pyproject.toml", "setup.py", "setup.cfg", "pipfile", "environment.yml", "environment.yaml", "conda.yml", "conda.yaml":
		return true
	}
	return strings.HasPrefix(base, "requirements") && (strings.HasSuffix(base, ".txt") || strings.HasSuffix(base, ".in"))
}

// torch and its version as requirements, Poetry, Pipenv and conda write them.
var torchRE = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:^|[\s"'\[,])(?:py)?torch["']?\s*(?:\[[\w,\s-]*\])?\s*[=:]?\s*["(]?\s*(===?|~=|>=|>|\^|~|=)\s*v?(\d+)(?:\.(\d+))?[\w.+*]*`)
})

// Requirements reads what a file states about torch, and merges it into t.
func (t Torch) Requirements(file string, text string) Torch {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		m := torchRE().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		major, err := strconv.Atoi(m[2])
		minor := 0
		if err == nil && m[3] != "" {
			minor, err = strconv.Atoi(m[3])
		}
		if err == nil {
			t = t.merge(Torch{major, minor, strings.Trim(strings.TrimSpace(m[0]), `"'[,`), file})
		}
	}
	return t
}

package pyindex

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep508"
)

// Name is what the name of a file says.
type Name struct {
	Project string // as written
	Version string // as written, "2.1.0+cu118"
	Wheel   bool   // or a source distribution
	Build   string // of a wheel, "1local"
	// Tags of a wheel: each of the first works with each of the second and the third.
	Python, ABI, Platform []string
}

// maxName is how long a file name may be.
const maxName = 1024

// ParseName takes the name of a wheel or a source distribution apart. The name of
// the project, as anyone writes it, tells where the version of a source
// distribution begins; where it is empty, that is behind the last hyphen.
func ParseName(file, project string) (Name, error) {
	if len(file) > maxName || strings.ContainsAny(file, "/\\\x00") {
		return Name{}, fmt.Errorf("pyindex: %.120q is not the name of a file", file)
	}
	if base, ok := cutSuffix(file, ".whl"); ok {
		return wheel(file, base)
	}
	for _, ext := range []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.z", ".tar"} {
		if base, ok := cutSuffix(file, ext); ok {
			return sdist(file, base, project)
		}
	}
	return Name{}, fmt.Errorf("pyindex: %q is neither a wheel nor a source distribution", file)
}

func cutSuffix(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || !strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}

func wheel(file, base string) (Name, error) {
	parts := strings.Split(base, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return Name{}, fmt.Errorf("pyindex: %q has %d parts, and a wheel has 5 or 6", file, len(parts))
	}
	n := Name{Project: parts[0], Version: parts[1], Wheel: true}
	tags := parts[len(parts)-3:]
	if len(parts) == 6 {
		n.Build = parts[2]
		if n.Build == "" || n.Build[0] < '0' || n.Build[0] > '9' {
			return Name{}, fmt.Errorf("pyindex: %q: the build %q does not begin with a digit", file, n.Build)
		}
	}
	if slices.Contains(parts, "") {
		return Name{}, fmt.Errorf("pyindex: %q has an empty part", file)
	}
	n.Python, n.ABI, n.Platform = strings.Split(tags[0], "."), strings.Split(tags[1], "."), strings.Split(tags[2], ".")
	// A version has no underscore: one that stands for a hyphen is in old wheels.
	n.Version = strings.ReplaceAll(n.Version, "_", "-")
	return n, nil
}

func sdist(file, base, project string) (Name, error) {
	if project == "" {
		i := strings.LastIndexByte(base, '-')
		if i <= 0 || i == len(base)-1 {
			return Name{}, fmt.Errorf("pyindex: %q has no version", file)
		}
		return Name{Project: base[:i], Version: base[i+1:]}, nil
	}
	want := pep508.Normalize(project)
	for i := range len(base) {
		if base[i] == '-' && i < len(base)-1 && pep508.Normalize(base[:i]) == want {
			return Name{Project: base[:i], Version: base[i+1:]}, nil
		}
	}
	return Name{}, fmt.Errorf("pyindex: %q is not a file of %q", file, project)
}

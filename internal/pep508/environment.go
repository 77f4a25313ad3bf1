package pep508

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// Environment is what is known of where packages would be installed. The zero
// value says nothing but that no extra is asked for.
type Environment struct {
	Values   map[string]string // of variables by name, such as "python_version": "3.11"
	Extras   []string          // that are asked for
	Groups   []string          // dependency groups that are asked for
	AnyExtra bool              // any extras and groups may be asked for
}

// NewEnvironment returns CPython of a version, "3.11" or "3.11.4", on a platform:
// "linux-x86_64", "linux-aarch64", "darwin-arm64", "darwin-x86_64",
// "windows-amd64". Of a version without a patch level it takes the first. The
// release of the operating system is not known.
func NewEnvironment(python, platform string) (Environment, error) {
	v, err := pep440.Parse(python)
	if err != nil {
		return Environment{}, err
	}
	release := v.Release()
	if len(release) < 2 || len(release) > 3 {
		return Environment{}, fmt.Errorf("%q is not a version of Python: it needs two or three numbers", clip(python))
	}
	full := v.String()
	if len(release) == 2 {
		minor := fmt.Sprintf("%d.%d", release[0], release[1])
		full = minor + ".0" + strings.TrimPrefix(full, minor)
	}
	system, machine, _ := strings.Cut(platform, "-")
	names, ok := map[string][3]string{
		"linux":   {"posix", "linux", "Linux"},
		"darwin":  {"posix", "darwin", "Darwin"},
		"windows": {"nt", "win32", "Windows"},
	}[system]
	if !ok || machine == "" {
		return Environment{}, fmt.Errorf("%q is not a platform: it needs a system and a machine, such as linux-x86_64", clip(platform))
	}
	if system == "windows" {
		machine = strings.ToUpper(machine) // as platform.machine() has it there
	}
	return Environment{Values: map[string]string{
		"implementation_name":            "cpython",
		"implementation_version":         full,
		"os_name":                        names[0],
		"platform_machine":               machine,
		"platform_python_implementation": "CPython",
		"platform_system":                names[2],
		"python_full_version":            full,
		"python_version":                 fmt.Sprintf("%d.%d", release[0], release[1]),
		"sys_platform":                   names[1],
	}}, nil
}

// value is that of a variable of text.
func (e Environment) value(name string) (string, bool) {
	if name == extra {
		if len(e.Extras) == 1 {
			return Normalize(e.Extras[0]), true
		}
		return "", true
	}
	v, ok := e.Values[name]
	if name == "python_full_version" && strings.HasSuffix(v, "+") {
		v += "local" // what is built from a checkout ends so
	}
	return v, ok
}

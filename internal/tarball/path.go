package tarball

import "strings"

// Flaw is a property of a path in a file that makes it point elsewhere than
// below the folder it is meant for, on some system.
type Flaw string

// The flaws of paths.
const (
	FlawEmpty     Flaw = "empty"
	FlawAbsolute  Flaw = "absolute"
	FlawParent    Flaw = "leaves its folder"
	FlawBackslash Flaw = "backslash"
	FlawDrive     Flaw = "drive letter"
	FlawURL       Flaw = "URL"
	FlawControl   Flaw = "control character"
	FlawHome      Flaw = "home folder"
	FlawVariable  Flaw = "environment variable"
)

// Flaws returns what is wrong with a relative path, as POSIX and as Windows
// would read it; nil for an honest one. A ".." that stays below its folder
// ("a/../b") is honest only to programs that normalise, so it counts.
func Flaws(path string) []Flaw {
	var out []Flaw
	add := func(bad bool, f Flaw) {
		if bad {
			out = append(out, f)
		}
	}
	add(path == "", FlawEmpty)
	slashed := strings.ReplaceAll(path, `\`, "/")
	add(strings.HasPrefix(slashed, "/"), FlawAbsolute)
	parent := false
	for part := range strings.SplitSeq(slashed, "/") {
		// Windows drops trailing dots and spaces, so ".. " is "..".
		parent = parent || part == ".." || strings.HasPrefix(part, "..") && strings.Trim(part, ". ") == ""
	}
	add(parent, FlawParent)
	add(strings.Contains(path, `\`), FlawBackslash)
	add(len(path) >= 2 && path[1] == ':' && isLetter(path[0]), FlawDrive)
	scheme, _, ok := strings.Cut(path, ":")
	add(ok && len(scheme) > 1 && isScheme(scheme), FlawURL)
	add(strings.ContainsFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }), FlawControl)
	add(strings.HasPrefix(path, "~"), FlawHome)
	add(strings.HasPrefix(path, "$") || strings.Contains(path, "${") || strings.Count(path, "%") > 1, FlawVariable)
	return out
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isScheme follows RFC 3986 §3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || strings.IndexByte("0123456789+-.", s[i]) < 0) {
			return false
		}
	}
	return s != ""
}

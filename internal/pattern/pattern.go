// Package pattern matches the paths that a lock and a policy name.
//
// # Security
//
// A pattern cannot leave the folder that it is relative to: it is not absolute,
// and no part of it is "." or "..". A match takes time proportional to the
// lengths of pattern and path multiplied, whatever either holds.
//
// # Limits
//
// A pattern has at most 4,096 bytes.
//
// # Specification
//
// Paths and patterns are slash-separated and compared byte by byte, with case.
// "*" stands for any run of characters other than a slash, "?" for one of them, a
// part "**" for any number of folders, none included. A pattern that ends with a
// slash stands for everything beneath that folder. All else stands for itself.
package pattern

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const maxBytes = 4096

// Check says what is wrong with a pattern.
func Check(p string) error {
	switch {
	case p == "":
		return errors.New("the path is empty")
	case len(p) > maxBytes:
		return bounded.Exceeded("bytes of a path", maxBytes)
	case !utf8.ValidString(p) || strings.ContainsFunc(p, control):
		return fmt.Errorf("path %q holds control characters or is no UTF-8", p)
	case strings.Contains(p, `\`):
		return fmt.Errorf("path %q holds a backslash: parts are separated by slashes", p)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(p, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("path %q is absolute or has a part that is empty, \".\" or \"..\"", p)
		}
		if strings.Contains(part, "**") && part != "**" {
			return fmt.Errorf("path %q: \"**\" stands only for whole folders, as in \"models/**/x.pt\"", p)
		}
	}
	return nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }

// Literal reports whether a pattern stands for one path only.
func Literal(p string) bool { return !strings.ContainsAny(p, "*?") && !strings.HasSuffix(p, "/") }

// Match reports whether a pattern that passes Check stands for a path.
func Match(p, path string) bool {
	if path == "" {
		return false
	}
	if dir, ok := strings.CutSuffix(p, "/"); ok {
		p = dir + "/**/*"
	}
	return folders(strings.Split(p, "/"), strings.Split(path, "/"))
}

// folders matches part by part. at[j] says that the parts of the pattern so far
// match the first j parts of the path.
func folders(pattern, path []string) bool {
	at := make([]bool, len(path)+1)
	at[0] = true
	for _, p := range pattern {
		next := make([]bool, len(path)+1)
		for j := range next {
			switch {
			case p == "**":
				next[j] = at[j] || j > 0 && next[j-1]
			case j > 0:
				next[j] = at[j-1] && part(p, path[j-1])
			}
		}
		at = next
	}
	return at[len(path)]
}

// part matches within one part: after a star that does not fit, the latest star
// takes one character more.
func part(p, s string) bool {
	i, j, star, from := 0, 0, -1, 0
	for j < len(s) {
		n := 1
		switch {
		case i < len(p) && p[i] == '*':
			star, from = i, j
			i++
			continue
		case i < len(p) && p[i] == '?':
			_, n = utf8.DecodeRuneInString(s[j:])
		case i < len(p) && p[i] == s[j]:
		case star >= 0:
			from++
			i, j = star+1, from
			continue
		default:
			return false
		}
		i, j = i+1, j+n
	}
	return strings.Trim(p[i:], "*") == ""
}

package family

import (
	"cmp"
	"strings"
)

// longest is the most characters of a version that are looked at; no release of the
// family comes near.
const longest = 128

// release returns the numbers of the release part of a version, without leading
// zeros, and the post release as it is commonly written: "v2.01.0rc1+cu118" is 2, 1,
// 0, and "0.0.27.post1" is 0, 0, 27, post1. It is nil for what has none, and for
// another epoch, which no train has.
func release(version string) []string {
	v := strings.TrimSpace(version)
	if len(v) > longest {
		return nil
	}
	v = strings.TrimPrefix(strings.ToLower(v), "v")
	var rel []string
	for {
		n := digits(v)
		if n == 0 {
			if post, ok := strings.CutPrefix(v, "post"); ok && len(rel) > 0 {
				rel = append(rel, "post"+post[:digits(post)])
			}
			return rel
		}
		rel = append(rel, cmp.Or(strings.TrimLeft(v[:n], "0"), "0"))
		v = v[n:]
		if strings.HasPrefix(v, "!") {
			return nil
		}
		var ok bool
		if v, ok = strings.CutPrefix(v, "."); !ok {
			return rel
		}
	}
}

func digits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func join(rel []string) string { return strings.Join(rel, ".") }

// begins reports whether a release begins with the numbers of a series; missing ones
// are zeros, as PEP 440 has them.
func begins(rel, series []string) bool {
	for i, s := range series {
		if at(rel, i) != s {
			return false
		}
	}
	return true
}

func compareTrains(a, b string) int {
	x, y := release(a), release(b)
	for i := range max(len(x), len(y)) {
		if c := compareNumbers(at(x, i), at(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

func at(rel []string, i int) string {
	if i < len(rel) {
		return rel[i]
	}
	return "0"
}

// compareNumbers compares numbers without leading zeros, of any length.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

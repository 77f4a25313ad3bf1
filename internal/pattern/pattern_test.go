package pattern

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"models/a.pt", "models/a.pt", true},
		{"models/a.pt", "models/A.pt", false},
		{"models/a.pt", "models/a.pt/x", false},
		{"models/*.pt", "models/a.pt", true},
		{"models/*.pt", "models/.pt", true},
		{"models/*.pt", "models/sub/a.pt", false},
		{"models/?.pt", "models/é.pt", true},
		{"models/?.pt", "models/ab.pt", false},
		{"models/?.pt", "models//.pt", false},
		{"**", "a", true},
		{"**", "a/b/c", true},
		{"**/x.pt", "x.pt", true},
		{"**/x.pt", "a/b/x.pt", true},
		{"a/**/x.pt", "a/x.pt", true},
		{"a/**/x.pt", "a/b/c/x.pt", true},
		{"a/**/x.pt", "b/x.pt", false},
		{"models/", "models/a", true},
		{"models/", "models/a/b", true},
		{"models/", "models", false},
		{"models/", "models2/a", false},
		{"a[1].pt", "a[1].pt", true},
		{"a[1].pt", "a1.pt", false},
		{"a*b*c", "axxbxxbc", true},
		{"a*b*c", "axxbxxb", false},
		{"*", "", false},
	}
	for _, tt := range tests {
		if got := Match(tt.pattern, tt.path); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.pattern, tt.path, got)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, p := range []string{"a", "a/b.pt", "a/", "**/*.pt", "a?b", "models--x/snapshots", "a[1]", "..a", "a/...", "~x"} {
		if err := Check(p); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, p := range []string{
		"", "/", "/a", "..", "a/../b", "./a", "a/.", "a//b", `a\b`, "a\x00", "a\nb", "\xff", "a**", "x/**y/z", strings.Repeat("a", maxBytes+1),
	} {
		if err := Check(p); err == nil {
			t.Errorf("%q passes", p)
		}
	}
}

// A hostile pattern does not take exponential time.
func TestMatchIsQuick(t *testing.T) {
	p := strings.Repeat("*a", 1000) + "b"
	if Match(p, strings.Repeat("a", 2000)) || Match(strings.Repeat("**/", 1000)+"x", strings.Repeat("a/", 1000)+"y") {
		t.Error("matches")
	}
}

// A pattern that passes and stands for one path matches that and nothing else.
func FuzzMatch(f *testing.F) {
	f.Add("models/*.pt", "models/a.pt")
	f.Add("**/x", "a/x")
	f.Add("a/", "a/b")
	f.Fuzz(func(t *testing.T, p, s string) {
		if Check(p) != nil {
			return
		}
		if got := Match(p, s); Literal(p) && got != (p == s) {
			t.Errorf("Match(%q, %q) = %v", p, s, got)
		}
		if Literal(p) && !Match(p, p) {
			t.Errorf("%q does not match itself", p)
		}
	})
}

package relock

import (
	"strings"
	"testing"
)

func TestReplaceVersion(t *testing.T) {
	tests := []struct {
		text       string
		line       int
		name       string
		from, want string // with NEW for 9.9; "" is an error
	}{
		{"torch==2.1.0\n", 1, "torch", "2.1.0", "torch==NEW\n"},
		{"# torch==2.1.0\r\nTorch [a, b] == 2.1.0+cu118 ; x\r\n", 2, "Torch", "2.1.0+cu118", "# torch==2.1.0\r\nTorch [a, b] == NEW ; x\r\n"},
		{"torch===2.1.0", 1, "torch", "2.1.0", "torch===NEW"},
		{"torch (==2.1.0)", 1, "torch", "2.1.0", "torch (==NEW)"},
		{"torchvision==2.1.0 torch==2.1.0", 1, "torch", "2.1.0", "torchvision==2.1.0 torch==NEW"},
		{`deps = ["pytorch==2.1.0", "torch==2.1.0", "x==2.1.0"]`, 1, "torch", "2.1.0", `deps = ["pytorch==2.1.0", "torch==NEW", "x==2.1.0"]`},
		{`torch = "2.1.0"`, 1, "torch", "2.1.0", `torch = "NEW"`},
		{`torch = { version = "==2.1.0", source = "p" }`, 1, "torch", "2.1.0", `torch = { version = "==NEW", source = "p" }`},
		{`"torch" = "==2.1.0"`, 1, "torch", "2.1.0", `"torch" = "==NEW"`},
		{"torch \\\n  ==2.1.0\n", 1, "torch", "2.1.0", ""},
		{"torch==2.1.0.post1\n", 1, "torch", "2.1.0", ""},
		{"torch==2.1.0+cpu\n", 1, "torch", "2.1.0", ""},
		{"torch==2.1.*\n", 1, "torch", "2.1.", ""},
		{"torch>=2.1.0\n", 1, "torch", "2.1.0", ""},
		{"torch\n\n\n\n\ntorch==2.1.0\n", 1, "torch", "2.1.0", ""},
		{"torch==2.1.0\n", 7, "torch", "2.1.0", ""},
		{"torch==2.1.0\n", 0, "torch", "2.1.0", ""},
	}
	for _, tt := range tests {
		got, err := replaceVersion(tt.text, tt.line, tt.name, tt.from, "9.9")
		want := strings.ReplaceAll(tt.want, "NEW", "9.9")
		if got != want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.text, got, err)
		}
	}
}

// What is edited differs in one version on one line, and in nothing else.
func FuzzReplaceVersion(f *testing.F) {
	f.Add("a\ntorch==2.1.0  # x\r\nb", 2, "torch", "2.1.0")
	f.Add(`torch = { version = "2.1.0" }`, 1, "torch", "2.1.0")
	f.Add("", -1, "", "")
	f.Fuzz(func(t *testing.T, text string, line int, name, from string) {
		got, err := replaceVersion(text, line, name, from, "9.9")
		if err != nil {
			return
		}
		before, after := strings.SplitAfter(text, "\n"), strings.SplitAfter(got, "\n")
		if strings.Contains(from, "\n") || len(before) != len(after) {
			return
		}
		changed := 0
		for i := range before {
			if before[i] != after[i] {
				changed++
			}
		}
		if changed > 1 {
			t.Errorf("%q: %d lines have changed", text, changed)
		}
	})
}

func FuzzFill(f *testing.F) {
	f.Add("torch==1 # c\n    # via x\nb==2 \\\n  --hash=x\n", 1, 3)
	f.Add("wheels = [{ url = \"u\", hashes = {} }]", 1, 1)
	f.Fuzz(func(_ *testing.T, text string, a, b int) {
		fills := []fill{{a, "u", "00"}, {b, "v", "11"}, {a, "u", "22"}}
		for _, how := range []func(string, []fill) (string, error){fillUV, fillPyLock, fillRequirements} {
			_, _ = how(text, fills) // it must not panic
		}
	})
}

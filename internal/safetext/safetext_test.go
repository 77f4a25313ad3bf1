package safetext_test

import (
	"testing"

	"github.com/andiron-dev/andiron/internal/safetext"
)

func TestPlain(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"models/a b.pt", "models/a b.pt"},
		{"größe 模型 🔥.pt", "größe 模型 🔥.pt"},
		{"a\nb\t\x00", `a\nb\t\x00`},
		{"a\x1b[2Jb\x7f\u0085", `a\x1b[2Jb\x7f\u0085`},
		{"\u202egpj.exe", `\u202egpj.exe`},
		{"a\u200bb\u00a0c", `a\u200bb\u00a0c`},
		{"a\xff\xfeb", `a\xff\xfeb`},
		{"\ufffd", "\ufffd"},
		{"\U000e0041\u3164\u2800", `\U000e0041\u3164\u2800`},
		{`C:\models`, `C:\models`},
		{"quote ' and \" stay", "quote ' and \" stay"},
	}
	for _, tt := range tests {
		if got := safetext.Plain(tt.in); got != tt.want {
			t.Errorf("Plain(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestValid(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"größe\n\u202e", "größe\n\u202e"},
		{"a\xff\n", "a\\xff\n"},
		{"\xe6\xa8.pt", `\xe6\xa8.pt`},
		{"\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		if got := safetext.Valid(tt.in); got != tt.want {
			t.Errorf("Valid(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestWord(t *testing.T) {
	for path, want := range map[string]string{
		"a/b-1.pt": "a/b-1.pt", "-x.pt": "./-x.pt", "": "''", "it's": `'it'\''s'`, "a b": "'a b'", "$(x)": "'$(x)'", "-a b": "'./-a b'",
	} {
		if got := safetext.Word(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

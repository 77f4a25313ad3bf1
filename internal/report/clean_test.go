package report

import "testing"

func TestURI(t *testing.T) {
	for in, want := range map[string]string{
		"models/a.pt":   "models/a.pt",
		"./models/a.pt": "models/a.pt",
		"../a.pt":       "../a.pt",
		"/srv/a b.pt":   "file:///srv/a%20b.pt",
		"C:/m/a.pt":     "file:///C:/m/a.pt",
		"//host/a.pt":   "file://host/a.pt",
		"a:b.pt":        "a%3Ab.pt",
		"ü%#?.pt":       "%C3%BC%25%23%3F.pt",
		"\xff.pt":       "%FF.pt",
		"-":             "-",
		"":              ".",
	} {
		if got := uri(in); got != want {
			t.Errorf("uri(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 5 << 30: "5.0 GiB", 1<<63 - 1: "8.0 EiB", -1: "-1 B",
	} {
		if got := size(in); got != want {
			t.Errorf("size(%d): got %q, want %q", in, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"a":     "`a`",
		"a`b":   "`` a`b ``",
		"``":    "``` `` ```",
		" a":    "`  a `",
		"":      "`(empty)`",
		"a\n`b": "`` a\\n`b ``",
	} {
		if got := code(in); got != want {
			t.Errorf("code(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"a|b":    "`a\\|b`",
		"a||b":   "`a\\|\\|b`",
		"a\\|b":  "`a\\\\x7cb`",
		"a\\||b": "`a\\\\x7c\\|b`",
	} {
		if got := cell(code(in)); got != want {
			t.Errorf("cell(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		"weights_only=True": "weights_only=True",
		"_a_ *b* <i> `c`":   "\\_a\\_ \\*b\\* \\<i\\> \\`c\\`",
		"@me #1":            "@<!-- -->me #<!-- -->1",
		"http://e.invalid":  "http:<!-- -->//e.invalid",
		"www.e.invalid":     "www.<!-- -->e.invalid",
		"a & b|c [d](e)":    `a &amp; b\|c \[d\](e)`,
	} {
		if got := prose(in); got != want {
			t.Errorf("prose(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"a dict {'a': 1}": "a dict {'a': 1}",
		"{0}":             "{{0}}",
		"{{ x }}":         "{{{{ x }}}}",
		"[a] b":           "[a] b",
		"[a](b)":          `\[a\](b)`,
	} {
		if got := literal(in); got != want {
			t.Errorf("literal(%q): got %q, want %q", in, got, want)
		}
	}
}

package pep508

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func TestParse(t *testing.T) {
	r, err := Parse(`Torch_Vision [GPU, dev.tools] (>=0.16, <1) ; python_version >= "3.8" and extra == 'X_y'`)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{r.Name, r.Spelled, r.Extras, r.Specifiers.String(), r.SpecifierText, r.URL, r.Marker.String(), r.Marker.Extra()}
	want := []any{
		"torch-vision", "Torch_Vision",
		[]string{"dev-tools", "gpu"},
		"<1,>=0.16", ">=0.16, <1", "",
		`python_version >= "3.8" and extra == "x-y"`,
		[]string{"x-y"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseAddress(t *testing.T) {
	r, err := Parse(`torch@https://index.example/whl/cu118/torch-2.1.0%2Bcu118.whl#sha256=00;x ; os_name == "posix"`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://index.example/whl/cu118/torch-2.1.0%2Bcu118.whl#sha256=00;x"; r.URL != want {
		t.Errorf("URL = %q, want %q", r.URL, want)
	}
	if r.Marker == nil || len(r.Specifiers) != 0 || r.SpecifierText != "" {
		t.Errorf("read as %+v", r)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", `"": at byte 0: expected the name of a package`},
		{"torch numpy", `"torch numpy": at byte 6: expected a semicolon or the end`},
		{"torch[a,]", `"torch[a,]": at byte 8: expected the name of an extra after the comma`},
		{"torch[a b]", `"torch[a b]": at byte 8: expected a comma or "]" in the extras`},
		{"torch (>=1", `"torch (>=1": at byte 10: expected a comma or ")" in the specifiers`},
		{"torch>=1.*", `"torch>=1.*": at byte 5: specifier ">=1.*": ".*" can follow == and != only, not >=`},
		{"torch>=1,<x", `"torch>=1,<x": at byte 9: specifier "<x": "x" is not a version: at byte 0: expected a number`},
		{"torch @ ", `"torch @ ": at byte 8: expected an address after "@"`},
		{"torch; foo == 'x'", `"torch; foo == 'x'": at byte 7: expected a variable or a quoted string`},
		{"torch; os_name is 'x'", `"torch; os_name is 'x'": at byte 15: expected one of <=, <, !=, ==, >=, >, ~=, ===, in, not in`},
		{"torch; os_name not 'x'", `"torch; os_name not 'x'": at byte 19: expected "in" after "not"`},
		{"torch; os_name == 'x", `"torch; os_name == 'x": at byte 18: the string has no end`},
		{"torch; (os_name == 'x'", `"torch; (os_name == 'x'": at byte 22: expected "and", "or" or ")"`},
		{"torch; os_name == 'x' os_name", `"torch; os_name == 'x' os_name": at byte 22: expected "and", "or" or the end`},
		{`torch; os_name == '\N{DASH}'`, `"torch; os_name == '\\N{DASH}'": at byte 18: the escape \N is not supported`},
		{`torch; os_name == '\ud800'`, `"torch; os_name == '\\ud800'": at byte 18: the escape \ud800 is no character`},
		{"torch; os_name == '\xff'", `"torch; os_name == '\xff'": at byte 19: byte 0xff is not UTF-8`},
	} {
		_, err := Parse(tt.in)
		if err == nil || err.Error() != tt.want {
			t.Errorf("Parse(%q):\ngot  %v\nwant %s", tt.in, err, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	long := "torch==1 ;" + strings.Repeat(" ", MaxText-10-len("os_name=='x'")) + "os_name=='x'"
	if _, err := Parse(long); err != nil {
		t.Errorf("a requirement of %d bytes: %v", len(long), err)
	}
	if _, err := Parse(long + " "); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("a requirement of %d bytes: %v", len(long)+1, err)
	}
	if _, err := ParseMarker(long); err == nil {
		t.Error("a requirement is read as a marker")
	}
	if _, err := ParseMarker(strings.Repeat("(", MaxText)); err == nil || !strings.Contains(err.Error(), "at byte 200:") {
		t.Errorf("%d parentheses: %v", MaxText, err)
	}
	if m := mustParse(t, strings.Repeat("os_name=='x'or ", MaxText/15-1)+"os_name=='posix'"); !m.Eval(environment(t, "3.11", "linux-x86_64")) {
		t.Error("a long marker does not hold")
	}
}

func TestEnvironment(t *testing.T) {
	for _, tt := range []struct {
		marker, python, platform string
		want                     byte
	}{
		{`python_version >= "3.10" and sys_platform == "linux"`, "3.11", "linux-x86_64", 't'},
		{`python_version == "3.1"`, "3.10", "linux-x86_64", 'f'},
		{`python_full_version < "3.11.4"`, "3.11", "linux-x86_64", 't'},
		{`python_full_version < "3.11.4"`, "3.11.4", "linux-x86_64", 'f'},
		{`python_full_version < "3.15"`, "3.15rc1", "linux-x86_64", 'f'},
		{`python_full_version == "3.15.0rc1"`, "3.15rc1", "linux-x86_64", 't'},
		{`platform_machine == "AMD64" and os_name == "nt"`, "3.11", "windows-amd64", 't'},
		{`platform_machine == "arm64" and platform_system == "Darwin"`, "3.11", "darwin-arm64", 't'},
		{`platform_machine == "aarch64" and implementation_name == "cpython"`, "3.11", "linux-aarch64", 't'},
		{`platform_release >= "5"`, "3.11", "linux-x86_64", 'e'},
		{`extra == "gpu"`, "3.11", "linux-x86_64", 'f'},
		{`os_name ~= "posix"`, "3.11", "linux-x86_64", 'e'},
	} {
		m, env := mustParse(t, tt.marker), environment(t, tt.python, tt.platform)
		if got := answer(m, env); got != tt.want {
			t.Errorf("%q with Python %s on %s: got %c, want %c", tt.marker, tt.python, tt.platform, got, tt.want)
		}
		if got := m.Eval(env); got != (tt.want != 'f') {
			t.Errorf("%q: Eval is %t where Evaluate is %c", tt.marker, got, tt.want)
		}
	}
	for _, tt := range []struct{ python, platform string }{
		{"3", "linux-x86_64"}, {"3.11.4.1", "linux-x86_64"}, {"x", "linux-x86_64"}, {"3.11", "linux"}, {"3.11", "plan9-amd64"}, {"3.11", ""},
	} {
		if _, err := NewEnvironment(tt.python, tt.platform); err == nil {
			t.Errorf("NewEnvironment(%q, %q) is no error", tt.python, tt.platform)
		}
	}
}

func TestPossible(t *testing.T) {
	linux := Environment{Values: map[string]string{"sys_platform": "linux"}}
	for _, tt := range []struct {
		marker string
		env    Environment
		want   bool
	}{
		{`sys_platform == "win32"`, Environment{}, true},
		{`sys_platform == "win32"`, linux, false},
		{`sys_platform == "win32" or python_version < "3.8"`, linux, true},
		{`sys_platform == "win32" and python_version < "3.8"`, linux, false},
		{`(sys_platform == "win32" or sys_platform == "linux") and python_version < "3.8"`, linux, true},
		{`extra == "gpu"`, linux, false},
		{`extra == "gpu"`, Environment{AnyExtra: true}, true},
		{`"gpu" in extras or "dev" in dependency_groups`, linux, false},
		{`"gpu" in extras`, Environment{AnyExtra: true}, true},
		{`"dev" in dependency_groups`, Environment{Groups: []string{"Dev"}}, true},
		{`"gpu" in extras`, Environment{Extras: []string{"a", "GPU"}}, true},
		{`sys_platform ~= "win32"`, linux, true}, // has no meaning
	} {
		if got := mustParse(t, tt.marker).Possible(tt.env); got != tt.want {
			t.Errorf("%q is possible in %v: got %t, want %t", tt.marker, tt.env, got, tt.want)
		}
	}
}

func TestExtra(t *testing.T) {
	m := mustParse(t, `extra == "B_b" or (os_name == "nt" and ("a" == extra or "C" in extras)) or "g" in dependency_groups or "b.b" == extra or extra == os_name`)
	if diff := cmp.Diff([]string{"a", "b-b", "c", "g"}, m.Extra()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := mustParse(t, `os_name == "extra"`).Extra(); len(got) != 0 {
		t.Errorf("a marker without extras mentions %q", got)
	}
}

func environment(t testing.TB, python, platform string) Environment {
	t.Helper()
	env, err := NewEnvironment(python, platform)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func mustParse(t testing.TB, s string) *Marker {
	t.Helper()
	m, err := ParseMarker(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func FuzzRequirement(f *testing.F) {
	for _, s := range []string{
		"torch[gpu] >=2.1,<3 ; python_version >= '3.8' and (extra == 'x' or os.name not in \"nt\")",
		"torch @ https://index.example/a.whl ; 'a' in extras", "a (===x)", "a===b,c", "a;'\\x41\\u00e9'==os_name", "a[b,c]<1", "a;python_version~='3'",
	} {
		f.Add(s)
	}
	env := environment(f, "3.11", "linux-x86_64")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			var syntax *SyntaxError
			if errors.As(err, &syntax) && (syntax.Offset < 0 || syntax.Offset > len(s)) {
				t.Errorf("Parse(%q): the error is at byte %d", s, syntax.Offset)
			}
			return
		}
		if r.Name != Normalize(r.Name) || r.URL != "" && len(r.Specifiers) > 0 {
			t.Errorf("Parse(%q) = %+v", s, r)
		}
		if r.Marker == nil {
			return
		}
		ok, err := r.Marker.Evaluate(env)
		if r.Marker.Eval(env) != (ok || err != nil) || ok && !r.Marker.Possible(env) {
			t.Errorf("%q: answers do not agree: %t, %v", s, ok, err)
		}
		if !r.Marker.Possible(Environment{AnyExtra: true}) {
			t.Errorf("%q is not possible anywhere", s)
		}
		text := r.Marker.String()
		if strings.ContainsAny(text, "\\\r\n\x00") {
			return
		}
		again, err := ParseMarker(text)
		if err != nil || again.String() != text {
			t.Errorf("ParseMarker(%q): %v; its normal form is %v", text, err, again)
			return
		}
		if got, want := answer(again, env), answer(r.Marker, env); got != want {
			t.Errorf("%q and its normal form are %c and %c", s, want, got)
		}
	})
}

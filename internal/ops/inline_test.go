package ops

import (
	"slices"
	"strings"
	"testing"
)

// However the text of load_inline is written down, it is read where it stands, or it is
// said that it was not.
func TestInline(t *testing.T) {
	const (
		head = "from torch.utils.cpp_extension import load, load_inline\n"
		bad  = "\"\"\"\n#include <torch/extension.h>\nfloat bad(at::Tensor x) {\n  auto p = x.contiguous().data_ptr<float>();\n  return p[1];\n}\n\"\"\""
		in   = "OPS010 op.py:"
	)
	long := strings.Repeat("// nothing\\n", 600) // longer than what the values of names are followed for
	for text, want := range map[string]string{
		"load_inline('x', " + bad + ")\n":                                                                                                  in + "5",
		"load_inline('x', cpp_sources=[" + bad + "])\n":                                                                                    in + "5",
		"src = " + bad + "\nload_inline('x', cpp_sources=[src], functions=['bad'])\n":                                                      in + "5",
		"a = '" + long + "'\nb = " + bad + "\nload_inline('x', [a, b])\n":                                                                  in + "6",
		"a = '" + long + "'\nb = " + bad + "\nsrc = a + b\nload_inline('x', src)\n":                                                        in + "6",
		"b = 'float bad(at::Tensor x) {' + '" + `\n` + "auto p = x.contiguous().data_ptr<float>(); return p[1]; }'\nload_inline('x', b)\n": in + "3",
		"from textwrap import dedent\nload_inline('x', cuda_sources=(dedent(" + bad + ").strip(),))\n":                                     in + "6",
		"load_inline('x', '\\n'.join(['// x', " + bad + "]))\n":                                                                            in + "5",
		"src = '// x\\n'\nsrc += " + bad + "\nload_inline('x', src)\n":                                                                     in + "6",
		"load_inline('x', cpp_sources=[make()])\n":                                                                                         "undetermined OPS080 op.py:2:1:",
		"load_inline('x', cpp_sources=open(name).read())\n":                                                                                "undetermined OPS080 op.py:2:1:",
		"load_inline('x', **options)\n":                                                                                                    "undetermined OPS080 op.py:2:1:",
		"load_inline('x', cpp_sources=f'void f() {{ {body} }}')\n":                                                                         "undetermined OPS080 op.py:2:1:",
		"def f(src):\n    return load_inline('x', src)\n":                                                                                  "undetermined OPS080 op.py:3:12:",
		"load_inline('x', open('gone.cpp').read())\n":                                                                                      "undetermined OPS080 op.py:2:1: gone.cpp is built here",
		"with open('csrc/op.cpp') as f:\n    src = f.read()\nload_inline('x', src)\n":                                                      "",
		"load_inline('x', cpp_sources='', cuda_sources=None)\n":                                                                            "",
		"load('x', sources=['gone.cpp'])\n":                                                                                                "undetermined OPS080 op.py:2:1: load builds an extension, and no source of it was found",
		"load('x', sources=['csrc/op.cpp'])\n":                                                                                             "",
		"load_inline('x', 'int twice(int x) { return 2 * x; }', functions=['twice'])\n":                                                    "",
	} {
		files := map[string]string{"op.py": head + text}
		if strings.Contains(text, "csrc") {
			files["csrc/op.cpp"] = "#include <torch/extension.h>\nat::Tensor twice(at::Tensor x) { return x + x; }\n"
		}
		got := scanned(t, files)
		if len(ofRule(got, "OPS095 op.py:")) != 1 {
			t.Errorf("%q: it is not said that an extension is built: %q", text, got)
		}
		got = ofRule(got, "OPS010", "undetermined")
		if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// What builds nothing of Python's own says nothing of a project without sources, and a
// test may build what it likes.
func TestInlineElsewhere(t *testing.T) {
	for _, files := range []map[string]string{
		{"pyproject.toml": "[build-system]\nrequires = [\"setuptools\", \"torch\"]\n"},
		{"op.py": "from torch import load\nload('x')\n"},
		{"tests/test_op.py": "from torch.utils.cpp_extension import load_inline\nload_inline('x', make())\n"},
	} {
		if got := slices.DeleteFunc(scanned(t, files), func(s string) bool { return strings.HasPrefix(s, "OPS095") }); len(got) != 0 {
			t.Errorf("%v: %q", files, got)
		}
	}
}

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
		"load('x', sources=['gone.cpp'])\n":                                                                                                "undetermined OPS080 op.py:2:1: gone.cpp is built here, and is not",
		"load('x', sources=glob('*.cpp'))\n":                                                                                               "undetermined OPS080 op.py:2:1: load builds an extension, and no source of it was found",
		"load_inline('x', 'int twice(int x) { return 2 * x; }', functions=make())\n":                                                       "undetermined OPS080 op.py:2:1: which functions",
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

// The functions that load_inline gives to Python are operators, wherever they stand.
func TestInlineFunctions(t *testing.T) {
	const f = "'at::Tensor f(at::Tensor x) { auto p = x.data_ptr<float>(); p[0] = 1; return x; }'"
	for text, entry := range map[string]bool{
		"load_inline('x', " + f + ", functions=['f'])":                                                               true,
		"load_inline('x', " + f + ", None, 'f')":                                                                     true,
		"load_inline('x', [" + f + "], functions={'f': 'what it does'})":                                             true,
		"names = ['g']\nnames += ['f']\nload_inline('x', " + f + ", functions=names)":                                true,
		"load_inline('x', cpp_sources='at::Tensor f(at::Tensor x);', cuda_sources=" + f + ", functions=('f',))":      true,
		"load_inline('x', cpp_sources=open('csrc/op.cpp').read(), functions=['f'])":                                  true,
		"load_inline('x', " + f + ", functions=['g'])":                                                               false,
		"load_inline('x', " + f + ")":                                                                                false,
		"load_inline('x', " + f + ", functions=None)":                                                                false,
		"load_inline('x', " + f + ")\nload_inline('y', 'at::Tensor g(at::Tensor x) { return x; }', functions=['f'])": false,
	} {
		files := map[string]string{"op.py": "from torch.utils.cpp_extension import load_inline\n" + text + "\n"}
		if strings.Contains(text, "csrc") {
			files["csrc/op.cpp"] = "#include <torch/extension.h>\n" + strings.Trim(f, "'")
		}
		want := 0
		if entry {
			want = 3
		}
		if got := ofRule(scanned(t, files), "OPS001", "OPS003", "OPS061"); len(got) != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// Each source that an extension names was read, or it is said that it was not.
func TestSourcesOfExtensions(t *testing.T) {
	for text, want := range map[string]string{
		"CppExtension('q._C', ['csrc/a.cpp', 'csrc/generated.cpp'])":                                                  "csrc/generated.cpp",
		"CppExtension('q._C', ['csrc/a.cpp', 'm.mm'])":                                                                "m.mm",
		"CppExtension('q._C', sources=['csrc/a.cpp'] + ['b.cpp'])":                                                    "b.cpp",
		"sources = ['csrc/a.cpp']\nif True:\n    sources += ['csrc/a_cuda.cu']\nCppExtension('q._C', sources)":        "csrc/a_cuda.cu",
		"CppExtension('q._C', [os.path.join(here, 'csrc', s) for s in ('a.cpp', 'b.cpp')])":                           "b.cpp",
		"CppExtension('q._C', [os.path.join(here, 'csrc/a.cpp'), here / 'b.cpp'])":                                    "b.cpp",
		"CppExtension('q._C', [str(here / 'csrc' / 'a.cpp'), here + '/csrc/b.cpp'])":                                  "/csrc/b.cpp",
		"CppExtension('q._C', ['src/a.cpp'])":                                                                         "src/a.cpp",
		"CppExtension('q._C', ['csrc/a.cpp'])":                                                                        "",
		"CppExtension('q._C', ['./csrc/a.cpp', *glob.glob('csrc/*.cpp')])":                                            "",
		"CppExtension('q._C', ['../q/csrc/a.cpp'.replace('q/', ''), name + '_cpu.cpp', f'{name}.cpp', '%s.cpp' % n])": "",
		"CppExtension('q._C', [s for s in ('csrc/a.cpp', 'b.cpp') if os.path.exists(s)])":                             "",
		"CppExtension('q._C', sources=find('csrc'), include_dirs=['gone.cpp'])":                                       "",
	} {
		got := ofRule(scanned(t, map[string]string{
			"setup.py":   "from torch.utils.cpp_extension import CppExtension\n" + text + "\n",
			"csrc/a.cpp": "#include <torch/extension.h>\nat::Tensor twice(at::Tensor x) { return x + x; }\n",
			"m.mm":       "#include <torch/extension.h>\n",
		}), "undetermined")
		if want == "" && len(got) != 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], ": "+want+" is built here")) {
			t.Errorf("%s: got %q, want %q", text, got, want)
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

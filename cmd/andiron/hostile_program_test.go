package main

import (
	"bufio"
	"strings"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// hostilePrograms are TorchScript, exported programs and mobile modules.
var hostilePrograms = []hostileFile{
	script("parentheses_100k", func() string {
		return forward("return " + strings.Repeat("(", 100_000) + "x" + strings.Repeat(")", 100_000))
	}),
	script("brackets_million", func() string {
		return forward("return " + strings.Repeat("[", 1_000_000))
	}),
	script("minus_million", func() string {
		return forward("return " + strings.Repeat("-", 1_000_000) + "x")
	}),
	script("blocks_3000", func() string {
		return nestedBlocks(3000)
	}),
	script("attributes_million", func() string {
		return forward("return x" + strings.Repeat(".a", 1_000_000))
	}),
	script("calls_100k_deep", func() string {
		return forward("return " + strings.Repeat("torch.neg(", 100_000) + "x" + strings.Repeat(")", 100_000))
	}),
	script("line_16m", func() string {
		return forward("x = \"" + strings.Repeat("a", 16<<20) + "\"")
	}),
	script("comments_16m", func() string {
		return forward("return x\n" + strings.Repeat("#\n", 8<<20))
	}),
	script("statements_million", func() string {
		return forward("x = x" + strings.Repeat("\n    x = x", 1_000_000))
	}),
	script("additions_million", func() string {
		return forward("return x" + strings.Repeat(" + x", 1_000_000))
	}),
	script("string_doubling", func() string {
		return forward("a = \"aaaaaaaa\"" + strings.Repeat("\n    a = torch.add(a, a)", 100) + "\n    return getattr(torch, a)(x)")
	}),
	script("string_doubling_format", func() string {
		return forward("a = \"aaaaaaaa\"" + strings.Repeat("\n    a = torch.format(\"{}{}\", a, a)", 100) + "\n    return getattr(torch, a)(x)")
	}),
	script("operators_100k", func() string {
		return forward("return x" + strings.Repeat("\n    torch.save(x, \"/dev/null\")", 100_000))
	}),
	script("unknown_30k", func() string {
		return forward("return x" + string(written(counted("", 30_000, func(i int) string { return "\n    ops.evil" + itoa(i) + ".op(x)" }, ""))))
	}),
	script("functions_chain", func() string {
		return callChain(20_000, 1)
	}).may("harmless: functions that return what they are given, all of them read"),
	script("functions_ladder", func() string {
		return callChain(2_000, 2)
	}).may("harmless where it is never called: loading only parses it, and every function was read once"),
	script("functions_all_call_all", func() string {
		return allCallAll(550)
	}),
	script("classes_20k", func() string {
		return string(written(counted("", 20_000, func(i int) string {
			return "class C" + itoa(i) + "(Module):\n  def __setstate__(self, x: Tensor) -> NoneType:\n    return None\n"
		}, "")))
	}).may("harmless: each __setstate__ returns, and all were read"),
	{name: "code_records_20k.pt", write: func(w *bufio.Writer) {
		entries := []testkit.ZipEntry{
			{Name: "constants.pkl", Data: []byte("\x80\x02).")}, {Name: "data.pkl", Data: []byte("\x80\x02).")}, versionRecord,
		}
		for i := range 20_000 {
			entries = append(entries, testkit.ZipEntry{Name: "code/m" + itoa(i) + ".py", Data: []byte("def f(x: Tensor) -> Tensor:\n  return x\n")})
		}
		put(w, string(testkit.TorchZip("archive", entries...)))
	}, clean: "harmless: functions that return what they are given, all of them read"},
	program("json_million_deep", func() string {
		return strings.Repeat("[", 1_000_000)
	}),
	program("json_objects_deep", func() string {
		return strings.Repeat(`{"a":`, 1_000_000)
	}),
	program("json_30m", func() string {
		return `{"graph_module":{"graph":{"nodes":[` + strings.Repeat(`{"target":"torch.ops.aten.add.Tensor","inputs":[]},`, 600_000) + `{}]}}}`
	}),
	program("json_30m_unknown", func() string {
		return `{"graph_module":{"graph":{"nodes":[` + string(written(counted("", 300_000, func(i int) string {
			return `{"target":"torch.ops.evil` + itoa(i) + `.op"},`
		}, ""))) + `{}]}}}`
	}),
	program("json_expressions", func() string {
		return `{"graph_module":{"graph":{"sym_int_values":{` + string(written(counted("", 100_000, func(i int) string {
			return `"s` + itoa(i) + `":{"as_expr":{"expr_str":"__import__('os')"}},`
		}, ""))) + `"z":{}}}}}`
	}),
	program("json_expression_deep", func() string {
		return `{"a":{"expr_str":"` + strings.Repeat("(", 10_000_000) + `"}}`
	}),
	program("json_expression_power", func() string {
		return `{"a":{"expr_str":"` + strings.Repeat("9**", 1_000_000) + `9"}}`
	}),
	program("json_string_30m", func() string {
		return `{"a":"` + strings.Repeat("a", 30<<20) + `"}`
	}).may("harmless: a key that no loader looks at, all of it read"),
	program("json_number_16m", func() string {
		return `{"a":` + strings.Repeat("9", 16<<20) + `}`
	}).may("harmless: a key that no loader looks at, all of it read"),
	program("json_keys_alike", func() string {
		return `{` + strings.Repeat(`"a":1,`, 1_000_000) + `"a":1}`
	}),
	{name: "mobile_cyclic.ptl", write: all("\x08\x00\x00\x00PTMF", strings.Repeat(le32(4)+le32(0), 4096))},
	{name: "mobile_vector_2e31.ptl", write: all(mobileVector(1 << 31))},
	{name: "mobile_vector_shared.ptl", write: func(w *bufio.Writer) { put(w, mobileShared(2_000_000)) }},
	{name: "executorch_all_ones.pte", write: all("\x08\x00\x00\x00ET12", strings.Repeat("\xff", 4096))},
}

func forward(body string) string {
	return "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n    " + body + "\n"
}

// may lets the file pass.
func (h hostileFile) may(why string) hostileFile {
	h.clean = why
	return h
}

func script(name string, code func() string) hostileFile {
	return hostileFile{name: "script_" + name + ".pt", write: func(w *bufio.Writer) {
		put(w, string(testkit.TorchZip("archive",
			testkit.ZipEntry{Name: "data.pkl", Data: []byte("\x80\x02c__torch__\nM\n)\x81}b.")},
			testkit.ZipEntry{Name: "code/__torch__.py", Data: []byte(code()), Method: 8},
			testkit.ZipEntry{Name: "constants.pkl", Data: []byte("\x80\x02).")}, versionRecord)))
	}}
}

// nestedBlocks is if in if, one space deeper each.
func nestedBlocks(n int) string {
	var b strings.Builder
	b.WriteString("class M(Module):\n def forward(self: __torch__.M, x: Tensor) -> Tensor:\n")
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+2) + "if True:\n")
	}
	b.WriteString(strings.Repeat(" ", n+2) + "return x\n")
	return b.String()
}

// callChain is n methods of which each calls the next a number of times.
func callChain(n, calls int) string {
	var b strings.Builder
	b.WriteString(forward("return (self).f0(x, )"))
	for i := range n {
		b.WriteString("  def f" + itoa(i) + "(self: __torch__.M, x: Tensor) -> Tensor:\n")
		for range calls {
			b.WriteString("    x = (self).f" + itoa(i+1) + "(x, )\n")
		}
		b.WriteString("    return x\n")
	}
	return b.String()
}

// allCallAll is n methods of which each calls all.
func allCallAll(n int) string {
	var b strings.Builder
	b.WriteString(forward("return (self).f0(x, )"))
	for i := range n {
		b.WriteString("  def f" + itoa(i) + "(self: __torch__.M, x: Tensor) -> Tensor:\n")
		for j := range n {
			b.WriteString("    x = (self).f" + itoa(j) + "(x, )\n")
		}
		b.WriteString("    return x\n")
	}
	return b.String()
}

// program is a .pt2 archive of an exported program.
func program(name string, graph func() string) hostileFile {
	return hostileFile{name: "pt2_" + name + ".pt2", write: func(w *bufio.Writer) {
		put(w, string(testkit.TorchZip("m",
			testkit.ZipEntry{Name: "archive_format", Data: []byte("pt2")},
			testkit.ZipEntry{Name: "models/model.json", Data: []byte(graph())},
			testkit.ZipEntry{Name: "data/weights/model_weights_config.json", Data: []byte(`{"config":{}}`)},
			testkit.ZipEntry{Name: "archive_version", Data: []byte("0")},
			testkit.ZipEntry{Name: "byteorder", Data: []byte("little")},
			testkit.ZipEntry{Name: ".data/version", Data: []byte("1")})))
	}}
}

// mobileVector is a flatbuffer module whose every slot is a vector of n elements.
func mobileVector(n uint32) string {
	return mobileModule(le32(n))
}

// mobileShared has vectors of n offsets that all lead to the table they are in.
func mobileShared(n int) string {
	return mobileModule(le32(uint32(n)) + strings.Repeat("\x04\x00\x00\x00", n))
}

// mobileModule is a root table with eleven slots that all hold one offset to
// what follows the table.
func mobileModule(rest string) string {
	const slots = 11
	vtable := le16(4+2*slots) + le16(4+4*slots)
	table := le32(4 + 2*slots)
	for i := range slots {
		vtable += le16(uint16(4 + 4*i))
		table += le32(uint32(4 * (slots - i)))
	}
	head := 8
	return le32(uint32(head+len(vtable))) + "PTMF" + vtable + table + rest
}

func le16(v uint16) string { return string([]byte{byte(v), byte(v >> 8)}) }

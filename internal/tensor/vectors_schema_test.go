package tensor

import "strings"

func schemaVectors(c *corpus) {
	same := func(name, yaml string) { c.write(line{Same: name, YAML: yaml, SHA256: c.digest("base", base)}) }
	c.schema("base", base)
	same("other spaces and quotes", strings.ReplaceAll("# a comment\n\"andiron\":   'tensor/v1'\n"+base, "range: [0, 1]", "range: [ 0.0,\n      1e0 ]"))
	same("another order", "inputs:\n  x: {range: [0, 1], shape: [B, 3], dtype: float32}\ndims:\n  B: 1..8\nandiron: tensor/v1\n")
	same("defaults written out", "andiron: tensor/v1\n"+strings.Replace(base, "range: [0, 1]", "range: [0, 1], nonfinite: reject, optional: false, tiny: {below: 2^-100, action: reject}", 1)+
		"limits: {max_elements: 16777216, max_bytes: 64MiB, max_inputs: 1}\non_violation: {mode: enforce, status: 400}\n"+
		"wire: {accept: [v2-grpc, v2-json, v2-binary], forward_as: same, shared_memory: deny, raw_binary: deny, compression: deny, unknown_inputs: reject}\n")
	same("names of the V2 protocol", "andiron: tensor/v1\n"+strings.Replace(base, "float32", "FP32", 1))
	same("a list of one type", "andiron: tensor/v1\n"+strings.Replace(base, "float32", "[torch.float]", 1))
	same("dims of the tensor", "andiron: tensor/v1\ninputs:\n  x: {dtype: float32, shape: [B, 3], range: [0, 1], dims: {B: 1..8}}\n")
	c.schema("two constraints", base+"constraints: [\"B <= 4\", \"B%2==0\"]\n")
	c.write(line{
		Same: "constraints in another order and spacing", YAML: "andiron: tensor/v1\n" + base + "constraints: [\"(B % 2) == 0\", \"B<=4\", \"B <= 4\"]\n",
		SHA256: c.digest("", base+"constraints: [\"B <= 4\", \"B%2==0\"]\n"),
	})
	c.schema("every key", every)
	for _, r := range refusals() {
		c.write(line{Refuse: r.name, YAML: r.yaml, Line: r.line})
	}
}

const base = "dims: {B: 1..8}\ninputs:\n  x: {dtype: float32, shape: [B, 3], range: [0, 1]}\n"

const every = `model: everything
dims: {B: 1..8, S: 16}
constraints: ["B*S <= 64"]
limits: {max_elements: 20_000, max_bytes: 1MiB, max_inputs: 5}
inputs:
  a:
    dtype: [float16, float32]
    shape: [B, 3, _]
    optional: true
    nonfinite: allow_nan
    range: [-inf, 2^10]
    tiny: {below: 1e-20, action: flush}
    max_elements: 10
    max_bytes: 2KiB
    flat: {max_constant_fraction: 0.999, axis: 0}
    normalize: {kind: standardize, axis: 1, by: gateway, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}
    stats: {axis: -2, mean: [0.3..0.6, 0.2..0.6, -1e-3..1], std: [0..1]}
    drift: {edges: [0, 0.5], shares: [0.25, 0.5, 0.25], psi: 0.2, ks: 0.1, window: 50, action: reject}
  b: {dtype: int64, shape: [B, S], vocabulary: 30522}
  c: {dtype: bytes, shape: [], values: ["é", "\U0001f600\n\"\\"], text: {max_bytes: 8KiB, min_chars: 1, max_chars: 9, utf8: strict, deny: [bidi, control], pattern: '\w+'}}
  d: {dtype: float64, shape: [2], normalize: {kind: lp, p: 3, axis: 0, eps: 1e-6, by: client, tolerance: 0.001}}
  e: {dtype: uint8, shape: [K], dims: {K: 0..9}, values: [3, 1, 2], max_new: 2}
outputs:
  logits: {dtype: bfloat16, shape: [B, 10]}
labels:
  y: {dtype: int64, shape: [B], range: [0, 9]}
  z: {dtype: [uint8, int16], shape: [B], values: [2, 0, 1], balance: {psi: 0.1, shares: [0.5, 0.2, 0.3]}}
wire: {accept: [openai, torchserve, v1-json], forward_as: v2-grpc, parameters: [id, priority], raw_binary: allow, compression: allow, unknown_inputs: drop, shared_memory: allow_unseen}
on_violation: {mode: shadow, status: 422}
`

type refusal struct {
	name, yaml string
	line       int
}

// refusals are schemas that have to be refused, each with the line of its error;
// 0 where the file as a whole is wrong.
func refusals() (all []refusal) {
	add := func(line int, name, yaml string) { all = append(all, refusal{name, yaml, line}) }
	top := func(line int, name, yaml string) { add(line, name, "andiron: tensor/v1\n"+yaml) }
	const in = "inputs:\n  x: {dtype: float32, shape: [2]}\n"
	x := func(name, rest string) { top(4, name, "inputs:\n  x:\n    "+rest+"\n") }
	t := func(name, rest string) { top(3, name, "inputs:\n  x: "+rest+"\n") }

	add(0, "an empty file", "")
	add(1, "a list", "- 1\n")
	add(0, "no version", in)
	add(1, "another version", "andiron: tensor/v2\n"+in)
	add(0, "no inputs", "andiron: tensor/v1\nmodel: m\n")
	add(0, "two documents", "andiron: tensor/v1\n"+in+"---\na: 1\n")
	top(2, "an unknown key", "input: {}\n")
	top(4, "a key twice", in+"inputs: {}\n")
	top(2, "inputs without a value", "inputs:\n")
	top(2, "an anchor", "model: &m m\n"+in)
	add(0, "an alias of nothing", "andiron: tensor/v1\n"+in+"outputs: *m\n")
	top(2, "a tag", "model: !!str m\n"+in)
	top(2, "a merge key", "<<: {model: m}\n"+in)
	top(2, "a key that is no text", "? [a]\n: b\n"+in)
	top(2, "a model that is no name", "model: \"a\\nb\"\n"+in)
	top(3, "an input that is no name", "inputs:\n  \"x y\": {dtype: float32, shape: [2]}\n")
	top(3, "an unknown key of an input", "inputs:\n  x: {dtype: float32, shape: [2], rnage: [0, 1]}\n")
	t("no dtype", "{shape: [2]}")
	t("no shape", "{dtype: float32}")
	x("a dtype nobody knows", "dtype: float31\n    shape: [2]")
	x("complex", "dtype: complex64\n    shape: [2]")
	x("no dtypes", "dtype: []\n    shape: [2]")
	x("a dtype twice", "dtype: [float32, FP32]\n    shape: [2]")
	x("a size below 0", "shape: [-1]\n    dtype: float32")
	x("a size that is no number", "shape: [2.5]\n    dtype: float32")
	x("a list as a size", "shape: [[2]]\n    dtype: float32")
	x("17 dimensions", "shape: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n    dtype: float32")
	t("a symbol without bounds", "{dtype: float32, shape: [B]}")
	top(2, "bounds the wrong way round", "dims: {B: 8..1}\n"+in)
	top(2, "bounds without an end", "dims: {B: 8..}\n"+in)
	top(2, "bounds below 0", "dims: {B: -1..8}\n"+in)
	top(2, "a symbol that is no name", "dims: {B-1: 1..8}\n"+in)
	top(2, "the underscore as a symbol", "dims: {_: 1..8}\n"+in)
	add(2, "a symbol that nothing uses", "andiron: tensor/v1\ndims: {B: 1..8}\n"+in)
	t("a symbol twice", "{dtype: float32, shape: [B], dims: {B: 1..2}}\n  y: {dtype: float32, shape: [B], dims: {B: 1..2}}")
	all[len(all)-1].line = 4
	for _, con := range []string{"B", "B <", "B < 4 < 5", "B = 4", "B < C", "1 < 2", "B / 2 == 1", "(B < 4", "B ** 2 < 4", "-B < 4", "B < 99999999999999999999", "B && 1 < 2", ""} {
		top(4, "constraint "+con, "dims: {B: 1..8}\ninputs: {x: {dtype: float32, shape: [B]}}\nconstraints: [\""+con+"\"]\n")
	}
	spellingRefusals(top, in)
	valueRefusals(t)
	statisticRefusals(t)
	top(4, "a limit of nothing", in+"limits: {max_elements: 0}\n")
	top(4, "a limit that is no number", in+"limits: {max_bytes: lots}\n")
	top(4, "a limit of MB", in+"limits: {max_bytes: 64MB}\n")
	top(4, "a limit of too many inputs", in+"limits: {max_inputs: 65}\n")
	top(4, "a protocol nobody knows", in+"wire: {accept: [v3]}\n")
	top(4, "a protocol twice", in+"wire: {accept: [v2-json, v2-json]}\n")
	top(4, "shared memory, plainly", in+"wire: {shared_memory: allow}\n")
	top(4, "a mode nobody knows", in+"on_violation: {mode: warn}\n")
	top(4, "a status that is no refusal", in+"on_violation: {status: 200}\n")
	return all
}

// spellingRefusals are YAML that is more than a schema needs, and that not all
// libraries read alike.
func spellingRefusals(top func(line int, name, yaml string), in string) {
	top(4, "a tab", in+"wire:\t{}\n")
	top(4, "a tab in a comment", in+"#\t\n")
	top(4, "U+0085", in+"model: m\u0085\n")
	top(4, "U+0085 in a quotation", in+"model: 'm\u0085'\n")
	top(4, "U+2028 in a comment", in+"# \u2028\n")
	top(4, "a carriage return alone", in+"# a\rmodel: m\n")
	top(4, "a byte order mark within", in+"# \ufeff\n")
	top(4, "U+007F", in+"# \u007f\n")
	top(0, "nothing in brackets, at the end", in+"wire:\n compression: {a: [b: ]}")
	top(0, "a text of two lines", in+"model: a\n  b\n")
	top(4, "a quotation of two lines", in+"model: 'a\n  b'\n")
	top(4, "a quotation of two lines, joined", in+"model: \"a\\\n  b\"\n")
	top(0, "a type of two lines", "inputs:\n  x: {dtype: float32, shape: [2], model: a\n    b}\n")
	top(4, "a block text", in+"model: |\n  m\n")
	top(4, "a folded text", in+"model: >\n  m\n")
	top(4, "a key with a question mark", in+"? model\n: m\n")
	top(0, "a key below a question mark", in+"? # why\n  model\n: m\n")
	top(4, "a key with a question mark in braces", in+"wire: {? compression : deny}\n")
	top(4, "the end of a document", in+"...\n")
	top(2, "a second line of dashes", "---\n"+in)
	top(4, "a comment without a space", in+"wire: {}#\n")
	top(4, "a comment without a space behind a quotation", in+"model: 'm'#\n")
}

// f is a tensor of floats with further keys.
func f(rest string) string { return "{dtype: float32, shape: [2], " + rest + "}" }

func valueRefusals(t func(name, tensor string)) {
	t("a range of one", f("range: [0]"))
	t("a range the wrong way round", f("range: [1, 0]"))
	t("a range of all", f("range: [-inf, inf]"))
	t("a range from infinity", f("range: [inf, inf]"))
	t("a range of NaN", f("range: [nan, 1]"))
	t("a range of words", f("range: [low, high]"))
	t("a range with an exponent too large", f("range: [0, 1e9999]"))
	t("a range no value lies in", "{dtype: uint8, shape: [2], range: [1.2, 1.8]}")
	t("a range above the type", "{dtype: uint8, shape: [2], range: [256, 300]}")
	t("a range between two floats", f("range: [0.100000002, 0.100000003]"))
	t("a range and values", f("range: [0, 1], values: [0]"))
	t("a range for bytes", "{dtype: bytes, shape: [2], range: [0, 1]}")
	t("a range for bool", "{dtype: bool, shape: [2], range: [0, 1]}")
	t("a vocabulary of floats", f("vocabulary: 10"))
	t("a vocabulary of nothing", "{dtype: int64, shape: [2], vocabulary: 0}")
	t("a value the type does not have", f("values: [0.1]"))
	t("a value twice", f("values: [0, 0.0]"))
	t("no values", f("values: []"))
	t("nonfinite for integers", "{dtype: int64, shape: [2], nonfinite: reject}")
	t("nonfinite: maybe", f("nonfinite: maybe"))
	t("tiny for integers", "{dtype: int64, shape: [2], tiny: allow}")
	t("tiny below 2", f("tiny: {below: 2}"))
	t("tiny without a bound for a type that has none so small", "{dtype: float16, shape: [2], tiny: reject}")
	t("tiny below the least of the type", "{dtype: [float16, float8_e5m2], shape: [2], tiny: {below: 2^-100}}")
	t("flat of everything", f("flat: {max_constant_fraction: 1}"))
	t("flat below a half", f("flat: {max_constant_fraction: 0.4}"))
	t("an axis that is not there", f("flat: {max_constant_fraction: 0.9, axis: 1}"))
}

func statisticRefusals(t func(name, tensor string)) {
	t("normalize without a kind", f("normalize: {axis: 0}"))
	t("lp with a mean", f("normalize: {kind: lp, axis: 0, mean: [1]}"))
	t("standardize without std", f("normalize: {kind: standardize, axis: 0, mean: [1]}"))
	t("a std of 0", f("normalize: {kind: standardize, axis: 0, mean: [1], std: [0]}"))
	t("as many means as there are no channels", f("normalize: {kind: standardize, axis: 0, mean: [1, 2, 3], std: [1, 1, 1]}"))
	for _, d := range []string{"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "[float32, float8_e5m2]"} {
		t("a model that normalises "+d, "{dtype: "+d+", shape: [2], normalize: {kind: standardize, axis: 0, mean: [1], std: [1]}}")
	}
	t("a model that makes unit vectors of float8", "{dtype: float8_e5m2, shape: [2], normalize: {kind: lp, axis: 0, by: model}}")
	t("stats without bands", f("stats: {axis: 0}"))
	t("stats the wrong way round", f("stats: {axis: 0, mean: [1..0]}"))
	t("stats for too many channels", f("stats: {axis: 0, mean: [0..1, 0..1, 0..1]}"))
	t("drift without a bound", f("drift: {edges: [1], shares: [0.5, 0.5]}"))
	t("drift with too few shares", f("drift: {edges: [1], shares: [1], psi: 0.2}"))
	t("drift with edges that fall", f("drift: {edges: [2, 1], shares: [0.5, 0.25, 0.25], psi: 0.2}"))
	t("drift with an action nobody knows", f("drift: {edges: [1], shares: [0.5, 0.5], psi: 0.2, action: warn}"))
	t("max_new without values", f("max_new: 1"))
	t("max_new below 0", f("values: [1], max_new: -1"))
	t("drift with shares that do not add up", f("drift: {edges: [1], shares: [0.5, 0.25], psi: 0.2}"))
	t("text for numbers", f("text: {}"))
	b := func(name, rest string) { t(name, "{dtype: bytes, shape: [2], text: {"+rest+"}}") }
	b("text of a class nobody knows", "deny: [emoji]")
	b("text without UTF-8, and a pattern", "utf8: any, pattern: 'a'")
	b("text of a size below 0", "max_bytes: -1")
	b("text with bounds the wrong way round", "min_chars: 3, max_chars: 2")
	for _, p := range []string{"(", "a)|(b", "^a", "a$", "(?i)a", "(?P<n>a)", "(?=a)", "\\pL", "\\bA", "[[:alpha:]]", "\\1", "a**", "a++", "a{1001}", "[]a]", "\\"} {
		b("pattern "+p, "pattern: '"+p+"'")
	}
}

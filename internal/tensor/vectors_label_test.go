package tensor

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// labelVectors are about the values of labels: from files, new ones, and how often
// each is there.
func labelVectors(c *corpus) {
	valueFileVectors(c)
	newValueVectors(c)
	balanceVectors(c)
	balanceRefusals(c)
}

func valueFileVectors(c *corpus) {
	const texts = "inputs: {x: {dtype: bytes, shape: [_], values: countries.txt}}\n"
	inline := c.digest("", "inputs: {x: {dtype: bytes, shape: [_], values: [DE, FR, \"A B\"]}}\n")
	file := func(name, yaml, sha, content string) {
		c.write(line{Schema: name, YAML: "andiron: tensor/v1\n" + yaml, SHA256: sha, Files: map[string]string{"countries.txt": content}})
	}
	file("values from a file", texts, inline, "DE\nFR\nA B\n")
	c.check("one of them", framed("FR"))
	c.check("another", framed("FR", "UK", "US"), on(CodeValue, 2, 1))
	file("a file in another order, without a last newline", texts, inline, "FR\nA B\nDE")
	file("a file with carriage returns", texts, inline, "DE\r\nFR\r\nA B\r\n")
	file("numbers from a file", "inputs: {x: {dtype: int32, shape: [_], values: countries.txt}}\n", c.digest("", "inputs: {x: {dtype: int32, shape: [_], values: [1, 2, 30]}}\n"), "30\n1\n2.0\n")
	c.write(line{
		Schema: "a file in a folder", YAML: "andiron: tensor/v1\ninputs: {x: {dtype: bytes, shape: [_], values: sets/v-1.0/a.txt}}\n",
		SHA256: c.digest("", "inputs: {x: {dtype: bytes, shape: [_], values: [a]}}\n"), Files: map[string]string{"sets/v-1.0/a.txt": "a\n"},
	})
	refuse := func(name, file, content string) {
		c.write(line{
			Refuse: name, YAML: "andiron: tensor/v1\ninputs:\n  x: {dtype: bytes, shape: [2], values: " + file + "}\n", Line: 3,
			Files: map[string]string{"a.txt": content},
		})
	}
	refuse("a file that is not there", "b.txt", "a\n")
	refuse("an empty file", "a.txt", "")
	refuse("an empty line", "a.txt", "a\n\nb\n")
	refuse("an empty line at the end", "a.txt", "a\n\n")
	refuse("a value twice in a file", "a.txt", "a\na\n")
	refuse("a byte order mark", "a.txt", "\ufeffa\n")
	refuse("a value of more than 1024 bytes", "a.txt", strings.Repeat("a", 1025))
	for _, name := range []string{"/a.txt", "../a.txt", "./a.txt", "b/../a.txt", "b//a.txt", "b/", ".a.txt", "'b\\a.txt'", "'C:a.txt'", "'a b.txt'", "''", "{file: a.txt}"} {
		refuse("the file "+name, name, "a\n")
	}
	c.write(line{Refuse: "a file without files", YAML: "andiron: tensor/v1\ninputs:\n  x: {dtype: bytes, shape: [2], values: a.txt}\n", Line: 3})
}

func newValueVectors(c *corpus) {
	c.schema("two new values", "inputs:\n  x: {dtype: uint8, shape: [_], values: [1, 2], max_new: 2}\n")
	c.check("none", x("uint8", []int64{3}, "01"))
	c.check("two", x("uint8", []int64{3}, "07", patch{0, "01"}))
	c.check("three", x("uint8", []int64{4}, "07", patch{0, "01"}), on(CodeValue, 3, 1))
	c.write(line{Same: "max_new of 0", YAML: "andiron: tensor/v1\ninputs: {x: {dtype: uint8, shape: [2], values: [1], max_new: 0}}\n", SHA256: c.digest("", "inputs: {x: {dtype: uint8, shape: [2], values: [1]}}\n")})
	c.schema("one new text", "inputs:\n  x: {dtype: bytes, shape: [_], values: [a], max_new: 1}\n")
	c.check("one", framed("a", "b"))
	c.check("two texts", framed("c", "b", "a"), on(CodeValue, 2, 0))
}

func balanceVectors(c *corpus) {
	labels := "inputs: {x: {dtype: uint8, shape: [1]}}\nlabels:\n  x: "
	all := func(name string, windows [][]sample, want ...offender) {
		c.write(verdict(line{Case: name, Group: Labels, Windows: windows, Want: want}))
	}
	u := func(values ...byte) []sample {
		return []sample{{Name: "x", DType: "uint8", Shape: []int64{int64(len(values))}, Data: base64.StdEncoding.EncodeToString(values)}}
	}
	off := func(n int64) offender { return offender{Code: CodeBalance, Input: "x", Count: n} }
	c.schema("labels of a range", labels+"{dtype: uint8, shape: [_], range: [0, 3], balance: {psi: 0.1}}\n")
	all("as many of each", [][]sample{u(0, 1), u(2, 3)})
	all("only two of four", [][]sample{u(0, 1), u(0, 1)}, off(2))
	all("one more", [][]sample{u(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0)})
	all("none that counts", [][]sample{u(9, 9)}, off(1))
	c.schema("shares in the order of the values", labels+"{dtype: uint8, shape: [_], values: [7, 3], balance: {psi: 0.1, shares: [0.75, 0.25]}}\n")
	all("three sevens", [][]sample{u(7, 7, 3, 7)})
	all("three threes", [][]sample{u(7, 3, 3, 3)}, off(1))
	c.write(line{
		Same: "the values the other way round", YAML: "andiron: tensor/v1\n" + labels + "{dtype: uint8, shape: [_], values: [3, 7], balance: {psi: 0.1, shares: [0.25, 0.75]}}\n",
		SHA256: c.digest("", labels+"{dtype: uint8, shape: [_], values: [7, 3], balance: {psi: 0.1, shares: [0.75, 0.25]}}\n"),
	})
	c.schema("texts", labels+"{dtype: bytes, shape: [_], values: [dog, cat], balance: {psi: 0.1, shares: [0.75, 0.25]}}\n")
	all("three dogs", [][]sample{framed("dog", "cat"), framed("dog", "dog", "cow")})
	all("three cats", [][]sample{framed("cat", "cat", "cat", "dog")}, off(1))
	c.schema("a bool", labels+"{dtype: bool, shape: [_], balance: {psi: 0.1}}\n")
	all("both", [][]sample{{{Name: "x", DType: "bool", Shape: []int64{2}, Fill: "00", Set: []patch{{1, "01"}}}}})
	all("one", [][]sample{{{Name: "x", DType: "bool", Shape: []int64{2}, Fill: "01"}}}, off(1))
	c.schema("a vocabulary", labels+"{dtype: int64, shape: [_], vocabulary: 2, balance: {psi: 0.1, shares: [1, 0]}}\n")
	all("zeros", [][]sample{{{Name: "x", DType: "int64", Shape: []int64{5}, Fill: "0000000000000000"}}})
	c.schema("negative labels of two types", labels+"{dtype: [int8, int64], shape: [_], range: [-1, 1], balance: {psi: 0.1}}\n")
	all("each once", [][]sample{
		{{Name: "x", DType: "int8", Shape: []int64{2}, Fill: "ff", Set: []patch{{1, "00"}}}},
		{{Name: "x", DType: "int64", Shape: []int64{1}, Fill: "0100000000000000"}},
	})
	all("only the least", [][]sample{{{Name: "x", DType: "int8", Shape: []int64{2}, Fill: "ff"}}}, off(1))
}

func balanceRefusals(c *corpus) {
	refused := map[string]string{
		"without a bound": "dtype: uint8, shape: [_], range: [0, 3], balance: {shares: [0.25, 0.25, 0.25, 0.25]}", "of nothing known": "dtype: uint8, shape: [_], balance: {psi: 0.1}",
		"of an open range": "dtype: uint8, shape: [_], range: [0, inf], balance: {psi: 0.1}", "of floats": "dtype: float32, shape: [_], range: [0, 1], balance: {psi: 0.1}",
		"with too few shares": "dtype: uint8, shape: [_], range: [0, 3], balance: {psi: 0.1, shares: [0.5, 0.5]}", "with shares that do not add up": "dtype: uint8, shape: [_], range: [0, 1], balance: {psi: 0.1, shares: [0.5, 0.4]}",
		"of one label": "dtype: uint8, shape: [_], values: [1], balance: {psi: 0.1}", "of too many labels": "dtype: int64, shape: [_], vocabulary: 4097, balance: {psi: 0.1}",
		"of labels that a type does not have": "dtype: [uint8, int8], shape: [_], range: [-1, 1], balance: {psi: 0.1}", "with more shares than values": "dtype: uint8, shape: [_], values: [1, 2], balance: {psi: 0.1, shares: [0.5, 0.25, 0.25]}",
		"of all integers": "dtype: int64, shape: [_], range: [-9223372036854775808, 9223372036854775807], balance: {psi: 0.1}",
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		yaml := "andiron: tensor/v1\ninputs: {x: {dtype: uint8, shape: [1]}}\nlabels:\n  x: {" + refused[name] + "}\n"
		c.write(line{Refuse: "balance " + name, YAML: yaml, Line: 4})
	}
	c.write(line{Refuse: "balance of an input", YAML: "andiron: tensor/v1\ninputs:\n  x: {dtype: uint8, shape: [_], range: [0, 3], balance: {psi: 0.1}}\n", Line: 3})
}

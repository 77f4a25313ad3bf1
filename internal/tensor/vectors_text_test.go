package tensor

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// framed is a tensor of bytes.
func framed(elements ...string) []sample {
	var b []byte
	for _, e := range elements {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(e)))
		b = append(b, e...)
	}
	return raw(int64(len(elements)), string(b))
}

func raw(n int64, data string) []sample {
	return []sample{{Name: "x", DType: "bytes", Shape: []int64{n}, Data: base64.StdEncoding.EncodeToString([]byte(data))}}
}

func textVectors(c *corpus) {
	const head = "inputs:\n  x:\n    dtype: bytes\n    shape: [N]\n"
	schema := func(name, rules string) { c.schema(name, "dims: {N: 0..9}\n"+head+rules) }
	schema("bytes without rules", "")
	c.check("nothing", raw(0, ""))
	c.check("two", framed("a", "\xff\x00"))
	c.check("an empty one", framed(""))
	c.check("a length cut short", raw(1, "\x01\x00\x00"), on(CodeFraming, 1, 0))
	c.check("an element cut short", raw(2, "\x01\x00\x00\x00a\x05\x00\x00\x00abcd"), on(CodeFraming, 1, 1))
	c.check("a length of 4 GiB", raw(1, "\xff\xff\xff\xffa"), on(CodeFraming, 1, 0))
	c.check("one element too few", raw(2, "\x01\x00\x00\x00a"), on(CodeFraming, 1, 1))
	c.check("one element too many", raw(1, "\x01\x00\x00\x00a\x00\x00\x00\x00"), on(CodeFraming, 1, 0))
	c.check("data of none", raw(0, "\x00"), on(CodeFraming, 1, 0))
	c.check("not framed at all", raw(1, "hello"), on(CodeFraming, 1, 0))
	schema("plain text", "    text: {}\n")
	c.check("UTF-8", framed("naïve 日本 😀"))
	for _, e := range [][2]string{{"a lone byte", "\xff"}, {"cut off", "\xe6\x97"}, {"a longer form than needed", "\xc0\x80"}, {"a surrogate", "\xed\xa0\x80"}, {"beyond the last", "\xf4\x90\x80\x80"}} {
		c.check("UTF-8: "+e[0], framed("ok", e[1], e[1]), on(CodeTextUTF8, 2, 1))
	}
	schema("sizes", "    text: {max_bytes: 8, min_chars: 2, max_chars: 4}\n")
	c.check("two characters", framed("ab"))
	c.check("four of two bytes", framed("éééé"))
	c.check("five characters", framed("ab", "abcde"), on(CodeTextSize, 1, 1))
	c.check("one character", framed("é"), on(CodeTextSize, 1, 0))
	c.check("nine bytes", framed("日本日"), on(CodeTextSize, 1, 0))
	c.check("an empty text", framed("", "ab", ""), on(CodeTextSize, 2, 0))
	c.check("too long is not looked at further", framed("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), on(CodeTextSize, 1, 0))
	schema("any bytes", "    text: {max_bytes: 4, utf8: any}\n")
	c.check("no UTF-8", framed("\xff\xfe"))
	c.check("five bytes", framed("\xff\xff\xff\xff\xff"), on(CodeTextSize, 1, 0))
	characterVectors(c, schema)
	schema("values", "    values: [de, fr, '']\n")
	c.check("listed", framed("fr", "de", ""))
	c.check("not listed", framed("fr", "DE", "d"), on(CodeValue, 2, 1))
	schema("several rules", "    text: {max_bytes: 8, deny: [control, bidi], pattern: '[a-z]*'}\n    values: [abc]\n")
	c.check("all of them", framed("abc", "abcdefghi", "\xff", "\u202e", "ab1"),
		on(CodeValue, 4, 1), on(CodeTextSize, 1, 1), on(CodeTextUTF8, 1, 2), on(CodeTextChar, 1, 3), on(CodeTextMatch, 2, 3))
}

func characterVectors(c *corpus, schema func(name, rules string)) {
	for _, e := range []struct{ class, in, out string }{
		{"control", "\x00\x08\x0b\x0c\x0e\x1b\x1f\x7f\u0080\u009f", "\t\n\r \u00a0"},
		{"newline", "\n\v\f\r\u0085\u2028\u2029", "\t \u2027"},
		{"bidi", "\u061c\u200e\u200f\u202a\u202e\u2066\u2069", "\u200d\u202f\u2065\u206a"},
		{"invisible", "\u00ad\u034f\u200b\u200d\u2060\u3164\ufeff\uffa0\U000e0041\U000e0100", "\u200e\u2065 "},
		{"private", "\ue000\uf8ff\U000f0000\U0010fffd", "\uf900\ufffd\U0010ffff"},
		{"non_ascii", "\u0080é日\U0010ffff", "\x00a~\x7f"},
	} {
		schema("no "+e.class, "    text: {deny: ["+e.class+"]}\n")
		for _, r := range e.in {
			c.check("no "+e.class+": "+fmt.Sprintf("U+%04X", r), framed("plain", "a"+string(r)+"b"), on(CodeTextChar, 1, 1))
		}
		c.check("no "+e.class+": others", framed(e.out))
	}
	schema("classes that overlap", "    text: {deny: [non_ascii, newline, control, bidi]}\n")
	for _, r := range "\x00\n\v\x7f\u0085\u2028é\u202e\U0010ffff" {
		c.check(fmt.Sprintf("classes that overlap: U+%04X", r), framed("a\t~", "a"+string(r)), on(CodeTextChar, 1, 1))
	}
	schema("a pattern", "    text: {pattern: '[A-Z]{2}-\\d+(?:\\.\\d+)?'}\n")
	c.check("it matches", framed("AB-12", "CD-1.5"))
	c.check("a part matches", framed("AB-12", "AB-12x", "xAB-12"), on(CodeTextMatch, 2, 1))
	c.check("a newline behind it", framed("AB-12\n"), on(CodeTextMatch, 1, 0))
	c.check("a digit of another script", framed("AB-٣"), on(CodeTextMatch, 1, 0))
	c.check("an empty text", framed(""), on(CodeTextMatch, 1, 0))
	schema("an alternative", "    text: {pattern: 'yes|no'}\n")
	c.check("both", framed("yes", "no"))
	c.check("a beginning", framed("yesno"), on(CodeTextMatch, 1, 0))
	schema("a dot", "    text: {pattern: 'a.c'}\n")
	c.check("a character of four bytes", framed("a😀c"))
	c.check("no newline", framed("a\nc"), on(CodeTextMatch, 1, 0))
}

func statisticVectors(c *corpus) {
	u := func(shape []int64, data ...byte) []sample {
		return []sample{{Name: "x", DType: "uint8", Shape: shape, Data: base64.StdEncoding.EncodeToString(data)}}
	}
	c.schema("flat", "inputs:\n  x: {dtype: uint8, shape: [2, 4], flat: {max_constant_fraction: 0.75}}\n")
	c.check("all the same", u([]int64{2, 4}, 7, 7, 7, 7, 7, 7, 7, 7), on(CodeFlat, 1))
	c.check("seven of eight", u([]int64{2, 4}, 7, 7, 7, 7, 1, 7, 7, 7), on(CodeFlat, 1))
	c.check("six of eight", u([]int64{2, 4}, 7, 1, 7, 7, 1, 7, 7, 7))
	c.check("all different", u([]int64{2, 4}, 1, 2, 3, 4, 5, 6, 7, 8))
	c.schema("flat along the batch", "dims: {B: 0..3}\ninputs:\n  x: {dtype: uint8, shape: [B, 4], flat: {max_constant_fraction: 0.5, axis: 0}}\n")
	c.check("one of two is flat", u([]int64{2, 4}, 1, 2, 3, 4, 7, 7, 7, 1), on(CodeFlat, 1, 1))
	c.check("both are", u([]int64{2, 4}, 1, 1, 1, 4, 7, 7, 7, 1), on(CodeFlat, 2, 0))
	c.check("half of each", u([]int64{2, 4}, 1, 1, 3, 4, 7, 7, 2, 1))
	c.check("an empty batch", u([]int64{0, 4}))
	c.schema("flat channels", "inputs:\n  x: {dtype: uint8, shape: [2, 3, 2], flat: {max_constant_fraction: 0.8, axis: -2}}\n")
	c.check("the second channel is dead", u([]int64{2, 3, 2}, 1, 2, 9, 9, 3, 4, 5, 6, 9, 9, 7, 8), on(CodeFlat, 1, 1))
	c.check("none is", u([]int64{2, 3, 2}, 1, 2, 9, 9, 3, 4, 5, 6, 8, 9, 7, 8))
	c.schema("flat floats", "inputs:\n  x: {dtype: float32, shape: [4], flat: {max_constant_fraction: 0.9}}\n")
	c.check("both zeros are one value", x("float32", []int64{4}, "00000000", patch{1, "00000080"}), on(CodeFlat, 1))
	c.check("three of four", x("float32", []int64{4}, "00000000", patch{1, "0000803f"}))

	c.schema("stats", "inputs:\n  x: {dtype: uint8, shape: [2, 3, 2], stats: {axis: 1, mean: [10..20, 0..255, 5.5..6], std: [0..100, 0..120, 0.25..2]}}\n")
	c.check("within", u([]int64{2, 3, 2}, 10, 20, 0, 255, 5, 6, 10, 20, 0, 99, 5, 7))
	c.check("a mean too low", u([]int64{2, 3, 2}, 1, 2, 0, 255, 5, 6, 3, 4, 0, 99, 5, 7), on(CodeMean, 1, 0))
	c.check("two means", u([]int64{2, 3, 2}, 1, 2, 0, 255, 4, 6, 3, 4, 0, 99, 4, 5), on(CodeMean, 2, 0))
	c.check("no spread", u([]int64{2, 3, 2}, 15, 15, 0, 255, 6, 6, 15, 15, 0, 99, 6, 6), on(CodeStd, 1, 2))
	c.check("too much spread", u([]int64{2, 3, 2}, 15, 15, 0, 255, 0, 12, 15, 15, 255, 0, 0, 12), on(CodeStd, 2, 1))
	c.check("both", u([]int64{2, 3, 2}, 200, 200, 0, 99, 9, 9, 200, 200, 0, 99, 9, 9), on(CodeMean, 2, 0), on(CodeStd, 1, 2))
	c.schema("one band for all channels", "dims: {C: 1..4}\ninputs:\n  x: {dtype: float32, shape: [2, C], nonfinite: allow, stats: {axis: 1, mean: [-0.5..0.5]}}\n")
	c.check("zeros", x("float32", []int64{2, 3}, "00000000"))
	c.check("a channel of ones", x("float32", []int64{2, 3}, "00000000", patch{1, "0000803f"}, patch{4, "0000803f"}), on(CodeMean, 1, 1))
	c.check("a NaN is left out", x("float32", []int64{2, 3}, "00000000", patch{1, "0000c07f"}))
	c.check("infinities are left out", x("float32", []int64{2, 3}, "00000000", patch{0, "0000807f"}, patch{1, "000080ff"}))
	c.check("a channel of nothing else", x("float32", []int64{2, 3}, "00000000", patch{2, "0000c07f"}, patch{5, "0000807f"}), on(CodeMean, 1, 2))
	normVectors(c)
	driftVectors(c, u)
}

func normVectors(c *corpus) {
	const three, four, one = "9a99193f", "cdcc4c3f", "0000803f" // 0.6, 0.8, 1
	rules := "inputs:\n  x: {dtype: float32, shape: [2, 2], normalize: {kind: lp, by: "
	c.schema("normalised by the client", rules+"client}}\n")
	c.check("unit vectors", x("float32", []int64{2, 2}, three, patch{1, four}, patch{3, four}))
	c.check("a zero vector", x("float32", []int64{2, 2}, "00000000", patch{0, one}))
	c.check("one is not", x("float32", []int64{2, 2}, one, patch{0, three}, patch{1, four}), on(CodeNorm, 1, 1, 0))
	c.check("none is", x("float32", []int64{2, 2}, one), on(CodeNorm, 2, 0, 0))
	c.schema("along the first axis, p 1", rules+"client, p: 1, axis: 0, tolerance: 0.01}}\n")
	c.check("halves", x("float32", []int64{2, 2}, "0000003f"))
	c.check("the second column", x("float32", []int64{2, 2}, "0000003f", patch{3, one}), on(CodeNorm, 1, 0, 1))
	c.check("ones", x("float32", []int64{2, 2}, one), on(CodeNorm, 2, 0, 0))
	c.schema("normalised by the model", rules+"model}}\n")
	c.check("raw values are what it wants", x("float32", []int64{2, 2}, one))
}

func driftVectors(c *corpus, u func([]int64, ...byte) []sample) {
	watch := func(name string, windows [][]sample, want ...offender) {
		c.write(verdict(line{Case: name, Windows: windows, Want: want}))
	}
	drifted := func(n int64) offender { return offender{Code: CodeDrift, Input: "x", Count: n} }
	four := []int64{4}
	c.schema("drift by PSI", "inputs:\n  x: {dtype: uint8, shape: [4], drift: {edges: [10, 20, 30], shares: [0.25, 0.25, 0.25, 0.25], psi: 0.2, window: 2}}\n")
	watch("like the baseline", [][]sample{u(four, 1, 10, 20, 30), u(four, 9, 19, 29, 255)})
	watch("all in one bin", [][]sample{u(four, 1, 1, 1, 1), u(four, 1, 1, 1, 1)}, drifted(2))
	watch("an open window", [][]sample{u(four, 1, 1, 1, 1)})
	watch("the second of two windows", [][]sample{u(four, 1, 10, 20, 30), u(four, 1, 10, 20, 30), u(four, 1, 1, 1, 1), u(four, 40, 1, 1, 1)}, drifted(2))
	watch("edges belong to the bin above", [][]sample{u(four, 10, 10, 20, 30), u(four, 0, 0, 20, 30)})
	c.schema("drift by KS", "inputs:\n  x: {dtype: uint8, shape: [4], drift: {edges: [10, 20, 30], shares: [0.25, 0.25, 0.25, 0.25], ks: 0.3, window: 1}}\n")
	watch("a distance of 0.25", [][]sample{u(four, 1, 1, 20, 30)})
	watch("a distance of 0.5", [][]sample{u(four, 1, 1, 1, 30)}, drifted(1))
}

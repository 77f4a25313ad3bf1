package main

import (
	"bufio"
	"strings"

	"github.com/andiron-dev/andiron/internal/testkit"
)

// readWhole is why deep or shared values may pass: CPython loads them in linear
// time and memory, and so did andiron.
const readWhole = "harmless: CPython builds it in linear time and memory, and andiron interpreted all of it"

// hostilePickles are opcodes whose lengths, indexes and numbers are absurd.
var hostilePickles = []hostileFile{
	{name: "binunicode8_2e62.pkl", write: all("\x80\x04\x8d", le64(1<<62), "abc.")},
	{name: "binbytes8_2e63.pkl", write: all("\x80\x04\x8e", le64(1<<63-1), "abc.")},
	{name: "bytearray8_all_ones.pkl", write: all("\x80\x05\x96", le64(1<<64-1), "abc.")},
	{name: "long4_2e31.pkl", write: all("\x80\x02\x8b", le32(1<<31-1), "abc.")},
	{name: "long4_negative.pkl", write: all("\x80\x02\x8b", le32(1<<31), "abc.")},
	{name: "frame_2e63.pkl", write: all("\x80\x04\x95", le64(1<<63), "N.")},
	{name: "frame_2e62.pkl", write: all("\x80\x04\x95", le64(1<<62), "N.")},
	{name: "memo_2e31.pkl", write: all("\x80\x02Nr", le32(0x7fffffff), ".")},
	{name: "memo_2e32.pkl", write: all("\x80\x02Nr", le32(0xffffffff), ".")},
	{name: "memo_scattered.pkl", write: counted("\x80\x02N", 200_000, func(i int) string {
		return "r" + le32(uint32(i)*10007)
	}, ".")},
	{name: "memo_million.pkl", write: counted("\x80\x02N", 1_000_000, func(i int) string { return "r" + le32(uint32(i)) }, "."), clean: readWhole},
	{name: "marks_200k.pkl", write: times("\x80\x02", "(", 200_000, "N."), clean: readWhole},
	{name: "marks_200k_tuples.pkl", write: func(w *bufio.Writer) {
		put(w, "\x80\x02")
		repeat(w, "(", 200_000)
		repeat(w, "t", 200_000)
		put(w, ".")
	}, clean: readWhole},
	{name: "lists_200k_deep.pkl", write: func(w *bufio.Writer) {
		put(w, "\x80\x02")
		repeat(w, "]", 200_000)
		repeat(w, "a", 199_999)
		put(w, ".")
	}, clean: readWhole},
	{name: "tuples_200k_deep.pkl", write: times("\x80\x02)", "\x85", 200_000, "."), clean: readWhole},
	{name: "dict_keys_200k_deep.pkl", write: times("\x80\x02}()", "\x85", 200_000, "Nu."), clean: "harmless or refused: hashing the key goes 200,000 deep, which CPython ends with RecursionError"},
	{name: "dup_tuple2_2e200.pkl", write: times("\x80\x02)", "2\x86", 200, "."), clean: readWhole},
	{name: "dup_tuple2_million.pkl", write: times("\x80\x02)", "2\x86", 1_000_000, "."), clean: readWhole},
	{name: "dup_tuple2_to_system.pkl", write: times("\x80\x02cos\nsystem\nX\x01\x00\x00\x00:", "2\x86", 200, "\x85R.")},
	{name: "dup_list_in_itself.pkl", write: times("\x80\x02]", "2a", 200_000, "."), clean: readWhole},
	{name: "pops.pkl", write: times("\x80\x02", "(N0N10", 300_000, "N."), clean: readWhole},
	{name: "pops_underflow.pkl", write: times("\x80\x02N", "0", 200_000, ".")},
	{name: "none_64m.pkl", write: times("\x80\x02", "N", 64<<20, ".")},
	{name: "ext_million.pkl", write: times("\x80\x02", "\x84\x01\x00\x00\x00", 1_000_000, ".")},
	{name: "protos_million.pkl", write: times("", "\x80\x02", 8_000_000, "N."), clean: readWhole},
	{name: "imports_50k.pkl", write: counted("\x80\x02", 50_000, func(i int) string { return "cm" + itoa(i) + "\nf\n0" }, "N.")},
	{name: "calls_million.pkl", write: times("\x80\x02cm\nf\n", ")R", 1_000_000, ".")},
	{name: "calls_of_system.pkl", write: times("\x80\x02cos\nsystem\nq\x000", "h\x00X\x01\x00\x00\x00:\x85R0", 200_000, "N.")},
	{name: "builds_million.pkl", write: times("\x80\x02cm\nf\n)\x81", "}b", 1_000_000, ".")},
	{name: "setitems_million.pkl", write: counted("\x80\x02}(", 1_000_000, func(i int) string { return "J" + le32(uint32(i)) + "N" }, "u."), clean: readWhole},
	{name: "persistent_million.pkl", write: times("\x80\x02", "NQ0", 1_000_000, "N.")},
	{name: "streams_million.pkl", write: times("", "\x80\x02N.", 1_000_000, "")},
	{name: "streams_of_system.pkl", write: times("", "cos\nsystem\n(S':'\ntR.", 50_000, "")},
	{name: "streams_broken.pkl", write: times("", "\x80\x02cm\nf\n\xff", 500_000, "")},
	{name: "junk_of_starts.pkl", write: times("\x80\x02N.", "\x80\x02", 4<<20, "\xff")},
	{name: "junk_of_imports.pkl", write: times("\x80\x02N.\xff", "cos\n", 4<<20, "\xff")},
	{name: "nested_loaders.pkl", write: func(w *bufio.Writer) { put(w, nestedLoaders(40)) }},
	{name: "joblib_shape_2e62.joblib", write: all(joblibWrapper(1 << 62))},
	{name: "legacy_2e62_elements.pt", write: func(w *bufio.Writer) {
		put(w, legacyHead, "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(", legacyStorage("4611686018427387904"),
			"K\x00J\xff\xff\xff\x7f\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR.",
			"\x80\x02]X\x01\x00\x00\x000a.", le64(1<<62), "1234")
	}},
	{name: "legacy_2e40_storages.pt", write: times(legacyHead+"\x80\x02}.\x80\x02](", "X\x01\x00\x00\x000", 1_000_000, "e."+le64(1<<40))},
}

// legacyHead are the first three pickles of torch.save before 1.6.
const legacyHead = "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." +
	"\x80\x02}(X\x10\x00\x00\x00protocol_versionM\xe9\x03X\r\x00\x00\x00little_endian\x88X\n\x00\x00\x00type_sizes}u."

// legacyStorage is the persistent id of a storage of float32.
func legacyStorage(elements string) string {
	return string(testkit.Pickle("MARK", "BINUNICODE storage", "GLOBAL torch FloatStorage", "BINUNICODE 0", "BINUNICODE cpu",
		"LONG1 "+elements, "NONE", "TUPLE", "BINPERSID"))
}

// nestedLoaders is a pickle in a pickle in a pickle.
func nestedLoaders(depth int) string {
	p := "\x80\x02N."
	for range depth {
		p = "\x80\x04cpickle\nloads\nB" + le32(uint32(len(p))) + p + "\x85R."
	}
	return p
}

// joblibWrapper is a joblib array of float64 whose shape is given.
func joblibWrapper(n uint64) string {
	return string(testkit.Pickle("PROTO 3", "GLOBAL joblib.numpy_pickle NumpyArrayWrapper", "EMPTY_TUPLE", "NEWOBJ", "EMPTY_DICT", "MARK",
		"BINUNICODE subclass", "GLOBAL numpy ndarray", "BINUNICODE shape")) +
		"\x8a\x08" + le64(n) + string(testkit.Pickle("TUPLE1", "BINUNICODE order", "BINUNICODE C", "BINUNICODE dtype",
		"GLOBAL numpy dtype", "BINUNICODE f8", "NEWFALSE", "NEWTRUE", "TUPLE3", "REDUCE",
		"BINUNICODE allow_mmap", "NEWTRUE", "SETITEMS", "BUILD", "RAW 0000", "STOP"))
}

// hostileText are arguments written as text, and computed values that a folding
// analysis could be made to grow.
var hostileText = []hostileFile{
	{name: "memo_text_huge.pkl", write: all("Np99999999999999999999\n.")},
	{name: "memo_text_digits.pkl", write: times("Np", "9", 16<<20, "\n.")},
	{name: "long_text_digits.pkl", write: times("L", "9", 16<<20, "L\n.")},
	{name: "int_text_digits.pkl", write: times("I", "9", 16<<20, "\n.")},
	{name: "float_text_digits.pkl", write: times("F0.", "3", 16<<20, "\n."), clean: readWhole},
	{name: "long4_real_64m.pkl", write: times("\x80\x02\x8b"+le32(64<<20), "\x7f", 64<<20, ".")},
	{name: "line_without_end.pkl", write: times("V", "a", 64<<20, "")},
	{name: "string_escapes.pkl", write: times("S'", `\x41`, 4<<20, "'\n."), clean: readWhole},
	{name: "unicode_escapes.pkl", write: times("V", `\u0041`, 4<<20, "\n."), clean: readWhole},
	{name: "unicode_64m.pkl", write: times("\x80\x02X"+le32(64<<20), "a", 64<<20, "."), clean: readWhole},
	{name: "global_name_16m.pkl", write: times("cos\n", "a", 16<<20, "\n.")},
	{name: "global_name_dots.pkl", write: times("\x80\x04X\x02\x00\x00\x00osX"+le32(2<<20), "a.", 1<<20, "\x93.")},
	{name: "fold_repeat.pkl", write: folded("_operator mul", "X\x01\x00\x00\x00a\x8a\x08"+le64(1<<40)+"\x86R")},
	{name: "fold_repeat_doubling.pkl", write: func(w *bufio.Writer) {
		put(w, "\x80\x02cos\nsystem\nX\x04\x00\x00\x00aaaaq\x00")
		for range 60 {
			put(w, "0c_operator\nadd\nh\x00h\x00\x86Rq\x00")
		}
		put(w, "\x85R.")
	}},
	{name: "fold_format.pkl", write: folded("builtins str.format", "X\x0f\x00\x00\x00{:>99999999999}X\x01\x00\x00\x00a\x86R")},
	{name: "fold_percent.pkl", write: folded("_operator mod", "X\r\x00\x00\x00%099999999999dK\x01\x86R")},
	{name: "fold_bytes.pkl", write: folded("builtins bytes", "\x8a\x08"+le64(1<<40)+"\x85R")},
	{name: "fold_pow.pkl", write: folded("builtins pow", "K\x0a\x8a\x08"+le64(1<<40)+"\x86R")},
	{name: "fold_range.pkl", write: folded("builtins list", "cbuiltins\nrange\n\x8a\x08"+le64(1<<40)+"\x85R\x85R")},
	{name: "fold_join_doubling.pkl", write: func(w *bufio.Writer) {
		put(w, "\x80\x02cos\nsystem\nX\x04\x00\x00\x00aaaaq\x00")
		for range 60 {
			put(w, "0cbuiltins\nstr.join\nX\x01\x00\x00\x00-]h\x00ah\x00a\x86Rq\x00")
		}
		put(w, "\x85R.")
	}},
	{name: "fold_zlib_bomb.pkl", write: func(w *bufio.Writer) {
		bomb := zlibZeros(8000)
		put(w, "\x80\x03cmarshal\nloads\nczlib\ndecompress\nB", le32(uint32(len(bomb))), bomb, "\x85R\x85R.")
	}},
	{name: "loads_zlib_bomb.pkl", write: func(w *bufio.Writer) {
		bomb := zlibZeros(8000)
		put(w, "\x80\x03cpickle\nloads\nczlib\ndecompress\nB", le32(uint32(len(bomb))), bomb, "\x85R\x85R.")
	}},
	{name: "base64_chain.pkl", write: func(w *bufio.Writer) {
		put(w, "\x80\x03cbuiltins\nexec\n")
		repeat(w, "cbase64\nb64decode\n", 100_000)
		put(w, "B"+le32(1<<20)+strings.Repeat("QUFB", 1<<18))
		repeat(w, "\x85R", 100_001)
		put(w, ".")
	}},
}

// folded gives os.system an argument that is computed.
func folded(function, args string) func(*bufio.Writer) {
	module, name, _ := strings.Cut(function, " ")
	return all("\x80\x04cos\nsystem\nX" + le32(uint32(len(module))) + module + "X" + le32(uint32(len(name))) + name + "\x93" + args + "\x85R.")
}

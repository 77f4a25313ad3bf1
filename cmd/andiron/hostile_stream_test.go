package main

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"
)

// hostileStreams are compressed streams: bombs, and windows of gigabytes.
var hostileStreams = []hostileFile{
	{name: "bomb.pkl.gz", write: func(w *bufio.Writer) { put(w, gzipHead, zeroBlocks(10<<10), lastBlock, le64(0)) }},
	{name: "bomb_of_none.pkl.gz", write: func(w *bufio.Writer) {
		put(w, gzipHead, deflated(bytes.Repeat([]byte("N"), 1<<20)), zeroBlocks(10<<10), lastBlock, le64(0))
	}},
	{name: "bomb.pkl.z", write: func(w *bufio.Writer) { put(w, zlibZeros(10<<10)) }},
	{name: "bomb.pkl.bz2", write: func(w *bufio.Writer) { repeat(w, bzip2Zeros, 100_000) }},
	{name: "bomb.pkl.xz", write: func(w *bufio.Writer) { repeat(w, xzZeros(1<<20), 4000) }},
	{name: "bomb.pkl.zst", write: times("\x28\xb5\x2f\xfd\x00\x58", "\x02\x00\x10\x00", 1<<20, "\x01\x00\x00")},
	{name: "bomb.pkl.lz4", write: func(w *bufio.Writer) {
		put(w, "\x04\x22\x4d\x18\x60\x70\x73")
		block := "\x1f\x00\x01\x00" + strings.Repeat("\xff", 16_000) + "\x00\x50\x00\x00\x00\x00\x00"
		repeat(w, le32(uint32(len(block)))+block, 700)
		put(w, le32(0))
	}},
	{name: "xz_dictionary_4g.xz", write: func(w *bufio.Writer) {
		s := []byte(xzZeros(1 << 16))
		s[16] = 40 // the dictionary's size in the header of the first block
		put(w, string(s))
	}},
	{name: "lzma_dictionary_4g.lzma", write: all("\x5d\xff\xff\xff\xff", strings.Repeat("\xff", 8), strings.Repeat("\x00", 64))},
	{name: "zstd_window_2g.zst", write: times("\x28\xb5\x2f\xfd\x00\xa8", "\x02\x00\x10\x00", 100, "\x01\x00\x00")},
	{name: "zstd_size_2e63.zst", write: all("\x28\xb5\x2f\xfd\xe0", le64(1<<63), "\x01\x00\x00")},
	{name: "zstd_skippable_million.zst", write: times("", "\x50\x2a\x4d\x18\x00\x00\x00\x00", 1_000_000, "")},
	{name: "gzip_empty_members.gz", write: times("", gzipHead+lastBlock+le64(0), 500_000, "")},
	{name: "gzip_name_64m.gz", write: times("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03", "a", 64<<20, "")},
	{name: "gzip_in_gzip.gz", write: func(w *bufio.Writer) {
		s := "\x80\x02N."
		for range 40 {
			s = gzipHead + deflated([]byte(s)) + lastBlock + le64(0)
		}
		put(w, s)
	}},
	{name: "zfile_2e60.z", write: all("ZF0x1000000000000000   ", zlibZeros(1000))},
	{name: "tar_50k_members.tar", write: func(w *bufio.Writer) {
		for i := range 50_000 {
			put(w, tarHead("m"+itoa(i), 0))
		}
		repeat(w, "\x00", 1024)
	}},
	{name: "tar_million_members.tar.gz", write: func(w *bufio.Writer) {
		block := strings.Repeat(tarHead("m", 0), 2048)
		put(w, gzipHead)
		one := deflated([]byte(block))
		repeat(w, one, 500)
		put(w, lastBlock, le64(0))
	}},
	{name: "tar_of_pickles.tar", write: func(w *bufio.Writer) {
		one := "cos\nsystem\n(S':'\ntR."
		for i := range 5_000 {
			put(w, tarHead("m"+itoa(i), len(one)), one, strings.Repeat("\x00", 512-len(one)))
		}
		repeat(w, "\x00", 1024)
	}},
	{name: "tar_size_2e62.tar", write: all(tarHead("m", 1<<62), "\x80\x02N.")},
	{name: "tar_ancient_2e62.pt", write: func(w *bufio.Writer) {
		for _, m := range []struct{ name, data string }{
			{"sys_info", "\x80\x02}."}, {"pickle", "\x80\x02}."}, {"tensors", "\x80\x02\x8a\x08" + le64(1<<62) + "."}, {"storages", "\x80\x02\x8a\x08" + le64(1<<62) + "."},
		} {
			put(w, tarHead(m.name, len(m.data)), m.data, strings.Repeat("\x00", 512-len(m.data)))
		}
		repeat(w, "\x00", 1024)
	}},
}

const gzipHead = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"

// bzip2Zeros is bzip2 of 900,000 zeros; streams follow each other.
var bzip2Zeros = func() string {
	b, err := hex.DecodeString("425a683931415926535963e3eca20006e4c100c00002000008200030cc09aa6994a136a9284f17724538509063e3eca2")
	if err != nil {
		panic(err)
	}
	return string(b)
}()

// xzZeros is an xz stream of n zeros.
func xzZeros(n int) string {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err == nil {
		_, err = w.Write(make([]byte, n))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return b.String()
}

// zlibZeros is a zlib stream of n MiB of zeros.
func zlibZeros(n int) string {
	var b bytes.Buffer
	_ = zlib.NewWriter(&b).Close()
	return b.String()[:2] + zeroBlocks(n) + lastBlock + "\x00\x00\x00\x00"
}

// tarHead is the header of a tar member, in the numbers of GNU tar where size is large.
func tarHead(name string, size int) string {
	b := make([]byte, 512)
	copy(b, name)
	copy(b[100:], "0000644\x000000000\x000000000\x00")
	copy(b[124:], fmt.Sprintf("%011o", size))
	if size >= 1<<33 {
		b[124] = 0x80
		for i := range 11 {
			b[125+i] = byte(uint64(size) >> (8 * min(10-i, 7)) * b2u(10-i < 8))
		}
	}
	copy(b[136:], "00000000000\x00        0")
	copy(b[257:], "ustar\x0000")
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(b)
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// hostileOthers are headers of arrays, tensors and graphs, and JSON.
var hostileOthers = []hostileFile{
	{name: "shape_2e62.npy", write: all(npyHead("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,), }"))},
	{name: "shape_million.npy", write: all(npyHead("{'descr': '<f8', 'fortran_order': False, 'shape': (" + strings.Repeat("1,", 20_000) + "), }"))},
	{name: "header_4g.npy", write: all("\x93NUMPY\x02\x00\xff\xff\xff\xff{'descr': ")},
	{name: "header_deep.npy", write: times("\x93NUMPY\x02\x00"+le32(8<<20), "(", 8<<20, "")},
	{name: "descr_deep.npy", write: times("\x93NUMPY\x02\x00"+le32(8<<20)+"{'descr': ", "[('a', ", 1<<20, strings.Repeat(" ", 2<<20))},
	{name: "header_100m_claim.safetensors", write: all(le64(100_000_000), `{"a":{"dtype":"F32"`)},
	{name: "header_2e63.safetensors", write: all(le64(1<<63), `{"a":{"dtype":"F32"`)},
	{name: "header_100m_spaces.safetensors", write: times(le64(100_000_000)+"{}", " ", 100_000_000-2, ""), clean: "harmless: the format allows padding with spaces, and all of it is read"},
	{name: "header_100m_string.safetensors", write: times(le64(100_000_000)+`{"`, "a", 100_000_000-2, "")},
	{name: "header_deep.safetensors", write: times(le64(50_000_000), `{"a":`, 10_000_000, "")},
	{name: "tensors_million.safetensors", write: func(w *bufio.Writer) {
		header := string(written(counted("{", 1_000_000, func(i int) string {
			return `"` + itoa(i) + `":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`
		}, `"z":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`)))
		put(w, le64(uint64(len(header))), header)
	}},
	{name: "shape_2e62.safetensors", write: func(w *bufio.Writer) {
		header := `{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,4]}}`
		put(w, le64(uint64(len(header))), header, "1234")
	}},
	{name: "counts_2e63.gguf", write: all("GGUF", le32(3), le64(1<<63), le64(1<<63), "abcd")},
	{name: "string_2e62.gguf", write: all("GGUF", le32(3), le64(0), le64(1), le64(1<<62), "abcd")},
	{name: "array_2e62.gguf", write: all("GGUF", le32(3), le64(0), le64(1), le64(1), "a", le32(9), le32(4), le64(1<<62))},
	{name: "arrays_in_arrays.gguf", write: times("GGUF"+le32(3)+le64(0)+le64(1)+le64(1)+"a"+le32(9), le32(9)+le64(1), 1_000_000, "")},
	{name: "keys_million.gguf", write: counted("GGUF"+le32(3)+le64(0)+le64(1_000_000), 1_000_000, func(i int) string {
		k := "k" + itoa(i)
		return le64(uint64(len(k))) + k + le32(0) + "\x00"
	}, "")},
	{name: "template_16m.gguf", write: func(w *bufio.Writer) {
		put(w, "GGUF", le32(3), le64(0), le64(1), le64(23), "tokenizer.chat_template", le32(8), le64(16<<20))
		repeat(w, "{{ (", 4<<20)
	}},
	{name: "nested_10k.onnx", write: func(w *bufio.Writer) { put(w, onnxNested(10_000)) }},
	{name: "length_2e63.onnx", write: all("\x08\x07\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
	{name: "nodes_million.onnx", write: func(w *bufio.Writer) {
		body := strings.Repeat("\x0a\x08\x22\x01a\x3a\x03foo", 1_000_000)
		put(w, "\x08\x07\x3a", varint(len(body)), body, "\x42\x02\x10\x0d")
	}},
	{name: "config.json", write: times("", "[", 1_000_000, "")},
	{name: "tokenizer_config.json", write: times(`{"chat_template":"`, "{% if x %}", 500_000, `"}`)},
	{name: "generation_config.json", write: times(`{"chat_template":"{{ `, "(", 4_000_000, ` }}"}`)},
	{name: "model.safetensors.index.json", write: counted(`{"weight_map":{`, 300_000, func(i int) string { return `"w` + itoa(i) + `":"../../` + itoa(i) + `",` }, `"z":"a"}}`)},
	{name: "chat_template.jinja", write: times("{{ x", ".a", 8<<20, " }}")},
	{name: "zeros_sparse.pt", write: times("", "\x00", 64<<20, "")},
	{name: "empty.pt", write: all("")},
	{name: "native_all_ones.pt", write: all("\x7fELF", strings.Repeat("\xff", 4096))},
}

func npyHead(header string) string {
	return "\x93NUMPY\x01\x00" + le16(uint16(len(header))) + header
}

func varint(n int) string {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return string(append(b, byte(n)))
}

// onnxNested is a model whose graph has a node with a graph with a node …
func onnxNested(depth int) string {
	var heads []string // from the inside out: each ends where the next begins
	n := 0
	for range depth {
		attr := "\x32" + varint(n) // AttributeProto.g
		node := "\x22\x02If\x2a" + varint(len(attr)+n) + attr
		heads = append(heads, "\x0a"+varint(len(node)+n)+node)
		n += len(heads[len(heads)-1])
	}
	slices.Reverse(heads)
	return "\x08\x07\x42\x02\x10\x0d\x3a" + varint(n) + strings.Join(heads, "")
}

// Package magic tells what a file is by its bytes, never by its name.
//
// # Security
//
// This package is made for hostile input: it reads only the bytes it is given,
// never panics, and allocates nothing that grows with them. A file can be valid
// in several formats at once, and which one counts depends on the loader, so
// All returns every format that fits. A weak sign (a protocol 0 pickle has no
// magic at all) errs towards being named; the reader of that format decides.
//
// # Limits
//
// HeadLen leading and TailLen trailing bytes are looked at.
//
// # Specification
//
// PyTorch v2.6.0 torch/serialization.py (load, _is_zipfile, _legacy_load) and
// torch/csrc/jit/mobile/file_format.h; joblib 1.4 numpy_pickle_utils.py
// (_detect_compressor); POSIX.1-2017 pax (ustar); RFC 1950, 1952, 8878; xz file
// format 1.2.1; lzma-file-format.txt (LZMA_alone); LZ4 frame format 1.6.4;
// numpy NEP 1; GGUF specification v3; ExecuTorch program.fbs and
// flat_tensor.fbs.
package magic

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/objfile"
	"github.com/andiron-dev/andiron/internal/onnx"
)

// HeadLen and TailLen are how much of a file Detect and All want to see. The end record
// of a zip is looked for in the last 69,584 bytes by miniz, torch's reader.
const (
	HeadLen = 4096
	TailLen = 72 << 10
)

// Kind is a format.
type Kind string

// The formats that are told apart.
const (
	Unknown     Kind = ""
	Empty       Kind = "empty"
	Zip         Kind = "zip"          // begins with a local header or is an empty zip
	ZipAppended Kind = "zip-appended" // ends as a zip, begins as something else
	TorchLegacy Kind = "torch-legacy" // the five-pickle stream
	Torch0      Kind = "torch-0"      // PYTORCH1, refused by every release
	Pickle      Kind = "pickle"
	Tar         Kind = "tar"
	Safetensors Kind = "safetensors"
	NPY         Kind = "npy"
	Gzip        Kind = "gzip"
	Bzip2       Kind = "bzip2"
	XZ          Kind = "xz"
	LZMA        Kind = "lzma"
	Zlib        Kind = "zlib"
	Zstd        Kind = "zstd"
	LZ4         Kind = "lz4"
	ZFile       Kind = "zfile" // joblib before 0.10
	GGUF        Kind = "gguf"
	GGML        Kind = "ggml" // what came before GGUF
	ONNX        Kind = "onnx"
	HDF5        Kind = "hdf5"
	TorchMobile Kind = "torch-mobile" // flatbuffer, PTMF
	ExecuTorch  Kind = "executorch"   // .pte
	ExecuData   Kind = "executorch-data"
	TFLite      Kind = "tflite"
	Native      Kind = "native" // see objfile
	PyC         Kind = "python-bytecode"
	SevenZip    Kind = "7z"
	RAR         Kind = "rar"
	JSON        Kind = "json"
	Text        Kind = "text"
)

// prefixes are formats with a magic number at the start.
var prefixes = []struct {
	magic string
	kind  Kind
}{
	{"PK\x03\x04", Zip},
	{"PK\x05\x06", Zip},
	{"PYTORCH1", Torch0},
	{"\x93NUMPY", NPY},
	{"\x1f\x8b", Gzip},
	{"\xfd7zXZ\x00", XZ},
	{"\x28\xb5\x2f\xfd", Zstd},
	{"\x04\x22\x4d\x18", LZ4},
	{"\x02\x21\x4c\x18", LZ4}, // the frame format before 1.4
	{"ZF0x", ZFile},
	{"GGUF", GGUF},
	{"lmgg", GGML},
	{"fmgg", GGML},
	{"tjgg", GGML},
	{"algg", GGML},
	{"7z\xbc\xaf\x27\x1c", SevenZip},
	{"Rar!\x1a\x07", RAR},
}

// fourth are flatbuffer file identifiers, which stand at offset 4.
var fourth = map[string]Kind{"PTMF": TorchMobile, "ET12": ExecuTorch, "FT01": ExecuData, "TFL3": TFLite}

// Detect returns the first of All, or Unknown.
func Detect(head, tail []byte, size int64) Kind {
	if all := All(head, tail, size); len(all) > 0 {
		return all[0]
	}
	return Unknown
}

// All returns every format that the bytes fit: first those with a magic number,
// then those that are told by plausibility. Head begins at offset 0; tail ends
// at the end of the file of size bytes and may be nil.
func All(head, tail []byte, size int64) []Kind {
	if size == 0 {
		return []Kind{Empty}
	}
	var out []Kind
	add := func(ok bool, k Kind) {
		if ok {
			out = append(out, k)
		}
	}
	for _, p := range prefixes {
		add(strings.HasPrefix(string(head[:min(len(head), 8)]), p.magic), p.kind)
	}
	if len(head) >= 8 {
		if k, ok := fourth[string(head[4:8])]; ok {
			out = append(out, k)
		}
	}
	add(isBzip2(head), Bzip2)
	add(isHDF5(head), HDF5)
	add(objfile.Detect(head).Kind != objfile.None, Native)
	add(isPyC(head), PyC)
	add(isTar(head), Tar)
	add(isSkippable(head), Zstd)
	add(IsTorchLegacy(head), TorchLegacy)
	add(isSafetensors(head), Safetensors)
	add(isZlib(head), Zlib)
	add(isLZMA(head), LZMA)
	text := isText(head)
	json := isJSON(head) && text
	add(json, JSON)
	add(!json && MaybePickle(head, size), Pickle)
	add(!text && onnx.Looks(head), ONNX)
	add(text && !json, Text)
	add((len(out) == 0 || out[0] != Zip) && endsAsZip(tail, size), ZipAppended)
	return out
}

// endsAsZip says whether a file ends as a zip with entries: an end record that miniz
// takes. It does not mind what the record says of a comment.
func endsAsZip(tail []byte, size int64) bool {
	le := binary.LittleEndian
	for at := 0; ; at += 4 {
		i := bytes.Index(tail[at:], []byte("PK\x05\x06"))
		if i < 0 || len(tail)-at-i < 22 {
			return false
		}
		at += i
		r := tail[at:]
		if at >= 20 && string(tail[at-20:at-16]) == "PK\x06\x07" { // zip64 has its own record
			return true
		}
		n, length, offset := le.Uint16(r[10:]), int64(le.Uint32(r[12:])), int64(le.Uint32(r[16:]))
		if n > 0 && n == le.Uint16(r[8:]) && length >= 46*int64(n) && length+offset <= size {
			return true
		}
	}
}

func isBzip2(b []byte) bool {
	return len(b) >= 10 && string(b[:3]) == "BZh" && b[3] >= '1' && b[3] <= '9' &&
		(string(b[4:10]) == "1AY&SY" || string(b[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

// HDF5 may be preceded by a user block of 512, 1024, 2048, … bytes.
func isHDF5(b []byte) bool {
	for at := 0; at+8 <= len(b); at = max(512, at*2) {
		if string(b[at:at+8]) == "\x89HDF\r\n\x1a\n" {
			return true
		}
	}
	return false
}

func isSkippable(b []byte) bool {
	return len(b) >= 8 && b[0]&0xf0 == 0x50 && string(b[1:4]) == "\x2a\x4d\x18"
}

// isPyC accepts CPython's magic numbers since 3.0: 3000 to 3999, then CR LF.
func isPyC(b []byte) bool {
	return len(b) >= 16 && string(b[2:4]) == "\r\n" && binary.LittleEndian.Uint16(b)/1000 == 3
}

// isTar accepts ustar, and the formats before it by their checksum, which
// writers have computed with signed and with unsigned bytes.
func isTar(b []byte) bool {
	if len(b) < 512 {
		return false
	}
	b = b[:512]
	field := strings.Trim(string(b[148:156]), " \x00")
	want, err := strconv.ParseInt(field, 8, 64)
	if err != nil {
		return string(b[257:262]) == "ustar"
	}
	var unsigned, signed int64
	for i, c := range b {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed || string(b[257:262]) == "ustar"
}

func isSafetensors(b []byte) bool {
	if len(b) < 10 || b[8] != '{' {
		return false
	}
	n := binary.LittleEndian.Uint64(b)
	return n >= 2 && n <= 100_000_000
}

// isZlib accepts a zlib header without a preset dictionary. Windows smaller
// than 32 KiB begin with printable letters, so they need more evidence.
func isZlib(b []byte) bool {
	if len(b) < 6 || b[0]&0x0f != 8 || b[0]>>4 > 7 || b[1]&0x20 != 0 || binary.BigEndian.Uint16(b)%31 != 0 {
		return false
	}
	return b[2]&6 != 6 && (b[0] == 0x78 || !isText(b[:6])) // the first block's type is not the reserved one
}

// isLZMA follows what xz accepts in its own detection: dictionaries of 2^n or
// 2^n + 2^(n-1) bytes, a known size below 256 GiB, a range coder that starts
// with 0.
func isLZMA(b []byte) bool {
	if len(b) < 14 || b[0] >= 9*5*5 || b[13] != 0 {
		return false
	}
	lc, lp := b[0]%9, b[0]/9%5
	dict := binary.LittleEndian.Uint32(b[1:])
	size := binary.LittleEndian.Uint64(b[5:])
	top := dict & (dict - 1) // dict without its lowest bit
	power := dict != 0 && (top == 0 || top&(top-1) == 0 && top>>1 == dict^top)
	return lc+lp <= 4 && (power || dict == 1<<32-1) && (size == 1<<64-1 || size < 1<<38)
}

func isJSON(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(b) == 0 || b[0] != '{' && b[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(b[1:], " \t\r\n")
	if len(rest) == 0 {
		return false
	}
	if b[0] == '{' {
		return rest[0] == '"' || rest[0] == '}'
	}
	return strings.IndexByte("[]{\"-0123456789tfn", rest[0]) >= 0
}

// isText accepts UTF-8 without control characters. The head may end inside a
// character.
func isText(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return len(b) < utf8.UTFMax && !utf8.FullRune(b)
		}
		if r < 0x20 && strings.IndexByte("\t\n\r\f\x1b", byte(r)) < 0 || r == 0x7f {
			return false
		}
		b = b[n:]
	}
	return true
}

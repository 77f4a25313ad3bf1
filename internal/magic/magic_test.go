package magic

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func tarHead(sum string) []byte {
	b := make([]byte, 512)
	copy(b, "name")
	copy(b[148:], sum)
	return b
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want Kind
	}{
		{"zip", []byte("PK\x03\x04aaaa"), Zip},
		{"legacy 2", unhex("80 02 8a 0a 6c fc 9c 46 f9 20 6a a8 50 19 2e"), TorchLegacy},
		{"legacy 4", unhex("80 04 95 0d 00 00 00 00 00 00 00 8a 0a 6c fc 9c 46 f9 20 6a a8 50 19 2e"), TorchLegacy},
		{"legacy 0", []byte("L119547037146038801333356L\n."), TorchLegacy},
		{"protocol 2", unhex("80 02 7d 71 00 2e"), Pickle},
		{"protocol 5", unhex("80 05 95 00 00"), Pickle},
		{"protocol 0", []byte("cposix\nsystem\n(S'true'\ntR."), Pickle},
		{"protocol 0 INST", []byte("(S'true'\nios\nsystem\n."), Pickle},
		{"a binary number first", []byte("I0b1\n0cposix\nsystem\n(S'true'\ntR."), Pickle},
		{"a hexadecimal number first", []byte("L0xcdL\n0cposix\nsystem\n(S'true'\ntR."), Pickle},
		{"a number that ends in NUL", []byte("I1\x00 what follows\n0cposix\nsystem\n(S'true'\ntR."), Pickle},
		{"protocol 0 dict", []byte("(dp0\nS'a'\np1\nI1\ns."), Pickle},
		{"import, then junk", []byte("cposix\nsystem\n\xff\xff\xff"), Pickle},
		{"protocol 1", []byte("}q\x00."), Pickle},
		{"text", []byte("config = 5\nother = 6\n"), Text},
		{"text 2", []byte("Paths\nare strings\n"), Text},
		{"text 3", []byte("This is the model card.\n"), Text},
		{"text 4", []byte("I am a file.\n"), Text},
		{"python", []byte("import os\nfrom sys import path\n"), Text},
		{"one letter", []byte("N"), Text},
		{"json", []byte(" {\"a\": 1}"), JSON},
		{"json array", []byte("[1, 2]"), JSON},
		{"ustar", append(append(make([]byte, 257), "ustar\x0000"...), make([]byte, 300)...), Tar},
		{"v7 tar", tarHead("001241 \x00"), Tar},
		{"bad v7 tar", tarHead("000644 \x00"), Unknown},
		{"safetensors", []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), Safetensors},
		{"npy", []byte("\x93NUMPY\x01\x00"), NPY},
		{"gzip", []byte("\x1f\x8b\x08\x00\x00\x00"), Gzip},
		{"bzip2", []byte("BZh91AY&SYxx"), Bzip2},
		{"xz", []byte("\xfd7zXZ\x00\x00\x04"), XZ},
		{"lzma", unhex("5d 00 00 80 00 ff ff ff ff ff ff ff ff 00 00"), LZMA},
		{"zlib", unhex("78 9c 4b 04 00 00 62 00 62"), Zlib},
		{"zstd", unhex("28 b5 2f fd 04 00"), Zstd},
		{"zstd skippable", unhex("50 2a 4d 18 00 00 00 00"), Zstd},
		{"lz4", unhex("04 22 4d 18 64 40"), LZ4},
		{"zfile", []byte("ZF0x1a               x"), ZFile},
		{"gguf", []byte("GGUF\x03\x00\x00\x00"), GGUF},
		{"hdf5", []byte("\x89HDF\r\n\x1a\n"), HDF5},
		{"hdf5 with block", append(make([]byte, 1024), "\x89HDF\r\n\x1a\n"...), HDF5},
		{"ptmf", []byte("\x20\x00\x00\x00PTMF\x00\x00"), TorchMobile},
		{"pte", []byte("\x20\x00\x00\x00ET12eh00"), ExecuTorch},
		{"ptd", []byte("\x20\x00\x00\x00FT01"), ExecuData},
		{"pytorch 0", []byte("PYTORCH1\x01"), Torch0},
		{"elf", []byte("\x7fELF\x02\x01\x01"), Native},
		{"pyc", []byte("\xa7\x0d\r\n\x00\x00\x00\x00aaaabbbb"), PyC},
		{"7z", []byte("7z\xbc\xaf\x27\x1c\x00\x04"), SevenZip},
		{"rar", []byte("Rar!\x1a\x07\x01\x00"), RAR},
		{"onnx", unhex("08 08 12 07 70 79 74 6f 72 63 68 1a 05 32 2e 36 2e 30 3a 80 04"), ONNX},
		{"empty", nil, Empty},
		{"zeros", make([]byte, 600), Unknown},
	} {
		if got := Detect(tt.b, tt.b, int64(len(tt.b))); got != tt.want {
			t.Errorf("%s: got %q of %q, want %q", tt.name, got, All(tt.b, tt.b, int64(len(tt.b))), tt.want)
		}
	}
}

// A file can be two things at once.
// What follows a line that is longer than the head may do anything.
func TestMaybePickleLongLine(t *testing.T) {
	for _, text := range []string{
		"I" + strings.Repeat("0", 5000) + "\n0",
		"F" + strings.Repeat("0", 5000) + "\n0",
		"N0\x80\x04cposix\nsystem" + strings.Repeat(".__call__", 700) + "\n",
	} {
		b := []byte(text + "cposix\nsystem\n(S'true'\ntR.")
		if !MaybePickle(b[:HeadLen], int64(len(b))) {
			t.Errorf("%.20q... is no pickle", b)
		}
	}
	if words := strings.Repeat("I am a long line of text ", 400); MaybePickle([]byte(words[:HeadLen]), int64(len(words))) {
		t.Errorf("%.20q... is a pickle", words)
	}
}

func TestAll(t *testing.T) {
	const locator = "PK\x06\x07" + "0123456789abcdef"
	end := func(onDisk, entries byte, directory, offset byte, comment string) string {
		return "PK\x05\x06\x00\x00\x00\x00" + string([]byte{onDisk, 0, entries, 0, directory, 0, 0, 0, offset, 0, 0, 0}) + comment
	}
	for _, tt := range []struct {
		name, behind string
		appended     bool
	}{
		{"an archive", end(1, 1, 46, 10, "\x00\x00"), true},
		{"a comment that is not there", end(1, 1, 46, 10, "\xff\xff"), true},
		{"zip64", locator + end(0, 0, 0, 0, "\x00\x00"), true},
		{"behind a record that is none", end(0, 1, 46, 10, "\x00\x00") + end(1, 1, 46, 10, "\x00\x00"), true},
		{"without entries", end(0, 0, 0, 0, "\x00\x00"), false},
		{"on several disks", end(1, 2, 92, 10, "\x00\x00"), false},
		{"a directory that is too short", end(1, 1, 45, 10, "\x00\x00"), false},
		{"a directory behind the end", end(1, 1, 46, 200, "\x00\x00"), false},
		{"half a record", end(1, 1, 46, 10, "\x00"), false},
	} {
		b := []byte("\x80\x02}." + strings.Repeat("\x00", 100) + tt.behind)
		if got := All(b, b, int64(len(b))); got[0] != Pickle || slices.Contains(got, ZipAppended) != tt.appended {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
}

func TestByName(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kind  Kind
		model bool
	}{
		{"a/model.PT", Zip, true},
		{"x.safetensors", Safetensors, true},
		{"x.tar.gz", Gzip, false},
		{`c:\m\x.joblib`, Zlib, true},
		{"a.json", JSON, false},
		{"dcp/.metadata", Unknown, true},
		{"noext", Unknown, false},
	} {
		got := ByName(tt.name)
		if ModelName(tt.name) != tt.model || tt.kind == Unknown && got != nil || tt.kind != Unknown && !slices.Contains(got, tt.kind) {
			t.Errorf("%s: got %q, %v", tt.name, got, ModelName(tt.name))
		}
	}
}

// Every golden file is one of the kinds that its name promises.
func TestGolden(t *testing.T) {
	n := 0
	err := filepath.WalkDir("../../testdata/golden/torch", func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".json") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		n++
		want := ByName(p)
		if filepath.Ext(p) == ".npy" || len(want) == 0 {
			return nil
		}
		head, tail := b[:min(len(b), HeadLen)], b[max(0, len(b)-TailLen):]
		if got := Detect(head, tail, int64(len(b))); !slices.Contains(want, got) {
			t.Errorf("%s: got %q, want one of %q", p, got, want)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatal("no golden files", err)
	}
}

func FuzzAll(f *testing.F) {
	f.Add([]byte("cposix\nsystem\n."))
	f.Add([]byte("\x80\x02}."))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		tail := bytes.Clone(b)
		if !slices.Equal(All(b, tail, int64(len(b))), All(b, tail, int64(len(b)))) {
			t.Error("two answers for one input")
		}
	})
}

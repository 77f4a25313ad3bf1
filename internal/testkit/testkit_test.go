package testkit

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"io"
	"testing"
)

func TestPickle(t *testing.T) {
	tests := []struct{ text, want string }{
		{"PROTO 2\nGLOBAL os system\nBINUNICODE hi\nTUPLE1\nREDUCE\nSTOP", "8002636f730a73797374656d0a58020000006869" + "85522e"},
		{"LONG1 -129", "8a027fff"},
		{"LONG1 0", "8a00"},
		{"LONG1 128", "8a028000"},
		{"LONG4 hex:ff00", "8b02000000ff00"},
		{"GLOBAL \"a b\" \"c\\x00\"", "6361206" + "20a63000a"},
		{"BININT -2", "4afeffffff"},
		{"BINFLOAT 1.5", "473ff8000000000000"},
		{"FRAME 258", "950201000000000000"},
		{"INT 5\nRAW ff 00", "49350aff00"},
	}
	for _, tt := range tests {
		if got := hex.EncodeToString(Pickle(tt.text)); got != tt.want {
			t.Errorf("Pickle(%q) = %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestZipOpens(t *testing.T) {
	entries := []ZipEntry{
		{Name: "data.pkl", Data: Pickle("PROTO 2", "NONE", "STOP")},
		{Name: "data/0", Data: bytes.Repeat([]byte("x"), 100), Method: 8},
		{Name: "empty"},
		{Name: "big", Data: []byte("1"), Zip64: true},
	}
	for _, b := range [][]byte{
		Zip(entries...),
		TorchZip("archive", entries...),
		ZipWith(ZipOptions{Prefix: []byte("junk"), CountPrefix: true, Comment: "c", Zip64End: true}, entries...),
	} {
		r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range r.File {
			rc, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(rc)
			if err != nil || !bytes.Equal(got, entries[i].Data) {
				t.Errorf("%s = %q, %v", f.Name, got, err)
			}
		}
	}
}

func TestTorchZipAligns(t *testing.T) {
	b := TorchZip("archive", ZipEntry{Name: "data/0", Data: []byte("0123")}, ZipEntry{Name: "data/1", Data: []byte("4567")})
	for _, data := range []string{"0123", "4567"} {
		if i := bytes.Index(b, []byte(data)); i%64 != 0 {
			t.Errorf("%q lies at %d, not on a multiple of 64", data, i)
		}
	}
}

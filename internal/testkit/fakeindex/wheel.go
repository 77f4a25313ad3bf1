package fakeindex

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep508"
)

// escape is the name of a project as the name of a wheel has it.
func escape(name string) string {
	return strings.ReplaceAll(pep508.Normalize(name), "-", "_")
}

func (w *Wheel) metadata() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Metadata-Version: 2.1\nName: %s\nVersion: %s\n", w.Name, w.Version)
	if w.RequiresPython != "" {
		fmt.Fprintf(&b, "Requires-Python: %s\n", w.RequiresPython)
	}
	for _, r := range w.Requires {
		fmt.Fprintf(&b, "Requires-Dist: %s\n", r)
	}
	return []byte(b.String())
}

// build makes the wheel: one module, and what PEP 427 asks for.
func (w *Wheel) build(metadata []byte) []byte {
	info := escape(w.Name) + "-" + w.Version + ".dist-info/"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	record := ""
	add := func(name string, content []byte) {
		sum := sha256.Sum256(content)
		record += fmt.Sprintf("%s,sha256=%s,%d\n", name, base64.RawURLEncoding.EncodeToString(sum[:]), len(content))
		put(z, name, content)
	}
	add(escape(w.Name)+"/__init__.py", []byte(fmt.Sprintf("__version__ = %q\n%s", w.Version, w.Body)))
	add(info+"METADATA", metadata)
	add(info+"WHEEL", []byte("Wheel-Version: 1.0\nGenerator: fakeindex\nRoot-Is-Purelib: true\nTag: "+w.Tags+"\n"))
	put(z, info+"RECORD", []byte(record+info+"RECORD,,\n"))
	_ = z.Close() // a buffer takes all
	return b.Bytes()
}

func put(z *zip.Writer, name string, content []byte) {
	f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err == nil {
		_, _ = f.Write(content) // a buffer takes all
	}
}

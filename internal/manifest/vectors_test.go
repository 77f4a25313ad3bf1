package manifest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what the vectors want")

const vectorFiles = "../../testdata/vectors/manifest/*.txtar"

// TestVectors reads the file of each vector and compares what it says.
func TestVectors(t *testing.T) {
	names, err := filepath.Glob(vectorFiles)
	if err != nil || len(names) < 20 {
		t.Fatalf("found %d vectors: %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) { runVector(t, name) })
	}
}

func runVector(t *testing.T, name string) {
	t.Helper()
	ar, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(bytes.TrimSpace(ar.Comment)) == 0 {
		t.Error("the vector does not say what it is for")
	}
	want := ar.Files[len(ar.Files)-1]
	if want.Name != "want" {
		t.Fatalf("the last file is %q", want.Name)
	}
	got := readVector(t, ar.Files[:len(ar.Files)-1])
	if *update {
		ar.Files[len(ar.Files)-1].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(ar), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// readVector reads one file, or the files of a *.dist-info folder.
func readVector(t *testing.T, files []txtar.File) string {
	t.Helper()
	name, how, _ := strings.Cut(files[0].Name, " ")
	if dir := filepath.Dir(name); strings.HasSuffix(dir, ".dist-info") {
		f, err := ReadInstalled(dir, func(want string) ([]byte, error) {
			for _, f := range files {
				if f.Name == dir+"/"+want {
					return f.Data, nil
				}
			}
			return nil, fs.ErrNotExist
		}, Limits{})
		return describe(f, err)
	}
	b := transform(t, files[0].Data, strings.Fields(how))
	kind, ok := Identify(name, b)
	if !ok {
		return "not identified\n"
	}
	f, err := Read(kind, name, b, Limits{})
	again, err2 := Read(kind, name, b, Limits{})
	if diff := cmp.Diff(describe(f, err), describe(again, err2)); diff != "" {
		t.Errorf("two readings differ: %s", diff)
	}
	return describe(f, err)
}

func transform(t *testing.T, b []byte, how []string) []byte {
	t.Helper()
	for _, w := range how {
		switch w {
		case "crlf":
			b = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		case "chop":
			b = bytes.TrimRight(b, "\r\n")
		case "bom":
			b = append([]byte("\xef\xbb\xbf"), b...)
		case "latin-1":
			var out []byte
			for _, c := range string(b) {
				out = append(out, byte(c))
			}
			b = out
		case "utf-16le", "utf-16be":
			out := []byte{}
			for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(string(b)))...) {
				if w == "utf-16le" {
					out = append(out, byte(u), byte(u>>8))
				} else {
					out = append(out, byte(u>>8), byte(u))
				}
			}
			b = out
		default:
			t.Fatalf("no transformation %q", w)
		}
	}
	return b
}

// describe writes a file down, a line for each statement.
func describe(f *File, err error) string {
	if err != nil {
		if _, ok := errors.AsType[*SyntaxError](err); !ok {
			return "an error of another type: " + err.Error()
		}
		return "error " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kind %s", f.Kind)
	for _, p := range [...][2]string{{"tool", f.Tool}, {"name", f.Name}, {"python", f.Python}} {
		if p[1] != "" {
			fmt.Fprintf(&b, " %s=%s", p[0], p[1])
		}
	}
	if f.RequireHashes {
		b.WriteString(" require-hashes")
	}
	b.WriteByte('\n')
	for _, x := range f.Indexes {
		fmt.Fprintf(&b, "index %d %s %q", x.Line, x.Role, x.URL)
		pairsOf(&b, "name", x.Name, "explicit", x.Explicit, "secret", x.Secret, "command", x.Command)
	}
	for _, i := range f.Includes {
		fmt.Fprintf(&b, "include %d %q", i.Line, i.Path)
		pairsOf(&b, "constraint", i.Constraint, "command", i.Command)
	}
	for _, p := range f.Packages {
		describePackage(&b, p)
	}
	for _, p := range f.Problems {
		fmt.Fprintf(&b, "problem %d %s\n", p.Line, p.Text)
	}
	return b.String()
}

func describePackage(b *strings.Builder, p Package) {
	fmt.Fprintf(b, "package %d:%d %q", p.Line, p.Column, p.Name)
	if p.Spelled != p.Name {
		fmt.Fprintf(b, " spelled=%q", p.Spelled)
	}
	pairsOf(b, "version", p.Version, "spec", p.Specifier, "extras", p.Extras, "marker", p.Marker, "groups", p.Groups,
		"requires", p.Requires, "platform", p.Platform, "direct", p.Direct, "optional", p.Optional, "constraint", p.Constraint, "override", p.Override, "bundled", p.Bundled, "command", p.Command, "stage", p.Stage)
	if s := p.Source; s != (Source{}) {
		fmt.Fprintf(b, "    from %q", s.Type)
		pairsOf(b, "url", s.URL, "index", s.Index, "ref", s.Reference, "commit", s.Commit, "subdir", s.Subdir, "secret", s.Secret)
	}
	if p.Record != nil {
		fmt.Fprintf(b, "    record %d", p.Record.Files)
		pairsOf(b, "libraries", p.Record.Libraries)
	}
	for _, h := range p.Hashes {
		fmt.Fprintf(b, "    hash %s:%s\n", h.Algorithm, h.Digest)
	}
	for _, w := range p.Wheels {
		fmt.Fprintf(b, "    file %q", w.File)
		pairsOf(b, "url", w.URL, "hash", w.Hash.Algorithm+":"+w.Hash.Digest, "size", int(w.Size), "upload", w.Upload)
	}
}

// pairsOf writes the pairs that are not zero, and ends the line.
func pairsOf(b *strings.Builder, pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case string:
			if v != "" && v != ":" {
				fmt.Fprintf(b, " %s=%q", pairs[i], v)
			}
		case bool:
			if v {
				fmt.Fprintf(b, " %s", pairs[i])
			}
		case int:
			if v != 0 {
				fmt.Fprintf(b, " %s=%d", pairs[i], v)
			}
		case []string:
			if v != nil {
				fmt.Fprintf(b, " %s=%q", pairs[i], v)
			}
		}
	}
	b.WriteByte('\n')
}

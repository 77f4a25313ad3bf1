package strictzip

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the expectations of the vectors")

const (
	vectorFiles = "../../testdata/vectors/zip/*.txtar"
	recipeMark  = "-- recipe --\n"
	wantMark    = "-- want --\n"
)

// TestVectors builds the archives of testdata/vectors/zip and compares what is
// seen in them. README there says how a recipe is written.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob(vectorFiles)
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d vectors, want at least 20: %v", len(paths), err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, want, _ := strings.Cut(string(raw), wantMark)
		_, text, ok := strings.Cut(head, recipeMark)
		if !ok {
			t.Fatalf("%s: no recipe", path)
		}
		r, err := readRecipe(text)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got := r.describe(Limits{})
		if cramped := r.describe(Limits{Scratch: testkit.Cramped()}); cramped != got {
			t.Errorf("%s: with nothing in memory:\n%s", filepath.Base(path), cramped)
		}
		if got == want {
			continue
		}
		if *update {
			if err := os.WriteFile(path, []byte(head+wantMark+got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Errorf("%s: got:\n%swant:\n%s", filepath.Base(path), got, want)
	}
}

// recipe is an archive, and the names that are looked up in it.
type recipe struct {
	data    []byte
	lookups []string
}

// readRecipe builds the archive of the entry lines, then changes it line by line.
func readRecipe(text string) (recipe, error) {
	var r recipe
	var parts []part
	var edits [][]string
	for line := range strings.Lines(text) {
		words, err := split(line)
		if err != nil {
			return r, err
		}
		switch {
		case len(words) == 0:
		case words[0] == "entry":
			p, err := readEntry(words[1:])
			if err != nil {
				return r, fmt.Errorf("%q: %w", line, err)
			}
			parts = append(parts, p)
		case words[0] == "lookup" && len(words) == 2:
			r.lookups = append(r.lookups, words[1])
		default:
			edits = append(edits, words)
		}
	}
	r.data = build(parts...)
	for _, e := range edits {
		if err := r.edit(e); err != nil {
			return r, fmt.Errorf("%q: %w", e, err)
		}
	}
	return r, nil
}

// split cuts a line into words and strings in quotes; # begins a comment.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \n")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		end := strings.IndexAny(line, " \"\n")
		if end < 0 {
			end = len(line)
		}
		word := line[:end]
		if line = line[end:]; strings.HasPrefix(line, `"`) {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			s, err := strconv.Unquote(q)
			if err != nil {
				return nil, err
			}
			word, line = word+s, line[len(q):]
		}
		words = append(words, word)
	}
}

// readEntry reads: "name" "data" and then settings.
func readEntry(words []string) (part, error) {
	if len(words) < 2 {
		return part{}, fmt.Errorf("%d words, want a name and data", len(words))
	}
	p := part{name: words[0], data: words[1]}
	for _, w := range words[2:] {
		key, text, _ := strings.Cut(w, "=")
		n, _ := strconv.ParseUint(text, 0, 32)
		switch key {
		case "local":
			p.local = text
		case "before":
			p.before = text
		case "extra":
			p.extra = text
		case "lextra":
			p.lextra = text
		case "flags":
			p.flags = uint16(n)
		case "lflags":
			p.lflags = uint16(n)
		case "method":
			p.method = uint16(n)
		case "version":
			p.version = uint16(n)
		case "crc":
			p.crc = uint32(n)
		case "size":
			p.size = uint32(n)
		case "attrs":
			p.attrs = uint32(n)
		case "offset":
			p.headerOff = uint32(n)
		case "unlisted":
			p.unlisted = true
		default:
			return p, fmt.Errorf("no setting %q", key)
		}
	}
	return p, nil
}

// edit puts bytes before or after the archive, or over a part of it.
func (r *recipe) edit(words []string) error {
	switch {
	case words[0] == "prefix" && len(words) == 2:
		r.data = append([]byte(words[1]), r.data...)
	case words[0] == "suffix" && len(words) == 2:
		r.data = append(r.data, words[1]...)
	case words[0] == "poke" && len(words) == 3:
		at, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		if at < 0 {
			at += len(r.data)
		}
		b, err := hex.DecodeString(words[2])
		if err != nil {
			return err
		}
		if at < 0 || at+len(b) > len(r.data) {
			return fmt.Errorf("%d is outside of %d bytes", at, len(r.data))
		}
		copy(r.data[at:], b)
	default:
		return errors.New("no such line")
	}
	return nil
}

// describe says what is seen in the archive, a fact a line.
func (r *recipe) describe(lim Limits) string {
	var b strings.Builder
	a, err := Open(bytes.NewReader(r.data), int64(len(r.data)), lim)
	if err != nil {
		return fmt.Sprintf("error %v\n", err)
	}
	r.archive(&b, "", a)
	for _, other := range a.Others {
		b.WriteString("other archive\n")
		r.archive(&b, "  ", other)
	}
	return b.String()
}

func (r *recipe) archive(b *strings.Builder, indent string, a *Archive) {
	for i := range a.Len() {
		beyond := ""
		if a.Entry(i).Beyond {
			beyond = " beyond"
		}
		fmt.Fprintf(b, "%sentry %d %q%s\n", indent, i, a.Entry(i).Name, beyond)
	}
	for _, is := range a.Issues {
		refuses := ""
		if is.Refuses {
			refuses = " refuses"
		}
		fmt.Fprintf(b, "%sissue %s entry %d%s\n", indent, is.Kind, is.Entry, refuses)
	}
	for _, name := range r.lookups {
		fmt.Fprintf(b, "%slookup %q", indent, name)
		for _, c := range a.Lookup(name) {
			for _, by := range c.By {
				fmt.Fprintf(b, " %s=%d", by, c.Entry)
			}
		}
		b.WriteByte('\n')
	}
	for i := range a.Len() {
		if ok, err := a.VerifyCRC(i); err != nil {
			fmt.Fprintf(b, "%sunreadable %d\n", indent, i)
		} else if !ok {
			fmt.Fprintf(b, "%scrc wrong %d\n", indent, i)
		}
	}
}

package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// The same files are run by python/tests/test_safetensors.py.
func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("../testdata/vectors/safetensors/*.txtar")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil || len(ar.Files) != 2 {
				t.Fatalf("want the sections file and want: %v", err)
			}
			checkVector(t, build(t, string(ar.Files[0].Data)), string(ar.Files[1].Data))
		})
	}
}

func checkVector(t *testing.T, b []byte, want string) {
	t.Helper()
	got, err := open(b)
	reason, refused := strings.CutPrefix(want, "refused\n")
	_, each := Each(bytes.NewReader(b), int64(len(b)), Limits{}, func(Tensor) error { return nil })
	if refused && each == nil && !strings.Contains(reason, "given before") {
		t.Errorf("Each takes it, want …%s…", reason)
	}
	if !refused {
		if d := cmp.Diff(want, facts(got)); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
		return
	}
	reason = strings.TrimSpace(strings.TrimPrefix(reason, "because "))
	var fe *FormatError
	if !errors.As(err, &fe) || !strings.Contains(err.Error(), reason) {
		t.Errorf("got %v, want …%s…", err, reason)
	}
}

// build makes the file that a recipe describes.
func build(t *testing.T, recipe string) []byte {
	t.Helper()
	var header, data []byte
	length := uint64(0)
	set := false
	for line := range strings.Lines(recipe) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch verb {
		case "text":
			var s string
			err = json.Unmarshal([]byte(rest), &s)
			header = append(header, s...)
		case "hex":
			var raw []byte
			raw, err = hex.DecodeString(strings.ReplaceAll(rest, " ", ""))
			header = append(header, raw...)
		case "length":
			set = true
			length, err = strconv.ParseUint(rest, 10, 64)
		case "data":
			var n int
			n, err = strconv.Atoi(rest)
			data = make([]byte, n)
		default:
			err = errors.New("unknown line")
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	if !set {
		length = uint64(len(header))
	}
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, length), header, data)
}

func facts(f *File) string {
	var out bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		fmt.Fprintf(&out, "metadata %s %s\n", ascii(key), ascii(f.Metadata[key]))
	}
	for _, t := range f.Tensors {
		shape := strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ", ")
		fmt.Fprintf(&out, "tensor %s %s %s %d %d\n", ascii(t.Name), t.DType, shape, t.Begin, t.End)
	}
	if out.Len() == 0 {
		return "nothing\n"
	}
	return out.String()
}

// ascii is how the vectors write strings, which is how Python's json does.
func ascii(s string) string {
	return strings.ReplaceAll(strconv.QuoteToASCII(s), `\U0001f600`, `\ud83d\ude00`)
}

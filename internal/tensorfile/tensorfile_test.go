package tensorfile

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/safetensors"
)

// npyFile is what numpy.save writes.
func npyFile(descr string, fortran bool, shape, data string) []byte {
	order := map[bool]string{true: "True", false: "False"}[fortran]
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	return []byte("\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head + data)
}

func little(values ...uint32) string {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return string(b)
}

func big(values ...uint32) string {
	var b []byte
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return string(b)
}

func npz(t testing.TB, deflate bool, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		h := &zip.FileHeader{Name: pairs[i], Method: zip.Store}
		if deflate {
			h.Method = zip.Deflate
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// elements reads a tensor in the way that a check does.
func elements(x Tensor) ([]byte, error) {
	r, err := x.Open()
	if err != nil {
		return nil, err
	}
	b := make([]byte, x.Bytes)
	_, err = io.ReadFull(r, b)
	return b, err
}

func open(b []byte) (*File, error) { return Open(bytes.NewReader(b), int64(len(b))) }

func TestArrays(t *testing.T) {
	seq := little(0, 1, 2, 3, 4, 5)
	framed := "\x01\x00\x00\x00a\x02\x00\x00\x00\xc3\xa9"
	for name, c := range map[string]struct {
		file  []byte
		dtype tensor.DType
		want  string
	}{
		"little":   {npyFile("<u4", false, "(2, 3)", seq), tensor.Uint32, seq},
		"big":      {npyFile(">i4", false, "(2, 3)", big(0, 1, 2, 3, 4, 5)), tensor.Int32, seq},
		"fortran":  {npyFile("<u4", true, "(2, 3)", little(0, 3, 1, 4, 2, 5)), tensor.Uint32, seq},
		"both":     {npyFile(">u4", true, "(2, 3, 1)", big(0, 3, 1, 4, 2, 5)), tensor.Uint32, seq},
		"empty":    {npyFile("<f4", true, "(0, 3)", ""), tensor.Float32, ""},
		"scalar":   {npyFile("<f4", false, "()", "\x00\x00\x80\x3f"), tensor.Float32, "\x00\x00\x80\x3f"},
		"bytes":    {npyFile("|u1", true, "(2, 2)", "acbd"), tensor.Uint8, "abcd"},
		"name":     {npyFile("float64", false, "(1,)", "12345678"), tensor.Float64, "12345678"},
		"ascii":    {npyFile("|S2", false, "(2,)", "a\x00\xc3\xa9"), tensor.Bytes, framed},
		"text":     {npyFile("<U1", false, "(2,)", little('a', 'é')), tensor.Bytes, framed},
		"big text": {npyFile(">U1", false, "(2,)", big('a', 'é')), tensor.Bytes, framed},
	} {
		f, err := open(c.file)
		if err != nil || len(f.Tensors) != 1 || f.Format != "npy" {
			t.Fatalf("%s: %v %+v", name, err, f)
		}
		x := f.Tensors[0]
		if got, err := elements(x); err != nil || string(got) != c.want || x.DType != c.dtype || x.Problem != "" {
			t.Errorf("%s: %v, %s %q, %q", name, err, x.DType, x.Problem, got)
		}
	}
}

func TestArrayProblems(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"object":   {npyFile("|O", false, "(1,)", "\x80\x02}."), "is a pickle, which is not loaded"},
		"short":    {npyFile("<f4", false, "(2,)", "1234"), "the header says 8 bytes, and 4 follow it"},
		"more":     {npyFile("<f4", false, "(1,)", "12345"), "1 bytes follow the array"},
		"negative": {npyFile("<f4", false, "(-1,)", ""), "a dimension is below 0"},
		"huge":     {npyFile("<f8", false, "(4294967296, 4294967296)", ""), "nobody can tell"},
		"unknown":  {npyFile("<g9", false, "(1,)", "123456789"), "is a pickle"},
		"no text":  {npyFile("<U1", false, "(1,)", little(0xd800)), "which is no character"},
		"twice":    {npyFile("<f4', 'descr': '<f4", false, "(1,)", "1234"), "the key \"descr\" twice"},
	} {
		f, err := open(c.file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if x := f.Tensors[0]; !strings.Contains(x.Problem, c.want) || x.Open != nil {
			t.Errorf("%s: problem %q, want %q", name, x.Problem, c.want)
		}
	}
	// A type that schemas do not have is no problem of the file, and has no elements.
	f, err := open(npyFile("<c8", false, "(1,)", "12345678"))
	if err != nil || f.Tensors[0].DType != 0 || f.Tensors[0].Problem != "" || f.Tensors[0].Open != nil || f.Tensors[0].Spelled != "<c8" {
		t.Errorf("complex: %v %+v", err, f)
	}
}

func TestArchives(t *testing.T) {
	a, b := string(npyFile("<u4", false, "(2,)", little(1, 2))), string(npyFile("<u4", true, "(2, 2)", little(1, 2, 3, 4)))
	for _, deflate := range []bool{false, true} {
		file := npz(t, deflate, "a.npy", a, "b/c.npy", b)
		f, err := open(file)
		if err != nil || len(f.Tensors) != 2 || f.Format != "npz" || f.Tensors[0].Name != "a" || f.Tensors[1].Name != "b/c" {
			t.Fatalf("%v %+v", err, f)
		}
		if got, err := elements(f.Tensors[0]); err != nil || string(got) != little(1, 2) {
			t.Errorf("%v %x", err, got)
		}
		if got, err := elements(f.Tensors[1]); err != nil || string(got) != little(1, 3, 2, 4) {
			t.Errorf("%v %x", err, got)
		}
		// A changed element is one with a wrong CRC.
		broken := bytes.Replace(file, []byte(little(1, 2)), []byte(little(1, 3)), 1)
		if deflate {
			continue
		}
		f, err = open(broken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := elements(f.Tensors[0]); err == nil {
			t.Error("wrong bytes are read without an error")
		}
	}
	if _, err := open(npz(t, false, "a.npy", a, "a.npy", b)); err == nil || !strings.Contains(err.Error(), "not as numpy writes it") {
		t.Errorf("a name twice: %v", err)
	}
	if _, err := open(npz(t, false, "a.npy", "no array")); err == nil || !strings.Contains(err.Error(), `in "a.npy"`) {
		t.Errorf("no array: %v", err)
	}
	if _, err := open(npz(t, false, "a.txt", "no array")); err == nil {
		t.Error("a plain zip is a file of tensors")
	}
}

func TestSafetensors(t *testing.T) {
	l, err := safetensors.NewLayout([]safetensors.Tensor{{Name: "a", DType: "F32", Shape: []int64{1}}, {Name: "c", DType: "C64", Shape: []int64{1}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := l.WriteHeader(&b); err != nil {
		t.Fatal(err)
	}
	f, err := open(append(b.Bytes(), "1234567890ab"...))
	if err != nil || len(f.Tensors) != 2 {
		t.Fatalf("%v %+v", err, f)
	}
	for _, x := range f.Tensors {
		switch x.Name {
		case "a":
			if got, err := elements(x); err != nil || x.DType != tensor.Float32 || len(got) != 4 {
				t.Errorf("%v %+v", err, x)
			}
		case "c":
			if x.DType != 0 || x.Open != nil {
				t.Errorf("complex: %+v", x)
			}
		}
	}
}

func TestRequests(t *testing.T) {
	for name, body := range map[string]string{
		"request": `{"id": "1", "parameters": {"priority": 1}, "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[0, 1]]}], "outputs": [{"name": "y"}]}`,
		"answer":  `{"model_name": "m", "outputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [0, 1]}]}`,
	} {
		f, err := open([]byte(body))
		if err != nil || len(f.Tensors) != 1 || f.Format != "v2-json" {
			t.Fatalf("%s: %v %+v", name, err, f)
		}
		if got, err := elements(f.Tensors[0]); err != nil || f.Tensors[0].Name != "x" || f.Tensors[0].DType != tensor.Float32 || string(got) != "\x00\x00\x00\x00\x00\x00\x80\x3f" {
			t.Errorf("%s: %v %+v %x", name, err, f.Tensors[0], got)
		}
	}
	for name, body := range map[string]string{
		"a member twice": `{"inputs": [{"name": "x", "name": "y"}]}`, "no request": `{"a": 1}`, "too few data": `{"inputs": [{"name": "x", "shape": [9], "datatype": "FP32", "data": [0]}]}`,
	} {
		if f, err := open([]byte(body)); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	// What is wrong is said of the message that it is: of an answer, not of a request.
	for data, want := range map[string]string{"[1, NaN]": "AW-NUMBER", "[1, null]": "AW-TYPE", "[1]": "AW-COUNT"} {
		for _, members := range []string{`"model_name": "m", "outputs"`, `"inputs"`} {
			if _, err := open([]byte(`{` + members + `: [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": ` + data + `}]}`)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s of %s: %v", data, members, err)
			}
		}
	}
}

// What torch wrote is read as torch says it is.
func TestGolden(t *testing.T) {
	const dir = "../../testdata/golden/torch"
	files, tensors := 0, 0
	testkit.Goldens(t, dir, func(path string, g testkit.Golden) {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || strings.Contains(path, "hostile") {
			return
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := open(b)
		if err != nil {
			return // a format without tensors, or a golden fault
		}
		files++
		for _, want := range g.Tensors {
			i := find(f.Tensors, want.Name)
			if i < 0 || f.Tensors[i].Open == nil || len(want.Components) > 0 {
				continue
			}
			x := f.Tensors[i]
			got, err := elements(x)
			if err != nil || fmt.Sprint(x.Shape) != fmt.Sprint(want.Shape) || "torch."+x.DType.String() != want.DType && x.DType.String() != want.DType {
				t.Errorf("%s: %q: %v, %s%v, want %s%v", path, want.Name, err, x.DType, x.Shape, want.DType, want.Shape)
			}
			if want.SHA256 != "" && len(got) > 0 {
				tensors++
				if sum := fmt.Sprintf("%x", sha256.Sum256(got)); sum != want.SHA256 {
					t.Errorf("%s: %q: sha256 %s, want %s", path, want.Name, sum, want.SHA256)
				}
			}
		}
	})
	if files < 100 || tensors < 500 {
		t.Errorf("%d files, %d tensors", files, tensors)
	}
}

func find(ts []Tensor, name string) int {
	at := -1
	for i := range ts {
		if ts[i].Name == name && ts[i].Role == Object {
			if at >= 0 {
				return -1
			}
			at = i
		}
	}
	return at
}

// FuzzOpen: no panic, and what a file says about its tensors holds when they are read.
func FuzzOpen(f *testing.F) {
	f.Add(npyFile("<u4", true, "(2, 3)", little(0, 3, 1, 4, 2, 5)))
	f.Add(npyFile(">U2", false, "(2,)", big('a', 0, 'b', 'c')))
	f.Add(npyFile("|S3", false, "(1,)", "abc"))
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0,1]}]}`))
	f.Add(npz(f, true, "a.npy", string(npyFile("<f8", false, "(1,)", "12345678"))))
	f.Add(npz(f, false, "a.npy", string(npyFile("<f8", false, "(1,)", "12345678"))))
	for _, g := range []string{"torch-2.6/zip/*.pt", "torch-2.6/safetensors/*", "torch-1.13/legacy/*.pt"} {
		files, err := filepath.Glob("../../testdata/golden/torch/" + g)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, file := range files[:min(len(files), 4)] {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := open(b)
		if err != nil {
			return
		}
		for _, x := range file.Tensors[:min(len(file.Tensors), 20)] {
			if x.Open == nil {
				continue
			}
			n := int64(1)
			for _, d := range x.Shape {
				n *= d
			}
			if size := int64(x.DType.Size()); size > 0 && n < math.MaxInt32 && n >= 0 && n*size != x.Bytes {
				t.Fatalf("%+v: %d bytes", x, x.Bytes)
			}
			if x.Bytes > 1<<20 {
				continue
			}
			if _, err := elements(x); err != nil && err.Error() == "" {
				t.Fatal("an error without a text")
			}
		}
	})
}

package torchfile

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

func kindsOf(f *File) []FactKind {
	var ks []FactKind
	f.All(func(_ string, f *File) bool {
		for _, x := range f.Facts {
			if !slices.Contains(ks, x.Kind) {
				ks = append(ks, x.Kind)
			}
		}
		return true
	})
	slices.Sort(ks)
	return ks
}

// TestGoldenFacts: what torch wrote is without facts; each hostile sample has
// its own.
func TestGoldenFacts(t *testing.T) {
	want := map[string][]FactKind{
		"case_variant_data_pkl.pt":  {NameVariant},
		"duplicate_data_pkl.pt":     {LookupDispute},
		"entry_outside_prefix.pt":   {OutsideRoot},
		"legacy_plus_zip.pt":        {AppendedZip},
		"storage_numel_mismatch.pt": {OutOfRange, SizeDisagrees},
		"trailing_pickle.pt":        {TrailingBytes},
		"deflated.pt":               {Compressed},
		"protocol0.pt":              {TextPersistent},
	}
	testkit.Goldens(t, goldenDir, func(path string, m testkit.Golden) {
		if m.Container == "safetensors" || m.Container == "raw-pickle" {
			return
		}
		f, err := openGolden(t, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		got := slices.DeleteFunc(kindsOf(f), func(k FactKind) bool { return k == Unaligned && strings.Contains(path, "hostile") })
		if w := want[filepath.Base(path)]; !slices.Equal(got, w) {
			t.Errorf("%s: facts %q, want %q", path, got, w)
		}
	})
}

// TestGoldenFormats: every container is told by its content.
func TestGoldenFormats(t *testing.T) {
	same := map[string]Format{
		"torchscript-mobile": TorchScriptLite, "torchscript-flatbuffer": MobileFlatbuffer, "pt2-aoti": PT2,
	}
	testkit.Goldens(t, goldenDir, func(path string, m testkit.Golden) {
		if m.Container == "safetensors" || m.Container == "raw-pickle" {
			return
		}
		f, err := openGolden(t, path)
		if err != nil {
			t.Fatal(err)
		}
		want := Format(m.Container)
		if w, ok := same[m.Container]; ok {
			want = w
		}
		if m.Container == "pt2" && strings.Contains(path, "torch-2.6") {
			want = PT2Old
		}
		if f.Format != want {
			t.Errorf("%s: format %s, want %s", path, f.Format, want)
		}
	})
}

func TestShard(t *testing.T) {
	for _, v := range []string{"torch-2.6", "torch-2.14"} {
		b := mustRead(t, filepath.Join(goldenDir, v, "dcp/ckpt/__0_0.distcp"))
		f := openBytes(t, b)
		if f.Format != DCPShard || len(f.Nested) != 12 {
			t.Errorf("%s: %s with %d items, want 12", v, f.Format, len(f.Nested))
		}
		item := func(i int) []byte { return b[f.Nested[i].Offset:][:f.Nested[i].Size] }
		// Tied weights are the first and the last item, and of one size: the end of
		// the file then also leads to the directory of the first.
		tied := slices.Concat(item(1), item(0), item(1))
		if g := openBytes(t, tied); g.Format != DCPShard || len(g.Nested) != 3 {
			t.Errorf("%s: first and last of one size: %s with %d items, want 3", v, g.Format, len(g.Nested))
		}
	}
}

func openBytes(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	openCramped(t, b, f)
	return f
}

// openCramped reads a container once more with nothing in memory that is not in use,
// which must make no difference.
func openCramped(t testing.TB, b []byte, f *File) {
	t.Helper()
	space := testkit.Cramped()
	g, err := Open(bytes.NewReader(b), int64(len(b)), Options{Scratch: space})
	if err != nil || space.Err() != nil || !slices.Equal(f.Facts, g.Facts) || len(f.Tensors) != len(g.Tensors) || f.NumStorages() != g.NumStorages() {
		t.Fatalf("with nothing in memory: %v, %v, facts %v, want %v", err, space.Err(), g.Facts, f.Facts)
	}
	for i := range f.Tensors {
		x, y := f.Tensors[i], g.Tensors[i]
		if x.Name != y.Name || x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) || x.Storage != y.Storage || x.Problem != y.Problem {
			t.Errorf("with nothing in memory the tensor %+v is %+v", x, y)
		}
	}
	for i := range f.NumStorages() {
		if x, y := f.Storage(i), g.Storage(i); x.Key != y.Key || x.NumEl != y.NumEl || x.DType != y.DType || x.Record != y.Record || x.Offset != y.Offset || x.Device != y.Device {
			t.Errorf("with nothing in memory the storage %+v is %+v", x, y)
		}
	}
}

// store makes a zip of stored records: name, content, name, content, …
func store(pairs ...string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		f, _ := w.CreateHeader(&zip.FileHeader{Name: pairs[i], Method: zip.Store})
		_, _ = io.WriteString(f, pairs[i+1])
	}
	_ = w.Close()
	return buf.Bytes()
}

// call is a pickle that would call a name without arguments. The name is of no
// module that exists.
func call(name string) string { return "cinert\n" + name + "\n)R." }

func imports(f *File) []string {
	var out []string
	f.All(func(_ string, f *File) bool {
		for i := range f.Pickles {
			for _, g := range f.Pickles[i].Trace.Imports() {
				if x, ok := g.Global(); ok {
					out = append(out, x.String())
				}
			}
		}
		return true
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// TestEveryPickle: no reading is left out: duplicates, spellings, other roots,
// streams after STOP, and archives behind archives.
func TestEveryPickle(t *testing.T) {
	empty := "\x80\x02}."
	tests := []struct {
		name string
		b    []byte
		want []string
	}{
		{"one", store("a/data.pkl", call("one"), "a/version", "3\n"), []string{"inert.one"}},
		{"duplicates", store("a/data.pkl", call("one"), "a/version", "3\n", "a/data.pkl", call("two")), []string{"inert.one", "inert.two"}},
		{"letter case", store("a/data.pkl", empty, "a/DATA.PKL", call("two"), "a/version", "3\n"), []string{"inert.two"}},
		{"NUL", store("a/data.pkl\x00.txt", call("two"), "a/version", "3\n"), []string{"inert.two"}},
		{"other root", store("a/data.pkl", empty, "b/data.pkl", call("two"), "a/version", "3\n"), []string{"inert.two"}},
		{"after STOP", store("a/data.pkl", empty+call("two"), "a/version", "3\n"), []string{"inert.two"}},
		{"tuple", store("a/data.pkl", empty, "a/constants.pkl", call("two"), "a/version", "3\n"), []string{"inert.two"}},
		{"package", store("a/.data/extern_modules", "", "a/x/y.pkl", call("two"), "a/.data/version", "6"), []string{"inert.two"}},
		{"sample inputs", store("a/archive_format", "pt2", "a/data/sample_inputs/m.pt", string(store("b/data.pkl", call("two"), "b/version", "3")), "a/version", "6"), []string{"inert.two"}},
		{"custom object", store("a/archive_format", "pt2", "a/data/constants/opaque_obj_0", call("two"), "a/version", "6"), []string{"inert.two"}},
	}
	for _, tt := range tests {
		if got := imports(openBytes(t, tt.b)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: imports %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestPrefixedZip: torch.load refuses it, torch.jit.load does not.
func TestPrefixedZip(t *testing.T) {
	b := append([]byte("#!/bin/sh\n"), store("a/data.pkl", call("one"), "a/constants.pkl", "\x80\x02).", "a/version", "3\n")...)
	f := openBytes(t, b)
	if f.Format != TorchScript || f.Count(PrefixedZip) != 1 || !slices.Equal(imports(f), []string{"inert.one"}) {
		t.Errorf("%s, facts %q, imports %q", f.Format, kindsOf(f), imports(f))
	}
}

// TestSpelledConstants: torch.load does not see CONSTANTS.PKL, torch.jit.load
// does, so the object is read by both.
func TestSpelledConstants(t *testing.T) {
	f := openBytes(t, store("a/data.pkl", call("one"), "a/CONSTANTS.PKL", "\x80\x02).", "a/version", "3"))
	want := []Format{TorchScript, TorchZip}
	if !slices.Equal(f.Formats, want) || f.Count(SeveralFormats) != 1 {
		t.Errorf("formats %q, facts %q", f.Formats, kindsOf(f))
	}
	python := slices.ContainsFunc(f.Pickles[f.Object].Loaders, func(l Loader) bool { return l.Python })
	if !python {
		t.Errorf("no Python loader in %+v", f.Pickles[f.Object].Loaders)
	}
}

const magicPickle = "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

// TestLegacyPickles: each of the five streams is traced.
func TestLegacyPickles(t *testing.T) {
	parts := []string{magicPickle, "\x80\x02M\xe9\x03.", "\x80\x02}.", "\x80\x02}.", "\x80\x02]."}
	for i := 1; i < 5; i++ {
		evil := slices.Clone(parts)
		evil[i] = "cinert\nrun\n)R0" + strings.TrimPrefix(parts[i], "\x80\x02")
		f := openBytes(t, []byte(strings.Join(evil, "")))
		if f.Format != TorchLegacy || !slices.Equal(imports(f), []string{"inert.run"}) {
			t.Errorf("payload in pickle %d: %s, imports %q", i, f.Format, imports(f))
		}
	}
	hidden := "cinert\nrun\n)R." // the magic number is not plain to see
	f := openBytes(t, []byte(hidden+strings.Join(parts[1:], "")))
	if f.Count(NoMagic) != 1 || !slices.Equal(imports(f), []string{"inert.run"}) {
		t.Errorf("no magic: facts %q, imports %q", kindsOf(f), imports(f))
	}
}

// TestGaps: streams in bytes that belong to nothing are traced, too; the one
// that a file begins with is what torch.load runs.
func TestGaps(t *testing.T) {
	z := store("a/data.pkl", "\x80\x02}.", "a/version", "3")
	legacy := magicPickle + "\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}.\x80\x02]."
	for name, b := range map[string]string{
		"before a zip":   call("one") + string(z),
		"after a zip":    string(z) + call("one"),
		"after storages": legacy + call("one"),
	} {
		f := openBytes(t, []byte(b))
		if got := imports(f); !slices.Equal(got, []string{"inert.one"}) {
			t.Errorf("%s: imports %q, facts %q", name, got, kindsOf(f))
		}
		loaded := slices.ContainsFunc(f.Pickles, func(p Pickle) bool { return p.Role == "magic" && len(p.Loaders) > 0 && p.Trace.Len() > 0 })
		if loaded != (name == "before a zip") {
			t.Errorf("%s: read by torch.load: %v", name, loaded)
		}
	}
}

func TestLegacyTail(t *testing.T) {
	head := magicPickle + "\x80\x02M\xe9\x03.\x80\x02}.\x80\x02}.\x80\x02]."
	if got := kindsOf(openBytes(t, []byte(head+"left over"))); !slices.Equal(got, []FactKind{Unaccounted}) {
		t.Errorf("facts %q", got)
	}
	f := openBytes(t, []byte(head+string(store("a/data.pkl", call("two"), "a/version", "3"))))
	if got := kindsOf(f); !slices.Equal(got, []FactKind{AppendedZip}) || !slices.Equal(imports(f), []string{"inert.two"}) {
		t.Errorf("facts %q, imports %q", got, imports(f))
	}
}

func TestNotTorch(t *testing.T) {
	for _, s := range []string{"", "x", "\x80\x02}.", "PYTORCH1........", strings.Repeat("\x00", 600), string(tarOf("readme", "hi"))} {
		if _, err := Open(strings.NewReader(s), int64(len(s)), Options{}); !errors.Is(err, ErrFormat) {
			t.Errorf("Open(%.20q) = %v, want ErrFormat", s, err)
		}
	}
}

func tarOf(pairs ...string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		_ = w.WriteHeader(&tar.Header{Name: pairs[i], Mode: 0o600, Size: int64(len(pairs[i+1]))})
		_, _ = io.WriteString(w, pairs[i+1])
	}
	_ = w.Close()
	return buf.Bytes()
}

func TestTarPickles(t *testing.T) {
	f := openBytes(t, tarOf("sys_info", call("a"), "pickle", call("b"), "tensors", call("c"), "storages", call("d")))
	if got := imports(f); f.Format != TorchTar || len(got) != 4 {
		t.Errorf("%s, imports %q", f.Format, got)
	}
}

// tensorPickle is data.pkl with one tensor over the storage '0' of eight floats.
func tensorPickle(offset, size, stride string) string {
	return "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n" +
		"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x08tQ" + offset + size + stride + "\x89ccollections\nOrderedDict\n)RtR."
}

func TestGeometry(t *testing.T) {
	neg := "J\xff\xff\xff\xff"
	huge := "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40" // 2^62
	tests := []struct {
		name, offset, size, stride string
		want                       []FactKind
	}{
		{"whole", "K\x00", "K\x08\x85", "K\x01\x85", nil},
		{"tail", "K\x06", "K\x02\x85", "K\x01\x85", nil},
		{"expanded", "K\x00", huge + "\x85", "K\x00\x85", nil},
		{"empty", "K\x63", "K\x00\x85", "K\x01\x85", nil},
		{"past the end", "K\x07", "K\x02\x85", "K\x01\x85", []FactKind{OutOfRange}},
		{"stride past the end", "K\x00", "K\x02K\x02\x86", "K\x08K\x01\x86", []FactKind{OutOfRange}},
		{"huge", "K\x00", huge + "\x85", "K\x01\x85", []FactKind{OutOfRange}},
		{"product wraps", "K\x00", huge + huge + "\x86", "K\x00K\x00\x86", []FactKind{BadGeometry}},
		{"offset wraps", huge, huge + "\x85", huge + "\x85", []FactKind{BadGeometry}},
		{"negative offset", neg, "K\x01\x85", "K\x01\x85", []FactKind{BadGeometry}},
		{"negative stride", "K\x07", "K\x08\x85", neg + "\x85", []FactKind{BadGeometry}},
		{"negative size", "K\x00", neg + "\x85", "K\x01\x85", []FactKind{BadGeometry}},
		{"dimensions differ", "K\x00", "K\x01\x85", ")", []FactKind{BadGeometry}},
		{"no tuple", "K\x00", "K\x01", "K\x01", []FactKind{OddArguments}},
	}
	for _, tt := range tests {
		f := openBytes(t, store("a/data.pkl", tensorPickle(tt.offset, tt.size, tt.stride), "a/data/0", strings.Repeat("\x00", 32), "a/version", "3"))
		got := slices.DeleteFunc(kindsOf(f), func(k FactKind) bool { return k == Unaligned })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: facts %q, want %q", tt.name, got, tt.want)
		}
		if len(f.Tensors) == 1 && len(tt.want) > 0 {
			if _, err := f.TensorData(&f.Tensors[0]); !errors.Is(err, ErrNoData) {
				t.Errorf("%s: TensorData = %v, want ErrNoData", tt.name, err)
			}
		}
	}
}

func TestStorageFacts(t *testing.T) {
	p := tensorPickle("K\x00", "K\x08\x85", "K\x01\x85")
	full := strings.Repeat("\x00", 32)
	tests := []struct {
		name string
		b    []byte
		want FactKind
	}{
		{"missing", store("a/data.pkl", p, "a/version", "3"), MissingStorage},
		{"short", store("a/data.pkl", p, "a/data/0", full[:31], "a/version", "3"), SizeDisagrees},
		{"long", store("a/data.pkl", p, "a/data/0", full+"x", "a/version", "3"), SizeDisagrees},
		{"unused", store("a/data.pkl", p, "a/data/0", full, "a/data/1", full, "a/version", "3"), UnusedStorage},
		{"twice", store("a/data.pkl", p, "a/data/0", full, "a/data/0", full, "a/version", "3"), LookupDispute},
		{"no version", store("a/data.pkl", p, "a/data/0", full), NoVersion},
		{"bad version", store("a/data.pkl", p, "a/data/0", full, "a/version", "99"), BadVersion},
		{"byteorder", store("a/data.pkl", p, "a/data/0", full, "a/version", "3", "a/byteorder", "middle"), BadByteOrder},
		{"no root", store("data.pkl", p), NoRoot},
		{"two formats", store("a/data.pkl", p, "a/data/0", full, "a/.data/extern_modules", "", "a/version", "3"), SeveralFormats},
	}
	for _, tt := range tests {
		if f := openBytes(t, tt.b); f.Count(tt.want) == 0 {
			t.Errorf("%s: facts %q, want %q", tt.name, kindsOf(f), tt.want)
		}
	}
}

// TestPT2Weights: a weight's record is exactly as large as the table says.
func TestPT2Weights(t *testing.T) {
	meta := func(sizes, strides, offset string) string {
		return `{"path_name": "w", "is_param": true, "use_pickle": false, "tensor_meta": {"dtype": 7, "sizes": [` + sizes +
			`], "strides": [` + strides + `], "storage_offset": {"as_int": ` + offset + `}, "layout": 7, "device": {"type": "cpu"}, "requires_grad": false}}`
	}
	two, one := `{"as_int": 2}, {"as_int": 2}`, `{"as_int": 2}, {"as_int": 1}`
	tests := []struct {
		name, config string
		record       int
		want         []FactKind
	}{
		{"exact", `"w": ` + meta(two, one, "0"), 16, nil},
		{"longer", `"w": ` + meta(two, one, "0"), 20, []FactKind{SizeDisagrees}},
		{"shorter", `"w": ` + meta(two, one, "0"), 12, []FactKind{OutOfRange, SizeDisagrees}},
		{"a view beside the whole", `"v": ` + meta(`{"as_int": 1}`, `{"as_int": 1}`, "0") + `, "w": ` + meta(two, one, "0"), 16, nil},
		{"transposed", `"w": ` + meta(two, `{"as_int": 1}, {"as_int": 2}`, "0"), 16, nil},
		{"offset", `"w": ` + meta(`{"as_int": 2}`, `{"as_int": 1}`, "2"), 16, nil},
		{"symbolic", `"w": ` + meta(`{"as_expr": {}}`, `{"as_int": 1}`, "0"), 16, []FactKind{BadConfig}},
		{"no number", `"w": ` + meta(`7`, `{"as_int": 1}`, "0"), 28, []FactKind{BadConfig}},
		{"no such size", `"w": ` + meta(`{}`, `{"as_int": 1}`, "0"), 4, []FactKind{BadGeometry}},
		{"twice", `"w": ` + meta(two, one, "0") + `, "w": ` + meta(two, one, "0"), 16, []FactKind{BadConfig}},
		{"broken", `"w": `, 16, []FactKind{BadConfig}},
		{"no JSON of torch's", `"w": 3`, 16, []FactKind{BadConfig, PathEscape}},
	}
	for _, tt := range tests {
		f := openBytes(t, store("a/archive_format", "pt2", "a/version", "6", "a/data/weights/m_weights_config.json", `{"config": {`+tt.config+`}}`,
			"a/data/weights/w", strings.Repeat("x", tt.record)))
		got := slices.DeleteFunc(kindsOf(f), func(k FactKind) bool { return k == Unaligned || k == UnusedStorage })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: facts %q, want %q: %v", tt.name, got, tt.want, f.Facts)
		}
	}
}

// TestTextIDs: only what Python writes for the persistent id is read.
func TestTextIDs(t *testing.T) {
	tests := map[string]string{
		"('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 4)":                 "0",
		"('storage', <class 'torch.storage.UntypedStorage'>, '12', 'cuda:1', 400)": "12",
		"('storage', <class 'torch.FloatStorage'>, '94301', 'cpu', 4, None)":       "94301",
		"('storage', <class 'torch.FloatStorage'>, '../0', 'cpu', 4)":              "",
		"('storage', <class 'torch.FloatStorage'>, '0', 'cpu', -4)":                "",
		"('storage', <class 'os.FloatStorage'>, '0', 'cpu', 4)":                    "",
		"('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 4) ":                "",
		"('module', 0, 'a', 'b')":                                                  "",
		"":                                                                         "",
	}
	for text, want := range tests {
		got := ""
		if m := splitTextID(text); m != nil {
			got = m[2]
		}
		if got != want {
			t.Errorf("%q: key %q, want %q", text, got, want)
		}
	}
}

// TestNestedPickle: a sample input that is a plain pickle stays a nested record
// that no container was found in.
func TestNestedPickle(t *testing.T) {
	f := openBytes(t, store("a/archive_format", "pt2", "a/data/sample_inputs/m.pt", "cinert\nraw\n)R.", "a/version", "6"))
	if len(f.Nested) != 0 {
		t.Errorf("nested %+v", f.Nested)
	}
	if got := f.Record(1).Role; got != RoleNested {
		t.Errorf("role %q, want %q", got, RoleNested)
	}
}

// TestPackageRoles: every record that torch.package writes has a role.
func TestPackageRoles(t *testing.T) {
	f := openBytes(t, store("a/.data/extern_modules", "torch\n", "a/.data/version", "6", "a/.data/python_version", "3.11.2",
		"a/.data/serialization_id", "1", "a/byteorder", "little", "a/res/note.txt", "hi", "a/m/code.py", "pass", "a/.data/odd", "?"))
	want := []Role{RoleMeta, RoleVersion, RoleMeta, RoleMeta, RoleByteOrder, RoleExtra, RoleCode, RoleUnknown}
	for i := range want {
		r := f.Record(i)
		if r.Role != want[i] {
			t.Errorf("%s: role %q, want %q", r.Name, r.Role, want[i])
		}
	}
}

// TestGather: a transposed view that is larger than the cache of blocks has
// slots gives what a plain loop gives.
func TestGather(t *testing.T) {
	const rows, cols = 700, 900
	data := make([]byte, rows*cols*4)
	for i := range rows * cols {
		binary.LittleEndian.PutUint32(data[4*i:], uint32(i))
	}
	x := &Tensor{DType: "int32", Shape: []int64{cols, rows}, Stride: []int64{1, cols}, Layout: "strided"}
	f := newFile(bytes.NewReader(data), int64(len(data)), Options{})
	f.shelf = newShelf(nil)
	f.shelf.put(Storage{RecordSize: int64(len(data)), entry: -1, file: f})
	r, err := f.TensorData(x)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || len(got) != len(data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for c := range cols {
		for row := range rows {
			if v := binary.LittleEndian.Uint32(got[4*(c*rows+row):]); v != uint32(row*cols+c) {
				t.Fatalf("element %d,%d = %d, want %d", c, row, v, row*cols+c)
			}
		}
	}
}

// TestEscapes: shards outside of the checkpoint are not opened.
func TestEscapes(t *testing.T) {
	for _, p := range []string{"../x", "/etc/x", `..\x`, `c:\x`, "a/../../x", "", "a\x00b", "a/../b"} {
		if !escapes(p) {
			t.Errorf("escapes(%q) = false", p)
		}
	}
	for _, p := range []string{"__0_0.distcp", "a/b.distcp", "a..b"} {
		if escapes(p) {
			t.Errorf("escapes(%q) = true", p)
		}
	}
	raw := mustRead(t, filepath.Join(goldenDir, "torch-2.6/dcp/ckpt/.metadata"))
	raw = bytes.ReplaceAll(raw, []byte("__0_0.distcp"), []byte("../../secret"))
	f, err := OpenDCP(bytes.NewReader(raw), int64(len(raw)), func(rel string) (io.ReaderAt, int64, error) {
		t.Errorf("opened %q", rel)
		return nil, 0, io.EOF
	}, Options{})
	if err != nil || f.Count(PathEscape) == 0 {
		t.Errorf("facts %q, %v", kindsOf(f), err)
	}
}

// TestDeepObject: nesting ends in a fact, not in a crash.
func TestDeepObject(t *testing.T) {
	deep := "\x80\x02" + strings.Repeat("]", 100_000) + strings.Repeat("a", 99_999) + "."
	calls := "\x80\x02" + strings.Repeat("ctorch._utils\n_rebuild_parameter\n", 50_000) + "N" + strings.Repeat("\x85R", 50_000) + "."
	shared := "\x80\x02]q\x00" + strings.Repeat("h\x00h\x00\x86q\x00", 60) + "."
	for i, p := range []string{shared, deep, calls} {
		f := openBytes(t, store("a/data.pkl", p, "a/version", "3"))
		if (len(f.Facts) == 0) != (i == 0) || len(f.Tensors) != 0 {
			t.Errorf("%.20q: facts %q, %d tensors", p, kindsOf(f), len(f.Tensors))
		}
	}
}

// TestOverlappingRecords: entries that share bytes do not multiply the work.
func TestOverlappingRecords(t *testing.T) {
	one := store("a/data.pkl", strings.Repeat("N0", 50_000)+"N.", "a/version", "3")
	// Every central entry after the first points at the first local header.
	cd := bytes.Index(one, []byte("PK\x01\x02"))
	end := bytes.LastIndex(one, []byte("PK\x05\x06"))
	entry := one[cd : cd+46+len("a/data.pkl")]
	const n = 2000
	b := append(slices.Clone(one[:end]), bytes.Repeat(entry, n)...)
	tail := slices.Clone(one[end:])
	binary.LittleEndian.PutUint16(tail[8:], n+2)
	binary.LittleEndian.PutUint16(tail[10:], n+2)
	binary.LittleEndian.PutUint32(tail[12:], uint32(len(b)-cd))
	f := openBytes(t, append(b, tail...))
	if f.Archive.Len() != n+2 {
		t.Fatalf("%d entries", f.Archive.Len())
	}
	seen := map[*pickle.Trace]bool{}
	for i := range f.Pickles {
		seen[f.Pickles[i].Trace] = true
	}
	if len(seen) > 2 {
		t.Errorf("%d traces of the same bytes", len(seen))
	}
}

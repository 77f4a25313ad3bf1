package infer

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/internal/triton"
)

var update = flag.Bool("update", false, "write what is wanted anew")

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// from learns from files.
func from(t testing.TB, names ...string) *Draft {
	t.Helper()
	d := New()
	for _, name := range names {
		b := read(t, name)
		if err := d.File(name, bytes.NewReader(b), int64(len(b))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return d
}

// What real torch and others have written gives the schemas that are committed, and
// each of them is one.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if ext := filepath.Ext(file); ext == ".yaml" || ext == ".py" {
			continue
		}
		seen++
		text, _, err := from(t, file).Schema()
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		want := file + ".yaml"
		if *update {
			if err := os.WriteFile(want, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(read(t, want)), string(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want, diff)
		}
	}
	if seen < 14 {
		t.Errorf("%d files", seen)
	}
}

// Every golden file of torch gives a schema, or says why not.
func TestGoldenFiles(t *testing.T) {
	learned := 0
	testkit.Goldens(t, "../../testdata/golden/torch", func(path string, _ testkit.Golden) {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			return
		}
		b, d := read(t, path), New()
		if err := d.File(path, bytes.NewReader(b), int64(len(b))); err != nil {
			return
		}
		if _, _, err := d.Schema(); err == nil {
			learned++
		} else if !strings.HasPrefix(err.Error(), "no source says") {
			t.Errorf("%s: %v", path, err)
		}
	})
	if learned < 20 {
		t.Errorf("%d files gave a schema", learned)
	}
}

func floats(name string, shape []int64, values ...float32) tensor.Source {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return data(name, tensor.Float32, shape, b)
}

func data(name string, d tensor.DType, shape []int64, b []byte) tensor.Source {
	return tensor.Source{Name: name, DType: d, Shape: shape, Bytes: int64(len(b)), Open: func() (io.Reader, error) { return bytes.NewReader(b), nil }}
}

// learn makes a schema of samples and holds them against it.
func learn(t *testing.T, d *Draft, all ...Request) string {
	t.Helper()
	if err := d.Samples(all); err != nil {
		t.Fatal(err)
	}
	text, s, err := d.Schema()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := Check(s, all); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(text)
}

// Sizes that a program computes of a symbol are that many times it, and a number more,
// as torch has written both; what is more than that is not known.
func TestLines(t *testing.T) {
	const s0 = "Symbol('s0', positive=True, integer=True)"
	for text, want := range map[string]line{
		s0:                             {of: "s0", factor: 1},
		"s0":                           {of: "s0", factor: 1},
		"Mul(Integer(2), " + s0 + ")":  {of: "s0", factor: 2},
		"2*s0":                         {of: "s0", factor: 2},
		"Add(" + s0 + ", Integer(-1))": {of: "s0", factor: 1, more: -1},
		"Add(Mul(Integer(3), " + s0 + "), Integer(12))": {of: "s0", factor: 3, more: 12},
		"3*s0 + 12":                            {of: "s0", factor: 3, more: 12},
		"s0 - 1":                               {of: "s0", factor: 1, more: -1},
		"s0 + s1":                              {},
		"s0**2":                                {},
		"s0 + 1 + 1":                           {},
		"FloorDiv(" + s0 + ", Integer(2))":     {},
		"Add(Pow(" + s0 + ", 2), Integer(1))":  {},
		"Max(Integer(1), " + s0 + ")":          {},
		"Mul(Integer(1000000), " + s0 + ")":    {},
		"Add(" + s0 + ", Integer(1234567890))": {},
	} {
		if got, ok := lineOf(text); ok != (want.of != "") || ok && got != want {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	}
	x := &exported{Draft: New(), called: map[string]string{}, first: map[string]line{}}
	half, other := "FloorDiv("+s0+", Integer(2))", "FloorDiv("+s0+", Integer(3))"
	if a, b, c := x.size("x", 0, half), x.size("y", 1, half), x.size("y", 2, other); a != b || b == c {
		t.Errorf("%s is %v and %v, %s is %v", half, a, b, other, c)
	}
}

// Sizes that are computed in the same way are one: a program that takes only squares is
// not given others.
func TestComputedSizes(t *testing.T) {
	text, s, err := from(t, "testdata/pool-2.6.pt2").Schema()
	if err != nil {
		t.Fatal(err)
	}
	sample := func(h, w, n int64) []Request {
		return []Request{{"s", []tensor.Source{
			floats("image", []int64{1, 1, h, w}, make([]float32, h*w)...), floats("row", []int64{n}, make([]float32, n)...),
		}}}
	}
	for _, c := range []struct {
		h, w, n int64
		want    string
	}{{8, 8, 3, ""}, {8, 12, 3, "AT-DIM"}, {7, 7, 2, "AT-CONSTRAINT"}, {8, 8, 4, "AT-CONSTRAINT"}} {
		if err := Check(s, sample(c.h, c.w, c.n)); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d by %d, and %d: %v, want %q\n%s", c.h, c.w, c.n, err, c.want, text)
		}
	}
}

// Samples of all types, shapes and values make a schema that they pass.
func TestSamplesPass(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for round := range 200 {
		var all []Request
		types := tensor.DTypes()
		d := types[round%len(types)]
		rank, calm := rng.IntN(5), rng.IntN(2) == 0
		for i := range 1 + rng.IntN(20) {
			shape := make([]int64, rank)
			n := 1
			for j := range shape {
				shape[j] = 1 + int64(rng.IntN(4))
				n *= int(shape[j])
			}
			all = append(all, Request{Source: fmt.Sprintf("s%d.npz", i), Tensors: []tensor.Source{
				data("x", d, shape, elements(rng, d, n, calm)), floats("y", []int64{1}, rng.Float32()),
			}})
		}
		learn(t, New(), all...)
	}
}

func elements(rng *rand.Rand, d tensor.DType, n int, calm bool) []byte {
	var b []byte
	for range n {
		switch bits := rng.Uint64(); {
		case d == tensor.Bytes:
			b = append(binary.LittleEndian.AppendUint32(b, 2), "ab"...)
		case d == tensor.Bool:
			b = append(b, byte(bits&1))
		case calm && d == tensor.Float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(rng.NormFloat64())))
		default:
			b = append(b, binary.LittleEndian.AppendUint64(nil, bits)[:d.Size()]...)
		}
	}
	return b
}

func TestSamples(t *testing.T) {
	images := make([]Request, 0, 20)
	rng := rand.New(rand.NewPCG(9, 10))
	for i := range 20 {
		values := make([]float32, 2*3*4*4)
		for j := range values {
			values[j] = rng.Float32()
		}
		images = append(images, Request{fmt.Sprintf("s%d", i), []tensor.Source{floats("image", []int64{2, 3, 4, 4}, values...)}})
	}
	got := learn(t, New(), images...)
	for _, want := range []string{"shape: [B, 3, 4, 4]", "range: [0, 1]  # learned from 20 samples: ", "    stats: {axis: 1, mean: [", "    drift: {edges: [0.", "B: 1..64  # learned from 20 samples: up to 2; decide"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if got := learn(t, New(), images[0]); !strings.Contains(got, "    # stats: {axis: 1") || strings.Contains(got, "drift") {
		t.Errorf("one sample:\n%s", got)
	}
	odd := learn(t, New(), Request{"odd.npz", []tensor.Source{floats("x", []int64{4}, 1, float32(math.NaN()), float32(math.Inf(1)), 1e-40)}})
	for _, want := range []string{"nonfinite: allow  # decide: odd.npz has 1 NaN and 1 infinities", "tiny: allow  # decide: odd.npz has 1 values"} {
		if !strings.Contains(odd, want) {
			t.Errorf("no %q in:\n%s", want, odd)
		}
	}
	mask := make([]byte, 8*16)
	mask[8] = 1
	if got := learn(t, New(), Request{"m", []tensor.Source{data("mask", tensor.Int64, []int64{16}, mask)}}); !strings.Contains(got, "values: [0, 1]") {
		t.Errorf("a mask:\n%s", got)
	}
}

// The range of integers is what was seen, from 0 on, and that of floating-point numbers
// has room around it.
func TestRanges(t *testing.T) {
	for _, c := range []struct {
		d      tensor.DType
		values []int8
		want   string
	}{
		{tensor.Int8, []int8{18, 90, 20, 21, 22}, "range: [0, 90]"},
		{tensor.Int8, []int8{-40, 100, 20, 21, 22}, "range: [-40, 100]"},
		{tensor.Uint8, []int8{18, 90, 20, 21, 22}, ""},
		{tensor.Uint8, slices.Repeat([]int8{1, 2, 3, 4}, 4), "values: [1, 2, 3, 4]"},
		{tensor.Float32, []int8{-40, 100, 20, 21, 22}, "range: [-68, 130]"},
		{tensor.Float32, []int8{18, 90, 20, 21, 22}, "range: [0, 255]"},
	} {
		var b []byte
		for _, v := range c.values {
			if c.d == tensor.Float32 {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
			} else {
				b = append(b, byte(v))
			}
		}
		got := learn(t, New(), Request{"s", []tensor.Source{data("x", c.d, []int64{int64(len(c.values))}, b)}})
		if !strings.Contains(got, "    "+c.want) || c.want == "" && strings.Contains(got, "range:") {
			t.Errorf("%s %v: no %q in:\n%s", c.d, c.values, c.want, got)
		}
	}
}

// A model and samples say more together: the sizes are the model's, the values those
// of the samples, and a mask has the size of the tokens.
func TestTogether(t *testing.T) {
	d := from(t, "testdata/text-1.13.script.pt")
	sample := func(n int64) Request {
		ids := bytes.Repeat([]byte{3, 0, 0, 0, 0, 0, 0, 0}, int(n))
		return Request{"t.npz", []tensor.Source{data("input_ids", tensor.Int64, []int64{1, n}, ids), floats("attention_mask", []int64{1, n}, make([]float32, n)...)}}
	}
	got := learn(t, d, sample(4), sample(9))
	for _, want := range []string{"vocabulary: 50", "  attention_mask:\n    dtype: float32", "shape: [B, S]  # learned from 2 samples"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// The first argument of forward has the name that its author gave it.
func TestScriptWithAnotherSelf(t *testing.T) {
	code := func(self string) map[string]string {
		return map[string]string{"__torch__": strings.ReplaceAll(`class N(Module):
  e : __torch__.torch.nn.modules.sparse.Embedding
  c : __torch__.torch.nn.modules.conv.Conv2d
  def forward(SELF: __torch__.N,
    image: Tensor,
    ids: Tensor) -> Tensor:
    e = SELF.e
    _0 = torch.mean((e).forward(ids, ), [1])
    c = getattr(SELF, "c")
    _1 = (c).forward(image, )
    return torch.add(_0, _1)
`, "SELF", self)}
	}
	weights := []Weight{{"e.weight", tensor.Float32, []int64{50, 8}}, {"c.weight", tensor.Float32, []int64{4, 3, 3, 3}}}
	for _, self := range []string{"self", "s", "this_1"} {
		d := New()
		if err := d.Script("n.pt", Script{Root: "__torch__.N", Code: code(self), Weights: weights}); err != nil {
			t.Fatal(err)
		}
		got := learn(t, d)
		for _, want := range []string{"vocabulary: 50", "shape: [B, 3, image_2, image_3]"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in:\n%s", self, want, got)
			}
		}
	}
}

func TestConflicts(t *testing.T) {
	image := func() *Draft { return from(t, "testdata/image-1.13.onnx") }
	for name, c := range map[string]struct {
		learn func(d *Draft) error
		want  string
	}{
		"another type": {func(d *Draft) error { return d.Short("image", "float64[2, 3, 8, 8]") }, `"image" is float64 in --short, and float32 elsewhere`},
		"another rank": {func(d *Draft) error { return d.Short("image", "float32[2]") }, `"image" has 1 dimensions in --short, and 4 elsewhere`},
		"another size": {func(d *Draft) error { return d.Short("image", "float32[2, 1, 8, 8]") }, `dimension 1 of "image" is 1 in --short, and 3 elsewhere`},
		"another name": {func(d *Draft) error { return d.Samples([]Request{{"s", []tensor.Source{floats("pixels", nil, 1)}}}) }, `which is no input of the model: its inputs are image`},
		"a sample of another shape": {func(d *Draft) error {
			all := []Request{{"s", []tensor.Source{floats("image", []int64{1}, 1)}}}
			if err := d.Samples(all); err != nil {
				return err
			}
			_, s, err := d.Schema()
			if err == nil {
				err = Check(s, all)
			}
			return err
		}, "s does not fit what the other sources say: AT-RANK"},
	} {
		if err := c.learn(image()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, _, err := New().Schema(); err == nil || !strings.Contains(err.Error(), "no source says type and shape") {
		t.Errorf("nothing: %v", err)
	}
	for _, c := range [][3]string{
		{"a b", "int64[2]", `"a b" cannot name a tensor`},
		{"x", "float32[2] in [1, 0]", "a range is a lower and an upper bound"},
		{"x", "int8[2] in [200, 300]", "no int8 lies between 200 and 300"},
	} {
		if err := New().Short(c[0], c[1]); err == nil || !strings.Contains(err.Error(), c[2]) || strings.Contains(err.Error(), "line ") {
			t.Errorf("%s=%s: error %v, want %q", c[0], c[1], err, c[2])
		}
	}
}

// Names of files and of tensors add no line to the schema.
func TestHostileNames(t *testing.T) {
	d := New()
	if err := d.Samples([]Request{{"a\n  evil: {dtype: int64, shape: [1]}\n#\u202e.npy", []tensor.Source{floats("x", []int64{1}, 1)}}}); err != nil {
		t.Fatal(err)
	}
	text, s, err := d.Schema()
	if err != nil || len(s.Names(tensor.Inputs)) != 1 || bytes.Contains(text, []byte("\n  evil")) || bytes.Contains(text, []byte("\u202e")) {
		t.Errorf("%v\n%s", err, text)
	}
}

// FuzzFile: whatever a model file holds, what is learned from it is a schema, or the
// error says why it is none.
func FuzzFile(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		f.Add(filepath.Ext(file), read(f, file))
	}
	f.Fuzz(func(t *testing.T, ext string, b []byte) {
		d := New()
		if d.File("model"+ext, bytes.NewReader(b), int64(len(b))) != nil {
			return
		}
		text, _, err := d.Schema()
		if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "is not known")) {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

// A first size that may be any is only taken for a batch: a sample in which it is no
// size of all says so. A batch that a server declares stays one.
func TestBatchThatIsNone(t *testing.T) {
	served := func(batch int64) *Draft {
		d, dims := New(), []int64{-1}
		if batch > 0 {
			dims = nil
		}
		in := []triton.Tensor{{Name: "rows", DType: tensor.Float32, Dims: dims}, {Name: "text", DType: tensor.Float32, Dims: dims}}
		if err := d.Served("s", &triton.Model{Inputs: in, MaxBatch: batch}); err != nil {
			t.Fatal(err)
		}
		return d
	}
	sample := Request{"r", []tensor.Source{floats("rows", []int64{2}, 0, 0), floats("text", []int64{3}, 0, 0, 0)}}
	got := learn(t, served(0), sample)
	for _, want := range []string{"shape: [B]", "shape: [text_0]", "text_0: 1..64"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	d := served(8)
	if err := d.Samples([]Request{sample}); err != nil {
		t.Fatal(err)
	}
	if _, s, err := d.Schema(); err != nil {
		t.Error(err)
	} else if err := Check(s, []Request{sample}); err == nil || !strings.Contains(err.Error(), "AT-DIM") {
		t.Errorf("error %v, want AT-DIM", err)
	}
}

// max_batch_size takes the place of a guess, in whichever order sources are named.
func TestBatchInAnyOrder(t *testing.T) {
	guessed := &triton.Model{Inputs: []triton.Tensor{{Name: "x", DType: tensor.Float32, Dims: []int64{-1, 4}}}}
	known := &triton.Model{MaxBatch: 8, Inputs: []triton.Tensor{{Name: "x", DType: tensor.Float32, Dims: []int64{4}}}}
	for _, order := range [][]*triton.Model{{guessed, known}, {known, guessed}} {
		d := New()
		for _, m := range order {
			if err := d.Served("s", m); err != nil {
				t.Fatal(err)
			}
		}
		if got := learn(t, d); !strings.Contains(got, "B: 1..8 ") {
			t.Errorf("no batch of 8 in:\n%s", got)
		}
	}
}

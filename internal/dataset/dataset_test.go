package dataset

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
)

// all reads a set to its end.
func all(s Set) (list []*Rows, err error) {
	for {
		rows, err := s.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, rows)
	}
}

func typesOf(types map[string]tensor.DType) func(string) tensor.DType {
	return func(column string) tensor.DType { return types[column] }
}

func TestCSV(t *testing.T) {
	const file = "\ufeffid,age,name,ok\r\n1,1.5,\"a, b\",true\r\n2,,c,0\r\n3,1e39,d,yes\r\n-4,7,\"e\nf\",1\r\n"
	set, err := CSV("x.csv", strings.NewReader(file), typesOf(map[string]tensor.DType{"id": tensor.Uint8, "age": tensor.Float32, "ok": tensor.Bool}), 0, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := all(set)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d blocks, %v", len(list), err)
	}
	r := list[0]
	if r.N != 1 || r.Number(0) != 0 || r.Column("name").DType != tensor.Bytes || string(r.Column("name").Data) != "\x04\x00\x00\x00a, b" {
		t.Errorf("rows %+v", r)
	}
	var bad []BadCell
	for _, c := range r.Bad {
		bad = append(bad, *c)
	}
	want := []BadCell{
		{Place{File: "x.csv", Line: 3, Column: 3}, 1, "age", tensor.Float32, true, ""},
		{Place{File: "x.csv", Line: 4, Column: 3}, 2, "age", tensor.Float32, false, "1e39"},
		{Place{File: "x.csv", Line: 4, Column: 10}, 2, "ok", tensor.Bool, false, "yes"},
		{Place{File: "x.csv", Line: 5, Column: 1}, 3, "id", tensor.Uint8, false, "-4"},
	}
	if d := cmp.Diff(want, bad); d != "" {
		t.Error(d)
	}
	if p := r.Place(0, "name"); p.Line != 2 || p.Column != 7 {
		t.Errorf("place %+v", p)
	}
}

// Columns are separated by what the first line has in the place of commas.
func TestCSVSeparators(t *testing.T) {
	for file, want := range map[string][]string{
		"a;b;label\n1;2,5;\"x;y\"\n":           {"a", "b", "label"},
		"\ufeff\"a, or b\";c\r\n1;2\r\n":       {"a, or b", "c"},
		"a\tb\n1\t2\n":                         {"a", "b"},
		"a|\"b;c\"\n1|2\n":                     {"a", "b;c"},
		"a;b,c\n1,2\n":                         {"a;b", "c"},
		"\ufeff\"a\"\n1\n":                     {"a"},
		"a\n1;2\n":                             {"a"},
		"a;b\n" + strings.Repeat("1;2\n", 1e5): {"a", "b"},
	} {
		set, err := CSV("x.csv", strings.NewReader(file), typesOf(nil), 0, Limits{Sample: 64})
		if err != nil {
			t.Errorf("%.40q: %v", file, err)
			continue
		}
		list, err := all(set)
		if err != nil {
			t.Errorf("%.40q: %v", file, err)
			continue
		}
		var names []string
		n := 0
		for i := range list[0].Columns {
			names = append(names, list[0].Columns[i].Name)
		}
		for _, r := range list {
			n += r.N
		}
		if !slices.Equal(names, want) || n != strings.Count(file, "\n")-1 {
			t.Errorf("%.40q: columns %q, %d rows", file, names, n)
		}
	}
}

func TestCSVErrors(t *testing.T) {
	for file, want := range map[string]string{
		"":                                 "it is empty",
		"a;b|c\n1;2|x\n":                   "the one column is called",
		"\"a;b\"\n1\n":                     "the one column is called",
		"a,a\n":                            `called "a", which is empty or not the first`,
		"a,\n":                             "column 2",
		"a\n1,2\n":                         "wrong number of fields",
		"a\n\"x\n":                         "extraneous or missing",
		"a\n" + strings.Repeat("x", 1<<18): "exceeds",
		"\xff\xfea\x00\n\x00":              "UTF-16",
		"\xfe\xff\x00a\x00\n":              "UTF-16",
	} {
		set, err := CSV("x.csv", strings.NewReader(file), typesOf(nil), 0, Limits{Sample: 64})
		if err == nil {
			_, err = all(set)
		}
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "limit") {
			t.Errorf("%q: error %v, want %q", file, err, want)
		}
	}
}

// picture is a PNG of two pixels, red and blue.
func picture(t testing.TB) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	img.Set(0, 0, color.NRGBA{255, 0, 0, 255})
	img.Set(1, 0, color.NRGBA{0, 0, 255, 255})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fileOf(name string, b []byte) File {
	return File{name, func() (io.ReaderAt, int64, func() error, error) {
		return bytes.NewReader(b), int64(len(b)), func() error { return nil }, nil
	}}
}

func TestImages(t *testing.T) {
	b := picture(t)
	set, err := Images([]File{fileOf("set/dog/1.png", b), fileOf("set/cat/2.png", b)}, Form{DType: tensor.Uint8}, 0, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := all(set)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d samples, %v", len(list), err)
	}
	first := list[0]
	if !slices.Equal(first.Names, []string{"cat", "dog"}) || first.Column(LabelColumn).Data[0] != 0 || list[1].Column(LabelColumn).Data[0] != 1 {
		t.Errorf("labels %+v", first)
	}
	if x := first.Column(ImageColumn); !slices.Equal(x.Shape, []int64{1, 3, 1, 2}) || !bytes.Equal(x.Data, []byte{255, 0, 0, 0, 0, 255}) {
		t.Errorf("pixels %v of shape %v", x.Data, x.Shape)
	}
	if p := first.Place(0, ImageColumn); p.File != "set/cat/2.png" {
		t.Errorf("place %+v", p)
	}
	for _, form := range []Form{{DType: tensor.Uint8, Last: true}, {DType: tensor.Float32, Channels: 1}} {
		x, err := form.start(b, Limits{}.orDefaults())()
		switch {
		case err != nil:
			t.Error(err)
		case form.Last && (!slices.Equal(x.Shape, []int64{1, 1, 2, 3}) || !bytes.Equal(x.Data, []byte{255, 0, 0, 0, 0, 255})):
			t.Errorf("channels last: %v of shape %v", x.Data, x.Shape)
		case form.Channels == 1 && (tensor.Value(x.DType, tensor.Key(x.DType, x.Data, 0)) != float64(float32(76)/255) || len(x.Data) != 8):
			t.Errorf("gray: %v", x.Data)
		}
	}
}

func TestImageErrors(t *testing.T) {
	var jpg bytes.Buffer
	if err := jpeg.Encode(&jpg, image.NewGray(image.Rect(0, 0, 100, 100)), nil); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"cut.png": picture(t)[:40], "text.png": []byte("no image"), "large.jpg": jpg.Bytes()} {
		set, err := Images([]File{fileOf(name, b)}, Form{DType: tensor.Uint8}, 0, Limits{Pixels: 1000})
		if err != nil {
			t.Fatal(err)
		}
		want := name
		if name == "text.png" {
			want += `": it is neither PNG nor JPEG`
		}
		if _, err := all(set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// archive is a tar of files.
func archive(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: pairs[i], Size: int64(len(pairs[i+1])), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// headless is cut off behind the extended header of a member that is not there.
func headless(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	at := 0
	for _, name := range []string{"1.cls", "2.cls"} {
		at = b.Len()
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 1, Mode: 0o600, Format: tar.FormatPAX, PAXRecords: map[string]string{"comment": "x"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("1")); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()[:at+1024]
}

// alike is one form for all columns.
func alike(f Form) func(string) Form { return func(string) Form { return f } }

func TestShard(t *testing.T) {
	p := string(picture(t))
	b := archive(t, "a/1.png", p, "a/1.cls", "7\n", "a/1.txt", "red", "a/2.png", p, "a/2.cls", "-1")
	set, err := Shard("s.tar", bytes.NewReader(b), int64(len(b)), 10, alike(Form{DType: tensor.Uint8}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := all(set)
	if err != nil || len(list) != 2 || list[1].First != 11 {
		t.Fatalf("%d samples, %v", len(list), err)
	}
	if x := list[0]; x.Label != LabelColumn || x.Column(LabelColumn).Data[0] != 7 || string(x.Column("txt").Data[4:]) != "red" || x.Place(0, "txt").Member != "a/1.png" {
		t.Errorf("first sample %+v", x)
	}
	for i, bad := range [][]byte{archive(t, "1.cls", "x"), archive(t, "1.png", "x"), archive(t, "1.cls", "1", "1.CLS", "2"), archive(t, "../1.cls", "1"), b[:700], headless(t)} {
		set, err := Shard("s.tar", bytes.NewReader(bad), int64(len(bad)), 0, alike(Form{DType: tensor.Uint8}), Limits{})
		if err == nil {
			_, err = all(set)
		}
		if err == nil {
			t.Errorf("archive %d, which is no shard, was read", i)
		}
	}
}

// A sample that cannot be read, for whichever of its files, is one error, and those
// behind it come as they are.
func TestShardGoesOn(t *testing.T) {
	p := string(picture(t))
	b := archive(t, "1.cls", "1", "2.cls", "x", "2.png", p, "2.txt", "red", "3.png", p[:30], "3.cls", "3", "4.png", p, "4.cls", "4", "5.png", p, "5.jpg", p, "6.cls", "6")
	set, err := Shard("s.tar", bytes.NewReader(b), int64(len(b)), 0, alike(Form{DType: tensor.Uint8}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		rows, err := set.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if one, ok := errors.AsType[*SampleError](err); ok {
			got = append(got, fmt.Sprintf("%d: %v", one.Sample, err))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d is of %d columns", rows.First, len(rows.Columns)))
	}
	want := []string{
		"0 is of 1 columns", `1: "s.tar": member "2.cls": label "x" is no integer`, `2: "s.tar": member "3.png": unexpected EOF`, "3 is of 2 columns",
		`4: "s.tar": member "5.jpg": sample "5" has two columns "image"`, "5 is of 1 columns",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Images and arrays of one sample are columns by what stands before their extensions, and
// each image has the form of its own.
func TestShardColumns(t *testing.T) {
	p := string(picture(t))
	b := archive(t, "a.png", p, "a.seg.PNG", p, "a.depth.map.jpg", p, "a.cls", "1", "a.json", "{}", "a.seg.json", "{}")
	form := func(column string) Form { return Form{DType: tensor.Uint8, Channels: map[string]int{"seg": 1}[column]} }
	set, err := Shard("s.tar", bytes.NewReader(b), int64(len(b)), 0, form, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := all(set)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d samples, %v", len(list), err)
	}
	var got []string
	for _, c := range list[0].Columns {
		got = append(got, fmt.Sprintf("%s %v", c.Name, c.Shape))
	}
	want := []string{"image [1 3 1 2]", "seg [1 1 1 2]", "depth.map [1 3 1 2]", "label [1]", "json [1]", "seg.json [1]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,b\n1,x\n2,\"y\nz\"\n"), byte(tensor.Float32), byte(tensor.Bytes))
	f.Add([]byte("a,b\n1,\n,1\n"), byte(tensor.Int8), byte(tensor.Bool))
	f.Fuzz(func(t *testing.T, b []byte, one, two byte) {
		types := []tensor.DType{tensor.DType(one % 19), tensor.DType(two % 19)}
		n := 0
		set, err := CSV("f", bytes.NewReader(b), func(string) tensor.DType { n++; return types[n%2] }, 0, Limits{Block: 64, Sample: 4096})
		if err != nil {
			return
		}
		list, _ := all(set)
		for _, r := range list {
			for i := range r.N {
				for _, x := range r.Row(i) {
					if x.DType != tensor.Bytes && len(x.Data) != x.DType.Size() {
						t.Fatalf("sample %d has %d bytes of %s", i, len(x.Data), x.DType)
					}
					_ = r.Place(i, x.Name)
				}
			}
		}
	})
}

func FuzzShard(f *testing.F) {
	p := string(picture(f))
	f.Add(archive(f, "a/1.png", p, "a/1.cls", "7\n", "a/1.txt", "red", "a/2.png", p, "a/2.cls", "-1"))
	f.Add(archive(f, "a.png", p, "a.seg.png", p, "a.jpg", p))
	f.Fuzz(func(t *testing.T, b []byte) {
		set, err := Shard("f", bytes.NewReader(b), int64(len(b)), 0, alike(Form{DType: tensor.Float32}), Limits{Sample: 1 << 20, Pixels: 1 << 12})
		if err != nil {
			return
		}
		list, _ := all(set)
		for _, r := range list {
			for _, x := range r.Row(0) {
				if x.Shape[0] != 1 {
					t.Fatalf("a sample of shape %v", x.Shape)
				}
			}
		}
	})
}

// A picture that another process gives is one of what was asked for.
func TestFits(t *testing.T) {
	b := picture(t) // 2 by 1
	for _, c := range []struct {
		q    Request
		p    Picture
		want string
	}{
		{Request{Image: b, Pixels: 2}, Picture{Width: 2, Height: 1, Channels: 3}, ""},
		{Request{Image: b, Pixels: 2, Channels: 1}, Picture{Width: 2, Height: 1, Channels: 1}, ""},
		{Request{Image: b, Pixels: 1}, Picture{Width: 2, Height: 1, Channels: 3}, "a picture of 2 by 1, and 1 pixels were allowed"},
		{Request{Image: b, Pixels: 9}, Picture{Width: 1, Height: 2, Channels: 3}, "a picture of 1 by 2 of an image of 2 by 1"},
		{Request{Pixels: 9}, Picture{Width: 1, Height: 2, Channels: 3}, ""},
		{Request{Pixels: 9}, Picture{Width: 0, Height: 2, Channels: 3}, "a picture of 0 by 2, and 9 pixels were allowed"},
		{Request{Pixels: 9}, Picture{Width: 1, Height: -2, Channels: 3}, "a picture of 1 by -2, and 9 pixels were allowed"},
		{Request{Pixels: 9}, Picture{Width: 1 << 62, Height: 1 << 62, Channels: 3}, "a picture of 4611686018427387904 by 4611686018427387904, and 9 pixels were allowed"},
		{Request{Pixels: 9}, Picture{Width: 1, Height: 2, Channels: 2}, "a picture with 2 channels, and 0 were asked for"},
		{Request{Pixels: 9, Channels: 3}, Picture{Width: 1, Height: 2, Channels: 1}, "a picture with 1 channels, and 3 were asked for"},
	} {
		got := ""
		if err := c.q.Fits(&c.p); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v of %+v: %q, want %q", c.p, c.q, got, c.want)
		}
	}
}

// counting is a decoder elsewhere that says how many images it was given before the
// first was asked back.
type counting struct{ started, most, waited int }

func (c *counting) Start(q Request) func() (Picture, error) {
	c.started++
	return func() (Picture, error) {
		c.waited++
		c.most = max(c.most, c.started-c.waited)
		return Decode(q)
	}
}

// Images are started on before their turn, as many as the limits allow, and come in
// order; one that fails is an error, and those behind it come as well.
func TestAhead(t *testing.T) {
	b := picture(t)
	var files []File
	for i := range 3000 {
		files = append(files, fileOf(fmt.Sprintf("set/%04d.png", i), b))
	}
	files[2500] = fileOf("set/2500.png", b[:30])
	for _, lim := range []Limits{{}, {Block: 4 * int64(len(b))}} {
		d := &counting{}
		set, err := Images(slices.Clone(files), Form{DType: tensor.Uint8, Decoder: d}, 0, lim)
		if err != nil {
			t.Fatal(err)
		}
		list, err := all(set)
		one, ok := errors.AsType[*SampleError](err)
		if !ok || !strings.Contains(err.Error(), "2500.png") || len(list) != 2500 || one.Sample != 2500 {
			t.Fatalf("%d samples, %v", len(list), err)
		}
		behind, err := all(set)
		if err != nil || len(behind) != 499 {
			t.Fatalf("%d samples behind it, %v", len(behind), err)
		}
		for i, rows := range append(list, behind...) {
			if i >= 2500 {
				i++
			}
			if rows.First != int64(i) || rows.Place(0, ImageColumn).File != files[i].Name {
				t.Fatalf("sample %d is %d, %+v", i, rows.First, rows.Place(0, ImageColumn))
			}
		}
		// The one that is cut off makes room for another.
		if want := map[bool]int{true: aheadSamples - 1, false: 4}[lim.Block == 0]; d.most != want || d.started != 3000 {
			t.Errorf("%d were ahead, want %d; %d were started", d.most, want, d.started)
		}
	}
}

// What an array holds that is no number is said as it is.
func TestNoNumbers(t *testing.T) {
	for descr, want := range map[string]string{
		"<U1":  `"x.npy": tensor "x" holds texts, which are read from tables and shards only`,
		"|S4":  `"x.npy": tensor "x" holds texts, which are read from tables and shards only`,
		"<c16": `"x.npy": tensor "x" is of <c16, which no schema has`,
		"|O":   `"x.npy": tensor "x" of |O cannot be read: an array of "|O" is a pickle, which is not loaded`,
	} {
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", descr)
		head += strings.Repeat(" ", 117-len(head)) + "\n"
		b := append([]byte("\x93NUMPY\x01\x00\x76\x00"), head...)
		size := 4
		if descr == "<c16" {
			size = 16
		}
		b = append(b, make([]byte, size)...)
		f, err := tensorfile.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = Arrays([]Part{{Name: "x.npy", As: "x", File: f}}, 0, Limits{}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", descr, err, want)
		}
	}
}

package dataset

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/parquet"
	"github.com/andiron-dev/andiron/internal/tensor"
)

const parquetFolder = "testdata/parquet"

func fileAt(t testing.TB, name string) File {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parquetFolder, name+".parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(name+".parquet", b)
}

// written is what pyarrow or Hugging Face's datasets reads in a file.
type written struct {
	Columns map[string]string
	Rows    [][]any
}

func manifest(t testing.TB) (m map[string]written) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parquetFolder, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// values are the elements of one sample, as the manifest has them.
func values(x tensor.Tensor) (list []any) {
	data := x.Data
	for i := 0; len(data) > 0; i++ {
		if x.DType == tensor.Bytes {
			rest := skip(data, 1)
			list = append(list, string(data[4:len(data)-len(rest)]))
			data = rest
			continue
		}
		size := x.DType.Size()
		switch key := tensor.Key(x.DType, data, 0); {
		case x.DType == tensor.Bool:
			list = append(list, data[0] == 1)
		case x.DType.Floating():
			list = append(list, tensor.Value(x.DType, key))
		case x.DType == tensor.Uint64:
			list = append(list, strconv.FormatUint(binary.LittleEndian.Uint64(data), 10))
		default:
			list = append(list, strconv.FormatInt(int64(tensor.Value(x.DType, key)), 10))
			if size == 8 {
				list[i] = strconv.FormatInt(int64(binary.LittleEndian.Uint64(data)), 10)
			}
		}
		data = data[size:]
	}
	return list
}

// flat are the elements of a value of the manifest, and its shape.
func flat(v any, d tensor.DType) (list []any, shape []int64) {
	inner, ok := v.([]any)
	if !ok {
		return []any{scalar(v, d)}, nil
	}
	shape = []int64{int64(len(inner))}
	for i, e := range inner {
		l, s := flat(e, d)
		list = append(list, l...)
		if i == 0 {
			shape = append(shape, s...)
		}
	}
	return list, shape
}

func scalar(v any, d tensor.DType) any {
	switch x := v.(type) {
	case json.Number:
		if !d.Floating() {
			return x.String()
		}
		f, _ := x.Float64()
		return f
	case string:
		if d.Floating() { // nan, inf, -inf
			f, _ := strconv.ParseFloat(x, 64)
			return f
		}
		if digits, ok := strings.CutPrefix(x, "hex:"); ok {
			b, _ := hex.DecodeString(digits)
			return string(b)
		}
	}
	return v
}

func readParquet(t testing.TB, names []string, want Wanted, lim Limits) ([]*Rows, error) {
	t.Helper()
	var files []File
	for _, name := range names {
		files = append(files, fileAt(t, name))
	}
	set, err := Parquet(files, want, 0, lim)
	if err != nil {
		return nil, err
	}
	return all(set)
}

// TestParquetAsWritten reads what pyarrow and datasets wrote, in blocks of any size.
func TestParquetAsWritten(t *testing.T) {
	seen := 0
	for name, want := range manifest(t) {
		for _, block := range []int64{0, 100, 1} {
			t.Run(fmt.Sprintf("%s/%d", name, block), func(t *testing.T) {
				list, err := readParquet(t, []string{name}, Wanted{}, Limits{Block: block})
				if err != nil {
					t.Fatal(err)
				}
				seen += compareRows(t, list, want)
			})
		}
	}
	if seen < 1000 {
		t.Errorf("compared %d rows", seen)
	}
}

func compareRows(t *testing.T, list []*Rows, want written) int {
	t.Helper()
	n, bad := 0, map[int64][]int{}
	for _, rows := range list {
		for _, b := range rows.Bad {
			if b.Row != b.Sample+1 || !b.Empty {
				t.Errorf("bad cell %+v", b)
			}
			bad[b.Sample] = append(bad[b.Sample], b.Column)
		}
		for i := range rows.N {
			n++
			row := want.Rows[rows.Number(i)]
			for c, x := range rows.Row(i) {
				elements, shape := flat(row[c], x.DType)
				if d := cmp.Diff(elements, values(x), cmp.Comparer(sameNumber)); d != "" {
					t.Fatalf("row %d, column %s: %s", rows.Number(i), x.Name, d)
				}
				if d := cmp.Diff(shape, x.Shape[1:]); len(shape)+len(x.Shape) > 1 && d != "" {
					t.Fatalf("row %d, column %s: shape %s", rows.Number(i), x.Name, d)
				}
				if p := rows.Place(i, x.Name); p.Row != rows.Number(i)+1 || p.Column != c+1 {
					t.Errorf("place %+v of row %d, column %d", p, rows.Number(i), c)
				}
			}
		}
	}
	for i, row := range want.Rows {
		var lacks []int
		for c, v := range row {
			inside, _ := v.([]any)
			if v == nil || slices.Contains(inside, nil) {
				lacks = append(lacks, c+1)
			}
		}
		if !slices.Equal(lacks, bad[int64(i)]) {
			t.Errorf("row %d lacks columns %v, and %v were found", i, lacks, bad[int64(i)])
		}
	}
	if n+len(bad) != len(want.Rows) {
		t.Errorf("%d rows and %d bad ones of %d", n, len(bad), len(want.Rows))
	}
	return n
}

func sameNumber(a, b float64) bool { return a == b || a != a && b != b }

// TestHuggingFace reads two files as one set, with images and names of labels.
func TestHuggingFace(t *testing.T) {
	names := []string{"hf/train-00001-of-00002", "hf/train-00000-of-00002"}
	form := func(string) Form { return Form{DType: tensor.Float32, Channels: 3} }
	list, err := readParquet(t, names, Wanted{Form: form}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].N != 3 || list[1].First != 3 || list[1].Place(0, "label") != (Place{File: names[0] + ".parquet", Row: 1, Column: 2}) {
		t.Fatalf("%d blocks", len(list))
	}
	x := list[0].Column("img")
	if x.DType != tensor.Float32 || !slices.Equal(x.Shape, []int64{3, 3, 4, 5}) || len(x.Data) != 4*3*3*4*5 {
		t.Errorf("images %s %v", x.DType, x.Shape)
	}
	if list[0].Label != "label" || !slices.Equal(list[0].Names, []string{"cat", "dog"}) {
		t.Errorf("label %q, names %q", list[0].Label, list[0].Names)
	}
	if m := list[0].Column("m"); !slices.Equal(m.Shape, []int64{3, 2, 2}) {
		t.Errorf("Array2D of shape %v", m.Shape)
	}
}

// Images of a column are started on before their turn, as many as the limits allow, and
// come in order; with several columns of images none is, because answers that come in
// order would have to be kept.
func TestParquetImagesAhead(t *testing.T) {
	for _, c := range []struct {
		file       string
		lim        Limits
		ahead      int
		bad        []int64
		rows, last int // but the one that is cut off
	}{
		{"images", Limits{}, 22, []int64{4, 5, 30}, 36, 39},
		{"images", Limits{Block: 200}, 2, []int64{4, 5, 30}, 36, 39},
		{"pairs", Limits{}, 0, []int64{4, 4, 5, 5}, 18, 19},
	} {
		d := &counting{}
		want := Wanted{Form: func(string) Form { return Form{DType: tensor.Uint8, Channels: 3, Last: true, Decoder: d} }}
		list, broken, err := goingOn(t, []string{c.file}, want, c.lim)
		if cut := []string{`37: "images.parquet": row 38, column 1 ("image"): unexpected EOF`}; err != nil || (c.file == "images") != slices.Equal(broken, cut) {
			t.Fatalf("%s: error %v, broken %q", c.file, err, broken)
		}
		n, bad, last := 0, []int64(nil), 0
		for _, rows := range list {
			for _, cell := range rows.Bad {
				bad = append(bad, cell.Sample)
			}
			n += rows.N
			for i := range rows.N {
				last = int(rows.Column("image").Data[18*i])
				if int64(last) != rows.Number(i) {
					t.Errorf("%s: sample %d is picture %d", c.file, rows.Number(i), last)
				}
			}
		}
		if n != c.rows || last != c.last || !slices.Equal(bad, c.bad) || d.most != c.ahead {
			t.Errorf("%s: %d rows, the last is %d; without an image are %v; %d were ahead, want %d", c.file, n, last, bad, d.most, c.ahead)
		}
	}
}

// goingOn reads all that can be read of a set, and says which samples cannot.
func goingOn(t *testing.T, names []string, want Wanted, lim Limits) (list []*Rows, broken []string, err error) {
	t.Helper()
	var files []File
	for i, name := range names {
		files = append(files, fileAt(t, name))
		if i > 0 {
			files[i].Name = fmt.Sprintf("%d-%s", i, files[i].Name)
		}
	}
	set, err := Parquet(files, want, 0, lim)
	for err == nil {
		var more []*Rows
		more, err = all(set)
		list = append(list, more...)
		one, ok := errors.AsType[*SampleError](err)
		if !ok {
			break
		}
		broken, err = append(broken, fmt.Sprintf("%d: %v", one.Sample, one)), nil
	}
	return list, broken, err
}

// failing is a decoder that fails for pictures of some colours.
type failing []byte

func (f failing) Start(q Request) func() (Picture, error) {
	return func() (Picture, error) {
		p, err := Decode(q)
		if err == nil && bytes.Contains(f, p.Values[:1]) {
			err = errors.New("no picture")
		}
		return p, err
	}
}

// A row with a picture that cannot be read is one error, whatever its other columns have,
// and the rows around it come as they are; so in each file of a set.
func TestParquetGoesOn(t *testing.T) {
	// Rows 4 and 5 have no pictures, in either column.
	for _, block := range []int64{0, 200, 1} {
		want := Wanted{Form: func(column string) Form {
			of := map[string]failing{"image": {0, 6, 19}, "other": {2, 6}}
			return Form{DType: tensor.Uint8, Channels: 3, Last: true, Decoder: of[column]}
		}}
		list, broken, err := goingOn(t, []string{"pairs"}, want, Limits{Block: block, Sample: 1 << 20})
		var got, bad []int64
		for _, rows := range list {
			for i := range rows.N {
				got = append(got, rows.Number(i))
				if data := rows.Row(i)[0].Data; int64(data[0]) != rows.Number(i) {
					t.Errorf("sample %d is picture %d", rows.Number(i), data[0])
				}
			}
			for _, cell := range rows.Bad {
				bad = append(bad, cell.Sample)
			}
		}
		wrong := []string{
			`0: "pairs.parquet": row 1, column 1 ("image"): no picture`,
			`2: "pairs.parquet": row 3, column 2 ("other"): no picture`,
			`6: "pairs.parquet": row 7, column 1 ("image"): no picture`,
			`19: "pairs.parquet": row 20, column 1 ("image"): no picture`,
		}
		if err != nil || !slices.Equal(broken, wrong) || len(got) != 14 || !slices.Equal(bad, []int64{4, 4, 5, 5}) {
			t.Errorf("block %d: error %v, samples %v, broken %q, bad %v", block, err, got, broken, bad)
		}
	}
	list, broken, err := goingOn(t, []string{"images", "images"}, Wanted{}, Limits{})
	if n := len(list); err != nil || len(broken) != 2 || !strings.HasPrefix(broken[1], `77: "images.parquet": row 38,`) || list[n-1].Next() != 80 {
		t.Errorf("two files: error %v, %d, broken %q", err, n, broken)
	}
	// Pictures beyond the limit are such rows.
	_, broken, err = goingOn(t, []string{"images"}, Wanted{}, Limits{Pixels: 5})
	if err != nil || len(broken) != 37 || !strings.Contains(broken[0], "an image of 2 by 3") {
		t.Errorf("the limit of an image: error %v, broken %q", err, broken)
	}
}

func TestParquetRefused(t *testing.T) {
	has := func(names ...string) Wanted {
		return Wanted{Has: func(c string) bool { return slices.Contains(names, c) }}
	}
	for _, c := range []struct {
		name string
		want Wanted
		err  string
	}{
		{"times", Wanted{}, `column 2 ("at") is of type timestamp`},
		{"times", has("x", "at"), `column 2 ("at") is of type timestamp`},
		{"uneven", Wanted{}, `row 3, column 1 ("v"): its lists have the lengths [2], and those before [1]`},
		{"uneven", has("other"), `row 3, column 1 ("v")`},
		{"torn", has("m"), `row 1 of the row group, column 1 ("m"): it has lists of different lengths inside one row`},
		{"structs", Wanted{}, `column 1 ("s") is a struct of "a", "b"`},
	} {
		if _, err := readParquet(t, []string{c.name}, c.want, Limits{}); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.err)
		}
	}
	list, err := readParquet(t, []string{"times"}, has("x"), Limits{})
	if err != nil || len(list) != 1 || !slices.Equal(list[0].Unread, []string{"at"}) || len(list[0].Columns) != 1 {
		t.Errorf("a column that the schema leaves out: %v, %v", list, err)
	}
	list, err = readParquet(t, []string{"uneven"}, has("v"), Limits{})
	if err != nil || len(list) != 2 || !slices.Equal(list[0].Columns[0].Shape, []int64{2, 1}) || !slices.Equal(list[1].Columns[0].Shape, []int64{1, 2}) {
		t.Errorf("lists that the schema judges: %v, %v", list, err)
	}
}

func TestParquetSets(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  Wanted
		err   string
	}{
		{[]string{"a/train-00000-of-00003", "a/train-00002-of-00003"}, Wanted{}, "file 1 of 3 is missing"},
		{[]string{"a/train-00000-of-00002", "a/train-00002-of-00002"}, Wanted{}, "no such file of 2"},
		{[]string{"a/train-00000-of-00001", "a/test-00000-of-00002"}, Wanted{}, "a/test-of-00002: file 1 of 2 is missing"},
		{[]string{"a/train-00000-of-00002"}, Wanted{Folder: true}, "a/train-of-00002: file 1 of 2 is missing"},
	} {
		var files []File
		for _, n := range c.names {
			files = append(files, File{Name: n + ".parquet"})
		}
		if _, err := Parquet(files, c.want, 0, Limits{}); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: error %v, want %s", c.names, err, c.err)
		}
	}
	if _, err := Parquet([]File{{Name: "a/train-00000-of-00002.parquet"}}, Wanted{}, 0, Limits{}); err != nil {
		t.Errorf("one file by itself: %v", err)
	}
	if _, err := readParquet(t, []string{"numbers_none", "required"}, Wanted{}, Limits{}); err == nil || !strings.Contains(err.Error(), "the first file of the set") {
		t.Errorf("files with other columns: error %v", err)
	}
}

// TestParquetChecksum: a byte of a page that has a checksum is no other value.
func TestParquetChecksum(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(parquetFolder, "v2.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for at := 100; at < 400; at++ {
		torn := slices.Clone(b)
		torn[at] ^= 1
		set, err := Parquet([]File{fileOf("x", torn)}, Wanted{}, 0, Limits{})
		if err == nil {
			_, err = all(set)
		}
		if err != nil && strings.Contains(err.Error(), "checksum") {
			wrong++
		}
	}
	if wrong < 200 {
		t.Errorf("%d of 300 changed bytes were found", wrong)
	}
}

func FuzzParquet(f *testing.F) {
	for name := range manifest(f) {
		b, err := os.ReadFile(filepath.Join(parquetFolder, name+".parquet"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, false)
		f.Add(b[:len(b)-20], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, schema bool) {
		want := Wanted{}
		if schema {
			want.Has = func(string) bool { return true }
		}
		lim := Limits{Block: 1 << 12, Sample: 1 << 16, Pixels: 1 << 12, Parquet: parquet.Limits{Page: 1 << 18, Memory: 1 << 21, Work: 1 << 21, Ratio: 1}}
		set, err := Parquet([]File{fileOf("f", b)}, want, 0, lim)
		if err != nil {
			t.Fatal(err)
		}
		next := int64(0)
		for {
			rows, err := set.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					return
				}
				break
			}
			if rows.N > 0 && rows.Number(0) < next {
				t.Fatalf("sample %d again", rows.Number(0))
			}
			for i := range rows.N {
				next = rows.Number(i) + 1
				for _, x := range rows.Row(i) {
					n := int64(1)
					for _, d := range x.Shape {
						n *= d
					}
					if x.DType != tensor.Bytes && int64(len(x.Data)) != n*int64(x.DType.Size()) {
						t.Fatalf("sample %d has %d bytes of %s%v", i, len(x.Data), x.DType, x.Shape)
					}
					if x.DType == tensor.Bytes && len(skip(x.Data, int(n))) > 0 {
						t.Fatalf("sample %d has texts behind its own", i)
					}
				}
			}
		}
	})
}

package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// drain reads all columns of a file.
func drain(b []byte, lim Limits) (values int64, err error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)), lim)
	if err != nil {
		return 0, err
	}
	for g := range f.Groups {
		for _, col := range f.columns {
			c := f.Chunk(g, col)
			n, err := drainChunk(c)
			values += n
			c.Close()
			if err != nil {
				return values, err
			}
		}
	}
	return values, nil
}

func drainChunk(c *Chunk) (values int64, err error) {
	var buf []byte
	for {
		n, _, def, err := c.Levels(1000)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return values, err
		}
		if def != nil {
			n = bytes.Count(def, []byte{byte(c.col.MaxDef())})
		}
		for n > 0 {
			var k int
			if buf, k, err = c.Values(buf[:0], n, 1<<16); err != nil {
				return values, err
			}
			n -= k
			values += int64(k)
		}
	}
}

func one(c testkit.ParquetColumn) []byte {
	c.Name = "x"
	rows := c.Count
	if rows == 0 {
		for _, n := range c.Values {
			rows += int64(n)
		}
	}
	return testkit.Parquet(rows, c)
}

// TestWriter: what testkit writes is read, so that what is wrong with the others is what
// they say.
func TestWriter(t *testing.T) {
	b := one(testkit.ParquetColumn{Kind: 2, Pages: [][]byte{make([]byte, 80), make([]byte, 8)}, Values: []int{10, 1}})
	if n, err := drain(b, Limits{}); n != 11 || err != nil {
		t.Errorf("%d values, %v", n, err)
	}
	b = one(testkit.ParquetColumn{Kind: 6, Dictionary: []byte("\x01\x00\x00\x00a"), Entries: 1, Encoding: 8, Pages: [][]byte{{0, 20}}, Values: []int{10}})
	if n, err := drain(b, Limits{}); n != 10 || err != nil {
		t.Errorf("%d values, %v", n, err)
	}
}

// TestLies are files that claim what they do not have.
func TestLies(t *testing.T) {
	page := func(b ...byte) [][]byte { return [][]byte{b} }
	ten := []int{10}
	bomb, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	zeros := bomb.EncodeAll(make([]byte, 1<<20), nil)
	for name, c := range map[string]struct {
		testkit.ParquetColumn

		err string
	}{
		"page beyond the limit":       {testkit.ParquetColumn{Kind: 2, Codec: 1, Size: 1<<31 - 1, Pages: page(0), Values: ten}, "bytes of a page"},
		"negative size":               {testkit.ParquetColumn{Kind: 2, Codec: 1, Size: -5, Pages: page(0), Values: ten}, "bytes of a page"},
		"more than Snappy can":        {testkit.ParquetColumn{Kind: 2, Codec: 1, Size: 1 << 27, Pages: page(0, 0, 0), Values: ten}, "bytes of Snappy cannot be"},
		"more than LZ4 can":           {testkit.ParquetColumn{Kind: 2, Codec: 7, Size: 1 << 27, Pages: page(0, 0, 0), Values: ten}, "bytes of LZ4 cannot be"},
		"zstd that is shorter":        {testkit.ParquetColumn{Kind: 2, Codec: 6, Size: 1 << 26, Pages: [][]byte{zeros}, Values: ten}, "1048576 bytes, and the page says"},
		"zstd that is longer":         {testkit.ParquetColumn{Kind: 2, Codec: 6, Size: 80, Pages: [][]byte{zeros}, Values: ten}, "Zstandard"},
		"brotli of nothing":           {testkit.ParquetColumn{Kind: 2, Codec: 4, Size: 1 << 27, Pages: page(6), Values: ten}, "Brotli: 0 bytes"},
		"snappy that says otherwise":  {testkit.ParquetColumn{Kind: 2, Codec: 1, Size: 88, Pages: [][]byte{snappy.Encode(nil, make([]byte, 80))}, Values: ten}, "a block of 80 bytes"},
		"Hadoop's LZ4":                {testkit.ParquetColumn{Kind: 2, Codec: 5, Pages: page(1), Values: ten}, "codec 5 is not supported"},
		"too few values":              {testkit.ParquetColumn{Kind: 2, Pages: page(make([]byte, 79)...), Values: ten}, "unexpected EOF"},
		"more values than the chunk":  {testkit.ParquetColumn{Kind: 2, Pages: page(make([]byte, 80)...), Values: ten, Count: 9}, "10 values, and the column has 9 more"},
		"fewer values than the chunk": {testkit.ParquetColumn{Kind: 2, Pages: page(make([]byte, 80)...), Values: ten, Count: 11}, "unexpected EOF"},
		"negative count":              {testkit.ParquetColumn{Kind: 2, Pages: page(0), Values: []int{-1}, Count: 5}, "how many values"},
		"chunk before the file":       {testkit.ParquetColumn{Kind: 2, Pages: page(make([]byte, 80)...), Values: ten, Offset: -4}, "it lies at -4"},
		"chunk behind the file":       {testkit.ParquetColumn{Kind: 2, Pages: page(make([]byte, 80)...), Values: ten, Offset: 1 << 40}, "it lies at 1099511627776"},
		"chunk over the footer":       {testkit.ParquetColumn{Kind: 2, Pages: page(make([]byte, 80)...), Values: ten, Total: 1 << 62}, "it lies at 4+4611686018427387904"},
		"index without a dictionary":  {testkit.ParquetColumn{Kind: 2, Encoding: 8, Pages: page(1, 20, 0), Values: ten}, "no dictionary"},
		"index beyond the dictionary": {testkit.ParquetColumn{Kind: 1, Encoding: 8, Dictionary: make([]byte, 8), Entries: 2, Pages: page(2, 20, 2), Values: ten}, "value 2 of a dictionary of 2"},
		"dictionary that is shorter":  {testkit.ParquetColumn{Kind: 1, Encoding: 8, Dictionary: make([]byte, 8), Entries: 1 << 30, Pages: page(2, 20, 2), Values: ten}, "the dictionary: unexpected EOF"},
		"text beyond the page":        {testkit.ParquetColumn{Kind: 6, Pages: page(255, 255, 255, 255, 1), Values: []int{1}}, "unexpected EOF"},
		"index of 33 bits":            {testkit.ParquetColumn{Kind: 1, Encoding: 8, Dictionary: make([]byte, 8), Entries: 2, Pages: page(33, 20, 2), Values: ten}, "values of 33 bits"},
		"delta of huge blocks":        {testkit.ParquetColumn{Kind: 2, Encoding: 5, Pages: page(0x80, 0x80, 0x80, 0x80, 0x40, 1, 10, 0), Values: ten}, "blocks of"},
		"delta that ends":             {testkit.ParquetColumn{Kind: 2, Encoding: 5, Pages: page(0x80, 1, 4, 10, 0, 0, 64), Values: ten}, "unexpected EOF"},
		"lengths beyond the page":     {testkit.ParquetColumn{Kind: 6, Encoding: 6, Pages: page(0x80, 1, 4, 1, 0x80, 0x80, 1), Values: []int{1}}, "unexpected EOF"},
		"an encoding that is no more": {testkit.ParquetColumn{Kind: 2, Encoding: 4, Pages: page(0), Values: ten}, "encoding 4"},
		"two types":                   {testkit.ParquetColumn{Kind: 6, Fields: []any{6, 0, 10, testkit.Struct(5, testkit.Struct())}, Pages: page(0), Values: ten}, "is decimal by its logical type and string"},
		"values of no length":         {testkit.ParquetColumn{Kind: 7, Pages: page(0), Values: ten}, "values of length 0"},
	} {
		t.Run(name, func(t *testing.T) {
			b := one(c.ParquetColumn)
			before := allocated()
			_, err := drain(b, Limits{})
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %s", err, c.err)
			}
			if used := allocated() - before; used > 64<<20 {
				t.Errorf("%d bytes were allocated for a file of %d", used, len(b))
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestRuns: five bytes may stand for billions of values, which come until the work for
// the file is done.
func TestRuns(t *testing.T) {
	run := append([]byte{0}, binary.AppendUvarint(nil, 2*(1<<31-1))...)
	b := one(testkit.ParquetColumn{Kind: 2, Encoding: 8, Dictionary: make([]byte, 8), Entries: 1, Pages: [][]byte{run}, Values: []int{1<<31 - 1}})
	before := allocated()
	n, err := drain(b, Limits{Work: 24 << 20})
	if !errors.Is(err, bounded.ErrLimit) || n < 900_000 || n > 1<<20+1<<16 {
		t.Errorf("%d values, %v", n, err)
	}
	if used := allocated() - before; used > 8<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// TestMemory: the pages of all columns together are bounded.
func TestMemory(t *testing.T) {
	var columns []testkit.ParquetColumn
	for _, name := range []string{"a", "b", "c"} {
		columns = append(columns, testkit.ParquetColumn{Name: name, Kind: 2, Pages: [][]byte{make([]byte, 8000)}, Values: []int{1000}})
	}
	b := testkit.Parquet(1000, columns...)
	f, err := Open(bytes.NewReader(b), int64(len(b)), Limits{Memory: 40_000})
	if err != nil {
		t.Fatal(err)
	}
	for i, col := range f.columns {
		c := f.Chunk(0, col)
		if _, _, _, err = c.Levels(1); errors.Is(err, bounded.ErrLimit) != (i == 2) {
			t.Errorf("column %d: %v", i, err)
		}
	}
}

func TestFooters(t *testing.T) {
	s := testkit.Struct
	leaf := s(1, 2, 3, 0, 4, "x")
	root := func(n int) *testkit.Thrift { return s(4, "schema", 5, n) }
	deep := []*testkit.Thrift{root(1)}
	for range 100 {
		deep = append(deep, s(3, 1, 4, "g", 5, 1))
	}
	wide := make([]*testkit.Thrift, 1<<17)
	for i := range wide {
		wide[i] = s()
	}
	nested := s()
	for range 100 {
		nested = s(1, nested)
	}
	chunk := s(3, s(1, 2, 4, 0, 5, 0, 7, 0, 9, 4))
	for name, c := range map[string]struct {
		footer *testkit.Thrift
		err    string
	}{
		"nothing":             {s(), "no columns"},
		"a deep schema":       {s(2, deep), "levels of the schema"},
		"a wide schema":       {s(2, wide), "columns: more than"},
		"more children":       {s(2, []*testkit.Thrift{root(1 << 30), leaf}), "ends before its columns"},
		"fewer children":      {s(2, []*testkit.Thrift{root(1), leaf, leaf}), "1 lines behind its last"},
		"a negative count":    {s(2, []*testkit.Thrift{root(-1), leaf}), "1 lines behind its last"},
		"deep structs":        {s(9, nested), "levels of structs"},
		"more rows":           {s(2, []*testkit.Thrift{root(1), leaf}, 3, 7), "the footer says 7 rows"},
		"more chunks":         {s(2, []*testkit.Thrift{root(1), leaf}, 4, []*testkit.Thrift{s(1, []*testkit.Thrift{chunk, chunk})}), "more chunks than"},
		"fewer chunks":        {s(2, []*testkit.Thrift{root(1), leaf}, 4, []*testkit.Thrift{s(3, 1)}), "has 0 chunks"},
		"a chunk elsewhere":   {s(2, []*testkit.Thrift{root(1), leaf}, 4, []*testkit.Thrift{s(1, []*testkit.Thrift{s(1, "/etc/passwd")})}), "in another file"},
		"a chunk of nothing":  {s(2, []*testkit.Thrift{root(1), leaf}, 4, []*testkit.Thrift{s(1, []*testkit.Thrift{s()})}), "where it lies"},
		"rows below nothing":  {s(2, []*testkit.Thrift{root(1), leaf}, 4, []*testkit.Thrift{s(1, []*testkit.Thrift{chunk}, 3, -1)}), "-1 rows"},
		"an unknown type":     {s(2, []*testkit.Thrift{root(1), s(1, 9, 4, "x")}), "a physical type 9"},
		"encryption":          {s(2, []*testkit.Thrift{root(1), leaf}, 8, s()), "encrypted"},
		"a text for a number": {s(2, []*testkit.Thrift{root(1), leaf}, 3, "many"), "where a whole number"},
	} {
		b := testkit.ParquetFooter([]byte("PAR1"), c.footer)
		if _, err := Open(bytes.NewReader(b), int64(len(b)), Limits{}); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: error %v, want %s", name, err, c.err)
		}
	}
	for _, b := range []string{"", "PAR1", "PAR1\xff\xff\xff\xffPAR1", "PAR1\x01\x00\x00\x00PARE", "PAR2\x00\x00\x00\x00\x00PAR1", "PAR1\x00\x00\x00\x00PAR1"} {
		if _, err := Open(strings.NewReader(b), int64(len(b)), Limits{}); err == nil {
			t.Errorf("%q was opened", b)
		}
	}
}

// TestCut: a file that is cut off is none, wherever.
func TestCut(t *testing.T) {
	for _, b := range files(t) {
		for n := 0; n < len(b); n += 7 {
			if _, err := Open(bytes.NewReader(b), int64(n), Limits{}); err == nil {
				t.Fatalf("%d of %d bytes were opened", n, len(b))
			}
		}
	}
}

// files are those that pyarrow and datasets wrote.
func files(t testing.TB) (list [][]byte) {
	t.Helper()
	for _, pattern := range []string{"*.parquet", "hf/*.parquet"} {
		names, err := filepath.Glob("../dataset/testdata/parquet/" + pattern)
		if err != nil || len(names) < 2 {
			t.Fatalf("%d files, %v", len(names), err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, b)
		}
	}
	return list
}

// TestHybrid unpacks at each width and place.
func TestHybrid(t *testing.T) {
	for width := range 33 {
		want := make([]uint32, 24)
		packed := make([]byte, 3*width)
		for i := range want {
			want[i] = uint32(uint64(i*2654435761) & (1<<width - 1))
			for b := range width {
				packed[(i*width+b)/8] |= byte(want[i]>>b&1) << ((i*width + b) % 8)
			}
		}
		h, err := newHybrid(append([]byte{3<<1 | 1}, packed...), width)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]uint32, 24)
		for i := 0; i < 24; i += 5 {
			if err := h.values(got[i:min(24, i+5)]); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("width %d: %v, want %v", width, got, want)
		}
		if err := h.values(got[:1]); err == nil {
			t.Errorf("width %d: a value behind the last", width)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, b := range files(f) {
		f.Add(b)
	}
	f.Add(one(testkit.ParquetColumn{Kind: 2, Encoding: 8, Dictionary: make([]byte, 8), Entries: 1, Pages: [][]byte{{0, 255, 255, 255, 15}}, Values: []int{1 << 20}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Page: 1 << 18, Memory: 1 << 20, Work: 1 << 21, Ratio: 1}
		n, err := drain(b, lim)
		again, err2 := drain(b, lim)
		if n != again || (err == nil) != (err2 == nil) {
			t.Fatalf("%d values, %v; and then %d, %v", n, err, again, err2)
		}
		if n > 1<<21 {
			t.Fatalf("%d values", n)
		}
	})
}

package dataset_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/survey"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/testkit"
)

const benchRows = 1 << 20

// benchTable is 4 columns of float32 and 4 of int64.
func benchTable(codec int) []byte {
	const perPage = 1 << 18
	var columns []testkit.ParquetColumn
	for i := range 8 {
		c := testkit.ParquetColumn{Name: "c" + strconv.Itoa(i), Kind: 4, Codec: codec}
		if i%2 == 1 {
			c.Kind = 2
		}
		for p := range benchRows / perPage {
			var b []byte
			for k := range perPage {
				if x := uint32(p*perPage+k) * 2654435761; c.Kind == 4 {
					b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)/(1<<32)))
				} else {
					b = binary.LittleEndian.AppendUint64(b, uint64(x))
				}
			}
			c.Size = len(b)
			if codec == 1 {
				b = snappy.Encode(nil, b)
			}
			c.Pages, c.Values = append(c.Pages, b), append(c.Values, perPage)
		}
		columns = append(columns, c)
	}
	return testkit.Parquet(benchRows, columns...)
}

func cpu(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkParquet counts bytes of values, by the clock and for each second of the
// processors: read alone, with the check of the schema, and with the survey. The file
// that ANDIRON_PARQUET names is read as well.
func BenchmarkParquet(b *testing.B) {
	var text strings.Builder
	text.WriteString("andiron: tensor/v1\ndims: {B: 1..4096}\nlimits: {max_elements: 1073741824}\ninputs:\n")
	for i := range 8 {
		text.WriteString("  c" + strconv.Itoa(i))
		if i%2 == 0 {
			text.WriteString(": {dtype: float32, shape: [B], range: [0, 1]}\n")
		} else {
			text.WriteString(": {dtype: int64, shape: [B], range: [0, 4294967295]}\n")
		}
	}
	schema, err := tensor.Parse([]byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	files := map[string][]byte{"plain": benchTable(0), "snappy": benchTable(1)}
	if name := os.Getenv("ANDIRON_PARQUET"); name != "" {
		if files["file"], err = os.ReadFile(name); err != nil {
			b.Fatal(err)
		}
	}
	for name, file := range files {
		b.Run(name+"/read", func(b *testing.B) { readAll(b, file, func(*dataset.Rows) {}) })
		if name == "file" {
			continue
		}
		b.Run(name+"/check", func(b *testing.B) {
			c := data.NewSetCheck(schema, "")
			readAll(b, file, c.Add)
			if got := c.Finish(nil); got.Rejected > 0 {
				b.Fatalf("%+v", got)
			}
		})
		b.Run(name+"/survey", func(b *testing.B) {
			readAll(b, file, survey.New(survey.Options{Passing: true}).Add)
		})
	}
}

func readAll(b *testing.B, file []byte, add func(*dataset.Rows)) {
	b.Helper()
	var n int64
	before := cpu(b)
	for b.Loop() {
		set, err := dataset.Parquet([]dataset.File{{Name: "x", Open: func() (io.ReaderAt, int64, func() error, error) {
			return bytes.NewReader(file), int64(len(file)), func() error { return nil }, nil
		}}}, dataset.Wanted{}, 0, dataset.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		n = 0
		for {
			rows, err := set.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			for _, c := range rows.Columns {
				n += int64(len(c.Data))
			}
			add(rows)
		}
	}
	b.SetBytes(n)
	b.ReportMetric(float64(n)*float64(b.N)/1e6/(cpu(b)-before), "MB/cpu-s")
	b.ReportMetric(float64(len(file))/1e6, "MB-file")
}

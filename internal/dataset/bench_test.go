package dataset

import (
	"os"
	"testing"
)

// BenchmarkParquetFile reads the file that ANDIRON_PARQUET names.
func BenchmarkParquetFile(b *testing.B) {
	name := os.Getenv("ANDIRON_PARQUET")
	if name == "" {
		return
	}
	data, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		set, _ := Parquet([]File{fileOf("x", data)}, Wanted{}, 0, Limits{})
		n := int64(0)
		for {
			rows, err := set.Next()
			if err != nil {
				break
			}
			n += rows.size()
		}
		b.SetBytes(n)
	}
}

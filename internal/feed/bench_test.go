package feed

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit/fakeosv"
)

// BenchmarkImport25000 is the whole way from the archive to the database.
func BenchmarkImport25000(b *testing.B) {
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, r := range fakeosv.Many(25_000) {
		w, err := z.Create(r.ID + ".json")
		if err == nil {
			_, err = io.WriteString(w, r.JSON)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(packed.Len()))
	b.ReportAllocs()
	for b.Loop() {
		r, err := newIntake(b.Context(), options(9)).file(bytes.NewReader(packed.Bytes()), int64(packed.Len()), "all.zip")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(r.File)), "file-bytes")
	}
}

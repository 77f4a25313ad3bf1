package advisory

import (
	"fmt"
	"testing"

	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/testkit/fakeosv"
)

func buildMany(tb testing.TB, records []fakeosv.Record) []byte {
	tb.Helper()
	var b Builder
	for _, text := range records {
		r, err := osv.Parse([]byte(text.JSON), osv.Limits{})
		if err != nil {
			tb.Fatal(err)
		}
		b.Add(r)
	}
	file, err := b.Build(Info{})
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// BenchmarkBuild25000 parses and builds; the archive around the records is not in it.
func BenchmarkBuild25000(b *testing.B) {
	records := fakeosv.Many(25_000)
	total := 0
	for _, r := range records {
		total += len(r.JSON)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		file := buildMany(b, records)
		b.ReportMetric(float64(len(file)), "file-bytes")
	}
}

// BenchmarkLookup300 opens the database and matches 300 packages of which few have
// a vulnerability, as in a project that is kept up to date.
func BenchmarkLookup300(b *testing.B) {
	file := buildMany(b, fakeosv.Many(25_000))
	v := version(b, "4.7.0+cu118")
	b.ReportAllocs()
	for b.Loop() {
		db := load(b, file)
		hits := 0
		for i := range 300 {
			list, err := db.Match(fmt.Sprintf("package-%d", i*7), v)
			if err != nil {
				b.Fatal(err)
			}
			hits += len(list)
		}
		if hits == 0 {
			b.Fatal("nothing matches")
		}
		b.ReportMetric(float64(hits), "hits")
	}
}

func BenchmarkVerify(b *testing.B) {
	db := load(b, buildMany(b, fakeosv.Many(25_000)))
	b.SetBytes(db.size)
	for b.Loop() {
		if err := db.Verify(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuiltin(b *testing.B) {
	for b.Loop() {
		if _, err := readFacts(factsJSON); err != nil {
			b.Fatal(err)
		}
	}
}

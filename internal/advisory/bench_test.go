package advisory

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/andiron-dev/andiron/internal/osv"
)

// many is records like those of the real feed: of 25,000, two fifths are malware,
// and the rest have twins, long lists of versions, and details.
func many(n int) [][]byte {
	r := rand.New(rand.NewPCG(5, 6))
	out := make([][]byte, n)
	for i := range out {
		if i%5 < 2 {
			out[i] = []byte(record(fmt.Sprintf("MAL-2025-%d", i), `"summary":"Malicious code in a package",`+affected(fmt.Sprintf("evil-package-%d", i), `"versions":["1.0.0","1.0.1"]`)))
			continue
		}
		versions := ""
		for j := range 40 {
			versions += fmt.Sprintf("%q,", fmt.Sprintf("%d.%d.%d", j/10, j%10, r.IntN(5)))
		}
		name := fmt.Sprintf("package-%d", r.IntN(6)*r.IntN(600))
		rest := fmt.Sprintf(`"aliases":["CVE-2025-%d","GHSA-%04x-%04x-%04x"],"summary":"Improper handling of something in a component of a package, number %d","details":%q,"published":"2025-01-01T00:00:00Z",`+
			`"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"references":[{"type":"WEB","url":"https://example.org/%d"}],`,
			i/2, i/2, r.IntN(65536), r.IntN(65536), i, string(bytes.Repeat([]byte("Some words about it. "), 40)), i)
		out[i] = []byte(record(fmt.Sprintf("PYSEC-2025-%d", i), rest+affected(name, `"ranges":[`+events("GIT", `{"introduced":"0"},{"fixed":"abcdef"}`)+`,`+
			events("ECOSYSTEM", fmt.Sprintf(`{"introduced":"0"},{"fixed":"%d.%d"}`, 1+r.IntN(4), r.IntN(10)))+`],"versions":[`+versions+`"0.1"]`)))
	}
	return out
}

func buildMany(tb testing.TB, records [][]byte) []byte {
	tb.Helper()
	var b Builder
	for _, text := range records {
		r, err := osv.Parse(text, osv.Limits{})
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
	records := many(25_000)
	total := 0
	for _, r := range records {
		total += len(r)
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		file := buildMany(b, records)
		b.ReportMetric(float64(len(file)), "file-bytes")
	}
}

// BenchmarkLookup300 opens the database and matches 300 packages.
func BenchmarkLookup300(b *testing.B) {
	file := buildMany(b, many(25_000))
	v := version(b, "1.5.0+cu118")
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
	db := load(b, buildMany(b, many(25_000)))
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

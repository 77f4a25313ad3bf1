package kernel

import (
	"github.com/andiron-dev/andiron/internal/testkit/rawread"
	"testing"
	"time"
)

func BenchmarkRaw(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 32 << 10, 256 << 10} {
		data := repeat(Float32, calm, max(size, 16<<10))[:size]
		for o, name := range []string{"plain", "split", "signed", "plainTiny", "splitTiny", "scan"} {
			b.Run(name, func(b *testing.B) {
				var ratio []float64
				var tr, ts time.Duration
				f := func(d []byte) (uint64, uint64, uint64) { Scan(Float32, d, Want{}); return 0, 0, 0 }
				if o < 5 {
					f = best.by[o][2]
				}
				n := 0
				for b.Loop() {
					n++
					t0 := time.Now()
					for range (1 << 20) / size * 4 {
						rawread.Read(data)
					}
					t1 := time.Now()
					for range (1 << 20) / size * 4 {
						f(data)
					}
					t2 := time.Now()
					tr += t1.Sub(t0)
					ts += t2.Sub(t1)
					ratio = append(ratio, float64(t1.Sub(t0))/float64(t2.Sub(t1)))
				}
				b.ReportMetric(median(ratio), "ratio")
				b.ReportMetric(float64(tr.Nanoseconds())/float64(n)/float64((1<<20)/size*4), "readns")
				b.ReportMetric(float64(ts.Nanoseconds())/float64(n)/float64((1<<20)/size*4), "ns")
			})
		}
	}
}

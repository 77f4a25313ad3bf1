package kernel

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/testkit/rawread"
)

// BenchmarkScan takes turns with a routine that only reads the same bytes, so
// that a busy machine slows both. It reports medians: of GB/s, of what reading
// does, and of their ratio, turn by turn; and the ratio of the quickest turn of
// each.
func BenchmarkScan(b *testing.B) {
	in01 := &Range{0, 0x3f80_0000}
	cases := []struct {
		name string
		d    DType
		kind int
		want Want
	}{
		{"float32", Float32, calm, Want{}},
		{"float32positive", Float32, positive, Want{}},
		{"float32tiny", Float32, calm, Want{Tiny: Float32.SmallestNormal()}},
		{"float32image", Float32, image, Want{In: in01, Tiny: Float32.SmallestNormal()}},
		{"float32zeros", Float32, ink, Want{In: in01, Tiny: Float32.SmallestNormal()}},
		{"float32zerosBoth", Float32, drip, Want{Tiny: Float32.SmallestNormal()}},
		{"float32nan", Float32, special1, Want{}},
		{"float64", Float64, calm, Want{}},
		{"float64tiny", Float64, calm, Want{Tiny: Float64.SmallestNormal()}},
		{"float16", Float16, calm, Want{}},
		{"bfloat16tiny", BFloat16, calm, Want{Tiny: BFloat16.SmallestNormal()}},
		{"float8_e4m3fnuz", Float8E4M3FNUZ, calm, Want{}},
		{"int64", Int64, anything, Want{}},
		{"uint8", Uint8, anything, Want{}},
	}
	for _, c := range cases {
		for _, size := range []int{16 << 10, 32 << 10, 256 << 10, 64 << 20} {
			data := repeat(c.d, c.kind, size)
			for _, r := range all() {
				b.Run(fmt.Sprintf("%s/%dKiB/%s", c.name, size>>10, r.name), func(b *testing.B) {
					versus(b, &r, c.d, data, c.want)
				})
			}
		}
	}
}

// BenchmarkWorst is of data of which every element is wrong.
func BenchmarkWorst(b *testing.B) {
	for _, d := range []DType{Float32, BFloat16, Float8E5M2FNUZ} {
		b.Run(d.String(), func(b *testing.B) {
			data := make([]byte, 1<<20)
			for i := range data {
				data[i] = 0xff >> (i & 1)
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := Scan(d, data, Want{Tiny: d.SmallestNormal()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func versus(b *testing.B, r *routines, d DType, data []byte, want Want) {
	b.Helper()
	if _, name := rawread.Read(data); name == "" {
		b.Skip("nothing to compare with on this machine")
	}
	turn := max(1, (1<<20)/len(data))
	var speed, reads, ratio []float64
	var best, bestRead float64
	for b.Loop() {
		start := time.Now()
		for range turn {
			rawread.Read(data)
		}
		read := time.Since(start)
		start = time.Now()
		for range turn {
			var s Stats
			if err := r.scan(&s, d, data, want); err != nil {
				b.Fatal(err)
			}
		}
		scanned := time.Since(start)
		n := float64(turn) * float64(len(data))
		reads = append(reads, n/float64(read.Nanoseconds()))
		speed = append(speed, n/float64(scanned.Nanoseconds()))
		ratio = append(ratio, read.Seconds()/scanned.Seconds())
		best, bestRead = max(best, speed[len(speed)-1]), max(bestRead, reads[len(reads)-1])
	}
	b.ReportMetric(median(speed), "GB/s")
	b.ReportMetric(median(reads), "read-GB/s")
	b.ReportMetric(median(ratio), "of-read")
	b.ReportMetric(best/bestRead, "best-of-read")
	b.ReportMetric(0, "ns/op")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

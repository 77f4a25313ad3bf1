package survey

import "testing"

// BenchmarkSurvey goes through pictures of 28 by 28 pixels without looking for patches.
func BenchmarkSurvey(b *testing.B) {
	p := drawn(4000, 28, 0, 1)
	b.SetBytes(int64(len(p.Pixels)))
	for b.Loop() {
		p.survey(b).Settle()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4000, "ns/sample")
}

// BenchmarkPatches looks for patches on them.
func BenchmarkPatches(b *testing.B) {
	s := drawn(4000, 28, 12, 1).survey(b)
	for b.Loop() {
		s.search(s.images[0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4000, "ns/sample")
}

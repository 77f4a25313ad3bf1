package pep440

import "testing"

// BenchmarkCompare parses two versions and compares them; tools/bench-pep440 does
// so beside another library.
func BenchmarkCompare(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		x, _ := Parse("2.1.0+cu118")
		y, _ := Parse("2.1.0+cu121")
		Compare(x, y)
	}
}

func BenchmarkContains(b *testing.B) {
	s, v := parseSpecifiers(b, ">=2.1,<3,!=2.2.*"), mustParse(b, "2.1.0+cu118")
	b.ReportAllocs()
	for b.Loop() {
		s.Contains(v, true)
	}
}

func BenchmarkOverlaps(b *testing.B) {
	s, from, to := parseSpecifiers(b, ">=2.1,<3,!=2.2.*"), mustParse(b, "2.0"), mustParse(b, "2.7.1rc1")
	b.ReportAllocs()
	for b.Loop() {
		s.Overlaps(&from, &to, nil)
	}
}

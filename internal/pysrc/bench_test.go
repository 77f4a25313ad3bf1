package pysrc

import (
	"os"
	"testing"
)

// BenchmarkParse reads this repository's largest Python file again and again.
func BenchmarkParse(b *testing.B) {
	src, err := os.ReadFile("../../tools/corpus/sinks.py")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := Parse(src, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

//go:build bench

package engine_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/survey"
	schema "github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/testkit"
)

const millionSchema = `andiron: tensor/v1
dims: {B: 1..64}
inputs: {x: {dtype: uint8, shape: [B, 28, 28], range: [0, 255]}}
labels: {y: {dtype: int64, shape: [B], range: [0, 9]}}
`

// BenchmarkMillion checks a million pictures of 28 by 28 pixels with everything on:
// go test -tags bench -run - -bench Million -benchtime 1x -timeout 30m.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	dir := b.TempDir()
	testkit.Arrays(b, dir, n, 28)
	s, err := schema.Parse([]byte(millionSchema))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(n * (28*28 + 8))
	before := processor(b)
	for b.Loop() {
		var got seen
		d := engine.DataOptions{Schema: s, Survey: data.NewSurvey(survey.Options{Passing: true}, nil, finding.Where{Path: "set"}), Files: []engine.TensorFile{
			{Path: filepath.Join(dir, "img.npy"), As: "x"}, {Path: filepath.Join(dir, "lab.npy"), As: "y"},
		}}
		if err := engine.Data(b.Context(), d, engine.Options{}, &got); err != nil {
			b.Fatal(err)
		}
		if d.Survey.Survey.Count != n {
			b.Fatalf("%d samples", d.Survey.Survey.Count)
		}
	}
	b.ReportMetric((processor(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

// processor is the time that processors have worked for this process.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

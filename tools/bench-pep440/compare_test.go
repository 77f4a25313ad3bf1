// Package bench times internal/pep440 beside what Trivy and Grype compare versions
// with:
//
//	cd tools/bench-pep440 && go test -bench . -count 6 | tee out && go tool -modfile ../go.mod benchstat -col /by out
//
// It is a module of its own, so that andiron does not depend on the peer.
package bench

import (
	"testing"

	peer "github.com/aquasecurity/go-pep440-version"

	"github.com/andiron-dev/andiron/internal/pep440"
)

var pairs = []struct{ name, a, b string }{
	{"final", "2.1.0", "2.1.2"},
	{"local", "2.1.0+cu118", "2.1.0+cu121"},
	{"candidate", "2.7.1rc1", "2.7.1"},
	{"nightly", "2.8.0.dev20250325+cu126", "2.8.0.dev20250326+cu126"},
	{"post", "1.10.0.post2", "1.10"},
	{"odd", "v2.01-RC_1", "2.1.0c1"},
}

func BenchmarkCompare(b *testing.B) {
	for _, p := range pairs {
		b.Run("pair="+p.name+"/by=andiron", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x, err := pep440.Parse(p.a)
				if err != nil {
					b.Fatal(err)
				}
				y, err := pep440.Parse(p.b)
				if err != nil {
					b.Fatal(err)
				}
				pep440.Compare(x, y)
			}
		})
		b.Run("pair="+p.name+"/by=aquasecurity", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x, err := peer.Parse(p.a)
				if err != nil {
					b.Fatal(err)
				}
				y, err := peer.Parse(p.b)
				if err != nil {
					b.Fatal(err)
				}
				x.Compare(y)
			}
		})
	}
}

// TestAgree: what is timed gives the same answers.
func TestAgree(t *testing.T) {
	for _, p := range pairs {
		x, y := peer.MustParse(p.a), peer.MustParse(p.b)
		a, err := pep440.Parse(p.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := pep440.Parse(p.b)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := pep440.Compare(a, b), x.Compare(y); got != want {
			t.Errorf("%s and %s: %d here, %d there", p.a, p.b, got, want)
		}
	}
}

package artifact

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkSHA256 hashes a file in the page cache. Compare with
// openssl speed -evp sha256 -bytes 1048576.
func BenchmarkSHA256(b *testing.B) {
	const size = 256 << 20
	p := filepath.Join(b.TempDir(), "model.pt")
	if err := os.WriteFile(p, make([]byte, size), 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		a, err := Open(p, p)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.SHA256(); err != nil {
			b.Fatal(err)
		}
		_ = a.Close()
	}
}

//go:build amd64 && !purego

package rawread

import "golang.org/x/sys/cpu"

// Read reads all of data, and returns something that depends on it, and the
// name of what read it. Data of less than a vector is not read.
func Read(data []byte) (or uint64, name string) {
	switch {
	case cpu.X86.HasAVX512F && len(data) >= 64:
		return readAVX512(data), "avx512"
	case cpu.X86.HasAVX2 && len(data) >= 32:
		return readAVX2(data), "avx2"
	default:
		return 0, ""
	}
}

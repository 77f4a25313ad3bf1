package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// tenThousand is a requirements file of 10,000 lines in the forms that occur.
func tenThousand() []byte {
	var b strings.Builder
	for i := range 10_000 {
		switch i % 5 {
		case 0:
			fmt.Fprintf(&b, "package-%d==1.%d.%d\n", i, i%40, i%7)
		case 1:
			fmt.Fprintf(&b, "Package_%d[extra]>=2.%d,<3 ; python_version >= \"3.9\" and sys_platform == \"linux\"\n", i, i%30)
		case 2:
			fmt.Fprintf(&b, "package.%d == 2.1.%d+cu118  # a comment\n", i, i%9)
		case 3:
			fmt.Fprintf(&b, "package-%d~=0.%d\n", i, i%90)
		default:
			fmt.Fprintf(&b, "package-%d==4.%d --hash=sha256:%064x\n", i, i%20, i)
		}
	}
	return []byte(b.String())
}

// uvLockOf is a uv.lock of n packages with many wheels each.
func uvLockOf(n int) []byte {
	var b strings.Builder
	b.WriteString("version = 1\nrevision = 3\nrequires-python = \">=3.10\"\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = { editable = \".\" }\ndependencies = [\n")
	for i := range n / 3 {
		fmt.Fprintf(&b, "    { name = \"package-%d\" },\n", i)
	}
	b.WriteString("]\n")
	for i := range n {
		fmt.Fprintf(&b, "\n[[package]]\nname = \"package-%d\"\nversion = \"1.%d.0\"\nsource = { registry = \"https://index.example/simple\" }\ndependencies = [\n", i, i%20)
		for j := 1; j <= 3 && i+j*7 < n; j++ {
			fmt.Fprintf(&b, "    { name = \"package-%d\", marker = \"sys_platform == 'linux'\" },\n", i+j*7)
		}
		fmt.Fprintf(&b, "]\nsdist = { url = \"https://files.example/p/package_%d-1.0.tar.gz\", hash = \"sha256:%064x\", size = %d, upload-time = \"2025-01-02T03:04:05.678Z\" }\nwheels = [\n", i, i, 1000+i)
		for j := range 7 {
			fmt.Fprintf(&b, "    { url = \"https://files.example/p/package_%d-1.0-cp3%d-cp3%d-manylinux_2_17_x86_64.whl\", hash = \"sha256:%064x\", size = %d, upload-time = \"2025-01-02T03:04:05.678Z\" },\n", i, j, j, i*10+j, 2000+i)
		}
		b.WriteString("]\n")
	}
	return []byte(b.String())
}

func benchmark(b *testing.B, kind Kind, src []byte, packages int) {
	b.Helper()
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := Read(kind, "file", src, Limits{})
		if err != nil || len(f.Packages) != packages || len(f.Problems) > 0 {
			b.Fatal(err, f)
		}
	}
}

func BenchmarkRequirements(b *testing.B) { benchmark(b, Requirements, tenThousand(), 10_000) }

func BenchmarkUVLock(b *testing.B) { benchmark(b, UVLock, uvLockOf(300), 301) }

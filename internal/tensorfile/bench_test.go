package tensorfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/safetensors"
)

// BenchmarkCheck reads and checks files of 64 MiB of float32 that are in the page
// cache; BenchmarkRead only reads them, in blocks of the same size.
func BenchmarkCheck(b *testing.B) {
	s, err := tensor.Parse([]byte("andiron: tensor/v1\nlimits: {max_elements: 20_000_000, max_bytes: 80MiB}\ninputs: {x: {dtype: float32, shape: [_, 4096], range: [0, 1]}}\n"))
	if err != nil {
		b.Fatal(err)
	}
	each(b, func(r io.ReaderAt, size int64) error {
		f, err := Open(r, size)
		if err != nil {
			return err
		}
		x := f.Tensors[0]
		x.Name = "x"
		res, err := s.CheckSources(tensor.Inputs, []tensor.Source{x.Source}, nil, nil)
		if err == nil && !res.OK() {
			err = errors.New(res.Violations[0].String())
		}
		return err
	})
}

func BenchmarkRead(b *testing.B) {
	buf := make([]byte, 256<<10)
	each(b, func(r io.ReaderAt, size int64) error {
		for at := int64(0); at < size; at += int64(len(buf)) {
			if _, err := r.ReadAt(buf[:min(int64(len(buf)), size-at)], at); err != nil {
				return err
			}
		}
		return nil
	})
}

func each(b *testing.B, run func(r io.ReaderAt, size int64) error) {
	b.Helper()
	const elements = 16 << 20
	data := string(bytes.Repeat([]byte{0, 0, 0, 0x3f, 0, 0, 0x80, 0x3e}, elements/2))
	l, err := safetensors.NewLayout([]safetensors.Tensor{{Name: "x", DType: "F32", Shape: []int64{4096, 4096}}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	var head bytes.Buffer
	if err := l.WriteHeader(&head); err != nil {
		b.Fatal(err)
	}
	for _, file := range []struct{ name, content string }{
		{"safetensors", head.String() + data}, {"npy", string(npyFile("<f4", false, "(4096, 4096)", data))},
	} {
		b.Run(file.name, func(b *testing.B) {
			name := filepath.Join(b.TempDir(), file.name)
			if err := os.WriteFile(name, []byte(file.content), 0o600); err != nil {
				b.Fatal(err)
			}
			f, err := os.Open(name)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = f.Close() }() // it was only read
			b.SetBytes(int64(len(file.content)))
			b.ReportAllocs()
			for b.Loop() {
				if err := run(f, int64(len(file.content))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

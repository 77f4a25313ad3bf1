package enforce

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/decomp"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/internal/strictzip"
)

// models are formats that hold a model, or run when they are loaded.
var models = []magic.Kind{
	magic.TorchLegacy, magic.Torch0, magic.Pickle, magic.Tar, magic.Safetensors, magic.NPY, magic.ZFile,
	magic.GGUF, magic.GGML, magic.ONNX, magic.HDF5, magic.TorchMobile, magic.ExecuTorch, magic.ExecuData, magic.TFLite,
}

// Looks says whether a file is taken for a model, and as what. Content decides; a name
// that models have counts where the content is nothing that is known. An archive is a
// model unless it can be seen that it is none.
func Looks(name string, r io.ReaderAt, size int64) (magic.Kind, bool, error) {
	head, tail, err := ends(r, size)
	if err != nil {
		return magic.Unknown, true, err
	}
	kinds := magic.All(head, tail, size)
	for _, k := range kinds {
		switch {
		case slices.Contains(models, k):
			return k, true, nil
		case (k == magic.Zip || k == magic.ZipAppended) && zipHoldsModel(name, r, size):
			return k, true, nil
		case decomp.Supported(k) && squeezedModel(name, k, r, size):
			return k, true, nil
		}
	}
	if len(kinds) > 0 {
		return kinds[0], false, nil
	}
	return magic.Unknown, magic.ModelName(name), nil
}

// ends reads what magic wants to see.
func ends(r io.ReaderAt, size int64) (head, tail []byte, err error) {
	read := func(off, n int64) ([]byte, error) {
		b := make([]byte, n)
		k, err := r.ReadAt(b, off)
		if errors.Is(err, io.EOF) && k < len(b) {
			err = io.ErrUnexpectedEOF // it became shorter
		} else if k == len(b) {
			err = nil
		}
		return b, err
	}
	if head, err = read(0, min(size, magic.HeadLen)); err != nil {
		return nil, nil, err
	}
	if size <= magic.HeadLen {
		return head, head, nil
	}
	tail, err = read(max(0, size-magic.TailLen), min(size, magic.TailLen))
	return head, tail, err
}

// carried are names in archives that loaders look for.
var carried = []string{".pkl", ".npy", ".pickle", ".joblib", "/data/", ".data/", ".safetensors", ".onnx", ".pt", ".bin"}

// zipHoldsModel looks at the names in an archive.
func zipHoldsModel(name string, r io.ReaderAt, size int64) bool {
	if magic.ModelName(name) {
		return true
	}
	z, err := strictzip.Open(r, size, strictzip.Limits{})
	if err != nil || len(z.Others) > 0 {
		return true
	}
	for i := range z.Len() {
		e := z.Entry(i)
		if slices.ContainsFunc(carried, func(c string) bool { return strings.Contains(e.RawName, c) || strings.Contains(e.LocalName, c) }) {
			return true
		}
	}
	return false
}

// squeezedModel looks at the beginning of what a stream decompresses to.
func squeezedModel(name string, k magic.Kind, r io.ReaderAt, size int64) bool {
	if magic.ModelName(name) {
		return true
	}
	z, err := decomp.Open(k, r, size, decomp.Limits{})
	if err != nil {
		return true
	}
	head := make([]byte, magic.HeadLen)
	n, err := io.ReadFull(z, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false // it does not decompress for anybody
	}
	length := int64(n)
	if err == nil {
		length = 1 << 62 // nobody knows
	}
	return slices.ContainsFunc(magic.All(head[:n], nil, length), func(k magic.Kind) bool { return slices.Contains(models, k) })
}

package enforce

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
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
		case decomp.Supported(k) && (magic.ModelName(name) || stream(k, r, size).model()):
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

// carried are in names in archives that loaders look for; torch's reader, which is miniz,
// takes letters of either case.
var carried = []string{".pkl", ".npy", ".pickle", ".joblib", "/data/", ".data/", ".safetensors", ".onnx", ".pt", ".bin"}

// zipHoldsModel looks at the names in an archive, and for arrays, which numpy tells by
// their first bytes.
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
		names := strings.ToLower(e.RawName + "\x00" + e.LocalName)
		if slices.ContainsFunc(carried, func(c string) bool { return strings.Contains(names, c) }) || isArray(z, i) {
			return true
		}
	}
	return false
}

// isArray reports whether an entry begins as an array of numpy does, or nobody knows.
func isArray(z *strictzip.Archive, i int) bool {
	const npy = "\x93NUMPY"
	if n := z.Numbers(i); n.DataOffset < 0 || n.Size < int64(len(npy)) {
		return false
	}
	r, err := z.Open(i)
	if err != nil {
		return true
	}
	head := make([]byte, len(npy))
	_, err = io.ReadFull(r, head)
	return err == nil && string(head) == npy
}

// Of a stream so much is looked at: of what it is, of what it decompresses to if that is
// a stream again, and how often.
const (
	mostSqueezed = 16 << 20 // a block of LZ4 has 8 MiB
	mostInside   = 1 << 20  // a block of bzip2 has 900 kB
	deepest      = 3
)

// stream is a file that is one, as far as it is looked at.
func stream(k magic.Kind, r io.ReaderAt, size int64) *squeezed {
	return &squeezed{kind: k, r: r, size: min(size, mostSqueezed), cut: size > mostSqueezed}
}

// squeezed is a stream, in a file or in another one.
type squeezed struct {
	kind  magic.Kind
	r     io.ReaderAt
	size  int64
	cut   bool // it goes on behind size
	level int  // in so many others
}

// model looks at the beginning of what a stream decompresses to. A zip in it is a model,
// because its directory stands at the end.
func (s *squeezed) model() bool {
	z, err := decomp.Open(s.kind, s.r, s.size, decomp.Limits{Bytes: mostInside + 1, Window: 128 << 20})
	if err != nil {
		return true
	}
	head := make([]byte, magic.HeadLen)
	n, err := io.ReadFull(z, head)
	head = head[:n]
	length, known := s.length(n, err)
	if !known {
		return true
	}
	tail := head
	if err == nil {
		tail = nil
	}
	kinds := magic.All(head, tail, length)
	if slices.ContainsFunc(kinds, func(k magic.Kind) bool {
		return slices.Contains(models, k) || k == magic.Zip || k == magic.ZipAppended
	}) {
		return true
	}
	kinds = slices.DeleteFunc(kinds, func(k magic.Kind) bool { return !decomp.Supported(k) })
	return len(kinds) > 0 && s.within(kinds, head, z)
}

// within looks into what may be streams in this one, which begin with head.
func (s *squeezed) within(kinds []magic.Kind, head []byte, rest io.Reader) bool {
	if s.level >= deepest {
		return true
	}
	more, err := bounded.ReadAll(rest, mostInside-magic.HeadLen)
	b := slices.Concat(head, more)
	return slices.ContainsFunc(kinds, func(k magic.Kind) bool {
		inner := squeezed{kind: k, r: bytes.NewReader(b), size: int64(len(b)), cut: err != nil, level: s.level + 1}
		return inner.model()
	})
}

// length says how long what was decompressed is, as far as anybody can tell, when n bytes
// of it came and then an error. A loader has used them before it sees that a checksum is
// wrong. known is false if another decompressor may give what this one did not.
func (s *squeezed) length(n int, err error) (length int64, known bool) {
	const open = 1 << 62
	ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err == nil:
		return open, true
	case ended:
		return int64(n), !s.cut
	case errors.Is(err, bounded.ErrLimit) || errors.Is(err, io.ErrNoProgress):
		return 0, false
	case s.kind == magic.Zlib || s.kind == magic.LZMA: // which have no magic number: it may be no stream at all
		return int64(n), true
	case s.kind == magic.XZ: // each block may have filters that are not known here
		return 0, false
	default:
		return open, n > 0
	}
}

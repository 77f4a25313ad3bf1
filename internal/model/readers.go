package model

import (
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/torchfile"
)

// reader looks at a view in one format, or says that it is not in that format.
type reader func(l *looker, v view) (format string, ok bool)

// readerOf returns the reader of a kind, or nil.
func readerOf(k magic.Kind) reader {
	switch k {
	case magic.Zip:
		return (*looker).zip
	case magic.TorchLegacy:
		return (*looker).torch
	case magic.Tar:
		return (*looker).tar
	case magic.Pickle:
		return (*looker).rawPickle
	case magic.NPY:
		return (*looker).npyFile
	case magic.Safetensors:
		return (*looker).safetensors
	case magic.ONNX:
		return (*looker).onnx
	case magic.GGUF:
		return (*looker).gguf
	case magic.TorchMobile:
		return (*looker).mobileModule
	case magic.ExecuTorch, magic.ExecuData:
		return (*looker).execuTorch
	case magic.Gzip, magic.Bzip2, magic.XZ, magic.LZMA, magic.Zlib, magic.Zstd, magic.LZ4, magic.ZFile:
		return compressed(k)
	case magic.JSON:
		return (*looker).json
	case magic.Text:
		return (*looker).text
	case magic.ZipAppended:
		return (*looker).prefixedZip
	case magic.Unknown, magic.Empty, magic.Torch0, magic.GGML, magic.HDF5, magic.TFLite,
		magic.Native, magic.PyC, magic.SevenZip, magic.RAR:
	}
	return nil
}

// zip looks at an archive: a PyTorch container, or one that only holds files.
func (l *looker) zip(v view) (string, bool) {
	format, ok := l.torch(v)
	if !ok {
		l.zipMembers(v)
		return "zip", true
	}
	if format == string(torchfile.Zip) && isNPZ(v.name) {
		format = "npz"
	}
	return format, true
}

// isNPZ reports whether numpy.savez writes archives with such a name.
func isNPZ(name string) bool { return strings.EqualFold(path.Ext(name), ".npz") }

// prefixedZip looks at a zip that does not begin the file: torch.jit.load and
// torch.package take it, and so does whatever opens zips from their end.
func (l *looker) prefixedZip(v view) (string, bool) {
	if format, ok := l.torch(v); ok {
		return format, true
	}
	l.zipMembers(v)
	return string(torchfile.Zip), true
}

// tar looks at a checkpoint of torch 0.1, or at the members of any other tar.
func (l *looker) tar(v view) (string, bool) {
	if format, ok := l.torch(v); ok {
		return format, true
	}
	return l.tarMembers(v)
}

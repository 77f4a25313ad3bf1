// Package tensorfile reads the tensors of array files: .npy, .npz, safetensors and
// what torch.save writes, and of requests and answers of the Open Inference Protocol
// V2 in JSON.
//
// # Security
//
// This package is made for hostile input. It never panics, unpickles nothing, and
// allocates nothing for what a header claims. An array of Python objects, an array
// with something behind it, and an archive that two readers would read differently
// have no elements here: what cannot be told for sure is a Problem of the tensor or
// an error, never a guess. The CRCs of archives are verified as they are read,
// because numpy refuses a file where they are wrong.
//
// # Limits
//
// A file has at most 100,000 tensors. An array in Fortran order is in memory while
// it is read, and so are arrays of texts (at most 64 MiB) and requests in JSON (at
// most 64 MiB); nothing else is.
//
// # Specification
//
// Those of internal/npy, internal/strictzip, safetensors, torchfile and internal/oip.
package tensorfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// ErrFormat says that a file is of no format that has tensors.
var ErrFormat = errors.New("neither .npy nor .npz, safetensors, a file of torch.save nor a V2 request in JSON")

// maxTensors bounds the tensors of a file.
const maxTensors = 100_000

// File is what a file says about its tensors.
type File struct {
	Format  string
	Tensors []Tensor
	torch   *torchfile.File
}

// Tensor is a tensor of a file.
type Tensor struct {
	// Source is what a check reads. The name is empty where the file has one
	// tensor and no name for it.
	tensor.Source

	Spelled string // the type as the file has it; DType is 0 where schemas have none for it
	Problem string // why the elements cannot be read
	Role    Role
}

// Role says what a tensor of a torch file belongs to.
type Role string

// The roles.
const (
	Object Role = ""      // what loading the file gives
	Other  Role = "other" // what the file has besides
)

// Open reads the headers of a file of size bytes.
func Open(r io.ReaderAt, size int64) (*File, error) {
	head, err := bounded.ReadRange(r, size, 0, min(size, magic.HeadLen), magic.HeadLen)
	if err != nil {
		return nil, err
	}
	switch magic.Detect(head, nil, size) {
	case magic.NPY:
		return openNPY(r, size)
	case magic.Safetensors:
		return openSafetensors(r, size)
	case magic.Zip:
		return openZip(r, size)
	case magic.TorchLegacy, magic.Tar, magic.Pickle:
		return openTorch(r, size)
	case magic.JSON:
		return openJSON(r, size)
	default:
		return nil, ErrFormat
	}
}

func openNPY(r io.ReaderAt, size int64) (*File, error) {
	t, err := array(r, size, func(off, n int64) (io.Reader, error) { return io.NewSectionReader(r, off, n), nil })
	if err != nil {
		return nil, err
	}
	return &File{Format: "npy", Tensors: []Tensor{t}}, nil
}

// stTypes are the names that safetensors has for the types of schemas.
var stTypes = map[safetensors.DType]tensor.DType{
	"F64": tensor.Float64, "F32": tensor.Float32, "F16": tensor.Float16, "BF16": tensor.BFloat16,
	"F8_E4M3": tensor.Float8E4M3FN, "F8_E5M2": tensor.Float8E5M2,
	"F8_E4M3FNUZ": tensor.Float8E4M3FNUZ, "F8_E5M2FNUZ": tensor.Float8E5M2FNUZ,
	"I64": tensor.Int64, "I32": tensor.Int32, "I16": tensor.Int16, "I8": tensor.Int8,
	"U64": tensor.Uint64, "U32": tensor.Uint32, "U16": tensor.Uint16, "U8": tensor.Uint8, "BOOL": tensor.Bool,
}

func openSafetensors(r io.ReaderAt, size int64) (*File, error) {
	st, err := safetensors.Open(r, size, safetensors.Limits{Tensors: maxTensors})
	if err != nil {
		return nil, err
	}
	f := &File{Format: "safetensors"}
	for _, x := range st.Tensors {
		n := x.End - x.Begin
		t := Tensor{Spelled: string(x.DType), Source: tensor.Source{
			Name: x.Name, DType: stTypes[x.DType], Shape: x.Shape, Bytes: n,
			Open: func() (io.Reader, error) { return io.NewSectionReader(r, x.Begin, n), nil },
		}}
		f.Tensors = append(f.Tensors, t.sound())
	}
	return f, nil
}

// sound leaves nothing to open where the elements cannot be read, or are of a type
// that schemas do not have.
func (t Tensor) sound() Tensor {
	if t.DType == 0 || t.Problem != "" {
		t.Open = nil
	}
	return t
}

// openZip tells an archive of arrays from what torch.save writes.
func openZip(r io.ReaderAt, size int64) (*File, error) {
	a, err := strictzip.Open(r, size, strictzip.Limits{MaxEntries: maxTensors})
	if err != nil {
		return nil, err
	}
	for i := range a.Len() {
		if !strings.HasSuffix(a.Entry(i).Name, ".npy") {
			return openTorch(r, size)
		}
	}
	return openNPZ(a)
}

// openJSON reads a V2 request, or an answer. What stands in JSON is in memory.
func openJSON(r io.ReaderAt, size int64) (*File, error) {
	b, err := bounded.ReadRange(r, size, 0, size, maxJSON)
	if err != nil {
		return nil, err
	}
	f := &File{Format: "v2-json"}
	var tensors []tensor.Tensor
	opt := oip.Options{Limits: oip.Limits{Body: maxJSON, Elements: maxJSON / 2}, DropParameters: true}
	req, err := oip.ParseJSON(b, opt)
	if err == nil {
		tensors = req.Inputs
	} else if res, no := oip.ParseJSONResponse(b, opt); no == nil {
		tensors, err = res.Outputs, nil
	} else if further(no, err) {
		err = no // as an answer more of it can be read, so that is what it is
	}
	for _, x := range tensors {
		f.Tensors = append(f.Tensors, Tensor{Spelled: x.DType.V2(), Source: tensor.Source{
			Name: x.Name, DType: x.DType, Shape: x.Shape, Bytes: int64(len(x.Data)),
			Open: func() (io.Reader, error) { return bytes.NewReader(x.Data), nil },
		}})
	}
	return f, err
}

// further reports whether a reader of messages came further than another one.
func further(a, b error) bool {
	var one, other *oip.Error
	return errors.As(a, &one) && errors.As(b, &other) && one.Offset > other.Offset
}

// maxJSON bounds a request in JSON, which takes up to four times as much memory.
const maxJSON = 64 << 20

// Torch is the file as torchfile reads it, nil of the other formats.
func (f *File) Torch() *torchfile.File { return f.torch }

func openTorch(r io.ReaderAt, size int64) (*File, error) {
	tf, err := torchfile.Open(r, size, torchfile.Options{MaxTensors: maxTensors})
	if errors.Is(err, torchfile.ErrFormat) {
		return nil, ErrFormat
	}
	if err != nil {
		return nil, err
	}
	for i := range tf.Pickles {
		if p := &tf.Pickles[i]; p.Trace.Err != nil && (i == tf.Object || tf.Object < 0) {
			return nil, fmt.Errorf("the pickle in %q: %w", p.Record, p.Trace.Err)
		}
	}
	f := &File{Format: string(tf.Format), torch: tf}
	for i := range tf.Tensors {
		f.Tensors = append(f.Tensors, ofTorch(tf, &tf.Tensors[i]))
	}
	if len(f.Tensors) == 0 && tf.Format == torchfile.Zip {
		return nil, ErrFormat
	}
	return f, nil
}

func ofTorch(tf *torchfile.File, x *torchfile.Tensor) Tensor {
	t := Tensor{Spelled: x.DType, Problem: x.Problem, Source: tensor.Source{
		Name: x.Name, Shape: x.Shape, Bytes: x.NBytes(),
		Open: func() (io.Reader, error) { return tf.TensorData(x) },
	}}
	if x.Pickle != tf.Object && tf.Object >= 0 {
		t.Role = Other
	}
	t.DType, _ = tensor.ParseDType(x.DType) // 0 is one that schemas do not have
	if t.Problem == "" && (x.Layout != "strided" || x.Storage < 0) {
		t.Problem = fmt.Sprintf("its layout is %.40s on %.40s, and it has no elements in the file", x.Layout, x.Device)
	}
	return t.sound()
}

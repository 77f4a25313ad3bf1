package sandbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// records are the bytes of a checkpoint's zip, by name.
type records struct {
	in   *Input
	zip  *strictzip.Archive
	root string // the folder of the archive, as torch finds it
}

// openRecords opens a zip of which every reader makes the same.
func openRecords(in *Input) (*records, error) {
	a, err := strictzip.Open(in.file, in.Size, strictzip.Limits{})
	if err != nil {
		return nil, err
	}
	if len(a.Issues) > 0 {
		return nil, fmt.Errorf("the zip is odd: %s", a.Issues[0].Text)
	}
	if a.Len() == 0 {
		return nil, errors.New("the zip is empty")
	}
	for i := range a.Len() {
		if a.Numbers(i).Method != strictzip.Stored {
			return nil, fmt.Errorf("%.80q is compressed", a.Entry(i).Name)
		}
	}
	root, _, ok := strings.Cut(a.Entry(0).Name, "/")
	if !ok {
		return nil, errors.New("the zip has no folder")
	}
	z := &records{in: in, zip: a, root: root}
	if i, ok := z.find("byteorder"); ok {
		b, err := a.Read(i, 16)
		if err != nil {
			return nil, err
		}
		if string(b) != "little" {
			return nil, fmt.Errorf("the byte order is %q", b)
		}
	}
	return z, nil
}

// find returns the entry of a record.
func (z *records) find(record string) (int, bool) {
	name := z.root + "/" + record
	i := z.zip.Locate(name)
	return i, i >= 0 && z.zip.Called(i, name)
}

// reference is where the worker says that a tensor is.
type reference struct {
	record string
	offset int64 // in bytes
	stride []int64
}

// UnmarshalJSON reads [record, offset, strides].
func (r *reference) UnmarshalJSON(b []byte) error {
	parts := []any{&r.record, &r.offset, &r.stride}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if len(parts) != 3 {
		return fmt.Errorf("a reference of %d parts", len(parts))
	}
	return nil
}

// references are a result whose bytes are in the checkpoint.
type references struct {
	in    *Input
	head  []byte // the header, with its length
	parts []io.Reader
}

// mostReferences bounds what a worker says of tensors.
const mostReferences = 64 << 20

// result is what the worker's file says: the header of a safetensors file, and behind it
// an object of references by name. Nothing of it is believed.
func (z *records) result(f *os.File, most int64) (*Result, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := bounded.ReadRange(f, info.Size(), 0, info.Size(), mostReferences)
	if err != nil {
		return nil, err
	}
	return z.read(b, most)
}

func (z *records) read(b []byte, most int64) (*Result, error) {
	if len(b) < 8 {
		return nil, errors.New("references without a header")
	}
	n := binary.LittleEndian.Uint64(b)
	if n > uint64(len(b)-8) {
		return nil, fmt.Errorf("a header of %d bytes, of %d", n, len(b)-8)
	}
	head, rest := b[:8+n], b[8+n:]
	var said struct {
		Size  int64                `json:"size"` // of all tensors
		Parts map[string]reference `json:"parts"`
	}
	if err := decodeOnly(rest, &said); err != nil {
		return nil, fmt.Errorf("references: %w", err)
	}
	if said.Size < 0 {
		return nil, fmt.Errorf("%d bytes of tensors", said.Size)
	}
	if said.Size > most || int64(len(head)) > most-said.Size {
		return nil, tooMuch(most)
	}
	r := &Result{Size: int64(len(head)) + said.Size, refs: &references{in: z.in, head: head}}
	var err error
	if r.Header, err = safetensors.Open(onlyHead(head), r.Size, safetensors.Limits{}); err != nil {
		return nil, err
	}
	if len(r.Header.Tensors) != len(said.Parts) {
		return nil, fmt.Errorf("%d references of %d tensors", len(said.Parts), len(r.Header.Tensors))
	}
	for i := range r.Header.Tensors {
		t := &r.Header.Tensors[i]
		ref, ok := said.Parts[t.Name]
		if !ok {
			return nil, fmt.Errorf("no reference of the tensor %.80q", t.Name)
		}
		part, err := z.part(t, &ref)
		if err != nil {
			return nil, fmt.Errorf("the reference of %.80q: %w", t.Name, err)
		}
		r.refs.parts = append(r.refs.parts, part)
	}
	return r, nil
}

func tooMuch(most int64) error {
	return limitError(fmt.Sprintf("it has more than %d bytes of tensors, the limit on the result", most))
}

// onlyHead is a file of which only the beginning may be read.
type onlyHead []byte

func (h onlyHead) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off > int64(len(h)) || len(p) > len(h)-int(off) {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, h[off:]), nil
}

// part reads a tensor from the zip.
func (z *records) part(t *safetensors.Tensor, ref *reference) (io.Reader, error) {
	item := t.DType.Bits() / 8
	if item == 0 || ref.offset < 0 || ref.offset%item != 0 {
		return nil, fmt.Errorf("%s at byte %d", t.DType, ref.offset)
	}
	i, ok := z.find(ref.record)
	if !ok {
		return nil, fmt.Errorf("there is no record %.80q", ref.record)
	}
	s, err := z.zip.Section(i)
	if err != nil {
		return nil, err
	}
	return torchfile.View(s, s.Size(), item, t.Shape, ref.stride, ref.offset/item)
}

// reader gives the tensors, with their header.
func (r *references) reader() io.Reader {
	return io.MultiReader(append([]io.Reader{bytes.NewReader(r.head)}, r.parts...)...)
}

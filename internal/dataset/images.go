package dataset

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Form is how the pixels of an image become a tensor.
type Form struct {
	// DType is Uint8, with values up to 255, or Float32, from 0 to 1 as torchvision's
	// ToTensor has them.
	DType tensor.DType
	// Last has the channels in the last dimension, not in the first of a sample.
	Last bool
	// Channels is 1 or 3; 0 is what the image has.
	Channels int
	// Decoder decodes the images; nil does it here, in this process.
	Decoder Decoder
}

// File is a file that is opened when its turn comes.
type File struct {
	Name string
	Open func() (io.ReaderAt, int64, func() error, error)
}

// folder is a folder of images.
type folder struct {
	files  []File
	labels []int64
	names  []string
	form   Form
	lim    Limits
	first  int64 // number of the first sample
	next   int
}

// IsImage reports whether a file is called as images are that can be read.
func IsImage(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

// The names that the columns of images and their labels have.
const (
	ImageColumn = "image"
	LabelColumn = "label"
)

// Images reads a folder of images: each file is a sample, and the folder that it lies
// in names its label. Labels count from 0 in the order of their names. The number of the
// first sample is first.
func Images(files []File, form Form, first int64, lim Limits) (Set, error) {
	lim = lim.orDefaults()
	f := &folder{files: files, form: form, first: first, lim: lim}
	slices.SortFunc(f.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	for _, file := range f.files {
		if name := path.Base(path.Dir(file.Name)); !slices.Contains(f.names, name) {
			f.names = append(f.names, name)
			if len(f.names) > lim.Labels {
				return nil, bounded.Exceeded("labels", int64(lim.Labels))
			}
		}
	}
	slices.Sort(f.names)
	for _, file := range f.files {
		at, _ := slices.BinarySearch(f.names, path.Base(path.Dir(file.Name)))
		f.labels = append(f.labels, int64(at))
	}
	return &ahead{read: f.read, most: lim.Block}, nil
}

// read starts on the next image.
func (f *folder) read() (*sample, error) {
	if f.next == len(f.files) {
		return nil, io.EOF
	}
	i := f.next
	f.next++
	file := f.files[i]
	wrapped := func(err error) error { return fmt.Errorf("%q: %w", file.Name, err) }
	rows := &Rows{First: f.first + int64(i), N: 1, Read: int64(f.next), Whole: int64(len(f.files)), Columns: []tensor.Tensor{{Name: ImageColumn}}, place: func(int, string) Place { return Place{File: file.Name} }}
	if len(f.names) > 1 {
		rows.Label, rows.Names = LabelColumn, f.names
		rows.Columns = append(rows.Columns, label(f.labels[i]))
	}
	s := &sample{rows: rows}
	b, err := f.whole(file)
	if err != nil {
		s.waits = append(s.waits, func() error { return wrapped(err) })
		return s, nil //nolint:nilerr // it comes in its turn
	}
	s.size = int64(len(b))
	s.await(0, f.form.start(b, f.lim), wrapped)
	return s, nil
}

// whole reads a file.
func (f *folder) whole(file File) ([]byte, error) {
	r, size, closeFile, err := file.Open()
	if err != nil {
		return nil, err
	}
	b, err := bounded.ReadRange(r, size, 0, size, f.lim.Sample)
	if cerr := closeFile(); err == nil {
		err = cerr
	}
	return b, err
}

func label(n int64) tensor.Tensor {
	return tensor.Tensor{Name: LabelColumn, DType: tensor.Int64, Shape: []int64{1}, Data: binary.LittleEndian.AppendUint64(nil, uint64(n))}
}

// scaled divides each byte by 255, in float32.
func scaled(values []byte) []byte {
	out := make([]byte, 0, 4*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)/255))
	}
	return out
}

// parseLabel reads a label that is written in decimal digits.
func parseLabel(b []byte) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("label %.40q is no integer", b)
	}
	return n, nil
}

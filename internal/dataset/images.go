package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
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
// in names its label. Labels count from 0 in the order of their names.
func Images(files []File, form Form, lim Limits) (Set, error) {
	lim = lim.orDefaults()
	f := &folder{files: files, form: form, lim: lim}
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
	return f, nil
}

func (f *folder) Next() (*Rows, error) {
	if f.next == len(f.files) {
		return nil, io.EOF
	}
	i := f.next
	f.next++
	file := f.files[i]
	r, size, closeFile, err := file.Open()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", file.Name, err)
	}
	b, err := bounded.ReadRange(r, size, 0, size, f.lim.Sample)
	if cerr := closeFile(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", file.Name, err)
	}
	t, err := decode(b, f.form, f.lim)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", file.Name, err)
	}
	rows := &Rows{First: int64(i), N: 1, Columns: []tensor.Tensor{t}, place: func(int, string) Place { return Place{File: file.Name} }}
	if len(f.names) > 1 {
		rows.Label, rows.Names = LabelColumn, f.names
		rows.Columns = append(rows.Columns, label(f.labels[i]))
	}
	return rows, nil
}

func label(n int64) tensor.Tensor {
	return tensor.Tensor{Name: LabelColumn, DType: tensor.Int64, Shape: []int64{1}, Data: binary.LittleEndian.AppendUint64(nil, uint64(n))}
}

// decode makes a tensor of an image, if it has not too many pixels.
func decode(b []byte, form Form, lim Limits) (tensor.Tensor, error) {
	read, config := png.Decode, png.DecodeConfig
	if !bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
		read, config = jpeg.Decode, jpeg.DecodeConfig
	}
	c, err := config(bytes.NewReader(b))
	if err != nil {
		return tensor.Tensor{}, err
	}
	if n, ok := bounded.Mul(int64(c.Width), int64(c.Height)); !ok || n > lim.Pixels || n < 1 {
		return tensor.Tensor{}, fmt.Errorf("an image of %d by %d: %w", c.Width, c.Height, bounded.Exceeded("pixels", lim.Pixels))
	}
	img, err := read(bytes.NewReader(b))
	if err != nil {
		return tensor.Tensor{}, err
	}
	return form.tensor(img), nil
}

// tensor makes a tensor of the pixels. Transparency is left out, as PIL's convert
// leaves it out.
func (form Form) tensor(img image.Image) tensor.Tensor {
	size := img.Bounds().Size()
	channels := form.Channels
	if channels == 0 {
		channels = 3
		if m := img.ColorModel(); m == color.GrayModel || m == color.Gray16Model {
			channels = 1
		}
	}
	plane := size.X * size.Y
	values := make([]byte, plane*channels)
	put := func(at, channel int, v uint8) {
		if form.Last {
			values[at*channels+channel] = v
		} else {
			values[channel*plane+at] = v
		}
	}
	for y := range size.Y {
		for x := range size.X {
			at, px := y*size.X+x, img.At(img.Bounds().Min.X+x, img.Bounds().Min.Y+y)
			if channels == 1 {
				put(at, 0, gray(px))
				continue
			}
			c := color.NRGBAModel.Convert(px).(color.NRGBA) //nolint:forcetypeassert // it is what the model converts to
			put(at, 0, c.R)
			put(at, 1, c.G)
			put(at, 2, c.B)
		}
	}
	t := tensor.Tensor{Name: ImageColumn, DType: tensor.Uint8, Shape: []int64{1, int64(channels), int64(size.Y), int64(size.X)}, Data: values}
	if form.Last {
		t.Shape = []int64{1, int64(size.Y), int64(size.X), int64(channels)}
	}
	if form.DType == tensor.Float32 {
		t.DType, t.Data = tensor.Float32, scaled(values)
	}
	return t
}

func gray(c color.Color) uint8 {
	if g, ok := c.(color.Gray); ok {
		return g.Y
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA) //nolint:forcetypeassert // it is what the model converts to
	// ITU-R BT.601, as PIL's mode L has it.
	return uint8((19595*uint32(n.R) + 38470*uint32(n.G) + 7471*uint32(n.B) + 1<<15) >> 16)
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

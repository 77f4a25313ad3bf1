package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Request asks for the pixels of an image.
type Request struct {
	Image    []byte
	Pixels   int64 // how many it may have
	Channels int   // 1 or 3; 0 is what the image has
	Last     bool  // the channels are in the last dimension
}

// Picture is the pixels of an image, 8 bits for each channel.
type Picture struct {
	Width, Height, Channels int

	Values []byte
}

// Decoder decodes images, perhaps somewhere else: while that goes on more may be
// started on. A Decoder is for one goroutine.
type Decoder interface {
	// Start starts on an image, whose bytes stay as they are until it is done, and
	// returns what waits for that.
	Start(q Request) (wait func() (Picture, error))
}

// Decode decodes an image here, if it has not too many pixels.
func Decode(q Request) (Picture, error) {
	read, config := png.Decode, png.DecodeConfig
	switch {
	case isPNG(q.Image):
	case bytes.HasPrefix(q.Image, []byte{0xff, 0xd8}): // ITU-T T.81, B.1.1.3: SOI
		read, config = jpeg.Decode, jpeg.DecodeConfig
	default:
		return Picture{}, errors.New("it is neither PNG nor JPEG")
	}
	c, err := config(bytes.NewReader(q.Image))
	if err != nil {
		return Picture{}, err
	}
	if n, ok := bounded.Mul(int64(c.Width), int64(c.Height)); !ok || n > q.Pixels || n < 1 {
		return Picture{}, fmt.Errorf("an image of %d by %d: %w", c.Width, c.Height, bounded.Exceeded("pixels", q.Pixels))
	}
	img, err := read(bytes.NewReader(q.Image))
	if err != nil {
		return Picture{}, err
	}
	return q.picture(img), nil
}

func isPNG(b []byte) bool { return bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) }

// Fits reports what a picture that somebody else decoded cannot be. Its values may
// still have to come.
func (q *Request) Fits(p *Picture) error {
	n, ok := bounded.Mul(int64(p.Width), int64(p.Height))
	switch {
	case p.Width < 1 || p.Height < 1 || !ok || n > q.Pixels:
		return fmt.Errorf("a picture of %d by %d, and %d pixels were allowed", p.Width, p.Height, q.Pixels)
	case p.Channels != 1 && p.Channels != 3 || q.Channels != 0 && p.Channels != q.Channels:
		return fmt.Errorf("a picture with %d channels, and %d were asked for", p.Channels, q.Channels)
	}
	// PNG, third edition, section 11.2.2: IHDR is first, and width and height are first
	// in it.
	if isPNG(q.Image) && len(q.Image) >= 24 {
		w, h := binary.BigEndian.Uint32(q.Image[16:]), binary.BigEndian.Uint32(q.Image[20:])
		if int64(w) != int64(p.Width) || int64(h) != int64(p.Height) {
			return fmt.Errorf("a picture of %d by %d of an image of %d by %d", p.Width, p.Height, w, h)
		}
	}
	return nil
}

// start starts on an image whose tensor is to have this form.
func (form Form) start(b []byte, lim Limits) func() (tensor.Tensor, error) {
	q := Request{Image: b, Pixels: lim.Pixels, Channels: form.Channels, Last: form.Last}
	wait := func() (Picture, error) { return Decode(q) }
	if form.Decoder != nil {
		wait = form.Decoder.Start(q)
	}
	return func() (tensor.Tensor, error) {
		p, err := wait()
		if err != nil {
			return tensor.Tensor{}, err
		}
		return form.tensor(&p), nil
	}
}

// tensor makes a tensor of pixels.
func (form Form) tensor(p *Picture) tensor.Tensor {
	t := tensor.Tensor{Name: ImageColumn, DType: tensor.Uint8, Shape: []int64{1, int64(p.Channels), int64(p.Height), int64(p.Width)}, Data: p.Values}
	if form.Last {
		t.Shape = []int64{1, int64(p.Height), int64(p.Width), int64(p.Channels)}
	}
	if form.DType == tensor.Float32 {
		t.DType, t.Data = tensor.Float32, scaled(p.Values)
	}
	return t
}

// picture takes the pixels out. Transparency is left out, as PIL's convert leaves it
// out.
func (q *Request) picture(img image.Image) Picture {
	size := img.Bounds().Size()
	channels := q.Channels
	if channels == 0 {
		channels = 3
		if m := img.ColorModel(); m == color.GrayModel || m == color.Gray16Model {
			channels = 1
		}
	}
	plane := size.X * size.Y
	values := make([]byte, plane*channels)
	put := func(at, channel int, v uint8) {
		if q.Last {
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
	return Picture{size.X, size.Y, channels, values}
}

func gray(c color.Color) uint8 {
	if g, ok := c.(color.Gray); ok {
		return g.Y
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA) //nolint:forcetypeassert // it is what the model converts to
	// ITU-R BT.601, as PIL's mode L has it.
	return uint8((19595*uint32(n.R) + 38470*uint32(n.G) + 7471*uint32(n.B) + 1<<15) >> 16)
}

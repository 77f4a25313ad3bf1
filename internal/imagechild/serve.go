// Package imagechild decodes images in a process of its own: this program, started a
// second time, confined before it sees the first byte, and asked through pipes.
//
// # Security
//
// The decoder is taken to be hostile once it has seen an image. It has nothing: no
// file, no network, no environment, no right to start anything (internal/confine), and
// its two pipes. What it answers is read within the limits of what was asked: another
// length, shape, number or order than can be is a lie, and ends it. One that ends, or
// takes too long, is started anew; what had no answer is asked again, one image at a
// time, so that the one that did it is known by name. Each image that was asked for has
// pixels or an error in the end, never neither.
//
// It stays for many images, because starting it takes as long as decoding hundreds of
// small ones. An image that took it over could therefore lie about the pixels of those
// behind it, within their shapes.
//
// # Limits
//
// Those of the requests, an address space for the largest of these, and a time for each
// image. Errors have at most 1 KiB.
//
// # Specification
//
// Little-endian. A request is its number, the length of the image and how many pixels
// it may have, 4 bytes each; the channels, 1 byte; 1 for channels last, 1 byte; two
// zeros; and the image. An answer is the same number; 0 for pixels or 1 for an error, 1
// byte; the channels, 1 byte; two zeros; width, height and length, 4 bytes each; and
// pixels or the text of the error.
package imagechild

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"runtime/debug"

	"github.com/andiron-dev/andiron/internal/confine"
	"github.com/andiron-dev/andiron/internal/dataset"
)

// verb is the only argument of the process that decodes. It is not for people.
const verb = "decode-images"

// Asked reports whether this process was started to decode.
func Asked(args []string) bool { return len(args) == 2 && args[1] == verb }

// memory is what decoding the largest image takes: the bytes that internal/dataset lets
// a sample have, for each pixel the coefficients of a progressive JPEG or 8 bytes of a
// PNG, and what is made of them; and as much again as garbage may take.
const memory = 512<<20 + (64<<20)*(16+4+3) + 512<<20

// processorTime is far more than one image may take. A process that spent it on many is
// ended, and the next one started.
const processorTime = 600

// Serve is the process that decodes: it confines itself, and answers what is asked
// until there is no more. Without a decode that is dataset.Decode.
func Serve(in io.Reader, out io.Writer, decode func(dataset.Request) (dataset.Picture, error)) error {
	debug.SetMemoryLimit(memory / 2) // garbage goes before the limit is reached
	if err := confine.Self(confine.Limits{Memory: memory, CPU: processorTime}); err != nil {
		return err
	}
	if decode == nil {
		decode = dataset.Decode
	}
	r, w := bufio.NewReaderSize(in, atOnce), bufio.NewWriterSize(out, atOnce)
	var image []byte
	for {
		if r.Buffered() == 0 { // whoever asks may wait
			if err := w.Flush(); err != nil {
				return err
			}
		}
		n, q, err := readRequest(r, &image)
		if errors.Is(err, io.EOF) {
			return w.Flush()
		}
		if err == nil {
			err = answer(w, n, q, decode)
		}
		if err != nil {
			return err
		}
	}
}

// readRequest reads what the program asks that started this one.
func readRequest(r *bufio.Reader, image *[]byte) (n uint32, q dataset.Request, err error) {
	var head [requestSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, q, err
	}
	size := int(binary.LittleEndian.Uint32(head[4:]))
	if cap(*image) < size || cap(*image) > 1<<22 { // a large one is not kept
		*image = make([]byte, size)
	}
	q = dataset.Request{
		Image: (*image)[:size], Pixels: int64(binary.LittleEndian.Uint32(head[8:])),
		Channels: int(head[12]), Last: head[13] == 1,
	}
	_, err = io.ReadFull(r, q.Image)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return binary.LittleEndian.Uint32(head[:]), q, err
}

func answer(w io.Writer, n uint32, q dataset.Request, decode func(dataset.Request) (dataset.Picture, error)) error {
	p, err := decode(q)
	kind := isPicture
	if err != nil {
		kind = isError
		text := err.Error()
		p = dataset.Picture{Values: []byte(text[:min(len(text), maxError)])}
	}
	var head [answerSize]byte
	binary.LittleEndian.PutUint32(head[:], n)
	head[4], head[5] = kind, byte(p.Channels)
	binary.LittleEndian.PutUint32(head[8:], uint32(p.Width))
	binary.LittleEndian.PutUint32(head[12:], uint32(p.Height))
	binary.LittleEndian.PutUint32(head[16:], uint32(len(p.Values)))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err = w.Write(p.Values)
	return err
}

package guard

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// firstPart is how much of a body there is memory for before it has come.
const firstPart = 1 << 20

// readBody reads the body as a whole. factor is how many times its size it will
// take while it is held.
func (x *exchange) readBody(factor int64) ([]byte, *fault) {
	n := x.r.ContentLength
	switch {
	case len(x.r.TransferEncoding) > 0 || n < 0:
		return nil, refuse(codeLength, http.StatusLengthRequired, "a body needs a Content-Length, and no Transfer-Encoding")
	case n > x.g.c.Limits.Body:
		return nil, tooLarge(x.g.c.Limits.Body)
	case n == 0:
		return nil, refuse(codeLength, http.StatusBadRequest, "the body is empty")
	}
	encoding, _, f := x.once("Content-Encoding")
	if f != nil {
		return nil, f
	}
	if f := x.encodingAllowed(encoding); f != nil {
		return nil, f
	}
	h := &held{x: x}
	defer h.settle()
	if f := x.fill(h, n); f != nil {
		return nil, f
	}
	if encoding != "" && encoding != "identity" {
		if f := x.decode(h, encoding); f != nil {
			return nil, f
		}
	}
	if factor > 1 && !h.more(int64(len(*h.b))*(factor-1), true) {
		return nil, noMemory()
	}
	return *h.b, nil
}

func tooLarge(most int64) *fault {
	return refuse(codeLarge, http.StatusRequestEntityTooLarge, "the body is larger than "+sizeText(most))
}

func noMemory() *fault { return busy("there is no memory for the body") }

// held is a body and the memory that was taken for it.
type held struct {
	x *exchange
	b *[]byte
	n int64
}

// more takes memory, of the client's share and of all.
func (h *held) more(n int64, wait bool) bool {
	g := h.x.g
	if !g.shares.take(h.x.client, n) {
		return false
	}
	if !(wait && g.memory.take(h.x.ctx, n) || !wait && g.memory.try(n)) {
		g.shares.give(h.x.client, n)
		return false
	}
	h.n += n
	return true
}

// settle leaves it to the exchange to give everything back.
func (h *held) settle() {
	g, client, b, n := h.x.g, h.x.client, h.b, h.n
	h.x.hold(func() {
		if n > 0 {
			g.memory.give(n)
			g.shares.give(client, n)
		}
		if b != nil {
			g.buffers.put(b)
		}
	})
}

// fill reads n bytes. Memory for a large body is taken as it comes, so that nobody
// gets it by announcing one.
func (x *exchange) fill(h *held, n int64) *fault {
	size := min(n, firstPart)
	if !h.more(size, true) {
		return noMemory()
	}
	h.b = x.g.buffers.get(int(size))
	// A connection without deadlines is none of ours: tests have them.
	_ = x.rc.SetReadDeadline(x.within(n))
	for got := int64(0); ; {
		m, err := io.ReadFull(x.r.Body, (*h.b)[got:])
		got += int64(m)
		x.got = got
		if err != nil {
			return slow(err)
		}
		if got == n {
			break
		}
		next := min(n, 4*got)
		if !h.more(next-got, false) {
			return noMemory()
		}
		larger := x.g.buffers.get(int(next))
		copy(*larger, *h.b)
		x.g.buffers.put(h.b)
		h.b = larger
	}
	// The deadline is not for the time in which the server works.
	_ = x.rc.SetReadDeadline(time.Time{})
	return nil
}

func slow(err error) *fault {
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return refuse(codeSlow, http.StatusRequestTimeout, "the body came too slowly").because(err)
	}
	return refuse(codeSlow, http.StatusBadRequest, "the body did not come whole").because(err)
}

// encodingAllowed refuses what cannot be read, and compression unless the schema
// lets it through.
func (x *exchange) encodingAllowed(encoding string) *fault {
	switch encoding {
	case "", "identity":
		return nil
	case "gzip", "deflate":
		if x.model != nil && x.model.schema.Wire.Compression {
			return nil
		}
		return refuse(codeEncoding, http.StatusUnsupportedMediaType, "compressed bodies are not taken")
	}
	return refuse(codeEncoding, http.StatusUnsupportedMediaType, "this Content-Encoding is not known")
}

// decode unpacks the body. It may not be larger than any other, and nothing may
// stand behind it.
func (x *exchange) decode(h *held, encoding string) *fault {
	packed := h.b
	defer x.g.buffers.put(packed)
	h.b = nil
	r := bytes.NewReader(*packed)
	z, err := unpacker(r, encoding)
	if err != nil {
		return badEncoding(err)
	}
	size := min(4*int64(len(*packed)), x.g.c.Limits.Body) + 1
	for got := int64(0); ; {
		if !h.more(size-got, got == 0) {
			return noMemory()
		}
		larger := x.g.buffers.get(int(size))
		if h.b != nil {
			copy(*larger, *h.b)
			x.g.buffers.put(h.b)
		}
		h.b = larger
		m, err := fillFrom(z, (*h.b)[got:])
		if got += int64(m); err == nil && got <= x.g.c.Limits.Body {
			size = min(4*size, x.g.c.Limits.Body) + 1
			continue
		}
		*h.b = (*h.b)[:got]
		switch {
		case err == nil:
			return tooLarge(x.g.c.Limits.Body)
		case !errors.Is(err, io.EOF):
			return badEncoding(err)
		case r.Len() > 0:
			return badEncoding(errors.New("bytes behind the end"))
		}
		return nil
	}
}

// fillFrom reads until b is full or there is an error, which it returns as it is:
// io.ReadFull has the same one for an end and for a middle.
func fillFrom(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

func badEncoding(err error) *fault {
	return refuse(codeEncoding, http.StatusBadRequest, "the body cannot be unpacked").because(err)
}

// unpacker reads one member. What follows it is not read.
func unpacker(r *bytes.Reader, encoding string) (io.ReadCloser, error) {
	if encoding == "deflate" {
		return zlib.NewReader(r)
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

// headerLength is the value of Inference-Header-Content-Length.
func (x *exchange) headerLength() (value string, binary bool, f *fault) {
	value, binary, f = x.once("Inference-Header-Content-Length")
	if f != nil || !binary {
		return "", false, f
	}
	if len(value) == 0 || len(value) > 18 || strings.Trim(value, "0123456789") != "" {
		return "", false, refuse(codeHeader, http.StatusBadRequest, "Inference-Header-Content-Length is not a number")
	}
	return value, true, nil
}

// contentType refuses bodies of another type than one of those given. One of a form
// or of plain text is what a web page can make any browser send.
func (x *exchange) contentType(known ...string) *fault {
	value, ok, f := x.once("Content-Type")
	if f != nil || !ok {
		return f
	}
	kind, rest, _ := strings.Cut(value, ";")
	kind, rest = strings.ToLower(strings.TrimSpace(kind)), strings.ToLower(strings.TrimSpace(rest))
	for _, k := range known {
		if kind == k && (rest == "" || rest == "charset=utf-8") {
			return nil
		}
	}
	return refuse(codeType, http.StatusUnsupportedMediaType, "the Content-Type of this path is "+known[0])
}

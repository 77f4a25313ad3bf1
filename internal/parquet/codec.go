package parquet

import (
	"bytes"
	"fmt"
	"io"

	"github.com/dsnet/compress/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// codecs has for each codec its name and how many bytes it can make of one at most, so
// that no page claims more than its bytes can hold; 0 where that has no bound worth it.
var codecs = map[int32]struct {
	name  string
	ratio int64
}{
	0: {"uncompressed", 1},
	1: {"Snappy", 32},   // a copy of 64 bytes takes 3
	2: {"gzip", 1040},   // Deflate: 258 bytes in two bits
	4: {"Brotli", 0},    // a copy of 16 MiB takes a few bytes
	6: {"Zstandard", 0}, // a block of 128 KiB takes 4 bytes
	7: {"LZ4", 256},     // a length goes on by 255 for each byte
}

// decompress makes size bytes of a page.
func (c *Chunk) decompress(src []byte, size int64) ([]byte, error) {
	codec, ok := codecs[c.facts.codec]
	if !ok {
		return nil, fmt.Errorf("codec %d is not supported", c.facts.codec)
	}
	// The smallest blocks have a few bytes around them.
	if codec.ratio > 0 && size > (int64(len(src))+64)*codec.ratio {
		return nil, fmt.Errorf("%d bytes of %s cannot be %d bytes", len(src), codec.name, size)
	}
	b, err := c.expand(src, int(size))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", codec.name, err)
	case int64(len(b)) != size:
		return nil, fmt.Errorf("%s: %d bytes, and the page says %d", codec.name, len(b), size)
	}
	return b, nil
}

// expand calls the libraries, which are not all made for hostile input: a panic of one is
// an error here.
func (c *Chunk) expand(src []byte, size int) (page []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			page, err = nil, fmt.Errorf("the decoder panicked: %v", p)
		}
	}()
	if size == 0 {
		return nil, nil
	}
	switch c.facts.codec {
	case 1:
		if n, err := snappy.DecodedLen(src); err != nil {
			return nil, err
		} else if n != size {
			return nil, fmt.Errorf("a block of %d bytes, and the page says %d", n, size)
		}
		return snappy.Decode(c.space(size), src)
	case 2:
		z, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return readTo(z, size)
	case 4:
		z, err := brotli.NewReader(bytes.NewReader(src), nil)
		if err != nil {
			return nil, err
		}
		return readTo(z, size)
	case 6:
		return c.zstandard(src, size)
	case 7:
		b := c.space(size)
		n, err := lz4.UncompressBlock(src, b)
		return b[:max(0, n)], err
	}
	return src, nil
}

// space is the buffer of the page before, if it is large enough.
func (c *Chunk) space(size int) []byte {
	if cap(c.page) < size {
		c.page = make([]byte, size)
	}
	return c.page[:size]
}

// readTo reads size bytes and nothing more, with room for what has come.
func readTo(r io.Reader, size int) ([]byte, error) {
	return bounded.ReadAll(r, int64(size))
}

func (c *Chunk) zstandard(src []byte, size int) ([]byte, error) {
	if c.f.zstd == nil {
		z, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1), // and so without goroutines
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(64<<20),
			zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxMemory(uint64(c.f.lim.Page)),
		)
		if err != nil {
			return nil, err
		}
		c.f.zstd = z
	}
	if int64(size) > int64(len(src))*256 { // room only for what comes
		if err := c.f.zstd.Reset(bytes.NewReader(src)); err != nil {
			return nil, err
		}
		return readTo(c.f.zstd, size)
	}
	return c.f.zstd.DecodeAll(src, c.space(size)[:0])
}

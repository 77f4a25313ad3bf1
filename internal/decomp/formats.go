package decomp

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/magic"
)

func openGzip(z *Reader) (io.Reader, error) {
	g, err := gzip.NewReader(z.src)
	if err != nil {
		return nil, err
	}
	g.Multistream(false) // what follows a member is for moreGzip to judge
	return g, nil
}

// moreGzip skips zero padding between members, as CPython's gzip does.
func moreGzip(s *source) bool {
	mark := *s
	for b := s.peek(1); len(b) == 1 && b[0] == 0; b = s.peek(1) {
		s.skip(1)
		if s.consumed()-mark.consumed() > 1<<20 {
			break
		}
	}
	if len(s.peek(1)) == 0 || bytes.HasPrefix(s.peek(2), []byte("\x1f\x8b")) {
		return len(s.peek(1)) > 0
	}
	return false
}

func openZlib(z *Reader) (io.Reader, error) { return zlib.NewReader(z.src) }

// moreZlib: joblib reads concatenated zlib streams, zlib.decompress does not.
func moreZlib(s *source) bool {
	b := s.peek(6)
	return len(b) > 0 && magic.Detect(b, nil, int64(len(b))) == magic.Zlib
}

func openBzip2(z *Reader) (io.Reader, error) {
	z.count = 0
	return bzip2.NewReader(z.src), nil
}

func openZstd(z *Reader) (io.Reader, error) {
	most := z.lim.Window
	if need, ok := bounded.Mul(z.src.left(), 128<<10); ok { // an RLE block is 4 bytes for 128 KiB
		most = min(most, max(8<<20, need))
	}
	d, err := zstd.NewReader(z.src,
		zstd.WithDecoderConcurrency(1), // and so without goroutines
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uint64(max(most, zstd.MinWindowSize))),
		zstd.WithDecoderMaxMemory(1<<62), // of output; ours to limit
	)
	if err != nil {
		return nil, err
	}
	return windowed{d, most}, nil
}

// windowed names the limit that zstd's own error stands for.
type windowed struct {
	*zstd.Decoder
	most int64
}

func (w windowed) Read(p []byte) (int, error) {
	n, err := w.Decoder.Read(p)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = fmt.Errorf("%w (%w)", bounded.Exceeded("zstd window bytes", w.most), err)
	}
	return n, err
}

func openLZ4(z *Reader) (io.Reader, error) {
	r := lz4.NewReader(z.src)
	return r, r.Apply(lz4.ConcurrencyOption(1))
}

// trailer returns how many bytes of what follows the last stream a decoder had
// read when it found that they are no stream, or 0 if err says something else.
func (z *Reader) trailer(err error) int64 {
	if z.out == 0 {
		return 0
	}
	switch z.kind {
	case magic.Bzip2:
		var se bzip2.StructuralError
		if errors.As(err, &se) && strings.Contains(se.Error(), "bad magic value in continuation") {
			return 2
		}
	case magic.Zstd:
		if errors.Is(err, zstd.ErrMagicMismatch) {
			return 4
		}
	case magic.LZ4:
		if errors.Is(err, lz4.ErrInvalidFrame) {
			return 4
		}
	}
	return 0
}

// zfileHeader is "ZF" and the length in hexadecimal, padded to what 2^64 takes.
const zfileHeader = 2 + len("0x10000000000000000")

func openZFile(z *Reader) (io.Reader, error) {
	h := z.src.peek(zfileHeader + 1)
	if len(h) <= zfileHeader {
		return nil, io.ErrUnexpectedEOF
	}
	text := strings.TrimSpace(string(h[2:zfileHeader]))
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || !strings.HasPrefix(text, "0x") {
		return nil, fmt.Errorf("the length %q is not hexadecimal", text)
	}
	z.length = n
	skip := zfileHeader
	if h[zfileHeader] == ' ' { // joblib up to 0.8.4 on Python 2 wrote one more
		skip++
	}
	z.src.skip(skip)
	return zlib.NewReader(z.src)
}

// openLZMA gives the decoder a header with a dictionary no larger than the
// output can fill; distances reach no further than the output anyway.
func openLZMA(z *Reader) (io.Reader, error) {
	h := bytes.Clone(z.src.peek(lzma.HeaderLen))
	if len(h) < lzma.HeaderLen {
		return nil, io.ErrUnexpectedEOF
	}
	// A byte of LZMA gives at most some 7,300 bytes: a longest match costs
	// about ten decisions of 1/45 bit each.
	dict, err := z.dictionary(int64(h[1])|int64(h[2])<<8|int64(h[3])<<16|int64(h[4])<<24, 16<<10)
	if err != nil {
		return nil, err
	}
	z.src.skip(lzma.HeaderLen)
	for i := range 4 {
		h[1+i] = byte(dict >> (8 * i))
	}
	r, err := lzma.ReaderConfig{DictCap: int(max(dict, lzma.MinDictCap))}.NewReader(&prefixed{h, z.src})
	return &salvage{r: r}, err
}

// salvage gets out of an LZMA decoder what it holds when it meets an error: it
// decodes a whole window ahead and returns the error first.
type salvage struct {
	r   io.Reader
	err error
}

// Read implements io.Reader.
func (s *salvage) Read(p []byte) (int, error) {
	if s.err == nil {
		n, err := s.r.Read(p)
		if err == nil || err == io.EOF {
			return n, err
		}
		s.err = err
		return n, nil
	}
	for n := range p { // by one, so that it does not go on decoding
		if k, _ := s.r.Read(p[n : n+1]); k == 0 {
			return n, s.err
		}
	}
	return len(p), nil
}

// dictionary returns how much of a dictionary a stream can use, or an error if
// that is over the limit.
func (z *Reader) dictionary(asked, perByte int64) (int64, error) {
	need := min(asked, z.lim.Bytes+1)
	if n, ok := bounded.Mul(z.src.left(), perByte); ok {
		need = min(need, n+64<<10)
	}
	if need > z.lim.Window {
		return 0, bounded.Exceeded("dictionary bytes", z.lim.Window)
	}
	return max(need, lzma.MinDictCap), nil
}

// prefixed reads head before src, byte for byte.
type prefixed struct {
	head []byte
	src  *source
}

// ReadByte implements io.ByteReader.
func (p *prefixed) ReadByte() (byte, error) {
	if len(p.head) > 0 {
		c := p.head[0]
		p.head = p.head[1:]
		return c, nil
	}
	return p.src.ReadByte()
}

// Read implements io.Reader.
func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	return p.src.Read(b)
}

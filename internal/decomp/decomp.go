package decomp

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/magic"
)

// Limits bounds what a Reader gives out and allocates. Zero fields have
// defaults.
type Limits struct {
	Bytes  int64 // of output: 64 MiB
	Ratio  int64 // output may be Slack + Ratio × input: 200
	Slack  int64 // 16 MiB
	Window int64 // that a stream may ask for: 64 MiB
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 64<<20)
	l.Ratio = cmp.Or(l.Ratio, 200)
	l.Slack = cmp.Or(l.Slack, 16<<20)
	l.Window = cmp.Or(l.Window, 64<<20)
	return l
}

// Reader gives out what a stream decompresses to.
type Reader struct {
	kind   magic.Kind
	lim    Limits
	src    *source
	cur    io.Reader // the member being read; nil before the first and between
	out    int64
	count  int   // members begun
	trail  int64 // bytes behind the last member
	err    error
	length int64 // what a ZF file says, or -1
}

// Supported says whether Open knows a kind.
func Supported(kind magic.Kind) bool {
	_, ok := formats[kind]
	return ok
}

// format is how members of a kind are opened.
type format struct {
	open func(*Reader) (io.Reader, error)
	more func(*source) bool // whether another member follows; nil: the decoder goes on by itself
}

var formats = map[magic.Kind]format{
	magic.Gzip:  {openGzip, moreGzip},
	magic.Zlib:  {openZlib, moreZlib},
	magic.XZ:    {openXZ, moreXZ},
	magic.LZMA:  {openLZMA, func(*source) bool { return false }},
	magic.Bzip2: {openBzip2, nil},
	magic.Zstd:  {openZstd, nil},
	magic.LZ4:   {openLZ4, nil},
	magic.ZFile: {openZFile, func(*source) bool { return false }},
}

// Open prepares to decompress size bytes of r. Nothing is read before Read.
func Open(kind magic.Kind, r io.ReaderAt, size int64, lim Limits) (*Reader, error) {
	if !Supported(kind) {
		return nil, fmt.Errorf("decomp: %q is not a compression", kind)
	}
	return &Reader{kind: kind, lim: lim.withDefaults(), src: newSource(r, size), length: -1}, nil
}

// Consumed returns how many bytes of the source were used so far. For bzip2,
// zstd and LZ4 it may be a few bytes into what Trailing counts.
func (z *Reader) Consumed() int64 { return z.src.consumed() }

// Members returns how many concatenated streams were begun; 1 for kinds whose
// decoder does not say.
func (z *Reader) Members() int { return z.count }

// Trailing returns how many bytes follow the last stream, once Read returned
// io.EOF.
func (z *Reader) Trailing() int64 { return z.trail }

// Read implements io.Reader.
func (z *Reader) Read(p []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	allowed := min(z.lim.Bytes, z.maxByRatio()) - z.out
	if allowed <= 0 {
		return 0, z.probe()
	}
	n, err := z.step(p[:min(int64(len(p)), allowed)])
	z.out += int64(n)
	if err != nil {
		z.err = z.explain(err)
		if n > 0 {
			return n, nil
		}
	}
	return n, z.err
}

func (z *Reader) maxByRatio() int64 {
	n, ok := bounded.Mul(z.lim.Ratio, z.src.consumed())
	if n, ok2 := bounded.Add(n, z.lim.Slack); ok && ok2 {
		return n
	}
	return z.lim.Bytes
}

// probe tells an output that ends exactly at the limit from one that goes on.
func (z *Reader) probe() error {
	var one [1]byte
	n, err := z.step(one[:])
	switch {
	case n == 0 && err != nil:
		z.err = z.explain(err)
	case z.out >= z.lim.Bytes:
		z.err = z.limit("decompressed bytes", z.lim.Bytes)
	default:
		z.err = z.limit("ratio of decompressed to compressed bytes", z.lim.Ratio)
	}
	return z.err
}

func (z *Reader) limit(what string, n int64) error {
	return fmt.Errorf("decomp: %s: at offset %#x: %w", z.kind, z.src.consumed(), bounded.Exceeded(what, n))
}

// step reads from the current member, and opens the next where one ends.
func (z *Reader) step(p []byte) (int, error) {
	for range 100 {
		if z.cur == nil {
			if err := z.next(); err != nil {
				return 0, err
			}
		}
		n, err := z.cur.Read(p)
		if err == io.EOF {
			z.cur = nil
			if formats[z.kind].more == nil {
				z.cur = ended{}
			}
			err = nil
			if n == 0 {
				continue
			}
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	if z.cur == nil || z.count > 1 {
		return 0, bounded.Exceeded("empty streams in a row", 100)
	}
	return 0, io.ErrNoProgress
}

type ended struct{}

func (ended) Read([]byte) (int, error) { return 0, errEnded }

var errEnded = errors.New("ended")

func (z *Reader) next() (err error) {
	f := formats[z.kind]
	if z.count > 0 && !f.more(z.src) {
		return errEnded
	}
	if z.src.left() == 0 {
		return io.ErrUnexpectedEOF
	}
	z.cur, err = f.open(z)
	if err == nil {
		z.count++
	}
	return err
}

// explain turns a decoder's error into the Reader's last one.
func (z *Reader) explain(err error) error {
	switch {
	case errors.Is(err, errEnded) || errors.Is(err, io.EOF) && z.count > 0:
		z.trail = z.src.left()
		if z.length >= 0 && z.length != z.out {
			return fmt.Errorf("decomp: %s: %d bytes, but the header says %d", z.kind, z.out, z.length)
		}
		return io.EOF
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if n := z.trailer(err); n > 0 {
		z.trail = z.src.left() + n
		return io.EOF
	}
	return fmt.Errorf("decomp: %s: at offset %#x: %w", z.kind, z.src.consumed(), err)
}

// ReadAll decompresses everything. Data is what came before the error, if
// there is one.
func ReadAll(kind magic.Kind, r io.ReaderAt, size int64, lim Limits) (data []byte, z *Reader, err error) {
	z, err = Open(kind, r, size, lim)
	if err != nil {
		return nil, nil, err
	}
	data, err = bounded.ReadAll(z, z.lim.Bytes)
	return data, z, err
}

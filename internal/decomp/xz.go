package decomp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzStream reads one xz stream: header, blocks, index, footer. It is ours and
// not the library's because the library allocates the dictionary that a block
// header asks for, and because a wrong index must not hide the data before it.
type xzStream struct {
	z     *Reader
	check int64         // bytes of check behind each block
	block *lzma.Reader2 // nil between blocks
	begun int64         // where the block's header ended
	pad   *padded       // what block reads from
	done  bool
}

var xzCheckLen = [16]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

func openXZ(z *Reader) (io.Reader, error) {
	h := z.src.peek(12)
	if len(h) < 12 {
		return nil, io.ErrUnexpectedEOF
	}
	if string(h[:6]) != "\xfd7zXZ\x00" || h[6] != 0 || h[7] > 15 {
		return nil, errors.New("no xz stream header")
	}
	x := &xzStream{z: z, check: xzCheckLen[h[7]]}
	z.src.skip(12)
	return x, nil
}

// moreXZ skips stream padding, which comes in fours.
func moreXZ(s *source) bool {
	for n := 0; string(s.peek(4)) == "\x00\x00\x00\x00" && n < 1<<20; n++ {
		s.skip(4)
	}
	return string(s.peek(6)) == "\xfd7zXZ\x00"
}

// Read implements io.Reader.
func (x *xzStream) Read(p []byte) (int, error) {
	for !x.done {
		if x.block == nil {
			if err := x.header(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := x.block.Read(p)
		if errors.Is(err, io.EOF) {
			x.block = nil
			if x.pad.used > 0 {
				return n, io.ErrUnexpectedEOF
			}
			err = x.discard(-(x.z.src.consumed()-x.begun)&3 + x.check)
		}
		if err != nil && x.pad.used > 0 {
			err = io.ErrUnexpectedEOF
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// padded reads zeros behind the end of a file that breaks off. The decoder
// gives nothing of a chunk that it cannot finish, where liblzma gives all that
// it could decode; finished with zeros, the chunk begins with the same bytes.
type padded struct {
	*source
	used int
}

// ReadByte implements io.ByteReader.
func (p *padded) ReadByte() (byte, error) {
	c, err := p.source.ReadByte()
	if errors.Is(err, io.EOF) && p.used < 64<<10 {
		p.used++
		return 0, nil
	}
	return c, err
}

// Read implements io.Reader.
func (p *padded) Read(b []byte) (int, error) {
	n, err := p.source.Read(b)
	if errors.Is(err, io.EOF) && len(b) > 0 {
		if b[0], err = p.ReadByte(); err == nil {
			return 1, nil
		}
	}
	return n, err
}

// header reads a block header, or the index and the footer.
func (x *xzStream) header() error {
	src := x.z.src
	b := src.peek(1)
	if len(b) == 0 {
		return io.ErrUnexpectedEOF
	}
	if b[0] == 0 {
		x.done = true
		return x.index()
	}
	n := int(b[0])*4 + 4
	b = src.peek(n)
	if len(b) < n {
		return io.ErrUnexpectedEOF
	}
	bits, err := xzDictionary(b[1 : n-4])
	if err != nil {
		return err
	}
	src.skip(n)
	x.begun = src.consumed()
	asked := int64(1)<<32 - 1
	if bits < 40 {
		asked = (2 | int64(bits&1)) << (bits/2 + 11)
	}
	// Two MiB is the most that an LZMA2 chunk of at least six bytes gives.
	dict, err := x.z.dictionary(asked, 2<<20)
	if err != nil {
		return err
	}
	x.pad = &padded{source: src}
	x.block, err = lzma.Reader2Config{DictCap: int(dict)}.NewReader2(x.pad)
	return err
}

// xzDictionary returns the dictionary code of a block header whose only filter
// is LZMA2. h is the header without its length and CRC.
func xzDictionary(h []byte) (byte, error) {
	flags := h[0]
	h = h[1:]
	for _, bit := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&bit != 0 {
			_, n := binary.Uvarint(h)
			if n <= 0 {
				return 0, errors.New("a broken size in an xz block header")
			}
			h = h[n:]
		}
	}
	if flags&3 != 0 || len(h) < 3 || h[0] != 0x21 {
		return 0, errors.New("an xz filter other than LZMA2")
	}
	if h[1] != 1 || h[2] > 40 {
		return 0, fmt.Errorf("LZMA2 properties %#x", h[2])
	}
	return h[2], nil
}

// index steps over the index and the footer.
func (x *xzStream) index() error {
	src := x.z.src
	from := src.consumed()
	src.skip(1)
	count, err := binary.ReadUvarint(src)
	for i := uint64(0); err == nil && i < count*2; i++ {
		_, err = binary.ReadUvarint(src)
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	return x.discard(-(src.consumed()-from)&3 + 4 + 12)
}

func (x *xzStream) discard(n int64) error {
	k, err := io.CopyN(io.Discard, x.z.src, n)
	if k < n && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

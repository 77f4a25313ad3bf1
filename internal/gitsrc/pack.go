package gitsrc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// pack is a pack and its index, opened when it is first asked.
type pack struct {
	name   string // without its ending
	index  file
	data   file
	fan    [256]uint32
	known  map[int64]unpacked // by offset
	held   int
	opened bool
}

type unpacked struct {
	kind string
	body []byte
}

// file is one that is read at offsets.
type file struct {
	fs.File
	io.ReaderAt

	size int64
}

func (f *file) close() error {
	if f.File == nil {
		return nil
	}
	return f.File.Close()
}

func openAt(files fs.FS, name string) (file, error) {
	f, err := files.Open(name)
	if err != nil {
		return file{}, err
	}
	info, err := f.Stat()
	at, ok := f.(io.ReaderAt)
	if err == nil && (!ok || !info.Mode().IsRegular()) {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return file{}, errors.Join(err, f.Close())
	}
	return file{f, at, info.Size()}, nil
}

func (p *pack) close() error { return errors.Join(p.index.close(), p.data.close()) }

const (
	indexHead = 8
	fanBytes  = 4 * 256
	// mostDeltas is what Git packs at most on each other.
	mostDeltas = 4096
	// heldBytes is how much of what was unpacked is remembered, because deltas stand on it.
	heldBytes = 16 << 20
)

var (
	errIndex = errors.New("not an index of a pack, version 2")
	errPack  = errors.New("not a pack, version 2 or 3")
	errDelta = errors.New("a delta that does not fit its base")
)

// open reads the heads of the index and of the pack.
func (p *pack) open(files fs.FS, size int) (err error) {
	if p.opened {
		return nil
	}
	if p.index.File == nil {
		if p.index, err = openAt(files, p.name+".idx"); err != nil {
			return err
		}
	}
	if p.data.File == nil {
		if p.data, err = openAt(files, p.name+".pack"); err != nil {
			return err
		}
	}
	var head [indexHead + fanBytes]byte
	if n, err := p.index.ReadAt(head[:], 0); n < len(head) {
		return errors.Join(errIndex, err)
	}
	if !bytes.Equal(head[:8], []byte("\xfftOc\x00\x00\x00\x02")) {
		return errIndex
	}
	last := uint32(0)
	for i := range p.fan {
		p.fan[i] = binary.BigEndian.Uint32(head[indexHead+4*i:])
		if p.fan[i] < last {
			return errIndex
		}
		last = p.fan[i]
	}
	if p.index.size < indexHead+fanBytes+int64(last)*int64(size+8)+2*int64(size) {
		return errIndex
	}
	var start [12]byte
	if n, err := p.data.ReadAt(start[:], 0); n < len(start) {
		return errors.Join(errPack, err)
	}
	if v := binary.BigEndian.Uint32(start[4:]); string(start[:4]) != "PACK" || v != 2 && v != 3 {
		return errPack
	}
	p.known, p.opened = map[int64]unpacked{}, true
	return nil
}

// find is where an object begins, or -1.
func (p *pack) find(h Hash) (int64, error) {
	size, n := int64(len(h)), int64(p.fan[255])
	low, high := int64(0), int64(p.fan[h[0]])
	if h[0] > 0 {
		low = int64(p.fan[h[0]-1])
	}
	name := make([]byte, size)
	for low < high {
		mid := (low + high) / 2
		if _, err := p.index.ReadAt(name, indexHead+fanBytes+mid*size); err != nil {
			return 0, err
		}
		switch c := bytes.Compare([]byte(h), name); {
		case c == 0:
			return p.offset(mid, n, size)
		case c < 0:
			high = mid
		default:
			low = mid + 1
		}
	}
	return -1, nil
}

// offset reads the place of the object at i of n: in 4 bytes, or where the first bit
// is set, in the table of 8 bytes behind them.
func (p *pack) offset(i, n, size int64) (int64, error) {
	var b [8]byte
	offsets := indexHead + fanBytes + n*(size+4)
	if _, err := p.index.ReadAt(b[:4], offsets+4*i); err != nil {
		return 0, err
	}
	v := int64(binary.BigEndian.Uint32(b[:4]))
	if v>>31 != 0 {
		if _, err := p.index.ReadAt(b[:], offsets+4*n+8*(v&(1<<31-1))); err != nil {
			return 0, errors.Join(errIndex, err)
		}
		v = int64(binary.BigEndian.Uint64(b[:]))
	}
	if v < 12 || v >= p.data.size {
		return 0, errIndex
	}
	return v, nil
}

// packed reads an object of any pack.
func (r *Repository) packed(h Hash) (kind string, b []byte, err error) {
	for _, p := range r.packs {
		if err := p.open(r.files, r.size); err != nil {
			return "", nil, fmt.Errorf("%s: %w", p.name, err)
		}
		at, err := p.find(h)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", p.name, err)
		}
		if at >= 0 {
			u, err := r.unpack(p, at)
			if err != nil {
				err = fmt.Errorf("%s: object %s: %w", p.name, h, err)
			}
			return u.kind, u.body, err
		}
	}
	return "", nil, &MissingError{h, r.partial}
}

// unpack gives the object at an offset: the deltas down to one that is whole, and then
// back up.
func (r *Repository) unpack(p *pack, at int64) (unpacked, error) {
	type step struct {
		at    int64
		delta []byte
	}
	var steps []step
	var u unpacked
	for {
		if k, ok := p.known[at]; ok {
			u = k
			break
		}
		e, err := r.entry(p, at)
		if err != nil {
			return u, err
		}
		if e.kind != "" {
			u = unpacked{e.kind, e.body}
			p.keep(at, u)
			break
		}
		if len(steps) >= mostDeltas {
			return u, bounded.Exceeded("deltas on each other", mostDeltas)
		}
		steps = append(steps, step{at, e.body})
		at = e.base
	}
	for _, s := range slices.Backward(steps) {
		body, err := r.patch(u.body, s.delta)
		if err != nil {
			return u, err
		}
		u.body = body
		p.keep(s.at, u)
	}
	return u, nil
}

func (p *pack) keep(at int64, u unpacked) {
	if p.held += len(u.body); p.held > heldBytes {
		clear(p.known)
		p.held = len(u.body)
	}
	p.known[at] = u
}

// entry is one entry of a pack: a whole object, or a delta and where its base is.
type entry struct {
	kind string // empty for a delta
	body []byte
	base int64
}

var kinds = map[byte]string{1: "commit", 2: "tree", 3: "blob", 4: "tag"}

const (
	offsetDelta = 6
	nameDelta   = 7
	// headBytes is more than the head of an entry and its base take.
	headBytes = 64
)

func (r *Repository) entry(p *pack, at int64) (e entry, err error) {
	buf := make([]byte, headBytes)
	n, err := p.data.ReadAt(buf, at)
	if n == 0 {
		return e, errors.Join(errPack, err)
	}
	h := head{b: buf[:n]}
	c := h.next()
	kind, size := c>>4&7, int64(c&15)
	for shift := 4; c&0x80 != 0 && shift < 60; shift += 7 {
		c = h.next()
		size |= int64(c&0x7f) << shift
	}
	switch kind {
	case offsetDelta:
		back := int64(0)
		for range 9 {
			c = h.next()
			back = back<<7 | int64(c&0x7f)
			if c&0x80 == 0 {
				break
			}
			back++
		}
		e.base = at - back
		if back <= 0 || e.base < 12 {
			return e, errDelta
		}
	case nameDelta:
		base := h.take(r.size)
		if h.short {
			return e, errPack
		}
		if e.base, err = p.find(Hash(base)); err != nil || e.base < 0 || e.base == at {
			return e, errors.Join(errDelta, err)
		}
	default:
		if e.kind = kinds[kind]; e.kind == "" {
			return e, fmt.Errorf("an entry of the type %d", kind)
		}
	}
	if h.short {
		return e, errPack
	}
	from := at + int64(h.at)
	e.body, err = r.inflate(io.NewSectionReader(p.data, from, p.data.size-from), size)
	return e, err
}

// head takes bytes from the front, and zeros behind the end.
type head struct {
	b     []byte
	at    int
	short bool
}

func (h *head) next() byte {
	if h.at >= len(h.b) {
		h.short = true
		return 0
	}
	h.at++
	return h.b[h.at-1]
}

func (h *head) take(n int) []byte {
	if n > len(h.b)-h.at {
		h.short = true
		return nil
	}
	h.at += n
	return h.b[h.at-n : h.at]
}

// number is a size in a delta.
func (h *head) number() (n int64) {
	for shift := 0; shift < 60; shift += 7 {
		c := h.next()
		n |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			break
		}
	}
	return n
}

// patch makes an object of its base and a delta: pieces of the base, and new bytes.
func (r *Repository) patch(base, delta []byte) ([]byte, error) {
	h := head{b: delta}
	from, to := h.number(), h.number()
	if h.short || from != int64(len(base)) {
		return nil, errDelta
	}
	if to > r.object {
		return nil, bounded.Exceeded("bytes of an object", r.object)
	}
	if err := r.budget.Spend(to); err != nil {
		return nil, err
	}
	out := make([]byte, 0, min(to, int64(len(base)+len(delta))))
	for h.at < len(delta) {
		c := h.next()
		var piece []byte
		if c&0x80 == 0 {
			piece = h.take(int(c))
		} else if off, n := h.copied(c); off+n <= int64(len(base)) {
			piece = base[off : off+n]
		}
		if len(piece) == 0 || h.short || int64(len(out)+len(piece)) > to {
			return nil, errDelta
		}
		out = append(out, piece...)
	}
	if int64(len(out)) != to {
		return nil, errDelta
	}
	return out, nil
}

// copied reads which piece of the base is meant: the bits of c say which bytes follow.
func (h *head) copied(c byte) (off, n int64) {
	for i := range 4 {
		if c>>i&1 != 0 {
			off |= int64(h.next()) << (8 * i)
		}
	}
	for i := range 3 {
		if c>>(4+i)&1 != 0 {
			n |= int64(h.next()) << (8 * i)
		}
	}
	if n == 0 {
		n = 0x10000
	}
	return off, n
}

package parquet

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Chunk is a column of a row group, from its first level to its last.
type Chunk struct {
	f     *File
	col   *Column
	facts chunkFacts
	at    int64 // of the next page
	end   int64
	to    int64 // levels that are to come in pages not yet read

	dict     *dictionary
	held     int64 // bytes of the page, and those of the dictionary
	dictHeld int64

	left       int // levels of the page
	reps, defs *hybrid
	vals       decoder

	rep, def  []byte
	raw, page []byte
}

// Chunk begins a column of a row group.
func (f *File) Chunk(group int, col *Column) *Chunk {
	facts := f.Groups[group].chunks[col.Index]
	return &Chunk{f: f, col: col, facts: facts, at: facts.begin(), end: facts.begin() + facts.size, to: facts.values}
}

// Close lets go of what the chunk holds.
func (c *Chunk) Close() {
	_ = c.f.hold(-c.held - c.dictHeld) // it only gets less
	c.held, c.dictHeld, c.dict, c.vals, c.raw, c.page = 0, 0, nil, nil, nil, nil
}

// span is how many levels come at a time.
const span = 4096

// Levels returns the repetition and definition levels of up to n values that follow
// each other, nil where they are all 0. They hold until the next call. io.EOF is behind
// the last. The values of those whose definition level is MaxDef come from Values.
func (c *Chunk) Levels(n int) (count int, rep, def []byte, err error) {
	for c.left == 0 {
		if c.to == 0 {
			return 0, nil, nil, io.EOF
		}
		at := c.at
		if err := c.next(); err != nil {
			return 0, nil, nil, fmt.Errorf("page at %d: %w", at, err)
		}
	}
	n = min(n, c.left, span)
	if err := c.f.work.Spend(16 * int64(n)); err != nil {
		return 0, nil, nil, err
	}
	if rep, err = levelsOf(c.reps, &c.rep, n, c.col.MaxRep); err != nil {
		return 0, nil, nil, fmt.Errorf("repetition levels: %w", err)
	}
	if def, err = levelsOf(c.defs, &c.def, n, c.col.MaxDef()); err != nil {
		return 0, nil, nil, fmt.Errorf("definition levels: %w", err)
	}
	c.left -= n
	return n, rep, def, nil
}

func levelsOf(h *hybrid, buf *[]byte, n, most int) ([]byte, error) {
	if h == nil {
		return nil, nil
	}
	if *buf == nil {
		*buf = make([]byte, span)
	}
	list := (*buf)[:n]
	if err := h.levels(list); err != nil {
		return nil, err
	}
	if most&(most+1) != 0 { // else the width has no others
		for _, l := range list {
			if int(l) > most {
				return nil, fmt.Errorf("level %d, and the highest is %d", l, most)
			}
		}
	}
	return list, nil
}

// Values appends the next n values, and fewer once dst has most bytes, but at least one.
func (c *Chunk) Values(dst []byte, n, most int) ([]byte, int, error) {
	had := len(dst)
	done := 0
	for done < n && (done == 0 || len(dst) < most) {
		b, k, err := c.vals.append(dst, n-done, most)
		if err != nil {
			return dst, done, fmt.Errorf("values: %w", err)
		}
		dst, done = b, done+k
	}
	return dst, done, c.f.work.Spend(int64(len(dst) - had))
}

// header is that of a page.
type header struct {
	kind         int32
	size, packed int32
	crc          *uint32
	values       int32
	encoding     int32
	defs, reps   int32 // encodings, or lengths for version 2
	compressed   bool
	described    bool
}

// The kinds of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPageV2     = 3
)

// next reads the next page that has levels.
func (c *Chunk) next() error {
	h, at, err := c.header()
	if err != nil {
		return err
	}
	if h.size < 0 || h.packed < 0 || int64(h.size) > c.f.lim.Page || int64(h.packed) > c.f.lim.Page {
		return fmt.Errorf("%d bytes, of %d compressed: %w", h.size, h.packed, bounded.Exceeded("bytes of a page", c.f.lim.Page))
	}
	if int64(h.packed) > c.end-at {
		return fmt.Errorf("%d bytes, and the column has %d more", h.packed, c.end-at)
	}
	c.at = at + int64(h.packed)
	if h.kind != dataPage && h.kind != dataPageV2 && h.kind != dictionaryPage {
		return nil // an index, which has no values
	}
	if !h.described || h.values < 0 {
		return errors.New("it does not say how many values it has")
	}
	if err := c.fetch(h, at); err != nil {
		return err
	}
	switch h.kind {
	case dictionaryPage:
		return c.dictionaryPage(h)
	case dataPage:
		err = c.dataPage(h)
	default:
		err = c.dataPageV2(h)
	}
	if err != nil {
		return err
	}
	if int64(h.values) > c.to {
		return fmt.Errorf("%d values, and the column has %d more", h.values, c.to)
	}
	c.left = int(h.values)
	c.to -= int64(h.values)
	return nil
}

// header reads one, of which nothing says how long it is.
func (c *Chunk) header() (h header, at int64, err error) {
	for window := int64(1 << 10); ; window *= 8 {
		n := min(window, c.end-c.at)
		if n <= 0 {
			return h, 0, io.ErrUnexpectedEOF
		}
		b, err := bounded.ReadRange(c.f.r, c.f.data, c.at, n, n)
		if err != nil {
			return h, 0, err
		}
		t := &compact{b: b}
		h = t.header()
		if t.err == nil {
			return h, c.at + int64(t.at), nil
		}
		if !errors.Is(t.err, io.ErrUnexpectedEOF) || n < window || window >= 4<<20 {
			return h, 0, fmt.Errorf("its header: %w", t.err)
		}
	}
}

func (t *compact) header() (h header) {
	h.compressed = true
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 1:
			h.kind = t.i32(typ)
		case id == 2:
			h.size = t.i32(typ)
		case id == 3:
			h.packed = t.i32(typ)
		case id == 4:
			crc := uint32(t.i32(typ))
			h.crc = &crc
		case (id == 5 || id == 7 || id == 8) && typ == thriftStruct:
			t.counts(&h, id)
		default:
			return false
		}
		return true
	})
	return h
}

// counts reads the part of a header that is about its kind: DataPageHeader,
// DictionaryPageHeader or DataPageHeaderV2.
func (t *compact) counts(h *header, part int) {
	h.described = part-5 == int(h.kind)
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 1:
			h.values = t.i32(typ)
		case id == 2 && part != 8, id == 4 && part == 8:
			h.encoding = t.i32(typ)
		case id == 3 && part == 5, id == 5 && part == 8:
			h.defs = t.i32(typ)
		case id == 4 && part == 5, id == 6 && part == 8:
			h.reps = t.i32(typ)
		case id == 7 && part == 8:
			h.compressed = t.boolean(typ)
		default:
			return false
		}
		return true
	})
}

// fetch reads the bytes of a page into raw.
func (c *Chunk) fetch(h header, at int64) error {
	// The pages of before are let go first.
	need := int64(h.size) + int64(h.packed)
	if err := c.f.hold(need - c.held); err != nil {
		return err
	}
	c.held = need
	if cap(c.raw) < int(h.packed) {
		c.raw = make([]byte, h.packed)
	}
	c.raw = c.raw[:h.packed]
	if n, err := c.f.r.ReadAt(c.raw, at); n < len(c.raw) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if h.crc != nil && *h.crc != crc32.ChecksumIEEE(c.raw) {
		return errors.New("its checksum is wrong")
	}
	return nil
}

func (c *Chunk) dictionaryPage(h header) error {
	if c.dict != nil {
		return errors.New("a second dictionary")
	}
	if h.encoding != plain && h.encoding != plainDictionary {
		return fmt.Errorf("a dictionary in encoding %d", h.encoding)
	}
	b, err := c.decompress(c.raw, int64(h.size))
	if err != nil {
		return err
	}
	if c.dict, err = c.newDictionary(b, h.values); err != nil {
		return fmt.Errorf("the dictionary: %w", err)
	}
	// It stays until the end, so its buffers are no longer those of the pages.
	c.raw, c.page = nil, nil
	c.dictHeld, c.held = c.held, 0
	return nil
}

// level makes the reader of levels of at most most.
func level(src []byte, most int) (*hybrid, error) {
	if most == 0 {
		return nil, nil //nolint:nilnil // there are none
	}
	return newHybrid(src, bits.Len(uint(most)))
}

func (c *Chunk) dataPage(h header) error {
	b, err := c.decompress(c.raw, int64(h.size))
	if err != nil {
		return err
	}
	for _, l := range []struct {
		to       **hybrid
		encoding int32
		most     int
	}{{&c.reps, h.reps, c.col.MaxRep}, {&c.defs, h.defs, c.col.MaxDef()}} {
		var levels []byte
		if l.most > 0 {
			if l.encoding != rle {
				return fmt.Errorf("levels in encoding %d are not supported", l.encoding)
			}
			if levels, b, err = prefixed(b); err != nil {
				return fmt.Errorf("levels: %w", err)
			}
		}
		if *l.to, err = level(levels, l.most); err != nil {
			return err
		}
	}
	c.vals, err = c.decoder(h.encoding, b)
	return err
}

// dataPageV2 has levels that are not compressed before values that may be.
func (c *Chunk) dataPageV2(h header) (err error) {
	b := c.raw
	if h.reps < 0 || h.defs < 0 || int64(h.reps)+int64(h.defs) > int64(min(len(b), int(h.size))) {
		return fmt.Errorf("levels of %d and %d bytes", h.reps, h.defs)
	}
	if c.reps, err = level(b[:h.reps], c.col.MaxRep); err != nil {
		return err
	}
	b = b[h.reps:]
	if c.defs, err = level(b[:h.defs], c.col.MaxDef()); err != nil {
		return err
	}
	b = b[h.defs:]
	size := int64(h.size) - int64(h.reps) - int64(h.defs)
	switch {
	case h.compressed:
		b, err = c.decompress(b, size)
	case int64(len(b)) != size:
		err = fmt.Errorf("%d bytes of values, and the page says %d", len(b), size)
	}
	if err != nil {
		return err
	}
	c.vals, err = c.decoder(h.encoding, b)
	return err
}

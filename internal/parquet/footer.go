package parquet

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bound what is held at a time, and what comes of a file. The zero value is the
// defaults.
type Limits struct {
	Footer  int64 // bytes, 64 MiB
	Columns int   // leaves and groups of the schema, 65536
	Page    int64 // bytes of a page, decompressed, 256 MiB
	Memory  int64 // bytes of all pages that are held at a time, 2 GiB
	// Work bounds the bytes of values, with 16 for each level, that come of a file:
	// 4 GiB, or Ratio (4096) for each byte of the file if that is more.
	Work, Ratio int64
}

func (l Limits) orDefaults() Limits {
	l.Footer = cmp.Or(l.Footer, 64<<20)
	l.Columns = cmp.Or(l.Columns, 1<<16)
	l.Page = cmp.Or(l.Page, 256<<20)
	l.Memory = cmp.Or(l.Memory, 2<<30)
	l.Work = cmp.Or(l.Work, 4<<30)
	l.Ratio = cmp.Or(l.Ratio, 4096)
	return l
}

// File is a file and what its footer says.
type File struct {
	Schema *Node
	Rows   int64
	Groups []Group
	Meta   map[string]string // of keys that are there once

	columns []*Column
	r       io.ReaderAt
	data    int64 // where the footer begins
	lim     Limits
	held    int64 // bytes of pages
	zstd    *zstd.Decoder
	work    *bounded.Budget
}

// Group is a row group.
type Group struct {
	Rows   int64
	chunks []chunkFacts
}

// chunkFacts is where a column of a row group lies.
type chunkFacts struct {
	kind           Kind
	codec          int32
	values         int64
	size           int64
	data, dict     int64
	described      bool
	foreign, crypt bool
}

const (
	magic     = "PAR1"
	magicAway = "PARE" // the footer is encrypted
)

// Open reads the footer of a file.
func Open(r io.ReaderAt, size int64, lim Limits) (*File, error) {
	f := &File{r: r, lim: lim.orDefaults()}
	footer, err := f.footer(size)
	if err != nil {
		return nil, err
	}
	most, ok := bounded.Mul(size, f.lim.Ratio)
	if !ok || most < f.lim.Work {
		most = f.lim.Work
	}
	f.work = bounded.NewBudget("bytes of values", most)
	if err := f.read(footer); err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return f, f.check()
}

func (f *File) footer(size int64) ([]byte, error) {
	if size < 12 {
		return nil, errors.New("it is no Parquet file: it is too short")
	}
	head, err := bounded.ReadRange(f.r, size, 0, 4, 4)
	if err != nil {
		return nil, err
	}
	tail, err := bounded.ReadRange(f.r, size, size-8, 8, 8)
	if err != nil {
		return nil, err
	}
	switch word := string(tail[4:]); {
	case word == magicAway:
		return nil, errors.New("it is encrypted")
	case word != magic || string(head) != magic:
		return nil, errors.New("it is no Parquet file, or is not whole: it does not begin and end with PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > size-12 {
		return nil, fmt.Errorf("its footer should have %d bytes, and the file has %d", n, size)
	}
	f.data = size - 8 - n
	return bounded.ReadRange(f.r, size, f.data, n, f.lim.Footer)
}

func (f *File) read(footer []byte) error {
	t := &compact{b: footer}
	var schema []element
	twice := map[string]bool{}
	f.Meta = map[string]string{}
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 2:
			t.list(typ, func() {
				if schema = append(schema, t.element()); len(schema) > f.lim.Columns {
					t.fail(bounded.Exceeded("columns", int64(f.lim.Columns)))
				}
			})
			b := builder{elements: schema}
			var err error
			if t.err == nil {
				if f.Schema, err = b.tree(); err != nil {
					t.fail(err)
				}
			}
			f.columns = b.columns
		case 3:
			f.Rows = t.integer(typ)
		case 4:
			t.list(typ, func() { f.Groups = append(f.Groups, t.group(len(f.columns))) })
		case 5:
			t.list(typ, func() {
				k, v := t.pair()
				if _, had := f.Meta[k]; had {
					twice[k] = true
				}
				f.Meta[k] = v
			})
		case 8:
			t.fail(errors.New("it is encrypted"))
		default:
			return false
		}
		return true
	})
	for k := range twice {
		delete(f.Meta, k)
	}
	if t.err == nil && t.at != len(t.b) {
		t.fail(fmt.Errorf("%d bytes behind its end", len(t.b)-t.at))
	}
	return t.err
}

func (t *compact) pair() (key, value string) {
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 1:
			key = string(t.bytes(typ))
		case 2:
			value = string(t.bytes(typ))
		default:
			return false
		}
		return true
	})
	return key, value
}

// group reads a row group, which must have a chunk for each column.
func (t *compact) group(columns int) (g Group) {
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 1:
			t.list(typ, func() {
				if len(g.chunks) == columns {
					t.fail(fmt.Errorf("a row group has more chunks than the %d columns before it", columns))
					return
				}
				g.chunks = append(g.chunks, t.chunk())
			})
		case 3:
			g.Rows = t.integer(typ)
		default:
			return false
		}
		return true
	})
	if len(g.chunks) != columns {
		t.fail(fmt.Errorf("a row group has %d chunks, and the schema %d columns", len(g.chunks), columns))
	}
	return g
}

func (t *compact) chunk() (c chunkFacts) {
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 1:
			c.foreign = true
		case 3:
			if typ == thriftStruct {
				t.columnMeta(&c)
				return true
			}
		case 8, 9:
			c.crypt = true
		}
		return false
	})
	switch {
	case c.foreign:
		t.fail(errors.New("a column lies in another file"))
	case c.crypt:
		t.fail(errors.New("a column is encrypted"))
	case !c.described:
		t.fail(errors.New("a chunk does not say where it lies"))
	}
	return c
}

func (t *compact) columnMeta(c *chunkFacts) {
	var seen int
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 1:
			c.kind = Kind(t.i32(typ))
		case 4:
			c.codec = t.i32(typ)
		case 5:
			c.values = t.integer(typ)
		case 7:
			c.size = t.integer(typ)
		case 9:
			c.data = t.integer(typ)
		case 11:
			c.dict = t.integer(typ)
			return true
		default:
			return false
		}
		seen |= 1 << id
		return true
	})
	c.described = seen == 1<<1|1<<4|1<<5|1<<7|1<<9
}

// check holds the numbers of the footer against each other and the file.
func (f *File) check() error {
	if f.Schema == nil || len(f.columns) == 0 {
		return errors.New("the schema has no columns")
	}
	var rows int64
	for i := range f.Groups {
		g := &f.Groups[i]
		if len(g.chunks) != len(f.columns) { // the groups stand before the schema
			return fmt.Errorf("row group %d has %d chunks, and the schema %d columns", i, len(g.chunks), len(f.columns))
		}
		var ok bool
		if rows, ok = bounded.Add(rows, g.Rows); !ok {
			return fmt.Errorf("row group %d has %d rows", i, g.Rows)
		}
		for k := range g.chunks {
			if err := f.checkChunk(&g.chunks[k], f.columns[k], g.Rows); err != nil {
				return fmt.Errorf("row group %d, column %d: %w", i, k, err)
			}
		}
	}
	if rows != f.Rows {
		return fmt.Errorf("the footer says %d rows, and the row groups have %d", f.Rows, rows)
	}
	return nil
}

func (f *File) checkChunk(c *chunkFacts, col *Column, rows int64) error {
	from := c.begin()
	switch {
	case c.values == 0 && rows == 0: // it lies nowhere
	case c.kind != col.Kind:
		return fmt.Errorf("its values are of type %d, and the schema says %d", c.kind, col.Kind)
	case from < 4 || c.size < 0 || from > f.data || c.size > f.data-from:
		return fmt.Errorf("it lies at %d+%d, and the data of the file are from 4 to %d", from, c.size, f.data)
	case c.values < rows || col.MaxRep == 0 && c.values != rows:
		return fmt.Errorf("it has %d values for %d rows", c.values, rows)
	}
	return nil
}

// begin is where the first page lies: that of the dictionary, if there is one.
func (c *chunkFacts) begin() int64 {
	if c.dict > 0 && c.dict < c.data {
		return c.dict
	}
	return c.data
}

// hold counts bytes of pages that are held, or those that are let go.
func (f *File) hold(n int64) error {
	if n > f.lim.Memory-f.held {
		return bounded.Exceeded("bytes of pages held at a time", f.lim.Memory)
	}
	f.held += n
	return nil
}

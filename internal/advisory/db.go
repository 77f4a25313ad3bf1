package advisory

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/pep508"
)

// Limits bounds a file. Zero fields have defaults.
type Limits struct {
	Bytes   int64 // of a file; 256 MiB
	Section int64 // of its index, and of its list of problems; 16 MiB
	Block   int64 // of what it has of a package; 4 MiB
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 256<<20)
	l.Section = cmp.Or(l.Section, 16<<20)
	l.Block = cmp.Or(l.Block, 4<<20)
	return l
}

var (
	// ErrFormat says that something is no advisory database, or that of another
	// version of andiron.
	ErrFormat = errors.New("not an advisory database of this version")
	// ErrDamaged says that a database does not hold what it says it does.
	ErrDamaged = errors.New("the advisory database is damaged")
)

// DB is an open database. It may be used by several goroutines.
type DB struct {
	r    io.ReaderAt
	size int64
	lim  Limits
	info Info

	names    []string
	ends     []int64 // of the blocks, from the first one
	blocksAt int64
	tailAt   int64

	facts *factList
}

// Open reads the head and the index of a database of size bytes. A lookup then
// reads the block of its package alone.
func Open(r io.ReaderAt, size int64, lim Limits) (*DB, error) {
	db := &DB{r: r, size: size, lim: lim.withDefaults(), facts: builtinFacts()}
	if size > db.lim.Bytes {
		return nil, fmt.Errorf("advisory: %w", bounded.Exceeded("bytes of a database", db.lim.Bytes))
	}
	header, err := bounded.ReadRange(r, size, 0, min(size, int64(headerSize)), int64(headerSize))
	if err != nil {
		return nil, fmt.Errorf("advisory: %w", err)
	}
	if len(header) < headerSize || !bytes.HasPrefix(header, []byte(magic)) {
		return nil, fmt.Errorf("advisory: %w", ErrFormat)
	}
	at := int64(headerSize)
	var starts [5]int64
	for i := range 4 {
		starts[i] = at
		n := binary.LittleEndian.Uint64(header[sectionsAt+8*i:])
		if n > uint64(size-at) {
			return nil, damaged("section %d ends behind the end of the file", i+1)
		}
		at += int64(n)
	}
	if starts[4] = at; at != size {
		return nil, damaged("%d bytes follow its end", size-at)
	}
	db.blocksAt, db.tailAt = starts[2], starts[3]
	if err := db.readInfo(starts[0], starts[1]-starts[0]); err != nil {
		return nil, err
	}
	db.info.Digest = hex.EncodeToString(header[digestAt:sectionsAt])
	db.info.Current = int64(binary.LittleEndian.Uint64(header[len(magic):]))
	db.info.Built = int64(binary.LittleEndian.Uint64(header[len(magic)+8:]))
	return db, db.readIndex(starts[1], starts[2]-starts[1])
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("advisory: %w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func (db *DB) section(at, n, limit int64) (*reader, error) {
	b, err := bounded.ReadRange(db.r, db.size, at, n, limit)
	if err != nil {
		return nil, fmt.Errorf("advisory: at offset %d: %w", at, err)
	}
	return &reader{s: string(b)}, nil
}

func (db *DB) readInfo(at, n int64) error {
	r, err := db.section(at, n, db.lim.Section)
	if err != nil {
		return err
	}
	i := &db.info
	i.Size = db.size
	i.Source = r.string()
	i.Builtin = r.byte() != 0
	i.Newest = r.int()
	i.ETag, i.LastModified = r.string(), r.string()
	for _, to := range [...]*int{&i.Records, &i.Packages, &i.Malicious, &i.Withdrawn, &i.Foreign, &i.Rejected, &i.Repaired} {
		*to = int(min(r.uint(), 1<<31-1))
	}
	return r.finish("the head")
}

func (db *DB) readIndex(at, n int64) error {
	r, err := db.section(at, n, db.lim.Section)
	if err != nil {
		return err
	}
	count := r.count(2)
	db.names, db.ends = make([]string, 0, count), make([]int64, 0, count)
	end, last := int64(0), ""
	for range count {
		name := r.string()
		size := r.uint()
		if r.bad || size > uint64(db.tailAt-db.blocksAt-end) {
			return damaged("the index is wrong at package %d", len(db.names)+1)
		}
		if name <= last {
			return damaged("the index is not sorted at %.60q", name)
		}
		end, last = end+int64(size), name
		db.names, db.ends = append(db.names, name), append(db.ends, end)
	}
	if end != db.tailAt-db.blocksAt {
		return damaged("the index does not cover the blocks")
	}
	return r.finish("the index")
}

// Info is what the database says of itself.
func (db *DB) Info() Info { return db.info }

// Verify reads all of the file and compares its digest.
func (db *DB) Verify() error {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(db.r, int64(sectionsAt), db.size-int64(sectionsAt))); err != nil {
		return fmt.Errorf("advisory: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != db.info.Digest {
		return damaged("its SHA-256 is %s, and it says %s", got, db.info.Digest)
	}
	return nil
}

// Package is everything that the database has of a package, sorted by id.
func (db *DB) Package(name string) ([]Advisory, error) {
	i, ok := slices.BinarySearch(db.names, pep508.Normalize(name))
	if !ok {
		return nil, nil
	}
	return db.block(i)
}

func (db *DB) block(i int) ([]Advisory, error) {
	start := int64(0)
	if i > 0 {
		start = db.ends[i-1]
	}
	r, err := db.section(db.blocksAt+start, db.ends[i]-start, db.lim.Block)
	if err != nil {
		return nil, err
	}
	list := make([]Advisory, r.count(leastAdvisory))
	for n := range list {
		if r.advisory(&list[n]); r.bad {
			break
		}
	}
	return list, r.finish(fmt.Sprintf("the block of %.60q", db.names[i]))
}

// Problems lists the records that could not be used, or not all of them, by id.
func (db *DB) Problems() ([]Problem, error) {
	_, list, err := db.tail()
	return list, err
}

func (db *DB) tail() (map[string]absent, []Problem, error) {
	r, err := db.section(db.tailAt, db.size-db.tailAt, db.lim.Section)
	if err != nil {
		return nil, nil, err
	}
	left := map[string]absent{}
	for range r.count(3) {
		id, why := r.string(), reason(r.byte())
		if why < withdrawn || why > rejected {
			r.bad = true
		}
		left[id] = absent{r.int(), why}
		if r.bad {
			break
		}
	}
	var list []Problem
	if n := r.count(3); n > 0 {
		list = make([]Problem, n)
	}
	for i := range list {
		list[i] = Problem{ID: r.string(), Whole: r.byte() != 0, Reason: r.string()}
	}
	return left, list, r.finish("the list of problems")
}

// everything is what a database can be made from again.
type everything struct {
	entries  []entry
	absent   map[string]absent
	problems []Problem
}

func (db *DB) everything() (all everything, err error) {
	for i, name := range db.names {
		list, err := db.block(i)
		if err != nil {
			return all, err
		}
		for _, a := range list {
			all.entries = append(all.entries, entry{name, a})
		}
	}
	all.absent, all.problems, err = db.tail()
	return all, err
}

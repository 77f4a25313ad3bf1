package advisory

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

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

	check    uint32 // CRC-32C, as the file has it
	index    string // as it is in the file; it was checked
	marks    []mark // of every markEvery-th package in it, the first one first
	blocksAt int64
	tailAt   int64

	facts *factList

	// What a lookup needs and does not hand out.
	buffers sync.Pool // of *[piece]byte
	lists   sync.Pool // of *[]Advisory
}

const piece = 16 << 10 // a large section is not held twice

// mark is a package at which the index can be read from.
type mark struct {
	name  string
	at    int   // of it in the index
	start int64 // of its block, from the first one
}

// markEvery is how many packages a lookup goes through at most. Taking the index
// apart as a whole would cost each start more than all of its lookups do.
const markEvery = 64

// Open reads the head and the index of a database of size bytes, once its checksum is
// seen to be right: with a bit of it changed, a version that is affected would not
// be. A lookup then reads the block of its package alone.
func Open(r io.ReaderAt, size int64, lim Limits) (*DB, error) {
	db, index, err := head(r, size, lim)
	if err != nil {
		return nil, err
	}
	if err := db.checksum(); err != nil {
		return nil, err
	}
	db.facts = builtinFacts()
	return db, db.readIndex(index, db.blocksAt-index)
}

func (db *DB) checksum() error {
	sum := crc32.New(castagnoli)
	buf := make([]byte, 4*piece)
	for _, part := range [][2]int64{{0, int64(checkAt)}, {int64(digestAt), db.size}} {
		n, err := io.CopyBuffer(struct{ io.Writer }{sum}, io.NewSectionReader(db.r, part[0], part[1]-part[0]), buf)
		if err == nil && n != part[1]-part[0] {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("advisory: %w", err)
		}
	}
	if sum.Sum32() != db.check {
		return damaged("its checksum is %08x, and it says %08x", sum.Sum32(), db.check)
	}
	return nil
}

// Head reads what a database says of itself, and nothing else of it.
func Head(r io.ReaderAt, size int64, lim Limits) (Info, error) {
	db, _, err := head(r, size, lim)
	if err != nil {
		return Info{}, err
	}
	return db.info, nil
}

// head reads the head of a database, and says where its index is.
func head(r io.ReaderAt, size int64, lim Limits) (db *DB, index int64, err error) {
	db = &DB{r: r, size: size, lim: lim.withDefaults()}
	if size > db.lim.Bytes {
		return nil, 0, fmt.Errorf("advisory: %w", bounded.Exceeded("bytes of a database", db.lim.Bytes))
	}
	header, err := bounded.ReadRange(r, size, 0, min(size, int64(headerSize)), int64(headerSize))
	if err != nil {
		return nil, 0, fmt.Errorf("advisory: %w", err)
	}
	if len(header) < headerSize || !bytes.HasPrefix(header, []byte(magic)) {
		return nil, 0, fmt.Errorf("advisory: %w", ErrFormat)
	}
	at := int64(headerSize)
	var starts [5]int64
	for i := range 4 {
		starts[i] = at
		n := binary.LittleEndian.Uint64(header[sectionsAt+8*i:])
		if n > uint64(size-at) {
			return nil, 0, damaged("section %d ends behind the end of the file", i+1)
		}
		at += int64(n)
	}
	if starts[4] = at; at != size {
		return nil, 0, damaged("%d bytes follow its end", size-at)
	}
	db.blocksAt, db.tailAt = starts[2], starts[3]
	if err := db.readInfo(starts[0], starts[1]-starts[0]); err != nil {
		return nil, 0, err
	}
	db.check = binary.LittleEndian.Uint32(header[checkAt:])
	db.info.Digest = hex.EncodeToString(header[digestAt:sectionsAt])
	db.info.Current = int64(binary.LittleEndian.Uint64(header[len(magic):]))
	db.info.Built = int64(binary.LittleEndian.Uint64(header[len(magic)+8:]))
	return db, starts[1], nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("advisory: %w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func (db *DB) section(at, n, limit int64) (*reader, error) {
	if n > limit {
		return nil, fmt.Errorf("advisory: at offset %d: %w", at, bounded.Exceeded("bytes", limit))
	}
	if n < 0 || at < 0 || at > db.size || n > db.size-at {
		return nil, damaged("at offset %d: there are no %d bytes", at, n)
	}
	buf, ok := db.buffers.Get().(*[piece]byte)
	if !ok {
		buf = new([piece]byte)
	}
	defer db.buffers.Put(buf)
	var s strings.Builder
	s.Grow(int(n))
	for off := int64(0); off < n; off += piece {
		b := buf[:min(n-off, piece)]
		if k, err := db.r.ReadAt(b, at+off); k < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("advisory: at offset %d: %w", at+off, err)
		}
		s.Write(b)
	}
	return &reader{s: s.String()}, nil
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
	db.index = r.s
	db.marks = make([]mark, 0, count/markEvery+1)
	end, last := int64(0), ""
	for i := range count {
		from := len(db.index) - len(r.s)
		name := r.string()
		size := r.uint()
		if r.bad || size > uint64(db.tailAt-db.blocksAt-end) {
			return damaged("the index is wrong at package %d", i+1)
		}
		if name <= last {
			return damaged("the index is not sorted at %.60q", name)
		}
		if i%markEvery == 0 {
			db.marks = append(db.marks, mark{name, from, end})
		}
		end, last = end+int64(size), name
	}
	if end != db.tailAt-db.blocksAt {
		return damaged("the index does not cover the blocks")
	}
	return r.finish("the index")
}

// packages are the packages from a mark on, with where their blocks are.
func (db *DB) packages(from int) iter.Seq2[string, block] {
	return func(yield func(string, block) bool) {
		if from < 0 || from >= len(db.marks) {
			return
		}
		m := db.marks[from]
		start := m.start
		for r := (reader{s: db.index[m.at:]}); r.s != ""; {
			name, size := r.string(), int64(r.uint())
			if !yield(name, block{start, size}) {
				return
			}
			start += size
		}
	}
}

// block is the place of what there is of a package, from the first block.
type block struct{ start, size int64 }

// find returns where the block of a package is.
func (db *DB) find(name string) (block, bool) {
	i, ok := slices.BinarySearchFunc(db.marks, name, func(m mark, name string) int { return strings.Compare(m.name, name) })
	if !ok {
		i-- // it comes after the one before
	}
	for n, b := range db.packages(i) {
		if n >= name {
			return b, n == name
		}
	}
	return block{}, false
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
	name = pep508.Normalize(name)
	b, ok := db.find(name)
	if !ok {
		return nil, nil
	}
	return db.advisories(nil, name, b)
}

// advisories reads a block into a list, whose place is used if it is large enough.
func (db *DB) advisories(list []Advisory, name string, b block) ([]Advisory, error) {
	r, err := db.section(db.blocksAt+b.start, b.size, db.lim.Block)
	if err != nil {
		return nil, err
	}
	count := r.count(leastAdvisory)
	list = slices.Grow(list[:0], count)[:count]
	clear(list)
	for n := range list {
		if r.advisory(&list[n]); r.bad {
			break
		}
	}
	return list, r.finish(fmt.Sprintf("the block of %.60q", name))
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
	for name, b := range db.packages(0) {
		list, err := db.advisories(nil, name, b)
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

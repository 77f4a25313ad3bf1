package advisory

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// The parts of a file; docs/spec/advisory-db-v1.md has them in words.
const (
	magic = "ANDIRDB\x01"
	// After the magic: two times, the checksum, the digest, and the lengths of the four
	// sections.
	checkAt    = len(magic) + 2*8
	digestAt   = checkAt + crc32.Size
	sectionsAt = digestAt + sha256.Size
	headerSize = sectionsAt + 4*8
)

const (
	flagMalicious = 1 << iota
	flagUnclear
)

var levels = [...]string{"", "none", "low", "medium", "high", "critical"}

// writer appends what reader reads.
type writer struct{ b []byte }

func (w *writer) uint(n uint64)   { w.b = binary.AppendUvarint(w.b, n) }
func (w *writer) int(n int64)     { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) count(n int)     { w.uint(uint64(n)) }
func (w *writer) byte(c byte)     { w.b = append(w.b, c) }
func (w *writer) string(s string) { w.count(len(s)); w.b = append(w.b, s...) }

func (w *writer) strings(list []string) {
	w.count(len(list))
	for _, s := range list {
		w.string(s)
	}
}

func encode(info Info, packages map[string][]*Advisory, left map[string]absent, problems map[string][]Problem) ([]byte, error) {
	var head, index, blocks, tail writer
	head.info(info)
	lim := Limits{}.withDefaults()
	names := slices.Sorted(maps.Keys(packages))
	index.count(len(names))
	for _, name := range names {
		start := len(blocks.b)
		blocks.count(len(packages[name]))
		for _, a := range packages[name] { // they came in the order of their ids
			blocks.advisory(a)
		}
		index.string(name)
		index.count(len(blocks.b) - start)
		if n := len(blocks.b) - start; int64(n) > lim.Block {
			return nil, tooLarge(fmt.Sprintf("package %.60q", name), n, lim.Block)
		}
	}
	tail.left(left, problems)
	for _, s := range [...]writer{head, index, tail} {
		if int64(len(s.b)) > lim.Section {
			return nil, tooLarge("the index or the list of problems", len(s.b), lim.Section)
		}
	}

	sections := [...][]byte{head.b, index.b, blocks.b, tail.b}
	out := make([]byte, headerSize, headerSize+len(head.b)+len(index.b)+len(blocks.b)+len(tail.b))
	copy(out, magic)
	for i, s := range sections {
		binary.LittleEndian.PutUint64(out[sectionsAt+8*i:], uint64(len(s)))
		out = append(out, s...)
	}
	sum := sha256.Sum256(out[sectionsAt:])
	copy(out[digestAt:], sum[:])
	stamp(out, info.Current, info.Built)
	if int64(len(out)) > lim.Bytes {
		return nil, tooLarge("the database", len(out), lim.Bytes)
	}
	return out, nil
}

// tooLarge is about what would not be read again.
func tooLarge(what string, n int, limit int64) error {
	return fmt.Errorf("advisory: %s would have %d bytes: %w", what, n, bounded.Exceeded("bytes", limit))
}

func stamp(file []byte, current, built int64) {
	binary.LittleEndian.PutUint64(file[len(magic):], uint64(current))
	binary.LittleEndian.PutUint64(file[len(magic)+8:], uint64(built))
	seal(file)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal writes the checksum of a file: that of all of it but the checksum.
func seal(file []byte) {
	sum := crc32.Update(crc32.Checksum(file[:checkAt], castagnoli), castagnoli, file[digestAt:])
	binary.LittleEndian.PutUint32(file[checkAt:], sum)
}

// Stamped is a file that was found to be current at another time. Its content and
// its digest are the same.
func Stamped(file []byte, current, built int64) []byte {
	out := slices.Clone(file)
	if len(out) >= headerSize {
		stamp(out, current, built)
	}
	return out
}

func (w *writer) info(i Info) {
	w.string(i.Source)
	if i.Builtin {
		w.byte(1)
	} else {
		w.byte(0)
	}
	w.int(i.Newest)
	w.string(i.ETag)
	w.string(i.LastModified)
	for _, n := range [...]int{i.Records, i.Packages, i.Malicious, i.Withdrawn, i.Foreign, i.Rejected, i.Repaired} {
		w.count(n)
	}
}

func (w *writer) advisory(a *Advisory) {
	w.string(a.ID)
	w.strings(a.Aliases)
	w.string(a.Summary)
	flags := byte(0)
	if a.Malicious {
		flags |= flagMalicious
	}
	if a.Unclear != "" {
		flags |= flagUnclear
	}
	w.byte(flags)
	w.byte(byte(max(0, slices.Index(levels[:], a.Severity.Level))))
	w.uint(uint64(math.Round(a.Severity.Score * 10)))
	w.string(a.Severity.Vector)
	w.count(len(a.CWEs))
	for _, c := range a.CWEs {
		n, _ := strconv.ParseUint(strings.TrimPrefix(c, "CWE-"), 10, 32) // the reader of records took only those
		w.uint(n)
	}
	w.int(a.Published)
	w.int(a.Modified)
	w.count(len(a.Intervals))
	for _, i := range a.Intervals {
		w.byte(byte(i.End))
		w.string(i.From)
		if i.End != Endless {
			w.string(i.To)
		}
	}
	w.strings(a.Versions)
	if a.Unclear != "" {
		w.string(a.Unclear)
	}
}

func (w *writer) left(left map[string]absent, problems map[string][]Problem) {
	w.count(len(left))
	for _, id := range slices.Sorted(maps.Keys(left)) {
		w.string(id)
		w.byte(byte(left[id].why))
		w.int(left[id].modified)
	}
	n := 0
	for _, list := range problems {
		n += len(list)
	}
	w.count(n)
	for _, id := range slices.Sorted(maps.Keys(problems)) {
		for _, p := range problems[id] {
			w.string(p.ID)
			if p.Whole {
				w.byte(1)
			} else {
				w.byte(0)
			}
			w.string(p.Reason)
		}
	}
}

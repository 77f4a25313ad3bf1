package torchfile

import (
	"encoding/binary"

	"github.com/andiron-dev/andiron/internal/scratch"
)

// shelf keeps storages. One whose record is found under just its name takes a few
// numbers, and is made again when it is asked for.
type shelf struct {
	list    *scratch.Array[shelved]
	byEntry *scratch.Array[uint32] // the storage of an entry, plus one
	full    []Storage              // the others
	texts   []string               // that many have in common
	known   map[string]uint32      // in texts
}

// shelved is a storage on the shelf.
type shelved struct {
	numel                 int64
	entry                 int32 // in the archive; below 0, the complement of an index in full
	dtype, device, folder uint32
	suffix                uint32
	untyped               uint32 // 1 if it is
}

func newShelf(space *scratch.Space) *shelf {
	return &shelf{
		list: scratch.NewArray(space, shelvedCodec), byEntry: scratch.NewArray(space, scratch.Uint32),
		known: map[string]uint32{},
	}
}

// text returns the number of a text.
func (h *shelf) text(s string) uint32 {
	i, ok := h.known[s]
	if !ok {
		i = uint32(len(h.texts))
		h.texts = append(h.texts, s)
		h.known[s] = i
	}
	return i
}

// put keeps a storage as it is.
func (h *shelf) put(s Storage) {
	h.list.Append(shelved{entry: ^int32(len(h.full))})
	h.full = append(h.full, s)
}

// NumStorages returns how many storages there are.
func (f *File) NumStorages() int { return f.shelf.list.Len() }

// Storage returns storage number i.
func (f *File) Storage(i int) *Storage {
	s := f.nameless(i)
	if x := f.shelf.list.At(i); x.entry >= 0 {
		s.Record = f.Archive.Entry(int(x.entry)).Name
		s.Key = s.Record[len(f.full(s.folder)) : len(s.Record)-len(f.shelf.texts[x.suffix])]
	}
	return s
}

// nameless is Storage for who does not ask for its key and its record.
func (f *File) nameless(i int) *Storage {
	x := f.shelf.list.At(i)
	if x.entry < 0 {
		return &f.shelf.full[^x.entry]
	}
	texts := f.shelf.texts
	s := &Storage{
		DType: texts[x.dtype], Untyped: x.untyped == 1, NumEl: x.numel, NBytes: bytesOf(x.numel, texts[x.dtype]),
		Device: texts[x.device], file: f, folder: texts[x.folder],
	}
	s.place(f.Archive.Numbers(int(x.entry)), int(x.entry))
	return s
}

// shelve keeps a storage, whose record is the entry of this name.
func (f *File) shelve(s *Storage, suffix string) {
	h := f.shelf
	x := shelved{numel: s.NumEl, entry: int32(s.entry), dtype: h.text(s.DType), device: h.text(s.Device), folder: h.text(s.folder), suffix: h.text(suffix)}
	if s.Untyped {
		x.untyped = 1
	}
	at := uint32(h.list.Append(x)) + 1
	h.byEntry.Extend(s.entry + 1)
	h.byEntry.Set(s.entry, at)
}

// find returns the storage of a key, -1 if it is not there, and the entry that
// torch finds for its record, which exact says is of just this name.
func (f *File) find(folder, key, suffix string) (storage, entry int, exact bool) {
	record := f.full(folder + key + suffix)
	entry = f.Archive.Locate(record)
	if entry >= 0 && f.Archive.Called(entry, record) {
		if entry < f.shelf.byEntry.Len() {
			return int(f.shelf.byEntry.At(entry)) - 1, entry, true
		}
		return -1, entry, true
	}
	if i, ok := f.byKey[folder+key]; ok {
		return i, entry, false
	}
	return -1, entry, false
}

var le = binary.LittleEndian

var shelvedCodec = scratch.Codec[shelved]{
	Size: 32,
	Put: func(b []byte, s *shelved) {
		le.PutUint64(b, uint64(s.numel))
		for i, v := range []uint32{uint32(s.entry), s.dtype, s.device, s.folder, s.suffix, s.untyped} {
			le.PutUint32(b[8+4*i:], v)
		}
	},
	Get: func(b []byte, s *shelved) {
		s.numel, s.entry = int64(le.Uint64(b)), int32(le.Uint32(b[8:]))
		for i, v := range []*uint32{&s.dtype, &s.device, &s.folder, &s.suffix, &s.untyped} {
			*v = le.Uint32(b[12+4*i:])
		}
	},
}

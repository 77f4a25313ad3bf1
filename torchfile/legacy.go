package torchfile

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/big"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/pickle"
)

const (
	legacyProtocol = 1001
	probeOps       = 4096 // of the first two streams, to tell a legacy file from a plain pickle
)

// legacyMagic is 0x1950a86a20f9469cfc6c.
var legacyMagic = new(big.Int).SetBytes([]byte{0x19, 0x50, 0xa8, 0x6a, 0x20, 0xf9, 0x46, 0x9c, 0xfc, 0x6c})

var legacyRoles = []string{"magic", "protocol", "sysinfo", "object", "keys"}

// openLegacy reads what torch.save wrote before 1.6: five pickles, and the
// storages in the order of the last.
func (f *File) openLegacy() error {
	if !f.probeLegacy() {
		return ErrFormat
	}
	f.Format, f.Formats = TorchLegacy, []Format{TorchLegacy}
	pos := int64(0)
	for i, role := range legacyRoles {
		t := f.run(f.r, f.Size, pos, Pickle{Entry: -1, Index: i, Role: role, Loaders: torchLoaders})
		f.records = append(f.records, Record{Name: role, Path: role, Entry: -1, Offset: pos, Size: t.End - pos, Role: RolePickle})
		pos = t.End
		if t.Err != nil {
			return nil //nolint:nilerr // run has made a fact of it; what came before is kept
		}
	}
	f.Object = 3
	f.checkLegacyHead()
	end := f.legacyStorages(pos)
	w := f.walker(3)
	w.resolve = f.legacyStorage
	w.walk(f.Pickles[3].Trace.Result)
	f.legacyTail(end)
	return nil
}

// probeLegacy tells a legacy file by its magic number, or where that is not
// plain to see, by the protocol after it: torch has unpickled the first stream
// before it looks.
func (f *File) probeLegacy() bool {
	lim := f.opt.Pickle
	lim.MaxOps = probeOps
	opt := f.pickleOptions(0)
	opt.Limits = lim
	t := pickle.Run(f.r, f.Size, opt)
	if t.Err != nil {
		return false
	}
	if n, ok := t.Result.BigInt(); ok && n.Cmp(legacyMagic) == 0 {
		return true
	}
	opt.Start = t.End
	t = pickle.Run(f.r, f.Size, opt)
	n, ok := t.Result.Int()
	return t.Err == nil && ok && n == legacyProtocol
}

func (f *File) checkLegacyHead() {
	magic := f.Pickles[0].Trace.Result
	if n, ok := magic.BigInt(); !ok || n.Cmp(legacyMagic) != 0 {
		f.fact(NoMagic, "magic", 0, "the first pickle gives %s, not the magic number", magic)
	}
	if n, ok := f.Pickles[1].Trace.Result.Int(); !ok || n != legacyProtocol {
		f.fact(BadSysInfo, "protocol", -1, "the protocol is %s, not %d", f.Pickles[1].Trace.Result, legacyProtocol)
	}
	info := f.Pickles[2].Trace.Result
	if info.Kind() != pickle.KindDict {
		f.fact(BadSysInfo, "sysinfo", -1, "the system information is %s, not a dict", info)
		return
	}
	for k, v := range info.Pairs() {
		if name, _ := k.Text(); name != "little_endian" {
			continue
		}
		if little, ok := v.Bool(); !ok || !little {
			// PyTorch v2.6.0 _legacy_load does not look at it, so storages are
			// little-endian whatever it says.
			f.fact(BadSysInfo, "sysinfo", -1, "the file says little_endian is %s; torch does not look at it", v)
		}
	}
}

// legacyStorages reads the lengths of the storages after the pickles and
// returns where they end. Data are not read.
func (f *File) legacyStorages(pos int64) int64 {
	f.legacyIDs()
	for key := range f.Pickles[4].Trace.Result.Items() {
		name, ok := keyText(key)
		at, known := f.byKey[rootKey+name]
		if !ok || !known {
			f.fact(UnusedStorage, "keys", key.Offset(), "no tensor refers to the storage %s", key)
			return pos
		}
		var b [8]byte
		if n, _ := f.r.ReadAt(b[:], pos); n < len(b) {
			f.fact(MissingStorage, name, pos, "the file ends before the storage %q", name)
			return pos
		}
		count := int64(binary.LittleEndian.Uint64(b[:]))
		size := int64(-1)
		if count >= 0 {
			size = bytesOf(count, f.Storage(at).DType)
		}
		pos += 8
		if size < 0 || size > f.Size-pos {
			f.fact(SizeDisagrees, name, pos, "the storage %q claims %d of %s, %d bytes are left", name, count, f.Storage(at).DType, f.Size-pos)
			return pos
		}
		f.placeLegacy(at, name, pos, size)
		pos += size
	}
	for i := range f.NumStorages() {
		if s := f.Storage(i); s.RecordSize < 0 && !s.View {
			f.fact(MissingStorage, "keys", -1, "the file does not hold the storage %q", s.Key)
		}
	}
	f.placeViews()
	return pos
}

// legacyIDs registers the storages that the object refers to.
func (f *File) legacyIDs() {
	t := f.Pickles[3].Trace
	for ev := range t.Events() {
		if ev.Kind != pickle.EventPersistent {
			continue
		}
		id, ok := f.parseID(ev.Args(), "object")
		if !ok {
			continue
		}
		if at, seen := f.byKey[rootKey+id.key]; !seen {
			s := f.legacyRoot(id)
			f.byKey[s.Record] = f.NumStorages()
			f.shelf.put(s)
		} else if old := f.Storage(at); old.DType != id.dtype || old.NumEl != id.numel {
			f.fact(StorageDispute, "object", ev.Offset, "the storage %q is %d of %s here and %d of %s before", id.key, id.numel, id.dtype, old.NumEl, old.DType)
		}
		f.legacyView(id, ev.Offset)
	}
}

// rootKey begins the names of storages that are no views of others, as records and
// in byKey.
const rootKey = "storage/"

func (f *File) legacyRoot(id persistentID) Storage {
	record := rootKey + id.key
	return Storage{
		Key: record[len(rootKey):], DType: id.dtype, Untyped: id.untyped, NumEl: id.numel, NBytes: bytesOf(id.numel, id.dtype),
		Record: record, RecordSize: -1, Offset: -1, Device: id.device, entry: -1, file: f,
	}
}

// legacyView registers (view_key, offset, size), a storage inside of another.
func (f *File) legacyView(id persistentID, at int64) {
	if id.view.Kind() != pickle.KindTuple {
		return
	}
	key, ok1 := keyText(id.view.Index(0))
	off, ok2 := id.view.Index(1).Int()
	n, ok3 := id.view.Index(2).Int()
	if !ok1 || !ok2 || !ok3 || off < 0 || n < 0 {
		f.fact(OddArguments, "object", at, "a view of a storage that is not (key, offset, size)")
		return
	}
	mapKey := "view/" + id.key + "/" + key
	if _, seen := f.byKey[mapKey]; seen {
		return
	}
	s := f.legacyRoot(id)
	s.Key, s.View, s.NumEl, s.NBytes = key, true, n, bytesOf(n, id.dtype)
	s.Offset = bytesOf(off, id.dtype) // in its root, until placeViews
	s.folder = id.key
	f.byKey[mapKey] = f.NumStorages()
	f.shelf.put(s)
}

func (f *File) placeLegacy(at int, key string, pos, size int64) {
	s := f.Storage(at)
	s.Offset, s.RecordSize = pos, size
	f.records = append(f.records, Record{Name: s.Record, Path: s.Record, Entry: -1, Offset: pos, Size: size, Role: RoleStorage})
	if size != s.NBytes {
		f.fact(SizeDisagrees, s.Record, -1, "the storage %q holds %d bytes, the pickle says %d of %s", key, size, s.NumEl, s.DType)
	}
}

func (f *File) placeViews() {
	for i := range f.NumStorages() {
		s := f.Storage(i)
		if !s.View {
			continue
		}
		root := f.Storage(f.byKey[rootKey+s.folder])
		end, ok := bounded.Add(s.Offset, s.NBytes)
		if root.RecordSize < 0 || s.Offset < 0 || !ok || end > root.RecordSize {
			f.fact(OutOfRange, "object", -1, "the view %q reaches outside of the storage %q", s.Key, root.Key)
			s.Offset = -1
			continue
		}
		s.Offset, s.RecordSize = root.Offset+s.Offset, s.NBytes
	}
}

// legacyStorage resolves a persistent id in the object.
func (f *File) legacyStorage(id pickle.Value) int {
	key, ok := storageKey(id)
	if !ok {
		return -1
	}
	mapKey := rootKey + key
	if view := id.Index(5); view.Kind() == pickle.KindTuple {
		name, _ := keyText(view.Index(0))
		mapKey = "view/" + key + "/" + name
	}
	if i, found := f.byKey[mapKey]; found {
		return i
	}
	return -1
}

// legacyTail looks at what follows the storages. Tools that open a file as a
// zip by its end see an archive there; torch does not.
func (f *File) legacyTail(end int64) {
	if end >= f.Size {
		return
	}
	at := end
	a, err := strictzip.Open(f.r, f.Size, f.opt.Zip)
	if err == nil {
		if a.Base > at {
			at = a.Base
		}
		f.fact(AppendedZip, "", at, "a zip of %d entries follows the storages; tools that look at the end of a file read that", a.Len())
		f.nest(io.NewSectionReader(f.r, at, f.Size-at), Nested{Record: fmt.Sprintf("appended@%d", at), Entry: -1, Offset: at, Size: f.Size - at})
	}
	if n := at - end; n > 0 {
		f.fact(Unaccounted, "", end, "%d bytes after the storages belong to nothing", n)
		f.traceGap(end, n)
	} else if err != nil {
		f.fact(Unaccounted, "", end, "%d bytes after the storages belong to nothing", f.Size-end)
		f.traceGap(end, f.Size-end)
	}
}

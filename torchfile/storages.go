package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/pickle"
)

// storageFolder is where a pickle's storages lie, and what follows their key.
func storageFolder(format Format, p string) (folder, suffix string) {
	switch {
	case format == TorchPackage:
		return ".data/", ".storage"
	case strings.EqualFold(p, "constants.pkl"):
		return "constants/", ""
	case strings.EqualFold(p, "traced_inputs.pkl"):
		return "traced_inputs/", ""
	}
	return "data/", ""
}

// persistentID is ('storage', type, key, location, numel[, view]).
type persistentID struct {
	dtype   string
	untyped bool
	key     string
	device  string
	numel   int64
	view    pickle.Value
}

func (f *File) parseID(id pickle.Value, record string) (persistentID, bool) {
	var p persistentID
	if id.Kind() != pickle.KindTuple {
		return f.parseTextID(id, record)
	}
	tag, _ := id.Index(0).Text()
	if tag != "storage" || id.Len() < 5 {
		return p, false
	}
	g, ok := id.Index(1).Global()
	if !ok {
		f.fact(OddArguments, record, id.Offset(), "a storage whose type is not a class")
		return p, false
	}
	p.dtype, p.untyped, ok = storageDType(g.Name)
	if !ok {
		f.fact(UnknownDType, record, id.Offset(), "a storage of the type %q", g)
		return p, false
	}
	p.key, ok = keyText(id.Index(2))
	if !ok {
		f.fact(OddArguments, record, id.Offset(), "a storage whose key is no text and no number")
		return p, false
	}
	p.device, _ = id.Index(3).Text()
	p.numel, ok = id.Index(4).Int()
	if !ok || p.numel < 0 {
		f.fact(BadGeometry, record, id.Offset(), "the storage %q has %s elements", p.key, id.Index(4))
		return p, false
	}
	p.view = id.Index(5)
	return p, true
}

// textID is what str(('storage', class, key, location, numel)) gives, which is
// what Python's pickle writes for a persistent id in protocol 0; the sixth part
// is the legacy format's.
var textID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\('storage', <class 'torch\.([A-Za-z0-9_.]{1,60})'>, '([0-9]{1,20})', '([a-z]{1,20}(?::[0-9]{1,4})?)', ([0-9]{1,18})(?:, None)?\)$`)
})

const maxTextID = 200

// parseTextID reads the text of a persistent id of protocol 0. No torch loads
// it, but the tensors are there for who reads the text.
func (f *File) parseTextID(id pickle.Value, record string) (persistentID, bool) {
	var p persistentID
	s, ok := id.Text()
	if !ok || !strings.HasPrefix(s, "(") {
		return p, false
	}
	f.fact(TextPersistent, record, id.Offset(), "the text persistent id %.60q, which torch cannot load", s)
	m := splitTextID(s)
	if m == nil {
		f.fact(MissingStorage, record, id.Offset(), "the text persistent id is none of a storage")
		return p, false
	}
	if p.dtype, p.untyped, ok = storageDType(m[1]); !ok {
		f.fact(UnknownDType, record, id.Offset(), "a storage of the type %q", m[1])
		return p, false
	}
	p.key, p.device = m[2], m[3]
	n, err := strconv.ParseInt(m[4], 10, 64)
	p.numel = n
	return p, err == nil
}

// splitTextID returns the parts of a text persistent id, nil if it is none.
func splitTextID(s string) []string {
	if len(s) > maxTextID {
		return nil
	}
	return textID().FindStringSubmatch(s)
}

// storageKey is the key in a persistent id of a storage.
func storageKey(id pickle.Value) (string, bool) {
	if id.Kind() == pickle.KindTuple {
		return keyText(id.Index(2))
	}
	s, ok := id.Text()
	if m := splitTextID(s); ok && m != nil {
		return m[2], true
	}
	return "", false
}

// keyText returns a storage key: text in torch.save, a number in torch.package.
func keyText(v pickle.Value) (string, bool) {
	if n, ok := v.Int(); ok && v.Kind() == pickle.KindInt {
		return strconv.FormatInt(n, 10), true
	}
	return v.Text()
}

// bytesOf is numel times the item size, -1 when that does not fit.
func bytesOf(numel int64, dtype string) int64 {
	n, ok := bounded.Mul(numel, itemSizes[dtype])
	if !ok {
		return -1
	}
	return n
}

// zipStorages registers the storages that the pickle p of a zip refers to.
func (f *File) zipStorages(k int) {
	p := &f.Pickles[k]
	folder, suffix := storageFolder(f.formatFor(p), f.relative(p.Record))
	for ev := range p.Trace.Events() {
		if ev.Kind != pickle.EventPersistent {
			continue
		}
		id, ok := f.parseID(ev.Args(), p.Record)
		if !ok {
			continue
		}
		f.addStorage(id, folder, suffix, p.Record, ev.Offset)
	}
}

// formatFor is the format that rules where a pickle's storages lie.
func (f *File) formatFor(p *Pickle) Format {
	if f.is(TorchPackage) && !strings.EqualFold(f.relative(p.Record), "data.pkl") {
		return TorchPackage
	}
	return f.Format
}

func (f *File) relative(record string) string {
	if f.Root == "" {
		return record
	}
	return strings.TrimPrefix(record, f.Root+"/")
}

func (f *File) addStorage(id persistentID, folder, suffix, from string, offset int64) {
	at, entry, exact := f.find(folder, id.key, suffix)
	if at >= 0 {
		s := f.nameless(at)
		if s.DType != id.dtype || s.NumEl != id.numel {
			f.fact(StorageDispute, from, offset, "the storage %q is %d of %s here and %d of %s before", id.key, id.numel, id.dtype, s.NumEl, s.DType)
		}
		return
	}
	s := &Storage{
		Key: id.key, DType: id.dtype, Untyped: id.untyped, NumEl: id.numel, NBytes: bytesOf(id.numel, id.dtype),
		Record: f.full(folder + id.key + suffix), RecordSize: -1, Offset: -1, Device: id.device,
		entry: -1, file: f, folder: folder,
	}
	if entry >= 0 {
		s.place(f.Archive.Numbers(entry), entry)
		f.checkPlace(s)
	} else {
		f.fact(MissingStorage, from, offset, "no record %q for the storage %q", s.Record, id.key)
	}
	if exact {
		f.shelve(s, suffix)
	} else {
		f.byKey[folder+id.key] = f.NumStorages()
		f.shelf.put(*s)
	}
	// torch.jit.trace writes its inputs without their bytes.
	traced := folder == "traced_inputs/" && s.RecordSize == 0
	if s.RecordSize >= 0 && s.NBytes != s.RecordSize && !traced {
		f.fact(SizeDisagrees, s.Record, -1, "%q holds %d bytes, the pickle says %d of %s", s.Record, s.RecordSize, s.NumEl, s.DType)
	}
	if found := f.Archive.Lookup(s.Record); len(found) > 1 {
		f.fact(LookupDispute, s.Record, -1, "loaders find different entries for %q", s.Record)
	}
}

// place sets where the bytes of a storage are.
func (s *Storage) place(e strictzip.Fields, entry int) {
	s.entry, s.RecordSize, s.Offset = entry, e.Size, -1
	if e.Method == strictzip.Stored {
		s.Offset = e.DataOffset
	}
}

func (f *File) checkPlace(s *Storage) {
	if s.Offset >= 0 && s.RecordSize > 0 && s.Offset%64 != 0 {
		f.fact(Unaligned, s.Record, -1, "%q lies at %#x, not on 64 bytes", s.Record, s.Offset)
	}
}

// checkStorages reports records that look like storages and are referred to by
// nothing.
func (f *File) checkStorages() {
	used := make([]bool, f.Archive.Len())
	for i := range f.NumStorages() {
		if entry := f.nameless(i).entry; entry >= 0 {
			used[entry] = true
		}
	}
	for rec := range f.Records() {
		if rec.Role == RoleStorage && !used[rec.Entry] && f.Format != Zip {
			f.fact(UnusedStorage, rec.Name, -1, "nothing refers to %q", rec.Name)
		}
	}
}

// open returns the bytes of a storage.
func (s *Storage) open() (io.ReaderAt, int64, error) {
	if s.file == nil || s.RecordSize < 0 {
		return nil, 0, fmt.Errorf("torchfile: no bytes for the storage %q", s.Key)
	}
	if s.entry < 0 {
		return io.NewSectionReader(s.file.r, s.Offset, s.RecordSize), s.RecordSize, nil
	}
	if s.Offset >= 0 {
		sec, err := s.file.Archive.Section(s.entry)
		if err != nil {
			return nil, 0, err
		}
		return sec, sec.Size(), nil
	}
	b, err := s.file.Archive.Read(s.entry, s.file.opt.MaxInflate)
	if err != nil {
		return nil, 0, err
	}
	return bytes.NewReader(b), int64(len(b)), nil
}

// stream returns the bytes of a storage from off, in order only.
func (s *Storage) stream(off int64) (io.Reader, error) {
	if s.entry < 0 || s.Offset >= 0 {
		r, size, err := s.open()
		if err != nil {
			return nil, err
		}
		return io.NewSectionReader(r, off, size-off), nil
	}
	r, err := s.file.Archive.Open(s.entry)
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, off); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return r, nil
}

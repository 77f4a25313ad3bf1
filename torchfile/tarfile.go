package torchfile

import (
	"archive/tar"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// tarLoaders: weights_only refuses a tar, so what is read is read in full.
var tarLoaders = []Loader{{Name: "torch.load", Python: true}}

const maxTarMembers = 10_000

// tarHeader reports whether a block is a tar header by its checksum, as
// Python's tarfile tells one that is older than ustar.
func tarHeader(b []byte) bool {
	if len(b) < 512 || b[0] == 0 {
		return false
	}
	sum := int64(8 * ' ')
	for i, c := range b[:512] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	want, err := strconv.ParseInt(strings.Trim(string(b[148:156]), " \x00"), 8, 64)
	return err == nil && want == sum
}

// openTar reads what torch 0.1 wrote: the members sys_info, pickle, tensors and
// storages.
func (f *File) openTar() error {
	members, err := f.tarMembers()
	if err != nil {
		return err
	}
	f.Format, f.Formats = TorchTar, []Format{TorchTar}
	if at, ok := members["sys_info"]; ok {
		rec := f.records[at]
		f.run(io.NewSectionReader(f.r, rec.Offset, rec.Size), rec.Size, 0, Pickle{Record: rec.Name, Entry: -1, Role: "sysinfo", Base: rec.Offset})
	}
	ids := f.tarStorages(members)
	tensors := f.tarTensors(members, ids)
	at, ok := members["pickle"]
	if !ok {
		return nil
	}
	k := len(f.Pickles)
	f.Object = k
	rec := f.records[at]
	f.trace(io.NewSectionReader(f.r, rec.Offset, rec.Size), rec.Size, Pickle{Record: rec.Name, Entry: -1, Role: "object", Base: rec.Offset, Loaders: tarLoaders})
	if k < len(f.Pickles) {
		f.tarObject(k, tensors)
	}
	return nil
}

// tarMembers lists the members; the last of a name counts, as in Python.
func (f *File) tarMembers() (map[string]int, error) {
	s := io.NewSectionReader(f.r, 0, f.Size)
	tr := tar.NewReader(s)
	members := map[string]int{}
	for len(f.records) < maxTarMembers {
		h, err := tr.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) && len(f.records) > 0 {
				f.fact(BrokenContainer, "", -1, "the tar breaks: %v", err)
			}
			break
		}
		off, _ := s.Seek(0, io.SeekCurrent)
		size := min(h.Size, f.Size-off)
		name := strings.TrimPrefix(h.Name, "./")
		role := RoleUnknown
		switch name {
		case "pickle", "sys_info", "tensors", "storages":
			role = RolePickle
			if _, seen := members[name]; seen {
				f.fact(LookupDispute, h.Name, -1, "the member %q is there more than once", name)
			}
			members[name] = len(f.records)
		}
		f.records = append(f.records, Record{Name: h.Name, Path: name, Entry: -1, Offset: off, Size: max(size, 0), Role: role})
	}
	_, p := members["pickle"]
	_, t := members["tensors"]
	_, st := members["storages"]
	if !p && !t && !st {
		return nil, fmt.Errorf("%w: a tar without the members of torch", ErrFormat)
	}
	return members, nil
}

// cursor reads pickles and numbers one after another from a member.
type cursor struct {
	f     *File
	r     io.ReaderAt
	rec   Record
	pos   int64
	index int
	ok    bool
}

func (f *File) cursor(members map[string]int, name string) *cursor {
	at, ok := members[name]
	if !ok {
		f.fact(MissingStorage, name, -1, "no member %q", name)
		return &cursor{}
	}
	rec := f.records[at]
	return &cursor{f: f, r: io.NewSectionReader(f.r, rec.Offset, rec.Size), rec: rec, ok: true}
}

func (c *cursor) pickle() pickle.Value {
	if !c.ok {
		return pickle.Value{}
	}
	t := c.f.run(c.r, c.rec.Size, c.pos, Pickle{
		Record: c.rec.Name, Entry: -1, Index: c.index, Role: c.rec.Path, Base: c.rec.Offset, Loaders: tarLoaders,
	})
	c.index++
	c.pos, c.ok = t.End, t.Err == nil
	return t.Result
}

func (c *cursor) int64() int64 {
	var b [8]byte
	if !c.ok || c.pos > c.rec.Size-8 {
		c.ok = false
		return 0
	}
	if n, _ := c.r.ReadAt(b[:], c.pos); n < len(b) {
		c.ok = false
		return 0
	}
	c.pos += 8
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (c *cursor) int64s(n int64) []int64 {
	var out []int64
	for i := int64(0); i < n && c.ok; i++ {
		out = append(out, c.int64())
	}
	return out
}

// tarStorages reads pickle(n), n times pickle((key, location, type)), a count
// and the elements, then pickle of the views.
func (f *File) tarStorages(members map[string]int) map[string]int {
	ids := map[string]int{}
	c := f.cursor(members, "storages")
	n, _ := c.pickle().Int()
	for i := int64(0); i < n && c.ok; i++ {
		v := c.pickle()
		count := c.int64()
		key, ok := keyText(v.Index(0))
		g, _ := v.Index(2).Global()
		dtype, untyped, known := storageDType(g.Name)
		size := bytesOf(count, dtype)
		if !c.ok || !ok || !known || count < 0 || size < 0 || size > c.rec.Size-c.pos {
			f.fact(MissingStorage, "storages", c.pos, "the storage %d does not parse", i)
			return ids
		}
		loc, _ := v.Index(1).Text()
		ids[key] = f.NumStorages()
		f.shelf.put(Storage{
			Key: key, DType: dtype, Untyped: untyped, NumEl: count, NBytes: size, Record: c.rec.Name, RecordSize: size,
			Offset: c.rec.Offset + c.pos, Device: loc, entry: -1, file: f,
		})
		c.pos += size
	}
	for v := range c.pickle().Items() {
		f.tarView(ids, v)
	}
	if c.ok && c.pos < c.rec.Size {
		f.fact(TrailingBytes, c.rec.Name, c.pos, "%d bytes after the last pickle", c.rec.Size-c.pos)
	}
	return ids
}

// tarView is (target, root, offset, numel).
func (f *File) tarView(ids map[string]int, v pickle.Value) {
	target, ok1 := keyText(v.Index(0))
	root, ok2 := keyText(v.Index(1))
	off, ok3 := v.Index(2).Int()
	n, ok4 := v.Index(3).Int()
	at, known := ids[root]
	if !ok1 || !ok2 || !ok3 || !ok4 || !known || off < 0 || n < 0 {
		f.fact(OddArguments, "storages", v.Offset(), "a view that is not (target, root, offset, size)")
		return
	}
	s := *f.Storage(at)
	start, size := bytesOf(off, s.DType), bytesOf(n, s.DType)
	if start < 0 || size < 0 || start > s.RecordSize || size > s.RecordSize-start {
		f.fact(OutOfRange, "storages", v.Offset(), "the view %q reaches outside of the storage %q", target, root)
		return
	}
	s.Key, s.View, s.NumEl, s.NBytes, s.RecordSize = target, true, n, size, size
	s.Offset += start
	ids[target] = f.NumStorages()
	f.shelf.put(s)
}

// tarTensors reads pickle(n), n times pickle((key, storage, type)), the number
// of dimensions, sizes, strides and the offset.
func (f *File) tarTensors(members map[string]int, ids map[string]int) map[string]Tensor {
	out := map[string]Tensor{}
	c := f.cursor(members, "tensors")
	n, _ := c.pickle().Int()
	for i := int64(0); i < n && c.ok; i++ {
		v := c.pickle()
		dims := c.int64() & 0xffffffff // an int32 and four bytes of padding
		if dims > maxDims {
			c.ok = false
		}
		t := Tensor{Layout: "strided", Storage: -1, file: f, Offset: v.Offset()}
		t.Shape, t.Stride = c.int64s(dims), c.int64s(dims)
		t.StorageOffset = c.int64()
		key, ok1 := keyText(v.Index(0))
		sid, ok2 := keyText(v.Index(1))
		if !c.ok || !ok1 || !ok2 {
			f.fact(OddArguments, "tensors", c.pos, "the tensor %d does not parse", i)
			return out
		}
		at, known := ids[sid]
		if !known {
			t.Problem = "its storage is not there"
			f.fact(MissingStorage, "tensors", c.pos, "no storage %q for the tensor %q", sid, key)
		} else {
			s := f.Storage(at)
			t.Storage, t.DType, t.Device = at, s.DType, s.Device
			f.checkGeometry(&t, s, "tensors", c.pos)
		}
		out[key] = t
	}
	return out
}

// tarObject finds the tensors of the object: persistent ids that are their keys.
func (f *File) tarObject(k int, tensors map[string]Tensor) {
	w := f.walker(k)
	w.keyed = tensors
	var visit func(v pickle.Value, depth int)
	visit = func(v pickle.Value, depth int) {
		if depth > maxDepth || !w.step() {
			return
		}
		switch v.Kind() {
		case pickle.KindPersistent:
			key, _ := keyText(v.PersistentID())
			if t, ok := tensors[key]; ok {
				w.keep(t)
			}
		case pickle.KindDict, pickle.KindObject:
			for key, x := range v.Pairs() {
				w.path = append(w.path, pathKey(key))
				visit(x, depth+1)
				w.path = w.path[:len(w.path)-1]
			}
		case pickle.KindList, pickle.KindTuple:
			i := int64(0)
			for x := range v.Items() {
				w.path = append(w.path, i)
				visit(x, depth+1)
				w.path = w.path[:len(w.path)-1]
				i++
			}
		}
	}
	visit(f.Pickles[k].Trace.Result, 0)
}

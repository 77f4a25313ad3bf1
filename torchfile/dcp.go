package torchfile

import (
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
)

// OpenDCP reads a torch.distributed.checkpoint directory from its .metadata and
// what open gives for the relative paths of its shards. Every item of a shard
// is a container of its own, in File.Nested under its name. Paths that leave
// the directory are facts and are not opened.
func OpenDCP(metadata io.ReaderAt, size int64, open func(rel string) (io.ReaderAt, int64, error), opt Options) (*File, error) {
	f := newFile(metadata, size, opt)
	f.Format, f.Formats = DCP, []Format{DCP}
	f.records = []Record{{Name: ".metadata", Path: ".metadata", Entry: -1, Size: size, Role: RolePickle}}
	f.trace(metadata, size, Pickle{Record: ".metadata", Entry: -1, Role: "metadata", Loaders: dcpMetadata})
	shards := map[string]*shard{}
	f.Object = 0
	f.inPlace = bounded.NewBudget("bytes of overlapping items", math.MaxInt64) // each shard has its own
	kept := map[string]int{}
	for item := range f.dcpItems {
		if int64(len(f.Nested)) >= f.opt.MaxTensors {
			f.fact(Limit, ".metadata", -1, "more items than the limit of %d", f.opt.MaxTensors)
			break
		}
		before := len(f.Nested)
		f.dcpItem(item, shards, open)
		key := itemKey(item.name, item.start)
		if _, seen := kept[key]; seen {
			f.fact(StorageDispute, ".metadata", item.at, "%q at %v is kept in two places", item.name, item.start)
		}
		if kept[key] = -1; len(f.Nested) > before {
			kept[key] = before
		}
	}
	f.dcpDescribe(kept)
	return f, nil
}

type shard struct {
	r    io.ReaderAt
	size int64
	err  error
	left *bounded.Budget
}

// dcpEntry is one pair of Metadata.storage_data: MetadataIndex to _StorageInfo.
type dcpEntry struct {
	name           string
	start          []int64 // of the chunk in the tensor; nil for what is no tensor
	rel            string
	offset, length int64
	at             int64
	ok             bool
}

func (f *File) dcpItems(yield func(dcpEntry) bool) {
	data := attr(f.Pickles[0].Trace.Result, "storage_data")
	if data.IsZero() {
		f.fact(OddArguments, ".metadata", -1, "no storage_data in the metadata")
		return
	}
	for k, v := range data.Pairs() {
		e := dcpEntry{at: v.Offset()}
		var ok [4]bool
		if e.name, ok[0] = k.Text(); !ok[0] {
			e.name, ok[0] = attr(k, "fqn").Text()
			e.start, _ = ints(attr(k, "offset"))
		}
		e.rel, ok[1] = attr(v, "relative_path").Text()
		e.offset, ok[2] = attr(v, "offset").Int()
		e.length, ok[3] = attr(v, "length").Int()
		e.ok = ok == [4]bool{true, true, true, true}
		if !yield(e) {
			return
		}
	}
}

// attr returns an attribute of an instance by its state.
func attr(v pickle.Value, name string) pickle.Value {
	var out pickle.Value
	if v.Kind() != pickle.KindObject {
		return out
	}
	for s := range v.States() {
		if s.Kind() != pickle.KindDict {
			continue
		}
		for k, x := range s.Pairs() {
			if got, _ := k.Text(); got == name {
				out = x
			}
		}
	}
	return out
}

func (f *File) dcpItem(e dcpEntry, shards map[string]*shard, open func(string) (io.ReaderAt, int64, error)) {
	if !e.ok || e.offset < 0 || e.length < 0 {
		f.fact(OddArguments, ".metadata", e.at, "an item of storage_data that does not parse")
		return
	}
	if escapes(e.rel) {
		f.fact(PathEscape, ".metadata", e.at, "%q is kept in %q, outside of the checkpoint", e.name, e.rel)
		return
	}
	s := shards[e.rel]
	if s == nil {
		s = &shard{}
		s.r, s.size, s.err = open(e.rel)
		s.left = bounded.NewBudget("bytes of overlapping items", s.size)
		shards[e.rel] = s
		if s.err != nil {
			f.fact(UnreadShard, e.rel, -1, "%v", s.err)
		} else {
			f.records = append(f.records, Record{Name: e.rel, Path: e.rel, Entry: -1, Size: s.size, Role: RoleStorage})
		}
	}
	if s.err != nil {
		return
	}
	if e.offset > s.size || e.length > s.size-e.offset {
		f.fact(OutOfRange, ".metadata", e.at, "%q is said to be %d bytes at %d of %q, which has %d", e.name, e.length, e.offset, e.rel, s.size)
		return
	}
	if err := s.left.Spend(e.length); err != nil {
		f.fact(Limit, e.rel, -1, "%v", err)
		return
	}
	f.nest(io.NewSectionReader(s.r, e.offset, e.length), Nested{
		Record: fmt.Sprintf("%s@%d", e.rel, e.offset), Name: e.name, Entry: -1, Offset: e.offset, Size: e.length, Loaders: dcpLoaders,
	})
}

// escapes reports whether a path could leave the folder it is relative to, on
// any system.
func escapes(rel string) bool {
	p := strings.ReplaceAll(rel, `\`, "/")
	clean := path.Clean(p)
	return p == "" || path.IsAbs(p) || strings.Contains(p, ":") || strings.ContainsRune(p, 0) ||
		clean == ".." || strings.HasPrefix(clean, "../") || strings.Contains(p, "/../")
}

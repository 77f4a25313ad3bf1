package torchfile

import (
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/exportir"
)

const maxConfig = 32 << 20 // bytes of a JSON configuration

const pt2Strided = "7" // Layout.Strided of the schema

// openNested reads the containers that torch.export.load opens, and the
// tensors that its configurations describe.
func (f *File) openNested() {
	if !f.is(PT2) && !f.is(PT2Old) {
		return
	}
	pickled := map[string]bool{}
	for rec := range f.Records() {
		p := strings.ToLower(rec.Path)
		switch {
		case strings.HasPrefix(p, "data/weights/") && strings.HasSuffix(p, "_weights_config.json"):
			f.readConfig(rec, "", pickled)
		case strings.HasPrefix(p, "data/constants/") && strings.HasSuffix(p, "_constants_config.json"):
			f.readConfig(rec, "constants.", pickled)
		}
	}
	for rec := range f.Records() {
		switch {
		case pickled[strings.ToLower(rec.Path)]:
			f.nested[rec.Entry] = true
			f.nestRecord(rec, exportPickle)
		case rec.Role == RoleNested:
			f.nestRecord(rec, exportLoaders)
		}
	}
}

// nestRecord reads a record that is a container. One that is none, such as a
// plain pickle, keeps its role and has no entry in Nested.
func (f *File) nestRecord(rec *Record, by []Loader) {
	r, size, base, err := f.record(rec.Entry)
	if err != nil {
		f.unreadable(rec.Name, err)
		return
	}
	f.nest(r, Nested{Record: rec.Name, Entry: rec.Entry, Offset: base, Size: size, Loaders: by})
}

// readConfig reads data/weights/<model>_weights_config.json and its like.
func (f *File) readConfig(rec *Record, prefix string, pickled map[string]bool) {
	r, size, base, err := f.record(rec.Entry)
	if err == nil && base >= 0 {
		err = f.inPlace.Spend(size)
	}
	if err != nil {
		f.unreadable(rec.Name, err)
		return
	}
	c, err := exportir.ReadConfig(io.NewSectionReader(r, 0, size), maxConfig)
	if err != nil {
		kind := BadConfig
		if errors.Is(err, bounded.ErrLimit) {
			kind = Limit
		}
		f.fact(kind, rec.Name, -1, "%v", err)
	}
	for _, d := range c.Duplicates {
		f.fact(BadConfig, rec.Name, -1, "the key %.200q stands twice in one object", d)
	}
	for _, note := range c.Notes {
		f.fact(BadConfig, rec.Name, -1, "%s", note)
	}
	folder := path.Dir(rec.Path) + "/"
	first := len(f.Tensors)
	for i := range c.Entries {
		f.readEntry(rec, prefix, folder, &c.Entries[i], pickled)
	}
	f.checkExact(rec, first)
}

func (f *File) readEntry(rec *Record, prefix, folder string, e *exportir.Entry, pickled map[string]bool) {
	for _, note := range e.Notes {
		f.fact(BadConfig, rec.Name, -1, "%.200q: %s", e.FQN, note)
	}
	if !e.PlainPath {
		f.fact(PathEscape, rec.Name, -1, "the payload %.200q of %.200q is not a plain name", e.PathName, e.FQN)
	}
	if e.UsePickle {
		f.fact(UsePickle, rec.Name, -1, "%.200q is loaded from %.200q as a full pickle", e.FQN, e.PathName)
		pickled[strings.ToLower(folder+e.PathName)] = true
		return
	}
	f.pt2Tensor(rec, prefix+e.FQN, folder, e)
}

func (f *File) pt2Tensor(rec *Record, name, folder string, e *exportir.Entry) {
	if !e.HasMeta {
		return
	}
	if f.tensors >= f.opt.MaxTensors {
		f.fact(Limit, rec.Name, -1, "more tensors than the limit of %d", f.opt.MaxTensors)
		return
	}
	t := Tensor{
		Path: []any{name}, Name: name, DType: e.DType, Shape: e.Sizes, Stride: e.Strides, StorageOffset: e.Offset,
		Layout: "strided", Device: e.Device, RequiresGrad: e.Grad, Parameter: e.IsParam, Pickle: -1, Storage: -1, file: f,
	}
	switch {
	case t.DType == "":
		f.fact(UnknownDType, rec.Name, -1, "%.200q has the dtype %q", name, e.DTypeCode)
		t.Problem = "its dtype is unknown"
	case e.Layout != "" && e.Layout != "0" && e.Layout != pt2Strided:
		t.Problem = "its layout is not strided"
	case e.Symbolic || len(t.Shape) > maxDims:
		t.Problem = "its shape is symbolic"
	default:
		t.Storage = f.pt2Storage(rec, folder, e.PathName, e.Device)
		if t.Storage < 0 {
			t.Problem = "its storage is not there"
		} else {
			f.checkGeometry(&t, f.Storage(t.Storage), rec.Name, -1)
		}
	}
	f.Tensors = append(f.Tensors, t)
	f.tensors++
}

// checkExact compares the records of the tensors from first on with what the
// tensors need: torch writes a record of exactly the largest of those that share
// it. Only where all are contiguous from the begin is that known.
func (f *File) checkExact(rec *Record, first int) {
	need := map[int]int64{}
	for i := first; i < len(f.Tensors); i++ {
		t := &f.Tensors[i]
		if t.Storage < 0 {
			continue
		}
		n, ok := t.numel()
		bytes, fits := bounded.Mul(n, itemSizes[t.DType])
		if !ok || !fits || t.StorageOffset != 0 || !contiguous(t) {
			bytes = -1
		}
		if old, seen := need[t.Storage]; seen && (old < 0 || bytes < 0) {
			bytes = -1
		} else if seen {
			bytes = max(bytes, old)
		}
		need[t.Storage] = bytes
	}
	for _, i := range slices.Sorted(maps.Keys(need)) {
		s := f.Storage(i)
		if n := need[i]; n >= 0 && s.RecordSize >= 0 && n != s.RecordSize {
			f.fact(SizeDisagrees, s.Record, -1, "%q holds %d bytes, %q says %d", s.Record, s.RecordSize, rec.Name, n)
		}
	}
}

// contiguous reports whether the strides are those of elements one after
// another. Strides of dimensions of one element do not matter.
func contiguous(t *Tensor) bool {
	if len(t.Shape) != len(t.Stride) {
		return false
	}
	if slices.Contains(t.Shape, 0) {
		return true
	}
	step := int64(1)
	for i, v := range slices.Backward(t.Shape) {
		if v != 1 && t.Stride[i] != step {
			return false
		}
		next, ok := bounded.Mul(step, v)
		if !ok {
			return false
		}
		step = next
	}
	return true
}

func (f *File) pt2Storage(rec *Record, folder, name, device string) int {
	mapKey := "pt2/" + folder + name
	if i, ok := f.byKey[mapKey]; ok {
		return i
	}
	s := Storage{
		Key: name, DType: "uint8", Untyped: true, Record: f.full(folder + name), RecordSize: -1, Offset: -1,
		Device: device, entry: -1, file: f,
	}
	i := f.Archive.Locate(s.Record)
	if i < 0 {
		f.fact(MissingStorage, rec.Name, -1, "no record %.200q", s.Record)
		return -1
	}
	s.place(f.Archive.Numbers(i), i)
	f.checkPlace(&s)
	s.NumEl, s.NBytes = s.RecordSize, s.RecordSize
	f.byKey[mapKey] = f.NumStorages()
	f.shelf.put(s)
	return f.byKey[mapKey]
}

package torchfile

import (
	"errors"
	"io"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
)

// Who reads what. Python means that any global runs.
var (
	torchLoaders   = []Loader{{Name: "torch.load", Python: true, WeightsOnly: true}}
	scriptLoaders  = []Loader{{Name: "torch.jit.load", Native: true}, {Name: "torch.load before 2.6", Native: true}}
	liteLoaders    = []Loader{{Name: "torch.jit.mobile", Native: true}}
	packageLoaders = []Loader{{Name: "torch.package", Python: true}}
	packageNative  = []Loader{{Name: "torch.package", Native: true}}
	exportLoaders  = []Loader{{Name: "torch.export.load", Python: true, WeightsOnly: true}}
	exportPickle   = []Loader{{Name: "torch.export.load", Python: true}}
	exportNative   = []Loader{{Name: "torch.export.load", Native: true}}
	dcpLoaders     = []Loader{{Name: "torch.distributed.checkpoint", Python: true, WeightsOnly: true}}
	dcpMetadata    = []Loader{{Name: "torch.distributed.checkpoint", Python: true}}
)

// loadersOf says who reads the pickle at a path, in lower case.
func (f *File) loadersOf(p string) []Loader {
	var out []Loader
	script := f.is(TorchScript) || f.is(TorchScriptLite)
	if f.is(TorchZip) && p == "data.pkl" {
		out = append(out, torchLoaders...)
	}
	if script && (p == "data.pkl" || p == "constants.pkl" || p == "traced_inputs.pkl" || strings.HasSuffix(p, ".debug_pkl")) {
		out = append(out, scriptLoaders...)
	}
	if f.is(TorchScriptLite) && (p == "data.pkl" || p == "constants.pkl" || p == "bytecode.pkl" || p == "mobile_debug_handles.pkl") {
		out = append(out, liteLoaders...)
	}
	if f.is(TorchPackage) && strings.HasSuffix(p, ".pkl") {
		if strings.HasPrefix(p, ".data/ts_code/") {
			return append(out, packageNative...)
		}
		out = append(out, packageLoaders...)
	}
	if f.is(PT2) && strings.HasPrefix(path.Base(p), "opaque_obj_") {
		out = append(out, exportPickle...)
	}
	if f.is(PT2) && strings.HasPrefix(path.Base(p), "custom_obj_") {
		out = append(out, exportNative...)
	}
	return out
}

// pickleRole names the stream at a path, in lower case.
func pickleRole(p string) string {
	switch {
	case p == "data.pkl":
		return "object"
	case strings.HasSuffix(p, ".debug_pkl"):
		return "debug"
	case strings.HasSuffix(p, ".pkl"):
		return strings.TrimSuffix(path.Base(p), ".pkl")
	}
	return path.Base(p)
}

// tracePickles traces every record that is a pickle by its role: all
// duplicates and spellings, because some loader takes each of them.
func (f *File) tracePickles() {
	for rec := range f.Records() {
		if rec.Role != RolePickle && rec.Role != RoleDebug {
			continue
		}
		r, size, base, err := f.pickled(rec.Entry)
		if err != nil {
			f.unreadable(rec.Name, err)
			if r == nil {
				continue
			}
		}
		p := strings.ToLower(rec.Path)
		if p == "data.pkl" && f.locate("data.pkl") == rec.Entry {
			f.Object = len(f.Pickles)
		}
		f.trace(r, size, Pickle{
			Record: rec.Name, Entry: rec.Entry, Role: pickleRole(p), Base: base, Loaders: f.loadersOf(p),
		})
	}
}

func (f *File) unreadable(record string, err error) {
	kind := Unreadable
	if errors.Is(err, bounded.ErrLimit) {
		kind = Limit
	}
	f.fact(kind, record, -1, "%v", err)
}

// trace runs the stream at the start of r, and those after its STOP. Records
// that share their bytes share the trace.
func (f *File) trace(r io.ReaderAt, size int64, p Pickle) {
	if p.Base >= 0 {
		where := extent64{p.Base, size}
		if t := f.traced[where]; t != nil {
			p.Trace, p.Source, p.Size = t, r, size
			f.Pickles = append(f.Pickles, p)
			return
		}
		if err := f.inPlace.Spend(size); err != nil {
			f.fact(Limit, p.Record, -1, "%v", err)
			return
		}
		defer func(k int) { f.traced[where] = f.Pickles[k].Trace }(len(f.Pickles))
	}
	t := f.run(r, size, 0, p)
	if t.Err != nil || t.End >= size {
		return
	}
	f.fact(TrailingBytes, p.Record, t.End, "%d bytes after the STOP of the pickle", size-t.End)
	p.Role, p.Loaders = "trailing", nil
	for _, more := range pickle.RunAll(r, size, f.pickleOptions(t.End)) {
		if more.Err != nil && more.Len() == 0 {
			continue // bytes that are no pickle
		}
		p.Index++
		p.Trace, p.Source, p.Size = more, r, size
		f.Pickles = append(f.Pickles, p)
	}
}

const maxGap = 16 << 20 // bytes of what belongs to nothing that are looked through

// traceGap keeps the streams in bytes that belong to nothing. No loader reads
// them by itself; something that seeks there would.
func (f *File) traceGap(off, size int64) {
	size = min(size, maxGap)
	if err := f.inPlace.Spend(size); err != nil {
		return // looked at already
	}
	r := io.NewSectionReader(f.r, off, size)
	index := 0
	for _, t := range pickle.RunAll(r, size, f.pickleOptions(0)) {
		if t.Len() == 0 {
			continue // bytes that do nothing
		}
		f.Pickles = append(f.Pickles, Pickle{
			Entry: -1, Index: index, Role: "unaccounted", Base: off, Trace: t, Source: r, Size: size,
		})
		index++
	}
}

// run traces one stream and keeps it.
func (f *File) run(r io.ReaderAt, size, start int64, p Pickle) *pickle.Trace {
	t := pickle.Run(r, size, f.pickleOptions(start))
	p.Trace, p.Source, p.Size = t, r, size
	f.Pickles = append(f.Pickles, p)
	if t.Err != nil {
		kind := BrokenPickle
		if errors.Is(t.Err, bounded.ErrLimit) {
			kind = Limit
		}
		f.fact(kind, p.Record, t.End, "%v", t.Err)
	}
	return t
}

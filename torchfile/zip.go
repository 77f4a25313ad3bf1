package torchfile

import (
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/strictzip"
)

const (
	maxText     = 1 << 10 // bytes of version, byteorder and the like
	maxInMemory = 8 << 20 // bytes of one pickle that is kept in memory
	allInMemory = 32 << 20
	fewInMemory = 2 << 20 // of the pickles of a file whose values are not in memory
	oldProgram  = "serialized_exported_program.json"
)

func (f *File) openZip() error {
	a, err := strictzip.Open(f.r, f.Size, f.opt.Zip)
	if err != nil {
		if errors.Is(err, strictzip.ErrFormat) {
			f.only(Zip)
			f.fact(BrokenContainer, "", -1, "begins as a zip, but has no central directory")
			return nil
		}
		return err
	}
	f.Archive = a
	if lastBase(a) > 0 && f.openShard() {
		return nil
	}
	f.findRoot()
	f.findFormats()
	f.checkRecords()
	f.checkVersion()
	f.checkLookups()
	f.tracePickles()
	f.readTensors()
	f.openNested()
	f.checkStorages()
	for _, g := range a.Gaps {
		f.traceGap(g.Offset, g.Size)
	}
	for _, other := range a.Others {
		f.openOther(other)
	}
	return nil
}

// findRoot takes the first component of the first entry's name, as
// PyTorchStreamReader::init does.
func (f *File) findRoot() {
	if f.Archive.Len() == 0 {
		f.fact(NoRoot, "", -1, "the archive has no entries")
		return
	}
	if len(f.Archive.Variants(oldProgram)) > 0 {
		return // torch.export before 2.8 uses Python's zipfile and no folder
	}
	name := f.Archive.Entry(0).Name
	root, _, ok := strings.Cut(name, "/")
	if ok {
		f.Root = root
		return
	}
	f.fact(NoRoot, name, -1, "the first entry, %q, is not in a folder", name)
}

// full is the name of a record in the archive.
func (f *File) full(p string) string {
	if f.Root == "" {
		return p
	}
	return f.Root + "/" + p
}

// locate returns the entry that torch finds for a record, or -1.
func (f *File) locate(p string) int { return f.Archive.Locate(f.full(p)) }

// has reports whether some loader finds a record of this name.
func (f *File) has(p string) bool { return len(f.Archive.Variants(f.full(p))) > 0 }

// listed reports whether PyTorchStreamReader::getAllRecords names a record.
func (f *File) listed(p string) bool {
	for _, i := range f.Archive.Variants(f.full(p)) {
		if f.Archive.Entry(i).Name == f.full(p) {
			return true
		}
	}
	return false
}

func (f *File) findFormats() {
	add := func(format Format, ok bool) {
		if ok {
			f.Formats = append(f.Formats, format)
		}
	}
	// torch.load looks for constants.pkl in the listing, where letter case counts;
	// torch.jit.load looks it up, where it does not.
	script := f.has("constants.pkl")
	listed := f.listed("constants.pkl")
	add(TorchScriptLite, script && f.has("bytecode.pkl"))
	add(TorchScript, script && !f.has("bytecode.pkl"))
	if old := f.has("model.json") && (f.has("version") || f.has(".data/version")); old {
		// torch.jit.load prefers it to constants.pkl; it names the records of code as it likes.
		add(TorchScript, !script)
		f.fact(OldScript, f.full("model.json"), -1, "TorchScript of torch 1.0 or 1.1, whose code records the JSON names: they are not read")
	}
	add(TorchPackage, f.has(".data/extern_modules"))
	add(PT2, f.has("archive_format") && strings.TrimSpace(f.text("archive_format")) == "pt2")
	add(PT2Old, f.has(oldProgram))
	add(TorchZip, !listed && f.has("data.pkl"))
	if len(f.Formats) == 0 {
		f.Formats = []Format{Zip}
	}
	f.Format = f.Formats[0]
	if len(f.Formats) > 1 {
		f.fact(SeveralFormats, "", -1, "bears the marks of %q", f.Formats)
	}
}

func (f *File) is(format Format) bool {
	return slices.Contains(f.Formats, format)
}

// checkRecords reports what is odd about where records are and how.
func (f *File) checkRecords() {
	for rec := range f.Records() {
		if f.Root != "" && !strings.HasPrefix(rec.Name, f.Root+"/") {
			f.fact(OutsideRoot, rec.Name, -1, "%q is outside of the folder %q", rec.Name, f.Root)
		}
		if rec.Method != strictzip.Stored && rec.Size > 0 && (rec.Role == RoleStorage || rec.Role == RolePickle) {
			f.fact(Compressed, rec.Name, -1, "%q is compressed, which torch never writes", rec.Name)
		}
	}
}

// roles by exact path, in lower case.
var fixedRoles = map[string]Role{
	"version": RoleVersion, ".data/version": RoleVersion, "archive_version": RoleVersion,
	"byteorder": RoleByteOrder, "archive_format": RoleMeta, ".format_version": RoleMeta,
	".storage_alignment": RoleMeta, ".data/serialization_id": RoleMeta,
	".data/extern_modules": RoleMeta, ".data/python_version": RoleMeta,
}

var extensionRoles = map[string]Role{
	".pkl": RolePickle, ".debug_pkl": RoleDebug, ".py": RoleCode, ".json": RoleJSON,
	".pt": RoleNested, ".pth": RoleNested, ".pt2": RoleNested, ".ptl": RoleNested, ".pte": RoleNested,
	".so": RoleNative, ".dll": RoleNative, ".dylib": RoleNative, ".o": RoleNative, ".a": RoleNative,
	".cpp": RoleNative, ".cc": RoleNative, ".c": RoleNative, ".h": RoleNative, ".cu": RoleNative,
	".ptx": RoleNative, ".cubin": RoleNative, ".hsaco": RoleNative, ".metal": RoleNative, ".spv": RoleNative,
}

func (f *File) roleOf(p string) Role {
	if strings.HasSuffix(p, "/") {
		return RoleDirectory
	}
	if role, ok := fixedRoles[p]; ok {
		return role
	}
	if f.is(PT2Old) && (p == "serialized_state_dict.json" || p == "serialized_constants.json") {
		return RoleNested // the names of the .pt records in torch 2.1, which torch.export.load still unpickles
	}
	if strings.HasPrefix(p, "extra/") || strings.HasPrefix(p, "extra_files/") {
		return RoleExtra
	}
	base := path.Base(p)
	if strings.HasPrefix(base, "custom_obj_") || strings.HasPrefix(base, "opaque_obj_") {
		return RolePickle
	}
	if role, ok := extensionRoles[path.Ext(p)]; ok {
		return role
	}
	dir := path.Dir(p)
	switch {
	case dir == "data", dir == "constants", dir == "traced_inputs",
		dir == "data/weights", dir == "data/constants", dir == "xl_model_weights",
		dir == ".data" && strings.HasSuffix(p, ".storage"):
		return RoleStorage
	case strings.HasPrefix(p, "data/aotinductor/"):
		return RoleNative
	case f.is(TorchPackage) && !strings.HasPrefix(p, ".data/"):
		return RoleExtra // a resource: PackageExporter.save_text, save_binary
	}
	return RoleUnknown
}

// record opens the content of an entry: in place when stored, in memory when
// compressed. base is -1 when it is not in place.
func (f *File) record(i int) (r io.ReaderAt, size, base int64, err error) {
	e := f.Archive.Entry(i)
	if e.Method == strictzip.Stored {
		s, err := f.Archive.Section(i)
		if err != nil {
			return nil, 0, 0, err
		}
		return s, s.Size(), e.DataOffset, nil
	}
	if err := f.opt.inflate.Spend(e.Size); err != nil {
		return nil, 0, 0, err
	}
	b, err := f.Archive.Read(i, f.opt.MaxInflate)
	if err != nil && len(b) == 0 {
		return nil, 0, 0, err
	}
	return bytes.NewReader(b), int64(len(b)), -1, err
}

// pickled is record for a pickle: small ones are read into memory at once,
// because the values of a trace read their text from the source one by one.
func (f *File) pickled(i int) (r io.ReaderAt, size, base int64, err error) {
	r, size, base, err = f.record(i)
	if err == nil && base >= 0 && size > max(f.memory, cacheLine*cacheLines) && f.opt.Scratch != nil {
		return newCache(r, size), size, base, nil
	}
	if err != nil || base < 0 || size > maxInMemory || size > f.memory {
		return r, size, base, err
	}
	b, err := bounded.ReadRange(r, size, 0, size, maxInMemory)
	if err != nil {
		return nil, 0, 0, err
	}
	f.memory -= size
	return bytes.NewReader(b), size, base, nil
}

// text returns a short record as torch finds it.
func (f *File) text(p string) string {
	i := f.locate(p)
	if i < 0 {
		return ""
	}
	b, err := f.Archive.Read(i, maxText)
	if err != nil {
		return ""
	}
	return string(b)
}

func (f *File) checkVersion() {
	if f.Format == Zip {
		return
	}
	f.Version = strings.TrimSpace(f.text(".data/version"))
	if f.Version == "" {
		f.Version = strings.TrimSpace(f.text("version"))
	}
	digits := strings.TrimRightFunc(f.Version, func(r rune) bool { return r < '0' || r > '9' })
	switch n, err := strconv.ParseUint(digits, 10, 63); {
	case f.is(PT2Old):
		// Read by Python's zipfile; the version there is of the schema.
	case f.Version == "":
		f.fact(NoVersion, "", -1, "no version record")
	case err != nil, n < 1, n > 10, digits != f.Version:
		f.fact(BadVersion, "version", 0, "the version is %q; torch writes and reads 1 to 10", f.Version)
	}
	switch order := f.text("byteorder"); order {
	case "", "little":
	case "big":
		f.Big = true
	default:
		f.fact(BadByteOrder, "byteorder", 0, "byteorder %q", order)
	}
}

// looked are the records that loaders look for by name.
var looked = []string{
	"data.pkl", "constants.pkl", "bytecode.pkl", "version", ".data/version", "byteorder",
	"archive_format", ".data/extern_modules", "mobile_debug_handles.pkl", "traced_inputs.pkl",
}

func (f *File) checkLookups() {
	for _, p := range looked {
		name := f.full(p)
		found := f.Archive.Lookup(name)
		if len(found) > 1 {
			text := ""
			for _, c := range found {
				for _, by := range c.By {
					text += " " + string(by) + "=" + strconv.Itoa(c.Entry)
				}
			}
			f.fact(LookupDispute, name, -1, "loaders find different entries for %q:%s", name, text)
		}
		if i := f.Archive.Locate(name); i >= 0 && f.Archive.Entry(i).RawName != name {
			f.fact(NameVariant, name, -1, "torch loads %q for %q", f.Archive.Entry(i).RawName, name)
		}
	}
}

// openOther reads an archive that other readers see in the same bytes.
func (f *File) openOther(a *strictzip.Archive) {
	g := newFile(f.r, f.Size, f.opt)
	g.Archive = a
	g.findRoot()
	g.findFormats()
	g.checkRecords()
	g.tracePickles()
	f.Nested = append(f.Nested, Nested{Record: "other-directory", Entry: -1, Size: f.Size, File: g})
}

// maxParts is how many items one shard may have; each is read as a file of its own.
const maxParts = 10_000

// openShard reads a .distcp file: zips, one after another. It reports whether
// the file is that.
func (f *File) openShard() bool {
	var parts []Nested
	lim := f.opt.Zip
	lim.MaxGaps = -1 // what lies before a part is the parts before it
	for end := f.Size; end > 0; {
		s := io.NewSectionReader(f.r, 0, end)
		a, err := strictzip.Open(s, end, lim)
		if err != nil || a.Len() == 0 { // torch writes no empty zip
			return false
		}
		base := lastBase(a)
		if base < 0 || base >= end {
			return false
		}
		if int64(len(parts)) >= min(maxParts, f.opt.MaxTensors) {
			f.Archive, f.Format, f.Formats = nil, DCPShard, []Format{DCPShard}
			f.fact(Limit, "", -1, "more items in one shard than the limit of %d", min(maxParts, f.opt.MaxTensors))
			return true
		}
		parts = append(parts, Nested{Entry: -1, Offset: base, Size: end - base})
		end = base
	}
	if len(parts) < 2 || f.opt.depth >= f.opt.MaxNested {
		return false
	}
	f.Archive = nil
	f.Format, f.Formats = DCPShard, []Format{DCPShard}
	for _, p := range slices.Backward(parts) {
		p.Record = "item@" + strconv.FormatInt(p.Offset, 10)
		p.Loaders = dcpLoaders
		f.records = append(f.records, Record{Name: p.Record, Path: p.Record, Entry: -1, Offset: p.Offset, Size: p.Size, Role: RoleNested})
		f.nest(io.NewSectionReader(f.r, p.Offset, p.Size), p)
	}
	return true
}

// lastBase returns where the last of several zips begins. Items of one size have
// directories at the same place, so that the offsets of the last are also right
// for the first.
func lastBase(a *strictzip.Archive) int64 {
	base := a.Base
	for _, other := range a.Others {
		if other.EndOffset == a.EndOffset {
			base = max(base, other.Base)
		}
	}
	return base
}

// nest reads a container in this one.
func (f *File) nest(r io.ReaderAt, n Nested) {
	if f.opt.depth >= f.opt.MaxNested {
		f.fact(Limit, n.Record, -1, "containers nest deeper than %d", f.opt.MaxNested)
		return
	}
	if n.Offset >= 0 {
		if err := f.inPlace.Spend(n.Size); err != nil {
			f.fact(Limit, n.Record, -1, "%v", err)
			return
		}
	}
	opt := f.opt
	opt.depth++
	g, err := Open(r, n.Size, opt)
	if err != nil {
		kind := BrokenContainer
		if errors.Is(err, bounded.ErrLimit) {
			kind = Limit
		}
		f.fact(kind, n.Record, -1, "%v", err)
		return
	}
	n.File = g
	f.Nested = append(f.Nested, n)
}

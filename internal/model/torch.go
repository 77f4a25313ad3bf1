package model

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/internal/torchscript"
	"github.com/andiron-dev/andiron/torchfile"
)

// torchFacts maps what the container reader saw to the rule that explains it.
var torchFacts = map[torchfile.FactKind]*rule.Rule{
	torchfile.SizeDisagrees:  torchNumel,
	torchfile.StorageDispute: torchNumel,

	torchfile.OutOfRange:   torchView,
	torchfile.BadGeometry:  torchView,
	torchfile.OddArguments: torchView,

	torchfile.TrailingBytes: torchTrailing,

	torchfile.AppendedZip:    torchPolyglot,
	torchfile.PrefixedZip:    torchPolyglot,
	torchfile.SeveralFormats: torchPolyglot,

	torchfile.UnusedStorage: torchRecord,
	torchfile.Unaccounted:   torchRecord,

	torchfile.MissingStorage:  torchMissing,
	torchfile.NoVersion:       torchMissing,
	torchfile.BadVersion:      torchMissing,
	torchfile.NoRoot:          torchMissing,
	torchfile.NoMagic:         torchMissing,
	torchfile.BrokenPickle:    torchMissing,
	torchfile.UnknownDType:    torchMissing,
	torchfile.Unreadable:      torchMissing,
	torchfile.TextPersistent:  torchOdd,
	torchfile.UnreadShard:     torchMissing,
	torchfile.BrokenContainer: torchMissing,
	torchfile.OldScript:       torchMissing,

	torchfile.OutsideRoot: torchOutside,

	torchfile.LookupDispute: torchDispute,
	torchfile.NameVariant:   zipCollision,

	torchfile.Unaligned:    torchOdd,
	torchfile.Compressed:   torchOdd,
	torchfile.BadByteOrder: torchOdd,
	torchfile.BadSysInfo:   torchOdd,

	torchfile.BadConfig:  exportBroken,
	torchfile.UsePickle:  exportPickle,
	torchfile.PathEscape: exportPath,
	torchfile.Limit:      fmtLimit,
}

// mostDeflated bounds the compressed pickles and containers that are read as a
// part of one; torch writes them stored, so only those of re-packed files are.
const mostDeflated = 16 << 20

// torch looks at a PyTorch container, or says that it is none.
func (l *looker) torch(v view) (string, bool) {
	f, err := torchfile.Open(v.r, v.size, torchfile.Options{Pickle: l.pickleLimits(), MaxInflate: mostDeflated, Unlisted: v.tree == nil, Scratch: l.space})
	if errors.Is(err, torchfile.ErrFormat) {
		return "", false
	}
	if err != nil && (f == nil || f.Format == "") {
		l.failed(zipBroken, v.where, err)
		return "zip", true
	}
	if err != nil {
		l.failed(torchMissing, v.where, err)
	}
	f.All(func(where string, f *torchfile.File) bool {
		at := v
		if where != "" {
			at.where = v.where.In(where)
		}
		l.torchFile(at, f)
		return !l.stop()
	})
	return string(f.Format), true
}

func (l *looker) torchFile(v view, f *torchfile.File) {
	v.tree.torch(f)
	if f.Archive != nil {
		l.archive(v, f.Archive)
	}
	if f.Format == torchfile.Zip {
		l.archiveMembers(v, f.Archive) // no loader of PyTorch takes it
		return
	}
	for _, fact := range f.Facts {
		l.torchFact(v, fact)
	}
	for i := range f.Pickles {
		p := &f.Pickles[i]
		l.judge(stream{
			view: v, member: p.Record, trace: p.Trace, container: string(f.Format), role: p.Role,
			native: nativeOnly(p.Loaders), source: p.Source, size: p.Size,
		})
	}
	switch f.Format {
	case torchfile.TorchScript, torchfile.TorchScriptLite:
		l.torchScript(v, f, l.codeUnits(v, f))
		l.bytecode(v, f)
	case torchfile.TorchPackage:
		l.packageCode(v, f)
		if units := l.codeUnits(v, f); len(units) > 0 {
			l.torchScript(v, f, units)
		}
	case torchfile.PT2, torchfile.PT2Old:
		l.export(v, f)
	}
	l.strangers(v, f)
}

func nativeOnly(loaders []torchfile.Loader) bool {
	for _, ld := range loaders {
		if !ld.Native {
			return false
		}
	}
	return len(loaders) > 0
}

func (l *looker) torchFact(v view, fact torchfile.Fact) {
	r := torchFacts[fact.Kind]
	if r == nil {
		l.report(torchMissing.Undetermined(v.where, "the reader saw what this room has no rule for: "+string(fact.Kind)))
		return
	}
	where := v.where
	if fact.Record != "" {
		where = where.In(fact.Record)
	}
	if fact.Offset >= 0 {
		where = where.At(fact.Offset)
	}
	if r == torchMissing || r == exportBroken || r == fmtLimit {
		l.report(r.Undetermined(where, fact.Text))
		return
	}
	l.report(r.Finding(where, fact.Text))
}

// archive reports what is odd about a zip, and judges what other readers would
// see in it.
func (l *looker) archive(v view, a *strictzip.Archive) {
	for _, is := range a.Issues {
		r := zipKinds[is.Kind]
		if r == nil {
			r = zipBroken
		}
		where := v.where
		if is.Entry >= 0 && is.Entry < a.Len() {
			where = where.In(a.Entry(is.Entry).RawName)
		}
		if r == zipBroken || r == zipMethod || r == zipBomb {
			l.report(r.Undetermined(where.At(is.Offset), is.Text))
			continue
		}
		l.report(r.Finding(where.At(is.Offset), is.Text))
	}
	for kind, n := range a.More {
		l.report(zipOdd.Finding(v.where, fmt.Sprintf("%d more oddities of the kind %q are not listed", n, kind)))
	}
	l.checksums(v, a)
	for _, other := range a.Others {
		l.archiveMembers(v, other)
	}
}

// mostChecked is the largest member whose CRC is checked without being asked.
const mostChecked = 1 << 20

// checksums checks the CRCs of small members: of pickles and code, not of tensors.
func (l *looker) checksums(v view, a *strictzip.Archive) {
	for i := range a.Len() {
		e := a.Entry(i)
		if e.CRC == 0 || e.Size > mostChecked || e.DataOffset < 0 || storageName(e.Name) || l.stop() {
			continue
		}
		if err := l.checked.Spend(e.Size); err != nil {
			l.failed(fmtLimit, v.where.In(e.RawName), err)
			return
		}
		if ok, err := a.VerifyCRC(i); err == nil && !ok {
			l.report(zipChecksum.Finding(v.where.In(e.RawName), fmt.Sprintf("the bytes of %q do not have the recorded CRC %#08x", e.Name, e.CRC)))
		}
	}
}

// storageName reports whether a record's name is one of raw tensor bytes.
func storageName(name string) bool {
	dir := path.Base(path.Dir(name))
	return dir == "data" || dir == "weights" || strings.HasSuffix(name, ".storage")
}

// codeUnits reads the TorchScript sources of an archive.
func (l *looker) codeUnits(v view, f *torchfile.File) []torchscript.Unit {
	var units []torchscript.Unit
	for rec := range f.Records() {
		if rec.Role != torchfile.RoleCode {
			continue
		}
		if f.Format == torchfile.TorchPackage && !strings.HasPrefix(strings.ToLower(rec.Path), ".data/ts_code/") {
			continue // Python
		}
		b, err := f.Archive.Read(rec.Entry, min(mostText, l.texts.Left()))
		if err == nil {
			err = l.texts.Spend(int64(len(b)))
		}
		if err != nil {
			l.failed(jitSyntax, v.where.In(rec.Name), err)
			continue
		}
		units = append(units, torchscript.Unit{Name: rec.Name, Source: b})
		v.tree.source(rec.Name, string(b))
	}
	return units
}

// mostText bounds one record of code or JSON.
const mostText = 32 << 20

// mostTexts bounds all of them together.
const mostTexts = 4 * mostText

// packageCode reports the Python source of a torch.package archive.
func (l *looker) packageCode(v view, f *torchfile.File) {
	var names []string
	for rec := range f.Records() {
		if strings.HasSuffix(strings.ToLower(rec.Name), ".py") {
			names = append(names, rec.Name)
			if v.tree != nil {
				b, _ := f.Archive.Read(rec.Entry, mostText)
				v.tree.source(rec.Name, string(b))
			}
		}
	}
	if len(names) > 0 {
		l.report(torchPackage.Finding(v.where.In(names[0]),
			fmt.Sprintf("torch.package runs the archive's Python source when it is imported (%d files)", len(names)), names...))
	}
}

// strangers looks at the records that the container has no use for.
func (l *looker) strangers(v view, f *torchfile.File) {
	if f.Archive == nil {
		return
	}
	followed := map[int]bool{}
	for i := range f.Nested {
		followed[f.Nested[i].Entry] = true
	}
	for rec := range f.Records() {
		if rec.Entry < 0 || followed[rec.Entry] {
			continue
		}
		switch rec.Role {
		case torchfile.RoleUnknown:
			l.member(v, f.Archive, rec.Entry, true)
		case torchfile.RoleExtra, torchfile.RoleNested:
			l.member(v, f.Archive, rec.Entry, false)
		case torchfile.RoleNative:
			if f.Format != torchfile.PT2 {
				l.member(v, f.Archive, rec.Entry, false)
			}
		case torchfile.RolePickle, torchfile.RoleStorage, torchfile.RoleCode, torchfile.RoleDebug, torchfile.RoleVersion,
			torchfile.RoleByteOrder, torchfile.RoleMeta, torchfile.RoleJSON, torchfile.RoleDirectory:
		}
	}
}

// zipMembers looks at every member of an archive as a file of its own.
func (l *looker) zipMembers(v view) {
	a, err := strictzip.Open(v.r, v.size, strictzip.Limits{Scratch: l.space})
	if err != nil {
		l.failed(zipBroken, v.where, err)
		return
	}
	l.archiveMembers(v, a)
}

func (l *looker) archiveMembers(v view, a *strictzip.Archive) {
	if a == nil {
		l.report(zipBroken.Undetermined(v.where, "the archive has no directory that could be read, so none of its members was looked at"))
		return
	}
	for i := range a.Len() {
		if l.stop() {
			return
		}
		l.member(v, a, i, false)
	}
}

// member looks at one member. A stranger in a PyTorch container is unaccounted
// for even where it is no model.
func (l *looker) member(v view, a *strictzip.Archive, entry int, stranger bool) {
	e := a.Entry(entry)
	if e.IsDir() || e.Size == 0 || !l.enter(v) {
		return
	}
	m, done, err := l.open(v, a, entry)
	defer done()
	if err != nil {
		r := zipMethod
		if errors.Is(err, bounded.ErrLimit) {
			r = zipBomb
		}
		l.failed(r, v.where.In(e.RawName), err)
		if m.r == nil {
			return
		}
	}
	format, isModel := l.look(m)
	switch {
	case format == "npy" && isNPZ(v.name): // its loader reads it
	case isModel && format != "" && format != tooDeep && v.fed == "":
		l.report(fmtMember.Finding(m.where, "a member of the archive is "+format))
	case stranger:
		l.report(torchRecord.Finding(m.where, "nothing in the checkpoint refers to this record, and torch does not write it"))
	}
}

// open makes a view of a member: a section if it is stored, else its bytes.
func (l *looker) open(v view, a *strictzip.Archive, entry int) (view, func(), error) {
	e := a.Entry(entry)
	if e.Method == strictzip.Stored {
		s, err := a.Section(entry)
		if err == nil {
			err = l.stored.Spend(s.Size())
		}
		if err != nil {
			return view{}, func() {}, err
		}
		return v.in(e.RawName, s, s.Size()), func() {}, nil
	}
	return l.inflateMember(v, a, entry)
}

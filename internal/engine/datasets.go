package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
)

// DataOptions say what a data set is held against.
type DataOptions struct {
	Schema *tensor.Schema // nil for none
	Label  string         // the column with the labels, which is no input; empty for what the format has
	Survey *data.Survey   // nil for none, which is said
	Limits dataset.Limits
	Files  []TensorFile // one set: what has a name is put together
	// Decoder decodes the images; nil does it in this process.
	Decoder dataset.Decoder
}

// Data looks at a data set.
func Data(ctx context.Context, d DataOptions, opt Options, h finding.Handler) error {
	opt = opt.withDefaults()
	opt.looked = ofTensors
	if err := h.Config(opt.Config); err != nil {
		return err
	}
	l := &dataLook{d: d, ctx: ctx, opened: map[string]*artifact.Artifact{}, h: h, check: data.NewSetCheck(d.Schema, d.Label)}
	if d.Survey != nil {
		l.beside = newBeside(ctx, d.Survey.Survey, opt.Jobs)
	}
	err := l.all()
	l.endSurvey()
	l.close()
	if err != nil {
		return err
	}
	e := &emitter{h: h, opt: opt, sum: newTally()}
	e.sum.tensors = &finding.Tensors{}
	if d.Schema != nil {
		e.sum.tensors.Schema = d.Schema.SHA256()
	}
	l.count = l.check.Finish(l.report)
	if l.count.Requests == 0 && len(l.unread) == 0 && ctx.Err() == nil {
		l.fail(d.Files[0].Path, errors.New("there are no samples in it"))
	}
	if d.Survey == nil {
		l.report(data.Unlooked(filepath.ToSlash(filepath.Clean(d.Files[0].Path))))
	}
	if d.Survey != nil {
		d.Survey.Survey.Missing = len(l.unread)
	}
	if d.Survey != nil && d.Survey.Survey.Count > 0 && ctx.Err() == nil {
		err := guarded(func() {
			d.Survey.Finish(l.report)
			if d.Schema == nil {
				d.Survey.Nonfinite(l.report)
			}
		})
		if err != nil {
			l.fail(d.Files[0].Path, err)
		}
	}
	l.count.Unread = len(l.unread)
	e.sum.request(l.count)
	if err := e.emit(result{loose: append(l.found, l.unread...)}); err != nil {
		return err
	}
	if err := e.finish(false); err != nil {
		return err
	}
	if ctx.Err() != nil {
		e.sum.reasons[Interrupted] = true
	}
	return h.Summary(e.sum.summary())
}

// dataLook is one look at a data set.
type dataLook struct {
	d      DataOptions
	ctx    context.Context //nolint:containedctx // it ends with the look
	h      finding.Handler
	check  *data.SetCheck
	count  finding.Tensors
	found  []finding.Finding
	unread []finding.Finding
	opened map[string]*artifact.Artifact
	shown  int64

	beside *beside // looks at the set as a whole, if somebody wants that
}

// endSurvey waits until the set has been looked at as a whole.
func (l *dataLook) endSurvey() {
	if l.beside == nil {
		return
	}
	if err := l.beside.end(); err != nil {
		l.fail(l.d.Files[0].Path, err)
	}
}

// guarded makes an error of a panic of ours.
func guarded(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	f()
	return nil
}

// careful does so for what has an outcome and errors of its own.
func careful[T any](f func() (T, error)) (out T, err error) {
	if p := guarded(func() { out, err = f() }); p != nil {
		return out, p
	}
	return out, err
}

func (l *dataLook) report(f finding.Finding) { l.found = append(l.found, f) }

// fail says that something could not be read.
func (l *dataLook) fail(name string, err error) {
	l.unread = append(l.unread, data.UnreadSet(filepath.ToSlash(filepath.Clean(name)), err))
}

// all goes through what was named. The files with names and the array files are one
// set; each folder, table and shard is one by itself.
func (l *dataLook) all() error {
	var parts []dataset.Part
	first := int64(0) // the number of the sample that comes next
	for _, f := range l.shards() {
		if l.stopped() {
			break
		}
		set, err := careful(func() (dataset.Set, error) { return l.open(f, first, &parts) })
		if err != nil {
			l.fail(f.Path, err)
		} else if set != nil {
			if first, err = l.rows(f.Path, first, set); err != nil {
				return err
			}
		}
	}
	if len(parts) == 0 || l.stopped() {
		return nil
	}
	set, err := careful(func() (dataset.Set, error) { return dataset.Arrays(parts, first, l.d.Limits) })
	if err == nil {
		_, err = l.rows(parts[0].Name, first, set)
		return err
	}
	l.fail(parts[0].Name, err)
	return nil
}

// shards puts the archives of a folder that has no other data in its place.
func (l *dataLook) shards() (list []TensorFile) {
	for _, f := range l.d.Files {
		inside, err := os.ReadDir(f.Path)
		var tars []TensorFile
		var none []string
		for _, e := range inside { // sorted by their names
			switch name := filepath.Join(f.Path, e.Name()); {
			case filepath.Ext(name) == ".tar":
				tars = append(tars, TensorFile{Path: name})
			case noData(name) && !e.IsDir():
				none = append(none, filepath.ToSlash(name))
			}
		}
		if err != nil || len(tars) == 0 || len(tars)+len(none) < len(inside) {
			list = append(list, f)
			continue
		}
		l.around(f.Path, none, nil)
		list = append(list, tars...)
	}
	return list
}

// noData reports whether a file is called as what is beside data, and is none: what a
// system or Git leaves, and what is written for readers.
func noData(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	switch stem, ext, _ := strings.Cut(base, "."); {
	case base == ".ds_store", base == "thumbs.db", base == "desktop.ini", base == ".gitattributes", base == ".gitignore", base == ".gitkeep":
		return true
	case stem == "readme", stem == "license", stem == "licence":
		return ext == "" || ext == "md" || ext == "txt" || ext == "rst"
	}
	return false
}

// around says what a folder has beside its data: what is none, and what may be.
func (l *dataLook) around(root string, none, other []string) {
	root = filepath.ToSlash(filepath.Clean(root))
	if len(none) > 0 {
		l.report(data.Beside(root, none))
	}
	if len(other) > 0 {
		l.report(data.Passed(root, other))
	}
}

func (l *dataLook) stopped() bool { return l.ctx.Err() != nil }

// open makes a set of what was named, or adds it to the parts of one.
func (l *dataLook) open(f TensorFile, first int64, parts *[]dataset.Part) (dataset.Set, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, osfile.Cause(err)
	}
	if info.IsDir() {
		return l.folder(f.Path, first)
	}
	if strings.EqualFold(filepath.Ext(f.Path), ".parquet") && f.As == "" {
		return l.tables([]string{f.Path}, first, false)
	}
	a, err := l.artifact(f.Path)
	if err != nil {
		return nil, err
	}
	switch ext := strings.ToLower(filepath.Ext(f.Path)); {
	case ext == ".csv" && f.As == "":
		return dataset.CSV(a.Name(), io.NewSectionReader(a.ReaderAt(), 0, a.Size()), l.typeOf, first, l.d.Limits)
	case ext == ".tar" && f.As == "":
		return dataset.Shard(a.Name(), a.ReaderAt(), a.Size(), first, l.form, l.d.Limits)
	}
	file, err := tensorfile.Open(a.ReaderAt(), a.Size())
	if err != nil {
		return nil, err
	}
	for _, x := range data.Aside(a.Name(), file) {
		l.report(x)
	}
	as := f.As
	if as == "" && len(file.Tensors) == 1 && file.Tensors[0].Name == "" {
		as = l.nameOf(f.Path)
	}
	*parts = append(*parts, dataset.Part{Name: a.Name(), As: as, File: file})
	return nil, nil //nolint:nilnil // it became a part
}

// nameOf is what the array of a .npy file is called: as the only input of the schema,
// or as the file.
func (l *dataLook) nameOf(name string) string {
	if l.d.Schema != nil {
		if names := l.d.Schema.Names(tensor.Inputs); len(names) == 1 && len(l.d.Files) == 1 {
			return names[0]
		}
	}
	base := filepath.Base(name)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

func (l *dataLook) artifact(name string) (*artifact.Artifact, error) {
	a, err := artifact.Open(name, filepath.ToSlash(filepath.Clean(name)))
	if err != nil {
		return nil, osfile.Cause(err)
	}
	a.StopOn(l.ctx.Done())
	l.opened[name] = a
	return a, nil
}

// typeOf is the type that a column of a table should have.
func (l *dataLook) typeOf(column string) tensor.DType {
	if l.d.Schema == nil {
		return 0
	}
	for _, g := range []tensor.Group{tensor.Inputs, tensor.Labels} {
		if types := l.d.Schema.Types(g, column); len(types) > 0 {
			return types[0]
		}
	}
	return 0
}

// form is how images become tensors: as the schema wants them.
func (l *dataLook) form(column string) dataset.Form {
	f := dataset.Form{DType: tensor.Uint8, Last: true, Decoder: l.d.Decoder}
	if l.d.Schema == nil {
		return f
	}
	if types := l.d.Schema.Types(tensor.Inputs, column); len(types) > 0 && types[0] != tensor.Uint8 {
		f.DType = tensor.Float32
	}
	f.Channels, f.Last = l.d.Schema.Channels(tensor.Inputs, column)
	return f
}

// folder reads a folder of images, or of Parquet files. What else lies there is said.
func (l *dataLook) folder(root string, first int64) (dataset.Set, error) {
	var images, tables, none, other, linked []string
	// With a separator behind it the walk begins in the folder that a link leads to.
	err := filepath.WalkDir(root+string(filepath.Separator), func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return l.ctx.Err()
		case linksToFolder(name, e):
			linked = append(linked, filepath.ToSlash(name))
		case strings.EqualFold(filepath.Ext(name), ".parquet"):
			tables = append(tables, name)
		case dataset.IsImage(name):
			images = append(images, name)
		case noData(name):
			none = append(none, filepath.ToSlash(name))
		default:
			other = append(other, filepath.ToSlash(name))
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, osfile.Cause(err)
	case len(tables) > 0 && len(images) > 0:
		return nil, fmt.Errorf("it has tables (%q) and images (%q), which are no one set: name the files", filepath.ToSlash(tables[0]), filepath.ToSlash(images[0]))
	case len(tables)+len(images) == 0 && len(linked) > 0:
		return nil, fmt.Errorf("%q is a link to a folder, which is not followed: name the folder itself", linked[0])
	case len(tables)+len(images) == 0 && len(other) > 0:
		return nil, fmt.Errorf("%q: a folder of a data set has .png and .jpg files, or .parquet, or nothing but .tar; other files are named one by one", other[0])
	case len(tables)+len(images) == 0:
		return nil, errors.New("there are no images or tables in it")
	}
	l.around(root, none, other)
	if len(linked) > 0 {
		l.report(data.Linked(filepath.ToSlash(filepath.Clean(root)), linked))
	}
	if len(tables) > 0 {
		return l.tables(tables, first, true)
	}
	return dataset.Images(l.files(images), l.form(dataset.ImageColumn), first, l.d.Limits)
}

func linksToFolder(name string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// tables reads Parquet files as one set.
func (l *dataLook) tables(files []string, first int64, folder bool) (dataset.Set, error) {
	want := dataset.Wanted{Form: l.form, Folder: folder}
	if l.d.Schema != nil {
		want.Has = func(column string) bool { return l.typeOf(column) != 0 }
	}
	return dataset.Parquet(l.files(files), want, first, l.d.Limits)
}

// files are opened when their turn comes.
func (l *dataLook) files(names []string) (files []dataset.File) {
	for _, name := range names {
		files = append(files, dataset.File{Name: filepath.ToSlash(filepath.Clean(name)), Open: func() (io.ReaderAt, int64, func() error, error) {
			a, err := artifact.Open(name, name)
			if err != nil {
				return nil, 0, nil, osfile.Cause(err)
			}
			a.StopOn(l.ctx.Done())
			return a.ReaderAt(), a.Size(), func() error {
				if a.Changed() {
					return errors.Join(errors.New("it changed while it was read"), a.Close())
				}
				return a.Close()
			}, nil
		}})
	}
	return files
}

// mostBroken are the samples that may be unreadable before a set is given up.
const mostBroken = 100

// rows goes through a set, and returns the number of the sample behind it.
func (l *dataLook) rows(name string, first int64, set dataset.Set) (next int64, err error) {
	next = first
	for l.ctx.Err() == nil {
		rows, err := careful(set.Next)
		if errors.Is(err, io.EOF) {
			return next, nil
		}
		if err != nil {
			after, more := l.broken(name, err)
			if !more {
				return next, nil
			}
			next = after
			continue
		}
		next = rows.Next()
		if err := guarded(func() { l.take(name, rows) }); err != nil {
			l.fail(name, err)
			return next, nil
		}
		if next-l.shown >= 16 || rows.N > 1 {
			l.shown = next
			percent := int(100 * rows.Read / max(1, rows.Whole))
			if err := l.h.Progress(finding.Progress{Path: fmt.Sprintf("%s: sample %d", name, next), Done: percent, Total: 100}); err != nil {
				return next, err
			}
		}
	}
	return next, nil
}

// take looks at rows of a file or folder.
func (l *dataLook) take(name string, rows *dataset.Rows) {
	if l.beside != nil {
		l.d.Survey.From(filepath.ToSlash(filepath.Clean(name)), rows)
		l.beside.add(rows)
	}
	l.check.Add(rows)
}

// broken says what could not be read of a set, and with which sample it goes on, if it does.
func (l *dataLook) broken(name string, err error) (next int64, more bool) {
	if l.ctx.Err() != nil { // that is why
		return 0, false
	}
	l.fail(name, err)
	one, ok := errors.AsType[*dataset.SampleError](err)
	if !ok {
		return 0, false
	}
	if len(l.unread) >= mostBroken {
		l.fail(name, fmt.Errorf("%d samples could not be read, and no more of it were looked at", mostBroken))
		return 0, false
	}
	return one.Sample + 1, true
}

// close says which files did not stay as they were.
func (l *dataLook) close() {
	for name, a := range l.opened {
		if a.Changed() {
			l.fail(name, errors.New("it changed while it was read"))
		}
		_ = a.Close() // it was only read
	}
}

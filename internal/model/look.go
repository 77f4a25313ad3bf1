package model

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/torchfile"
)

// tooDeep is the format of what lies deeper than the limit.
const tooDeep = "nested"

// look reads a view in every format that its content fits, the one its loader
// takes first. It returns that format, empty if there is none, and whether it is
// one of model files.
func (l *looker) look(v view) (format string, isModel bool) {
	if l.stop() {
		return "", false
	}
	if v.depth > l.opt.MaxDepth {
		l.report(fmtDepth.Undetermined(v.where, fmt.Sprintf("this lies in more than %d containers (--max-depth)", l.opt.MaxDepth)))
		return tooDeep, true
	}
	v = v.small()
	if v.depth == 0 {
		l.holds(v.size)
	}
	head, err := v.head()
	if err != nil {
		l.failed(fmtLimit, v.where, err)
		return "", false
	}
	kinds := magic.All(head, v.tail(head), v.size)
	format, isModel = l.first(v, head, kinds)
	if isModel {
		l.models++
	}
	if v.tree != nil {
		v.tree.Format = format
	}
	if format != "" {
		l.others(v, kinds[1:], format)
		l.mismatch(v, kinds[0])
	}
	return format, isModel
}

// first reads the view as the first of its kinds that fits.
func (l *looker) first(v view, head []byte, kinds []magic.Kind) (format string, isModel bool) {
	before := l.models
	for _, k := range kinds {
		if read := readerOf(k); read != nil {
			if format, ok := read(l, v); ok {
				return format, !holdsFiles(format) || l.models > before
			}
			continue
		}
		if partly[k] {
			l.report(fmtFramework.Undetermined(v.where, fmt.Sprintf("files of the format %q are not judged", k)))
			return string(k), true
		}
		if k == magic.Native && !slices.Contains(kinds, magic.ZipAppended) {
			return l.native(v)
		}
	}
	if bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/")) && magic.ModelName(v.name) {
		l.report(fmtUnrecognised.Undetermined(v.where, "this is a Git LFS pointer; the model itself was not fetched"))
		return "git-lfs-pointer", true
	}
	return "", false
}

// holdsFiles reports whether a format only holds other files: what is in it
// decides whether it is a model.
func holdsFiles(format string) bool {
	inner := format[strings.LastIndexByte(format, '+')+1:]
	return inner == string(torchfile.Zip) || inner == string(magic.Tar)
}

// partly are formats that can carry code and of which no reader exists.
var partly = map[magic.Kind]bool{
	magic.HDF5: true, magic.Torch0: true, magic.SevenZip: true, magic.RAR: true,
	magic.GGML: true, magic.TFLite: true, magic.PyC: true,
}

func (l *looker) native(v view) (string, bool) {
	if v.depth == 0 && !magic.ModelName(v.name) {
		return "", false // a program or library beside the models is no model
	}
	l.report(fmtNative.Finding(v.where, fmt.Sprintf("%q is native code", path.Base(v.name))))
	return string(magic.Native), true
}

// others reads the view in the further formats that its content fits.
func (l *looker) others(v view, kinds []magic.Kind, format string) {
	for _, k := range kinds {
		switch k {
		case magic.ZipAppended:
			l.appendedZip(v, format)
		case magic.Pickle:
			if format == "torch-legacy" || strings.HasSuffix(format, "pickle") {
				continue
			}
			l.hiddenPickle(v, format)
		}
	}
}

// appendedZip looks at the zip that a file of another format ends as.
func (l *looker) appendedZip(v view, format string) {
	switch format {
	case string(torchfile.TorchLegacy):
		return // the reader of the container says so, and judges both
	case string(torchfile.TorchTar):
		l.zipMembers(v)
	default:
		l.prefixedZip(v)
	}
	l.report(torchPolyglot.Finding(v.where, fmt.Sprintf("the file is %s for torch.load and ends as a zip archive", format)))
}

// mismatch reports a name that promises another format than the content has.
func (l *looker) mismatch(v view, kind magic.Kind) {
	promised := magic.ByName(v.name)
	if len(promised) == 0 || slices.Contains(promised, kind) || v.fed != "" {
		return
	}
	r, what := fmtOther, "a loader that goes by the name reads it wrongly or not at all"
	if executes[kind] && !slices.ContainsFunc(promised, func(k magic.Kind) bool { return executes[k] }) {
		r, what = fmtMismatch, "a tool that goes by the name expects a format that runs no code; loading this content can"
	}
	l.report(r.Finding(v.where, fmt.Sprintf("the name promises %s and the content is %s", kindNames(promised), kind), what))
}

func kindNames(kinds []magic.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, " or ")
}

// executes are the formats whose loader can run code.
var executes = map[magic.Kind]bool{
	magic.Zip: true, magic.TorchLegacy: true, magic.Pickle: true, magic.Tar: true, magic.TorchMobile: true,
	magic.Gzip: true, magic.Bzip2: true, magic.XZ: true, magic.LZMA: true, magic.Zlib: true, magic.LZ4: true, magic.ZFile: true,
}

// enter counts a member, or reports that there are too many.
func (l *looker) enter(v view) bool {
	if err := l.members.Spend(1); err != nil {
		if l.members.Left() == 0 {
			l.failed(fmtLimit, v.where, err)
			l.members = bounded.NewBudget("members of archives", -1)
		}
		return false
	}
	return true
}

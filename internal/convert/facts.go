package convert

import (
	"fmt"

	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

// harmless are the facts that leave no doubt about any tensor. All others are
// reasons not to convert.
var harmless = map[torchfile.FactKind]bool{
	torchfile.UnusedStorage: true, torchfile.Unaligned: true, torchfile.Compressed: true, torchfile.TrailingBytes: true,
	torchfile.Unaccounted: true, torchfile.UnknownDType: true, torchfile.BadSysInfo: true, torchfile.TextPersistent: true,
	torchfile.UsePickle: true,
}

// quiet are those that are not worth a word.
var quiet = map[torchfile.FactKind]bool{torchfile.Unaligned: true, torchfile.Compressed: true, torchfile.UnknownDType: true}

// oddities are the issues of archives that every loader reads alike.
var oddities = map[strictzip.Kind]bool{
	strictzip.ArchiveComment: true, strictzip.TrailingData: true, strictzip.GapData: true, strictzip.DirectoryGap: true,
	strictzip.PrefixData: true, strictzip.ExtraBroken: true, strictzip.PaddingContent: true, strictzip.VersionNeeded: true,
	strictzip.RatioHigh: true, strictzip.BackslashName: true, strictzip.ControlName: true, strictzip.NotUTF8Name: true,
	strictzip.UnmarkedName: true, strictzip.FlagsMismatch: true, strictzip.CRCMismatch: true, strictzip.EntryComment: true,
}

// sound is an error where loaders do not read the file in one way, or not at all.
func sound(f *torchfile.File) (err error) {
	f.All(func(where string, f *torchfile.File) bool {
		if where != "" {
			where += ": "
		}
		for _, fact := range f.Facts {
			if !harmless[fact.Kind] {
				err = refuse(hintOf(fact.Kind), "%s%s", where, fact.Text)
				return false
			}
		}
		if f.Archive == nil {
			return true
		}
		for _, is := range f.Archive.Issues {
			if is.Refuses || !oddities[is.Kind] {
				err = refuse("andiron scan says more", "%s%s", where, is.Text)
				return false
			}
		}
		if len(f.Archive.Others) > 0 {
			err = refuse("andiron scan says more", "%sthe file is another archive for other readers", where)
			return false
		}
		return true
	})
	return err
}

// ambiguous are the facts that give a file more than one reading.
var ambiguous = map[torchfile.FactKind]bool{
	torchfile.LookupDispute: true, torchfile.NameVariant: true, torchfile.AppendedZip: true, torchfile.PrefixedZip: true,
	torchfile.SeveralFormats: true,
}

func hintOf(kind torchfile.FactKind) string {
	switch {
	case kind == torchfile.Limit:
		return "--max-values and --max-inflated raise the limits"
	case ambiguous[kind]:
		return "loaders read this file in more than one way, so that nobody can say which tensors are meant"
	}
	return "andiron scan says more"
}

// checkFile notes what is odd and harmless.
func (c *collector) checkFile(f *torchfile.File) {
	f.All(func(_ string, f *torchfile.File) bool {
		for _, fact := range f.Facts {
			if !quiet[fact.Kind] {
				c.notes.add(Item{fact.Record, fact.Text})
			}
		}
		return true
	})
}

// checkPickle fails for a stream that loaders read in more than one way, and for
// one that changes a tensor after it is built: nobody then knows its bytes
// without running the stream. The events are not needed after that, and are let go:
// whoever shares the trace shares the answer.
func (c *collector) checkPickle(f *torchfile.File, k int) {
	p := &f.Pickles[k]
	if p.Trace.Err != nil {
		c.fail(refuse("", "%s: %v", p.Record, p.Trace.Err))
		return
	}
	for _, n := range p.Trace.Notes {
		switch n.Kind {
		case pickle.NoteFrameShort, pickle.NoteFrameNested, pickle.NoteFrameOverrun, pickle.NoteTruncatedLine, pickle.NoteDisagree:
			c.fail(refuse("loaders read this file in more than one way", "%s: at offset %#x: %s", p.Record, n.Offset, n.Text))
			return
		}
	}
	for ev := range p.Trace.Events() {
		switch ev.Kind {
		case pickle.EventBuild, pickle.EventSetItem, pickle.EventAppend, pickle.EventAddItem:
			if kind := ev.Target().Kind(); kind == pickle.KindPersistent || torchfile.BuildsTensor(ev.Target()) {
				c.fail(refuse("no version of torch writes this; andiron scan says more", "%s: at offset %#x: %s changes a tensor after it is built", p.Record, ev.Offset, ev.Kind))
				return
			}
		}
	}
	p.Trace.DropEvents()
}

// lateFacts fails for what only the walk brought up.
func (c *collector) lateFacts(f *torchfile.File) {
	if c.err == nil {
		if err := sound(f); err != nil {
			c.fail(err)
		}
	}
}

func describe(f *torchfile.File, t *torchfile.Tensor) string {
	if t.Pickle < 0 || t.Pickle >= len(f.Pickles) {
		return ""
	}
	return fmt.Sprintf("%s at offset %#x", f.Pickles[t.Pickle].Record, t.Offset)
}

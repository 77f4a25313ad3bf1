package strictzip

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
)

// span is a run of bytes that something claims.
type span struct {
	off, end int64
	entry    int // -1 for the directory and the end records
}

// layout accounts for every byte: what no entry, directory or end record
// claims is a gap, what two claim is an overlap.
func (a *Archive) layout(d directory) error {
	var spans []span
	if d.size > 0 {
		spans = append(spans, span{d.start(), d.start() + d.size, -1})
	}
	if d.end64 >= 0 {
		spans = append(spans, span{d.end64, d.end64 + end64Len, -1}, span{d.end - locatorLen, d.end, -1})
	}
	stop := d.end + endLen + int64(len(d.comment))
	spans = append(spans, span{d.end, stop, -1}, span{a.size, a.size, -1})
	slices.SortStableFunc(spans, func(x, y span) int { return cmp.Compare(x.off, y.off) })

	budget := max(a.lim.MaxGaps, 0)
	var pos int64
	prev := -1
	for s := range a.between(spans) {
		if s.off > pos {
			if err := a.gap(pos, s.off, d, stop, &budget); err != nil {
				return err
			}
		}
		if s.off < pos {
			a.overlap(prev, s, pos)
		}
		if s.end >= pos {
			pos, prev = s.end, s.entry
		}
	}
	return a.checkStart()
}

// between yields the entries and, each where it begins, the other spans.
func (a *Archive) between(others []span) iter.Seq[span] {
	return func(yield func(span) bool) {
		for i := range a.inOrder() {
			e := a.entries.At(i)
			if e.DataOffset < 0 {
				continue
			}
			s := span{e.HeaderOffset, min(e.End(), a.size), i}
			for len(others) > 0 && others[0].off < s.off {
				if !yield(others[0]) {
					return
				}
				others = others[1:]
			}
			if !yield(s) {
				return
			}
		}
		for _, s := range others {
			if !yield(s) {
				return
			}
		}
	}
}

// checkStart looks at the first four bytes, by which torch.load chooses.
func (a *Archive) checkStart() error {
	var b [4]byte
	if a.size < 4 {
		return nil
	}
	if err := readFull(a.r, b[:], 0); err != nil {
		return err
	}
	if !bytes.Equal(b[:], localSig) {
		a.refuse(NotAtStart, -1, 0, "the file does not begin with a local header: torch.load does not take it for a zip")
	}
	return nil
}

func (a *Archive) overlap(prev int, s span, pos int64) {
	if s.entry < 0 && s.off == a.size {
		return // the sentinel
	}
	a.issue(Overlap, s.entry, s.off, "%s at %#x begins before the end of %s at %#x", a.claimant(s.entry), s.off, a.claimant(prev), pos)
}

func (a *Archive) claimant(entry int) string {
	if entry < 0 {
		return "the directory"
	}
	return quote(a.Entry(entry).Name)
}

func (a *Archive) gap(off, end int64, d directory, stop int64, budget *int64) error {
	g := Gap{Offset: off, Size: end - off, Kind: GapData}
	switch {
	case off >= stop:
		g.Kind = TrailingData
	case off == 0:
		g.Kind = PrefixData
	case off >= d.start()+d.size:
		g.Kind = DirectoryGap
	}
	if len(a.Gaps) < keptPerKind {
		a.Gaps = append(a.Gaps, g)
	}
	a.issue(g.Kind, -1, off, "%d bytes at %#x belong to no entry", g.Size, off)
	return a.hidden(g, budget)
}

// hidden looks for local headers in a gap: readers that walk a file from its
// start, such as tar or repair tools, see those entries.
func (a *Archive) hidden(g Gap, budget *int64) error {
	n := min(g.Size, *budget)
	*budget -= n
	buf := make([]byte, min(n, windowMax))
	for off := g.Offset; n >= localLen; {
		b := buf[:min(n, windowMax)]
		if err := readFull(a.r, b, off); err != nil {
			return err
		}
		for at := 0; ; at++ {
			k := bytes.Index(b[at:], localSig)
			if k < 0 {
				break
			}
			at += k
			a.hiddenAt(b[at:], off+int64(at))
		}
		step := max(int64(len(b))-localLen+1, 1)
		off, n = off+step, n-step
	}
	return nil
}

func (a *Archive) hiddenAt(b []byte, off int64) {
	if len(b) < localLen {
		return
	}
	n := min(int(le.Uint16(b[26:])), len(b)-localLen, 200)
	a.issue(HiddenEntry, -1, off, "a local header for %q that the directory does not list", b[localLen:localLen+n])
}

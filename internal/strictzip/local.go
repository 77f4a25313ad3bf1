package strictzip

import (
	"bytes"
	"cmp"
	"io"
	"iter"
	"math"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// window keeps the last block read, so that headers that lie close together
// cost one read. Blocks grow while reads stay close and are small otherwise.
type window struct {
	r    io.ReaderAt
	size int64
	off  int64
	buf  []byte
	next int
}

const (
	windowMin = 1 << 10
	windowMax = 1 << 16
)

// at returns n bytes at off, fewer at the end of the file.
func (w *window) at(off, n int64) ([]byte, error) {
	if off < 0 || off >= w.size {
		return nil, nil
	}
	n = min(n, w.size-off)
	if off >= w.off && off+n <= w.off+int64(len(w.buf)) {
		return w.buf[off-w.off : off-w.off+n], nil
	}
	near := off >= w.off && off-w.off <= 2*int64(len(w.buf))+windowMin
	if near {
		w.next = min(w.next*2, windowMax)
	} else {
		w.next = windowMin
	}
	want := min(max(n, int64(w.next)), w.size-off)
	if int64(cap(w.buf)) < want {
		w.buf = make([]byte, want)
	}
	w.buf, w.off = w.buf[:want], off
	if err := readFull(w.r, w.buf, off); err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf[:n], nil
}

// readLocals compares every local header with its central record.
func (a *Archive) readLocals() error {
	if err := a.findOrder(); err != nil {
		return err
	}
	w := &window{r: a.r, size: a.size, next: windowMin}
	left := bounded.NewBudget("bytes of local headers, which overlap", a.size)
	for i := range a.inOrder() {
		e := a.Entry(i)
		n, err := a.readLocal(w, i, e)
		if err == nil && a.large() { // those that do not overlap are never more than the file
			err = left.Spend(n)
		}
		if err != nil {
			return err
		}
		if err := a.readDescriptor(w, i, e); err != nil {
			return err
		}
		a.entries.Set(i, e.Fields)
	}
	return nil
}

// findOrder sorts the entries by where their local headers are, unless they are.
func (a *Archive) findOrder() error {
	sorted, last := true, int64(math.MinInt64)
	for i := range a.Len() {
		at := a.entries.At(i).HeaderOffset
		sorted = sorted && at >= last
		last = at
	}
	if sorted {
		return nil
	}
	if a.large() {
		return bounded.Exceeded("zip entries that are not in the order of their directory", mostOdd)
	}
	a.order = make([]int32, a.Len())
	for i := range a.order {
		a.order[i] = int32(i)
	}
	slices.SortStableFunc(a.order, func(i, j int32) int {
		return cmp.Compare(a.entries.At(int(i)).HeaderOffset, a.entries.At(int(j)).HeaderOffset)
	})
	return nil
}

// inOrder yields the entries in the order of their local headers.
func (a *Archive) inOrder() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range a.Len() {
			if a.order != nil {
				i = int(a.order[i])
			}
			if !yield(i) {
				return
			}
		}
	}
}

// readLocal returns the length of the header.
func (a *Archive) readLocal(w *window, i int, e *Entry) (int64, error) {
	h, err := w.at(e.HeaderOffset, localLen)
	if err != nil {
		return 0, err
	}
	if len(h) < localLen || !bytes.Equal(h[:4], localSig) {
		a.refuse(LocalMissing, i, e.HeaderOffset, "no local header for %q at %#x", e.Name, e.HeaderOffset)
		return localLen, nil
	}
	nameLen, extraLen := int64(le.Uint16(h[26:])), int64(le.Uint16(h[28:]))
	e.LocalMethod, e.LocalFlags, e.LocalCRC = le.Uint16(h[8:]), le.Uint16(h[6:]), le.Uint32(h[14:])
	localComp := int64(le.Uint32(h[18:]))
	e.LocalSize = int64(le.Uint32(h[22:]))
	rest, err := w.at(e.HeaderOffset+localLen, nameLen+extraLen)
	if err != nil {
		return 0, err
	}
	if int64(len(rest)) < nameLen+extraLen {
		a.refuse(LocalMissing, i, e.HeaderOffset, "the local header of %q runs past the end of the file", e.Name)
		return localLen, nil
	}
	e.LocalName = e.RawName
	if e.named = string(rest[:nameLen]) != e.RawName; e.named {
		e.LocalName, e.localLen = string(rest[:nameLen]), uint16(nameLen)
	}
	e.DataOffset = e.HeaderOffset + localLen + nameLen + extraLen
	localComp = a.localExtra(i, e, rest[nameLen:], localComp)
	a.compare(i, e, localComp)
	if e.CompressedSize > a.size-e.DataOffset {
		a.refuse(DataOutside, i, e.DataOffset, "%q has %d bytes, %d are left in the file", e.Name, e.CompressedSize, max(0, a.size-e.DataOffset))
	}
	return localLen + nameLen + extraLen, nil
}

// localExtra reads the local extra fields: zip64 sizes and alignment padding.
func (a *Archive) localExtra(i int, e *Entry, extra []byte, comp int64) int64 {
	ok := true
	eachExtra(extra, func(id uint16, data []byte) {
		switch id {
		case extraZip64:
			if e.LocalSize == sentinel32 && len(data) >= 8 {
				e.LocalSize, _ = int64At(data)
				data = data[8:]
			}
			if comp == sentinel32 && len(data) >= 8 {
				comp, _ = int64At(data)
			}
		case extraPadding:
			e.Padding += int64(len(data))
			if other := len(bytes.Trim(data, "Z")); other > 0 && len(bytes.Trim(data, "\x00")) > 0 {
				a.issue(PaddingContent, i, e.HeaderOffset, "the padding of %q holds %d bytes that are not padding", e.Name, other)
			}
		}
	}, &ok)
	if !ok {
		a.issue(ExtraBroken, i, e.HeaderOffset, "the local extra fields of %q do not parse", e.Name)
	}
	return comp
}

// compare reports where the local header contradicts the central record.
func (a *Archive) compare(i int, e *Entry, localComp int64) {
	at := e.HeaderOffset
	if e.LocalName != e.RawName {
		a.issue(NameMismatch, i, at, "the local header calls it %q, the directory %q", e.LocalName, e.RawName)
	}
	if e.LocalMethod != e.Method {
		a.issue(MethodMismatch, i, at, "the local header of %q says method %d, the directory %d", e.Name, e.LocalMethod, e.Method)
	}
	if e.LocalFlags != e.Flags {
		a.issue(FlagsMismatch, i, at, "the local header of %q says flags %#04x, the directory %#04x", e.Name, e.LocalFlags, e.Flags)
	}
	if e.LocalFlags&flagDescriptor != 0 && e.LocalSize == 0 && localComp == 0 {
		if e.LocalCRC != 0 && e.LocalCRC != e.CRC {
			a.issue(CRCMismatch, i, at, "the local header of %q says CRC %08x, the directory %08x", e.Name, e.LocalCRC, e.CRC)
		}
		return // the truth comes in the data descriptor
	}
	if e.LocalSize != e.Size || localComp != e.CompressedSize {
		a.issue(SizeMismatch, i, at, "the local header of %q says %d bytes in %d, the directory %d in %d", e.Name, e.LocalSize, localComp, e.Size, e.CompressedSize)
	}
	if e.LocalCRC != e.CRC && (e.LocalFlags&flagDescriptor == 0 || e.LocalCRC != 0) {
		a.issue(CRCMismatch, i, at, "the local header of %q says CRC %08x, the directory %08x", e.Name, e.LocalCRC, e.CRC)
	}
}

// readDescriptor finds the data descriptor after the data: with or without its
// signature, with 32 or 64-bit sizes (APPNOTE 6.3.10 §4.3.9).
func (a *Archive) readDescriptor(w *window, i int, e *Entry) error {
	if e.DataOffset < 0 || e.LocalFlags&flagDescriptor == 0 || e.CompressedSize > a.size-e.DataOffset {
		return nil
	}
	b, err := w.at(e.DataOffset+e.CompressedSize, 24)
	if err != nil {
		return err
	}
	signed := len(b) >= 4 && bytes.Equal(b[:4], descSig)
	c := b
	if signed {
		c = b[4:]
	}
	switch {
	case e.descriptor64(c):
		e.DescriptorSize = 20
	case e.descriptor32(c):
		e.DescriptorSize = 12
	case signed:
		e.DescriptorSize = min(12, int64(len(c)))
		a.issue(DescriptorBroken, i, e.DataOffset+e.CompressedSize, "the data descriptor of %q contradicts the directory", e.Name)
	default:
		a.issue(DescriptorBroken, i, e.DataOffset+e.CompressedSize, "%q has no data descriptor", e.Name)
		return nil
	}
	if signed {
		e.DescriptorSize += 4
	}
	return nil
}

func (e *Entry) descriptor32(b []byte) bool {
	return len(b) >= 12 && le.Uint32(b) == e.CRC &&
		le.Uint32(b[4:]) == uint32(e.CompressedSize) && le.Uint32(b[8:]) == uint32(e.Size)
}

func (e *Entry) descriptor64(b []byte) bool {
	return len(b) >= 20 && le.Uint32(b) == e.CRC &&
		le.Uint64(b[4:]) == uint64(e.CompressedSize) && le.Uint64(b[12:]) == uint64(e.Size)
}

package strictzip

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const (
	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3
	flagPatched    = 1 << 5
	flagStrong     = 1 << 6
	flagUTF8       = 1 << 11
	flagMasked     = 1 << 13
	refusedFlags   = flagEncrypted | flagPatched | flagStrong | flagMasked

	maxListedName = 511 // MZ_ZIP_MAX_ARCHIVE_FILENAME_SIZE less its NUL
	version45     = 45  // zip64

	extraZip64 = 0x0001

	extraUnicodePath = 0x7075
	extraPadding     = 0x4246 // "FB", PyTorch's alignment
)

// readCentral reads the directory: the announced entries and those after them
// that still lie in its size, because Python reads by size and miniz by count.
func (a *Archive) readCentral(d directory) error {
	if d.count > a.lim.MaxEntries {
		return bounded.Exceeded("zip entries", a.lim.MaxEntries)
	}
	if d.size > a.lim.MaxDirectory {
		return bounded.Exceeded("bytes of a zip directory", a.lim.MaxDirectory)
	}
	if err := a.openNames(d); err != nil {
		return err
	}
	w := &a.names
	at := d.start()
	for at < w.size {
		n, err := a.readEntry(w, d, at)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		at += n
		if int64(a.Len()) > a.lim.MaxEntries {
			return bounded.Exceeded("zip entries", a.lim.MaxEntries)
		}
	}
	if int64(a.Len()) != d.count {
		a.issue(CountMismatch, -1, d.end, "the end record announces %d entries, the directory holds %d", d.count, a.Len())
	}
	if at < w.size {
		a.add(Issue{Kind: DirectoryBroken, Entry: -1, Offset: at, Refuses: int64(a.Len()) < d.count},
			"%d bytes of the central directory are no entries", w.size-at)
	}
	return nil
}

// openNames makes the window on the directory: all of it, or what was read last.
func (a *Archive) openNames(d directory) error {
	end := d.start() + d.size
	if d.start() < 0 || end > a.size {
		return fmt.Errorf("zip: the directory is outside of the file: %w", io.ErrUnexpectedEOF)
	}
	a.names = window{r: a.r, size: end, next: windowMin}
	if a.lim.Scratch != nil && d.size > a.lim.Scratch.Limit()/16 {
		return nil
	}
	b, err := bounded.ReadRange(a.r, a.size, d.start(), d.size, a.lim.MaxDirectory)
	a.names.off, a.names.buf = d.start(), b
	return err
}

// readEntry appends the entry at an offset and returns its length, 0 if there is
// none.
func (a *Archive) readEntry(w *window, d directory, at int64) (int64, error) {
	b, err := w.at(at, centralLen)
	if err != nil || len(b) < centralLen || !bytes.Equal(b[:4], centralSig) {
		return 0, err
	}
	nameLen, extraLen, commentLen := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	total := centralLen + nameLen + extraLen + commentLen
	if b, err = w.at(at, int64(total)); err != nil || len(b) < total {
		return 0, err
	}
	i := a.Len()
	e := Entry{RawName: string(b[centralLen : centralLen+nameLen]), Fields: Fields{
		nameLen:        uint16(nameLen),
		Method:         le.Uint16(b[10:]),
		Flags:          le.Uint16(b[8:]),
		CRC:            le.Uint32(b[16:]),
		CompressedSize: int64(le.Uint32(b[20:])),
		Size:           int64(le.Uint32(b[24:])),
		HeaderOffset:   int64(le.Uint32(b[42:])),
		VersionMade:    le.Uint16(b[4:]),
		VersionNeeded:  le.Uint16(b[6:]),
		ExternalAttrs:  le.Uint32(b[38:]),
		CentralOffset:  at,
		DataOffset:     -1,
		Beyond:         int64(i) >= d.count,
	}}
	e.Name = listed(e.RawName)
	if !e.applyZip64(b[centralLen+nameLen : centralLen+nameLen+extraLen]) {
		a.refuse(ExtraBroken, i, e.CentralOffset, "the extra fields of %q do not parse", e.Name)
	}
	a.unicodePath(i, &e, b[centralLen+nameLen:centralLen+nameLen+extraLen])
	e.HeaderOffset += d.base
	if disk := le.Uint16(b[34:]); disk > 1 {
		a.refuse(MultiDisk, i, e.CentralOffset, "%q starts on disk %d", e.Name, disk)
	}
	if commentLen > 0 {
		a.issue(EntryComment, i, e.CentralOffset+int64(total-commentLen), "%q has a comment of %d bytes", e.Name, commentLen)
	}
	a.entries.Append(e.Fields)
	a.entryIssues(i, &e)
	return int64(total), nil
}

// listed is the name as PyTorch lists it.
func listed(raw string) string {
	if len(raw) > maxListedName {
		raw = raw[:maxListedName]
	}
	name, _, _ := strings.Cut(raw, "\x00")
	return name
}

// applyZip64 replaces the fields that are at their maximum by the 64-bit ones.
func (e *Entry) applyZip64(extra []byte) bool {
	ok := true
	eachExtra(extra, func(id uint16, data []byte) {
		if id != extraZip64 || e.zip64 {
			return
		}
		e.zip64 = true
		for _, p := range []*int64{&e.Size, &e.CompressedSize, &e.HeaderOffset} {
			if *p != sentinel32 {
				continue
			}
			if len(data) < 8 {
				ok = false
				return
			}
			n, fits := int64At(data)
			if !fits || n > math.MaxInt64/4 {
				ok = false
				n = math.MaxInt64 / 4
			}
			*p, data = n, data[8:]
		}
	}, &ok)
	return ok
}

// unicodePath reports a field that names the entry once more: Python's zipfile
// takes that name since 3.13, miniz does not know it. Archivers write it for names
// in another encoding than UTF-8, and spell both outside ASCII.
func (a *Archive) unicodePath(i int, e *Entry, extra []byte) {
	ok := true
	eachExtra(extra, func(id uint16, data []byte) {
		const head = 5 // version and CRC of the other name
		if id != extraUnicodePath || len(data) < head {
			return
		}
		name := string(data[head:])
		if name != e.RawName && (isASCII(name) || isASCII(e.RawName)) {
			a.issue(NameMismatch, i, e.CentralOffset, "%q is %q for readers of the Unicode path field", e.Name, name)
		}
	}, &ok)
}

// eachExtra calls f for every field. It clears ok when bytes do not parse.
func eachExtra(b []byte, f func(id uint16, data []byte), ok *bool) {
	for len(b) >= 4 {
		n := int(le.Uint16(b[2:]))
		if n > len(b)-4 {
			*ok = false
			return
		}
		f(le.Uint16(b), b[4:4+n])
		b = b[4+n:]
	}
	if len(b) > 0 {
		*ok = false
	}
}

// entryIssues reports what is odd about the central record alone.
func (a *Archive) entryIssues(i int, e *Entry) {
	at := e.CentralOffset
	if f := e.Flags & refusedFlags; f != 0 {
		a.refuse(Encrypted, i, at, "%q has the flags %#04x: encrypted or patched", e.Name, f)
	}
	if e.Method != Stored && e.Method != Deflated {
		a.refuse(UnsupportedMethod, i, at, "%q is compressed by method %d", e.Name, e.Method)
	}
	if e.Method == Stored && e.Size != e.CompressedSize {
		a.refuse(StoredSizes, i, at, "%q is stored, but its sizes are %d and %d", e.Name, e.CompressedSize, e.Size)
	}
	if e.VersionNeeded&0xff > version45 {
		a.issue(VersionNeeded, i, at, "%q asks for version %d.%d of the format", e.Name, e.VersionNeeded&0xff/10, e.VersionNeeded&0xff%10)
	}
	if e.Size > 1<<20 && e.Size/a.lim.MaxRatio > e.CompressedSize {
		a.issue(RatioHigh, i, at, "%q expands from %d to %d bytes", e.Name, e.CompressedSize, e.Size)
	}
	if e.IsDir() && e.Size > 0 {
		a.issue(DirectoryData, i, at, "the directory %q has %d bytes", e.Name, e.Size)
	}
	if e.VersionMade>>8 == 3 && e.ExternalAttrs>>16&0o170000 == 0o120000 {
		a.issue(Symlink, i, at, "%q is a symbolic link", e.Name)
	}
	if utf8.ValidString(e.RawName) && !isASCII(e.RawName) && e.Flags&flagUTF8 == 0 {
		a.issue(UnmarkedName, i, at, "%q is not marked as UTF-8; readers decode it differently", e.Name)
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

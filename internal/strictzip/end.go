package strictzip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

const (
	endLen       = 22
	locatorLen   = 20
	end64Len     = 56
	centralLen   = 46
	localLen     = 30
	searched     = 4096 + 16*4093 // last bytes in which miniz looks for the end record
	maxReadings  = 8              // directories that are looked at
	sentinel16   = 1<<16 - 1
	sentinel32   = 1<<32 - 1
	torchReading = "miniz"
)

var (
	endSig     = []byte("PK\x05\x06")
	end64Sig   = []byte("PK\x06\x06")
	locatorSig = []byte("PK\x06\x07")
	centralSig = []byte("PK\x01\x02")
	localSig   = []byte("PK\x03\x04")
	descSig    = []byte("PK\x07\x08")
	le         = binary.LittleEndian
)

// directory is one reading of where the central directory lies.
type directory struct {
	end      int64 // of the end record
	end64    int64 // of the zip64 end record, -1 without
	offset   int64 // as written
	base     int64 // added to every offset
	size     int64
	count    int64
	comment  string
	declared int64 // length of the comment as declared
	disks    bool  // parts on other disks
	broken64 bool  // a locator that leads nowhere
	by       string
}

func (d *directory) start() int64 { return d.offset + d.base }

// stop is where the records that end the archive begin.
func (d *directory) stop() int64 {
	if d.end64 >= 0 {
		return d.end64
	}
	return d.end
}

// findDirectories returns each distinct plausible reading, PyTorch's first.
func findDirectories(r io.ReaderAt, size int64) ([]directory, error) {
	n := min(size, searched)
	tail := make([]byte, n)
	if err := readFull(r, tail, size-n); err != nil {
		return nil, err
	}
	var found []directory
	// The last record comes first: miniz, Python and Go all search backwards.
	for at := len(tail); len(found) < maxReadings; {
		at = bytes.LastIndex(tail[:at], endSig)
		if at < 0 {
			break
		}
		if len(tail)-at < endLen {
			continue
		}
		ds, err := readings(r, size, tail[at:], size-n+int64(at))
		if err != nil {
			return nil, err
		}
		for _, d := range ds {
			same := func(e directory) bool { return e.start() == d.start() && e.count == d.count && e.size == d.size }
			if !slices.ContainsFunc(found, same) && len(found) < maxReadings {
				found = append(found, d)
			}
		}
	}
	return found, nil
}

// readings returns how one end record can be read: with zip64 or without, with
// offsets as written (miniz) or shifted by what lies before the archive
// (Python, Go). What does not lead to a directory is left out.
func readings(r io.ReaderAt, size int64, b []byte, end int64) ([]directory, error) {
	d := directory{
		end: end, end64: -1, by: "readers without zip64",
		count:  int64(le.Uint16(b[10:])),
		size:   int64(le.Uint32(b[12:])),
		offset: int64(le.Uint32(b[16:])),
		disks:  le.Uint16(b[4:]) != 0 || le.Uint16(b[6:]) != 0 || le.Uint16(b[8:]) != le.Uint16(b[10:]),
	}
	d.declared = int64(le.Uint16(b[20:]))
	d.comment = string(b[endLen : endLen+min(d.declared, int64(len(b)-endLen))])
	all, err := withZip64(r, size, d)
	if err != nil {
		return nil, err
	}
	var out []directory
	for _, d := range all {
		shifted := d
		shifted.base = d.stop() - d.size - d.offset
		shifted.by = "readers that skip a prefix"
		atZero, err := plausible(r, size, d)
		if err != nil {
			return nil, err
		}
		if atZero {
			out = append(out, d)
		}
		if atZero && d.end64 < 0 && len(all) > 1 {
			continue // Python uses zip64, and Go does not shift what it can read
		}
		atShift, err := plausible(r, size, shifted)
		if err != nil {
			return nil, err
		}
		if atShift {
			out = append(out, shifted)
		}
	}
	return out, nil
}

// withZip64 returns d as readers take it: miniz uses zip64 whenever a locator
// leads to its end record, Python the record right before the locator wherever
// that leads, and Go uses zip64 only where a field of d is at its maximum.
func withZip64(r io.ReaderAt, size int64, d directory) ([]directory, error) {
	if d.end < locatorLen+end64Len {
		d.by = torchReading
		return []directory{d}, nil
	}
	var loc [locatorLen]byte
	if err := readFull(r, loc[:], d.end-locatorLen); err != nil {
		return nil, err
	}
	if !bytes.Equal(loc[:4], locatorSig) {
		d.by = torchReading
		return []directory{d}, nil
	}
	before := d.end - locatorLen - end64Len
	at, fits := int64At(loc[8:])
	led, leads := directory{}, false
	var err error
	if fits {
		led, leads, err = zip64At(r, size, d, at, loc[16:])
	}
	if err != nil {
		return nil, err
	}
	near, isNear := led, false
	if at != before {
		near, isNear, err = zip64At(r, size, d, before, loc[16:])
		near.by, near.broken64 = "Python", true
	}
	if err != nil {
		return nil, err
	}
	var all []directory
	if leads {
		all = append(all, led)
	} else {
		d.by, d.broken64 = torchReading, true
	}
	if d.offset != sentinel32 && d.size != sentinel32 && d.count != sentinel16 || !leads {
		all = append(all, d)
	}
	if isNear {
		all = append(all, near)
	}
	return all, nil
}

// zip64At reads the zip64 end record at an offset; total is the number of disks
// that the locator gives.
func zip64At(r io.ReaderAt, size int64, d directory, at int64, total []byte) (directory, bool, error) {
	if at > size-end64Len {
		return d, false, nil
	}
	var b [end64Len]byte
	if err := readFull(r, b[:], at); err != nil {
		return d, false, err
	}
	count, ok1 := int64At(b[32:])
	cdSize, ok2 := int64At(b[40:])
	offset, ok3 := int64At(b[48:])
	if !bytes.Equal(b[:4], end64Sig) || !ok1 || !ok2 || !ok3 {
		return d, false, nil
	}
	d.end64, d.count, d.size, d.offset, d.by = at, count, cdSize, offset, torchReading
	d.disks = le.Uint32(b[16:]) != 0 || le.Uint32(b[20:]) != 0 || le.Uint64(b[24:]) != uint64(count) || le.Uint32(total) != 1
	return d, true, nil
}

// plausible reports whether a directory could be where d says.
func plausible(r io.ReaderAt, size int64, d directory) (bool, error) {
	at := d.start()
	if at < 0 || d.offset < 0 || at > size || d.size > size-at {
		return false, nil
	}
	if d.count == 0 && d.size == 0 {
		return true, nil
	}
	if d.size < centralLen {
		return false, nil
	}
	var sig [4]byte
	if err := readFull(r, sig[:], at); err != nil {
		return false, err
	}
	return bytes.Equal(sig[:], centralSig), nil
}

func (a *Archive) endIssues(d directory) {
	if d.disks {
		a.refuse(MultiDisk, -1, d.end, "the end record speaks of several disks")
	}
	if d.broken64 {
		a.issue(Zip64Broken, -1, d.end-locatorLen, "the zip64 locator does not lead to a zip64 end record")
	}
	if d.base != 0 {
		a.refuse(ShiftedOffsets, -1, d.end, "offsets are right only when %d is added to them", d.base)
	}
	if d.declared > int64(len(d.comment)) {
		a.issue(CommentOverrun, -1, d.end, "the comment is %d bytes long, but %d are left", d.declared, len(d.comment))
	} else if d.declared > 0 {
		a.issue(ArchiveComment, -1, d.end+endLen, "an archive comment of %d bytes", d.declared)
	}
}

// int64At reads an unsigned 64-bit number that must fit an int64.
func int64At(b []byte) (int64, bool) {
	n := le.Uint64(b)
	return int64(n), n < 1<<63
}

// readFull reads len(b) bytes at off.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

package feed

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/strictzip"
)

// disputed are the oddities with which two readers would take different records out
// of an archive.
var disputed = []strictzip.Kind{
	strictzip.SeveralEnds, strictzip.DirectoryDispute, strictzip.DirectoryBroken, strictzip.CountMismatch, strictzip.MultiDisk,
	strictzip.Zip64Broken, strictzip.HiddenEntry, strictzip.Overlap, strictzip.LocalMissing, strictzip.DataOutside,
	strictzip.NameMismatch, strictzip.MethodMismatch, strictzip.SizeMismatch, strictzip.CRCMismatch, strictzip.DuplicateName,
}

// archive takes every record of a ZIP archive.
func (in *intake) archive(f io.ReaderAt, size int64) error {
	z, err := strictzip.Open(f, size, strictzip.Limits{MaxEntries: maxRecords, MaxDirectory: 256 << 20})
	if errors.Is(err, strictzip.ErrFormat) {
		return errors.New("the archive is not complete: it has no central directory")
	}
	if err != nil {
		return err
	}
	for _, kind := range disputed {
		for _, is := range z.Issues {
			if is.Kind == kind {
				return fmt.Errorf("the archive is damaged or ambiguous: %s", is.Text)
			}
		}
	}
	u := unpacker{f: f, size: size, left: bounded.NewBudget("unpacked bytes", maxUnpacked)}
	for i := range z.Len() {
		if err := stopped(in.ctx); err != nil {
			return err
		}
		e := z.Entry(i)
		in.opt.progress(Progress{What: path.Base(e.Name), Done: int64(i + 1), Total: int64(z.Len())})
		switch {
		case e.IsDir():
		case !strings.HasSuffix(e.Name, ".json"):
			in.reject(e.Name, errors.New("its name does not end in .json"))
		default:
			b, err := u.unpack(e)
			if errors.Is(err, bounded.ErrLimit) && u.left.Left() == 0 {
				return err
			}
			if err != nil {
				in.reject(e.Name, err)
				continue
			}
			in.record(e.Name, b)
		}
	}
	return nil
}

// unpacker reads entries with one decompressor, which is dear to make.
type unpacker struct {
	f    io.ReaderAt
	size int64
	left *bounded.Budget
	dec  io.ReadCloser
	buf  bytes.Buffer
}

// unpack returns the content of an entry until the next call.
func (u *unpacker) unpack(e *strictzip.Entry) ([]byte, error) {
	if e.Size > maxRecord {
		return nil, bounded.Exceeded("bytes of a record", maxRecord)
	}
	if err := u.left.Spend(e.Size); err != nil {
		_ = u.left.Spend(u.left.Left()) // there is no going on
		return nil, err
	}
	if e.Flags&1 != 0 {
		return nil, errors.New("it is encrypted")
	}
	packed := io.NewSectionReader(u.f, e.DataOffset, e.CompressedSize)
	var r io.Reader = packed
	switch e.Method {
	case strictzip.Stored:
	case strictzip.Deflated:
		if u.dec == nil {
			u.dec = flate.NewReader(packed)
		} else if err := u.dec.(flate.Resetter).Reset(packed, nil); err != nil { //nolint:forcetypeassert // flate promises it
			return nil, err
		}
		r = u.dec
	default:
		return nil, fmt.Errorf("it is packed by method %d", e.Method)
	}
	u.buf.Reset()
	n, err := io.Copy(&u.buf, io.LimitReader(r, e.Size+1))
	switch {
	case err != nil:
		return nil, err
	case n != e.Size:
		return nil, fmt.Errorf("it does not have the %d bytes that the directory says", e.Size)
	case crc32.ChecksumIEEE(u.buf.Bytes()) != e.CRC:
		return nil, errors.New("its CRC-32 is wrong")
	}
	return u.buf.Bytes(), nil
}

package testkit

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// Descriptor says how the data descriptor behind an entry is written.
type Descriptor uint8

// The forms of a data descriptor.
const (
	DescriptorAuto        Descriptor = iota // written when the local flags have bit 3
	DescriptorNone                          // never
	Descriptor32                            // signature and 32-bit sizes
	Descriptor64                            // signature and 64-bit sizes
	DescriptorNoSignature                   // 32-bit sizes, no signature
)

// ZipEntry is one entry of an archive. The zero value of every field but Name
// and Data means what an honest writer does; pointers override a single field.
type ZipEntry struct {
	Name string // in the central directory, and in the local header unless LocalName is set
	Data []byte // content before compression

	LocalName *string
	Method    uint16 // 0 stored, 8 deflate; both headers
	RawMethod *uint16
	Flags     *uint16 // in both headers
	LocalFlag *uint16 // in the local header only
	CRC       *uint32 // in both headers and the descriptor
	LocalCRC  *uint32
	Size      *uint64 // in the central directory
	Packed    *uint64 // compressed size in the central directory
	LocalSize *uint64 // both sizes in the local header

	Descriptor Descriptor
	Align      int    // pads the data with an "FB" extra field to a multiple
	Extra      []byte // in the central directory
	LocalExtra []byte
	Comment    string
	Zip64      bool    // sizes and offset in zip64 extra fields
	Offset     *uint64 // of the local header, as the central directory says
	Before     []byte  // bytes in front of the local header
	NoCentral  bool    // the entry is missing from the central directory
	NoLocal    bool    // the entry stands in the central directory only
}

// ZipOptions shape the archive around its entries.
type ZipOptions struct {
	Prefix      []byte // in front of the archive
	CountPrefix bool   // offsets count from the start of the prefix
	Comment     string
	Trailing    []byte // behind the archive
	Zip64End    bool   // write the zip64 end record and locator
	BeforeEnd   []byte // between the central directory and its end record
	Count       *uint64
	DirOffset   *uint64
	DirSize     *uint64
}

// Zip writes an archive of entries as they are.
func Zip(entries ...ZipEntry) []byte { return ZipWith(ZipOptions{}, entries...) }

// TorchZip writes an archive as torch.save does: names below root, stored data
// padded to 64 bytes, data descriptors, a zip64 end record.
func TorchZip(root string, entries ...ZipEntry) []byte {
	return ZipWith(ZipOptions{Zip64End: true}, TorchEntries(root, entries...)...)
}

// TorchEntries puts names below root and gives entries without flags torch's.
func TorchEntries(root string, entries ...ZipEntry) []ZipEntry {
	out := make([]ZipEntry, len(entries))
	for i, e := range entries {
		if root != "" {
			e.Name = strings.TrimSuffix(root, "/") + "/" + e.Name
		}
		if e.Flags == nil {
			flags := uint16(0x0808)
			if len(e.Data) == 0 {
				flags = 0x0800
			}
			e.Flags = &flags
		}
		if e.Align == 0 {
			e.Align = 64
		}
		out[i] = e
	}
	return out
}

// ZipWith writes an archive with options.
func ZipWith(opt ZipOptions, entries ...ZipEntry) []byte {
	w := zipWriter{b: bytes.Clone(opt.Prefix)}
	if !opt.CountPrefix {
		w.base = uint64(len(opt.Prefix))
	}
	count := uint64(0)
	for i := range entries {
		w.entry(&entries[i])
		if !entries[i].NoCentral {
			count++
		}
	}
	w.end(&opt, count)
	return append(w.b, opt.Trailing...)
}

type zipWriter struct {
	b    []byte
	base uint64 // offsets count from here
	dir  []byte
}

func (w *zipWriter) pos() uint64 { return uint64(len(w.b)) - w.base }

func or[T any](p *T, v T) T {
	if p != nil {
		return *p
	}
	return v
}

// header is what the local header and the central directory share.
type header struct {
	method, flags uint16
	crc           uint32
	packed, size  uint64
}

func (w *zipWriter) entry(e *ZipEntry) {
	data := e.Data
	if e.Method == 8 {
		data = deflate(e.Data)
	}
	h := header{
		method: or(e.RawMethod, e.Method),
		flags:  or(e.Flags, 0),
		crc:    or(e.CRC, crc32.ChecksumIEEE(e.Data)),
		packed: uint64(len(data)),
		size:   uint64(len(e.Data)),
	}
	w.b = append(w.b, e.Before...)
	offset := w.pos()
	if !e.NoLocal {
		w.local(e, h, data)
	}
	if !e.NoCentral {
		h.size, h.packed = or(e.Size, h.size), or(e.Packed, h.packed)
		w.central(e, h, or(e.Offset, offset))
	}
}

func (w *zipWriter) local(e *ZipEntry, h header, data []byte) {
	exact := h
	h.flags = or(e.LocalFlag, h.flags)
	streamed := h.flags&8 != 0
	if streamed {
		h.crc, h.packed, h.size = 0, 0, 0
	}
	h.crc = or(e.LocalCRC, h.crc)
	if e.LocalSize != nil {
		h.packed, h.size = *e.LocalSize, *e.LocalSize
	}
	name := or(e.LocalName, e.Name)
	var extra []byte
	if e.Zip64 {
		extra = zip64Extra(h.size, h.packed)
		h.size, h.packed = 0xffffffff, 0xffffffff
	}
	extra = append(extra, e.LocalExtra...)
	if e.Align > 0 {
		at := len(w.b) + 30 + len(name) + len(extra) + 4
		pad := (e.Align - at%e.Align) % e.Align
		extra = append(extra, 'F', 'B', byte(pad), byte(pad>>8))
		extra = append(extra, bytes.Repeat([]byte{'Z'}, pad)...)
	}
	w.b = append(w.b, "PK\x03\x04"...)
	w.b = h.append(w.b)
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(len(name)))
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(len(extra)))
	w.b = append(append(append(w.b, name...), extra...), data...)
	w.descriptor(e, exact, streamed)
}

// append writes version, flags, method, time, CRC and sizes.
func (h header) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, h.flags)
	b = binary.LittleEndian.AppendUint16(b, h.method)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, h.crc)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.packed))
	return binary.LittleEndian.AppendUint32(b, uint32(h.size))
}

func (w *zipWriter) descriptor(e *ZipEntry, h header, streamed bool) {
	form := e.Descriptor
	if form == DescriptorAuto {
		form = DescriptorNone
		if streamed {
			form = Descriptor32
			if e.Zip64 {
				form = Descriptor64
			}
		}
	}
	if form == DescriptorNone {
		return
	}
	if form != DescriptorNoSignature {
		w.b = append(w.b, "PK\x07\x08"...)
	}
	w.b = binary.LittleEndian.AppendUint32(w.b, h.crc)
	if form == Descriptor64 {
		w.b = binary.LittleEndian.AppendUint64(w.b, h.packed)
		w.b = binary.LittleEndian.AppendUint64(w.b, h.size)
		return
	}
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(h.packed))
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(h.size))
}

func (w *zipWriter) central(e *ZipEntry, h header, offset uint64) {
	var extra []byte
	if e.Zip64 {
		extra = zip64Extra(h.size, h.packed, offset)
		h.size, h.packed, offset = 0xffffffff, 0xffffffff, 0xffffffff
	}
	extra = append(extra, e.Extra...)
	d := append(w.dir, "PK\x01\x02\x00\x00"...)
	d = h.append(d)
	d = binary.LittleEndian.AppendUint16(d, uint16(len(e.Name)))
	d = binary.LittleEndian.AppendUint16(d, uint16(len(extra)))
	d = binary.LittleEndian.AppendUint16(d, uint16(len(e.Comment)))
	d = append(d, make([]byte, 8)...) // disk, attributes
	d = binary.LittleEndian.AppendUint32(d, uint32(offset))
	w.dir = append(append(append(d, e.Name...), extra...), e.Comment...)
}

func zip64Extra(values ...uint64) []byte {
	b := []byte{1, 0, byte(8 * len(values)), 0}
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func (w *zipWriter) end(opt *ZipOptions, count uint64) {
	offset := or(opt.DirOffset, w.pos())
	size := or(opt.DirSize, uint64(len(w.dir)))
	count = or(opt.Count, count)
	w.b = append(append(w.b, w.dir...), opt.BeforeEnd...)
	if opt.Zip64End {
		at := w.pos()
		w.b = append(w.b, "PK\x06\x06"...)
		w.b = binary.LittleEndian.AppendUint64(w.b, 44)
		w.b = append(w.b, make([]byte, 12)...) // versions, disks
		for _, v := range []uint64{count, count, size, offset} {
			w.b = binary.LittleEndian.AppendUint64(w.b, v)
		}
		w.b = append(w.b, "PK\x06\x07\x00\x00\x00\x00"...)
		w.b = binary.LittleEndian.AppendUint64(w.b, at)
		w.b = append(w.b, 1, 0, 0, 0)
	}
	w.b = append(w.b, "PK\x05\x06\x00\x00\x00\x00"...)
	// APPNOTE 6.3.10 §4.4.21: what does not fit stands in the zip64 record.
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(min(count, 0xffff)))
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(min(count, 0xffff)))
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(size))
	w.b = binary.LittleEndian.AppendUint32(w.b, uint32(offset))
	w.b = binary.LittleEndian.AppendUint16(w.b, uint16(len(opt.Comment)))
	w.b = append(w.b, opt.Comment...)
}

// deflate compresses into memory, which cannot fail.
func deflate(data []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("testkit: deflate: " + err.Error())
	}
	return b.Bytes()
}

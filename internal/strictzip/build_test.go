package strictzip

import (
	"bytes"
	"hash/crc32"
)

// part is an entry as a test wants it; zero fields mean what is right.
type part struct {
	name      string
	data      string
	local     string // name in the local header
	flags     uint16
	lflags    uint16
	method    uint16
	crc       uint32 // central; 0 means right
	extra     string // central
	lextra    string // local
	size      uint32 // central; 0 means right
	before    string // bytes before the local header
	unlisted  bool   // not in the central directory
	version   uint16
	attrs     uint32
	headerOff uint32 // 0 means right
}

// build assembles a zip.
func build(parts ...part) []byte {
	var out, cd bytes.Buffer
	n := 0
	for _, p := range parts {
		out.WriteString(p.before)
		off := uint32(out.Len())
		crc, size := crc32.ChecksumIEEE([]byte(p.data)), uint32(len(p.data))
		local := p.name
		if p.local != "" {
			local = p.local
		}
		out.WriteString("PK\x03\x04")
		put(&out, 16, 20, uint64(p.flags^p.lflags), uint64(p.method), 0, 0)
		put(&out, 32, uint64(crc), uint64(size), uint64(size))
		put(&out, 16, uint64(len(local)), uint64(len(p.lextra)))
		out.WriteString(local + p.lextra + p.data)
		if p.unlisted {
			continue
		}
		if p.crc != 0 {
			crc = p.crc
		}
		csize := size
		if p.size != 0 {
			size = p.size
		}
		if p.headerOff != 0 {
			off = p.headerOff
		}
		cd.WriteString("PK\x01\x02")
		put(&cd, 16, 3<<8|20, uint64(20+p.version), uint64(p.flags), uint64(p.method), 0, 0)
		put(&cd, 32, uint64(crc), uint64(csize), uint64(size))
		put(&cd, 16, uint64(len(p.name)), uint64(len(p.extra)), 0, 0, 0)
		put(&cd, 32, uint64(p.attrs), uint64(off))
		cd.WriteString(p.name + p.extra)
		n++
	}
	at := out.Len()
	out.Write(cd.Bytes())
	out.Write(end(n, cd.Len(), at, ""))
	return out.Bytes()
}

func end(n, size, off int, comment string) []byte {
	var b bytes.Buffer
	b.WriteString("PK\x05\x06")
	put(&b, 16, 0, 0, uint64(n), uint64(n))
	put(&b, 32, uint64(size), uint64(off))
	put(&b, 16, uint64(len(comment)))
	b.WriteString(comment)
	return b.Bytes()
}

func put(b *bytes.Buffer, bits int, vs ...uint64) {
	for _, v := range vs {
		for i := 0; i < bits; i += 8 {
			b.WriteByte(byte(v >> i))
		}
	}
}

package strictzip

import "github.com/andiron-dev/andiron/internal/scratch"

// fieldsCodec is how the numbers of an entry lie in a scratch file.
var fieldsCodec = scratch.Codec[Fields]{
	Size: 96,
	Put: func(b []byte, f *Fields) {
		for i, v := range f.longs() {
			le.PutUint64(b[8*i:], uint64(*v))
		}
		le.PutUint32(b[64:], f.CRC)
		le.PutUint32(b[68:], f.LocalCRC)
		le.PutUint32(b[72:], f.ExternalAttrs)
		for i, v := range f.shorts() {
			le.PutUint16(b[76+2*i:], *v)
		}
		for i, v := range f.marks() {
			b[92+i] = 0
			if *v {
				b[92+i] = 1
			}
		}
	},
	Get: func(b []byte, f *Fields) {
		for i, v := range f.longs() {
			*v = int64(le.Uint64(b[8*i:]))
		}
		f.CRC, f.LocalCRC, f.ExternalAttrs = le.Uint32(b[64:]), le.Uint32(b[68:]), le.Uint32(b[72:])
		for i, v := range f.shorts() {
			*v = le.Uint16(b[76+2*i:])
		}
		for i, v := range f.marks() {
			*v = b[92+i] == 1
		}
	},
}

func (f *Fields) longs() [8]*int64 {
	return [...]*int64{&f.Size, &f.CompressedSize, &f.LocalSize, &f.CentralOffset, &f.HeaderOffset, &f.DataOffset, &f.DescriptorSize, &f.Padding}
}

func (f *Fields) shorts() [8]*uint16 {
	return [...]*uint16{&f.Method, &f.LocalMethod, &f.Flags, &f.LocalFlags, &f.VersionMade, &f.VersionNeeded, &f.nameLen, &f.localLen}
}

func (f *Fields) marks() [3]*bool { return [...]*bool{&f.Beyond, &f.zip64, &f.named} }

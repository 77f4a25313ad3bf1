package scratch

// Bytes is a run of bytes that grows.
type Bytes struct{ a *Array[byte] }

// NewBytes returns an empty run; space may be nil.
func NewBytes(space *Space) *Bytes {
	return &Bytes{NewArray(space, Codec[byte]{
		Size: 1,
		Put:  func(b []byte, v *byte) { b[0] = *v },
		Get:  func(b []byte, v *byte) { *v = b[0] },
	})}
}

// Append adds bytes and returns where they begin.
func (b *Bytes) Append(p []byte) (at int) {
	at = b.a.Len()
	for _, c := range p {
		b.a.Append(c)
	}
	return at
}

// Read returns n bytes from at on.
func (b *Bytes) Read(at, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = b.a.At(at + i)
	}
	return p
}

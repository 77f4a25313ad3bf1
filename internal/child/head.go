package child

// Head keeps the first bytes that are written to it, at most as many as Most, and takes
// the rest.
type Head struct {
	Most int
	b    []byte
}

func (h *Head) Write(b []byte) (int, error) {
	h.b = append(h.b, b[:min(len(b), h.Most-len(h.b))]...)
	return len(b), nil
}

// Bytes are those that were kept.
func (h *Head) Bytes() []byte { return h.b }

// Full reports whether there is no room left, so that there may have been more.
func (h *Head) Full() bool { return len(h.b) == h.Most }

// Package child holds what every package needs that starts other programs: an end for
// all that a program started in turn, and the last of what it printed.
package child

import "strings"

// Tail keeps the last of what is written to it.
type Tail struct {
	b   []byte
	cut bool
}

const (
	tailSize  = 16 << 10
	tailLines = 40
)

// Write is called by one goroutine: os/exec sees that both streams are one writer.
func (t *Tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b, t.cut = append(t.b[:0], t.b[over:]...), true
	}
	return len(b), nil
}

// Lines are the last that were kept, without a first one that is not whole.
func (t *Tail) Lines() []string {
	text := strings.TrimRight(string(t.b), "\r\n")
	if t.cut {
		_, text, _ = strings.Cut(text, "\n")
	}
	if text == "" {
		return nil
	}
	list := strings.Split(text, "\n")
	return list[max(0, len(list)-tailLines):]
}

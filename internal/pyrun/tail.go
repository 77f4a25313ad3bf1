package pyrun

import "strings"

// tail keeps the last of what is written to it.
type tail struct {
	b   []byte
	cut bool
}

const tailSize = 16 << 10

// Write is called by one goroutine: os/exec sees that both streams are one writer.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b, t.cut = append(t.b[:0], t.b[over:]...), true
	}
	return len(b), nil
}

// lines are what was kept, without a first line that is not whole.
func (t *tail) lines() []string {
	text := strings.TrimRight(string(t.b), "\r\n")
	if t.cut {
		_, text, _ = strings.Cut(text, "\n")
	}
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

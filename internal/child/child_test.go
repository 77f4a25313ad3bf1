package child

import (
	"slices"
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	var all Tail
	for range 100 {
		_, _ = all.Write([]byte("line\n"))
	}
	_, _ = all.Write([]byte("last\r\n"))
	if got := all.Lines(); len(got) != tailLines || got[tailLines-1] != "last" {
		t.Errorf("%d lines: %q", len(got), got)
	}
	var cut Tail
	_, _ = cut.Write([]byte(strings.Repeat("x", tailSize) + "\nwhole\n"))
	if got := cut.Lines(); !slices.Equal(got, []string{"whole"}) {
		t.Errorf("a line that is not whole is kept: %q", got)
	}
	if got := new(Tail).Lines(); got != nil {
		t.Errorf("nothing was written: %q", got)
	}
}

func TestHead(t *testing.T) {
	h := Head{Most: 5}
	for _, s := range []string{"ab", "cd"} {
		if n, err := h.Write([]byte(s)); n != 2 || err != nil || h.Full() {
			t.Errorf("%d, %v, full %t", n, err, h.Full())
		}
	}
	if n, err := h.Write([]byte("efg")); n != 3 || err != nil || !h.Full() || string(h.Bytes()) != "abcde" {
		t.Errorf("%d, %v, %q", n, err, h.Bytes())
	}
}

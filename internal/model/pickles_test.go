package model

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestLatin1(t *testing.T) {
	all := make([]byte, 256)
	var text strings.Builder
	for i := range all {
		all[i] = byte(i)
		text.WriteRune(rune(i))
	}
	long := bytes.Repeat(all, 100)
	tests := []struct {
		name, in string
		want     []byte
		fails    bool
	}{
		{"every byte", text.String(), all, false},
		{"longer than a buffer", strings.Repeat(text.String(), 100), long, false},
		{"not Latin-1", "ab\u0100c", []byte("ab"), true},
		{"not UTF-8", "ab\xffc", []byte("ab"), true},
	}
	for _, tt := range tests {
		got, err := io.ReadAll(&latin1{r: bufio.NewReader(strings.NewReader(tt.in))})
		if !slices.Equal(got, tt.want) || (err != nil) != tt.fails {
			t.Errorf("%s: %d bytes, %v, want %d", tt.name, len(got), err, len(tt.want))
		}
	}
}

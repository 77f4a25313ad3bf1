package bounded

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestReadAll(t *testing.T) {
	if b, err := ReadAll(strings.NewReader("abcd"), 4); string(b) != "abcd" || err != nil {
		t.Errorf("ReadAll at the limit = %q, %v", b, err)
	}
	b, err := ReadAll(strings.NewReader("abcde"), 4)
	if string(b) != "abcd" || !errors.Is(err, ErrLimit) {
		t.Errorf("ReadAll over the limit = %q, %v", b, err)
	}
}

func TestReadRange(t *testing.T) {
	src := bytes.NewReader([]byte("0123456789"))
	tests := []struct {
		off, n, limit int64
		want          string
		err           error
	}{
		{2, 3, 10, "234", nil},
		{0, 10, 10, "0123456789", nil},
		{8, 3, 10, "", io.ErrUnexpectedEOF},
		{0, math.MaxInt64, math.MaxInt64, "", io.ErrUnexpectedEOF},
		{math.MaxInt64, 1, 10, "", io.ErrUnexpectedEOF},
		{-1, 1, 10, "", io.ErrUnexpectedEOF},
		{0, 9, 8, "", ErrLimit},
	}
	for _, tt := range tests {
		got, err := ReadRange(src, 10, tt.off, tt.n, tt.limit)
		if string(got) != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("ReadRange(%d, %d, limit %d) = %q, %v, want %q, %v", tt.off, tt.n, tt.limit, got, err, tt.want, tt.err)
		}
	}
}

func TestArithmetic(t *testing.T) {
	if _, ok := Add(math.MaxInt64, 1); ok {
		t.Error("Add wrapped")
	}
	if _, ok := Mul(math.MaxInt64/2, 3); ok {
		t.Error("Mul wrapped")
	}
	if n, ok := Mul(1<<31, 1<<31); !ok || n != 1<<62 {
		t.Errorf("Mul = %d, %v", n, ok)
	}
	b := NewBudget("steps", 3)
	if b.Spend(2) != nil || b.Spend(2) == nil || b.Left() != 1 {
		t.Errorf("budget left %d", b.Left())
	}
}

// Package bounded holds the arithmetic and the reads that hostile input needs:
// sizes are checked before anything is allocated, sums and products do not wrap,
// and every refusal says which limit was met.
//
// # Security
//
// Nothing here allocates what a length field claims. A read first proves that
// the bytes exist, then that they are within the limit, then allocates.
package bounded

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrLimit is what every limit error wraps.
var ErrLimit = errors.New("limit exceeded")

// LimitError says which limit was met.
type LimitError struct {
	What  string // what was counted: "pickle values", "decompressed bytes"
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than the limit of %d", e.What, e.Limit)
}

// Unwrap makes errors.Is(err, ErrLimit) true.
func (e *LimitError) Unwrap() error { return ErrLimit }

// Exceeded returns a *LimitError.
func Exceeded(what string, limit int64) error {
	return &LimitError{What: what, Limit: limit}
}

// Budget counts down from a limit. The zero value allows nothing.
type Budget struct {
	what  string
	limit int64
	left  int64
}

// NewBudget returns a budget of limit units of what.
func NewBudget(what string, limit int64) *Budget {
	return &Budget{what: what, limit: limit, left: limit}
}

// Spend takes n units, or returns a *LimitError and takes none.
func (b *Budget) Spend(n int64) error {
	if n < 0 || n > b.left {
		return Exceeded(b.what, b.limit)
	}
	b.left -= n
	return nil
}

// Left returns how many units remain.
func (b *Budget) Left() int64 { return b.left }

// ReadAll reads r to its end. More than limit bytes are an error that wraps
// ErrLimit; the bytes up to the limit come with it.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	if limit < 0 || limit == math.MaxInt64 {
		return nil, Exceeded("bytes", limit)
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1)) //nolint:forbidigo // this is the bounded reader
	if int64(len(b)) > limit {
		return b[:limit], Exceeded("bytes", limit)
	}
	return b, err
}

// ReadRange reads n bytes at off from a source of size bytes. It allocates only
// after n is known to lie inside the source and within limit.
func ReadRange(r io.ReaderAt, size, off, n, limit int64) ([]byte, error) {
	if off < 0 || n < 0 || off > size || n > size-off {
		return nil, fmt.Errorf("range %d+%d is outside of %d bytes: %w", off, n, size, io.ErrUnexpectedEOF)
	}
	if n > limit {
		return nil, Exceeded("bytes", limit)
	}
	b := make([]byte, n)
	k, err := r.ReadAt(b, off)
	if int64(k) == n {
		return b, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// Add returns a+b and whether it fits, for a and b that are not negative.
func Add(a, b int64) (int64, bool) {
	if a < 0 || b < 0 || a > math.MaxInt64-b {
		return 0, false
	}
	return a + b, true
}

// Mul returns a*b and whether it fits, for a and b that are not negative.
func Mul(a, b int64) (int64, bool) {
	if a < 0 || b < 0 || b != 0 && a > math.MaxInt64/b {
		return 0, false
	}
	return a * b, true
}

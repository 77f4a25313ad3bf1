package imagechild

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/andiron-dev/andiron/internal/dataset"
)

const (
	requestSize = 16
	answerSize  = 20
	maxError    = 1 << 10
)

// The kinds of an answer.
const (
	isPicture byte = 0
	isError   byte = 1
)

func requestHead(n uint32, q *dataset.Request) (head [requestSize]byte) {
	binary.LittleEndian.PutUint32(head[:], n)
	binary.LittleEndian.PutUint32(head[4:], uint32(len(q.Image)))
	binary.LittleEndian.PutUint32(head[8:], uint32(min(q.Pixels, math.MaxUint32)))
	head[12] = byte(q.Channels)
	if q.Last {
		head[13] = 1
	}
	return head
}

// lieError is an answer that cannot be one.
type lieError struct{ what string }

func (e *lieError) Error() string { return "its decoder lies: " + e.what }

func lie(format string, a ...any) error { return &lieError{fmt.Errorf(format, a...).Error()} }

// readAnswer reads the answer to a request, which cannot be trusted. What failed is the
// image; what broke is the process.
func readAnswer(r io.Reader, n uint32, q *dataset.Request) (p dataset.Picture, failed, broke error) {
	var head [answerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return p, nil, err
	}
	number := func(at int) int64 { return int64(binary.LittleEndian.Uint32(head[at:])) }
	if number(0) != int64(n) {
		return p, nil, lie("it answers request %d instead of %d", number(0), n)
	}
	if head[4] != isPicture {
		failed, broke = readError(r, head[4], number(16))
		return p, failed, broke
	}
	p = dataset.Picture{Width: int(min(number(8), math.MaxInt32)), Height: int(min(number(12), math.MaxInt32)), Channels: int(head[5])}
	if err := q.Fits(&p); err != nil {
		return dataset.Picture{}, nil, lie("%w", err)
	}
	size := int64(p.Width) * int64(p.Height) * int64(p.Channels)
	if number(16) != size {
		return dataset.Picture{}, nil, lie("%d bytes for a picture that has %d", number(16), size)
	}
	p.Values = make([]byte, size) // the request allows as many pixels
	if _, err := io.ReadFull(r, p.Values); err != nil {
		return dataset.Picture{}, nil, err
	}
	return p, nil, nil
}

func readError(r io.Reader, kind byte, size int64) (failed, broke error) {
	if kind != isError || size > maxError {
		return nil, lie("an answer of kind %d with %d bytes", kind, size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, err
	}
	return errors.New(string(text)), nil
}

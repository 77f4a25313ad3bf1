package sandbox

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
)

// What is copied is what was read, whole and in order, and so is what the digest is of.
func TestCopyHashed(t *testing.T) {
	for _, size := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 3*pieceSize + 7, (pieces + 2) * pieceSize} {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(i ^ i>>8 ^ i>>16)
		}
		for _, most := range []int{0, size / 2, size, size + 1, size + 2*pieceSize} {
			for name, r := range map[string]io.Reader{"whole": bytes.NewReader(b), "halves": iotest.HalfReader(bytes.NewReader(b)), "with its end": iotest.DataErrReader(bytes.NewReader(b))} {
				var got bytes.Buffer
				want := b[:min(size, most)]
				n, digest, err := copyHashed(&got, r, int64(most))
				if err != nil || n != int64(len(want)) || !bytes.Equal(got.Bytes(), want) || digest != fmt.Sprintf("%x", sha256.Sum256(want)) {
					t.Errorf("%s: %d of at most %d bytes: %d, %s, %v", name, size, most, n, digest, err)
				}
			}
		}
	}
}

// An error of either side is the error, and ends the copy.
func TestCopyHashedFails(t *testing.T) {
	broken := errors.New("broken")
	endless := io.MultiReader(bytes.NewReader(make([]byte, 3*pieceSize)), iotest.ErrReader(broken))
	if n, _, err := copyHashed(io.Discard, endless, 1<<40); !errors.Is(err, broken) || n != 3*pieceSize {
		t.Errorf("a reader that breaks: %d, %v", n, err)
	}
	if _, _, err := copyHashed(io.Discard, iotest.ErrReader(io.ErrUnexpectedEOF), 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a reader that was cut: %v", err)
	}
	const room = pieceSize + 5
	w := &full{room: room}
	zeros := bytes.NewReader(make([]byte, 64*pieceSize))
	if _, _, err := copyHashed(w, zeros, 64*pieceSize); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that is full: %v", err)
	}
	if zeros.Len() == 0 {
		t.Error("it read on to the end")
	}
}

// full is a writer that has room for so much.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

//go:build keyless || !keylessinside

package keyless

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/signing"
)

// Serve answers one question. It is the whole of the program that is inside another
// (docs/adr/0006-keyless-build-tag.md).
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	raw, err := bounded.ReadAll(in, maxMessage)
	if err != nil {
		return err
	}
	var q question
	if err := json.Unmarshal(raw, &q); err != nil {
		return fmt.Errorf("the question: %w", err)
	}
	a, err := q.answer(ctx)
	if errors.Is(err, signing.ErrUnsupported) {
		return err // it is no answer
	}
	if err != nil {
		var u *unaskedError
		a = answer{Error: &told{err.Error(), errors.Is(err, fs.ErrNotExist), errors.As(err, &u)}}
	}
	return json.NewEncoder(out).Encode(a)
}

func (q *question) answer(ctx context.Context) (a answer, err error) {
	switch q.Want {
	case wantRefresh:
		a.File, err = Refresh(ctx, q.Refresh)
	case wantVerifier:
		_, err = Verifier(q.Options)
	case wantVerification:
		a, err = q.verify()
	default:
		err = fmt.Errorf("%w: %q is nothing that can be asked", signing.ErrUnsupported, q.Want)
	}
	return a, err
}

func (q *question) verify() (a answer, err error) {
	verify, err := Verifier(q.Options)
	if err != nil {
		return answer{}, &unaskedError{err}
	}
	a.Payload, a.Signer, err = verify(q.Bundle)
	return a, err
}

type unaskedError struct{ error }

func (u *unaskedError) Unwrap() error { return u.error }

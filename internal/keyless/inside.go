//go:build keylessinside && !keyless

package keyless

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/signing"
)

// Linked says whether this build can verify. This one has a program inside that does:
// what sigstore-go makes at its start would be made at every start of this one.
const Linked = true

// program is cmd/andiron-keyless; make build makes it first.
//
//go:embed verifier.bin
var program []byte

// patience is many times what one bundle takes.
const patience = time.Minute

// Verifier makes the function that signing.Roots takes.
func Verifier(opt Options) (func(bundle []byte) (payload []byte, signer string, err error), error) {
	if opt.Identity == "" || opt.Issuer == "" || opt.TrustedRoot != "" { // what may be wrong is said before anything is asked
		_, err := askSoon(question{Want: wantVerifier, Options: opt})
		if errors.Is(err, signing.ErrUnsupported) { // other bundles can be verified
			return func([]byte) ([]byte, string, error) { return nil, "", err }, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return func(bundle []byte) ([]byte, string, error) {
		a, err := askSoon(question{Want: wantVerification, Options: opt, Bundle: bundle})
		if t, ok := errors.AsType[*told](err); ok && t.Unasked {
			err = unanswered(err)
		}
		if err == nil && (len(a.Payload) == 0 || a.Signer == "") {
			err = unanswered(errors.New("the answer names nobody"))
		}
		if err != nil {
			return nil, "", err
		}
		return a.Payload, a.Signer, nil
	}, nil
}

// Refresh gets the newest trusted root over the network and returns the file that
// it is in.
func Refresh(ctx context.Context, opt RefreshOptions) (file string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	a, err := ask(ctx, question{Want: wantRefresh, Refresh: opt})
	return a.File, err
}

func askSoon(q question) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return ask(ctx, q)
}

// ask starts the program for one question. An error wraps signing.ErrUnsupported
// where there is no answer.
func ask(ctx context.Context, q question) (a answer, err error) {
	text, err := json.Marshal(q)
	if err != nil {
		return answer{}, err
	}
	image := child.Image{Name: "andiron-keyless", Program: program}
	out, err := image.Run(ctx, text, maxMessage)
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	if err != nil {
		return answer{}, unanswered(err)
	}
	if a.Error != nil {
		return answer{}, a.Error
	}
	return a, nil
}

func unanswered(err error) error {
	return fmt.Errorf("bundles that were signed through Sigstore: %w here: %w", signing.ErrUnsupported, err)
}

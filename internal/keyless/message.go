package keyless

import (
	"io/fs"

	"github.com/andiron-dev/andiron/internal/signing"
)

// maxMessage is a bundle in base64, and room for the rest.
const maxMessage = signing.MaxBundle/3*4 + 64<<10

// question is what one program asks the other that verifies for it.
type question struct {
	Want    want           `json:"want"`
	Options Options        `json:"options"`
	Bundle  []byte         `json:"bundle,omitempty"` // of a verification
	Refresh RefreshOptions `json:"refresh"`          // of a refresh
}

type want string

const (
	wantVerifier     want = "verifier" // are the options good?
	wantVerification want = "verification"
	wantRefresh      want = "refresh"
)

// answer is what that says.
type answer struct {
	Payload []byte `json:"payload,omitempty"`
	Signer  string `json:"signer,omitempty"`
	File    string `json:"file,omitempty"`
	Error   *told  `json:"error,omitempty"`
}

// told is an error of the other program: that of Verifier, of what it made, or of
// Refresh.
type told struct {
	Text    string `json:"text"`
	Missing bool   `json:"missing,omitempty"` // it is fs.ErrNotExist
	Unasked bool   `json:"unasked,omitempty"` // it is of Verifier, so that nothing was verified
}

func (t *told) Error() string { return t.Text }

// Is makes errors.Is say of it what it would have said of the error itself.
func (t *told) Is(target error) bool { return t.Missing && target == fs.ErrNotExist }

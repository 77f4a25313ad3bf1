package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/allowance"
)

// Request asks a pool to load a checkpoint, whose open descriptor comes along with it.
type Request struct {
	Name   string        `json:"name"`             // of the checkpoint, for the record
	SHA256 string        `json:"sha256,omitempty"` // refuse another one
	Mode   Mode          `json:"mode,omitempty"`   // "" is auto
	Limits RequestLimits `json:"limits,omitzero"`  // where they are lower than the pool's
	Need   []Layer       `json:"need,omitempty"`   // refuse to load without them
}

// RequestLimits are Limits as they are spelled in a request.
type RequestLimits struct {
	Seconds    float64 `json:"seconds,omitempty"`
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
	Memory     int64   `json:"memory_bytes,omitempty"`
	Result     int64   `json:"result_bytes,omitempty"`
}

// Limits are the same.
func (l RequestLimits) Limits() Limits {
	span := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return Limits{Load: span(l.Seconds), CPU: span(l.CPUSeconds), Memory: l.Memory, Result: l.Result}
}

// Answer is what a pool answers.
type Answer struct {
	Record  json.RawMessage `json:"record"` // what is known of the load; null if it did not come to one
	Failure *PoolError      `json:"error"`  // why there are no tensors

	// Tensors are a sealed file, if there is no failure. Who has the answer closes it.
	Tensors *os.File `json:"-"`
}

// PoolError is an error as it is told to another process.
type PoolError struct {
	Kind  FailureKind `json:"kind"`
	Text  string      `json:"text"`
	Limit bool        `json:"limit,omitempty"` // it is ErrLimit as well
}

// FailureKind tells failures apart.
type FailureKind string

// The kinds, and which of the errors of this package each is.
const (
	KindContained FailureKind = "contained" // ErrContained
	KindImport    FailureKind = "import"    // ErrImport
	KindFailed    FailureKind = "failed"    // ErrFailed
	KindMissing   FailureKind = "missing"   // ErrMissing
	KindDigest    FailureKind = "digest"    // the checkpoint is another one
	KindNeeds     FailureKind = "needs"     // ErrNeeds
	KindBusy      FailureKind = "busy"      // ErrNoWorker
	KindChanged   FailureKind = "changed"   // ErrChanged
	KindRequest   FailureKind = "request"   // nobody understands the request
	KindOther     FailureKind = "other"
)

var kinds = []struct {
	kind FailureKind
	err  error
}{{KindContained, ErrContained}, {KindNeeds, ErrNeeds}, {KindImport, ErrImport}, {KindFailed, ErrFailed}, {KindMissing, ErrMissing}, {KindBusy, ErrNoWorker}, {KindDigest, ErrDigest}, {KindChanged, ErrChanged}, {KindRequest, errRequest}}

// ErrDigest says that the checkpoint is not the one that was asked for.
var ErrDigest = errors.New("it has another digest")

var errRequest = errors.New("no request of this protocol")

// NewPoolError is the error to be told.
func NewPoolError(err error) *PoolError {
	limit := errors.Is(err, ErrLimit)
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return &PoolError{k.kind, err.Error(), limit}
		}
	}
	return &PoolError{KindOther, err.Error(), limit}
}

func (f *PoolError) Error() string { return f.Text }

// Is reports which error of this package it was.
func (f *PoolError) Is(target error) bool {
	for _, k := range kinds {
		if k.err == target {
			return k.kind == f.Kind
		}
	}
	return target == ErrLimit && f.Limit
}

// A message is the number of its bytes, as four bytes, the lowest first, and so much
// JSON.
const (
	mostRequest = 64 << 10
	mostAnswer  = 64 << 20
	mostName    = 4096
	mostSeconds = 1e6
)

// frame is a message.
func frame(v any, most int) ([]byte, error) {
	b, err := json.Marshal(v)
	if err == nil && len(b) > most {
		err = fmt.Errorf("a message of %d bytes, more than %d", len(b), most)
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{byte(len(b)), byte(len(b) >> 8), byte(len(b) >> 16), byte(len(b) >> 24)}, b...), nil
}

// unframe reads a message.
func unframe(r io.Reader, most int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := uint32(head[0]) | uint32(head[1])<<8 | uint32(head[2])<<16 | uint32(head[3])<<24
	if int64(n) > int64(most) {
		return nil, fmt.Errorf("a message of %d bytes, more than %d", n, most)
	}
	var b bytes.Buffer // grows with what comes, not with what is announced
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decodeRequest reads a request strictly: it comes from somebody else.
func decodeRequest(b []byte) (*Request, error) {
	var r Request
	err := decodeOnly(b, &r)
	if err == nil {
		err = spelled(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRequest, err)
	}
	l := r.Limits
	switch {
	case !utf8.Valid(b):
		return nil, fmt.Errorf("%w: it is not UTF-8", errRequest)
	case r.Name == "" || len(r.Name) > mostName:
		return nil, fmt.Errorf("%w: a name of %d bytes", errRequest, len(r.Name))
	case r.SHA256 != "" && !isDigest(r.SHA256):
		return nil, fmt.Errorf("%w: %q is no SHA-256", errRequest, r.SHA256)
	case r.Mode != "" && r.Mode != Auto && r.Mode != Full && r.Mode != Reference:
		return nil, fmt.Errorf("%w: there is no mode %.20q", errRequest, r.Mode)
	case slices.ContainsFunc(r.Need, func(l Layer) bool { return !slices.Contains(allowance.Layers(), l) }):
		return nil, fmt.Errorf("%w: there is no such layer in %.80q", errRequest, r.Need)
	case l.Memory < 0 || l.Result < 0 || !spans(l.Seconds) || !spans(l.CPUSeconds):
		return nil, fmt.Errorf("%w: a limit is out of range", errRequest)
	}
	return &r, nil
}

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// spans reports whether s is a time in seconds, or 0 for none.
func spans(s float64) bool {
	return s == 0 || s*float64(time.Second) >= 1 && s <= mostSeconds && !math.IsNaN(s)
}

// spelled looks at what a decoder lets pass in JSON that is well-formed: a key that stands
// twice or is spelled in another case, and a value that is there and says nothing. Who
// asks for a digest of "" would otherwise not be told that nothing is compared.
func spelled(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	var open []map[string]bool // keys of the objects that are open; nil for a list
	isKey := false
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		key, text := t.(string)
		switch {
		case t == json.Delim('{'):
			open = append(open, map[string]bool{})
		case t == json.Delim('['):
			open = append(open, nil)
		case t == json.Delim('}'), t == json.Delim(']'):
			open = open[:len(open)-1]
		case text && isKey:
			if err := unlike(open[len(open)-1], key); err != nil {
				return err
			}
			isKey = false
			continue
		case t == nil, t == "", t == 0.0:
			return fmt.Errorf("a value is %#v, which asks for nothing", t)
		}
		isKey = len(open) > 0 && open[len(open)-1] != nil
	}
}

// unlike adds a key to those of an object, which must not have it.
func unlike(keys map[string]bool, key string) error {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return fmt.Errorf("there is no key %.40q", key)
	}
	if keys[key] {
		return fmt.Errorf("the key %.40q stands twice", key)
	}
	keys[key] = true
	return nil
}

// decodeOnly reads one value and nothing else.
func decodeOnly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind it")
		}
	}
	return err
}

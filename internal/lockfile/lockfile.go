// Package lockfile reads and writes andiron.lock, the models that a project
// trusts: for each its path, digest, and what was known of it when somebody
// vouched for it.
//
// # Security
//
// What is not understood in full is refused with its line: a key that is not
// known, stands twice or is missing, a value of the wrong form, a path that leads
// out of the folder. Nothing is allocated that the file's size does not cover.
//
// # Limits
//
// A lock of more than 16 MiB is refused.
//
// # Specification
//
// docs/spec/lock-v1.md; JSON is RFC 8259.
package lockfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pattern"
)

// FileName is where a project keeps its lock.
const FileName = "andiron.lock"

// MaxBytes is the largest lock that is read.
const MaxBytes = 16 << 20

// Model is one model that is trusted.
type Model struct {
	Path      string   `json:"path"` // a pattern, relative to the folder of the lock
	SHA256    string   `json:"sha256"`
	Size      int64    `json:"size"`
	Format    string   `json:"format"`
	Verdict   string   `json:"verdict"` // at the time, waivers left aside
	Source    string   `json:"source"`  // canonical address, or empty
	AddedBy   string   `json:"added_by"`
	AddedAt   string   `json:"added_at"`  // RFC 3339, UTC
	Signature string   `json:"signature"` // path of the bundle, or empty
	Waivers   []string `json:"waivers"`   // rules that had to be waived
	Reason    string   `json:"reason"`

	Line int `json:"-"` // in the file that was read
}

// File is a lock. The zero value lists nothing.
type File struct{ Models []Model }

// Encode gives the one form of a lock: sorted by path, then digest.
func (f *File) Encode() ([]byte, error) {
	models := slices.Clone(f.Models)
	slices.SortFunc(models, compare)
	for i := range models {
		models[i].Waivers = append([]string{}, models[i].Waivers...)
	}
	doc := struct {
		Version int     `json:"version"`
		Models  []Model `json:"models"`
	}{1, append([]Model{}, models...)}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	if b.Len() > MaxBytes {
		return nil, fmt.Errorf("a lock of %d models does not fit into %d bytes", len(models), MaxBytes)
	}
	return b.Bytes(), nil
}

func compare(a, b Model) int {
	return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA256, b.SHA256))
}

// Change says what Put did.
type Change int

// The changes.
const (
	Same     Change = iota // it was listed like this
	Added                  // it was not listed
	Replaced               // the path had another digest, or another detail changed
)

// Put lists a model. A path that is literal has one digest, which is replaced and
// returned; a pattern may have many. What is listed already, but for who, when and
// why, stays as it is.
func (f *File) Put(m Model) (change Change, old *Model) {
	for i := range f.Models {
		have := f.Models[i]
		if have.Path != m.Path || !pattern.Literal(m.Path) && have.SHA256 != m.SHA256 {
			continue
		}
		if alike(have, m) {
			return Same, &have
		}
		f.Models[i] = m
		return Replaced, &have
	}
	f.Models = append(f.Models, m)
	return Added, nil
}

// alike compares what is known of a model, not who added it, when and why.
func alike(a, b Model) bool {
	return a.SHA256 == b.SHA256 && a.Size == b.Size && a.Format == b.Format && a.Verdict == b.Verdict &&
		a.Source == b.Source && a.Signature == b.Signature && slices.Equal(a.Waivers, b.Waivers)
}

// Remove takes out every model of which key is the path, the digest or the
// beginning of the digest, of 8 digits at least.
func (f *File) Remove(key string) (gone []Model) {
	f.Models = slices.DeleteFunc(f.Models, func(m Model) bool {
		hit := m.Path == key || len(key) >= 8 && strings.HasPrefix(m.SHA256, key)
		if hit {
			gone = append(gone, m)
		}
		return hit
	})
	return gone
}

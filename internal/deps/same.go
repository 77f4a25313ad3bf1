package deps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"slices"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// Seen is a file that a collection opened.
type Seen struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // of the whole, or of its head
	Head   bool   `json:"head,omitempty"`
	Named  bool   `json:"named,omitempty"` // another file named it; it was not met on the walk
}

// Trace is what a collection depended on: if all of it is the same, so is the result.
type Trace struct {
	Files  []Seen   `json:"files"`
	Passed []string `json:"passed"`
}

// Trace returns what the collection depended on. ok is false where that is more than
// the content of files: what could not be read, what is installed, and files of an
// image, which are looked for in several places.
func (p *Project) Trace() (t Trace, ok bool) {
	if len(p.Unread) > 0 {
		return Trace{}, false
	}
	for _, s := range p.Sets {
		if s.Kind == manifest.Installed || s.Kind == manifest.CondaInstalled || (s.Kind == manifest.Dockerfile || s.Kind == manifest.Notebook) && len(s.Includes) > 0 {
			return Trace{}, false
		}
	}
	return Trace{p.seen, p.Passed}, true
}

// Same reports whether a collection would open the same files and find the same in
// them. It reads and hashes, and takes nothing apart.
func Same(ctx context.Context, root string, paths []string, t Trace) bool {
	c := &collector{ctx: ctx, root: root, files: map[string]*manifest.File{}, project: &Project{Root: root}, was: map[string]*Seen{}}
	for i := range t.Files {
		c.was[t.Files[i].Path] = &t.Files[i]
	}
	for _, p := range paths {
		if len(sites(p)) > 0 || c.path(p) != nil {
			return false
		}
	}
	if len(c.project.Unread) > 0 || !slices.Equal(slices.Sorted(slices.Values(c.project.Passed)), t.Passed) {
		return false
	}
	for _, s := range t.Files {
		if _, met := c.files[s.Path]; met {
			continue
		}
		if !s.Named || !same(filepath.FromSlash(s.Path), &s) {
			return false
		}
	}
	return true
}

// compare holds a file that was met on the walk against what it was.
func (c *collector) compare(abs, shown string) {
	c.files[shown] = nil
	if s := c.was[shown]; s == nil || !same(abs, s) {
		c.unread(shown, 0, "it is not what it was")
	}
}

func same(abs string, s *Seen) bool {
	a, err := artifact.Open(abs, s.Path)
	if err != nil {
		return false
	}
	defer func() { _ = a.Close() }() // it was only read
	n := a.Size()
	if s.Head {
		n = min(n, headLen)
	}
	if n > mostBytes {
		return false
	}
	h := sha256.New()
	k, err := io.CopyBuffer(h, io.NewSectionReader(a.ReaderAt(), 0, n), make([]byte, min(n+1, chunk)))
	return err == nil && k == n && hex.EncodeToString(h.Sum(nil)) == s.SHA256
}

// chunk is how much is read at a time of what is only hashed. The pages of a buffer
// of the whole would cost as much as hashing it.
const chunk = 64 << 10

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

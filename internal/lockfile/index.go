package lockfile

import "github.com/andiron-dev/andiron/internal/pattern"

// Index finds models in a lock that does not change any more. That of no lock finds
// none.
type Index struct {
	paths    map[string][]*Model
	patterns []*Model
	digests  map[string][]*Model
	sizes    map[int64]bool
}

// NewIndex returns an index of a lock, which may be nil.
func NewIndex(f *File) *Index {
	x := &Index{paths: map[string][]*Model{}, digests: map[string][]*Model{}, sizes: map[int64]bool{}}
	if f == nil {
		return x
	}
	for i := range f.Models {
		m := &f.Models[i]
		x.digests[m.SHA256] = append(x.digests[m.SHA256], m)
		x.sizes[m.Size] = true
		if pattern.Literal(m.Path) {
			x.paths[m.Path] = append(x.paths[m.Path], m)
		} else {
			x.patterns = append(x.patterns, m)
		}
	}
	return x
}

// For returns the models that name a path literally, and those that match it as a
// pattern.
func (x *Index) For(path string) (literal, matched []*Model) {
	for _, m := range x.patterns {
		if pattern.Match(m.Path, path) {
			matched = append(matched, m)
		}
	}
	return x.paths[path], matched
}

// Digest returns the models with a digest.
func (x *Index) Digest(sum string) []*Model { return x.digests[sum] }

// Size reports whether any model has a size.
func (x *Index) Size(n int64) bool { return x.sizes[n] }

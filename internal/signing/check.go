package signing

import (
	"cmp"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
)

// Problem is what is wrong with a file.
type Problem string

// The problems.
const (
	Changed Problem = "changed" // its digest is not the signed one
	Missing Problem = "missing" // it was signed and is not there
	Extra   Problem = "extra"   // it is there and was not signed
	Link    Problem = "link"    // it is a link, or behind one
	Special Problem = "special" // it is a device, a pipe, a folder, ...
)

// Mismatch is a file that is not as it was signed.
type Mismatch struct {
	Path    string  `json:"path"`
	Problem Problem `json:"problem"`
	Want    string  `json:"want,omitempty"` // SHA-256, of a changed file
	Got     string  `json:"got,omitempty"`
}

// CheckOptions are how a model is compared. The zero value is the strictest.
type CheckOptions struct {
	// AllowUnsignedFilesUnsafe lets files pass that nobody signed. A loader that
	// finds them by name will load them.
	AllowUnsignedFilesUnsafe bool
	// IgnoreUnsafe are paths, relative to the model, where files pass that nobody
	// signed. Bundles up to v1.0.0 do not say what their signer left out.
	IgnoreUnsafe []string
	// Except are the names of files that are not of the model: the bundle itself.
	Except []string
	Each   Each
}

// Check compares the model at path, a folder or a file, with what was signed. The
// mismatches are sorted by path. An error says that a file could not be looked at.
func (s *Statement) Check(path string, opt CheckOptions) ([]Mismatch, error) {
	m, err := openModel(path)
	if err != nil {
		return nil, err
	}
	defer m.close()
	c := check{m: m, s: s, signed: map[string]bool{}, sizes: map[string]int64{}, found: []Mismatch{}}
	if err := c.signedFiles(opt.Each); err != nil {
		return nil, err
	}
	if !opt.AllowUnsignedFilesUnsafe {
		if err := c.otherFiles(opt); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.found, func(a, b Mismatch) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Problem, b.Problem))
	})
	return slices.Compact(c.found), nil
}

type check struct {
	m      *model
	s      *Statement
	signed map[string]bool // the paths that were signed
	sizes  map[string]int64
	found  []Mismatch
}

func (c *check) report(path string, p Problem) {
	c.found = append(c.found, Mismatch{Path: path, Problem: p})
}

// signedFiles looks at every file that was signed, also where it is in a place
// that is ignored.
func (c *check) signedFiles(each Each) error {
	var there []Resource
	for _, r := range c.s.Resources {
		r.Path = c.onDisk(r.Path)
		c.signed[r.Path] = true
		ok, err := c.isThere(r.Path)
		if err != nil {
			return err
		}
		if ok {
			there = append(there, r)
		}
	}
	c.lengths(there)
	return c.compare(there, each)
}

// onDisk is the name of the file that a resource is about: a model of one file
// has its own name, or none.
func (c *check) onDisk(path string) string {
	if c.m.file != "" && c.s.isSingle() {
		return c.m.file
	}
	return path
}

// isThere reports whether there is a file to hash.
func (c *check) isThere(path string) (bool, error) {
	info, err := c.m.lookup(path, c.s.AllowSymlinks)
	switch {
	case errors.Is(err, fs.ErrNotExist) || c.m.file != "" && path != c.m.file:
		c.report(path, Missing)
	case err != nil && c.s.AllowSymlinks && c.isLink(path):
		c.report(path, Link) // one that leads out, or in a circle
	case err != nil:
		return false, err
	case info.Mode()&fs.ModeSymlink != 0:
		c.report(path, Link)
	case !info.Mode().IsRegular():
		c.report(path, Special)
	default:
		c.sizes[path] = info.Size()
		return true, nil
	}
	return false, nil
}

func (c *check) isLink(path string) bool {
	info, err := c.m.lookup(path, false)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// lengths finds the files that go on after their last part, or end before it.
func (c *check) lengths(there []Resource) {
	if c.s.ShardSize == 0 {
		return
	}
	ends := map[string]int64{}
	for _, r := range there {
		ends[r.Path] = max(ends[r.Path], r.End)
	}
	for path, end := range ends {
		if c.sizes[path] != end {
			c.report(path, Changed)
		}
	}
}

// compare hashes files.
func (c *check) compare(list []Resource, each Each) error {
	found := make([]*Mismatch, len(list))
	err := each.run(len(list), func(i int) error {
		r := list[i]
		got, err := c.m.hash(r.Path, r.Start, r.End)
		if err == nil && got != r.SHA256 {
			found[i] = &Mismatch{Path: r.Path, Problem: Changed}
			if r.End == 0 {
				found[i].Want, found[i].Got = hex.EncodeToString(r.SHA256[:]), hex.EncodeToString(got[:])
			}
		}
		return err
	})
	for _, m := range found {
		if m != nil {
			c.found = append(c.found, *m)
		}
	}
	return err
}

// otherFiles finds what was not signed.
func (c *check) otherFiles(opt CheckOptions) error {
	ignored := slices.Clone(c.s.Ignored)
	for _, p := range opt.IgnoreUnsafe {
		clean, err := ignorable(p)
		if err != nil {
			return err
		}
		ignored = append(ignored, clean)
	}
	list, err := c.m.entries(ignored, opt.Except)
	for _, e := range list {
		mode := e.info.Mode()
		switch {
		case c.signed[e.path]:
		case mode.IsRegular() && c.s.ShardSize > 0 && e.info.Size() == 0:
			// Empty files have no parts, so they are never signed: §6.3.2.
		case mode&fs.ModeSymlink != 0 && !c.s.AllowSymlinks:
			c.report(e.path, Link)
		case !mode.IsRegular() && mode&fs.ModeSymlink == 0:
			c.report(e.path, Special)
		default:
			c.report(e.path, Extra)
		}
	}
	return err
}

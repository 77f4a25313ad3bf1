// Package gitsrc reads what Git wrote down of a project's history: references, commits
// and trees, loose and in packs. Nothing of Git is run, and no file is changed.
//
// # Security
//
// This package is made for hostile input. It never panics; no length that a file claims
// is allocated before as many bytes were inflated, and what was inflated in all stays
// within Limits. The digest of every object is held against its name. The files are those
// of the file system that the caller hands over; nothing here leads out of it, so
// alternates and folders elsewhere are not followed.
//
// # Limits
//
// [Limits]; also 4096 deltas on each other, 1,000 packs, and 100 references that name each
// other.
//
// # Specification
//
// gitformat-pack, gitrepository-layout, gitformat-index of Git 2.50: pack version 2 and
// 3, index version 2, objects of SHA-1 and SHA-256. The reference format is files;
// reftable is an error.
package gitsrc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits are the most that is read. Zero means the default.
type Limits struct {
	Object   int64 // bytes of one commit or tree; 16 MiB
	Inflated int64 // bytes of all objects; 256 MiB
}

// Hash is the name of an object, as bytes.
type Hash string

func (h Hash) String() string { return hex.EncodeToString([]byte(h)) }

// Repository is a folder .git.
type Repository struct {
	files   fs.FS
	size    int // bytes of a name
	object  int64
	budget  *bounded.Budget
	packs   []*pack
	shallow map[Hash]bool
	trees   map[Hash][]Entry
	held    int // entries in trees
	partial string
}

var (
	// ErrEmpty says that a repository has no commit yet.
	ErrEmpty = errors.New("it has no commit")
	errName  = errors.New("not the name of an object")
)

// MissingError says that an object is not where it should be.
type MissingError struct {
	Hash Hash
	Why  string // empty where that is not known
}

func (e *MissingError) Error() string {
	s := "object " + e.Hash.String() + " is not in the repository"
	if e.Why != "" {
		s += ": " + e.Why
	}
	return s
}

const (
	mostText  = 1 << 20 // bytes of HEAD, packed-refs, shallow and the like
	mostPacks = 1000
	mostLinks = 100
)

// Open looks at a folder .git.
func Open(files fs.FS, lim Limits) (*Repository, error) {
	if lim.Object <= 0 {
		lim.Object = 16 << 20
	}
	if lim.Inflated <= 0 {
		lim.Inflated = 256 << 20
	}
	r := &Repository{
		files: files, object: lim.Object, budget: bounded.NewBudget("bytes of commits and trees", lim.Inflated),
		shallow: map[Hash]bool{}, trees: map[Hash][]Entry{},
	}
	if _, err := r.text("HEAD"); err != nil {
		return nil, err
	}
	list, err := fs.Glob(files, "objects/pack/pack-*.idx")
	if err != nil {
		return nil, err
	}
	if len(list) > mostPacks {
		return nil, bounded.Exceeded("packs", mostPacks)
	}
	for _, name := range list {
		r.packs = append(r.packs, &pack{name: strings.TrimSuffix(name, ".idx")})
	}
	if alt, err := r.text("objects/info/alternates"); err == nil && strings.TrimSpace(alt) != "" {
		r.partial = "it borrows objects of another one (objects/info/alternates), which is not followed"
	}
	return r, r.readShallow()
}

// Close lets the packs go.
func (r *Repository) Close() error {
	var errs []error
	for _, p := range r.packs {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// Shallow reports whether the history was cut off when the project was fetched.
func (r *Repository) Shallow() bool { return len(r.shallow) > 0 }

func (r *Repository) readShallow() error {
	text, err := r.text("shallow")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		h, err := parseHash(strings.TrimSpace(line))
		if err != nil {
			return fmt.Errorf("shallow: %w", err)
		}
		r.shallow[h] = true
	}
	return nil
}

// Head is the commit that is checked out.
func (r *Repository) Head() (Hash, error) {
	text, err := r.text("HEAD")
	for range mostLinks {
		if err != nil {
			return "", err
		}
		text = strings.TrimSpace(text)
		name, isRef := strings.CutPrefix(text, "ref: ")
		if !isRef {
			h, err := parseHash(text)
			r.size = len(h)
			return h, err
		}
		if !fs.ValidPath(name) || !strings.HasPrefix(name, "refs/") {
			return "", fmt.Errorf("reference %.80q leads nowhere", name)
		}
		if name == "refs/heads/.invalid" {
			return "", errors.New("its references are in the format reftable, which is not read")
		}
		text, err = r.reference(name)
	}
	return "", fmt.Errorf("references: %w", bounded.Exceeded("names of names", mostLinks))
}

// reference is what a reference says, loose or packed.
func (r *Repository) reference(name string) (string, error) {
	text, err := r.text(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	packed, err := r.text("packed-refs")
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrEmpty
	}
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(packed) {
		if sum, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok && ref == name {
			return sum, nil
		}
	}
	return "", ErrEmpty
}

// text reads a small file.
func (r *Repository) text(name string) (string, error) {
	f, err := r.files.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	b, err := bounded.ReadAll(f, mostText)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(b), nil
}

func parseHash(s string) (Hash, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 20 && len(b) != 32 {
		return "", fmt.Errorf("%.80q is %w", s, errName)
	}
	return Hash(b), nil
}

// read gives an object, whose digest is its name.
func (r *Repository) read(h Hash, want string) ([]byte, error) {
	if len(h) != r.size {
		return nil, errName
	}
	kind, b, err := r.loose(h)
	if errors.Is(err, fs.ErrNotExist) {
		kind, b, err = r.packed(h)
	}
	if err != nil {
		return nil, err
	}
	if kind != want {
		return nil, fmt.Errorf("object %s is a %.20s and not a %s", h, kind, want)
	}
	if sum(r.size, kind, b) != h {
		return nil, fmt.Errorf("object %s is damaged: its digest is another one", h)
	}
	return b, nil
}

// loose reads objects/ab/cdef….
func (r *Repository) loose(h Hash) (kind string, b []byte, err error) {
	name := h.String()
	f, err := r.files.Open(path.Join("objects", name[:2], name[2:]))
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }() // it was read
	if b, err = r.inflate(f, -1); err != nil {
		return "", nil, fmt.Errorf("object %s: %w", h, err)
	}
	head, body, ok := bytes.Cut(b, []byte{0})
	kind, size, hasSize := strings.Cut(string(head), " ")
	if !ok || !hasSize || size != strconv.Itoa(len(body)) {
		return "", nil, fmt.Errorf("object %s has no header", h)
	}
	return kind, body, nil
}

package gitsrc

import (
	"bufio"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the digest that Git names objects by
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// inflate unpacks one object, of a size that is known, or of any for -1.
func (r *Repository) inflate(from io.Reader, size int64) ([]byte, error) {
	if size > r.object {
		return nil, bounded.Exceeded("bytes of an object", r.object)
	}
	z, err := zlib.NewReader(bufio.NewReader(from))
	if err != nil {
		return nil, err
	}
	b, err := bounded.ReadAll(z, min(r.object, r.budget.Left()))
	if err != nil {
		return nil, err
	}
	if size >= 0 && int64(len(b)) != size {
		return nil, fmt.Errorf("an object has %d bytes where its header says %d", len(b), size)
	}
	return b, r.budget.Spend(int64(len(b)))
}

// sum is the name of an object.
func sum(size int, kind string, b []byte) Hash {
	h := sha1.New() //nolint:gosec // see above
	if size == sha256.Size {
		h = sha256.New()
	}
	_, _ = fmt.Fprintf(h, "%s %d\x00", kind, len(b)) // a hash takes everything
	_, _ = h.Write(b)
	return Hash(h.Sum(nil))
}

// Commit is a commit, with the people in it.
type Commit struct {
	Hash              Hash
	Tree              Hash
	Parents           []Hash
	Author, Committer Person
	Message           string
}

// Person is somebody at a time.
type Person struct {
	Name, Email string
	Time        int64 // seconds since 1970
}

var errCommit = errors.New("not in the form of a commit")

const mostParents = 1000

// Commit reads a commit. One where the history was cut off has no parents.
func (r *Repository) Commit(h Hash) (*Commit, error) {
	b, err := r.read(h, "commit")
	if err != nil {
		return nil, err
	}
	c := &Commit{Hash: h}
	head, message, ok := strings.Cut(string(b), "\n\n")
	if !ok { // without a message
		head = strings.TrimSuffix(head, "\n")
	}
	c.Message = message
	for line := range strings.Lines(head) {
		if err := c.header(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("commit %s: %w", h, err)
		}
	}
	if c.Tree == "" {
		return nil, fmt.Errorf("commit %s: %w", h, errCommit)
	}
	if r.shallow[h] {
		c.Parents = nil
	}
	return c, nil
}

func (c *Commit) header(line string) (err error) {
	key, value, _ := strings.Cut(line, " ")
	switch key {
	case "tree":
		c.Tree, err = parseHash(value)
	case "parent":
		var p Hash
		if p, err = parseHash(value); len(c.Parents) >= mostParents {
			err = bounded.Exceeded("parents", mostParents)
		}
		c.Parents = append(c.Parents, p)
	case "author":
		c.Author = person(value)
	case "committer":
		c.Committer = person(value)
	}
	return err
}

// person reads "Name <email> 1764115200 +0100". What is not there is empty.
func person(s string) (p Person) {
	open, end := strings.IndexByte(s, '<'), strings.LastIndexByte(s, '>')
	if open < 0 || end < open {
		p.Name = strings.TrimSpace(s)
		return p
	}
	p.Name, p.Email = strings.TrimSpace(s[:open]), strings.TrimSpace(s[open+1:end])
	_, _ = fmt.Sscanf(s[end+1:], "%d", &p.Time) // no time is 0
	return p
}

// Subject is the first line of the message.
func (c *Commit) Subject() string {
	first, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return first
}

// Entry is one name in a folder.
type Entry struct {
	Name   string
	Hash   Hash
	Folder bool
}

// heldEntries is how many entries of trees are remembered.
const heldEntries = 200_000

// Tree lists a folder.
func (r *Repository) Tree(h Hash) ([]Entry, error) {
	if list, ok := r.trees[h]; ok {
		return list, nil
	}
	b, err := r.read(h, "tree")
	if err != nil {
		return nil, err
	}
	var list []Entry
	for rest := string(b); rest != ""; {
		head, after, ok := strings.Cut(rest, "\x00")
		mode, name, hasName := strings.Cut(head, " ")
		if !ok || !hasName || len(after) < r.size {
			return nil, fmt.Errorf("tree %s is not in the form of a tree", h)
		}
		list = append(list, Entry{name, Hash(after[:r.size]), strings.TrimLeft(mode, "0") == "40000"})
		rest = after[r.size:]
	}
	if r.held += len(list); r.held > heldEntries {
		clear(r.trees)
		r.held = len(list)
	}
	r.trees[h] = list
	return list, nil
}

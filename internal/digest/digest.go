// Package digest remembers the SHA-256 of files that have not changed, so that
// checking a project again need not read all of its models.
//
// # Security
//
// The file is private: it lies in a folder that only its owner can enter, and is
// ignored if anyone else could have written it. A digest counts only for the very
// same device, inode, size, modification time and status time; the last cannot be
// set by a program. A file that was touched less than two seconds before it was
// looked at is not remembered: it could be written to again within the resolution
// of the file system's clock. What can be forged by whoever may write as the user
// is only this user's own check; nothing that guards a load uses it.
//
// # Limits
//
// 65,536 files are remembered, the latest. A cache that is damaged is an empty one.
//
// # Specification
//
// XDG Base Directory Specification 0.8: $XDG_CACHE_HOME, by default ~/.cache.
package digest

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/whole"
)

const (
	maxFiles = 1 << 16
	maxLine  = 256
	header   = "andiron digests 1"
	// settled is how long a file must have been left alone.
	settled = 2 * time.Second
)

// Cache is what is remembered. A nil one remembers nothing.
type Cache struct {
	path string

	mu      sync.Mutex
	known   map[osfile.ID]string
	fresh   []osfile.ID // in the order in which they came or were asked for
	changed bool
}

// Private is the folder in Folder that nobody else may enter; empty where there is
// no place. Folder itself is often one that another program made, for all to read.
func Private(getenv func(string) string) string {
	dir := Folder(getenv)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "private")
}

// Folder is where what andiron keeps for a user lies, or empty where there is no place.
func Folder(getenv func(string) string) string {
	base := getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(base) { // the specification has relative paths ignored
		home := getenv("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		base = filepath.Join(home, ".cache")
	}
	return filepath.Join(base, "andiron")
}

// Open reads the cache in a folder, which it makes. It returns nil where the folder
// cannot be private.
func Open(dir string) *Cache {
	if dir == "" || os.MkdirAll(dir, 0o700) != nil || !private(dir, true) {
		return nil
	}
	c := &Cache{path: filepath.Join(dir, "digests"), known: map[osfile.ID]string{}}
	c.read()
	return c
}

// private reports whether only this user can have written a file or folder.
func private(path string, dir bool) bool {
	info, err := os.Lstat(path)
	if err != nil || info.IsDir() != dir || !dir && !info.Mode().IsRegular() {
		return false
	}
	uid, ok := osfile.Owner(info)
	return ok && int64(uid) == int64(os.Getuid()) && info.Mode().Perm()&0o077 == 0
}

// read takes what is well-formed; the first line that is not ends it.
func (c *Cache) read() {
	if !private(c.path, false) {
		return
	}
	f, err := os.Open(c.path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, maxLine), maxLine)
	if !lines.Scan() || lines.Text() != header {
		return
	}
	for len(c.fresh) < maxFiles && lines.Scan() {
		id, sum, ok := parseLine(lines.Text())
		if !ok {
			return
		}
		c.put(id, sum)
	}
}

func parseLine(s string) (id osfile.ID, sum string, ok bool) {
	parts := strings.Split(s, " ")
	if len(parts) != 6 || len(parts[0]) != 64 || strings.Trim(parts[0], "0123456789abcdef") != "" {
		return id, "", false
	}
	var bad error
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		bad = cmp.Or(bad, err)
		return n
	}
	id.Device, bad = strconv.ParseUint(parts[1], 10, 64)
	inode, err := strconv.ParseUint(parts[2], 10, 64)
	bad = cmp.Or(bad, err)
	id.Inode, id.Size, id.Modified, id.StatusModified = inode, number(parts[3]), number(parts[4]), number(parts[5])
	return id, parts[0], bad == nil && formatLine(id, parts[0]) == s
}

func formatLine(id osfile.ID, sum string) string {
	return fmt.Sprintf("%s %d %d %d %d %d", sum, id.Device, id.Inode, id.Size, id.Modified, id.StatusModified)
}

// Get returns the digest of a file in a state, if it is remembered.
func (c *Cache) Get(id osfile.ID) (string, bool) {
	if c == nil {
		return "", false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sum, ok := c.known[id]
	return sum, ok
}

// Put remembers the digest of a file in a state, if the file has been left alone
// long enough before now.
func (c *Cache) Put(id osfile.ID, sum string, now time.Time) {
	limit := now.Add(-settled).UnixNano()
	if c == nil || id.Modified > limit || id.StatusModified > limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(id, sum)
	c.changed = true
}

func (c *Cache) put(id osfile.ID, sum string) {
	if _, ok := c.known[id]; !ok {
		c.fresh = append(c.fresh, id)
	}
	c.known[id] = sum
}

// Save writes what is new, whole or not at all. Of two runs that save at the same
// time the later one wins.
func (c *Cache) Save() error {
	if c == nil || !c.changed {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for _, id := range c.fresh[max(0, len(c.fresh)-maxFiles):] {
		b.WriteString(formatLine(id, c.known[id]) + "\n")
	}
	f, err := whole.Create(c.path)
	if err != nil {
		return err
	}
	f.Chmod(0o600)
	if _, err := f.Write(b.Bytes()); err != nil {
		f.Abandon()
		return err
	}
	return f.Commit()
}

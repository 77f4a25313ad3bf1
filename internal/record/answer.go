package record

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const (
	maxResult  = 64 << 20
	maxResults = 16
	scans      = Folder + "/scans"
	sealHeader = "andiron result 1 "
)

// Question is everything that decides the result of a scan.
type Question struct {
	Tool     string   // andiron's version
	Database string   // digest of the advisory database
	Options  []string // in a fixed order; also the day, where waivers or ages decide
	Inputs   []Input  // in any order
}

// Key is the digest of a question.
func (q Question) Key() string {
	inputs := slices.Clone(q.Inputs)
	slices.SortFunc(inputs, func(a, b Input) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.SHA256, b.SHA256))
	})
	h := sha256.New()
	put := func(list ...string) {
		n := binary.BigEndian.AppendUint64(nil, uint64(len(list)))
		h.Write(n)
		for _, s := range list {
			h.Write(binary.BigEndian.AppendUint64(n[:0], uint64(len(s))))
			_, _ = io.WriteString(h, s) // a hash takes everything
		}
	}
	put("andiron question 1", q.Tool, q.Database)
	put(q.Options...)
	for _, in := range inputs {
		put(in.Path, in.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Secret is what makes the seals of one user on one machine.
type Secret []byte

// NewSecret makes one, to be kept where only its user can read it.
func NewSecret() Secret {
	s := make(Secret, sha256.Size)
	_, _ = rand.Read(s) // crypto/rand never fails
	return s
}

func (s Secret) seal(key string, result []byte) string {
	sum := sha256.Sum256(result)
	m := hmac.New(sha256.New, s)
	_, _ = io.WriteString(m, "andiron result 1\x00"+key+"\x00"+string(sum[:])) // a hash takes everything
	return hex.EncodeToString(m.Sum(nil))
}

// Keep stores the result of a question and returns its digest, which a Scan refers
// to. Older results are removed.
func (l *Log) Keep(secret Secret, key string, result []byte) (digest string, err error) {
	if len(secret) != sha256.Size || !isDigest(key) {
		return "", errors.New("record: internal error: no secret, or no key")
	}
	if len(result) > maxResult {
		return "", fmt.Errorf("a result: %w", bounded.Exceeded("bytes", maxResult))
	}
	for _, dir := range []string{Folder, scans} {
		if err := l.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
	}
	temp := scans + "/.new-" + hex.EncodeToString(NewSecret()[:8])
	f, err := l.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(f, sealHeader+secret.seal(key, result)+"\n")
	if err == nil {
		_, err = f.Write(result)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = l.root.Rename(temp, resultName(key))
	}
	if err != nil {
		return "", errors.Join(err, l.root.Remove(temp))
	}
	sum := sha256.Sum256(result)
	return hex.EncodeToString(sum[:]), l.forget()
}

// Answer returns the stored result of a question. ok is false if there is none, or
// none that this user sealed: then the question has to be answered anew.
func (l *Log) Answer(secret Secret, key string) (result []byte, ok bool) {
	if len(secret) != sha256.Size || !isDigest(key) {
		return nil, false
	}
	info, err := l.root.Lstat(resultName(key))
	if err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	f, err := l.root.Open(resultName(key))
	if err != nil {
		return nil, false
	}
	defer func() { _ = f.Close() }() // it was read
	b, err := bounded.ReadRange(f, info.Size(), 0, info.Size(), maxResult+256)
	if err != nil {
		return nil, false
	}
	head, result, found := bytes.Cut(b, []byte("\n"))
	want := sealHeader + secret.seal(key, result)
	if !found || !hmac.Equal(head, []byte(want)) {
		return nil, false
	}
	return result, true
}

func resultName(key string) string { return filepath.FromSlash(scans + "/" + key + ".json") }

// forget removes all but the latest results.
func (l *Log) forget() error {
	d, err := l.root.Open(scans)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was read
	list, err := d.ReadDir(10 * maxResults)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	type stored struct {
		name string
		time int64
	}
	var old []stored
	for _, e := range list {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			old = append(old, stored{e.Name(), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(old, func(a, b stored) int { return cmp.Or(cmp.Compare(b.time, a.time), strings.Compare(a.name, b.name)) })
	for _, o := range old[min(len(old), maxResults):] {
		if err := l.root.Remove(scans + "/" + o.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

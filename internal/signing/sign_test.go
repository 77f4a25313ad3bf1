package signing_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/andiron-dev/andiron/internal/signing"
)

func TestWhatCannotBeSigned(t *testing.T) {
	key := newKey(t, "p256")
	sign := func(path string, opt signing.SignOptions) error {
		bundle, _, err := signing.Sign(path, key, opt)
		if err != nil && bundle != nil {
			t.Error("an error and a bundle")
		}
		return err
	}
	dir := folder(t, map[string]string{"a.bin": "one", "cache/x": "y"})
	empty := folder(t, map[string]string{".git/HEAD": "x"})
	odd := folder(t, map[string]string{"a\xff.bin": "one"})
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing there":          {sign(filepath.Join(dir, "none"), signing.SignOptions{}), "no such file"},
		"an empty model":         {sign(empty, signing.SignOptions{}), "no files to sign"},
		"all of it ignored":      {sign(dir, signing.SignOptions{Ignore: []string{"a.bin", "cache"}}), "no files to sign"},
		"a name not UTF-8":       {sign(odd, signing.SignOptions{}), "not UTF-8"},
		"a device":               {sign(os.DevNull, signing.SignOptions{}), "neither a file nor a folder"},
		"ignored, not there":     {sign(dir, signing.SignOptions{Ignore: []string{"cashe"}}), "is not in the model"},
		"ignored, outside":       {sign(dir, signing.SignOptions{Ignore: []string{"../resnet/cache"}}), "not a path within the model"},
		"ignored, absolute":      {sign(dir, signing.SignOptions{Ignore: []string{filepath.Join(dir, "cache")}}), "not a path within the model"},
		"ignored, the model":     {sign(dir, signing.SignOptions{Ignore: []string{"cache/.."}}), "not a path within the model"},
		"ignored, a pattern":     {sign(dir, signing.SignOptions{Ignore: []string{"*.bin"}}), "characters of a pattern"},
		"ignored in one file":    {sign(filepath.Join(dir, "a.bin"), signing.SignOptions{Ignore: []string{"a.bin"}}), "nothing can be ignored"},
		"a key on another curve": {signWith(t, dir), "a key of another kind"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, c.err, c.want)
		}
	}
}

func signWith(t *testing.T, dir string) error {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = signing.Sign(dir, key, signing.SignOptions{})
	return err
}

// TestEach: files are hashed by the function that was given, and its error ends
// the work.
func TestEach(t *testing.T) {
	dir := folder(t, map[string]string{"a": "1", "b": "2", "c": "3"})
	var tasks atomic.Int32
	each := func(n int, do func(int) error) error {
		for i := n - 1; i >= 0; i-- {
			tasks.Add(1)
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	key := newKey(t, "p256")
	bundle, _, err := signing.Sign(dir, key, signing.SignOptions{Each: each})
	if err != nil {
		t.Fatal(err)
	}
	s, err := signing.Open(bundle, trust(key))
	if err != nil {
		t.Fatal(err)
	}
	if got := mustCheck(t, s, dir, signing.CheckOptions{Each: each}); len(got) != 0 || tasks.Load() != 6 {
		t.Errorf("%q after %d tasks", problems(got), tasks.Load())
	}
	stop := errors.New("stop")
	if _, err := s.Check(dir, signing.CheckOptions{Each: func(int, func(int) error) error { return stop }}); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// TestUnreadableIsNoMismatch: what cannot be read is an error.
func TestUnreadableIsNoMismatch(t *testing.T) {
	dir := folder(t, map[string]string{"a": "1"})
	s := mustOpen(t, payload(plainFiles, resource("a", "1")))
	if err := os.Chmod(filepath.Join(dir, "a"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(dir, signing.CheckOptions{}); os.Geteuid() != 0 && !errors.Is(err, os.ErrPermission) { // root reads everything
		t.Error(err)
	}
	if _, err := s.Check(filepath.Join(dir, "none"), signing.CheckOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

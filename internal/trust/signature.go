package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/andiron-dev/andiron/internal/source"
)

// VerifyFunc says whether a signature bundle is of a model with a digest and by one
// of some signers. The paths are ones that package os can open.
type VerifyFunc func(ctx context.Context, modelPath, signaturePath, sha256 string, signers []source.Signer) error

// bundleName is what the bundle of a folder is called, suffix what one of a file is.
const (
	bundleName   = "model.sig"
	bundleSuffix = ".sig"
)

var (
	errNoBundle   = errors.New("there is no signature beside it")
	errNoVerifier = errors.New("this andiron cannot verify signatures")
)

// signatures verifies the signature on one file, once for each signer.
type signatures struct {
	ctx     context.Context //nolint:containedctx // it lives for one call of assess
	room    *Room
	subject subject
	known   map[string]error
}

// by reports whether a signer signed the file.
func (g *signatures) by(signer string) bool { return g.verify(signer) == nil }

func (g *signatures) verify(signer string) error {
	if err, ok := g.known[signer]; ok {
		return err
	}
	err := g.check(signer)
	if g.known == nil {
		g.known = map[string]error{}
	}
	g.known[signer] = err
	return err
}

func (g *signatures) check(signer string) error {
	bundle := g.room.bundle(g.subject)
	switch {
	case bundle == "":
		return errNoBundle
	case g.room.opt.Verify == nil:
		return errNoVerifier
	}
	return g.room.opt.Verify(g.ctx, g.subject.abs, bundle, g.subject.digest, g.room.opt.Sources.SignersNamed(signer))
}

// bundle is the signature bundle of a file: the one that the lock names, the one
// beside it, or the one of a folder that it lies in, up to the root.
func (r *Room) bundle(s subject) string {
	for _, m := range r.lock.Digest(s.digest) {
		if m.Signature != "" {
			return filepath.Join(r.opt.Root, filepath.FromSlash(m.Signature))
		}
	}
	if s.path == "" {
		return beside(s.abs)
	}
	names := []string{s.path + bundleSuffix}
	for dir := path.Dir(s.path); ; dir = path.Dir(dir) {
		names = append(names, path.Join(dir, bundleName))
		if dir == "." {
			break
		}
	}
	for _, name := range names {
		if info, err := r.root.Stat(name); err == nil && info.Mode().IsRegular() {
			return filepath.Join(r.opt.Root, filepath.FromSlash(name))
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return filepath.Join(r.opt.Root, filepath.FromSlash(name)) // verifying says what is wrong with it
		}
	}
	return ""
}

// beside is the bundle of a file that lies elsewhere.
func beside(file string) string {
	for _, name := range []string{file + bundleSuffix, filepath.Join(filepath.Dir(file), bundleName)} {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// signed asks for the signatures that policy and rule ask for.
func (r *Room) signed(g *signatures, o *opinion) {
	var sets [][]string
	if r.opt.Sources.RequireSignature {
		sets = append(sets, names(r.opt.Sources.Signers))
	}
	if o.rule != nil && len(o.rule.Signers) > 0 {
		sets = append(sets, o.rule.Signers)
	}
	if o.rule != nil && o.rule.Signer != "" {
		o.signer = o.rule.Signer // which is why the rule matched
	}
	for _, set := range sets {
		r.signedByOne(g, set, o)
	}
}

func names(signers []source.Signer) (list []string) {
	for _, s := range signers {
		list = append(list, s.Name)
	}
	return list
}

func (r *Room) signedByOne(g *signatures, signers []string, o *opinion) {
	if g.subject.digest == "" {
		o.hash = true
		return
	}
	var evidence []string
	var last error
	for _, s := range signers {
		if last = g.verify(s); last == nil {
			o.signer = s
			return
		}
		if text := fmt.Sprintf("%s: %v", s, last); !slices.Contains(evidence, text) {
			evidence = append(evidence, text)
		}
	}
	switch {
	case errors.Is(last, errNoVerifier):
		o.unknown("a signature is asked for, and this andiron cannot verify one")
	case errors.Is(last, errNoBundle):
		o.against(unsigned, "a signature is asked for, and there is none")
	default:
		o.against(unsigned, "no signature on it is valid and by one who may sign", evidence...)
	}
}

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/trust"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// project is what the files of a folder say of trust.
type project struct {
	root       string
	policy     policy.Policy
	policyName string // empty where there is no policy
	lock       *lockfile.File
	lockName   string // where the lock is or would be
}

// projectAbove is the project that a folder is about: itself, unless it is a part of the one
// in the current folder.
func projectAbove(dir string) string {
	if root, ok := projectAround([]string{dir}); ok && !isProject(dir) {
		return root
	}
	return dir
}

// projectAround is the current folder, called as paths are, where it is a project and
// they lie beneath it.
func projectAround(paths []string) (root string, ok bool) {
	root = "."
	if filepath.IsAbs(paths[0]) {
		root, _ = os.Getwd() // nothing lies beneath one that is not known
	}
	for _, p := range paths {
		if rel, err := filepath.Rel(root, p); err != nil || rel == "." || !filepath.IsLocal(rel) {
			return "", false
		}
	}
	return root, isProject(root)
}

// isProject reports whether a folder says that it is a project: it holds a policy, a
// lock, its history, or a file that names dependencies.
func isProject(dir string) bool {
	entries, _ := os.ReadDir(dir) // one that cannot be listed says nothing
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		switch e.Name() {
		case policy.FileName, lockfile.FileName, ".git":
			return true
		}
		kind, ok := manifest.Identify(e.Name(), nil)
		return ok && !e.IsDir() && kind != manifest.Notebook && kind != manifest.Dockerfile
	})
}

// openProject reads the policy and the lock of a folder, or those that were named.
// A lock that was named says which folder it is.
func openProject(root, policyName, lockName string) (p project, err error) {
	p = project{root: root, lockName: lockName}
	if lockName == "" {
		p.lockName = filepath.Join(root, lockfile.FileName)
	} else {
		p.root = filepath.Dir(lockName)
	}
	p.policy, p.policyName, err = projectPolicy(policyName, p.root)
	if err != nil {
		return p, err
	}
	p.lock, err = readLock(p.lockName)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, usage("lock "+err.Error(), lockForm)
	}
	return p, nil
}

// wantLock complains if a lock that was named is not there.
func (p *project) wantLock(named string) error {
	if named == "" || p.lock != nil {
		return nil
	}
	return usage(fmt.Sprintf("lock %q: no such file", named), `"andiron trust add" makes one`)
}

func readLock(name string) (*lockfile.File, error) {
	b, err := readSmall(name, lockfile.MaxBytes)
	if err != nil {
		return nil, err
	}
	f, err := lockfile.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return f, nil
}

// readSmall reads a regular file of limited size.
func readSmall(name string, limit int64) ([]byte, error) {
	file, err := artifact.Open(name, name)
	if err != nil {
		return nil, err
	}
	b, err := bounded.ReadRange(file.ReaderAt(), file.Size(), 0, file.Size(), limit)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return b, nil
}

// options are what the trust room is told.
func (p *project) options(now time.Time, verify trust.VerifyFunc) trust.Options {
	opt := trust.Options{
		Root: p.root, Name: filepath.ToSlash(filepath.Clean(p.root)), Lock: p.lock, PolicyName: p.policyName,
		Sources: p.policy.Sources, Now: now, Verify: verify,
	}
	if p.lock != nil {
		opt.LockName = p.lockName
	}
	opt.Sources.Signers = beneath(p.root, p.policy.Sources.Signers)
	return opt
}

// beneath says where the files of signers are.
func beneath(root string, signers []source.Signer) []source.Signer {
	list := make([]source.Signer, len(signers))
	for i, s := range signers {
		for _, name := range []*string{&s.Key, &s.CertificateAuthority} {
			if *name != "" {
				*name = filepath.Join(root, filepath.FromSlash(*name))
			}
		}
		list[i] = s
	}
	return list
}

func (p *project) waivers(now time.Time) *waiver.List { return waiver.NewList(p.policy.Waivers, now) }

// checkWaivers wants each waiver, and each rule for code, to be about a rule that there is.
func checkWaivers(pol policy.Policy, name string, rules rule.Catalogue) error {
	for _, w := range pol.Waivers {
		if rules.Find(w.Rule) == nil {
			return usage(fmt.Sprintf("policy %q: line %d: no rule has the id %q", name, w.Line, w.Rule), `"andiron rules" lists them`)
		}
	}
	for _, r := range pol.CodeRules {
		if r.Rule != "" && rules.Find(r.Rule) == nil {
			return usage(fmt.Sprintf("policy %q: line %d: no rule has the id %q", name, r.Line, r.Rule), `"andiron rules" lists them`)
		}
	}
	return nil
}

// lockPath is what the lock calls a file: its path beneath the root, or the address
// of one in a Hugging Face cache elsewhere, or empty.
func (p *project) lockPath(file string) string {
	if rel := trust.Relative(p.root, file); rel != "" {
		return rel
	}
	return strings.TrimPrefix(hubAddress(file), "https://")
}

// hubAddress is where a file of a Hugging Face cache came from, or empty.
func hubAddress(file string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	url, _, ok := source.HubURL(filepath.ToSlash(abs))
	if !ok {
		return ""
	}
	return url
}

// namedLiterally complains about a path that would be read as a pattern.
func namedLiterally(path string) error {
	if err := pattern.Check(path); err != nil {
		return err
	}
	if !pattern.Literal(path) {
		return fmt.Errorf("%q holds * or ?, which stand for other characters", path)
	}
	return nil
}

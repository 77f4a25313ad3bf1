package relock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/whole"
)

// edit writes the new versions over the old ones. Nothing else of a file changes.
func (u *updater) edit() {
	for _, s := range u.plan.Steps {
		for i := range u.pins[s.Name] {
			if b := &u.pins[s.Name][i]; b.file != nil {
				if err := u.editPin(b, s.To); err != nil {
					u.plan.Problems = append(u.plan.Problems, Problem{Package: s.Name, Version: s.From, File: b.place(), Text: err.Error()})
				}
			} else {
				u.allowed(&s)
			}
		}
	}
}

// allowed holds a step of the lock alone against the ranges that the files have.
func (u *updater) allowed(s *Step) {
	to, err := pep440.Parse(s.To)
	for _, f := range u.p.Files {
		for _, p := range f.Packages {
			if p.Name != s.Name || p.Specifier == "" || err != nil {
				continue
			}
			if list, bad := pep440.ParseSpecifiers(p.Specifier); bad == nil && !list.Contains(to, true) {
				u.plan.Problems = append(u.plan.Problems, Problem{
					Package: s.Name, Version: s.From, File: fmt.Sprintf("%s:%d", f.Path, p.Line),
					Text: fmt.Sprintf("%q does not allow %s", p.Specifier, s.To),
				})
			}
		}
	}
}

func (u *updater) editPin(b *pin, to string) error {
	if len(b.pkg.Hashes) > 0 {
		return fmt.Errorf("it has digests of %s beside it; deps lock makes such a file from one without", b.pkg.Version)
	}
	if b.pkg.Line == 0 {
		return errors.New("the line of the pin is not known")
	}
	e, ok := u.plan.Edits[b.file.Path]
	if !ok {
		e = Edit{Before: u.p.content[b.file.Path], After: u.p.content[b.file.Path]}
	}
	if local := b.version.Local(); local != "" {
		to += "+" + local
	}
	after, err := replaceVersion(string(e.After), b.pkg.Line, b.pkg.Spelled, b.pkg.Version, to)
	if err != nil {
		return err
	}
	e.After = []byte(after)
	u.plan.Edits[b.file.Path] = e
	return nil
}

// between is what may stand between the name of a package and the version it is bound
// to: extras and "==", or what TOML has around a version.
var between = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^["']?(\s*\[[^\]\n]*\])?\s*(\(?\s*={2,3}\s*|=\s*(\{[^}\n]*\bversion\s*=\s*)?["']\s*={0,3}\s*)$`)
})

// replaceVersion replaces the version that a package is bound to on a line, or on one
// of the few after it, where a statement goes on.
func replaceVersion(text string, line int, name, from, to string) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	for n := line - 1; n >= 0 && n < min(len(lines), line+3); n++ {
		if changed, ok := replaceOnLine(lines[n], name, from, to); ok {
			lines[n] = changed
			return strings.Join(lines, ""), nil
		}
	}
	return "", fmt.Errorf("%q is not bound to %q there in a way that can be edited", name, from)
}

// maxBetween is how far the version may stand from the name.
const maxBetween = 300

func replaceOnLine(s, name, from, to string) (string, bool) {
	if name == "" || from == "" {
		return s, false
	}
	low, name := lower(s), lower(name)
	for at := 0; ; {
		i := strings.Index(low[at:], name)
		if i < 0 {
			return s, false
		}
		i += at
		at = i + len(name)
		if i > 0 && wordByte(s[i-1]) || at < len(s) && wordByte(s[at]) {
			continue
		}
		if j := versionAfter(s[at:min(len(s), at+maxBetween)], from); j >= 0 {
			return s[:at+j] + to + s[at+j+len(from):], true
		}
	}
}

// versionAfter is where a version stands in what follows a name, if the name is bound
// to it, or -1.
func versionAfter(s, version string) int {
	for at := 0; ; {
		j := strings.Index(s[at:], version)
		if j < 0 {
			return -1
		}
		j += at
		end := j + len(version)
		if between().MatchString(s[:j]) && (end == len(s) || !wordByte(s[end]) && s[end] != '+' && s[end] != '*' && s[end] != '!') {
			return j
		}
		at = j + 1
	}
}

// lower has as many bytes as s, which strings.ToLower does not promise.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}

// Names are the files that change, the lock last.
func (p *Plan) Names() (list []string) {
	for name := range p.Edits {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int {
		if p.Lock != nil && a != b && (a == p.Lock.Lock || b == p.Lock.Lock) {
			if a == p.Lock.Lock {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return list
}

// Diff is the update as a patch, which applies in the current folder to what lies there.
func (p *Plan) Diff() []byte {
	var out []byte
	for _, name := range p.Names() {
		e := p.Edits[name]
		shown := fromHere(name)
		d := diff.Diff("a/"+shown, e.Before, "b/"+shown, e.After)
		if _, rest, ok := strings.Cut(string(d), "\n"); ok { // without the line "diff a b"
			out = append(out, rest...)
		}
	}
	return out
}

// fromHere is an absolute path as it is from the current folder, if it lies beneath it.
func fromHere(name string) string {
	if !filepath.IsAbs(name) {
		return name
	}
	dir, _ := os.Getwd() // nothing lies beneath one that is not known
	if rel, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return name
}

// Write changes the files of the project, each whole or not at all.
func (p *Plan) Write(root string) error {
	for _, name := range p.Names() {
		if err := whole.WriteFile(filepath.Join(root, filepath.FromSlash(name)), p.Edits[name].After); err != nil {
			return fmt.Errorf("%q cannot be written: %w", name, unpathed(err))
		}
	}
	return nil
}

// Unchanged reports whether the files that an update changes are still what they were
// when it was found.
func (p *Plan) Unchanged(root string) error {
	for _, name := range p.Names() {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name))) //nolint:gosec // a file of the project that was read before
		if err != nil {
			return fmt.Errorf("%q: %w", name, unpathed(err))
		}
		if string(b) != string(p.Edits[name].Before) {
			return fmt.Errorf("%q has changed in the meantime", name)
		}
	}
	return nil
}

// Good reports whether the update may be written.
func (p *Plan) Good() bool { return len(p.Problems) == 0 }

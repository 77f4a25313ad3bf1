package relock

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/manifest"
)

// fill is a digest that goes into a lock: to the file at url, or to the requirement
// on a line.
type fill struct {
	line int
	url  string
	sum  string
}

// fillIn writes the digests into the lock, and reads it again: what was meant to be
// there must be.
func (v *verifier) fillIn() error {
	text := string(v.r.After)
	var err error
	switch v.p.Form {
	case manifest.UVLock:
		text, err = fillUV(text, v.fills)
	case manifest.PyLock:
		text, err = fillPyLock(text, v.fills)
	case manifest.Requirements:
		text, err = fillRequirements(text, v.fills)
	default:
		err = fmt.Errorf("digests cannot be added to a lock of the form %q", v.p.Form)
	}
	if err != nil {
		return err
	}
	v.r.After = []byte(text)
	f, err := v.read()
	if err != nil {
		return err
	}
	for _, p := range f.Packages {
		for _, a := range p.Wheels {
			if a.Hash.Digest == "" {
				return fmt.Errorf("relock: internal error: %q has no digest after it was added", a.File)
			}
		}
	}
	return nil
}

// fillUV adds a hash behind the address of each file.
func fillUV(text string, fills []fill) (string, error) {
	for _, f := range fills {
		key := `url = "` + f.url + `"`
		if !strings.Contains(text, key) {
			return "", fmt.Errorf("the lock does not have %q as it is written", f.url)
		}
		text = strings.ReplaceAll(text, key, key+`, hash = "sha256:`+f.sum+`"`)
	}
	return text, nil
}

// fillPyLock puts the digest into the empty table behind the address of each file.
func fillPyLock(text string, fills []fill) (string, error) {
	const empty = "hashes = {}"
	for _, f := range fills {
		key := `url = "` + f.url + `"`
		at := strings.Index(text, key)
		if at < 0 {
			return "", fmt.Errorf("the lock does not have %q as it is written", f.url)
		}
		rest := text[at+len(key):]
		i := strings.Index(rest, empty)
		if next := strings.Index(rest, "url = "); i < 0 || next >= 0 && next < i {
			return "", fmt.Errorf("the lock has no place for the digest of %q", f.url)
		}
		i += at + len(key)
		text = text[:i] + `hashes = { sha256 = "` + f.sum + `" }` + text[i+len(empty):]
	}
	return text, nil
}

// fillRequirements adds --hash options to the requirement on a line.
func fillRequirements(text string, fills []fill) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	fills = slices.Clone(fills)
	slices.SortStableFunc(fills, func(a, b fill) int { return b.line - a.line }) // from the end, so that lines keep their numbers
	for i := 0; i < len(fills); {
		line := fills[i].line
		var sums []string
		for ; i < len(fills) && fills[i].line == line; i++ {
			sums = append(sums, fills[i].sum)
		}
		if line < 1 || line > len(lines) {
			return "", errors.New("relock: internal error: a requirement has no line")
		}
		end := line - 1
		for end < len(lines)-1 && strings.HasSuffix(strings.TrimRight(lines[end], "\r\n"), `\`) {
			end++
		}
		added := strings.TrimRight(lines[end], "\r\n")
		code, comment, _ := strings.Cut(added, " #")
		added = strings.TrimRight(code, " ")
		for _, sum := range sums {
			added += " \\\n    --hash=sha256:" + sum
		}
		if comment != "" {
			added += "\n    #" + comment
		}
		lines[end] = added + "\n"
	}
	return strings.Join(lines, ""), nil
}

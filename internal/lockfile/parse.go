package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/source"
)

// Parse reads a lock.
func Parse(b []byte) (*File, error) {
	if len(b) > MaxBytes {
		return nil, bounded.Exceeded("bytes of lock", MaxBytes)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("the file is not UTF-8")
	}
	p := parser{b: b, dec: json.NewDecoder(bytes.NewReader(b))}
	p.dec.UseNumber()
	f := &File{}
	version := ""
	err := p.object("", []string{"version", "models"}, map[string]func() error{
		"version": func() (err error) { version, err = p.number(); return err },
		"models":  func() error { return p.models(f) },
	})
	if err == nil && version != "1" {
		err = fmt.Errorf("version %q is not 1, the only one that this andiron knows", version)
	}
	if _, end := p.dec.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = p.at(errors.New("something stands after the lock"))
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// parser reads token by token, because package encoding/json alone takes keys of
// another case and keys that stand twice.
type parser struct {
	b   []byte
	dec *json.Decoder
}

func (p *parser) line() int {
	return 1 + bytes.Count(p.b[:min(int64(len(p.b)), p.dec.InputOffset())], []byte{'\n'})
}

func (p *parser) at(err error) error { return fmt.Errorf("line %d: %w", p.line(), err) }

func (p *parser) token() (json.Token, error) {
	t, err := p.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, p.at(errors.New("the file ends too early"))
	}
	if err != nil {
		return nil, p.at(errors.New(strings.TrimPrefix(err.Error(), "json: ")))
	}
	return t, nil
}

func (p *parser) delim(want json.Delim) error {
	t, err := p.token()
	if err == nil && t != want {
		err = p.at(fmt.Errorf("found %s where %q is expected", name(t), want.String()))
	}
	return err
}

// name says what kind of value a token is.
func name(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		return fmt.Sprintf("%q", t.String())
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case nil:
		return "null"
	}
	return "true or false"
}

func (p *parser) object(what string, required []string, known map[string]func() error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // the decoder takes nothing else for a key
		read, ok := known[key]
		switch {
		case !ok:
			return p.at(fmt.Errorf("key %q is not known", what+key))
		case seen[key]:
			return p.at(fmt.Errorf("key %q stands twice", what+key))
		}
		seen[key] = true
		if err := read(); err != nil {
			return err
		}
	}
	for _, key := range required {
		if !seen[key] {
			return p.at(fmt.Errorf("key %q is missing", what+key))
		}
	}
	return p.delim('}')
}

func (p *parser) array(each func() error) error {
	if err := p.delim('['); err != nil {
		return err
	}
	for p.dec.More() {
		if err := each(); err != nil {
			return err
		}
	}
	return p.delim(']')
}

func (p *parser) number() (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	n, ok := t.(json.Number)
	if !ok {
		return "", p.at(fmt.Errorf("found %s where a number is expected", name(t)))
	}
	return n.String(), nil
}

// text reads a string that a check has nothing against.
func (p *parser) text(to *string, check func(string) error) func() error {
	return func() error {
		t, err := p.token()
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return p.at(fmt.Errorf("found %s where a string is expected", name(t)))
		}
		if err := check(s); err != nil {
			return p.at(err)
		}
		*to = s
		return nil
	}
}

func (p *parser) models(f *File) error {
	seen := map[[2]string]bool{}
	return p.array(func() error {
		m, err := p.model()
		if err != nil {
			return err
		}
		key := [2]string{m.Path, m.SHA256}
		if seen[key] {
			return fmt.Errorf("line %d: path %q with sha256 %q stands twice", m.Line, m.Path, m.SHA256)
		}
		seen[key] = true
		f.Models = append(f.Models, m)
		return nil
	})
}

var required = []string{"path", "sha256", "size", "format", "verdict", "added_by", "added_at"}

func (p *parser) model() (m Model, err error) {
	err = p.object("models.", required, map[string]func() error{
		"path":      func() error { m.Line = p.line(); return p.text(&m.Path, pattern.Check)() },
		"sha256":    p.text(&m.SHA256, CheckDigest),
		"size":      func() error { return p.size(&m.Size) },
		"format":    p.text(&m.Format, filled("format")),
		"verdict":   p.text(&m.Verdict, checkVerdict),
		"source":    p.text(&m.Source, checkSource),
		"added_by":  p.text(&m.AddedBy, filled("added_by")),
		"added_at":  p.text(&m.AddedAt, checkTime),
		"signature": p.text(&m.Signature, checkSignature),
		"waivers":   func() error { return p.waivers(&m.Waivers) },
		"reason":    p.text(&m.Reason, func(string) error { return nil }),
	})
	return m, err
}

func (p *parser) size(to *int64) error {
	s, err := p.number()
	if err != nil {
		return err
	}
	n, err := json.Number(s).Int64()
	if err != nil || n < 0 {
		return p.at(fmt.Errorf("size %q is not a whole number of bytes", s))
	}
	*to = n
	return nil
}

func (p *parser) waivers(to *[]string) error {
	return p.array(func() error {
		var id string
		err := p.text(&id, filled("waivers"))()
		if err == nil && slices.Contains(*to, id) {
			err = p.at(fmt.Errorf("waiver %q stands twice", id))
		}
		*to = append(*to, id)
		return err
	})
}

// CheckDigest says what is wrong with a digest.
func CheckDigest(s string) error {
	if len(s) != 64 || strings.Trim(s, "0123456789abcdef") != "" {
		return fmt.Errorf("sha256 %q is not 64 hexadecimal digits in lower case", s)
	}
	return nil
}

func filled(key string) func(string) error {
	return func(s string) error {
		if s == "" {
			return fmt.Errorf("%s is empty", key)
		}
		return nil
	}
}

func checkVerdict(s string) error { return new(finding.Verdict).UnmarshalText([]byte(s)) }

func checkSource(s string) error {
	if s == "" {
		return nil
	}
	c, err := source.Canonical(s)
	if err == nil && c != s {
		err = fmt.Errorf("source %q is not in its canonical form %q", s, c)
	}
	return err
}

func checkTime(s string) error {
	if t, err := time.Parse(time.RFC3339, s); err != nil || t.UTC().Format(time.RFC3339) != s {
		return fmt.Errorf("added_at %q is not a time in UTC such as 2026-11-25T12:00:00Z", s)
	}
	return nil
}

func checkSignature(s string) error {
	if s == "" {
		return nil
	}
	if !pattern.Literal(s) {
		return fmt.Errorf("signature %q is not the path of one file", s)
	}
	return pattern.Check(s)
}

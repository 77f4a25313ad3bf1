package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/source"
)

// Signer is an identity whose signatures count.
type Signer = source.Signer

// trust reads the keys that say where models may come from.
func (p *Policy) trust() map[string]func(*yaml.Node) error {
	return map[string]func(*yaml.Node) error{
		"sources": func(n *yaml.Node) error {
			p.Sources.Named = true
			return list(n, p.sourceRule)
		},
		"user_uploads": func(n *yaml.Node) (err error) {
			p.Sources.Uploads, err = source.ParseTrust(n.Value, source.Deny, source.Scan)
			return naming(n, "user_uploads", err)
		},
		"require_signature": boolean(&p.Sources.RequireSignature),
		"signers":           p.signers,
		"waivers":           func(n *yaml.Node) error { return list(n, p.waiver) },
	}
}

// complete checks what only the whole file shows.
func (p *Policy) complete() error {
	known := func(line int, names ...string) error {
		for _, name := range names {
			if name != "" && len(p.Sources.SignersNamed(name)) == 0 {
				return fmt.Errorf("line %d: signer %q is not among signers", line, name)
			}
		}
		return nil
	}
	for _, r := range p.Sources.Rules {
		if err := errors.Join(known(r.Line, r.Signer), known(r.Line, r.Signers...)); err != nil {
			return err
		}
	}
	if p.Sources.RequireSignature && len(p.Sources.Signers) == 0 {
		return errors.New("require_signature is true, and there are no signers whose signatures count")
	}
	return nil
}

func (p *Policy) sourceRule(n *yaml.Node) error {
	r := source.Rule{Trust: source.Locked, Line: n.Line}
	err := keys(n, "sources.", map[string]func(*yaml.Node) error{
		"name":     text(&r.Name),
		"path":     checked(&r.Path, pattern.Check),
		"url":      func(n *yaml.Node) (err error) { r.URL, err = source.Canonical(n.Value); return at(n, err) },
		"signer":   text(&r.Signer),
		"trust":    func(n *yaml.Node) error { return trustOf(n, &r.Trust) },
		"formats":  texts(&r.Formats),
		"max_size": func(n *yaml.Node) (err error) { r.MaxSize, err = ParseSize(n.Value); return at(n, err) },
		"min_age":  func(n *yaml.Node) (err error) { r.MinAge, err = source.ParseAge(n.Value); return at(n, err) },
		"signers":  texts(&r.Signers),
		"review_by": func(n *yaml.Node) (err error) {
			r.ReviewBy, err = day.Parse(n.Value)
			return naming(n, "review_by", err)
		},
		"owner": text(&r.Owner),
	})
	if err != nil {
		return err
	}
	if one(r.Path, r.URL, r.Signer) != 1 {
		return fmt.Errorf("line %d: a source has exactly one of path, url and signer", n.Line)
	}
	if r.Signer != "" && r.Trust == source.Deny {
		return fmt.Errorf("line %d: a source by signer cannot deny: who wants to get past it leaves the signature away", n.Line)
	}
	p.Sources.Rules = append(p.Sources.Rules, r)
	return nil
}

func trustOf(n *yaml.Node, to *source.Trust) (err error) {
	*to, err = source.ParseTrust(n.Value, source.Locked, source.Scan, source.Deny)
	return naming(n, "trust", err)
}

// one counts the strings that are not empty.
func one(ss ...string) (n int) {
	for _, s := range ss {
		if s != "" {
			n++
		}
	}
	return n
}

func (p *Policy) signers(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: not a mapping of names to signers", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		s, err := signer(n.Content[i], n.Content[i+1])
		if err != nil {
			return err
		}
		if len(p.Sources.SignersNamed(s.Name)) > 0 {
			return fmt.Errorf("line %d: signer %q stands twice", n.Content[i].Line, s.Name)
		}
		p.Sources.Signers = append(p.Sources.Signers, s)
	}
	slices.SortFunc(p.Sources.Signers, func(a, b Signer) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func signer(k, v *yaml.Node) (Signer, error) {
	s := Signer{Name: k.Value}
	if k.Value == "" || k.Kind != yaml.ScalarNode {
		return s, fmt.Errorf("line %d: a signer has no name", k.Line)
	}
	sigstore := false
	err := keys(v, "signers."+s.Name+".", map[string]func(*yaml.Node) error{
		"key":                   checked(&s.Key, pattern.Check),
		"certificate_authority": checked(&s.CertificateAuthority, pattern.Check),
		"identity":              text(&s.Identity),
		"sigstore": func(n *yaml.Node) error {
			sigstore = true
			return keys(n, "signers."+s.Name+".sigstore.", map[string]func(*yaml.Node) error{
				"identity": text(&s.Identity), "issuer": text(&s.Issuer),
			})
		},
	})
	switch {
	case err != nil:
		return s, err
	case sigstore && (s.Identity == "" || s.Issuer == ""):
		return s, fmt.Errorf("line %d: signer %q: sigstore needs identity and issuer", k.Line, s.Name)
	case one(s.Key, s.CertificateAuthority, s.Issuer) != 1:
		return s, fmt.Errorf("line %d: signer %q has exactly one of key, certificate_authority and sigstore", k.Line, s.Name)
	case s.Key != "" && s.Identity != "":
		return s, fmt.Errorf("line %d: signer %q: a key has no identity", k.Line, s.Name)
	}
	return s, nil
}

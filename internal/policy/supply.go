package policy

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/supply"
)

// supply reads what is asked of the packages that a project depends on.
func (p *Policy) supply(n *yaml.Node) error {
	s := &p.Supply
	return keys(n, "dependencies.", map[string]func(*yaml.Node) error{
		"max_age":  func(n *yaml.Node) (err error) { s.MaxAge, err = source.ParseAge(n.Value); return at(n, err) },
		"cooldown": func(n *yaml.Node) (err error) { s.Cooldown, err = source.ParseAge(n.Value); return at(n, err) },
		"reviewed": func(n *yaml.Node) (err error) {
			s.Reviewed, err = day.Parse(n.Value)
			return naming(n, "reviewed", err)
		},
		"indexes": func(n *yaml.Node) error {
			if err := texts(&s.Indexes)(n); err != nil {
				return err
			}
			for i, e := range n.Content {
				if err := indexURL(s.Indexes[i]); err != nil {
					return at(e, err)
				}
			}
			return nil
		},
		"vouch": func(n *yaml.Node) error { return list(n, p.vouch) },
	})
}

func indexURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("index %q is not an https address without credentials", s)
	}
	return nil
}

func (p *Policy) vouch(n *yaml.Node) error {
	v := supply.Vouch{Line: n.Line}
	err := keys(n, "dependencies.vouch.", map[string]func(*yaml.Node) error{
		"package": checked(&v.Package, packagePattern),
		"owner":   text(&v.Owner),
		"reason":  text(&v.Reason),
		"expires": func(n *yaml.Node) (err error) {
			v.Expires, err = day.Parse(n.Value)
			return naming(n, "expires", err)
		},
	})
	switch {
	case err != nil:
		return err
	case v.Package == "" || v.Owner == "" || v.Reason == "" || v.Expires.IsZero():
		return fmt.Errorf("line %d: a vouch needs package, owner, reason and expires", n.Line)
	}
	p.Supply.Vouches = append(p.Supply.Vouches, v)
	return nil
}

// packagePattern takes names as they are compared: lower case, single dashes. A
// pattern of everything would vouch for what nobody has seen.
func packagePattern(s string) error {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-*") != "" || strings.Trim(s, "*-") == "" {
		return fmt.Errorf("package %q is not a normalised name such as torch-scatter or nvidia-*", s)
	}
	return pattern.Check(s)
}

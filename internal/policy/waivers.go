package policy

import (
	"fmt"
	"regexp"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/waiver"
)

var ruleForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Z][A-Z0-9]*[0-9]{3}$`) })

func (p *Policy) waiver(n *yaml.Node) error {
	w := waiver.Waiver{Line: n.Line}
	err := keys(n, "waivers.", map[string]func(*yaml.Node) error{
		"rule":     checked(&w.Rule, waivable),
		"path":     checked(&w.Path, pattern.Check),
		"sha256":   checked(&w.SHA256, lockfile.CheckDigest),
		"advisory": text(&w.Advisory),
		"package":  checked(&w.Package, packagePattern),
		"owner":    text(&w.Owner),
		"reason":   text(&w.Reason),
		"expires": func(n *yaml.Node) (err error) {
			w.Expires, err = day.Parse(n.Value)
			return naming(n, "expires", err)
		},
	})
	switch {
	case err != nil:
		return err
	case one(w.Path, w.SHA256, w.Advisory) != 1:
		return fmt.Errorf("line %d: a waiver has exactly one of path, sha256 and advisory", n.Line)
	case w.Package != "" && w.Advisory == "":
		return fmt.Errorf("line %d: a waiver by package names the advisory that it is about", n.Line)
	case w.Rule == "" || w.Owner == "" || w.Reason == "" || w.Expires.IsZero():
		return fmt.Errorf("line %d: a waiver needs rule, owner, reason and expires", n.Line)
	}
	p.Waivers = append(p.Waivers, w)
	return nil
}

func waivable(rule string) error {
	if !ruleForm().MatchString(rule) {
		return fmt.Errorf("rule %q is not of the form ABC123", rule)
	}
	if rule == waiver.ExpiredRule || rule == waiver.UnusedRule {
		return fmt.Errorf("rule %q is about waivers and cannot be waived", rule)
	}
	return nil
}

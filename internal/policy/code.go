package policy

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pattern"
)

// CodeRule says how much the findings of a rule in some files of Python code count.
type CodeRule struct {
	Rule     string // empty is every rule of code
	Path     string // a pattern, relative to the project; empty is every file
	Severity finding.Severity
	Off      bool // there are none
	Line     int  // in the policy file
}

// Code gives a finding in a file of the project, by its path there, the severity that
// the policy has for it, and says whether it is kept. The last rule that matches
// decides. What could not be looked at stays as it is.
func (p Policy) Code(path string, f finding.Finding) (finding.Finding, bool) {
	if f.Outcome != finding.Present || !strings.HasPrefix(f.Rule, "PY") {
		return f, true
	}
	for _, r := range slices.Backward(p.CodeRules) {
		if r.Rule != "" && r.Rule != f.Rule || r.Path != "" && (path == "" || r.Path != path && !pattern.Match(r.Path, path)) {
			continue
		}
		if r.Off {
			return f, false
		}
		if f.Severity != r.Severity && f.Severity != finding.Info {
			f.Evidence = append(slices.Clip(f.Evidence), fmt.Sprintf("the policy makes it %s instead of %s (line %d)", r.Severity, f.Severity, r.Line))
			f.Severity = r.Severity
		}
		return f, true
	}
	return f, true
}

func (p *Policy) code(n *yaml.Node) error {
	return keys(n, "code.", map[string]func(*yaml.Node) error{
		"rules": func(n *yaml.Node) error { return list(n, p.codeRule) },
	})
}

func (p *Policy) codeRule(n *yaml.Node) error {
	r := CodeRule{Line: n.Line}
	said := false
	err := keys(n, "code.rules.", map[string]func(*yaml.Node) error{
		"rule": checked(&r.Rule, func(s string) error {
			if !ruleForm().MatchString(s) || !strings.HasPrefix(s, "PY") {
				return fmt.Errorf("rule %q is not one of code, of the form PY123", s)
			}
			return nil
		}),
		"path": checked(&r.Path, pattern.Check),
		"severity": func(n *yaml.Node) error {
			said = true
			if r.Off = n.Value == "off"; r.Off {
				return nil
			}
			if err := r.Severity.UnmarshalText([]byte(n.Value)); err != nil {
				return fmt.Errorf("line %d: severity %q is not one of critical, high, medium, low, info, off", n.Line, n.Value)
			}
			return nil
		},
	})
	switch {
	case err != nil:
		return err
	case !said:
		return fmt.Errorf("line %d: a rule for code needs severity", n.Line)
	case r.Rule == "" && r.Path == "":
		return fmt.Errorf("line %d: a rule for code names a rule, a path or both", n.Line)
	}
	p.CodeRules = append(p.CodeRules, r)
	return nil
}

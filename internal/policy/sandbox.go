package policy

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/allowance"
)

// sandbox reads what is asked of the sandbox.
func (p *Policy) sandbox(n *yaml.Node) error {
	s := &p.Sandbox
	return keys(n, "sandbox.", map[string]func(*yaml.Node) error{
		"need":          p.need,
		"python":        text(&s.Python),
		"runsc":         text(&s.Runsc),
		"path":          texts(&s.Path),
		"imports":       each(&s.Imports, allowance.CheckModule),
		"allow_globals": each(&s.Globals, allowance.CheckGlobal),
		"limits":        p.sandboxLimits,
	})
}

// need reads the name of a tier, or a list of layers.
func (p *Policy) need(n *yaml.Node) (err error) {
	names := []string{n.Value}
	if n.Kind == yaml.SequenceNode {
		names = nil
		if err := texts(&names)(n); err != nil {
			return err
		}
	}
	if p.Sandbox.Need, err = allowance.ParseNeed(names...); err != nil {
		return fmt.Errorf("line %d: need: %w", n.Line, err)
	}
	return nil
}

func (p *Policy) sandboxLimits(n *yaml.Node) error {
	l := &p.Sandbox.Limits
	return keys(n, "sandbox.limits.", map[string]func(*yaml.Node) error{
		"time":      func(n *yaml.Node) (err error) { l.Time, err = allowance.ParseTime(n.Value); return at(n, err) },
		"cpu":       func(n *yaml.Node) (err error) { l.CPU, err = allowance.ParseTime(n.Value); return at(n, err) },
		"memory":    size(&l.Memory),
		"result":    size(&l.Result),
		"files":     number("files", &l.Files),
		"processes": number("processes", &l.Processes),
		"events":    number("events", &l.Events),
	})
}

// each reads a list of strings that a check has nothing against.
func each(to *[]string, check func(string) error) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if err := texts(to)(n); err != nil {
			return err
		}
		for _, e := range n.Content {
			if err := check(e.Value); err != nil {
				return at(e, err)
			}
		}
		return nil
	}
}

package policy

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Exec is what a program may reach under andiron exec. Paths are relative to the folder
// of the project, absolute, or begin with ~/.
type Exec struct {
	Models    []string // folders that models may come from
	Code      []string // folders as trusted as the program
	Read      []string
	Write     []string
	Unchecked []string // folders of data that no digest is asked of
	// Connect and Bind are ports of TCP; nil is any.
	Connect, Bind []uint16
	Report        bool // nothing is refused for its content, and what would be is told
}

// exec reads what a program may reach.
func (p *Policy) exec(n *yaml.Node) error {
	e := &p.Exec
	return keys(n, "exec.", map[string]func(*yaml.Node) error{
		"models":    folders(&e.Models),
		"code":      folders(&e.Code),
		"read":      folders(&e.Read),
		"write":     folders(&e.Write),
		"unchecked": folders(&e.Unchecked),
		"connect":   ports(&e.Connect),
		"bind":      ports(&e.Bind),
		"mode": func(n *yaml.Node) error {
			if n.Value != "enforce" && n.Value != "report" {
				return fmt.Errorf("line %d: mode %q is not one of enforce, report", n.Line, n.Value)
			}
			e.Report = n.Value == "report"
			return nil
		},
	})
}

// folders reads a list of paths, of which none is everything.
func folders(to *[]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		*to = []string{}
		return list(n, func(e *yaml.Node) error {
			var s string
			err := checked(&s, func(s string) error {
				if strings.Trim(s, "/") == "" || strings.ContainsAny(s, "*?\x00") {
					return fmt.Errorf("%q is not the path of a folder", s)
				}
				return nil
			})(e)
			*to = append(*to, s)
			return err
		})
	}
}

// ports reads a list of ports, which may be empty.
func ports(to *[]uint16) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		*to = []uint16{}
		return list(n, func(e *yaml.Node) error {
			port, err := strconv.ParseUint(e.Value, 10, 16)
			if err != nil || e.Kind != yaml.ScalarNode || port == 0 {
				return fmt.Errorf("line %d: port %q is not a number from 1 to 65535", e.Line, e.Value)
			}
			*to = append(*to, uint16(port))
			return nil
		})
	}
}

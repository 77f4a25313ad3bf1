package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// yamlLoads are functions of PyYAML that build objects, by how much they do.
var yamlLoads = []string{"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}

// yamlOpen reports whether a load of YAML builds any object that the text names.
func (v *view) yamlOpen(c *pysrc.Invocation) bool { return v.yamlKind(c) == "open" }

// yamlKind says what a load of YAML builds: "open" for any object, "full" for those of
// names that are imported already, "safe", or "" where that is decided elsewhere.
func (v *view) yamlKind(c *pysrc.Invocation) string {
	name := nameOf(c, yamlLoads...)
	switch {
	case strings.Contains(name, "unsafe"):
		return "open"
	case strings.Contains(name, "full"):
		return "full"
	}
	args, open := c.Arg(1, "Loader")
	if len(args) == 0 {
		if open {
			return ""
		}
		return "open"
	}
	var names []string
	for _, a := range args {
		names = append(names, v.m.Names(a.Expr, a.Scope)...)
	}
	is := func(ends ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return strings.HasPrefix(n, "yaml.") && slices.Contains(ends, n[strings.LastIndexByte(n, '.')+1:])
		})
	}
	switch {
	case is("Loader", "CLoader", "UnsafeLoader"):
		return "open"
	case is("FullLoader", "CFullLoader"):
		return "full"
	case is("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"):
		return "safe"
	}
	return ""
}

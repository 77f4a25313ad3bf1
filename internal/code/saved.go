package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// element is what stands in a dictionary or a list.
type element struct {
	pysrc.Arg

	of string
}

const (
	mostSaved  = 1000 // of what is saved
	mostInside = 3    // dictionaries and lists within each other
)

// elements are what a dictionary or a list has, where it is written out, and what it is
// given by its name before a place; also what stands in those.
func (v *view) elements(a pysrc.Arg, before int32) (out []element) {
	seen := map[pysrc.Expr]bool{}
	var look func(a pysrc.Arg, depth int)
	look = func(a pysrc.Arg, depth int) {
		list := v.inside(a)
		if n, ok := a.Expr.(*pysrc.Name); ok {
			for _, p := range v.putInto(n, a.Scope) {
				if p.Expr.Where().Start < before {
					list = append(list, element{p, "a dictionary"})
				}
			}
		}
		for _, x := range list {
			if x.Expr == nil || seen[x.Expr] || len(out) >= mostSaved {
				continue
			}
			seen[x.Expr] = true
			out = append(out, x)
			if depth < mostInside {
				look(x.Arg, depth+1)
			}
		}
	}
	look(a, 1)
	return out
}

// inside is what a dictionary or a list has where it is written out.
func (v *view) inside(a pysrc.Arg) (out []element) {
	for _, value := range v.m.Eval(a.Expr, a.Scope) {
		add := func(e pysrc.Expr, of string) {
			out = append(out, element{pysrc.Arg{Expr: e, Scope: value.Arg.Scope}, of})
		}
		switch e := value.Arg.Expr.(type) {
		case *pysrc.Dict:
			for _, x := range e.Values {
				add(x, "a dictionary")
			}
		case *pysrc.Sequence:
			for _, x := range e.Elems {
				add(x, "a list")
			}
		case *pysrc.Call: // dict(a=1)
			for i := range e.Keywords {
				if value.Kind == pysrc.Mapping {
					add(e.Keywords[i].Value, "a dictionary")
				}
			}
		}
	}
	return out
}

// putInto is what the items of a name are set to.
func (v *view) putInto(n *pysrc.Name, s *pysrc.Scope) []pysrc.Arg {
	if v.puts == nil {
		v.puts = map[variable][]pysrc.Arg{}
		for _, p := range v.m.Puts {
			if to, ok := p.To.Value.(*pysrc.Name); ok && p.Value != nil {
				at := variable{p.Scope.Owner(to.ID), to.ID}
				v.puts[at] = append(v.puts[at], pysrc.Arg{Expr: p.Value, Scope: p.Scope})
			}
		}
	}
	return v.puts[variable{s.Owner(n.ID), n.ID}]
}

// objectMakers give an object of a class that weights_only=True does not know.
var objectMakers = []string{
	"argparse.Namespace", "types.SimpleNamespace", "pathlib.Path", "pathlib.PosixPath", "hydra.compose", "easydict.EasyDict", "addict.Dict", "munch.Munch", "box.Box",
	"yacs.config.CfgNode", "ml_collections.ConfigDict", "ml_collections.config_dict.ConfigDict", "omegaconf.DictConfig", "omegaconf.ListConfig",
	"omegaconf.OmegaConf.create", "omegaconf.OmegaConf.load", "omegaconf.OmegaConf.structured", "omegaconf.OmegaConf.merge", "omegaconf.OmegaConf.from_cli",
}

// isObject reports whether an expression is an object of which a pickle names the class:
// what a parser of arguments gives, a configuration, an object of a class of the file, or
// a member of an enumeration. vars(args) is a dictionary.
func (v *view) isObject(a pysrc.Arg) bool {
	if c, ok := a.Expr.(*pysrc.Call); ok && len(c.Args) == 1 && slices.ContainsFunc(v.m.Names(c.Func, a.Scope), func(n string) bool { return n == "copy.deepcopy" || n == "copy.copy" }) {
		a.Expr = c.Args[0]
	}
	for _, value := range v.m.Eval(a.Expr, a.Scope) {
		switch value.Kind {
		case pysrc.Instance:
			if !v.derives(value.Def, func(name string) bool { return strings.HasSuffix(name, ".TypedDict") }, 0) {
				return true
			}
		case pysrc.Result:
			if slices.Contains(objectMakers, value.Name) || strings.HasSuffix(value.Name, ".parse_args") {
				return true
			}
		default:
		}
	}
	return v.isMember(a, 0)
}

// isMember reports whether an expression is a member of an enumeration of the file.
func (v *view) isMember(a pysrc.Arg, depth int) bool {
	switch e := a.Expr.(type) {
	case *pysrc.Attribute:
		return slices.ContainsFunc(v.m.Eval(e.Value, a.Scope), func(x pysrc.Value) bool {
			return x.Kind == pysrc.Class && len(x.Def.Bindings(e.Attr)) > 0 && v.derives(x.Def, isEnum, 0)
		})
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil || depth >= mostInside {
			return false
		}
		list := owner.Bindings(e.ID)
		return slices.ContainsFunc(list[:min(len(list), mostTurns)], func(b pysrc.Binding) bool {
			return b.Kind == pysrc.Assigned && b.Value != nil && v.isMember(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, depth+1)
		})
	}
	return false
}

// settingNames are what people call the settings of a program, which are an object as often
// as a dictionary.
var settingNames = []string{"args", "arg", "opt", "opts", "options", "cfg", "config", "conf", "configs", "hparams", "hyperparams", "hps", "settings", "namespace", "flags", "FLAGS"}

// mayBeObject reports whether an expression of which the value is not known may be an
// object: settings by their name, a number of NumPy, or what looks like a class.
func (v *view) mayBeObject(a pysrc.Arg) bool {
	name := chain(a.Expr)
	name = name[strings.LastIndexByte(name, '.')+1:]
	return slices.ContainsFunc(v.m.Eval(a.Expr, a.Scope), func(x pysrc.Value) bool {
		last := x.Name[strings.LastIndexByte(x.Name, '.')+1:]
		switch x.Kind {
		case pysrc.Unknown, pysrc.Ref:
			return slices.Contains(settingNames, name) && !strings.Contains(x.Name, "parse_args().")
		case pysrc.Result:
			return strings.HasPrefix(x.Name, "numpy.") && last != "item" && last != "tolist" ||
				last != "" && last[0] >= 'A' && last[0] <= 'Z' && !strings.HasPrefix(x.Name, "torch.") && !strings.HasPrefix(x.Name, "collections.")
		default:
			return false
		}
	})
}

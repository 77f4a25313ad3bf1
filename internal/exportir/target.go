package exportir

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/torchscript"
)

// TargetKind says what a node's target names.
type TargetKind string

const (
	// Op is an operator of stock torch.
	Op TargetKind = "op"
	// UnknownOp is an operator that stock torch does not have in a namespace
	// that it has.
	UnknownOp TargetKind = "unknown_op"
	// UnknownNamespace is an operator of a library that the host would have to
	// have loaded.
	UnknownNamespace TargetKind = "unknown_namespace"
	// Function is a Python function of the reviewed list.
	Function TargetKind = "function"
	// HigherOrder is an operator over graphs of the program.
	HigherOrder TargetKind = "higher_order"
	// Extension is "#namespace:name", resolved by a registered handler.
	Extension TargetKind = "extension"
	// Odd is anything else. torch resolves those that begin with torch, math
	// or _operator by getattr, whatever they name.
	Odd TargetKind = "odd"
)

// Target is what a node calls.
type Target struct {
	Path     string
	Text     string
	Kind     TargetKind
	Op       string // "aten::add", where it is an operator
	Overload string
}

// ParseTarget classifies the target of a node.
func ParseTarget(s string) Target {
	t := Target{Text: shorten(s), Kind: Odd}
	switch {
	case functions[s]:
		t.Kind = Function
	case strings.HasPrefix(s, "#"):
		t.Kind = Extension
	case strings.HasPrefix(s, "torch.ops."):
		t.operator(strings.Split(shorten(s[len("torch.ops."):]), "."))
	}
	return t
}

func (t *Target) operator(parts []string) {
	for _, p := range parts {
		if !plainKey(p) || strings.HasPrefix(p, "__") && strings.HasSuffix(p, "__") && !dunderOps[p] {
			return
		}
	}
	if len(parts) < 2 || len(parts) > 3 {
		return
	}
	ns, name := parts[0], parts[1]
	if ns == "higher_order" {
		if higherOrder[name] && len(parts) == 2 {
			t.Kind, t.Op = HigherOrder, ns+"::"+name
		}
		return
	}
	t.Op = ns + "::" + name
	if len(parts) == 3 {
		t.Overload = parts[2]
	}
	switch {
	case torchscript.OpKnown(t.Op, t.Overload):
		t.Kind = Op
	case torchscript.NamespaceKnown(ns):
		t.Kind = UnknownOp
	default:
		t.Kind = UnknownNamespace
	}
}

// dunderOps are operators of the aten namespace with such names.
var dunderOps = set(
	"__and__", "__or__", "__xor__", "__lshift__", "__rshift__", "__getitem__", "__contains__",
	"__is__", "__isnot__", "__not__", "__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__",
)

package torchscript

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Unit is one code record of an archive.
type Unit struct {
	// Name is the record's name as in the archive, with or without its root:
	// "model/code/__torch__/foo.py". What follows "code/" names the module.
	Name   string
	Source []byte
}

// Limits bound what Read does. Zero fields take the defaults.
type Limits struct {
	MaxSource int64 // bytes of all units together; 16 MiB
	MaxDepth  int   // nesting of blocks and of expressions; 200
	MaxNodes  int   // tree nodes of one statement; 1<<20
	MaxErrors int   // syntax errors reported of one unit; 100
	MaxUses   int   // operator uses, call edges, functions, classes and attributes; 1<<18 of each
}

func (l Limits) orDefaults() Limits {
	l.MaxSource = cmp.Or(l.MaxSource, 16<<20)
	l.MaxDepth = cmp.Or(l.MaxDepth, 200)
	l.MaxNodes = cmp.Or(l.MaxNodes, 1<<20)
	l.MaxErrors = cmp.Or(l.MaxErrors, 100)
	l.MaxUses = cmp.Or(l.MaxUses, 1<<18)
	return l
}

// When says when code runs.
type When uint8

const (
	// Call is code that runs when the model is used.
	Call When = iota
	// Load is code that loading the archive runs or may run.
	Load
)

func (w When) String() string {
	if w == Load {
		return "load"
	}
	return "call"
}

// Program is what the units of an archive say, in the order of the units and
// within one by position.
type Program struct {
	Classes       []Class
	Functions     []Function
	Ops           []OpUse
	CustomClasses []CustomClass
	Dynamic       []Dynamic
	Unresolved    []Unresolved
	Heavy         []Heavy
	Errors        []SyntaxError
	// Collisions are groups of unit names that differ only in letter case, or
	// are equal. torch looks records up without regard to case and reads one
	// of them; which one depends on the version. All are in the program.
	Collisions [][]string
}

// Class is a class of the archive.
type Class struct {
	Name        string // qualified: "__torch__.foo.Bar"
	Kind        string // "Module", "NamedTuple", "Interface", "ModuleInterface", "Enum", "" for a plain class, else its base as written
	Unit        string
	Line        int
	Attrs       []Attr
	Methods     []string
	HasSetState bool // defines __setstate__, which runs at load
}

// Attr is an annotated attribute or a constant of a class.
type Attr struct {
	Name string
	Type string // as written
}

// Function is a method, a free function, or the loose statements of a unit.
type Function struct {
	Name string // qualified: "__torch__.foo.Bar.forward"
	Unit string
	Line int
	When When
}

// OpUse is a use of an operator.
type OpUse struct {
	Op   string // "aten::save"
	Risk Category
	Unit string
	Line int
	Col  int
	Func string
	// Via says how the name was found: "torch", "ops", "alias", "getattr",
	// "method", "builtin", "reference" (named but not called there), or
	// "broken syntax" (found in a statement that does not parse).
	Via  string
	When When
	// Path is the functions from one that runs by itself to Func, "…" for what
	// is left out. Args are the arguments in short, constants resolved. Only
	// uses with a Risk have them.
	Path []string
	Args []string
}

// CustomClass is a mention of a class of __torch__.torch.classes, whose code
// is native and not in the archive.
type CustomClass struct {
	Name string // "quantized.LinearPackedParamsBase"
	Risk Category
	Unit string
	Line int
	Func string // empty where the mention is an attribute's type
}

// Dynamic is an operator that is chosen by a name that is not constant.
type Dynamic struct {
	Unit string
	Line int
	Col  int
	Func string
	Expr string // as written, in short
	When When
	Path []string
}

// SyntaxError is a place that does not parse as torch parses it.
type SyntaxError struct {
	Unit  string
	Line  int
	Col   int
	Msg   string
	Limit bool // a limit of this package, not a fault of the source
}

// maxUnit keeps positions within 32 bits.
const maxUnit = 1 << 30

// Read parses the units and links their call graph. The program is never nil;
// with an error that wraps bounded.ErrLimit it is what was found until then.
func Read(units []Unit, lim Limits) (*Program, error) {
	lim = lim.orDefaults()
	a := newAnalyzer(lim)
	budget := bounded.NewBudget("TorchScript source bytes", lim.MaxSource)
	var err error
	for _, u := range units {
		if err = budget.Spend(int64(len(u.Source))); err != nil {
			break
		}
		if len(u.Source) >= maxUnit {
			err = bounded.Exceeded("bytes of a TorchScript unit", maxUnit)
			break
		}
		a.unit(u)
		if a.err != nil {
			err = a.err
			break
		}
	}
	a.collisions(units)
	a.link()
	return &a.prog, err
}

// Qualifier returns the module that a record's name stands for:
// "code/__torch__/foo.py" is "__torch__.foo".
func Qualifier(name string) string {
	lower := strings.ToLower(name)
	if at := strings.LastIndex(lower, "code/"); at == 0 || at > 0 && (lower[at-1] == '/' || lower[at-1] == '_') {
		name, lower = name[at+len("code/"):], lower[at+len("code/"):]
	}
	if strings.HasSuffix(lower, ".py") {
		name = name[:len(name)-len(".py")]
	}
	return strings.ReplaceAll(name, "/", ".")
}

// collisions finds the units that one look-up could mean.
func (a *analyzer) collisions(units []Unit) {
	byKey := map[string][]string{}
	for _, u := range units {
		k := strings.ToLower(Qualifier(u.Name))
		byKey[k] = append(byKey[k], u.Name)
	}
	for _, names := range byKey {
		if len(names) > 1 {
			slices.Sort(names)
			a.prog.Collisions = append(a.prog.Collisions, names)
		}
	}
	slices.SortFunc(a.prog.Collisions, slices.Compare[[]string])
}

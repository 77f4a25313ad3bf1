package manifest

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// readSetupPy reads what a setup.py passes to setup, as far as it is written out.
// Whatever is computed is a problem.
func (r *reader) readSetupPy(src []byte) error {
	f, err := pysrc.Parse(src, pysrc.Limits{})
	if err != nil {
		return err
	}
	for _, e := range f.Errors {
		line, _ := f.Position(int32(e.Offset))
		r.problem(line, "not Python: %s", e.What)
	}
	s := &setupPy{r: r, f: f, m: pysrc.Resolve(f), items: make(map[string][]setupItem), left: maxSetupSteps}
	s.assignments(f.Body)
	s.methods = make(map[string][]*pysrc.Invocation)
	for _, v := range s.m.Calls {
		if attr, ok := v.Node.Func.(*pysrc.Attribute); ok {
			if of, ok := attr.Value.(*pysrc.Name); ok {
				s.methods[of.ID] = append(s.methods[of.ID], v)
			}
		}
	}
	calls := 0
	for _, v := range s.m.Calls {
		if slices.ContainsFunc(v.Names, isSetup) {
			calls++
			s.call(v)
		}
	}
	if calls == 0 {
		r.problem(0, "undetermined: no call of setup is seen")
	}
	if s.m.Exhausted || s.left <= 0 {
		r.problem(0, "undetermined: the names in the file take too long to follow")
	}
	return nil
}

func isSetup(name string) bool {
	switch name {
	case "setup", "setuptools.setup", "distutils.core.setup", "numpy.distutils.core.setup", "skbuild.setup":
		return true
	}
	return false
}

// maxSetupSteps bounds the expressions that are looked at, and maxSetupDepth how
// deep within each other.
const (
	maxSetupSteps = 300_000
	maxSetupDepth = 60
)

type setupPy struct {
	methods map[string][]*pysrc.Invocation // by the name that they are called on
	r       *reader
	f       *pysrc.File
	m       *pysrc.Module
	items   map[string][]setupItem
	left    int
}

// setupItem is name[key] = value.
type setupItem struct{ key, value pysrc.Expr }

// assignments notes what is assigned to items of names outside of functions.
func (s *setupPy) assignments(body []pysrc.Stmt) {
	for _, stmt := range body {
		switch stmt := stmt.(type) {
		case *pysrc.FunctionDef, *pysrc.ClassDef:
			continue
		case *pysrc.Assign:
			for _, t := range stmt.Targets {
				if sub, ok := t.(*pysrc.Subscript); ok {
					if name, ok := sub.Value.(*pysrc.Name); ok {
						s.items[name.ID] = append(s.items[name.ID], setupItem{sub.Index, stmt.Value})
					}
				}
			}
		}
		pysrc.Blocks(stmt, s.assignments)
	}
}

func (s *setupPy) line(e pysrc.Node) int {
	line, _ := s.f.Position(e.Where().Start)
	return line
}

// place counts the column in characters, or in bytes where that is a long way.
func (s *setupPy) place(e pysrc.Node) (line, column int) {
	if line, column = s.f.Position(e.Where().Start); column > 4096 {
		return line, column + 1
	}
	return s.f.Place(e.Where().Start)
}

func (s *setupPy) call(v *pysrc.Invocation) {
	hidden := false
	for _, what := range [...]struct {
		name   string
		groups []string
	}{{"install_requires", nil}, {"setup_requires", []string{"build-system"}}, {"tests_require", []string{"test"}}} {
		list, open := v.Arg(-1, what.name)
		hidden = hidden || open
		for _, a := range list {
			s.list(a, setupWant{what: what.name, groups: what.groups})
		}
	}
	list, _ := v.Arg(-1, "extras_require")
	for _, a := range list {
		s.extras(a, 0)
	}
	for name, to := range map[string]*string{"name": &s.r.file.Name, "python_requires": &s.r.file.Python} {
		list, _ := v.Arg(-1, name)
		for _, a := range list {
			if text, ok := s.text(a); ok {
				*to = text
			}
		}
	}
	s.r.file.Name = normalize(s.r.file.Name)
	if hidden {
		s.r.problem(s.line(v.Node), "undetermined: setup is passed arguments that are computed")
	}
}

// text is a string that is written out.
func (s *setupPy) text(a pysrc.Arg) (string, bool) {
	v := s.m.Eval(a.Expr, a.Scope)
	return v[0].Name, len(v) == 1 && v[0].Kind == pysrc.Text
}

// setupWant is what a list is read for.
type setupWant struct {
	what   string
	groups []string
	depth  int
}

func (w setupWant) deeper() setupWant {
	w.depth++
	return w
}

func (s *setupPy) computed(e pysrc.Node, w setupWant) {
	s.r.problem(s.line(e), "undetermined: %s is computed: %q", w.what, s.f.Source(e))
}

// one reads a requirement.
func (s *setupPy) one(e pysrc.Node, req string, w setupWant) {
	p := Package{Groups: w.groups, Direct: true}
	p.Line, p.Column = s.place(e)
	req, _ = cutComment(req)
	if req != "" && s.r.pep508(req, &p) {
		s.r.add(p)
	}
}

// list reads a list of requirements, or one string with a requirement per line.
func (s *setupPy) list(a pysrc.Arg, w setupWant) {
	if s.left--; s.left <= 0 || w.depth > maxSetupDepth || s.r.full() {
		s.computed(a.Expr, w)
		return
	}
	switch e := a.Expr.(type) {
	case *pysrc.Sequence:
		for _, el := range e.Elems {
			s.element(pysrc.Arg{Expr: el, Scope: a.Scope}, w)
		}
	case *pysrc.Binary:
		if e.Op != "+" {
			s.computed(e, w)
			return
		}
		s.list(pysrc.Arg{Expr: e.Left, Scope: a.Scope}, w.deeper())
		s.list(pysrc.Arg{Expr: e.Right, Scope: a.Scope}, w.deeper())
	case *pysrc.Const:
		if e.Word != "None" {
			s.computed(e, w)
		}
	case *pysrc.Name:
		s.name(e, a.Scope, w)
	case *pysrc.IfExpr:
		s.r.problem(s.line(e), "undetermined: %s depends on a condition; both lists are given", w.what)
		s.list(pysrc.Arg{Expr: e.Body, Scope: a.Scope}, w.deeper())
		s.list(pysrc.Arg{Expr: e.Else, Scope: a.Scope}, w.deeper())
	case *pysrc.Call:
		s.callList(e, a.Scope, w)
	case *pysrc.Comprehension:
		s.comprehension(e, a.Scope, w)
	default:
		s.value(a, w)
	}
}

// value reads what an expression stands for by the rules of pysrc.
func (s *setupPy) value(a pysrc.Arg, w setupWant) {
	for _, v := range s.m.Eval(a.Expr, a.Scope) {
		switch {
		case v.Kind == pysrc.Text:
			for _, line := range lines(v.Name) {
				s.one(a.Expr, line, w)
			}
		case v.Kind == pysrc.Listing && v.Arg.Expr != a.Expr:
			s.list(v.Arg, w.deeper())
		default:
			s.computed(a.Expr, w)
		}
	}
}

func (s *setupPy) element(a pysrc.Arg, w setupWant) {
	if s.left--; s.left <= 0 || s.r.full() {
		return // which is said once
	}
	if star, ok := a.Expr.(*pysrc.Starred); ok {
		s.list(pysrc.Arg{Expr: star.Value, Scope: a.Scope}, w.deeper())
		return
	}
	if text, ok := s.text(a); ok {
		s.one(a.Expr, text, w)
		return
	}
	s.computed(a.Expr, w)
}

// name reads what is bound to a name, and what is added to it later.
func (s *setupPy) name(e *pysrc.Name, scope *pysrc.Scope, w setupWant) {
	owner := scope.Owner(e.ID)
	if owner == nil {
		s.computed(e, w)
		return
	}
	assigned := 0
	for _, b := range owner.Bindings(e.ID) {
		switch {
		case b.Kind == pysrc.Assigned:
			assigned++
			s.list(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, w.deeper())
		case b.Kind == pysrc.Other && b.Value != nil: // +=
			s.list(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, w.deeper())
		default:
			s.computed(e, w)
		}
	}
	if assigned > 1 {
		s.r.problem(s.line(e), "undetermined: %q has more than one value; all are given", e.ID)
	}
	for _, v := range s.methods[e.ID] {
		if s.left--; v.Scope.Owner(e.ID) == owner && s.left > 0 {
			s.method(v, v.Method(), w)
		}
	}
}

// method reads what is done to a list.
func (s *setupPy) method(v *pysrc.Invocation, name string, w setupWant) {
	args := v.Positional()
	switch {
	case name == "append" && len(args) == 1:
		s.element(args[0], w)
	case name == "insert" && len(args) == 2:
		s.element(args[1], w)
	case name == "extend" && len(args) == 1:
		s.list(args[0], w.deeper())
	case name == "copy", name == "index", name == "count", name == "items", name == "keys", name == "values", name == "get":
	default:
		s.computed(v.Node, w)
	}
}

// callList reads calls that give lists: list(x), "…".split(), open(f).readlines().
func (s *setupPy) callList(e *pysrc.Call, scope *pysrc.Scope, w setupWant) {
	if path, ok := s.fileLines(e, scope, 0); ok {
		s.r.include(Include{Path: path, Line: s.line(e)})
		return
	}
	for _, f := range s.m.Names(e.Func, scope) {
		if (f == "list" || f == "tuple" || f == "sorted" || f == "set") && len(e.Args) == 1 && len(e.Keywords) == 0 {
			s.list(pysrc.Arg{Expr: e.Args[0], Scope: scope}, w.deeper())
			return
		}
	}
	if attr, ok := e.Func.(*pysrc.Attribute); ok && (attr.Attr == "split" || attr.Attr == "splitlines") {
		if text, ok := s.text(pysrc.Arg{Expr: attr.Value, Scope: scope}); ok {
			s.split(e, attr.Attr, text, w)
			return
		}
	}
	for _, a := range e.Args { // read_requirements("requirements.txt")
		if text, ok := s.text(pysrc.Arg{Expr: a, Scope: scope}); ok && strings.HasSuffix(text, ".txt") {
			s.r.include(Include{Path: text, Line: s.line(e)})
		}
	}
	s.computed(e, w)
}

func (s *setupPy) split(e *pysrc.Call, how, text string, w setupWant) {
	switch {
	case how == "splitlines" || len(e.Args) == 1:
		for _, line := range lines(text) {
			s.one(e, line, w)
		}
	default:
		for word := range strings.FieldsSeq(text) {
			s.one(e, word, w)
		}
	}
}

// comprehension reads [line.strip() for line in open("requirements.txt")], and the
// same over a list. Lines that are left out make it undetermined.
func (s *setupPy) comprehension(e *pysrc.Comprehension, scope *pysrc.Scope, w setupWant) {
	if len(e.Clauses) != 1 || e.Key != nil {
		s.computed(e, w)
		return
	}
	clause := e.Clauses[0]
	target, ok := clause.Target.(*pysrc.Name)
	if !ok || !stripped(e.Elem, target.ID) || !harmless(clause.Ifs) {
		s.computed(e, w)
	}
	if path, ok := s.fileLines(clause.Iter, scope, 0); ok {
		s.r.include(Include{Path: path, Line: s.line(e)})
		return
	}
	if path, ok := s.file(clause.Iter, scope, 0); ok {
		s.r.include(Include{Path: path, Line: s.line(e)})
		return
	}
	s.list(pysrc.Arg{Expr: clause.Iter, Scope: scope}, w.deeper())
}

// stripped reports name, name.strip() and the like.
func stripped(e pysrc.Expr, name string) bool {
	if c, ok := e.(*pysrc.Call); ok {
		attr, ok := c.Func.(*pysrc.Attribute)
		if !ok || !strings.HasSuffix(attr.Attr, "strip") {
			return false
		}
		e = attr.Value
	}
	n, ok := e.(*pysrc.Name)
	return ok && n.ID == name
}

// harmless reports conditions that leave out empty lines and comments.
func harmless(ifs []pysrc.Expr) bool {
	fine := true
	for _, cond := range ifs {
		pysrc.Walk(cond, func(e pysrc.Expr) bool {
			switch e := e.(type) {
			case *pysrc.Str:
				fine = fine && (e.Value == "#" || e.Value == "")
			case *pysrc.Attribute:
				fine = fine && (strings.HasSuffix(e.Attr, "strip") || e.Attr == "startswith")
			case *pysrc.Name, *pysrc.Call, *pysrc.Unary, *pysrc.Bool:
			default:
				fine = false
			}
			return fine
		})
	}
	return fine
}

// extras reads a dictionary of lists.
func (s *setupPy) extras(a pysrc.Arg, depth int) {
	w := setupWant{what: "extras_require", depth: depth}
	if s.left--; s.left <= 0 || depth > maxSetupDepth {
		s.computed(a.Expr, w)
		return
	}
	switch e := a.Expr.(type) {
	case *pysrc.Dict:
		for i, k := range e.Keys {
			if k == nil {
				s.extras(pysrc.Arg{Expr: e.Values[i], Scope: a.Scope}, depth+1)
				continue
			}
			s.extra(pysrc.Arg{Expr: k, Scope: a.Scope}, pysrc.Arg{Expr: e.Values[i], Scope: a.Scope})
		}
	case *pysrc.Name:
		s.namedExtras(e, a.Scope, w)
	case *pysrc.Const:
		if e.Word != "None" {
			s.computed(e, w)
		}
	default:
		s.computed(a.Expr, w)
	}
}

func (s *setupPy) namedExtras(e *pysrc.Name, scope *pysrc.Scope, w setupWant) {
	owner := scope.Owner(e.ID)
	if owner == nil {
		s.computed(e, w)
		return
	}
	for _, b := range owner.Bindings(e.ID) {
		if b.Kind != pysrc.Assigned {
			s.computed(e, w)
			continue
		}
		s.extras(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, w.depth+1)
	}
	for _, item := range s.items[e.ID] {
		s.extra(pysrc.Arg{Expr: item.key, Scope: owner}, pysrc.Arg{Expr: item.value, Scope: owner})
	}
	for _, v := range s.methods[e.ID] {
		if s.left--; v.Scope.Owner(e.ID) != owner || s.left <= 0 {
			continue
		}
		if args := v.Positional(); v.Method() == "update" && len(args) == 1 {
			s.extras(args[0], w.depth+1)
			continue
		}
		s.method(v, v.Method(), w)
	}
}

// extra reads one list; the key may have a marker behind a colon.
func (s *setupPy) extra(key, list pysrc.Arg) {
	w := setupWant{what: "extras_require"}
	name, ok := s.text(key)
	if !ok {
		s.computed(key.Expr, w)
		return
	}
	name, marker, _ := strings.Cut(name, ":")
	if name != "" {
		w.groups = []string{"extra:" + normalize(name)}
	}
	before := len(s.r.file.Packages)
	s.list(list, w)
	for i := before; i < len(s.r.file.Packages) && marker != ""; i++ {
		p := &s.r.file.Packages[i]
		p.Marker = conjunction(p.Marker, marker)
	}
}

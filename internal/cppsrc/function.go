package cppsrc

import "strings"

// Function is a definition, or a block that a macro such as TORCH_LIBRARY heads.
type Function struct {
	Name   string // without what it is in
	Class  string // that it is a member of, or empty
	Macro  bool   // what stands before the block has no return type: TORCH_LIBRARY(ns, m)
	Result Span   // everything before the name: type, __global__, static
	Args   Span   // between the parentheses
	Params []Param
	Body   Span // between the braces
	Stmts  []*Stmt
	At     int // the token of the name
}

// Param is a parameter of a function.
type Param struct {
	Name    string
	Type    string // its words with spaces between
	Default bool
	At      int // the token of the name; of the type where it has none
}

// Is reports whether a word such as __global__ stands before the function's name.
func (fn *Function) Is(f *File, word string) bool {
	for i := fn.Result.First; i < fn.Result.Last; i++ {
		if f.Is(i, word) {
			return true
		}
	}
	return false
}

// parser finds functions, and the statements in them.
type parser struct {
	f      *File
	most   int
	angles int // steps that are left to look for ends of template arguments
}

// mostScopes bounds how deep namespaces and classes nest.
const mostScopes = 64

// scope looks at the declarations of a file, a namespace or a class.
func (p *parser) scope(i, end int, class string, depth int) {
	first := i // of the declaration
	for i < end {
		switch p.f.Word(i) {
		case ";":
			first = i + 1
		case ":":
			if i > 0 && (p.f.Is(i-1, "public") || p.f.Is(i-1, "private") || p.f.Is(i-1, "protected")) {
				first = i + 1
			}
		case "(", "[":
			if m := p.f.Mate(i); m > i && m < end {
				i = m
			}
		case "{":
			m := p.f.Mate(i)
			if m < i || m > end { // it is not closed, which is said elsewhere
				first = i + 1
				break
			}
			if p.block(first, i, m, class, depth) {
				first = m + 1
			}
			i = m
		}
		i++
	}
}

// block says what the braces from i to m are that a declaration from first on has,
// and reports whether it ends there.
func (p *parser) block(first, i, m int, class string, depth int) bool {
	head := p.skipTemplate(first, i)
	kind, name := p.header(head, i)
	switch kind {
	case "namespace", "extern":
		if depth < mostScopes {
			p.scope(i+1, m, class, depth+1)
		}
		return true
	case "class":
		if depth < mostScopes {
			p.scope(i+1, m, name, depth+1)
		}
		return false
	case "enum":
		return false
	}
	open := p.arguments(head, i)
	if open < 0 {
		return false
	}
	if p.initialiser(open, i) {
		return false
	}
	p.function(head, open, i, m, class)
	return true
}

// skipTemplate goes over template<...>.
func (p *parser) skipTemplate(i, end int) int {
	for i < end && p.f.Is(i, "template") && p.f.Is(i+1, "<") {
		after := p.skipAngles(i + 1)
		if after == i+2 || after >= end {
			return i
		}
		i = after
	}
	return i
}

// header says whether a declaration heads a namespace or a class.
func (p *parser) header(i, end int) (kind, name string) {
	for ; i < end; i++ {
		switch w := p.f.Word(i); w {
		case "namespace":
			return "namespace", ""
		case "extern":
			if i+1 < end && p.f.Tokens[i+1].Kind == Text && i+2 == end {
				return "extern", ""
			}
		case "enum":
			return "enum", ""
		case "class", "struct", "union":
			name := ""
			for j := i + 1; j < end && !p.f.Is(j, ":"); j++ {
				if p.f.Is(j, "(") && !attribute(p.f.Word(j-1)) { // struct S f() {
					return "", ""
				}
				if p.f.IsIdent(j) && !p.f.Is(j, "final") && name == "" && !p.f.Is(j+1, "(") {
					name = p.f.Word(j)
				}
			}
			return "class", name
		case "(", "=":
			return "", ""
		case "<":
			i = max(i, p.skipAngles(i)-1)
		}
	}
	return "", ""
}

// attribute reports whether a word takes arguments that are no parameters.
func attribute(w string) bool {
	switch w {
	case "__attribute__", "__launch_bounds__", "__declspec", "alignas", "decltype", "noexcept", "requires", "explicit", "__align__":
		return true
	}
	return strings.HasPrefix(w, "C10_LAUNCH_BOUNDS") || strings.HasPrefix(w, "__cluster")
}

// arguments finds the parenthesis of a function's parameters, or -1.
func (p *parser) arguments(i, end int) int {
	for ; i < end; i++ {
		switch p.f.Word(i) {
		case "(":
			m := p.f.Mate(i)
			if m < i || m >= end {
				return -1
			}
			if p.f.Is(i-1, ")") && p.f.Is(i-2, "(") && p.f.Is(i-3, "operator") {
				return i
			}
			if p.f.Is(i-1, "operator") {
				i = m
				continue
			}
			named := p.f.IsIdent(i-1) && !attribute(p.f.Word(i-1)) || p.f.Is(i-1, ">") || p.operator(i-1)
			if named {
				return i
			}
			i = m
		case "[", "{":
			if m := p.f.Mate(i); m > i {
				i = m
			}
		case "<":
			i = max(i, p.skipAngles(i)-1)
		case "=":
			if !p.operator(i) {
				return -1
			}
		}
	}
	return -1
}

// operator reports whether a token ends the name of an operator.
func (p *parser) operator(i int) bool {
	return i > 0 && i < len(p.f.Tokens) && p.f.Tokens[i].Kind == Punct && (p.f.Is(i-1, "operator") || p.f.Is(i, "]") && p.f.Is(i-2, "operator"))
}

// initialiser reports whether a brace is of a member in a constructor's list.
func (p *parser) initialiser(open, brace int) bool {
	if !p.f.IsIdent(brace-1) && !p.f.Is(brace-1, ">") {
		return false
	}
	for i := p.f.Mate(open) + 1; i < brace; i++ {
		switch p.f.Word(i) {
		case ":":
			return true
		case "->":
			return false
		}
	}
	return false
}

// mostAngle is how far the end of template arguments is looked for.
const mostAngle = 256

// skipAngles gives the token behind the template arguments that begin at i, or i+1
// if it is no such bracket.
func (p *parser) skipAngles(i int) int {
	depth := 0
	for j := i; j < min(len(p.f.Tokens), i+mostAngle) && p.angles > 0; j++ {
		p.angles--
		switch p.f.Word(j) {
		case "<":
			depth++
		case ">":
			depth--
		case ">>":
			depth -= 2
		case "(", "[":
			m := p.f.Mate(j)
			if m < j {
				return i + 1
			}
			j = m
		case ";", "{", "}", ")", "]", "&&", "||":
			return i + 1
		}
		if depth <= 0 {
			return j + 1
		}
	}
	return i + 1
}

func (p *parser) function(head, open, brace, end int, class string) {
	at := open - 1
	if p.f.Is(at, ">") { // f<int>(...) {
		for at > head && !p.f.Is(at, "<") {
			at--
		}
		at--
	}
	fn := &Function{Name: p.f.Word(at), Class: class, At: max(at, head), Result: Span{head, max(at, head)}}
	if at-2 >= head && p.f.Is(at-1, "::") && p.f.IsIdent(at-2) {
		fn.Class = p.f.Word(at - 2)
		fn.Result.Last = at - 2
	}
	fn.Macro = fn.Result.First >= fn.Result.Last && fn.Class == "" && p.f.Mate(open)+1 == brace
	fn.Args = Span{open + 1, p.f.Mate(open)}
	fn.Params = p.params(fn.Args)
	fn.Body = Span{brace + 1, end}
	fn.Stmts = p.stmts(brace+1, end, 0)
	p.f.Functions = append(p.f.Functions, fn)
}

// params reads the parameters between parentheses.
func (p *parser) params(s Span) (list []Param) {
	for _, part := range p.split(s) {
		if par, ok := p.param(part); ok {
			list = append(list, par)
		}
	}
	return list
}

// split parts a span at its commas that are in no brackets.
func (p *parser) split(s Span) (parts []Span) {
	first := s.First
	for i := s.First; i < s.Last; i++ {
		switch p.f.Word(i) {
		case "(", "[", "{":
			if m := p.f.Mate(i); m > i && m < s.Last {
				i = m
			}
		case "<":
			if after := p.skipAngles(i); after <= s.Last {
				i = after - 1
			}
		case ",":
			parts = append(parts, Span{first, i})
			first = i + 1
		}
	}
	if first < s.Last {
		parts = append(parts, Span{first, s.Last})
	}
	return parts
}

func (p *parser) param(s Span) (par Param, ok bool) {
	last := s.Last
	for i := s.First; i < s.Last; i++ {
		if p.f.Is(i, "=") {
			par.Default, last = true, i
			break
		}
	}
	if s.First >= last || p.f.Is(s.First, "void") && last == s.First+1 {
		return par, false
	}
	at := last - 1
	for at > s.First && p.f.Is(at, "]") && p.f.Mate(at) > s.First { // int a[3]
		at = p.f.Mate(at) - 1
	}
	words := make([]string, 0, last-s.First)
	named := p.f.IsIdent(at) && at > s.First && !p.f.Is(at-1, "::") && !builtin(p.f.Word(at))
	for i := s.First; i < last; i++ {
		if i != at || !named {
			words = append(words, p.f.Word(i))
		}
	}
	par.Type, par.At = strings.Join(words, " "), s.First
	if named {
		par.Name, par.At = p.f.Word(at), at
	}
	return par, true
}

// builtin reports whether a word is part of a type and no name.
func builtin(w string) bool {
	switch w {
	case "int", "long", "short", "char", "float", "double", "bool", "unsigned", "signed", "void", "const", "auto":
		return true
	}
	return false
}

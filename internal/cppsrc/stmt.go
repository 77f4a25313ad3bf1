package cppsrc

// StmtKind says what a statement is.
type StmtKind byte

// The kinds of statement.
const (
	Expr   StmtKind = iota // also declarations
	Block                  // braces
	If                     // Head is the condition; Else may follow
	For                    // Head is what stands in the parentheses
	While                  // also do, whose body comes first
	Switch                 //
	Return                 // Head is the value; also throw, co_return
	Jump                   // break, continue, goto
	Try                    // the handlers are in Else
	Headed                 // a macro with a body: CUDA_KERNEL_LOOP(i, n) { ... }
)

// Stmt is a statement.
type Stmt struct {
	Kind    StmtKind
	All     Span // with its body
	Head    Span // without it
	Body    []*Stmt
	Else    []*Stmt
	Lambdas []*Lambda // in Head
}

// Lambda is a lambda expression.
type Lambda struct {
	Captures Span
	Params   []Param
	Result   Span // between the parameters and the body: mutable, -> type
	All      Span
	Body     []*Stmt
}

// stmts reads the statements from i to end.
func (p *parser) stmts(i, end, depth int) (list []*Stmt) {
	if depth > p.most {
		if i < end {
			p.f.fail(p.f.Tokens[i].Start, "statements are nested too deep")
		}
		return nil
	}
	for i < end {
		s, next := p.stmt(i, end, depth)
		if s != nil {
			list = append(list, s)
		}
		i = max(next, i+1)
	}
	return list
}

func (p *parser) stmt(i, end, depth int) (*Stmt, int) {
	switch p.f.Word(i) {
	case ";":
		return nil, i + 1
	case "{":
		return p.braces(Block, i, i, end, depth)
	case "if":
		return p.ifStmt(i, end, depth)
	case "for":
		return p.headed(For, i, end, depth)
	case "while":
		return p.headed(While, i, end, depth)
	case "switch":
		return p.headed(Switch, i, end, depth)
	case "do":
		return p.doStmt(i, end, depth)
	case "try":
		return p.tryStmt(i, end, depth)
	case "return", "throw", "co_return":
		return p.simple(Return, i, i+1, end, depth)
	case "break", "continue", "goto":
		return p.simple(Jump, i, i+1, end, depth)
	case "case", "default":
		return p.label(i, end, depth)
	case "else": // of an if that a macro or an #if hides
		return p.nested(i+1, end, depth)
	}
	return p.simple(Expr, i, i, end, depth)
}

// nested reads one statement and gives it a block of its own.
func (p *parser) nested(i, end, depth int) (*Stmt, int) {
	body, next := p.body(i, end, depth+1)
	return &Stmt{Kind: Block, All: Span{i, next}, Body: body}, next
}

// body reads what a condition or a loop governs.
func (p *parser) body(i, end, depth int) ([]*Stmt, int) {
	if i >= end {
		return nil, end
	}
	if depth > p.most {
		p.f.fail(p.f.Tokens[i].Start, "statements are nested too deep")
		return nil, end
	}
	if p.f.Is(i, "{") {
		if m := p.f.Mate(i); m > i && m < end {
			return p.stmts(i+1, m, depth+1), m + 1
		}
	}
	s, next := p.stmt(i, end, depth+1)
	if s == nil {
		return nil, next
	}
	return []*Stmt{s}, next
}

// braces reads a block whose brace is at i, of a statement that begins at first.
func (p *parser) braces(kind StmtKind, first, i, end, depth int) (*Stmt, int) {
	m := p.f.Mate(i)
	if m < i || m >= end {
		return nil, i + 1
	}
	return &Stmt{Kind: kind, All: Span{first, m + 1}, Head: Span{first, i}, Body: p.stmts(i+1, m, depth+1)}, m + 1
}

// head gives what stands in the parentheses after a keyword.
func (p *parser) head(i, end int) (Span, int, bool) {
	i++
	if p.f.Is(i, "constexpr") {
		i++
	}
	m := p.f.Mate(i)
	if !p.f.Is(i, "(") || m < i || m >= end {
		return Span{}, i, false
	}
	return Span{i + 1, m}, m + 1, true
}

func (p *parser) headed(kind StmtKind, i, end, depth int) (*Stmt, int) {
	head, next, ok := p.head(i, end)
	if !ok {
		return nil, i + 1
	}
	s := &Stmt{Kind: kind, Head: head, Lambdas: p.lambdas(head, depth)}
	s.Body, next = p.body(next, end, depth)
	s.All = Span{i, next}
	return s, next
}

// ifStmt reads an if and its else. A chain of them is read in a loop, because it may
// be long.
func (p *parser) ifStmt(i, end, depth int) (*Stmt, int) {
	first, next := p.headed(If, i, end, depth)
	last := first
	for last != nil && next < end && p.f.Is(next, "else") {
		if !p.f.Is(next+1, "if") {
			last.Else, next = p.body(next+1, end, depth)
			break
		}
		other, after := p.headed(If, next+1, end, depth)
		if other == nil {
			break
		}
		last.Else, next = []*Stmt{other}, after
		last = other
	}
	if first != nil {
		first.All.Last = next
	}
	return first, next
}

func (p *parser) doStmt(i, end, depth int) (*Stmt, int) {
	s := &Stmt{Kind: While}
	var next int
	s.Body, next = p.body(i+1, end, depth)
	if p.f.Is(next, "while") {
		if head, after, ok := p.head(next, end); ok {
			s.Head, next = head, after
		}
	}
	s.All = Span{i, next}
	return s, next
}

func (p *parser) tryStmt(i, end, depth int) (*Stmt, int) {
	s, next := p.braces(Try, i, i+1, end, depth)
	for s != nil && next < end && p.f.Is(next, "catch") {
		h, after := p.headed(If, next, end, depth)
		if h == nil {
			break
		}
		h.Kind = Block
		s.Else, next = append(s.Else, h), after
		s.All.Last = next
	}
	return s, next
}

// label goes over case x: and default:
func (p *parser) label(i, end, depth int) (*Stmt, int) {
	for j := i; j < end; j++ {
		switch p.f.Word(j) {
		case ":":
			return nil, j + 1
		case ";", "{", "}":
			return nil, j
		case "(":
			if m := p.f.Mate(j); m > j {
				j = m
			}
		}
	}
	return p.simple(Expr, i, i, end, depth)
}

// simple reads to a semicolon; or to the end of a block that a macro heads.
func (p *parser) simple(kind StmtKind, first, i, end, depth int) (*Stmt, int) {
	s := &Stmt{Kind: kind}
	for j := i; ; j++ {
		if j >= end {
			s.All, s.Head = Span{first, end}, Span{i, end}
			s.Lambdas = p.lambdas(s.Head, depth)
			return s, end
		}
		switch p.f.Word(j) {
		case ";":
			s.All, s.Head = Span{first, j + 1}, Span{i, j}
			s.Lambdas = p.lambdas(s.Head, depth)
			return s, j + 1
		case "(", "[":
			if m := p.f.Mate(j); m > j {
				j = min(m, end)
			}
		case "{":
			m := p.f.Mate(j)
			if kind == Expr && j > i && p.f.Is(j-1, ")") && p.f.Mate(j-1) == i+1 && p.f.IsIdent(i) && m > j && m < end {
				return p.braces(Headed, i, j, end, depth)
			}
			if m > j {
				j = min(m, end)
			}
		}
	}
}

// lambdas finds the lambda expressions of a span, those within one excepted.
func (p *parser) lambdas(s Span, depth int) (list []*Lambda) {
	for i := s.First; i < s.Last; i++ {
		if !p.f.Is(i, "[") || !p.begins(i, s.First) {
			continue
		}
		if l := p.lambda(i, s.Last, depth); l != nil {
			list = append(list, l)
			i = l.All.Last - 1
		}
	}
	return list
}

// begins reports whether a bracket begins an expression, and is no subscript.
func (p *parser) begins(i, first int) bool {
	if i == first {
		return true
	}
	switch p.f.Word(i - 1) {
	case ")", "]", "}", ">", "this", "[":
		return false
	case "return":
		return true
	}
	return p.f.Tokens[i-1].Kind == Punct
}

func (p *parser) lambda(i, end, depth int) *Lambda {
	m := p.f.Mate(i)
	if m < i || m >= end {
		return nil
	}
	l := &Lambda{Captures: Span{i + 1, m}}
	j := m + 1
	if p.f.Is(j, "<") { // []<typename T>(T x)
		j = p.skipAngles(j)
	}
	if p.f.Is(j, "(") {
		ends := p.f.Mate(j)
		if ends < j || ends >= end {
			return nil
		}
		l.Params = p.params(Span{j + 1, ends})
		j = ends + 1
	}
	l.Result = Span{j, j}
	for ; j < min(end, m+64+len(l.Params)*64) && !p.f.Is(j, "{"); j++ { // mutable, __device__, -> type
		switch p.f.Word(j) {
		case ",", ")", ";", "=", "]":
			return nil
		case "(":
			if ends := p.f.Mate(j); ends > j {
				j = ends
			}
		case "<": // -> std::tuple<Tensor, Tensor>
			j = max(j, p.skipAngles(j)-1)
		}
	}
	ends := p.f.Mate(j)
	if !p.f.Is(j, "{") || ends < j || ends >= end {
		return nil
	}
	l.Result.Last, l.All = j, Span{i, ends + 1}
	l.Body = p.stmts(j+1, ends, depth+1)
	return l
}

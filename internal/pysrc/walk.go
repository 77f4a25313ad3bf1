package pysrc

// Children calls f with each expression directly within e, in the order of the
// source.
func Children(e Expr, f func(Expr)) { // one case per expression
	switch e := e.(type) {
	case *Joined:
		each(f, e.Parts...)
	case *Field:
		each(f, e.Value)
		if e.Spec != nil {
			f(e.Spec)
		}
	case *Attribute:
		each(f, e.Value)
	case *Subscript:
		each(f, e.Value, e.Index)
	case *Call:
		each(f, e.Func)
		each(f, e.Args...)
		for i := range e.Keywords {
			each(f, e.Keywords[i].Value)
		}
	case *Binary:
		each(f, e.Left, e.Right)
	case *Unary:
		each(f, e.Value)
	case *Bool:
		each(f, e.Values...)
	case *Compare:
		each(f, e.Values...)
	case *IfExpr:
		each(f, e.Body, e.Test, e.Else)
	case *Lambda:
		e.Params.children(f)
		each(f, e.Body)
	case *Walrus:
		each(f, e.Target, e.Value)
	case *Sequence:
		each(f, e.Elems...)
	case *Dict:
		for i := range e.Values {
			each(f, e.Keys[i], e.Values[i])
		}
	case *Comprehension:
		e.children(f)
	case *Await:
		each(f, e.Value)
	case *Yield:
		each(f, e.Value)
	case *Starred:
		each(f, e.Value)
	case *Slice:
		each(f, e.Low, e.High, e.Step)
	}
}

func each(f func(Expr), list ...Expr) {
	for _, e := range list {
		if e != nil {
			f(e)
		}
	}
}

func (p *Params) children(f func(Expr)) {
	for _, a := range p.All() {
		each(f, a.Annotation, a.Default)
	}
}

func (c *Comprehension) children(f func(Expr)) {
	each(f, c.Key, c.Elem)
	for _, cl := range c.Clauses {
		each(f, cl.Target, cl.Iter)
		each(f, cl.Ifs...)
	}
}

// Walk visits e and everything within it, parents before children and otherwise in
// the order of the source; where visit says false it goes no deeper. It takes
// memory, but no stack, for chains however long.
func Walk(e Expr, visit func(Expr) bool) {
	todo := []Expr{e}
	for len(todo) > 0 {
		n := len(todo) - 1
		next := todo[n]
		todo = todo[:n]
		if next == nil || !visit(next) {
			continue
		}
		Children(next, func(c Expr) { todo = append(todo, c) })
		for i, j := n, len(todo)-1; i < j; i, j = i+1, j-1 {
			todo[i], todo[j] = todo[j], todo[i]
		}
	}
}

// Exprs calls f with each expression directly within s, and not with those of the
// statements within it.
func Exprs(s Stmt, f func(Expr)) { // one case per statement
	switch s := s.(type) {
	case *ExprStmt:
		each(f, s.Value)
	case *Assign:
		each(f, s.Targets...)
		each(f, s.Value)
	case *AugAssign:
		each(f, s.Target, s.Value)
	case *AnnAssign:
		each(f, s.Target, s.Annotation, s.Value)
	case *Keyworded:
		each(f, s.Values...)
	case *FunctionDef:
		each(f, s.Decorators...)
		s.Params.children(f)
		each(f, s.Returns)
		typeParams(f, s.TypeParams)
	case *ClassDef:
		each(f, s.Decorators...)
		each(f, s.Bases...)
		for i := range s.Keywords {
			each(f, s.Keywords[i].Value)
		}
		typeParams(f, s.TypeParams)
	case *If:
		for _, b := range s.Branches {
			each(f, b.Test)
		}
	case *For:
		each(f, s.Target, s.Iter)
	case *While:
		each(f, s.Test)
	case *With:
		for _, item := range s.Items {
			each(f, item.Context, item.Target)
		}
	case *Try:
		for _, h := range s.Handlers {
			each(f, h.Type)
		}
	case *Match:
		each(f, s.Subject)
		for _, c := range s.Cases {
			c.Pattern.exprs(f)
			each(f, c.Guard)
		}
	case *TypeAlias:
		each(f, s.Name, s.Value)
		typeParams(f, s.TypeParams)
	case *Bad:
		each(f, s.Read...)
	}
}

func typeParams(f func(Expr), list []TypeParam) {
	for _, t := range list {
		each(f, t.Bound, t.Default)
	}
}

// exprs are the values of a pattern. It recurses as deep as the parser lets
// patterns nest.
func (p *Pattern) exprs(f func(Expr)) {
	if p == nil {
		return
	}
	each(f, p.Value)
	each(f, p.Keys...)
	for _, part := range p.Parts {
		part.exprs(f)
	}
}

// Blocks calls f with each list of statements directly within s.
func Blocks(s Stmt, f func([]Stmt)) {
	switch s := s.(type) {
	case *FunctionDef:
		f(s.Body)
	case *ClassDef:
		f(s.Body)
	case *If:
		for _, b := range s.Branches {
			f(b.Body)
		}
		f(s.Else)
	case *For:
		f(s.Body)
		f(s.Else)
	case *While:
		f(s.Body)
		f(s.Else)
	case *With:
		f(s.Body)
	case *Try:
		f(s.Body)
		for _, h := range s.Handlers {
			f(h.Body)
		}
		f(s.Else)
		f(s.Finally)
	case *Match:
		for _, c := range s.Cases {
			f(c.Body)
		}
	case *Bad:
		f(s.Body)
	}
}

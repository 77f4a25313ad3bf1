package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// span is a range of tokens.
type span = cppsrc.Span

// variable is a parameter or a local of a function.
type variable struct {
	name     string
	typ      string // its words with spaces between
	at       int
	scope    span
	param    int  // its position among the parameters; -1 for others
	array    span // the size of an array
	init     span // what it begins as
	assigned []span
	lambda   bool // a parameter of a lambda
	loop     bool // the variable of a loop
}

// node is a statement with what is around it.
type node struct {
	stmt   *cppsrc.Stmt
	up     *node
	lambda *cppsrc.Lambda // of up's head, that it is in
	other  bool           // in up's Else
	loop   *loop          // what it repeats over, if that is understood
}

// loop is a for statement that counts.
type loop struct {
	name         string
	start, bound span
	op           string // "<" or "<="; ">=" of one that counts down from bound
}

func (n *node) loops() bool {
	switch n.stmt.Kind {
	case cppsrc.For, cppsrc.While:
		return true
	case cppsrc.Headed:
		return n.loop != nil
	default:
		return false
	}
}

// flatten lists the statements of a function, each before what is in it.
func (a *fn) flatten(list []*cppsrc.Stmt, up *node, lambda *cppsrc.Lambda, other bool) {
	for _, s := range list {
		n := &node{stmt: s, up: up, lambda: lambda, other: other}
		a.nodes = append(a.nodes, n)
		scope := a.def.Body
		if up != nil {
			scope = up.stmt.All
		}
		if lambda != nil {
			scope = lambda.All
		}
		switch s.Kind {
		case cppsrc.For:
			a.forHead(n)
		case cppsrc.Headed:
			a.macroLoop(n)
		case cppsrc.Expr:
			a.declare(s.Head, scope)
		case cppsrc.If, cppsrc.While, cppsrc.Switch:
			a.declare(s.Head, s.All)
			if s.Kind == cppsrc.While {
				a.whileHead(n)
			}
		default:
		}
		for _, l := range s.Lambdas {
			a.lambdaParams(s, l)
			a.flatten(l.Body, n, l, false)
		}
		a.flatten(s.Body, n, nil, false)
		a.flatten(s.Else, n, nil, true)
	}
}

// forHead reads for (int i = a; i < b; ++i) and for (auto i : c10::irange(n)).
func (a *fn) forHead(n *node) {
	s := n.stmt
	parts := a.parts(s.Head, ";")
	if len(parts) < 2 {
		a.rangeHead(n)
		return
	}
	a.declare(parts[0], s.All)
	cond := parts[1]
	if and := a.parts(cond, "&&"); len(and) > 1 {
		cond = and[0]
	}
	for i := cond.First + 1; i < cond.Last; i++ {
		if w := a.f.Word(i); (w == "<" || w == "<=" || w == "!=") && a.f.IsIdent(i-1) {
			n.loop = &loop{name: a.f.Word(i - 1), op: w, bound: span{First: i + 1, Last: cond.Last}}
			if v := a.lookup(n.loop.name, i); v != nil {
				v.loop = true
				n.loop.start = v.init
			}
			return
		}
		if w := a.f.Word(i); (w == ">=" || w == ">") && a.f.IsIdent(i-1) {
			if v := a.lookup(a.f.Word(i-1), i); v != nil && v.at >= s.Head.First {
				v.loop = true
				n.loop = &loop{name: v.name, op: ">=", bound: v.init, start: span{First: i + 1, Last: cond.Last}}
			}
			return
		}
	}
}

// whileHead reads while (i < n) where i goes up by one each time.
func (a *fn) whileHead(n *node) {
	s := n.stmt
	for _, cond := range a.parts(s.Head, "&&") {
		w := a.f.Word(cond.First + 1)
		if !a.f.IsIdent(cond.First) || w != "<" && w != "<=" && w != "!=" || !a.spend(s.All.Last-s.All.First) {
			continue
		}
		name := a.f.Word(cond.First)
		v := a.lookup(name, cond.First)
		if v == nil || !a.countsUp(name, s.All) {
			continue
		}
		n.loop = &loop{name: name, op: w, start: v.init, bound: span{First: cond.First + 2, Last: cond.Last}}
		return
	}
}

// countsUp reports whether all that is done to a name is to add one to it.
func (a *fn) countsUp(name string, s span) (up bool) {
	for i := s.First; i < s.Last; i++ {
		if !a.f.Is(i, name) || a.member(i) {
			continue
		}
		switch w := a.f.Word(i + 1); {
		case a.f.Is(i-1, "++") || w == "++" || w == "+=" && a.f.Is(i+2, "1"):
			up = true
		case a.f.Is(i-1, "--") || w == "--" || len(w) == 2 && w[1] == '=' && strings.ContainsAny(w[:1], "+-*/%"), w == "=":
			return false
		}
	}
	return up
}

func (a *fn) rangeHead(n *node) {
	s := n.stmt
	parts := a.parts(s.Head, ":")
	if len(parts) != 2 {
		return
	}
	a.declare(parts[0], s.All)
	if v := a.lookup(a.f.Word(parts[0].Last-1), parts[0].Last); v != nil {
		v.init = parts[1]
	}
	for i := parts[1].First; i < parts[1].Last; i++ {
		if a.f.Is(i, "irange") && a.f.Is(i+1, "(") {
			args := a.f.Split(span{First: i + 2, Last: a.f.Mate(i + 1)})
			if len(args) == 0 || !a.f.IsIdent(parts[0].Last-1) {
				return
			}
			n.loop = &loop{name: a.f.Word(parts[0].Last - 1), op: "<", bound: args[len(args)-1]}
			if len(args) > 1 {
				n.loop.start = args[0]
			}
			if v := a.lookup(n.loop.name, i); v != nil {
				v.loop = true
			}
			return
		}
	}
}

// macroLoop reads CUDA_KERNEL_LOOP(i, n) { ... }.
func (a *fn) macroLoop(n *node) {
	s := n.stmt
	if !strings.Contains(a.f.Word(s.Head.First), "LOOP") {
		return
	}
	args := a.f.Split(span{First: s.Head.First + 2, Last: s.Head.Last - 1})
	if len(args) < 2 || !a.f.IsIdent(args[0].Last-1) {
		return
	}
	at := args[0].Last - 1
	n.loop = &loop{name: a.f.Word(at), op: "<", bound: args[1]}
	a.add(&variable{name: n.loop.name, typ: "int", at: at, scope: s.All, param: -1, loop: true})
}

// lambdaParams declares the parameters of a lambda; those of at::parallel_for begin
// as the bounds that it is called with.
func (a *fn) lambdaParams(s *cppsrc.Stmt, l *cppsrc.Lambda) {
	var bounds []span
	for i := s.Head.First; i < l.All.First; i++ {
		if (a.f.Is(i, "parallel_for") || a.f.Is(i, "parallel_reduce")) && a.f.Is(i+1, "(") {
			bounds = a.f.Split(span{First: i + 2, Last: a.f.Mate(i + 1)})
		}
	}
	for i, p := range l.Params {
		v := &variable{name: p.Name, typ: p.Type, at: p.At, scope: l.All, param: -1, lambda: true}
		if i < 2 && len(bounds) > 2 && l == s.Lambdas[0] {
			v.init = bounds[i]
		}
		a.add(v)
	}
}

// parts splits a span at a word that is in no brackets.
func (a *fn) parts(s span, at string) (out []span) {
	first := s.First
	for i := s.First; i < s.Last; i++ {
		switch a.f.Word(i) {
		case at:
			out = append(out, span{First: first, Last: i})
			first = i + 1
		case "(", "[", "{":
			if m := a.f.Mate(i); m > i {
				i = m
			}
		}
	}
	return append(out, span{First: first, Last: s.Last})
}

func (a *fn) add(v *variable) {
	if v.name != "" {
		a.vars[v.name] = append(a.vars[v.name], v)
	}
}

// lookup finds what a name means at a token.
func (a *fn) lookup(name string, at int) *variable {
	list := a.vars[name]
	if len(list) == 0 {
		return nil
	}
	i, _ := slices.BinarySearchFunc(list, at+1, func(v *variable, at int) int { return v.at - at })
	for i--; i >= 0 && a.spend(1); i-- {
		if v := list[i]; v.param >= 0 || at < v.scope.Last && at >= v.scope.First {
			return v
		}
	}
	return nil
}

var qualifiers = words("static const constexpr thread_local volatile register inline extern typename mutable struct __shared__ C10_UNUSED")

var typeParts = words("unsigned signed long short int char float double bool")

var notTypes = words("return delete new throw using typedef goto case else operator sizeof co_return co_await static_cast reinterpret_cast const_cast if for while do switch break continue")

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// declare reads the variables that a statement declares.
func (a *fn) declare(s span, scope span) {
	i := s.First
	for i < s.Last && qualifiers[a.f.Word(i)] {
		i++
	}
	from := i
	i = a.typeEnd(i, s.Last)
	if i < 0 {
		return
	}
	typ := strings.Join(a.wordsOf(span{First: s.First, Last: i}), " ")
	if a.f.Is(i, "[") && strings.Contains(typ, "auto") && from < i { // auto [a, b] = f();
		a.unpack(i, s, typ, scope)
		return
	}
	for i < s.Last {
		v := &variable{typ: typ, scope: scope, param: -1}
		for i < s.Last && (a.f.Is(i, "*") || a.f.Is(i, "&")) {
			v.typ += " " + a.f.Word(i)
			i++
		}
		if !a.f.IsIdent(i) || notTypes[a.f.Word(i)] {
			return
		}
		v.name, v.at = a.f.Word(i), i
		if i = a.initialised(v, i+1, s.Last); i < 0 {
			return
		}
		a.add(v)
		i++
	}
}

// initialised reads what stands behind a name that is declared, and gives where the
// next one may follow; below 0 it was no declaration.
func (a *fn) initialised(v *variable, i, last int) int {
	for i < last && a.f.Is(i, "[") {
		if m := a.f.Mate(i); m > i {
			v.array = span{First: i + 1, Last: m}
			i = m + 1
			continue
		}
		return -1
	}
	if i >= last {
		return last
	}
	end := last
	if parts := a.f.Split(span{First: i, Last: last}); len(parts) > 1 { // and not x.accessor<float, 2>()
		end = parts[0].Last
	}
	switch a.f.Word(i) {
	case "=":
		v.init = span{First: i + 1, Last: end}
	case "(", "{":
		v.init = span{First: i + 1, Last: max(a.f.Mate(i), i+1)}
	case ",":
		return i
	default:
		return -1
	}
	return end
}

func (a *fn) unpack(i int, s span, typ string, scope span) {
	m := a.f.Mate(i)
	if m < i {
		return
	}
	for j := i + 1; j < m; j++ {
		if a.f.IsIdent(j) {
			a.add(&variable{name: a.f.Word(j), typ: typ, at: j, scope: scope, param: -1, init: span{First: min(m+2, s.Last), Last: s.Last}})
		}
	}
}

// typeEnd gives the token behind a type that begins at i and is followed by a name,
// or -1.
func (a *fn) typeEnd(i, last int) int {
	if i >= last || !a.f.IsIdent(i) || notTypes[a.f.Word(i)] {
		if !a.f.Is(i, "::") {
			return -1
		}
		i++
	}
	if typeParts[a.f.Word(i)] {
		for i < last && (typeParts[a.f.Word(i)] || a.f.Is(i, "const")) {
			i++
		}
	} else {
		for {
			i++
			if a.f.Is(i, "<") {
				i = a.f.Angles(i)
				if a.f.Is(i-1, "<") {
					return -1
				}
			}
			if !a.f.Is(i, "::") || !a.f.IsIdent(i+1) {
				break
			}
			i++
		}
	}
	for i < last && pointing[a.f.Word(i)] {
		i++
	}
	if i >= last || !a.f.IsIdent(i) && !a.f.Is(i, "[") {
		return -1
	}
	return i
}

var pointing = words("* & && const __restrict__ __restrict restrict volatile C10_RESTRICT")

func (a *fn) wordsOf(s span) []string {
	out := make([]string, 0, max(s.Last-s.First, 0))
	for i := s.First; i < s.Last; i++ {
		out = append(out, a.f.Word(i))
	}
	return out
}

// assignments notes what is assigned to variables after they were declared.
func (a *fn) assignments() {
	for _, n := range a.nodes {
		h := n.stmt.Head
		if n.stmt.Kind != cppsrc.Expr || !a.f.IsIdent(h.First) {
			continue
		}
		to, end := []int{h.First}, h.First+1
		if open := h.First + 3; a.f.Is(open-1, "tie") && a.f.Is(open, "(") { // std::tie(x, y) = f();
			end = a.f.Mate(open) + 1
			to = a.names(span{First: open + 1, Last: end - 1})
		}
		if !a.f.Is(end, "=") {
			continue
		}
		for _, i := range to {
			if v := a.lookup(a.f.Word(i), i); v != nil {
				v.assigned = append(v.assigned, span{First: end + 1, Last: h.Last})
			}
		}
	}
}

// nodeAt is the innermost statement around a token.
func (a *fn) nodeAt(at int) *node {
	i, _ := slices.BinarySearchFunc(a.nodes, at, func(n *node, at int) int {
		if n.stmt.All.First <= at {
			return -1
		}
		return 1
	})
	if i == 0 {
		return nil
	}
	for n := a.nodes[i-1]; n != nil; n = n.up {
		if at < n.stmt.All.Last {
			return n
		}
	}
	return nil
}

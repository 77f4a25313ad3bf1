package code

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// torchLoad are the names of torch.load.
var torchLoad = []string{"torch.load", "torch.serialization.load"}

// inspects are callees that look at a function instead of calling it.
var inspects = []string{"inspect.signature", "isinstance", "hasattr", "callable", "print", "repr", "id", "functools.wraps", "staticmethod"}

// torchLoads judges every torch.load.
func (v *view) torchLoads() {
	for _, c := range v.m.Calls {
		if c.Is(torchLoad...) && (!c.Partial || overrides(c) || len(v.words(c, -1, "weights_only")) == 0) && !v.copies(c) {
			v.torchLoad(c)
		}
	}
	for _, u := range v.m.Uses {
		if slices.ContainsFunc(u.Names, func(n string) bool { return slices.Contains(torchLoad, n) }) && !slices.Contains(inspects, u.By) {
			v.found(loadOpen, u.Expr, "torch.load is handed on as a value, so what it is called with is decided elsewhere")
		}
	}
}

// overrides reports whether a call of a partial decides anew how pickles are read.
func overrides(c *pysrc.Invocation) bool {
	return slices.ContainsFunc(c.Node.Keywords, func(k pysrc.Keyword) bool {
		return k.Name == "weights_only" || k.Name == "pickle_module" || k.Name == ""
	})
}

func (v *view) torchLoad(c *pysrc.Invocation) {
	if given(c, 2, "pickle_module") && !slices.Equal(v.words(c, 2, "pickle_module"), []string{"None"}) {
		v.found(loadModule, c.Node, "torch.load is given a pickle_module, which reads the file instead of torch's restricted unpickler")
		return
	}
	words := v.words(c, -1, "weights_only")
	if slices.Contains(words, "") {
		if set := v.setBefore(c, "weights_only"); set != nil {
			words = v.wordsOf(pysrc.Arg{Expr: set, Scope: c.Scope})
		}
	}
	switch {
	case v.done[placed{loadRetry.ID, c.Node.Start}]: // said already, and worse
	case slices.Contains(words, "False"):
		v.load(loadUnsafe, loadUnsafe.Severity, c, "torch.load with weights_only=False runs whatever the file says")
	case slices.Contains(words, "") && (!slices.Contains(words, "None") || v.l.opt.Torch.AtLeast(2, 6)):
		v.found(loadOpen, c.Node, "torch.load is called with a weights_only that is decided elsewhere")
	case len(words) == 0, slices.Contains(words, "None"):
		v.byDefault(c)
	default:
		v.unverified(c)
	}
}

// load reports a load with a severity of its own. Where the fix can be made by andiron code
// scan, it is the command.
func (v *view) load(r *rule.Rule, s finding.Severity, c *pysrc.Invocation, message string, evidence ...string) {
	f := r.Finding(v.at(c.Node), message, evidence...)
	f.Severity = s
	if by, ok := strings.CutPrefix(r.Fix, "replace it by "); ok && v.rewritten(c) {
		f.Fix = fmt.Sprintf("andiron code scan --fix --verified --yes %s makes it %s", safetext.Word(v.where.Path), by)
	}
	v.put(r, c.Node, f)
}

// rewritten reports whether andiron code scan --fix --verified replaces a load.
func (v *view) rewritten(c *pysrc.Invocation) bool {
	x := &fixer{view: v}
	if len(v.f.Errors) > 0 || c.Deferred || c.Partial || c.Node.Broken || !x.replaceable(c) || v.copies(c) || x.bindsAndiron() {
		return false
	}
	return !slices.ContainsFunc(v.filesOf(c), func(file objectsIn) bool { _, objects := v.objectsAt(file); return objects })
}

// setBefore is what an item of the dictionary behind ** is set to before a call, by a
// statement after which nothing else has to do with the dictionary, or nil.
func (v *view) setBefore(c *pysrc.Invocation, key string) pysrc.Expr {
	dict, fn := "", c.Scope.Function()
	for i := range c.Node.Keywords {
		if k := &c.Node.Keywords[i]; k.Name == "" {
			n, ok := k.Value.(*pysrc.Name)
			if !ok || dict != "" {
				return nil
			}
			dict = n.ID
		}
	}
	if dict == "" || fn == nil || fn.Func == nil || c.Deferred || c.Partial {
		return nil
	}
	for _, s := range slices.Backward(fn.Func.Body) {
		uses := 0
		v.everyExpr([]pysrc.Stmt{s}, func(e pysrc.Expr) {
			if n, ok := e.(*pysrc.Name); ok && n.ID == dict {
				uses++
			}
		})
		switch {
		case uses == 0, s.Where().Start > c.Node.Start:
		case uses > 1:
			return nil
		case !within(c.Node, s.Where()):
			return itemSet(s, dict, key)
		}
	}
	return nil
}

// itemSet is what a statement sets an item of a dictionary to, or nil.
func itemSet(s pysrc.Stmt, dict, key string) pysrc.Expr {
	a, ok := s.(*pysrc.Assign)
	if !ok || len(a.Targets) != 1 {
		return nil
	}
	item, ok := a.Targets[0].(*pysrc.Subscript)
	if !ok {
		return nil
	}
	name, named := item.Value.(*pysrc.Name)
	text, written := item.Index.(*pysrc.Str)
	if !named || !written || name.ID != dict || text.Value != key {
		return nil
	}
	return a.Value
}

// byDefault judges a torch.load that leaves weights_only to torch.
func (v *view) byDefault(c *pysrc.Invocation) {
	const message = "torch.load is called without weights_only=True, and "
	torch := v.l.opt.Torch
	switch {
	case torch.AtLeast(2, 6):
		v.unverified(c)
	case torch.Known():
		v.load(loadDefault, loadDefault.Severity, c, message+"the project allows torch before 2.6, which then runs whatever the file says", torch.Evidence())
	default:
		v.load(loadDefault, finding.Medium, c, message+"no requirement keeps out torch before 2.6, which then runs whatever the file says")
	}
}

// unverified says where torch.load remains, unless the code checks a digest first.
func (v *view) unverified(c *pysrc.Invocation) {
	if v.checked(c) {
		return
	}
	torch := v.l.opt.Torch
	switch {
	case torch.Known() && !torch.AtLeast(2, 6):
		v.load(loadUnverified, finding.High, c,
			"torch.load reads a file that nothing verified, and before torch 2.6, which the project allows, weights_only=True can be made to run code", torch.Evidence(), "CVE-2025-32434")
	case torch.Known() && !torch.AtLeast(2, 10):
		v.load(loadUnverified, finding.Medium, c,
			"torch.load reads a file that nothing verified, and before torch 2.10, which the project allows, weights_only=True can be made to corrupt memory", torch.Evidence(), "CVE-2026-24747")
	default:
		v.load(loadUnverified, loadUnverified.Severity, c, "torch.load reads a file that nothing verified before")
	}
}

// retries finds a torch.load that is tried again with weights_only=False.
func (v *view) retries() {
	var look func(list []pysrc.Stmt, loop pysrc.Stmt)
	look = func(list []pysrc.Stmt, loop pysrc.Stmt) {
		for _, s := range list {
			inside := loop
			switch s := s.(type) {
			case *pysrc.For, *pysrc.While:
				inside = s
			case *pysrc.FunctionDef:
				inside = nil
			case *pysrc.Try:
				if len(s.Body) > 0 {
					v.nextTurn(s, loop)
					v.retry(s)
				}
			case *pysrc.With: // with contextlib.suppress(Exception): return load(p)
				if v.suppresses(s) {
					v.again(v.callsIn(spanOf(s.Body)), s.End)
				}
			}
			pysrc.Blocks(s, func(inner []pysrc.Stmt) { look(inner, inside) })
		}
	}
	look(v.f.Body, nil)
}

// suppresses reports whether what is raised in a with comes to nothing.
func (v *view) suppresses(s *pysrc.With) bool {
	return len(s.Body) > 0 && slices.ContainsFunc(v.callsIn(pysrc.Span{Start: s.Start, End: s.Body[0].Where().Start}), func(c *pysrc.Invocation) bool {
		return c.Is("contextlib.suppress")
	})
}

func (v *view) retry(try *pysrc.Try) {
	calls := v.callsIn(spanOf(try.Body))
	goesOn := len(try.Handlers) > 0
	for _, h := range try.Handlers {
		goesOn = goesOn && !v.ends(h.Body)
		for _, c := range v.callsIn(h.Span) {
			if first := v.triedFirst(calls, c); first != nil {
				v.retried(c, first)
			} else {
				v.mayRetry(calls, c)
			}
		}
	}
	if goesOn {
		v.again(calls, try.End)
	}
}

func spanOf(list []pysrc.Stmt) pysrc.Span {
	return pysrc.Span{Start: list[0].Where().Start, End: list[len(list)-1].Where().End}
}

// again finds loads behind one that may have failed.
// try: m = load(p); except: m = None; if m is None: m = load(p, weights_only=False)
func (v *view) again(calls []*pysrc.Invocation, end int32) {
	if len(calls) == 0 {
		return
	}
	for _, c := range v.calls[calls[0].Scope.Function()] {
		if c.Node.Start < end {
			continue
		}
		if first := v.triedFirst(calls, c); first == nil {
			v.mayRetry(calls, c)
		} else if v.sameFirst(first, c) {
			v.retried(c, first)
		}
	}
}

func (v *view) retried(c, first *pysrc.Invocation) {
	v.found(loadRetry, c.Node, "when the safe load fails, the file is loaded again with weights_only=False, and whoever made the file decides whether it fails",
		"first tried: "+v.shown(first.Node))
}

// triedFirst is the safe one among calls of which c is the unsafe one: both are torch.load,
// or the same function that hands weights_only on.
func (v *view) triedFirst(calls []*pysrc.Invocation, c *pysrc.Invocation) *pysrc.Invocation {
	unsafe := func(c *pysrc.Invocation) bool { return slices.Contains(v.words(c, -1, "weights_only"), "False") }
	if !unsafe(c) {
		return nil
	}
	i := slices.IndexFunc(calls, func(first *pysrc.Invocation) bool {
		switch {
		case unsafe(first):
			return false
		case c.Is(torchLoad...):
			return first.Is(torchLoad...)
		}
		return v.f.Source(first.Node.Func) == v.f.Source(c.Node.Func)
	})
	if i < 0 {
		return nil
	}
	return calls[i]
}

// sameFirst reports whether two calls are given the same first argument.
func (v *view) sameFirst(a, b *pysrc.Invocation) bool {
	x, y := a.Positional(), b.Positional()
	return len(x) > 0 && len(y) > 0 && v.f.Source(x[0].Expr) == v.f.Source(y[0].Expr)
}

// callsIn are the calls that begin within a span.
func (v *view) callsIn(span pysrc.Span) []*pysrc.Invocation {
	start := func(at int32) int {
		i, _ := slices.BinarySearchFunc(v.m.Calls, at, func(c *pysrc.Invocation, at int32) int { return cmp.Compare(c.Node.Start, at) })
		return i
	}
	return v.m.Calls[start(span.Start):start(span.End)]
}

func within(n pysrc.Node, span pysrc.Span) bool {
	w := n.Where()
	return w.Start >= span.Start && w.End <= span.End
}

// hashes are functions that give a digest strong enough to verify a file.
var hashes = []string{
	"hashlib.sha256", "hashlib.sha384", "hashlib.sha512", "hashlib.sha3_256", "hashlib.sha3_512",
	"hashlib.blake2b", "hashlib.blake2s", "hashlib.file_digest", "andiron.hash_file",
}

// checked reports whether the function of a load computes a digest before it, and
// then compares and refuses, by itself or by a function of the project that does. In a
// first look it is also true where nobody knows yet; the second look says.
func (v *view) checked(c *pysrc.Invocation) bool { return v.checkedHere(c) || v.mayVerify(c) }

func (v *view) checkedHere(c *pysrc.Invocation) bool {
	at, ok := v.verified(loaded(c))
	if at != nil {
		v.found(digestChecked, c.Node, "the code checks a digest of its own before this load", "compared in line "+itoa(v.line(at)))
	}
	return ok
}

// verifiedBy is the comparison in a function of the file that refuses a file of another
// digest, and that is called within span with something that the load is given as well.
func (v *view) verifiedBy(u uptake, span pysrc.Span) pysrc.Node {
	if len(v.hashed) == 0 && v.l.opt.Again == nil {
		return nil
	}
	// Whether a comparison counts where it stands costs more than whether it is one.
	over := func(c *pysrc.Invocation) bool { return c.Node.Start < u.Start && v.passedOver(u, c.Node.Start) }
	for _, c := range v.searched(u.fn) {
		if c.Node.Start < span.Start || c.Node.Start >= span.End {
			continue
		}
		if v.elsewhere(c).refuses && v.digestOf(u, c) == isSame && !over(c) {
			return c.Node
		}
		for _, d := range c.Defs {
			if at := v.refuses(d); at != nil && (shareName(c.Every(), u.args) || v.ofItself(c, d, u.args)) && !over(c) {
				return at
			}
		}
	}
	return nil
}

// refuses is where a function computes a digest, compares it and raises.
func (v *view) refuses(d *pysrc.Scope) pysrc.Node {
	hashed, ok := v.hashed[d]
	if !ok || d.Func == nil || v.sought >= mostSought {
		return nil
	}
	v.sought++
	return v.raisesWhere(d.Func.Body, hashed)
}

// raisesWhere finds the comparison after a place that raises where it does not hold.
func (v *view) raisesWhere(list []pysrc.Stmt, from int32) (at pysrc.Node) {
	for _, s := range list {
		switch s := s.(type) {
		case *pysrc.If:
			for _, b := range s.Branches {
				equal, known := v.asksDigest(b.Test)
				if b.Test.Where().End > from && v.compares(b.Test) && (raises(b.Body) && !(known && equal) || raises(s.Else) && !(known && !equal)) {
					return b.Test
				}
			}
		case *pysrc.Keyworded:
			if s.Word == "assert" && s.End > from && len(s.Values) > 0 && v.compares(s.Values[0]) && !v.excludes(s.Values[0]) {
				return s
			}
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) {
			if at == nil {
				at = v.raisesWhere(inner, from)
			}
		})
		if at != nil {
			return at
		}
	}
	return nil
}

// shareName reports whether expressions have a name in common.
func shareName(a, b []pysrc.Arg) bool {
	names := namesIn(a)
	return slices.ContainsFunc(namesIn(b), func(n string) bool { return slices.Contains(names, n) })
}

// ofItself reports whether a method that is called on the object itself takes a digest of
// an attribute of it that is loaded: self._verify() of self.path.
func (v *view) ofItself(c *pysrc.Invocation, d *pysrc.Scope, load []pysrc.Arg) bool {
	m, ok := c.Node.Func.(*pysrc.Attribute)
	if !ok {
		return false
	}
	n, ok := m.Value.(*pysrc.Name)
	if !ok || c.Scope.Self(n.ID) == nil || c.Scope.Self(n.ID) != d.Parent {
		return false
	}
	loaded := v.about(load).own
	for _, h := range v.hashers.calls[d] {
		hashed := v.about(h.Every())
		for _, u := range v.calls[d] {
			if u.Method() == "update" {
				v.tell(hashed, u.Every(), 0)
			}
		}
		for name := range hashed.own {
			if loaded[name] {
				return true
			}
		}
	}
	return false
}

// mostSought bounds how often one file is searched for a comparison.
const mostSought = 300

// refusal finds the comparison within span that ends the function or the program
// where it does not hold.
func (v *view) refusal(list []pysrc.Stmt, span pysrc.Span) (at pysrc.Node) {
	for _, s := range list {
		switch s := s.(type) {
		case *pysrc.If:
			for _, b := range s.Branches {
				if test := b.Test.Where(); test.End > span.Start && test.Start < span.End && v.compares(b.Test) && v.refusesBy(b, s, span.End) {
					return b.Test
				}
			}
		case *pysrc.Keyworded:
			if s.Word != "assert" || len(s.Values) == 0 {
				break
			}
			if test := s.Values[0].Where(); test.End > span.Start && test.Start < span.End && v.compares(s.Values[0]) && !v.excludes(s.Values[0]) {
				return s
			}
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) {
			if at == nil {
				at = v.refusal(inner, span)
			}
		})
		if at != nil {
			return at
		}
	}
	return nil
}

// excludes reports whether a test asks that something is not equal.
func (v *view) excludes(test pysrc.Expr) bool {
	equal, known := v.asksDigest(test)
	return known && !equal
}

// refusesBy reports whether a branch keeps a later place from what is not equal: it leaves
// there, or the place stands where it is equal. One that returns because it is equal, such
// as what is in a cache already, says nothing of what comes later.
func (v *view) refusesBy(b pysrc.Branch, s *pysrc.If, use int32) bool {
	equal, known := v.asksDigest(b.Test)
	sure := known
	if !known {
		equal, known = equality(b.Test, func(*pysrc.Compare) bool { return true }, nil)
	}
	if holds(s.Where(), use) {
		return !known || equal == inBlock(b.Body, use)
	}
	if !v.ends(b.Body) {
		return false
	}
	k, word := b.Body[len(b.Body)-1].(*pysrc.Keyworded)
	switch {
	case sure:
		return !equal
	case word && k.Word == "raise":
		return true
	case known:
		return !equal
	case word && k.Word == "return" && len(k.Values) == 1:
		_, constant := k.Values[0].(*pysrc.Const)
		return constant
	}
	return true
}

// asksDigest says whether a test asks that a digest is equal, or on a list, or that it is not.
func (v *view) asksDigest(test pysrc.Expr) (equal, known bool) {
	return equality(test, func(c *pysrc.Compare) bool { return v.hashers.digests[c] || v.hashers.lookups[c] != nil }, v.hashers.verdicts)
}

// equality says whether a test asks that something is equal, or that it is not, where all
// comparisons in it that count agree, and all calls that say whether something is.
func equality(test pysrc.Expr, counts func(*pysrc.Compare) bool, verdicts map[*pysrc.Call]bool) (equal, known bool) {
	var same, other bool
	var look func(e pysrc.Expr, not bool)
	look = func(e pysrc.Expr, not bool) {
		asks := func(is bool) { same, other = same || is != not, other || is == not }
		switch e := e.(type) {
		case *pysrc.Unary:
			look(e.Value, not != (e.Op == "not"))
		case *pysrc.Bool:
			for _, part := range e.Values {
				look(part, not)
			}
		case *pysrc.Compare:
			says, constant := e.Values[1].(*pysrc.Const)
			_, verdict := e.Values[0].(*pysrc.Call)
			switch {
			case constant && verdict && (says.Word == "True" || says.Word == "False"): // matches(data) == False
				negates := strings.HasSuffix(e.Ops[0], "not") || e.Ops[0] == "!="
				look(e.Values[0], not != (negates != (says.Word == "False")))
			case !counts(e):
			case slices.Contains([]string{"==", "!=", "in", "not in"}, e.Ops[0]):
				asks(e.Ops[0] == "==" || e.Ops[0] == "in")
			}
		case *pysrc.Call:
			if a, ok := e.Func.(*pysrc.Attribute); ok && a.Attr == "compare_digest" || verdicts[e] {
				asks(true)
			}
		}
	}
	look(test, false)
	return same, same != other
}

// holds reports whether a place is in a span.
func holds(span pysrc.Span, at int32) bool { return at >= span.Start && at < span.End }

// inBlock reports whether a place is in some statements.
func inBlock(list []pysrc.Stmt, at int32) bool { return len(list) > 0 && holds(spanOf(list), at) }

// passedOver reports whether something is taken up though a comparison before refuses, or
// without it: what is raised there is caught and comes to nothing; or something is
// returned, and the comparison is in a branch.
func (v *view) passedOver(u uptake, at int32) bool {
	list := v.bodyOf(u.fn)
	return v.caught(list, at, u.Start) || u.back && conditional(list, at, u.Start)
}

// bodyOf are the statements of a function, or of the file where there is none.
func (v *view) bodyOf(fn *pysrc.Scope) []pysrc.Stmt {
	if fn == nil {
		return v.f.Body
	}
	return fn.Func.Body
}

// caught reports whether what is raised at a place comes to nothing before a later one.
func (v *view) caught(list []pysrc.Stmt, at, use int32) (yes bool) {
	for _, s := range list {
		if !holds(s.Where(), at) {
			continue
		}
		switch s := s.(type) {
		case *pysrc.Try:
			yes = inBlock(s.Body, at) && !inBlock(s.Body, use) && slices.ContainsFunc(s.Handlers, func(h pysrc.Handler) bool {
				return catches(h) && (!v.ends(h.Body) || inBlock(h.Body, use))
			})
		case *pysrc.With:
			yes = !inBlock(s.Body, use) && v.suppresses(s)
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { yes = yes || v.caught(inner, at, use) })
	}
	return yes
}

// failures are exceptions that no comparison raises.
var failures = []string{
	"FileNotFoundError", "OSError", "IOError", "PermissionError", "KeyError", "IndexError", "AttributeError", "TypeError", "ImportError",
	"ModuleNotFoundError", "StopIteration", "ConnectionError", "TimeoutError", "HTTPError", "URLError", "RequestException", "JSONDecodeError",
	"UnicodeDecodeError", "KeyboardInterrupt",
}

// catches reports whether a handler may catch what a comparison raises.
func catches(h pysrc.Handler) bool {
	types := []pysrc.Expr{h.Type}
	if list, ok := h.Type.(*pysrc.Sequence); ok {
		types = list.Elems
	}
	return slices.ContainsFunc(types, func(e pysrc.Expr) bool {
		name := chain(e)
		return e == nil || !slices.Contains(failures, name[strings.LastIndexByte(name, '.')+1:])
	})
}

// conditional reports whether a place stands in a branch, behind which a later one comes
// where the branch was not taken.
func conditional(list []pysrc.Stmt, at, use int32) (yes bool) {
	for _, s := range list {
		if i, ok := s.(*pysrc.If); ok && !holds(s.Where(), use) {
			yes = yes || inBlock(i.Else, at) || slices.ContainsFunc(i.Branches, func(b pysrc.Branch) bool { return inBlock(b.Body, at) })
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { yes = yes || conditional(inner, at, use) })
	}
	return yes
}

// compares reports whether a test compares for equality.
func compares(test pysrc.Expr) (yes bool) {
	pysrc.Walk(test, func(e pysrc.Expr) bool {
		switch e := e.(type) {
		case *pysrc.Compare:
			yes = yes || e.Ops[0] == "==" || e.Ops[0] == "!="
		case *pysrc.Call:
			a, ok := e.Func.(*pysrc.Attribute)
			yes = yes || ok && a.Attr == "compare_digest"
		}
		return !yes
	})
	return yes
}

// ends reports whether a block leaves the function or the program.
func (v *view) ends(body []pysrc.Stmt) bool {
	if len(body) == 0 {
		return false
	}
	switch s := body[len(body)-1].(type) {
	case *pysrc.Keyworded:
		return s.Word == "raise" || s.Word == "return"
	case *pysrc.Bare:
		return s.Word == "continue"
	case *pysrc.ExprStmt:
		c, ok := s.Value.(*pysrc.Call)
		if !ok {
			return false
		}
		switch f := c.Func.(type) {
		case *pysrc.Name:
			return f.ID == "exit" || f.ID == "quit" || f.ID == "abort"
		case *pysrc.Attribute:
			return f.Attr == "exit" || f.Attr == "abort" || f.Attr == "error" && v.isParser(f.Value, c)
		}
	}
	return false
}

// isParser reports whether a method is called of a parser of arguments, whose error ends the
// program: what others of that name are told of goes on.
func (v *view) isParser(e pysrc.Expr, call *pysrc.Call) bool {
	name := chain(e)
	if slices.Contains([]string{"parser", "ap", "argparser", "arg_parser"}, name[strings.LastIndexByte(name, '.')+1:]) {
		return true
	}
	n, ok := e.(*pysrc.Name)
	if !ok {
		return false
	}
	for _, c := range v.callsIn(call.Span) {
		if c.Node != call {
			continue
		}
		if owner := c.Scope.Owner(n.ID); owner != nil {
			list := owner.Bindings(n.ID)
			return len(list) == 1 && list[0].Kind == pysrc.Assigned && calledBy(list[0].Value, func(f pysrc.Expr) bool {
				return nameIn(v.m.Names(f, list[0].Scope), []string{"argparse.ArgumentParser"}) != ""
			})
		}
	}
	return false
}

// calledBy reports whether an expression calls such a function.
func calledBy(e pysrc.Expr, is func(pysrc.Expr) bool) bool {
	c, ok := e.(*pysrc.Call)
	return ok && is(c.Func)
}

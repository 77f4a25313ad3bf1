package code

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// hashers are the functions of a file that take a digest, and how it is handed back.
type hashers struct {
	gives    map[*pysrc.Scope]hasher // functions whose result is a digest of what they are given
	compares map[*pysrc.Scope]bool   // or whether one is as it should be
	calls    map[*pysrc.Scope][]*pysrc.Invocation
	kinds    map[*pysrc.Call]hasher          // calls that give a digest, or a verdict of one
	lookups  map[*pysrc.Compare][]pysrc.Expr // tests whether one is in a list that is written out, and what it is of
	digests  map[*pysrc.Compare]bool         // tests whether one is equal
	grown    map[string]bool                 // containers of the file that something is put into; nil where nobody asked
	verdicts map[*pysrc.Call]bool            // calls of functions that say whether one is as it should be
	verified map[*pysrc.Scope]proof          // of what functions return
	within   int                             // functions that are looked through for that, one within the other
	work     int                             // left to look through expressions for it
	tried    int                             // calls that may verify in other files
	asked    map[*pysrc.Call]bool            // loads for which such calls were looked for, and whether there is one
}

// does is what a function does with the digest of what it is given, for other files.
type does struct {
	gives             hasher
	compares, refuses bool // whether it is as it should be; and raises where it is not
	verified          bool // what it returns is what it compared a digest of, or a download that is fixed
}

func (d does) or(o does) does {
	return does{max(d.gives, o.gives), d.compares || o.compares, d.refuses || o.refuses, d.verified || o.verified}
}

// elsewhere is what a call of a function of another file does, in a second look.
func (v *view) elsewhere(c *pysrc.Invocation) (out does) {
	if v.l.opt.Again == nil || c.Deferred || len(c.Every()) == 0 {
		return does{}
	}
	for _, n := range c.Names {
		out = out.or(v.l.opt.Again.does(n))
	}
	return out
}

// mayVerify reports whether a function of another file is called with what is loaded,
// before or after, or gives it. What it does is known in a second look.
func (v *view) mayVerify(load *pysrc.Invocation) bool {
	if v.l.opt.Again != nil {
		return false
	}
	yes, known := v.hashers.asked[load.Node]
	if !known {
		yes = v.calledElsewhere(load)
		v.hashers.asked[load.Node] = yes
	}
	v.l.hold = v.l.hold || yes
	return yes
}

// calledElsewhere looks for a call of a function of another file with what is loaded, or
// that gives it.
func (v *view) calledElsewhere(load *pysrc.Invocation) bool {
	calls, _ := v.givenBy(loaded(load).of, map[variable]bool{})
	for _, a := range calls {
		if slices.ContainsFunc(v.m.Names(a.Expr.(*pysrc.Call).Func, a.Scope), func(n string) bool { return ofProject(n) != "" }) {
			return true
		}
	}
	for _, c := range v.searched(load.Scope.Function()) {
		if c == load || c.Deferred || !slices.ContainsFunc(c.Names, func(n string) bool { return ofProject(n) != "" }) {
			continue
		}
		if v.hashers.tried++; v.hashers.tried > mostSought {
			return false
		}
		if v.digestOf(loaded(load), c) == isSame {
			return true
		}
	}
	return false
}

// does lists what the functions of a file do with digests, by their references.
func (t *tracer) does() map[string]does {
	out := map[string]does{}
	note := func(fn *pysrc.Scope, d does) {
		if ref := t.local[fn]; ref != "" {
			out[ref] = out[ref].or(d)
		}
	}
	for fn, k := range t.hashers.gives {
		note(fn, does{gives: k})
	}
	for fn := range t.hashers.compares {
		note(fn, does{compares: true})
	}
	for fn := range t.hashed {
		if fn != nil && t.refuses(fn) != nil {
			note(fn, does{refuses: true})
		}
	}
	for _, fn := range t.scopes[1:] {
		if _, ok := t.givesVerified(fn); ok {
			note(fn, does{verified: true})
		}
	}
	return out
}

const (
	mostHashWork = 1 << 21
	mostSearches = 1 << 23 // calls that are looked at for what verifies a load, in one file
)

// searched is what a function calls, for a search through all of it for one load. Where a
// file has more loads and calls than anybody writes, nothing is found any more that
// verifies one.
func (v *view) searched(fn *pysrc.Scope) []*pysrc.Invocation {
	if v.searches -= len(v.calls[fn]); v.searches < 0 {
		return nil
	}
	return v.calls[fn]
}

type hasher byte

const (
	weakHasher hasher = iota + 1 // md5: it verifies nothing, and shows that somebody meant to
	strongHasher
)

// mostHashers bounds how many functions that call each other for a digest are looked through.
const mostHashers = 4

// findHashers notes where the functions of a file take digests, by themselves and by
// others of the file.
func (v *view) findHashers() {
	kinds := v.hashers.kinds
	seen := map[*pysrc.Scope]hasher{} // which functions take a digest
	note := func(c *pysrc.Invocation, k hasher) {
		fn := c.Scope.Function()
		kinds[c.Node] = max(kinds[c.Node], k)
		seen[fn] = max(seen[fn], k)
		v.hashers.calls[fn] = append(v.hashers.calls[fn], c)
		if at, ok := v.hashed[fn]; k == strongHasher && (!ok || c.Node.Start < at) {
			v.hashed[fn] = c.Node.Start
		}
	}
	for _, c := range v.m.Calls {
		switch {
		case c.Is(hashes...):
			note(c, strongHasher)
		case c.Is(weakHashes...):
			note(c, weakHasher)
		default:
			d := v.elsewhere(c)
			if d.compares {
				v.hashers.verdicts[c.Node] = true
				note(c, strongHasher)
			} else if d.gives != 0 {
				note(c, d.gives)
			}
		}
	}
	if len(seen) == 0 {
		return
	}
	for range mostHashers {
		found := false
		for fn := range seen {
			v.findLookups(fn)
		}
		for fn, k := range seen {
			if fn == nil || v.hashers.gives[fn] != 0 || v.hashers.compares[fn] {
				continue
			}
			digest, verdict := v.returnsDigest(fn)
			if digest {
				v.hashers.gives[fn], found = k, true
			}
			if verdict && k == strongHasher {
				v.hashers.compares[fn], found = true, true
			}
		}
		if !found {
			return
		}
		for _, c := range v.m.Calls {
			if kinds[c.Node] != 0 || c.Deferred {
				continue
			}
			for _, d := range c.Defs {
				switch k := v.hashers.gives[d]; {
				case len(c.Every()) == 0 && c.Method() == "": // it is of no file that is given
				case k != 0:
					note(c, k)
				case v.hashers.compares[d]:
					v.hashers.verdicts[c.Node] = true
					note(c, strongHasher)
				}
			}
		}
	}
}

// findLookups notes the tests of a function that compare a digest, or look one up that is of
// the whole of something: one of a part, or of a key that is made to bytes, is of no file.
func (v *view) findLookups(fn *pysrc.Scope) {
	s := fn
	if s == nil {
		s = v.m.Top
	}
	v.everyExpr(v.bodyOf(fn), func(e pysrc.Expr) {
		c, ok := e.(*pysrc.Compare)
		if !ok || len(c.Ops) != 1 || v.hashers.digests[c] || v.hashers.lookups[c] != nil {
			return
		}
		switch c.Ops[0] {
		case "==", "!=":
			v.hashers.digests[c] = slices.ContainsFunc(c.Values, func(e pysrc.Expr) bool { return v.isDigest(pysrc.Arg{Expr: e, Scope: s}, 0) })
		case "in", "not in":
			x := &lister{view: v, fn: fn}
			if !v.writtenOut(c.Values[1], s, 0) {
				return
			}
			if hash := x.hashIn(c.Values[0], 0); hash != nil {
				if of := x.hashedBy(hash); len(of) > 0 {
					v.hashers.lookups[c] = of
				}
			}
		}
	})
}

// writtenOut reports whether an expression is a list, or the keys of a dictionary, that the
// module writes out, and that nothing is put into, as into what was seen. What is imported
// may grow elsewhere.
func (v *view) writtenOut(e pysrc.Expr, s *pysrc.Scope, depth int) bool {
	if depth > mostHashers {
		return false
	}
	switch e := e.(type) {
	case *pysrc.Sequence:
		return len(e.Elems) > 0
	case *pysrc.Dict:
		return len(e.Keys) > 0
	case *pysrc.Name:
		owner := s.Owner(e.ID)
		if owner == nil {
			return false
		}
		list := owner.Bindings(e.ID)
		return len(list) == 1 && list[0].Kind == pysrc.Assigned && list[0].Part == 0 && !v.grows(e.ID) && v.writtenOut(list[0].Value, list[0].Scope, depth+1)
	case *pysrc.Call:
		if a, ok := e.Func.(*pysrc.Attribute); ok && len(e.Args) == 0 && (a.Attr == "keys" || a.Attr == "values") {
			return v.writtenOut(a.Value, s, depth+1)
		}
		return len(e.Args) == 1 && nameIn(v.m.Names(e.Func, s), []string{"set", "frozenset", "tuple", "list", "dict"}) != "" && v.writtenOut(e.Args[0], s, depth+1)
	}
	return false
}

// returnsDigest reports whether a function returns a digest that it takes, or whether one
// is as it should be.
func (v *view) returnsDigest(fn *pysrc.Scope) (digest, verdict bool) {
	returns(fn.Func.Body, func(e pysrc.Expr) {
		if !v.isDigest(pysrc.Arg{Expr: e, Scope: fn}, 0) {
			return
		}
		compared := v.compares(e)
		digest, verdict = digest || !compared, verdict || compared
	})
	return digest, verdict
}

// isDigest reports whether an expression is a digest that a call takes, or compares one.
func (v *view) isDigest(a pysrc.Arg, depth int) bool { // one case per expression
	if v.hashers.work--; a.Expr == nil || depth > mostTurns || v.hashers.work < 0 {
		return false
	}
	is := func(list ...pysrc.Expr) bool {
		return slices.ContainsFunc(list, func(e pysrc.Expr) bool { return v.isDigest(pysrc.Arg{Expr: e, Scope: a.Scope}, depth+1) })
	}
	switch e := a.Expr.(type) {
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil || owner.Function() != a.Scope.Function() {
			return false
		}
		list := owner.Bindings(e.ID)
		return slices.ContainsFunc(list[:min(len(list), mostTurns)], func(b pysrc.Binding) bool {
			return b.Kind == pysrc.Assigned && v.isDigest(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, depth+1)
		})
	case *pysrc.Call:
		if v.hashers.kinds[e] != 0 {
			return true
		}
		if m, ok := e.Func.(*pysrc.Attribute); ok && m.Attr != "compare_digest" {
			return is(m.Value) // h.hexdigest().lower()
		}
		return is(e.Args...) // str(h), hmac.compare_digest(h, want)
	case *pysrc.Subscript:
		return is(e.Value)
	case *pysrc.Await:
		return is(e.Value)
	case *pysrc.Field:
		return is(e.Value)
	case *pysrc.Unary:
		return is(e.Value)
	case *pysrc.Joined:
		return is(e.Parts...)
	case *pysrc.Binary:
		return is(e.Left, e.Right)
	case *pysrc.Bool:
		return is(e.Values...)
	case *pysrc.Compare:
		return is(e.Values...)
	}
	return false
}

// compares reports whether a test compares for equality, or looks a digest up, or has a
// function of the file compare one.
func (v *view) compares(test pysrc.Expr) bool {
	if compares(test) || v.looksUp(test) {
		return true
	}
	if len(v.hashers.compares)+len(v.hashers.verdicts) == 0 {
		return false
	}
	return slices.ContainsFunc(v.callsIn(test.Where()), func(c *pysrc.Invocation) bool {
		return v.hashers.verdicts[c.Node] || slices.ContainsFunc(c.Defs, func(d *pysrc.Scope) bool { return v.hashers.compares[d] })
	})
}

// looksUp reports whether a test looks a digest up.
func (v *view) looksUp(test pysrc.Expr) (yes bool) {
	if len(v.hashers.lookups) > 0 {
		pysrc.Walk(test, func(e pysrc.Expr) bool {
			c, ok := e.(*pysrc.Compare)
			yes = yes || ok && v.hashers.lookups[c] != nil
			return !yes
		})
	}
	return yes
}

// looksUpOther reports whether a test looks a digest up, and none of what is taken up: the
// same request may bring a key that is on a list, and a file that is on none.
func (v *view) looksUpOther(test pysrc.Node, u uptake) bool {
	e, ok := test.(pysrc.Expr)
	if k, is := test.(*pysrc.Keyworded); is && len(k.Values) > 0 { // assert
		e, ok = k.Values[0], true
	}
	if !ok || !v.looksUp(e) {
		return false
	}
	x := &lister{view: v, fn: u.fn}
	taken := map[string]bool{}
	for _, a := range u.args {
		for _, of := range x.wholes(a.Expr, u.Start, 0) {
			taken[chain(of)] = true
		}
	}
	same := false
	pysrc.Walk(e, func(e pysrc.Expr) bool {
		if c, ok := e.(*pysrc.Compare); ok {
			same = same || slices.ContainsFunc(v.hashers.lookups[c], func(of pysrc.Expr) bool { return taken[chain(of)] })
		}
		return true
	})
	return !same
}

// strong reports whether a call takes a digest that verifies a file.
func (v *view) strong(c *pysrc.Invocation) bool {
	if d := v.elsewhere(c); d.gives == strongHasher || d.compares {
		return true
	}
	return c.Is(hashes...) || slices.ContainsFunc(c.Defs, func(d *pysrc.Scope) bool {
		return v.hashers.gives[d] == strongHasher || v.hashers.compares[d]
	})
}

// sameness says whether a digest is of the file that is loaded.
type sameness byte

const (
	maybeSame sameness = iota
	isSame
	isOther
)

// about is what expressions speak of: names, and texts such as "model.pt".
type about struct {
	names map[string]bool
	texts map[string]bool
	own   map[string]bool // attributes of the object itself
	open  bool            // a name is not known to be a constant
}

// digestOf says whether a digest is of what is loaded, by what they have in common: names
// as they stand there or as the function binds them, and paths that are written out.
func (v *view) digestOf(u uptake, hash *pysrc.Invocation) sameness {
	loaded, hashed := v.about(u.args), v.about(hash.Every())
	for _, c := range v.searched(u.fn) { // h = sha256(); h.update(open(p, "rb").read())
		if c.Method() == "update" && (c.Node.Start > u.End) == (hash.Node.Start > u.End) {
			v.tell(hashed, c.Every(), 0)
		}
	}
	if m, ok := hash.Node.Func.(*pysrc.Attribute); ok && len(hash.Defs) > 0 { // self.digest()
		v.tell(hashed, []pysrc.Arg{{Expr: m.Value, Scope: hash.Scope}}, 0)
	}
	if meets(loaded, hashed) {
		return isSame
	}
	if v.hashers.work < 0 || loaded.open != hashed.open || len(loaded.names)+len(loaded.texts) == 0 || len(hashed.names)+len(hashed.texts) == 0 || v.movedBetween(u.fn, loaded, hashed) {
		return maybeSame
	}
	return isOther
}

func meets(a, b *about) bool {
	common := func(x, y map[string]bool) bool {
		for k := range x {
			if y[k] {
				return true
			}
		}
		return false
	}
	return common(a.names, b.names) || common(a.texts, b.texts)
}

func (v *view) about(args []pysrc.Arg) *about {
	x := &about{names: map[string]bool{}, texts: map[string]bool{}, own: map[string]bool{}}
	v.tell(x, args, 0)
	return x
}

// tell adds what expressions speak of, through what their names are bound to.
func (v *view) tell(x *about, args []pysrc.Arg, depth int) {
	for _, a := range args {
		pysrc.Walk(a.Expr, func(e pysrc.Expr) bool {
			v.hashers.work--
			switch e := e.(type) {
			case *pysrc.Str:
				if len(e.Value) > 0 && !slices.Contains(howOpened, e.Value) {
					x.texts[e.Value] = true
				}
			case *pysrc.Attribute:
				if n, ok := e.Value.(*pysrc.Name); ok && a.Scope.Self(n.ID) != nil {
					x.own[e.Attr] = true
				}
			case *pysrc.Name:
				v.tellName(x, e.ID, a.Scope, depth)
			}
			return len(x.names) < mostNames && v.hashers.work > 0
		})
	}
}

// howOpened are texts in calls around a file that name no file.
var howOpened = []string{"r", "rb", "rb+", "r+b", "w", "wb", "cpu", "cuda", "sha256", "sha384", "sha512", "blake2b", "utf-8"}

func (v *view) tellName(x *about, id string, s *pysrc.Scope, depth int) {
	owner := s.Owner(id)
	if owner == nil || x.names[id] || len(x.names) >= mostNames {
		return
	}
	list := owner.Bindings(id)
	if slices.ContainsFunc(list, func(b pysrc.Binding) bool { return b.Kind == pysrc.Imported || b.Kind == pysrc.Defined }) {
		return
	}
	x.names[id] = true
	known := len(list) > 0 && depth < mostHashers
	for _, b := range list[:min(len(list), mostNames)] {
		if b.Value == nil || b.Kind == pysrc.Parameter || depth >= mostHashers {
			known = false
			continue
		}
		v.tell(x, []pysrc.Arg{{Expr: b.Value, Scope: b.Scope}}, depth+1)
	}
	x.open = x.open || !known
}

// movedBetween reports whether a call of the function is given something of both, so that
// one may have become the other: f.write(data), os.replace(tmp, path).
func (v *view) movedBetween(fn *pysrc.Scope, a, b *about) bool {
	if len(v.calls[fn]) > mostMoves {
		return true
	}
	for _, c := range v.calls[fn] {
		if c.Is(inspects...) || slices.Contains(logs, c.Method()) {
			continue
		}
		args := c.Every()
		if m, ok := c.Node.Func.(*pysrc.Attribute); ok {
			args = append(args, pysrc.Arg{Expr: m.Value, Scope: c.Scope})
		}
		said := v.about(args[:min(len(args), mostNames)])
		if meets(said, a) && meets(said, b) {
			return true
		}
	}
	return false
}

// mostMoves is how many calls of a function are looked through for it.
const mostMoves = 2000

// logs are methods that only tell of what they are given.
var logs = []string{"debug", "info", "warning", "warn", "error", "exception", "log"}

package ops

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// mutations is OPS040.
func (l *looker) mutations(a *fn) {
	r := a.declared()
	if r == nil || strings.HasSuffix(r.name, "_") || strings.HasSuffix(r.name, "_out") {
		return
	}
	mutable, count := r.declaredMutable()
	if count != len(a.def.Params) {
		return
	}
	for i, par := range a.def.Params {
		if k := kindOf(par.Type); k != tensor && k != maybeTensor && k != tensorList || mutable[i] || par.Name == "" {
			continue
		}
		if at := a.writesTo(par.Name); at >= 0 {
			l.found(hiddenMutation, a, at, fmt.Sprintf("%s is written to, and the schema of %s does not say so", par.Name, r.name))
		}
	}
}

// declared is the registration with the schema of a function, or nil.
func (a *fn) declared() *registration {
	for _, r := range a.entries {
		if r.schema != "" || !a.spend(len(a.p.entries)) {
			return r
		}
		for _, d := range a.p.entries {
			if d.schema != "" && d.name == r.name && !r.python {
				return d
			}
		}
	}
	return nil
}

// writesTo finds where a tensor is written to, or -1: a method that works in place, or
// an element behind a pointer.
func (a *fn) writesTo(name string) int {
	at := -1
	note := func(i int) {
		if at < 0 || i < at {
			at = i
		}
	}
	a.each(func(i int) {
		w := a.f.Word(i)
		if !a.member(i) || !a.f.IsIdent(i) || !a.f.Is(i+1, "(") || !strings.HasSuffix(w, "_") || strings.HasSuffix(w, "__") || w == "requires_grad_" {
			return
		}
		c, ok := a.chainBefore(i - 1)
		if !ok || c.call || a.cloned(c) {
			return
		}
		if r := a.root(c.base, i); r.name == name && r.alias && r.at&isMade == 0 {
			note(i)
		}
	})
	for _, s := range a.subs {
		x, _ := a.ofSubscript(s)
		if !s.write || x == nil || x.tensor == "" || x.copy != "" && x.copy != "contiguous()" {
			continue
		}
		if r := a.root(x.tensor, s.at); r.name == name && r.alias && r.at&isMade == 0 {
			note(s.at)
		}
	}
	a.each(func(i int) { // memset(p, ...), std::fill(p, ...), *p = ...
		x, _ := a.accessOf(a.f.Word(i))
		if x == nil || x.tensor == "" || a.member(i) {
			return
		}
		filled := a.f.Is(i-1, "(") && fills[a.f.Word(i-2)]
		star := a.f.Is(i-1, "*") && a.f.Is(i+1, "=") && !a.f.IsIdent(i-2)
		if v := a.lookup(a.f.Word(i), i); v != nil && v.at == i || !filled && !star {
			return
		}
		if r := a.root(x.tensor, i); r.name == name && r.alias && r.at&isMade == 0 && x.copy == "" {
			note(i)
		}
	})
	return at
}

var fills = words("memset memcpy memmove fill fill_n iota sort reverse")

// cloned reports whether a chain has a link whose result is memory of its own.
func (*fn) cloned(c chain) bool {
	return slices.ContainsFunc(c.links, func(l string) bool { return makesCopy(l) && l != "contiguous()" && l != "reshape()" })
}

// gradients is OPS044.
func (l *looker) gradients(a *fn) {
	if a.def.Name != "backward" || a.def.Class == "" || len(a.def.Params) != 2 || !strings.Contains(a.def.Params[0].Type, "AutogradContext") {
		return
	}
	var forward *fn
	for _, b := range a.p.byName[a.def.Class+"::forward"] {
		if b.src == a.src {
			forward = b
		}
	}
	if forward == nil || len(forward.def.Params) == 0 {
		return
	}
	want := len(forward.def.Params) - 1
	for _, n := range a.nodes {
		h := n.stmt.Head
		if n.stmt.Kind != cppsrc.Return || n.lambda != nil || !a.f.Is(h.First, "{") || a.f.Mate(h.First)+1 != h.Last {
			continue
		}
		if got := len(a.f.Split(span{First: h.First + 1, Last: h.Last - 1})); got != want {
			l.found(gradientCount, a, h.First, fmt.Sprintf("backward() of %s gives %d gradients, and forward() takes %d arguments", a.def.Class, got, want))
		}
	}
}

// races is OPS045.
func (l *looker) races(a *fn) {
	l.racesOpenMP(a)
	for _, n := range a.nodes {
		if n.lambda == nil || !a.inParallel(n) || n.stmt.Kind != cppsrc.Expr && n.stmt.Kind != cppsrc.For {
			continue
		}
		outer := a.outermost(n)
		if a.locks(outer) {
			continue
		}
		a.racesIn(l, n.stmt, outer)
	}
	for _, n := range a.nodes { // the statements of blocks within
		if n.lambda != nil || n.stmt.Kind != cppsrc.Expr {
			continue
		}
		if outer := a.outermost(n); outer != nil && !a.locks(outer) {
			a.racesIn(l, n.stmt, outer)
		}
	}
}

// racesOpenMP looks at the loops of "#pragma omp parallel for": threads that add to a
// variable around the loop, without a reduction or a critical section. What they write to
// elements is not judged, because which one is whose would have to be known.
func (l *looker) racesOpenMP(a *fn) {
	for _, p := range a.f.Pragmas {
		if !strings.HasPrefix(p.Text, "omp parallel for") && !strings.HasPrefix(p.Text, "omp for") {
			continue
		}
		for _, n := range a.nodes {
			if n.stmt.Kind != cppsrc.For || n.stmt.All.First != p.Before {
				continue
			}
			for _, in := range a.nodes {
				if s := in.stmt; s.Kind == cppsrc.Expr && s.All.First > n.stmt.Head.Last && s.All.First < n.stmt.All.Last && !a.apart(s.All.First, n.stmt.All) {
					a.addsTo(l, s, n.stmt.All, p.Text)
				}
			}
		}
	}
}

// apart reports whether a pragma within a loop keeps the threads apart at a statement.
func (a *fn) apart(at int, loop span) bool {
	return slices.ContainsFunc(a.f.Pragmas, func(p cppsrc.Pragma) bool {
		return p.Before > loop.First && p.Before <= at && slices.ContainsFunc([]string{"atomic", "critical", "ordered", "single", "master"}, func(w string) bool {
			return strings.HasPrefix(p.Text, "omp "+w)
		})
	})
}

// addsTo looks at one statement in a loop of OpenMP.
func (a *fn) addsTo(l *looker, s *cppsrc.Stmt, loop span, pragma string) {
	i := s.Head.First
	before := a.f.Is(i, "++") || a.f.Is(i, "--")
	if before {
		i++
	}
	if !a.f.IsIdent(i) {
		return
	}
	v := a.lookup(a.f.Word(i), i)
	w := a.f.Word(i + 1)
	adds := before || w == "++" || w == "--" || len(w) == 2 && w[1] == '=' && strings.ContainsAny(w[:1], "+-*/|&^")
	if v == nil || v.at >= loop.First || !adds || kindOf(v.typ) == pointer || strings.Contains(v.typ, "atomic") || slices.Contains(clauseNames(pragma), v.name) {
		return
	}
	l.found(sharedWrite, a, i, v.name+" is added to by all threads of the loop at once")
}

// clauseNames are the names in the clauses of a pragma: those of a reduction, and those
// that each thread has its own of.
func clauseNames(pragma string) []string {
	return strings.FieldsFunc(pragma, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// inParallel reports whether a statement is directly in the lambda of a parallel_for.
func (a *fn) inParallel(n *node) bool { return a.outermost(n) != nil }

// outermost is the lambda of at::parallel_for around a statement, or nil.
func (a *fn) outermost(n *node) (lambda *cppsrc.Lambda) {
	for ; n != nil; n = n.up {
		if n.lambda != nil && n.up != nil {
			for i := n.up.stmt.Head.First; i < n.lambda.All.First; i++ {
				if a.f.Is(i, "parallel_for") {
					lambda = n.lambda
				}
			}
		}
	}
	return lambda
}

func (a *fn) locks(l *cppsrc.Lambda) bool {
	for i := l.All.First; i < l.All.Last; i++ {
		switch a.f.Word(i) {
		case "lock_guard", "unique_lock", "scoped_lock", "mutex", "lock":
			return true
		}
	}
	return false
}

// racesIn looks at one statement of a parallel lambda.
func (a *fn) racesIn(l *looker, s *cppsrc.Stmt, lambda *cppsrc.Lambda) {
	h := s.Head
	i := h.First
	if a.f.Is(i, "++") || a.f.Is(i, "--") {
		i++
	}
	if !a.f.IsIdent(i) {
		return
	}
	v := a.lookup(a.f.Word(i), i)
	if v == nil || v.at == i || v.at >= lambda.All.First && v.at < lambda.All.Last || strings.Contains(v.typ, "atomic") || a.byCopy(lambda, v.name) || a.apart(h.First, lambda.All) {
		return
	}
	next := i + 1
	var indices []span
	for a.f.Is(next, "[") && a.f.Mate(next) > next {
		indices = append(indices, span{First: next + 1, Last: a.f.Mate(next)})
		next = a.f.Mate(next) + 1
	}
	w := a.f.Word(next)
	assigns := w == "=" || w == "++" || w == "--" || len(w) == 2 && w[1] == '=' && strings.ContainsAny(w[:1], "+-*/|&^")
	if i > h.First {
		assigns = true
	}
	switch {
	case w == "." && (a.f.Is(next+1, "push_back") || a.f.Is(next+1, "emplace_back") || a.f.Is(next+1, "insert")):
		l.found(sharedWrite, a, i, v.name+" grows in all threads of parallel_for at once")
	case !assigns:
	case len(indices) == 0:
		if kindOf(v.typ) != pointer {
			l.found(sharedWrite, a, i, v.name+" is written to by all threads of parallel_for at once")
		}
	case a.chosenByData(indices, w, lambda):
		l.found(sharedWrite, a, i, fmt.Sprintf("which element of %s is written data say, and two threads of parallel_for may write the same one", v.name))
	case !slices.ContainsFunc(indices, func(s span) bool { return a.within(s, lambda) }):
		l.found(sharedWrite, a, i, "all threads of parallel_for write the same element of "+v.name)
	}
}

// byCopy reports whether a lambda has a copy of a variable.
func (a *fn) byCopy(l *cppsrc.Lambda, name string) bool {
	return a.has(l.Captures, name) && !a.has(l.Captures, "&")
}

// within reports whether an index depends on the range of a thread: on what the lambda
// is called with, or on the number of the thread.
func (a *fn) within(s span, l *cppsrc.Lambda) bool { return a.ranged(s, l, a.names, 0) }

// ranged is within for the names of an index that count.
func (a *fn) ranged(s span, l *cppsrc.Lambda, count func(span) []int, depth int) bool {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) {
		return false
	}
	return a.has(s, "get_thread_num") || slices.ContainsFunc(count(s), func(i int) bool {
		v := a.lookup(a.f.Word(i), i)
		if v == nil || v.at < l.All.First || v.at >= l.All.Last {
			return false
		}
		if v.lambda {
			return true
		}
		if n := a.loopOf(v.name, i); n != nil && (a.ranged(n.loop.start, l, count, depth+1) || a.ranged(n.loop.bound, l, count, depth+1)) {
			return true
		}
		return a.ranged(v.init, l, count, depth+1) || slices.ContainsFunc(v.assigned, func(s span) bool { return a.ranged(s, l, count, depth+1) })
	})
}

// chosenByData reports whether an index is made of an element of a tensor, and nothing
// beside it is of the range of a thread, as i is in o[i * n + q[i]].
func (a *fn) chosenByData(indices []span, op string, l *cppsrc.Lambda) bool {
	if op == "=" {
		return false // the order does not matter where all write the same; who knows
	}
	return slices.ContainsFunc(indices, func(s span) bool {
		return slices.ContainsFunc(a.names(s), func(i int) bool { return a.f.Is(i+1, "[") }) || a.madeOfElement(s, 0)
	}) && !slices.ContainsFunc(indices, func(s span) bool { return a.ranged(s, l, a.direct, 0) })
}

// madeOfElement reports whether an expression has an element of a tensor, or a variable
// that begins as one which has.
func (a *fn) madeOfElement(s span, depth int) bool {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) {
		return false
	}
	for i := s.First; i < s.Last; i++ {
		if a.elementAt(i) {
			return true
		}
	}
	return slices.ContainsFunc(a.direct(s), func(i int) bool {
		v := a.lookup(a.f.Word(i), i)
		return v != nil && v.param < 0 && !v.loop && a.madeOfElement(v.init, depth+1)
	})
}

// elementAt reports whether an element of a tensor is taken at a token, of any type.
func (a *fn) elementAt(i int) bool {
	v := a.lookup(a.f.Word(i), i)
	return v != nil && a.f.Is(i+1, "[") && (a.pointsIn(v) || kindOf(v.typ) == pointer) || a.loadAt(i).name != ""
}

var deprecations = map[string]string{
	"AT_CHECK": "TORCH_CHECK", "AT_ASSERT": "TORCH_INTERNAL_ASSERT", "AT_ASSERTM": "TORCH_CHECK", "RegisterOperators": "TORCH_LIBRARY",
	"THCudaCheck": "C10_CUDA_CHECK", "THCudaMalloc": "at::empty", "THCudaFree": "at::empty", "THCState_getCurrentStream": "at::cuda::getCurrentCUDAStream",
	"strcpy": "", "strcat": "", "sprintf": "snprintf", "vsprintf": "vsnprintf", "gets": "", "alloca": "std::vector",
}

// deprecated is OPS046.
func (l *looker) deprecated(a *fn) {
	done := map[string]bool{}
	a.each(func(i int) {
		w := a.f.Word(i)
		if !a.f.IsIdent(i) || done[w] {
			return
		}
		instead, ok := deprecations[w]
		sev := oldInterface.Severity
		switch {
		case ok && a.member(i):
			return
		case ok && (w[0] == 's' || w[0] == 'g' || w[0] == 'v' || w == "alloca"):
			if !a.f.Is(i+1, "(") {
				return
			}
			sev = finding.Medium
		case ok:
		case w == "data" && a.member(i) && a.f.Is(i+1, "<"):
			instead = "data_ptr<T>()"
		case w == "type" && a.member(i) && a.f.Is(i+1, "(") && a.f.Is(i+2, ")") && a.ofTensor(i):
			instead = "scalar_type() or options()"
		default:
			return
		}
		done[w] = true
		message := w + " is deprecated or unsafe"
		if instead != "" {
			message += "; " + instead + " takes its place"
		}
		l.foundAs(oldInterface, sev, a.src, i, message)
	})
}

func (a *fn) ofTensor(i int) bool {
	c, ok := a.chainBefore(i - 1)
	return ok && !c.call && a.tensorNamed(c.base, i)
}

// builtIns are operators of torch by names that people give their own.
var builtIns = map[string]string{
	"relu": "torch.relu", "leaky_relu": "torch.nn.functional.leaky_relu", "fused_leaky_relu": "torch.nn.functional.leaky_relu", "gelu": "torch.nn.functional.gelu", "silu": "torch.nn.functional.silu", "swish": "torch.nn.functional.silu",
	"mish": "torch.nn.functional.mish", "sigmoid": "torch.sigmoid", "softplus": "torch.nn.functional.softplus",
	"softmax": "torch.softmax", "log_softmax": "torch.log_softmax", "layer_norm": "torch.nn.functional.layer_norm", "layernorm": "torch.nn.functional.layer_norm",
	"rms_norm": "torch.nn.functional.rms_norm (2.4)", "rmsnorm": "torch.nn.functional.rms_norm (2.4)", "group_norm": "torch.nn.functional.group_norm", "batch_norm": "torch.nn.functional.batch_norm", "sync_bn": "torch.nn.SyncBatchNorm",
	"scatter_add": "torch.Tensor.scatter_add_", "gather": "torch.gather", "index_select": "torch.index_select", "index_add": "torch.Tensor.index_add_", "embedding": "torch.nn.functional.embedding",
	"nms": "torchvision.ops.nms", "roi_align": "torchvision.ops.roi_align", "roi_pool": "torchvision.ops.roi_pool", "ps_roi_align": "torchvision.ops.ps_roi_align", "psroi_pool": "torchvision.ops.ps_roi_pool",
	"deform_conv": "torchvision.ops.deform_conv2d", "modulated_deform_conv": "torchvision.ops.deform_conv2d", "sigmoid_focal_loss": "torchvision.ops.sigmoid_focal_loss", "focal_loss": "torchvision.ops.sigmoid_focal_loss",
	"box_iou": "torchvision.ops.box_iou", "cdist": "torch.cdist", "cumsum": "torch.cumsum", "bmm": "torch.bmm", "matmul": "torch.matmul", "dot": "torch.dot", "linear": "torch.nn.functional.linear",
	"grid_sample": "torch.nn.functional.grid_sample", "upsample": "torch.nn.functional.interpolate", "interpolate": "torch.nn.functional.interpolate", "im2col": "torch.nn.functional.unfold", "col2im": "torch.nn.functional.fold",
	"flash_attention": "torch.nn.functional.scaled_dot_product_attention", "attention": "torch.nn.functional.scaled_dot_product_attention", "mha_fwd": "torch.nn.functional.scaled_dot_product_attention",
	"cross_entropy": "torch.nn.functional.cross_entropy", "dropout": "torch.nn.functional.dropout", "bincount": "torch.bincount", "histogram": "torch.histogram", "tile": "torch.tile", "clamp": "torch.clamp", "add": "torch.add", "mul": "torch.mul", "pixel_shuffle": "torch.nn.functional.pixel_shuffle",
}

// builtIn is OPS047.
func (l *looker) builtIn(a *fn) {
	for _, r := range a.entries {
		name := strings.ToLower(r.name)
		for _, suffix := range []string{"_cuda", "_cpu", "_kernel", "_op", "_forward", "_fwd", "_cuda", "_cpu"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if instead := builtIns[name]; instead != "" {
			l.foundAs(hasBuiltIn, hasBuiltIn.Severity, r.src, r.at, fmt.Sprintf("by its name %s does what %s does", r.name, instead))
		}
	}
}

// registrations looks at what is registered: OPS041, OPS042, OPS043 and OPS090.
func (l *looker) registrations(p *world) {
	p.unread(l)
	for _, m := range p.modules {
		if !m.src.test && p.mute(&m) {
			line, column := m.src.f.Place(m.at)
			l.out(notRead.Undetermined(finding.Where{Path: m.src.path}.Line1(line+m.src.line, column), "this module registers nothing that is recognised, so which operators it has is not known"))
		}
		if m.python && !m.src.test && slices.ContainsFunc(p.entries, func(r *registration) bool { return r.src == m.src && r.python && takesTensors(r) }) {
			l.foundAs(pybindOnly, pybindOnly.Severity, m.src, m.at, fmt.Sprintf("the operators of this module are bound by %s alone, so the dispatcher of torch does not know of them", map[bool]string{true: "nanobind", false: "pybind11"}[m.src.f.Is(m.at, "NB_MODULE")]))
		}
	}
	for _, r := range p.entries {
		if r.src.test {
			continue
		}
		if r.def && r.schema == "" && !r.python && len(r.to) > 0 {
			l.foundAs(noSchema, noSchema.Severity, r.src, r.at, r.name+" is registered without a schema")
		}
		if p.lacksAutograd(r) {
			l.foundAs(noAutograd, noAutograd.Severity, r.src, r.at, fmt.Sprintf("nothing registers a backward for %s, nor that it has none", r.name))
		}
		l.checked(r)
	}
}

func takesTensors(r *registration) bool {
	return slices.ContainsFunc(r.to, (*fn).hasTensors)
}

// lacksAutograd reports whether an operator that works on memory is registered for no
// key of autograd, in C++ or in Python.
func (p *world) lacksAutograd(r *registration) bool {
	if !r.def || r.python || strings.Contains(r.name, "backward") || strings.Contains(r.name, "bwd") || strings.HasSuffix(r.name, "_") || p.python.autograd[r.name] || p.autograd[r.space] || p.autograd[r.space+"::"+r.name] {
		return false
	}
	if !strings.Contains(r.schema, "-> Tensor") && !strings.Contains(r.schema, "-> (Tensor") && r.schema != "" {
		return false
	}
	raw := false
	if p.work -= len(p.entries); p.work <= 0 {
		return false
	}
	for _, other := range p.entries {
		if other.name != r.name || other.space != r.space {
			continue
		}
		if strings.HasPrefix(other.key, "Autograd") || other.key == "CompositeImplicitAutograd" {
			return false
		}
		for _, a := range other.to {
			if a.below(func(b *fn) bool { return b.def.Name == "forward" && b.def.Class != "" }) || !a.givesFloats() {
				return false
			}
			raw = raw || a.below(func(b *fn) bool { return len(b.accesses) > 0 })
		}
	}
	return raw
}

// givesFloats reports whether a function gives tensors of its arguments' kind, and no
// numbers of whole type.
func (a *fn) givesFloats() bool {
	result := strings.Join(wordsIn(a.f, a.def.Result), " ")
	if !strings.Contains(result, "Tensor") || !a.spend(a.def.Body.Last-a.def.Body.First) {
		return false
	}
	for _, n := range a.nodes {
		if n.stmt.Kind == cppsrc.Expr && a.has(n.stmt.Head, "empty") && (a.has(n.stmt.Head, "kLong") || a.has(n.stmt.Head, "kInt") || a.has(n.stmt.Head, "kBool")) {
			return false
		}
	}
	return true
}

// checked is OPS090.
func (l *looker) checked(r *registration) {
	for _, a := range r.to {
		if !a.hasTensors() || a.src.test || a.takesAny() {
			continue
		}
		var as aspect
		a.below(func(b *fn) bool {
			for _, c := range b.checks {
				if c.hard {
					for _, one := range c.tensors {
						as |= one
					}
				}
			}
			for _, x := range b.accesses {
				as |= b.known(x.tensor, x.at) & hasLayout
				if x.typ != "" {
					as |= hasType
				}
				if x.accessor() {
					as |= hasRank | hasLayout
				}
			}
			return false
		})
		if a.guarded() {
			as |= hasDevice
		}
		raw := a.below(func(b *fn) bool { return len(b.accesses) > 0 || len(b.launches) > 0 })
		if !raw && a.below((*fn).handsOut) {
			continue
		}
		if !raw {
			l.found(entryFound, a, a.def.At, a.operator()+" is made of operators of torch, which check their arguments")
			continue
		}
		var names []string
		for _, n := range aspectNames {
			if as&n.is != 0 {
				names = append(names, n.name)
			}
		}
		if len(names) > 0 {
			l.found(entryFound, a, a.def.At, fmt.Sprintf("%s checks %s", a.operator(), strings.Join(names, ", ")))
		}
	}
}

// knownSpaces are the namespaces of torch and of C++, whose functions check what they are given.
var knownSpaces = words("at torch c10 std")

// handsOut reports whether a function gives a tensor to one that is seen nowhere, and so may
// do anything with its memory.
func (a *fn) handsOut() (out bool) {
	a.each(func(i int) {
		w := a.f.Word(i)
		open, ok := a.argsAt(i)
		if out || !ok || a.member(i) || notTypes[w] || w == "decltype" || kindOf(w) != otherKind || strings.ToUpper(w) == w || checksByName(w) ||
			a.lookup(w, i) != nil || len(a.p.byName[w]) > 0 || a.p.macro(a.src, w) != nil {
			return
		}
		space := i
		for a.f.Is(space-1, "::") && a.f.IsIdent(space-2) {
			space -= 2
		}
		if space < i && (knownSpaces[a.f.Word(space)] || len(a.p.byName[a.f.Word(i-2)+"::forward"]) > 0) {
			return
		}
		out = slices.ContainsFunc(a.outer(span{First: open + 1, Last: a.f.Mate(open)}), func(j int) bool {
			return a.tensorNamed(a.f.Word(j), j) && !a.f.Is(j+1, ".")
		})
	})
	return out
}

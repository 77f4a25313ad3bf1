package ops

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// aspect is something that may be known of a tensor.
type aspect uint16

// What may be known of a tensor.
const (
	hasType     aspect = 1 << iota // its dtype
	hasDevice                      // where it lies
	hasRank                        // how many dimensions it has
	hasSize                        // its sizes are held against something
	hasElements                    // that it is not empty
	hasLayout                      // that it is contiguous, or its strides are used
	hasValues                      // its values are held against something
	isMade                         // it was made here
	isThere                        // an optional has a value
	hasLower                       // a number is held against something from below
	hasUpper                       // and from above
	mustHold                       // a macro throws unless it holds
	mustFail                       // a macro throws where it holds
)

var aspectNames = []struct {
	is   aspect
	name string
}{{hasType, "dtype"}, {hasDevice, "device"}, {hasRank, "number of dimensions"}, {hasSize, "sizes"}, {hasLayout, "contiguity"}}

// origin is the tensor that a local one comes from.
type rooted struct {
	name  string
	at    aspect // what is known from how it came about
	alias bool   // it may share its memory
}

// factories make tensors.
var factories = words("empty zeros ones full rand randn arange linspace eye empty_strided zeros_like ones_like empty_like full_like rand_like randn_like new_empty new_zeros new_ones new_full empty_cuda tensor scalar_tensor")

// root follows a local tensor to the parameter or the factory that it comes from.
func (a *fn) root(name string, at int) rooted { return a.rootOf(name, at, 0) }

const mostSteps = 8

func (a *fn) rootOf(name string, at, depth int) rooted {
	r := rooted{name: name, alias: true}
	v := a.lookup(name, at)
	if v == nil || depth > mostSteps || !a.spend(1) {
		return r
	}
	before := 0
	for before < len(v.assigned) && v.assigned[before].First < at {
		before++
	}
	key := rootKey{v, before}
	if known, ok := a.roots[key]; ok {
		return known
	}
	a.roots[key] = r // for one that is made of itself
	r = a.rootBy(r, v, v.assigned[max(0, before-mostAssigned):before], depth)
	a.roots[key] = r
	return r
}

// rootKey is a variable after a number of assignments.
type rootKey struct {
	v      *variable
	before int
}

// mostAssigned is how many assignments before a use are followed.
const mostAssigned = 16

// rootBy follows what a variable begins as, and what was assigned to it.
func (a *fn) rootBy(r rooted, v *variable, assigned []span, depth int) rooted {
	name := v.name
	for _, s := range assigned { // x = x.contiguous();
		if self, known := a.follow(s, depth+1); self.name == name || known {
			r.at |= self.at
			r.alias = r.alias && self.alias
		}
	}
	if v.param >= 0 || v.init.First >= v.init.Last {
		return r
	}
	if next, ok := a.follow(v.init, depth+1); ok {
		next.at |= r.at
		return next
	}
	return r
}

// follow reads an expression that gives a tensor: x, x.contiguous(), at::empty(...),
// std::move(x), *x, c ? x : y is not followed.
func (a *fn) follow(s span, depth int) (rooted, bool) {
	i := s.First
	if end := a.f.Mate(i); a.f.Is(i, "(") && end > i+3 { // (x - y).sum(1)
		return a.links(rooted{name: "(", at: isMade | hasType | hasDevice | hasSize | hasLayout}, end+1, s.Last), true
	}
	for a.f.Is(i, "*") || a.f.Is(i, "(") {
		i++
	}
	for a.f.Is(i+1, "::") {
		i += 2
	}
	if !a.f.IsIdent(i) || i >= s.Last {
		return rooted{}, false
	}
	name := a.f.Word(i)
	var r rooted
	open, called := a.argsAt(i)
	switch {
	case called && factories[name]:
		r = rooted{name: name, at: isMade | hasType | hasDevice | hasSize | hasLayout}
		if strings.HasSuffix(name, "_like") && !strings.Contains(a.f.Source(s), "ontiguous") {
			r.at &^= hasLayout
			if first := a.firstName(open); first != "" {
				r.at |= a.known(first, i) & hasLayout
			}
		}
		i = a.f.Mate(open)
	case called && (name == "move" || name == "maybe_contiguous" || name == "ref" || name == "value"):
		first := a.firstName(open)
		if first == "" {
			return rooted{}, false
		}
		r = a.rootOf(first, i, depth)
		i = a.f.Mate(open)
	case called:
		r = rooted{name: name, at: isMade | hasType | hasDevice | hasSize}
		if a.p.torchCall(a, i) {
			r.at |= hasLayout
		}
		i = a.f.Mate(open)
	default:
		if v := a.lookup(name, i); v == nil || v.at == i {
			return rooted{}, false
		}
		r = a.rootOf(name, i, depth)
	}
	return a.links(r, i+1, s.Last), true
}

// firstName is the first argument of a call, where it is one name.
func (a *fn) firstName(open int) string {
	if a.f.IsIdent(open+1) && (a.f.Is(open+2, ",") || a.f.Is(open+2, ")")) {
		return a.f.Word(open + 1)
	}
	return ""
}

// links applies .contiguous() and its like.
func (a *fn) links(r rooted, i, last int) rooted {
	for i < last && (a.f.Is(i, ".") || a.f.Is(i, "->")) && a.f.IsIdent(i+1) {
		name := a.f.Word(i + 1)
		open, called := a.argsAt(i + 1)
		if !called {
			return r
		}
		args := a.f.Source(span{First: open + 1, Last: a.f.Mate(open)})
		switch name {
		case "contiguous", "expect_contiguous":
			r.at |= hasLayout
		case "clone":
			r.alias = false
			if args != "" {
				r.at |= hasLayout
			}
		case "to", "toType", "type", "cuda", "cpu", "float", "double", "long", "to_":
			r.alias = r.alias && name == "to"
			r.at |= conversion(name, args)
		case "new_empty", "new_zeros", "new_full", "new_ones":
			r = rooted{name: name, at: isMade | hasType | hasDevice | hasSize | hasLayout}
		case "t", "transpose", "permute", "expand", "expand_as", "narrow", "slice", "select", "as_strided", "unfold", "diagonal", "index":
			r.at &^= hasLayout | hasSize
		default:
			if makesCopy(name + "()") {
				r.alias = name == "reshape" || name == "flatten"
				if !r.alias {
					r.at |= isMade
				}
			}
		}
		i = a.f.Mate(open) + 1
	}
	return r
}

// conversion is what a call such as x.to(at::kFloat) makes known.
func conversion(name, args string) (at aspect) {
	switch name {
	case "float", "double", "long", "toType":
		return hasType
	case "cpu", "cuda":
		return hasDevice
	}
	for _, w := range []string{"kCPU", "kCUDA", "device"} {
		if strings.Contains(args, w) {
			at |= hasDevice
		}
	}
	if strings.Contains(args, "k") && at == 0 || strings.Contains(args, "dtype") || strings.Contains(args, "scalar_type") || strings.Contains(args, "options") {
		at |= hasType
	}
	return at
}

// known is what is known of a tensor by how it came about.
func (a *fn) known(name string, at int) aspect { return a.root(name, at).at }

// tensorNamed reports whether a name is a tensor, as far as is seen.
func (a *fn) tensorNamed(name string, at int) bool {
	v := a.lookup(name, at)
	if v == nil {
		return false
	}
	switch kindOf(v.typ) {
	case tensor, maybeTensor:
		return true
	case otherKind:
		return strings.Contains(v.typ, "auto") && a.givesTensor(v.init, 0)
	default:
		return false
	}
}

// givesTensor reports whether what an auto begins as is a tensor.
func (a *fn) givesTensor(s span, depth int) bool {
	i := s.First
	for a.f.Is(i, "(") {
		i++
	}
	for a.f.Is(i+1, "::") {
		i += 2
	}
	if !a.f.IsIdent(i) || i >= s.Last || depth > mostSteps {
		return false
	}
	last := a.lastMember(s)
	if noTensor[last] || a.ofSizes(s) {
		return false
	}
	if _, called := a.argsAt(i); called {
		if last != "" {
			return true
		}
		if factories[a.f.Word(i)] || a.p.torchCall(a, i) {
			return true
		}
		for _, to := range a.p.byName[a.f.Word(i)] {
			if kindOf(strings.Join(wordsIn(to.f, to.def.Result), " ")) == tensor {
				return true
			}
		}
		return false
	}
	if v := a.lookup(a.f.Word(i), i); v != nil && v.at != i {
		switch kindOf(v.typ) {
		case tensor, maybeTensor, tensorList:
			return true
		case otherKind:
			return strings.Contains(v.typ, "auto") && a.givesTensor(v.init, depth+1)
		default:
		}
	}
	return false
}

// ofSizes reports whether an expression goes on from the sizes of a tensor, which are
// numbers: x.sizes().vec().
func (a *fn) ofSizes(s span) bool {
	if !a.spend(s.Last - s.First) {
		return false
	}
	for i := s.First; i < s.Last; i++ {
		switch a.f.Word(i) {
		case "(", "[", "{":
			i = max(i, a.f.Mate(i))
		case "sizes", "strides", "sym_sizes", "sym_strides":
			if a.member(i) {
				return true
			}
		}
	}
	return false
}

func wordsIn(f *cppsrc.File, s span) (out []string) {
	for i := s.First; i < s.Last; i++ {
		out = append(out, f.Word(i))
	}
	return out
}

// lastMember is the member that an expression ends with, or empty.
func (a *fn) lastMember(s span) string {
	j := s.Last - 1
	for n := 0; n < 4 && (a.f.Is(j, ")") || a.f.Is(j, "]")) && a.f.Mate(j) > s.First; n++ {
		j = a.f.Mate(j) - 1
	}
	if a.f.Is(j, ">") {
		for n := 0; n < 32 && j > s.First && !a.f.Is(j, "<"); n++ {
			j--
		}
		j--
	}
	if a.f.IsIdent(j) && a.member(j) && j > s.First {
		return a.f.Word(j)
	}
	return ""
}

var noTensor = words("size sizes stride strides numel dim ndimension options scalar_type dtype device item data_ptr const_data_ptr mutable_data_ptr accessor packed_accessor packed_accessor32 packed_accessor64 is_contiguous is_cuda is_cpu defined get_device has_value type element_size itemsize nbytes storage_offset layout use_count requires_grad name c_str begin end empty push_back")

// torchCall reports whether the call at i is of torch: at::add(...), torch::cat(...).
func (*world) torchCall(a *fn, i int) bool {
	return a.f.Is(i-1, "::") && (a.f.Is(i-2, "at") || a.f.Is(i-2, "torch") || a.f.Is(i-2, "native"))
}

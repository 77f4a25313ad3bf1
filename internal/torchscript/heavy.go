package torchscript

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Cost says in what way code is heavy.
type Cost string

const (
	// Endless is a loop whose condition is always true and that nothing leaves.
	Endless Cost = "endless loop"
	// Long is a loop of at least 2^40 rounds, with those around it.
	Long Cost = "long loop"
	// Large is an operator that makes at least 2^34 elements.
	Large Cost = "large allocation"
)

const (
	longLoop  = 1 << 40 // rounds
	largeSize = 1 << 34 // elements
)

// Heavy is code that never ends, or takes all memory, whatever its input is.
type Heavy struct {
	Cost  Cost
	Count int64 // rounds or elements, saturated; 0 where endless
	Op    string
	Unit  string
	Line  int
	Col   int
	Func  string
	Expr  string // as written, in short
	When  When
	Path  []string
}

// heavy is a Heavy before linking.
type heavy struct {
	Heavy
	fn int
}

// loopFrame is an open loop, or the begin of a function.
type loopFrame struct {
	fence  bool
	always bool   // the condition is always true
	cond   string // a variable that is the condition
	left   bool
	rounds int64 // with those around it; 0 where not constant
	heavy  Heavy
}

func (a *analyzer) whileLoop(cond *expr) {
	f := loopFrame{heavy: a.place(cond)}
	truth, known := a.literalTruth(cond, 0)
	f.always = truth && known
	if cond.kind == eName {
		f.cond = cond.name
	}
	a.loops = append(a.loops, f)
}

// forLoop opens a loop over range(n) or over what is not known to be long.
func (a *analyzer) forLoop(iters []*expr) {
	f := loopFrame{}
	outer := int64(1)
	if n := len(a.loops); n > 0 && !a.loops[n-1].fence {
		outer = max(a.loops[n-1].rounds, 1)
	}
	f.rounds = outer
	for _, it := range iters {
		n, ok := a.rounds(it)
		if !ok {
			continue
		}
		f.heavy = a.place(it)
		f.rounds, _ = saturate(bounded.Mul(outer, max(n, 1)))
	}
	a.loops = append(a.loops, f)
}

// rounds is the length of range(…) of constants.
func (a *analyzer) rounds(e *expr) (int64, bool) {
	if e.kind != eCall || e.x.kind != eName || e.x.name != "range" && e.x.name != "rangelist" {
		return 0, false
	}
	return a.span(e.list)
}

// span is the length of range(stop), range(start, stop) or with a step.
func (a *analyzer) span(list []*expr) (int64, bool) {
	var n [3]int64
	count := 0
	for _, x := range list {
		if x.kind == eKeyword || count == len(n) {
			break
		}
		v, ok := a.constInt(x, 0)
		if !ok {
			break
		}
		n[count] = v
		count++
	}
	switch count {
	case 0:
		return 0, false
	case 1:
		return n[0], true
	}
	length := max(minus(n[1], n[0]), 0)
	if count == 3 && n[2] > 1 {
		length /= n[2]
	}
	return length, true
}

func (a *analyzer) endLoop() {
	n := len(a.loops) - 1
	f := a.loops[n]
	a.loops = a.loops[:n]
	if v, ok := a.function().env[f.cond]; ok && f.cond != "" {
		// Only now all that the loop assigns is known.
		f.always = v.kind == vConst && v.s != "0" && !strings.HasPrefix(v.s, "[")
	}
	switch {
	case f.left || f.heavy.Line == 0:
	case f.always:
		f.heavy.Cost = Endless
		a.addHeavy(f.heavy)
	case f.rounds >= longLoop && f.cond == "":
		f.heavy.Cost, f.heavy.Count = Long, f.rounds
		a.addHeavy(f.heavy)
	}
}

// leaves notes break, return, raise or assert.
func (a *analyzer) leaves(how kind) {
	if a.skipped > 0 {
		return
	}
	for i := len(a.loops) - 1; i >= 0 && !a.loops[i].fence; i-- {
		a.loops[i].left = true
		if how == tBreak {
			return
		}
	}
}

// skip enters or leaves a branch whose condition is never true.
func (a *analyzer) skip(by int) { a.skipped += by }

// enterLoops separates the loops of a function from those around it.
func (a *analyzer) enterLoops() { a.loops = append(a.loops, loopFrame{fence: true}) }

func (a *analyzer) leaveLoops() {
	for n, v := range slices.Backward(a.loops) {
		fence := v.fence
		if a.loops = a.loops[:n]; fence {
			return
		}
	}
}

// place begins a Heavy at e.
func (a *analyzer) place(e *expr) Heavy {
	return Heavy{Unit: a.unitName, Line: int(e.line), Col: int(e.col), Expr: strings.Clone(a.text(e, 120))}
}

func (a *analyzer) addHeavy(h Heavy) {
	if len(a.heavies) >= a.lim.MaxUses {
		a.over("heavy statements")
		return
	}
	f := a.function()
	h.Func = f.name
	a.heavies = append(a.heavies, heavy{fn: f.index, Heavy: h})
}

// sizing says how an operator's arguments set the elements that it makes.
type sizing uint8

const (
	byList   sizing = iota + 1 // the product of a list of sizes
	bySpan                     // start, end and step
	byScalar                   // the product of the whole numbers
	byMax                      // the largest of a list
	byRepeat                   // a list times a number
)

// makers are the operators of aten that make elements by constant sizes.
// expand and the like make only a view, which the next operator fills.
var makers = map[string]sizing{
	"zeros": byList, "ones": byList, "empty": byList, "full": byList, "rand": byList,
	"randn": byList, "randint": byList, "normal": byList, "new_zeros": byList, "new_ones": byList,
	"new_empty": byList, "new_full": byList, "empty_strided": byList, "new_empty_strided": byList,
	"empty_quantized": byList, "_empty_affine_quantized": byList, "expand": byList,
	"broadcast_to": byList, "repeat": byList, "tile": byList, "empty_permuted": byList,
	"upsample_nearest1d": byList, "upsample_nearest2d": byList, "upsample_nearest3d": byList,
	"upsample_linear1d": byList, "upsample_bilinear2d": byList, "upsample_bicubic2d": byList,
	"upsample_trilinear3d": byList, "sparse_coo_tensor": byList, "zeros_like": byList,

	"arange": bySpan, "range": bySpan,

	"eye": byScalar, "randperm": byScalar, "tril_indices": byScalar, "triu_indices": byScalar,
	"hann_window": byScalar, "hamming_window": byScalar, "bartlett_window": byScalar,
	"blackman_window": byScalar, "kaiser_window": byScalar, "vander": byScalar,
	"repeat_interleave": byScalar, "one_hot": byScalar, "linspace": byMax, "logspace": byMax,

	"constant_pad_nd": byMax, "pad": byMax,

	"mul": byRepeat,
}

// allocation notes a call of op that makes too much.
func (a *analyzer) allocation(op string, e *expr) {
	name, ok := strings.CutPrefix(op, "aten::")
	how := makers[name]
	if !ok || how == 0 {
		return
	}
	n := a.elements(how, e.list)
	if n < largeSize {
		return
	}
	h := a.place(e)
	h.Cost, h.Count, h.Op = Large, n, a.intern(op)
	a.addHeavy(h)
}

func (a *analyzer) elements(how sizing, list []*expr) int64 {
	most := int64(0)
	switch how {
	case byList:
		for _, x := range list {
			if n, ok := a.product(x); ok {
				most = max(most, n)
			}
		}
	case bySpan:
		most, _ = a.span(list)
	case byScalar:
		for _, x := range list {
			if n, ok := a.constInt(x, 0); ok && n > 0 && x.kind != eKeyword {
				most, _ = saturate(bounded.Mul(max(most, 1), n))
			}
		}
	case byMax:
		for _, x := range list {
			if n, ok := a.constInt(x, 0); ok {
				most = max(most, n)
			}
			for _, y := range x.list {
				if n, ok := a.constInt(y, 0); ok && (x.kind == eList || x.kind == eTuple) {
					most = max(most, n)
				}
			}
		}
	case byRepeat:
		if len(list) == 2 {
			most = a.repeated(list[0], list[1])
		}
	}
	return most
}

// repeated is the length of a list that is multiplied by a number.
func (a *analyzer) repeated(x, y *expr) int64 {
	if x.kind != eList {
		x, y = y, x
	}
	if x.kind != eList {
		return 0
	}
	n, ok := a.constInt(y, 0)
	if !ok {
		return 0
	}
	n, _ = saturate(bounded.Mul(max(n, 0), int64(len(x.list))))
	return n
}

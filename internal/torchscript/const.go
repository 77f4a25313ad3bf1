package torchscript

import (
	"math"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// maxFold bounds how deep a constant expression is followed.
const maxFold = 32

// number reads a literal number that is whole.
func (a *analyzer) number(e *expr) (int64, bool) {
	if e.kind != eConst || e.pos < 0 || e.pos >= e.end || int(e.end) > len(a.src) {
		return 0, false
	}
	s := a.src[e.pos:e.end]
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.IsInf(f, 0) {
		return 0, false
	}
	return int64(max(min(f, math.MaxInt64/2), math.MinInt64/2)), true
}

// constInt is the value of a constant expression of whole numbers, saturated.
// Variables count that are only ever assigned one value, so far.
func (a *analyzer) constInt(e *expr, depth int) (int64, bool) {
	if e == nil || depth > maxFold {
		return 0, false
	}
	switch e.kind {
	case eConst:
		return a.number(e)
	case eName:
		v := a.function().env[e.name]
		if v.kind != vConst {
			return 0, false
		}
		n, err := strconv.ParseInt(v.s, 10, 64)
		return n, err == nil
	case eKeyword:
		return a.constInt(e.x, depth+1)
	case eUnary:
		n, ok := a.constInt(e.x, depth+1)
		return -n, ok && e.op == charKind('-') && n != math.MinInt64
	case eBinary:
		x, ok1 := a.constInt(e.x, depth+1)
		y, ok2 := a.constInt(e.y, depth+1)
		if !ok1 || !ok2 {
			return 0, false
		}
		return fold(foldOps[e.op], x, y)
	case eCall:
		return a.constCall(e, depth)
	}
	return 0, false
}

// foldOps names the operators that fold knows as torch's operators are named.
var foldOps = map[kind]string{
	charKind('+'): "add", charKind('-'): "sub", charKind('*'): "mul", tPow: "pow",
	tShl: "__lshift__", tFloorDiv: "floordiv",
}

// constCall is int(n), annotate(int, n), or torch.mul(n, m) and the like, as
// torch prints arithmetic.
func (a *analyzer) constCall(e *expr, depth int) (int64, bool) {
	n := len(e.list)
	if e.x.kind == eName && n > 0 && (e.x.name == "int" || e.x.name == "annotate" || e.x.name == "unchecked_cast") {
		return a.constInt(e.list[n-1], depth+1)
	}
	if e.x.kind != eAttr || e.x.x.kind != eName || e.x.x.name != "torch" || n < 2 {
		return 0, false
	}
	x, ok1 := a.constInt(e.list[0], depth+1)
	y, ok2 := a.constInt(e.list[1], depth+1)
	if !ok1 || !ok2 {
		return 0, false
	}
	return fold(e.x.name, x, y)
}

func fold(op string, x, y int64) (int64, bool) {
	switch op {
	case "add":
		return plus(x, y), true
	case "sub":
		return minus(x, y), true
	case "mul":
		if x < 0 || y < 0 {
			return x * y, max(x, -x) < math.MaxInt32 && max(y, -y) < math.MaxInt32
		}
		return saturate(bounded.Mul(x, y))
	case "floordiv":
		if y <= 0 || x < 0 {
			return 0, false
		}
		return x / y, true
	case "__lshift__":
		if x < 0 || y < 0 {
			return 0, false
		}
		if y > 62 || x > math.MaxInt64>>y {
			return math.MaxInt64, true
		}
		return x << y, true
	case "pow":
		return power(x, y)
	}
	return 0, false
}

// plus is x+y, saturated.
func plus(x, y int64) int64 {
	switch {
	case y > 0 && x > math.MaxInt64-y:
		return math.MaxInt64
	case y < 0 && x < math.MinInt64-y:
		return math.MinInt64
	}
	return x + y
}

// minus is x-y, saturated.
func minus(x, y int64) int64 {
	if y == math.MinInt64 {
		return plus(plus(x, math.MaxInt64), 1)
	}
	return plus(x, -y)
}

func power(x, y int64) (int64, bool) {
	if x < 0 || y < 0 {
		return 0, false
	}
	if x <= 1 {
		return x, y > 0
	}
	n, ok := int64(1), true
	for ; y > 0 && ok; y-- {
		n, ok = bounded.Mul(n, x)
	}
	return saturate(n, ok)
}

// saturate turns what does not fit into the largest number.
func saturate(n int64, ok bool) (int64, bool) {
	if !ok {
		return math.MaxInt64, true
	}
	return n, true
}

// literalTruth is what a condition of literals alone comes to.
func (a *analyzer) literalTruth(e *expr, depth int) (truth, known bool) {
	if e == nil || depth > maxFold {
		return false, false
	}
	switch e.kind {
	case eConst:
		switch a.text(e, 16) {
		case "True":
			return true, true
		case "False", "None":
			return false, true
		}
		n, ok := a.number(e)
		return n != 0, ok
	case eUnary:
		t, ok := a.literalTruth(e.x, depth+1)
		return !t, ok && e.op == tNot
	case eBinary:
		return a.comparison(e, depth)
	case eCall:
		if e.x.kind == eName && e.x.name == "bool" && len(e.list) == 1 {
			return a.literalTruth(e.list[0], depth+1)
		}
	}
	return false, false
}

func (a *analyzer) comparison(e *expr, depth int) (truth, known bool) {
	switch e.op {
	case tAnd, tOr:
		x, ok1 := a.literalTruth(e.x, depth+1)
		y, ok2 := a.literalTruth(e.y, depth+1)
		decides := e.op == tOr // the value of one side that settles both
		if ok1 && x == decides || ok2 && y == decides {
			return decides, true
		}
		return !decides, ok1 && ok2
	}
	x, ok1 := a.number(e.x)
	y, ok2 := a.number(e.y)
	if !ok1 || !ok2 {
		return false, false
	}
	switch e.op {
	case tEq:
		return x == y, true
	case tNe, tIsNot:
		return x != y, true
	case tIs:
		return x == y, true
	case tLe:
		return x <= y, true
	case tGe:
		return x >= y, true
	case charKind('<'):
		return x < y, true
	case charKind('>'):
		return x > y, true
	}
	return false, false
}

// constant is the value of an assigned expression as far as sizes and
// conditions need it: a number, True, or "[" and the product of a list.
func (a *analyzer) constant(e *expr) (value, bool) {
	if n, ok := a.constInt(e, 0); ok {
		return value{kind: vConst, s: strconv.FormatInt(n, 10)}, true
	}
	if t, ok := a.literalTruth(e, 0); ok && t {
		return value{kind: vConst, s: "True"}, true
	}
	if n, ok := a.product(e); ok {
		return value{kind: vConst, s: "[" + strconv.FormatInt(n, 10)}, true
	}
	return value{}, false
}

// product multiplies the constants of a list of sizes; what is not constant
// counts as one, as do -1 and the like. It is not ok where nothing is constant.
func (a *analyzer) product(e *expr) (int64, bool) {
	switch e.kind {
	case eKeyword:
		return a.product(e.x)
	case eName:
		v := a.function().env[e.name]
		s, list := strings.CutPrefix(v.s, "[")
		if v.kind != vConst || !list {
			return 0, false
		}
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	case eList, eTuple:
	default:
		return 0, false
	}
	n, found := int64(1), false
	for _, x := range e.list {
		d, ok := a.constInt(x, 0)
		if !ok {
			continue
		}
		if found = true; d == 0 {
			return 0, true
		}
		n, _ = saturate(bounded.Mul(n, max(d, 1)))
	}
	return n, found
}

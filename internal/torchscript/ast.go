package torchscript

// exprKind says what an expr is.
type exprKind uint8

const (
	eConst   exprKind = iota // True, False, None, NoneType, ..., numbers
	eName                    // name
	eString                  // name holds the decoded text
	eAttr                    // x.name
	eCall                    // x(list)
	eIndex                   // x[list]
	eSlice                   // list[0]:list[1]:list[2], those present
	eTuple                   // list
	eList                    // list
	eDict                    // list alternates keys and values
	eUnary                   // op x
	eBinary                  // x op y
	eCond                    // x if y else z
	eComp                    // x for y in z
	eKeyword                 // name=x, only in the list of a call
	eStar                    // *x
)

// expr is a node of the tree of one statement. Nodes live until the statement
// has been visited.
type expr struct {
	kind    exprKind
	op      kind
	depth   int32
	line    int32
	col     int32
	pos     int32
	end     int32
	name    string
	x, y, z *expr
	list    []*expr
}

// arena holds the nodes of a statement and is emptied before the next one, so
// that memory follows the longest statement and not the source.
type arena struct {
	chunks [][]expr
	used   int // nodes
	lists  [][]*expr
	listAt int // index into lists
}

const chunkLen = 256

func (a *arena) reset() {
	// Keep what an ordinary statement needs; let go of the rest.
	if len(a.chunks) > 16 {
		a.chunks = a.chunks[:16]
	}
	if len(a.lists) > 16 {
		a.lists = a.lists[:16]
	}
	a.used, a.listAt = 0, 0
	for i := range a.lists {
		a.lists[i] = a.lists[i][:0]
	}
}

func (a *arena) node() *expr {
	c := a.used / chunkLen
	if c == len(a.chunks) {
		a.chunks = append(a.chunks, make([]expr, chunkLen))
	}
	e := &a.chunks[c][a.used%chunkLen]
	a.used++
	*e = expr{}
	return e
}

// keep copies items into the arena.
func (a *arena) keep(items []*expr) []*expr {
	if len(items) == 0 {
		return nil
	}
	for a.listAt < len(a.lists) && cap(a.lists[a.listAt])-len(a.lists[a.listAt]) < len(items) {
		a.listAt++
	}
	if a.listAt == len(a.lists) {
		a.lists = append(a.lists, make([]*expr, 0, max(chunkLen, len(items))))
	}
	l := a.lists[a.listAt]
	at := len(l)
	l = append(l, items...)
	a.lists[a.listAt] = l
	return l[at:len(l):len(l)]
}

// visitor receives the parts of a unit in source order.
type visitor interface {
	beginClass(name, base string, at token)
	endClass()
	beginFunc(name string, params []param, at token)
	endFunc()
	// assign is target = value; annotation and value may be nil, augmented
	// assignment is an assignment of an expression that reads the target.
	assign(targets []*expr, annotation, value *expr, augmented bool)
	// value is an expression evaluated for any other reason.
	value(e *expr)
	// loop and whileLoop begin a loop that endLoop ends.
	loop(targets, iters []*expr)
	whileLoop(cond *expr)
	endLoop()
	// leaves is a break, return, raise or assert.
	leaves(how kind)
	// skip(1) begins and skip(-1) ends a branch that is never taken.
	skip(by int)
	// literalTruth is what a condition of literals comes to.
	literalTruth(e *expr, depth int) (truth, known bool)
	with(item *expr, as string)
	// stopped reports that a limit is met and nothing more is wanted.
	stopped() bool
	// broken is source that did not parse.
	broken(text string, at token)
}

// param is a formal parameter. Its expressions may be nil.
type param struct {
	name       string
	annotation *expr
	value      *expr
}

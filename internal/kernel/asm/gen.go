package main

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set that there are routines for.
type isa struct {
	name   string
	vector int // bytes
	sets   int // of accumulators, so that no instruction waits for the last
}

var (
	avx2   = isa{"AVX2", 32, 4}
	avx512 = isa{"AVX512", 64, 4}
)

const (
	// unroll is how many vectors one turn of the main loop takes.
	unroll = 8
	line   = 64 // bytes of a line of the cache, and of what a routine of halves takes at once
	// prefetch is how far ahead memory is asked for by the routines that do
	// most, in which the processor does not run far enough ahead by itself.
	// It may be past the end: asking for what is not there does nothing.
	prefetch = 512
)

// extreme is which of some integers is looked for.
type extreme int

const (
	umin extreme = iota // the least, as unsigned integers
	umax
	smin
	smax
)

// view is what integers are made of elements.
type view int

const (
	whole     view = iota // their bits
	sum                   // their bits and the number that the routine is given
	less                  // their magnitudes less one
	twice                 // their magnitudes, twice
	twiceLess             // the same less one
	upper                 // as sum, of the upper halves of elements of twice the bits
)

// acc is what an accumulator gathers.
type acc struct {
	extreme
	view
}

// unsigned says how integers are compared.
func (e extreme) unsigned() bool { return e == umin || e == umax }

// routine is one kind of pass; package kernel says what each is for.
type routine struct {
	name string
	doc  string
	accs []acc
}

var routines = []routine{
	{"plain", "the least and the greatest element, as unsigned integers", []acc{{umin, whole}, {umax, whole}}},
	{"split", "the greatest element as an unsigned, and as a signed integer", []acc{{umax, whole}, {smax, whole}}},
	{"signed", "the least and the greatest element, as signed integers", []acc{{smin, whole}, {smax, whole}}},
	{"plainTiny", "what plain does, and the smallest magnitude less one", []acc{{umin, whole}, {umax, whole}, {umin, less}}},
	{"splitTiny", "what split does, and the smallest magnitude less one", []acc{{umax, whole}, {smax, whole}, {umin, less}}},
	{"plainSum", "the least element and plus, and the greatest element, as unsigned integers", []acc{{umin, sum}, {umax, whole}}},
	{"twice", "the greatest magnitude, and the smallest less one, both of elements twice, without their signs", []acc{{umax, twice}, {umin, twiceLess}}},
	{"splitSum", "the greatest element and plus as an unsigned, and as a signed integer", []acc{{umax, sum}, {smax, sum}}},
}

// tops is for elements of 32 bits of which the upper 16 say enough: those of two
// vectors are looked at as one. There is one for AVX2, and none but that.
var tops = routine{"tops", "the greatest upper half of the elements of 32 bits and plus, as an unsigned, and as a signed integer of 16 bits",
	[]acc{{umax, upper}, {smax, upper}}}

// routineFunc writes one routine. Its main loop takes unroll vectors a turn,
// a second loop one, and the last vector may overlap the one before, since
// an extreme does not change when an element is looked at twice.
func routineFunc(c *build.Context, set isa, r routine, bits int) {
	name := fmt.Sprintf("%s%d%s", r.name, bits, set.name)
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.SignatureExpr("func(data []byte, plus uint64) (a, b, least uint64)")
	c.Doc(fmt.Sprintf("%s returns %s.", name, r.doc),
		fmt.Sprintf("There are at least %d bytes, and whole elements. As many of plus as are in 64 bits are added.", r.step(set)))
	g := newGen(c, set, r, bits)
	ptr := c.Load(c.Param("data").Base(), c.GP64())
	n := c.Load(c.Param("data").Len(), c.GP64())
	g.constants()
	g.start(operand.Mem{Base: ptr})
	ahead := 0
	if g.r.has(less) || g.r.has(twice) || g.biased() {
		ahead = prefetch
	}
	passes(c, isa{vector: r.step(set), sets: g.set.sets}, ptr, n, ahead, g.take)
	for i, a := range r.accs {
		c.Store(g.reduce(a.extreme, i), c.ReturnIndex(i))
	}
	if len(r.accs) < 3 {
		zero := c.GP64()
		c.XORQ(zero, zero)
		c.Store(zero, c.ReturnIndex(2))
	}
	c.VZEROUPPER()
	c.RET()
}

// step is how many bytes are taken at once.
func (r routine) step(set isa) int {
	if r.has(upper) {
		return line
	}
	return set.vector
}

// has says whether an accumulator of the routine has the view.
func (r routine) has(v view) bool {
	return slices.ContainsFunc(r.accs, func(a acc) bool { return a.view == v })
}

// passes writes the loops: take gets the address of each vector and the number
// of the set of accumulators it belongs to. Memory is asked for ahead bytes
// before, if that is not 0.
func passes(c *build.Context, set isa, ptr, n reg.Register, ahead int, take func(m operand.Mem, s int)) {
	turn := unroll * set.vector
	c.SUBQ(operand.U32(turn), n)
	c.JB(operand.LabelRef("rest"))
	c.Label("turn")
	for i := range unroll {
		if at := i * set.vector; ahead > 0 && at%line == 0 {
			c.PREFETCHT0(operand.Mem{Base: ptr, Disp: at + ahead})
		}
		take(operand.Mem{Base: ptr, Disp: i * set.vector}, i%set.sets)
	}
	c.ADDQ(operand.U32(turn), ptr)
	c.SUBQ(operand.U32(turn), n)
	c.JAE(operand.LabelRef("turn"))
	c.Label("rest")
	c.ADDQ(operand.U32(turn), n)
	c.Label("single")
	c.CMPQ(n, operand.U32(set.vector))
	c.JB(operand.LabelRef("last"))
	take(operand.Mem{Base: ptr}, 0)
	c.ADDQ(operand.U32(set.vector), ptr)
	c.SUBQ(operand.U32(set.vector), n)
	c.JMP(operand.LabelRef("single"))
	c.Label("last")
	c.TESTQ(n, n)
	c.JZ(operand.LabelRef("done"))
	take(operand.Mem{Base: ptr, Disp: -set.vector, Index: n, Scale: 1}, 0)
	c.Label("done")
}

// gen has the registers of a routine.
type gen struct {
	*build.Context
	set  isa
	r    routine
	bits int

	top, mag, less, plus reg.VecVirtual     // constants
	accs                 [][]reg.VecVirtual // by accumulator, then by set
}

func newGen(c *build.Context, set isa, r routine, bits int) *gen {
	g := &gen{Context: c, set: set, r: r, bits: bits}
	// AVX2 has 16 registers. Where three accumulators and the constants of
	// 64 bits would not fit four times, they are there twice.
	if set.name == "AVX2" && len(r.accs) == 3 {
		g.set.sets = 2
	}
	g.accs = make([][]reg.VecVirtual, len(r.accs))
	for i := range g.accs {
		for range g.set.sets {
			g.accs[i] = append(g.accs[i], g.vec())
		}
	}
	return g
}

func (g *gen) vec() reg.VecVirtual {
	if g.set.vector == 64 {
		return g.ZMM()
	}
	return g.YMM()
}

// biased says whether unsigned order is had by turning the top bit over and
// comparing as signed: AVX2 compares 64 bits in no other way.
func (g *gen) biased() bool { return g.set.name == "AVX2" && g.bits == 64 }

// topBit has the top bit of every element set.
func (g *gen) topBit() uint64 {
	var v uint64
	for i := g.bits - 1; i < 64; i += g.bits {
		v |= 1 << i
	}
	return v
}

func (g *gen) broadcast(r reg.Register) reg.VecVirtual {
	x, y := g.XMM(), g.vec()
	g.VMOVQ(r, x)
	g.VPBROADCASTQ(x, y)
	return y
}

func (g *gen) constant(v uint64) reg.VecVirtual {
	r := g.GP64()
	g.MOVQ(operand.U64(v), r)
	return g.broadcast(r)
}

func (g *gen) constants() {
	if g.biased() {
		g.top = g.constant(g.topBit())
	}
	if g.r.has(sum) || g.r.has(upper) {
		g.plus = g.broadcast(g.Load(g.Param("plus"), g.GP64()))
	}
	if !g.r.has(less) && !g.r.has(twiceLess) {
		return
	}
	if g.r.has(less) {
		g.mag = g.constant(^g.topBit())
	}
	// Less one, and the top bit turned over where it is biased: 2⁶³-1.
	if g.biased() {
		g.less = g.constant(^g.topBit())
	} else {
		g.less = g.constant(^uint64(0))
	}
}

func (g *gen) load(m operand.Mem) reg.VecVirtual {
	x := g.vec()
	if g.set.vector == 64 {
		g.VMOVDQU64(m, x)
	} else {
		g.VMOVDQU(m, x)
	}
	return x
}

// views makes what each accumulator compares out of the vector at m.
func (g *gen) views(m operand.Mem) []reg.VecVirtual {
	type key struct {
		view
		biased bool
	}
	made := map[key]reg.VecVirtual{}
	var x reg.VecVirtual
	var at operand.Op = m
	switch {
	case g.r.has(upper):
		at = g.halves(m)
	case g.r.has(whole) || g.r.has(less) || g.r.has(twice):
		x = g.load(m)
		at = x
	}
	if g.r.has(twice) { // to add an element to itself loses the sign
		y := g.vec()
		g.add(x, x, y)
		x = y
	}
	views := make([]reg.VecVirtual, len(g.r.accs))
	for i, a := range g.r.accs {
		biased := g.biased() && a.unsigned()
		k := key{a.view, biased}
		if made[k] == nil {
			made[k] = g.view(a.view, biased, x, at)
		}
		views[i] = made[k]
	}
	return views
}

// halves has the upper halves of the elements in a line. Those of its second
// vector stay where they are; the others are read from two bytes behind where they
// lie, which brings them into the places between. No byte outside the line is read.
func (g *gen) halves(m operand.Mem) reg.VecVirtual {
	x := g.load(m.Offset(g.set.vector))
	g.VPBLENDW(operand.Imm(0x55), m.Offset(g.bits/8), x, x)
	return x
}

// view makes one of the element in x, which is also at m.
func (g *gen) view(v view, biased bool, x reg.VecVirtual, m operand.Op) reg.VecVirtual {
	to := x
	switch v {
	case less: // biased in itself
		to = g.vec()
		g.and(g.mag, x, to)
		g.add(g.less, to, to)
		return to
	case twiceLess: // too
		to = g.vec()
		g.add(g.less, x, to)
		return to
	case sum, upper:
		to = g.vec()
		g.add(m, g.plus, to)
	case whole, twice:
	}
	if biased {
		y := g.vec()
		g.VPXOR(g.top, to, y)
		return y
	}
	return to
}

func (g *gen) add(a operand.Op, b, to reg.VecVirtual) {
	g.width(g.VPADDB, g.VPADDW, g.VPADDD, g.VPADDQ)(a, b, to)
}

func (g *gen) and(a, b, to reg.VecVirtual) {
	if g.set.vector == 64 {
		g.VPANDQ(a, b, to)
	} else {
		g.VPAND(a, b, to)
	}
}

// start gives every accumulator the first vector, which is looked at again.
func (g *gen) start(m operand.Mem) {
	for i, v := range g.views(m) {
		for _, to := range g.accs[i] {
			if g.set.vector == 64 {
				g.VMOVDQA64(v, to)
			} else {
				g.VMOVDQA(v, to)
			}
		}
	}
}

func (g *gen) take(m operand.Mem, s int) {
	s %= g.set.sets
	for i, v := range g.views(m) {
		to := g.accs[i][s]
		g.extreme(g.r.accs[i].extreme, v, to, to, g.vec)
	}
}

type instruction = func(ops ...operand.Op)

func (g *gen) width(b, w, d, q instruction) instruction {
	return map[int]instruction{8: b, 16: w, 32: d, 64: q}[g.bits]
}

// extreme writes to = the extreme of x and y, by element.
func (g *gen) extreme(a extreme, x, y, to operand.Op, temp func() reg.VecVirtual) {
	if g.biased() {
		mask := temp()
		if a == umax || a == smax {
			g.VPCMPGTQ(y, x, mask) // x > y
		} else {
			g.VPCMPGTQ(x, y, mask) // y > x
		}
		g.VBLENDVPD(mask, x, y, to)
		return
	}
	switch a {
	case umin:
		g.width(g.VPMINUB, g.VPMINUW, g.VPMINUD, g.VPMINUQ)(x, y, to)
	case umax:
		g.width(g.VPMAXUB, g.VPMAXUW, g.VPMAXUD, g.VPMAXUQ)(x, y, to)
	case smin:
		g.width(g.VPMINSB, g.VPMINSW, g.VPMINSD, g.VPMINSQ)(x, y, to)
	case smax:
		g.width(g.VPMAXSB, g.VPMAXSW, g.VPMAXSD, g.VPMAXSQ)(x, y, to)
	}
}

// reduce joins the sets of an accumulator, then halves it until one element
// is left. What the byte shift lets in is zero and stays above that element.
func (g *gen) reduce(a extreme, i int) reg.Register {
	v := g.accs[i][0]
	for _, other := range g.accs[i][1:] {
		g.extreme(a, other, v, v, g.vec)
	}
	if g.set.vector == 64 {
		upper := g.YMM()
		g.VEXTRACTI64X4(operand.Imm(1), v, upper)
		g.extreme(a, upper, v.AsY(), v.AsY(), g.YMM)
	}
	upper, x := g.XMM(), v.AsX()
	g.VEXTRACTI128(operand.Imm(1), v.AsY(), upper)
	g.extreme(a, upper, x, x, g.XMM)
	for shift := 8; shift*8 >= g.bits; shift /= 2 {
		half := g.XMM()
		g.VPSRLDQ(operand.Imm(uint64(shift)), x, half)
		g.extreme(a, half, x, x, g.XMM)
	}
	return g.scalar(a, x)
}

// scalar is the lowest element of x.
func (g *gen) scalar(a extreme, x reg.Register) reg.Register {
	r := g.GP64()
	if g.bits == 64 {
		g.VMOVQ(x, r)
		if g.biased() && a.unsigned() {
			g.BTCQ(operand.Imm(63), r)
		}
		return r
	}
	g.VMOVD(x, r.As32())
	switch g.bits {
	case 8:
		g.MOVBLZX(r.As8(), r.As32())
	case 16:
		g.MOVWLZX(r.As16(), r.As32())
	}
	return r
}

// readFunc writes what only reads: it ors all vectors together.
func readFunc(c *build.Context, set isa) {
	name := "read" + set.name
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.Pragma("noescape")
	c.SignatureExpr("func(data []byte) uint64")
	c.Doc(fmt.Sprintf("%s ors vectors of data together, and returns the first word. There are at least %d bytes.", name, set.vector))
	g := &gen{Context: c, set: set}
	ptr := c.Load(c.Param("data").Base(), c.GP64())
	n := c.Load(c.Param("data").Len(), c.GP64())
	var accs []reg.VecVirtual
	for range set.sets {
		accs = append(accs, g.load(operand.Mem{Base: ptr}))
	}
	or := func(m operand.Op, to reg.VecVirtual) {
		if set.vector == 64 {
			c.VPORQ(m, to, to)
		} else {
			c.VPOR(m, to, to)
		}
	}
	passes(c, set, ptr, n, 0, func(m operand.Mem, s int) { or(m, accs[s]) })
	for _, a := range accs[1:] {
		or(a, accs[0])
	}
	r := c.GP64()
	c.VMOVQ(accs[0].AsX(), r)
	c.Store(r, c.ReturnIndex(0))
	c.VZEROUPPER()
	c.RET()
}

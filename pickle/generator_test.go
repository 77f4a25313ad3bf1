package pickle_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	"github.com/andiron-dev/andiron/pickle"
)

// A generator makes streams that are mostly valid: it keeps count of the stack
// and the marks, and leaves the rules now and then.
type generator struct {
	r      *rand.Rand
	b      []byte
	depth  []int // values above each mark; the first is the bottom
	memo   int
	frames bool
}

func newGenerator(seed uint64) *generator {
	return &generator{r: rand.New(rand.NewPCG(seed, 0x616e6469726f6e))}
}

func (g *generator) chance(n int) bool { return g.r.IntN(n) == 0 }

func pick[T any](g *generator, list ...T) T { return list[g.r.IntN(len(list))] }

// stream makes one stream.
func (g *generator) stream() []byte {
	g.b, g.depth, g.memo = nil, []int{0}, 0
	g.frames = g.chance(6)
	proto := g.r.IntN(7)
	if !g.chance(4) {
		g.op(pickle.PROTO, byte(min(proto, 5+g.r.IntN(2))))
	}
	for range 1 + g.r.IntN(40) {
		g.step()
		if g.chance(30) || g.frames && g.chance(4) {
			g.frame()
		}
	}
	if !g.chance(8) {
		for len(g.depth) > 1 {
			g.close()
		}
		if g.depth[0] == 0 {
			g.constant()
		}
		g.op(pickle.STOP)
	}
	if g.chance(3) {
		g.mutate()
	}
	return g.b
}

func (g *generator) op(c pickle.Code, arg ...byte) {
	g.b = append(append(g.b, byte(c)), arg...)
}

func (g *generator) line(c pickle.Code, text string) {
	g.op(c, append([]byte(text), '\n')...)
}

func (g *generator) top() *int { return &g.depth[len(g.depth)-1] }

// step adds an instruction or a short phrase.
func (g *generator) step() {
	switch g.r.IntN(12) {
	case 0, 1, 2:
		g.constant()
	case 3, 4:
		g.imported()
	case 5:
		g.called()
	case 6:
		g.container()
	case 7:
		g.op(pickle.MARK)
		g.depth = append(g.depth, 0)
	case 8:
		g.memoized()
	case 9:
		g.close()
	case 10:
		g.shuffle()
	case 11:
		if g.chance(6) {
			g.wild()
		} else {
			g.modify()
		}
	}
}

func (g *generator) push(n int) { *g.top() += n }

// has reports whether n values are there; now and then it lies.
func (g *generator) has(n int) bool {
	if *g.top() >= n {
		return true
	}
	return g.chance(60)
}

func (g *generator) drop(n int) { *g.top() = max(0, *g.top()-n) }

var intTexts = []string{"0", "1", "00", "01", "-1", "+11", " 1", "1 ", "1_0", "007", "0x1f", "0b1", "0o7", "0_7", "", "x", "-", "12\x00zz", "\t5", "99999999999999999999", "010", "1\r", "_1", "1__0", "00_0", "0x_f", "-0", "١"}

func (g *generator) constant() {
	g.push(1)
	switch g.r.IntN(22) {
	case 0:
		g.op(pick(g, pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.EMPTY_TUPLE))
	case 1:
		g.op(pickle.BININT1, byte(g.r.Uint32()))
	case 2:
		g.op(pickle.BININT2, 1, 2)
	case 3:
		g.op(pickle.BININT, 1, 2, 3, byte(g.r.Uint32()))
	case 4:
		g.line(pickle.INT, pick(g, intTexts...))
	case 5:
		g.line(pickle.LONG, pick(g, intTexts...)+pick(g, "L", "", "LL", "l"))
	case 6:
		g.counted(pick(g, pickle.LONG1, pickle.LONG4), pick(g, "", "\xff", "\x00\x80", "123456789"))
	case 7:
		g.line(pickle.FLOAT, pick(g, "1.5", "-0", "inf", "nan", "1e999", " 1.0", "1_0.5", "x", "", ".5", "1.", "infinity", "1.5\x00x", "+1", "0x1p3", "1e5"))
	case 8:
		g.op(pickle.BINFLOAT, 63, 240, 0, 0, 0, 0, 0, 0)
	case 9:
		g.line(pickle.STRING, pick(g, "'a'", `"b"`, `'\x6fs'`, `'\157s'`, `'a`, `''`, `'`, `'\xg'`, `'\'`, `'\q'`, "'\xe9'", `'\xe9'`, `'os'x`, `'\400'`, "'a\x00b'"))
	case 10:
		g.line(pickle.UNICODE, pick(g, "a", `\u006fs`, `\U0000006fs`, `\u00`, `\\u0041`, `\ud800`, "\xe9", "", `\`, `\U00110000`, `x\`))
	case 11, 12:
		g.counted(pick(g, pickle.BINSTRING, pickle.SHORT_BINSTRING), pick(g, "os", "", "\xff", "system"))
	case 13, 14, 15, 16:
		g.text()
	case 17:
		g.counted(pick(g, pickle.BINBYTES, pickle.SHORT_BINBYTES, pickle.BINBYTES8, pickle.BYTEARRAY8), pick(g, "", "abc", "cos\nsystem\n"))
	case 18:
		g.line(pickle.PERSID, pick(g, "id", "", "\xff", "a b"))
	case 19:
		g.op(pick(g, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET))
	default:
		g.op(pick(g, pickle.NONE, pickle.EMPTY_DICT, pickle.EMPTY_LIST))
	}
}

var words = []string{"os", "system", "builtins", "eval", "a.b", "x", "__builtin__", "copy_reg", "torch._utils", "é", ""}

func (g *generator) text() {
	c := pick(g, pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8)
	if g.chance(12) {
		g.counted(c, pick(g, "\xff", "\xed\xa0\x80", "\xed\xa0\x80\xed\xb0\x80", "a\nb", "\x00", "\xc0\x80"))
		return
	}
	g.counted(c, pick(g, words...))
}

func (g *generator) counted(c pickle.Code, data string) {
	n := uint64(len(data))
	if g.chance(60) {
		n = pick(g, n+1, n-1, 1<<62, 0xff, 0x80000000, 1<<63)
	}
	g.op(c)
	var head [8]byte
	binary.LittleEndian.PutUint64(head[:], n)
	switch c {
	case pickle.BINUNICODE8, pickle.BINBYTES8, pickle.BYTEARRAY8:
		g.b = append(g.b, head[:8]...)
	case pickle.BINUNICODE, pickle.BINBYTES, pickle.BINSTRING, pickle.LONG4:
		g.b = append(g.b, head[:4]...)
	default:
		g.b = append(g.b, head[0])
	}
	g.b = append(g.b, data...)
}

// imported adds an import.
func (g *generator) imported() {
	switch g.r.IntN(5) {
	case 0, 1:
		module, name := pick(g, words...), pick(g, words...)
		if g.chance(20) {
			name = pick(g, "\xff", "a\r", " a", "\xed\xa0\x80", "a\x00b")
		}
		g.line(pickle.GLOBAL, module+"\n"+name)
		g.push(1)
	case 2, 3:
		g.text()
		g.push(1)
		g.memoizeMaybe()
		g.text()
		g.push(1)
		g.memoizeMaybe()
		g.op(pickle.STACK_GLOBAL)
		g.drop(1)
	case 4:
		g.op(pickle.MARK)
		n := g.r.IntN(3)
		g.depth = append(g.depth, 0)
		for range n {
			g.constant()
		}
		g.depth = g.depth[:len(g.depth)-1]
		g.line(pickle.INST, pick(g, words...)+"\n"+pick(g, words...))
		g.push(1)
	}
}

func (g *generator) memoizeMaybe() {
	if g.chance(2) {
		g.op(pickle.MEMOIZE)
		g.memo++
	}
}

// called adds a call of something imported.
func (g *generator) called() {
	kind := g.r.IntN(4)
	if kind == 3 {
		g.op(pickle.MARK)
		g.depth = append(g.depth, 0)
	}
	g.imported()
	switch kind {
	case 0, 1:
		g.args()
		g.op(pick(g, pickle.REDUCE, pickle.NEWOBJ))
		g.drop(1)
	case 2:
		g.args()
		g.op(pickle.EMPTY_DICT)
		g.op(pickle.NEWOBJ_EX)
		g.drop(1)
	case 3:
		for range g.r.IntN(3) {
			g.constant()
		}
		g.op(pickle.OBJ)
		g.depth = g.depth[:len(g.depth)-1]
		g.push(1)
	}
}

func (g *generator) args() {
	n := g.r.IntN(4)
	for range n {
		g.constant()
	}
	g.drop(n)
	g.op([]pickle.Code{pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3}[n])
	g.push(1)
}

func (g *generator) container() {
	n := g.r.IntN(4)
	if g.has(n) && n > 0 && g.chance(2) {
		g.drop(n)
		g.op([]pickle.Code{pickle.NONE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3}[n])
		g.push(1)
		return
	}
	g.op(pick(g, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET, pickle.EMPTY_TUPLE))
	g.push(1)
}

// close ends the topmost mark.
func (g *generator) close() {
	if len(g.depth) < 2 {
		if g.chance(40) {
			g.op(pick(g, pickle.TUPLE, pickle.POP_MARK, pickle.LIST, pickle.SETITEMS, pickle.OBJ))
		}
		return
	}
	n := *g.top()
	g.depth = g.depth[:len(g.depth)-1]
	codes := []pickle.Code{pickle.TUPLE, pickle.LIST, pickle.FROZENSET, pickle.TUPLE, pickle.LIST}
	if n%2 == 0 || g.chance(10) {
		codes = append(codes, pickle.DICT)
	}
	if *g.top() > 0 || g.chance(40) {
		codes = append(codes, pickle.APPENDS, pickle.ADDITEMS, pickle.SETITEMS)
	}
	c := pick(g, codes...)
	g.op(c)
	switch c {
	case pickle.APPENDS, pickle.ADDITEMS, pickle.SETITEMS:
	default:
		g.push(1)
	}
}

// modify adds APPEND, SETITEM or BUILD, often on a fitting target.
func (g *generator) modify() {
	switch g.r.IntN(4) {
	case 0:
		if g.chance(2) {
			g.op(pickle.EMPTY_LIST)
			g.push(1)
		}
		if g.has(1) {
			g.constant()
			g.op(pickle.APPEND)
			g.drop(1)
		}
	case 1:
		if g.chance(2) {
			g.op(pickle.EMPTY_DICT)
			g.push(1)
		}
		if g.has(1) {
			g.constant()
			g.constant()
			g.op(pickle.SETITEM)
			g.drop(2)
		}
	case 2:
		g.called()
		g.op(pick(g, pickle.NONE, pickle.EMPTY_DICT))
		g.op(pickle.BUILD)
	case 3:
		if g.has(1) {
			g.op(pick(g, pickle.BINPERSID, pickle.BINPERSID, pickle.READONLY_BUFFER))
		}
	}
}

var memoTexts = []string{" 1", "1_0", "+11", "01", "1 ", "-1", "", "2\x00x", "99999999999999999999", "0x1", "1\r", "+ 1", "9223372036854775807"}

func (g *generator) memoized() {
	if g.memo > 0 && g.chance(2) {
		g.fetch()
		return
	}
	if !g.has(1) {
		return
	}
	i := g.memo
	if g.chance(8) {
		i = g.r.IntN(300)
	}
	switch g.r.IntN(5) {
	case 0:
		g.line(pickle.PUT, strconv.Itoa(i))
	case 1:
		g.op(pickle.BINPUT, byte(i))
	case 2:
		g.op(pickle.LONG_BINPUT, byte(i), byte(i>>8), 0, 0)
	case 3:
		g.op(pickle.MEMOIZE)
	case 4:
		if g.chance(3) {
			g.line(pickle.PUT, pick(g, memoTexts...))
		} else {
			g.op(pickle.MEMOIZE)
		}
	}
	g.memo++
}

func (g *generator) fetch() {
	i := g.r.IntN(g.memo)
	if g.chance(30) {
		i += 3
	}
	switch g.r.IntN(4) {
	case 0:
		g.line(pickle.GET, strconv.Itoa(i))
	case 1:
		g.op(pickle.BINGET, byte(i))
	case 2:
		g.op(pickle.LONG_BINGET, byte(i), byte(i>>8), 0, 0)
	case 3:
		if g.chance(3) {
			g.line(pickle.GET, pick(g, memoTexts...))
		} else {
			g.op(pickle.BINGET, byte(i))
		}
	}
	g.push(1)
}

func (g *generator) shuffle() {
	switch g.r.IntN(4) {
	case 0:
		if g.has(1) {
			g.op(pickle.DUP)
			g.push(1)
		}
	case 1:
		if g.has(1) {
			g.op(pickle.POP)
			g.drop(1)
		}
	case 2:
		if len(g.depth) > 1 {
			g.depth = g.depth[:len(g.depth)-1]
			g.op(pickle.POP_MARK)
		}
	case 3:
		if g.has(2) {
			g.op(pickle.STACK_GLOBAL)
			g.drop(1)
		}
	}
}

// wild adds what no pickler writes.
func (g *generator) wild() {
	switch g.r.IntN(6) {
	case 0:
		g.op(pickle.Code(g.r.Uint32()))
	case 1:
		g.op(pickle.PROTO, byte(g.r.IntN(7)))
	case 2:
		g.op(pick(g, pickle.EXT1), byte(g.r.IntN(3)))
		g.push(1)
	case 3:
		g.op(pickle.NEXT_BUFFER)
		g.push(1)
	case 4:
		g.op(pick(g, pickle.EXT4, pickle.LONG_BINPUT, pickle.LONG_BINGET), 1, 0, 0, pick[byte](g, 0, 0xff))
	case 5:
		g.op(pick(g, pickle.STOP, pickle.POP, pickle.REDUCE, pickle.BUILD, pickle.STACK_GLOBAL, pickle.APPEND))
	}
}

// frame adds a FRAME whose length is right, short or long by chance.
func (g *generator) frame() {
	n := uint64(g.r.IntN(60))
	if g.frames && g.chance(60) {
		g.counted(pickle.BINBYTES, string(make([]byte, 16<<10+g.r.IntN(100)-50)))
		g.push(1)
	}
	if g.chance(10) {
		n = pick(g, uint64(1)<<62, 1<<63, 10000)
	}
	g.op(pickle.FRAME, binary.LittleEndian.AppendUint64(nil, n)...)
}

// mutate damages the stream.
func (g *generator) mutate() {
	if len(g.b) < 2 {
		return
	}
	for range 1 + g.r.IntN(3) {
		at := g.r.IntN(len(g.b))
		switch g.r.IntN(5) {
		case 0:
			g.b[at] = byte(g.r.Uint32())
		case 1:
			g.b = append(g.b[:0:0], g.b[:at+1]...)
		case 2:
			end := at + g.r.IntN(min(20, len(g.b)-at))
			g.b = append(append(append([]byte(nil), g.b[:end]...), g.b[at:end]...), g.b[end:]...)
		case 3:
			end := at + g.r.IntN(min(8, len(g.b)-at))
			g.b = append(append([]byte(nil), g.b[:at]...), g.b[end:]...)
		case 4:
			g.b = append(append(append([]byte(nil), g.b[:at]...), byte(pick(g, pickle.STOP, pickle.MARK, pickle.POP, pickle.DUP, pickle.STACK_GLOBAL, pickle.REDUCE))), g.b[at:]...)
		}
		if len(g.b) < 2 {
			return
		}
	}
}

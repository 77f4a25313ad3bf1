package pickle

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func (m *machine) failLimit(what string, limit int64) { m.fail(bounded.Exceeded(what, limit)) }

// global runs GLOBAL.
func (m *machine) global() {
	if module, name, ok := m.nameLines(utf8.Valid); ok {
		m.push(m.importName(module, name))
	}
}

var errEmptyName = errors.New("a name is empty")

// nameLines reads the two lines of GLOBAL or INST. C refuses empty lines and a
// last line without newline; Python drops the last character of that line and
// goes on to import.
func (m *machine) nameLines(valid func([]byte) bool) (module, name string, ok bool) {
	first, ok := m.line(m.op.ArgOffset, m.op.Int, m.d.cut == 1)
	if !ok {
		return "", "", false
	}
	module = m.intern(first)
	first = []byte(module)
	second, ok := m.line(m.d.second, m.d.secondLen, m.d.cut == 2)
	if !ok {
		return "", "", false
	}
	if m.d.cut > 0 {
		m.note(NoteTruncatedLine, "the input ends inside a name")
	}
	if len(first) == 0 || len(second) == 0 {
		if m.d.file != nil {
			m.fail(errEmptyName)
			return "", "", false
		}
		m.note(NoteDisagree, "a name is empty: C stops, Python imports")
	}
	if !valid(first) || !valid(second) {
		m.failf("the name %.64q %.64q is not text", first, second)
		return "", "", false
	}
	return module, m.intern(second), true
}

// argText reads the argument of a text opcode without its newline.
func (m *machine) argText() ([]byte, bool) {
	return m.line(m.op.ArgOffset, m.op.ArgLen, m.d.cut > 0)
}

// line reads n bytes of text. Where the input ends before the newline the last
// character is dropped, as Python does.
func (m *machine) line(off, n int64, cut bool) ([]byte, bool) {
	if cut && n > 0 {
		n--
	}
	return m.read(off, n)
}

// read returns input bytes, valid until the next read.
func (m *machine) read(off, n int64) ([]byte, bool) {
	if n > m.lim.MaxText {
		m.failLimit("pickle text bytes", m.lim.MaxText)
		return nil, false
	}
	m.d.in.cost += n
	if n <= windowSize {
		b, err := m.d.in.at(off, int(n))
		if err != nil {
			m.fail(err)
			return nil, false
		}
		if int64(len(b)) >= n {
			return b[:n:n], true
		}
	}
	b, err := bounded.ReadRange(m.d.in.r, m.d.in.size, off, n, m.lim.MaxText)
	if err != nil {
		m.fail(err)
		return nil, false
	}
	return b, true
}

func (m *machine) intern(b []byte) string {
	if s, ok := m.names[string(b)]; ok {
		return s
	}
	s := string(b)
	m.names[s] = s
	return s
}

// stackGlobal runs STACK_GLOBAL.
func (m *machine) stackGlobal() {
	if !m.need(2) {
		return
	}
	nameRef := m.pop()
	moduleRef := m.pop()
	for _, ref := range []uint32{nameRef, moduleRef} {
		if k := m.kind(ref); k != KindStr && k.plain() {
			m.failf("an operand is a %s, not a str", k)
			return
		}
	}
	module, ok1 := m.constText(moduleRef)
	name, ok2 := m.constText(nameRef)
	if m.err != nil {
		return
	}
	if ok1 && ok2 {
		m.push(m.importName(module, name))
		return
	}
	m.push(m.addGlobal(qualifiedGlobal{qualifiedName{module, name}, false, true}))
}

// constText returns the text of a constant string.
func (m *machine) constText(ref uint32) (string, bool) {
	n := m.node(ref)
	if n.kind != KindStr || n.num() > m.lim.MaxText {
		return "", false
	}
	if m.nameLeft -= n.num(); m.nameLeft < 0 {
		m.failLimit("bytes of names read", 64<<20+m.d.in.size)
		return "", false
	}
	off, size := n.payload()
	b, ok := m.read(off, size)
	if !ok {
		return "", false
	}
	text, ok := decodeText(n.op, b)
	if !ok {
		return "", false
	}
	if s, ok := m.names[text]; ok {
		return s, true
	}
	m.names[text] = text
	return text, true
}

// importName records find_class(module, name).
func (m *machine) importName(module, name string) uint32 {
	return m.addGlobal(qualifiedGlobal{qualifiedName{module, name}, m.proto < 3, false})
}

func (m *machine) addGlobal(q qualifiedGlobal) uint32 {
	i, ok := m.globals[q]
	if !ok {
		g := Global{RawModule: q.module, RawName: q.name, Computed: q.computed}
		if !q.computed {
			g.Module, g.Name = q.module, q.name
			if q.mapped {
				g.Module, g.Name = mapPython2(q.module, q.name)
			}
			g.Dotted = strings.Contains(q.name, ".")
		}
		i = uint32(len(m.s.globals))
		m.s.globals = append(m.s.globals, g)
		m.globals[q] = i
	}
	ref := m.make(node{kind: KindGlobal, a: i})
	m.event(EventImport, ref, 0, ref)
	return ref
}

// inst runs INST. Python imports before it looks for the mark, C after.
func (m *machine) inst() {
	module, name, ok := m.nameLines(isASCII)
	if !ok {
		return
	}
	class := m.importName(module, name)
	if items, ok := m.popMark(); ok {
		m.call(EventCall, class, m.makeTuple(items))
	}
}

func (m *machine) obj() {
	items, ok := m.popMark()
	if !ok {
		return
	}
	if len(items) == 0 {
		m.failf("no class above the mark")
		return
	}
	m.call(EventCall, items[0], m.makeTuple(items[1:]))
}

func (m *machine) reduce() {
	if !m.need(2) {
		return
	}
	args := m.pop()
	m.call(EventCall, m.pop(), args)
}

func (m *machine) newObj(keywords bool) {
	n, kwargs := 2, uint32(0)
	if keywords {
		n = 3
	}
	if !m.need(n) {
		return
	}
	if keywords {
		kwargs = m.pop()
	}
	args := m.pop()
	ref := m.call(EventNew, m.pop(), args)
	if ref != 0 && keywords {
		m.s.change(ref, func(x *extra) { x.kwargs = kwargs })
	}
}

// call pushes the result of a call.
func (m *machine) call(kind EventKind, callee, args uint32) uint32 {
	if k := m.kind(callee); k.plain() {
		m.failf("the callee is a %s", k)
		return 0
	}
	ref := m.make(node{kind: KindObject, a: callee, b: args})
	if m.err != nil {
		return 0
	}
	m.event(kind, callee, args, ref)
	m.push(ref)
	if kind == EventCall {
		m.learnExtension(callee, args)
	}
	return ref
}

// learnExtension follows copyreg.add_extension(module, name, code).
func (m *machine) learnExtension(callee, args uint32) {
	c, a := m.node(callee), m.node(args)
	if c.kind != KindGlobal || a.kind != KindTuple || a.c != 3 {
		return
	}
	if g := &m.s.globals[c.a]; g.Module != "copyreg" || g.Name != "add_extension" {
		return
	}
	module, ok1 := m.constText(m.s.items.At(int(a.a)))
	name, ok2 := m.constText(m.s.items.At(int(a.a) + 1))
	code, ok3 := m.value(m.s.items.At(int(a.a) + 2)).Int()
	if ok1 && ok2 && ok3 {
		m.ext[code] = qualifiedName{module, name}
	}
}

func (m *machine) extension() {
	if m.op.Int <= 0 {
		m.failf("extension code %d is not positive", m.op.Int)
		return
	}
	n := node{kind: KindExt}
	n.setNum(m.op.Int)
	code := m.make(node{kind: KindInt, b: n.b, c: n.c, flag: inlineInt})
	var ref uint32
	at := m.t.Len()
	if q, ok := m.ext[m.op.Int]; ok {
		ref = m.importName(q.module, q.name)
	} else {
		ref = m.make(n)
	}
	m.event(EventExtension, 0, code, ref)
	if m.t.Len() == at+2 { // the lookup comes first
		first, second := m.t.events.At(at), m.t.events.At(at+1)
		m.t.events.Set(at, second)
		m.t.events.Set(at+1, first)
	}
	m.push(ref)
}

func (m *machine) build() {
	if !m.need(2) {
		return
	}
	state := m.pop()
	ref := m.top()
	n := m.node(ref)
	if n.kind == KindObject {
		m.s.change(ref, func(x *extra) { m.s.extend(&x.states, state) })
	} else if n.kind.plain() {
		m.note(NoteOddTarget, "the target is a %s", n.kind)
	}
	m.event(EventBuild, ref, state, 0)
	if m.opt.AfterBuild == nil || m.err != nil {
		return
	}
	skip, err := m.opt.AfterBuild(m.t, m.value(ref), m.value(state), m.d.pos)
	if err != nil {
		m.fail(err)
		return
	}
	if skip < 0 || skip > m.d.in.size-m.d.pos {
		m.failf("%d raw bytes follow, %d are left", skip, m.d.in.size-m.d.pos)
		return
	}
	m.d.pos += skip
	if m.d.file != nil {
		m.d.file.seek(m.d.pos)
	}
}

func (m *machine) textPersistent() {
	b, ok := m.argText()
	if !ok {
		return
	}
	if m.d.cut > 0 {
		m.note(NoteTruncatedLine, "the input ends inside a persistent id")
	}
	if !isASCII(b) {
		m.failf("the persistent id %.64q is not ASCII", b)
		return
	}
	n := node{kind: KindStr}
	n.setNum(int64(len(b)))
	ref := m.make(n)
	m.moved(ref)
	m.persistent(ref)
}

func (m *machine) persistent(id uint32) {
	ref := m.make(node{kind: KindPersistent, a: id})
	m.event(EventPersistent, 0, id, ref)
	m.push(ref)
}

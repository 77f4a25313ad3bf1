package pickle

import "slices"

// step runs the instruction m.op. Its cases keep the order of effects of
// Lib/pickle.py's _Unpickler, which Modules/_pickle.c shares.
func (m *machine) step() {
	switch m.op.Code {
	case PROTO:
		m.setProto()
	case FRAME:
		m.enterFrame()
	case STOP:
		if m.need(1) {
			m.t.Result = m.value(m.pop())
			m.stopped = true
		}

	case NONE:
		m.constant(&m.none, node{kind: KindNone})
	case NEWTRUE:
		m.constant(&m.yes, node{kind: KindBool, a: 1})
	case NEWFALSE:
		m.constant(&m.no, node{kind: KindBool})
	case EMPTY_TUPLE:
		m.constant(&m.empty, node{kind: KindTuple})
	case BININT1:
		m.constant(&m.small[m.op.Int&0xff], node{kind: KindInt, b: uint32(m.op.Int), flag: inlineInt})
	case BININT, BININT2:
		m.pushInt(m.op.Int)
	case INT, LONG:
		m.textInt()
	case LONG1, LONG4:
		m.binaryInt()
	case FLOAT:
		m.textFloat()
	case BINFLOAT:
		m.binaryFloat()
	case STRING, UNICODE:
		m.escapedText()
	case BINSTRING, SHORT_BINSTRING, BINUNICODE, SHORT_BINUNICODE, BINUNICODE8:
		m.countedText()
	case BINBYTES, SHORT_BINBYTES, BINBYTES8:
		m.pushSection(KindBytes)
	case BYTEARRAY8:
		m.pushSection(KindByteArray)

	case MARK:
		m.mark()
	case POP:
		if len(m.stack) > int(m.fence) {
			m.pop()
		} else {
			m.popMark()
		}
	case POP_MARK:
		m.popMark()
	case DUP:
		if m.need(1) {
			m.push(m.top())
		}

	case TUPLE1:
		m.tuple(1)
	case TUPLE2:
		m.tuple(2)
	case TUPLE3:
		m.tuple(3)
	case TUPLE:
		if items, ok := m.popMark(); ok {
			m.push(m.makeTuple(items))
		}
	case EMPTY_LIST:
		m.push(m.make(node{kind: KindList}))
	case EMPTY_DICT:
		m.push(m.make(node{kind: KindDict}))
	case EMPTY_SET:
		m.push(m.make(node{kind: KindSet}))
	case LIST:
		m.container(KindList)
	case FROZENSET:
		m.container(KindFrozenSet)
	case DICT:
		m.container(KindDict)
	case APPEND, APPENDS:
		m.appendItems()
	case SETITEM, SETITEMS:
		m.setItems()
	case ADDITEMS:
		m.addItems()

	case PUT:
		m.textPut()
	case BINPUT, LONG_BINPUT:
		m.put(m.op.Int, 1)
	case MEMOIZE:
		m.put(m.memo.count, 2)
	case GET:
		m.textGet()
	case BINGET, LONG_BINGET:
		m.get(m.op.Int)

	case GLOBAL:
		m.global()
	case STACK_GLOBAL:
		m.stackGlobal()
	case INST:
		m.inst()
	case OBJ:
		m.obj()
	case REDUCE:
		m.reduce()
	case NEWOBJ:
		m.newObj(false)
	case NEWOBJ_EX:
		m.newObj(true)
	case BUILD:
		m.build()
	case PERSID:
		m.textPersistent()
	case BINPERSID:
		if m.need(1) {
			m.persistent(m.pop())
		}
	case EXT1, EXT2, EXT4:
		m.extension()
	case NEXT_BUFFER:
		ref := m.make(node{kind: KindBuffer})
		m.event(EventBuffer, 0, 0, ref)
		m.push(ref)
	case READONLY_BUFFER:
		m.readOnlyBuffer()
	}
}

func (m *machine) setProto() {
	if m.op.Int > maxProto {
		m.failf("protocol %d is not known", m.op.Int)
		return
	}
	if m.t.Proto >= 0 {
		m.note(NoteDuplicateProto, "PROTO %d follows PROTO %d", m.op.Int, m.t.Proto)
	} else if m.op.Offset != m.t.Start {
		m.note(NoteDuplicateProto, "PROTO %d is not the first opcode", m.op.Int)
	}
	m.proto = uint8(m.op.Int)
	m.t.Proto = int(m.op.Int)
}

// constant pushes a value that one node stands for in the whole stream.
func (m *machine) constant(ref *uint32, n node) {
	if *ref == 0 {
		*ref = m.make(n)
	}
	m.push(*ref)
}

func (m *machine) tuple(n int) {
	if !m.need(n) {
		return
	}
	at := len(m.stack) - n
	ref := m.makeTuple(m.stack[at:])
	m.stack = append(m.stack[:at], ref)
}

func (m *machine) makeTuple(items []uint32) uint32 {
	start := m.s.items.Len()
	for _, ref := range items {
		m.s.items.Append(ref)
	}
	return m.make(node{kind: KindTuple, a: uint32(start), c: uint32(len(items))})
}

// container makes a list, frozenset or dict of what stands above the mark.
func (m *machine) container(kind Kind) {
	items, ok := m.popMark()
	if !ok {
		return
	}
	if kind == KindDict && len(items)%2 != 0 {
		m.failf("%d items are not pairs", len(items))
		return
	}
	var r run
	m.s.extend(&r, items...)
	n := node{kind: kind}
	n.setRun(r)
	m.push(m.make(n))
}

// operands takes the items of APPEND(S), SETITEM(S) or ADDITEMS, n of them or
// those above the mark, and returns the target under them.
func (m *machine) operands(single Code, n int) (target uint32, items []uint32, ok bool) {
	if m.op.Code == single {
		if !m.need(n + 1) {
			return 0, nil, false
		}
		at := len(m.stack) - n
		items, m.stack = m.stack[at:], m.stack[:at]
		return m.top(), items, true
	}
	items, ok = m.popMark()
	if !ok || !m.need(1) {
		return 0, nil, false
	}
	return m.top(), items, true
}

func (m *machine) appendItems() {
	target, items, ok := m.operands(APPEND, 1)
	if !ok {
		return
	}
	n := m.node(target)
	if n.kind == KindList {
		m.grow(target, items)
		return
	}
	if m.plainTarget(n, len(items), KindByteArray) {
		return
	}
	if n.kind == KindObject {
		m.s.change(target, func(x *extra) { m.s.extend(&x.items, items...) })
	}
	if len(items) == 0 { // Python calls extend, C does nothing
		m.event(EventAppend, target, 0, 0)
	}
	for _, item := range items {
		m.event(EventAppend, target, item, 0)
	}
}

func (m *machine) setItems() {
	target, items, ok := m.operands(SETITEM, 2)
	if !ok {
		return
	}
	odd := len(items)%2 != 0
	n := m.node(target)
	switch {
	case n.kind == KindDict:
		if !odd {
			m.grow(target, items)
		}
	case m.plainTarget(n, len(items), KindByteArray, KindList):
		return
	default:
		m.setObjectItems(target, items)
	}
	if odd { // Python sets the pairs before it fails, C none
		m.failf("%d items are not pairs", len(items))
	}
}

func (m *machine) setObjectItems(target uint32, items []uint32) {
	pairs := items[:len(items)&^1]
	if m.kind(target) == KindObject {
		m.s.change(target, func(x *extra) { m.s.extend(&x.pairs, pairs...) })
	}
	for i := 0; i < len(pairs) && m.err == nil; i += 2 {
		m.event(EventSetItem, target, m.makeTuple(pairs[i:i+2]), 0)
	}
}

func (m *machine) addItems() {
	target, items, ok := m.operands(0, 0)
	if !ok {
		return
	}
	n := m.node(target)
	if n.kind == KindSet {
		m.grow(target, items)
		return
	}
	if m.plainTarget(n, len(items)) {
		return
	}
	if n.kind == KindObject {
		m.s.change(target, func(x *extra) { m.s.extend(&x.items, items...) })
	}
	for _, item := range items {
		m.event(EventAddItem, target, item, 0)
	}
}

// grow appends items to a container.
func (m *machine) grow(target uint32, items []uint32) {
	if int64(m.s.items.Len()) > 2*m.lim.MaxValues {
		m.make(node{}) // fails with the limit
		return
	}
	n := m.node(target)
	r := n.run()
	m.s.extend(&r, items...)
	n.setRun(r)
	m.s.nodes.Set(int(target), n)
}

// plainTarget reports whether a constant or container cannot take items, and
// fails if there are any. Other kinds have the method that is called.
func (m *machine) plainTarget(n node, items int, except ...Kind) bool {
	if slices.Contains(except, n.kind) {
		m.note(NoteOddTarget, "the target is a %s", n.kind)
		return false
	}
	if !n.kind.plain() {
		return false
	}
	m.note(NoteOddTarget, "the target is a %s", n.kind)
	if items > 0 {
		m.failf("the target is a %s", n.kind)
	}
	return true
}

func (m *machine) put(i int64, how uint8) {
	if !m.need(1) {
		return
	}
	if m.memo.count >= m.lim.MaxMemo {
		m.failLimit("pickle memo entries", m.lim.MaxMemo)
		return
	}
	if m.wroteMem == 3-how {
		m.note(NoteMixedMemo, "%s in a stream that also uses the other way to fill the memo", m.op.Code)
	}
	m.wroteMem |= how
	if m.memo.put(i, m.top()) {
		m.note(NoteOverwrittenMemo, "memo index %d is written again", i)
	}
}

func (m *machine) get(i int64) {
	ref := m.memo.get(i)
	if ref == 0 {
		m.failf("memo index %d is not set", i)
		return
	}
	m.push(ref)
}

func (m *machine) readOnlyBuffer() {
	if !m.need(1) {
		return
	}
	if ref := m.top(); !m.kind(ref).plain() || m.kind(ref) == KindByteArray {
		m.event(EventBuffer, ref, 0, ref)
	} else if m.kind(ref) != KindBytes {
		m.failf("the value is a %s", m.kind(ref))
	}
}

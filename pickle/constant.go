package pickle

import (
	"encoding/binary"
	"math"
)

func (m *machine) pushInt(v int64) {
	n := node{kind: KindInt, flag: inlineInt}
	n.setNum(v)
	m.push(m.make(n))
}

// pushSection pushes bytes that stay in the input.
func (m *machine) pushSection(kind Kind) {
	n := node{kind: kind}
	n.setNum(m.op.ArgLen)
	ref := m.make(n)
	m.moved(ref)
	m.push(ref)
}

// checkedText is the longest string whose encoding is checked: longer ones are
// passed over unread.
const checkedText = windowSize

func (m *machine) countedText() {
	if m.op.ArgLen <= min(checkedText, m.lim.MaxText) {
		b, ok := m.read(m.op.ArgOffset, m.op.ArgLen)
		if !ok {
			return
		}
		legacy := m.op.Code == BINSTRING || m.op.Code == SHORT_BINSTRING
		switch {
		case legacy && !isASCII(b):
			m.note(NoteOddText, "the string is not ASCII: what it reads as depends on the loader's encoding")
		case !legacy && !validText(b):
			m.failf("the text is not UTF-8")
			return
		}
	}
	m.pushSection(KindStr)
}

// escapedText runs STRING and UNICODE.
func (m *machine) escapedText() {
	if m.op.ArgLen <= m.lim.MaxText {
		b, ok := m.read(m.op.ArgOffset, m.op.ArgLen)
		if !ok {
			return
		}
		var text []byte
		if m.op.Code == STRING {
			text, ok = unescapeString(b)
		} else {
			text, ok = rawUnicode(b)
		}
		if !ok {
			m.failf("the text %.64q does not decode", b)
			return
		}
		if m.op.Code == STRING && !isASCII(text) {
			m.note(NoteOddText, "the string is not ASCII: what it reads as depends on the loader's encoding")
		}
	}
	m.pushSection(KindStr)
}

func (m *machine) textInt() {
	b, ok := m.argText()
	if !ok {
		return
	}
	if m.op.Code == INT && len(b) == 2 && b[0] == '0' && (b[1] == '0' || b[1] == '1') {
		m.push(m.make(node{kind: KindBool, a: uint32(b[1] - '0')}))
		return
	}
	num, ok := parseNumber(longDigits(m.op.Code, b), 0)
	if !ok && m.op.Code == INT && len(b) > 0 && b[0] == 0 {
		num, ok = number{digits: "0", base: 10, odd: true}, true // strtol takes "" for 0
	}
	if !ok {
		m.failf("%.64q is not an integer", b)
		return
	}
	if num.odd {
		m.note(NoteOddText, "%.64q is an odd way to write an integer", b)
	}
	n := node{kind: KindInt}
	n.setNum(int64(len(b)))
	if v, ok := num.int64(); ok {
		n.flag = inlineInt
		n.setNum(v)
	}
	ref := m.make(n)
	m.moved(ref)
	m.push(ref)
}

// longDigits takes the L off that ends the argument of LONG.
func longDigits(op Code, b []byte) []byte {
	if n := len(b); op == LONG && n > 0 && b[n-1] == 'L' {
		return b[:n-1]
	}
	return b
}

func (m *machine) binaryInt() {
	if m.op.ArgLen > 8 {
		m.pushSection(KindInt)
		return
	}
	b, ok := m.read(m.op.ArgOffset, m.op.ArgLen)
	if ok {
		m.pushInt(littleEndian(b))
	}
}

// littleEndian reads up to eight bytes as a signed number.
func littleEndian(b []byte) int64 {
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	if n := len(b); n > 0 && b[n-1] >= 0x80 {
		v |= math.MaxUint64 << (8 * n)
	}
	return int64(v)
}

func (m *machine) textFloat() {
	b, ok := m.argText()
	if !ok {
		return
	}
	v, odd, ok := parseFloat(b)
	if !ok {
		m.failf("%.64q is not a float", b)
		return
	}
	if odd {
		m.note(NoteOddText, "%.64q is an odd way to write a float", b)
	}
	m.pushFloat(math.Float64bits(v))
}

func (m *machine) binaryFloat() {
	if b, ok := m.read(m.op.ArgOffset, 8); ok {
		m.pushFloat(binary.BigEndian.Uint64(b))
	}
}

func (m *machine) pushFloat(bits uint64) {
	n := node{kind: KindFloat}
	n.setNum(int64(bits))
	m.push(m.make(n))
}

// memoIndex parses the argument of PUT or GET.
func (m *machine) memoIndex() (number, bool) {
	b, ok := m.argText()
	if !ok {
		return number{}, false
	}
	num, ok := parseNumber(b, 10)
	if !ok {
		m.failf("%.64q is not a memo index", b)
		return num, false
	}
	if num.odd {
		m.note(NoteOddText, "%.64q is an odd way to write memo index %.64s", b, num.digits)
	}
	return num, true
}

func (m *machine) textPut() {
	num, ok := m.memoIndex()
	if !ok {
		return
	}
	i, fits := num.int64()
	switch {
	case num.digits[0] == '-':
		m.failf("memo index %.64s is negative", num.digits)
	case fits:
		m.put(i, 1)
	case m.need(1):
		m.note(NoteDisagree, "memo index %.64s does not fit 64 bits: C stops, Python runs on", num.digits)
		if m.memo.count >= m.lim.MaxMemo {
			m.failLimit("pickle memo entries", m.lim.MaxMemo)
			return
		}
		m.memo.putHuge(num.digits, m.top())
	}
}

func (m *machine) textGet() {
	num, ok := m.memoIndex()
	if !ok {
		return
	}
	if i, fits := num.int64(); fits {
		m.get(i)
		return
	}
	ref := m.memo.huge[num.digits]
	if ref == 0 {
		m.failf("memo index %.64s is not set", num.digits)
		return
	}
	m.push(ref)
}

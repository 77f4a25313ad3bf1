package contract

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/pickle"
)

const (
	maxDepth    = 8000    // deeper than what CPython's own pickler can write
	maxExpanded = 1 << 36 // values when what is shared is counted each time
	maxMemoGap  = 1 << 24 // a memo index for which C allocates a table of 256 MiB
	maxCounted  = 1 << 22 // values that are counted
)

// exhaustion looks for structures that exhaust whoever loads or walks them.
func (j *judge) exhaustion() {
	for _, n := range j.t.Notes {
		if n.Kind != pickle.NoteMemoHole {
			continue
		}
		i := strings.LastIndexByte(n.Text, ' ')
		if index, err := strconv.ParseUint(n.Text[i+1:], 10, 64); err == nil && index >= maxMemoGap || err != nil && i >= 0 && len(n.Text)-i > 18 {
			j.add("memo index", pkl052, n.Offset, "a memo index makes the loader allocate a table of its size, more than it has", noted(n)).Undetermined = true
		}
	}
	o := &j.t.Ops
	again := o[pickle.GET] + o[pickle.BINGET] + o[pickle.LONG_BINGET] + o[pickle.DUP]
	made := o[pickle.TUPLE] + o[pickle.TUPLE1] + o[pickle.TUPLE2] + o[pickle.TUPLE3] + o[pickle.LIST] + o[pickle.EMPTY_LIST] + o[pickle.DICT] + o[pickle.EMPTY_DICT] + o[pickle.EMPTY_SET] + o[pickle.FROZENSET]
	if again >= 16 && made >= 16 || made > maxDepth || o[pickle.LONG]+o[pickle.LONG4]+o[pickle.INT] > 0 {
		m := measurer{j: j, sizes: scratch.NewArray(j.opt.Scratch, measureCodec), todo: newStack(j)}
		m.run(j.t.Result)
	}
}

// measure is what a value would be if nothing in it were shared.
type measure struct {
	size  float32
	depth int32 // 0 before it is looked at, -1 while it is open
}

// measurer counts below one value without recursion: each container once.
type measurer struct {
	j     *judge
	sizes *scratch.Array[measure] // by Value.Key
	todo  stack                   // containers that wait, those of the innermost last
	stack []open
	left  int
}

// open is a container whose items are being counted.
type open struct {
	v    pickle.Value
	todo int // where its containers start in the list of those that wait
	sum  measure
}

func (m *measurer) run(root pickle.Value) {
	m.left = maxCounted
	m.push(root)
	for len(m.stack) > 0 {
		top := &m.stack[len(m.stack)-1]
		if m.todo.len() > top.todo {
			next := m.todo.pop()
			if done := m.at(next); done.depth != 0 {
				top.sum.add(done)
			} else {
				m.push(next)
			}
			continue
		}
		v, done := top.v, top.sum
		done.depth++
		m.set(v, done)
		m.stack = m.stack[:len(m.stack)-1]
		if done.depth > maxDepth || done.size > maxExpanded {
			m.report(v, done)
			return
		}
		if len(m.stack) > 0 {
			m.stack[len(m.stack)-1].sum.add(done)
		}
	}
}

// at returns a value's measure.
func (m *measurer) at(v pickle.Value) measure {
	if i := int(v.Key()); i < m.sizes.Len() {
		return m.sizes.At(i)
	}
	return measure{}
}

func (m *measurer) set(v pickle.Value, to measure) {
	m.sizes.Extend(int(v.Key()) + 1)
	m.sizes.Set(int(v.Key()), to)
}

var measureCodec = scratch.Codec[measure]{
	Size: 8,
	Put: func(b []byte, s *measure) {
		binary.LittleEndian.PutUint32(b, math.Float32bits(s.size))
		binary.LittleEndian.PutUint32(b[4:], uint32(s.depth))
	},
	Get: func(b []byte, s *measure) {
		s.size, s.depth = math.Float32frombits(binary.LittleEndian.Uint32(b)), int32(binary.LittleEndian.Uint32(b[4:]))
	},
}

func (s *measure) add(t measure) {
	s.size += t.size
	s.depth = max(s.depth, t.depth)
}

// push opens a container: its constants are counted at once, containers wait.
func (m *measurer) push(v pickle.Value) {
	m.set(v, measure{depth: -1})
	o := open{v: v, todo: m.todo.len(), sum: measure{size: 1}}
	take := func(item pickle.Value) bool {
		if m.left--; m.left < 0 {
			return false
		}
		switch item.Kind() {
		case pickle.KindTuple, pickle.KindList, pickle.KindDict, pickle.KindSet, pickle.KindFrozenSet, pickle.KindObject:
			m.todo.push(item)
		case pickle.KindInt:
			m.number(item)
			fallthrough
		default:
			o.sum.size++
		}
		return true
	}
	switch v.Kind() {
	case pickle.KindDict:
		pairs(v, take)
	case pickle.KindObject:
		take(v.Args())
		for s := range v.States() {
			take(s)
		}
		pairs(v, take)
		each(v, take)
	case pickle.KindInt:
		m.number(v)
	default:
		each(v, take)
	}
	m.stack = append(m.stack, o)
}

func each(v pickle.Value, take func(pickle.Value) bool) {
	for item := range v.Items() {
		if !take(item) {
			return
		}
	}
}

func pairs(v pickle.Value, take func(pickle.Value) bool) {
	for k, item := range v.Pairs() {
		if !take(k) || !take(item) {
			return
		}
	}
}

// number reports an integer that no conversion finishes.
func (m *measurer) number(v pickle.Value) {
	if _, ok := v.Int(); ok {
		return
	}
	if _, ok := v.BigInt(); !ok {
		m.j.add("exhaust", pkl057, v.Offset(), "an integer is so long that converting it takes hours")
	}
}

func (m *measurer) report(v pickle.Value, s measure) {
	text := fmt.Sprintf("containers are nested more than %d deep", maxDepth)
	if s.size > maxExpanded {
		text = fmt.Sprintf("containers hold each other so often that they stand for 10^%d values", int(math.Log10(min(float64(s.size), math.MaxFloat32))))
	}
	m.j.add("exhaust", pkl057, v.Offset(), text)
}

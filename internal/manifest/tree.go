package manifest

import (
	"bytes"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// kind is a kind of value of TOML, JSON and YAML.
type kind uint8

const (
	absent kind = iota
	null
	boolean
	number // and dates
	text
	array
	table
)

func (k kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number or a date", "a string", "an array", "a table"}[k]
}

// node is a value in a tree. Its children are a list, linked by their numbers:
// a document is one slice, whatever its shape.
type node struct {
	key               string // of a member of a table
	str               string // a string, or another scalar as it is written
	off               int32  // of the value, or of the key where the value has no place
	line, column      int32  // where the syntax gives them, and off is nothing
	first, last, next int32
	count             int32
	kind              kind
	state             tableState
}

// tree is a document. Node 0 is what is not there; node 1 is the root.
type tree struct {
	nodes []node
	index map[place]int32 // members of tables with more than few
	most  int
	at    position
}

type place struct {
	table int32
	key   string
}

// few is how many members a table may have and be searched one by one.
const few = 10

func newTree(src []byte, lim Limits) *tree {
	t := &tree{most: lim.Values, at: position{src: src}}
	t.nodes = make([]node, 1, 64+len(src)/24)
	return t
}

func (t *tree) push(n node) (int32, error) {
	if len(t.nodes) > t.most {
		return 0, bounded.Exceeded("values of a document", int64(t.most))
	}
	t.nodes = append(t.nodes, n)
	return int32(len(t.nodes) - 1), nil
}

// link makes a node the last child of another.
func (t *tree) link(parent, child int32) {
	p := &t.nodes[parent]
	if p.last == 0 {
		p.first = child
	} else {
		t.nodes[p.last].next = child
	}
	p.last = child
	p.count++
	if p.kind != table || p.count <= few {
		return
	}
	if t.index == nil {
		t.index = make(map[place]int32)
	}
	if p.count == few+1 {
		for i := p.first; i != 0; i = t.nodes[i].next {
			t.index[place{parent, t.nodes[i].key}] = i
		}
		return
	}
	t.index[place{parent, t.nodes[child].key}] = child
}

// find gives the last member of a table with a key, or 0.
func (t *tree) find(parent int32, key string) (found int32) {
	p := &t.nodes[parent]
	if p.kind != table {
		return 0
	}
	if p.count > few {
		return t.index[place{parent, key}]
	}
	for i := p.first; i != 0; i = t.nodes[i].next {
		if t.nodes[i].key == key {
			found = i
		}
	}
	return found
}

func (t *tree) root() value {
	if len(t.nodes) < 2 {
		return value{t, 0}
	}
	return value{t, 1}
}

// value is a node with its tree. The zero node is nothing, of which everything
// can be asked.
type value struct {
	t *tree
	i int32
}

func (v value) node() *node { return &v.t.nodes[v.i] }

func (v value) kind() kind { return v.node().kind }

func (v value) there() bool { return v.kind() != absent }

func (v value) count() int { return int(v.node().count) }

func (v value) key() string { return v.node().key }

// get follows keys down.
func (v value) get(keys ...string) value {
	for _, k := range keys {
		v.i = v.t.find(v.i, k)
	}
	return v
}

// text is a string, or empty.
func (v value) text() string {
	if n := v.node(); n.kind == text {
		return n.str
	}
	return ""
}

// scalar is a string, a number, a date or a boolean as it is written.
func (v value) scalar() string { return v.node().str }

func (v value) truth() bool { return v.kind() == boolean && v.node().str == "true" }

// each lists the elements of an array or the members of a table.
func (v value) each() iter.Seq[value] {
	return func(yield func(value) bool) {
		for i := v.node().first; i != 0; i = v.t.nodes[i].next {
			if !yield(value{v.t, i}) {
				return
			}
		}
	}
}

func (v value) line() int {
	if n := v.node(); n.line > 0 || n.kind == absent {
		return int(n.line)
	}
	line, _ := v.t.at.line(int(v.node().off))
	return line
}

func (v value) place() (line, column int) {
	n := v.node()
	if n.kind == absent {
		return 0, 0
	}
	if n.line > 0 {
		return int(n.line), int(n.column)
	}
	return v.t.at.find(int(n.off))
}

// position turns offsets into lines and columns.
type position struct {
	src   []byte
	lines []int // offsets at which lines begin
	// The last answer, from which a later column of the same line is counted.
	off, lastLine, column int
}

// find gives a place as people count it: the column in characters, or in bytes
// where that is a long way to count.
func (p *position) find(off int) (line, column int) {
	line, from := p.line(off)
	column = 1
	if p.lastLine == line && p.off <= off {
		from, column = p.off, p.column
	}
	off = min(off, len(p.src))
	if off-from > 4096 {
		column += off - from
	} else {
		column += utf8.RuneCount(p.src[from:off])
	}
	p.off, p.lastLine, p.column = off, line, column
	return line, column
}

// line gives the line of an offset, and where it begins.
func (p *position) line(off int) (line, start int) {
	if p.lines == nil {
		p.lines = lineStarts(p.src)
	}
	i, exact := slices.BinarySearch(p.lines, off)
	if !exact {
		i--
	}
	return i + 1, p.lines[i]
}

func lineStarts(src []byte) []int {
	out := make([]int, 1, 1+bytes.Count(src, []byte{'\n'}))
	for i := 0; ; {
		n := bytes.IndexByte(src[i:], '\n')
		if n < 0 {
			return out
		}
		i += n + 1
		out = append(out, i)
	}
}

// checkLines refuses a line that is longer than it may be.
func checkLines(src []byte, lim Limits) error {
	for line := 1; len(src) > 0; line++ {
		n := bytes.IndexByte(src, '\n')
		if n < 0 {
			n = len(src) - 1
		}
		if n > lim.Line {
			return &lineError{line, bounded.Exceeded("bytes of a line", int64(lim.Line))}
		}
		src = src[n+1:]
	}
	return nil
}

package pickle

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

const (
	stringWidth = 200 // longest String
	textWidth   = 80  // longest string constant inside
	maxDepth    = 5   // deepest nesting shown
)

// String returns a short rendering in Python's manner, of at most 200 bytes.
func (v Value) String() string {
	p := printer{width: stringWidth}
	p.value(v, 0)
	return p.String()
}

// A printer renders values. Depth and width are bounded, so shared and cyclic
// values cost no more than others.
type printer struct {
	buf   []byte
	width int
	vars  map[uint32]int // values that have a name
}

const ellipsis = "..."

func (p *printer) String() string {
	if len(p.buf) > p.width {
		cut := p.width - len(ellipsis)
		for cut > 0 && p.buf[cut]&0xc0 == 0x80 {
			cut--
		}
		return string(p.buf[:cut]) + ellipsis
	}
	return string(p.buf)
}

func (p *printer) full() bool { return len(p.buf) > p.width }

func (p *printer) add(s string) { p.buf = append(p.buf, s...) }

func (p *printer) value(v Value, depth int) {
	if p.full() {
		return
	}
	if i, ok := p.vars[v.Key()]; ok && depth > 0 {
		p.add("v" + strconv.Itoa(i))
		return
	}
	if depth > maxDepth {
		p.add(ellipsis)
		return
	}
	switch v.Kind() {
	case KindTuple, KindList, KindDict, KindSet, KindFrozenSet:
		p.container(v, depth+1)
	case KindGlobal:
		g, _ := v.Global()
		p.add(printable(g.String()))
	case KindObject:
		p.object(v, depth)
	case KindPersistent:
		p.add("persistent_load(")
		p.value(v.PersistentID(), depth+1)
		p.add(")")
	default:
		p.add(v.constant())
	}
}

// object renders a call.
func (p *printer) object(v Value, depth int) {
	p.value(v.Func(), depth+1)
	if op := v.Via(); op == NEWOBJ || op == NEWOBJ_EX {
		p.add(".__new__")
	}
	p.arguments(v.Args(), v.KwArgs(), depth)
}

func (p *printer) arguments(args, kwargs Value, depth int) {
	p.add("(")
	if args.Kind() == KindTuple {
		p.list(args, depth+1)
	} else {
		p.add("*")
		p.value(args, depth+1)
	}
	if !kwargs.IsZero() {
		p.add(", **")
		p.value(kwargs, depth+1)
	}
	p.add(")")
}

func (p *printer) container(v Value, depth int) {
	switch v.Kind() {
	case KindTuple:
		p.add("(")
		p.list(v, depth)
		if v.Len() == 1 {
			p.add(",")
		}
		p.add(")")
	case KindList:
		p.add("[")
		p.list(v, depth)
		p.add("]")
	case KindSet:
		p.add("set([")
		p.list(v, depth)
		p.add("])")
	case KindFrozenSet:
		p.add("frozenset([")
		p.list(v, depth)
		p.add("])")
	case KindDict:
		p.dict(v, depth)
	}
}

func (p *printer) list(v Value, depth int) {
	first := true
	for item := range v.Items() {
		if p.full() {
			return
		}
		if !first {
			p.add(", ")
		}
		first = false
		p.value(item, depth)
	}
}

func (p *printer) dict(v Value, depth int) {
	p.add("{")
	first := true
	for key, val := range v.Pairs() {
		if p.full() {
			return
		}
		if !first {
			p.add(", ")
		}
		first = false
		p.value(key, depth)
		p.add(": ")
		p.value(val, depth)
	}
	p.add("}")
}

// constant renders what has no parts.
func (v Value) constant() string {
	switch v.Kind() {
	case KindNone:
		return "None"
	case KindBool:
		if b, _ := v.Bool(); b {
			return "True"
		}
		return "False"
	case KindInt:
		if i, ok := v.Int(); ok {
			return strconv.FormatInt(i, 10)
		}
		return "<long int>"
	case KindFloat:
		f, _ := v.Float()
		return pythonFloat(f)
	case KindStr:
		return v.quotedText()
	case KindBytes:
		return "b" + v.quotedBytes()
	case KindByteArray:
		return "bytearray(b" + v.quotedBytes() + ")"
	case KindExt:
		code, _ := v.ExtCode()
		return fmt.Sprintf("extension(%d)", code)
	case KindBuffer:
		return "next_buffer()"
	}
	return "<unknown>"
}

func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return `float("nan")`
	case math.IsInf(f, 1):
		return `float("inf")`
	case math.IsInf(f, -1):
		return `float("-inf")`
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// quotedText renders the start of a str. Only what is shown is read.
func (v Value) quotedText() string {
	n := v.node()
	if n.num() <= 4*textWidth {
		text, ok := v.Text()
		if !ok {
			return "<str>"
		}
		if len(text) <= textWidth {
			return quote(text)
		}
		return quote(text[:textWidth]) + ellipsis
	}
	return quote(v.prefix()) + ellipsis
}

func (v Value) quotedBytes() string {
	if v.node().num() <= textWidth {
		b, _ := v.Bytes()
		return quoteBytes(string(b))
	}
	return quoteBytes(v.prefix()) + ellipsis
}

func quoteBytes(s string) string {
	b := []byte{'\''}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		default:
			b = fmt.Appendf(b, `\x%02x`, c)
		}
	}
	return string(append(b, '\''))
}

// prefix reads the first bytes of a long payload.
func (v Value) prefix() string {
	off, _ := v.node().payload()
	b := make([]byte, textWidth)
	if readFull(v.t.st.r, b, off) != nil {
		return ""
	}
	return string(b)
}

func quote(s string) string {
	q := strconv.QuoteToGraphic(s)
	if !strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		return "'" + q[1:len(q)-1] + "'"
	}
	return q
}

// printable escapes what a terminal would act on.
func printable(s string) string {
	if len(s) > stringWidth {
		s = s[:stringWidth] + ellipsis
	}
	q := strconv.QuoteToGraphic(s)
	return q[1 : len(q)-1]
}

// PythonOptions shape the output of WritePython. The zero value is fine.
type PythonOptions struct {
	Width     int // longest line before its comment, in bytes; 160
	MaxEvents int // events written before the rest is counted; 0 means all
}

// WritePython writes what the stream would do, in order, as pseudo-Python. Each
// line ends with a comment: the offset and the opcode.
func (t *Trace) WritePython(w io.Writer, opt PythonOptions) error {
	if opt.Width <= 0 {
		opt.Width = 160
	}
	p := printer{width: opt.Width, vars: map[uint32]int{}}
	i := -1
	for e := range t.Events() {
		i++
		if opt.MaxEvents > 0 && i == opt.MaxEvents {
			if _, err := fmt.Fprintf(w, "# %d more events\n", t.Len()-i); err != nil {
				return err
			}
			break
		}
		if _, err := fmt.Fprintf(w, "%-48s  # %#x %s\n", p.line(e), e.Offset, e.Op); err != nil {
			return err
		}
	}
	return t.writeEnd(w, &p)
}

func (t *Trace) writeEnd(w io.Writer, p *printer) error {
	if t.Err != nil {
		_, err := fmt.Fprintf(w, "# broken: %v\n", t.Err)
		return err
	}
	p.buf = append(p.buf[:0], "return "...)
	p.value(t.Result, 1)
	_, err := fmt.Fprintf(w, "%-48s  # %#x STOP\n", p.String(), t.End-1)
	return err
}

// line renders one event.
func (p *printer) line(e *Event) string {
	p.buf = p.buf[:0]
	switch e.Kind {
	case EventImport:
		p.importLine(e)
	case EventBuild:
		p.value(e.Target(), 1)
		p.add(".__setstate__(")
		p.value(e.Args(), 1)
		p.add(")")
	case EventSetItem:
		p.value(e.Target(), 1)
		p.add("[")
		p.value(e.Args().Index(0), 1)
		p.add("] = ")
		p.value(e.Args().Index(1), 1)
	case EventAppend, EventAddItem:
		p.method(e)
	default:
		p.assignment(e)
	}
	return p.String()
}

func (p *printer) importLine(e *Event) {
	g, _ := e.Target().Global()
	if g.Computed {
		p.add("import_computed_name()")
		return
	}
	p.add("from " + printable(g.Module) + " import " + printable(g.Name))
}

func (p *printer) method(e *Event) {
	p.value(e.Target(), 1)
	if e.Kind == EventAppend {
		p.add(".append(")
	} else {
		p.add(".add(")
	}
	if !e.Args().IsZero() {
		p.value(e.Args(), 1)
	}
	p.add(")")
}

// assignment renders an event with a result, which gets a name.
func (p *printer) assignment(e *Event) {
	n, ok := p.vars[e.Result().Key()]
	if !ok {
		n = len(p.vars) + 1
	}
	p.add("v" + strconv.Itoa(n) + " = ")
	switch e.Kind {
	case EventCall, EventNew:
		p.value(e.Target(), 1)
		if e.Kind == EventNew {
			p.add(".__new__")
		}
		p.arguments(e.Args(), e.Result().KwArgs(), 0)
	default:
		p.value(e.Result(), 0)
	}
	if e.Result().Kind() != KindGlobal {
		p.vars[e.Result().Key()] = n
	}
}

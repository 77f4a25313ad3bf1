package exportir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// SyntaxError says where a document is no JSON that Python's json.loads takes.
type SyntaxError struct {
	Offset int
	Msg    string
	Err    error // bounded.ErrLimit where a limit is the reason
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("exportir: at offset %d: %s", e.Offset, e.Msg)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// maxJSONDepth is far above what torch writes and below what Python's reader
// can nest.
const maxJSONDepth = 200

// jsonKind is a kind of scalar, or the begin or end of a container.
type jsonKind uint8

const (
	jsonString jsonKind = iota
	jsonNumber          // also NaN, Infinity, -Infinity
	jsonTrue
	jsonFalse
	jsonNull
	jsonObject // begins
	jsonArray  // begins
	jsonEnd    // ends the innermost container
)

// event is one value of a document, or the end of one.
type event struct {
	kind jsonKind
	key  string // of the value, where it is a member of an object
	text string // of a string, decoded; of a number, as written
}

// walker reads a document once, front to back, telling its values to visit.
// It keeps the path to the current value and the keys of the open objects.
type walker struct {
	data  []byte
	pos   int
	stack []frame
	visit func(event) error
	dup   func(path string)
	keys  int               // of the open objects together
	names map[string]string // short keys, so that each is kept once
}

// maxKeys bounds the keys of the open objects, which are kept to find those
// that occur twice.
const maxKeys = 1 << 20

// frame is an open container.
type frame struct {
	object bool
	key    string   // current, where object
	index  int      // current, where array
	keys   []string // of a small object
	set    map[string]bool
}

// add reports whether the object already had the key.
func (f *frame) add(key string) bool {
	const small = 12
	if f.set == nil {
		if slices.Contains(f.keys, key) {
			return true
		}
		f.keys = append(f.keys, key)
		if len(f.keys) > small {
			f.set = set(f.keys...)
		}
		return false
	}
	had := f.set[key]
	f.set[key] = true
	return had
}

func (w *walker) fault(msg string) error {
	return &SyntaxError{Offset: w.pos, Msg: msg}
}

// path is where the current value is: "graph_module.graph.nodes[3].target".
func (w *walker) path() string {
	var b strings.Builder
	for _, f := range w.stack {
		if len(f.key) > maxText {
			f.key = f.key[:maxText]
		}
		switch {
		case b.Len() > maxText:
			return b.String() + "…"
		case !f.object:
			fmt.Fprintf(&b, "[%d]", f.index)
		case plainKey(f.key):
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(f.key)
		default:
			fmt.Fprintf(&b, "[%q]", f.key)
		}
	}
	return b.String()
}

func plainKey(s string) bool { return s != "" && len(s) < 200 && nameLen(s) == len(s) }

// run reads the whole document.
func (w *walker) run() error {
	if strings.HasPrefix(string(w.data[:min(3, len(w.data))]), "\ufeff") {
		return w.fault("byte order mark")
	}
	w.space()
	if err := w.value(""); err != nil {
		return err
	}
	for len(w.stack) > 0 {
		if err := w.step(); err != nil {
			return err
		}
	}
	if w.space(); w.pos < len(w.data) {
		return w.fault("data after the document")
	}
	return nil
}

// step reads the next member or element, or the end, of the open container.
func (w *walker) step() error {
	f := &w.stack[len(w.stack)-1]
	w.space()
	closing, first := byte(']'), f.index < 0
	if f.object {
		closing = '}'
	}
	if w.peek() == closing {
		w.pos++
		w.keys -= max(len(f.keys), len(f.set))
		w.stack = w.stack[:len(w.stack)-1]
		return w.visit(event{kind: jsonEnd})
	}
	if !first {
		if w.peek() != ',' {
			return w.fault("expected a comma")
		}
		w.pos++
		if w.space(); w.peek() == closing {
			return w.fault("comma before the end")
		}
	}
	f.index++
	if !f.object {
		return w.value("")
	}
	return w.member(f)
}

func (w *walker) member(f *frame) error {
	if w.peek() != '"' {
		return w.fault("expected a key")
	}
	key, err := w.str()
	if err != nil {
		return err
	}
	key = w.intern(key)
	f.key = key
	if f.add(key) {
		w.dup(w.path())
	}
	if w.keys++; w.keys > maxKeys {
		err := bounded.Exceeded("keys of JSON objects", maxKeys)
		return &SyntaxError{Offset: w.pos, Msg: err.Error(), Err: err}
	}
	if w.space(); w.peek() != ':' {
		return w.fault("expected a colon")
	}
	w.pos++
	w.space()
	return w.value(key)
}

func (w *walker) intern(key string) string {
	const maxNames, maxName = 4096, 40
	if s, ok := w.names[key]; ok {
		return s
	}
	if w.names == nil {
		w.names = map[string]string{}
	}
	if len(key) <= maxName && len(w.names) < maxNames {
		w.names[key] = key
	}
	return key
}

func (w *walker) peek() byte {
	if w.pos < len(w.data) {
		return w.data[w.pos]
	}
	return 0
}

func (w *walker) space() {
	for w.pos < len(w.data) {
		switch w.data[w.pos] {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return
		}
	}
}

func (w *walker) value(key string) error {
	switch c := w.peek(); c {
	case '"':
		s, err := w.str()
		if err != nil {
			return err
		}
		return w.visit(event{kind: jsonString, key: key, text: s})
	case '{', '[':
		if len(w.stack) >= maxJSONDepth {
			err := bounded.Exceeded("nested JSON containers", maxJSONDepth)
			return &SyntaxError{Offset: w.pos, Msg: err.Error(), Err: err}
		}
		w.pos++
		e := event{kind: jsonArray, key: key}
		if c == '{' {
			e.kind = jsonObject
		}
		if err := w.visit(e); err != nil {
			return err
		}
		w.push(c == '{')
		return nil
	}
	for _, l := range literals {
		if c := w.peek(); isDigit(c) || c != l.text[0] {
			continue
		}
		if len(w.data)-w.pos >= len(l.text) && string(w.data[w.pos:w.pos+len(l.text)]) == l.text {
			w.pos += len(l.text)
			return w.visit(event{kind: l.kind, key: key, text: l.text})
		}
	}
	return w.number(key)
}

// push opens a container in a frame that keeps its memory.
func (w *walker) push(object bool) {
	if n := len(w.stack); n < cap(w.stack) {
		w.stack = w.stack[:n+1]
	} else {
		w.stack = append(w.stack, frame{})
	}
	f := &w.stack[len(w.stack)-1]
	*f = frame{object: object, index: -1, keys: f.keys[:0]}
}

var literals = []struct {
	text string
	kind jsonKind
}{
	{"true", jsonTrue},
	{"false", jsonFalse},
	{"null", jsonNull},
	{"NaN", jsonNumber},
	{"Infinity", jsonNumber},
	{"-Infinity", jsonNumber},
}

func (w *walker) number(key string) error {
	start := w.pos
	if w.peek() == '-' {
		w.pos++
	}
	digits := func() bool {
		from := w.pos
		for isDigit(w.peek()) {
			w.pos++
		}
		return w.pos > from
	}
	zero := w.peek() == '0'
	intAt := w.pos
	if !digits() {
		return w.fault("expected a value")
	}
	if zero && w.pos > intAt+1 {
		return w.fault("number with a leading zero")
	}
	if w.peek() == '.' {
		if w.pos++; !digits() {
			return w.fault("number without digits after the point")
		}
	}
	if c := w.peek(); c == 'e' || c == 'E' {
		w.pos++
		if c := w.peek(); c == '+' || c == '-' {
			w.pos++
		}
		if !digits() {
			return w.fault("number without an exponent's digits")
		}
	}
	return w.visit(event{kind: jsonNumber, key: key, text: string(w.data[start:w.pos])})
}

// str reads a string. Lone surrogates, which Python keeps, become U+FFFD.
func (w *walker) str() (string, error) {
	w.pos++
	start := w.pos
	for i := start; i < len(w.data); i++ {
		switch c := w.data[i]; {
		case c == '"':
			if !utf8.Valid(w.data[start:i]) {
				return "", w.fault("string is not UTF-8")
			}
			w.pos = i + 1
			return string(w.data[start:i]), nil
		case c == '\\':
			return w.escaped(start, i)
		case c < ' ':
			w.pos = i
			return "", w.fault("control character in a string")
		}
	}
	return "", w.fault("string without end")
}

const (
	jsonEscapes = `"\/bfnrt`
	jsonEscaped = "\"\\/\b\f\n\r\t"
)

// escaped reads the rest of a string from its first escape at i.
func (w *walker) escaped(start, i int) (string, error) {
	b := append([]byte(nil), w.data[start:i]...)
	for i < len(w.data) {
		c := w.data[i]
		switch {
		case c == '"':
			w.pos = i + 1
			if !utf8.Valid(b) {
				return "", w.fault("string is not UTF-8")
			}
			return string(b), nil
		case c < ' ':
			w.pos = i
			return "", w.fault("control character in a string")
		case c != '\\':
			b = append(b, c)
			i++
			continue
		}
		w.pos = i
		if i+1 >= len(w.data) {
			break
		}
		if at := strings.IndexByte(jsonEscapes, w.data[i+1]); at >= 0 {
			b = append(b, jsonEscaped[at])
			i += 2
			continue
		}
		r, n := w.unicodeEscape(i)
		if n == 0 {
			return "", w.fault("escape in a string")
		}
		b = utf8.AppendRune(b, r)
		i += n
	}
	return "", w.fault("string without end")
}

// unicodeEscape decodes the escape, or pair of surrogates, at i and returns
// its length, 0 where it is none.
func (w *walker) unicodeEscape(i int) (rune, int) {
	r, ok := w.hex4(i)
	if !ok {
		return 0, 0
	}
	if r >= 0xd800 && r < 0xdc00 {
		if low, ok := w.hex4(i + 6); ok && low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	return r, 6
}

func (w *walker) hex4(i int) (rune, bool) {
	if i+6 > len(w.data) || w.data[i] != '\\' || w.data[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(w.data[i+2:i+6]), 16, 32)
	return rune(n), err == nil
}

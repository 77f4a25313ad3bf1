package manifest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// tableState says how a table or an array came to be, on which it depends what
// may still be added to it (TOML 1.0, Table and Inline Table).
type tableState uint8

const (
	implied  tableState = iota // by a header of a table within it
	dotted                     // by a dotted key
	declared                   // by a header of its own
	closed                     // inline, or an array that is a value
	listed                     // an array of tables
)

// parseTOML builds the tree of a document in one pass over the library's parser.
func parseTOML(src []byte, lim Limits) (*tree, error) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	if err := checkLines(src, lim); err != nil {
		return nil, err
	}
	// The parser holds one expression at a time, which may be the whole file.
	if n := bytes.Count(src, []byte{','}) + bytes.Count(src, []byte{'['}) + bytes.Count(src, []byte{'{'}); n > lim.Values {
		return nil, bounded.Exceeded("values of a document", int64(lim.Values))
	}
	b := &tomlBuilder{tree: newTree(src, lim), text: string(src), lim: lim}
	root, err := b.tree.push(node{kind: table, state: declared})
	if err != nil {
		return nil, err
	}
	b.current = root
	b.parser.Reset(src)
	for b.parser.NextExpression() {
		if err := b.expression(b.parser.Expression()); err != nil {
			return nil, b.placed(err)
		}
	}
	if err := b.parser.Error(); err != nil {
		return nil, b.syntax(err)
	}
	return b.tree, nil
}

type tomlBuilder struct {
	tree    *tree
	parser  unstable.Parser
	text    string
	lim     Limits
	current int32 // the table that keys go to
	off     int   // the last place that was seen
}

func (b *tomlBuilder) placed(err error) error {
	line, _ := b.tree.at.find(b.off)
	return &lineError{line, err}
}

// syntax places an error of the parser.
func (b *tomlBuilder) syntax(err error) error {
	var perr *unstable.ParserError
	if !errors.As(err, &perr) {
		return b.placed(err)
	}
	off := len(b.text)
	if len(perr.Highlight) > 0 {
		off = int(b.parser.Range(perr.Highlight).Offset)
	}
	line, column := b.tree.at.find(off)
	return &lineError{line, fmt.Errorf("column %d: not TOML: %s", column, perr.Message)}
}

func (b *tomlBuilder) expression(e *unstable.Node) error {
	switch e.Kind {
	case unstable.KeyValue:
		return b.keyValue(b.current, e, 1)
	case unstable.Table, unstable.ArrayTable:
		return b.header(e)
	default:
		return nil // a comment
	}
}

// header makes the table of [a.b] or [[a.b]] the current one.
func (b *tomlBuilder) header(e *unstable.Node) error {
	at, depth := int32(1), 0
	for it := e.Key(); it.Next(); {
		if depth++; depth > b.lim.Depth {
			return bounded.Exceeded("tables within tables", int64(b.lim.Depth))
		}
		key, off := b.key(it.Node())
		last := it.Node().Next() == nil
		next, err := b.step(at, key, off, last, e.Kind == unstable.ArrayTable)
		if err != nil {
			return err
		}
		at = next
	}
	b.current = at
	return nil
}

// step goes from a table to the one that a part of a header names.
func (b *tomlBuilder) step(at int32, key string, off int32, last, list bool) (int32, error) {
	t := b.tree
	i := t.find(at, key)
	switch {
	case i == 0 && last && list:
		i, err := b.child(at, node{key: key, off: off, kind: array, state: listed})
		if err != nil {
			return 0, err
		}
		return b.child(i, node{off: off, kind: table, state: declared})
	case i == 0:
		state := implied
		if last {
			state = declared
		}
		return b.child(at, node{key: key, off: off, kind: table, state: state})
	}
	n := &t.nodes[i]
	switch {
	case n.kind == array && n.state == listed && last && list:
		return b.child(i, node{off: off, kind: table, state: declared})
	case n.kind == array && n.state == listed && !last:
		return n.last, nil
	case n.kind == table && !last && n.state != closed:
		return i, nil
	case n.kind == table && last && !list && n.state == implied:
		n.state, n.off = declared, off
		return i, nil
	}
	return 0, fmt.Errorf("not TOML: %q is defined twice", clip(key))
}

func (b *tomlBuilder) child(parent int32, n node) (int32, error) {
	i, err := b.tree.push(n)
	if err == nil {
		b.tree.link(parent, i)
	}
	return i, err
}

// keyValue adds a.b = value to a table.
func (b *tomlBuilder) keyValue(at int32, e *unstable.Node, depth int) error {
	for it := e.Key(); it.Next(); {
		if depth++; depth > b.lim.Depth {
			return bounded.Exceeded("values within values", int64(b.lim.Depth))
		}
		key, off := b.key(it.Node())
		i := b.tree.find(at, key)
		if it.Node().Next() == nil {
			if i != 0 {
				return fmt.Errorf("not TOML: %q is defined twice", clip(key))
			}
			return b.value(at, key, off, e.Value(), depth)
		}
		if i != 0 {
			if n := &b.tree.nodes[i]; n.kind != table || n.state != dotted {
				return fmt.Errorf("not TOML: %q is defined twice", clip(key))
			}
			at = i
			continue
		}
		next, err := b.child(at, node{key: key, off: off, kind: table, state: dotted})
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// value adds a value, of a key or of an array.
func (b *tomlBuilder) value(at int32, key string, off int32, e *unstable.Node, depth int) error {
	if depth > b.lim.Depth {
		return bounded.Exceeded("values within values", int64(b.lim.Depth))
	}
	n := node{key: key, off: off, state: closed}
	if e.Raw.Length > 0 {
		n.off = int32(e.Raw.Offset)
		b.off = int(n.off)
	}
	switch e.Kind {
	case unstable.String:
		n.kind, n.str = text, b.string(e)
	case unstable.Bool:
		n.kind, n.str = boolean, string(e.Data)
	case unstable.Array:
		n.kind = array
	case unstable.InlineTable:
		n.kind = table
	default:
		n.kind, n.str = number, b.string(e)
	}
	i, err := b.child(at, n)
	if err != nil || n.kind < array {
		return err
	}
	for it := e.Children(); it.Next(); {
		if n.kind == table {
			err = b.keyValue(i, it.Node(), depth)
		} else {
			err = b.value(i, "", n.off, it.Node(), depth+1)
		}
		if err != nil {
			return err
		}
	}
	b.freeze(i)
	return nil
}

// freeze closes the tables that dotted keys made within an inline table.
func (b *tomlBuilder) freeze(i int32) {
	for c := b.tree.nodes[i].first; c != 0; c = b.tree.nodes[c].next {
		if n := &b.tree.nodes[c]; n.kind == table && n.state == dotted {
			n.state = closed
			b.freeze(c)
		}
	}
}

func (b *tomlBuilder) key(k *unstable.Node) (string, int32) {
	b.off = int(k.Raw.Offset)
	return b.string(k), int32(k.Raw.Offset)
}

// string gives the text of a key or a scalar, as a part of the document where
// nothing in it is escaped.
func (b *tomlBuilder) string(e *unstable.Node) string {
	from, n := int(e.Raw.Offset), int(e.Raw.Length)
	switch {
	case n == len(e.Data):
		return b.text[from : from+n]
	case n == len(e.Data)+2: // an escape is longer than what it stands for
		return b.text[from+1 : from+n-1]
	}
	return string(e.Data)
}

package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// parseJSON builds the tree of a document. Of a key that is given twice the last
// one counts, as in Python; it is a problem all the same. Where only is given,
// other members of the root, and of what is in its lists, are read over.
func (r *reader) parseJSON(src []byte, only ...string) (*tree, error) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	b := &jsonBuilder{r: r, tree: newTree(src[:min(len(src), 1<<20)], r.lim), dec: json.NewDecoder(bytes.NewReader(src)), src: src, only: only}
	b.tree.at.src = src
	b.dec.UseNumber()
	if err := b.document(); err != nil {
		line, column := b.tree.at.find(int(b.dec.InputOffset()))
		if errors.Is(err, bounded.ErrLimit) {
			return nil, &lineError{line, err}
		}
		return nil, &lineError{line, fmt.Errorf("column %d: not JSON: %w", column, err)}
	}
	return b.tree, nil
}

type jsonBuilder struct {
	r    *reader
	tree *tree
	dec  *json.Decoder
	src  []byte
	only []string
	open []int32 // arrays and tables that are not closed yet
}

func (b *jsonBuilder) document() error {
	for first := true; first || len(b.open) > 0; first = false {
		if err := b.next(); err != nil {
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	if _, err := b.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// next reads a value with its key, or the end of an array or table.
func (b *jsonBuilder) next() error {
	parent := int32(0)
	if len(b.open) > 0 {
		parent = b.open[len(b.open)-1]
	}
	if !b.dec.More() && parent != 0 {
		_, err := b.dec.Token()
		b.open = b.open[:len(b.open)-1]
		return err
	}
	n := node{}
	if b.tree.nodes[parent].kind == table {
		t, err := b.dec.Token()
		if err != nil {
			return err
		}
		n.key, _ = t.(string)
		if skipped, err := b.skip(n.key); skipped || err != nil {
			return err
		}
	}
	from := b.start()
	t, err := b.dec.Token()
	if err != nil {
		return err
	}
	n.off = int32(from)
	n.kind, n.str = scalarOf(t)
	return b.add(parent, n)
}

func (b *jsonBuilder) skip(key string) (bool, error) {
	if len(b.only) == 0 || len(b.open) != 1 && len(b.open) != 3 {
		return false, nil
	}
	if slices.Contains(b.only, key) {
		return false, nil
	}
	var raw json.RawMessage
	return true, b.dec.Decode(&raw)
}

func (b *jsonBuilder) add(parent int32, n node) error {
	if len(b.open) >= b.r.lim.Depth {
		return bounded.Exceeded("values within values", int64(b.r.lim.Depth))
	}
	if b.tree.find(parent, n.key) != 0 {
		line, _ := b.tree.at.find(int(n.off))
		b.r.problem(line, "the key %q is given twice; the last one counts", n.key)
	}
	i, err := b.tree.push(n)
	if err != nil {
		return err
	}
	if parent != 0 {
		b.tree.link(parent, i)
	}
	if n.kind >= array {
		b.open = append(b.open, i)
	}
	return nil
}

// start is where the next token begins.
func (b *jsonBuilder) start() int {
	i := int(b.dec.InputOffset())
	for i < len(b.src) {
		switch b.src[i] {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		}
		break
	}
	return i
}

func scalarOf(t json.Token) (kind, string) {
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return table, ""
		}
		return array, ""
	case string:
		return text, t
	case json.Number:
		return number, t.String()
	case bool:
		if t {
			return boolean, "true"
		}
		return boolean, "false"
	}
	return null, ""
}

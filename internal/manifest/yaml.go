package manifest

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// parseYAML builds the tree of the first document of a file.
func (r *reader) parseYAML(src []byte) (*tree, error) {
	if err := checkLines(src, r.lim); err != nil {
		return nil, err
	}
	// The library's nodes are large, and it builds all of them: they are counted
	// before, by what stands between values.
	most := r.lim.Values / 4
	if n := bytes.Count(src, []byte{'\n'}) + bytes.Count(src, []byte{','}) + bytes.Count(src, []byte{'['}) +
		bytes.Count(src, []byte{'{'}) + bytes.Count(src, []byte(": ")) + bytes.Count(src, []byte("- ")) + bytes.Count(src, []byte("? ")); n > most {
		return nil, bounded.Exceeded("values of a document", int64(most))
	}
	if depth := yamlDepth(src); depth > r.lim.Depth {
		return nil, bounded.Exceeded("values within values", int64(r.lim.Depth))
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil {
		return nil, fmt.Errorf("not YAML: %w", err)
	}
	b := &yamlBuilder{r: r, tree: newTree(nil, r.lim)}
	b.tree.most = most
	if len(doc.Content) == 0 {
		return b.tree, nil
	}
	if err := b.build(0, "", doc.Content[0], 1); err != nil {
		return nil, err
	}
	return b.tree, nil
}

// yamlDepth is the most brackets or dashes within each other that a line may
// open, which is what nests deep in few bytes: indentation costs as much as it
// nests.
func yamlDepth(src []byte) (most int) {
	open, dashes := 0, 0
	for i, c := range src {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(open-1, 0)
		case '\n':
			dashes = 0
		case '-', '?', ':':
			if i+1 < len(src) && src[i+1] == ' ' {
				dashes++
			}
		}
		most = max(most, open, dashes)
	}
	return most
}

type yamlBuilder struct {
	r    *reader
	tree *tree
}

// build adds a node and what is within it. Aliases are followed as if what they
// stand for were written again, which the number of values bounds.
func (b *yamlBuilder) build(parent int32, key string, y *yaml.Node, depth int) error {
	if depth > b.r.lim.Depth {
		return &lineError{y.Line, bounded.Exceeded("values within values", int64(b.r.lim.Depth))}
	}
	if y.Kind == yaml.AliasNode {
		return b.build(parent, key, y.Alias, depth+1)
	}
	n := node{key: key, line: int32(y.Line), column: int32(y.Column)}
	n.kind, n.str = yamlScalar(y)
	i, err := b.tree.push(n)
	if err != nil {
		return &lineError{y.Line, err}
	}
	if parent != 0 {
		b.tree.link(parent, i)
	}
	if n.kind == array {
		for _, c := range y.Content {
			if err := b.build(i, "", c, depth+1); err != nil {
				return err
			}
		}
	}
	if n.kind == table {
		return b.members(i, y, depth)
	}
	return nil
}

func (b *yamlBuilder) members(i int32, y *yaml.Node, depth int) error {
	for j := 0; j+1 < len(y.Content); j += 2 {
		k, v := y.Content[j], y.Content[j+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Tag == "!!merge" {
			b.r.problem(k.Line, "a merge key (<<) is not read")
			continue
		}
		if k.Kind != yaml.ScalarNode {
			b.r.problem(k.Line, "a key that is no string is not read")
			continue
		}
		if b.tree.find(i, k.Value) != 0 {
			b.r.problem(k.Line, "the key %q is given twice", k.Value)
		}
		if err := b.build(i, k.Value, v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func yamlScalar(y *yaml.Node) (kind, string) {
	switch y.Kind {
	case yaml.SequenceNode:
		return array, ""
	case yaml.MappingNode:
		return table, ""
	default:
	}
	switch y.ShortTag() {
	case "!!null":
		return null, ""
	case "!!bool":
		return boolean, y.Value
	case "!!int", "!!float", "!!timestamp":
		return number, y.Value
	}
	return text, y.Value
}

package parquet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Kind is a physical type.
type Kind int32

// The physical types, as parquet.thrift numbers them.
const (
	Boolean Kind = iota
	Int32
	Int64
	Int96
	Float
	Double
	ByteArray
	FixedLenByteArray
	group Kind = -1
)

// Repetition says how often a node is there.
type Repetition int32

// The repetitions, as parquet.thrift numbers them.
const (
	Required Repetition = iota
	Optional
	Repeated
)

// Node is a group or a column of the schema.
type Node struct {
	Name       string
	Repetition Repetition
	Children   []*Node
	// Means is what the values stand for, in a word: string, list, map, int8 to uint64,
	// decimal, date, time, timestamp, float16 and others; empty where the physical type
	// says it all.
	Means string
	Leaf  *Column // nil for a group
}

// Column is a leaf of the schema.
type Column struct {
	Index  int // in the chunks of a row group
	Kind   Kind
	Length int  // of a FixedLenByteArray
	Number bool // values are numbers, and come without their lengths
	// Steps has for each definition level what raises it above the one before: an
	// optional or a repeated node.
	Steps  []Repetition
	MaxRep int
}

// MaxDef is the definition level of a value that is there.
func (c *Column) MaxDef() int { return len(c.Steps) }

// element is a line of the schema as the footer has it.
type element struct {
	kind       Kind
	length     int32
	repetition Repetition
	name       string
	children   int32
	converted  string
	logical    string
}

// convertedTypes has the words for ConvertedType of parquet.thrift.
var convertedTypes = []string{
	"string", "map", "map entries", "list", "enum", "decimal", "date", "time", "time", "timestamp", "timestamp",
	"uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "json", "bson", "interval",
}

// logicalTypes has the words for the fields of LogicalType, but for integers.
var logicalTypes = map[int]string{
	1: "string", 2: "map", 3: "list", 4: "enum", 5: "decimal", 6: "date", 7: "time", 8: "timestamp",
	11: "null", 12: "json", 13: "bson", 14: "uuid", 15: "float16", 16: "variant", 17: "geometry", 18: "geography",
}

func (t *compact) element() element {
	e := element{kind: group}
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 1:
			e.kind = Kind(t.i32(typ))
			if e.kind < Boolean || e.kind > FixedLenByteArray {
				t.fail(fmt.Errorf("a physical type %d, which there is not", e.kind))
			}
		case 2:
			e.length = t.i32(typ)
		case 3:
			e.repetition = Repetition(t.i32(typ))
			if e.repetition < Required || e.repetition > Repeated {
				t.fail(fmt.Errorf("a repetition %d, which there is not", e.repetition))
			}
		case 4:
			e.name = string(t.bytes(typ))
		case 5:
			e.children = t.i32(typ)
		case 6:
			if n := t.i32(typ); n >= 0 && int(n) < len(convertedTypes) {
				e.converted = convertedTypes[n]
			} else {
				e.converted = fmt.Sprintf("unknown type %d", n)
			}
		case 10:
			if typ != thriftStruct {
				return false
			}
			e.logical = t.logical()
		default:
			return false
		}
		return true
	})
	return e
}

func (t *compact) logical() (word string) {
	word = "unknown type"
	t.fields(func(id int, typ byte) bool {
		if id == 10 && typ == thriftStruct {
			word = t.integerType()
			return true
		}
		if w, ok := logicalTypes[id]; ok {
			word = w
		}
		return false
	})
	return word
}

func (t *compact) integerType() string {
	width, signed := int64(0), false
	t.fields(func(id int, typ byte) bool {
		switch id {
		case 1:
			width = t.integer(typ)
		case 2:
			signed = t.boolean(typ)
		default:
			return false
		}
		return true
	})
	prefix := "uint"
	if signed {
		prefix = "int"
	}
	return fmt.Sprintf("%s%d", prefix, width)
}

// means puts together what is said in two ways.
func (e *element) means() (string, error) {
	switch {
	case e.logical == "" || e.logical == e.converted:
		return e.converted, nil
	case e.converted == "" || e.logical == "map" && e.converted == "map entries":
		return e.logical, nil
	}
	return "", fmt.Errorf("column %.80q is %s by its logical type and %s by its converted type", e.name, e.logical, e.converted)
}

const maxNesting = 16

// builder makes a tree of the lines of a schema.
type builder struct {
	elements []element
	next     int
	columns  []*Column
}

func (b *builder) tree() (*Node, error) {
	if len(b.elements) == 0 || b.elements[0].kind != group {
		return nil, errors.New("the schema has no root")
	}
	root, err := b.node(nil, 0, 0)
	if err == nil && b.next != len(b.elements) {
		err = fmt.Errorf("the schema has %d lines behind its last column", len(b.elements)-b.next)
	}
	return root, err
}

func (b *builder) node(steps []Repetition, reps, depth int) (*Node, error) {
	if b.next == len(b.elements) {
		return nil, errors.New("the schema ends before its columns do")
	}
	if depth > maxNesting {
		return nil, bounded.Exceeded("levels of the schema", maxNesting)
	}
	e := &b.elements[b.next]
	b.next++
	means, err := e.means()
	if err != nil {
		return nil, err
	}
	n := &Node{Name: e.name, Repetition: e.repetition, Means: means}
	if depth > 0 && e.repetition != Required {
		steps = append(slices.Clip(steps), e.repetition)
	}
	if depth > 0 && e.repetition == Repeated {
		reps++
	}
	if e.kind != group {
		if e.children > 0 || e.kind == FixedLenByteArray && e.length <= 0 {
			return nil, fmt.Errorf("column %.80q has a type and columns, or values of length %d", e.name, e.length)
		}
		n.Leaf = &Column{Index: len(b.columns), Kind: e.kind, Length: int(e.length), Number: e.number(means), Steps: steps, MaxRep: reps}
		b.columns = append(b.columns, n.Leaf)
		return n, nil
	}
	if int(max(0, e.children)) > len(b.elements)-b.next {
		return nil, errors.New("the schema ends before its columns do")
	}
	for range e.children {
		child, err := b.node(steps, reps, depth+1)
		if err != nil {
			return nil, err
		}
		n.Children = append(n.Children, child)
	}
	return n, nil
}

// number reports whether values are numbers: of those with any number of bytes only
// float16 is one.
func (e *element) number(means string) bool {
	switch e.kind {
	case ByteArray:
		return false
	case FixedLenByteArray:
		return means == "float16" && e.length == 2
	default:
		return true
	}
}

// Type says in words what a node holds.
func (n *Node) Type() string {
	switch {
	case n.Means != "":
		return n.Means
	case n.Leaf == nil:
		names := make([]string, 0, 4)
		for _, c := range n.Children[:min(4, len(n.Children))] {
			names = append(names, fmt.Sprintf("%.40q", c.Name))
		}
		return "struct of " + strings.Join(names, ", ")
	}
	return [...]string{"bool", "int32", "int64", "int96", "float32", "float64", "binary", "binary of a fixed length"}[n.Leaf.Kind]
}

package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/parquet"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Wanted says what is wanted of the columns of a table. A nil function is for no schema.
type Wanted struct {
	// Has reports whether the schema has a column. Then it judges the lengths of lists,
	// and a column that it does not have may be of a type that is no tensor's.
	Has  func(column string) bool
	Form func(column string) Form // of the images of a column
	// Folder says that the files are all that a folder has: one of them alone is not
	// the whole set either, if its name says that there are more.
	Folder bool
}

func (w Wanted) has(column string) bool { return w.Has != nil && w.Has(column) }

func (w Wanted) form(column string) Form {
	if w.Form == nil {
		return Form{DType: tensor.Uint8, Last: true}
	}
	return w.Form(column)
}

// field is a column of a table, by its name at the top of the schema.
type field struct {
	name  string
	at    int // number of the column, from 1
	leaf  *parquet.Column
	dtype tensor.DType
	wide  int // bytes that a value has in the file
	lists int // levels of lists
	image bool
	form  Form
	free  bool // samples may have lists of different lengths
}

// hugging is what the library datasets of Hugging Face says about columns.
type hugging struct {
	Info struct {
		Features map[string]struct {
			Type  string   `json:"_type"`
			Names []string `json:"names"`
		} `json:"features"`
	} `json:"info"`
}

// fields are the columns of a file, and those that are left out.
type fields struct {
	list  []field
	out   []string // not of a type that a tensor has, and not in the schema
	label string   // the column with the labels, if it says so
	names []string
}

func fieldsOf(f *parquet.File, want Wanted, lim Limits) (*fields, error) {
	var says hugging
	if text, ok := f.Meta["huggingface"]; ok {
		if err := json.Unmarshal([]byte(text), &says); err != nil {
			return nil, fmt.Errorf("what Hugging Face's datasets says about the columns cannot be read: %w", err)
		}
	}
	fs := &fields{}
	seen := map[string]bool{}
	for i, n := range f.Schema.Children {
		if n.Name == "" || seen[n.Name] {
			return nil, fmt.Errorf("column %d is called %.80q, which is empty or not the first with that name", i+1, n.Name)
		}
		seen[n.Name] = true
		x := field{name: n.Name, at: i + 1, form: want.form(n.Name), free: want.has(n.Name)}
		feature := says.Info.Features[n.Name]
		err := x.read(n, feature.Type)
		switch {
		case err == nil:
			fs.list = append(fs.list, x)
		case want.Has != nil && !want.has(n.Name):
			fs.out = append(fs.out, n.Name)
		default:
			return nil, fmt.Errorf("column %d (%.80q) %w: leave it out of the file, or check with a schema that does not have it", i+1, n.Name, err)
		}
		if feature.Type == "ClassLabel" && (fs.label == "" || n.Name == LabelColumn) {
			if len(feature.Names) > lim.Labels {
				return nil, bounded.Exceeded("labels", int64(lim.Labels))
			}
			fs.label, fs.names = n.Name, feature.Names
		}
	}
	if len(fs.list) == 0 {
		return nil, errors.New("it has no column that can be read")
	}
	return fs, nil
}

// read finds what a column holds.
func (x *field) read(n *parquet.Node, feature string) error {
	if b := imageBytes(n); b != nil && (feature == "" || feature == "Image") {
		x.leaf, x.dtype, x.image = b.Leaf, x.form.DType, true
		return nil
	}
	leaf := elementOf(n)
	if leaf == nil {
		return fmt.Errorf("is a %s, which is no tensor", n.Type())
	}
	d, ok := dtypeOf(leaf)
	if !ok {
		return fmt.Errorf("is of type %s, which no tensor has", leaf.Type())
	}
	x.leaf, x.dtype, x.lists, x.wide = leaf.Leaf, d, leaf.Leaf.MaxRep, d.Size()
	if leaf.Leaf.Kind == parquet.Int32 {
		x.wide = 4
	}
	return nil
}

// imageBytes is the column that has the bytes of images as Hugging Face's datasets keeps
// them: struct<bytes: binary, path: string>.
func imageBytes(n *parquet.Node) *parquet.Node {
	if n.Leaf != nil || n.Means != "" || n.Repetition == parquet.Repeated || len(n.Children) != 2 {
		return nil
	}
	b, p := n.Children[0], n.Children[1]
	if b.Name != "bytes" {
		b, p = p, b
	}
	for _, c := range []*parquet.Node{b, p} {
		if c.Leaf == nil || c.Leaf.Kind != parquet.ByteArray || c.Repetition == parquet.Repeated {
			return nil
		}
	}
	if b.Name != "bytes" || p.Name != "path" {
		return nil
	}
	return b
}

// elementOf is the column with the values of a list, of lists of lists, or of none;
// LogicalTypes.md, "Lists", with the rules for older files. It is nil for anything else.
func elementOf(n *parquet.Node) *parquet.Node {
	for n.Leaf == nil {
		if n.Means != "list" || len(n.Children) != 1 || n.Children[0].Repetition != parquet.Repeated {
			return nil
		}
		name := n.Name
		n = n.Children[0]
		if n.Leaf != nil {
			return n
		}
		if len(n.Children) != 1 || n.Means != "" || n.Name == "array" || n.Name == name+"_tuple" {
			return nil
		}
		n = n.Children[0]
	}
	return n
}

// dtypeOf is the type of tensors that has the values of a column.
func dtypeOf(n *parquet.Node) (d tensor.DType, ok bool) {
	types := map[parquet.Kind]map[string]tensor.DType{
		parquet.Boolean: {"": tensor.Bool},
		parquet.Int32: {
			"": tensor.Int32, "int32": tensor.Int32, "uint32": tensor.Uint32,
			"int16": tensor.Int16, "int8": tensor.Int8, "uint16": tensor.Uint16, "uint8": tensor.Uint8,
		},
		parquet.Int64:             {"": tensor.Int64, "int64": tensor.Int64, "uint64": tensor.Uint64},
		parquet.Float:             {"": tensor.Float32},
		parquet.Double:            {"": tensor.Float64},
		parquet.ByteArray:         {"": tensor.Bytes, "string": tensor.Bytes, "enum": tensor.Bytes, "json": tensor.Bytes, "bson": tensor.Bytes},
		parquet.FixedLenByteArray: {"": tensor.Bytes, "float16": tensor.Float16},
	}
	d, ok = types[n.Leaf.Kind][n.Means]
	if d == tensor.Float16 && !n.Leaf.Number {
		return 0, false
	}
	return d, ok
}

// same reports whether another file of the set has the same columns.
func (fs *fields) same(other *fields) error {
	for i := range max(len(fs.list), len(other.list)) {
		if i >= len(fs.list) || i >= len(other.list) {
			return fmt.Errorf("it has %d columns, and the first file of the set %d", len(other.list), len(fs.list))
		}
		a, b := &fs.list[i], &other.list[i]
		if a.name != b.name || a.dtype != b.dtype || a.lists != b.lists || a.image != b.image {
			return fmt.Errorf("column %d is %.80q of %s, and in the first file of the set %.80q of %s", b.at, b.name, b.kind(), a.name, a.kind())
		}
	}
	if fs.label != other.label || !slices.Equal(fs.names, other.names) || !slices.Equal(fs.out, other.out) {
		return errors.New("it says something else about its labels and columns than the first file of the set")
	}
	return nil
}

func (x *field) kind() string {
	word := x.dtype.String()
	if x.image {
		word = "images"
	}
	for range x.lists {
		word = "lists of " + word
	}
	return word
}

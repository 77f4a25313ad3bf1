package onnx

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tarball"
)

// Limits bounds what Read does. Zero fields have defaults.
type Limits struct {
	Fields  int64 // protobuf fields visited: 4,000,000
	Depth   int   // graphs in attributes of graphs: 64
	Items   int   // distinct operators, tensors, functions, properties, each: 200,000
	StrSize int64 // bytes of one string: 1 MiB
}

func (l Limits) withDefaults() Limits {
	l.Fields = cmp.Or(l.Fields, 4_000_000)
	l.Depth = cmp.Or(l.Depth, 64)
	l.Items = cmp.Or(l.Items, 200_000)
	l.StrSize = cmp.Or(l.StrSize, 1<<20)
	return l
}

// Opset is an imported operator set.
type Opset struct {
	Domain  string // "" is ONNX's own
	Version int64
}

// Op is an operator that nodes use.
type Op struct {
	Domain, Type string
	Offset       int64 // of the first node that uses it
	Count        int
}

// Tensor is an initializer, or a tensor in an attribute.
type Tensor struct {
	Name     string
	DType    int64 // TensorProto.DataType: 1 float, 7 int64, 8 string, 10 float16, …
	Dims     []int64
	Offset   int64
	External *External // nil when the data is in the file
}

// External is where a tensor's data lies, as the file says.
type External struct {
	Location string
	Start    string // offset in that file, as written
	Length   string
	Flaws    []tarball.Flaw
	Extra    []string // keys besides location, offset, length, checksum
}

// Value is an input or an output of the model's graph that is a tensor.
type Value struct {
	Name   string
	DType  int64 // as Tensor.DType
	Dims   []Dim
	Shaped bool // the file says the shape
	Other  bool // it is no tensor: a sequence, a map, an optional one
}

// Dim is a size: a number, a name, or neither.
type Dim struct {
	Value int64 // -1 where there is none
	Param string
}

// Lookup is a Gather of the model's graph, which is what an embedding is.
type Lookup struct{ Rows, Numbers string }

// Function is an operator that the model defines itself.
type Function struct {
	Domain, Name string
	Offset       int64
}

// Property is an entry of the model's metadata_props.
type Property struct {
	Key, Value string
	Offset     int64
}

// Model is what a file says.
type Model struct {
	IRVersion       int64
	Producer        string
	ProducerVersion string
	Domain          string
	Graphs          int // with subgraphs, function bodies and training graphs
	Training        bool
	Opsets          []Opset
	Ops             []Op // sorted by domain and type
	Functions       []Function
	Tensors         []Tensor
	Properties      []Property
	Inputs, Outputs []Value  // of the model's graph, in its order; those of old models have the initializers too
	Lookups         []Lookup // of the model's graph
	Duplicates      []string // scalar fields of the model that were given twice
}

// CustomDomains returns the domains that nodes or imports name and that neither
// ONNX nor ONNX Runtime define, and that no function in the file defines; what
// they run depends on libraries that the host has registered.
func (m *Model) CustomDomains() []string {
	own := make(map[string]bool)
	for _, f := range m.Functions {
		own[f.Domain+"\x00"+f.Name] = true
	}
	var out []string
	for _, op := range m.Ops {
		if !known[op.Domain] && !own[op.Domain+"\x00"+op.Type] {
			out = append(out, op.Domain)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// known are the domains of onnx v1.17.0 and of ONNX Runtime v1.20 itself.
var known = map[string]bool{
	"": true, "ai.onnx": true, "ai.onnx.ml": true, "ai.onnx.training": true, "ai.onnx.preview.training": true,
	"ai.onnx.preview": true, "com.microsoft": true, "com.microsoft.nchwc": true,
	"com.microsoft.experimental": true, "com.ms.internal.nhwc": true,
	"org.pytorch.aten": true, "pkg.onnxscript.torch_lib": true, "pkg.onnxscript.torch_lib.common": true,
}

// Looks says whether a file that begins with head is plausibly a ModelProto:
// its first fields are fields of ModelProto with their wire types and plausible
// values, and ir_version is among them.
func Looks(head []byte) bool {
	num, typ, n := protowire.ConsumeTag(head)
	if want, ok := modelWire[int(num)]; n < 0 || !ok || want != int(typ) {
		return false // before anything is allocated: most files are no ONNX
	}
	s := &source{r: bytes.NewReader(head), size: int64(len(head))}
	m := span{0, 1 << 62} // the file goes on behind the head
	ir, seen := false, 0
	for m.off < int64(len(head)) && seen < 64 {
		f, err := s.next(&m)
		if err != nil {
			// A varint cut by the end of the head is no evidence against it.
			return ir && seen >= 2 && int64(len(head))-f.off < 20
		}
		want, ok := modelWire[int(f.num)]
		if !ok || want != int(f.typ) {
			return false
		}
		if f.num == 1 {
			if f.val == 0 || f.val > 1000 && f.val>>32 != 0 {
				return false
			}
			ir = true
		}
		if f.num <= 4 && f.typ == 2 && f.data.len() > 4096 {
			return false
		}
		seen++
	}
	return ir && seen >= 2
}

// modelWire has the fields of ModelProto and their wire types.
var modelWire = map[int]int{1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}

// Read walks a model of size bytes. An error comes with the facts up to it.
func Read(r io.ReaderAt, size int64, lim Limits) (*Model, error) {
	lim = lim.withDefaults()
	w := &walker{
		source: source{r: r, size: size}, lim: lim, model: &Model{},
		fields: bounded.NewBudget("ONNX fields", lim.Fields), ops: make(map[Op]*Op),
	}
	err := w.readModel(span{0, size})
	for _, op := range w.ops {
		w.model.Ops = append(w.model.Ops, *op)
	}
	slices.SortFunc(w.model.Ops, func(a, b Op) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Type, b.Type))
	})
	if err == nil && w.model.Graphs == 0 && len(w.model.Functions) == 0 {
		err = &SyntaxError{0, errors.New("no graph: not an ONNX model")}
	}
	return w.model, err
}

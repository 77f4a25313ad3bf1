package torchfile

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// Item is an entry of a distributed checkpoint, as its metadata describe it: a
// tensor in chunks, or something else in one piece.
type Item struct {
	Name   string
	Tensor bool
	DType  string // "" where the metadata do not say
	Shape  []int64
	Chunks []Chunk
}

// Chunk is a box of a tensor, and the container that holds it.
type Chunk struct {
	Start, Size []int64
	Nested      int // in File.Nested; -1 when it is not there
}

func itemKey(name string, start []int64) string { return fmt.Sprint(start, name) }

// dcpDescribe reads Metadata.state_dict_metadata. kept has the places in Nested
// by name and start of chunk.
func (f *File) dcpDescribe(kept map[string]int) {
	data := attr(f.Pickles[0].Trace.Result, "state_dict_metadata")
	if data.IsZero() {
		f.fact(OddArguments, ".metadata", -1, "no state_dict_metadata in the metadata")
		return
	}
	chunks := 0
	for k, v := range data.Pairs() {
		name, ok := k.Text()
		item, known := f.dcpItemOf(name, v, kept)
		chunks += len(item.Chunks)
		if !ok || !known {
			f.fact(OddArguments, ".metadata", v.Offset(), "an item of state_dict_metadata that does not parse")
			continue
		}
		if int64(chunks) > f.opt.MaxTensors {
			f.fact(Limit, ".metadata", -1, "more chunks than the limit of %d", f.opt.MaxTensors)
			return
		}
		f.Items = append(f.Items, item)
	}
}

// dcpItemOf reads TensorStorageMetadata(properties, size, chunks) and
// BytesStorageMetadata().
func (f *File) dcpItemOf(name string, v pickle.Value, kept map[string]int) (Item, bool) {
	item := Item{Name: name}
	class := globalOf(v.Func())
	switch class[strings.LastIndexByte(class, '.')+1:] {
	case "BytesStorageMetadata":
		item.Chunks = []Chunk{{Nested: place(kept, name, nil)}}
		return item, true
	case "TensorStorageMetadata":
	default:
		return item, false
	}
	var ok bool
	item.Tensor = true
	if item.Shape, ok = ints(attr(v, "size")); !ok {
		return item, false
	}
	item.DType = f.dcpDType(attr(v, "properties"))
	for c := range attr(v, "chunks").Items() {
		start, ok1 := ints(attr(c, "offsets"))
		size, ok2 := ints(attr(c, "sizes"))
		if !ok1 || !ok2 {
			return item, false
		}
		item.Chunks = append(item.Chunks, Chunk{Start: start, Size: size, Nested: place(kept, name, start)})
	}
	return item, true
}

func place(kept map[string]int, name string, start []int64) int {
	if at, ok := kept[itemKey(name, start)]; ok {
		return at
	}
	return -1
}

// dcpDType reads TensorProperties, whose state is a tuple that begins with the
// dtype, or a dict.
func (f *File) dcpDType(v pickle.Value) string {
	x := attr(v, "dtype")
	for s := range v.States() {
		if s.Kind() == pickle.KindTuple {
			x = s.Index(0)
		}
	}
	dtype, _ := dtypeByName(strings.TrimPrefix(globalOf(x), "torch."))
	if itemSizes[dtype] == 0 {
		return ""
	}
	return dtype
}

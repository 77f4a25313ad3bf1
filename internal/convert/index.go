package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/hf"
)

const mostIndex = 32 << 20 // bytes of an index

// Index is the index of sharded weights, as Hugging Face writes it.
type Index struct {
	Shards []string // files, sorted

	weights map[string]string // file by tensor
	written map[string]string // file by tensor, of what was converted
	total   int64             // bytes of tensors
}

// ReadIndex reads pytorch_model.bin.index.json.
func ReadIndex(r io.ReaderAt, size int64) (*Index, error) {
	facts, err := hf.Read(r, size, hf.Limits{Bytes: mostIndex})
	if err != nil {
		return nil, err
	}
	if len(facts.Duplicates) > 0 {
		return nil, fmt.Errorf("the key %q stands twice in one object", facts.Duplicates[0].Value)
	}
	for _, f := range facts.Files {
		if len(f.Flaws) > 0 || bytes.ContainsAny([]byte(f.Path), `/\`) || f.Path == "" {
			return nil, fmt.Errorf("the shard %q is not a plain file name", f.Path)
		}
	}
	b, err := bounded.ReadRange(r, size, 0, size, mostIndex)
	if err != nil {
		return nil, err
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, err
	}
	ix := &Index{written: map[string]string{}}
	if err := json.Unmarshal(doc["weight_map"], &ix.weights); err != nil || len(ix.weights) == 0 {
		return nil, errors.New("it has no weight_map of names to files")
	}
	ix.Shards = slices.Compact(slices.Sorted(maps.Values(ix.weights)))
	return ix, nil
}

// Name is what the shard number i is called as safetensors.
func (ix *Index) Name(i int) string {
	return fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(ix.Shards))
}

// Add notes what shard number i is converted to. It is an error if it holds
// other tensors than the index says.
func (ix *Index) Add(i int, p *Plan) error {
	if err := ix.compare(i, p); err != nil {
		return err
	}
	for t := range p.Layout.Tensors() {
		ix.total += t.End - t.Begin
		ix.written[t.Name] = ix.Name(i)
	}
	return nil
}

func (ix *Index) compare(i int, p *Plan) error {
	there := map[string]bool{}
	for t := range p.Layout.Tensors() {
		there[t.Name] = true
	}
	for name := range p.Aliases {
		there[name] = true
	}
	for _, it := range p.Skipped {
		there[it.Name] = true
	}
	for name, file := range ix.weights {
		if file == ix.Shards[i] && !there[name] {
			return fmt.Errorf("the index says that it holds %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if ix.weights[name] != ix.Shards[i] {
			return fmt.Errorf("it holds %q, which the index has in %q", name, ix.weights[name])
		}
	}
	return nil
}

// Write writes the index of what was added, as save_pretrained does.
func (ix *Index) Write(w io.Writer) error {
	doc := map[string]any{"metadata": map[string]any{"total_size": ix.total}, "weight_map": ix.written}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

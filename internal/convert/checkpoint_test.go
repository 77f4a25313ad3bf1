package convert

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
)

// box is a chunk: where it begins in its tensor, and how large it is.
type box struct{ start, size []int64 }

const metadataModule = "torch.distributed.checkpoint.metadata"

func sizeOf(n []int64) string { return lines("GLOBAL torch Size", numbers(n), "TUPLE1", "REDUCE") }

// sharded makes a checkpoint of one tensor of numbers that count up, in chunks.
func sharded(shape []int64, boxes []box) (metadata, shard []byte) {
	var chunks, stored []string
	for _, b := range boxes {
		chunks = append(chunks, object(metadataModule+" ChunkStorageMetadata", dict(text("offsets"), sizeOf(b.start), text("sizes"), sizeOf(b.size))))
		item := checkpointOf(floats("0", b.size...), elements(shape, b))
		stored = append(stored,
			object(metadataModule+" MetadataIndex", dict(text("fqn"), text("m.w"), text("offset"), sizeOf(b.start), text("index"), number(0))),
			object("torch.distributed.checkpoint.filesystem _StorageInfo", dict(text("relative_path"), text("__0_0.distcp"),
				text("offset"), number(int64(len(shard))), text("length"), number(int64(len(item))))))
		shard = append(shard, item...)
	}
	properties := object(metadataModule+" TensorProperties", lines("MARK", "GLOBAL torch float32", number(0), "NEWFALSE", number(0), "NEWFALSE", "TUPLE"))
	tensor := object(metadataModule+" TensorStorageMetadata", dict(
		text("properties"), properties, text("size"), sizeOf(shape), text("chunks"), lines("EMPTY_LIST", "MARK", lines(chunks...), "APPENDS")))
	return pickled(object(metadataModule+" Metadata", dict(
		text("state_dict_metadata"), dict(text("m.w"), tensor), text("storage_data"), dict(stored...)))), shard
}

// elements are the numbers in a box, in order.
func elements(shape []int64, b box) []byte {
	n := int64(1)
	for _, d := range b.size {
		n *= d
	}
	out := make([]byte, 0, 4*n)
	index := make([]int64, len(shape))
	for range n {
		at := int64(0)
		for d, i := range index {
			at = at*shape[d] + b.start[d] + i
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(at))
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < b.size[d] {
				break
			}
			index[d] = 0
		}
	}
	return out
}

func openSharded(metadata, shard []byte) (*Plan, error) {
	return OpenCheckpoint(bytes.NewReader(metadata), int64(len(metadata)), func(rel string) (io.ReaderAt, int64, error) {
		if rel != "__0_0.distcp" {
			return nil, 0, fmt.Errorf("%q: %w", rel, fs.ErrNotExist)
		}
		return bytes.NewReader(shard), int64(len(shard)), nil
	}, Options{})
}

// cut splits a box at random until there are enough.
func cut(rng *rand.Rand, b box, times int) []box {
	boxes := []box{b}
	for range times {
		i := rng.IntN(len(boxes))
		d := rng.IntN(len(b.size))
		old := boxes[i]
		if old.size[d] < 2 {
			continue
		}
		n := 1 + rng.Int64N(old.size[d]-1)
		second := box{bytesOf(old.start), bytesOf(old.size)}
		second.start[d] += n
		second.size[d] -= n
		first := box{bytesOf(old.start), bytesOf(old.size)}
		first.size[d] = n
		boxes[i] = first
		boxes = append(boxes, second)
	}
	rng.Shuffle(len(boxes), func(i, j int) { boxes[i], boxes[j] = boxes[j], boxes[i] })
	return boxes
}

func bytesOf(n []int64) []int64 { return append([]int64(nil), n...) }

// Chunks of any form are put together in order.
func TestSharded(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for k := range 60 {
		shape := []int64{1 + rng.Int64N(9), 1 + rng.Int64N(7), 1 + rng.Int64N(5)}[:1+k%3]
		all := box{make([]int64, len(shape)), shape}
		boxes := cut(rng, all, rng.IntN(9))
		p, err := openSharded(sharded(shape, boxes))
		if err != nil {
			t.Fatalf("%v in %v: %v", shape, boxes, err)
		}
		b, f := written(t, p)
		if x := f.Tensors[0]; x.Name != "m.w" || !bytes.Equal(b[x.Begin:x.End], elements(shape, all)) {
			t.Fatalf("%v in %v: %v %v", shape, boxes, x, b[x.Begin:x.End])
		}
	}
}

// Chunks that leave a hole, overlap, or are not there, are errors.
func TestShardedRefused(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		boxes      []box
	}{
		{"hole", "no chunk has the elements at [2", []box{{[]int64{0, 0}, []int64{2, 3}}}},
		{"corner", "no chunk has the elements at [2 2]", []box{{[]int64{0, 0}, []int64{2, 3}}, {[]int64{2, 0}, []int64{2, 2}}}},
		{"overlap", "overlap", []box{{[]int64{0, 0}, []int64{3, 3}}, {[]int64{2, 0}, []int64{2, 3}}}},
		{"outside", "reaches outside of", []box{{[]int64{0, 0}, []int64{4, 4}}}},
		{"twice", "is kept in two places", []box{{[]int64{0, 0}, []int64{4, 3}}, {[]int64{0, 0}, []int64{4, 3}}}},
		{"none", "has no chunks", nil},
	} {
		_, err := openSharded(sharded([]int64{4, 3}, tt.boxes))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error about %q", tt.name, err, tt.want)
		}
	}
	meta, shard := sharded([]int64{2}, []box{{[]int64{0}, []int64{2}}})
	for name, broken := range map[string][2][]byte{
		"other file": {bytes.ReplaceAll(meta, []byte("__0_0.distcp"), []byte("__1_0.distcp")), shard},
		"parent":     {bytes.ReplaceAll(meta, []byte("__0_0.distcp"), []byte("../../distcp")), shard},
		"short":      {meta, shard[:len(shard)-1]},
		"dtype":      {bytes.ReplaceAll(meta, []byte("float32"), []byte("float64")), shard},
	} {
		_, err := openSharded(broken[0], broken[1])
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIndex(t *testing.T) {
	read := func(s string) (*Index, error) { return ReadIndex(strings.NewReader(s), int64(len(s))) }
	for _, bad := range []string{
		"", "{}", `{"weight_map": {}}`, `{"weight_map": {"a": 1}}`, `{"weight_map": {"a": "../x.bin"}}`, `{"weight_map": {"a": "/x.bin"}}`,
		`{"weight_map": {"a": "d/x.bin"}}`, `{"weight_map": {"a": "x.bin", "a": "y.bin"}}`, `{"weight_map": {"a": ""}}`, `{"weight_map": {"a": "d\\x.bin"}}`,
	} {
		if ix, err := read(bad); err == nil {
			t.Errorf("%s is read as %v", bad, ix)
		}
	}
	ix, err := read(`{"metadata": {"total_size": 12}, "weight_map": {"b": "m-2.bin", "a": "m-1.bin"}}`)
	if err != nil || len(ix.Shards) != 2 || ix.Name(1) != "model-00002-of-00002.safetensors" {
		t.Fatalf("%v, %v", ix, err)
	}
	shard := func(names ...string) *Plan {
		var kv []string
		for _, n := range names {
			kv = append(kv, text(n), floats("0", 1))
		}
		return mustOpen(t, checkpointOf(dict(kv...), count(1)), Options{DuplicateShared: true})
	}
	if err := ix.Add(0, shard("a", "c")); err == nil {
		t.Error("a tensor that the index does not have is taken")
	}
	if err := ix.Add(0, shard("b")); err == nil {
		t.Error("a tensor of another shard is taken")
	}
	for i, name := range []string{"a", "b"} {
		if err := ix.Add(i, shard(name)); err != nil {
			t.Error(err)
		}
	}
	var b strings.Builder
	want := "{\n  \"metadata\": {\n    \"total_size\": 8\n  },\n  \"weight_map\": {\n    \"a\": \"model-00001-of-00002.safetensors\",\n    \"b\": \"model-00002-of-00002.safetensors\"\n  }\n}\n"
	if err := ix.Write(&b); err != nil || b.String() != want {
		t.Errorf("%v %s", err, b.String())
	}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/convert"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/whole"
)

// shards converts the shards that an index names, to a folder that has them as
// safetensors and an index of those.
func (c *conversion) shards(ctx context.Context, dir, index string) error {
	if c.flags.extra != "" {
		return usage("--extra-json is for one file, not for shards", "name one shard to see what else is in it")
	}
	if len(c.opt.Select) > 0 {
		return usage("--select is for one file, not for shards", "the index says which tensors there are")
	}
	name := filepath.Join(dir, index)
	art, err := artifact.Open(name, name)
	if err != nil {
		return err
	}
	defer func() { _ = art.Close() }() // it was only read
	ix, err := convert.ReadIndex(art.ReaderAt(), art.Size())
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	out, err := createFolder(c.flags.output)
	if err != nil {
		return err
	}
	defer out.Abandon()
	for i, shard := range ix.Shards {
		if err := c.shard(ctx, ix, i, filepath.Join(dir, shard), out); err != nil {
			return fmt.Errorf("%q: %w", shard, err)
		}
	}
	if err := writeIndex(ix, out); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return fmt.Errorf("output %q cannot be written: %w", c.flags.output, osfile.Cause(err))
	}
	return nil
}

func createFolder(name string) (*whole.Folder, error) {
	out, err := whole.CreateFolder(name)
	if errors.Is(err, whole.ErrNotEmpty) {
		return nil, &fault{text: fmt.Sprintf("output %q is a folder that is not empty", name), hint: "shards go to a folder of their own; name a new one"}
	}
	if err != nil {
		return nil, &fault{text: fmt.Sprintf("output %q cannot be made: %v", name, osfile.Cause(err)), hint: "OUT is a new folder here, and the one that it is in must exist and be writable"}
	}
	return out, nil
}

// shard converts one of them.
func (c *conversion) shard(ctx context.Context, ix *convert.Index, i int, path string, folder *whole.Folder) error {
	c.close() // the one before
	c.inputs = nil
	art, err := c.open(ctx, path)
	if err != nil {
		return err
	}
	plan, err := convert.Open(art.ReaderAt(), art.Size(), c.opt)
	if err != nil {
		return err
	}
	if err := ix.Add(i, plan); err != nil {
		return err
	}
	out, err := folder.Create(ix.Name(i))
	if err != nil {
		return err
	}
	defer out.Abandon()
	name := filepath.Join(c.flags.output, ix.Name(i))
	if err := c.write(ctx, plan, out, name); err != nil {
		return err
	}
	return commit(out, name)
}

func writeIndex(ix *convert.Index, folder *whole.Folder) error {
	out, err := folder.Create("model.safetensors.index.json")
	if err != nil {
		return err
	}
	defer out.Abandon()
	if err := ix.Write(out); err != nil {
		return err
	}
	return commit(out, "model.safetensors.index.json")
}

// Package torchfile reads every container that PyTorch writes or loads, without
// running anything: which loader takes the file, its records, every pickle that
// some loader would read, its storages and its tensors.
//
// [Open] classifies a file as torch.load does, by content. It reads headers and
// pickles, never the bytes of tensors; [File.TensorData] streams those.
//
// # Security
//
// This package is made for hostile input. It never panics and never allocates
// what a header or a pickle claims. Where loaders disagree about a file, all
// their readings are traced, and a [Fact] says so. Facts are what is so, not
// what to think of it. Content that breaks ends in a Fact, not in an error:
// what comes before the break is kept, because loaders have run it by then.
//
// # Limits
//
// [Options] bounds directory sizes, pickle work, inflated bytes, tensors, and
// nesting; with Options.Scratch memory hardly grows with the number of tensors of a
// zip. Reaching a limit is a Fact of kind Limit (the reading goes on where
// it can) or an error that wraps bounded.ErrLimit.
//
// # Specification
//
// PyTorch v2.6.0 torch/serialization.py, torch/_utils.py,
// torch/csrc/jit/serialization, torch/package, torch/export and
// torch/distributed/checkpoint; PyTorch v1.13.1 and v2.14.1 where they differ.
package torchfile

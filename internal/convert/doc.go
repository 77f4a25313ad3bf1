// Package convert turns checkpoints into safetensors files without running
// anything: it plans what goes into the file, and streams it.
//
// # Security
//
// What is converted may be hostile. Values come from the readers, which run
// nothing; the bytes of a tensor come from the storage that one of the known
// rebuild functions of torch names, and from nowhere else. Whatever else stands
// where a tensor could is listed as left out, never dropped in silence. A file
// that its loaders read in more than one way, a size that disagrees with the
// bytes, a view that reaches outside of its storage and a tensor that the pickle
// changes after building it are errors: there is then no plan.
//
// # Limits
//
// Those of the readers, and [Options]. Memory grows neither with the size of the
// tensors (8 MiB for a view that is not contiguous, and buffers) nor, with a scratch
// space in Options.Torch, to speak of with the number of those that are plain.
//
// # Specification
//
// docs/spec/convert-v1.md. PyTorch v2.6.0 torch/nn/modules/module.py
// (state_dict), torch/jit/_script.py and torch/csrc/jit/python/script_init.cpp
// (what is a parameter and a buffer), torch/distributed/checkpoint/metadata.py;
// safetensors 0.8.0 bindings/python/py_src/safetensors/torch.py (shared tensors).
package convert

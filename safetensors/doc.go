// Package safetensors reads the headers of safetensors files, strictly, and
// writes such files.
//
// A file is eight bytes of length N (little-endian), N bytes of JSON, and the
// bytes of the tensors. Open reads the JSON and proves that it describes the
// rest of the file exactly: every byte belongs to one tensor, no byte to two.
// NewLayout makes the JSON for tensors of which only dtype and shape need be
// known; [Layout.Write] streams the file. [Each] and [NewSortedLayout] do the same
// for headers that are not to be in memory.
//
// # Security
//
// This package is made for hostile input. It never panics, and it allocates
// nothing for a length that the file does not hold. Where readers of the format
// disagree (a key given twice, a field nobody defined, padding that is not
// spaces) the file is refused rather than read in one of the ways. Tensor bytes
// are never read.
//
// # Limits
//
// Limits bounds the header and the number of tensors; memory is proportional to
// the header, and with [Each] to its longest entry. Exceeding a limit is an error that wraps bounded.ErrLimit.
//
// # Specification
//
// README.md "Format" and safetensors/src/tensor.rs of huggingface/safetensors
// (May 2026). Header at most 100,000,000 bytes; first byte '{'; keys unique;
// offsets relative to the end of the header, contiguous from 0 and ending at
// the end of the file; sub-byte tensors fill whole bytes. What is written is
// what serialize of safetensors 0.8.0 writes, byte for byte.
package safetensors
